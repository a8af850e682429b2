/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "build_stage.h"
#include "build/doctor.h"
#include "build/sysroot.h"
#include "build/toolchain.h"
#include "cli/out.h"
#include "commands.h"
#include "doctor_launcher.h"
#include "os/proc.h"
#include "stage/sandbox.h"

struct doctor_ctx {
	bool no_fetch, launcher;
};

static const struct opt opts[] = {
	{ OPT_FLAG, 0, "no-fetch", offsetof(struct doctor_ctx, no_fetch),
	  .help = "only look: do not fetch musl for the architectures that lack it" },
	{ OPT_FLAG, 0, "launcher", offsetof(struct doctor_ctx, launcher),
	  .help = "compile twice through LAUNCHER, or the project's, and say whether the second was a hit" },
	{ .type = OPT_END },
};

/* Programs that only some of slsc needs. */
static const struct extra {
	const char *program, *package, *why;
} extras[] = {
	{ "ninja", "ninja-build", "runs every build" },
	{ "qemu-aarch64-static", "qemu-user-static", "build --smoke of arm64 on another machine" },
	{ "qemu-x86_64-static", "qemu-user-static", "build --smoke of x86_64 on another machine" },
};

struct findings {
	struct doctor_finding *ptr;
	size_t len, cap;
	struct sandbox_check run[SANDBOX_CHECKS_MAX];	/* RUN of a Dockerfile */
	size_t nrun;
};

static int fetch_missing(struct err *err)
{
	for (int i = 0; i < ARCH_COUNT; i++) {
		CLEAN_ARENA struct arena a = ARENA_INIT;
		CLEAN_FREE char *dir = sysroot_dir((enum arch)i);
		struct err why = ERR_INIT;
		struct sysroot s;

		if (sysroot_find(&a, NULL, (enum arch)i, &s))
			continue;
		out_note("fetching musl for %s into %s (once)", arch_name((enum arch)i), dir);
		if (sysroot_fetch((enum arch)i, &why) == 0)
			continue;
		if (why.code == ERR_INTR) {
			*err = why;
			return -1;
		}
		/* said again below, as what is missing; the other toolchains are still worth a look */
		out_warn("%s", why.msg);
	}
	return 0;
}

static const char *state_name(enum doctor_state s)
{
	return s == DOCTOR_WORKS ? "works" : s == DOCTOR_MISSING ? "missing" : "broken";
}

static bool needs_emulator(const struct extra *e)
{
	if (strstr(e->program, "aarch64"))
		return arch_host() != ARCH_ARM64;
	if (strstr(e->program, "x86_64"))
		return arch_host() != ARCH_X86_64;
	return true;
}

static void report_json(const struct findings *f, struct buf *b)
{
	bool first = true;

	buf_addz(b, "{\"programs\":[");
	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		CLEAN_FREE char *path = proc_which(extras[i].program);

		if (!needs_emulator(&extras[i]))
			continue;
		buf_addf(b, "%s{\"install\":\"%s%s\",\"name\":\"%s\",\"works\":%s}", first ? "" : ",",
			 path ? "" : "apt-get install ", path ? "" : extras[i].package, extras[i].program,
			 path ? "true" : "false");
		first = false;
	}
	buf_addz(b, "],\"run\":[");
	for (size_t i = 0; i < f->nrun; i++) {
		const struct sandbox_check *c = &f->run[i];

		member_open(b, NULL, '{');
		member_text(b, "detail", c->detail);
		member_text(b, "hint", c->hint);
		member_text(b, "name", c->name);
		member_bool(b, "needed", c->needed);
		member_bool(b, "works", c->ok);
		buf_addc(b, '}');
	}
	buf_addz(b, "],\"toolchains\":[");
	VEC_EACH(f, x) {
		member_open(b, NULL, '{');
		member_text(b, "arch", arch_name(x->arch));
		member_text(b, "install", x->install);
		member_u64(b, "size", x->size);
		member_text(b, "state", state_name(x->state));
		member_text(b, "toolchain", x->toolchain);
		member_text(b, "what", x->what);
		buf_addc(b, '}');
	}
	buf_addz(b, "]}\n");
}

