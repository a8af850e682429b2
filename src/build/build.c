/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/deps.h"
#include "build/diagnose.h"
#include "build/graph.h"
#include "build/idle.h"
#include "build/remote_internal.h"
#include "build/running.h"
#include "build/smoke.h"
#include "build/stages.h"
#include "build/sysroot.h"
#include "os/fs.h"
#include "os/proc.h"

/* ninja's output, line by line: its own status lines carry a mark, the rest is the compiler's. */
#define MARK "\036"

/* What `slsc _finish --json` says when it refuses a binary. */
#define VERDICT "{\"error\":{"

struct stream {
	const struct build_request *req;
	struct build_result *res;
	struct strs failed;	/* of each step that failed: its outputs, as ninja wrote them, and their verdict */
	struct strs verdicts;	/* same order; "" for none */
	VEC(struct buf) held;	/* likewise: what it wrote, until it is known whether that is to be told */
	const struct graph *graph;
	const struct launcher *launcher;
	bool doubtful;		/* a launcher stands before each compile: what fails may be its doing */
	bool holding;		/* lines are of a step that failed, the last one, and are not told yet */
	bool skip_command;	/* the next line is the failed command */
	bool no_space;		/* a compiler's words for a full disk are many */
	bool crashed;		/* the linker maps its output: no space is SIGBUS there */
	struct buf ninja_error;	/* "ninja: error: ..." */
};

static void stream_release(struct stream *s)
{
	strs_release(&s->failed);
	strs_release(&s->verdicts);
	VEC_EACH(&s->held, b)
		buf_release(b);
	VEC_FREE(&s->held);
	buf_release(&s->ninja_error);
}

/* As if nothing had been run yet. */
static void stream_reset(struct stream *s)
{
	stream_release(s);
	*s = (struct stream){ .req = s->req, .res = s->res, .graph = s->graph, .launcher = s->launcher,
			      .ninja_error = BUF_INIT };
}

static void forward(const struct stream *s, const char *line, size_t len)
{
	if (!s->req->on_output)
		return;
	s->req->on_output(line, len, s->req->ctx);
	s->req->on_output("\n", 1, s->req->ctx);
}

/* One of ninja's reasons in our words: "output X older than most recent input Y (1 vs 2)". */
static void explain(const struct stream *s, const char *why)
{
	static const struct {
		const char *before, *between, *say;	/* "<before>X<between>Y" becomes "X<say>Y" */
	} reasons[] = {
		/* a dry run's, see commands_mark() */
		{ "output ", ".new of phony edge with no inputs doesn't exist", ": is not there yet, or will differ" },
		{ "output ", " doesn't exist", ": is not there yet" },
		{ "output ", " older than most recent input ", ": is older than " },
		{ "restat of output ", " older than most recent input ", ": is older than " },
		{ "recorded mtime of ", " older than most recent input ", ": is older than " },
		{ "command line changed for ", "", ": its command has changed" },
		{ "command line not found in log for ", "", ": was made by something else" },
		{ "", " has no in-edge and is missing", ": is gone" },
		{ "deps for '", "' are missing", ": is not there yet, or its list of headers is not" },
		{ "", " is dirty", NULL },	/* which follows from another */
	};

	for (size_t i = 0; i < ARRAY_LEN(reasons); i++) {
		const char *x = why + strlen(reasons[i].before), *y, *paren;
		CLEAN_FREE char *line = NULL;
		int xlen;

		if (!starts_with(why, reasons[i].before))
			continue;
		y = reasons[i].between[0] ? strstr(x, reasons[i].between) : x + strlen(x);
		if (!y)
			continue;
		if (!reasons[i].say)
			return;
		xlen = (int)(y - x);
		y += strlen(reasons[i].between);
		paren = strstr(y, " (");	/* the times, in nanoseconds */
		line = xasprintf("%.*s%s%.*s", xlen, x, reasons[i].say, (int)(paren ? (size_t)(paren - y) : strlen(y)),
				 y);
		forward(s, line, strlen(line));
		return;
	}
	forward(s, why, strlen(why));
}

