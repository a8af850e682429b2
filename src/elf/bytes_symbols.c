/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "elf/bytes_internal.h"

/** A symbol table, inside of its file. */
struct table {
	const struct elf_raw *raw;
	const char *path;
	const uint8_t *syms;
	const char *names;
	uint64_t n, names_len, offset;	/* offset: of the table in the file */
};

static bool find_table(const struct elf_raw *r, const char *path, uint32_t type, struct table *t)
{
	for (size_t i = 1; i < r->nsh; i++) {
		const Elf64_Shdr *sh = &r->sh[i];

		if (sh->sh_type != type || sh->sh_size < 2 * sizeof(Elf64_Sym) || sh->sh_link >= r->nsh)
			continue;
		*t = (struct table){
			.raw = r,
			.path = path,
			.syms = r->map.ptr + sh->sh_offset,
			.n = sh->sh_size / sizeof(Elf64_Sym),
			.offset = sh->sh_offset,
		};
		t->names_len = elf_raw_names(r, sh->sh_link, &t->names);
		return true;
	}
	return false;
}

static uint64_t tls_start(const struct elf_bytes *b)
{
	const struct elf_raw *r = &b->priv->main;

	for (size_t i = 0; i < r->nph; i++)
		if (r->ph[i].p_type == PT_TLS)
			return r->ph[i].p_vaddr;
	return 0;
}

/* Where the symbol's bytes are in the file. false: nowhere, or it has no size and is no code. */
static bool locate(const struct elf_bytes *b, const Elf64_Sym *sym, uint64_t tls, struct elf_span *span)
{
	const struct elf_raw *r = &b->priv->main;
	const bool is_tls = ELF64_ST_TYPE(sym->st_info) == STT_TLS;
	uint64_t addr = sym->st_value, off, rest;
	bool exec;

	if (r->eh.e_type == ET_REL) {
		const Elf64_Shdr *sh = sym->st_shndx < r->nsh ? &r->sh[sym->st_shndx] : NULL;

		if (!sh || addr >= sh->sh_size)
			return false;
		off = sh->sh_offset + addr;
		rest = sh->sh_size - addr;
		exec = sh->sh_flags & SHF_EXECINSTR;
	} else {
		const struct elf_place *p = elf_bytes_place(b, is_tls ? addr + tls : addr, is_tls);

		if (!p)
			return false;
		addr = (is_tls ? addr + tls : addr) - p->addr;
		off = p->offset + addr;
		rest = p->size - addr;
		exec = p->exec;
	}
	if (!sym->st_size && !exec)
		return false;
	span->offset = off;
	/* without a size, up to the end of its section for now */
	span->end = off + (sym->st_size && sym->st_size < rest ? sym->st_size : rest);
	return true;
}

static bool is_wanted(const Elf64_Sym *sym)
{
	const unsigned char type = ELF64_ST_TYPE(sym->st_info);

	if (sym->st_shndx == SHN_UNDEF || (sym->st_shndx >= SHN_LORESERVE && sym->st_shndx != SHN_XINDEX))
		return false;
	/* $x, .Lx and the like are marks in the code of something else */
	if (!sym->st_size && type == STT_NOTYPE && ELF64_ST_BIND(sym->st_info) == STB_LOCAL)
		return false;
	return type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_OBJECT || type == STT_TLS || type == STT_NOTYPE;
}

static uint32_t rank_of(const Elf64_Sym *sym)
{
	const unsigned char bind = ELF64_ST_BIND(sym->st_info);

	return (bind == STB_GLOBAL || bind == STB_GNU_UNIQUE ? 0u : bind == STB_WEAK ? 1u : 2u) +
	       (sym->st_size ? 0u : 3u);
}

static int add_symbols(const struct elf_bytes *b, const struct table *t, struct elf_spans *out, struct err *err)
{
	const uint64_t tls = tls_start(b);
	uint64_t nameless = 0, first = 0;
	Elf64_Sym sym;

	if (t->n > ELF_MAX_SYMBOLS)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %" PRIu64 " symbols, at most %zu", t->path, t->n,
			       ELF_MAX_SYMBOLS);
	for (uint64_t i = 1; i < t->n; i++) {
		struct elf_span span = { .order = (uint32_t)i };

		memcpy(&sym, t->syms + i * sizeof(sym), sizeof(sym));
		if (!is_wanted(&sym) || !locate(b, &sym, tls, &span))
			continue;
		if (sym.st_name >= t->names_len) {
			if (!nameless++)
				first = i;
			continue;
		}
		span.name = t->names + sym.st_name;
		span.rank = rank_of(&sym);
		if (*span.name)
			VEC_PUSH(out, span);
	}
	if (nameless)
		return err_set(err, ERR_FORMAT, "%s: symbol %" PRIu64 " at offset 0x%" PRIx64
			       ": its name is outside of the file's names", t->path, first,
			       t->offset + first * sizeof(sym));
	return 0;
}

/* A function without a size ends where the next symbol begins, and is nothing if its first byte is another's. */
static void end_sizeless(struct elf_spans *spans)
{
	uint64_t at = 0;
	size_t n = 0;

	for (size_t i = 0; i < spans->len; i++) {
		struct elf_span s = spans->ptr[i];

		if (s.rank >= 3) {
			if (s.offset < at)
				continue;
			for (size_t k = i + 1; k < spans->len; k++) {
				if (spans->ptr[k].offset == s.offset)
					continue;
				if (spans->ptr[k].offset < s.end)
					s.end = spans->ptr[k].offset;
				break;
			}
		}
		if (s.end > at)
			at = s.end;
		spans->ptr[n++] = s;
	}
	spans->len = n;
}

int elf_bytes_symbols(struct elf_bytes *b, const char *debug, struct err *err)
{
	struct elf_bytes_priv *p = b->priv;
	struct table t = { .n = 0 };
	struct err inner;
	int rc = 0;
	bool found;

	found = find_table(&p->main, p->path, SHT_SYMTAB, &t);
	if (!found && debug) {
		rc = elf_raw_read(&p->debug, debug, err);
		found = find_table(&p->debug, debug, SHT_SYMTAB, &t);
	}
	if (!found)
		found = find_table(&p->main, p->path, SHT_DYNSYM, &t);
	if (found && add_symbols(b, &t, &p->symbols, &inner) < 0 && rc == 0) {
		*err = inner;
		rc = -1;
	}
	elf_spans_sort(&p->symbols);
	end_sizeless(&p->symbols);
	elf_spans_settle(&p->symbols);
	elf_bytes_divide(b, &p->symbols, ELF_FIELD_SYMBOL);
	elf_bytes_plt(b);
	if (!p->symbols.len && rc == 0)
		rc = err_set(err, ERR_NOTFOUND, "%s: has no symbols%s", p->path,
			     debug ? ", nor has its debug file" : ", and no debug file is there");
	return rc;
}
