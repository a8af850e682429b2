/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "elf/elf.h"
#include "elf/image.h"
#include "elf/internal.h"

/*
 * The two files are put together by hand: libelf writes whole files anew and in its own layout, where
 * here all that is loaded must stay byte for byte where it is, and a hello must not cost a millisecond.
 */

struct split {
	struct elf_file f;
	Elf64_Shdr *sh; /* shnum of them, as in the input */
	const char **names;
	size_t shnum;
};

static void split_release(struct split *s)
{
	free(s->sh);
	free(s->names);
	elf_close(&s->f);
}

static int split_open(struct split *s, const char *in, struct err *err)
{
	const struct elf_priv *p;

	if (elf_open(&s->f, in, err) < 0)
		return -1;
	p = s->f.priv;
	if (!p->elf)
		return err_set(err, ERR_FORMAT, "%s: is not a 64-bit little-endian ELF file", in);
	if ((s->f.type != ET_EXEC && s->f.type != ET_DYN) || !p->ehdr.e_phnum)
		return err_set(err, ERR_FORMAT, "%s: is not a linked program", in);
	/* Past that number they are counted elsewhere, which no linker does for a program. */
	if (p->shnum >= SHN_LORESERVE || p->shstrndx >= SHN_LORESERVE)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu sections, at most %d", in,
			       p->shnum, SHN_LORESERVE - 1);
	s->shnum = p->shnum;
	s->sh = xcalloc(s->shnum + 1, sizeof(*s->sh));
	s->names = xcalloc(s->shnum + 1, sizeof(*s->names));
	for (size_t i = 1; i < s->shnum; i++) {
		if (!gelf_getshdr(elf_getscn(p->elf, i), &s->sh[i]))
			return elf_lib_error(err, in, "section header");
		s->names[i] = elf_strptr(p->elf, p->shstrndx, s->sh[i].sh_name);
		if (!s->names[i])
			return elf_lib_error(err, in, "section name");
	}
	return 0;
}

static bool has_bytes(const Elf64_Shdr *sh)
{
	return sh->sh_type != SHT_NOBITS && sh->sh_type != SHT_NULL;
}

/* What a debug file keeps with its bytes: all that is not loaded, and notes, for the build-id. */
static bool is_for_debug(const Elf64_Shdr *sh)
{
	return has_bytes(sh) && (!(sh->sh_flags & SHF_ALLOC) || sh->sh_type == SHT_NOTE);
}

/* In the debug file no segment has bytes, but for the file's own headers and whole notes. */
static void debug_segment(const struct split *s, const Elf64_Shdr *moved, Elf64_Phdr *ph)
{
	uint64_t headers = sizeof(Elf64_Ehdr) + s->f.priv->ehdr.e_phnum * sizeof(*ph);
	uint64_t end = ph->p_offset + ph->p_filesz;

	if (ph->p_type == PT_PHDR) {
		ph->p_offset = sizeof(Elf64_Ehdr);
		return;
	}
	if (ph->p_type == PT_LOAD && ph->p_offset == 0 && ph->p_filesz >= headers) {
		ph->p_filesz = headers;
		return;
	}
	for (size_t i = 1; ph->p_type == PT_NOTE && i < s->shnum; i++) {
		const Elf64_Shdr *from = &s->sh[i];

		if (from->sh_type == SHT_NOTE && from->sh_offset == ph->p_offset &&
		    from->sh_offset + from->sh_size <= end) {
			/* Notes that follow each other in the input do so here: see debug_file(). */
			for (; i < s->shnum && s->sh[i].sh_type == SHT_NOTE &&
			       s->sh[i].sh_offset + s->sh[i].sh_size <= end &&
			       s->sh[i].sh_offset - ph->p_offset ==
				       moved[i].sh_offset - (moved + (from - s->sh))->sh_offset;
			     i++)
				ph->p_filesz = s->sh[i].sh_offset + s->sh[i].sh_size - ph->p_offset;
			ph->p_offset = moved[from - s->sh].sh_offset;
			return;
		}
	}
	ph->p_offset = ph->p_align > 1 ? ph->p_vaddr & (ph->p_align - 1) : 0;
	ph->p_filesz = 0;
}

