/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests/runtime/test_client.py: {"url", "method", "body", "timeout", "max", "name", "value"} makes a call (with a
 * body of "pad" bytes if there is one); {"dns": name, "config", "port", "ms"} asks name servers; {"hosts": text,
 * "name"} looks into it; {"retry": [results]} tries them one by one, {"guard": [result]} through the breaker.
 */
#include "../../../runtime/client.h"

#include <arpa/inet.h>
#include <string.h>

slsc_lambda_fn handler;

static char pad[4 << 20];

static const char *text(struct slsc_ctx *ctx, struct slsc_str in, const char *key)
{
	struct slsc_str value, s;
	char *p;

	if (slsc_json_get(in, key, &value) < 1 || slsc_json_str(ctx, value, &s))
		return NULL;
	p = slsc_alloc(ctx, s.len + 1);
	if (!p)
		return NULL;
	memcpy(p, s.ptr, s.len);
	p[s.len] = '\0';
	return p;
}

static int64_t number(struct slsc_str in, const char *key)
{
	struct slsc_str value;
	int64_t n = 0;

	if (slsc_json_get(in, key, &value) > 0)
		(void)slsc_json_i64(value, &n);
	return n;
}

static int do_call(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_field field = {slsc_cstr(text(ctx, in, "name")), slsc_cstr(text(ctx, in, "value"))};
	struct slsc_call call = {
		.method = text(ctx, in, "method"),
		.url = text(ctx, in, "url"),
		.fields = &field,
		.field_count = field.name.ptr != NULL,
		.body = slsc_cstr(text(ctx, in, "body")),
		.body_max = (size_t)number(in, "max"),
		.timeout_ms = number(in, "timeout"),
	};
	struct slsc_answer answer;
	int rc;

	if (number(in, "pad")) {
		memset(pad, 'p', sizeof(pad));
		call.body = (struct slsc_str){pad, (size_t)number(in, "pad")};
	}
	rc = slsc_call(ctx, &call, &answer);
	slsc_puts(out, "{\"rc\":");
	slsc_put_i64(out, rc);
	slsc_puts(out, ",\"error\":");
	slsc_put_json(out, slsc_cstr(slsc_call_error(rc)));
	slsc_puts(out, ",\"status\":");
	slsc_put_i64(out, answer.status);
	slsc_puts(out, ",\"fields\":");
	slsc_put_u64(out, answer.field_count);
	slsc_puts(out, ",\"x\":");
	slsc_put_json(out, slsc_answer_field(&answer, "x-teST"));
	slsc_puts(out, ",\"size\":");
	slsc_put_u64(out, answer.body.len);
	slsc_puts(out, ",\"body\":");
	slsc_put_json(out, (struct slsc_str){answer.body.ptr, answer.body.len < 1000 ? answer.body.len : 1000});
	slsc_puts(out, "}");
	return 0;
}

static void put_addrs(struct slsc_out *out, int rc, const union slsc_rt_addr *addrs)
{
	char buf[INET6_ADDRSTRLEN];

	slsc_puts(out, "[");
	slsc_put_i64(out, rc);
	for (int i = 0; i < rc; i++) {
		const void *p = addrs[i].any.sa_family == AF_INET ? (const void *)&addrs[i].v4.sin_addr
								    : (const void *)&addrs[i].v6.sin6_addr;

		slsc_puts(out, ",");
		slsc_put_json(out, slsc_cstr(inet_ntop(addrs[i].any.sa_family, p, buf, sizeof(buf))));
	}
	slsc_puts(out, "]");
}

static int do_dns(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	union slsc_rt_addr addrs[RESOLVE_ADDRS];
	struct slsc_rt_dns dns;
	int64_t end = slsc_rt_boot_ms() + (number(in, "ms") ? number(in, "ms") : 5000);

	slsc_rt_dns_config(slsc_cstr(text(ctx, in, "config")), &dns);
	for (unsigned i = 0; i < dns.server_count; i++)
		dns.servers[i].v4.sin_port = htons((uint16_t)number(in, "port"));
	dns.query_ms = (int)number(in, "query_ms");
	put_addrs(out, slsc_rt_dns_lookup(&dns, slsc_cstr(text(ctx, in, "dns")), end, addrs), addrs);
	return 0;
}

static struct slsc_json_iter results;
static int64_t tries;

static int one_try(struct slsc_ctx *ctx, void *arg)
{
	struct slsc_str name, value;
	int64_t n = 0;

	(void)ctx;
	(void)arg;
	tries++;
	if (slsc_json_next(&results, &name, &value) > 0)
		(void)slsc_json_i64(value, &n);
	return (int)n;
}

static int fall_back(struct slsc_ctx *ctx, void *arg, int error)
{
	(void)ctx;
	*(int *)arg = error;
	return 0;
}

static struct slsc_breaker breaker;

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	union slsc_rt_addr addrs[RESOLVE_ADDRS];
	struct slsc_str value;

	if (slsc_json_get(in, "retry", &value) > 0) {
		struct slsc_retry policy = {.attempts = (unsigned)number(in, "attempts"), .base_ms = 1,
					    .cap_ms = (int)number(in, "cap")};

		results = (struct slsc_json_iter){value, NULL};
		tries = 0;
		slsc_puts(out, "[");
		slsc_put_i64(out, slsc_retry(ctx, &policy, one_try, NULL));
		slsc_puts(out, ",");
		slsc_put_i64(out, tries);
		slsc_puts(out, "]");
		return 0;
	}
	if (slsc_json_get(in, "guard", &value) > 0) {
		int error = 0, rc;

		results = (struct slsc_json_iter){value, NULL};
		slsc_puts(out, "[");
		rc = slsc_guard(ctx, &breaker, one_try, number(in, "bare") ? NULL : fall_back, &error);
		slsc_put_i64(out, rc);
		slsc_puts(out, ",");
		slsc_put_i64(out, error);
		slsc_puts(out, ",");
		slsc_put_i64(out, slsc_breaker_state(&breaker));
		slsc_puts(out, "]");
		return 0;
	}
	if (slsc_json_get(in, "dns", &value) > 0)
		return do_dns(ctx, in, out);
	if (slsc_json_get(in, "hosts", &value) > 0) {
		int n = slsc_rt_hosts_find(slsc_cstr(text(ctx, in, "hosts")), slsc_cstr(text(ctx, in, "name")), addrs);

		put_addrs(out, n, addrs);
		return 0;
	}
	return do_call(ctx, in, out);
}
