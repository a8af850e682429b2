/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/lock.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/init/stage_exec.h"
#include "stage/keeper_internal.h"
#include "stage/snapshot.h"

struct keeper {
	struct build_stage stage;	/* first: it is what others hold */
	pid_t pid;
	int ctl;			/* messages of keeper_internal.h */
	int commands;			/* the descriptor of SLSC_STAGES */
	bool begun;
	struct strs dirs;
	char *search;			/* PATH in it */
	char *name, *dockerfile;
};

/* ---- the tree, seen from outside ---- */

static struct snap_stack stack_of(const struct root *r)
{
	const struct keeper *k = (const struct keeper *)(const void *)r;

	return (struct snap_stack){ (const char *const *)k->dirs.ptr, k->dirs.len };
}

static char *find(const struct root *r, const char *path, char **real)
{
	const struct snap_stack s = stack_of(r);
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *at = NULL;
	struct err ignored;

	if (real)
		*real = NULL;
	if (snap_lookup(&s, path + (path[0] == '/'), true, &node, &at, &ignored) != 1)
		return NULL;
	if (real)
		*real = xasprintf("/%s", at);
	return steal(&node.host);
}

static int list(const struct root *r, const char *dir, struct strs *names, struct err *err)
{
	const struct snap_stack s = stack_of(r);
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_FREE char *real = NULL;
	const int there = snap_lookup(&s, dir + (dir[0] == '/'), true, &node, &real, err);

	if (there < 0)
		return -1;
	return there ? snap_list(&s, real, names, err) : err_set(err, ERR_NOTFOUND, "%s is not there", dir);
}

/* ---- messages ---- */

int keeper_send(int fd, char type, struct str body, struct err *err)
{
	const struct keeper_head h = { .type = type, .len = (uint32_t)body.len };

	if (fs_write_all(fd, &h, sizeof(h), "a stage", err) < 0)
		return -1;
	return fs_write_all(fd, body.ptr, body.len, "a stage", err);
}

static int read_whole(int fd, void *to, size_t n)
{
	for (char *p = to; n;) {
		const ssize_t got = read(fd, p, n);

		if (got <= 0 && !(got < 0 && errno == EINTR))
			return -1;
		p += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return 0;
}

int keeper_receive(int fd, char *type, struct buf *body)
{
	struct keeper_head h;

	buf_reset(body);
	if (read_whole(fd, &h, sizeof(h)) < 0 || h.len > KEEPER_MAX)
		return -1;
	*type = h.type;
	for (uint32_t left = h.len; left;) {
		char block[4096];
		const size_t n = left < sizeof(block) ? left : sizeof(block);

		if (read_whole(fd, block, n) < 0)
			return -1;
		buf_add(body, block, n);
		left -= (uint32_t)n;
	}
	return 0;
}

/* The child has a signal of the terminal's by itself, but not one that is sent to us. */
static int await(struct keeper *k, char *type, struct buf *body, struct err *err)
{
	unsigned seen = 0;

	for (;;) {
		struct pollfd p[] = { { .fd = k->ctl, .events = POLLIN },
				      { .fd = seen ? -1 : sig_fd(), .events = POLLIN } };

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for a stage");
		if (sig_count() != seen) {
			seen = sig_count();
			kill(k->pid, SIGTERM);
		}
		if (p[0].revents)
			break;
	}
	if (keeper_receive(k->ctl, type, body) == 0)
		return 0;
	if (sig_check(err) < 0)
		return -1;
	return err_set(err, ERR_IO, "the process that keeps stage '%s' was killed", k->name);
}

/* ---- one stage ---- */

static void keeper_free(struct keeper *k)
{
	clean_fd_(&k->ctl);
	clean_fd_(&k->commands);
	while (k->pid > 0 && waitpid(k->pid, NULL, 0) < 0 && errno == EINTR)
		;
	strs_release(&k->dirs);
	free(k->search);
	free(k->name);
	free(k->dockerfile);
	free(k);
}

static int start(struct keeper *k, const struct stage_request *req, bool make, struct err *err)
{
	int ctl[2], commands[2];
	const pid_t us = getpid();

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ctl) < 0)
		return err_sys(err, "cannot make a socket");
	k->ctl = ctl[0];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, commands) < 0) {
		err_sys(err, "cannot make a socket");
		close(ctl[1]);
		return -1;
	}
	k->commands = commands[0];
	k->pid = fork();
	if (k->pid == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != us)
			_exit(1);
		sig_forked();
		close(ctl[0]);
		close(commands[0]);
		keeper_child(req, make, ctl[1], commands[1]);
		_exit(0);
	}
	close(ctl[1]);
	close(commands[1]);
	return k->pid < 0 ? err_sys(err, "cannot fork") : 0;
}

