/* SPDX-License-Identifier: Apache-2.0 */
/* What each instruction takes: pairs, commands, words; and how many of them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

static const char *const names[] = {
	[DF_FROM] = "FROM",	      [DF_RUN] = "RUN",		      [DF_CMD] = "CMD",
	[DF_LABEL] = "LABEL",	      [DF_MAINTAINER] = "MAINTAINER", [DF_EXPOSE] = "EXPOSE",
	[DF_ENV] = "ENV",	      [DF_ADD] = "ADD",		      [DF_COPY] = "COPY",
	[DF_ENTRYPOINT] = "ENTRYPOINT", [DF_VOLUME] = "VOLUME",	      [DF_USER] = "USER",
	[DF_WORKDIR] = "WORKDIR",     [DF_ARG] = "ARG",		      [DF_ONBUILD] = "ONBUILD",
	[DF_STOPSIGNAL] = "STOPSIGNAL", [DF_HEALTHCHECK] = "HEALTHCHECK", [DF_SHELL] = "SHELL",
};

const char *df_kind_name(enum df_kind k)
{
	return names[k];
}

int df_kind_parse(const char *shown, struct df_word w, struct err *err)
{
	CLEAN_FREE char *upper = xstrdup(w.s);
	const char *near;

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

/* ---- pairs ---- */

static void split_pair(struct dockerfile *d, struct df_word w, struct df_kv *kv)
{
	const char *eq = strchr(w.s, '=');

	*kv = (struct df_kv){ .key = w };
	if (!eq)
		return;
	kv->key.s = arena_str(&d->arena, (struct str){ w.s, (size_t)(eq - w.s) });
	kv->val = (struct df_word){ eq + 1, w.line, w.col + (unsigned)(eq - w.s) + 1 };
}

/* "ENV NAME all the rest": the name goes up to the first blank, quotes or not. */
static int old_pair(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		    struct err *err)
{
	const size_t n = strcspn(t->text.ptr + at, " \t\v\f\r");
	struct df_words rest = { 0 };
	struct df_kv *kv = &i->kvs[0];

	i->nkvs = 1;
	*kv = (struct df_kv){ .key = df_text_word(t, at, n, &d->arena), .blank = true };
	df_words_rest(d, t, at + n, &rest);
	if (rest.len) {
		kv->val = rest.ptr[0];
		VEC_FREE(&rest);
		return 0;
	}
	df_fail(shown, kv->key, err, "%s: '%.60s' has no value", names[i->kind], kv->key.s);
	return err_hint(err, "write %s NAME=VALUE", names[i->kind]);
}

static int take_pairs(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		      struct err *err)
{
	struct df_words w = { 0 };
	int ret = 0;

	df_words_quoted(d, t, at, &w);
	i->kvs = arena_alloc(&d->arena, w.len * sizeof(*i->kvs) + 1);
	if (w.len && i->kind != DF_ARG && !strchr(w.ptr[0].s, '=')) {
		VEC_FREE(&w);
		return old_pair(d, shown, t, at, i, err);
	}
	for (size_t k = 0; k < w.len && ret == 0; k++) {
		struct df_kv *kv = &i->kvs[i->nkvs++];

		split_pair(d, w.ptr[k], kv);
		if (!kv->val.s && i->kind != DF_ARG) {
			df_fail(shown, w.ptr[k], err, "%s: '%.60s' has no '='", names[i->kind], w.ptr[k].s);
			ret = err_hint(err, "write NAME=VALUE; a value with blanks stands in quotes");
		} else if (!*kv->key.s) {
			ret = df_fail(shown, w.ptr[k], err, "%s: there is no name before '='", names[i->kind]);
		}
	}
	VEC_FREE(&w);
	return ret;
}

/* ---- commands ---- */

static int take_command(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
			struct df_words *out, struct err *err)
{
	const int json = df_words_json(d, shown, t, at, out, err);

	i->json = json > 0;
	if (json == 0)
		df_words_rest(d, t, at, out);
	return json < 0 ? -1 : 0;
}

static int take_shell(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		      struct df_words *out, struct err *err)
{
	struct df_word w = { .s = NULL };

	if (take_command(d, shown, t, at, i, out, err) < 0)
		return -1;
	if (i->json || !out->len)
		return 0;
	df_text_place(t, at, &w.line, &w.col);
	df_fail(shown, w, err, "SHELL takes a JSON array of strings");
	return err_hint(err, "write SHELL [\"/bin/sh\", \"-c\"]");
}

static int take_health(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		       struct df_words *out, struct err *err)
{
	size_t end = at;
	struct df_word w;
	bool none;

	while (t->text.ptr[end] && !df_space(t->text.ptr + end))
		end++;
	if (end == at)
		return 0;
	w = df_text_word(t, at, end - at, &d->arena);
	none = strcasecmp(w.s, "NONE") == 0;
	if (!none && strcasecmp(w.s, "CMD") != 0) {
		df_fail(shown, w, err, "HEALTHCHECK: '%.60s' is neither CMD nor NONE", w.s);
		return err_hint(err, "write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE");
	}
	w.s = none ? "NONE" : "CMD";
	VEC_PUSH(out, w);
	at = df_skip(t->text.ptr, end);
	if (none)
		return t->text.ptr[at] || i->nflags ? df_fail(shown, w, err, "HEALTHCHECK NONE takes nothing else") : 0;
	if (take_command(d, shown, t, at, i, out, err) < 0)
		return -1;
	return out->len > 1 ? 0 : df_fail(shown, w, err, "HEALTHCHECK CMD: the command is missing");
}

