/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sbom.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/build.h"
#include "build/graph.h"
#include "build/linkmap.h"
#include "build/owner.h"
#include "build/sysroot.h"
#include "oci/base.h"
#include "oci/crypto.h"
#include "os/fs.h"
#include "os/late.h"
#include "os/proc.h"

#define FILE_MAX (UINT64_C(1) << 32)
#define PACKAGES_MAX (64u << 10)
#define DPKG "/var/lib/dpkg"
#define OS_RELEASE "/etc/os-release"

struct gatherer {
	const struct sbom_request *req;
	struct sbom *s;
	struct arena *a;
	const struct target *target;
	const struct graph *graph;
	const char *distro_id, *distro;
	const struct root *root;	/* where the compiler and its libraries are */
	char *sysroot;			/* of the user cache, or where it would be */
	/* files of root whose owners are still to be found */
	VEC(const char *) paths;
	VEC(unsigned) members;
	VEC(enum sbom_relation) relations;
};

static int hash_file(const char *path, const char *shown, struct sbom_file *f, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	uint8_t sha1[CRYPTO_SHA1_LEN];
	struct fs_map m;
	int r;

	if (!str_is_utf8(str_from(shown)))
		return err_set(err, ERR_FORMAT, "%s: an SBOM cannot name it: its name is not UTF-8", shown);
	if (!ops || fs_map_open(&m, path, FILE_MAX, err) < 0)
		return -1;
	f->path = shown;
	r = digest_of(m.ptr, m.len, &f->sha256, err);
	ops->sha1(m.ptr, m.len, sha1);
	for (size_t i = 0; i < sizeof(sha1); i++)
		snprintf(f->sha1 + 2 * i, 3, "%02x", sha1[i]);
	fs_map_close(&m);
	return r;
}

/* The same file may have been given by two paths, "lib/x.a" and "./lib/x.a": it is there once. */
static void add_file(struct sbom_component *c, const struct sbom_file *f)
{
	for (size_t i = 0; i < c->nfiles; i++)
		if (strcmp(c->files[i].path, f->path) == 0 && strcmp(c->files[i].sha256.s, f->sha256.s) == 0) {
			c->files[i].members += f->members;
			return;
		}
	if (c->nfiles == c->capfiles) {
		c->capfiles = c->capfiles ? c->capfiles * 2 : 4;
		c->files = xrealloc(c->files, c->capfiles * sizeof(*c->files));
	}
	c->files[c->nfiles++] = *f;
}

static struct sbom_component *add(struct sbom *s, const struct sbom_component *c)
{
	if (s->len == s->cap) {
		s->cap = s->cap ? s->cap * 2 : 8;
		s->ptr = xrealloc(s->ptr, s->cap * sizeof(*s->ptr));
	}
	s->ptr[s->len] = *c;
	return &s->ptr[s->len++];
}

/* ---- purls ---- */

static bool on_github(const char *url, struct str *owner, struct str *repo)
{
	static const char *const starts[] = { "https://github.com/", "git://github.com/", "ssh://git@github.com/",
					      "git@github.com:" };

	for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
		if (!starts_with(url, starts[i]))
			continue;
		*owner = str_from(url + strlen(starts[i]));
		*repo = str_cut(owner, '/');
		while (repo->len && repo->ptr[repo->len - 1] == '/')
			repo->len--;
		if (str_ends(*repo, ".git"))
			repo->len -= 4;
		return owner->len && repo->len && !memchr(repo->ptr, '/', repo->len);
	}
	return false;
}

