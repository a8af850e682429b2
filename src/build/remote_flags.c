/* SPDX-License-Identifier: Apache-2.0 */
/* Which flags leave it known what a compiler and a linker read. */
#include <string.h>

#include "base/mem.h"
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

/* ---- of linkers: those that are good ---- */

/* Without the dashes, of which long options may have one or two. */
static const char switches[] =
	" allow-multiple-definition allow-shlib-undefined allow-undefined as-needed Bdynamic Bstatic "
	"Bsymbolic Bsymbolic-functions build-id call_shared color-diagnostics cref demangle "
	"disable-new-dtags discard-all discard-locals discard-none dn dy eh-frame-hdr emit-relocs "
	"enable-new-dtags end-group end-lib error-execstack error-rwx-segments error-unresolved-symbols "
	"execute-only export-all export-dynamic export-memory export-table fatal-warnings gc-sections "
	"gnu-unique growable-table ignore-data-address-equality ignore-function-address-equality "
	"import-memory import-table import-undefined merge-data-segments nmagic no-allow-shlib-undefined "
	"no-as-needed no-build-id no-color-diagnostics no-define-common no-demangle no-dynamic-linker "
	"no-eh-frame-hdr no-entry no-export-dynamic no-fatal-warnings no-gc-sections no-gnu-unique no-icf "
	"no-keep-memory no-ld-generated-unwind-info no-merge-data-segments no-nmagic no-omagic no-pie "
	"no-print-gc-sections no-relax no-rosegment no-undefined no-undefined-version no-warn-execstack "
	"no-warn-mismatch no-warn-rwx-segments no-warn-search-mismatch no-warn-symbol-ordering "
	"no-warnings no-whole-archive noinhibit-exec non_shared nostdlib omagic optimize-bb-jumps pie "
	"print-gc-sections print-icf-sections print-memory-usage reduce-memory-overheads relax rosegment "
	"shared-memory sort-common stack-first start-group start-lib static stats strip-all strip-debug "
	"trace undefined-version unique verbose warn-alternate-em warn-common warn-execstack warn-once "
	"warn-rwx-segments warn-symbol-ordering warn-unresolved-symbols whole-archive ";

/* Their value comes behind '='. */
static const char valued[] =
	" build-id compress-debug-sections error-limit export-if-defined global-base icf image-base "
	"initial-memory keep-unique lto-O max-memory orphan-handling pack-dyn-relocs sort-common "
	"spare-dynamic-tags table-base thinlto-jobs threads undefined-glob unresolved-symbols ";

/* Or is the next word, for every linker. */
static const char spaced[] =
	" defsym entry export export-dynamic-symbol hash-style require-defined section-start soname "
	"sort-section Tbss Tdata trace-symbol Ttext Ttext-segment undefined wrap ";

/* @list: names with a blank before and behind each. */
static bool is_one_of(const char *list, const char *name, size_t len)
{
	const char *at = list;

	for (; len && (at = memmem(at, strlen(at), name, len)); at++)
		if (at[-1] == ' ' && at[len] == ' ')
			return true;
	return false;
}

/* @value: the next word is one, whatever it looks like. */
static bool is_harmless(const char *word, bool *value)
{
	/* with a value at once, or as the next word; no long option that reads a file begins so */
	static const char joined[] = "zuyO", single[] = "sSxXENnqtvVdw()", next[] = "emh";
	const char *name, *equals;
	size_t len;

	if (*value) {
		*value = false;
		return true;
	}
	if (word[0] != '-' || !word[1])
		return false;
	name = word + (word[1] == '-' ? 2 : 1);
	if (!name[0])
		return false;
	if (name == word + 1 && !name[1]) {
		*value = strchr("zuy", name[0]) || strchr(next, name[0]);
		return *value || name[0] == 'O' || strchr(single, name[0]);
	}
	equals = strchr(name, '=');
	len = equals ? (size_t)(equals - name) : strlen(name);
	*value = !equals && is_one_of(spaced, name, len);
	if (*value || (equals ? is_one_of(valued, name, len) || is_one_of(spaced, name, len)
			      : is_one_of(switches, name, len) || starts_with(name, "lto-O")))
		return true;
	if (name != word + 1)
		return false;
	/* where libraries are, and their names: what is linked of them the map has */
	if (name[0] == 'L' || (name[0] == 'l' && !starts_with(name, "lto")))
		return true;
	return strchr(joined, name[0]) && !starts_with(name, "use-") && !starts_with(name, "undefined");
}

static bool is_linkers(const char *words, bool *value)
{
	CLEAN_FREE char *copy = xstrdup(words);

	for (char *p = copy, *end; *p; p = end) {
		end = p + strcspn(p, ",");
		if (*end)
			*end++ = '\0';
		if (*p && !is_harmless(p, value))
			return false;
	}
	return true;
}

/* ---- lists ---- */

static bool takes_next(const char *word)
{
	static const char *const names[] = { "-u",	"-z",	  "-e", "-L", "-l", "-x",	"--param",
					     "-target", "-mllvm", "-D", "-U", "-I", "-isystem", "--entry" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(word, names[i]) == 0)
			return true;
	return false;
}

bool remote_is_linked(const char *word)
{
	return word[0] != '-' && (ends_with(word, ".o") || ends_with(word, ".a"));
}

bool remote_flags(const struct lstrs *words)
{
	for (size_t i = 0; i < words->len; i++)
		if (is_strange(words->ptr[i].s))
			return false;
	return true;
}

bool remote_ldflags(const struct lstrs *words)
{
	bool value = false, next = false, argument = false; /* the linker's, the driver's, -Xlinker's */

	if (!remote_flags(words))
		return false;
	for (size_t i = 0; i < words->len; i++) {
		const char *w = words->ptr[i].s;

		if (argument || next) {
			if (argument && !is_harmless(w, &value))
				return false;
			argument = next = false;
		} else if (strcmp(w, "-Xlinker") == 0) {
			argument = true;
		} else if (starts_with(w, "-Wl,")) {
			if (!is_linkers(w + 4, &value))
				return false;
		} else if (value || (w[0] != '-' && !remote_is_linked(w))) {
			return false;
		} else {
			next = takes_next(w);
		}
	}
	return !value && !argument;
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
				if (remote_is_linked(ldflags->ptr[k].s))
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
