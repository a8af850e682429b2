/* SPDX-License-Identifier: Apache-2.0 */
/* RUN --mount=type=...,target=...: comma-separated fields, as a line of CSV. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

static const char *const types[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
static const char *const modes[] = { "shared", "private", "locked" };
static const char *const keys[] = { "type", "target",	"dst", "destination", "source",	  "src",     "from",
				    "id",   "env",	"ro",  "readonly",    "rw",	  "sharing", "required",
				    "mode", "readwrite", "uid", "gid",	      "size" };

/** A mount's text in the reading. */
struct reading {
	struct df_mount *m;
	const char *shown;
	struct df_word at;
	struct arena *a;
	struct err *err;
	bool access;		/* ro or rw was said */
	bool sharing;
};

static int bad(const struct reading *r, const char *key, const char *val)
{
	return df_fail(r->shown, r->at, r->err, "RUN --mount: %s: '%.100s' is not possible", key, val);
}

/* The next field, its quotes taken off: "a,b" is one. */
static int next_field(const struct reading *r, const char **p, struct buf *out)
{
	const char *s = *p;
	const bool quoted = *s == '"';

	buf_reset(out);
	for (s += quoted; *s && (quoted || *s != ','); s++) {
		if (*s == '"' && quoted && s[1] == '"')
			s++;
		else if (*s == '"' && quoted)
			break;
		if (*s == '"' && !quoted) {
			df_fail(r->shown, r->at, r->err, "RUN --mount: a quote inside of a field");
			return err_hint(r->err, "quote a whole field: \"target=/a,b\"");
		}
		buf_addc(out, *s);
	}
	if (quoted && (*s != '"' || (s[1] && s[1] != ','))) {
		df_fail(r->shown, r->at, r->err, "RUN --mount: the closing '\"' is missing");
		return err_hint(r->err, "quote a whole field: \"target=/a,b\"");
	}
	s += quoted;
	*p = *s == ',' ? s + 1 : s;
	return 0;
}

static int number(const char *s, int base, int64_t *out)
{
	char *end;
	unsigned long n;

	if (*s < '0' || *s > '9' || strlen(s) > 16)
		return -1;
	n = strtoul(s, &end, base);
	if (*end || n >= UINT32_MAX)
		return -1;
	*out = (int64_t)n;
	return 0;
}

/* As Go's strconv.ParseBool. */
static int boolean(const char *val, bool *out)
{
	static const char *const words[] = { "1", "t", "T", "true", "TRUE", "True",
					     "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcmp(val, words[i]) == 0) {
			*out = i < ARRAY_LEN(words) / 2;
			return 0;
		}
	return -1;
}

static int one_of(const char *const *list, size_t n, const char *val)
{
	for (size_t i = 0; i < n; i++)
		if (strcasecmp(val, list[i]) == 0)
			return (int)i;
	return -1;
}

static bool is(const char *key, const char *a, const char *b, const char *c)
{
	return strcmp(key, a) == 0 || strcmp(key, b) == 0 || strcmp(key, c) == 0;
}

static int set_type(struct reading *r, const char *val)
{
	const int i = one_of(types, ARRAY_LEN(types), val);
	const char *near;

	if (i >= 0) {
		r->m->type = (enum df_mount_type)i;
		return 0;
	}
	near = str_closest(val, types, ARRAY_LEN(types));
	df_fail(r->shown, r->at, r->err, "RUN --mount: unknown type '%.60s'", val);
	return near ? err_hint(r->err, "did you mean '%s'?", near) :
		      err_hint(r->err, "choose bind, cache, tmpfs or secret");
}

static int set_sharing(struct reading *r, const char *val)
{
	const int i = one_of(modes, ARRAY_LEN(modes), val);

	if (i < 0) {
		bad(r, "sharing", val);
		return err_hint(r->err, "choose shared, private or locked");
	}
	r->m->sharing = (__typeof__(r->m->sharing))i;
	r->sharing = true;
	return 0;
}

/* Without "=": a flag that is on. */
static int set_bool(struct reading *r, const char *key, const char *val, bool *done)
{
	bool on = true;

	*done = is(key, "readonly", "ro", "required") || is(key, "rw", "readwrite", "rw");
	if (!*done)
		return 0;
	if (val && boolean(val, &on) < 0)
		return bad(r, key, val);
	if (strcmp(key, "required") == 0) {
		if (r->m->type != DF_MOUNT_SECRET && r->m->type != DF_MOUNT_SSH)
			return df_fail(r->shown, r->at, r->err, "RUN --mount: type=%s takes no required",
				       types[r->m->type]);
		r->m->required = on;
		return 0;
	}
	r->m->readonly = *key == 'r' && key[1] == 'w' ? !on : strcmp(key, "readwrite") == 0 ? !on : on;
	r->access = true;
	return 0;
}