void sbom_git_purl(struct buf *out, const char *name, const char *url, const char *commit)
{
	struct str owner, repo;

	if (on_github(url, &owner, &repo)) {
		CLEAN_FREE char *o = xstrndup(owner.ptr, owner.len), *r = xstrndup(repo.ptr, repo.len);

		/* the purl specification: neither is case sensitive, and lower case is the form to write */
		for (char *p = o; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		for (char *p = r; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		purl_add(out, "github", o, r, commit, (const char *const[]){ NULL });
		return;
	}
	CLEAN_FREE char *vcs = xasprintf("git+%s@%s", url, commit);

	purl_add(out, "generic", NULL, name, commit, (const char *const[]){ "vcs_url", vcs, NULL });
}

static const char *deb_purl(struct gatherer *g, const struct owner *o, const char *id, const char *distro)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	purl_add(&b, "deb", id, o->package, o->version,
		 (const char *const[]){ "arch", o->arch, "distro", distro, NULL });
	return arena_strdup(g->a, b.ptr);
}

static const char *os_release_of(const struct gatherer *g)
{
	return g->req->os_release ? g->req->os_release : OS_RELEASE;
}

/* ---- what the linker took ---- */

static struct sbom_component *component_of(struct gatherer *g, enum sbom_relation relation, const struct owner *o)
{
	const char *purl = deb_purl(g, o, g->distro_id ? g->distro_id : "debian", g->distro);

	for (size_t i = 0; i < g->s->len; i++)
		if (g->s->ptr[i].relation == relation && g->s->ptr[i].purl && strcmp(g->s->ptr[i].purl, purl) == 0)
			return &g->s->ptr[i];
	return add(g->s, &(struct sbom_component){ .relation = relation, .name = o->package, .version = o->version,
						   .purl = purl });
}

/* A file that no package owns, or that lies in the project, is a component by itself. */
static int add_unowned(struct gatherer *g, enum sbom_relation relation, const char *path, const char *shown,
		       unsigned members, struct err *err)
{
	struct sbom_component c = { .relation = relation, .name = path_basename(shown) };
	struct sbom_file f = { .members = members };

	if (hash_file(path, shown, &f, err) < 0)
		return -1;
	c.sha256 = f.sha256;
	for (size_t i = 0; i < g->s->len; i++) {
		struct sbom_component *k = &g->s->ptr[i];

		if (k->relation == relation && !k->purl && k->nfiles && strcmp(k->files[0].path, shown) == 0 &&
		    strcmp(k->sha256.s, f.sha256.s) == 0) {
			add_file(k, &f);
			return 0;
		}
	}
	add_file(add(g->s, &c), &f);
	return 0;
}

static void want_owner(struct gatherer *g, enum sbom_relation relation, const char *path, unsigned members)
{
	VEC_PUSH(&g->paths, arena_strdup(g->a, path));
	VEC_PUSH(&g->members, members);
	VEC_PUSH(&g->relations, relation);
}

static int find_owners(struct gatherer *g, struct err *err)
{
	const char *dpkg = g->req->dpkg && !g->root ? g->req->dpkg : DPKG;
	CLEAN_FREE struct owner *owners = xcalloc(g->paths.len ? g->paths.len : 1, sizeof(*owners));

	if (owner_find(g->a, g->root, dpkg, g->paths.ptr, g->paths.len, owners, err) < 0)
		return -1;
	for (size_t i = 0; i < g->paths.len; i++) {
		struct sbom_file f = { .members = g->members.ptr[i] };
		const char *path = g->paths.ptr[i];
		CLEAN_FREE char *host = root_find(g->root, path, NULL);

		if (!host)
			return err_set(err, ERR_NOTFOUND, "%s: is gone", path);
		if (!owners[i].package) {
			/* not where it lies: that is this machine's affair */
			if (add_unowned(g, g->relations.ptr[i], host, path_basename(path), f.members, err) < 0)
				return -1;
			continue;
		}
		if (hash_file(host, path, &f, err) < 0)
			return -1;
		add_file(component_of(g, g->relations.ptr[i], &owners[i]), &f);
	}
	return 0;
}

/* A file of the sysroot in the user cache, whose list of packages says what was unpacked there. */
static int add_cached(struct gatherer *g, const char *path, unsigned members, struct err *err)
{
	CLEAN_FREE char *list = path_join(g->sysroot, "packages");
	CLEAN_BUF struct buf text = BUF_INIT;
	const char *inside = path + strlen(g->sysroot) + 1;
	const char *prefix = starts_with(inside, "gcc/") ? "libgcc-" : "musl-dev_";
	struct sbom_file f = { .members = members };
	struct str rest;
	struct owner o;

	if (fs_read(list, PACKAGES_MAX, &text, err) < 0 ||
	    hash_file(path, arena_printf(g->a, "/sysroot/%s", inside), &f, err) < 0)
		return -1;
	rest = buf_str(&text);
	while (rest.len) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (!str_starts(line, prefix) || !owner_from_name(g->a, line, &o))
			continue;
		add_file(component_of(g, SBOM_LINKED, &o), &f);
		return 0;
	}
	err_set(err, ERR_FORMAT, "%s: does not say what brought %s", list, inside);
	return err_hint(err, "remove %s, and slsc fetches it again", g->sysroot);
}

