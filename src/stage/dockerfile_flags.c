/* SPDX-License-Identifier: Apache-2.0 */
/* --flags between an instruction and its arguments. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

enum value { TEXT, BOOL, NETWORK, MOUNT, STAGE, REFUSED };

static const struct {
	enum df_kind kind;
	const char *name;
	enum value value;
	bool many;
} known[] = {
	{ DF_FROM, "platform", TEXT, false },
	{ DF_COPY, "from", STAGE, false },
	{ DF_COPY, "chown", TEXT, false },
	{ DF_COPY, "chmod", TEXT, false },
	{ DF_COPY, "link", BOOL, false },
	{ DF_COPY, "parents", BOOL, false },
	{ DF_COPY, "exclude", TEXT, true },
	{ DF_ADD, "chown", TEXT, false },
	{ DF_ADD, "chmod", TEXT, false },
	{ DF_ADD, "link", BOOL, false },
	{ DF_ADD, "exclude", TEXT, true },
	{ DF_ADD, "checksum", TEXT, false },
	{ DF_ADD, "keep-git-dir", BOOL, false },
	{ DF_ADD, "unpack", BOOL, false },
	{ DF_RUN, "mount", MOUNT, true },
	{ DF_RUN, "network", NETWORK, false },
	{ DF_RUN, "security", REFUSED, false },
	{ DF_RUN, "device", REFUSED, true },
	{ DF_HEALTHCHECK, "interval", TEXT, false },
	{ DF_HEALTHCHECK, "timeout", TEXT, false },
	{ DF_HEALTHCHECK, "start-period", TEXT, false },
	{ DF_HEALTHCHECK, "start-interval", TEXT, false },
	{ DF_HEALTHCHECK, "retries", TEXT, false },
};

static int unknown(const char *shown, const struct df_inst *i, struct df_word w, const char *name, struct err *err)
{
	const char *list[ARRAY_LEN(known)], *near;
	size_t n = 0;

	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		if (known[k].kind == i->kind && known[k].value != REFUSED)
			list[n++] = known[k].name;
	near = str_closest(name, list, n);
	df_fail(shown, w, err, "%s has no flag --%.60s", df_kind_name(i->kind), name);
	return near ? err_hint(err, "did you mean --%s?", near) : -1;
}

static int check_network(const char *shown, struct df_word val, struct err *err)
{
	static const char *const modes[] = { "default", "none", "host" };
	const char *near;

	for (size_t i = 0; i < ARRAY_LEN(modes); i++)
		if (strcmp(val.s, modes[i]) == 0)
			return 0;
	near = str_closest(val.s, modes, ARRAY_LEN(modes));
	df_fail(shown, val, err, "RUN: --network: '%.60s' is no network", val.s);
	return near ? err_hint(err, "did you mean '%s'?", near) : err_hint(err, "write default, none or host");
}

/* Which stages there are is known before any variable: up to a comma, @from must be a name as it stands. */
static bool has_variable(const char *from)
{
	for (; *from && *from != ','; from++)
		if (*from == '$' && from[1] && from[1] != ',')
			return true;
	return false;
}

static int check_from(const char *shown, struct df_word val, struct err *err)
{
	if (!has_variable(val.s))
		return 0;
	df_fail(shown, val, err, "COPY: --from takes no variables");
	return err_hint(err, "write FROM %.60s AS NAME, its ARG before the first FROM, and --from=NAME", val.s);
}

/* Without a variable in it a mount can be judged at once, where the file is read. */
static int check_mount(const char *shown, struct df_word val, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct df_mount m;
	const char *from = strstr(val.s, "from=");

	if (!strchr(val.s, '$'))
		return df_mount_parse(&m, shown, val, &a, err);
	if (!from || (from != val.s && from[-1] != ','))
		return 0;
	if (!has_variable(from + strlen("from=")))
		return 0;
	df_fail(shown, val, err, "RUN --mount: from= takes no variables");
	return err_hint(err, "name a stage by FROM ... AS NAME and write from=NAME");
}

