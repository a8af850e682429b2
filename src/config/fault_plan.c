/* SPDX-License-Identifier: Apache-2.0 */
#include "config/fault_plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/internal.h"

#define DAY_MS	(24ull * 3600 * 1000)
#define HOUR_MS (3600ull * 1000)

const char *const fault_name[FAULT_KINDS + 1] = {
	[FAULT_KILL] = "kill",
	[FAULT_FREEZE] = "freeze",
	[FAULT_SLOW_START] = "slow_start",
	[FAULT_LATENCY] = "latency",
	[FAULT_ERROR] = "error",
	[FAULT_CLOCK] = "clock",
	[FAULT_CPU] = "cpu",
	[FAULT_MEMORY] = "memory",
	[FAULT_TMP_FULL] = "tmp_full",
	[FAULT_NET_RESET] = "net_reset",
	[FAULT_NET_DELAY] = "net_delay",
	[FAULT_NET_CUT] = "net_cut",
	[FAULT_NET_THROTTLE] = "net_throttle",
	[FAULT_CREDENTIALS] = "credentials",
	[FAULT_COMMAND] = "command",
};
static const char *const choices_call[] = { "events", "direct", NULL };

/* Which faults a key is for, as bits; all others take it not. And for which it has to be there. */
#define BIT(kind)    (1u << (kind))
#define ON_INSTANCES (BIT(FAULT_KILL) | BIT(FAULT_FREEZE) | BIT(FAULT_CPU) | BIT(FAULT_MEMORY) | BIT(FAULT_TMP_FULL))
#define ON_NET	     (BIT(FAULT_NET_RESET) | BIT(FAULT_NET_DELAY) | BIT(FAULT_NET_CUT) | BIT(FAULT_NET_THROTTLE))
#define ON_ALL	     (BIT(FAULT_CREDENTIALS) | BIT(FAULT_COMMAND))
#define WITH_DELAY   (BIT(FAULT_SLOW_START) | BIT(FAULT_LATENCY) | BIT(FAULT_NET_DELAY))
#define WITH_BYTES   (BIT(FAULT_NET_CUT) | BIT(FAULT_NET_THROTTLE))
static const struct {
	const char *key;
	unsigned takes, needs;
} rules[] = {
	{ "share", ~ON_ALL, 0 },
	{ "delay", WITH_DELAY, WITH_DELAY },
	{ "error", BIT(FAULT_ERROR), 0 },
	{ "shift", BIT(FAULT_CLOCK), BIT(FAULT_CLOCK) },
	{ "busy", ON_INSTANCES, 0 },
	{ "for", ~BIT(FAULT_KILL), BIT(FAULT_FREEZE) },
	{ "level", BIT(FAULT_MEMORY), 0 },
	{ "proxy", ON_NET, 0 },
	{ "bytes", WITH_BYTES, WITH_BYTES },
	{ "env", BIT(FAULT_CREDENTIALS), BIT(FAULT_CREDENTIALS) },
	{ "command", BIT(FAULT_COMMAND), BIT(FAULT_COMMAND) },
	{ "undo", BIT(FAULT_COMMAND), 0 },
};

#define KEY(n, t, S, m) .name = (n), .type = (t), .offset = offsetof(S, m)
#define KEYS(a)		.key = (a), .len = ARRAY_LEN(a)

static int fault_done(struct reader *rd, void *target, const struct ynode *n);
static int load_done(struct reader *rd, void *target, const struct ynode *n);
static int proxy_done(struct reader *rd, void *target, const struct ynode *n);
static int claims_done(struct reader *rd, void *target, const struct ynode *n);

static const struct key load_keys[] = {
	{ KEY("rate", KEY_COUNT, struct fault_plan, load.rate), .min = 1, .max = 10000,
	  .doc = "An open loop: so many events a second, whatever the function does." },
	{ KEY("callers", KEY_COUNT, struct fault_plan, load.callers), .min = 1, .max = 1000,
	  .doc = "A closed loop: each sends the next event when the last one is done." },
	{ KEY("requests", KEY_COUNT, struct fault_plan, load.requests), .min = 1, .max = PLAN_CALLS_MAX,
	  .doc = "How many events at most." },
	{ KEY("event", KEY_STR, struct fault_plan, load.event), .flags = KEY_LINES, .def = "'{}'",
	  .doc = "The event, JSON; $N in it is its number, from 1 on." },
	{ KEY("call", KEY_ENUM, struct fault_plan, load.how), .choices = choices_call, .def = "events",
	  .doc = "Through the queue, with retries, or directly." },
	{ KEY("retries", KEY_COUNT, struct fault_plan, load.retries), .min = 0, .max = 100, .def = "2",
	  .doc = "How often an event is tried again." },
	{ KEY("retry", KEY_MS, struct fault_plan, load.retry), .min = 1, .max = HOUR_MS, .def = "200 ms",
	  .doc = "Before the first retry, at most; doubled for each further one." },
};
static const struct keys keys_load = { .doc = "What is called.", KEYS(load_keys), .done = load_done };

