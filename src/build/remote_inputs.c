/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a binary is made of. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/ldflags.h"
#include "build/linkmap.h"
#include "build/remote_internal.h"
#include "os/fs.h"
#include "os/proc.h"

#define DIGEST_MAX (1LL << 30)	/* bytes of a file that is read for its digest */
#define DEPS_MAX   (256u << 20) /* bytes of ninja's lists */
#define SUFFIX_MAX 5u		/* parts of a name as #include has it */

const struct digest *remote_digest(struct remote *r, const char *local)
{
	static const struct digest none;
	const struct digest *known = map_get(&r->digests, local);
	struct digest *d;
	struct err ignored;
	struct stat st;

	if (!known) {
		d = arena_new(&r->arena, struct digest);
		known = stat(local, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= DIGEST_MAX &&
					digest_file(local, d, NULL, &ignored) == 0
				? d
				: &none;
		map_put(&r->digests, local, (void *)(uintptr_t)known);
	}
	return known->s[0] ? known : NULL;
}

/* ---- what would be found first ---- */

static bool is_there(struct remote *r, const char *path)
{
	const char *known = map_get(&r->there, path);

	if (!known) {
		known = access(path, F_OK) == 0 ? "y" : "n";
		map_put(&r->there, path, (void *)(uintptr_t)known);
	}
	return *known == 'y';
}

static void add_once(struct map *m, const char *s)
{
	if (!map_has(m, s))
		map_put(m, s, m);
}

/* Directories of the project, and others that -I names: those of slsc and of dependencies are known by other means. */
static void list_dirs(const struct remote *r, const struct target *t, const struct remote_file *inputs, size_t n,
		      struct map *dirs)
{
	(void)r;
	/* where the assembler looks first */
	add_once(dirs, ".");
	for (size_t i = 0; i < t->fn->includes.len; i++) {
		CLEAN_FREE char *dir = path_clean(t->fn->includes.ptr[i].s);

		add_once(dirs, dir);
	}
	for (size_t i = 0; i < n; i++) {
		CLEAN_FREE char *dir = path_dirname(inputs[i].path);

		if (inputs[i].path[0] != '/' && inputs[i].path[0] != '@')
			add_once(dirs, dir);
	}
}

static void look_beside(struct remote *r, const struct map *dirs, const char *path, struct strs *found)
{
	const char *tail = path + strlen(path);

	for (unsigned parts = 0; parts < SUFFIX_MAX && tail > path; parts++) {
		do
			tail--;
		while (tail > path && tail[-1] != '/');
		for (size_t i = 0; i < dirs->len; i++) {
			CLEAN_FREE char *name = path_join(dirs->ptr[i].key, tail), *local = remote_local(r->g, name);

			if (is_there(r, local))
				strs_add(found, name);
		}
	}
}

/*
 * A header that is new may be found before one of its name that was read. So of each file that was read, by any of the
 * names that #include may have for it, all that there are in the project's directories count.
 */
int remote_seen(struct remote *r, const struct target *t, const struct remote_file *inputs, size_t n,
		char out[REMOTE_KEY], struct err *err)
{
	CLEAN_MAP struct map dirs = { 0 };
	CLEAN_STRS struct strs found = { 0 };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct digest d;

	list_dirs(r, t, inputs, n, &dirs);
	for (size_t i = 0; i < n; i++)
		if (!ends_with(inputs[i].path, ".c") && !ends_with(inputs[i].path, ".a") &&
		    !ends_with(inputs[i].path, ".o"))
			look_beside(r, &dirs, inputs[i].path, &found);
	strs_sort(&found);
	for (size_t i = 0; i < found.len; i++)
		if (!i || strcmp(found.ptr[i - 1], found.ptr[i]) != 0)
			buf_addf(&text, "%s\n", found.ptr[i]);
	if (digest_of(text.ptr, text.len, &d, err) < 0)
		return -1;
	memcpy(out, digest_hex(&d), REMOTE_KEY);
	return 0;
}

/* ---- after a build: what was read ---- */

/* ninja -t deps: "OBJECT: #deps 3, deps mtime 123 (VALID)", then four blanks and a name a line, then an empty one. */
static int load_lists(struct remote *r, struct err *err)
{
	const char *const argv[] = { "ninja", "-f", ".slsc/build.ninja", "-t", "deps", NULL };
	CLEAN_BUF struct buf out = BUF_INIT, said = BUF_INIT;
	struct proc_opts o = {
		.dir = r->g->p->dir, .out = &out, .errout = &said, .limit = DEPS_MAX, .null_stdin = true
	};
	struct remote_list *list = NULL;
	struct str rest;
	int status;

	r->listed = true;
	if (proc_run(argv, &o, &status, err) < 0)
		return -1;
	if (status)
		return err_set(err, ERR_BUILD, "ninja -t deps failed with status %d", status);
	for (rest = buf_str(&out); rest.len;) {
		struct str line = rest;
		const char *at;

		rest = str_cut(&line, '\n');
		if (str_starts(line, "    ") && list) {
			VEC_PUSH(&list->names, arena_str(&r->arena, (struct str){ line.ptr + 4, line.len - 4 }));
			continue;
		}
		list = NULL;
		at = memmem(line.ptr, line.len, ": #deps ", 8);
		if (!at || !str_ends(line, "(VALID)"))
			continue;
		list = arena_new(&r->arena, struct remote_list);
		list->next = r->lists;
		r->lists = list;
		map_put(&r->by_object, arena_str(&r->arena, (struct str){ line.ptr, (size_t)(at - line.ptr) }), list);
	}
	return 0;
}

/** The inputs of one binary, each once. */
struct gathering {
	struct remote *r;
	struct remote_target *rt;
	struct timespec made; /* when the binary was */
	struct map seen;
	struct embedded embedded; /* what the assembler has read */
	struct strs dirs;	  /* where it looks */
	bool known;
};

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

/* What was written while a build ran may have been read before that, though the binary is younger. */
static bool was_read(const struct gathering *c, const struct stat *st)
{
	return is_before(&st->st_mtim, &c->made) &&
	       (is_before(&c->made, &c->r->begun) || !is_before(&c->r->begun, &st->st_mtim));
}

/* As the cache names it; heap. */
static char *placed(const struct graph *g, const char *path)
{
	CLEAN_FREE char *full = path_join(g->p->dir, path), *clean = path_clean(full);
	CLEAN_BUF struct buf b = BUF_INIT;

	remote_place(g, clean, strlen(clean), false, &b);
	return xstrdup(b.ptr + (starts_with(b.ptr, "@project/") ? strlen("@project/") : 0));
}

static void add_input(struct gathering *c, const char *path)
{
	const struct graph *g = c->r->g;
	CLEAN_FREE char *local = path_join(g->p->dir, path), *name = placed(g, path);
	const struct digest *d;
	struct stat st;

	if (!c->known || map_has(&c->seen, name))
		return;
	map_put(&c->seen, name, c);
	/* what was written since is not what was read */
	d = stat(local, &st) == 0 && was_read(c, &st) ? remote_digest(c->r, local) : NULL;
	if (!d || !remote_path_ok(name) || c->rt->inputs.len == REMOTE_INPUTS_MAX) {
		c->known = false;
		return;
	}
	VEC_PUSH(&c->rt->inputs, ((struct remote_file){ arena_strdup(&c->r->arena, name), *d }));
}

/* A map has no word of what only has symbols, or bytes for LTO. */
static void add_flagged(struct gathering *c, const struct lstrs *ldflags)
{
	for (size_t i = 0; i < ldflags->len; i++)
		if (ldflags_is_linked(ldflags->ptr[i].s) && !(c->rt->t->tc->stage && ldflags->ptr[i].s[0] == '/'))
			add_input(c, ldflags->ptr[i].s);
}

static void add_linked(struct gathering *c, const struct link_inputs *linked)
{
	const struct target *t = c->rt->t;

	VEC_EACH(linked, in) {
		CLEAN_FREE char *local = path_join(c->r->g->p->dir, in->path), *name = NULL;

		if (starts_with(in->path, ".slsc/") || !fs_exists(local))
			continue;
		name = placed(c->r->g, in->path);
		/* the stage's own are known by its digest */
		if (!t->tc->stage || name[0] != '/')
			add_input(c, in->path);
	}
}

static bool has_dirs(const struct lstrs *flags)
{
	for (size_t i = 0; i < flags->len; i++)
		if (strstr(flags->ptr[i].s, "-I") || strstr(flags->ptr[i].s, "-include-directory"))
			return true;
	return false;
}

/* Those of `includes`, where no flag has others: these may come first. Absolute ones are -isystem. */
static void list_assembler_dirs(struct gathering *c)
{
	const struct target *t = c->rt->t;

	if (has_dirs(&t->fn->flags) || has_dirs(&c->r->g->profile->flags) || strstr(t->tc->cflags, "-I"))
		return;
	for (size_t i = 0; i < t->fn->includes.len; i++)
		if (t->fn->includes.ptr[i].s[0] != '/')
			strs_add(&c->dirs, t->fn->includes.ptr[i].s);
}

/* slsc's own sources have nothing of the kind. */
static int add_embedded(struct gathering *c, const struct remote_list *list, struct err *err)
{
	for (size_t i = 0; i < list->names.len; i++)
		if (!starts_with(list->names.ptr[i], GRAPH_IN_SLSC "/") &&
		    !map_has(&c->embedded.data, list->names.ptr[i]) &&
		    embedded_find(&c->r->scans, c->r->g->p->dir, &c->dirs, list->names.ptr[i], &c->embedded, err) < 0)
			return -1;
	c->known &= !c->embedded.hidden;
	VEC_EACH(&c->embedded.files, path)
		add_input(c, *path);
	/* compilers that know #embed list what they found, by whatever directory */
	VEC_EACH(&c->embedded.embeds, name) {
		CLEAN_FREE char *tail = xasprintf("/%s", *name);
		bool listed = false;

		for (size_t i = 0; i < list->names.len && !listed; i++)
			listed = strcmp(list->names.ptr[i], *name) == 0 || ends_with(list->names.ptr[i], tail);
		c->known &= listed;
	}
	strs_release(&c->embedded.files);
	strs_release(&c->embedded.embeds);
	return 0;
}

static int gather(struct gathering *c, struct err *err)
{
	const struct target *t = c->rt->t;
	const struct graph *g = c->r->g;
	CLEAN_STRS struct strs objects = { 0 };
	CLEAN_INPUTS struct link_inputs linked = { 0 };
	CLEAN_FREE char *map = t->map ? path_join(g->p->dir, t->map) : NULL;
	struct err ignored;

	graph_objects(g, t, &objects);
	list_assembler_dirs(c);
	VEC_EACH(&objects, o) {
		const struct remote_list *list = map_get(&c->r->by_object, *o);

		c->known &= list != NULL;
		for (size_t i = 0; list && i < list->names.len; i++)
			add_input(c, list->names.ptr[i]);
		if (list && add_embedded(c, list, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < t->objects.len; i++)
		if (strcmp(t->objects.ptr[i], t->sources.ptr[i]) == 0)
			add_input(c, t->sources.ptr[i]);
	for (size_t i = 0; i < t->fn->libs.len; i++)
		if (lib_is_file(t->fn->libs.ptr[i].s) && !(t->tc->stage && t->fn->libs.ptr[i].s[0] == '/'))
			add_input(c, t->fn->libs.ptr[i].s);
	add_flagged(c, &t->fn->ldflags);
	add_flagged(c, &g->profile->ldflags);
	if (map && linkmap_read(map, t->map, &linked, &ignored) < 0)
		c->known = false;
	add_linked(c, &linked);
	return sig_check(err);
}

int remote_gather(struct remote *r, struct remote_target *rt, struct err *err)
{
	struct gathering c = { .r = r, .rt = rt, .known = true };
	CLEAN_FREE char *binary = path_join(r->g->p->dir, rt->t->out);
	struct stat st;
	int ret;

	if (!r->listed && load_lists(r, err) < 0)
		return -1;
	if (stat(binary, &st) < 0)
		return 0;
	c.made = st.st_mtim;
	ret = gather(&c, err);
	map_release(&c.seen);
	embedded_release(&c.embedded);
	strs_release(&c.dirs);
	return ret < 0 ? -1 : c.known;
}
