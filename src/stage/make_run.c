/* SPDX-License-Identifier: Apache-2.0 */
/* A RUN step: its user, its mounts, what it says, and what is told when it fails. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/solve_internal.h"

#define TAIL_LINES   12u
#define TAIL_WIDTH   160u
#define SECRET_BYTES (512u << 10) /* as BuildKit has it */

/** A run in the making. */
struct running {
	struct op *op;
	struct solver *sv;
	char *scratch;
	VEC(struct sandbox_mount) mounts;
	VEC(int) locks;
	struct strs kept, env; /* strings that mounts and run borrow */
	bool tmpfs;	       /* one for secrets is mounted */
	char tail[TAIL_LINES][TAIL_WIDTH];
	size_t lines;
};

static const char *kept(struct running *r, char *s)
{
	strs_take(&r->kept, s);
	return s;
}

static void running_release(struct running *r)
{
	if (r->tmpfs) {
		CLEAN_FREE char *dir = path_join(r->scratch, "secrets");

		umount2(dir, MNT_DETACH);
	}
	for (size_t i = 0; i < r->locks.len; i++)
		close(r->locks.ptr[i]);
	VEC_FREE(&r->locks);
	VEC_FREE(&r->mounts);
	strs_release(&r->kept);
	strs_release(&r->env);
	free(r->scratch);
}

/* ---- mounts ---- */

static int cache_dir(struct running *r, const struct op_mount *m, const char *id, unsigned n, char **dir, char **lock,
		     struct err *err)
{
	char hex[KEY_LEN], number[16];
	struct key k;

	if (key_begin(&k, "mount", err) < 0)
		return -1;
	snprintf(number, sizeof(number), "%u", n);
	key_add(&k, id);
	key_add(&k, arch_oci(r->op->v->arch));
	key_add(&k, m->m.sharing == DF_PRIVATE ? number : NULL);
	key_end(&k, hex);
	*dir = xasprintf("%s/mounts/%s/data", r->sv->cache, hex);
	*lock = xasprintf("%s/mounts/%s", r->sv->cache, hex);
	return fs_mkdirs(*lock, err);
}

static int make_cache_dir(const struct op_mount *m, const char *dir, struct err *err)
{
	const mode_t mode = m->m.mode >= 0 ? (mode_t)m->m.mode & 07777 : 0755;

	if (mkdir(dir, mode) < 0)
		return errno == EEXIST ? 0 : err_sys(err, "%s", dir);
	if (chmod(dir, mode) < 0)
		return err_sys(err, "%s", dir);
	if ((m->m.uid > 0 || m->m.gid > 0) && sandbox_maps_ids() &&
	    chown(dir, m->m.uid > 0 ? (uid_t)m->m.uid : 0, m->m.gid > 0 ? (gid_t)m->m.gid : 0) < 0)
		return err_sys(err, "%s", dir);
	return 0;
}

/* A new cache begins as what the stage or image has. */
static int seed_cache(struct running *r, const struct op_mount *m, const char *dir, struct err *err)
{
	const char *source = m->m.source ? m->m.source : "/";
	const struct copy_want w = { .shown = r->op->shown, .inst = r->op->inst, .sources = &source, .nsources = 1,
				     .dest = "/", .workdir = "/", .epoch = r->sv->epoch };
	CLEAN_STRS struct strs dirs = { 0 };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *scratch = NULL;
	struct copy_from from = { .context = NULL };
	struct digest files;

	if (vertex_stack(m->from, m->from->ops.len, &dirs, err) < 0 || solver_scratch(r->sv, &scratch, err) < 0)
		return -1;
	from.stack = (struct snap_stack){ (const char *const *)dirs.ptr, dirs.len };
	if (copy_tree(&w, &from, &(struct snap_stack){ .n = 0 }, r->sv->hashes, scratch, &t, &files, err) < 0)
		return -1;
	return snap_write(dir, &t, r->sv->epoch, err);
}