static void report_text(const struct findings *f, struct buf *b)
{
	size_t width = strlen("musl-gcc  ");

	VEC_EACH(f, x)
		width = strlen(x->toolchain) > width ? strlen(x->toolchain) : width;
	buf_addf(b, "%-*s  ARCH    STATE\n", (int)width, "TOOLCHAIN");
	VEC_EACH(f, x) {
		char human[32];

		buf_addf(b, "%-*s  %-6s  %-7s  ", (int)width, x->toolchain, arch_name(x->arch), state_name(x->state));
		if (x->state == DOCTOR_WORKS)
			buf_addf(b, "hello is %s\n", str_human_size(x->size, human, sizeof(human)));
		else if (x->install[0])
			buf_addf(b, "%s: %s\n", x->what, x->install);
		else
			buf_addf(b, "%s\n", x->what);
	}
	buf_addz(b, "\nRUN OF A DOCKERFILE    STATE\n");
	for (size_t i = 0; i < f->nrun; i++) {
		const struct sandbox_check *c = &f->run[i];

		buf_addf(b, "%-21s  %-7s  %s%s%s\n", c->name, c->ok ? "works" : "missing", c->detail,
			 c->hint[0] ? ": " : "", c->hint);
	}
	for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
		CLEAN_FREE char *path = proc_which(extras[i].program);

		if (!path && needs_emulator(&extras[i]))
			buf_addf(b, "%s is missing (%s): apt-get install %s\n", extras[i].program, extras[i].why,
				 extras[i].package);
	}
}

/* What must work here: nothing, if the compilers come from a stage. */
static const char *default_toolchain(const struct project *p)
{
	return !p ? "musl" : p->toolchain.name.s ? p->toolchain.name.s : "";
}

static int check(struct arena *a, const struct project *p, const char *name, struct findings *all, bool *bad,
		 struct err *err)
{
	for (int i = 0; i < ARCH_COUNT; i++) {
		struct doctor_finding f;
		bool wanted = !p;

		progress_update(all->len, name);
		if (doctor_check(a, p, name, (enum arch)i, &f, err) < 0)
			return -1;
		VEC_PUSH(all, f);
		for (size_t j = 0; p && j < p->narches; j++)
			wanted |= p->arches[j] == (enum arch)i;
		if (wanted && strcmp(name, default_toolchain(p)) == 0)
			*bad |= f.state != DOCTOR_WORKS;
	}
	return 0;
}

/* Always shown, and wanted where slsc.yaml asks for it. */
static int check_wasm(struct arena *a, const struct project *p, struct findings *all, bool *bad, struct err *err)
{
	struct doctor_finding f;

	progress_update(all->len, TOOLCHAIN_WASI);
	if (doctor_check(a, NULL, TOOLCHAIN_WASI, ARCH_WASM32, &f, err) < 0)
		return -1;
	VEC_PUSH(all, f);
	for (size_t i = 0; p && i < p->narches; i++)
		*bad |= p->arches[i] == ARCH_WASM32 && f.state != DOCTOR_WORKS;
	return 0;
}

static bool uses(const struct project *p, const struct function *f, enum arch arch)
{
	bool any = false;

	for (size_t i = 0; f && i < f->arches.len; i++)
		any |= arch_parse(f->arches.ptr[i].s) == (int)arch;
	for (size_t i = 0; i < p->narches && !(f && f->arches.len); i++)
		any |= p->arches[i] == arch;
	return any;
}

