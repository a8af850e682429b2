/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a function reads: by slsc.yaml, and by what its sources include. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "build/includes.h"
#include "build/since_internal.h"
#include "oci/place.h"

#define SOURCE_MAX (256u << 20) /* bytes; what is in a larger one is not known */
#define READ_MAX   200000u	/* files of one function; what more there is is not known */
#define FLAGS_MAX  (1u << 20)	/* bytes of a file of flags */
#define FLAGS_DEEP 8u		/* of which one names the next */

/* A file that some function reads, or would if it were there. */
struct since_file {
	const char *path;    /* the key in the map */
	const char *changed; /* by its own name, or that of what links lead to; or NULL */
	bool exists, scanned;
	struct include_refs refs;
};

/* What the function that is looked at includes. */
struct reading {
	struct since_finder *d;
	const struct function *f;
	struct strs dirs; /* for -I, as since_norm() has them */
	bool loose;	  /* flags add to them: which comes first is not known */
	unsigned deep;	  /* files of flags that are being read */
	struct map seen;
	VEC(struct since_file *) queue;
};

static struct since_file *file_at(struct since_finder *d, const char *path)
{
	struct since_file *f = map_get(&d->files, path);
	CLEAN_FREE char *abs = NULL, *target = NULL;
	struct stat st;

	if (f)
		return f;
	f = xcalloc(1, sizeof(*f));
	map_put(&d->files, path, f);
	f->path = d->files.ptr[d->files.len - 1].key;
	f->changed = since_at(d, path);
	abs = path_join(d->p->dir, path);
	if (stat(abs, &st) < 0 || !S_ISREG(st.st_mode))
		return f;
	f->exists = true;
	target = f->changed ? NULL : since_target(d, path);
	if (target)
		f->changed = since_at(d, target);
	return f;
}

void since_files_release(struct since_finder *d)
{
	for (size_t i = 0; i < d->files.len; i++) {
		struct since_file *f = d->files.ptr[i].val;

		includes_release(&f->refs);
		free(f);
	}
	map_release(&d->files);
}

/* ---- headers ---- */

static void add_dir(struct reading *r, const char *dir)
{
	CLEAN_FREE char *norm = since_norm(r->d, dir);
	CLEAN_FREE char *target = since_target(r->d, norm);

	strs_add(&r->dirs, norm);
	/* a header that is gone had its place where the link leads to */
	if (target)
		strs_add(&r->dirs, target);
}

/* Returns whether there is such a file. */
static bool read_file(struct reading *r, const char *path, bool source, enum since_reason reason, const char *by)
{
	struct since_file *f = file_at(r->d, path);

	if (f->changed)
		since_add(r->d, reason, f->changed, by);
	if (f->exists && source && !map_has(&r->seen, path)) {
		map_put(&r->seen, path, f);
		VEC_PUSH(&r->queue, f);
	}
	return f->exists;
}

static bool try_dir(struct reading *r, const char *dir, const struct include_ref *ref, const char *by)
{
	const bool data = ref->kind == INCLUDE_DATA || ref->kind == INCLUDE_EMBED;
	CLEAN_FREE char *joined = path_join(dir, ref->name);
	CLEAN_FREE char *path = since_norm(r->d, joined);

	return read_file(r, path, !data, data ? SINCE_EMBEDDED : SINCE_HEADER, by) && !ref->next && !r->loose;
}

static void follow(struct reading *r, const char *from, const struct include_ref *ref)
{
	CLEAN_FREE char *dir = path_dirname(from);

	if (ref->name[0] == '/') {
		(void)try_dir(r, ".", ref, from);
		return;
	}
	/* the assembler begins where the compiler runs, in the project */
	if (ref->kind == INCLUDE_ASM || ref->kind == INCLUDE_DATA) {
		if (try_dir(r, ".", ref, from))
			return;
	} else if (ref->kind != INCLUDE_ANGLE && !ref->next && try_dir(r, dir, ref, from)) {
		return;
	}
	VEC_EACH(&r->dirs, one)
		if (try_dir(r, *one, ref, from))
			return;
}

static void not_known(struct reading *r, const char *path, unsigned line)
{
	CLEAN_FREE char *by = line ? xasprintf("%s:%u", path, line) : xstrdup(path);

	since_add(r->d, SINCE_COMPUTED, r->d->changes.paths.ptr[0], by);
}

