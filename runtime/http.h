/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP server share. */
#ifndef SLSC_RT_HTTP_H
#define SLSC_RT_HTTP_H

#include "internal.h"

#include <signal.h>
#include <sys/uio.h>

#define CONNS_MAX 16384u
#define LINE_MAX_BYTES 8192u /* of the request line: 414 beyond */
#define FIELDS_BYTES 8192u   /* of a response's own fields */
#define HEAD_ROOM (FIELDS_BYTES + 512u) /* largest head of a response */
#define WORKERS_MAX 64u

/* Milliseconds. */
#define IDLE_MS 75000
#define HEAD_MS 10000
#define BODY_MS 60000
#define WRITE_MS 30000
#define LINGER_MS 2000
#define DRAIN_MS 9000 /* Cloud Run and Knative kill after 10 s */
#define STREAM_MS 50  /* until a stream that had nothing is asked again */

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

/**
 * struct conn - a connection.
 * @close:    after the answer that is being written.
 * @readable: the socket may hold bytes that were not read: epoll tells only once.
 * @hup:      the peer has ended its half; reads go on until they say so.
 * @sending:  an answer is not gone yet; the next request waits.
 * @waiting:  its stream had nothing to send; @deadline is when to ask again.
 * @corked:   the socket holds back what is no full packet, until @file is sent.
 * @in:       from the first byte of the current request.
 * @out:      what the socket did not take, from @out_pos on.
 * @file:     to be sent after @out, @file_left bytes from @file_at; -1: none.
 * @tail:     a struct slsc_rt_tail, to be sent after @out.
 * @scan:     where the search for the head's end goes on.
 * @body_len: decoded so far when chunked, else the whole.
 * @deadline: CLOCK_MONOTONIC ms.
 */
struct conn {
	_Alignas(64) int fd; /* -1: free */
	unsigned char state; /* enum conn_state */
	bool close, chunked, readable, hup, sending, waiting, corked;
	/* With these a request that comes and goes whole touches two cache lines. */
	int64_t deadline;
	size_t scan;
	struct region in;
	size_t head_len;
	size_t body_len;
	int file;
	struct region out, tail;
	size_t out_pos;
	uint64_t file_at, file_left;
	struct slsc_rt_chunked chunks;
	struct conn *next_free;
};

/**
 * struct slsc_rt_srv - the server, of which there is one.
 * @high:       slots of slsc_rt_conns that have ever been used.
 * @listening:  the listener is in the epoll set.
 * @now_ms:     CLOCK_MONOTONIC, as of the last wait.
 * @sweep_at:   no deadline is earlier than this.
 * @timeout_ms: SLSC_HTTP_TIMEOUT_MS, which cuts every deadline; 0: none.
 * @call_ms:    SLSC_TIMEOUT_MS, the deadline of an invocation; 0: none.
 * @body_max:   largest request body, in bytes.
 * @memory_max: halves of requests and answers together, in bytes; beyond, 503.
 */
struct slsc_rt_srv {
	slsc_http_fn *handler;
	struct conn *free;
	size_t high, open;
	int epfd, listener;
	bool listening;
	int64_t now_ms, sweep_at, timeout_ms, call_ms;
	size_t body_max, memory_max;
	volatile sig_atomic_t stopping;
};

extern struct slsc_rt_srv slsc_rt_srv;
extern struct conn slsc_rt_conns[CONNS_MAX];

/* ---- requests and responses ------------------------------------------------------- */

/** struct slsc_rt_head - what a request's head says to the runtime. */
struct slsc_rt_head {
	struct slsc_rt_framing framing;
	bool http10;
	bool expect_continue;
	struct slsc_str request_id; /* X-Request-Id */
	struct slsc_str trace_id;   /* X-Amzn-Trace-Id, else traceparent */
	struct slsc_str timeout;    /* X-Request-Timeout */
};

/**
 * slsc_rt_request_parse - parse a complete request head.
 * @fields: room for SLSC_HTTP_FIELDS_MAX fields.
 * @out:    framing's @keep_alive or @close already settled by the version.
 * Returns 0, or the status to answer: 400, 414, 417, 431, 501, 505.
 */
int slsc_rt_request_parse(const char *head, size_t len, struct slsc_request *req,
			  struct slsc_field *fields, struct slsc_rt_head *out);

/** slsc_rt_head_note - take note of a field that concerns the runtime, framing aside. */
void slsc_rt_head_note(struct slsc_rt_head *head, const struct slsc_field *field);

/**
 * slsc_rt_timeout_parse - X-Request-Timeout: digits, optionally a fraction and a unit.
 *
 * "1500ms", "1.5s", "2m"; without a unit seconds. Returns ms, or 0 for what is malformed, zero,
 * or longer than a day, which no platform grants.
 */
int64_t slsc_rt_timeout_parse(struct slsc_str s);

/** slsc_rt_deadline_set - shorten @ctx's deadline to @head's timeout and SLSC_TIMEOUT_MS. */
void slsc_rt_deadline_set(struct slsc_ctx *ctx, const struct slsc_rt_head *head);

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

/** slsc_rt_response_init - an empty answer in the buffers that all answers share. */
void slsc_rt_response_init(struct slsc_response *res);

/** slsc_rt_response_drop - close the file and end the stream of an answer not to be sent. */
void slsc_rt_response_drop(struct slsc_response *res);

/** slsc_rt_response_release - after @res is sent or copied: trim the shared buffers. */
void slsc_rt_response_release(const struct slsc_response *res);

