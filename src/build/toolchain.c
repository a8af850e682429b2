/* SPDX-License-Identifier: Apache-2.0 */
#include "build/toolchain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "build/sysroot.h"
#include "os/fs.h"

const char *const toolchain_builtin[] = { "musl", "musl-gcc", "gnu", "zig", NULL };

static const char *const gnu_triple[ARCH_COUNT] = { "x86_64-linux-gnu", "aarch64-linux-gnu" };
static const char *const musl_triple[ARCH_COUNT] = { "x86_64-linux-musl", "aarch64-linux-musl" };

static void lacks(struct toolchain *tc, const char *what, const char *package, bool sysroot)
{
	if (tc->nmissing == ARRAY_LEN(tc->missing))
		BUG("toolchain %s misses too much", tc->name);
	tc->missing[tc->nmissing++] = (struct tc_missing){ what, package, sysroot };
}

/*
 * What a file was when the objects were made: an upgraded compiler keeps an old mtime, which ninja does not
 * notice, so the identity goes into the command line.
 */
static void identify(const struct root *root, struct buf *id, const char *path)
{
	struct stat st;

	if (root_stat(root, path, &st) == 0)
		buf_addf(id, "%s%llx.%llx", id->len ? "-" : "", (unsigned long long)st.st_size,
			 (unsigned long long)st.st_mtim.tv_sec);
}

/* Looks @program up (the first word of a command); its absence is noted. */
static void want(struct toolchain *tc, struct buf *id, const char *program, const char *package)
{
	CLEAN_FREE char *word = xstrndup(program, strcspn(program, " \t"));
	CLEAN_FREE char *path = root_which(tc->root, word);

	if (path)
		identify(tc->root, id, path);
	else
		lacks(tc, program, package, false);
}

static void add_i(struct buf *b, const char *flag, const char *dir)
{
	buf_addf(b, "%s%s ", b->len && b->ptr[b->len - 1] != ' ' ? " " : "", flag);
	buf_add_shell(b, dir);
}

static void add_path(struct buf *b, const char *dir, const char *file)
{
	CLEAN_FREE char *path = path_join(dir, file);

	if (b->len && b->ptr[b->len - 1] != ' ')
		buf_addc(b, ' ');
	buf_add_shell(b, path);
}

/*
 * Wherever the sysroot lies, its headers have one name in the debug file, which the build-id is made from; and one name
 * in the arguments. @out: the same by its path, for who does not stand in the project or, with a root, does not see it.
 */
static void add_isystem(struct arena *a, struct toolchain *tc, struct buf *b, struct buf *out, const char *dir,
			const char *what)
{
	CLEAN_FREE char *host = tc->root ? root_find(tc->root, dir, NULL) : NULL;
	const char *name = arena_printf(a, GRAPH_IN_DIR "/%s-%s", what, arch_name(tc->arch));
	size_t n = 0;

	while (tc->maps[n].dir)
		n++;
	tc->maps[n].dir = dir;
	tc->maps[n].link = tc->root ? NULL : name;
	tc->maps[n].to = arena_printf(a, "/sysroot/%s", what);
	add_i(b, "-isystem", tc->root ? dir : name);
	add_i(out, "-isystem", host ? host : dir);
}

