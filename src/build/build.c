/* SPDX-License-Identifier: Apache-2.0 */
#include "build/build.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/deps.h"
#include "build/diagnose.h"
#include "build/graph.h"
#include "build/smoke.h"
#include "build/sysroot.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "os/proc.h"

int build_lock(const struct project *p, const char *who, void (*waiting)(const char *holder, void *ctx),
	       void *ctx, struct err *err)
{
	CLEAN_FREE char *dir = path_join(p->dir, ".slsc");
	CLEAN_FREE char *lock = path_join(dir, "lock");
	CLEAN_FREE char *dist = path_join(p->dir, "dist");
	int fd;

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	fd = fs_lock(lock, who, waiting, ctx, err);
	if (fd >= 0) {
		fs_tmp_sweep(dir);
		fs_tmp_sweep(dist);
	}
	return fd;
}

/* A user knows the binary by its final name, not by that of the linker's output. */
static int name_output(const char *in, const char *out, struct err *err)
{
	struct err inner = *err;
	size_t n = strlen(in);

	if (strncmp(inner.msg, in, n) == 0) {
		err_set(err, inner.code, "%s%s", out, inner.msg + n);
		err_hint(err, "%s", inner.hint);
	}
	return -1;
}

int build_finish(const struct finish_request *req, struct err *err)
{
	struct elf_rules rules = {
		.arch = req->arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64,
		.allow_dynamic = req->allow_dynamic,
		.allow_symbols = true,
	};
	CLEAN_FREE char *dir = path_dirname(req->out);

	/* Before anything is replaced: a binary that is wrong leaves the old one where it is. */
	if (elf_verify(req->in, &rules, err) < 0)
		return name_output(req->in, req->out, err);
	fs_tmp_sweep(dir);
	if (!req->debug) {
		if (fs_copy(req->in, req->out, 0755, false, err) < 0)
			return -1;
	} else {
		CLEAN_FREE char *stripped = xasprintf("%s.stripped", req->in);

		rules.allow_symbols = false;
		rules.bad_paths = req->bad_paths;
		if (elf_split_debug(req->in, stripped, req->debug, err) < 0)
			return -1;
		if (elf_verify(stripped, &rules, err) < 0) {
			unlink(stripped);
			return name_output(stripped, req->out, err);
		}
		if (rename(stripped, req->out) < 0)
			return err_sys(err, "cannot write %s", req->out);
	}
	unlink(req->in);
	return 0;
}

/* ninja's output, line by line: its own status lines carry a mark, the rest is the compiler's. */
#define MARK "\036"

struct stream {
	const struct build_request *req;
	struct build_result *res;
	struct strs failed;	/* outputs of steps that failed */
	bool skip_command;	/* the next line is the failed command */
	struct buf ninja_error;	/* "ninja: error: ..." */
};

static void on_line(const char *line, size_t len, void *ctx)
{
	struct stream *s = ctx;
	unsigned done, total;
	int n = 0;

	if (line[0] == MARK[0]) {
		if (sscanf(line + 1, "%u/%u" MARK "%n", &done, &total, &n) == 2 && n > 0) {
			s->res->steps = done;
			if (s->req->on_step)
				s->req->on_step(done, total, line + 1 + n, s->req->ctx);
			if (s->req->dry_run && s->req->on_output) {
				s->req->on_output(line + 1 + n, len - 1 - (size_t)n, s->req->ctx);
				s->req->on_output("\n", 1, s->req->ctx);
			}
		}
		return;
	}
	if (starts_with(line, "FAILED: ")) {
		CLEAN_FREE char *outs = xstrdup(line + 8);

		for (char *save, *o = strtok_r(outs, " ", &save); o; o = strtok_r(NULL, " ", &save))
			strs_add(&s->failed, o);
		s->skip_command = true;
		return;
	}
	if (s->skip_command) {
		s->skip_command = false;
		if (!s->req->verbose)
			return;
	}
	if (starts_with(line, "ninja: error: ")) {
		if (!s->ninja_error.len)
			buf_addz(&s->ninja_error, line + 14);
		return;
	}
	if (starts_with(line, "ninja explain: ")) {
		line += 15;
		len -= 15;
	} else if (starts_with(line, "ninja: ")) {
		return;
	}
	if (s->req->on_output) {
		s->req->on_output(line, len, s->req->ctx);
		s->req->on_output("\n", 1, s->req->ctx);
	}
}

