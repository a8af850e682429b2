/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "config/internal.h"

/* Writes YAML or JSON from the same calls. The output of either is UTF-8, whatever the strings hold. */
struct writer {
	struct buf *out;
	bool json;
	unsigned depth;
	bool first;		/* nothing is in the open collection yet */
};

static void put_str(struct writer *w, const char *s)
{
	if (w->json)
		yaml_add_quoted(w->out, s);
	else
		yaml_add_str(w->out, s, "");
}

/* Begin an entry: @key NULL in a list. */
static void entry(struct writer *w, const char *key)
{
	if (w->json) {
		buf_addz(w->out, w->first ? "" : ",");
	} else {
		if (w->out->len)
			buf_addc(w->out, '\n');
		for (unsigned i = 0; i < w->depth; i++)
			buf_addz(w->out, "  ");
	}
	w->first = false;
	if (key) {
		put_str(w, key);
		buf_addc(w->out, ':');
	} else if (!w->json) {
		buf_addc(w->out, '-');
	}
}

/* Before a value that stays on the entry's line. */
static void inline_value(struct writer *w)
{
	if (!w->json)
		buf_addc(w->out, ' ');
}

static void open_map(struct writer *w, const char *key)
{
	entry(w, key);
	if (w->json)
		buf_addc(w->out, '{');
	w->depth++;
	w->first = true;
}

static void close_map(struct writer *w)
{
	if (w->json)
		buf_addc(w->out, '}');
	else if (w->first)
		buf_addz(w->out, " {}");
	w->depth--;
	w->first = false;
}

static void show_str(struct writer *w, const char *key, const char *s)
{
	if (!s)
		return;
	entry(w, key);
	inline_value(w);
	put_str(w, s);
}

static void show_bool(struct writer *w, const char *key, bool b)
{
	entry(w, key);
	inline_value(w);
	buf_addz(w->out, b ? "true" : "false");
}

static void show_count(struct writer *w, const char *key, uint64_t n)
{
	entry(w, key);
	inline_value(w);
	buf_addf(w->out, "%llu", (unsigned long long)n);
}

static void show_size(struct writer *w, const char *key, uint64_t bytes)
{
	char buf[32];

	if (w->json) {
		show_count(w, key, bytes);
		return;
	}
	entry(w, key);
	buf_addf(w->out, " %s", format_size(bytes, buf));
}

static void show_text(struct writer *w, const char *key, const char *unit_text)
{
	entry(w, key);
	inline_value(w);
	buf_addf(w->out, w->json ? "\"%s\"" : "%s", unit_text);
}

static void show_us(struct writer *w, const char *key, uint64_t us)
{
	char buf[32];

	show_text(w, key, format_us(us, buf));
}

static void show_strs(struct writer *w, const char *key, struct lstrs v)
{
	if (!v.len)
		return;
	entry(w, key);
	inline_value(w);
	buf_addc(w->out, '[');
	for (size_t i = 0; i < v.len; i++) {
		buf_addz(w->out, i == 0 ? "" : w->json ? "," : ", ");
		put_str(w, v.ptr[i].s);
	}
	buf_addc(w->out, ']');
}

static void show_pairs(struct writer *w, const char *key, struct lkvs v)
{
	if (!v.len)
		return;
	open_map(w, key);
	for (size_t i = 0; i < v.len; i++)
		show_str(w, v.ptr[i].key.s, v.ptr[i].val.s);
	close_map(w);
}

static void show_lists(struct writer *w, const char *key, struct llists v)
{
	if (!v.len)
		return;
	open_map(w, key);
	for (size_t i = 0; i < v.len; i++)
		show_strs(w, v.ptr[i].key.s, v.ptr[i].vals);
	close_map(w);
}

static void show_profile(struct writer *w, const struct profile *r)
{
	open_map(w, r->name);
	show_str(w, "optimize", r->optimize);
	show_bool(w, "lto", r->lto);
	show_bool(w, "strip", r->strip);
	show_bool(w, "debug_info", r->debug_info);
	show_bool(w, "gc_sections", r->gc_sections);
	show_bool(w, "icf", r->icf);
	show_bool(w, "stack_protector", r->stack_protector);
	show_bool(w, "assertions", r->assertions);
	show_bool(w, "static", r->static_link);
	show_bool(w, "pie", r->pie);
	show_pairs(w, "defines", r->defines);
	show_strs(w, "flags", r->flags);
	show_strs(w, "ldflags", r->ldflags);
	close_map(w);
}

