/* SPDX-License-Identifier: Apache-2.0 */
/* Functions, the dependencies they name, and their budgets. */
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/mem.h"
#include "config/internal.h"

#define ENV_MAX 4096u	/* bytes of names and values together: Lambda's quota */

int dependencies_read(struct reader *rd, const struct ynode *section)
{
	const struct key *k = keys_find(&keys_root, "dependencies");
	size_t n = section ? section->len : 0;
	struct project *p = rd->p;

	p->dependencies = arena_alloc(&p->arena, n * sizeof(struct dependency *));
	for (size_t i = 0; i < n; i++) {
		const struct ynode *name = section->keys[i];
		const struct frame at = { "dependency", name->scalar, rd->at };
		struct reader inner = { p, rd->err, &at };
		struct dependency *d = arena_new(&p->arena, struct dependency);

		if (read_name(rd, k, name))
			return -1;
		d->name = (struct lstr){ name->scalar, name->line, name->col };
		if (keys_read(&inner, &keys_dependency, section->items[i], d))
			return -1;
		if (!d->includes.len && !ynode_get(section->items[i], "includes")) {
			d->includes.ptr = arena_new(&p->arena, struct lstr);
			d->includes.ptr[0] = (struct lstr){ ".", name->line, name->col };
			d->includes.len = 1;
		}
		p->dependencies[p->ndependencies++] = d;
	}
	return 0;
}

bool env_is_reserved(const char *name)
{
	/* what the Lambda service sets or refuses */
	static const char *const reserved[] = {
		"_HANDLER", "_X_AMZN_TRACE_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV",
		"AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
		"AWS_SECURITY_TOKEN", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR",
	};

	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (strcmp(reserved[i], name) == 0)
			return true;
	return starts_with(name, "AWS_LAMBDA_");
}

static int check_env(struct reader *rd, const struct function *f)
{
	size_t total = 0;

	for (size_t i = 0; i < f->env.len; i++) {
		const struct lkv *e = &f->env.ptr[i];

		if (env_is_reserved(e->key.s)) {
			read_err(rd, e->key.line, e->key.col, "env", "%s is reserved",
				 quote(&rd->p->arena, e->key.s));
			return err_hint(rd->err, "the platform sets it; choose another name");
		}
		total += strlen(e->key.s) + strlen(e->val.s);
		if (total > ENV_MAX)
			return read_err(rd, e->key.line, e->key.col, "env",
					"limit exceeded: with %s it is %zu bytes, the limit is 4096",
					quote(&rd->p->arena, e->key.s), total);
	}
	return 0;
}

static int check_arches(struct reader *rd, const struct function *f)
{
	struct project *p = rd->p;
	bool seen[ARCH_ALL] = { false };

	for (size_t i = 0; i < f->arches.len; i++) {
		struct lstr s = f->arches.ptr[i];
		enum arch a = (enum arch)arch_parse_any(s.s);
		size_t j = 0;

		if (seen[a])
			return read_err(rd, s.line, s.col, "arches", "'%s' is there twice, by two names", s.s);
		seen[a] = true;
		while (j < p->narches && p->arches[j] != a)
			j++;
		if (j == p->narches) {
			read_err(rd, s.line, s.col, "arches", "'%s' is not one of the project's", s.s);
			return err_hint(rd->err, "add it to the project's arches");
		}
	}
	return 0;
}

/* The runtime's C calls it by this name (-std=gnu11), and has a main() of its own. */
static int check_handler(struct reader *rd, const struct function *f)
{
	static const char *const keywords[] = {
		"auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum",
		"extern", "float", "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return",
		"short", "signed", "sizeof", "static", "struct", "switch", "typedef", "union", "unsigned", "void",
		"volatile", "while", "asm", "typeof", "_Alignas", "_Alignof", "_Atomic", "_Bool", "_Complex",
		"_Generic", "_Imaginary", "_Noreturn", "_Static_assert", "_Thread_local",
	};
	const struct lstr h = f->handler;

	for (size_t i = 0; h.s && i < ARRAY_LEN(keywords); i++)
		if (strcmp(h.s, keywords[i]) == 0)
			return read_err(rd, h.line, h.col, "handler", "'%s' is a keyword of C", h.s);
	if (h.s && strcmp(h.s, "main") == 0 && f->runtime != RUNTIME_NONE) {
		read_err(rd, h.line, h.col, "handler", "'main' is the runtime's own");
		return err_hint(rd->err, "name another function, or write runtime: none");
	}
	return 0;
}