static bool is_source(const struct gatherer *g, const char *path)
{
	for (size_t i = 0; i < g->target->sources.len; i++)
		if (strcmp(g->target->sources.ptr[i], path) == 0)
			return true;
	return false;
}

static bool below(const char *path, const char *dir)
{
	return starts_with(path, dir) && path[strlen(dir)] == '/';
}

/* The real path of a linker's input: of the stage's own files, in the stage. */
static char *real_input(const struct gatherer *g, const char *path, bool *foreign)
{
	const char *dir = g->req->project->dir;
	CLEAN_FREE char *cache = sysroot_dir(g->req->arch), *abs = path_join(dir, path);
	char *real = NULL;

	*foreign = g->root && !below(abs, dir) && !below(abs, cache);
	if (!*foreign)
		return realpath(abs, NULL);
	free(root_find(g->root, abs, &real));
	return real;
}

static int add_input(struct gatherer *g, const struct link_input *in, struct err *err)
{
	const char *dir = g->req->project->dir;
	bool foreign;
	CLEAN_FREE char *real = real_input(g, in->path, &foreign);
	const char *inside;

	/* what is compiled here is known by its sources; that of LTO has only a name */
	if (starts_with(in->path, ".slsc/"))
		return 0;
	if (!real) {
		err_set(err, ERR_NOTFOUND, "%s: was linked into %s, and is gone", in->path, g->s->function);
		return err_hint(err, "build it again: slsc build %s", g->s->function);
	}
	if (!foreign && below(real, g->sysroot))
		return add_cached(g, real, in->members, err);
	if (foreign || !below(real, dir)) {
		want_owner(g, SBOM_LINKED, real, in->members);
		return 0;
	}
	inside = arena_strdup(g->a, real + strlen(dir) + 1);
	return is_source(g, inside) ? 0 : add_unowned(g, SBOM_LINKED, real, inside, in->members, err);
}

static int add_linked(struct gatherer *g, struct err *err)
{
	CLEAN_INPUTS struct link_inputs inputs = { 0 };
	CLEAN_FREE char *path = NULL;

	if (!g->target->map) {
		g->s->incomplete = g->target->fn->build_command.s ?
					   "the function's own build command links it: no link map says what is in it" :
					   "zig links it: no link map says what is in it";
		return 0;
	}
	path = path_join(g->req->project->dir, g->target->map);
	if (!fs_exists(path)) {
		err_set(err, ERR_NOTFOUND, "%s: the link map of %s is not there", g->target->map, g->s->function);
		return err_hint(err, "build it again: slsc build %s", g->s->function);
	}
	if (linkmap_read(path, g->target->map, &inputs, err) < 0)
		return err_hint(err, "remove it and build again: slsc build %s", g->s->function);
	for (size_t i = 0; i < inputs.len; i++)
		if (add_input(g, &inputs.ptr[i], err) < 0)
			return -1;
	if (!g->req->profile->static_link)
		g->s->incomplete = "it is linked dynamically: what the loader finds is not listed";
	return 0;
}

/* ---- the rest ---- */

static int add_sources(struct gatherer *g, struct err *err)
{
	VEC_EACH(&g->target->sources, s) {
		CLEAN_FREE char *path = path_join(g->req->project->dir, *s);
		struct sbom_file f = { .members = 0 };

		if (hash_file(path, arena_strdup(g->a, *s), &f, err) < 0)
			return -1;
		add_file(&g->s->root, &f);
	}
	return 0;
}

