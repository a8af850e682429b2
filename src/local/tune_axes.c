/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/keys.h"
#include "local/quota.h"
#include "local/tune.h"

#define MEMORY_MIN  (128ull << 20) /* as in slsc.yaml */
#define MEMORY_MAX  (10240ull << 20)
#define ENV_MAX	    4096u
#define CPU_MAX	    64000u
#define WORKERS_MAX 64u
#define RETENTION   "SLSC_ARENA_RETENTION"
#define WORKERS	    "SLSC_WORKERS"

struct reading {
	struct tune *t;
	const struct project *p;
	const struct function *f;
	const struct tune_machine *m;
	struct err *err;
};

/* Of a value in slsc.yaml, located; else of an option. */
static int bad(const struct reading *rd, struct lstr v, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
static int bad(const struct reading *rd, struct lstr v, const char *name, const char *fmt, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (v.line)
		return project_err(rd->p, ERR_CONFIG, v, rd->err, "tune.%s of function '%s': %s", name, rd->f->name.s,
				   why);
	/* slsc.yaml has several, an option one */
	return err_set(rd->err, ERR_USAGE, "--%s: %s", strcmp(name, "defines") == 0 ? "define" : name, why);
}

static int read_memory(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	char has[32];

	if (str_parse_size(str_from(v.s), &out->number) < 0 || out->number < MEMORY_MIN || out->number > MEMORY_MAX) {
		bad(rd, v, "memory", "'%.50s' is not within 128 MB and 10,240 MB", v.s);
		return err_hint(rd->err, "such as 1769 MB, which comes with a whole CPU");
	}
	if (rd->m->memory && out->number > rd->m->memory)
		return bad(rd, v, "memory", "'%.50s' is more than this machine has, %s", v.s,
			   str_human_size(rd->m->memory, has, sizeof(has)));
	out->text = arena_printf(&rd->t->arena, "%llu MB", (unsigned long long)(out->number >> 20));
	return 0;
}

/* "50 %", "12.5%": thousandths. */
static int parse_share(const char *s, uint64_t *share)
{
	uint64_t n = 0;
	size_t digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 6; s++, digits++)
		n = n * 10 + (uint64_t)(*s - '0');
	n *= 10;
	if (digits && *s == '.' && s[1] >= '0' && s[1] <= '9') {
		n += (uint64_t)(s[1] - '0');
		s += 2;
	}
	s += strspn(s, " ");
	*share = n;
	return digits && strcmp(s, "%") == 0 ? 0 : -1;
}

static int read_cpu(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	const struct tune_machine *m = rd->m;

	if (parse_share(v.s, &out->number) < 0 || !out->number || out->number > CPU_MAX) {
		bad(rd, v, "cpu", "'%.50s' is no share of a CPU", v.s);
		return err_hint(rd->err, "such as 50 %%, or 200 %% for two");
	}
	if (!m->cpu_limited) {
		bad(rd, v, "cpu", "no share of a CPU can be kept to here: %.300s", m->lacks);
		return m->hint && *m->hint ? err_hint(rd->err, "%s", m->hint) : -1;
	}
	if (out->number > m->cpus * UINT64_C(1000))
		return bad(rd, v, "cpu", "'%.50s' is more than this machine has, %u CPU%s", v.s, m->cpus,
			   m->cpus == 1 ? "" : "s");
	out->text = out->number % 10 ? arena_printf(&rd->t->arena, "%u.%u %%", (unsigned)(out->number / 10),
						    (unsigned)(out->number % 10))
				     : arena_printf(&rd->t->arena, "%u %%", (unsigned)(out->number / 10));
	return 0;
}

static int read_workers(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	if (rd->f->runtime != RUNTIME_HTTP) {
		bad(rd, v, "workers", WORKERS " is for runtime http, '%s' has runtime %s", rd->f->name.s,
		    runtime_name(rd->f->runtime));
		return err_hint(rd->err, "an instance of runtime lambda serves one call at a time");
	}
	if (strcmp(v.s, "auto") != 0 &&
	    (str_parse_u64(str_from(v.s), &out->number) < 0 || !out->number || out->number > WORKERS_MAX))
		return bad(rd, v, "workers", "'%.50s' is neither a number from 1 to 64 nor auto", v.s);
	out->text = out->number ? arena_printf(&rd->t->arena, "%u", (unsigned)out->number) : v.s;
	return 0;
}

/* What no compiler of ours sees cannot be given macros. */
static int compiled(const struct reading *rd, struct lstr v, const char *name)
{
	if (!rd->f->build_command.s)
		return 0;
	return bad(rd, v, name, "'%s' is built by a command of its own, which gets no macros", rd->f->name.s);
}