/* What the image is made of: target and its like may be of the project's dockerfile. */
static int check_made(struct reader *rd, const struct function *f)
{
	const struct frame image = { "image", NULL, &(struct frame){ "package", NULL, rd->at } };
	struct reader inner = { rd->p, rd->err, &image };
	struct package pk;

	project_package(rd->p, f, &pk);
	if (package_check_stage(&inner, &pk))
		return -1;
	if (function_compiles(f) || pk.dockerfile.s)
		return 0;
	read_err(rd, f->name.line, f->name.col, NULL, "missing 'sources' (or 'build')");
	return err_hint(rd->err, "write sources: [src/%s.c]", f->name.s);
}

/* What is for one policy or forecaster alone: said of another it would do nothing. */
static const struct {
	const char *key, *policy, *forecaster;
	bool needed;
} scaling_for[] = {
	{ "fixed", "fixed", NULL, true },
	{ "target", "cpu", NULL, false },
	{ "cpu_period", "cpu", NULL, false },
	{ "horizon", "forecast", NULL, false },
	{ "forecaster", "forecast", NULL, false },
	{ "season", "forecast", "holt-winters", false },
	{ "model", "forecast", "lstm", true },
	{ "command", "command", NULL, true },
	{ "answer_within", "command", NULL, false },
};

int scaling_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct scaling_def *s = target;
	const char *const forecaster = s->forecaster.s ? s->forecaster.s : "ar";
	const struct ynode *at;

	for (size_t i = 0; i < ARRAY_LEN(scaling_for); i++) {
		const bool its = strcmp(scaling_for[i].policy, s->policy.s) == 0 &&
				 (!scaling_for[i].forecaster || strcmp(scaling_for[i].forecaster, forecaster) == 0);

		at = ynode_get(n, scaling_for[i].key);
		if (at && !its)
			return read_err(rd, at->line, at->col, scaling_for[i].key, "is for %s %s alone",
					scaling_for[i].forecaster ? "forecaster" : "policy",
					scaling_for[i].forecaster ? scaling_for[i].forecaster : scaling_for[i].policy);
		if (!at && its && scaling_for[i].needed)
			return read_err(rd, s->policy.line, s->policy.col, NULL, "missing '%s'", scaling_for[i].key);
	}
	at = ynode_get(n, "cooldown");
	if (at && strcmp(s->policy.s, "cpu") != 0 && strcmp(s->policy.s, "forecast") != 0)
		return read_err(rd, at->line, at->col, "cooldown", "is for policy cpu or forecast alone");
	at = ynode_get(n, "horizon");
	if (at && (s->horizon_ms < s->interval_ms || s->horizon_ms > 64 * s->interval_ms))
		return read_err(rd, at->line, at->col, "horizon", "has to be from 1 to 64 intervals");
	at = ynode_get(n, "season");
	if (at && (s->season_ms < 2 * s->interval_ms || s->season_ms > 1000000 * s->interval_ms))
		return read_err(rd, at->line, at->col, "season", "has to be from 2 to 1000000 intervals");
	return 0;
}

static int check_scaling(struct reader *rd, const struct function *f, const struct ynode *n)
{
	const struct ynode *scaling = ynode_get(n, "scaling"), *prewarm = ynode_get(n, "prewarm");
	const struct frame of = { "scaling", NULL, rd->at };
	struct reader inner = { rd->p, rd->err, &of };
	const struct {
		const char *key;
		uint64_t n;
	} counts[] = { { "fixed", f->scaling.fixed }, { "min", f->scaling.least } };

	if (!scaling)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		const struct ynode *at = ynode_get(scaling, counts[i].key);

		if (at && counts[i].n > f->concurrency)
			return read_err(&inner, at->line, at->col, counts[i].key,
					"more instances than concurrency, which is %llu",
					(unsigned long long)f->concurrency);
	}
	if (!f->prewarm)
		return 0;
	read_err(rd, prewarm->line, prewarm->col, "prewarm", "scaling says how many instances there are");
	return err_hint(rd->err, "write scaling.min in its place");
}