/* clang or gcc over a musl sysroot, by hand: wrappers and specs files disagree about -static-pie and order. */
static void musl(struct arena *a, struct toolchain *tc, struct buf *id, const char *linker)
{
	CLEAN_BUF struct buf c = BUF_INIT, outside = BUF_INIT, pre = BUF_INIT, pie = BUF_INIT, post = BUF_INIT;
	struct sysroot s;
	const char *gcc_include = NULL;

	if (!sysroot_find(a, tc->root, tc->arch, &s)) {
		lacks(tc, arena_printf(a, "musl's headers and libc.a for %s", arch_name(tc->arch)), NULL, true);
		return;
	}
	tc->cached = s.cached;
	if (tc->clang) {
		buf_addz(&c, "-nostdlibinc");
	} else {
		/* gcc names a header by its real path where that is the shorter one */
		buf_addz(&c, "-nostdinc -fno-canonical-system-headers");
		gcc_include = gcc_dir(a, tc->root, tc->arch, "include/stddef.h");
	}
	buf_addz(&outside, c.ptr);
	add_isystem(a, tc, &c, &outside, s.include, "include");
	if (gcc_include)
		add_isystem(a, tc, &c, &outside, arena_printf(a, "%s/include", gcc_include), "gcc");
	if (s.kernel)
		add_isystem(a, tc, &c, &outside, s.kernel, "kernel");
	buf_addz(&pre, linker);
	buf_addz(&pre, " -nostdlib");
	add_i(&pre, "-L", s.lib);
	add_i(&pre, "-L", s.gcc);
	buf_addf(&pie, "%s -Wl,-Bstatic -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text", pre.ptr);
	buf_addz(&pre, " -static");
	add_path(&pre, s.lib, "crt1.o");
	add_path(&pre, s.lib, "crti.o");
	add_path(&pie, s.lib, "rcrt1.o");
	add_path(&pie, s.lib, "crti.o");
	buf_addz(&post, "-Wl,--start-group -lc -lgcc -Wl,--end-group");
	add_path(&post, s.lib, "crtn.o");
	tc->cflags = arena_strdup(a, c.ptr);
	tc->cflags_outside = tc->root ? arena_strdup(a, outside.ptr) : NULL;
	tc->cflags_abs = tc->root ? tc->cflags : arena_strdup(a, outside.ptr);
	tc->link_pre = arena_strdup(a, pre.ptr);
	tc->pie_pre = arena_strdup(a, pie.ptr);
	tc->link_post = arena_strdup(a, post.ptr);
	tc->libdirs[0] = s.lib;
	identify(s.cached ? NULL : tc->root, id, arena_printf(a, "%s/libc.a", s.lib));
}

static void llvm_names(struct toolchain *tc, struct buf *id, const char *linker)
{
	tc->clang = true;
	tc->cc = tc->cc ? tc->cc : "clang";
	tc->cxx = "clang++";
	tc->ar = "llvm-ar";
	tc->ranlib = "llvm-ranlib";
	tc->strip = "llvm-strip";
	want(tc, id, tc->cc, "clang");
	want(tc, id, linker, "lld");
}

static void builtin_musl(struct arena *a, struct toolchain *tc, struct buf *id)
{
	llvm_names(tc, id, "ld.lld");
	tc->lld = true;
	tc->target = arena_printf(a, "--target=%s", musl_triple[tc->arch]);
	/* A sysroot that is not there: the driver's own -L directories hold archives built for glibc. */
	musl(a, tc, id, "-fuse-ld=lld --sysroot=/nonexistent");
}

static void gcc_names(struct arena *a, struct toolchain *tc, struct buf *id)
{
	const char *prefix = tc->arch == arch_host() ? "" : arena_printf(a, "%s-", gnu_triple[tc->arch]);
	const char *package = tc->arch == arch_host()	 ? "gcc" :
			      tc->arch == ARCH_ARM64 ? "gcc-aarch64-linux-gnu" :
							   "gcc-x86-64-linux-gnu";

	tc->cc = tc->cc ? tc->cc : arena_printf(a, "%sgcc", prefix);
	tc->cxx = arena_printf(a, "%sg++", prefix);
	tc->ar = arena_printf(a, "%sgcc-ar", prefix);
	tc->ranlib = arena_printf(a, "%sgcc-ranlib", prefix);
	tc->strip = arena_printf(a, "%sstrip", prefix);
	want(tc, id, tc->cc, package);
}

