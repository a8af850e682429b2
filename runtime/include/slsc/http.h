/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/http.h - the HTTP part of <slsc.h>, which is what to include.
 *
 * An HTTP handler serves two platforms from one source:
 *
 *	without AWS_LAMBDA_RUNTIME_API	HTTP/1.1 on 0.0.0.0:$PORT (8080), for Knative,
 *					Cloud Run, OpenFaaS or any container platform
 *	with it				function URL and API Gateway HTTP API events,
 *					payload format 2.0
 *
 * Environment of the server:
 *
 *	PORT                  port, 0 for any; 8080 by default
 *	SLSC_WORKERS          processes that share the port, 1 to 64, or "auto" for one a CPU;
 *	                      1 by default. One that dies is replaced.
 *	SLSC_TIMEOUT_MS       deadline of each invocation, in ms; none by default
 *	SLSC_HTTP_TIMEOUT_MS  cuts every time limit of the server, in ms
 *
 * Time limits: 10 s for a head, 60 s for a body, 75 s of idleness, 30 s without progress on
 * an answer. SIGTERM: no new connections, 9 s for what is under way, then exit status 0.
 *
 * The runtime itself answers GET and HEAD of /_/health (200 while the process runs), and of
 * /_/ready and /health?ready=1 (200, or 503 while it stops or slsc_ready() says no).
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_HTTP_H
#define SLSC_HTTP_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Largest HTTP request body and response body, in bytes; files and streams have no limit.
 * A server in a memory cgroup takes bodies up to a quarter of its memory.max at most.
 */
#define SLSC_HTTP_BODY_MAX (32u << 20)
/** Largest HTTP request head (request line and fields), in bytes, and count of fields. */
#define SLSC_HTTP_HEAD_MAX 16384u
#define SLSC_HTTP_FIELDS_MAX 100u
/** Most {parameters} in a route's pattern. */
#define SLSC_PARAMS_MAX 8u
/** Most slsc_response_piece()s in an answer. */
#define SLSC_PIECES_MAX 8u
/** Largest state of a stream, in bytes. */
#define SLSC_STREAM_STATE_MAX 256u

/** struct slsc_field - a header field; the value has no blanks around it. */
struct slsc_field {
	struct slsc_str name;
	struct slsc_str value;
};

/** struct slsc_param - what a route's {name} matched, percent-decoded. */
struct slsc_param {
	struct slsc_str name;
	struct slsc_str value;
};

/**
 * struct slsc_request - a whole HTTP request.
 * @method:  as sent ("GET").
 * @path:    the target without query, still percent-encoded; starts with '/', or is "*".
 * @query:   what follows '?', still encoded; absent without '?'.
 * @body:    decoded from chunks, or from an event's base64; SLSC_HTTP_BODY_MAX at most.
 * @fields:  in the order received.
 * @params:  set by slsc_route().
 */
struct slsc_request {
	struct slsc_str method;
	struct slsc_str path;
	struct slsc_str query;
	struct slsc_str body;
	const struct slsc_field *fields;
	size_t field_count;
	struct slsc_param params[SLSC_PARAMS_MAX];
	size_t param_count;
};

/**
 * slsc_stream_fn - gives the next piece of a streamed answer.
 * @ctx:   holds the deadline; slsc_alloc() memory lasts for this call only.
 * @state: the stream's own copy of what slsc_response_stream() was given.
 * @out:   where to write, 60 KiB at most; NULL in the last call, see below.
 * Returns 1 when there is more to come, 0 after the last piece, -1 (or slsc_fail()) to break
 * the answer off, which the peer sees as an answer cut short.
 *
 * Called whenever the peer has taken what came before, so a slow peer costs no memory, and
 * again 50 ms after a call that wrote nothing. Once it is over, for whatever reason (the
 * peer may have gone), there is one last call with @out NULL, its value ignored: to close what
 * @state holds.
 */
typedef int slsc_stream_fn(struct slsc_ctx *ctx, void *state, struct slsc_out *out);

/**
 * struct slsc_response - the answer: @body, then the pieces, then a file or a stream.
 * @status: 200 to 599; 200 to begin with. Anything else becomes 500.
 * @body:   written with slsc_put*(); left unsent for HEAD, 204 and 304, as all that follows.
 * @fields: the runtime's own, see slsc_response_field().
 *
 * What follows @fields is the runtime's own.
 */
struct slsc_response {
	int status;
	struct slsc_out body;
	struct slsc_out fields;