static bool arch_def_is_empty(const struct toolchain_arch_def *a)
{
	return !a->cc.s && !a->cxx.s && !a->ar.s && !a->ranlib.s && !a->strip.s && !a->cflags.len &&
	       !a->ldflags.len;
}

static void show_tools(struct writer *w, const struct toolchain_arch_def *a)
{
	show_str(w, "cc", a->cc.s);
	show_str(w, "cxx", a->cxx.s);
	show_str(w, "ar", a->ar.s);
	show_str(w, "ranlib", a->ranlib.s);
	show_str(w, "strip", a->strip.s);
	show_strs(w, "cflags", a->cflags);
	show_strs(w, "ldflags", a->ldflags);
}

static void show_toolchain(struct writer *w, const struct toolchain_def *t)
{
	const struct toolchain_arch_def all = { t->cc, t->cxx, t->ar, t->ranlib, t->strip, t->cflags, t->ldflags };

	open_map(w, t->name);
	show_str(w, "extends", t->extends.s);
	show_tools(w, &all);
	if (!arch_def_is_empty(&t->arch[ARCH_X86_64]) || !arch_def_is_empty(&t->arch[ARCH_ARM64])) {
		open_map(w, "arches");
		for (unsigned i = 0; i < ARCH_COUNT; i++)
			if (!arch_def_is_empty(&t->arch[i])) {
				open_map(w, arch_name(i));
				show_tools(w, &t->arch[i]);
				close_map(w);
			}
		close_map(w);
	}
	close_map(w);
}

static void show_dependency(struct writer *w, const struct dependency *d)
{
	open_map(w, d->name.s);
	show_str(w, "git", d->git.s);
	show_str(w, "ref", d->ref.s);
	show_strs(w, "sources", d->sources);
	show_strs(w, "includes", d->includes);
	show_pairs(w, "defines", d->defines);
	show_strs(w, "flags", d->flags);
	close_map(w);
}

static void show_includes(struct writer *w, const struct includes *v)
{
	if (!v->len)
		return;
	entry(w, "include");
	if (w->json)
		buf_addc(w->out, '[');
	w->depth++;
	w->first = true;
	for (size_t i = 0; i < v->len; i++) {
		const struct include *inc = &v->ptr[i];

		entry(w, NULL);
		buf_addz(w->out, w->json ? "{\"from\":" : " from: ");
		put_str(w, inc->from.s);
		w->depth++;
		show_str(w, "to", inc->to.s);
		if (inc->mode) {
			entry(w, "mode");
			inline_value(w);
			buf_addf(w->out, "\"0%03o\"", (unsigned)inc->mode);
		}
		w->depth--;
		if (w->json)
			buf_addc(w->out, '}');
	}
	w->depth--;
	if (w->json)
		buf_addc(w->out, ']');
}

static const char *or_default(struct lstr s, const char *def)
{
	return s.s ? s.s : def;
}

static void show_base(struct writer *w, const struct package *pk)
{
	/* what another image says of itself is not known here */
	const bool built_in = !pk->base.s || strcmp(pk->base.s, "static") == 0 || strcmp(pk->base.s, "scratch") == 0;

	show_str(w, "base", or_default(pk->base, "static"));
	show_strs(w, "packages", pk->packages);
	if (pk->max_layers)
		show_count(w, "max_layers", pk->max_layers);
	show_str(w, "user", built_in ? or_default(pk->user, "nonroot") : pk->user.s);
	show_str(w, "workdir", built_in ? or_default(pk->workdir, "/") : pk->workdir.s);
	show_strs(w, "args", pk->entrypoint_args);
}

static void show_stage(struct writer *w, const struct package *pk)
{
	show_str(w, "dockerfile", pk->dockerfile.s);
	show_str(w, "target", pk->target.s);
	show_str(w, "context", or_default(pk->context, "."));
	show_pairs(w, "build_args", pk->build_args);
}