static void on_status(struct stream *s, const char *line, size_t len)
{
	unsigned done, total;
	int n = 0;

	if (sscanf(line, "%u/%u" MARK "%n", &done, &total, &n) != 2 || !n)
		return;
	s->res->steps = done;
	if (s->req->on_step)
		s->req->on_step(done, total, line + n, s->req->ctx);
	if (s->req->dry_run || s->req->verbose)
		forward(s, line + n, len - (size_t)n);
}

static void on_line(const char *line, size_t len, void *ctx)
{
	struct stream *s = ctx;

	if (line[0] == MARK[0]) {
		s->holding = false;
		on_status(s, line + 1, len - 1);
		return;
	}
	if (starts_with(line, "FAILED: ")) {
		strs_add(&s->failed, line + 8);
		strs_add(&s->verdicts, "");
		VEC_PUSH(&s->held, (struct buf)BUF_INIT);
		s->holding = s->doubtful || diagnose_is_link(s->graph, line + 8);
		s->skip_command = true;
		return;
	}
	if (s->skip_command) {
		s->skip_command = false;
		return;		/* -v has shown it already */
	}
	if (starts_with(line, VERDICT) && s->failed.len) {
		free(s->verdicts.ptr[s->verdicts.len - 1]);
		s->verdicts.ptr[s->verdicts.len - 1] = xstrdup(line);
	} else if (starts_with(line, "ninja: error: ") || starts_with(line, "ninja: fatal: ")) {
		if (!s->ninja_error.len)
			buf_addz(&s->ninja_error, line + 14);
	} else if (starts_with(line, "ninja explain: ")) {
		explain(s, line + 15);
	} else if (!starts_with(line, "ninja: ")) {
		s->no_space |= strstr(line, strerror(ENOSPC)) != NULL;
		s->crashed |= s->holding && strstr(line, strsignal(SIGBUS));
		if (s->holding)
			buf_addf(&s->held.ptr[s->held.len - 1], "%s\n", line);
		else
			forward(s, line, len);
	}
}

static int run_ninja(const struct graph *g, const struct build_request *req, const char *file,
		     const struct strs *outs, struct strs *env, struct stream *s, int *status, struct err *err)
{
	CLEAN_STRS struct strs argv = { 0 };
	CLEAN_FD int running = req->dry_run ? -1 : running_begin(g->p->dir);
	CLEAN_FREE char *self = dirs_self();
	struct proc_opts o = {
		.dir = g->p->dir, .line = on_line, .ctx = s, .limit = 16u << 20, .null_stdin = true,
		.die_with_us = true, .pass_fd = running < 0 ? 0 : running,
	};

	strs_addf(env, "SLSC_SELF=%s", self);
	VEC_EACH(&s->launcher->env, e)
		strs_add(env, *e);
	strs_add(env, "NINJA_STATUS=" MARK "%f/%t" MARK);
	strs_add(env, req->color ? "CLICOLOR_FORCE=1" : "CLICOLOR_FORCE=0");
	/* what runs in a stage is no child of ninja's */
	if (running >= 0)
		strs_addf(env, "SLSC_RUNNING=%d", running);
	o.env = (const char *const *)strs_argv(env);
	strs_add(&argv, "ninja");
	strs_add(&argv, "-f");
	strs_add(&argv, file);
	if (req->jobs || s->launcher->jobs)
		strs_addf(&argv, "-j%u", req->jobs ? req->jobs : s->launcher->jobs);
	if (req->dry_run)
		strs_add(&argv, "-n");
	if (req->verbose)
		strs_add(&argv, "-v");
	if (req->explain) {
		strs_add(&argv, "-d");
		strs_add(&argv, "explain");
	}
	/* without names ninja makes everything */
	if (outs->len < g->ntargets)
		VEC_EACH(outs, out)
			strs_add(&argv, *out);
	if (proc_run((const char *const *)strs_argv(&argv), &o, status, err) < 0) {
		if (err->code == ERR_TOOL)
			err_hint(err, "apt-get install ninja-build");
		return -1;
	}
	if (running >= 0)
		running_end(g->p->dir);
	return 0;
}

