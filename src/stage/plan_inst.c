/* SPDX-License-Identifier: Apache-2.0 */
/* One instruction of a stage: what it changes in the config, or the op that it becomes. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

#define MAX_PORTS 65536u /* of one range */

void plan_history(struct vertex *v, const char *text, struct op *op)
{
	VEC_PUSH(&v->entries, ((struct entry){ .text = text, .op = op }));
}

struct op *plan_op(struct vertex *v, const struct df_inst *i, enum op_kind kind, const char *history)
{
	struct op *op = arena_new(&v->sv->arena, struct op);
	pthread_mutexattr_t attr;

	/* who makes an op asks for its key meanwhile */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	*op = (struct op){ .v = v, .shown = v->shown, .inst = i, .kind = kind, .step = v->steps, .history = history };
	pthread_mutex_init(&op->lock, &attr);
	pthread_mutex_init(&op->layer.lock, NULL);
	pthread_mutexattr_destroy(&attr);
	op->layer.op = op;
	VEC_PUSH(&v->ops, op);
	plan_history(v, history, op);
	return op;
}

static char *keep(struct vertex *v, const struct buf *b)
{
	return arena_str(&v->sv->arena, buf_str(b));
}

static int check_utf8(const struct vertex *v, struct df_word at, const char *s, struct err *err)
{
	return str_is_utf8(str_from(s)) ? 0 : plan_fail(v, at, err, "the value is no valid UTF-8");
}

/* The words of @i from @first on, expanded. */
static int expand_args(struct vertex *v, const struct df_inst *i, size_t first, const char ***out, struct err *err)
{
	const char **list = arena_alloc(&v->sv->arena, (i->nargs + 1) * sizeof(*list));

	for (size_t k = first; k < i->nargs; k++) {
		list[k - first] = plan_expand(v, i->args[k], err);
		if (!list[k - first] || check_utf8(v, i->args[k], list[k - first], err) < 0)
			return -1;
	}
	*out = list;
	return 0;
}

/* Go's %q of a list of strings, which is how histories show a command. */
static void add_quoted(struct buf *b, const char *const *v, size_t n)
{
	buf_addc(b, '[');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(b, ' ');
		buf_add_json(b, str_from(v[i]));
	}
	buf_addc(b, ']');
}

static void add_plain(struct buf *b, const char *const *v, size_t n)
{
	buf_addc(b, '[');
	for (size_t i = 0; i < n; i++)
		buf_addf(b, "%s%s", i ? " " : "", v[i]);
	buf_addc(b, ']');
}

/* A command as its list: the exec form, or the shell before the text. */
static const char **command(struct vertex *v, const struct df_inst *i, size_t first, size_t *n)
{
	const char **list = arena_alloc(&v->sv->arena, (i->nargs + v->shell.len + 1) * sizeof(*list));

	*n = 0;
	if (!i->json)
		for (size_t k = 0; k < v->shell.len; k++)
			list[(*n)++] = arena_strdup(&v->sv->arena, v->shell.ptr[k]);
	for (size_t k = first; k < i->nargs; k++)
		list[(*n)++] = i->args[k].s;
	return list;
}

