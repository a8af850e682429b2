/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "elf/bytes_internal.h"

/*
 * Entries of a PLT have no symbols. Each jumps to what a slot of the GOT holds, and a relocation says what that is; so
 * the code is read, as the order of entries differs between linkers.
 */

#define ENTRY_MAX 24 /* bytes: arm64 with BTI */

struct slot {
	uint64_t addr;
	const char *name;
};
struct slots {
	struct slot *ptr;
	size_t len, cap;
};

static bool is_slot(uint16_t machine, uint32_t type, bool *local)
{
	*local = type == (machine == EM_X86_64 ? R_X86_64_IRELATIVE : R_AARCH64_IRELATIVE);
	if (machine == EM_X86_64)
		return *local || type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
	return *local || type == R_AARCH64_JUMP_SLOT || type == R_AARCH64_GLOB_DAT;
}

/* The symbol that begins at @addr. */
static const char *symbol_at(const struct elf_bytes *b, uint64_t addr)
{
	const struct elf_place *p = elf_bytes_place(b, addr, false);
	const struct elf_span *s = p ? elf_spans_find(&b->priv->symbols, p->offset + (addr - p->addr)) : NULL;

	return s ? s->name : NULL;
}

/* The relocations of a section; @left: how many more are read, so that sections that overlap do not take for ever. */
static void add_slots(const struct elf_bytes *b, const Elf64_Shdr *sh, uint64_t *left, struct slots *slots)
{
	const struct elf_raw *r = &b->priv->main;
	const Elf64_Shdr *syms = sh->sh_link < r->nsh ? &r->sh[sh->sh_link] : &r->sh[0];
	const char *names = NULL;
	const uint64_t len = syms->sh_type == SHT_DYNSYM ? elf_raw_names(r, syms->sh_link, &names) : 0;

	for (uint64_t i = 0; i < sh->sh_size / sizeof(Elf64_Rela) && *left; i++, --*left) {
		const char *name = NULL;
		Elf64_Rela rel;
		Elf64_Sym sym;
		bool local;

		memcpy(&rel, r->map.ptr + sh->sh_offset + i * sizeof(rel), sizeof(rel));
		if (!is_slot(r->eh.e_machine, (uint32_t)ELF64_R_TYPE(rel.r_info), &local))
			continue;
		if (local) {
			name = symbol_at(b, (uint64_t)rel.r_addend);
		} else if (ELF64_R_SYM(rel.r_info) < syms->sh_size / sizeof(sym)) {
			memcpy(&sym, r->map.ptr + syms->sh_offset + ELF64_R_SYM(rel.r_info) * sizeof(sym), sizeof(sym));
			name = sym.st_name < len ? names + sym.st_name : NULL;
		}
		if (name && *name)
			VEC_PUSH(slots, ((struct slot){ rel.r_offset, name }));
	}
}

static int by_addr(const void *va, const void *vb)
{
	const struct slot *a = va, *b = vb;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

/* The slot that an entry at @p jumps by; @n bytes are there. 0: it is none. "endbr64; bnd jmp *slot(%rip)" */
static uint64_t x86_slot(const uint8_t *p, size_t n, uint64_t addr)
{
	size_t at = n >= 4 && memcmp(p, "\xf3\x0f\x1e\xfa", 4) == 0 ? 4 : 0;
	int32_t disp;

	if (at < n && p[at] == 0xf2)
		at++;
	if (n < at + 6 || p[at] != 0xff || p[at + 1] != 0x25)
		return 0;
	memcpy(&disp, p + at + 2, sizeof(disp));
	return addr + at + 6 + (uint64_t)(int64_t)disp;
}

/* "bti c; adrp x16, page; ldr x17, [x16, #off]" */
static uint64_t arm_slot(const uint8_t *p, size_t n, uint64_t addr)
{
	uint32_t adrp, ldr;
	uint64_t page;

	if (n >= 4 && memcmp(p, "\x5f\x24\x03\xd5", 4) == 0) {
		p += 4;
		n -= 4;
		addr += 4;
	}
	if (n < 8)
		return 0;
	memcpy(&adrp, p, 4);
	memcpy(&ldr, p + 4, 4);
	if ((adrp & 0x9f00001f) != 0x90000010 || (ldr & 0xffc003ff) != 0xf9400211)
		return 0;
	page = (adrp >> 5 & 0x7ffff) << 2 | (adrp >> 29 & 3);
	if (page & 0x100000)
		page |= ~UINT64_C(0x1fffff);
	return (addr & ~UINT64_C(0xfff)) + (page << 12) + ((ldr >> 10 & 0xfff) << 3);
}

static void add_entries(struct elf_bytes *b, const Elf64_Shdr *sh, const struct slots *slots, struct elf_spans *out)
{
	const struct elf_raw *r = &b->priv->main;
	const bool x86 = r->eh.e_machine == EM_X86_64;
	const size_t first = out->len;

	for (uint64_t at = 0; at < sh->sh_size; at += x86 ? 8 : 4) {
		const uint8_t *p = r->map.ptr + sh->sh_offset + at;
		struct slot key = { .addr = (x86 ? x86_slot : arm_slot)(p, sh->sh_size - at, sh->sh_addr + at) };
		const struct slot *slot = NULL;
		struct elf_span *last = out->len > first ? &out->ptr[out->len - 1] : NULL;
		uint64_t end = sh->sh_size - at < ENTRY_MAX ? sh->sh_size - at : ENTRY_MAX;

		if (key.addr)
			slot = bsearch(&key, slots->ptr, slots->len, sizeof(key), by_addr);
		/* arm64 with BTI: the entry has begun four bytes before */
		if (!slot || (last && !x86 && last->offset + 4 == sh->sh_offset + at))
			continue;
		if (last && last->end > sh->sh_offset + at)
			last->end = sh->sh_offset + at;
		if (x86 && end > 16)
			end = 16;
		VEC_PUSH(out, ((struct elf_span){
			.offset = sh->sh_offset + at, .end = sh->sh_offset + at + end,
			.name = arena_printf(&b->priv->arena, "%s@plt", slot->name) }));
	}
}

void elf_bytes_plt(struct elf_bytes *b)
{
	const struct elf_raw *r = &b->priv->main;
	struct elf_spans spans = { 0 };
	struct slots slots = { 0 };

	uint64_t left = b->size / sizeof(Elf64_Rela), bytes = b->size;

	if (r->eh.e_machine != EM_X86_64 && r->eh.e_machine != EM_AARCH64)
		return;
	for (size_t i = 1; i < r->nsh; i++)
		if (r->sh[i].sh_type == SHT_RELA && (r->sh[i].sh_flags & SHF_ALLOC))
			add_slots(b, &r->sh[i], &left, &slots);
	if (slots.len)
		qsort(slots.ptr, slots.len, sizeof(*slots.ptr), by_addr);
	for (size_t i = 1; slots.len && i < r->nsh; i++) {
		if (!(r->sh[i].sh_flags & SHF_EXECINSTR) || r->sh[i].sh_size > bytes ||
		    (!starts_with(r->names[i], ".plt") && !starts_with(r->names[i], ".iplt")))
			continue;
		bytes -= r->sh[i].sh_size;
		add_entries(b, &r->sh[i], &slots, &spans);
	}
	if (spans.len) {
		elf_spans_sort(&spans);
		elf_spans_settle(&spans);
		elf_bytes_divide(b, &spans, ELF_FIELD_SYMBOL);
	}
	VEC_FREE(&spans);
	VEC_FREE(&slots);
}