static void builtin_musl_gcc(struct arena *a, struct toolchain *tc, struct buf *id)
{
	CLEAN_FREE char *share = dirs_share();
	CLEAN_BUF struct buf linker = BUF_INIT;

	gcc_names(a, tc, id);
	/* the specs take gcc's own -L directories away, which hold archives built for glibc */
	add_i(&linker, "-specs", arena_printf(a, "%s/runtime/gcc.specs", share));
	/* bfd pads segments to 64 KiB on arm64 otherwise: 59 KB for nothing */
	buf_addz(&linker, " -no-pie -Wl,-z,max-page-size=4096 -Wl,-z,noseparate-code");
	musl(a, tc, id, linker.ptr);
}

static void builtin_gnu(struct arena *a, struct toolchain *tc, struct buf *id)
{
	CLEAN_FREE char *native = xasprintf("/usr/lib/%s/libc.a", gnu_triple[tc->arch]);
	CLEAN_FREE char *cross = xasprintf("/usr/%s/lib/libc.a", gnu_triple[tc->arch]);

	gcc_names(a, tc, id);
	if (!root_exists(tc->root, native) && !root_exists(tc->root, cross))
		lacks(tc, arena_printf(a, "glibc's libc.a for %s", arch_name(tc->arch)),
		      tc->arch == arch_host()    ? "libc6-dev" :
		      tc->arch == ARCH_ARM64 ? "libc6-dev-arm64-cross" :
						   "libc6-dev-amd64-cross",
		      false);
	identify(tc->root, id, root_exists(tc->root, native) ? native : cross);
	tc->link_pre = "-static -no-pie -Wl,-z,max-page-size=4096";
	tc->pie_pre = "-static-pie -Wl,-z,max-page-size=4096";
	tc->libdirs[0] = arena_printf(a, "/usr/lib/%s", gnu_triple[tc->arch]);
	tc->libdirs[1] = arena_printf(a, "/usr/%s/lib", gnu_triple[tc->arch]);
}

static void builtin_zig(struct arena *a, struct toolchain *tc, struct buf *id)
{
	static const char *const zig[ARCH_COUNT] = { "x86_64-linux-musl", "aarch64-linux-musl" };
	const char *cc = tc->cc ? tc->cc : "zig cc";

	want(tc, id, cc, NULL);
	tc->clang = true;
	tc->cc = arena_printf(a, "%s -target %s", cc, zig[tc->arch]);
	tc->cxx = arena_printf(a, "zig c++ -target %s", zig[tc->arch]);
	tc->ar = "zig ar";
	tc->ranlib = "zig ranlib";
	tc->strip = "llvm-strip";
	/* zig's own UBSan traps and its PIE would both land in the binary */
	tc->cflags = "-fno-sanitize=undefined";
	tc->link_pre = tc->pie_pre = "-static";
}

#define WASI_LIB "/usr/lib/wasm32-wasi"
#define WASI_BUILTINS "/usr/lib/llvm-14/lib/clang/14.0.6/lib/wasi/libclang_rt.builtins-wasm32.a"

static void wasi(struct toolchain *tc, struct buf *id)
{
	tc->kind = TC_WASI;
	llvm_names(tc, id, "wasm-ld");
	if (!root_exists(tc->root, WASI_LIB "/libc.a"))
		lacks(tc, "wasi-libc's headers and libc.a", "wasi-libc", false);
	if (!root_exists(tc->root, WASI_BUILTINS))
		lacks(tc, "clang's builtins for wasm32", "libclang-rt-14-dev-wasm32", false);
	identify(tc->root, id, WASI_LIB "/libc.a");
	identify(tc->root, id, WASI_BUILTINS);
	tc->target = "--target=wasm32-wasi";
	/* The stack below the data: one that overflows traps, where it would else run into the data. */
	tc->link_pre = tc->pie_pre = "-Wl,--stack-first -Wl,-z,stack-size=1048576";
	tc->libdirs[0] = WASI_LIB;
}

static const char *join(struct arena *a, const char *s, const struct lstrs *more)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, s ? s : "");
	for (size_t i = 0; i < more->len; i++) {
		if (b.len)
			buf_addc(&b, ' ');
		buf_add_shell(&b, more->ptr[i].s);
	}
	return arena_strdup(a, b.ptr);
}

