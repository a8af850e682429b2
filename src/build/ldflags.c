/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ldflags.h"

#include <string.h>

#include "base/mem.h"

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

static bool takes_next(const char *word)
{
	static const char *const names[] = { "-u",	"-z",	  "-e", "-L", "-l", "-x",	"--param",
					     "-target", "-mllvm", "-D", "-U", "-I", "-isystem", "--entry" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(word, names[i]) == 0)
			return true;
	return false;
}

bool ldflags_is_linked(const char *word)
{
	return word[0] != '-' && (ends_with(word, ".o") || ends_with(word, ".a"));
}

/** Words one after the other, by whom they are for. */
struct walk {
	struct strs *files; /* or NULL */
	bool known;	    /* all so far */
	bool value;	    /* the next word is one, for the linker; */
	bool next;	    /* for the driver; */
	bool argument;	    /* or -Xlinker's */
};

/* An option that may read: "--script=x", "-Tx", or a name by itself. */
static void doubt(struct walk *w, const char *word)
{
	const char *equals = strchr(word, '=');

	w->known = false;
	if (!w->files)
		return;
	if (word[0] == '@')
		strs_add(w->files, word + 1);
	else if (word[0] != '-')
		strs_add(w->files, word);
	else if (word[1] && word[2] && word[1] != '-')
		strs_add(w->files, word + 2);
	if (equals && word[0] == '-')
		strs_add(w->files, equals + 1);
}

static void linkers(struct walk *w, const char *word)
{
	/* written, not read */
	if (strstr(word, "-Map") || strstr(word, "-dependency-file"))
		w->known = false;
	else if (!is_harmless(word, &w->value))
		doubt(w, word);
}

static void linkers_list(struct walk *w, const char *words)
{
	CLEAN_FREE char *copy = xstrdup(words);

	for (char *p = copy, *end; *p; p = end) {
		end = p + strcspn(p, ",");
		if (*end)
			*end++ = '\0';
		if (*p)
			linkers(w, p);
	}
}

static void walk(struct walk *w, const struct lstrs *words)
{
	for (size_t i = 0; i < words->len; i++) {
		const char *word = words->ptr[i].s;

		if (w->argument || w->next) {
			if (w->argument)
				linkers(w, word);
			w->argument = w->next = false;
		} else if (strcmp(word, "-Xlinker") == 0) {
			w->argument = true;
		} else if (starts_with(word, "-Wl,")) {
			linkers_list(w, word + 4);
		} else if (ldflags_is_linked(word)) {
			if (w->files)
				strs_add(w->files, word);
			w->known &= !w->value;
		} else if (word[0] != '-' || starts_with(word, "-T")) {
			doubt(w, word);
		} else {
			w->known &= !w->value;
			w->next = takes_next(word);
		}
	}
	w->known &= !w->value && !w->argument;
}

bool ldflags_known(const struct lstrs *words)
{
	struct walk w = { .known = true };

	walk(&w, words);
	return w.known;
}

void ldflags_files(const struct lstrs *words, struct strs *out)
{
	struct walk w = { .files = out };

	walk(&w, words);
}