/* Records of a letter and text, each with its NUL. */
static void take_result(struct keeper *k, const struct buf *body, const struct stage_request *req, bool *trouble)
{
	for (const char *p = body->ptr; p < body->ptr + body->len; p += strlen(p) + 1) {
		switch (*p) {
		case KEEPER_DIGEST:
			snprintf(k->stage.digest, sizeof(k->stage.digest), "%s", p + 1);
			break;
		case KEEPER_DIR:
			strs_add(&k->dirs, p + 1);
			break;
		case KEEPER_PATH:
			free(k->search);
			k->search = xstrdup(p + 1);
			break;
		case KEEPER_WARNING:
			*trouble |= starts_with(p + 1, "--cache-");
			if (req->warn || req->note)
				(req->warn ? req->warn : req->note)(p + 1);
			break;
		default:
			BUG("a stage's keeper says '%s'", p);
		}
	}
	k->stage.root.search = k->search;
}

/* Errors in the Dockerfile have a place of their own; all others get that of the key they are about. */
static int located(const struct project *p, const struct toolchain_use *use, struct err *err)
{
	const struct err why = *err;

	if (why.loc.file[0] || why.code == ERR_INTR)
		return -1;
	project_err(p, why.code == ERR_USAGE ? ERR_CONFIG : why.code, use->of.stage, err, "%s", why.msg);
	err->sys = why.sys;
	return err_hint(err, "%s", why.hint);
}

static int open_keeper(struct keeper *k, struct keepers *all, const struct stage_request *req, struct err *err)
{
	CLEAN_BUF struct buf body = BUF_INIT;
	char type;

	if (start(k, req, all->stages.make, err) < 0 || await(k, &type, &body, err) < 0)
		return -1;
	if (type == KEEPER_ERROR) {
		memcpy(err, body.ptr, sizeof(*err));
		return -1;
	}
	take_result(k, &body, req, &all->cache_trouble);
	return 0;
}

static struct keeper *find_open(const struct keepers *all, const struct toolchain_use *use)
{
	for (size_t i = 0; i < all->len; i++)
		if (strcmp(all->ptr[i]->name, use->of.stage.s) == 0 &&
		    strcmp(all->ptr[i]->dockerfile, use->of.dockerfile.s) == 0)
			return all->ptr[i];
	return NULL;
}

/* The tag itself is that of binaries: each stage has one beside it. */
static char *beside(const struct keepers *all, const char *text, const char *stage)
{
	CLEAN_FREE char *what = xasprintf("stage-%s", stage);

	return text && !all->cache_trouble ? place_beside(text, what) : NULL;
}

static int open_stage(struct build_stages *stages, struct project *p, const struct toolchain_use *use,
		      const struct build_stage **out, struct err *err)
{
	struct keepers *all = (struct keepers *)(void *)stages;
	CLEAN_FREE char *here = getcwd(NULL, 0);
	const char *dir = here && strcmp(here, p->dir) == 0 ? "" : p->dir;
	CLEAN_FREE char *file = path_join(dir, use->of.dockerfile.s), *context = path_join(dir, use->context);
	CLEAN_FREE char *lock = lock_path(p);
	CLEAN_STRS struct strs args = { 0 }, from = { 0 };
	struct stage_request req = *all->request;
	CLEAN_FREE char *to = beside(all, req.cache_to, use->of.stage.s);
	struct keeper *k = find_open(all, use);

	if (k) {
		*out = &k->stage;
		return 0;
	}
	if (project_check_stage(p, &use->of, err) < 0)
		return -1;
	/* what the command line says comes last, and counts */
	for (size_t i = 0; use->build_args && i < use->build_args->len; i++)
		strs_addf(&args, "%s=%s", use->build_args->ptr[i].key.s, use->build_args->ptr[i].val.s);
	for (size_t i = 0; req.args && i < req.args->len; i++)
		strs_add(&args, req.args->ptr[i]);
	for (size_t i = 0; req.cache_from && i < req.cache_from->len; i++) {
		char *one = beside(all, req.cache_from->ptr[i], use->of.stage.s);

		if (one)
			strs_take(&from, one);
	}
	req.cache_from = &from;
	req.cache_to = to;
	req.dockerfile = file;
	req.context = context;
	req.target = use->of.stage.s;
	req.arches[0] = arch_host();
	req.narches = 1;
	req.args = &args;
	req.mirrors = &p->mirrors;
	req.mirrors_dir = p->dir;
	req.lock = lock;
	req.pin = true;
	req.dry_run = !all->stages.make;
	k = xcalloc(1, sizeof(*k));
	*k = (struct keeper){ .ctl = -1, .commands = -1 };
	k->stage.root = (struct root){ .find = find, .list = list };
	k->stage.stage = use->of.stage;
	k->stage.file = p->file;
	k->name = xstrdup(use->of.stage.s);
	k->dockerfile = xstrdup(use->of.dockerfile.s);
	k->stage.dockerfile = k->dockerfile;
	if (open_keeper(k, all, &req, err) < 0) {
		keeper_free(k);
		return located(p, use, err);
	}
	if (all->len == all->cap) {
		all->cap = all->cap ? all->cap * 2 : 2;
		all->ptr = xrealloc(all->ptr, all->cap * sizeof(struct keeper *));
	}
	all->ptr[all->len++] = k;
	*out = &k->stage;
	return 0;
}