static const struct key limits_keys[] = {
	{ KEY("concurrency", KEY_COUNT, struct fault_plan, limits.concurrency), .min = 1, .max = 1000,
	  .doc = "Instances at most." },
	{ KEY("tmp", KEY_SIZE, struct fault_plan, limits.tmp), .min = 1 << 20, .max = 10240ull << 20,
	  .doc = "The size of /tmp." },
};
static const struct keys keys_limits = { .doc = "In place of what slsc.yaml says.", KEYS(limits_keys) };

static const struct key limit_keys[] = {
	{ KEY("error_rate", KEY_PERCENT, struct plan_limits, error_rate), .min = 0, .max = 1000,
	  .doc = "Of all attempts, those that fail." },
	{ KEY("p99", KEY_MS, struct plan_limits, p99), .min = 1, .max = DAY_MS,
	  .doc = "From when an event is due until it is done, retries among it." },
	{ KEY("lost", KEY_COUNT, struct plan_limits, lost), .min = 0, .max = PLAN_CALLS_MAX,
	  .doc = "Events that are never done." },
};
static const struct keys keys_steady = { .doc = "What has to hold.", KEYS(limit_keys) };
static const struct keys keys_abort = { .doc = "What ends the run at once.", KEYS(limit_keys) };

static const struct key claims_keys[] = {
	{ KEY("source", KEY_STR, struct fault_plan, claims.source), .doc = "Who claims it." },
	{ KEY("error_rate", KEY_STR, struct fault_plan, claims.error_rate), .doc = "Of attempts that fail." },
	{ KEY("p99", KEY_STR, struct fault_plan, claims.p99), .doc = "Of the time until an event is done." },
	{ KEY("lost", KEY_STR, struct fault_plan, claims.lost), .doc = "Of events that are never done." },
	{ KEY("retries", KEY_STR, struct fault_plan, claims.retries), .doc = "Of attempts after the first one." },
	{ KEY("check", KEY_STR, struct fault_plan, claims.check), .doc = "Of what the check looks at." },
};
static const struct keys keys_claims = { .doc = "What somebody claims of such a run, shown beside it.",
					 KEYS(claims_keys),
					 .done = claims_done };

static const struct key fault_keys[] = {
	{ KEY("fault", KEY_ENUM, struct plan_fault, kind), .flags = KEY_REQUIRED, .choices = fault_name,
	  .doc = "What is put in." },
	{ KEY("share", KEY_PERCENT, struct plan_fault, share), .min = 1, .max = 1000, .def = "100 %",
	  .doc = "Of the instances, or of the events." },
	{ KEY("at", KEY_MS, struct plan_fault, at), .min = 0, .max = DAY_MS, .def = "0 s", .doc = "When." },
	{ KEY("every", KEY_MS, struct plan_fault, every), .min = 10, .max = DAY_MS, .doc = "And again, so often." },
	{ KEY("times", KEY_COUNT, struct plan_fault, times), .min = 1, .max = PLAN_FIRINGS_MAX,
	  .doc = "How often in all." },
	{ KEY("jitter", KEY_MS, struct plan_fault, jitter), .min = 1, .max = DAY_MS,
	  .doc = "Each time later by up to so much, by the seed." },
	{ KEY("for", KEY_MS, struct plan_fault, lasts), .min = 1, .max = DAY_MS, .doc = "How long it lasts." },
	{ KEY("delay", KEY_MS, struct plan_fault, delay), .min = 1, .max = HOUR_MS, .doc = "How much later." },
	{ KEY("error", KEY_STR, struct plan_fault, error), .def = "Chaos.Injected", .doc = "The type of the error." },
	{ KEY("shift", KEY_STR, struct plan_fault, shift), .doc = "How far the clock is off: 5 s, -1 h." },
	{ KEY("busy", KEY_BOOL, struct plan_fault, busy), .def = "false",
	  .doc = "Only instances that have something to do." },
	{ KEY("level", KEY_PERCENT, struct plan_fault, level), .min = 1, .max = 2000, .def = "100 %",
	  .doc = "How much memory is taken, of the function's." },
	{ KEY("proxy", KEY_STR, struct plan_fault, proxy), .check = &check_env_name,
	  .doc = "Which one, by its env; of one proxy it need not be said." },
	{ KEY("bytes", KEY_SIZE, struct plan_fault, bytes), .min = 1, .max = 1ull << 40,
	  .doc = "After so many a connection is cut; or so many a second." },
	{ KEY("env", KEY_PAIRS, struct plan_fault, env), .names = &check_env_name,
	  .doc = "What new instances have in place of the old." },
	{ KEY("command", KEY_STR, struct plan_fault, command), .flags = KEY_LINES, .doc = "For sh." },
	{ KEY("undo", KEY_STR, struct plan_fault, undo), .flags = KEY_LINES, .doc = "Its undoing, for sh." },
};
static const struct keys keys_fault = {
	.what = "fault", .doc = "A fault.", KEYS(fault_keys), .size = sizeof(struct plan_fault), .done = fault_done
};