static void show_package(struct writer *w, struct project *p, const struct function *f)
{
	struct package pk;

	project_package(p, f, &pk);
	open_map(w, "package");
	open_map(w, "zip");
	show_includes(w, &pk.includes);
	show_str(w, "level", or_default(pk.level, "default"));
	close_map(w);
	open_map(w, "image");
	if (pk.dockerfile.s)
		show_stage(w, &pk);
	else
		show_base(w, &pk);
	show_pairs(w, "labels", pk.labels);
	show_pairs(w, "annotations", pk.annotations);
	show_str(w, "compression", or_default(pk.compression, "gzip"));
	if (!pk.dockerfile.s)
		show_bool(w, "tzdata", pk.tzdata);
	show_str(w, "sbom", or_default(pk.sbom, "none"));
	show_str(w, "provenance", or_default(pk.provenance, "none"));
	close_map(w);
	if (pk.ignore.len) {
		open_map(w, "check");
		show_strs(w, "ignore", pk.ignore);
		close_map(w);
	}
	close_map(w);
}

static void show_toolchain_of(struct writer *w, struct project *p, const struct function *f)
{
	struct toolchain_use use;

	project_toolchain_use(p, f, &use);
	show_str(w, "toolchain", use.of.name.s);
	if (use.of.name.s)
		return;
	open_map(w, "toolchain");
	show_str(w, "stage", use.of.stage.s);
	show_str(w, "dockerfile", use.of.dockerfile.s);
	close_map(w);
}

static void show_launcher(struct writer *w, const struct launcher_def *l)
{
	if (!l->remote.s && !l->read_only && !l->hosts.len) {
		show_str(w, "launcher", l->name.s);
		return;
	}
	open_map(w, "launcher");
	show_str(w, "name", l->name.s);
	show_str(w, "remote", l->remote.s);
	if (l->read_only)
		show_bool(w, "read_only", true);
	show_strs(w, "hosts", l->hosts);
	close_map(w);
}

static struct lstrs arches_of(struct project *p, const struct function *f)
{
	struct lstrs v = { arena_alloc(&p->arena, ARCH_ALL * sizeof(struct lstr)), 0 };

	for (size_t i = 0; !f->arches.len && i < p->narches; i++)
		v.ptr[v.len++].s = arch_name(p->arches[i]);
	for (size_t i = 0; i < f->arches.len; i++)
		v.ptr[v.len++].s = arch_name((enum arch)arch_parse_any(f->arches.ptr[i].s));
	return v;
}

static void show_fallback(struct writer *w, const struct function *f)
{
	if (!f->fallback_file.s && !f->fallback_function.s)
		return;
	open_map(w, "fallback");
	show_str(w, "file", f->fallback_file.s);
	show_str(w, "function", f->fallback_function.s);
	show_count(w, "status", f->fallback_status);
	close_map(w);
}

static void show_scaling(struct writer *w, const struct scaling_def *s)
{
	if (!s->policy.s)
		return;
	open_map(w, "scaling");
	show_str(w, "policy", s->policy.s);
	show_us(w, "interval", s->interval_ms * 1000);
	show_count(w, "min", s->least);
	show_count(w, "queue", s->queue);
	if (strcmp(s->policy.s, "fixed") == 0)
		show_count(w, "fixed", s->fixed);
	if (strcmp(s->policy.s, "cpu") == 0) {
		char part[32];

		show_text(w, "target", format_permille(s->target_permille, part));
		show_us(w, "cpu_period", s->cpu_period_ms * 1000);
	}
	if (strcmp(s->policy.s, "cpu") == 0 || strcmp(s->policy.s, "forecast") == 0)
		show_us(w, "cooldown", s->cooldown_ms * 1000);
	if (strcmp(s->policy.s, "forecast") == 0) {
		show_us(w, "horizon", s->horizon_ms * 1000);
		show_str(w, "forecaster", or_default(s->forecaster, "ar"));
		if (s->season_ms)
			show_us(w, "season", s->season_ms * 1000);
		show_str(w, "model", s->model.s);
	}
	if (strcmp(s->policy.s, "command") == 0) {
		show_str(w, "command", s->command.s);
		show_us(w, "answer_within", s->answer_ms * 1000);
	}
	close_map(w);
}

static void show_tune(struct writer *w, const struct tune_def *t)
{
	static const struct tune_def none;

	if (memcmp(t, &none, sizeof(none)) == 0)
		return;
	open_map(w, "tune");
	show_strs(w, "memory", t->memory);
	show_strs(w, "cpu", t->cpu);
	show_strs(w, "workers", t->workers);
	show_strs(w, "retention", t->retention);
	show_strs(w, "profile", t->profile);
	show_lists(w, "env", t->env);
	show_lists(w, "defines", t->defines);
	if (t->rate)
		show_count(w, "rate", t->rate);
	if (t->duration_ms)
		show_us(w, "duration", t->duration_ms * 1000);
	if (t->warmup_ms)
		show_us(w, "warmup", t->warmup_ms * 1000);
	if (t->repeats)
		show_count(w, "repeats", t->repeats);
	if (t->cold)
		show_count(w, "cold", t->cold);
	show_strs(w, "events", t->events);
	show_str(w, "generator", t->generator.s);
	show_str(w, "strategy", t->strategy.s);
	show_str(w, "platform", t->platform.s);
	close_map(w);
}