static int take_onbuild(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
			struct df_words *out, struct err *err)
{
	const struct df_word w = df_text_word(t, at, strcspn(t->text.ptr + at, " \t\v\f\r"), &d->arena);
	int kind;

	df_words_rest(d, t, at, out);
	if (!out->len)
		return 0;
	kind = df_kind_parse(shown, w, err);
	if (kind < 0)
		return -1;
	if (kind == DF_FROM || kind == DF_ONBUILD || kind == DF_MAINTAINER)
		return df_fail(shown, w, err, "ONBUILD %s is not allowed", names[kind]);
	i->onbuild = arena_new(&d->arena, struct df_inst);
	*i->onbuild = (struct df_inst){ .kind = (enum df_kind)kind, .line = w.line, .col = w.col,
					.end_line = i->end_line, .original = out->ptr[0].s };
	return df_inst_parse(d, shown, t, at + strlen(w.s), i->onbuild, err);
}

/* ---- how many ---- */

static const struct {
	size_t min, max;	/* max 0: any number */
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

static int check_from(const char *shown, const struct df_inst *i, struct err *err)
{
	if (i->nargs == 1 || (i->nargs == 3 && strcasecmp(i->args[1].s, "AS") == 0))
		return 0;
	df_fail(shown, i->args[1], err, "FROM: '%.60s' after the image", i->args[1].s);
	return err_hint(err, "write %s", counts[DF_FROM].form);
}

/* Empty words come of JSON, of which a COPY or a VOLUME makes nothing. */
static int check_words(struct dockerfile *d, const char *shown, const struct df_inst *i, struct err *err)
{
	struct df_heredoc h;

	for (size_t k = 0; k < i->nargs; k++)
		if (!*i->args[k].s)
			return df_fail(shown, i->args[k], err, "%s: an empty word", names[i->kind]);
	if ((i->kind == DF_COPY || i->kind == DF_ADD) && df_heredoc_word(i->args[i->nargs - 1].s, &d->arena, &h))
		return df_fail(shown, i->args[i->nargs - 1], err, "%s: a heredoc cannot be the destination",
			       names[i->kind]);
	return 0;
}

static int check_inst(struct dockerfile *d, const char *shown, const struct df_inst *i, struct err *err)
{
	const struct df_word at = { .line = i->line, .col = i->col };
	const size_t n = i->kind == DF_ENV || i->kind == DF_LABEL || i->kind == DF_ARG ? i->nkvs : i->nargs;
	const bool few = n < counts[i->kind].min;

	if (few || (counts[i->kind].max && n > counts[i->kind].max)) {
		df_fail(shown, at, err, "%s: %s", names[i->kind], few ? "something is missing" : "there is too much");
		return err_hint(err, "write %s", counts[i->kind].form);
	}
	switch (i->kind) {
	case DF_FROM:
		return check_from(shown, i, err);
	case DF_COPY:
	case DF_ADD:
	case DF_VOLUME:
		return check_words(d, shown, i, err);
	default:
		return 0;
	}
}

static int take_args(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		     struct df_words *out, struct err *err)
{
	switch (i->kind) {
	case DF_ENV:
	case DF_LABEL:
	case DF_ARG:
		return take_pairs(d, shown, t, at, i, err);
	case DF_FROM:
	case DF_EXPOSE:
		df_words_blanks(d, t, at, out);
		return 0;
	case DF_COPY:
	case DF_ADD:
	case DF_VOLUME: {
		const int json = df_words_json(d, shown, t, at, out, err);

		i->json = json > 0;
		if (json == 0)
			df_words_blanks(d, t, at, out);
		return json < 0 ? -1 : 0;
	}
	case DF_RUN:
	case DF_CMD:
	case DF_ENTRYPOINT:
		return take_command(d, shown, t, at, i, out, err);
	case DF_SHELL:
		return take_shell(d, shown, t, at, i, out, err);
	case DF_HEALTHCHECK:
		return take_health(d, shown, t, at, i, out, err);
	case DF_ONBUILD:
		return take_onbuild(d, shown, t, at, i, out, err);
	case DF_MAINTAINER:
	case DF_USER:
	case DF_WORKDIR:
	case DF_STOPSIGNAL:
		break;
	}
	df_words_rest(d, t, at, out);
	return 0;
}

int df_inst_parse(struct dockerfile *d, const char *shown, struct df_text *t, size_t at, struct df_inst *i,
		  struct err *err)
{
	struct df_words w = { 0 };
	int ret = df_flags_parse(d, shown, t, &at, i, err);

	if (ret == 0)
		ret = take_args(d, shown, t, at, i, &w, err);
	i->args = arena_copy(&d->arena, w.ptr, w.len * sizeof(*i->args));
	i->nargs = w.len;
	VEC_FREE(&w);
	return ret < 0 ? -1 : check_inst(d, shown, i, err);
}
