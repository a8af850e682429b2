/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP client share: URLs, answers, names. */
#ifndef SLSC_CLIENT_PARTS_H
#define SLSC_CLIENT_PARTS_H

#include "internal.h"

#include <netinet/in.h>

/* ---- client_parse.c --------------------------------------------------------------- */

/**
 * struct slsc_rt_url - an http:// URL taken apart; slices of it.
 * @authority: "host[:port]" as written, for the Host field.
 * @host:      without the brackets of an IPv6 address; 1 to 253 bytes.
 * @target:    path and query without fragment; may be empty or start with '?': a '/' goes before it then.
 */
struct slsc_rt_url {
	struct slsc_str authority;
	struct slsc_str host;
	struct slsc_str target;
	uint16_t port;
};

/** slsc_rt_url_parse - RFC 3986, 3, as far as http:// goes. Returns 0, SLSC_CALL_INVALID or SLSC_CALL_HTTPS. */
int slsc_rt_url_parse(const char *text, struct slsc_rt_url *url);

/**
 * struct slsc_rt_incoming - an answer half received. Set @ctx, @body_max and @no_body; all else zero.
 * @no_body: it has none whatever its fields say: the method was HEAD.
 * @buf:     slsc_alloc() memory: the head, then the decoded body, then room.
 * @close:   out, once it is whole: the connection cannot be used again.
 */
struct slsc_rt_incoming {
	struct slsc_ctx *ctx;
	size_t body_max;
	bool no_body;

	bool close;
	bool until_end; /* the end of the stream ends the body */
	int status;
	unsigned interim;
	char *buf;
	size_t cap, len; /* @len: of the head so far; once it is whole, the bytes of @buf that are final */
	size_t scan, head_len, body_len;
	struct slsc_rt_framing framing;
	struct slsc_rt_chunked chunked;
};

/**
 * slsc_rt_incoming_room - where the next bytes go: *@room bytes, 1 or more.
 * Returns NULL with *@error set when there may be no more (SLSC_CALL_LIMIT) or no memory.
 */
char *slsc_rt_incoming_room(struct slsc_rt_incoming *in, size_t *room, int *error);

/** slsc_rt_incoming_feed - @n bytes have come there. Returns 1 when it is whole, 0, or an enum slsc_call_error. */
int slsc_rt_incoming_feed(struct slsc_rt_incoming *in, size_t n);

/** slsc_rt_incoming_end - the stream has ended. Returns 1 when the answer is whole, or SLSC_CALL_CLOSED. */
int slsc_rt_incoming_end(struct slsc_rt_incoming *in);

/** slsc_rt_incoming_answer - the whole answer, for the caller. Returns 0 or an enum slsc_call_error. */
int slsc_rt_incoming_answer(struct slsc_rt_incoming *in, struct slsc_answer *answer);

/* ---- resolve.c -------------------------------------------------------------------- */

#define RESOLVE_ADDRS 4
#define RESOLVE_SERVERS 3
#define RESOLVE_SEARCH 6
#define RESOLVE_NAME 254 /* bytes with the NUL */
#define DNS_MESSAGE 1232

union slsc_rt_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/**
 * struct slsc_rt_dns - whom to ask, and how (resolv.conf(5)).
 * @search: slices of the text; @ndots: a name with fewer dots is looked for with those first.
 * @query_ms: how long to wait for one answer; 0 is 2,000.
 */
struct slsc_rt_dns {
	union slsc_rt_addr servers[RESOLVE_SERVERS];
	unsigned server_count;
	struct slsc_str search[RESOLVE_SEARCH];
	unsigned search_count;
	unsigned ndots;
	int query_ms;
};

/** slsc_rt_addr_len - bytes of @addr that count. */
socklen_t slsc_rt_addr_len(const union slsc_rt_addr *addr);

/** slsc_rt_addr_literal - the address that @host is. Returns whether it is one; the port is left alone. */
bool slsc_rt_addr_literal(struct slsc_str host, union slsc_rt_addr *addr);

/**
 * slsc_rt_hosts_find - look @host up in the text of an /etc/hosts.
 * Returns the number of addresses.
 */
int slsc_rt_hosts_find(struct slsc_str text, struct slsc_str host, union slsc_rt_addr addrs[RESOLVE_ADDRS]);

/** slsc_rt_dns_config - read a resolv.conf; without a server in it, 127.0.0.1 is the one. */
void slsc_rt_dns_config(struct slsc_str text, struct slsc_rt_dns *dns);

/**
 * slsc_rt_dns_query - write a question for @name (RFC 1035, 4.1).
 * @type: 1 (A) or 28 (AAAA).
 * Returns its length, 0 when @name is none.
 */
size_t slsc_rt_dns_query(unsigned char message[DNS_MESSAGE], struct slsc_str name, unsigned id, unsigned type);

/**
 * slsc_rt_dns_answer - read an answer.
 * @query: what was asked: id and question must be the same.
 * Returns how many addresses, 0 for none, -1 when it is no answer to @query, -2 when there is no such name, -3 when
 * the server failed.
 */
int slsc_rt_dns_answer(const unsigned char *message, size_t len, const unsigned char *query, size_t query_len,
		       union slsc_rt_addr addrs[RESOLVE_ADDRS]);

/** slsc_rt_dns_lookup - ask. Returns the number of addresses, SLSC_CALL_RESOLVE, _TIMEOUT or _MEMORY. */
int slsc_rt_dns_lookup(const struct slsc_rt_dns *dns, struct slsc_str host, int64_t end_ms,
		       union slsc_rt_addr addrs[RESOLVE_ADDRS]);

/**
 * slsc_rt_resolve - the addresses of @host: itself, of /etc/hosts, or by DNS.
 * @end_ms: slsc_rt_boot_ms() to give up at.
 * Returns the number of addresses with @port, 1 or more; or SLSC_CALL_RESOLVE, _TIMEOUT or _MEMORY.
 * Of /etc/hosts and /etc/resolv.conf the first 16 KiB count.
 */
int slsc_rt_resolve(struct slsc_str host, uint16_t port, int64_t end_ms, union slsc_rt_addr addrs[RESOLVE_ADDRS]);

/* ---- client.c --------------------------------------------------------------------- */

/**
 * slsc_rt_wait_fd - wait for poll(2) @events until @end_ms.
 * Returns those that are there, or POLLERR or POLLHUP; 0 when the time is over.
 */
int slsc_rt_wait_fd(int fd, short events, int64_t end_ms);

#endif