/* ---- a build ---- */

static int begin_one(struct keeper *k, const struct buf *binds, struct err *err)
{
	if (keeper_send(k->ctl, KEEPER_BEGIN, buf_str(binds), err) < 0)
		return err_wrap(err, "stage '%s'", k->name);
	k->begun = true;
	/* ninja and all it starts inherit it */
	return fcntl(k->commands, F_SETFD, 0) < 0 ? err_sys(err, "cannot pass a descriptor on") : 0;
}

static int begin(struct build_stages *stages, const struct strs *binds, struct strs *env, struct err *err)
{
	struct keepers *all = (struct keepers *)(void *)stages;
	CLEAN_FREE char *exec = stage_exec_path();
	CLEAN_BUF struct buf list = BUF_INIT, sockets = BUF_INIT, lines = BUF_INIT;

	if (!all->len)
		return 0;
	VEC_EACH(binds, b) {
		buf_add(&list, *b, strlen(*b) + 1);
		buf_addf(&lines, "%s\n", *b);
	}
	for (size_t i = 0; i < all->len; i++) {
		struct keeper *k = all->ptr[i];

		if (begin_one(k, &list, err) < 0)
			return -1;
		buf_addf(&sockets, "%s%.*s=%d", i ? " " : "", BUILD_STAGE_DIGEST, k->stage.digest, k->commands);
	}
	strs_addf(env, "SLSC_IN_STAGE=%s", exec);
	strs_addf(env, STAGE_ENV_SOCKETS "=%s", sockets.ptr);
	strs_addf(env, STAGE_ENV_BINDS "=%s", lines.ptr);
	return 0;
}

/* All that asked are gone: what they asked for is before this in the queue. */
static int end_one(struct keeper *k, struct err *err)
{
	CLEAN_BUF struct buf body = BUF_INIT;
	const char end = STAGE_END;
	char type;

	k->begun = false;
	(void)fcntl(k->commands, F_SETFD, FD_CLOEXEC);
	while (send(k->commands, &end, 1, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return err_sys(err, "stage '%s'", k->name);
	if (keeper_send(k->ctl, KEEPER_END, (struct str){ "", 0 }, err) < 0)
		return err_wrap(err, "stage '%s'", k->name);
	if (await(k, &type, &body, err) < 0)
		return -1;
	if (type != KEEPER_ERROR)
		return 0;
	memcpy(err, body.ptr, sizeof(*err));
	return err->code == ERR_INTR ? -1 : err_wrap(err, "stage '%s'", k->name);
}

static int end(struct build_stages *stages, struct err *err)
{
	struct keepers *all = (struct keepers *)(void *)stages;
	struct err one;
	int ret = 0;

	for (size_t i = 0; i < all->len; i++)
		if (all->ptr[i]->begun && end_one(all->ptr[i], &one) < 0 && ret == 0) {
			*err = one;
			ret = -1;
		}
	return ret;
}

void keepers_init(struct keepers *k, const struct stage_request *request, bool make)
{
	*k = (struct keepers){ .stages = { .make = make, .open = open_stage, .begin = begin, .end = end },
			       .request = request };
}

void keepers_release(struct keepers *k)
{
	for (size_t i = 0; i < k->len; i++)
		keeper_free(k->ptr[i]);
	free(k->ptr);
	*k = (struct keepers){ .len = 0 };
}
