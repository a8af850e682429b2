/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/elf.h"

#include <endian.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "elf/internal.h"

#define MAX_NEEDED 4096

const char *elf_arch_name(enum elf_arch arch)
{
	switch (arch) {
	case ELF_ARCH_X86_64:
		return "x86_64";
	case ELF_ARCH_ARM64:
		return "arm64";
	default:
		return "unknown";
	}
}

int elf_lib_error(struct err *err, const char *name, const char *what)
{
	int code = elf_errno();

	return err_set(err, ERR_FORMAT, "%s: %s: %s", name, what,
		       code ? elf_errmsg(code) : "malformed");
}

/* Whether [@off, @off + @size) lies inside of @len bytes. */
static bool inside(uint64_t off, uint64_t size, uint64_t len)
{
	return off <= len && size <= len - off;
}

static int table_error(struct err *err, const char *name, const char *what, uint64_t off,
		       uint64_t size, uint64_t len)
{
	return err_set(err, ERR_FORMAT,
		       "%s: %s at offset 0x%" PRIx64 " (%" PRIu64
		       " bytes) reach past the end of the file (%" PRIu64 " bytes)",
		       name, what, off, size, len);
}

/* The number of sections, which is in the first section's header if it is too large for the file's. */
static int count_sections(const Elf64_Ehdr *eh, const char *name, const uint8_t *p, size_t len,
			  uint64_t *n, struct err *err)
{
	Elf64_Shdr first;

	*n = eh->e_shnum;
	if (!eh->e_shoff)
		return 0;
	if (!*n) {
		if (!inside(eh->e_shoff, sizeof(first), len))
			return table_error(err, name, "section headers", eh->e_shoff, sizeof(first),
					   len);
		memcpy(&first, p + eh->e_shoff, sizeof(first));
		*n = first.sh_size;
	}
	if (*n > ELF_MAX_SECTIONS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %" PRIu64 " sections, at most %" PRIu64,
			       name, *n, ELF_MAX_SECTIONS);
	if (*n && eh->e_shentsize != sizeof(Elf64_Shdr))
		return err_set(err, ERR_FORMAT, "%s: section headers of %u bytes, not %zu", name,
			       eh->e_shentsize, sizeof(Elf64_Shdr));
	if (!inside(eh->e_shoff, *n * sizeof(Elf64_Shdr), len))
		return table_error(err, name, "section headers", eh->e_shoff,
				   *n * sizeof(Elf64_Shdr), len);
	return 0;
}

int elf_check_header(struct elf_file *f, const char *name, const uint8_t *p, size_t len,
		     Elf64_Ehdr *ehdr, struct err *err)
{
	uint64_t sections;

	if (!len)
		return err_set(err, ERR_FORMAT, "%s: not an ELF file: it is empty", name);
	if (len < SELFMAG || memcmp(p, ELFMAG, SELFMAG) != 0)
		return err_set(err, ERR_FORMAT, "%s: not an ELF file", name);
	if (len < sizeof(Elf32_Ehdr))
		return err_set(err, ERR_FORMAT, "%s: its ELF header is cut off after %zu bytes", name,
			       len);
	if ((p[EI_CLASS] != ELFCLASS32 && p[EI_CLASS] != ELFCLASS64) ||
	    (p[EI_DATA] != ELFDATA2LSB && p[EI_DATA] != ELFDATA2MSB) || p[EI_VERSION] != EV_CURRENT)
		return err_set(err, ERR_FORMAT,
			       "%s: unknown ELF class, byte order or version (%u, %u, %u)", name,
			       p[EI_CLASS], p[EI_DATA], p[EI_VERSION]);
	f->is_64 = p[EI_CLASS] == ELFCLASS64;
	f->is_little = p[EI_DATA] == ELFDATA2LSB;
	f->osabi = p[EI_OSABI];
	/* e_type and e_machine are at the same place in both classes. */
	memcpy(&f->type, p + offsetof(Elf64_Ehdr, e_type), sizeof(f->type));
	memcpy(&f->machine, p + offsetof(Elf64_Ehdr, e_machine), sizeof(f->machine));
	f->type = f->is_little ? le16toh(f->type) : be16toh(f->type);
	f->machine = f->is_little ? le16toh(f->machine) : be16toh(f->machine);
	if (!f->is_64 || !f->is_little)
		return 0;

	if (len < sizeof(*ehdr))
		return err_set(err, ERR_FORMAT, "%s: its ELF header is cut off after %zu bytes", name,
			       len);
	memcpy(ehdr, p, sizeof(*ehdr));
	f->entry = ehdr->e_entry;
	f->arch = f->machine == EM_X86_64 ? ELF_ARCH_X86_64 :
		  f->machine == EM_AARCH64 ? ELF_ARCH_ARM64 : ELF_ARCH_UNKNOWN;
	if (ehdr->e_phnum > ELF_MAX_SEGMENTS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %u program headers, at most %zu", name,
			       ehdr->e_phnum, ELF_MAX_SEGMENTS);
	if (ehdr->e_phnum && ehdr->e_phentsize != sizeof(Elf64_Phdr))
		return err_set(err, ERR_FORMAT, "%s: program headers of %u bytes, not %zu", name,
			       ehdr->e_phentsize, sizeof(Elf64_Phdr));
	if (ehdr->e_phnum && !inside(ehdr->e_phoff, ehdr->e_phnum * sizeof(Elf64_Phdr), len))
		return table_error(err, name, "program headers", ehdr->e_phoff,
				   ehdr->e_phnum * sizeof(Elf64_Phdr), len);
	return count_sections(ehdr, name, p, len, &sections, err);
}

