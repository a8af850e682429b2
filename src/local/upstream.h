/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_UPSTREAM_H
#define SLSC_LOCAL_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "local/loop.h"
#include "local/web.h"

/*
 * HTTP/1.1 requests to servers on 127.0.0.1 within the event loop: libcurl's multi_socket interface, loaded late
 * (os/late.h). Connections are kept and used again. Every call here and every callback is of the loop's thread.
 */

enum exchange_end {
	EXCHANGE_WHOLE,
	EXCHANGE_REFUSED,		/* no connection could be made: nothing was sent */
	EXCHANGE_CLOSED,		/* it closed the connection before an answer */
	EXCHANGE_GARBAGE,		/* what it sent is no HTTP */
	EXCHANGE_CUT,			/* the answer broke off, after head() */
};

#define EXCHANGE_HEAD_MAX (64u << 10)	/* bytes of an answer's headers; more is garbage */

/**
 * A request and its answer; embedded in its owner. All it points to stays in place until done() or upstream_cancel().
 * It is sent a second time only if the first connection was a kept one which was closed before an answer came, and
 * @method is GET, HEAD or OPTIONS (RFC 9110, 9.2.2).
 */
struct exchange {
	uint16_t port;
	const char *method, *target;	/* "GET", "/items?id=7": as they are sent */
	char *const *headers;		/* "Name: value", "Name;" for an empty one, Host among them; then NULL */
	const void *body;
	uint64_t length;
	bool has_body;			/* else nothing is said of a body's length */
	/* @h: @n, of the call. Once, before data(); false: it cannot be used, as garbage */
	bool (*head)(struct exchange *x, unsigned status, const struct web_header *h, size_t n);
	/* true: no more until upstream_more() */
	bool (*data)(struct exchange *x, const char *p, size_t n);
	/* over; @why: for people. @x is the owner's again; it may send or cancel any */
	void (*done)(struct exchange *x, enum exchange_end end, const char *why);
	void *job;			/* the late part's own */
};

/* What the late part wants. */
struct upstream_events {
	/* events 0: watch @fd no more; *slot is the upstream's own, NULL at first */
	void (*watch)(void *upstream, int fd, uint32_t events, void **slot);
	void (*timer)(void *upstream, int64_t ms);	/* -1: none */
	void *upstream;
};

struct upstream {
	struct loop *loop;
	const struct upstream_ops *ops;
	void *multi;
	struct upstream_events events;
	struct loop_timer timer;
};

/** upstream_start - ERR_TOOL: libcurl is not there. @c stays in place. */
int upstream_start(struct upstream *c, struct loop *loop, struct err *err) MUST_CHECK;
/** upstream_stop - after all exchanges are over. */
void upstream_stop(struct upstream *c);
void upstream_send(struct upstream *c, struct exchange *x);
/** upstream_cancel - close its connection; done() is not called. Not of an exchange's own callbacks. */
void upstream_cancel(struct upstream *c, struct exchange *x);
/** upstream_more - data() can take more. Harmless if it could all the time. Not of an exchange's own callbacks. */
void upstream_more(struct upstream *c, struct exchange *x);

/* ---- what the late part does; upstream.c alone calls these ---- */

struct upstream_ops {
	void *(*start)(const struct upstream_events *events);
	void (*stop)(void *multi);
	void (*ready)(void *multi, int fd, uint32_t events);	/* fd -1: the timer */
	void (*send)(void *multi, struct exchange *x);
	void (*cancel)(void *multi, struct exchange *x);
	void (*more)(struct exchange *x);
};

#endif