static void show_deploy(struct writer *w, struct project *p, const struct function *f)
{
	static const struct deploy_def none;
	struct deploy_def d;

	project_deploy(p, f, &d);
	d.region = none.region;	/* the project's alone */
	if (memcmp(&d, &none, sizeof(none)) == 0)
		return;
	open_map(w, "deploy");
	show_str(w, "role", d.role.s);
	show_str(w, "alias", d.alias.s);
	show_pairs(w, "tags", d.tags);
	show_strs(w, "layers", d.layers);
	show_str(w, "log_format", d.log_format.s);
	show_str(w, "url", d.url.s);
	show_str(w, "s3", d.s3.s);
	show_str(w, "name", d.name.s);
	show_str(w, "description", d.description.s);
	show_str(w, "arch", d.arch.s);
	show_str(w, "image", d.image.s);
	show_str(w, "smoke", d.smoke.s);
	close_map(w);
}

static void show_function(struct writer *w, struct project *p, const struct function *f)
{
	open_map(w, f->name.s);
	show_strs(w, "sources", f->sources);
	if (f->build_command.s) {
		open_map(w, "build");
		show_str(w, "command", f->build_command.s);
		show_strs(w, "inputs", f->build_inputs);
		close_map(w);
	}
	show_str(w, "runtime", runtime_name(f->runtime));
	show_str(w, "handler", or_default(f->handler, "handler"));
	show_strs(w, "includes", f->includes);
	show_pairs(w, "defines", f->defines);
	show_strs(w, "flags", f->flags);
	show_strs(w, "ldflags", f->ldflags);
	show_strs(w, "libs", f->libs);
	show_strs(w, "dependencies", f->dependencies);
	show_toolchain_of(w, p, f);
	show_strs(w, "arches", arches_of(p, f));
	show_size(w, "memory", f->memory);
	if (f->cpu) {
		char buf[32];

		show_text(w, "cpu", format_permille(f->cpu, buf));
	}
	show_us(w, "timeout", f->timeout_ms * 1000);
	show_size(w, "storage", f->storage);
	show_count(w, "concurrency", f->concurrency);
	show_count(w, "prewarm", f->prewarm);
	show_scaling(w, &f->scaling);
	if (f->rate)
		show_count(w, "rate", f->rate);
	if (!f->breaker)
		show_bool(w, "breaker", false);
	show_fallback(w, f);
	show_str(w, "extensions", f->extensions.s);
	show_pairs(w, "env", f->env);
	show_tune(w, &f->tune);
	show_package(w, p, f);
	show_deploy(w, p, f);
	close_map(w);
}

static void show_budget(struct writer *w, const struct budget *b)
{
	const struct {
		const char *key;
		uint64_t bytes;
	} sizes[] = { { "binary", b->binary }, { "zip", b->zip }, { "image", b->image }, { "memory", b->memory } };
	char buf[32];

	open_map(w, b->function);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (sizes[i].bytes)
			show_size(w, sizes[i].key, sizes[i].bytes);
	if (b->layers)
		show_count(w, "layers", b->layers);
	if (b->start_us)
		show_us(w, "start", b->start_us);
	if (b->efficiency_permille)
		show_text(w, "efficiency", format_permille(b->efficiency_permille, buf));
	if (b->growth_permille)
		show_text(w, "growth", format_permille(b->growth_permille, buf));
	close_map(w);
}

static void show_strategy(struct writer *w, const struct strategy_def *s)
{
	const struct {
		const char *key, *val;
	} texts[] = { { "summary", s->summary.s }, { "profile", s->profile.s }, { "toolchain", s->toolchain.s },
		      { "base", s->base.s }, { "dockerfile", s->dockerfile.s }, { "target", s->target.s },
		      { "compression", s->compression.s } };

	open_map(w, s->name);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].val)
			show_str(w, texts[i].key, texts[i].val);
	if (s->packages.len)
		show_strs(w, "packages", s->packages);
	close_map(w);
}