static int set_field(struct reading *r, const char *key, const char *val)
{
	struct df_mount *m = r->m;
	const char **to = NULL, *near;
	bool done;

	if (set_bool(r, key, val, &done) < 0)
		return -1;
	if (done)
		return 0;
	if (!val) {
		df_fail(r->shown, r->at, r->err, "RUN --mount: '%.60s' has no value", key);
		return err_hint(r->err, "write KEY=VALUE, separated by commas");
	}
	if (strcmp(key, "type") == 0)
		return set_type(r, val);
	if (strcmp(key, "sharing") == 0)
		return set_sharing(r, val);
	if (strcmp(key, "mode") == 0)
		return number(val, 8, &m->mode) < 0 || m->mode > 07777 ? bad(r, key, val) : 0;
	if (strcmp(key, "uid") == 0)
		return number(val, 10, &m->uid) < 0 ? bad(r, key, val) : 0;
	if (strcmp(key, "gid") == 0)
		return number(val, 10, &m->gid) < 0 ? bad(r, key, val) : 0;
	if (strcmp(key, "size") == 0)
		return str_parse_size(str_from(val), &m->size) < 0 || !m->size ? bad(r, key, val) : 0;
	to = is(key, "target", "dst", "destination") ? &m->target :
	     is(key, "source", "src", "src")	     ? &m->source :
	     strcmp(key, "from") == 0		     ? &m->from :
	     strcmp(key, "id") == 0		     ? &m->id :
	     strcmp(key, "env") == 0		     ? &m->env :
						       NULL;
	if (to) {
		*to = *val ? arena_strdup(r->a, val) : NULL;
		return 0;
	}
	near = str_closest(key, keys, ARRAY_LEN(keys));
	df_fail(r->shown, r->at, r->err, "RUN --mount: unknown key '%.60s'", key);
	return near ? err_hint(r->err, "did you mean '%s'?", near) : -1;
}

/* What fits the type and what it needs. */
static int check(struct reading *r)
{
	struct df_mount *m = r->m;
	const bool secret = m->type == DF_MOUNT_SECRET || m->type == DF_MOUNT_SSH;
	const bool owned = secret || m->type == DF_MOUNT_CACHE;
	const char *wrong = !owned && m->mode >= 0		   ? "mode" :
			    !owned && m->uid >= 0		   ? "uid" :
			    !owned && m->gid >= 0		   ? "gid" :
			    m->size && m->type != DF_MOUNT_TMPFS   ? "size" :
			    r->sharing && m->type != DF_MOUNT_CACHE ? "sharing" :
			    secret && m->from			   ? "from" :
			    m->env && m->type != DF_MOUNT_SECRET   ? "env" :
								     NULL;

	if (wrong)
		return df_fail(r->shown, r->at, r->err, "RUN --mount: type=%s takes no %s", types[m->type], wrong);
	if (m->type == DF_MOUNT_SECRET && m->id && m->source)
		return df_fail(r->shown, r->at, r->err, "RUN --mount: id and source are the same; there are both");
	if (secret && m->source && !m->id)
		m->id = m->source;
	if (!m->target && !secret) {
		df_fail(r->shown, r->at, r->err, "RUN --mount: type=%s has no target", types[m->type]);
		return err_hint(r->err, "write target=/PATH");
	}
	if (m->type == DF_MOUNT_SECRET && !m->target && !m->id) {
		df_fail(r->shown, r->at, r->err, "RUN --mount: type=secret has neither id nor target");
		return err_hint(r->err, "write id=NAME");
	}
	if (!r->access)
		m->readonly = m->type != DF_MOUNT_CACHE && m->type != DF_MOUNT_TMPFS;
	return 0;
}

int df_mount_parse(struct df_mount *m, const char *shown, struct df_word text, struct arena *a, struct err *err)
{
	struct reading r = { .m = m, .shown = shown, .at = text, .a = a, .err = err };
	CLEAN_BUF struct buf field = BUF_INIT;

	*m = (struct df_mount){ .type = DF_MOUNT_BIND, .mode = -1, .uid = -1, .gid = -1 };
	for (const char *p = text.s; *p;) {
		char *eq;

		if (next_field(&r, &p, &field) < 0)
			return -1;
		if (!field.len)
			continue;
		eq = strchr(field.ptr, '=');
		if (eq)
			*eq = '\0';
		for (char *c = field.ptr; *c; c++)
			*c = (char)(*c >= 'A' && *c <= 'Z' ? *c + 32 : *c);
		if (set_field(&r, field.ptr, eq ? eq + 1 : NULL) < 0)
			return -1;
	}
	return check(&r);
}