/* There, and empty: a build that was killed may have left something. To list it costs less than to make it anew. */
static int prepare_link_dir(const char *dir, const struct project *p, struct err *err)
{
	for (size_t i = 0; i < p->narches; i++) {
		CLEAN_FREE char *sub = path_join(dir, arch_name(p->arches[i]));
		CLEAN_STRS struct strs names = { 0 };

		if (fs_mkdirs(sub, err) < 0 || fs_list(sub, &names, err) < 0)
			return -1;
		if (names.len && (fs_rmtree(sub, err) < 0 || fs_mkdirs(sub, err) < 0))
			return -1;
	}
	return 0;
}

/* What a stage sees of this machine: the project, and what the commands in build.ninja read. */
static void list_binds(const struct graph *g, struct strs *binds)
{
	CLEAN_FREE char *sysroot = sysroot_dir(ARCH_X86_64), *all = path_dirname(sysroot);

	strs_add(binds, g->p->dir);
	strs_addf(binds, "%s/runtime", g->share);
	for (size_t i = 0; i < g->deps->len; i++)
		strs_add(binds, g->deps->ptr[i].dir);
	if (fs_is_dir(all))
		strs_add(binds, all);
}

static int run_with_stages(const struct graph *g, const struct build_request *req, const char *file,
			   const struct strs *outs, struct stream *s, int *status, struct err *err)
{
	CLEAN_STRS struct strs binds = { 0 }, env = { 0 };
	struct build_stages *stages = g->p->stages;
	struct err why;
	int r;

	list_binds(g, &binds);
	if (stages && stages->begin(stages, &binds, &env, err) < 0)
		return -1;
	r = run_ninja(g, req, file, outs, &env, s, status, err);
	if (stages && stages->end(stages, &why) < 0 && (r < 0 ? err->code != ERR_INTR : *status != 0)) {
		*err = why;
		return -1;
	}
	return r;
}

static int run_in_link_dir(const struct graph *g, const struct build_request *req, const char *file,
			   const struct strs *outs, struct stream *s, int *status, struct err *err)
{
	CLEAN_FREE char *dir = path_join(g->p->dir, GRAPH_LINK_DIR);
	struct err tidy;
	int r;

	if (req->dry_run)
		return run_with_stages(g, req, file, outs, s, status, err);
	if (prepare_link_dir(dir, g->p, err) < 0)
		return -1;
	r = run_with_stages(g, req, file, outs, s, status, err);
	if ((r < 0 || *status != 0) && fs_rmtree(dir, &tidy) < 0 && r == 0) {
		*err = tidy;
		r = -1;
	}
	return r;
}

/* The targets that were asked for; their toolchains must be there. */
static int choose(struct project *p, const struct graph *g, const struct build_request *req,
		  struct build_result *res, struct strs *outs, struct err *err)
{
	for (size_t i = 0; i < req->functions.len; i++) {
		const struct function *f = project_function(p, req->functions.ptr[i], err);

		if (!f)
			return -1;
		if (!function_compiles(f) && req->on_note) {
			CLEAN_FREE char *line =
				xasprintf("%s: there is nothing to compile, a Dockerfile makes its image", f->name.s);

			req->on_note(line);
		}
	}
	for (size_t i = 0; i < req->arches.len; i++) {
		int a = arch_parse_any(req->arches.ptr[i]);
		bool known = false;

		if (a < 0) {
			err_set(err, ERR_USAGE, "unknown arch '%s'", req->arches.ptr[i]);
			return err_hint(err, "the arches are x86_64, arm64 and wasm32");
		}
		for (size_t j = 0; j < p->narches; j++)
			known |= p->arches[j] == (enum arch)a;
		if (!known) {
			err_set(err, ERR_CONFIG, "%s: the project is not built for %s", p->file,
				arch_name((enum arch)a));
			return err_hint(err, "add it to `arches:`");
		}
	}
	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];
		bool fn = !req->functions.len, arch = !req->arches.len;

		for (size_t j = 0; j < req->functions.len; j++)
			fn |= strcmp(req->functions.ptr[j], t->fn->name.s) == 0;
		for (size_t j = 0; j < req->arches.len; j++)
			arch |= arch_parse_any(req->arches.ptr[j]) == (int)t->arch;
		if (!fn || !arch)
			continue;
		if (t->refused) {
			*err = *t->refused;
			return -1;
		}
		if (toolchain_require(t->tc, err) < 0)
			return -1;
		if (req->launcher && strcmp(req->launcher, "none") != 0 && t->tc->stage) {
			err_set(err, ERR_USAGE, "--launcher %s: '%s' is compiled in stage '%s', where nothing of this "
				"machine is", req->launcher, t->fn->name.s, t->tc->stage->stage.s);
			return err_hint(err, "leave it out, or name the other functions");
		}
		VEC_PUSH(res, ((struct built){ .function = t->fn, .arch = t->arch,
					       .toolchain = arena_strdup(&p->arena, t->tc->shown),
					       .path = xstrdup(t->out),
					       .debug = t->debug ? xstrdup(t->debug) : NULL }));
		strs_add(outs, t->out);
	}
	return 0;
}

