/* SPDX-License-Identifier: Apache-2.0 */
/* The words of an instruction: flags, JSON, pairs, commands. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/vec.h"
#include "stage/dockerfile_internal.h"

#define BLANK " \t\v\f\r"

static const char *const names[] = { "FROM",	"RUN", "CMD",	  "LABEL",	"MAINTAINER",  "EXPOSE",
				     "ENV",	"ADD", "COPY",	  "ENTRYPOINT", "VOLUME",      "USER",
				     "WORKDIR", "ARG", "ONBUILD", "STOPSIGNAL", "HEALTHCHECK", "SHELL" };

const char *df_kind_name(enum df_kind k)
{
	return names[k];
}

int df_kind_parse(const struct dockerfile *d, const char *shown, struct df_word w, struct err *err)
{
	CLEAN_FREE char *upper = xstrdup(w.s);
	const char *near;

	(void)d;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcasecmp(w.s, names[i]) == 0)
			return (int)i;
	for (char *p = upper; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
	near = str_closest(upper, names, ARRAY_LEN(names));
	df_fail(shown, w, err, "unknown instruction '%.60s'", w.s);
	return near ? err_hint(err, "did you mean %s?", near) : -1;
}

const struct df_flag *df_flag(const struct df_inst *i, const char *name)
{
	for (size_t k = 0; k < i->nflags; k++)
		if (strcmp(i->flags[k].name, name) == 0)
			return &i->flags[k];
	return NULL;
}

/* ---- flags ---- */

static const struct {
	enum df_kind kind;
	const char *name;
	bool many, bare; /* may be there several times; may be without a value */
} known[] = {
	{ DF_FROM, "platform", false, false },
	{ DF_COPY, "from", false, false },
	{ DF_COPY, "chown", false, false },
	{ DF_COPY, "chmod", false, false },
	{ DF_COPY, "link", false, true },
	{ DF_COPY, "parents", false, true },
	{ DF_COPY, "exclude", true, false },
	{ DF_ADD, "chown", false, false },
	{ DF_ADD, "chmod", false, false },
	{ DF_ADD, "link", false, true },
	{ DF_ADD, "exclude", true, false },
	{ DF_ADD, "checksum", false, false },
	{ DF_ADD, "keep-git-dir", false, true },
	{ DF_ADD, "unpack", false, true },
	{ DF_RUN, "mount", true, false },
	{ DF_RUN, "network", false, false },
	{ DF_HEALTHCHECK, "interval", false, false },
	{ DF_HEALTHCHECK, "timeout", false, false },
	{ DF_HEALTHCHECK, "start-period", false, false },
	{ DF_HEALTHCHECK, "start-interval", false, false },
	{ DF_HEALTHCHECK, "retries", false, false },
};

static int unknown_flag(const char *shown, const struct df_inst *i, struct df_word w, const char *name, struct err *err)
{
	const char *list[ARRAY_LEN(known)], *near;
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		if (known[k].kind == i->kind)
			list[n++] = known[k].name;
	near = str_closest(name, list, n);
	df_fail(shown, w, err, "%s has no flag --%.60s", names[i->kind], name);
	return near ? err_hint(err, "did you mean --%s?", near) : -1;
}

static int take_flag(struct dockerfile *d, const char *shown, struct df_inst *i, struct df_word w, struct df_flag *out,
		     struct err *err)
{
	const char *eq = strchr(w.s, '=');
	const char *name = arena_str(&d->arena, (struct str){ w.s + 2, eq ? (size_t)(eq - w.s) - 2 : strlen(w.s) - 2 });
	size_t k = 0;

	while (k < ARRAY_LEN(known) && (known[k].kind != i->kind || strcmp(known[k].name, name) != 0))
		k++;
	if (k == ARRAY_LEN(known))
		return unknown_flag(shown, i, w, name, err);
	if (!eq && !known[k].bare)
		return df_fail(shown, w, err, "%s: --%s needs a value", names[i->kind], name);
	if (!known[k].many && df_flag(i, name))
		return df_fail(shown, w, err, "%s: --%s is there twice", names[i->kind], name);
	*out = (struct df_flag){
		.name = known[k].name,
		.val = { .s = eq ? eq + 1 : NULL, .line = w.line, .col = w.col + (eq ? (unsigned)(eq - w.s) + 1 : 0) }
	};
	return 0;
}

