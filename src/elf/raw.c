/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "elf/bytes_internal.h"

/* A table of @n times @size bytes, copied as far as it is inside of the file. */
static void *table(const struct fs_map *m, uint64_t off, size_t size, size_t *n)
{
	void *p;

	if (off > m->len)
		*n = 0;
	else if (*n > (m->len - off) / size)
		*n = (m->len - off) / size;
	if (!*n)
		return NULL;
	p = xmalloc(*n * size);
	memcpy(p, m->ptr + off, *n * size);
	return p;
}

static void clip(uint64_t *off, uint64_t *size, uint64_t len)
{
	if (*off > len)
		*off = len;
	if (*size > len - *off)
		*size = len - *off;
}

uint64_t elf_raw_names(const struct elf_raw *r, size_t index, const char **base)
{
	uint64_t len;

	if (index >= r->nsh)
		return 0;
	*base = (const char *)r->map.ptr + r->sh[index].sh_offset;
	for (len = r->sh[index].sh_size; len && (*base)[len - 1]; len--)
		;
	return len;
}

static void read_sections(struct elf_raw *r)
{
	size_t index = r->eh.e_shstrndx;
	const char *names = NULL;
	uint64_t len;

	r->nsh = r->eh.e_shnum;
	if (r->eh.e_shoff && !r->nsh) {
		size_t one = 1;
		Elf64_Shdr *first = table(&r->map, r->eh.e_shoff, sizeof(*first), &one);

		r->nsh = first ? (first->sh_size < ELF_MAX_SECTIONS ? first->sh_size : ELF_MAX_SECTIONS) : 0;
		free(first);
	}
	if (!r->eh.e_shoff || r->eh.e_shentsize != sizeof(*r->sh))
		r->nsh = 0;
	r->sh = table(&r->map, r->eh.e_shoff, sizeof(*r->sh), &r->nsh);
	r->names = xcalloc(r->nsh + 1, sizeof(*r->names));
	for (size_t i = 0; i < r->nsh; i++) {
		if (r->sh[i].sh_type == SHT_NULL || r->sh[i].sh_type == SHT_NOBITS)
			r->sh[i].sh_size = 0;
		clip(&r->sh[i].sh_offset, &r->sh[i].sh_size, r->map.len);
		r->names[i] = "";
	}
	if (index == SHN_XINDEX && r->nsh)
		index = r->sh[0].sh_link;
	len = elf_raw_names(r, index, &names);
	for (size_t i = 0; i < r->nsh; i++)
		if (r->sh[i].sh_name < len)
			r->names[i] = names + r->sh[i].sh_name;
}

int elf_raw_read(struct elf_raw *r, const char *path, struct err *err)
{
	CLEAN_ELF struct elf_file f = { .path = NULL };
	int rc;

	*r = (struct elf_raw){ .nph = 0 };
	if (fs_map_open(&r->map, path, ELF_MAX_FILE, err) < 0)
		return -1;
	rc = elf_open(&f, path, err);
	if (rc == 0 && !f.priv->elf)
		return err_set(err, ERR_FORMAT, "%s: is not a 64-bit little-endian ELF file", path);
	if (rc < 0 && err->code != ERR_FORMAT && err->code != ERR_LIMIT)
		return -1;
	/* Whatever is wrong with it: what its header leads to is there. */
	if (r->map.len < sizeof(r->eh) || memcmp(r->map.ptr, ELFMAG, SELFMAG) != 0 ||
	    r->map.ptr[EI_CLASS] != ELFCLASS64 || r->map.ptr[EI_DATA] != ELFDATA2LSB)
		return rc;
	memcpy(&r->eh, r->map.ptr, sizeof(r->eh));
	r->nph = r->eh.e_phentsize == sizeof(*r->ph) ? r->eh.e_phnum : 0;
	if (r->nph > ELF_MAX_SEGMENTS)
		r->nph = ELF_MAX_SEGMENTS;
	r->ph = table(&r->map, r->eh.e_phoff, sizeof(*r->ph), &r->nph);
	for (size_t i = 0; i < r->nph; i++)
		clip(&r->ph[i].p_offset, &r->ph[i].p_filesz, r->map.len);
	read_sections(r);
	return rc;
}

void elf_raw_release(struct elf_raw *r)
{
	free(r->ph);
	free(r->sh);
	free(r->names);
	fs_map_close(&r->map);
	*r = (struct elf_raw){ .nph = 0 };
}
