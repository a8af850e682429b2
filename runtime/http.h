/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP server share. */
#ifndef SLSC_HTTP_H
#define SLSC_HTTP_H

#include "internal.h"

#include <signal.h>

#define CONNS_MAX 16384u
#define LINE_MAX_BYTES 8192u /* of the request line: 414 beyond */
#define FIELDS_BYTES 8192u   /* of a response's own fields */

/* Milliseconds. */
#define IDLE_MS 75000
#define HEAD_MS 10000
#define BODY_MS 60000
#define WRITE_MS 30000
#define LINGER_MS 2000
#define DRAIN_MS 9000 /* Cloud Run and Knative kill after 10 s */

enum conn_state {
	CONN_HEAD, /* waiting for a request, or in its head */
	CONN_BODY,
	CONN_LINGER, /* answered and half-closed: what still comes is thrown away */
};

/** struct region - bytes in a private mapping. */
struct region {
	char *ptr;
	size_t cap;
	size_t len;
};

struct conn {
	int fd; /* -1: free */
	enum conn_state state;
	bool close; /* after the answer that is being written */
	bool chunked;
	struct region in;  /* from the first byte of the current request */
	struct region out; /* what the socket did not take */
	size_t out_pos;
	size_t scan; /* where the search for the head's end goes on */
	size_t head_len;
	size_t body_len; /* decoded so far when chunked, else the whole */
	struct slsc_rt_chunked chunks;
	int64_t deadline; /* CLOCK_MONOTONIC ms */
	struct conn *next_free;
};

/**
 * struct slsc_rt_srv - the server, of which there is one.
 * @high:       slots of slsc_rt_conns that have ever been used.
 * @listening:  the listener is in the epoll set.
 * @now_ms:     CLOCK_MONOTONIC, as of the last wait.
 * @timeout_ms: SLSC_HTTP_TIMEOUT_MS, which cuts every deadline; 0: none.
 */
struct slsc_rt_srv {
	slsc_http_fn *handler;
	struct conn *free;
	size_t high, open;
	int epfd, listener;
	bool listening;
	int64_t now_ms, timeout_ms;
	volatile sig_atomic_t stopping;
};

extern struct slsc_rt_srv slsc_rt_srv;
extern struct conn slsc_rt_conns[CONNS_MAX];

/* ---- requests and responses ------------------------------------------------------- */

/**
 * slsc_rt_request_parse - parse a complete request head.
 * @fields: room for SLSC_HTTP_FIELDS_MAX fields.
 * @framing: out; @keep_alive or @close already settled by the version.
 * Returns 0, or the status to answer: 400, 414, 417, 431, 501, 505.
 */
int slsc_rt_request_parse(const char *head, size_t len, struct slsc_request *req,
			  struct slsc_field *fields, struct slsc_rt_framing *framing,
			  bool *expect_continue);

/**
 * slsc_rt_decode - percent-decode @s.
 * @plus: `+` stands for a space, as in a query.
 * @out:  @s itself when nothing is encoded, else memory of the invocation.
 * Returns 0, or -1 on what is no encoding and on an encoded NUL, which would end a C string
 * early.
 */
int slsc_rt_decode(struct slsc_str s, bool plus, struct slsc_str *out);

/** slsc_rt_reason - the reason phrase of @status, "" for what has none here. */
const char *slsc_rt_reason(int status);

/** slsc_rt_put_date - append the time as RFC 9110, 5.6.7 has it. */
void slsc_rt_put_date(struct slsc_out *head);

/* ---- connections ------------------------------------------------------------------ */

/** slsc_rt_update_clock - set now_ms. */
void slsc_rt_update_clock(void);

/** slsc_rt_deadline_in - let @c expire @ms from now, or sooner by timeout_ms. */
void slsc_rt_deadline_in(struct conn *c, int64_t ms);

/** slsc_rt_region_release - give the mapping back; @r is empty after that. */
void slsc_rt_region_release(struct region *r);

/** slsc_rt_region_grow - make room for @need bytes in all, keeping what is there. Returns 0 or -1. */
int slsc_rt_region_grow(struct region *r, size_t need);

/** slsc_rt_listen_resume - take new connections (again). */
void slsc_rt_listen_resume(void);

/** slsc_rt_accept_all - take every connection that waits, as far as slots and descriptors go. */
void slsc_rt_accept_all(void);

/** slsc_rt_conn_close - close @c, give its memory back and its slot free. */
void slsc_rt_conn_close(struct conn *c);

/**
 * slsc_rt_conn_linger - close our half.
 *
 * Closing a socket with unread input resets the connection, and the reset may overtake the
 * answer. So only our half is closed, and the rest is read away for a while.
 */
void slsc_rt_conn_linger(struct conn *c);

/** slsc_rt_conn_next - wait for the next request of @c. */
void slsc_rt_conn_next(struct conn *c);

/** slsc_rt_conn_flush - send what is pending. Returns 0 when all is gone, 1 when some is left, -1 when closed. */
int slsc_rt_conn_flush(struct conn *c);

/**
 * slsc_rt_conn_send - send head and body; what the socket does not take is kept.
 * Returns 0, or -1 when closed.
 */
int slsc_rt_conn_send(struct conn *c, struct slsc_str head, struct slsc_str body);

/** slsc_rt_conn_readable - read once, and handle what is complete. */
void slsc_rt_conn_readable(struct conn *c);

/** slsc_rt_conn_writable - send on; go on with what was read in the meantime. */
void slsc_rt_conn_writable(struct conn *c);

/** slsc_rt_conn_expired - the deadline of @c has passed. */
void slsc_rt_conn_expired(struct conn *c);

#endif