/* Words that begin with "--", up to one that does not, or to "--" alone. */
static int take_flags(struct dockerfile *d, const char *shown, const struct df_text *t, size_t *at, struct df_inst *i,
		      struct err *err)
{
	VEC(struct df_flag) list = { 0 };
	int ret = 0;

	while (ret == 0) {
		const char *s;
		size_t n = 0;
		char quote = '\0';

		*at += strspn(t->text.ptr + *at, BLANK);
		s = t->text.ptr + *at;
		if (strncmp(s, "--", 2) != 0)
			break;
		for (; s[n]; n++) {
			if (s[n] == d->escape && s[n + 1] && quote != '\'') {
				n++;
				continue;
			}
			if (quote ? s[n] == quote : s[n] == '"' || s[n] == '\'')
				quote = quote ? '\0' : s[n];
			else if (!quote && strchr(BLANK, s[n]))
				break;
		}
		if (n > 2) {
			struct df_flag f;

			i->flags = list.ptr;
			i->nflags = list.len;
			ret = take_flag(d, shown, i, df_text_word(t, *at, n, &d->arena), &f, err);
			if (ret == 0)
				VEC_PUSH(&list, f);
		}
		*at += n;
		if (n == 2)
			break;
	}
	i->flags = arena_alloc(&d->arena, list.len * sizeof(*i->flags) + 1);
	i->nflags = list.len;
	if (list.len)
		memcpy(i->flags, list.ptr, list.len * sizeof(*i->flags));
	VEC_FREE(&list);
	*at += strspn(t->text.ptr + *at, BLANK);
	return ret;
}

/* ---- arguments ---- */

struct words {
	struct df_word *ptr;
	size_t len, cap;
};

static void keep_words(struct dockerfile *d, struct df_inst *i, struct words *w)
{
	i->args = arena_alloc(&d->arena, w->len * sizeof(*i->args) + 1);
	i->nargs = w->len;
	if (w->len)
		memcpy(i->args, w->ptr, w->len * sizeof(*i->args));
	VEC_FREE(w);
}

/* The exec form. What is no array of strings is no error: it is the shell form then. */
static bool take_json(struct dockerfile *d, const struct df_text *t, size_t at, struct words *out)
{
	const char *s = t->text.ptr + at;
	json_t *list;
	bool ok;

	if (*s != '[')
		return false;
	list = json_loads(s, 0, NULL);
	ok = json_is_array(list);
	for (size_t k = 0; ok && k < json_array_size(list); k++)
		ok = json_is_string(json_array_get(list, k));
	for (size_t k = 0; ok && k < json_array_size(list); k++) {
		struct df_word w = { .s = arena_strdup(&d->arena, json_string_value(json_array_get(list, k))) };

		df_text_place(t, at, &w.line, &w.col);
		VEC_PUSH(out, w);
	}
	json_decref(list);
	return ok;
}

static void take_blanks(struct dockerfile *d, const struct df_text *t, size_t at, struct words *out)
{
	const char *s = t->text.ptr;

	for (;;) {
		size_t n;

		at += strspn(s + at, BLANK);
		n = strcspn(s + at, BLANK);
		if (!n)
			return;
		VEC_PUSH(out, df_text_word(t, at, n, &d->arena));
		at += n;
	}
}

static void take_rest(struct dockerfile *d, const struct df_text *t, size_t at, struct words *out)
{
	size_t n = t->text.len - at;

	while (n && strchr(BLANK, t->text.ptr[at + n - 1]))
		n--;
	if (n)
		VEC_PUSH(out, df_text_word(t, at, n, &d->arena));
}

/* Blanks in quotes or behind the escape character are part of a word, whose quotes stay. */
static void take_quoted(struct dockerfile *d, const struct df_text *t, size_t at, struct words *out)
{
	const char *s = t->text.ptr;

	for (;;) {
		char quote = '\0';
		size_t n = 0;

		at += strspn(s + at, BLANK);
		if (!s[at])
			return;
		for (; s[at + n]; n++) {
			const char c = s[at + n];

			if (c == d->escape && quote != '\'' && s[at + n + 1]) {
				n++;
				continue;
			}
			if (quote ? c == quote : c == '"' || c == '\'')
				quote = quote ? '\0' : c;
			else if (!quote && strchr(BLANK, c))
				break;
		}
		VEC_PUSH(out, df_text_word(t, at, n, &d->arena));
		at += n;
	}
}