static int scan(struct since_finder *d, struct since_file *f, struct err *err)
{
	CLEAN_FREE char *abs = path_join(d->p->dir, f->path);
	CLEAN_BUF struct buf text = BUF_INIT;

	f->scanned = true;
	if (fs_read(abs, SOURCE_MAX, &text, err) < 0) {
		if (err->code == ERR_INTR)
			return -1;
		f->refs.unknown = 1;
		return 0;
	}
	includes_scan(text.ptr, text.len, &f->refs);
	return 0;
}

static int read_headers(struct reading *r, struct err *err)
{
	for (size_t i = 0; i < r->queue.len; i++) {
		struct since_file *f = r->queue.ptr[i];

		if (!f->scanned && scan(r->d, f, err) < 0)
			return -1;
		if (f->refs.unknown || i == READ_MAX)
			not_known(r, f->path, f->refs.unknown);
		if (i == READ_MAX)
			return 0;
		VEC_EACH(&f->refs, ref)
			follow(r, f->path, ref);
	}
	return 0;
}

/* ---- flags ---- */

static void named_by_flag(struct reading *r, const char *name, const char *flag)
{
	CLEAN_FREE char *path = since_norm(r->d, name);
	const char *changed = strchr(name, '/') ? since_below(r->d, path) : since_at(r->d, path);

	if (changed)
		since_add(r->d, SINCE_FLAG, changed, flag);
}

static void library_dir(struct reading *r, const char *dir)
{
	CLEAN_FREE char *path = since_norm(r->d, dir);
	const char *changed = since_below(r->d, path);

	if (changed)
		since_add(r->d, SINCE_LIBRARY, changed, NULL);
}

enum flag_value { FLAG_PLAIN, FLAG_DIR, FLAG_LIBRARY_DIR, FLAG_INCLUDE, FLAG_UNKNOWN };

/*
 * What the flag is about: @rest is the value that is part of it, "" if the next word is. Long options have it behind
 * '='; of two that begin alike the longer one comes first.
 */
static enum flag_value flag_kind(const char *word, const char **rest)
{
	static const struct {
		const char *name;
		enum flag_value kind;
	} known[] = {
		{ "--include-directory-after", FLAG_DIR },
		{ "--include-directory", FLAG_DIR },
		{ "--include-prefix", FLAG_UNKNOWN },
		{ "--include-with-prefix-before", FLAG_UNKNOWN },
		{ "--include-with-prefix-after", FLAG_UNKNOWN },
		{ "--include-with-prefix", FLAG_UNKNOWN },
		{ "--include", FLAG_INCLUDE },
		{ "--imacros", FLAG_INCLUDE },
		{ "--library-directory", FLAG_LIBRARY_DIR },
		{ "--prefix", FLAG_LIBRARY_DIR },
		{ "-I", FLAG_DIR },
		{ "-isystem-after", FLAG_DIR },
		{ "-isystem", FLAG_DIR },
		{ "-iquote", FLAG_DIR },
		{ "-idirafter", FLAG_DIR },
		{ "-iprefix", FLAG_UNKNOWN },
		{ "-iwithprefix", FLAG_UNKNOWN },
		{ "-include-pch", FLAG_INCLUDE },
		{ "-include", FLAG_INCLUDE },
		{ "-imacros", FLAG_INCLUDE },
		{ "-L", FLAG_LIBRARY_DIR },
		{ "-B", FLAG_LIBRARY_DIR },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const char *value = word + strlen(known[i].name);

		if (!starts_with(word, known[i].name))
			continue;
		if (word[1] == '-' && *value && *value != '=')
			continue;
		*rest = value + (word[1] == '-' && *value == '=');
		return known[i].kind;
	}
	return FLAG_PLAIN;
}

/* @forced: those of -include wait until all directories are known. */
static void read_value(struct reading *r, enum flag_value kind, const char *value, struct strs *forced)
{
	if (kind == FLAG_DIR) {
		r->loose = true;
		add_dir(r, value);
	} else if (kind == FLAG_LIBRARY_DIR) {
		library_dir(r, value);
	} else if (kind == FLAG_INCLUDE) {
		strs_add(forced, value);
	} else if (kind == FLAG_UNKNOWN) {
		not_known(r, "-iprefix", 0);
	}
}

