/* SPDX-License-Identifier: Apache-2.0 */
#include "report/strategy.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "base/str.h"
#include "build/toolchain.h"
#include "report/budget.h"

static struct lstr slim_packages[] = { { .s = "bash" }, { .s = "coreutils" } };

/* The image of those that are no image strategies is on the static base, but for what needs a C library there. */
static const struct strategy builtin[] = {
	{ .name = STRATEGY_PROJECT, .summary = "as slsc.yaml says", .by_default = true },
	{ .name = "dynamic-glibc", .summary = "glibc, dynamic", .toolchain = "gnu", .link = LINK_DYNAMIC,
	  .base = "base-debian12", .by_default = true },
	{ .name = "static-glibc", .summary = "glibc, static", .toolchain = "gnu", .link = LINK_STATIC,
	  .by_default = true },
	{ .name = "static-musl", .summary = "musl, static", .toolchain = "musl", .link = LINK_STATIC,
	  .by_default = true },
	{ .name = "static-pie-musl", .summary = "musl, static, any address", .toolchain = "musl",
	  .link = LINK_STATIC_PIE, .by_default = true },
	{ .name = "small", .summary = "-Oz, link-time optimization", .profile = "small", .by_default = true },
	{ .name = "fast", .summary = "-O3, link-time optimization", .profile = "fast", .by_default = true },
	{ .name = "lto", .summary = "link-time optimization", .lto = true, .by_default = true },
	{ .name = "debug", .summary = "-Og, not stripped", .profile = "debug", .by_default = true },
	{ .name = "zig", .summary = "zig cc", .toolchain = "zig", .by_default = true },
	{ .name = "single-stage", .summary = "debian:bookworm-slim, toolchain, source", .single_stage = true },
	{ .name = "slim", .summary = "Debian packages: libc, bash, coreutils", .base = "base-debian12",
	  .packages = { slim_packages, ARRAY_LEN(slim_packages) } },
	{ .name = "static-debian12", .summary = "distroless: certificates, time zones", .base = "static-debian12" },
	{ .name = "static", .summary = "users, certificates, /tmp", .base = "static", .by_default = true },
	{ .name = "scratch", .summary = "the program alone", .base = "scratch", .by_default = true },
	{ .name = "static-zstd", .summary = "static, layers by zstd", .base = "static", .compression = "zstd",
	  .by_default = true },
};

static struct strategy of_def(const struct strategy_def *d)
{
	return (struct strategy){
		.name = d->name, .summary = d->summary.s ? d->summary.s : "of slsc.yaml", .profile = d->profile.s,
		.toolchain = d->toolchain.s, .base = d->base.s, .packages = d->packages, .dockerfile = d->dockerfile.s,
		.target = d->target.s, .compression = d->compression.s, .by_default = true, .def = d,
	};
}

void strategies_all(const struct project *p, struct strategies *out)
{
	for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
		bool hidden = false;

		for (size_t k = 0; k < p->nstrategies; k++)
			hidden |= strcmp(p->strategies[k]->name, builtin[i].name) == 0;
		if (!hidden)
			VEC_PUSH(out, builtin[i]);
	}
	for (size_t k = 0; k < p->nstrategies; k++)
		VEC_PUSH(out, of_def(p->strategies[k]));
}

/* zig is no part of Debian: who has it wants to see it, and nobody else a row that failed. */
static bool is_here(const struct project *p, const struct strategy *s)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	struct toolchain tc;
	struct err ignored;

	if (s->def || !s->toolchain || strcmp(s->toolchain, "zig") != 0)
		return true;
	return toolchain_resolve(&a, p, NULL, s->toolchain, arch_host(), &tc, &ignored) == 0 && !tc.nmissing;
}

static int unknown(const struct strategies *all, const char *name, struct err *err)
{
	CLEAN_FREE const char **names = xcalloc(all->len + 1, sizeof(*names));
	const char *near;

	for (size_t i = 0; i < all->len; i++)
		names[i] = all->ptr[i].name;
	near = str_closest(name, names, all->len);
	err_set(err, ERR_USAGE, "there is no strategy '%.100s'", name);
	return near ? err_hint(err, "did you mean '%s'?", near)
		    : err_hint(err, "'slsc compare --list' shows them all");
}

int strategies_choose(const struct project *p, const struct strs *names, struct strategies *out, struct err *err)
{
	struct strategies all = { 0 };
	int ret = 0;

	strategies_all(p, &all);
	if (names->len == 0 || (names->len == 1 && strcmp(names->ptr[0], "all") == 0)) {
		VEC_EACH(&all, s)
			if ((names->len || s->by_default) && is_here(p, s))
				VEC_PUSH(out, *s);
	}
	for (size_t i = 0; ret == 0 && i < names->len && strcmp(names->ptr[0], "all") != 0; i++) {
		const struct strategy *found = NULL;

		VEC_EACH(&all, s)
			if (strcmp(s->name, names->ptr[i]) == 0)
				found = s;
		VEC_EACH(out, s)
			if (strcmp(s->name, names->ptr[i]) == 0)
				ret = err_set(err, ERR_USAGE, "strategy '%s' is named twice", s->name);
		if (ret == 0 && found)
			VEC_PUSH(out, *found);
		else if (ret == 0)
			ret = unknown(&all, names->ptr[i], err);
	}
	VEC_FREE(&all);
	return ret;
}