static int read_interp(struct elf_file *f, const Elf64_Phdr *ph, struct err *err)
{
	const char *s = (const char *)f->priv->map.ptr + ph->p_offset;

	/* as in a debug file, which has none of the bytes */
	f->has_interp = true;
	if (!ph->p_filesz)
		return 0;
	if (ph->p_filesz > sizeof(f->interp) || s[ph->p_filesz - 1])
		return err_set(err, ERR_FORMAT,
			       "%s: the interpreter's name at offset 0x%" PRIx64 " is malformed", f->path,
			       ph->p_offset);
	memcpy(f->interp, s, ph->p_filesz);
	return 0;
}

/* The bytes of the file that are loaded at @addr: their number, from *@off; 0 if there are none. */
static uint64_t loaded_at(const struct elf_file *f, uint64_t addr, uint64_t *off)
{
	for (int i = 0; i < f->priv->ehdr.e_phnum; i++) {
		GElf_Phdr ph;

		if (!gelf_getphdr(f->priv->elf, i, &ph) || ph.p_type != PT_LOAD)
			continue;
		if (addr >= ph.p_vaddr && addr - ph.p_vaddr < ph.p_filesz) {
			*off = ph.p_offset + (addr - ph.p_vaddr);
			return ph.p_filesz - (addr - ph.p_vaddr);
		}
	}
	return 0;
}

static int read_dynamic(struct elf_file *f, const Elf64_Phdr *ph, struct err *err)
{
	uint64_t strtab = 0, off = 0, avail;
	VEC(uint64_t) needed = { 0 };
	Elf_Data *data;
	GElf_Dyn dyn;
	int rc = 0;

	f->has_dynamic = true;
	if (!ph->p_filesz)
		return 0;
	data = elf_getdata_rawchunk(f->priv->elf, (int64_t)ph->p_offset, ph->p_filesz, ELF_T_DYN);
	if (!data)
		return elf_lib_error(err, f->path, "dynamic segment");
	for (int i = 0; i <= MAX_NEEDED && gelf_getdyn(data, i, &dyn) && dyn.d_tag != DT_NULL; i++) {
		if (dyn.d_tag == DT_STRTAB)
			strtab = dyn.d_un.d_ptr;
		else if (dyn.d_tag == DT_NEEDED)
			VEC_PUSH(&needed, dyn.d_un.d_val);
		if (i == MAX_NEEDED)
			rc = err_set(err, ERR_LIMIT,
				     "%s: limit exceeded: dynamic segment of more than %d entries",
				     f->path, MAX_NEEDED);
	}
	avail = needed.len ? loaded_at(f, strtab, &off) : 0;
	for (size_t i = 0; !rc && i < needed.len; i++) {
		const char *s = (const char *)f->priv->map.ptr + off;
		uint64_t at = needed.ptr[i];

		if (at >= avail || !memchr(s + at, '\0', avail - at))
			rc = err_set(err, ERR_FORMAT,
				     "%s: a needed library's name (0x%" PRIx64
				     " in the strings at address 0x%" PRIx64 ") is outside of the file",
				     f->path, at, strtab);
		else
			strs_add(&f->needed, s + at);
	}
	VEC_FREE(&needed);
	return rc;
}

