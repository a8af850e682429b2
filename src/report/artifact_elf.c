/* SPDX-License-Identifier: Apache-2.0 */
#include "report/artifact_elf.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "build/linkmap.h"
#include "elf/bytes.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "report/artifact_internal.h"

#define DIRS_MAX 64u	/* of profiles and architectures in which a debug file is looked for */

/* A user knows the artifact, and perhaps the program in it, but not the copy that was read. */
static int rename_error(const struct artifact *a, const char *path, struct err *err)
{
	const struct err inner = *err;
	const size_t n = strlen(path);

	if (!starts_with(inner.msg, path) || inner.msg[n] != ':')
		return -1;
	err_set(err, inner.code, "%s%s%s%s", a->shown, a->program ? ": " : "", a->program ? a->program : "",
		inner.msg + n);
	err->sys = inner.sys;
	if (*inner.hint)
		err_hint(err, "%s", inner.hint);
	return -1;
}

/* ---- what it is ---- */

static const char *linkage_of(const struct elf_file *f)
{
	if (f->has_interp || f->needed.len)
		return "dynamic";
	return f->has_dynamic ? "static-pie" : "static";
}

/* As `slsc _finish` verifies what it builds, whatever the profile. */
static void judge(struct artifact *a, const struct elf_file *f, const char *path)
{
	const struct elf_rules rules = { .arch = f->arch ? f->arch : ELF_ARCH_X86_64 };
	const size_t n = strlen(path);
	struct err err;

	if (elf_verify(path, &rules, &err) == 0)
		return;
	a->verdict = arena_strdup(&a->arena, starts_with(err.msg, path) && starts_with(err.msg + n, ": ") ?
						     err.msg + n + 2 : err.msg);
}

int artifact_elf_open(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	struct stat st;

	(void)o;
	if (!a->program && stat(path, &st) == 0) {
		a->size = a->unpacked = (uint64_t)st.st_size;
		a->files = 1;
	}
	if (elf_open(&f, path, err) < 0)
		return rename_error(a, path, err);
	a->has_program = true;
	if (f.arch)
		a->arch = elf_arch_name(f.arch);
	a->linkage = linkage_of(&f);
	a->stripped = !f.has_symtab && !f.has_debug;
	for (size_t i = 0; i < f.needed.len; i++)
		strs_add(&a->needed, f.needed.ptr[i]);
	judge(a, &f, path);
	return 0;
}

/* ---- its debug file and its map ---- */

/* .slsc/<profile>/<arch> of a project. */
static void add_build_dirs(const char *slsc, struct strs *dirs)
{
	CLEAN_STRS struct strs profiles = { 0 };
	struct err ignored;

	if (fs_list(slsc, &profiles, &ignored) < 0)
		return;
	for (size_t i = 0; i < profiles.len; i++) {
		CLEAN_STRS struct strs arches = { 0 };
		CLEAN_FREE char *profile = path_join(slsc, profiles.ptr[i]);

		if (!fs_is_dir(profile) || fs_list(profile, &arches, &ignored) < 0)
			continue;
		for (size_t k = 0; k < arches.len && dirs->len < DIRS_MAX; k++) {
			char *dir = path_join(profile, arches.ptr[k]);

			if (arches.ptr[k][0] != '.' && fs_is_dir(dir))
				strs_take(dirs, dir);
			else
				free(dir);
		}
	}
}

/* Those of the project that @from is in: dist/hello.zip was made of .slsc/release/x86_64/hello. */
static void add_project(const char *from, struct strs *dirs)
{
	char real[PATH_MAX], *slash;

	if (!realpath(from, real))
		return;
	do {
		CLEAN_FREE char *slsc = path_join(real, ".slsc");

		if (fs_is_dir(slsc)) {
			add_build_dirs(slsc, dirs);
			return;
		}
		slash = strrchr(real, '/');
		if (slash)
			*slash = '\0';
	} while (slash && *real);
}

static int find_debug(const struct artifact *a, const char *path, char **out, struct err *err)
{
	CLEAN_STRS struct strs dirs = { 0 };
	/* "oci:dist/hello.oci:amd64" is no path */
	CLEAN_FREE char *dir = path_dirname(a->priv && a->priv->place.path ? a->priv->place.path : a->shown);

	if (a->program)
		strs_add(&dirs, dir);
	add_project(dir, &dirs);
	add_project(".", &dirs);
	return elf_debug_find(path, (const char *const *)strs_argv(&dirs), out, err);
}

/* What the linker wrote beside it: hello.map; that of the debug file is of the same build as that is. */
static char *find_map(const struct artifact *a, const char *path, const char *debug)
{
	char *map = NULL;

	if (debug && ends_with(debug, ".debug"))
		map = xasprintf("%.*s.map", (int)(strlen(debug) - strlen(".debug")), debug);
	else if (!a->program)
		map = xasprintf("%s.map", path);
	if (map && !fs_exists(map)) {
		free(map);
		map = NULL;
	}
	return map;
}

/* "/usr/lib/libc.a(puts.o)" is libc.a(puts.o) on every machine. */
static const char *object_name(const char *input)
{
	const char *paren = ends_with(input, ")") ? strrchr(input, '(') : NULL, *name = input;

	for (const char *p = input; *input == '/' && *p && p != paren; p++)
		if (*p == '/')
			name = p + 1;
	/* gcc's link-time optimisation makes up a name for each run */
	return ends_with(name, ".ltrans.o") ? "lto.o" : name;
}