static int read_retention(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	if (compiled(rd, v, "retention") < 0)
		return -1;
	if (str_parse_u64(str_from(v.s), &out->number) < 0 || out->number > 100) {
		bad(rd, v, "retention", "'%.50s' is no number from 0 to 100", v.s);
		return err_hint(rd->err, "percent of what the arena would keep for the next call");
	}
	out->text = arena_printf(&rd->t->arena, "%u", (unsigned)out->number);
	return 0;
}

static int read_profile(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	if (!project_profile(rd->p, v.s, rd->err))
		return -1;
	out->text = v.s;
	return 0;
}

static int read_env(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	(void)rd;
	out->text = v.s;
	return 0;
}

static int read_define(const struct reading *rd, struct lstr v, struct tune_value *out)
{
	if (compiled(rd, v, "defines") < 0)
		return -1;
	if (strchr(v.s, '\n'))
		return bad(rd, v, "defines", "a value holds a line break");
	out->text = v.s;
	return 0;
}

static const struct {
	const char *name, *option;
	int (*read)(const struct reading *rd, struct lstr v, struct tune_value *out);
} kinds[] = {
	[TUNE_MEMORY] = { "memory", "memory", read_memory },
	[TUNE_CPU] = { "cpu", "cpu", read_cpu },
	[TUNE_WORKERS] = { "workers", "workers", read_workers },
	[TUNE_RETENTION] = { "retention", "retention", read_retention },
	[TUNE_PROFILE] = { "profile", "profile", read_profile },
	[TUNE_ENV] = { NULL, "env", read_env },
	[TUNE_DEFINE] = { NULL, "defines", read_define },
};

static int add_axis(const struct reading *rd, enum tune_kind kind, struct lstr key, const struct lstrs *v)
{
	struct tune_axis *a;

	if (!v->len)
		return 0;
	if (key.s && !check_c_name.ok(key.s))
		return bad(rd, key, kinds[kind].option, "'%.50s' is no name", key.s);
	a = tune_add(rd->t, kind, key.s ? key.s : kinds[kind].name, v->len);
	if (!a)
		return bad(rd, v->ptr[0], kinds[kind].option, "limit exceeded: more than %u things to change",
			   TUNE_AXES_MAX);
	for (; a->n < v->len; a->n++) {
		struct tune_value *to = &a->value[a->n];

		if (kinds[kind].read(rd, v->ptr[a->n], to) < 0)
			return -1;
		for (size_t i = 0; i < a->n; i++)
			if (strcmp(a->value[i].text, to->text) == 0)
				return bad(rd, v->ptr[a->n], kinds[kind].option, "'%.50s' is there twice",
					   v->ptr[a->n].s);
	}
	return 0;
}

/* Two axes that set the same would have one of them do nothing. */
static int check_twice(const struct reading *rd, enum tune_kind kind, enum tune_kind as, const char *name)
{
	const struct tune *t = rd->t;
	bool has = false;

	for (size_t i = 0; i < t->naxes; i++)
		has |= t->axis[i].kind == kind;
	for (size_t i = 0; i < t->naxes; i++)
		if (has && t->axis[i].kind == as && strcmp(t->axis[i].name, name) == 0)
			return err_set(rd->err, ERR_CONFIG, "tune of function '%s': %s and %s are the same thing",
				       rd->f->name.s, kinds[kind].name, name);
	return 0;
}

static int check_env(const struct reading *rd, const struct tune_def *def)
{
	size_t total = 0;

	for (size_t i = 0; i < rd->f->env.len; i++)
		total += strlen(rd->f->env.ptr[i].key.s) + strlen(rd->f->env.ptr[i].val.s);
	for (size_t i = 0; i < def->env.len; i++) {
		const struct llist *e = &def->env.ptr[i];
		size_t most = 0;

		if (env_is_reserved(e->key.s))
			return bad(rd, e->key, "env", "'%.60s' is the platform's", e->key.s);
		for (size_t k = 0; k < e->vals.len; k++)
			most = strlen(e->vals.ptr[k].s) > most ? strlen(e->vals.ptr[k].s) : most;
		total += strlen(e->key.s) + most;
		if (total > ENV_MAX)
			return bad(rd, e->key, "env", "limit exceeded: with %.60s it is %zu bytes, the limit is 4096",
				   e->key.s, total);
	}
	return 0;
}

static int default_axis(const struct reading *rd)
{
	static const unsigned mb[] = { 128, 256, 512, 1024, 1769 };
	struct tune_axis *a = tune_add(rd->t, TUNE_MEMORY, "memory", ARRAY_LEN(mb));

	for (size_t i = 0; i < ARRAY_LEN(mb); i++) {
		const uint64_t bytes = (uint64_t)mb[i] << 20;

		if (!rd->m->memory || bytes <= rd->m->memory)
			a->value[a->n++] = (struct tune_value){ arena_printf(&rd->t->arena, "%u MB", mb[i]), bytes };
	}
	return 0;
}