/* "-Tx.ld", "-Wl,--version-script=x.map", "@args": whatever of it may be a name. */
static void read_pieces(struct reading *r, const char *word)
{
	CLEAN_FREE char *copy = xstrdup(word);

	for (char *p = copy, *end; *p; p = end) {
		char *stop = p + strcspn(p, ",=:@");

		end = *stop ? stop + 1 : stop;
		*stop = '\0';
		if (!*p)
			continue;
		named_by_flag(r, p, word);
		if (p[0] == '-' && p[1] && p[2])
			named_by_flag(r, p + 2, word);
	}
}

static void read_flag(struct reading *r, const char *text, enum flag_value *pending, struct strs *forced);

/* What is quoted in there by backslashes is a compiler's to read. */
static void read_response(struct reading *r, const char *name, enum flag_value *pending, struct strs *forced)
{
	CLEAN_FREE char *path = since_norm(r->d, name), *abs = path_join(r->d->p->dir, path);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;

	if (r->deep == FLAGS_DEEP || fs_read(abs, FLAGS_MAX, &text, &ignored) < 0 || strlen(text.ptr) != text.len ||
	    strchr(text.ptr, '\\')) {
		not_known(r, path, 0);
		return;
	}
	r->deep++;
	read_flag(r, text.ptr, pending, forced);
	r->deep--;
}

/* They hand the next word on. */
static bool is_bridge(const char *word)
{
	static const char *const names[] = { "-Xpreprocessor", "-Xassembler", "-Xclang", "-Xlinker" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(word, names[i]) == 0)
			return true;
	return false;
}

static void read_word(struct reading *r, const char *word, enum flag_value *pending, struct strs *forced)
{
	const char *value = NULL;
	enum flag_value kind;

	if (is_bridge(word))
		return;
	if (*pending != FLAG_PLAIN) {
		read_value(r, *pending, word, forced);
		*pending = FLAG_PLAIN;
		return;
	}
	kind = flag_kind(word, &value);
	if (kind == FLAG_PLAIN)
		read_pieces(r, word);
	else if (*value)
		read_value(r, kind, value, forced);
	else
		*pending = kind;
	if (word[0] == '@' && word[1])
		read_response(r, word + 1, pending, forced);
}

/* "-Wp,-Ia,-include,b.h": of a linker's only directories of libraries are of use, and its files of flags not known. */
static void read_list(struct reading *r, const char *word, enum flag_value *pending, struct strs *forced)
{
	CLEAN_FREE char *copy = xstrdup(word + 4);
	const bool linker = starts_with(word, "-Wl,");

	if (linker)
		read_pieces(r, word);
	for (char *p = copy, *end; *p; p = end) {
		end = p + strcspn(p, ",");
		if (*end)
			*end++ = '\0';
		if (!linker && *p)
			read_word(r, p, pending, forced);
		else if (p[0] == '@')
			not_known(r, p + 1, 0);
		else if (starts_with(p, "-L") && p[2])
			library_dir(r, p + 2);
	}
}

/* One entry of a list of flags, or a tool: words, as a shell would split them but for quotes that hold blanks. */
static void read_flag(struct reading *r, const char *text, enum flag_value *pending, struct strs *forced)
{
	CLEAN_FREE char *copy = xstrdup(text);

	for (char *w = copy, *end; *w; w = end) {
		w += strspn(w, " \t\r\n\"'");
		end = w + strcspn(w, " \t\r\n\"'");
		if (*end)
			*end++ = '\0';
		if (starts_with(w, "-Wp,") || starts_with(w, "-Wa,") || starts_with(w, "-Wl,"))
			read_list(r, w, pending, forced);
		else if (*w)
			read_word(r, w, pending, forced);
	}
}

static void read_flags(struct reading *r, struct lstrs flags, struct strs *forced)
{
	enum flag_value pending = FLAG_PLAIN;

	for (size_t i = 0; i < flags.len; i++)
		read_flag(r, flags.ptr[i].s, &pending, forced);
}

