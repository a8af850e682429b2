/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "elf/dwarf.h"

struct gather {
	struct elf_bytes *b;
	struct elf_units units;
	struct elf_unit *unit;		/* the one that is read */
	struct elf_spans exact, ranges;	/* functions and variables; whole units */
	uint64_t tls;
};

static void add_span(struct elf_spans *spans, uint64_t off, uint64_t end, const char *name)
{
	VEC_PUSH(spans, ((struct elf_span){ .offset = off, .end = end, .order = (uint32_t)spans->len, .name = name }));
}

/* Code from @low to @high; a range that begins elsewhere is of what the linker has dropped. */
static void add_code(struct gather *g, struct elf_spans *spans, uint64_t low, uint64_t high, const char *name)
{
	while (low < high) {
		const struct elf_place *p = elf_bytes_place(g->b, low, false);
		uint64_t n;

		if (!p || !p->exec)
			return;
		n = p->size - (low - p->addr);
		if (n > high - low)
			n = high - low;
		add_span(spans, p->offset + (low - p->addr), p->offset + (low - p->addr) + n, name);
		low += n;
	}
}

static void on_variable(void *ctx, uint64_t addr, bool tls)
{
	struct gather *g = ctx;
	const struct elf_place *p = elf_bytes_place(g->b, tls ? addr + g->tls : addr, tls);
	const struct elf_span *s;

	if (!p)
		return;
	s = elf_spans_find(&g->b->priv->symbols, p->offset + ((tls ? addr + g->tls : addr) - p->addr));
	if (s)
		add_span(&g->exact, s->offset, s->end, g->unit->name);
}

static int by_unit(const void *va, const void *vb)
{
	const struct elf_unit *a = va, *b = vb;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static void on_function(void *ctx, uint64_t origin, uint64_t low, uint64_t high)
{
	struct gather *g = ctx;
	const struct elf_unit key = { .offset = origin };
	const struct elf_unit *u = bsearch(&key, g->units.ptr, g->units.len, sizeof(key), by_unit);

	if (u)
		add_code(g, &g->exact, low, high, u->name);
}

/* Units of one name from different directories are told apart by these. */
static void name_units(struct gather *g)
{
	CLEAN_MAP struct map seen = { 0 };
	struct elf_unit *several = (void *)g; /* no unit, but something to tell from one */

	VEC_EACH(&g->units, u) {
		struct elf_unit *first = map_get(&seen, u->name);

		if (!first)
			map_put(&seen, u->name, u);
		else if (first != several && strcmp(first->dir, u->dir) != 0)
			map_put(&seen, u->name, several);
	}
	VEC_EACH(&g->units, u) {
		struct elf_unit *one = map_get(&seen, u->name);

		if (one != several)
			u->name = one->name;	/* so that equal names are one pointer */
		else if (*u->name != '/' && *u->dir)
			u->name = arena_printf(&g->b->priv->arena, "%s/%s", u->dir, u->name);
	}
}

static int read_units(struct gather *g, struct elf_dwarf *d, struct err *err)
{
	const struct elf_dwarf_visit visit = { on_variable, on_function, g };
	int rc = elf_dwarf_units(d, &g->units, err);

	name_units(g);
	VEC_EACH(&g->units, u) {
		Dwarf_Addr base, low, high;
		struct err inner;
		ptrdiff_t next = 0;

		g->unit = u;
		while ((next = dwarf_ranges(&u->die, next, &base, &low, &high)) > 0)
			add_code(g, &g->ranges, low, high, u->name);
		/* the first thing that is wrong is the one that is told */
		if (elf_dwarf_walk(d, u, &visit, &inner) < 0 && rc == 0) {
			*err = inner;
			rc = -1;
		}
		if (g->ranges.len + g->exact.len > ELF_MAX_SYMBOLS)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: more than %zu ranges in .debug_info",
				       d->path, ELF_MAX_SYMBOLS);
	}
	return rc;
}

static void divide(struct elf_bytes *b, struct elf_spans *spans)
{
	elf_spans_sort(spans);
	elf_spans_settle(spans);
	elf_bytes_divide(b, spans, ELF_FIELD_UNIT);
	VEC_FREE(spans);
}

int elf_bytes_units(struct elf_bytes *b, const char *debug, struct err *err)
{
	struct elf_bytes_priv *p = b->priv;
	struct gather g = { .b = b };
	int rc;

	for (size_t i = 0; i < p->main.nph; i++)
		if (p->main.ph[i].p_type == PT_TLS)
			g.tls = p->main.ph[i].p_vaddr;
	if (p->main.eh.e_type == ET_REL)
		return err_set(err, ERR_FORMAT, "%s: is an object file: its addresses are not known before it is "
			       "linked", p->path);
	rc = elf_dwarf_open(&p->dwarf, &p->main, p->path, err);
	if (rc == 0 && !p->dwarf && debug) {
		if (!p->debug.map.len)
			rc = elf_raw_read(&p->debug, debug, err);
		if (rc == 0)
			rc = elf_dwarf_open(&p->dwarf, &p->debug, debug, err);
	}
	if (rc < 0)
		return -1;
	if (!p->dwarf) {
		err_set(err, ERR_NOTFOUND, "%s: has no debug information%s", p->path,
			debug ? ", nor has its debug file" : ", and no debug file is there");
		return err_hint(err, "build with -g");
	}
	rc = read_units(&g, p->dwarf, err);
	/* first what is said of single functions and variables */
	divide(b, &g.exact);
	divide(b, &g.ranges);
	VEC_FREE(&g.units);
	return rc;
}

/* ---- the linker's map ---- */

static int by_address(const void *va, const void *vb)
{
	const struct elf_owner *a = va, *b = vb;

	return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static void add_owner(const struct elf_bytes *b, const struct elf_owner *o, struct elf_spans *out)
{
	const struct elf_place *p = elf_bytes_place(b, o->addr, false);
	uint64_t rest;

	p = p ? p : elf_bytes_place(b, o->addr, true);
	if (!p || !o->size)
		return;
	rest = p->size - (o->addr - p->addr);
	add_span(out, p->offset + (o->addr - p->addr),
		 p->offset + (o->addr - p->addr) + (o->size < rest ? o->size : rest), o->name);
}

void elf_bytes_objects(struct elf_bytes *b, struct elf_owner *owners, size_t n)
{
	static const char several[] = "";
	CLEAN_MAP struct map units = { 0 };	/* by object */
	struct elf_spans spans = { 0 };

	if (n)
		qsort(owners, n, sizeof(*owners), by_address);
	for (size_t i = 0; i < n; i++)
		add_owner(b, &owners[i], &spans);
	elf_spans_sort(&spans);
	elf_spans_settle(&spans);
	elf_bytes_divide(b, &spans, ELF_FIELD_OBJECT);
	VEC_FREE(&spans);
	VEC_EACH(b, p) {
		const char *one = p->unit && p->object ? map_get(&units, p->object) : NULL;

		if (p->unit && p->object && one != p->unit)
			map_put(&units, p->object, (void *)(uintptr_t)(one ? several : p->unit));
	}
	VEC_EACH(b, p) {
		const char *one = !p->unit && p->object ? map_get(&units, p->object) : NULL;

		if (one && one != several)
			p->unit = one;
	}
}