static int check_local(struct reader *rd, const struct function *f, const struct ynode *n)
{
	const struct ynode *at = ynode_get(n, "prewarm");

	if (f->prewarm > f->concurrency)
		return read_err(rd, at->line, at->col, "prewarm", "more instances than concurrency, which is %llu",
				(unsigned long long)f->concurrency);
	if (check_scaling(rd, f, n))
		return -1;
	at = ynode_get(n, "fallback");
	if (at && !f->fallback_file.s == !f->fallback_function.s)
		return read_err(rd, at->line, at->col, "fallback", "either file or function has to be said");
	return 0;
}

int tune_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct tune_def *t = target;
	const struct ynode *at = ynode_get(n, "generator");

	if (t->generator.s && t->events.len) {
		read_err(rd, at->line, at->col, "generator", "events and a generator exclude each other");
		return -1;
	}
	for (size_t i = 0; i < t->profile.len; i++)
		if (!project_profile(rd->p, t->profile.ptr[i].s, rd->err))
			return relocate(rd, t->profile.ptr[i], NULL);
	return 0;
}

int function_done(struct reader *rd, void *target, const struct ynode *n)
{
	struct function *f = target;

	if (f->build_command.s && f->sources.len) {
		const struct ynode *b = ynode_get(n, "build");

		read_err(rd, b->line, b->col, "build", "a function has either sources or build");
		return err_hint(rd->err, "list what the command reads in build.inputs");
	}
	if (check_made(rd, f) || check_arches(rd, f) || check_env(rd, f) || check_handler(rd, f) ||
	    check_local(rd, f, n))
		return -1;
	if (f->toolchain.name.s && !project_toolchain(rd->p, f->toolchain.name.s, rd->err))
		return relocate(rd, f->toolchain.name, NULL);
	for (size_t i = 0; i < f->dependencies.len; i++)
		if (!project_dependency(rd->p, f->dependencies.ptr[i].s, rd->err)) {
			relocate(rd, f->dependencies.ptr[i], NULL);
			return rd->p->ndependencies ? -1 :
				err_hint(rd->err, "describe it under the file's 'dependencies'");
		}
	return 0;
}

/* Names that would meet on a case-insensitive disk, whatever else is wrong with them. */
static int check_case(struct reader *rd, const struct ynode *section, size_t i)
{
	for (size_t j = 0; j < section->len; j++)
		if (j != i && strcasecmp(section->keys[i]->scalar, section->keys[j]->scalar) == 0) {
			const struct ynode *a = section->keys[i < j ? i : j], *b = section->keys[i < j ? j : i];

			read_err(rd, b->line, b->col, "functions", "%s and %s at %u:%u differ only by case",
				 quote(&rd->p->arena, b->scalar), quote(&rd->p->arena, a->scalar), a->line,
				 a->col);
			return err_hint(rd->err, "their artifacts would have one file name on some systems");
		}
	return 0;
}

/* dist/hello-arm64.zip is function hello's, for arm64: no function may be called hello-arm64 then. */
static int check_dist_names(struct reader *rd)
{
	static const char *const suffixes[] = { "-x86_64", "-arm64", "-amd64" };
	CLEAN_MAP struct map names = { 0 };
	struct project *p = rd->p;

	for (size_t i = 0; i < p->nfunctions; i++)
		for (size_t j = 0; j < ARRAY_LEN(suffixes); j++) {
			const struct function *f = p->functions[i], *other;
			size_t len = strlen(f->name.s), cut = strlen(suffixes[j]);
			char base[128];

			if (len <= cut || !ends_with(f->name.s, suffixes[j]))
				continue;
			for (size_t k = 0; !names.len && k < p->nfunctions; k++)
				map_put(&names, p->functions[k]->name.s, p->functions[k]);
			memcpy(base, f->name.s, len - cut);
			base[len - cut] = '\0';
			other = map_get(&names, base);
			if (!other)
				continue;
			read_err(rd, f->name.line, f->name.col, "functions",
				 "'%s' is also what function '%s' at %u:%u is called in dist/ for %s", f->name.s,
				 base, other->name.line, other->name.col, suffixes[j] + 1);
			return err_hint(rd->err, "rename one of the two");
		}
	return 0;
}