static const char *absolute(struct running *r, const char *target)
{
	return *target == '/' ? target
			      : kept(r, xasprintf("%s/%s", strcmp(r->op->cwd, "/") == 0 ? "" : r->op->cwd, target));
}

static int mount_cache(struct running *r, const struct op_mount *m, struct err *err)
{
	const char *target = absolute(r, m->m.target), *id = m->m.id ? m->m.id : target;
	char *dir = NULL, *lock = NULL;

	for (unsigned n = 0;; n++) {
		int fd;

		if (cache_dir(r, m, id, n, &dir, &lock, err) < 0)
			return -1;
		kept(r, dir);
		kept(r, lock);
		if (m->m.sharing == DF_SHARED)
			break;
		if (m->m.sharing == DF_LOCKED) {
			fd = fs_lock_dir(lock, err);
			if (fd < 0)
				return -1;
			VEC_PUSH(&r->locks, fd);
			break;
		}
		fd = open(lock, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			return err_sys(err, "%s", lock);
		VEC_PUSH(&r->locks, fd);
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			break;
	}
	if ((m->from && !fs_is_dir(dir) && seed_cache(r, m, dir, err) < 0) || make_cache_dir(m, dir, err) < 0)
		return -1;
	VEC_PUSH(&r->mounts,
		 ((struct sandbox_mount){
			 .type = SANDBOX_BIND, .source = dir, .target = target, .readonly = m->m.readonly }));
	return 0;
}

/* Several layers as one directory, in this process' own mount namespace. */
static int mount_stack(struct running *r, const struct strs *dirs, char **out, struct err *err)
{
	CLEAN_BUF struct buf o = BUF_INIT;
	VEC(int) fds = { 0 };
	int ret = 0;

	*out = NULL;
	if (dirs->len == 1) {
		*out = xstrdup(dirs->ptr[0]);
		return 0;
	}
	if (solver_scratch(r->sv, out, err) < 0 || !dirs->len)
		return *out ? 0 : -1;
	/* the options are one page: by descriptors, names are short */
	buf_addz(&o, "userxattr,lowerdir=");
	for (size_t i = dirs->len; i-- > 0 && ret == 0;) {
		int fd = open(dirs->ptr[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd < 0) {
			ret = err_sys(err, "%s", dirs->ptr[i]);
			break;
		}
		VEC_PUSH(&fds, fd);
		buf_addf(&o, "/proc/self/fd/%d%s", fd, i ? ":" : "");
	}
	if (ret == 0 && mount("overlay", *out, "overlay", MS_RDONLY | MS_NODEV | MS_NOSUID, o.ptr) < 0)
		ret = err_sys(err, "an overlay of what is mounted");
	for (size_t i = 0; i < fds.len; i++)
		close(fds.ptr[i]);
	VEC_FREE(&fds);
	return ret;
}

/* The files of the context that a bind mount may show: those that .dockerignore leaves. */
static int context_dir(struct running *r, const struct op_mount *m, struct strs *dirs, struct err *err)
{
	struct solver *sv = r->sv;
	const struct copy_from from = { .context = sv->req->context, .ignored = sv->ignored };
	const char *source = ".";
	const struct copy_want w = { .shown = r->op->shown,
				     .inst = r->op->inst,
				     .sources = &source,
				     .nsources = 1,
				     .dest = "/",
				     .workdir = "/",
				     .epoch = sv->epoch };
	CLEAN_FREE char *all = path_join(sv->cache, "layers"), *path = NULL, *scratch = NULL;
	CLEAN_TREE struct tree t = TREE_INIT;
	struct digest files;

	(void)m;
	if (solver_scratch(sv, &scratch, err) < 0 || fs_mkdirs(all, err) < 0 ||
	    copy_tree(&w, &from, &(struct snap_stack){ .n = 0 }, sv->hashes, scratch, &t, &files, err) < 0)
		return -1;
	path = layer_path(sv, digest_hex(&files));
	if (!fs_is_dir(path) && snap_write(path, &t, sv->epoch, err) < 0)
		return -1;
	strs_take(dirs, steal(&path));
	return 0;
}

static int mount_bind(struct running *r, const struct op_mount *m, struct err *err)
{
	CLEAN_STRS struct strs dirs = { 0 };
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *root = NULL, *real = NULL, *clean = NULL, *text = NULL;
	const char *source = m->m.source ? m->m.source : "";
	int there;

	if ((m->from ? vertex_stack(m->from, m->from->ops.len, &dirs, err) : context_dir(r, m, &dirs, err)) < 0)
		return -1;
	text = xasprintf("/%s", source);
	clean = path_clean(text);
	there = snap_lookup(&(struct snap_stack){ (const char *const *)dirs.ptr, dirs.len }, clean + 1, true, &node,
			    &real, err);
	if (there < 0)
		return -1;
	if (!there)
		return op_fail_at(r->op, err, ERR_CONFIG, "--mount: '%s' is not in %s", source,
				  m->from ? m->from->name : "the build context");
	if (mount_stack(r, &dirs, &root, err) < 0)
		return -1;
	VEC_PUSH(&r->mounts, ((struct sandbox_mount){ .type = m->m.readonly ? SANDBOX_BIND : SANDBOX_OVERLAY,
						      .source = kept(r, path_join(root, real + (*real == '/'))),
						      .target = absolute(r, m->m.target),
						      .readonly = m->m.readonly }));
	return 0;
}

/* ---- secrets ---- */

static const char *secret_field(const char *spec, const char *name, char **heap)
{
	struct str rest = str_from(spec);

	while (rest.len) {
		struct str one = rest;

		rest = str_cut(&one, ',');
		if (one.len > strlen(name) && strncmp(one.ptr, name, strlen(name)) == 0 &&
		    one.ptr[strlen(name)] == '=') {
			*heap = xstrndup(one.ptr + strlen(name) + 1, one.len - strlen(name) - 1);
			return *heap;
		}
	}
	return NULL;
}

/* 1: its bytes are in @out; 0: there is no such secret. */
static int secret_read(struct running *r, const char *id, struct buf *out, struct err *err)
{
	const struct strs *all = r->sv->req->secrets;

	for (size_t i = 0; all && i < all->len; i++) {
		CLEAN_FREE char *its = NULL, *file = NULL, *env = NULL;
		const char *val;

		secret_field(all->ptr[i], "id", &its);
		if (!its || strcmp(its, id) != 0)
			continue;
		secret_field(all->ptr[i], "env", &env);
		if (!secret_field(all->ptr[i], "src", &file))
			secret_field(all->ptr[i], "source", &file);
		if (file)
			return fs_read(file, SECRET_BYTES, out, err) < 0 ? err_wrap(err, "--secret id=%s", id) : 1;
		val = getenv(env ? env : id);
		if (!val)
			return err_set(err, ERR_USAGE, "--secret id=%s: the environment has no %s", id, env ? env : id);
		buf_addz(out, val);
		return 1;
	}
	return 0;
}

static int secret_file(struct running *r, const struct op_mount *m, const struct buf *text, struct err *err)
{
	CLEAN_FREE char *dir = path_join(r->scratch, "secrets");
	const char *path = kept(r, xasprintf("%s/%zu", dir, r->mounts.len));
	const uid_t uid = m->m.uid > 0 ? (uid_t)m->m.uid : 0;
	const gid_t gid = m->m.gid > 0 ? (gid_t)m->m.gid : 0;
	CLEAN_FD int fd = -1;

	/* in memory, in a mount namespace that nobody else sees */
	if (!r->tmpfs) {
		if (mkdir(dir, 0700) < 0 ||
		    mount("tmpfs", dir, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=64m,mode=0755") < 0)
			return err_sys(err, "a file system in memory for secrets");
		r->tmpfs = true;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || fs_write_all(fd, text->ptr, text->len, "a secret", err) < 0)
		return fd < 0 ? err_sys(err, "a secret") : -1;
	if (((uid || gid) && sandbox_maps_ids() && fchown(fd, uid, gid) < 0) ||
	    fchmod(fd, m->m.mode >= 0 ? (mode_t)m->m.mode & 0777 : 0400) < 0)
		return err_sys(err, "a secret");
	VEC_PUSH(&r->mounts,
		 ((struct sandbox_mount){ .type = SANDBOX_BIND,
					  .source = path,
					  .readonly = true,
					  .target = m->m.target ? absolute(r, m->m.target)
								: kept(r, xasprintf("/run/secrets/%s", m->m.id)) }));
	return 0;
}

static int mount_secret(struct running *r, const struct op_mount *m, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const char *id = m->m.id ? m->m.id : path_basename(m->m.target ? m->m.target : "");
	struct op_mount named = *m;
	int ret = secret_read(r, id, &text, err);

	named.m.id = id;
	if (ret == 0 && m->m.required) {
		op_fail_at(r->op, err, ERR_CONFIG, "there is no secret '%s'", id);
		return err_hint(err, "give it by --secret id=%s,src=FILE", id);
	}
	if (ret <= 0)
		return ret;
	if (m->m.env)
		strs_addf(&r->env, "%s=%s", m->m.env, text.ptr);
	ret = m->m.env && !m->m.target ? 0 : secret_file(r, &named, &text, err);
	explicit_bzero(text.ptr, text.len);
	return ret;
}

static int add_mount(struct running *r, const struct op_mount *m, struct err *err)
{
	switch (m->m.type) {
	case DF_MOUNT_CACHE:
		return mount_cache(r, m, err);
	case DF_MOUNT_BIND:
		return mount_bind(r, m, err);
	case DF_MOUNT_SECRET:
		return mount_secret(r, m, err);
	case DF_MOUNT_TMPFS:
		VEC_PUSH(&r->mounts, ((struct sandbox_mount){ .type = SANDBOX_TMPFS,
							      .target = absolute(r, m->m.target),
							      .size = m->m.size,
							      .mode = (int)m->m.mode }));
		return 0;
	case DF_MOUNT_SSH:
		break;
	}
	BUG("a mount that the plan let pass");
}

/* A heredoc that names its own interpreter. */
static int add_script(struct running *r, struct err *err)
{
	const struct op *op = r->op;
	const char *path;
	CLEAN_FD int fd = -1;

	if (!op->script.len)
		return 0;
	path = kept(r, path_join(r->scratch, "script"));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (fd < 0 || fchmod(fd, 0755) < 0)
		return err_sys(err, "%s", path);
	if (fs_write_all(fd, op->script.ptr, op->script.len, path, err) < 0)
		return -1;
	VEC_PUSH(&r->mounts, ((struct sandbox_mount){
				     .type = SANDBOX_BIND, .source = path, .readonly = true, .target = op->argv[0] }));
	return 0;
}

/* ---- environment ---- */

static bool has_env(const struct strs *env, const char *name)
{
	const size_t n = strlen(name);

	VEC_EACH(env, e)
		if (strncmp(*e, name, n) == 0 && (*e)[n] == '=')
			return true;
	return false;
}

/* HOME is the user's, and proxies given as build arguments are seen, but are no part of what a step is known by. */
static void make_env(struct running *r, const char *home)
{
	static const char *const proxies[] = { "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY" };
	const struct map *given = &r->sv->given;

	for (const char *const *e = r->op->env; *e; e++)
		strs_add(&r->env, *e);
	for (size_t i = 0; i < given->len; i++)
		for (size_t k = 0; k < ARRAY_LEN(proxies); k++)
			if (strcasecmp(given->ptr[i].key, proxies[k]) == 0 && !has_env(&r->env, given->ptr[i].key))
				strs_addf(&r->env, "%s=%s", given->ptr[i].key, (const char *)given->ptr[i].val);
	if (!has_env(&r->env, "HOME"))
		strs_addf(&r->env, "HOME=%s", home ? home : "/");
}

/* ---- what it says ---- */

static void on_line(const char *line, size_t len, void *ctx)
{
	struct running *r = ctx;

	(void)len;
	snprintf(r->tail[r->lines++ % TAIL_LINES], TAIL_WIDTH, "%s", line);
	solver_event(r->sv, r->op, STAGE_LINE, line, NULL, 0);
}

static int run_failed(const struct running *r, int status, struct err *err)
{
	const struct op *op = r->op;
	CLEAN_BUF struct buf text = BUF_INIT;
	char what[80];

	if (status > 128)
		snprintf(what, sizeof(what), "killed by signal %d", status - 128);
	else
		snprintf(what, sizeof(what), "exit code %d", status);
	for (size_t i = r->lines > TAIL_LINES ? r->lines - TAIL_LINES : 0; i < r->lines; i++)
		if (text.len < 700)
			buf_addf(&text, "\n  %s", r->tail[i % TAIL_LINES]);
	err_at(err, ERR_BUILD, op->shown, op->inst->line, op->inst->col, "stage %s: RUN: %s%s", op->v->name, what,
	       text.len ? text.ptr : "");
	/* of a base's triggers no line of the Dockerfile is the first */
	if (op->shown != op->v->sv->df.shown)
		return -1;
	return err_hint(err, "what it ran on: `slsc build -f %s --until %u -o dir:DIR ...` writes it out",
			op->v->sv->df.shown, op->inst->line);
}

/* A RUN at a time for each processor; most of them make use of several by themselves. */
static void slot_take(struct solver *sv)
{
	pthread_mutex_lock(&sv->lock);
	while (!sv->slots)
		pthread_cond_wait(&sv->freed, &sv->lock);
	sv->slots--;
	pthread_mutex_unlock(&sv->lock);
}

static void slot_give(struct solver *sv)
{
	pthread_mutex_lock(&sv->lock);
	sv->slots++;
	pthread_cond_signal(&sv->freed);
	pthread_mutex_unlock(&sv->lock);
}

int op_run(struct op *op, const struct strs *below, const char *upper, const char *work, struct err *err)
{
	CLEANUP(running_release) struct running r = { .op = op, .sv = op->v->sv };
	const struct snap_stack stack = { (const char *const *)below->ptr, below->len };
	struct owner_ids user = { .uid = 0 };
	struct sandbox_run run;
	int ret = 0, status = 0;

	if (solver_scratch(r.sv, &r.scratch, err) < 0)
		return -1;
	if (owner_resolve(op->user ? op->user : "0:0", &stack, &user, err) < 0)
		return op_fail(op, err);
	make_env(&r, user.home);
	for (size_t i = 0; ret == 0 && i < op->nmounts; i++)
		ret = add_mount(&r, &op->mounts[i], err);
	if (ret == 0)
		ret = add_script(&r, err);
	run = (struct sandbox_run){
		.kind = r.sv->req->sandbox,
		.arch = op->v->arch,
		.lowers = stack.dirs,
		.nlowers = stack.n,
		.upper = upper,
		.work = work,
		.argv = op->argv,
		.env = (const char *const *)strs_argv(&r.env),
		.cwd = op->cwd,
		.uid = user.uid,
		.gid = user.gid,
		.groups = user.groups,
		.ngroups = user.ngroups,
		.network = op->network,
		.mounts = r.mounts.ptr,
		.nmounts = r.mounts.len,
		.line = on_line,
		.ctx = &r,
	};
	if (ret == 0) {
		slot_take(r.sv);
		ret = sandbox_run(&run, &status, err);
		slot_give(r.sv);
	}
	owner_ids_release(&user);
	if (ret == 0 && status)
		ret = run_failed(&r, status, err);
	return ret;
}
