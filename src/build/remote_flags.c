/* SPDX-License-Identifier: Apache-2.0 */
/* Which flags leave it known what a compiler and a linker read. */
#include <string.h>

#include "base/mem.h"
#include "build/ldflags.h"
#include "build/remote_internal.h"

/* ---- of compilers' drivers: those that are no good are few ---- */

/* Words by which a tool reads or becomes what no list of inputs names. */
static bool is_strange(const char *word)
{
	static const char *const begin[] = { "@",      "-B",	   "-T",	   "-R",       "-load",
					     "-remap", "--prefix", "--for-linker", "--config", "-include-pch" };
	static const char *const in[] = { "-fuse-ld",	    "--ld-path", "-fplugin",	 "-specs", "-fprofile",
					  "-wrapper",	    ",@",	 "vfsoverlay",	 "list=",  "-load=",
					  "-fauto-profile", "-fmodule",	 "-fpass-plugin" };

	if (starts_with(word, "-D"))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(begin); i++)
		if (starts_with(word, begin[i]))
			return true;
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		if (strstr(word, in[i]))
			return true;
	return false;
}

/* ---- lists ---- */

bool remote_flags(const struct lstrs *words)
{
	for (size_t i = 0; i < words->len; i++)
		if (is_strange(words->ptr[i].s))
			return false;
	return true;
}

bool remote_ldflags(const struct lstrs *words)
{
	return remote_flags(words) && ldflags_known(words);
}

/* ---- of a function ---- */

/* A compiler with its flags is one text. */
static bool is_program(struct lstr text)
{
	CLEAN_FREE char *copy = xstrdup(text.s ? text.s : "");

	for (char *w = copy, *end; *w; w = end) {
		w += strspn(w, " \t\"'");
		end = w + strcspn(w, " \t\"'");
		if (*end)
			*end++ = '\0';
		if (is_strange(w) || starts_with(w, "-Wl,") || starts_with(w, "-Xlinker"))
			return false;
	}
	return true;
}

static bool is_toolchain(const struct graph *g, const char *name)
{
	while (name) {
		struct err ignored;
		const struct toolchain_def *d = project_toolchain(g->p, name, &ignored);

		if (!d)
			return true;
		for (int i = -1; i < ARCH_COUNT; i++) {
			const struct lstrs *cflags = i < 0 ? &d->cflags : &d->arch[i].cflags;
			const struct lstrs *ldflags = i < 0 ? &d->ldflags : &d->arch[i].ldflags;

			if (!is_program(i < 0 ? d->cc : d->arch[i].cc) || !remote_flags(cflags) ||
			    !remote_ldflags(ldflags))
				return false;
			/* no list of inputs has them */
			for (size_t k = 0; k < ldflags->len; k++)
				if (ldflags_is_linked(ldflags->ptr[k].s))
					return false;
		}
		name = d->extends.s;
	}
	return true;
}

static bool are_dependencies(const struct graph *g, const struct function *f)
{
	for (size_t i = 0; i < f->dependencies.len; i++) {
		struct err ignored;
		const struct dependency *d = project_dependency(g->p, f->dependencies.ptr[i].s, &ignored);

		if (d && !remote_flags(&d->flags))
			return false;
	}
	return true;
}

bool remote_may(const struct graph *g, const struct target *t)
{
	const struct profile *pr = g->profile;
	const bool gcc = t->tc->kind == TC_MUSL_GCC || t->tc->kind == TC_GNU;
	struct toolchain_use use;

	if (t->fn->build_command.s || !pr->static_link || !t->out)
		return false;
	project_toolchain_use(g->p, t->fn, &use);
	if (!remote_flags(&t->fn->flags) || !remote_ldflags(&t->fn->ldflags) || !remote_flags(&pr->flags) ||
	    !remote_ldflags(&pr->ldflags) || !are_dependencies(g, t->fn) || !is_toolchain(g, use.of.name.s))
		return false;
	/* there is no map to tell what was linked */
	if (!t->map && (t->fn->libs.len || t->fn->ldflags.len || pr->ldflags.len))
		return false;
	/* which programs a gcc of another name runs nobody says */
	return t->tc->stage || !gcc || ends_with(t->tc->cc, "gcc");
}
