/* SPDX-License-Identifier: Apache-2.0 */
#include "build_cache.h"

#include <inttypes.h>

#include "cli/out.h"
#include "registry/transfer.h"
#include "registry/work.h"

static void begin(void *ctx, uint64_t bytes)
{
	struct build_cache *c = ctx;

	hurry_begin(&c->hurry, bytes);
}

static void end(void *ctx)
{
	struct build_cache *c = ctx;

	hurry_end(&c->hurry);
}

struct each {
	void (*fn)(void *arg, size_t i);
	void *arg;
};

static int one(void *ctx, size_t i, struct err *err)
{
	const struct each *e = ctx;

	(void)err;
	e->fn(e->arg, i);
	return 0;
}

static void each(size_t n, void (*fn)(void *arg, size_t i), void *arg, void *ctx)
{
	struct each e = { fn, arg };
	atomic_bool cancel = false;
	struct err none;

	(void)ctx;
	/* a signal is the caller's to find */
	if (work_run(n, work_jobs(n, 0), one, &e, &cancel, &none) < 0)
		none.code = ERR_NONE;
}

static int push(const struct place *layout, const struct place *to, uint64_t *sent, void *ctx, struct err *err)
{
	struct build_cache *c = ctx;
	CLEAN_TRANSFER struct transfer_result res = { .name = NULL };
	const struct transfer_opts o = { .registry = &c->hurry.opts, .distrust = c->remote.trouble };

	if (transfer_run(layout, to, &o, &res, err) < 0)
		return -1;
	*sent = res.copied_bytes;
	return 0;
}

static void warn(const char *line, void *ctx)
{
	(void)ctx;
	out_warn("%s", line);
}

static void note(const char *line, void *ctx)
{
	(void)ctx;
	out_verbose("%s", line);
}

void build_cache_init(struct build_cache *c, const struct strs *from, const char *to, const struct registry_opts *o,
		      const bool *off)
{
	hurry_init(&c->hurry, o);
	c->remote = (struct build_remote){ .from = from,
					   .to = to,
					   .origins = &c->hurry.origins,
					   .off = off,
					   .begin = begin,
					   .end = end,
					   .each = each,
					   .push = push,
					   .warn = warn,
					   .note = note,
					   .ctx = c };
}

static int check_place(const char *option, const char *text, struct err *err)
{
	CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };

	return place_parse(&pl, text, err) < 0 ? err_wrap(err, "%s", option) : 0;
}

int build_cache_check(const struct build_cache *c, struct err *err)
{
	const struct build_remote *r = &c->remote;

	for (size_t i = 0; r->from && i < r->from->len; i++)
		if (check_place("--cache-from", r->from->ptr[i], err) < 0)
			return -1;
	return r->to ? check_place("--cache-to", r->to, err) : 0;
}

void build_cache_release(struct build_cache *c)
{
	hurry_release(&c->hurry);
}

struct build_remote *build_cache_remote(struct build_cache *c)
{
	return c->remote.to || (c->remote.from && c->remote.from->len) ? &c->remote : NULL;
}

void build_cache_report(const struct build_cache *c, bool json, struct buf *out)
{
	const struct build_remote *r = &c->remote;

	if (!r->to && !(r->from && r->from->len))
		return;
	out_verbose("cache of binaries: %u hits, %u misses, %" PRIu64 " bytes received, %" PRIu64 " sent", r->hits,
		    r->misses, r->received, r->sent);
	if (json)
		buf_addf(out, ",\"cache\":{\"hits\":%u,\"misses\":%u,\"received\":%" PRIu64 ",\"sent\":%" PRIu64 "}",
			 r->hits, r->misses, r->received, r->sent);
}