/* Missing sysroots are fetched before anything is compiled, not reported and left to the user. */
static int fetch_sysroots(const struct build_request *req, const struct graph *g, bool *fetched,
			  struct err *err)
{
	for (size_t i = 0; i < g->ntoolchains; i++) {
		const struct toolchain *tc = g->toolchains[i];
		bool wanted = !req->arches.len;

		for (size_t j = 0; j < req->arches.len; j++)
			wanted |= arch_parse_any(req->arches.ptr[j]) == (int)tc->arch;
		/* a stage without a compiler gains nothing by it */
		for (unsigned m = 0; tc->stage && m < tc->nmissing; m++)
			wanted &= tc->missing[m].sysroot;
		for (unsigned m = 0; wanted && m < tc->nmissing; m++) {
			if (!tc->missing[m].sysroot)
				continue;
			if (req->on_note) {
				CLEAN_FREE char *dir = sysroot_dir(tc->arch);
				CLEAN_FREE char *line = xasprintf("fetching musl for %s into %s (once)",
								  arch_name(tc->arch), dir);

				req->on_note(line);
			}
			if (sysroot_fetch(tc->arch, err) < 0)
				return -1;
			*fetched = true;
		}
	}
	return 0;
}

static bool any_stage(const struct graph *g)
{
	for (size_t i = 0; i < g->ntoolchains; i++)
		if (g->toolchains[i]->stage)
			return true;
	return false;
}

/* A dry run writes nothing: ninja reads the graph from memory. @changed: what ninja reads is not what it was. */
static int write_graph(struct graph *g, bool dry_run, int *memfd, char **file, bool *changed, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = path_join(g->p->dir, ".slsc/build.ninja");
	CLEAN_FREE char *db = path_join(g->p->dir, "compile_commands.json");
	bool text_changed;

	*changed = false;
	if (dry_run)
		commands_mark(g);
	graph_ninja(g, &text);
	if (graph_links(g, changed, err) < 0)
		return -1;
	if (dry_run) {
		*memfd = memfd_create("build.ninja", 0);
		if (*memfd < 0)
			return err_sys(err, "cannot hold build.ninja in memory");
		*file = xasprintf("/dev/fd/%d", *memfd);
		if (fs_write_all(*memfd, text.ptr, text.len, "build.ninja", err) < 0)
			return -1;
		return 0;
	}
	*file = xstrdup(".slsc/build.ninja");
	if (commands_write(g, changed, err) < 0 ||
	    fs_write_if_changed(path, buf_str(&text), 0644, &text_changed, err) < 0)
		return -1;
	*changed |= text_changed;
	/* the directories of a stage's layers may have moved, which changes nothing in build.ninja */
	if (text_changed || !fs_exists(db) || any_stage(g)) {
		CLEAN_BUF struct buf json = BUF_INIT;

		graph_compdb(g, &json);
		return fs_write_if_changed(db, buf_str(&json), 0644, NULL, err);
	}
	return 0;
}