/* Headers of the debug file: @ehdr, @ph and @sh are the caller's, who writes them. */
static int debug_file(const struct split *s, struct elf_image *img, Elf64_Ehdr *ehdr, Elf64_Phdr *ph,
		      Elf64_Shdr *sh, struct err *err)
{
	const uint8_t *base = s->f.priv->map.ptr;
	uint64_t copied = 0;

	*ehdr = s->f.priv->ehdr;
	elf_image_add(img, ehdr, sizeof(*ehdr));
	elf_image_add(img, ph, ehdr->e_phnum * sizeof(*ph));
	for (size_t i = 1; i < s->shnum; i++) {
		uint64_t align = s->sh[i].sh_addralign;

		sh[i] = s->sh[i];
		if (!is_for_debug(&sh[i])) {
			if (sh[i].sh_type != SHT_NULL)
				sh[i].sh_type = SHT_NOBITS;
			sh[i].sh_offset = img->len;
			continue;
		}
		/* Honest sections do not overlap; hostile ones would make files of any size. */
		copied += sh[i].sh_size;
		if (copied > s->f.size)
			return err_set(err, ERR_FORMAT, "%s: its sections overlap at %s (offset 0x%" PRIx64 ")",
				       s->f.path, s->names[i], s->sh[i].sh_offset);
		if (sh[i].sh_flags & SHF_ALLOC)
			elf_image_align(img, 16, sh[i].sh_offset);
		else if (align > 1 && align <= 64 && !(align & (align - 1)))
			elf_image_align(img, align, 0);
		sh[i].sh_offset = img->len;
		elf_image_add(img, base + s->sh[i].sh_offset, sh[i].sh_size);
	}
	for (int i = 0; i < ehdr->e_phnum; i++) {
		if (!gelf_getphdr(s->f.priv->elf, i, &ph[i]))
			return elf_lib_error(err, s->f.path, "program header");
		debug_segment(s, sh, &ph[i]);
	}
	ehdr->e_phoff = ehdr->e_phnum ? sizeof(*ehdr) : 0;
	if (s->shnum) {
		elf_image_align(img, 8, 0);
		ehdr->e_shoff = img->len;
		elf_image_add(img, sh, s->shnum * sizeof(*sh));
	}
	return 0;
}

/* The end of all bytes that are loaded or needed for it. */
static int kept_bytes(const struct split *s, uint64_t *kept, struct err *err)
{
	const Elf64_Ehdr *ehdr = &s->f.priv->ehdr;
	uint64_t end = sizeof(*ehdr);

	if (ehdr->e_phnum && end < ehdr->e_phoff + ehdr->e_phnum * sizeof(Elf64_Phdr))
		end = ehdr->e_phoff + ehdr->e_phnum * sizeof(Elf64_Phdr);
	for (int i = 0; i < ehdr->e_phnum; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(s->f.priv->elf, i, &ph))
			return elf_lib_error(err, s->f.path, "program header");
		if (ph.p_type != PT_NULL && ph.p_type != PT_GNU_STACK && ph.p_filesz &&
		    end < ph.p_offset + ph.p_filesz)
			end = ph.p_offset + ph.p_filesz;
	}
	for (size_t i = 1; i < s->shnum; i++)
		if ((s->sh[i].sh_flags & SHF_ALLOC) && has_bytes(&s->sh[i]) &&
		    end < s->sh[i].sh_offset + s->sh[i].sh_size)
			end = s->sh[i].sh_offset + s->sh[i].sh_size;
	*kept = end;
	return 0;
}

struct name {
	const char *s;
	size_t len;
	Elf64_Word *off; /* where its place in the table goes */
};

/* From the last byte to the first, downwards: a name comes right after those that end in it. */
static int by_tail(const void *va, const void *vb)
{
	const struct name *a = va, *b = vb;
	size_t n = a->len < b->len ? a->len : b->len;

	for (size_t i = 1; i <= n; i++)
		if (a->s[a->len - i] != b->s[b->len - i])
			return (unsigned char)b->s[b->len - i] - (unsigned char)a->s[a->len - i];
	return a->len == b->len ? 0 : a->len < b->len ? 1 : -1;
}

/* A string table in which .plt is the end of .rela.plt, as linkers make it. */
static void merge_names(struct name *names, size_t n, struct buf *table)
{
	const struct name *prev = NULL;

	qsort(names, n, sizeof(*names), by_tail);
	buf_addc(table, '\0');
	for (size_t i = 0; i < n; i++) {
		struct name *name = &names[i];

		if (prev && prev->len >= name->len &&
		    memcmp(prev->s + prev->len - name->len, name->s, name->len) == 0) {
			*name->off = *prev->off + (Elf64_Word)(prev->len - name->len);
		} else {
			*name->off = (Elf64_Word)table->len;
			buf_add(table, name->s, name->len + 1);
		}
		prev = name;
	}
}

/* Section headers of the stripped file; @sh has room for all of the input's and two more. */
static uint16_t kept_sections(const struct split *s, Elf64_Shdr *sh, const char **names)
{
	uint16_t *moved = xcalloc(s->shnum + 1, sizeof(*moved));
	uint16_t n = 1;

	for (size_t i = 1; i < s->shnum; i++) {
		if (!(s->sh[i].sh_flags & SHF_ALLOC))
			continue;
		moved[i] = n;
		names[n] = s->names[i];
		sh[n++] = s->sh[i];
	}
	for (size_t i = 1; i < n; i++) {
		bool info = (sh[i].sh_flags & SHF_INFO_LINK) || sh[i].sh_type == SHT_REL ||
			    sh[i].sh_type == SHT_RELA;

		sh[i].sh_link = sh[i].sh_link < s->shnum ? moved[sh[i].sh_link] : 0;
		if (info)
			sh[i].sh_info = sh[i].sh_info < s->shnum ? moved[sh[i].sh_info] : 0;
	}
	free(moved);
	return n;
}