/**
 * slsc_rt_body_take - hand the buffer of response bodies over: the next answer gets a new one.
 * @at, @left: bytes still needed; @r stays empty when they are not in the buffer.
 */
void slsc_rt_body_take(const char *at, size_t left, struct region *r);

/** enum slsc_rt_connection - what a response says of the connection: HTTP/1.1 goes on unless told (RFC 9112, 9.3). */
enum slsc_rt_connection { CONNECTION_AS_USUAL, CONNECTION_CLOSE, CONNECTION_KEEP_ALIVE };

/**
 * slsc_rt_http_head - write the head of @res, which the runtime's own buffers back.
 * @to:     HEAD_ROOM bytes.
 * @length: Content-Length; UINT64_MAX: chunked when @chunked, else up to the end.
 * Returns the head's length.
 */
size_t slsc_rt_http_head(char *to, const struct slsc_response *res, uint64_t length, bool chunked,
			enum slsc_rt_connection connection);

/** slsc_rt_http_call - let the runtime or the handler answer @req; @res may be any error. */
void slsc_rt_http_call(struct slsc_ctx *ctx, const struct slsc_request *req,
		       struct slsc_response *res);

/** slsc_rt_http_event - a slsc_lambda_fn: a payload 2.0 event answered by the HTTP handler. */
slsc_lambda_fn slsc_rt_http_event;

/* ---- files and streams ------------------------------------------------------------ */

/** struct slsc_rt_tail - a stream being sent. */
struct slsc_rt_tail {
	slsc_stream_fn *fn;
	int64_t deadline_ms;
	bool chunked;
	_Alignas(max_align_t) char state[SLSC_STREAM_STATE_MAX];
};

/** slsc_rt_file_cork - set or clear TCP_CORK. */
void slsc_rt_file_cork(const struct conn *c, int on);

/** slsc_rt_file_send - send a part of @c's file. Returns 0 at its end, 1 when some is left, -1. */
int slsc_rt_file_send(struct conn *c);

/** slsc_rt_tail_begin - let @c go on with the stream of @res. Returns 0, or -1: no memory. */
int slsc_rt_tail_begin(struct conn *c, const struct slsc_response *res, int64_t deadline_ms,
			 bool chunked);

/**
 * slsc_rt_tail_send - send the next piece of @c's stream; what the socket does not take goes
 * to @c->out. Returns 0 after the last, 1 when the socket is full or nothing came, 2 when it
 * may go on, -1 when it broke off.
 */
int slsc_rt_tail_send(struct conn *c);

/** slsc_rt_tail_end - the last call of a stream. */
void slsc_rt_tail_end(slsc_stream_fn *fn, void *state);

/**
 * slsc_rt_tail_next - ask @fn for its next piece.
 * Returns what @fn returns; -1 also when the piece does not fit. Logged.
 */
int slsc_rt_tail_next(slsc_stream_fn *fn, void *state, int64_t deadline_ms,
			struct slsc_out *out);

/* ---- connections ------------------------------------------------------------------ */

/** slsc_rt_update_clock - set now_ms. */
void slsc_rt_update_clock(void);

/** slsc_rt_deadline_in - let @c expire @ms from now, or sooner by timeout_ms. */
void slsc_rt_deadline_in(struct conn *c, int64_t ms);

/** slsc_rt_region_release - give the mapping back; @r is empty after that. */
void slsc_rt_region_release(struct region *r);

/** slsc_rt_region_grow - make room for @need bytes in all, keeping what is there. Returns 0 or -1. */
int slsc_rt_region_grow(struct region *r, size_t need);

/** slsc_rt_region_adopt - count a mapping made elsewhere as @r's. */
void slsc_rt_region_adopt(struct region *r, char *ptr, size_t cap, size_t len);

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

/**
 * slsc_rt_conn_pump - send what is pending: out, file, stream.
 * Returns 0 when all is gone, 1 when some is left, -1 when closed.
 */
int slsc_rt_conn_pump(struct conn *c);

/**
 * slsc_rt_conn_send - send pieces; what the socket does not take is kept, and @c->sending set.
 * @iov:  changed.
 * @more: a file follows at once.
 * Returns 0, or -1 when closed.
 */
int slsc_rt_conn_send(struct conn *c, struct iovec *iov, size_t count, bool more);

/** slsc_rt_conn_again - let epoll tell once more what @c is ready for. */
void slsc_rt_conn_again(struct conn *c);

/** slsc_rt_conn_event - what epoll said about @c. */
void slsc_rt_conn_event(struct conn *c, uint32_t events);

/** slsc_rt_conn_readable - read, and handle what is complete. */
void slsc_rt_conn_readable(struct conn *c);

/** slsc_rt_conn_expired - the deadline of @c has passed. */
void slsc_rt_conn_expired(struct conn *c);

/** slsc_rt_drop_batch - forget the answers that were gathered for a connection now closed. */
void slsc_rt_drop_batch(void);

/* ---- workers ---------------------------------------------------------------------- */

/**
 * slsc_rt_workers - run @count processes of @work, one for each of @listeners.
 *
 * Only the first process returns: main()'s exit status, once all workers have ended. It replaces
 * what dies, sends SIGTERM and SIGINT on, and gives up when a worker ends by itself with a
 * status other than 0 before it has served (its initialisation failed).
 * @work:      called in a new process with its listener; the value is the exit status.
 * @ready_fd:  a worker writes a byte to it once it serves.
 */
int slsc_rt_workers(const int *listeners, size_t count, int (*work)(int listener, int ready_fd));

#endif
