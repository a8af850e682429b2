/* SPDX-License-Identifier: Apache-2.0 */
#include "build/doctor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "build/build.h"
#include "build/toolchain.h"
#include "os/fs.h"

static const char source[] = "#include <stdio.h>\n"
			     "int main(void)\n"
			     "{\n"
			     "\treturn puts(\"it works\") < 0;\n"
			     "}\n";

/* What the compiler said, for a toolchain that is there but does not work. */
static void collect(const char *p, size_t n, void *ctx)
{
	struct buf *b = ctx;

	if (b->len < 400)
		buf_add(b, p, n);
}

/* What is built once, how, and what came of it. */
struct probe {
	const char *source;
	struct build_request req;
	uint64_t size;
	struct build_result res;	/* without its binaries */
	const struct launcher_def *launcher;	/* where req has one */
	struct buf *binary, *debug;	/* or NULL: their bytes */
};

static int keep(const char *dir, const char *path, struct buf *out, struct err *err)
{
	CLEAN_FREE char *abs = path_join(dir, path ? path : "");

	return out && path ? fs_read(abs, 64u << 20, out, err) : 0;
}

static int try_build(struct project *p, const char *dir, enum arch arch, struct probe *pr, struct buf *output,
		     struct err *err)
{
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs arches = { 0 };
	CLEAN_FREE char *file = path_join(dir, "probe.c");
	struct build_request req = pr->req;
	CLEAN_FD int lock = -1;

	req.on_output = collect;
	req.ctx = output;
	strs_add(&arches, arch_name(arch));
	req.arches = arches;
	if (fs_write_file(file, pr->source, strlen(pr->source), 0644, err) < 0)
		return -1;
	lock = build_lock(p, "slsc doctor", NULL, NULL, err);
	if (lock < 0 || build_run(p, &req, &res, err) < 0)
		return -1;
	pr->size = res.ptr[0].size;
	pr->res = res;
	pr->res.ptr = NULL;
	return keep(dir, res.ptr[0].path, pr->binary, err) < 0 ? -1 : keep(dir, res.ptr[0].debug, pr->debug, err);
}

/* A project of one function, with the user's own toolchains and stages in it. */
static int probe(const struct project *p, const struct toolchain_choice *choice, enum arch arch, struct probe *pr,
		 struct buf *output, struct err *err)
{
	CLEAN_FREE char *tmp = path_join(getenv("TMPDIR") && getenv("TMPDIR")[0] == '/' ? getenv("TMPDIR") : "/tmp",
					 "slsc-doctor.XXXXXX");
	CLEAN_FREE char *yaml = xasprintf("project: doctor\ntoolchain: musl\n"
					  "functions: {probe: {sources: [probe.c], runtime: none}}\n");
	CLEAN_PROJECT struct project q = { 0 };
	struct err ignored;
	int r;

	if (!mkdtemp(tmp))
		return err_sys(err, "cannot make a directory like %s", tmp);
	r = project_parse(&q, "slsc.yaml", tmp, yaml, strlen(yaml), err);
	if (r == 0) {
		q.toolchain = *choice;
		if (p) {
			/* borrowed for as long as q lives: project_release() frees only the arena */
			q.toolchains = p->toolchains;
			q.ntoolchains = p->ntoolchains;
			q.stages = p->stages;
		}
		if (pr->launcher)
			q.launcher = *pr->launcher;
		r = try_build(&q, tmp, arch, pr, output, err);
	}
	if (fs_rmtree(tmp, &ignored) < 0 && r == 0) {
		*err = ignored;
		r = -1;
	}
	return r;
}

static int missing(struct arena *a, const struct toolchain *tc, struct doctor_finding *out)
{
	CLEAN_BUF struct buf what = BUF_INIT;

	for (unsigned i = 0; i < tc->nmissing; i++)
		buf_addf(&what, "%s%s%s", i ? ", " : "", tc->missing[i].what,
			 tc->missing[i].package || tc->missing[i].sysroot ? "" :
			 tc->kind == TC_ZIG ? " (not in Debian 12; put zig on PATH)" : " (put it on PATH)");
	out->state = DOCTOR_MISSING;
	out->what = arena_strdup(a, what.ptr);
	out->install = toolchain_install_command(a, tc);
	return 0;
}

static int try(struct arena *a, const struct project *p, const struct toolchain_choice *choice,
	       struct doctor_finding *out, struct err *err)
{
	CLEAN_BUF struct buf output = BUF_INIT;
	struct probe pr = { .source = source };
	const enum arch arch = out->arch;
	struct str first;

	if (probe(p, choice, arch, &pr, &output, err) == 0) {
		out->size = pr.size;
		return 0;
	}
	if (err->code == ERR_INTR || err->code == ERR_IO)
		return -1;
	out->state = err->code == ERR_TOOL ? DOCTOR_MISSING : DOCTOR_BROKEN;
	first = str_trim(buf_str(&output));
	str_cut(&first, '\n');
	out->what = first.len && err->code == ERR_BUILD ? arena_str(a, first) : arena_strdup(a, err->msg);
	out->install = starts_with(err->hint, "apt-get ") ? arena_strdup(a, err->hint) : "";
	return 0;
}