static void override(struct arena *a, struct toolchain *tc, const struct toolchain_arch_def *d)
{
	if (d->cxx.s)
		tc->cxx = d->cxx.s;
	if (d->ar.s)
		tc->ar = d->ar.s;
	if (d->ranlib.s)
		tc->ranlib = d->ranlib.s;
	if (d->strip.s)
		tc->strip = d->strip.s;
	if (d->cflags.len) {
		tc->cflags = join(a, tc->cflags, &d->cflags);
		tc->cflags_abs = join(a, tc->cflags_abs, &d->cflags);
	}
	if (d->ldflags.len) {
		tc->link_pre = join(a, tc->link_pre, &d->ldflags);
		tc->pie_pre = join(a, tc->pie_pre, &d->ldflags);
	}
}

static int kind_of(const char *name)
{
	for (int i = 0; toolchain_builtin[i]; i++)
		if (strcmp(name, toolchain_builtin[i]) == 0)
			return i;
	return -1;
}

#define EXTENDS_MAX 16

int toolchain_resolve(struct arena *a, const struct project *p, const struct root *root, const char *name,
		      enum arch arch, struct toolchain *tc, struct err *err)
{
	static void (*const make[])(struct arena *, struct toolchain *, struct buf *) = {
		[TC_MUSL] = builtin_musl,
		[TC_MUSL_GCC] = builtin_musl_gcc,
		[TC_GNU] = builtin_gnu,
		[TC_ZIG] = builtin_zig,
	};
	const struct toolchain_def *chain[EXTENDS_MAX];
	CLEAN_BUF struct buf id = BUF_INIT;
	const char *base = name;
	size_t n = 0;
	int kind;

	*tc = (struct toolchain){ .name = arena_strdup(a, name), .run = "", .arch = arch, .root = root, .target = "",
				  .cflags = "", .link_pre = "", .pie_pre = "", .link_post = "" };
	tc->shown = tc->name;
	if (arch == ARCH_WASM32) {
		tc->name = tc->shown = TOOLCHAIN_WASI;
		wasi(tc, &id);
		tc->id = arena_strdup(a, id.ptr);
		tc->cflags_abs = tc->cflags;
		return 0;
	}
	while ((kind = kind_of(base)) < 0 || p) {
		const struct toolchain_def *d;

		if (!p) {
			err_set(err, ERR_NOTFOUND, "unknown toolchain '%s'", name);
			return err_hint(err, "built in: musl, musl-gcc, gnu, zig");
		}
		d = project_toolchain(p, base, err);
		if (!d)
			return -1;
		if (n == EXTENDS_MAX)
			BUG("toolchain '%s' extends more than %d others", name, EXTENDS_MAX);
		chain[n++] = d;
		if (kind >= 0 || !d->extends.s)
			break;
		base = d->extends.s;
	}
	if (kind < 0)
		BUG("toolchain '%s' extends no built-in one", name);
	tc->kind = (enum tc_kind)kind;
	/* A compiler named in slsc.yaml stands in for the built-in's: only it must be there. */
	for (size_t i = 0; i < n && !tc->cc; i++)
		tc->cc = chain[i]->arch[arch].cc.s ? chain[i]->arch[arch].cc.s : chain[i]->cc.s;
	make[kind](a, tc, &id);
	if (!tc->cflags_abs)
		tc->cflags_abs = tc->cflags;
	for (size_t i = n; i > 0; i--) {
		const struct toolchain_def *d = chain[i - 1];
		const struct toolchain_arch_def all = { d->cc,	  d->cxx,   d->ar,     d->ranlib,
							d->strip, d->cflags, d->ldflags };

		override(a, tc, &all);
		override(a, tc, &d->arch[arch]);
	}
	tc->id = arena_strdup(a, id.ptr);
	return 0;
}

