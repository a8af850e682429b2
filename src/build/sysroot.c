/* SPDX-License-Identifier: Apache-2.0 */
#include "build/sysroot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/apt.h"
#include "elf/elf.h"
#include "os/fs.h"

static const char *const gnu_triple[ARCH_COUNT] = { "x86_64-linux-gnu", "aarch64-linux-gnu" };
static const char *const musl_triple[ARCH_COUNT] = { "x86_64-linux-musl", "aarch64-linux-musl" };

char *sysroot_dir(enum arch arch)
{
	CLEAN_FREE char *cache = dirs_cache();

	return xasprintf("%s/sysroot/musl-%s", cache, arch_name(arch));
}

const char *gcc_dir(struct arena *a, const struct root *root, enum arch arch, const char *file)
{
	static const char *const roots[] = { "/usr/lib/gcc", "/usr/lib/gcc-cross" };
	const char *best = NULL;
	uint64_t best_version = 0;

	for (size_t i = 0; i < ARRAY_LEN(roots); i++) {
		CLEAN_FREE char *dir = xasprintf("%s/%s", roots[i], gnu_triple[arch]);
		CLEAN_STRS struct strs names = { 0 };
		struct err ignored;

		if (!root_is_dir(root, dir) || root_list(root, dir, &names, &ignored) < 0)
			continue;
		VEC_EACH(&names, n) {
			CLEAN_FREE char *path = xasprintf("%s/%s/%s", dir, *n, file);
			uint64_t v;

			if (str_parse_u64(str_from(*n), &v) < 0 || v <= best_version || !root_exists(root, path))
				continue;
			best_version = v;
			best = arena_printf(a, "%s/%s", dir, *n);
		}
	}
	return best;
}

static bool has(const struct root *root, const char *dir, const char *file)
{
	CLEAN_FREE char *path = path_join(dir, file);

	return root_exists(root, path);
}

char *sysroot_kernel_dir(enum arch arch)
{
	CLEAN_FREE char *cache = dirs_cache();

	return xasprintf("%s/sysroot/kernel-%s", cache, arch_name(arch));
}

int sysroot_link_kernel(enum arch arch, struct err *err)
{
	CLEAN_FREE char *dir = sysroot_kernel_dir(arch);
	CLEAN_FREE char *parent = path_dirname(dir);
	CLEAN_FREE char *tmp = xasprintf("%s/.slsc-tmp.%ld.kernel", parent, (long)getpid());
	CLEAN_FREE char *asm_dir = xasprintf("/usr/include/%s/asm", gnu_triple[arch]);
	const char *const links[][2] = { { "/usr/include/linux", "linux" },
					 { "/usr/include/asm-generic", "asm-generic" },
					 { asm_dir, "asm" } };
	struct err ignored;

	if (fs_is_dir(dir))
		return 0;
	if (fs_mkdirs(tmp, err) < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		CLEAN_FREE char *link = path_join(tmp, links[i][1]);

		if (symlink(links[i][0], link) < 0)
			return err_sys(err, "cannot create %s", link);
	}
	if (rename(tmp, dir) < 0) {
		/* another process was faster: its links are as good */
		if (fs_rmtree(tmp, &ignored) < 0 || !fs_is_dir(dir))
			return err_sys(err, "cannot create %s", dir);
	}
	return 0;
}