static void split_pair(struct dockerfile *d, struct df_word w, struct df_kv *kv)
{
	const char *eq = strchr(w.s, '=');

	*kv = (struct df_kv){ .key = w };
	if (!eq)
		return;
	kv->key.s = arena_str(&d->arena, (struct str){ w.s, (size_t)(eq - w.s) });
	kv->val = (struct df_word){ eq + 1, w.line, w.col + (unsigned)(eq - w.s) + 1 };
}

static bool arg_name_ok(const char *s)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")] == '\0';
}

static int take_pairs(struct dockerfile *d, const char *shown, const struct df_text *t, size_t at, struct df_inst *i,
		      struct err *err)
{
	struct words w = { 0 };
	int ret = 0;

	take_quoted(d, t, at, &w);
	i->kvs = arena_alloc(&d->arena, w.len * sizeof(*i->kvs) + 1);
	/* the old form: ENV NAME all the rest */
	if (w.len && i->kind != DF_ARG && !strchr(w.ptr[0].s, '=')) {
		const size_t after = at + strlen(w.ptr[0].s);
		struct words rest = { 0 };

		i->kvs[0].key = w.ptr[0];
		take_rest(d, t, after + strspn(t->text.ptr + after, BLANK), &rest);
		if (!rest.len) {
			ret = df_fail(shown, w.ptr[0], err, "%s: '%.60s' has no value", names[i->kind], w.ptr[0].s);
			err_hint(err, "write %s NAME=VALUE", names[i->kind]);
		} else {
			i->kvs[0].val = rest.ptr[0];
		}
		i->nkvs = 1;
		VEC_FREE(&rest);
		VEC_FREE(&w);
		return ret;
	}
	for (size_t k = 0; k < w.len && ret == 0; k++) {
		struct df_kv *kv = &i->kvs[i->nkvs++];

		split_pair(d, w.ptr[k], kv);
		if (!kv->val.s && i->kind != DF_ARG) {
			ret = df_fail(shown, w.ptr[k], err, "%s: '%.60s' has no '='", names[i->kind], w.ptr[k].s);
			err_hint(err, "write NAME=VALUE; a value with blanks stands in quotes");
		} else if (i->kind == DF_ARG && !arg_name_ok(kv->key.s)) {
			ret = df_fail(shown, w.ptr[k], err, "ARG: '%.60s' is no name", kv->key.s);
		}
	}
	VEC_FREE(&w);
	return ret;
}

static int take_health(struct dockerfile *d, const char *shown, const struct df_text *t, size_t at, struct df_inst *i,
		       struct words *out, struct err *err)
{
	const size_t n = strcspn(t->text.ptr + at, BLANK);
	struct df_word w = df_text_word(t, at, n, &d->arena);
	const bool none = strcasecmp(w.s, "NONE") == 0;

	if (!none && strcasecmp(w.s, "CMD") != 0) {
		df_fail(shown, w, err, "HEALTHCHECK: '%.60s' is neither CMD nor NONE", w.s);
		return err_hint(err, "write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE");
	}
	w.s = none ? "NONE" : "CMD";
	VEC_PUSH(out, w);
	at += n + strspn(t->text.ptr + at + n, BLANK);
	if (none && (t->text.ptr[at] || i->nflags))
		return df_fail(shown, w, err, "HEALTHCHECK NONE takes nothing else");
	i->json = !none && take_json(d, t, at, out);
	if (!none && !i->json)
		take_rest(d, t, at, out);
	if (!none && out->len == 1)
		return df_fail(shown, w, err, "HEALTHCHECK CMD: the command is missing");
	return 0;
}

static int take_onbuild(struct dockerfile *d, const char *shown, const struct df_text *t, size_t at, struct df_inst *i,
			struct words *out, struct err *err)
{
	const struct df_word w = df_text_word(t, at, strcspn(t->text.ptr + at, BLANK), &d->arena);
	int kind;

	take_rest(d, t, at, out);
	if (!out->len)
		return 0;
	kind = df_kind_parse(d, shown, w, err);
	if (kind < 0)
		return -1;
	if (kind == DF_FROM || kind == DF_ONBUILD || kind == DF_MAINTAINER)
		return df_fail(shown, w, err, "ONBUILD %s is not allowed", names[kind]);
	i->onbuild = arena_new(&d->arena, struct df_inst);
	*i->onbuild = (struct df_inst){ .kind = (enum df_kind)kind,
					.line = w.line,
					.col = w.col,
					.end_line = i->end_line,
					.original = out->ptr[0].s };
	return df_inst_parse(d, shown, t, at + strlen(w.s), i->onbuild, err);
}