static void add_dependencies(struct gatherer *g)
{
	const struct function *fn = g->req->function;

	for (size_t i = 0; i < fn->dependencies.len; i++)
		for (size_t k = 0; k < g->graph->deps->len; k++) {
			const struct dep_tree *t = &g->graph->deps->ptr[k];
			CLEAN_BUF struct buf purl = BUF_INIT;
			CLEAN_FREE char *url = NULL;

			if (strcmp(t->dep->name.s, fn->dependencies.ptr[i].s) != 0)
				continue;
			url = git_url_clean(t->dep->git.s);
			sbom_git_purl(&purl, t->dep->name.s, url, t->commit);
			add(g->s, &(struct sbom_component){ .relation = SBOM_LINKED,
							    .name = arena_strdup(g->a, t->dep->name.s),
							    .version = arena_strdup(g->a, t->commit),
							    .purl = arena_strdup(g->a, purl.ptr),
							    .vcs = arena_printf(g->a, "git+%s@%s", url, t->commit) });
		}
}

static void add_runtime(struct gatherer *g)
{
	CLEAN_BUF struct buf purl = BUF_INIT;

	if (g->req->function->runtime == RUNTIME_NONE || g->target->fn->build_command.s)
		return;
	purl_add(&purl, "generic", NULL, "slsc-runtime", SLSC_VERSION, (const char *const[]){ NULL });
	add(g->s, &(struct sbom_component){ .relation = SBOM_LINKED, .name = "slsc-runtime", .version = SLSC_VERSION,
					    .purl = arena_strdup(g->a, purl.ptr), .licence = "Apache-2.0" });
}

static void want_tool(struct gatherer *g, const char *command)
{
	CLEAN_FREE char *name = xstrndup(command, strcspn(command, " \t"));
	CLEAN_FREE char *path = root_which(g->root, name), *real = NULL;

	if (path)
		free(root_find(g->root, path, &real));
	if (real)
		want_owner(g, SBOM_TOOL, real, 0);
}

/* By what it is made of: the same Dockerfile, files and base give this digest on any machine. */
static void add_stage(struct gatherer *g, const struct build_stage *stage)
{
	CLEAN_FREE char *digest = xasprintf("sha256:%s", stage->digest);
	struct sbom_component c = { .relation = SBOM_TOOL,
				    .name = arena_printf(g->a, "stage %s of %s", stage->stage.s, stage->dockerfile),
				    .version = arena_strdup(g->a, digest) };
	struct err bug;

	if (digest_parse(digest, &c.sha256, &bug) < 0)
		BUG("%s", bug.msg);
	add(g->s, &c);
}

static void add_tools(struct gatherer *g)
{
	const struct toolchain *tc = g->target->tc;
	CLEAN_BUF struct buf purl = BUF_INIT;

	want_tool(g, tc->cc);
	if (tc->kind == TC_MUSL) {
		want_tool(g, "ld.lld");
	} else if (tc->kind != TC_ZIG && ends_with(tc->cc, "gcc")) {
		CLEAN_FREE char *ld = xasprintf("%.*sld", (int)(strlen(tc->cc) - strlen("gcc")), tc->cc);

		want_tool(g, ld);
	}
	if (tc->stage)
		add_stage(g, tc->stage);
	/* a resource of a provenance has to have a URI or a digest */
	purl_add(&purl, "generic", NULL, "slsc", SLSC_VERSION, (const char *const[]){ NULL });
	add(g->s, &(struct sbom_component){ .relation = SBOM_TOOL, .name = "slsc", .version = SLSC_VERSION,
					    .purl = arena_strdup(g->a, purl.ptr), .licence = "Apache-2.0" });
}

