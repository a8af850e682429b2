/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount=type=...,target=...: comma-separated fields, as a line of CSV. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };

/* One field of the CSV, its quotes taken off: "a,b" is one. */
static char *next_field(const char **p)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *s = *p;
	const bool quoted = *s == '"';

	s += quoted;
	while (*s && (quoted ? !(*s == '"' && s[1] != '"') : *s != ',')) {
		s += quoted && *s == '"';
		buf_addc(&b, *s++);
	}
	s += quoted && *s == '"';
	*p = *s == ',' ? s + 1 : s + strlen(s);
	return b.len ? buf_detach(&b) : xstrdup("");
}

static int bad(const char *shown, struct df_word at, struct err *err, const char *key, const char *val)
{
	return df_fail(shown, at, err, "RUN --mount: %s: '%.100s' is not possible", key, val);
}

static int number(const char *s, int base, int64_t *out)
{
	char *end;
	long long n;

	if (*s < '0' || *s > '9')
		return -1;
	n = strtoll(s, &end, base);
	if (*end || n < 0 || n > INT32_MAX)
		return -1;
	*out = n;
	return 0;
}

static int boolean(const char *val, bool *out)
{
	const bool yes = !val || strcmp(val, "true") == 0 || strcmp(val, "1") == 0;

	if (!yes && strcmp(val, "false") != 0 && strcmp(val, "0") != 0)
		return -1;
	*out = yes;
	return 0;
}

static int set_sharing(struct df_mount *m, const char *val)
{
	static const char *const kinds[] = { "shared", "private", "locked" };

	for (int i = 0; i < 3; i++)
		if (strcmp(val, kinds[i]) == 0) {
			m->sharing = (__typeof__(m->sharing))i;
			return 0;
		}
	return -1;
}

static int set_string(struct df_mount *m, const char *key, const char *val, struct arena *a)
{
	const char **to = NULL;

	if (strcmp(key, "target") == 0 || strcmp(key, "dst") == 0 || strcmp(key, "destination") == 0)
		to = &m->target;
	else if (strcmp(key, "source") == 0 || strcmp(key, "src") == 0)
		to = &m->source;
	else if (strcmp(key, "from") == 0)
		to = &m->from;
	else if (strcmp(key, "id") == 0)
		to = &m->id;
	else if (strcmp(key, "env") == 0)
		to = &m->env;
	if (!to)
		return 0;
	*to = arena_strdup(a, val);
	return 1;
}

static int set_field(struct df_mount *m, const char *shown, struct df_word at, const char *key, const char *val,
		     struct arena *a, struct err *err)
{
	static const char *const keys[] = { "type",	"target", "source",    "from",	  "id",	  "env",
					    "readonly", "rw",	  "required",  "sharing", "mode", "uid",
					    "gid",	"size",	  "readwrite", "ro",	  "dst",  "src" };
	const char *v = val ? val : "", *near;
	bool flag;

	if (strcmp(key, "type") == 0)
		return 0;
	if (strcmp(key, "readonly") == 0 || strcmp(key, "ro") == 0)
		return boolean(val, &m->readonly) < 0 ? bad(shown, at, err, key, v) : 0;
	if (strcmp(key, "readwrite") == 0 || strcmp(key, "rw") == 0) {
		if (boolean(val, &flag) < 0)
			return bad(shown, at, err, key, v);
		m->readonly = !flag;
		return 0;
	}
	if (strcmp(key, "required") == 0)
		return boolean(val, &m->required) < 0 ? bad(shown, at, err, key, v) : 0;
	if (!val) {
		df_fail(shown, at, err, "RUN --mount: '%.60s' has no value", key);
		return err_hint(err, "write KEY=VALUE, separated by commas");
	}
	if (set_string(m, key, val, a))
		return 0;
	if (strcmp(key, "sharing") == 0)
		return set_sharing(m, val) < 0 ? bad(shown, at, err, key, v) : 0;
	if (strcmp(key, "mode") == 0)
		return number(val, 8, &m->mode) < 0 || m->mode > 07777 ? bad(shown, at, err, key, v) : 0;
	if (strcmp(key, "uid") == 0)
		return number(val, 10, &m->uid) < 0 ? bad(shown, at, err, key, v) : 0;
	if (strcmp(key, "gid") == 0)
		return number(val, 10, &m->gid) < 0 ? bad(shown, at, err, key, v) : 0;
	if (strcmp(key, "size") == 0)
		return str_parse_size(str_from(val), &m->size) < 0 ? bad(shown, at, err, key, v) : 0;
	near = str_closest(key, keys, ARRAY_LEN(keys));
	df_fail(shown, at, err, "RUN --mount: unknown key '%.60s'", key);
	return near ? err_hint(err, "did you mean '%s'?", near) : -1;
}

static int set_type(struct df_mount *m, const char *shown, struct df_word at, const char *text, struct err *err)
{
	for (const char *p = text; *p;) {
		CLEAN_FREE char *field = next_field(&p);
		size_t i = 0;

		if (strncmp(field, "type=", 5) != 0)
			continue;
		while (i < ARRAY_LEN(types) && strcmp(field + 5, types[i]) != 0)
			i++;
		if (i == ARRAY_LEN(types)) {
			df_fail(shown, at, err, "RUN --mount: unknown type '%.60s'", field + 5);
			return err_hint(err, "choose bind, cache, tmpfs or secret");
		}
		m->type = (enum df_mount_type)i;
	}
	return 0;
}

int df_mount_parse(struct df_mount *m, const char *shown, struct df_word text, struct arena *a, struct err *err)
{
	*m = (struct df_mount){ .type = DF_MOUNT_BIND, .mode = -1, .uid = -1, .gid = -1 };
	if (set_type(m, shown, text, text.s, err) < 0)
		return -1;
	m->readonly = m->type == DF_MOUNT_BIND;
	for (const char *p = text.s; *p;) {
		CLEAN_FREE char *field = next_field(&p);
		char *eq = strchr(field, '=');

		if (eq)
			*eq = '\0';
		for (char *c = field; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
		if (set_field(m, shown, text, field, eq ? eq + 1 : NULL, a, err) < 0)
			return -1;
	}
	if (!m->target && m->type != DF_MOUNT_SECRET && m->type != DF_MOUNT_SSH)
		return df_fail(shown, text, err, "RUN --mount: type=%s has no target", types[m->type]);
	if (m->type == DF_MOUNT_SECRET && !m->target && !m->id)
		return df_fail(shown, text, err, "RUN --mount: type=secret has neither id nor target");
	return 0;
}