	struct slsc_str pieces[SLSC_PIECES_MAX];
	size_t piece_count;
	int file; /* -1: none */
	uint64_t file_at, file_len;
	slsc_stream_fn *stream;
	size_t stream_size;
	union {
		max_align_t align;
		char bytes[SLSC_STREAM_STATE_MAX];
	} stream_state;
};

/** slsc_http_fn - the type of an HTTP handler; `slsc_http_fn handler;` declares one. */
typedef int slsc_http_fn(struct slsc_ctx *ctx, const struct slsc_request *req,
			 struct slsc_response *res);

/**
 * slsc_ready - optional, defined by the function: whether it can serve requests now; asked by
 * /_/ready and /health?ready=1.
 */
bool slsc_ready(void);

/* ---- the request ------------------------------------------------------------------ */

/** slsc_request_field - the first field called @name, in any case; absent when there is none. */
struct slsc_str slsc_request_field(const struct slsc_request *req, const char *name);

/** slsc_request_param - what {name} matched in the route; absent when there is none. */
struct slsc_str slsc_request_param(const struct slsc_request *req, const char *name);

/**
 * slsc_request_query - the first value of @name in the query, decoded ('+' is a blank).
 * Returns 1 when found, 0 when not there, -1 on a bad escape or when memory has run out.
 */
int slsc_request_query(struct slsc_ctx *ctx, const struct slsc_request *req, const char *name,
		       struct slsc_str *value);

/* ---- the response ----------------------------------------------------------------- */

/**
 * slsc_response_field - add a header field.
 * Returns 0, or -1 when @name is not a token, @value holds a control byte (so no input can
 * split the response), the 8 KiB for fields are used up, or the field is one that the
 * runtime writes itself: Connection, Content-Length, Date, Transfer-Encoding.
 */
int slsc_response_field(struct slsc_response *res, const char *name, struct slsc_str value);

/**
 * slsc_response_error - make the answer @status with {"message": @message}, dropping any body,
 * piece, file or stream so far; fields stay. Returns 0, so that a handler can end with it.
 */
int slsc_response_error(struct slsc_response *res, int status, const char *message);

/**
 * slsc_response_piece - send @piece after @body, without copying it: one writev for all.
 * @piece: borrowed until the handler returns: constant data, slsc_alloc() memory, a slice of
 *         the request. It may be larger than SLSC_HTTP_BODY_MAX.
 * Returns 0, or -1 when there are SLSC_PIECES_MAX already.
 */
int slsc_response_piece(struct slsc_response *res, struct slsc_str piece);

/**
 * slsc_response_file - send a part of a regular file by sendfile(2).
 * @fd:  now the runtime's, which closes it, also on failure.
 * @at:  offset of the first byte.
 * @len: bytes; UINT64_MAX: to the end as it is now.
 * Returns 0, or -1 when @fd is no regular file, the part is not inside it, or there is a file
 * or a stream already. A file that shrinks while it is sent cuts the connection.
 */
int slsc_response_file(struct slsc_response *res, int fd, uint64_t at, uint64_t len);

/**
 * slsc_response_stream - send what @fn gives, piece by piece, in chunks (RFC 9112, 7.1).
 * @state: @size bytes, copied; at most SLSC_STREAM_STATE_MAX.
 * Returns 0, or -1 when @size is too large, or there is a file or a stream already; @fn is
 * then not called at all. Where the platform takes only whole answers (an event), the
 * pieces are gathered before they are sent.
 */
int slsc_response_stream(struct slsc_response *res, slsc_stream_fn *fn, const void *state,
			 size_t size);

/* ---- routes ----------------------------------------------------------------------- */

/**
 * struct slsc_route - a line of a route table.
 * @method:  "GET", ...; a GET route serves HEAD too.
 * @pattern: "/hello/{name}": {name} matches one segment that is not empty. Other segments
 *           match byte for byte.
 */
struct slsc_route {
	const char *method;
	const char *pattern;
	slsc_http_fn *handler;
};

/**
 * slsc_route - call the first route that matches @req.
 * Returns what its handler returns. Without a match the answer is 404; when only the method
 * differs, 405 with Allow; when a parameter is badly percent-encoded, 400; each returns 0.
 */
int slsc_route(struct slsc_ctx *ctx, const struct slsc_request *req, struct slsc_response *res,
	       const struct slsc_route *routes, size_t count);

/* ---- behind the entry point ------------------------------------------------------- */

/** slsc_http_main - serve, as HTTP or as events; the value is main()'s exit status. */
int slsc_http_main(slsc_http_fn *handler);

#ifdef __cplusplus
}
#endif

#endif
