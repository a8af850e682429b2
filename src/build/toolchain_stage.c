/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the toolchains there is in a stage of a Dockerfile. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/toolchain.h"

char *build_stage_run(const struct build_stage *s)
{
	CLEAN_FREE char *word = xasprintf("%.*s/%s", BUILD_STAGE_DIGEST, s->digest, s->stage.s);
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "\"$SLSC_IN_STAGE\" ");
	buf_add_shell(&b, word);
	buf_addc(&b, ' ');
	return buf_detach(&b);
}

/* All its parts are in the stage; or, with @cache, all but musl, which the user cache has or will have. */
static bool is_there(const struct toolchain *tc, bool cache)
{
	for (unsigned i = 0; i < tc->nmissing; i++)
		if (!cache || !tc->missing[i].sysroot)
			return false;
	return cache || !tc->cached;
}

/* Objects of two Dockerfiles' stages of one name are not to meet, nor those of a toolchain of that name. */
static const char *directory_of(struct arena *a, const struct build_stage *s)
{
	uint32_t h = 0x811c9dc5u;

	if (strcmp(s->dockerfile, "Dockerfile") == 0)
		return arena_printf(a, "stage.%s", s->stage.s);
	for (const char *p = s->dockerfile; *p; p++)
		h = (h ^ (unsigned char)*p) * 0x01000193u;
	return arena_printf(a, "stage.%s.%08x", s->stage.s, (unsigned)h);
}

/*
 * musl before glibc, as without a stage; what is whole in the stage before what takes musl from the user cache, whose
 * version is that of this machine's packages.
 */
int toolchain_detect(struct arena *a, const struct build_stage *s, enum arch arch, struct toolchain *tc,
		     struct err *err)
{
	static const struct {
		enum tc_kind kind;
		bool cache;
	} order[] = { { TC_MUSL, false }, { TC_MUSL_GCC, false }, { TC_MUSL, true },
		      { TC_MUSL_GCC, true }, { TC_GNU, false },	  { TC_ZIG, false } };
	CLEAN_FREE char *run = build_stage_run(s);
	bool found = false;

	for (size_t i = 0; i < ARRAY_LEN(order) && !found; i++) {
		if (toolchain_resolve(a, NULL, &s->root, toolchain_builtin[order[i].kind], arch, tc, err) < 0)
			return -1;
		found = is_there(tc, order[i].cache);
	}
	/* what the default one lacks is what is said */
	if (!found && toolchain_resolve(a, NULL, &s->root, "musl", arch, tc, err) < 0)
		return -1;
	tc->shown = arena_printf(a, "%s in stage %s of %s", tc->name, s->stage.s, s->dockerfile);
	tc->name = directory_of(a, s);
	tc->stage = s;
	tc->run = arena_strdup(a, run);
	return 0;
}

int toolchain_require_stage(const struct toolchain *tc, struct err *err)
{
	const struct build_stage *s = tc->stage;
	CLEAN_BUF struct buf what = BUF_INIT, packages = BUF_INIT;

	for (unsigned i = 0; i < tc->nmissing; i++) {
		if (tc->missing[i].sysroot)
			continue;
		buf_addf(&what, "%s%s", what.len ? ", " : "", tc->missing[i].what);
		if (tc->missing[i].package)
			buf_addf(&packages, " %s", tc->missing[i].package);
	}
	err_at(err, ERR_TOOL, s->file, s->stage.line, s->stage.col,
	       "stage '%s' of %s has no toolchain for %s: musl lacks %s", s->stage.s, s->dockerfile,
	       arch_name(tc->arch), what.ptr);
	return err_hint(err, "install one in it: RUN apt-get update && apt-get install -y%s musl-dev libgcc-12-dev",
			packages.len ? packages.ptr : "");
}