static int run_ninja(const struct graph *g, const struct build_request *req, const char *file,
		     const struct strs *outs, struct stream *s, int *status, struct err *err)
{
	CLEAN_STRS struct strs argv = { 0 };
	CLEAN_FREE char *self = dirs_self();
	CLEAN_FREE char *self_env = xasprintf("SLSC_SELF=%s", self);
	CLEAN_FREE char *launcher = xasprintf("SLSC_LAUNCHER=%s", req->launcher ? req->launcher : "");
	const char *env[] = { self_env, launcher, "NINJA_STATUS=" MARK "%f/%t" MARK,
			      req->color ? "CLICOLOR_FORCE=1" : "CLICOLOR_FORCE=0", NULL };
	struct proc_opts o = {
		.dir = g->p->dir, .env = env, .line = on_line, .ctx = s, .limit = 16u << 20, .null_stdin = true,
	};

	strs_add(&argv, "ninja");
	strs_add(&argv, "-f");
	strs_add(&argv, file);
	if (req->jobs)
		strs_addf(&argv, "-j%u", req->jobs);
	if (req->dry_run)
		strs_add(&argv, "-n");
	if (req->verbose)
		strs_add(&argv, "-v");
	if (req->explain) {
		strs_add(&argv, "-d");
		strs_add(&argv, "explain");
	}
	VEC_EACH(outs, out)
		strs_add(&argv, *out);
	if (proc_run((const char *const *)strs_argv(&argv), &o, status, err) < 0) {
		if (err->code == ERR_TOOL)
			err_hint(err, "apt-get install ninja-build");
		return -1;
	}
	return 0;
}

