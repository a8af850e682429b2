/* SPDX-License-Identifier: Apache-2.0 */
/* The process that makes a stage for toolchains, and holds the sandbox in which a build's commands run. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/init/stage_exec.h"
#include "stage/keeper_internal.h"
#include "stage/solve_internal.h"

#define SERVER "/run/slsc/stage-exec" /* in the stage */
#define PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** The child: its stage, and who talks to it. */
struct keeping {
	struct solver sv;
	struct stage_result res;
	struct strs dirs, env;
	struct vertex *v;
	int ctl, commands;
	struct buf said;	/* by the server, which says nothing if all is well */
};

char *stage_exec_path(void)
{
	CLEAN_FREE char *self = dirs_self();
	CLEAN_FREE char *bin = path_dirname(self);

	return xasprintf("%s/../lib/slsc/stage-exec", bin);
}

/* ---- the stage ---- */

static void add_record(struct buf *b, char type, const char *text)
{
	buf_addc(b, type);
	buf_add(b, text, strlen(text) + 1);
}

static int make_stage(struct keeping *k, const struct stage_request *req, bool make, struct buf *out, struct err *err)
{
	char digest[KEY_LEN];
	const char *path;

	if (solver_init(&k->sv, req, &k->res, err) < 0 || plan_open(&k->sv, err) < 0 ||
	    plan_all(&k->sv, &k->v, err) < 0 || (make && cache_import(&k->sv, err) < 0) ||
	    solver_dirs(&k->sv, k->v, make, &k->dirs, err) < 0 ||
	    chain_of(k->v, k->v->ops.len, true, digest, err) < 0 || (make && cache_export(&k->sv, err) < 0))
		return -1;
	image_config_list_env(&k->v->config, &k->env);
	path = image_config_env(&k->v->config, "PATH");
	if (!path)
		strs_add(&k->env, "PATH=" PATH_DEFAULT);
	add_record(out, KEEPER_DIGEST, digest);
	add_record(out, KEEPER_PATH, path ? path : PATH_DEFAULT);
	VEC_EACH(&k->dirs, d)
		add_record(out, KEEPER_DIR, *d);
	VEC_EACH(&k->res.warnings, w)
		add_record(out, KEEPER_WARNING, *w);
	return 0;
}

/* ---- the sandbox ---- */

static void on_line(const char *line, size_t len, void *ctx)
{
	struct keeping *k = ctx;

	if (k->said.len < 400)
		buf_addf(&k->said, "%s%.*s", k->said.len ? "; " : "", (int)len, line);
}

static void list_mounts(const struct buf *binds, const char *server, struct sandbox_mount *m, size_t *n)
{
	m[(*n)++] = (struct sandbox_mount){ .type = SANDBOX_TMPFS, .target = "/tmp", .mode = -1 };
	for (const char *p = binds->ptr; p < binds->ptr + binds->len; p += strlen(p) + 1) {
		m[*n] = (struct sandbox_mount){ .type = SANDBOX_BIND, .source = p, .target = p,
						.readonly = p != binds->ptr };
		(*n)++;
	}
	m[(*n)++] = (struct sandbox_mount){ .type = SANDBOX_BIND, .source = server, .target = SERVER,
					    .readonly = true };
}

static size_t count_texts(const struct buf *b)
{
	size_t n = 0;

	for (const char *p = b->ptr; p < b->ptr + b->len; p += strlen(p) + 1)
		n++;
	return n;
}

/* Of the machine's environment only what makes the bytes: the epoch. HOME as a RUN has it. */
static void complete_env(struct strs *env)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");
	bool home = false;

	if (epoch)
		strs_addf(env, "SOURCE_DATE_EPOCH=%s", epoch);
	VEC_EACH(env, e)
		home |= starts_with(*e, "HOME=");
	if (!home)
		strs_add(env, "HOME=/root");
}