/* What comes with so much memory this machine cannot give; the figures would say that it is worth nothing. */
static void note_cpus(const struct reading *rd)
{
	const struct tune_machine *m = rd->m;
	const struct tune_axis *memory = NULL;

	for (size_t i = 0; i < rd->t->naxes; i++)
		if (rd->t->axis[i].kind == TUNE_CPU)
			return;
		else if (rd->t->axis[i].kind == TUNE_MEMORY)
			memory = &rd->t->axis[i];
	for (size_t i = 0; memory && m->cpu_limited && !rd->f->cpu && i < memory->n; i++) {
		const uint32_t cpu = quota_lambda(memory->value[i].number, 0).cpu;

		if (cpu > m->cpus * 1000u)
			strs_addf(&rd->t->notes, "%s: this machine has %u CPU%s, and %u.%u come with it",
				  memory->value[i].text, m->cpus, m->cpus == 1 ? "" : "s", cpu / 1000,
				  cpu % 1000 / 100);
	}
}

int tune_axes(struct tune *t, const struct project *p, const struct function *f, const struct tune_def *def,
	      const struct tune_machine *m, struct err *err)
{
	const struct reading rd = { t, p, f, m, err };
	const struct lstr none = { NULL, 0, 0 };
	size_t n = 1;

	if (add_axis(&rd, TUNE_MEMORY, none, &def->memory) < 0 || add_axis(&rd, TUNE_CPU, none, &def->cpu) < 0 ||
	    add_axis(&rd, TUNE_WORKERS, none, &def->workers) < 0 ||
	    add_axis(&rd, TUNE_RETENTION, none, &def->retention) < 0 ||
	    add_axis(&rd, TUNE_PROFILE, none, &def->profile) < 0 || check_env(&rd, def) < 0)
		return -1;
	for (size_t i = 0; i < def->env.len; i++)
		if (add_axis(&rd, TUNE_ENV, def->env.ptr[i].key, &def->env.ptr[i].vals) < 0)
			return -1;
	for (size_t i = 0; i < def->defines.len; i++)
		if (add_axis(&rd, TUNE_DEFINE, def->defines.ptr[i].key, &def->defines.ptr[i].vals) < 0)
			return -1;
	if (check_twice(&rd, TUNE_WORKERS, TUNE_ENV, WORKERS) < 0 ||
	    check_twice(&rd, TUNE_RETENTION, TUNE_DEFINE, RETENTION) < 0 || (!t->naxes && default_axis(&rd) < 0))
		return -1;
	for (size_t i = 0; i < t->naxes && n <= TUNE_SETTINGS_MAX; i++)
		n *= t->axis[i].n;
	if (n > TUNE_SETTINGS_MAX) {
		err_set(err, ERR_LIMIT, "limit exceeded: more than %u settings", TUNE_SETTINGS_MAX);
		return err_hint(err, "a setting is one value of each: give fewer values");
	}
	note_cpus(&rd);
	if (tune_rows(t) > 1)
		return 0;
	err_set(err, ERR_USAGE, "one setting alone: there is nothing to choose from");
	return err_hint(err, "such as --memory 128MB,256MB,512MB, or `tune:` in slsc.yaml");
}

/* ---- a setting, put into a function ---- */

static void put_pair(struct tune *t, struct lkvs *pairs, const char *name, const char *value)
{
	struct lkv *v = arena_alloc(&t->arena, (pairs->len + 1) * sizeof(*v));
	size_t i = 0;

	if (pairs->len)
		memcpy(v, pairs->ptr, pairs->len * sizeof(*v));
	while (i < pairs->len && strcmp(v[i].key.s, name) != 0)
		i++;
	v[i] = (struct lkv){ .key = { .s = name }, .val = { .s = value } };
	*pairs = (struct lkvs){ v, i < pairs->len ? pairs->len : pairs->len + 1 };
}

void tune_set(struct tune *t, size_t row, struct function *f, const char **profile)
{
	*profile = NULL;
	for (size_t i = 0; i < t->naxes; i++) {
		const struct tune_value *v = tune_value_of(t, row, i);

		switch (t->axis[i].kind) {
		case TUNE_MEMORY:
			f->memory = v->number;
			break;
		case TUNE_CPU:
			f->cpu = v->number;
			break;
		case TUNE_WORKERS:
			put_pair(t, &f->env, WORKERS, v->text);
			break;
		case TUNE_RETENTION:
			put_pair(t, &f->defines, RETENTION, v->text);
			break;
		case TUNE_PROFILE:
			*profile = v->text;
			break;
		case TUNE_ENV:
			put_pair(t, &f->env, t->axis[i].name, v->text);
			break;
		case TUNE_DEFINE:
			put_pair(t, &f->defines, t->axis[i].name, v->text);
			break;
		}
	}
}
