/* SPDX-License-Identifier: Apache-2.0 */
#include "tune_options.h"

#include <string.h>

#include "local/load.h"

#define RATE 100u
#define DURATION_MS 2000u
#define WARMUP_MS 500u
#define REPEATS 5u
#define COLDS 3u

static void take_list(struct project *p, const struct strs *v, struct lstrs *out)
{
	if (!v->len)
		return;
	*out = (struct lstrs){ arena_alloc(&p->arena, v->len * sizeof(*out->ptr)), 0 };
	for (; out->len < v->len; out->len++)
		out->ptr[out->len].s = v->ptr[out->len];
}

/* NAME=V,V,... */
static int take_named(struct project *p, const struct strs *v, const char *option, struct llists *out, struct err *err)
{
	if (!v->len)
		return 0;
	*out = (struct llists){ arena_alloc(&p->arena, v->len * sizeof(*out->ptr)), 0 };
	for (size_t i = 0; i < v->len; i++) {
		struct llist *to = &out->ptr[out->len++];
		struct str name = str_from(v->ptr[i]), value, rest;

		if (!strchr(v->ptr[i], '=') || v->ptr[i][0] == '=') {
			err_set(err, ERR_USAGE, "--%s: '%.50s' has no name and values", option, v->ptr[i]);
			return err_hint(err, "such as NAME=1,2,3");
		}
		value = str_cut(&name, '=');
		to->key.s = arena_str(&p->arena, name);
		to->vals.ptr = arena_alloc(&p->arena, (value.len + 1) * sizeof(*to->vals.ptr));
		do {
			rest = str_cut(&value, ',');
			to->vals.ptr[to->vals.len++].s = arena_str(&p->arena, value);
			value = rest;
		} while (value.len);
	}
	return 0;
}

static void take_preset(struct project *p, struct tune_def *d)
{
	static const char *const workers[] = { "4", "16" }, *const retention[] = { "100", "50" };

	*d = (struct tune_def){ .rate = d->rate,
				.repeats = d->repeats,
				.cold = d->cold,
				.duration_ms = d->duration_ms,
				.warmup_ms = d->warmup_ms,
				.events = d->events,
				.generator = d->generator,
				.strategy = d->strategy,
				.platform = d->platform };
	d->workers = (struct lstrs){ arena_alloc(&p->arena, 2 * sizeof(struct lstr)), 2 };
	d->retention = (struct lstrs){ arena_alloc(&p->arena, 2 * sizeof(struct lstr)), 2 };
	for (size_t i = 0; i < 2; i++) {
		d->workers.ptr[i].s = workers[i];
		d->retention.ptr[i].s = retention[i];
	}
}

static int take_time(const char *name, const char *text, uint64_t least, uint64_t *ms, struct err *err)
{
	uint64_t us;

	if (!text)
		return 0;
	if (duration_parse(text, &us) < 0 || us / 1000 < least || us > LOAD_DURATION_MAX / 1000) {
		err_set(err, ERR_USAGE, "--%s: '%.50s' is no time of %llu ms to 24 h", name, text,
			(unsigned long long)least);
		return err_hint(err, "such as 10s, 500ms, 2min");
	}
	*ms = us / 1000;
	return 0;
}

int tune_options(const struct tune_ctx *c, struct project *p, struct tune_def *d, struct err *err)
{
	if (c->preset && (c->memory.len || c->cpu.len || c->workers.len || c->retention.len || c->profile.len ||
			  c->env.len || c->define.len))
		return err_set(err, ERR_USAGE, "--preset says what is tried: no other values beside it");
	if (c->preset)
		take_preset(p, d);
	/* what is named on the command line is all that is tried */
	if (c->memory.len || c->cpu.len || c->workers.len || c->retention.len || c->profile.len || c->env.len ||
	    c->define.len) {
		const struct lstrs none = { NULL, 0 };

		d->memory = d->cpu = d->workers = d->retention = d->profile = none;
		d->env = d->defines = (struct llists){ NULL, 0 };
	}
	take_list(p, &c->memory, &d->memory);
	take_list(p, &c->cpu, &d->cpu);
	take_list(p, &c->workers, &d->workers);
	take_list(p, &c->retention, &d->retention);
	take_list(p, &c->profile, &d->profile);
	if (take_named(p, &c->env, "env", &d->env, err) < 0 ||
	    take_named(p, &c->define, "define", &d->defines, err) < 0)
		return -1;
	d->rate = c->rate ? c->rate : d->rate ? d->rate : RATE;
	d->repeats = c->repeats ? c->repeats : d->repeats ? d->repeats : REPEATS;
	d->cold = c->colds ? c->colds : d->cold ? d->cold : COLDS;
	d->duration_ms = d->duration_ms ? d->duration_ms : DURATION_MS;
	d->warmup_ms = d->warmup_ms ? d->warmup_ms : WARMUP_MS;
	d->strategy.s = c->strategy ? c->strategy : d->strategy.s ? d->strategy.s : "balanced";
	d->platform.s = c->platform ? c->platform : d->platform.s ? d->platform.s : "lambda";
	if (take_time("duration", c->duration, 100, &d->duration_ms, err) < 0 ||
	    take_time("warmup", c->warmup, 0, &d->warmup_ms, err) < 0)
		return -1;
	return 0;
}
