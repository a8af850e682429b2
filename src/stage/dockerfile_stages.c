/* SPDX-License-Identifier: Apache-2.0 */
/* Directives, stages, and what BuildKit's checks warn of and a parser can see. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/mem.h"
#include "stage/dockerfile_reader.h"

void df_warn(struct dockerfile *d, unsigned line, const char *rule, const char *text)
{
	CLEAN_FREE char *key = xasprintf(",%s,", rule);

	if (d->check_skip && (strstr(d->check_skip, key) || strcmp(d->check_skip, ",all,") == 0))
		return;
	VEC_PUSH(&d->warnings,
		 ((struct df_warning){ .line = line, .text = arena_printf(&d->arena, "%s (%s)", text, rule) }));
}

/* ---- directives ---- */

#define ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** What stands in "# check=skip=A,B;error=true". */
struct check {
	bool error;
};

static int check_directive(struct dockerfile *d, char *val, unsigned line, struct check *c, struct err *err)
{
	for (char *rest = val; rest;) {
		char *key = rest, *eq;

		rest = strchr(key, ';');
		if (rest)
			*rest++ = '\0';
		eq = strchr(key, '=');
		if (eq)
			*eq++ = '\0';
		if (eq && strcasecmp(key, "skip") == 0) {
			d->check_skip = arena_printf(&d->arena, ",%s,", eq);
		} else if (eq && strcasecmp(key, "error") == 0 &&
			   (strcasecmp(eq, "true") == 0 || strcasecmp(eq, "false") == 0)) {
			c->error = strcasecmp(eq, "true") == 0;
		} else if (!eq || strcasecmp(key, "experimental") != 0) {
			err_at(err, ERR_CONFIG, d->shown, line, 1, "check: '%.60s' is unknown", key);
			return err_hint(err, "write # check=skip=RULE,RULE;error=true");
		}
	}
	return 0;
}

/* "# name = value", before all else; 0: it is not of that form, which ends them. */
static int directive(struct dockerfile *d, struct str line, unsigned n, struct map *seen, struct check *c,
		     struct err *err)
{
	CLEAN_FREE char *text = xstrndup(line.ptr, line.len), *name = NULL, *val = NULL;
	const char *s = text;
	size_t len;

	if (*s != '#')
		return 0;
	s += df_skip(s, 1);
	len = strspn(s, ALPHA "0123456789");
	if (!len || !strchr(ALPHA, *s))
		return 0;
	name = xstrndup(s, len);
	s += df_skip(s, len);
	if (*s != '=')
		return 0;
	s += df_skip(s, 1);
	val = xstrndup(s, str_trim(str_from(s)).len);
	if (!*val || (strcasecmp(name, "escape") != 0 && strcasecmp(name, "syntax") != 0 &&
		      strcasecmp(name, "check") != 0))
		return 0;
	for (char *p = name; *p; p++)
		*p = (char)(*p | 0x20);
	if (map_put(seen, name, d)) {
		err_at(err, ERR_CONFIG, d->shown, n, 1, "the directive '%s' is there twice", name);
		return err_hint(err, "keep one of the two");
	}
	if (*name == 's')
		d->syntax = arena_str(&d->arena, (struct str){ val, strcspn(val, " ") });
	if (*name == 'c' && check_directive(d, val, n, c, err) < 0)
		return -1;
	if (*name == 'e') {
		if (strcmp(val, "\\") != 0 && strcmp(val, "`") != 0)
			return err_at(err, ERR_CONFIG, d->shown, n, 1, "escape: '%.20s' is neither \\ nor `", val);
		d->escape = *val;
	}
	return 1;
}

static int read_directives(struct df_reader *r, struct check *c, struct err *err)
{
	CLEAN_MAP struct map seen = { 0 };

	for (;;) {
		const struct df_reader before = *r;
		struct str line;
		int ret = df_read_line(r, &line) ? directive(r->d, line, r->line, &seen, c, err) : 0;

		if (ret < 0)
			return -1;
		if (ret == 0) {
			*r = before;
			return 0;
		}
	}
}

/* ---- stages ---- */

static bool name_ok(const char *s)
{
	return *s >= 'a' && *s <= 'z' && !s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.")];
}

