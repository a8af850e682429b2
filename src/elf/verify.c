/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "elf/elf.h"
#include "elf/internal.h"

#define MAX_SHOWN 120 /* bytes of a string that a message quotes */

struct verdict {
	struct buf what;
	char hint[256]; /* of the first violation */
};

/* Adds a violation; the first one's hint is the one shown. */
static void violates(struct verdict *v, const char *hint, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void violates(struct verdict *v, const char *hint, const char *fmt, ...)
{
	va_list ap;

	if (v->what.len)
		buf_addz(&v->what, "; ");
	else
		snprintf(v->hint, sizeof(v->hint), "%s", hint);
	va_start(ap, fmt);
	buf_vaddf(&v->what, fmt, ap);
	va_end(ap);
}

static const char *machine_name(uint16_t machine)
{
	switch (machine) {
	case EM_386:
		return "i386";
	case EM_X86_64:
		return "x86_64";
	case EM_ARM:
		return "arm";
	case EM_AARCH64:
		return "arm64";
	case EM_RISCV:
		return "riscv";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390";
	case EM_BPF:
		return "bpf";
	default:
		return NULL;
	}
}

static void check_machine(struct verdict *v, const struct elf_file *f, enum elf_arch want)
{
	const char *is = machine_name(f->machine), *should = elf_arch_name(want);
	char number[32], hint[256];

	if (f->arch == want)
		return;
	if (!is) {
		snprintf(number, sizeof(number), "ELF machine %u", f->machine);
		is = number;
	}
	snprintf(hint, sizeof(hint),
		 "the compiler or its --target is not for %s: check the toolchain", should);
	violates(v, hint, "is %s%s%s, not %s", f->is_little ? "" : "big-endian ", f->is_64 ? "" : "32-bit ",
		 is, should);
}

static void check_kind(struct verdict *v, const struct elf_file *f, bool allow_shared)
{
	/* Static glibc marks its IFUNCs with ELFOSABI_GNU; Linux itself does not look. */
	if (f->osabi != ELFOSABI_NONE && f->osabi != ELFOSABI_GNU)
		violates(v, "the toolchain's target is another system: give it --target=<arch>-linux-musl",
			 "is for another system than Linux (OS ABI %u)", f->osabi);
	if (f->type == ET_REL)
		violates(v, "-c or -r is among the link flags", "is an object file, not a linked program");
	else if (f->type != ET_EXEC && f->type != ET_DYN)
		violates(v, "the build command wrote something else to $SLSC_OUT",
			 "is not a program (ELF type %u)", f->type);
	else if (!f->entry && !(allow_shared && f->type == ET_DYN))
		violates(v, "-shared is among the link flags, or crt1.o is missing",
			 "has no entry point, as a shared library");
	else if (!f->load_mem_bytes)
		violates(v, "the build command wrote something else to $SLSC_OUT",
			 "has no segment that is loaded");
}

/* libc's own, which -static brings in or leaves out as a whole. */
static bool is_libc(const char *lib)
{
	static const char *const own[] = { "libc.", "libm.so", "libpthread.so", "libdl.so", "librt.so",
					   "ld-linux", "ld-musl", "libgcc_s.so" };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (starts_with(lib, own[i]))
			return true;
	return false;
}

static void check_dynamic(struct verdict *v, const struct elf_file *f)
{
	CLEAN_BUF struct buf list = BUF_INIT;
	const char *culprit = NULL;
	char hint[256];

	for (size_t i = 0; i < f->needed.len; i++) {
		const char *lib = f->needed.ptr[i];

		buf_addf(&list, "%s%s", list.len ? ", " : "", lib);
		if (!culprit && !is_libc(lib))
			culprit = lib;
	}
	if (culprit)
		snprintf(hint, sizeof(hint),
			 "link the static archive of %.100s with -static, or drop it from libs", culprit);
	else if (strstr(f->interp, "musl"))
		snprintf(hint, sizeof(hint),
			 "the linker ignored -static (musl-gcc -static-pie does), or it is missing "
			 "from the link flags");
	else if (f->has_interp)
		snprintf(hint, sizeof(hint),
			 "-static is missing from the link flags, or glibc was linked instead of musl "
			 "(--sysroot or a -gnu target does that)");
	else
		snprintf(hint, sizeof(hint),
			 "-static is missing from the link flags, or -shared is among them");
	if (f->has_interp)
		violates(v, hint, "has an interpreter %s", f->interp);
	if (f->needed.len)
		violates(v, hint, "needs shared librar%s %s", f->needed.len > 1 ? "ies" : "y", list.ptr);
}

static void check_segments(struct verdict *v, const struct elf_file *f)
{
	if (f->text_rwx)
		violates(v,
			 "-Wl,-N (--omagic) or a linker script puts code and data into one segment, "
			 "or an object has a section that is both",
			 "has a segment both writable and executable at address 0x%" PRIx64, f->rwx_addr);
	/*
	 * Without PT_GNU_STACK, Linux before 5.8 maps all readable memory of a process executable
	 * (READ_IMPLIES_EXEC), on x86_64 and arm64 alike; since 5.8 it does so on neither. glibc on
	 * x86_64 makes the stacks of threads executable still. Where the program will run is not
	 * known here, so a missing header counts on both.
	 */
	if (f->exec_stack)
		violates(v,
			 "-z execstack, a nested function whose address is taken, or an assembly file "
			 "without .note.GNU-stack: add -Wl,-z,noexecstack",
			 "has an executable stack");
	else if (!f->has_gnu_stack && f->type != ET_REL)
		violates(v, "add -Wl,-z,noexecstack to the link flags",
			 "has no PT_GNU_STACK header, so that its stack may be executable");
}

static void check_stripped(struct verdict *v, const struct elf_file *f)
{
	if (!f->has_symtab && !f->has_debug)
		return;
	violates(v, "add -s to the link flags, or run strip on it", "is not stripped: it has %s%s%s",
		 f->has_symtab ? "a symbol table" : "", f->has_symtab && f->has_debug ? " and " : "",
		 f->has_debug ? "debug sections" : "");
}

static bool is_path_char(uint8_t c)
{
	return isalnum(c) || (c && strchr("._-+~@%", c)) || c >= 0x80;
}

/* Where the section that holds @p begins: the build-id's bytes, right before the strings, may look like a path. */
static const uint8_t *section_start(struct elf_file *f, const uint8_t *p)
{
	const uint8_t *map = f->priv->map.ptr, *start = map;
	uint64_t off = (uint64_t)(p - map);
	struct elf_sections all = { 0 };
	struct err ignored;

	if (elf_sections(f, &all, &ignored) == 0)
		VEC_EACH(&all, s)
			if (s->type != SHT_NOBITS && off >= s->offset && off - s->offset < s->size)
				start = map + s->offset;
	VEC_FREE(&all);
	return start;
}

/* The length of the bad prefix that stands at @p as a path of its own, or 0. */
static size_t bad_path_at(struct elf_file *f, const uint8_t *p, const char *const *bad)
{
	const uint8_t *start = f->priv->map.ptr, *end = start + f->priv->map.len;

	for (; *bad; bad++) {
		size_t n = strlen(*bad);
		const uint8_t *q = p;

		while (n > 1 && (*bad)[n - 1] == '/')
			n--;
		if (!memchr(*bad + 1, '/', n > 1 ? n - 1 : 0) || (size_t)(end - p) < n ||
		    memcmp(p, *bad, n) != 0)
			continue;
		/* /home/me/app is not in /home/me/apple ... */
		if (p + n < end && is_path_char(p[n]))
			continue;
		/* ... nor in /srv/home/me/app, but it is in -I/home/me/app. */
		while (q > start && is_path_char(q[-1]))
			q--;
		if (q > start && q < p && q[-1] == '/' && q > section_start(f, p))
			continue;
		return n;
	}
	return 0;
}

static const char *section_of(struct elf_file *f, uint64_t off)
{
	struct elf_sections all = { 0 };
	const char *name = NULL;
	struct err ignored;

	if (elf_sections(f, &all, &ignored) == 0)
		VEC_EACH(&all, s)
			if (s->type != SHT_NOBITS && off >= s->offset && off - s->offset < s->size)
				name = s->name;
	VEC_FREE(&all);
	return name;
}

static void check_paths(struct verdict *v, struct elf_file *f, const char *const *bad)
{
	const uint8_t *start = f->priv->map.ptr, *end = start + f->priv->map.len;
	const uint8_t *first = NULL, *from, *to;
	const char *section;
	size_t hits = 0;
	char more[48] = "";

	for (const uint8_t *p = start; (p = memchr(p, '/', (size_t)(end - p))); p++) {
		size_t n = bad_path_at(f, p, bad);

		if (n && !hits++)
			first = p;
		if (n)
			p += n - 1;
	}
	if (!hits)
		return;
	/* What comes before may be no text at all: only ASCII is taken for a part of the string. */
	for (from = first; from > section_start(f, first) && first - from < MAX_SHOWN / 2 && from[-1] >= ' ' &&
			   from[-1] < 0x7f;
	     from--)
		;
	for (to = first; to < end && to - from < MAX_SHOWN && *to >= ' ' && *to != 0x7f; to++)
		;
	section = section_of(f, (uint64_t)(first - start));
	if (hits > 1)
		snprintf(more, sizeof(more), " and %zu more", hits - 1);
	violates(v,
		 "-ffile-prefix-map is missing from the compile flags of what was linked, "
		 "or a path is in a -D define",
		 "holds the build path '%.*s'%s in %s at file offset 0x%" PRIx64 "%s", (int)(to - from),
		 (const char *)from, to < end && *to >= ' ' && *to != 0x7f ? "..." : "",
		 section ? section : "no section", (uint64_t)(first - start), more);
}

int elf_verify(const char *path, const struct elf_rules *rules, struct err *err)
{
	CLEAN_ELF struct elf_file f = { 0 };
	struct verdict v = { .what = BUF_INIT };
	int rc = 0;

	if (elf_open(&f, path, err) < 0)
		return -1;
	check_machine(&v, &f, rules->arch);
	if (f.priv->elf) {
		check_kind(&v, &f, rules->allow_shared);
		if (!rules->allow_dynamic)
			check_dynamic(&v, &f);
		check_segments(&v, &f);
		if (!rules->allow_symbols)
			check_stripped(&v, &f);
		if (rules->bad_paths)
			check_paths(&v, &f, rules->bad_paths);
	}
	if (v.what.len) {
		rc = err_set(err, ERR_VERIFY, "%s: %s", path, v.what.ptr);
		err_hint(err, "%s", v.hint);
	}
	buf_release(&v.what);
	return rc;
}