/* How many arguments there have to be; the form that is shown if there are not. */
static const struct {
	size_t min, max; /* max 0: any number */
	const char *form;
} counts[] = {
	[DF_FROM] = { 1, 3, "FROM IMAGE [AS NAME]" },
	[DF_RUN] = { 1, 0, "RUN COMMAND" },
	[DF_LABEL] = { 1, 0, "LABEL KEY=VALUE" },
	[DF_MAINTAINER] = { 1, 1, "MAINTAINER NAME" },
	[DF_EXPOSE] = { 1, 0, "EXPOSE PORT" },
	[DF_ENV] = { 1, 0, "ENV NAME=VALUE" },
	[DF_ADD] = { 2, 0, "ADD SOURCE... DESTINATION" },
	[DF_COPY] = { 2, 0, "COPY SOURCE... DESTINATION" },
	[DF_VOLUME] = { 1, 0, "VOLUME DIRECTORY" },
	[DF_USER] = { 1, 1, "USER NAME" },
	[DF_WORKDIR] = { 1, 1, "WORKDIR DIRECTORY" },
	[DF_ARG] = { 1, 0, "ARG NAME[=DEFAULT]" },
	[DF_ONBUILD] = { 1, 1, "ONBUILD INSTRUCTION" },
	[DF_STOPSIGNAL] = { 1, 1, "STOPSIGNAL SIGNAL" },
	[DF_HEALTHCHECK] = { 1, 0, "HEALTHCHECK CMD COMMAND" },
	[DF_SHELL] = { 1, 0, "SHELL [\"PROGRAM\", \"ARGUMENT\"]" },
};

static int check_count(const char *shown, const struct df_inst *i, struct err *err)
{
	const struct df_word at = { .line = i->line, .col = i->col };
	const size_t n = i->kind == DF_ENV || i->kind == DF_LABEL || i->kind == DF_ARG ? i->nkvs : i->nargs;

	if (n < counts[i->kind].min || (counts[i->kind].max && n > counts[i->kind].max)) {
		df_fail(shown, at, err, "%s: %s", names[i->kind],
			n < counts[i->kind].min ? "something is missing" : "there is too much");
		return err_hint(err, "write %s", counts[i->kind].form);
	}
	if (i->kind == DF_FROM && (n == 2 || (n == 3 && strcasecmp(i->args[1].s, "AS") != 0))) {
		df_fail(shown, i->args[1], err, "FROM: '%.60s' after the image", i->args[1].s);
		return err_hint(err, "write FROM IMAGE [AS NAME]");
	}
	return 0;
}

int df_inst_parse(struct dockerfile *d, const char *shown, const struct df_text *t, size_t at, struct df_inst *i,
		  struct err *err)
{
	struct words w = { 0 };
	int ret = take_flags(d, shown, t, &at, i, err);

	if (ret < 0)
		return -1;
	switch (i->kind) {
	case DF_ENV:
	case DF_LABEL:
	case DF_ARG:
		ret = take_pairs(d, shown, t, at, i, err);
		break;
	case DF_FROM:
	case DF_EXPOSE:
		take_blanks(d, t, at, &w);
		break;
	case DF_COPY:
	case DF_ADD:
	case DF_VOLUME:
		i->json = take_json(d, t, at, &w);
		if (!i->json)
			take_blanks(d, t, at, &w);
		break;
	case DF_RUN:
	case DF_CMD:
	case DF_ENTRYPOINT:
	case DF_SHELL:
		i->json = take_json(d, t, at, &w);
		if (!i->json)
			take_rest(d, t, at, &w);
		if (i->kind == DF_SHELL && !i->json) {
			df_fail(shown, (struct df_word){ .line = i->line, .col = i->col }, err,
				"SHELL is no JSON array of strings");
			ret = err_hint(err, "write %s", counts[DF_SHELL].form);
		}
		break;
	case DF_HEALTHCHECK:
		ret = t->text.ptr[at] ? take_health(d, shown, t, at, i, &w, err) : 0;
		break;
	case DF_ONBUILD:
		ret = take_onbuild(d, shown, t, at, i, &w, err);
		break;
	case DF_MAINTAINER:
	case DF_USER:
	case DF_WORKDIR:
	case DF_STOPSIGNAL:
		take_rest(d, t, at, &w);
		break;
	}
	keep_words(d, i, &w);
	return ret < 0 ? -1 : check_count(shown, i, err);
}