static void read_notes(struct elf_file *f, const Elf64_Phdr *ph)
{
	Elf_Data *data = NULL;
	size_t off = 0, name, desc;
	GElf_Nhdr nh;

	if (ph->p_filesz)
		data = elf_getdata_rawchunk(f->priv->elf, (int64_t)ph->p_offset, ph->p_filesz,
					    ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	while (data && (off = gelf_getnote(data, off, &nh, &name, &desc)) > 0) {
		const uint8_t *p = data->d_buf;

		if (nh.n_type != NT_GNU_BUILD_ID || nh.n_namesz != sizeof(ELF_NOTE_GNU) ||
		    memcmp(p + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) != 0)
			continue;
		f->build_id_len = nh.n_descsz < sizeof(f->build_id) ? nh.n_descsz : sizeof(f->build_id);
		memcpy(f->build_id, p + desc, f->build_id_len);
		return;
	}
}

static int check_segment(struct elf_file *f, int i, const Elf64_Phdr *ph, struct err *err)
{
	if (ph->p_type != PT_NULL && ph->p_type != PT_GNU_STACK && ph->p_filesz &&
	    !inside(ph->p_offset, ph->p_filesz, f->size))
		return err_set(err, ERR_FORMAT,
			       "%s: segment %d at offset 0x%" PRIx64 " (%" PRIu64
			       " bytes) reaches past the end of the file (%" PRIu64 " bytes)",
			       f->path, i, ph->p_offset, ph->p_filesz, f->size);
	return 0;
}

/* All segments are known to lie inside of the file. */
static int read_segment(struct elf_file *f, int i, const Elf64_Phdr *ph, struct err *err)
{
	switch (ph->p_type) {
	case PT_LOAD:
		if (__builtin_add_overflow(f->load_mem_bytes, ph->p_memsz, &f->load_mem_bytes) ||
		    __builtin_add_overflow(f->load_file_bytes, ph->p_filesz, &f->load_file_bytes))
			return err_set(err, ERR_FORMAT, "%s: segment %d: its size overflows", f->path, i);
		if ((ph->p_flags & (PF_W | PF_X)) == (PF_W | PF_X) && !f->text_rwx) {
			f->text_rwx = true;
			f->rwx_addr = ph->p_vaddr;
		}
		return 0;
	case PT_INTERP:
		return read_interp(f, ph, err);
	case PT_DYNAMIC:
		return read_dynamic(f, ph, err);
	case PT_NOTE:
		if (!f->build_id_len)
			read_notes(f, ph);
		return 0;
	case PT_GNU_STACK:
		f->has_gnu_stack = true;
		f->exec_stack = ph->p_flags & PF_X;
		return 0;
	case PT_GNU_RELRO:
		f->has_relro = true;
		return 0;
	default:
		return 0;
	}
}

static int section_at(const struct elf_file *f, size_t i, struct elf_section *s, struct err *err)
{
	Elf_Scn *scn = elf_getscn(f->priv->elf, i);
	const char *name;
	GElf_Shdr sh;

	if (!scn || !gelf_getshdr(scn, &sh))
		return elf_lib_error(err, f->path, "section header");
	name = i ? elf_strptr(f->priv->elf, f->priv->shstrndx, sh.sh_name) : "";
	if (!name)
		return err_set(err, ERR_FORMAT, "%s: section %zu has no name (0x%x in section %zu)",
			       f->path, i, sh.sh_name, f->priv->shstrndx);
	if (i && sh.sh_type != SHT_NOBITS && sh.sh_type != SHT_NULL &&
	    !inside(sh.sh_offset, sh.sh_size, f->size))
		return err_set(err, ERR_FORMAT,
			       "%s: section %s at offset 0x%" PRIx64 " (%" PRIu64
			       " bytes) reaches past the end of the file (%" PRIu64 " bytes)",
			       f->path, name, sh.sh_offset, sh.sh_size, f->size);
	*s = (struct elf_section){ .name = name,
				   .type = sh.sh_type,
				   .flags = sh.sh_flags,
				   .addr = sh.sh_addr,
				   .offset = sh.sh_offset,
				   .size = sh.sh_size,
				   .align = sh.sh_addralign };
	return 0;
}

static int parse(struct elf_file *f, struct err *err)
{
	struct elf_priv *p = f->priv;

	/* elf_memory() takes a char * but only reads: it opens for ELF_C_READ. */
	p->elf = elf_memory((char *)(uintptr_t)p->map.ptr, p->map.len);
	if (!p->elf || elf_kind(p->elf) != ELF_K_ELF || elf_getshdrnum(p->elf, &p->shnum) < 0 ||
	    elf_getshdrstrndx(p->elf, &p->shstrndx) < 0)
		return elf_lib_error(err, f->path, "not a valid ELF file");
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < p->ehdr.e_phnum; i++) {
			GElf_Phdr ph;

			if (!gelf_getphdr(p->elf, i, &ph))
				return elf_lib_error(err, f->path, "program header");
			if ((pass == 0 ? check_segment : read_segment)(f, i, &ph, err) < 0)
				return -1;
		}
	}
	for (size_t i = 1; i < p->shnum; i++) {
		struct elf_section s;

		if (section_at(f, i, &s, err) < 0)
			return -1;
		if (s.type == SHT_SYMTAB)
			f->has_symtab = true;
		if (!(s.flags & SHF_ALLOC) &&
		    (starts_with(s.name, ".debug_") || starts_with(s.name, ".zdebug_")))
			f->has_debug = true;
	}
	return 0;
}