bool sysroot_find(struct arena *a, const struct root *root, enum arch arch, struct sysroot *s)
{
	CLEAN_FREE char *dir = NULL;

	*s = (struct sysroot){ 0 };
	s->include = arena_printf(a, "/usr/include/%s", musl_triple[arch]);
	s->lib = arena_printf(a, "/usr/lib/%s", musl_triple[arch]);
	s->gcc = gcc_dir(a, root, arch, "libgcc.a");
	if (s->gcc && has(root, s->lib, "libc.a") && has(root, s->include, "stdio.h")) {
		CLEAN_FREE char *kernel = sysroot_kernel_dir(arch);
		CLEAN_FREE char *asm_dir = xasprintf("/usr/include/%s/asm", gnu_triple[arch]);

		if (fs_is_dir(kernel) && root_is_dir(root, "/usr/include/linux") && root_is_dir(root, asm_dir))
			s->kernel = arena_strdup(a, kernel);
		return true;
	}
	dir = sysroot_dir(arch);
	if (!has(NULL, dir, "packages")) {
		*s = (struct sysroot){ 0 };
		return false;
	}
	s->cached = true;
	s->include = arena_printf(a, "%s/include", dir);
	s->lib = arena_printf(a, "%s/lib", dir);
	s->gcc = arena_printf(a, "%s/gcc", dir);
	s->kernel = arena_printf(a, "%s/kernel", dir);
	return true;
}

/* The newest libgcc-N-dev of the suite. */
static char *newest_libgcc(const struct apt *apt, struct err *err)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	char *best = NULL;
	uint64_t best_v = 0;
	struct str rest;

	if (apt_run(apt, NULL, &out, err, "apt-cache", "pkgnames", "libgcc-", NULL) < 0)
		return NULL;
	for (struct str line = buf_str(&out); line.len; line = rest) {
		struct str v;
		uint64_t n;

		rest = str_cut(&line, '\n');
		if (!str_ends(line, "-dev") || line.len < 12)
			continue;
		v = (struct str){ line.ptr + 7, line.len - 11 };
		if (str_parse_u64(v, &n) < 0 || n <= best_v)
			continue;
		best_v = n;
		free(best);
		best = xstrndup(line.ptr, line.len);
	}
	if (!best)
		err_set(err, ERR_TOOL, "the package mirror has no libgcc-N-dev for %s", apt->arch);
	return best;
}

/* Move <root>/x/<from> to <out>/<to>; the target's parent exists. */
static int place(const char *root, const char *from, const char *out, const char *to, struct err *err)
{
	CLEAN_FREE char *src = xasprintf("%s/x/%s", root, from);
	CLEAN_FREE char *dst = path_join(out, to);

	if (rename(src, dst) < 0)
		return err_sys(err, "cannot move %s to %s", src, dst);
	return 0;
}

static int unpack(const struct apt *apt, enum arch arch, const char *out, struct err *err)
{
	CLEAN_FREE char *debs = path_join(apt->root, "debs");
	CLEAN_FREE char *x = path_join(apt->root, "x");
	CLEAN_FREE char *kernel = path_join(out, "kernel");
	CLEAN_FREE char *list = path_join(out, "packages");
	CLEAN_FREE char *lib = xasprintf("usr/lib/%s", musl_triple[arch]);
	CLEAN_FREE char *include = xasprintf("usr/include/%s", musl_triple[arch]);
	CLEAN_FREE char *asm_dir = xasprintf("usr/include/%s/asm", gnu_triple[arch]);
	CLEAN_FREE char *gcc_parent = xasprintf("%s/x/usr/lib/gcc/%s", apt->root, gnu_triple[arch]);
	CLEAN_STRS struct strs names = { 0 }, versions = { 0 };
	CLEAN_BUF struct buf packages = BUF_INIT;

	if (fs_list(debs, &names, err) < 0 || fs_mkdirs(kernel, err) < 0)
		return -1;
	VEC_EACH(&names, n) {
		CLEAN_FREE char *deb = path_join(debs, *n);

		if (apt_run(apt, NULL, NULL, err, "dpkg-deb", "-x", deb, x, NULL) < 0)
			return -1;
		/* name_version_arch.deb */
		buf_addf(&packages, "%.*s\n", (int)(strlen(*n) - 4), *n);
	}
	if (fs_list(gcc_parent, &versions, err) < 0)
		return -1;
	if (versions.len != 1)
		return err_set(err, ERR_TOOL, "%s holds %zu versions of gcc, expected 1", gcc_parent,
			       versions.len);
	CLEAN_FREE char *gcc = xasprintf("usr/lib/gcc/%s/%s", gnu_triple[arch], versions.ptr[0]);
	if (place(apt->root, lib, out, "lib", err) < 0 ||
	    place(apt->root, include, out, "include", err) < 0 ||
	    place(apt->root, gcc, out, "gcc", err) < 0 ||
	    place(apt->root, "usr/include/linux", out, "kernel/linux", err) < 0 ||
	    place(apt->root, "usr/include/asm-generic", out, "kernel/asm-generic", err) < 0 ||
	    place(apt->root, asm_dir, out, "kernel/asm", err) < 0)
		return -1;
	return fs_write_file(list, packages.ptr, packages.len, 0644, err);
}