static bool is_binary(int dir, struct built *b)
{
	CLEAN_FD int fd = openat(dir, b->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	unsigned char h[20];	/* up to e_machine */
	const unsigned machine = b->arch == ARCH_ARM64 ? EM_AARCH64 : EM_X86_64;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return false;
	b->size = (uint64_t)st.st_size;
	if (b->arch == ARCH_WASM32)
		return pread(fd, h, 4, 0) == 4 && memcmp(h, "\0asm", 4) == 0;
	return pread(fd, h, sizeof(h), 0) == (ssize_t)sizeof(h) && memcmp(h, ELFMAG, SELFMAG) == 0 &&
	       h[18] == (machine & 0xff) && h[19] == machine >> 8;
}

static void add_once(struct strs *list, const char *s)
{
	VEC_EACH(list, it)
		if (strcmp(*it, s) == 0)
			return;
	strs_add(list, s);
}

/*
 * ninja goes by modification times: what else has been written over an output it takes for that output. The sizes come
 * along: with thousands of binaries each look at one is felt.
 */
static bool drop_damaged(int dir, const struct build_request *req, struct build_result *res, struct strs *outs)
{
	bool any = false;

	VEC_EACH(res, b) {
		CLEAN_FREE char *line = NULL;

		if (is_binary(dir, b) || unlinkat(dir, b->path, 0) < 0)
			continue;
		any = true;
		b->size = 0;
		/* also if a cache had it */
		add_once(outs, b->path);
		line = xasprintf("%s is damaged: linking it anew", b->path);
		if (req->on_note)
			req->on_note(line);
	}
	return any;
}

static int finish(struct project *p, int dir, const struct build_request *req, struct build_result *res,
		  struct err *err)
{
	VEC_EACH(res, b) {
		struct stat st;

		if (!b->size && fstatat(dir, b->path, &st, 0) < 0)
			return err_sys(err, "cannot read %s", b->path);
		if (!b->size)
			b->size = (uint64_t)st.st_size;
		if (req->smoke) {
			CLEAN_FREE char *path = path_join(p->dir, b->path);
			CLEAN_FREE char *line = NULL;
			const char *did;

			if (b->arch == ARCH_WASM32 ? smoke_module(path, b->path, b->function, &did, err) < 0 :
						     smoke_run(path, b->path, b->function, b->arch, &did, err) < 0)
				return -1;
			line = xasprintf("smoke: %s %s %s", b->function->name.s, arch_name(b->arch), did);
			if (req->on_note)
				req->on_note(line);
		}
	}
	return 0;
}

/*
 * ninja -n makes the directories of its outputs all the same, and looks at files by links of ours: what was not there
 * before goes again.
 */
#define DRY_RUN_DIRS 3
struct dry_run {
	char *dir[DRY_RUN_DIRS];
	bool was[DRY_RUN_DIRS];
};

static struct dry_run dry_run_state(const struct project *p, const struct profile *pr)
{
	struct dry_run d = { .dir = { path_join(p->dir, ".slsc"), xasprintf("%s/.slsc/%s", p->dir, pr->name),
				      path_join(p->dir, GRAPH_IN_DIR) } };

	for (int i = 0; i < DRY_RUN_DIRS; i++)
		d.was[i] = fs_exists(d.dir[i]);
	return d;
}

static int dry_run_tidy(const struct dry_run *d, struct err *err)
{
	for (int i = 0; i < DRY_RUN_DIRS; i++)
		if (!d->was[i] && fs_rmtree(d->dir[i], err) < 0)
			return -1;
	return 0;
}

static void dry_run_release(struct dry_run *d)
{
	for (int i = 0; i < DRY_RUN_DIRS; i++)
		free(d->dir[i]);
}

/*
 * What fails with a launcher may be its doing: a cache that cannot be written, a lie. So the steps that failed are run
 * once more without it, and what is told is what comes of that. If all is well then, so is the rest of the build.
 */
static int without_launcher(const struct graph *g, const struct build_request *req, const char *file,
			    const struct strs *outs, struct launcher *l, struct stream *s, int *status, struct err *err)
{
	CLEAN_STRS struct strs again = { 0 };
	CLEAN_FREE char *line = NULL;
	unsigned steps = s->res->steps;
	struct str said = STR("");
	int r;

	for (size_t i = 0; i < s->failed.len; i++) {
		const struct str name = str_trim(str_from(s->failed.ptr[i]));
		const char *blank = memchr(name.ptr, ' ', name.len);

		/* before which none stands */
		if (diagnose_is_command(g, s->failed.ptr[i]))
			continue;
		if (!said.len)
			said = str_trim(buf_str(&s->held.ptr[i]));
		/* of a link the binary, which comes first */
		strs_take(&again, xstrndup(name.ptr, blank ? (size_t)(blank - name.ptr) : name.len));
	}
	if (!again.len)
		return 0;
	str_cut(&said, '\n');
	line = xasprintf("launcher %s: a compile failed with it, and not without it%s" STR_FMT, l->name,
			 said.len ? ": " : "", STR_ARG(said));
	launcher_leave(l);
	stream_reset(s);
	r = run_in_link_dir(g, req, file, &again, s, status, err);
	steps += s->res->steps;
	if (r == 0 && *status == 0) {
		if (req->on_warn)
			req->on_warn(line);
		r = run_in_link_dir(g, req, file, outs, s, status, err);
		steps += s->res->steps;
	}
	s->res->steps = steps;
	return r;
}

static bool is_full(const char *dir)
{
	struct statvfs v;

	return statvfs(dir, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize < 1u << 20;
}

static int failure(const struct graph *g, const struct stream *s, int status, struct err *err)
{
	for (size_t i = s->failed.len; i > 0; i--) {
		const struct buf *held = &s->held.ptr[i - 1];
		/* the first comes last: it is the one that is reported; a crash leaves a stack trace */
		bool told = diagnose(g, s->failed.ptr[i - 1], s->verdicts.ptr[i - 1], held->ptr, err) || s->crashed;

		if ((!told || s->req->verbose) && held->len && s->req->on_output)
			s->req->on_output(held->ptr, held->len, s->req->ctx);
	}
	if (s->failed.len) {
		if (!err->hint[0] && (s->no_space || s->crashed || is_full(g->p->dir)))
			err_hint(err, "the disk is full: free some space, then run it again");
		return -1;
	}
	if (s->ninja_error.len)
		return err_set(err, ERR_BUILD, "ninja: %s", s->ninja_error.ptr);
	return err_set(err, ERR_BUILD, "ninja failed with status %d", status);
}

/* Nothing that a launcher did fails a build: what it says of itself least of all. */
static void sum_up(const struct launcher *l, const struct build_request *req, struct build_result *res)
{
	CLEAN_FREE char *line = NULL;
	struct err why;

	res->launcher = l->name;
	res->launcher_remote = l->shown != NULL;
	if (launcher_sum(l, &res->launched, &why) < 0)
		line = xasprintf("launcher %s: %s", l->name, why.msg);
	else
		line = launcher_complain(l, &res->launched);
	if (line && req->on_warn)
		req->on_warn(line);
}

/* --arch wasm32 is enough: who builds for machines need not say that it can be built for engines, too. */
static void add_wasm(struct project *p, const struct build_request *req)
{
	bool want = false;

	for (size_t i = 0; i < req->arches.len; i++)
		want |= arch_parse_any(req->arches.ptr[i]) == ARCH_WASM32;
	for (size_t i = 0; i < p->narches; i++)
		want &= p->arches[i] != ARCH_WASM32;
	if (want)
		p->arches[p->narches++] = ARCH_WASM32;
}

static int build(struct project *p, const struct build_request *req, struct build_result *res,
		 struct graph *g, struct dep_trees *deps, struct err *err)
{
	CLEAN_LAUNCHER struct launcher launcher = LAUNCHER_INIT;
	CLEAN_FREE char *log = path_join(p->dir, ".slsc/launcher.log");
	const struct launcher_opts lo = { req->launcher, log, req->launcher_proof, req->launcher_fresh, req->on_warn };
	struct stream s = { .req = req, .res = res, .ninja_error = BUF_INIT,
			    .graph = g, .launcher = &launcher };
	CLEAN_STRS struct strs outs = { 0 };
	CLEAN_FD int memfd = -1, dir = open(p->dir, O_PATH | O_CLOEXEC);
	CLEAN_FREE char *file = NULL;
	struct profile *pr = project_profile(p, req->profile ? req->profile : p->profile.s, err);
	CLEANUP(dry_run_release) struct dry_run was = { 0 };
	CLEAN_REMOTE struct remote remote = { .g = g };
	CLEAN_IDLE struct idle idle = IDLE_INIT;
	bool fetched = false, changed;
	int status = 0, r;

	add_wasm(p, req);
	if (dir < 0)
		return err_sys(err, "cannot read %s", p->dir);
	if (!req->dry_run && !req->explain && !req->remote && !req->functions.len && !req->arches.len)
		idle_ask(&idle, p->dir);
	if (!pr || deps_resolve(p, req->dry_run, req->on_note, deps, err) < 0)
		return -1;
	for (size_t i = 0; !req->dry_run && i < p->narches; i++) {
		struct err ignored;

		if (p->arches[i] == ARCH_WASM32)
			continue;
		/* few sources include <linux/...>: a cache that cannot be written stops only those */
		if (sysroot_link_kernel(p->arches[i], &ignored) < 0 && ignored.code == ERR_INTR) {
			*err = ignored;
			return -1;
		}
	}
	if (graph_plan(g, p, pr, deps, err) < 0)
		return -1;
	if (!req->dry_run && fetch_sysroots(req, g, &fetched, err) < 0)
		return -1;
	if (fetched) {
		graph_release(g);
		if (graph_plan(g, p, pr, deps, err) < 0)
			return -1;
	}
	was = dry_run_state(p, pr);
	if (!req->dry_run && launcher_open(&launcher, p, &lo, err) < 0)
		return -1;
	if (choose(p, g, req, res, &outs, err) < 0 || write_graph(g, req->dry_run, &memfd, &file, &changed, err) < 0)
		return -1;
	/* ninja would take no name for all of them */
	if (!outs.len)
		return 0;
	if (remote_begin(&remote, req->remote, g, req->dry_run, &outs, err) < 0)
		return -1;
	if (idle.pid && !changed && outs.len == g->ntargets && !drop_damaged(dir, req, res, &outs)) {
		CLEAN_FREE char *link_dir = path_join(p->dir, GRAPH_LINK_DIR);

		if (prepare_link_dir(link_dir, p, err) < 0)
			return -1;
		if (idle_says(&idle)) {
			if (launcher.name)
				sum_up(&launcher, req, res);
			return finish(p, dir, req, res, err);
		}
	}
	idle_release(&idle);
	s.doubtful = launcher.name != NULL;
	r = outs.len ? run_in_link_dir(g, req, file, &outs, &s, &status, err) : 0;
	if (r == 0 && status != 0 && s.doubtful && s.failed.len)
		r = without_launcher(g, req, file, &outs, &launcher, &s, &status, err);
	if (r == 0 && status == 0 && !req->dry_run && drop_damaged(dir, req, res, &outs)) {
		unsigned steps = res->steps;

		res->steps = 0;
		r = run_in_link_dir(g, req, file, &outs, &s, &status, err);
		res->steps += steps;
	}
	if (launcher.name)
		sum_up(&launcher, req, res);
	if (req->dry_run && r == 0)
		r = dry_run_tidy(&was, err);
	if (r == 0 && status != 0)
		r = failure(g, &s, status, err);
	stream_release(&s);
	if (r == 0 && !req->dry_run)
		r = finish(p, dir, req, res, err);
	if (r == 0 && !req->dry_run)
		r = remote_export(&remote, err);
	return r;
}

int build_check(struct project *p, struct err *err)
{
	const struct profile *pr = project_profile(p, p->profile.s, err);
	const struct dep_trees none = { 0 };
	struct graph g = { 0 };
	int r;

	if (!pr)
		return -1;
	r = graph_plan(&g, p, pr, &none, err);
	for (size_t i = 0; r == 0 && i < g.ntargets; i++)
		if (g.targets[i].refused) {
			*err = *g.targets[i].refused;
			r = -1;
		}
	graph_release(&g);
	return r;
}

int build_run(struct project *p, const struct build_request *req, struct build_result *res, struct err *err)
{
	struct dep_trees deps = { 0 };
	struct graph g = { 0 };
	int r = build(p, req, res, &g, &deps, err);

	graph_release(&g);
	VEC_FREE(&deps);
	return r;
}

void build_result_release(struct build_result *res)
{
	VEC_EACH(res, b) {
		free(b->path);
		free(b->debug);
	}
	VEC_FREE(res);
}