static int set_command(struct vertex *v, const struct df_inst *i, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const bool entry = i->kind == DF_ENTRYPOINT;
	size_t n;
	const char **list = command(v, i, 0, &n);

	for (size_t k = 0; k < i->nargs; k++)
		if (check_utf8(v, i->args[k], i->args[k].s, err) < 0)
			return -1;
	image_config_set_list(&v->config, entry ? "Entrypoint" : "Cmd", list, n);
	/* a base's arguments were for its own entry point */
	if (entry && !v->cmd_set)
		image_config_set_list(&v->config, "Cmd", NULL, 0);
	v->cmd_set = v->cmd_set || !entry;
	buf_addf(&text, "%s ", df_kind_name(i->kind));
	add_quoted(&text, list, n);
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

static int set_pairs(struct vertex *v, const struct df_inst *i, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const char **vals = arena_alloc(&v->sv->arena, (i->nkvs + 1) * sizeof(*vals));
	const char **keys = arena_alloc(&v->sv->arena, (i->nkvs + 1) * sizeof(*keys));

	buf_addz(&text, df_kind_name(i->kind));
	/* all of one instruction see the values from before it */
	for (size_t k = 0; k < i->nkvs; k++) {
		keys[k] = plan_expand(v, i->kvs[k].key, err);
		vals[k] = keys[k] ? plan_expand(v, i->kvs[k].val, err) : NULL;
		if (!vals[k] || check_utf8(v, i->kvs[k].val, vals[k], err) < 0 ||
		    check_utf8(v, i->kvs[k].key, keys[k], err) < 0)
			return -1;
		if (!*keys[k])
			return plan_fail(v, i->kvs[k].key, err, "%s: the name is empty", df_kind_name(i->kind));
		buf_addf(&text, " %s=%s", keys[k], vals[k]);
	}
	for (size_t k = 0; k < i->nkvs; k++) {
		if (i->kind == DF_ENV) {
			image_config_set_env(&v->config, keys[k], vals[k]);
			map_put(&v->vars, keys[k], (void *)(uintptr_t)vals[k]);
			continue;
		}
		image_config_set_label(&v->config, keys[k], vals[k]);
	}
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

static int parse_port(struct str s, unsigned *port)
{
	uint64_t n;

	if (str_parse_u64(s, &n) < 0 || n > 65535)
		return -1;
	*port = (unsigned)n;
	return 0;
}

/* "80", "80/udp", "8000-8010/tcp"; what stands before a colon was for the host, and means nothing. */
static int expose_one(struct vertex *v, struct df_word at, const char *spec, struct buf *text, bool *first,
		      struct err *err)
{
	const char *colon = strrchr(spec, ':');
	struct str rest = str_from(colon ? colon + 1 : spec), range = rest, from;
	struct str proto = str_cut(&range, '/');
	CLEAN_FREE char *low = NULL;
	unsigned a, b;

	proto = proto.len ? proto : STR("tcp");
	low = xasprintf(STR_FMT, STR_ARG(proto));
	for (char *p = low; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'Z' ? *p + 32 : *p);
	from = range;
	range = str_cut(&from, '-');
	if (parse_port(from, &a) < 0 || parse_port(range.len ? range : from, &b) < 0 || b < a || b - a > MAX_PORTS ||
	    (strcmp(low, "tcp") != 0 && strcmp(low, "udp") != 0 && strcmp(low, "sctp") != 0)) {
		plan_fail(v, at, err, "EXPOSE: '%s' is no port", spec);
		return err_hint(err, "write PORT, PORT/udp or FIRST-LAST");
	}
	for (; a <= b; a++) {
		CLEAN_FREE char *key = xasprintf("%u/%s", a, low);

		image_config_add(&v->config, "ExposedPorts", key);
		buf_addf(text, "%s%s", *first ? "" : " ", key);
		*first = false;
	}
	return 0;
}

static int expose(struct vertex *v, const struct df_inst *i, struct err *err)
{
	const struct df_vars vars = { plan_var, v };
	CLEAN_BUF struct buf text = BUF_INIT;
	bool first = true;

	buf_addz(&text, "EXPOSE [");
	for (size_t k = 0; k < i->nargs; k++) {
		struct df_word *words;
		size_t n;

		if (df_expand_words(v->shown, i->args[k], v->sv->df.escape, &vars, &v->sv->arena, &words, &n,
				    err) < 0)
			return -1;
		for (size_t m = 0; m < n; m++)
			if (expose_one(v, i->args[k], words[m].s, &text, &first, err) < 0)
				return -1;
	}
	buf_addc(&text, ']');
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

static int volume(struct vertex *v, const struct df_inst *i, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const char **list;

	if (expand_args(v, i, 0, &list, err) < 0)
		return -1;
	for (size_t k = 0; k < i->nargs; k++) {
		if (!*list[k])
			return plan_fail(v, i->args[k], err, "VOLUME: a name is empty");
		image_config_add(&v->config, "Volumes", list[k]);
	}
	buf_addz(&text, "VOLUME ");
	add_plain(&text, list, i->nargs);
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

static int simple(struct vertex *v, const struct df_inst *i, const char *member, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const char *val = i->nargs ? plan_expand(v, i->args[0], err) : "";

	if (!val || check_utf8(v, i->args[0], val, err) < 0)
		return -1;
	if (!*val)
		return plan_fail(v, i->args[0], err, "%s: '%s' is empty", df_kind_name(i->kind), i->args[0].s);
	image_config_set(&v->config, member, val);
	buf_addf(&text, "%s %s", df_kind_name(i->kind), val);
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

static int maintainer(struct vertex *v, const struct df_inst *i, struct err *err)
{
	const char *val = plan_expand(v, i->args[0], err);

	if (!val || check_utf8(v, i->args[0], val, err) < 0)
		return -1;
	if (json_object_set_new(v->config.root, "author", json_string(val)) < 0)
		BUG("jansson: cannot set the author");
	plan_history(v, arena_printf(&v->sv->arena, "MAINTAINER %s", val), NULL);
	return 0;
}

static int set_shell(struct vertex *v, const struct df_inst *i, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	strs_release(&v->shell);
	v->shell = (struct strs){ 0 };
	for (size_t k = 0; k < i->nargs; k++) {
		if (check_utf8(v, i->args[k], i->args[k].s, err) < 0)
			return -1;
		strs_add(&v->shell, i->args[k].s);
	}
	image_config_set_list(&v->config, "Shell", (const char *const *)v->shell.ptr, v->shell.len);
	buf_addz(&text, "SHELL ");
	add_plain(&text, (const char *const *)v->shell.ptr, v->shell.len);
	plan_history(v, keep(v, &text), NULL);
	return 0;
}

/* Go's time.ParseDuration: "1m30s", "0.5s", in nanoseconds. */
static int parse_duration(const char *s, int64_t *ns)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "m", 6e10 }, { "h", 3.6e12 } };
	double total = 0;

	if (!*s)
		return -1;
	while (*s) {
		const size_t digits = strspn(s, "0123456789.");
		CLEAN_FREE char *number = xstrndup(s, digits);
		char *end;
		const double x = strtod(number, &end);
		size_t len, u = 0;

		if (!digits || *end)
			return -1;
		s += digits;
		len = strspn(s, "nusmh");
		while (u < ARRAY_LEN(units) && !(strlen(units[u].unit) == len && strncmp(units[u].unit, s, len) == 0))
			u++;
		if (u == ARRAY_LEN(units))
			return -1;
		total += x * units[u].ns;
		s += len;
	}
	if (!(total < 9e18))
		return -1;
	*ns = (int64_t)total;
	return 0;
}

static int healthcheck(struct vertex *v, const struct df_inst *i, struct err *err)
{
	static const struct {
		const char *flag, *member;
	} times[] = { { "interval", "Interval" },
		      { "timeout", "Timeout" },
		      { "start-period", "StartPeriod" },
		      { "start-interval", "StartInterval" } };
	const struct df_flag *retries = df_flag(i, "retries");
	json_t *h = json_object(), *test = json_array();
	CLEAN_BUF struct buf text = BUF_INIT;
	int ret = 0;

	buf_addz(&text, "HEALTHCHECK");
	for (size_t k = 0; ret == 0 && k < ARRAY_LEN(times); k++) {
		const struct df_flag *f = df_flag(i, times[k].flag);
		int64_t ns;

		if (!f)
			continue;
		if (!f->val.s || parse_duration(f->val.s, &ns) < 0 || (ns && ns < 1000000)) {
			ret = plan_fail(v, f->val, err, "HEALTHCHECK: --%s: '%s' is no duration of at least 1ms",
					f->name, f->val.s ? f->val.s : "");
			err_hint(err, "write it such as 30s or 1m30s");
		} else if (ns) {
			json_object_set_new(h, times[k].member, json_integer(ns));
		}
		buf_addf(&text, " --%s=%s", f->name, f->val.s ? f->val.s : "");
	}
	if (ret == 0 && retries) {
		uint64_t n;

		if (!retries->val.s || str_parse_u64(str_from(retries->val.s), &n) < 0 || n > INT32_MAX)
			ret = plan_fail(v, retries->val, err, "HEALTHCHECK: --retries is no number");
		else if (n)
			json_object_set_new(h, "Retries", json_integer((json_int_t)n));
		buf_addf(&text, " --retries=%s", retries->val.s ? retries->val.s : "");
	}
	for (size_t k = 0; ret == 0 && k < i->nargs; k++) {
		ret = check_utf8(v, i->args[k], i->args[k].s, err);
		if (ret == 0)
			json_array_append_new(test, json_string(k == 0 && strcmp(i->args[0].s, "CMD") == 0 && !i->json
									? "CMD-SHELL"
									: i->args[k].s));
		buf_addf(&text, " %s", i->args[k].s);
	}
	json_object_set_new(h, "Test", test);
	if (ret == 0)
		json_object_set(v->config.config, "Healthcheck", h);
	json_decref(h);
	if (ret == 0)
		plan_history(v, keep(v, &text), NULL);
	return ret;
}

static int workdir(struct vertex *v, const struct df_inst *i, struct err *err)
{
	const char *text = plan_expand(v, i->args[0], err), *old = image_config_get(&v->config, "WorkingDir");
	CLEAN_FREE char *joined = NULL, *clean = NULL;
	struct op *op;

	if (!text || check_utf8(v, i->args[0], text, err) < 0)
		return -1;
	if (!*text)
		return plan_fail(v, i->args[0], err, "WORKDIR: '%s' is empty", i->args[0].s);
	joined = *text == '/' ? xstrdup(text) : xasprintf("%s/%s", old ? old : "/", text);
	/* as from the root: ".." does not lead above it */
	while (strncmp(joined, "//", 2) == 0)
		memmove(joined, joined + 1, strlen(joined));
	clean = path_clean(joined);
	while (strncmp(clean, "/..", 3) == 0 && (clean[3] == '/' || !clean[3]))
		memmove(clean, clean[3] ? clean + 3 : "/", strlen(clean[3] ? clean + 3 : "/") + 1);
	image_config_set(&v->config, "WorkingDir", clean);
	text = arena_printf(&v->sv->arena, "WORKDIR %s", clean);
	if (strcmp(clean, "/") == 0) {
		plan_history(v, text, NULL);
		return 0;
	}
	op = plan_op(v, i, OP_WORKDIR, text);
	op->dir = arena_strdup(&v->sv->arena, clean);
	op->user = image_config_get(&v->config, "User");
	if (op->user)
		op->user = arena_strdup(&v->sv->arena, op->user);
	return 0;
}

static int add_onbuild(struct vertex *v, const struct df_inst *i, struct err *err)
{
	if (check_utf8(v, i->args[0], i->args[0].s, err) < 0)
		return -1;
	image_config_push(&v->config, "OnBuild", i->args[0].s);
	return 0;
}

int plan_inst(struct vertex *v, const struct df_inst *i, struct err *err)
{
	switch (i->kind) {
	case DF_CMD:
	case DF_ENTRYPOINT:
		return set_command(v, i, err);
	case DF_ENV:
	case DF_LABEL:
		return set_pairs(v, i, err);
	case DF_EXPOSE:
		return expose(v, i, err);
	case DF_VOLUME:
		return volume(v, i, err);
	case DF_USER:
		return simple(v, i, "User", err);
	case DF_STOPSIGNAL:
		return simple(v, i, "StopSignal", err);
	case DF_MAINTAINER:
		return maintainer(v, i, err);
	case DF_SHELL:
		return set_shell(v, i, err);
	case DF_HEALTHCHECK:
		return healthcheck(v, i, err);
	case DF_WORKDIR:
		return workdir(v, i, err);
	case DF_ONBUILD:
		return add_onbuild(v, i, err);
	case DF_RUN:
		return plan_run(v, i, err);
	case DF_COPY:
	case DF_ADD:
		return plan_copy(v, i, err);
	case DF_ARG:
	case DF_FROM:
		break;
	}
	return plan_fail(v, (struct df_word){ .line = i->line, .col = i->col }, err, "%s is not allowed here",
			 df_kind_name(i->kind));
}