static const struct key proxy_keys[] = {
	{ KEY("env", KEY_STR, struct plan_proxy, env), .flags = KEY_REQUIRED, .check = &check_env_name,
	  .doc = "The variable that tells the function where it is." },
	{ KEY("value", KEY_STR, struct plan_proxy, value), .def = "$ADDRESS", .doc = "What it is, around $ADDRESS." },
	{ KEY("to", KEY_STR, struct plan_proxy, to), .doc = "The server, host:port." },
	{ KEY("serve", KEY_STR, struct plan_proxy, serve), .flags = KEY_LINES,
	  .doc = "A command that is the server, on $PORT, until the run is over." },
};
static const struct keys keys_proxy = { .doc = "Between the function and a server.",
					KEYS(proxy_keys),
					.size = sizeof(struct plan_proxy),
					.done = proxy_done };

static const struct key plan_keys[] = {
	{ KEY("function", KEY_STR, struct fault_plan, function), .check = &check_function_name,
	  .doc = "Which one; of a project with one it need not be said." },
	{ KEY("seed", KEY_COUNT, struct fault_plan, seed), .min = 0, .max = UINT64_MAX, .def = "1",
	  .doc = "The same plan with the same seed has the same faults at the same times." },
	{ KEY("duration", KEY_MS, struct fault_plan, duration), .flags = KEY_REQUIRED, .min = 100, .max = HOUR_MS,
	  .doc = "Of the load, and of the faults." },
	{ KEY("drain", KEY_MS, struct fault_plan, drain), .min = 1, .max = HOUR_MS, .def = "30 s",
	  .doc = "How long events that are under way are waited for after that." },
	{ .name = "load", .type = KEY_OBJECT, .sub = &keys_load, .flags = KEY_REQUIRED, .doc = "What is called." },
	{ .name = "limits", .type = KEY_OBJECT, .sub = &keys_limits, .doc = "In place of what slsc.yaml says." },
	{ KEY("proxies", KEY_OBJECTS, struct fault_plan, proxies), .sub = &keys_proxy,
	  .doc = "Servers that the function speaks to, and faults lie on the way." },
	{ KEY("steady", KEY_OBJECT, struct fault_plan, steady), .sub = &keys_steady, .doc = "What has to hold." },
	{ KEY("abort", KEY_OBJECT, struct fault_plan, abort), .sub = &keys_abort, .doc = "What ends the run at once." },
	{ KEY("before", KEY_STR, struct fault_plan, before), .flags = KEY_LINES, .doc = "A command that prepares it." },
	{ KEY("check", KEY_STR, struct fault_plan, check), .flags = KEY_LINES,
	  .doc = "A command that has to succeed afterwards." },
	{ .name = "claims", .type = KEY_OBJECT, .sub = &keys_claims, .doc = "What somebody claims of such a run." },
	{ KEY("blast_radius", KEY_PERCENT, struct fault_plan, blast_radius), .min = 1, .max = 1000, .def = "100 %",
	  .doc = "The share of instances, or of events, under faults at most." },
	{ KEY("faults", KEY_OBJECTS, struct fault_plan, faults), .sub = &keys_fault, .flags = KEY_REQUIRED,
	  .doc = "The faults." },
};
static const struct keys keys_plan = { .doc = "A plan of slsc chaos.", KEYS(plan_keys) };

