/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf/elf.h"
#include "os/fs.h"
#include "report/check_internal.h"

#define SCRIPT_LINE 256		/* of "#!", as the kernel reads it */

int program_create(struct program *p, struct err *err)
{
	const char *tmp = getenv("TMPDIR");

	if (!tmp || !*tmp)
		tmp = "/tmp";
	p->fd = open(tmp, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (p->fd < 0)
		return err_sys(err, "%s: cannot make a temporary file", tmp);
	snprintf(p->path, sizeof(p->path), "/proc/self/fd/%d", p->fd);
	return 0;
}

int program_write(void *program, const void *bytes, size_t n, struct err *err)
{
	const struct program *p = program;

	return fs_write_all(p->fd, bytes, n, "a temporary file", err);
}

void program_close(struct program *p)
{
	if (p->fd >= 0)
		close(p->fd);
	p->fd = -1;
}

/* "#!/bin/sh -e": its interpreter has to be there. 1: it is a script. */
static int check_script(struct check *c, const struct binary_env *env, const char *path, struct err *err)
{
	struct stat st;
	CLEAN_FD int fd = fs_open(path, &st, err);
	char line[SCRIPT_LINE + 1], *p = line + 2;
	ssize_t n;

	if (fd < 0)
		return -1;
	n = pread(fd, line, SCRIPT_LINE, 0);
	if (n < 0)
		return err_sys(err, "%s", path);
	line[n] = '\0';
	if (!starts_with(line, "#!"))
		return 0;
	p += strspn(p, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	if (env->loader && !env->loader(env->ctx, p))
		check_add(c, RULE_BINARY_LOADER, env->where, "is a script for %s, which is not there", p);
	return 1;
}

static void check_links(struct check *c, const struct binary_env *env, const struct elf_file *f)
{
	if (!f->has_interp) {
		if (f->needed.len)
			check_add(c, RULE_BINARY_DYNAMIC, env->where, "needs %s%s, and names no interpreter",
				  f->needed.ptr[0], f->needed.len > 1 ? " and others" : "");
		return;
	}
	if (!env->loader)
		check_add(c, RULE_BINARY_DYNAMIC, env->where, "is dynamically linked: it needs %s where it runs",
			  f->interp);
	else if (!env->loader(env->ctx, f->interp))
		check_add(c, RULE_BINARY_LOADER, env->where, "needs %s, which is not there", f->interp);
	for (size_t i = 0; i < f->needed.len && env->library; i++)
		if (!env->library(env->ctx, f->needed.ptr[i], f->interp))
			check_add(c, RULE_BINARY_LIBRARY, env->where, "needs %s, which is not there", f->needed.ptr[i]);
}

int check_binary(struct check *c, const struct binary_env *env, const char *path, struct strs *needed, char interp[256],
		 struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	int r;

	interp[0] = '\0';
	r = check_script(c, env, path, err);
	if (r)
		return r < 0 ? -1 : 0;
	if (elf_open(&f, path, err) < 0) {
		const char *what = err->msg;

		if (err->code != ERR_FORMAT && err->code != ERR_LIMIT)
			return -1;
		/* the file's name is a temporary one */
		if (starts_with(what, path) && starts_with(what + strlen(path), ": "))
			what += strlen(path) + 2;
		check_add(c, RULE_BINARY_FORMAT, env->where, "%s", what);
		return 0;
	}
	if (env->arch && strcmp(elf_arch_name(f.arch), env->arch) != 0)
		check_add(c, RULE_BINARY_ARCH, env->where, "is for %s, not %s", elf_arch_name(f.arch), env->arch);
	if (f.has_gnu_stack && f.exec_stack)
		check_add(c, RULE_BINARY_HARDENING, env->where, "has an executable stack");
	if (f.text_rwx)
		check_add(c, RULE_BINARY_HARDENING, env->where, "has memory that is writable and executable, at 0x%llx",
			  (unsigned long long)f.rwx_addr);
	check_links(c, env, &f);
	if (f.has_interp)
		snprintf(interp, 256, "%s", f.interp);
	for (size_t i = 0; needed && i < f.needed.len; i++)
		strs_add(needed, f.needed.ptr[i]);
	return 0;
}