static void read_tool(struct reading *r, struct lstr tool, struct strs *forced)
{
	enum flag_value pending = FLAG_PLAIN;

	if (tool.s)
		read_flag(r, tool.s, &pending, forced);
}

static void read_toolchain(struct reading *r, const char *name, struct strs *forced)
{
	while (name) {
		struct err ignored;
		const struct toolchain_def *t = project_toolchain(r->d->p, name, &ignored);

		if (!t || !t->line)
			return;
		const struct toolchain_arch_def all = {
			t->cc, t->cxx, t->ar, t->ranlib, t->strip, t->cflags, t->ldflags
		};
		for (int i = -1; i < ARCH_COUNT; i++) {
			const struct toolchain_arch_def *a = i < 0 ? &all : &t->arch[i];

			read_tool(r, a->cc, forced);
			read_tool(r, a->cxx, forced);
			read_tool(r, a->ar, forced);
			read_tool(r, a->ranlib, forced);
			read_tool(r, a->strip, forced);
			read_flags(r, a->cflags, forced);
			read_flags(r, a->ldflags, forced);
		}
		name = t->extends.s;
	}
}

/* ---- what slsc.yaml names ---- */

static bool is_source(const char *path)
{
	return ends_with(path, ".c") || ends_with(path, ".S") || ends_with(path, ".s");
}

/* What is wrong with a pattern the build says, with its place. */
static int expand(struct since_finder *d, struct lstr pattern, struct strs *out, struct err *err)
{
	if (project_glob(d->p, pattern, out, err) < 0 && err->code == ERR_INTR)
		return -1;
	return 0;
}

static int read_sources(struct reading *r, struct err *err)
{
	struct since_finder *d = r->d;
	CLEAN_STRS struct strs found = { 0 };

	for (size_t i = 0; i < r->f->sources.len; i++) {
		const char *changed = since_match(d, r->f->sources.ptr[i].s);

		if (changed)
			since_add(d, SINCE_SOURCE, changed, NULL);
		if (expand(d, r->f->sources.ptr[i], &found, err) < 0)
			return -1;
	}
	VEC_EACH(&found, path) {
		CLEAN_FREE char *norm = since_norm(d, *path);

		(void)read_file(r, norm, is_source(norm), SINCE_SOURCE, NULL);
	}
	return 0;
}

/* In a dependency's tree nobody looks: its headers may include those of the function's directories. */
static void read_dependencies(struct reading *r)
{
	for (size_t i = 0; r->f->dependencies.len && i < r->dirs.len; i++) {
		const char *changed = since_below(r->d, r->dirs.ptr[i]);

		if (changed)
			since_add(r->d, SINCE_DEPENDENCY, changed, r->f->dependencies.ptr[0].s);
	}
}

static void read_libs(struct reading *r)
{
	for (size_t i = 0; i < r->f->libs.len; i++)
		if (lib_is_file(r->f->libs.ptr[i].s)) {
			CLEAN_FREE char *path = since_norm(r->d, r->f->libs.ptr[i].s);

			(void)read_file(r, path, false, SINCE_LIBRARY, NULL);
		}
}

/* Absolute ones are -isystem: they come after all others. */
static void add_dirs(struct reading *r, bool absolute)
{
	const struct lstrs *all = &r->f->includes;

	for (size_t i = 0; i < all->len; i++)
		if ((all->ptr[i].s[0] == '/') == absolute)
			add_dir(r, all->ptr[i].s);
}

static int read_compiled(struct reading *r, const struct toolchain_use *use, struct err *err)
{
	const struct function *f = r->f;
	CLEAN_STRS struct strs forced = { 0 };

	add_dirs(r, false);
	read_toolchain(r, use->of.name.s, &forced);
	read_flags(r, r->d->profile->flags, &forced);
	read_flags(r, r->d->profile->ldflags, &forced);
	read_flags(r, f->flags, &forced);
	read_flags(r, f->ldflags, &forced);
	add_dirs(r, true);
	VEC_EACH(&forced, name)
		follow(r, "-include", &(struct include_ref){ .kind = INCLUDE_QUOTE, .name = *name });
	read_libs(r);
	read_dependencies(r);
	if (read_sources(r, err) < 0)
		return -1;
	return read_headers(r, err);
}

