/* SPDX-License-Identifier: Apache-2.0 */
/* Which functions one machine of several builds. */
#include "build/shard.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"

#define MAX_SHARDS 4096
#define MAX_LOG (64u << 20)
#define MAX_STEP_MS 86400000u	/* with what fits into a log, sums of them fit into 64 bits */

struct part {
	const struct function *fn;
	uint64_t ms;		/* of its steps the last time; 0: not known */
	uint64_t sources;
	uint64_t cost;
	unsigned shard;
};

struct parts {
	struct part *ptr;
	size_t len, cap;
};

/* What is before the first @sep, or all; @rest is what follows. */
static struct str take(struct str *rest, char sep)
{
	struct str head = *rest;

	*rest = str_cut(&head, sep);
	return head;
}

int shard_parse(const char *text, struct shard *out, struct err *err)
{
	struct str rest = str_from(text), first = take(&rest, '/');
	uint64_t i, n;

	if (str_parse_u64(first, &i) < 0 || str_parse_u64(rest, &n) < 0 || !n || n > MAX_SHARDS || !i || i > n) {
		err_set(err, ERR_USAGE, "--shard %s: is no part of a whole", text);
		return err_hint(err, "write I/N, such as 2/4 for the second of four; N is at most 4096");
	}
	*out = (struct shard){ .index = (unsigned)i, .count = (unsigned)n };
	return 0;
}

/* Steps that several functions share are made on each machine. NULL: it is one of these, or none of this profile. */
static struct part *part_of(const struct map *by_name, const char *prefix, struct str out)
{
	struct str arch, name;
	CLEAN_FREE char *key = NULL;

	if (!str_starts(out, prefix))
		return NULL;
	out = (struct str){ out.ptr + strlen(prefix), out.len - strlen(prefix) };
	arch = take(&out, '/');
	name = take(&out, '/');
	if (!arch.len)
		return NULL;
	if (str_eqz(name, ".obj")) {
		(void)take(&out, '/');	/* the toolchain */
		name = take(&out, '/');
	}
	key = xstrndup(name.ptr, name.len);
	return map_get(by_name, key);
}

/* "start<TAB>end<TAB>mtime<TAB>output<TAB>hash", in ms. What is no such line, or took days, is no step. */
static bool parse_step(struct str line, uint64_t *ms, struct str *out)
{
	struct str start = take(&line, '\t'), end = take(&line, '\t');
	uint64_t from, to;

	(void)take(&line, '\t');
	*out = take(&line, '\t');
	if (!line.len || str_parse_u64(start, &from) < 0 || str_parse_u64(end, &to) < 0 || to < from ||
	    to - from > MAX_STEP_MS)
		return false;
	*ms = to - from;
	return true;
}

/* Each output once, by its last line; a debug file and a map are made with their binary. */
static void read_log(struct str log, const char *profile, struct parts *parts)
{
	CLEAN_MAP struct map by_name = { 0 }, last = { 0 };
	CLEAN_FREE char *prefix = xasprintf(".slsc/%s/", profile);

	VEC_EACH(parts, part)
		map_put(&by_name, part->fn->name.s, part);
	while (log.len) {
		struct str line = take(&log, '\n'), out;
		CLEAN_FREE char *key = NULL;
		uint64_t ms;

		if (!parse_step(line, &ms, &out) || !part_of(&by_name, prefix, out))
			continue;
		key = xstrndup(out.ptr, out.len);
		map_put(&last, key, (void *)(uintptr_t)ms);
	}
	for (size_t i = 0; i < last.len; i++)
		part_of(&by_name, prefix, str_from(last.ptr[i].key))->ms += (uintptr_t)last.ptr[i].val;
}

static int count_sources(struct project *p, struct parts *parts, struct err *err)
{
	CLEANUP(fs_dirs_release) struct fs_dirs dirs = { 0 };
	int r = 0;

	p->dirs = &dirs;
	VEC_EACH(parts, part) {
		CLEAN_STRS struct strs found = { 0 };

		for (size_t i = 0; r == 0 && i < part->fn->sources.len; i++)
			r = project_glob(p, part->fn->sources.ptr[i], &found, err);
		part->sources = found.len ? found.len : 1;
	}
	p->dirs = NULL;
	return r;
}

/* In 1/1024 of a millisecond, or of a source where no time is known at all. */
static bool weigh(struct parts *parts)
{
	uint64_t ms = 0, sources = 0, each;

	VEC_EACH(parts, part) {
		ms += part->ms;
		sources += part->ms ? part->sources : 0;
	}
	each = ms ? ms * 1024 / sources : 1024;
	VEC_EACH(parts, part)
		part->cost = part->ms ? part->ms * 1024 : part->sources * each;
	return ms > 0;
}

static int by_cost(const void *a, const void *b)
{
	const struct part *const *x = a, *const *y = b;

	if ((*x)->cost != (*y)->cost)
		return (*x)->cost < (*y)->cost ? 1 : -1;
	return strcmp((*x)->fn->name.s, (*y)->fn->name.s);
}

/* The longest first, each to the part that has the least yet. */
static void deal(struct parts *parts, unsigned count)
{
	CLEAN_FREE struct part **order = xcalloc(parts->len ? parts->len : 1, sizeof(*order));
	CLEAN_FREE uint64_t *load = xcalloc(count, sizeof(*load));

	for (size_t i = 0; i < parts->len; i++)
		order[i] = &parts->ptr[i];
	qsort(order, parts->len, sizeof(struct part *), by_cost);
	for (size_t i = 0; i < parts->len; i++) {
		unsigned least = 0;

		for (unsigned s = 1; s < count; s++)
			if (load[s] < load[least])
				least = s;
		load[least] += order[i]->cost;
		order[i]->shard = least + 1;
	}
}

static bool named(const struct strs *only, const char *name)
{
	VEC_EACH(only, o)
		if (strcmp(*o, name) == 0)
			return true;
	return only->len == 0;
}

static int split(struct project *p, const char *profile, struct parts *parts, struct shard shard, struct strs *out,
		 bool *by_time, struct err *err)
{
	CLEAN_FREE char *path = xasprintf("%s/.slsc/%s/.ninja_log", p->dir, profile);
	CLEAN_BUF struct buf log = BUF_INIT;
	bool timed;

	if (count_sources(p, parts, err) < 0 || (fs_exists(path) && fs_read(path, MAX_LOG, &log, err) < 0))
		return -1;
	read_log(buf_str(&log), profile, parts);
	timed = weigh(parts);
	if (by_time)
		*by_time = timed;
	deal(parts, shard.count);
	VEC_EACH(parts, part)
		if (part->shard == shard.index)
			strs_add(out, part->fn->name.s);
	return 0;
}

int shard_choose(struct project *p, const char *profile, const struct strs *only, struct shard shard, struct strs *out,
		 bool *by_time, struct err *err)
{
	const struct profile *pr = project_profile(p, profile ? profile : p->profile.s, err);
	struct parts parts = { 0 };
	int r;

	if (!pr)
		return -1;
	VEC_EACH(only, o)
		if (!project_function(p, *o, err))
			return -1;
	for (size_t i = 0; i < p->nfunctions; i++)
		if (named(only, p->functions[i]->name.s))
			VEC_PUSH(&parts, ((struct part){ .fn = p->functions[i] }));
	r = split(p, pr->name, &parts, shard, out, by_time, err);
	VEC_FREE(&parts);
	return r;
}