int elf_open(struct elf_file *f, const char *path, struct err *err)
{
	*f = (struct elf_file){ .path = xstrdup(path), .priv = xcalloc(1, sizeof(*f->priv)) };
	elf_version(EV_CURRENT);
	if (fs_map_open(&f->priv->map, path, ELF_MAX_FILE, err) == 0) {
		struct fs_map *m = &f->priv->map;

		f->size = m->len;
		if (elf_check_header(f, path, m->ptr, m->len, &f->priv->ehdr, err) == 0 &&
		    (!f->is_64 || !f->is_little || parse(f, err) == 0))
			return 0;
	}
	elf_close(f);
	return -1;
}

void elf_close(struct elf_file *f)
{
	if (f->priv) {
		elf_end(f->priv->elf);
		fs_map_close(&f->priv->map);
		free(f->priv);
	}
	strs_release(&f->needed);
	free(f->path);
	*f = (struct elf_file){ 0 };
}

int elf_sections(struct elf_file *f, struct elf_sections *out, struct err *err)
{
	for (size_t i = 1; i < f->priv->shnum; i++) {
		struct elf_section s;

		if (section_at(f, i, &s, err) < 0)
			return -1;
		VEC_PUSH(out, s);
	}
	return 0;
}

int elf_read_symbols(Elf *elf, const char *name, uint32_t type, struct elf_symbols *out,
		     struct err *err)
{
	Elf_Scn *scn = NULL;
	Elf_Data *data = NULL;
	GElf_Shdr sh;
	GElf_Sym sym;
	size_t n;

	while ((scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == type)
			break;
	if (!scn)
		return 0;
	data = elf_getdata(scn, NULL);
	if (!data)
		return elf_lib_error(err, name, "symbol table");
	n = data->d_size / sizeof(Elf64_Sym);
	if (n > ELF_MAX_SYMBOLS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %zu symbols, at most %zu", name, n,
			       ELF_MAX_SYMBOLS);
	for (size_t i = 1; i < n && gelf_getsym(data, (int)i, &sym); i++) {
		const char *s = elf_strptr(elf, sh.sh_link, sym.st_name);

		if (!s)
			return err_set(err, ERR_FORMAT,
				       "%s: symbol %zu has no name (0x%x in section %u)", name, i,
				       sym.st_name, sh.sh_link);
		VEC_PUSH(out, ((struct elf_symbol){ .name = s,
						    .value = sym.st_value,
						    .size = sym.st_size,
						    .type = GELF_ST_TYPE(sym.st_info),
						    .bind = GELF_ST_BIND(sym.st_info),
						    .defined = sym.st_shndx != SHN_UNDEF }));
	}
	return 0;
}

int elf_symbols(struct elf_file *f, struct elf_symbols *out, struct err *err)
{
	if (!f->priv->elf)
		return 0;
	return elf_read_symbols(f->priv->elf, f->path, f->has_symtab ? SHT_SYMTAB : SHT_DYNSYM, out,
				err);
}