/* ---- checks across keys ---- */

static const struct ynode *key_of(const struct ynode *map, const char *name)
{
	for (size_t i = 0; i < map->len; i++)
		if (strcmp(map->keys[i]->scalar, name) == 0)
			return map->keys[i];
	return map;
}

static int parse_shift(struct reader *rd, struct plan_fault *f)
{
	const bool minus = f->shift.s[0] == '-';
	uint64_t us;

	if (duration_parse(f->shift.s + (minus || f->shift.s[0] == '+'), &us) < 0 || us / 1000 > 10 * 366 * DAY_MS ||
	    us < 1000) {
		read_err(rd, f->shift.line, f->shift.col, "shift", "expected a time such as 5 s or -1 h, found %s",
			 quote(&rd->p->arena, f->shift.s));
		return err_hint(rd->err, "units: ms, s, min, h");
	}
	f->shift_ms = (minus ? -1 : 1) * (int64_t)(us / 1000);
	return 0;
}

static int fault_done(struct reader *rd, void *target, const struct ynode *n)
{
	struct plan_fault *f = target;
	const char *name = fault_name[f->kind];

	f->line = n->line;
	f->col = n->col;
	f->share = f->share ? f->share : 1000;
	f->level = f->level ? f->level : 1000;
	f->lasts = f->lasts ? f->lasts : PLAN_UNSET;
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		const bool has = ynode_get(n, rules[i].key) != NULL;
		const struct ynode *at = key_of(n, rules[i].key);

		if (has && !(rules[i].takes & BIT(f->kind)))
			return read_err(rd, at->line, at->col, rules[i].key, "the fault '%s' does not take it", name);
		if (!has && rules[i].needs & BIT(f->kind))
			return read_err(rd, n->line, n->col, NULL, "the fault '%s' needs '%s'", name, rules[i].key);
	}
	if (f->times > 1 && !f->every) {
		const struct ynode *at = key_of(n, "times");

		read_err(rd, at->line, at->col, "times", "more than once, and no 'every'");
		return err_hint(rd->err, "every: 500 ms");
	}
	return f->shift.s ? parse_shift(rd, f) : 0;
}

static int proxy_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct plan_proxy *p = target;
	const char *port = p->to.s ? strrchr(p->to.s, ':') : NULL;
	uint64_t number;

	if (env_is_reserved(p->env.s))
		return read_err(rd, p->env.line, p->env.col, "env", "'%s' is the platform's", p->env.s);
	if (p->to.s && p->serve.s) {
		const struct ynode *at = key_of(n, "serve");

		read_err(rd, at->line, at->col, "serve", "'to' is there, too: it is one or the other");
		return err_hint(rd->err, "a server of the plan has a free port, which $PORT tells it");
	}
	if (p->serve.s)
		return 0;
	if (!p->to.s) {
		read_err(rd, n->line, n->col, NULL, "neither 'to' nor 'serve' is there");
		return err_hint(rd->err, "to: 127.0.0.1:9000");
	}
	if (port && port != p->to.s && str_parse_u64(str_from(port + 1), &number) == 0 && number && number <= 65535)
		return 0;
	read_err(rd, p->to.line, p->to.col, "to", "expected host:port, found %s", quote(&rd->p->arena, p->to.s));
	return err_hint(rd->err, "to: 127.0.0.1:9000");
}

static int claims_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct fault_plan *p = target;

	if (p->claims.source.s)
		return 0;
	read_err(rd, n->line, n->col, NULL, "'source' is missing");
	return err_hint(rd->err, "who claims it: source: the guide");
}

static int load_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct fault_plan *p = target;
	const struct ynode *rate = key_of(n, "rate"), *callers = key_of(n, "callers");

	if (p->load.rate && p->load.callers)
		return read_err(rd, callers->line, callers->col, "callers",
				"'rate' is there, too: it is one or the other");
	if (!p->load.rate && !p->load.callers) {
		read_err(rd, rate->line, rate->col, NULL, "neither 'rate' nor 'callers' is there");
		return err_hint(rd->err, "rate: 20");
	}
	return 0;
}

