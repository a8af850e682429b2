/* SPDX-License-Identifier: Apache-2.0 */
/* --strip: programs that the own layers of a stage bring, without their symbols; what the verdict has against them. */
#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "stage/solve_internal.h"

#define STRIP_MAX_WARNINGS 20u	/* a package manager's RUN brings hundreds of programs */

/* @sep: ": ", or nothing where the text has it. */
static void complain(struct strip *s, const char *path, const char *sep, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void complain(struct strip *s, const char *path, const char *sep, const char *fmt, ...)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	va_list ap;

	if (s->complaints++ >= STRIP_MAX_WARNINGS)
		return;
	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	strs_addf(&s->sv->res->warnings, "--strip%s%s: /%s%s%s", s->sv->req->narches > 1 ? " for " : "",
		  s->sv->req->narches > 1 ? arch_oci(s->arch) : "", path, sep, text.ptr);
}

static bool begins_as_elf(const char *path)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	char magic[4];

	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "\177ELF", sizeof(magic)) == 0;
}

/* What self-extracting programs carry behind their sections would be cut off. */
static int find_payload(struct elf_file *f, bool *has, struct err *err)
{
	struct elf_sections all = { .len = 0 };
	uint64_t end = 64;	/* Elf64_Ehdr */
	int ret = elf_sections(f, &all, err);

	for (size_t i = 0; i < all.len; i++)
		if (all.ptr[i].type != SHT_NOBITS && all.ptr[i].offset + all.ptr[i].size > end)
			end = all.ptr[i].offset + all.ptr[i].size;
	/* the section headers, which elf_open() has seen inside the file, and one that is not listed; aligned */
	*has = f->size > end + (all.len + 1) * 64 + 64;
	VEC_FREE(&all);
	return ret;
}

/* 1: *@out, heap, is the stripped one; 0: it stays as it is. */
static int strip_one(struct strip *s, const char *path, const char *src, struct elf_file *f, char **out,
		     struct err *err)
{
	struct err why = ERR_INIT;
	bool payload = false;

	if (!f->is_64 || !f->is_little || !(f->has_symtab || f->has_debug))
		return 0;
	if (find_payload(f, &payload, &why) < 0 || payload) {
		complain(s, path, ": ", "is left as it is: %s", payload ? "it has data behind its sections" : why.msg);
		return 0;
	}
	if (!s->dir && solver_scratch(s->sv, &s->dir, err) < 0)
		return -1;
	*out = xasprintf("%s/%u", s->dir, s->serial++);
	if (elf_split_debug(src, *out, NULL, &why) == 0)
		return 1;
	free(*out);
	*out = NULL;
	if (why.code != ERR_FORMAT && why.code != ERR_LIMIT) {
		*err = why;
		return -1;
	}
	complain(s, path, "", "%s", starts_with(why.msg, src) ? why.msg + strlen(src) : why.msg);
	return 0;
}

static int judge(struct strip *s, const char *path, const char *src, const struct elf_file *f, struct err *err)
{
	const struct elf_rules rules = {
		.arch = s->arch == ARCH_ARM64 ? ELF_ARCH_ARM64 : ELF_ARCH_X86_64,
		/* a shared object is for those who need it */
		.allow_dynamic = f->type == ET_DYN && !f->has_interp,
		.allow_symbols = true,
		.allow_shared = true,
	};
	struct err why = ERR_INIT;

	if (elf_verify(src, &rules, &why) == 0)
		return 0;
	if (why.code != ERR_VERIFY) {
		*err = why;
		return -1;
	}
	complain(s, path, "", "%s", starts_with(why.msg, src) ? why.msg + strlen(src) : why.msg);
	return 0;
}

/* As strip_one(). */
static int strip_file(struct strip *s, const struct tree_entry *e, char **out, struct err *err)
{
	CLEAN_ELF struct elf_file f = { 0 };
	struct err why = ERR_INIT;
	int ret;

	if (!begins_as_elf(e->src))
		return 0;
	if (elf_open(&f, e->src, &why) < 0) {
		if (why.code != ERR_FORMAT && why.code != ERR_LIMIT) {
			*err = why;
			return -1;
		}
		return 0;
	}
	/* what is still to be linked needs its symbols; a kernel's module is such a file, too */
	if (f.type != ET_EXEC && f.type != ET_DYN)
		return 0;
	ret = strip_one(s, e->path, e->src, &f, out, err);
	return ret < 0 || judge(s, e->path, e->src, &f, err) < 0 ? -1 : ret;
}

/* NULL: all are. */
static bool is_own(const struct strs *own, const char *src)
{
	for (size_t i = 0; own && i < own->len; i++) {
		const size_t n = strlen(own->ptr[i]);

		if (strncmp(src, own->ptr[i], n) == 0 && src[n] == '/')
			return true;
	}
	return !own;
}

int strip_tree(struct strip *s, const struct tree *in, const struct strs *own, struct tree *out, struct err *err)
{
	out->timed = in->timed;
	out->bytes = in->bytes;
	for (size_t i = 0; i < in->len; i++) {
		struct tree_entry e = in->ptr[i];
		CLEAN_FREE char *stripped = NULL;
		struct stat st;

		if (e.type == TREE_FILE && e.src && is_own(own, e.src) && strip_file(s, &e, &stripped, err) < 0)
			return -1;
		if (stripped) {
			if (stat(stripped, &st) < 0)
				return err_sys(err, "%s", stripped);
			e.src = stripped;
			e.ino = 0;
			e.size = (uint64_t)st.st_size;
		}
		if (tree_add_entry(out, &e, err) < 0)
			return -1;
	}
	return tree_finish(out, err);
}

void strip_end(struct strip *s)
{
	if (s->complaints > STRIP_MAX_WARNINGS)
		strs_addf(&s->sv->res->warnings, "--strip%s%s: the like of %u more files",
			  s->sv->req->narches > 1 ? " for " : "", s->sv->req->narches > 1 ? arch_oci(s->arch) : "",
			  s->complaints - STRIP_MAX_WARNINGS);
	free(s->dir);
}