void project_show(struct project *p, bool json, struct buf *out)
{
	struct buf text = BUF_INIT;
	struct writer w = { &text, json, 0, true };
	struct lstrs arches = arches_of(p, &(struct function){ 0 });

	if (json)
		buf_addc(&text, '{');
	show_str(&w, "project", p->name.s);
	show_str(&w, "version", p->version.s);
	show_strs(&w, "arches", arches);
	show_toolchain_of(&w, p, NULL);
	show_launcher(&w, &p->launcher);
	show_str(&w, "profile", p->profile.s);
	if (p->deploy.region.s) {
		open_map(&w, "deploy");
		show_str(&w, "region", p->deploy.region.s);
		close_map(&w);
	}
	open_map(&w, "functions");
	for (size_t i = 0; i < p->nfunctions; i++)
		show_function(&w, p, p->functions[i]);
	close_map(&w);
	open_map(&w, "profiles");
	for (size_t i = 0; i < p->nprofiles; i++)
		show_profile(&w, p->profiles[i]);
	close_map(&w);
	open_map(&w, "toolchains");
	for (size_t i = 0; i < p->ntoolchains; i++)
		if (p->toolchains[i]->line)
			show_toolchain(&w, p->toolchains[i]);
	close_map(&w);
	open_map(&w, "dependencies");
	for (size_t i = 0; i < p->ndependencies; i++)
		show_dependency(&w, p->dependencies[i]);
	close_map(&w);
	show_pairs(&w, "mirrors", p->mirrors);
	open_map(&w, "budgets");
	for (size_t i = 0; i < p->nbudgets; i++)
		show_budget(&w, p->budgets[i]);
	close_map(&w);
	open_map(&w, "strategies");
	for (size_t i = 0; i < p->nstrategies; i++)
		show_strategy(&w, p->strategies[i]);
	close_map(&w);
	if (json)
		buf_addc(&text, '}');
	buf_addc(&text, '\n');
	buf_adds(out, buf_str(&text));
	buf_release(&text);
}

/* ---- pieces of it, to be compared ---- */

/* What was written since the last one. */
static void cut_part(struct project *p, struct buf *text, const char *section, const char *name,
		     struct project_part *out)
{
	*out = (struct project_part){ .key = name ? arena_printf(&p->arena, "%s.%s", section, name) : section,
				      .text = arena_str(&p->arena, buf_str(text)) };
	buf_reset(text);
}

size_t project_parts(struct project *p, const struct function *f, const struct profile *profile,
		     struct project_part out[PROJECT_PARTS_MAX])
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct writer w = { &text, false, 0, true };
	struct toolchain_use use;
	const char *name;
	struct err ignored;
	size_t n = 0;

	show_function(&w, p, f);
	cut_part(p, &text, "functions", f->name.s, &out[n++]);
	show_profile(&w, profile);
	cut_part(p, &text, "profiles", profile->name, &out[n++]);
	show_str(&w, "project", p->name.s);
	cut_part(p, &text, "project", NULL, &out[n++]);
	show_str(&w, "version", p->version.s);
	cut_part(p, &text, "version", NULL, &out[n++]);
	show_pairs(&w, "mirrors", p->mirrors);
	cut_part(p, &text, "mirrors", NULL, &out[n++]);
	project_toolchain_use(p, f, &use);
	/* no more than there are: one that extends itself is refused */
	for (name = use.of.name.s; name;) {
		const struct toolchain_def *t = project_toolchain(p, name, &ignored);

		if (!t || !t->line)
			break;
		show_toolchain(&w, t);
		cut_part(p, &text, "toolchains", t->name, &out[n++]);
		name = t->extends.s;
	}
	/* its Dockerfile's arguments may be the project's, and in no image of @f's */
	if (use.of.stage.s) {
		show_toolchain_of(&w, p, f);
		show_str(&w, "context", use.context);
		if (use.build_args)
			show_pairs(&w, "build_args", *use.build_args);
		cut_part(p, &text, "toolchain", NULL, &out[n++]);
	}
	for (size_t i = 0; i < f->dependencies.len; i++) {
		const struct dependency *d = project_dependency(p, f->dependencies.ptr[i].s, &ignored);

		if (!d)
			continue;
		show_dependency(&w, d);
		cut_part(p, &text, "dependencies", d->name.s, &out[n++]);
	}
	return n;
}