/* The stages that functions are compiled in, each once; they must work for what is compiled in them. */
static int check_stages(struct arena *a, struct project *p, struct findings *all, bool *bad, struct err *err)
{
	for (size_t i = 0; i < p->nfunctions; i++)
		for (int k = 0; k < ARCH_COUNT; k++) {
			CLEAN_FREE char *name = NULL;
			struct toolchain_use use;
			struct doctor_finding f;
			bool seen = false;

			project_toolchain_use(p, p->functions[i], &use);
			if (!use.of.stage.s || !function_compiles(p->functions[i]) ||
			    !uses(p, p->functions[i], (enum arch)k))
				continue;
			name = xasprintf("stage %s", use.of.stage.s);
			VEC_EACH(all, x)
				seen |= strcmp(x->toolchain, name) == 0 && x->arch == (enum arch)k;
			if (seen)
				continue;
			progress_update(all->len, name);
			if (doctor_check_stage(a, p, &use, (enum arch)k, &f, err) < 0)
				return -1;
			VEC_PUSH(all, f);
			*bad |= f.state != DOCTOR_WORKS;
		}
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct doctor_ctx *c = ctx;
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_PROJECT struct project p = { 0 };
	const struct project *pp = NULL;
	CLEAN_BUF struct buf out = BUF_INIT;
	const struct stage_flags flags = { .file = NULL };
	CLEAN_STAGES struct toolchain_stages stages = { .keepers.len = 0 };
	struct findings all = { 0 };
	bool bad = false;
	int r = 0;

	if (argc && !c->launcher) {
		err_set(err, ERR_USAGE, "slsc doctor: unexpected argument '%s'", argv[0]);
		return err_hint(err, "'slsc doctor --help' shows what it takes");
	}
	if (project_load(&p, NULL, err) == 0)
		pp = &p;
	else if (err->code != ERR_NOTFOUND)
		return -1;
	*err = (struct err)ERR_INIT;
	if (c->launcher)
		return doctor_launcher(pp ? &p : NULL, argc ? argv[0] : NULL, g, err);
	toolchain_stages_init(&stages, &flags, 0, g, !c->no_fetch);
	p.stages = &stages.keepers.stages;
	if (!c->no_fetch && fetch_missing(err) < 0)
		return -1;
	progress_begin("checking toolchains", 0);
	for (size_t i = 0; r == 0 && toolchain_builtin[i]; i++)
		r = check(&a, pp, toolchain_builtin[i], &all, &bad, err);
	for (size_t i = 0; r == 0 && pp && i < pp->ntoolchains; i++)
		if (pp->toolchains[i]->line)
			r = check(&a, pp, pp->toolchains[i]->name, &all, &bad, err);
	if (r == 0)
		r = check_wasm(&a, pp, &all, &bad, err);
	if (r == 0 && pp)
		r = check_stages(&a, &p, &all, &bad, err);
	if (r == 0) {
		progress_update(all.len, "sandbox");
		all.nrun = sandbox_probe(all.run);
	}
	progress_end();
	if (r == 0) {
		if (g->json)
			report_json(&all, &out);
		else
			report_text(&all, &out);
		r = out_stdout(out.ptr, out.len, err);
	}
	VEC_FREE(&all);
	if (r == 0 && bad) {
		const char *name = default_toolchain(pp);

		if (*name)
			r = err_set(err, ERR_TOOL, "toolchain '%s' does not work for every arch", name);
		else
			r = err_set(err, ERR_TOOL, "a stage's toolchain does not work for every arch");
		err_hint(err, "the table says what is missing");
	}
	return r;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.args = "[LAUNCHER]",
	.summary = "Say which toolchains work here, and what the others need",
	.description =
		"Builds a small program with each toolchain for each architecture, verifies it, and says for those "
		"that do not work what is missing and the command that brings it. Where musl is missing for an "
		"architecture, it is fetched into the user's cache by an apt with a state of its own: the packages of "
		"the host are left alone, signatures and hashes are verified.\n\n"
		"Then it makes the sandbox in which a Dockerfile's RUN steps run, for each architecture, and runs a "
		"program in it. As another user than root this needs user namespaces; a range of user ids in "
		"/etc/subuid and /etc/subgid lets files have other owners than that user.\n\n"
		"--launcher asks another question: does ccache, sccache, distcc, icecc or recc work as it should? For "
		"each architecture a source of a few lines that nobody has compiled before is compiled without it, and "
		"twice through it, in directories of their own: the bytes must be the same each time, of a cache the "
		"second one a hit (of its remote, if slsc.yaml names one), and of the others a host has to have "
		"compiled it. Exits with 1 where it is not so: docs/LAUNCHERS.md.\n\n"
		"Fails if the toolchain of the project here (musl, without one) does not work for each of its "
		"architectures.",
	.examples = "$ slsc doctor\n$ slsc doctor --no-fetch --json\n$ slsc doctor --launcher ccache\n",
	.opts = opts,
	.ctx_size = sizeof(struct doctor_ctx),
	.flags = CMD_JSON,
	.run = run,
};