static void read_command(struct reading *r, const struct toolchain_use *use)
{
	const struct function *f = r->f;
	CLEAN_STRS struct strs unused = { 0 };
	const char *changed = f->build_inputs.len ? NULL : since_input(r->d);

	if (changed)
		since_add(r->d, SINCE_INPUT, changed, NULL);
	for (size_t i = 0; i < f->build_inputs.len; i++) {
		changed = since_match(r->d, f->build_inputs.ptr[i].s);
		if (changed)
			since_add(r->d, SINCE_INPUT, changed, NULL);
	}
	read_toolchain(r, use->of.name.s, &unused);
}

static int read_dockerfile(struct since_finder *d, const char *dockerfile, const char *context, struct err *err)
{
	CLEAN_FREE char *file = since_norm(d, dockerfile);
	CLEAN_FREE char *own = xasprintf("%s.dockerignore", file);
	CLEAN_FREE char *joined = path_join(context, ".dockerignore");
	CLEAN_FREE char *common = since_norm(d, joined);
	const char *const names[] = { file, own, common };
	const char *changed;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (since_at(d, names[i]))
			since_add(d, SINCE_DOCKERFILE, since_at(d, names[i]), NULL);
	if (since_context(d, dockerfile, context, &changed, err) < 0)
		return -1;
	if (changed)
		since_add(d, SINCE_CONTEXT, changed, dockerfile);
	return 0;
}

static void read_base(struct since_finder *d, const char *text)
{
	CLEAN_PLACE struct place pl = { .path = NULL };
	struct err ignored;

	if (place_parse_in(&pl, text, d->p->dir, &ignored) == 0 && pl.path) {
		CLEAN_FREE char *path = since_norm(d, pl.path);

		if (since_below(d, path))
			since_add(d, SINCE_BASE, since_below(d, path), NULL);
	}
}

static int read_package(struct since_finder *d, const struct function *f, struct err *err)
{
	struct package pk;

	project_package(d->p, f, &pk);
	for (size_t i = 0; i < pk.includes.len; i++) {
		const char *changed = since_match(d, pk.includes.ptr[i].from.s);
		CLEAN_STRS struct strs found = { 0 };

		if (changed)
			since_add(d, SINCE_PACKAGED, changed, NULL);
		if (expand(d, pk.includes.ptr[i].from, &found, err) < 0)
			return -1;
		VEC_EACH(&found, path) {
			const struct since_file *file = file_at(d, *path);

			if (file->changed)
				since_add(d, SINCE_PACKAGED, file->changed, NULL);
		}
	}
	/* a mirror may stand in the place of any image that is named */
	for (size_t i = 0; (pk.base.s || pk.dockerfile.s) && i < d->p->mirrors.len; i++)
		read_base(d, d->p->mirrors.ptr[i].val.s);
	if (pk.base.s)
		read_base(d, pk.base.s);
	return pk.dockerfile.s ? read_dockerfile(d, pk.dockerfile.s, pk.context.s ? pk.context.s : ".", err) : 0;
}

static void read_served(struct since_finder *d, const struct function *f)
{
	CLEAN_FREE char *file = f->fallback_file.s ? since_norm(d, f->fallback_file.s) : NULL;
	CLEAN_FREE char *dir = f->extensions.s ? since_norm(d, f->extensions.s) : NULL;

	if (file && since_at(d, file))
		since_add(d, SINCE_FALLBACK, since_at(d, file), NULL);
	if (dir && since_below(d, dir))
		since_add(d, SINCE_EXTENSION, since_below(d, dir), NULL);
}

int since_files(struct since_finder *d, const struct function *f, struct err *err)
{
	struct reading r = { .d = d, .f = f };
	struct toolchain_use use;
	int ret = 0;

	project_toolchain_use(d->p, f, &use);
	if (f->build_command.s)
		read_command(&r, &use);
	else if (function_compiles(f))
		ret = read_compiled(&r, &use, err);
	strs_release(&r.dirs);
	map_release(&r.seen);
	VEC_FREE(&r.queue);
	if (ret == 0 && function_compiles(f) && use.of.stage.s)
		ret = read_dockerfile(d, use.of.dockerfile.s, use.context, err);
	if (ret == 0)
		ret = read_package(d, f, err);
	if (ret == 0)
		read_served(d, f);
	return ret;
}