/* "slsc base static (ca-certificates 20230311)": base.json says which packages a built-in base is made from. */
static void add_base(struct gatherer *g)
{
	for (const char *const *by = g->req->base_layers; by && *by; by++) {
		const char *open = strrchr(*by, '('), *close = strrchr(*by, ')'), *blank;
		struct owner o = { .arch = "all" };

		if (!open || !close || close < open)
			continue;
		blank = memchr(open, ' ', (size_t)(close - open));
		o.package = arena_str(g->a, (struct str){ open + 1, (size_t)((blank ? blank : close) - open - 1) });
		o.version = blank ? arena_str(g->a, (struct str){ blank + 1, (size_t)(close - blank - 1) }) : NULL;
		add(g->s, &(struct sbom_component){ .relation = SBOM_BASE, .name = o.package, .version = o.version,
						    .purl = deb_purl(g, &o, BASE_DISTRO_ID, BASE_DISTRO) });
	}
	for (size_t i = 0; g->req->packages && i < g->req->packages->len; i++) {
		const struct apt_package *p = &g->req->packages->ptr[i];
		const struct owner o = { .package = p->name, .version = p->version, .arch = p->arch };
		const char *id, *distro;

		owner_suite(g->a, os_release_of(g), p->suite, &id, &distro);
		add(g->s, &(struct sbom_component){ .relation = SBOM_BASE, .name = arena_strdup(g->a, p->name),
						    .version = arena_strdup(g->a, p->version), .sha256 = p->sha256,
						    .purl = deb_purl(g, &o, id, distro) });
	}
	for (size_t i = 0; g->req->base_installed && i < g->req->base_installed->len; i++) {
		const struct installed_package *p = &g->req->base_installed->ptr[i];

		add(g->s, &(struct sbom_component){ .relation = SBOM_BASE, .name = arena_strdup(g->a, p->name),
						    .version = arena_strdup(g->a, p->version),
						    .purl = arena_strdup(g->a, p->purl) });
	}
	if (g->req->base_image)
		add(g->s, &(struct sbom_component){ .relation = SBOM_BASE, .sha256 = *g->req->base_digest,
						    .name = arena_strdup(g->a, g->req->base_image),
						    .version = arena_strdup(g->a, g->req->base_digest->s) });
}

static int describe_root(struct gatherer *g, struct err *err)
{
	const struct git_provenance *git = g->req->git;
	struct sbom *s = g->s;
	CLEAN_BUF struct buf purl = BUF_INIT;
	CLEAN_FREE char *path = path_join(g->req->project->dir, g->target->out), *vcs = NULL;

	if (!fs_exists(path)) {
		err_set(err, ERR_NOTFOUND, "%s is not built for %s in profile '%s': there is no %s", s->function,
			s->arch, s->profile, g->target->out);
		return err_hint(err, "run `slsc build %s`", s->function);
	}
	s->root.name = s->function;
	s->root.version = g->req->project->version.s ? g->req->project->version.s : git && git->tag ? git->tag : NULL;
	if (s->root.version && !str_is_utf8(str_from(s->root.version)))
		s->root.version = NULL;
	if (s->root.version)
		s->root.version = arena_strdup(g->a, s->root.version);
	if (git && git->revision[0]) {
		s->revision = arena_printf(g->a, "%s%s", git->revision, git->dirty ? "-dirty" : "");
		if (git->source && str_is_utf8(str_from(git->source)))
			vcs = xasprintf("git+%s@%s", git->source, git->revision);
	}
	s->root.vcs = vcs ? arena_strdup(g->a, vcs) : NULL;
	purl_add(&purl, "generic", s->project, s->function, s->root.version,
		 (const char *const[]){ "arch", s->arch, "vcs_url", vcs, NULL });
	s->root.purl = arena_strdup(g->a, purl.ptr);
	return digest_file(path, &s->root.sha256, NULL, err);
}

static void describe_flags(struct gatherer *g)
{
	CLEAN_BUF struct buf c = BUF_INIT, ld = BUF_INIT;
	const struct function *fn = g->req->function;

	profile_cflags(g->target->tc, g->req->profile, &c);
	profile_ldflags(g->target->tc, g->req->profile, &ld);
	for (size_t i = 0; i < fn->flags.len; i++) {
		buf_addc(&c, ' ');
		buf_add_shell(&c, fn->flags.ptr[i].s);
	}
	for (size_t i = 0; i < fn->ldflags.len; i++) {
		buf_addc(&ld, ' ');
		buf_add_shell(&ld, fn->ldflags.ptr[i].s);
	}
	g->s->cflags = arena_str(g->a, str_trim(buf_str(&c)));
	g->s->ldflags = arena_str(g->a, str_trim(buf_str(&ld)));
	g->s->toolchain = arena_strdup(g->a, g->target->tc->shown);
}