static int check_arch(const char *out, enum arch arch, struct err *err)
{
	CLEAN_FREE char *libc = path_join(out, "lib/libc.a");
	const char *paths[] = { libc };
	CLEAN_STRS struct strs names = { 0 };
	bool bitcode;

	return elf_defined_functions(paths, 1, arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64, &names,
				     &bitcode, err);
}

static int open_apt(struct apt *apt, const char *root, const char *arch, struct err *err)
{
	if (apt_open(apt, root, arch, err) == 0)
		return 0;
	if (err->code == ERR_TOOL)
		err_hint(err, "slsc fetches musl with apt; elsewhere install musl's headers and libc.a for %s by hand",
			 arch);
	return -1;
}

static int fetch(struct apt *apt, const char *root, enum arch arch, const char *dest, struct err *err)
{
	static const char *const debian[ARCH_COUNT] = { "amd64", "arm64" };
	CLEAN_FREE char *debs = path_join(root, "debs");
	CLEAN_FREE char *out = path_join(root, "out");
	CLEAN_FREE char *libgcc = NULL;
	struct err update = ERR_INIT;

	if (fs_mkdirs(debs, err) < 0 || open_apt(apt, root, debian[arch], err) < 0)
		return -1;
	/* A third-party source may lack this architecture: only what we need decides. */
	if (apt_run(apt, NULL, NULL, &update, "apt-get", "update", "-q", NULL) < 0 &&
	    update.code != ERR_TOOL) {
		*err = update;
		return -1;
	}
	libgcc = newest_libgcc(apt, err);
	if (!libgcc || apt_run(apt, debs, NULL, err, "apt-get", "download", "-q", "musl-dev", "linux-libc-dev",
			       libgcc, NULL) < 0) {
		if (update.code != ERR_NONE && err->code == ERR_TOOL)
			*err = update;
		return -1;
	}
	if (unpack(apt, arch, out, err) < 0 || check_arch(out, arch, err) < 0)
		return -1;
	if (rename(out, dest) < 0)
		return err_sys(err, "cannot create %s", dest);
	return 0;
}

int sysroot_fetch(enum arch arch, struct err *err)
{
	CLEAN_FREE char *dest = sysroot_dir(arch);
	CLEAN_FREE char *parent = path_dirname(dest);
	CLEAN_FREE char *lock = path_join(parent, "lock");
	CLEAN_FREE char *root = xasprintf("%s/.slsc-tmp.%ld.%s", parent, (long)getpid(), arch_oci(arch));
	CLEAN_APT struct apt apt = { .root = NULL };
	CLEAN_FD int fd = -1;
	struct err ignored;
	int r;

	if (fs_mkdirs(parent, err) < 0 || (fd = fs_lock(lock, "slsc", NULL, NULL, err)) < 0)
		return -1;
	fs_tmp_sweep(parent);
	if (has(NULL, dest, "packages"))
		return 0;	/* another process has just done it */
	r = fetch(&apt, root, arch, dest, err);
	if (fs_rmtree(root, &ignored) < 0 && r == 0) {
		*err = ignored;
		r = -1;
	}
	if (r < 0 && err->code != ERR_INTR) {
		err_wrap(err, "cannot fetch musl for %s", arch_name(arch));
		if (!err->hint[0])
			err_hint(err, "check the network and the apt sources, then run `slsc doctor`");
	}
	return r;
}
