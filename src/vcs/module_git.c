/* SPDX-License-Identifier: Apache-2.0 */
/* The only user of libgit2. Loaded late: see os/late.h. Calls back into src/base and src/os only. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "base/vec.h"
#include "os/fs.h"
#include "os/proc.h"
#include "vcs/link.h"
#include "vcs/module_git.h"

#define MAX_ENTRIES 200000u
#define MAX_TREE ((uint64_t)4 << 30)

int module_git_fail(struct err *err, const char *fmt, ...)
{
	const git_error *e = git_error_last();
	char msg[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	err_set(err, ERR_GIT, "%s: %s", msg, e && e->message ? e->message : "unknown error");
	return -1;
}

static void start(void)
{
	/* Of what repositories made by newer git ask for, this changes nothing for a reader. */
	static const char *extensions[] = { "worktreeconfig", "partialclone", "preciousobjects" };

	if (git_libgit2_init() < 0)
		return;
	/* Repositories are only read, and nothing in one is run: whose they are does not matter. */
	git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
	git_libgit2_opts(GIT_OPT_SET_EXTENSIONS, extensions, ARRAY_LEN(extensions));
#ifdef SLSC_GIT_OBJECT_LIMIT
	git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE, GIT_FILE_MAX);
#endif
}

void module_git_start(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, start);
}

/* provenance */

struct walk {
	const char *rel;	/* the project below the work tree, "" or ending with a slash */
	git_index *index;
	bool dirty;
};