int functions_read(struct reader *rd, const struct ynode *section)
{
	const struct key *k = keys_find(&keys_root, "functions");
	struct project *p = rd->p;

	p->functions = arena_alloc(&p->arena, section->len * sizeof(struct function *));
	for (size_t i = 0; i < section->len; i++) {
		const struct ynode *name = section->keys[i];
		const struct frame at = { "function", name->scalar, rd->at };
		struct reader inner = { p, rd->err, &at };
		struct function *f = arena_new(&p->arena, struct function);

		if (read_name(rd, k, name)) {
			struct err first = *rd->err;

			if (check_case(rd, section, i))
				return -1;
			*rd->err = first;
			return -1;
		}
		f->name = (struct lstr){ name->scalar, name->line, name->col };
		f->memory = 128u << 20;
		f->timeout_ms = 3000;
		f->storage = 512u << 20;
		f->concurrency = 100;
		f->fallback_status = 200;
		f->scaling = (struct scaling_def){ .interval_ms = 1000, .least = 1, .queue = 1000,
						   .target_permille = 600, .cpu_period_ms = 15000,
						   .cooldown_ms = 60000, .horizon_ms = 30000, .answer_ms = 5000 };
		f->breaker = true;
		if (keys_read(&inner, &keys_function, section->items[i], f))
			return -1;
		p->functions[p->nfunctions++] = f;
	}
	for (size_t i = 0; i < p->nfunctions; i++) {
		const struct function *f = p->functions[i];

		if (f->fallback_function.s && !project_function(p, f->fallback_function.s, rd->err))
			return relocate(rd, f->fallback_function, NULL);
		if (f->fallback_function.s && strcmp(f->fallback_function.s, f->name.s) == 0)
			return project_err(p, ERR_CONFIG, f->fallback_function, rd->err,
					   "function '%s' cannot stand in for itself", f->name.s);
	}
	return check_dist_names(rd);
}

int budgets_read(struct reader *rd, const struct ynode *section)
{
	size_t n = section ? section->len : 0;
	struct project *p = rd->p;

	p->budgets = arena_alloc(&p->arena, n * sizeof(struct budget *));
	for (size_t i = 0; i < n; i++) {
		const struct ynode *name = section->keys[i];
		const struct frame at = { "budget", name->scalar, rd->at };
		struct reader inner = { p, rd->err, &at };
		struct budget *b = arena_new(&p->arena, struct budget);

		if (!project_function(p, name->scalar, rd->err))
			return relocate(rd, (struct lstr){ name->scalar, name->line, name->col }, "budgets");
		b->function = name->scalar;
		b->line = name->line;
		b->col = name->col;
		if (keys_read(&inner, &keys_budget, section->items[i], b))
			return -1;
		p->budgets[p->nbudgets++] = b;
	}
	return 0;
}

int strategy_done(struct reader *rd, void *target, const struct ynode *n)
{
	const struct strategy_def *s = target;

	(void)n;
	if (s->dockerfile.s && (s->base.s || s->packages.len)) {
		err_set(rd->err, ERR_CONFIG, "a dockerfile and a base or packages exclude each other");
		return relocate(rd, s->dockerfile, NULL);
	}
	if (s->target.s && !s->dockerfile.s) {
		err_set(rd->err, ERR_CONFIG, "a target without a dockerfile");
		return relocate(rd, s->target, NULL);
	}
	return 0;
}

int strategies_read(struct reader *rd, const struct ynode *section)
{
	size_t n = section ? section->len : 0;
	struct project *p = rd->p;

	p->strategies = arena_alloc(&p->arena, n * sizeof(struct strategy_def *));
	for (size_t i = 0; i < n; i++) {
		const struct ynode *name = section->keys[i];
		const struct frame at = { "strategy", name->scalar, rd->at };
		struct reader inner = { p, rd->err, &at };
		struct strategy_def *s = arena_new(&p->arena, struct strategy_def);

		s->name = name->scalar;
		s->line = name->line;
		s->col = name->col;
		if (keys_read(&inner, &keys_strategy, section->items[i], s))
			return -1;
		if (s->profile.s && !project_profile(p, s->profile.s, rd->err))
			return relocate(&inner, s->profile, NULL);
		if (s->toolchain.s && !project_toolchain(p, s->toolchain.s, rd->err))
			return relocate(&inner, s->toolchain, NULL);
		p->strategies[p->nstrategies++] = s;
	}
	return 0;
}