static int begin_stage(struct dockerfile *d, struct df_inst *i, struct df_stage *st, struct map *named, struct err *err)
{
	const struct df_flag *platform = df_flag(i, "platform");
	char *name;

	*st = (struct df_stage){ .from = i, .base = i->args[0] };
	if (platform)
		st->platform = platform->val;
	if (i->nargs == 1)
		return 0;
	name = arena_strdup(&d->arena, i->args[2].s);
	for (char *p = name; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	st->name = i->args[2];
	st->name.s = name;
	if (!name_ok(name)) {
		df_fail(d->shown, st->name, err, "FROM: '%.60s' is no name for a stage", i->args[2].s);
		return err_hint(err, "a letter, then letters, digits, '-', '_' and '.'");
	}
	if (strcmp(name, i->args[2].s) != 0)
		df_warn(d, i->line, "StageNameCasing", "a stage's name should be lower case");
	if (strcmp(name, "scratch") == 0 || strcmp(name, "context") == 0)
		df_warn(d, i->line, "ReservedStageName", "scratch and context are no names for a stage");
	if (map_put(named, name, st))
		df_warn(d, i->line, "DuplicateStageName", "a stage before this one has the same name");
	return 0;
}

/* -1: all lower case, 1: all upper case, 0: neither. */
static int word_case(const char *s, size_t n)
{
	size_t low = 0;

	for (size_t i = 0; i < n; i++)
		low += s[i] >= 'a' && s[i] <= 'z';
	return low == n ? -1 : !low;
}

static bool casing_differs(const struct df_inst *from)
{
	const int word = word_case(from->original, strlen("FROM"));

	return from->nargs == 3 && word && word_case(from->args[1].s, strlen("AS")) != word;
}

/* What is overruled by a later one of its kind, and forms that BuildKit would rather not see. */
static void warn_of(struct dockerfile *d, const struct df_inst *list, size_t n)
{
	const struct df_inst *last[3] = { NULL };

	for (const struct df_inst *i = list; i < list + n; i++) {
		const int k = i->kind == DF_CMD ? 0 : i->kind == DF_ENTRYPOINT ? 1 : i->kind == DF_HEALTHCHECK ? 2 : -1;

		if (i->kind == DF_MAINTAINER)
			df_warn(d, i->line, "MaintainerDeprecated",
				"MAINTAINER is deprecated: write LABEL org.opencontainers.image.authors=...");
		if (i->nkvs && i->kvs[0].blank)
			df_warn(d, i->line, "LegacyKeyValueFormat", "write KEY=VALUE, with the sign");
		if (i->kind == DF_FROM && casing_differs(i))
			df_warn(d, i->line, "FromAsCasing", "'as' and 'FROM' are written in different cases");
		if (i->kind == DF_FROM)
			memset(last, 0, sizeof(last));
		if (k >= 0 && last[k])
			df_warn(d, last[k]->line, "MultipleInstructionsDisallowed",
				arena_printf(&d->arena, "%s is overruled by the one in line %u", df_kind_name(i->kind),
					     i->line));
		if (k >= 0)
			last[k] = i;
	}
}

/** What is read before it is known how much there is. */
struct all {
	VEC(struct df_inst) insts;
	VEC(size_t) froms;
};

static int read_all(struct df_reader *r, struct all *all, struct err *err)
{
	struct df_inst i;
	int got;

	while ((got = df_read_inst(r, &i, err)) > 0) {
		if (all->insts.len == DOCKERFILE_MAX_INSTS)
			return err_at(err, ERR_LIMIT, r->shown, i.line, i.col,
				      "limit exceeded: more than %u instructions", DOCKERFILE_MAX_INSTS);
		if (i.kind == DF_FROM)
			VEC_PUSH(&all->froms, all->insts.len);
		else if (!all->froms.len && i.kind != DF_ARG) {
			err_at(err, ERR_CONFIG, r->shown, i.line, i.col, "%s stands before the first FROM",
			       df_kind_name(i.kind));
			return err_hint(err, "begin with FROM; only ARG may come before it");
		}
		VEC_PUSH(&all->insts, i);
	}
	return got;
}

static int cut_stages(struct dockerfile *d, const struct all *all, struct err *err)
{
	struct df_inst *copy = arena_alloc(&d->arena, (all->insts.len + 1) * sizeof(*copy));
	CLEAN_MAP struct map named = { 0 };

	if (!all->froms.len) {
		err_at(err, ERR_CONFIG, d->shown, 0, 0, "there is no FROM");
		return err_hint(err, "begin with FROM scratch, or the image to build on");
	}
	memcpy(copy, all->insts.ptr, all->insts.len * sizeof(*copy));
	d->args = copy;
	d->nargs = all->froms.ptr[0];
	d->stages = arena_alloc(&d->arena, all->froms.len * sizeof(*d->stages));
	warn_of(d, copy, all->insts.len);
	for (size_t k = 0; k < all->froms.len; k++) {
		const size_t from = all->froms.ptr[k];
		const size_t to = k + 1 < all->froms.len ? all->froms.ptr[k + 1] : all->insts.len;

		if (begin_stage(d, &copy[from], &d->stages[k], &named, err) < 0)
			return -1;
		d->stages[k].insts = copy + from + 1;
		d->stages[k].ninsts = to - from - 1;
	}
	d->nstages = all->froms.len;
	return 0;
}

int dockerfile_parse(struct dockerfile *d, const char *shown, const char *text, size_t n, struct err *err)
{
	struct df_reader r = { .d = d, .p = text, .end = text + n };
	struct all all = { .insts = { 0 } };
	struct check check = { false };
	int ret;

	*d = (struct dockerfile){ .escape = '\\' };
	d->shown = r.shown = arena_strdup(&d->arena, shown);
	if (n > DOCKERFILE_MAX)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %u bytes", shown, DOCKERFILE_MAX);
	if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
		r.p += 3;
	ret = read_directives(&r, &check, err);
	if (ret == 0)
		ret = read_all(&r, &all, err);
	if (ret == 0)
		ret = cut_stages(d, &all, err);
	VEC_FREE(&all.insts);
	VEC_FREE(&all.froms);
	if (ret == 0 && check.error && d->warnings.len) {
		err_at(err, ERR_CONFIG, d->shown, d->warnings.ptr[0].line, 0, "%s", d->warnings.ptr[0].text);
		return err_hint(err, "the directive 'check' makes this an error");
	}
	return ret;
}