static int run_sandbox(struct keeping *k, const struct buf *binds, struct err *err)
{
	CLEAN_FREE char *scratch = NULL, *upper = NULL, *work = NULL, *server = stage_exec_path();
	CLEAN_FREE struct sandbox_mount *mounts = xcalloc(count_texts(binds) + 2, sizeof(*mounts));
	const char *const argv[] = { SERVER, "--serve", NULL };
	struct sandbox_run run = {
		.kind = k->sv.req->sandbox, .arch = k->v->arch, .lowers = (const char *const *)k->dirs.ptr,
		.nlowers = k->dirs.len, .argv = argv, .env = (const char *const *)strs_argv(&k->env), .cwd = "/",
		.mounts = mounts, .in_fd = k->commands, .line = on_line, .ctx = k,
	};
	struct err ignored;
	int status = 0, ret;

	if (sandbox_enter(err) < 0 || solver_scratch(&k->sv, &scratch, err) < 0)
		return -1;
	k->sv.entered = true;
	list_mounts(binds, server, mounts, &run.nmounts);
	run.upper = upper = path_join(scratch, "upper");
	run.work = work = path_join(scratch, "work");
	if (mkdir(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return err_sys(err, "%s", scratch);
	buf_reset(&k->said);
	ret = sandbox_run(&run, &status, err);
	/* what commands wrote beside the project is lost */
	if (fs_rmtree(scratch, &ignored) < 0 && ret == 0) {
		*err = ignored;
		return -1;
	}
	if (ret == 0 && status)
		return err_set(err, ERR_TOOL, "its sandbox ended with status %d%s%s", status, k->said.len ? ": " : "",
			       k->said.len ? k->said.ptr : "");
	return ret;
}

/* ---- a build ---- */

/* Till the first packet: 1 if it asks for a command, 0 if it is the end, -1 if slsc is not there any more. */
static int await_first(const struct keeping *k, struct err *err)
{
	for (;;) {
		struct pollfd p[] = { { .fd = k->commands, .events = POLLIN }, { .fd = sig_fd(), .events = POLLIN },
				      { .fd = k->ctl, .events = POLLIN } };
		char type = 0;

		if (sig_check(err) < 0)
			return -1;
		if (poll(p, ARRAY_LEN(p), -1) < 0 && errno != EINTR)
			return err_sys(err, "cannot wait for commands");
		if (!p[0].revents && !p[2].revents)
			continue;
		if (recv(k->commands, &type, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
			return err_set(err, ERR_INTR, "slsc is gone");
		return type == STAGE_ASK;
	}
}

/*
 * Till the build has ended, which the server may have been told, or not have lived to be told. Who still asks learns by
 * the end of its socket that nobody answers: a packet that is read here loses it.
 */
static void settle(const struct keeping *k)
{
	CLEAN_BUF struct buf none = BUF_INIT;
	char type = 0;

	while (type != KEEPER_END) {
		struct pollfd p[] = { { .fd = k->commands, .events = POLLIN }, { .fd = k->ctl, .events = POLLIN } };

		if (poll(p, ARRAY_LEN(p), -1) < 0)
			continue;
		if (p[0].revents)
			(void)!recv(k->commands, &type, 1, MSG_DONTWAIT);
		if (p[1].revents && keeper_receive(k->ctl, &type, &none) < 0)
			break;
	}
	while (recv(k->commands, &type, 1, MSG_DONTWAIT) > 0)
		;
}

static int serve(struct keeping *k, const struct buf *binds, struct err *err)
{
	int ret = await_first(k, err);

	if (ret > 0)
		ret = run_sandbox(k, binds, err);
	settle(k);
	return ret;
}

static void answer(const struct keeping *k, int ret, const struct buf *body, const struct err *err)
{
	struct err ignored;

	/* if nobody listens there is nothing to be done either */
	if (keeper_send(k->ctl, ret < 0 ? KEEPER_ERROR : KEEPER_OK,
			ret < 0 ? (struct str){ (const char *)err, sizeof(*err) } : buf_str(body), &ignored) < 0)
		ignored.code = ERR_NONE;
}

void keeper_child(const struct stage_request *req, bool make, int ctl, int commands)
{
	struct keeping k = { .ctl = ctl, .commands = commands, .said = BUF_INIT };
	CLEAN_BUF struct buf body = BUF_INIT;
	struct err err = ERR_INIT;
	int ret = make_stage(&k, req, make, &body, &err);
	char type;

	answer(&k, ret, &body, &err);
	complete_env(&k.env);
	while (ret == 0 && keeper_receive(ctl, &type, &body) == 0) {
		CLEAN_BUF struct buf none = BUF_INIT;

		err = (struct err)ERR_INIT;
		answer(&k, serve(&k, &body, &err), &none, &err);
	}
	strs_release(&k.dirs);
	strs_release(&k.env);
	buf_release(&k.said);
	solver_release(&k.sv);
	stage_result_release(&k.res);
}