static uint64_t times_of(const struct fault_plan *p, const struct plan_fault *f)
{
	const uint64_t left = p->duration > f->at ? p->duration - f->at : 0;
	const uint64_t fit = f->every ? (left + f->every - 1) / f->every : left ? 1 : 0;
	const uint64_t want = f->times ? f->times : f->every ? fit : 1;

	return want < fit ? want : fit;
}

/* Which proxy it is. */
static int find_proxy(const struct fault_plan *p, struct plan_fault *f, struct err *err)
{
	if (!(BIT(f->kind) & ON_NET))
		return 0;
	if (!f->proxy.s && p->proxies.len == 1)
		f->proxy = p->proxies.ptr[0].env;
	for (unsigned i = 0; f->proxy.s && i < p->proxies.len; i++)
		if (strcmp(p->proxies.ptr[i].env.s, f->proxy.s) == 0) {
			f->proxy_at = i;
			return 0;
		}
	if (f->proxy.s)
		return fault_plan_err(p, f->proxy.line, f->proxy.col, err,
				      "faults.proxy: there is no proxy of that name");
	if (p->proxies.len)
		return fault_plan_err(p, f->line, f->col, err, "faults: '%s' has to say which 'proxy'",
				      fault_name[f->kind]);
	fault_plan_err(p, f->line, f->col, err, "faults: '%s' needs a proxy, and there is none", fault_name[f->kind]);
	return err_hint(err, "proxies: [{env: STORE, to: 127.0.0.1:9000}]");
}

static int check_plan(const struct fault_plan *p, struct err *err)
{
	const struct plan_limits *s = &p->steady;
	uint64_t all = 0;

	if (s->error_rate == PLAN_UNSET && s->p99 == PLAN_UNSET && s->lost == PLAN_UNSET && !p->check.s) {
		fault_plan_err(p, 1, 1, err,
			       "there is no hypothesis: neither 'steady' nor 'check' says what has to hold");
		return err_hint(err, "steady: {lost: 0}");
	}
	if (p->load.rate && !p->load.requests && p->load.rate * p->duration / 1000 > PLAN_CALLS_MAX) {
		err_at(err, ERR_LIMIT, p->file, 1, 1, "limit exceeded: %llu events, the limit is %u",
		       (unsigned long long)(p->load.rate * p->duration / 1000), PLAN_CALLS_MAX);
		return -1;
	}
	if (p->proxies.len > PLAN_PROXIES_MAX) {
		err_at(err, ERR_LIMIT, p->file, 1, 1, "limit exceeded: %zu proxies, the limit is %u", p->proxies.len,
		       PLAN_PROXIES_MAX);
		return -1;
	}
	for (size_t i = 1; i < p->proxies.len; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(p->proxies.ptr[i].env.s, p->proxies.ptr[k].env.s) == 0)
				return fault_plan_err(p, p->proxies.ptr[i].env.line, p->proxies.ptr[i].env.col, err,
						      "proxies.env: '%s' is there twice", p->proxies.ptr[i].env.s);
	for (size_t i = 0; i < p->faults.len; i++) {
		struct plan_fault *f = &p->faults.ptr[i];

		if (find_proxy(p, f, err) < 0)
			return -1;
		if (f->at >= p->duration)
			return fault_plan_err(p, f->line, f->col, err,
					      "faults: this one comes after the end of the plan");
		all += times_of(p, f);
		if (all > PLAN_FIRINGS_MAX) {
			fault_plan_err(p, f->line, f->col, err, "limit exceeded: faults are put in more than %u times",
				       PLAN_FIRINGS_MAX);
			err->code = ERR_LIMIT;
			return -1;
		}
	}
	return 0;
}

/* ---- */

int fault_plan_err(const struct fault_plan *p, unsigned line, unsigned col, struct err *err, const char *fmt, ...)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	return err_at(err, ERR_CONFIG, p->file, line, col, "%s", b.ptr);
}