const char *toolchain_install_command(struct arena *a, const struct toolchain *tc)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	bool sysroot = false;

	for (unsigned i = 0; i < tc->nmissing; i++) {
		if (tc->missing[i].package)
			buf_addf(&b, "%s%s", b.len ? " " : "apt-get install ", tc->missing[i].package);
		sysroot |= tc->missing[i].sysroot;
	}
	if (sysroot)
		buf_addf(&b, "%sslsc doctor", b.len ? " && " : "");
	return arena_strdup(a, b.ptr);
}

int toolchain_require(const struct toolchain *tc, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	const char *install;

	if (!tc->nmissing)
		return 0;
	if (tc->stage)
		return toolchain_require_stage(tc, err);
	for (unsigned i = 0; i < tc->nmissing; i++)
		buf_addf(&b, "%s%s", i ? ", " : "", tc->missing[i].what);
	err_set(err, ERR_TOOL, "toolchain '%s' for %s lacks %s", tc->name, arch_name(tc->arch), b.ptr);
	install = toolchain_install_command(&a, tc);
	if (install[0])
		err_hint(err, "%s", install);
	else
		err_hint(err, "put it on PATH, or choose another toolchain in slsc.yaml");
	return -1;
}

void profile_cflags(const struct toolchain *tc, const struct profile *pr, struct buf *out)
{
	buf_addf(out, "-O%s", pr->optimize);
	/* The same here and where distcc compiles: clang's DWARF 5 has checksums of files, gcc would list its flags. */
	if (pr->debug_info)
		buf_addz(out, tc->clang ? " -g -gdwarf-4" : " -g -gno-record-gcc-switches");
	if (pr->gc_sections)
		buf_addz(out, " -ffunction-sections -fdata-sections");
	if (pr->lto)
		buf_addz(out, " -flto");
	buf_addz(out, pr->stack_protector ? " -fstack-protector-strong" : " -fno-stack-protector");
	if (pr->static_link && pr->pie && tc->kind != TC_WASI)
		buf_addz(out, " -fPIE");
	else if (pr->static_link && tc->kind != TC_ZIG)
		buf_addz(out, " -fno-pie");
	/* Unwind tables are for C++ and for live backtraces; a debugger reads .debug_frame. */
	if (strcmp(pr->optimize, "g") != 0 && strcmp(pr->optimize, "0") != 0)
		buf_addz(out, " -fno-asynchronous-unwind-tables -fno-unwind-tables");
	if (!pr->assertions)
		buf_addz(out, " -DNDEBUG");
	for (size_t i = 0; i < pr->defines.len; i++) {
		const struct lkv *kv = &pr->defines.ptr[i];
		CLEAN_FREE char *d = kv->val.s ? xasprintf("-D%s=%s", kv->key.s, kv->val.s) :
						 xasprintf("-D%s", kv->key.s);

		buf_addc(out, ' ');
		buf_add_shell(out, d);
	}
	for (size_t i = 0; i < pr->flags.len; i++) {
		buf_addc(out, ' ');
		buf_add_shell(out, pr->flags.ptr[i].s);
	}
}

void profile_ldflags(const struct toolchain *tc, const struct profile *pr, struct buf *out)
{
	if (tc->kind != TC_WASI)
		buf_addz(out, "-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack -Wl,--build-id=sha1");
	if (pr->lto)
		buf_addf(out, " -flto -O%s", strcmp(pr->optimize, "z") == 0 || strcmp(pr->optimize, "s") == 0 ?
						     "2" : pr->optimize);
	if (pr->gc_sections)
		buf_addz(out, " -Wl,--gc-sections");
	/* Folding functions whose address is taken breaks comparisons of function pointers: not by default. */
	if (pr->icf && tc->lld)
		buf_addf(out, " -Wl,--icf=%s",
			 strcmp(pr->optimize, "z") == 0 || strcmp(pr->optimize, "s") == 0 ? "all" : "safe");
	if (tc->lld)
		buf_addz(out, " -Wl,-O2");
	for (size_t i = 0; i < pr->ldflags.len; i++) {
		buf_addc(out, ' ');
		buf_add_shell(out, pr->ldflags.ptr[i].s);
	}
}
