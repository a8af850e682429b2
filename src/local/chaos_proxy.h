/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_CHAOS_PROXY_H
#define SLSC_LOCAL_CHAOS_PROXY_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "local/loop.h"

/*
 * A proxy of TCP between instances and a server, in the loop's thread: it hands on bytes and knows nothing of what they
 * mean. Each way of a connection has room for one piece, so that memory is bounded and who sends too fast is slowed
 * down.
 */

#define CHAOS_PIECE	16384u
#define CHAOS_CONNS_MAX 1024u /* at once; more are reset */

/** What is done to a connection; asked when it comes, and for each piece. */
struct chaos_net {
	bool reset;
	uint64_t delay; /* ns that a piece comes later */
	uint64_t cut;	/* bytes, both ways, after which it is reset; 0: never */
	uint64_t rate;	/* bytes a second, each way; 0: as they come */
};

struct chaos_conn;
struct chaos_proxy {
	struct loop *loop;
	struct loop_io listener;
	uint16_t port; /* of 127.0.0.1 */
	struct sockaddr_storage to;
	socklen_t to_len;
	struct chaos_conn *conns;
	unsigned nconns;
	uint64_t count; /* connections ever made */
	/* what is to be done to connection number @n now; @first: it is new, and counts as met */
	void (*ask)(struct chaos_proxy *p, uint64_t n, bool first, struct chaos_net *out);
	void *ctx;
	unsigned place; /* of plan.proxies */
};

/**
 * chaos_proxy_start - listen, for @to, host:port, which is looked up now. @p: zeroed but for ask, ctx, place. ERR_IO,
 * ERR_NET.
 */
int chaos_proxy_start(struct chaos_proxy *p, struct loop *loop, const char *to, struct err *err) MUST_CHECK;
/** chaos_proxy_look - what is to be done may have changed: reset those that are to be. */
void chaos_proxy_look(struct chaos_proxy *p);
/** chaos_proxy_stop - reset all connections. Harmless if it was not started. */
void chaos_proxy_stop(struct chaos_proxy *p);

#endif