static int check_bool(const char *shown, const struct df_inst *i, struct df_flag *f, struct err *err)
{
	if (!f->val.s || strcasecmp(f->val.s, "true") == 0)
		return 0;
	if (strcasecmp(f->val.s, "false") == 0)
		return 0;
	return df_fail(shown, f->val, err, "%s: --%s: '%.60s' is neither true nor false", df_kind_name(i->kind),
		       f->name, f->val.s);
}

/* @w: the flag without quotes. *@keep: false if it says nothing, as "--chown=". */
static int take(struct dockerfile *d, const char *shown, const struct df_inst *i, struct df_word w, struct df_flag *out,
		bool *keep, struct err *err)
{
	const char *eq = strchr(w.s, '=');
	const size_t n = eq ? (size_t)(eq - w.s) - 2 : strlen(w.s) - 2;
	const char *name = arena_str(&d->arena, (struct str){ w.s + 2, n }), *inst = df_kind_name(i->kind);
	size_t k = 0;

	while (k < ARRAY_LEN(known) && (known[k].kind != i->kind || strcmp(known[k].name, name) != 0))
		k++;
	if (k == ARRAY_LEN(known))
		return unknown(shown, i, w, name, err);
	*out = (struct df_flag){ .name = known[k].name, .val = { eq ? eq + 1 : NULL, w.line, w.col } };
	out->val.col += eq ? (unsigned)n + 3 : 0;
	*keep = !eq || eq[1];
	if (known[k].value == REFUSED) {
		df_fail(shown, w, err, "RUN: --%s is not supported", name);
		return err_hint(err, "every RUN has the same sandbox, without devices or privileges");
	}
	if (known[k].value != BOOL && !eq) {
		df_fail(shown, w, err, "%s: --%s needs a value", inst, name);
		return err_hint(err, "write --%s=VALUE", name);
	}
	if (known[k].value != TEXT && known[k].value != STAGE && eq && !eq[1])
		return df_fail(shown, w, err, "%s: --%s= has no value", inst, name);
	if (!known[k].many && df_flag(i, name))
		return df_fail(shown, w, err, "%s: --%s is there twice", inst, name);
	switch (known[k].value) {
	case BOOL:
		return check_bool(shown, i, out, err);
	case NETWORK:
		return check_network(shown, out->val, err);
	case MOUNT:
		return check_mount(shown, out->val, err);
	case STAGE:
		return *keep ? check_from(shown, out->val, err) : 0;
	default:
		return 0;
	}
}

/* The flag at @s without its quotes and escape characters; the length it has in the text. */
static size_t unquote(const char *s, char escape, struct buf *out)
{
	char quote = '\0';
	size_t n = 0;

	for (; s[n]; n++) {
		if (s[n] == escape) {
			if (s[n + 1])
				buf_addc(out, s[++n]);
		} else if (quote ? s[n] == quote : s[n] == '"' || s[n] == '\'') {
			quote = quote ? '\0' : s[n];
		} else if (!quote && df_space(s + n)) {
			break;
		} else {
			buf_addc(out, s[n]);
		}
	}
	return n;
}

int df_flags_parse(struct dockerfile *d, const char *shown, struct df_text *t, size_t *at, struct df_inst *i,
		   struct err *err)
{
	VEC(struct df_flag) list = { 0 };
	bool end = false;
	int ret = 0;

	for (;;) {
		CLEAN_BUF struct buf word = BUF_INIT;
		struct df_word w = { .s = NULL };
		struct df_flag f;
		bool keep = true;

		*at = df_skip(t->text.ptr, *at);
		if (end || ret < 0 || strncmp(t->text.ptr + *at, "--", 2) != 0)
			break;
		df_text_place(t, *at, &w.line, &w.col);
		*at += unquote(t->text.ptr + *at, d->escape, &word);
		end = strcmp(word.ptr, "--") == 0;
		if (end)
			continue;
		w.s = arena_str(&d->arena, buf_str(&word));
		i->flags = list.ptr;
		i->nflags = list.len;
		ret = take(d, shown, i, w, &f, &keep, err);
		if (ret == 0 && keep)
			VEC_PUSH(&list, f);
	}
	i->flags = arena_copy(&d->arena, list.ptr, list.len * sizeof(*i->flags));
	i->nflags = list.len;
	VEC_FREE(&list);
	return ret;
}