static int read_doc(struct fault_plan *p, struct yaml_doc *d, struct err *err)
{
	/* the reader knows of a project its file and its arena alone */
	struct project as = { .arena = d->arena, .file = p->file };
	struct reader rd = { &as, err, NULL };
	int ret = -1;

	p->seed = 1;
	p->drain = 30000;
	p->blast_radius = 1000;
	p->load.retries = 2;
	p->load.retry = 200;
	p->steady = p->abort = (struct plan_limits){ PLAN_UNSET, PLAN_UNSET, PLAN_UNSET };
	if (!d->root)
		err_at(err, ERR_CONFIG, p->file, 1, 1, "the plan is empty");
	else
		ret = keys_read(&rd, &keys_plan, d->root, p);
	p->arena = as.arena;
	d->arena = (struct arena)ARENA_INIT;
	p->load.direct = p->load.how == 1;
	return ret < 0 ? -1 : check_plan(p, err);
}

int fault_plan_parse(struct fault_plan *p, const char *shown, const char *text, size_t n, struct err *err)
{
	struct yaml_doc d = { .file = NULL };
	int ret;

	*p = (struct fault_plan){ .file = xstrdup(shown) };
	ret = yaml_parse(&d, p->file, text, n, err);
	if (ret == 0)
		ret = read_doc(p, &d, err);
	yaml_release(&d);
	return ret;
}

int fault_plan_load(struct fault_plan *p, const char *path, struct err *err)
{
	struct yaml_doc d = { .file = NULL };
	int ret;

	*p = (struct fault_plan){ .file = xstrdup(path) };
	ret = yaml_load(&d, path, p->file, err);
	if (ret == 0)
		ret = read_doc(p, &d, err);
	yaml_release(&d);
	return ret;
}

void fault_plan_release(struct fault_plan *p)
{
	arena_release(&p->arena);
	free(p->file);
	*p = (struct fault_plan){ .file = NULL };
}

/* ---- the schedule ---- */

/* splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014). */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

uint64_t fault_plan_random(uint64_t seed, uint64_t a, uint64_t b)
{
	return mix(mix(mix(seed) ^ a) ^ b);
}

bool fault_plan_hits(uint64_t seed, uint64_t n, uint64_t share)
{
	return fault_plan_random(seed, n, 0) % 1000 < share;
}

static int by_time(const void *a, const void *b)
{
	const struct firing *x = a, *y = b;

	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	if (x->fault != y->fault)
		return x->fault < y->fault ? -1 : 1;
	return x->nth < y->nth ? -1 : x->nth > y->nth;
}

void fault_plan_schedule(const struct fault_plan *p, struct schedule *out)
{
	size_t all = 0;

	for (size_t i = 0; i < p->faults.len; i++)
		all += (size_t)times_of(p, &p->faults.ptr[i]);
	*out = (struct schedule){ .ptr = xcalloc(all + 1, sizeof(*out->ptr)) };
	for (unsigned i = 0; i < p->faults.len; i++) {
		const struct plan_fault *f = &p->faults.ptr[i];
		const uint64_t n = times_of(p, f);

		for (unsigned k = 0; k < n; k++) {
			const uint64_t seed = fault_plan_random(p->seed, i, k);
			uint64_t at = f->at + k * f->every;

			at += f->jitter ? fault_plan_random(seed, 0, 1) % (f->jitter + 1) : 0;
			if (at < p->duration)
				out->ptr[out->len++] =
					(struct firing){ .at = at, .seed = seed, .fault = i, .nth = k + 1 };
		}
	}
	qsort(out->ptr, out->len, sizeof(*out->ptr), by_time);
}

void schedule_release(struct schedule *s)
{
	free(s->ptr);
	*s = (struct schedule){ .ptr = NULL };
}

size_t fault_plan_pick(uint64_t *of, size_t n, uint64_t share, size_t most, uint64_t seed)
{
	size_t want = (n * (size_t)share + 999) / 1000;

	want = want < most ? want : most;
	for (size_t k = 0; k < want; k++) {
		size_t least = k;

		for (size_t i = k + 1; i < n; i++)
			if (fault_plan_random(seed, of[i], 2) < fault_plan_random(seed, of[least], 2))
				least = i;
		uint64_t swap = of[k];

		of[k] = of[least];
		of[least] = swap;
	}
	return want;
}

size_t fault_plan_room(const struct fault_plan *p, size_t n, size_t now)
{
	size_t most = n * (size_t)p->blast_radius / 1000;

	most = most || !n ? most : 1;
	return most > now ? most - now : 0;
}
