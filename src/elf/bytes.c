/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/bytes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "elf/bytes_internal.h"

/* ---- spans ---- */

static int by_offset(const void *va, const void *vb)
{
	const struct elf_span *a = va, *b = vb;

	if (a->offset != b->offset)
		return a->offset < b->offset ? -1 : 1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void elf_spans_sort(struct elf_spans *spans)
{
	if (spans->len)
		qsort(spans->ptr, spans->len, sizeof(*spans->ptr), by_offset);
}

const struct elf_span *elf_spans_find(const struct elf_spans *spans, uint64_t offset)
{
	size_t lo = 0, hi = spans->len;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (spans->ptr[mid].offset < offset)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < spans->len && spans->ptr[lo].offset == offset ? &spans->ptr[lo] : NULL;
}

void elf_spans_settle(struct elf_spans *spans)
{
	uint64_t at = 0;
	size_t n = 0;

	for (size_t i = 0; i < spans->len; i++) {
		struct elf_span s = spans->ptr[i];

		if (s.offset < at)
			s.offset = at;
		if (s.offset >= s.end)
			continue;
		at = s.end;
		spans->ptr[n++] = s;
	}
	spans->len = n;
}

/* ---- pieces ---- */

/* What belongs to the same thing as the piece before it makes that longer. */
static void push(struct elf_bytes *b, struct elf_piece p, uint64_t from, uint64_t end)
{
	struct elf_piece *last = b->len ? &b->ptr[b->len - 1] : NULL;

	if (from >= end)
		return;
	if (last && last->kind == p.kind && last->section == p.section && last->symbol == p.symbol &&
	    last->unit == p.unit && last->object == p.object) {
		last->size += end - from;
		return;
	}
	p.offset = from;
	p.size = end - from;
	VEC_PUSH(b, p);
}

static const char **field_of(struct elf_piece *p, enum elf_piece_field field)
{
	return field == ELF_FIELD_SYMBOL ? &p->symbol : field == ELF_FIELD_UNIT ? &p->unit : &p->object;
}

void elf_bytes_divide(struct elf_bytes *b, const struct elf_spans *spans, enum elf_piece_field field)
{
	struct elf_bytes out = { .size = b->size, .priv = b->priv };
	size_t next = 0;

	out.cap = b->len + spans->len + 8;
	out.ptr = xcalloc(out.cap, sizeof(*out.ptr));
	VEC_EACH(b, p) {
		const uint64_t end = p->offset + p->size;
		uint64_t at = p->offset;

		while (next < spans->len && spans->ptr[next].end <= at)
			next++;
		for (size_t i = next; i < spans->len && spans->ptr[i].offset < end; i++) {
			const struct elf_span *s = &spans->ptr[i];
			const uint64_t from = s->offset > at ? s->offset : at, to = s->end < end ? s->end : end;
			struct elf_piece named = *p;

			if (p->kind == ELF_PIECE_SECTION && !*field_of(&named, field))
				*field_of(&named, field) = s->name;
			push(&out, *p, at, from);
			push(&out, named, from, to);
			at = to;
		}
		push(&out, *p, at, end);
	}
	free(b->ptr);
	*b = out;
}

/* ---- headers and sections ---- */

/*
 * What lies between sections is there for their alignment: zeros, and ld.lld fills the last page of code with the same
 * trap of one or four bytes.
 */
static void push_gap(struct elf_bytes *b, uint64_t from, uint64_t end)
{
	const uint8_t *p = b->priv->main.map.ptr;
	const uint64_t first = (from + 3) & ~UINT64_C(3);
	struct elf_piece gap = { .kind = ELF_PIECE_GAP, .section = "[padding]" };

	for (uint64_t i = from; i < first && i < end; i++)
		if (p[i] && p[i] != 0xcc)
			gap.section = "[no section]";
	if (end > first && end - first > 4 && memcmp(p + first, p + first + 4, end - first - 4) != 0)
		gap.section = "[no section]";
	push(b, gap, from, end);
}

/* The bytes from @from to @end, which no header has. */
static void push_sections(struct elf_bytes *b, const struct elf_spans *sections, size_t *next, uint64_t from,
			  uint64_t end)
{
	while (*next < sections->len && sections->ptr[*next].end <= from)
		++*next;
	for (size_t i = *next; i < sections->len && sections->ptr[i].offset < end; i++) {
		const struct elf_span *s = &sections->ptr[i];
		const uint64_t start = s->offset > from ? s->offset : from, to = s->end < end ? s->end : end;

		push_gap(b, from, start);
		push(b, (struct elf_piece){ .kind = ELF_PIECE_SECTION, .section = s->name }, start, to);
		from = to;
	}
	push_gap(b, from, end);
}

static void add_header(struct elf_spans *headers, uint64_t off, uint64_t size, const char *name)
{
	const struct elf_span s = { .offset = off, .end = off + size, .order = (uint32_t)headers->len, .name = name };

	if (size)
		VEC_PUSH(headers, s);
}

static void add_place(struct elf_bytes *b, uint64_t addr, uint64_t size, uint64_t offset, bool tls, bool exec)
{
	if (size && addr + size > addr)
		VEC_PUSH(&b->priv->places, ((struct elf_place){ addr, size, offset, tls, exec }));
}

static void add_sections(struct elf_bytes *b, struct elf_spans *sections)
{
	const struct elf_raw *r = &b->priv->main;

	for (size_t i = 1; i < r->nsh; i++) {
		const Elf64_Shdr *sh = &r->sh[i];

		VEC_PUSH(sections, ((struct elf_span){
			.offset = sh->sh_offset, .end = sh->sh_offset + sh->sh_size, .order = (uint32_t)i,
			.name = *r->names[i] ? r->names[i] : "[unnamed section]" }));
		if ((sh->sh_flags & SHF_ALLOC) && r->eh.e_type != ET_REL)
			add_place(b, sh->sh_addr, sh->sh_size, sh->sh_offset, sh->sh_flags & SHF_TLS,
				  sh->sh_flags & SHF_EXECINSTR);
	}
	/* a program whose section headers are gone, or cut off, still has segments */
	for (size_t i = 0; !r->nsh && i < r->nph; i++) {
		const Elf64_Phdr *ph = &r->ph[i];

		if (ph->p_type != PT_LOAD)
			continue;
		VEC_PUSH(sections, ((struct elf_span){
			.offset = ph->p_offset, .end = ph->p_offset + ph->p_filesz, .order = (uint32_t)i,
			.name = arena_printf(&b->priv->arena, "[segment %zu]", i) }));
		add_place(b, ph->p_vaddr, ph->p_filesz, ph->p_offset, false, ph->p_flags & PF_X);
	}
}

static int by_addr(const void *va, const void *vb)
{
	const struct elf_place *a = va, *b = vb;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

const struct elf_place *elf_bytes_place(const struct elf_bytes *b, uint64_t addr, bool tls)
{
	const struct elf_place *p = b->priv->places.ptr;
	size_t lo = 0, hi = b->priv->places.len;

	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;

		if (p[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo || addr - p[lo - 1].addr >= p[lo - 1].size || p[lo - 1].tls != tls)
		return NULL;
	return &p[lo - 1];
}

static void lay_out(struct elf_bytes *b)
{
	const struct elf_raw *r = &b->priv->main;
	struct elf_spans headers = { 0 }, sections = { 0 };
	uint64_t at = 0;
	size_t next = 0;

	if (r->eh.e_ident[0])
		add_header(&headers, 0, sizeof(r->eh), "[ELF header]");
	add_header(&headers, r->eh.e_phoff, r->nph * sizeof(*r->ph), "[program headers]");
	add_header(&headers, r->eh.e_shoff, r->nsh * sizeof(*r->sh), "[section headers]");
	add_sections(b, &sections);
	elf_spans_sort(&headers);
	elf_spans_settle(&headers);
	elf_spans_sort(&sections);
	elf_spans_settle(&sections);
	VEC_EACH(&headers, h) {
		push_sections(b, &sections, &next, at, h->offset);
		push(b, (struct elf_piece){ .kind = ELF_PIECE_HEADERS, .section = h->name }, h->offset, h->end);
		at = h->end;
	}
	push_sections(b, &sections, &next, at, b->size);
	if (b->priv->places.len)
		qsort(b->priv->places.ptr, b->priv->places.len, sizeof(*b->priv->places.ptr), by_addr);
	VEC_FREE(&headers);
	VEC_FREE(&sections);
}

int elf_bytes_open(struct elf_bytes *b, const char *path, struct err *err)
{
	int rc;

	*b = (struct elf_bytes){ .priv = xcalloc(1, sizeof(*b->priv)) };
	b->priv->path = xstrdup(path);
	rc = elf_raw_read(&b->priv->main, path, err);
	b->size = b->priv->main.map.len;
	lay_out(b);
	return rc;
}

void elf_bytes_release(struct elf_bytes *b)
{
	if (b->priv) {
		elf_dwarf_free(b->priv->dwarf);
		elf_raw_release(&b->priv->main);
		elf_raw_release(&b->priv->debug);
		VEC_FREE(&b->priv->places);
		VEC_FREE(&b->priv->symbols);
		arena_release(&b->priv->arena);
		free(b->priv->path);
		free(b->priv);
	}
	VEC_FREE(b);
	*b = (struct elf_bytes)ELF_BYTES_INIT;
}