static int add_objects(struct elf_bytes *b, const char *map, struct link_ranges *ranges, struct err *err)
{
	CLEAN_FREE struct elf_owner *owners = NULL;

	if (linkmap_read_ranges(map, map, ranges, err) < 0)
		return -1;
	owners = xcalloc(ranges->len + 1, sizeof(*owners));
	for (size_t i = 0; i < ranges->len; i++)
		owners[i] = (struct elf_owner){ ranges->ptr[i].addr, ranges->ptr[i].size,
						object_name(ranges->ptr[i].input) };
	elf_bytes_objects(b, owners, ranges->len);
	return 0;
}

/* ---- trees ---- */

static struct size_node *add_section(struct size_tree *t, struct size_node *parent, const struct elf_piece *p,
				     uint64_t bytes)
{
	return size_add(t, parent, p->kind == ELF_PIECE_SECTION ? "section" : "other", p->section, bytes);
}

static void tree_sections(const struct elf_bytes *b, struct size_tree *t)
{
	for (size_t i = 0; i < b->len; i++)
		add_section(t, t->root, &b->ptr[i], b->ptr[i].size);
}

static void tree_symbols(const struct elf_bytes *b, struct size_tree *t)
{
	for (size_t i = 0; i < b->len; i++)
		if (b->ptr[i].symbol)
			size_add(t, add_section(t, t->root, &b->ptr[i], 0), "symbol", b->ptr[i].symbol, b->ptr[i].size);
	for (size_t i = 0; i < b->len; i++) {
		struct size_node *n = b->ptr[i].symbol ? NULL : add_section(t, t->root, &b->ptr[i], 0);

		/* a section in which nothing has a name is a whole */
		if (n && n->child)
			size_add(t, n, "other", "[no symbol]", b->ptr[i].size);
		else if (n)
			add_section(t, t->root, &b->ptr[i], b->ptr[i].size);
	}
}

static void tree_sources(const struct elf_bytes *b, struct size_tree *t)
{
	for (size_t i = 0; i < b->len; i++) {
		const struct elf_piece *p = &b->ptr[i];
		struct size_node *n = t->root;

		if (p->unit)
			n = size_add(t, n, "unit", p->unit, 0);
		else if (p->object)
			n = size_add(t, n, "object", p->object, 0);
		else if (p->symbol)
			n = size_add(t, n, "other", "[no debug information]", 0);
		if (p->symbol)
			size_add(t, n, "symbol", p->symbol, p->size);
		else
			add_section(t, n, p, p->size);
	}
}

/** What is said in the end: the first error that is more than something missing, else the first. */
struct verdict {
	int rc;
	struct err *err;
};

static void say(struct verdict *v, int rc, const struct err *err)
{
	if (rc == 0 || (v->rc < 0 && (v->err->code != ERR_NOTFOUND || err->code == ERR_NOTFOUND)))
		return;
	*v->err = *err;
	v->rc = rc;
}

static void add_sources(struct elf_bytes *b, const struct artifact *a, const char *path, const char *debug,
			struct link_ranges *ranges, struct verdict *v)
{
	CLEAN_FREE char *map = find_map(a, path, debug);
	struct err err;
	int rc = elf_bytes_units(b, debug, &err);

	/* a program of which the linker's map knows all is not without sources */
	if (!map || rc == 0 || err.code != ERR_NOTFOUND)
		say(v, rc, &err);
	if (map)
		say(v, add_objects(b, map, ranges, &err), &err);
}

int artifact_elf_view(struct artifact *a, const char *path, const char *debug, enum artifact_view view,
		      struct size_tree *out, struct err *err)
{
	CLEAN_ELF_BYTES struct elf_bytes b = ELF_BYTES_INIT;
	CLEAN_RANGES struct link_ranges ranges = { .len = 0 };
	CLEAN_FREE char *found = NULL;
	struct verdict v = { 0, err };
	struct err inner;
	int opened;

	if (debug && view != VIEW_SECTIONS && elf_debug_check(path, debug, err) < 0)
		return rename_error(a, path, err);
	opened = elf_bytes_open(&b, path, &inner);
	if (opened < 0 && !b.size) {
		*err = inner;
		return rename_error(a, path, err);
	}
	say(&v, opened, &inner);
	if (view != VIEW_SECTIONS) {
		if (!debug && opened == 0)
			say(&v, find_debug(a, path, &found, &inner), &inner);
		debug = debug ? debug : found;
		/* sources say themselves whether there are any */
		if (elf_bytes_symbols(&b, debug, &inner) < 0 && (view == VIEW_SYMBOLS || inner.code != ERR_NOTFOUND))
			say(&v, -1, &inner);
		/* libdw is not shown what its reader of headers has refused */
		if (view == VIEW_SOURCES && opened == 0)
			add_sources(&b, a, path, debug, &ranges, &v);
	}
	size_tree_begin(out, "binary", a->program ? a->program : a->shown);
	(view == VIEW_SECTIONS ? tree_sections : view == VIEW_SYMBOLS ? tree_symbols : tree_sources)(&b, out);
	size_finish(out);
	return v.rc < 0 ? rename_error(a, path, err) : 0;
}