/* @link: the contents of .gnu_debuglink, or empty for none. */
static int write_stripped(const struct split *s, const struct buf *link, struct fs_tmp *t,
			  struct err *err)
{
	CLEAN_FREE Elf64_Shdr *sh = xcalloc(s->shnum + 3, sizeof(*sh));
	CLEAN_FREE const char **names = xcalloc(s->shnum + 3, sizeof(*names));
	CLEAN_FREE struct name *sorted = xcalloc(s->shnum + 3, sizeof(*sorted));
	CLEAN_BUF struct buf table = BUF_INIT;
	CLEAN_IMAGE struct elf_image img = { 0 };
	Elf64_Ehdr ehdr = s->f.priv->ehdr;
	uint64_t kept = 0;
	uint16_t n = kept_sections(s, sh, names);

	if (kept_bytes(s, &kept, err) < 0)
		return -1;
	elf_image_add(&img, &ehdr, sizeof(ehdr));
	elf_image_add(&img, s->f.priv->map.ptr + sizeof(ehdr), kept - sizeof(ehdr));
	if (link->len) {
		elf_image_align(&img, 4, 0);
		names[n] = ".gnu_debuglink";
		sh[n++] = (Elf64_Shdr){ .sh_type = SHT_PROGBITS,
					.sh_offset = img.len,
					.sh_size = link->len,
					.sh_addralign = 4 };
		elf_image_add(&img, link->ptr, link->len);
	}
	names[n] = ".shstrtab";
	sh[n] = (Elf64_Shdr){ .sh_type = SHT_STRTAB, .sh_offset = img.len, .sh_addralign = 1 };
	for (uint16_t i = 1; i <= n; i++)
		sorted[i - 1] = (struct name){ names[i], strlen(names[i]), &sh[i].sh_name };
	merge_names(sorted, n, &table);
	sh[n++].sh_size = table.len;
	elf_image_add(&img, table.ptr, table.len);
	elf_image_align(&img, 8, 0);
	ehdr.e_shoff = img.len;
	ehdr.e_shentsize = sizeof(*sh);
	ehdr.e_shnum = n;
	ehdr.e_shstrndx = (uint16_t)(n - 1);
	elf_image_add(&img, sh, n * sizeof(*sh));
	return elf_image_write(&img, t, err);
}

/* The file's name, zeros to a multiple of four, the CRC of its bytes (GDB manual, "Separate Debug Files"). */
static void debug_link(struct buf *link, const char *path, uint32_t crc)
{
	const char *name = path_basename(path);

	buf_add(link, name, strlen(name) + 1);
	while (link->len % 4)
		buf_addc(link, '\0');
	buf_add(link, &crc, sizeof(crc));
}

static int write_debug(const struct split *s, struct fs_tmp *t, struct buf *link, struct err *err)
{
	CLEAN_FREE Elf64_Shdr *sh = xcalloc(s->shnum + 1, sizeof(*sh));
	CLEAN_FREE Elf64_Phdr *ph = xcalloc(s->f.priv->ehdr.e_phnum + 1u, sizeof(*ph));
	CLEAN_IMAGE struct elf_image img = { 0 };
	Elf64_Ehdr ehdr;

	if (debug_file(s, &img, &ehdr, ph, sh, err) < 0)
		return -1;
	debug_link(link, t->path, elf_image_crc32(&img));
	return elf_image_write(&img, t, err);
}

int elf_split_debug(const char *in, const char *out, const char *debug, struct err *err)
{
	CLEANUP(split_release) struct split s = { 0 };
	CLEAN_TMP struct fs_tmp to = FS_TMP_INIT, dbg = FS_TMP_INIT;
	CLEAN_BUF struct buf link = BUF_INIT;

	if (split_open(&s, in, err) < 0)
		return -1;
	if (debug && (fs_tmp_open(&dbg, debug, 0644, err) < 0 || write_debug(&s, &dbg, &link, err) < 0))
		return -1;
	if (fs_tmp_open(&to, out, 0755, err) < 0 || write_stripped(&s, &link, &to, err) < 0)
		return -1;
	/* Both are made anew by the next build if the power fails: an fsync would cost more than all else. */
	if (debug && fs_tmp_commit(&dbg, false, err) < 0)
		return -1;
	return fs_tmp_commit(&to, false, err);
}