int doctor_check(struct arena *a, const struct project *p, const char *name, enum arch arch,
		 struct doctor_finding *out, struct err *err)
{
	/* the probe's project has machines, too, which no "wasi" compiles for */
	const struct toolchain_choice choice = { .name.s = arch == ARCH_WASM32 ? toolchain_builtin[TC_MUSL] : name };
	struct toolchain tc;

	*out = (struct doctor_finding){ .toolchain = arena_strdup(a, name), .arch = arch, .what = "", .install = "" };
	if (toolchain_resolve(a, p, NULL, name, arch, &tc, err) < 0)
		return -1;
	return tc.nmissing ? missing(a, &tc, out) : try(a, p, &choice, out, err);
}

int doctor_check_stage(struct arena *a, struct project *p, const struct toolchain_use *use, enum arch arch,
		       struct doctor_finding *out, struct err *err)
{
	const struct build_stage *stage;
	struct toolchain tc;

	*out = (struct doctor_finding){ .toolchain = arena_printf(a, "stage %s", use->of.stage.s), .arch = arch,
					.what = "", .install = "" };
	if (p->stages->open(p->stages, p, use, &stage, err) < 0 ||
	    toolchain_detect(a, stage, arch, &tc, err) < 0 || toolchain_require(&tc, err) < 0) {
		if (err->code == ERR_INTR)
			return -1;
		out->state = err->code == ERR_TOOL || err->code == ERR_NOTFOUND ? DOCTOR_MISSING : DOCTOR_BROKEN;
		out->what = arena_strdup(a, err->msg);
		out->install = arena_strdup(a, err->hint);
		return 0;
	}
	return try(a, p, &use->of, out, err);
}

/* No compile before this one has met it: what is found is what was put there by the first of the two. */
static char *own_source(void)
{
	unsigned char r[16];
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, source);
	buf_addz(&b, "const char slsc_probe[] = \"");
	if (getrandom(r, sizeof(r), 0) < 0)
		BUG("getrandom: %s", strerror(errno));
	for (size_t i = 0; i < sizeof(r); i++)
		buf_addf(&b, "%02x", r[i]);
	buf_addz(&b, "\";\n");
	return buf_detach(&b);
}

static const char *judge(const struct doctor_launch *d, const char *name)
{
	const bool caches = strcmp(name, "ccache") == 0 || strcmp(name, "sccache") == 0;

	if (!d->same)
		return "its object is another one than the compiler's own";
	if (caches && !d->hit)
		return "the second compile, in another directory, was no hit";
	if (caches && d->remote && !d->remote_hit)
		return "the second compile was a hit here, none of the remote";
	if (!caches && strcmp(name, "recc") != 0 && !d->elsewhere)
		return "no other host compiled it";
	return NULL;
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len && a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
}

/* First what the compiler makes by itself; then twice the launcher's, each in a directory of its own. */
#define LAUNCHES 3

int doctor_check_launcher(struct arena *a, struct project *p, const struct launcher_def *l, enum arch arch,
			  void (*warn)(const char *line), struct doctor_launch *out, struct err *err)
{
	CLEAN_FREE char *text = own_source();
	CLEAN_BUF struct buf output = BUF_INIT;
	const struct toolchain_choice musl = { .name.s = toolchain_builtin[TC_MUSL] };
	struct buf binary[LAUNCHES] = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct buf debug[LAUNCHES] = { BUF_INIT, BUF_INIT, BUF_INIT };
	struct build_result res = { 0 };
	bool remote = false;
	int r = 0;

	*out = (struct doctor_launch){ .arch = arch, .what = "" };
	for (int i = 0; i < LAUNCHES && r == 0; i++) {
		struct probe pr = { .source = text, .launcher = l, .binary = &binary[i], .debug = &debug[i],
				    .req = { .launcher = i ? l->name.s : "none", .launcher_proof = true,
					     .launcher_fresh = i == 2 && remote,
					     .on_warn = i == 1 ? warn : NULL } };

		r = probe(p, p && p->toolchain.name.s ? &p->toolchain : &musl, arch, &pr, &output, err);
		res = pr.res;
		remote = res.launcher_remote;
		out->elsewhere |= res.launched.elsewhere > 0;
	}
	if (r == 0) {
		out->hit = res.launched.hits > 0;
		out->remote = remote;
		out->remote_hit = res.launched.remote_hits > 0;
		out->same = true;
		for (int i = 1; i < LAUNCHES; i++)
			out->same &= same(&binary[0], &binary[i]) && (!debug[0].len || same(&debug[0], &debug[i]));
		out->what = judge(out, l->name.s);
	} else if (err->code == ERR_BUILD) {
		struct str first = str_trim(buf_str(&output));

		str_cut(&first, '\n');
		out->what = first.len ? arena_str(a, first) : arena_strdup(a, err->msg);
		r = 0;
	}
	for (int i = 0; i < LAUNCHES; i++) {
		buf_release(&binary[i]);
		buf_release(&debug[i]);
	}
	return r;
}
