/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz what the client reads: answers of HTTP servers ('H', or 'h' for those to HEAD), of name servers ('D': the
 * query's name up to a NUL, then the message), URLs ('U'), /etc/hosts and resolv.conf ('R'). Linked with all of
 * runtime/ but the entries. However an answer is cut into pieces, it comes to the same.
 */
#include "../../runtime/client.h"

#include <string.h>

#include "fuzz.h"

#define BODY_MAX 3000u

static struct slsc_ctx ctx;

static void check_slice(struct slsc_str s, const char *buf, size_t len)
{
	CHECK(!s.ptr || (s.ptr >= buf && s.len <= len && (size_t)(s.ptr - buf) <= len - s.len));
}

/* Receive @src in pieces of @step. Returns as the client would. */
static int receive(const char *src, size_t len, size_t step, bool no_body, struct slsc_answer *answer, bool *close)
{
	struct slsc_rt_incoming in = {.ctx = &ctx, .body_max = BODY_MAX, .no_body = no_body};
	size_t at = 0, room;
	int rc = 0;

	memset(answer, 0, sizeof(*answer));
	while (!rc && at < len) {
		char *to = slsc_rt_incoming_room(&in, &room, &rc);
		size_t n = len - at < step ? len - at : step;

		if (!to)
			break;
		CHECK(room > 0);
		if (n > room)
			n = room;
		memcpy(to, src + at, n);
		at += n;
		rc = slsc_rt_incoming_feed(&in, n);
		CHECK(rc <= 1 && rc >= SLSC_CALL_OPEN);
	}
	if (!rc)
		rc = slsc_rt_incoming_end(&in);
	*close = in.close;
	if (rc < 0)
		return rc;
	CHECK(in.status >= 200 && in.status <= 999);
	rc = slsc_rt_incoming_answer(&in, answer);
	if (rc)
		return rc;
	CHECK(answer->body.len <= BODY_MAX && answer->field_count <= SLSC_HTTP_FIELDS_MAX);
	CHECK(!no_body || !answer->body.len);
	check_slice(answer->body, in.buf, in.cap);
	for (size_t i = 0; i < answer->field_count; i++) {
		check_slice(answer->fields[i].name, in.buf, in.head_len);
		check_slice(answer->fields[i].value, in.buf, in.head_len);
	}
	return 0;
}

static void fuzz_answer(const char *src, size_t len, bool no_body)
{
	static const size_t steps[] = {1, 7, 5000};
	struct slsc_answer whole, cut;
	bool whole_close, cut_close;
	int rc = receive(src, len, SIZE_MAX, no_body, &whole, &whole_close);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		CHECK(receive(src, len, steps[i], no_body, &cut, &cut_close) == rc);
		if (rc)
			continue;
		CHECK(cut.status == whole.status && cut.field_count == whole.field_count);
		CHECK(cut.body.len == whole.body.len);
		CHECK(!whole.body.len || memcmp(cut.body.ptr, whole.body.ptr, whole.body.len) == 0);
	}
}

static void fuzz_url(const char *src, size_t len)
{
	char *text = malloc(len + 1);
	struct slsc_rt_url url;

	CHECK(text);
	memcpy(text, src, len);
	text[len] = '\0';
	if (!slsc_rt_url_parse(text, &url)) {
		check_slice(url.authority, text, len);
		check_slice(url.host, text, len);
		check_slice(url.target, text, len);
		CHECK(url.host.len > 0 && url.host.len < RESOLVE_NAME && url.port > 0);
		CHECK(!memchr(url.authority.ptr, '@', url.authority.len));
		for (size_t i = 0; i < url.target.len; i++)
			CHECK((unsigned char)url.target.ptr[i] > ' ' && (unsigned char)url.target.ptr[i] < 0x7f);
	}
	free(text);
}

static void fuzz_dns(const char *src, size_t len)
{
	unsigned char query[DNS_MESSAGE], *message;
	union slsc_rt_addr addrs[RESOLVE_ADDRS];
	const char *nul = memchr(src, 0, len);
	size_t name_len = nul ? (size_t)(nul - src) : len, query_len, rest;

	if (!name_len)
		return;
	query_len = slsc_rt_dns_query(query, (struct slsc_str){src, name_len}, 0x1234, *src & 1 ? 1 : 28);
	if (!query_len)
		return;
	CHECK(query_len <= 12 + RESOLVE_NAME + 1 + 4);
	rest = nul ? len - name_len - 1 : 0;
	/* Records behind the very question; and the bytes as they are. */
	message = malloc(query_len + rest);
	CHECK(message);
	memcpy(message, query, query_len);
	message[2] = 0x81;
	message[7] = 9;
	if (rest)
		memcpy(message + query_len, nul + 1, rest);
	CHECK(slsc_rt_dns_answer(message, query_len + rest, query, query_len, addrs) <= RESOLVE_ADDRS);
	free(message);
	message = malloc(rest ? rest : 1);
	CHECK(message);
	if (rest)
		memcpy(message, nul + 1, rest);
	CHECK(slsc_rt_dns_answer(message, rest, query, query_len, addrs) >= -3);
	free(message);
}

static void fuzz_files(const char *src, size_t len)
{
	union slsc_rt_addr addrs[RESOLVE_ADDRS];
	struct slsc_rt_dns dns;
	char *text = malloc(len ? len : 1);

	CHECK(text);
	memcpy(text, src, len);
	slsc_rt_dns_config((struct slsc_str){text, len}, &dns);
	CHECK(dns.server_count >= 1 && dns.server_count <= RESOLVE_SERVERS && dns.search_count <= RESOLVE_SEARCH);
	for (unsigned i = 0; i < dns.search_count; i++)
		check_slice(dns.search[i], text, len);
	CHECK(slsc_rt_hosts_find((struct slsc_str){text, len}, SLSC_STR("a"), addrs) <= RESOLVE_ADDRS);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *src = (const char *)data + 1;

	if (!size)
		return 0;
	switch (data[0]) {
	case 'U':
		fuzz_url(src, size - 1);
		break;
	case 'D':
		fuzz_dns(src, size - 1);
		break;
	case 'R':
		fuzz_files(src, size - 1);
		break;
	default:
		fuzz_answer(src, size - 1, data[0] == 'h');
	}
	slsc_rt_arena_reset();
	return 0;
}
