/* SPDX-License-Identifier: Apache-2.0 */
#include "build/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int try_build(struct project *p, const char *dir, enum arch arch, uint64_t *size,
		     struct buf *output, struct err *err)
{
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs arches = { 0 };
	CLEAN_FREE char *file = path_join(dir, "probe.c");
	struct build_request req = { .on_output = collect, .ctx = output };
	CLEAN_FD int lock = -1;

	strs_add(&arches, arch_name(arch));
	req.arches = arches;
	if (fs_write_file(file, source, sizeof(source) - 1, 0644, err) < 0)
		return -1;
	lock = build_lock(p, "slsc doctor", NULL, NULL, err);
	if (lock < 0 || build_run(p, &req, &res, err) < 0)
		return -1;
	*size = res.ptr[0].size;
	return 0;
}

/* A project of one function, with the user's own toolchains and stages in it. */
static int probe(const struct project *p, const struct toolchain_choice *choice, enum arch arch, uint64_t *size,
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
		r = try_build(&q, tmp, arch, size, output, err);
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
	const enum arch arch = out->arch;
	struct str first;

	if (probe(p, choice, arch, &out->size, &output, err) == 0)
		return 0;
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