static int or_empty(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

static int by_name(const void *a, const void *b)
{
	const struct sbom_component *x = a, *y = b;
	int r = x->relation < y->relation ? -1 : x->relation > y->relation;

	r = r ? r : strcmp(x->name, y->name);
	r = r ? r : or_empty(x->version, y->version);
	return r ? r : or_empty(x->sha256.s, y->sha256.s);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct sbom_file *)a)->path, ((const struct sbom_file *)b)->path);
}

static void sort(struct sbom *s)
{
	qsort(s->ptr, s->len, sizeof(*s->ptr), by_name);
	for (size_t i = 0; i < s->len; i++)
		if (s->ptr[i].nfiles)
			qsort(s->ptr[i].files, s->ptr[i].nfiles, sizeof(*s->ptr[i].files), by_path);
	if (s->root.nfiles)
		qsort(s->root.files, s->root.nfiles, sizeof(*s->root.files), by_path);
}

/* Of what compiled it. */
static void describe_distro(struct gatherer *g)
{
	CLEAN_FREE char *release = NULL;

	g->root = g->target->tc->root;
	release = g->root ? root_find(g->root, OS_RELEASE, NULL) : xstrdup(os_release_of(g));
	if (release)
		owner_distro(g->a, release, &g->distro_id, &g->distro);
}

static int gather(struct gatherer *g, struct err *err)
{
	const struct sbom_request *req = g->req;
	struct sbom *s = g->s;

	for (size_t i = 0; i < g->graph->ntargets && !g->target; i++)
		if (g->graph->targets[i].fn == req->function && g->graph->targets[i].arch == req->arch)
			g->target = &g->graph->targets[i];
	if (!g->target)
		return err_set(err, ERR_USAGE, "%s is not built for %s", req->function->name.s, arch_name(req->arch));
	s->created = req->created;
	s->project = arena_strdup(g->a, req->project->name.s);
	s->function = arena_strdup(g->a, req->function->name.s);
	s->arch = arch_oci(req->arch);
	s->profile = arena_strdup(g->a, req->profile->name);
	describe_distro(g);
	if (describe_root(g, err) < 0 || add_sources(g, err) < 0 || add_linked(g, err) < 0)
		return -1;
	describe_flags(g);
	add_dependencies(g);
	add_runtime(g);
	add_tools(g);
	if (find_owners(g, err) < 0)
		return -1;
	add_base(g);
	sort(s);
	return 0;
}

/* Inputs are known by their real paths; the cache may lie behind a link. */
static char *real_sysroot(enum arch arch)
{
	CLEAN_FREE char *dir = sysroot_dir(arch);
	char *real = realpath(dir, NULL);

	return real ? real : steal(&dir);
}

int sbom_gather(const struct sbom_request *req, struct sbom *out, struct err *err)
{
	struct dep_trees deps = { 0 };
	struct graph graph = { 0 };
	struct gatherer g = { .req = req, .s = out, .a = &out->arena, .graph = &graph };
	int r = -1;

	*out = (struct sbom){ .len = 0 };
	g.sysroot = real_sysroot(req->arch);
	if (deps_resolve(req->project, true, NULL, &deps, err) == 0 &&
	    graph_plan(&graph, req->project, req->profile, &deps, err) == 0)
		r = gather(&g, err);
	VEC_FREE(&g.paths);
	VEC_FREE(&g.members);
	VEC_FREE(&g.relations);
	free(g.sysroot);
	graph_release(&graph);
	VEC_FREE(&deps);
	if (r < 0)
		sbom_release(out);
	return r;
}

void sbom_release(struct sbom *s)
{
	for (size_t i = 0; i < s->len; i++)
		free(s->ptr[i].files);
	free(s->root.files);
	free(s->ptr);
	arena_release(&s->arena);
	*s = (struct sbom){ .len = 0 };
}