static bool is_output(const char *path, const char *name)
{
	size_t n = strlen(name);

	return strncmp(path, name, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

bool module_git_is_output(const char *rel, const char *path)
{
	if (!starts_with(path, rel))
		return false;
	path += strlen(rel);
	return is_output(path, ".slsc") || is_output(path, "dist") || is_output(path, "compile_commands.json");
}

bool module_git_is_sparse(git_index *index, const git_diff_delta *delta)
{
	const git_index_entry *e;

	if (delta->status != GIT_DELTA_DELETED)
		return false;
	e = git_index_get_bypath(index, delta->old_file.path, 0);
	return e && (e->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE) && git_oid_equal(&e->id, &delta->old_file.id);
}

/* 1: not this one; -1: stop, the answer is known */
static int on_delta(const git_diff *sofar, const git_diff_delta *delta, const char *matched,
		    void *ctx)
{
	struct walk *w = ctx;
	const char *path = delta->new_file.path;

	(void)sofar;
	(void)matched;
	if (module_git_is_output(w->rel, path) || module_git_is_sparse(w->index, delta))
		return 1;
	w->dirty = true;
	return -1;
}

static int find_dirty(git_repository *repo, git_tree *head, const char *dir, bool *dirty,
		      struct err *err)
{
	const char *top = git_repository_workdir(repo);
	CLEAN_FREE char *full = xasprintf("%s/", strcmp(dir, "/") == 0 ? "" : dir);
	CLEANUP(free_index) git_index *index = NULL;
	CLEANUP(free_diff) git_diff *staged = NULL;
	CLEANUP(free_diff) git_diff *changed = NULL;
	git_diff_options o;
	char *spec[1] = { NULL };
	struct walk w = { 0 };
	int r;

	if (!top || !starts_with(full, top))
		return 0;	/* inside .git, or a bare repository */
	w.rel = full + strlen(top);
	if (git_repository_index(&index, repo) < 0)
		return module_git_fail(err, "cannot read the git index of %s", top);
	w.index = index;
	git_diff_options_init(&o, GIT_DIFF_OPTIONS_VERSION);
	o.flags = GIT_DIFF_INCLUDE_UNTRACKED | GIT_DIFF_INCLUDE_TYPECHANGE |
		  GIT_DIFF_DISABLE_PATHSPEC_MATCH | GIT_DIFF_SKIP_BINARY_CHECK;
	o.notify_cb = on_delta;
	o.payload = &w;
	if (w.rel[0]) {
		spec[0] = xstrndup(w.rel, strlen(w.rel) - 1);
		o.pathspec = (git_strarray){ spec, 1 };
	}
	r = git_diff_tree_to_index(&staged, repo, head, index, &o);
	if (r == 0)
		r = git_diff_index_to_workdir(&changed, repo, index, &o);
	free(spec[0]);
	*dirty = w.dirty;
	return r < 0 && !w.dirty ? module_git_fail(err, "cannot compare %s with its git commit", dir) : 0;
}

/* The commit a tag's reference is about, in @id; false if it is something else. */
static bool tag_target(git_repository *repo, git_odb *odb, const git_reference *ref, git_oid *id,
		       bool *annotated)
{
	const git_oid *peeled = git_reference_target_peel(ref), *direct = git_reference_target(ref);
	CLEANUP(free_object) git_object *tag = NULL;
	CLEANUP(free_object) git_object *commit = NULL;
	git_object_t type;
	size_t size;

	*annotated = false;
	if (!direct)
		return false;
	git_oid_cpy(id, peeled ? peeled : direct);
	*annotated = peeled != NULL;
	if (peeled)
		return true;
	if (git_odb_read_header(&size, &type, odb, direct) < 0)
		return false;
	if (type != GIT_OBJECT_TAG)
		return type == GIT_OBJECT_COMMIT;
	if (git_object_lookup(&tag, repo, direct, GIT_OBJECT_TAG) < 0 ||
	    git_object_peel(&commit, tag, GIT_OBJECT_COMMIT) < 0)
		return false;
	*annotated = true;
	git_oid_cpy(id, git_object_id(commit));
	return true;
}

static int find_tag(git_repository *repo, const git_oid *head, char **out, struct err *err)
{
	CLEANUP(free_reference_iterator) git_reference_iterator *it = NULL;
	CLEANUP(free_odb) git_odb *odb = NULL;
	git_reference *ref = NULL;
	bool best_annotated = false;
	int r;

	if (git_repository_odb(&odb, repo) < 0 ||
	    git_reference_iterator_glob_new(&it, repo, "refs/tags/*") < 0)
		return module_git_fail(err, "cannot read the git tags");
	while ((r = git_reference_next(&ref, it)) == 0) {
		const char *name = git_reference_shorthand(ref);
		bool annotated;
		git_oid id;

		if (tag_target(repo, odb, ref, &id, &annotated) && git_oid_equal(&id, head) &&
		    (!*out || annotated > best_annotated ||
		     (annotated == best_annotated && strverscmp(name, *out) > 0))) {
			free(*out);
			*out = xstrdup(name);
			best_annotated = annotated;
		}
		git_reference_free(ref);
	}
	return r == GIT_ITEROVER ? 0 : module_git_fail(err, "cannot read the git tags");
}

/*
 * As configured, not as url.insteadOf of this user has it: it is for others to read. By hand, because
 * git_remote_list() of libgit2 1.5 leaks 20 kB at every setting that is none of a remote's.
 */
static void find_source(git_repository *repo, char **out)
{
	CLEANUP(free_config) git_config *config = NULL;
	CLEANUP(free_config_iterator) git_config_iterator *it = NULL;
	CLEAN_FREE char *first = NULL;
	git_config_entry *e;
	bool other = false;

	if (git_repository_config_snapshot(&config, repo) < 0 ||
	    git_config_iterator_new(&it, config) < 0)
		return;
	while (git_config_next(&e, it) == 0) {
		bool origin = strcmp(e->name, "remote.origin.url") == 0;

		if (!starts_with(e->name, "remote.") || !ends_with(e->name, ".url") || !e->value)
			continue;
		if (!first) {
			first = xstrdup(e->name);
		} else if (!origin) {
			/* a remote may have several URLs; the first is the one to fetch from */
			other |= strcmp(first, e->name) != 0;
			continue;
		}
		free(*out);
		*out = xstrdup(e->value);
		if (origin)
			return;
	}
	if (other) {
		free(*out);
		*out = NULL;
	}
}

/* The branch that HEAD will be born as; NULL if HEAD cannot be read. */
static char *unborn_branch(git_repository *repo)
{
	CLEANUP(free_reference) git_reference *head = NULL;
	const char *target = git_reference_lookup(&head, repo, "HEAD") == 0 ?
				     git_reference_symbolic_target(head) :
				     NULL;

	if (!target)
		return NULL;
	return xstrdup(starts_with(target, "refs/heads/") ? target + strlen("refs/heads/") : target);
}

static int provenance(const char *root, const char *dir, struct git_provenance *out,
		      struct err *err)
{
	CLEANUP(free_repository) git_repository *repo = NULL;
	CLEANUP(free_reference) git_reference *head = NULL;
	CLEANUP(free_commit) git_commit *commit = NULL;
	CLEANUP(free_tree) git_tree *tree = NULL;
	int r;

	module_git_start();
	if (git_repository_open_ext(&repo, root, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		return module_git_fail(err, "cannot open the git repository of %s", root);
	out->present = true;
	out->shallow = git_repository_is_shallow(repo) == 1;
	find_source(repo, &out->source);
	r = git_repository_head(&head, repo);
	if (r == GIT_EUNBORNBRANCH) {
		out->unborn = true;
		out->branch = unborn_branch(repo);
		return find_dirty(repo, NULL, dir, &out->dirty, err);
	}
	if (r < 0)
		return module_git_fail(err, "cannot read HEAD of the git repository of %s", root);
	if (git_reference_peel((git_object **)&commit, head, GIT_OBJECT_COMMIT) < 0 ||
	    git_commit_tree(&tree, commit) < 0)
		return module_git_fail(err, "cannot read the commit of HEAD in the git repository of %s", root);
	git_oid_tostr(out->revision, sizeof(out->revision), git_commit_id(commit));
	out->time = git_commit_time(commit);
	if (git_reference_is_branch(head))
		out->branch = xstrdup(git_reference_shorthand(head));
	if (find_tag(repo, git_commit_id(commit), &out->tag, err) < 0)
		return -1;
	return find_dirty(repo, tree, dir, &out->dirty, err);
}

/* fetch */

struct head {
	char *name;
	git_oid id;
};

struct fetch {
	const struct git_fetch *f;
	VEC(struct head) heads;
	unsigned tries;
	unsigned entries;
	uint64_t bytes;
	git_repository *repo;
	git_odb *odb;
	struct err *err;
	bool refused;		/* err says why */
};

static void add_head(struct fetch *x, const char *name, const git_oid *id)
{
	struct head h = { .name = xstrdup(name), .id = *id };

	VEC_PUSH(&x->heads, h);
}

static int on_progress(const git_indexer_progress *p, void *ctx)
{
	const struct fetch *x = ctx;

	if (x->f->progress)
		x->f->progress(p->received_objects, p->total_objects, x->f->ctx);
	return sig_number() ? -1 : 0;
}

static int on_message(const char *text, int len, void *ctx)
{
	(void)text;
	(void)len;
	(void)ctx;
	return sig_number() ? -1 : 0;
}

/* The URL's own user and password are tried by libgit2 itself; for ssh there is the agent. */
static int on_credentials(git_credential **out, const char *url, const char *user,
			  unsigned allowed, void *ctx)
{
	struct fetch *x = ctx;

	(void)url;
	if (sig_number())
		return -1;
	if (allowed & GIT_CREDENTIAL_USERNAME)
		return git_credential_username_new(out, user ? user : "git");
	if ((allowed & GIT_CREDENTIAL_SSH_KEY) && x->tries++ == 0)
		return git_credential_ssh_key_from_agent(out, user ? user : "git");
	git_error_set_str(GIT_ERROR_CALLBACK, "access denied");
	return GIT_EAUTH;
}

static void set_callbacks(git_remote_callbacks *c, struct fetch *x)
{
	c->credentials = on_credentials;
	c->sideband_progress = on_message;
	c->transfer_progress = on_progress;
	c->payload = x;
}

static int list_local(struct fetch *x)
{
	CLEANUP(free_reference_iterator) git_reference_iterator *it = NULL;
	CLEANUP(free_reference) git_reference *head = NULL;
	git_reference *ref = NULL;
	int r = git_repository_head(&head, x->repo);

	if (r == 0)
		add_head(x, "HEAD", git_reference_target(head));
	else if (r != GIT_EUNBORNBRANCH)
		return r;
	r = git_reference_iterator_new(&it, x->repo);
	while (r == 0 && (r = git_reference_next(&ref, it)) == 0) {
		git_reference *direct = NULL;

		if (git_reference_resolve(&direct, ref) == 0)
			add_head(x, git_reference_name(ref), git_reference_target(direct));
		git_reference_free(direct);
		git_reference_free(ref);
	}
	return r == GIT_ITEROVER ? 0 : r;
}

static int list_remote(struct fetch *x, git_remote *remote)
{
	git_remote_connect_options o;
	const git_remote_head **list;
	size_t n;

	git_remote_connect_options_init(&o, GIT_REMOTE_CONNECT_OPTIONS_VERSION);
	set_callbacks(&o.callbacks, x);
	o.proxy_opts.type = GIT_PROXY_AUTO;
	if (git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &o) < 0 ||
	    git_remote_ls(&list, &n, remote) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		add_head(x, list[i]->name, &list[i]->oid);
	return 0;
}

static const struct head *find_head(const struct fetch *x, const char *prefix, const char *name)
{
	for (size_t i = 0; i < x->heads.len; i++) {
		const struct head *h = &x->heads.ptr[i];

		if (starts_with(h->name, prefix) && strcmp(h->name + strlen(prefix), name) == 0)
			return h;
	}
	return NULL;
}

static const struct head *resolve(const struct fetch *x, const char *ref)
{
	static const char *const prefixes[] = { "refs/heads/", "refs/tags/", "refs/", "" };
	const struct head *h = NULL;

	if (!ref)
		return find_head(x, "", "HEAD");
	for (size_t i = 0; i < ARRAY_LEN(prefixes) && !h; i++)
		h = find_head(x, prefixes[i], ref);
	return h;
}

/* @ref as the beginning of a commit id: its digits, or 0 if it is none. */
static size_t id_digits(const char *ref)
{
	size_t n = strspn(ref, "0123456789abcdefABCDEF");

	return n >= 4 && n <= GIT_OID_HEXSZ && ref[n] == '\0' ? n : 0;
}

/* The short name of a branch or tag, or NULL for other references. */
static const char *short_name(const char *name)
{
	if (ends_with(name, "^{}"))
		return NULL;
	if (starts_with(name, "refs/heads/"))
		return name + strlen("refs/heads/");
	if (starts_with(name, "refs/tags/"))
		return name + strlen("refs/tags/");
	return NULL;
}

static int no_such_ref(const struct fetch *x, struct err *err)
{
	const char *ref = x->f->ref, *near;
	VEC(const char *) names = { 0 };
	char list[160] = "";
	size_t len = 0;

	for (size_t i = 0; i < x->heads.len; i++) {
		const char *name = short_name(x->heads.ptr[i].name);

		if (!name)
			continue;
		VEC_PUSH(&names, name);
		if (len + strlen(name) + 3 < sizeof(list))
			len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
						len ? ", " : "", name);
	}
	near = ref ? str_closest(ref, names.ptr, names.len) : NULL;
	if (!ref && !names.len)
		err_set(err, ERR_NOTFOUND, "%s: the repository has no commit", x->f->shown);
	else if (!ref)
		err_set(err, ERR_NOTFOUND, "%s: the repository has no default branch", x->f->shown);
	else
		err_set(err, ERR_NOTFOUND, "%s: no branch, tag or commit '%s'", x->f->shown, ref);
	if (near)
		err_hint(err, "did you mean '%s'?", near);
	else if (len)
		err_hint(err, "there are: %s", list);
	VEC_FREE(&names);
	return -1;
}

/* Only what @head reaches, or without one every branch and tag. */
static int download(struct fetch *x, git_remote *remote, const struct head *head)
{
	git_fetch_options o;
	CLEAN_FREE char *one = head ? xasprintf("+%s:refs/slsc/fetched", head->name) : NULL;
	char *all[] = { (char[]){ "+refs/heads/*:refs/heads/*" },
			(char[]){ "+refs/tags/*:refs/tags/*" } };
	git_strarray specs = { one ? &one : all, one ? 1 : 2 };

	git_fetch_options_init(&o, GIT_FETCH_OPTIONS_VERSION);
	set_callbacks(&o.callbacks, x);
	o.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
	o.proxy_opts.type = GIT_PROXY_AUTO;
	return git_remote_download(remote, &specs, &o);
}

static int refuse(struct fetch *x, enum err_code code, const char *path, const char *why)
{
	err_set(x->err, code, "%s: %.600s: %s", x->f->shown, path, why);
	x->refused = true;
	return -1;
}

static int on_entry(const char *root, const git_tree_entry *e, void *ctx)
{
	struct fetch *x = ctx;
	CLEAN_FREE char *path = xasprintf("%s%s", root, git_tree_entry_name(e));
	git_filemode_t mode = git_tree_entry_filemode(e);
	CLEANUP(free_blob) git_blob *blob = NULL;
	CLEAN_FREE char *target = NULL;
	git_object_t type;
	size_t size;

	if (sig_number())
		return -1;
	if (++x->entries > MAX_ENTRIES)
		return refuse(x, ERR_LIMIT, path, "limit exceeded: more than 200,000 entries");
	if (strlen(path) >= GIT_PATH_MAX)
		return refuse(x, ERR_LIMIT, path, "limit exceeded: the path is too long");
	if (git_tree_entry_type(e) != GIT_OBJECT_BLOB)
		return 0;
	if (git_odb_read_header(&size, &type, x->odb, git_tree_entry_id(e)) < 0)
		return -1;
	x->bytes += size;
	if (size > GIT_FILE_MAX || x->bytes > MAX_TREE)
		return refuse(x, ERR_LIMIT, path,
			      "limit exceeded: 256 MB a file, 4 GB a tree at most");
	if (mode != GIT_FILEMODE_LINK)
		return 0;
	if (size >= GIT_PATH_MAX)
		return refuse(x, ERR_LIMIT, path, "limit exceeded: the symlink is too long");
	if (git_blob_lookup(&blob, x->repo, git_tree_entry_id(e)) < 0)
		return -1;
	target = xstrndup(git_blob_rawcontent(blob), (size_t)git_blob_rawsize(blob));
	if (strlen(target) != size || !link_stays_inside(path, target))
		return refuse(x, ERR_GIT, path, "the symlink leads out of the tree");
	return 0;
}

static int check_out(struct fetch *x, const git_oid *id, size_t digits)
{
	CLEANUP(free_object) git_object *any = NULL;
	CLEANUP(free_commit) git_commit *commit = NULL;
	CLEANUP(free_tree) git_tree *tree = NULL;
	git_checkout_options o;
	int r = git_object_lookup_prefix(&any, x->repo, id, digits, GIT_OBJECT_ANY);

	if (r == GIT_ENOTFOUND && x->f->ref)
		return no_such_ref(x, x->err);
	if (r == GIT_EAMBIGUOUS)
		return err_set(x->err, ERR_NOTFOUND, "%s: commit id '%s' is ambiguous", x->f->shown,
			       x->f->ref);
	if (r < 0)
		return module_git_fail(x->err, "%s", x->f->shown);
	if (git_object_peel((git_object **)&commit, any, GIT_OBJECT_COMMIT) < 0)
		return err_set(x->err, ERR_GIT, "%s: '%s' is no commit", x->f->shown,
			       x->f->ref ? x->f->ref : "HEAD");
	if (git_commit_tree(&tree, commit) < 0 ||
	    (git_tree_walk(tree, GIT_TREEWALK_PRE, on_entry, x) < 0 && !x->refused))
		return module_git_fail(x->err, "%s", x->f->shown);
	if (x->refused)
		return -1;
	/* The same bytes for everybody: no filters, and nothing of the user's configuration. */
	git_checkout_options_init(&o, GIT_CHECKOUT_OPTIONS_VERSION);
	o.checkout_strategy = GIT_CHECKOUT_FORCE | GIT_CHECKOUT_DONT_UPDATE_INDEX;
	o.disable_filters = 1;
	o.target_directory = x->f->tree;
	if (git_checkout_tree(x->repo, (git_object *)tree, &o) < 0)
		return module_git_fail(x->err, "%s", x->f->shown);
	git_oid_tostr(x->f->commit, 65, git_commit_id(commit));
	return 0;
}

static int fetch_open(struct fetch *x, git_remote **remote)
{
	const struct git_fetch *f = x->f;

	if (f->path) {
		if (git_repository_open_ext(&x->repo, f->path, GIT_REPOSITORY_OPEN_NO_SEARCH,
					    NULL) == 0)
			return list_local(x);
		return -1;
	}
	if (git_repository_init(&x->repo, f->tmp, 1) < 0 ||
	    git_remote_create_anonymous(remote, x->repo, f->url) < 0)
		return -1;
	return list_remote(x, *remote);
}

static int fetch_into(struct fetch *x)
{
	const struct git_fetch *f = x->f;
	CLEANUP(free_remote) git_remote *remote = NULL;
	const struct head *h;
	size_t digits = GIT_OID_HEXSZ;
	git_oid id;
	int r = fetch_open(x, &remote);

	if (r < 0) {
		module_git_fail(x->err, "%s", f->shown);
		if (r == GIT_EAUTH)
			err_hint(x->err, "ssh keys are taken from the running ssh-agent");
		return -1;
	}
	h = resolve(x, f->ref);
	if (h) {
		git_oid_cpy(&id, &h->id);
	} else {
		digits = f->ref ? id_digits(f->ref) : 0;
		if (!digits)
			return no_such_ref(x, x->err);
		git_oid_fromstrn(&id, f->ref, digits);
		/* the tip of a branch or tag needs no other branch */
		for (size_t i = 0; i < x->heads.len && !h; i++)
			if (digits == GIT_OID_HEXSZ && git_oid_equal(&x->heads.ptr[i].id, &id) &&
			    !ends_with(x->heads.ptr[i].name, "^{}"))
				h = &x->heads.ptr[i];
	}
	if (remote && download(x, remote, h) < 0)
		return module_git_fail(x->err, "%s", f->shown);
	if (git_repository_odb(&x->odb, x->repo) < 0)
		return module_git_fail(x->err, "%s", f->shown);
	return check_out(x, &id, digits);
}

static int fetch(const struct git_fetch *f, struct err *err)
{
	struct fetch x = { .f = f, .err = err };
	int r;

	module_git_start();
	r = fetch_into(&x);
	git_odb_free(x.odb);
	git_repository_free(x.repo);
	VEC_EACH(&x.heads, h)
		free(h->name);
	VEC_FREE(&x.heads);
	return r;
}

/* checkout */

/* A repository without objects of its own: those of @from are read where they are. */
static int borrow(git_repository *from, const char *dest, git_repository **out, struct err *err)
{
	CLEANUP(free_repository) git_repository *empty = NULL;
	CLEAN_FREE char *list = xasprintf("%s/.git/objects/info/alternates", dest);
	CLEAN_FREE char *text = xasprintf("%sobjects\n", git_repository_commondir(from));

	if (git_repository_init(&empty, dest, 0) < 0)
		return module_git_fail(err, "%s", dest);
	if (fs_write_file(list, text, strlen(text), 0644, err) < 0)
		return -1;
	if (git_repository_open_ext(out, dest, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		return module_git_fail(err, "%s", dest);
	return 0;
}

/* The branch that is checked out in @from; a detached HEAD stays one. */
static int put_head(git_repository *from, git_repository *to, const git_oid *id, struct err *err)
{
	CLEANUP(free_reference) git_reference *head = NULL;
	CLEANUP(free_reference) git_reference *made = NULL;
	const char *branch = NULL;

	if (git_reference_lookup(&head, from, "HEAD") == 0)
		branch = git_reference_symbolic_target(head);
	if (!branch)
		return git_repository_set_head_detached(to, id) < 0 ? module_git_fail(err, "HEAD") : 0;
	if (git_reference_create(&made, to, branch, id, 1, NULL) < 0 || git_repository_set_head(to, branch) < 0)
		return module_git_fail(err, "%s", branch);
	return 0;
}

static int put_tags(git_repository *from, git_repository *to, const git_oid *commit, struct err *err)
{
	CLEANUP(free_reference_iterator) git_reference_iterator *it = NULL;
	CLEANUP(free_odb) git_odb *odb = NULL;
	git_reference *ref = NULL;

	if (git_repository_odb(&odb, from) < 0 ||
	    git_reference_iterator_glob_new(&it, from, "refs/tags/*") < 0)
		return module_git_fail(err, "cannot read the git tags");
	while (git_reference_next(&ref, it) == 0) {
		CLEANUP(free_reference) git_reference *made = NULL;
		bool annotated;
		git_oid id;

		if (tag_target(from, odb, ref, &id, &annotated) && git_oid_equal(&id, commit))
			git_reference_create(&made, to, git_reference_name(ref), git_reference_target(ref), 1, NULL);
		git_reference_free(ref);
	}
	return 0;
}

/* What was just written is not to be taken for changed. */
static int put_index(git_repository *to, const git_oid *id, struct err *err)
{
	CLEANUP(free_index) git_index *index = NULL;
	CLEANUP(free_commit) git_commit *commit = NULL;
	CLEANUP(free_tree) git_tree *tree = NULL;

	if (git_commit_lookup(&commit, to, id) < 0 || git_commit_tree(&tree, commit) < 0 ||
	    git_repository_index(&index, to) < 0 || git_index_read_tree(index, tree) < 0 ||
	    git_index_write(index) < 0)
		return module_git_fail(err, "cannot write the git index of a checkout");
	return 0;
}

static int checkout(const struct git_checkout *c, struct err *err)
{
	const struct git_fetch f = { .shown = c->root, .ref = c->rev, .tree = c->dest, .commit = c->commit };
	CLEANUP(free_repository) git_repository *from = NULL;
	CLEANUP(free_repository) git_repository *to = NULL;
	CLEANUP(free_odb) git_odb *odb = NULL;
	CLEANUP(free_object) git_object *any = NULL;
	CLEANUP(free_object) git_object *commit = NULL;
	CLEANUP(free_remote) git_remote *remote = NULL;
	struct fetch x = { .f = &f, .err = err };
	git_oid id;
	int r;

	module_git_start();
	if (git_repository_open_ext(&from, c->root, GIT_REPOSITORY_OPEN_NO_SEARCH, NULL) < 0)
		return module_git_fail(err, "cannot open the git repository of %s", c->root);
	r = git_revparse_single(&any, from, c->rev);
	if (r == GIT_EAMBIGUOUS)
		return err_set(err, ERR_NOTFOUND, "%s: commit id '%s' is ambiguous", c->root, c->rev);
	if (r < 0 || git_object_peel(&commit, any, GIT_OBJECT_COMMIT) < 0) {
		err_set(err, ERR_NOTFOUND, "%s: there is no commit '%s'", c->root, c->rev);
		return err_hint(err, "'git log --oneline' lists those there are");
	}
	git_oid_cpy(&id, git_object_id(commit));
	if (borrow(from, c->dest, &to, err) < 0)
		return -1;
	if (git_repository_odb(&odb, to) < 0)
		return module_git_fail(err, "%s", c->dest);
	x.repo = to;
	x.odb = odb;
	if (check_out(&x, &id, GIT_OID_HEXSZ) < 0 || put_head(from, to, &id, err) < 0 ||
	    put_tags(from, to, &id, err) < 0 || put_index(to, &id, err) < 0)
		return -1;
	if (c->source && git_remote_create(&remote, to, "origin", c->source) < 0)
		return module_git_fail(err, "%s", c->source);
	return 0;
}

const struct git_ops slsc_module_git = { .provenance = provenance, .fetch = fetch, .checkout = checkout,
					 .changes = module_git_changes };