/* The targets that were asked for; their toolchains must be there. */
static int choose(struct project *p, const struct graph *g, const struct build_request *req,
		  struct build_result *res, struct strs *outs, struct err *err)
{
	for (size_t i = 0; i < req->functions.len; i++)
		if (!project_function(p, req->functions.ptr[i], err))
			return -1;
	for (size_t i = 0; i < req->arches.len; i++) {
		int a = arch_parse(req->arches.ptr[i]);
		bool known = false;

		if (a < 0) {
			err_set(err, ERR_USAGE, "unknown arch '%s'", req->arches.ptr[i]);
			return err_hint(err, "the arches are x86_64 and arm64");
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
			arch |= arch_parse(req->arches.ptr[j]) == (int)t->arch;
		if (!fn || !arch)
			continue;
		if (toolchain_require(t->tc, err) < 0)
			return -1;
		VEC_PUSH(res, ((struct built){ .function = t->fn, .arch = t->arch,
					       .toolchain = t->fn->toolchain.s ? t->fn->toolchain.s :
										 p->toolchain.s,
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
			wanted |= arch_parse(req->arches.ptr[j]) == (int)tc->arch;
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

/* Scripts and wrappers for functions that build themselves. */
static int write_commands(struct graph *g, struct err *err)
{
	for (size_t i = 0; i < g->ntargets; i++) {
		const struct target *t = &g->targets[i];
		CLEAN_FREE char *objdir = path_join(g->p->dir, t->objdir);
		CLEAN_FREE char *script = path_join(objdir, "command.sh");
		const char *bin;
		CLEAN_BUF struct buf text = BUF_INIT;

		if (!t->fn->build_command.s || t->tc->nmissing)
			continue;
		bin = graph_wrapper_dir(g, t->tc, &g->arena);
		if (fs_mkdirs(objdir, err) < 0 || fs_mkdirs(bin, err) < 0)
			return -1;
		for (int cxx = 0; cxx < 2; cxx++) {
			CLEAN_BUF struct buf w = BUF_INIT;
			CLEAN_FREE char *path = path_join(bin, cxx ? "c++" : "cc");

			graph_wrapper(g, t->tc, cxx, &w);
			if (fs_write_if_changed(path, buf_str(&w), 0755, NULL, err) < 0)
				return -1;
		}
		graph_command(g, t, &text);
		if (fs_write_if_changed(script, buf_str(&text), 0644, NULL, err) < 0)
			return -1;
	}
	return 0;
}

/* A dry run writes nothing: ninja reads the graph from memory. */
static int write_graph(struct graph *g, bool dry_run, int *memfd, char **file, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = path_join(g->p->dir, ".slsc/build.ninja");
	CLEAN_FREE char *db = path_join(g->p->dir, "compile_commands.json");
	bool changed;

	graph_ninja(g, &text);
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
	if (write_commands(g, err) < 0 || fs_write_if_changed(path, buf_str(&text), 0644, &changed, err) < 0)
		return -1;
	if (changed || !fs_exists(db)) {
		CLEAN_BUF struct buf json = BUF_INIT;

		graph_compdb(g, &json);
		return fs_write_if_changed(db, buf_str(&json), 0644, NULL, err);
	}
	return 0;
}

static int finish(struct project *p, const struct build_request *req, struct build_result *res,
		  struct err *err)
{
	VEC_EACH(res, b) {
		CLEAN_FREE char *path = path_join(p->dir, b->path);
		struct stat st;

		if (stat(path, &st) < 0)
			return err_sys(err, "cannot read %s", b->path);
		b->size = (uint64_t)st.st_size;
		if (req->smoke && smoke_run(path, b->path, b->function, b->arch, err) < 0)
			return -1;
	}
	return 0;
}

/* ninja -n makes the directories of its outputs all the same: those that were not there before go again. */
struct dry_run {
	char *dir[2];
	bool was[2];
};

static struct dry_run dry_run_state(const struct project *p, const struct profile *pr)
{
	struct dry_run d = { .dir = { path_join(p->dir, ".slsc"), xasprintf("%s/.slsc/%s", p->dir, pr->name) } };

	for (int i = 0; i < 2; i++)
		d.was[i] = fs_exists(d.dir[i]);
	return d;
}

static int dry_run_tidy(const struct dry_run *d, struct err *err)
{
	for (int i = 0; i < 2; i++)
		if (!d->was[i] && fs_rmtree(d->dir[i], err) < 0)
			return -1;
	return 0;
}

static void dry_run_release(struct dry_run *d)
{
	free(d->dir[0]);
	free(d->dir[1]);
}

static int build(struct project *p, const struct build_request *req, struct build_result *res,
		 struct graph *g, struct dep_trees *deps, struct err *err)
{
	struct stream s = { .req = req, .res = res, .ninja_error = BUF_INIT };
	CLEAN_STRS struct strs outs = { 0 };
	CLEAN_FD int memfd = -1;
	CLEAN_FREE char *file = NULL;
	struct profile *pr = project_profile(p, req->profile ? req->profile : p->profile.s, err);
	CLEANUP(dry_run_release) struct dry_run was = { 0 };
	bool fetched = false;
	int status = 0, r;

	if (!pr || deps_resolve(p, req->dry_run, req->on_note, deps, err) < 0 ||
	    graph_plan(g, p, pr, deps, err) < 0)
		return -1;
	if (!req->dry_run && fetch_sysroots(req, g, &fetched, err) < 0)
		return -1;
	if (fetched) {
		graph_release(g);
		if (graph_plan(g, p, pr, deps, err) < 0)
			return -1;
	}
	was = dry_run_state(p, pr);
	if (choose(p, g, req, res, &outs, err) < 0 || write_graph(g, req->dry_run, &memfd, &file, err) < 0)
		return -1;
	r = run_ninja(g, req, file, &outs, &s, &status, err);
	if (req->dry_run && r == 0)
		r = dry_run_tidy(&was, err);
	if (r == 0 && status != 0) {
		if (s.failed.len)
			r = diagnose(g, &s.failed, err);
		else
			r = err_set(err, ERR_BUILD, "ninja: %s",
				    s.ninja_error.len ? s.ninja_error.ptr : "failed");
	}
	strs_release(&s.failed);
	buf_release(&s.ninja_error);
	if (r == 0 && !req->dry_run)
		r = finish(p, req, res, err);
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
