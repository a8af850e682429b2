/* SPDX-License-Identifier: Apache-2.0 */
#include "elf/dwarf.h"

#include <dwarf.h>
#include <endian.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"

#define MAX_DEPTH 256 /* of entries inside of each other that are looked at */

static bool is_debug(const char *name)
{
	return starts_with(name, ".debug_") || starts_with(name, ".zdebug_");
}

/* How many bytes a debug section has when it is uncompressed; libelf allocates as many as the file says. */
static int debug_size(const struct elf_raw *r, size_t i, const char *path, uint64_t *size, struct err *err)
{
	const Elf64_Shdr *sh = &r->sh[i];
	const uint8_t *p = r->map.ptr + sh->sh_offset;
	Elf64_Chdr ch;

	*size = sh->sh_size;
	if (starts_with(r->names[i], ".zdebug_") && sh->sh_size >= 12 && memcmp(p, "ZLIB", 4) == 0) {
		memcpy(size, p + 4, 8);
		*size = be64toh(*size);
	} else if (sh->sh_flags & SHF_COMPRESSED) {
		if (sh->sh_size < sizeof(ch))
			return err_set(err, ERR_FORMAT, "%s: section %s at offset 0x%" PRIx64
				       " is compressed, but has no header", path, r->names[i], sh->sh_offset);
		memcpy(&ch, p, sizeof(ch));
		*size = ch.ch_size;
		if (ch.ch_type != ELFCOMPRESS_ZLIB) {
			err_set(err, ERR_FORMAT, "%s: section %s at offset 0x%" PRIx64
				" is compressed in another way than zlib (type %u)", path, r->names[i], sh->sh_offset,
				ch.ch_type);
			return err_hint(err, "build with -gz=zlib or -gz=none");
		}
	}
	return 0;
}

static int check_size(const struct elf_raw *r, const char *path, uint64_t *info, struct err *err)
{
	uint64_t total = 0, size;

	for (size_t i = 1; i < r->nsh; i++) {
		if (!is_debug(r->names[i]) || !r->sh[i].sh_size)
			continue;
		if (debug_size(r, i, path, &size, err) < 0)
			return -1;
		if (ends_with(r->names[i], "debug_info"))
			*info = size;
		if (size > ELF_MAX_DEBUG || (total += size) > ELF_MAX_DEBUG)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: debug sections of more than %" PRIu64
				       " bytes (%s at offset 0x%" PRIx64 ")", path, ELF_MAX_DEBUG, r->names[i],
				       r->sh[i].sh_offset);
	}
	return 0;
}

int elf_dwarf_open(struct elf_dwarf **out, const struct elf_raw *r, const char *path, struct err *err)
{
	struct elf_dwarf *d;
	struct stat st;
	uint64_t info = 0;
	int rc = 0;

	*out = NULL;
	if (check_size(r, path, &info, err) < 0)
		return -1;
	if (!info)
		return 0;
	d = xcalloc(1, sizeof(*d));
	d->path = xstrdup(path);
	d->info = info;
	d->fd = fs_open(path, &st, err);
	if (d->fd < 0) {
		rc = -1;
	} else {
		/* Not from our mapping: libelf changes the headers of sections that it has uncompressed. */
		d->elf = elf_begin(d->fd, ELF_C_READ_MMAP, NULL);
		d->dw = d->elf ? dwarf_begin_elf(d->elf, DWARF_C_READ, NULL) : NULL;
		if (!d->dw)
			rc = err_set(err, ERR_FORMAT, "%s: its debug information cannot be read: %s", path,
				     dwarf_errmsg(-1));
	}
	if (rc < 0)
		elf_dwarf_free(d);
	else
		*out = d;
	return rc;
}

void elf_dwarf_free(struct elf_dwarf *d)
{
	if (!d)
		return;
	dwarf_end(d->dw);
	elf_end(d->elf);
	if (d->fd >= 0)
		close(d->fd);
	free(d->path);
	free(d);
}

/* @why: NULL: libdw knows. */
static int malformed(struct err *err, const struct elf_dwarf *d, const char *what, uint64_t off, const char *why)
{
	const int code = dwarf_errno();

	return err_set(err, ERR_FORMAT, "%s: %s at offset 0x%" PRIx64 " of .debug_info: %s", d->path, what, off,
		       why ? why : code ? dwarf_errmsg(code) : "malformed");
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
	Dwarf_Attribute a;

	return dwarf_attr(die, name, &a) ? dwarf_formstring(&a) : NULL;
}

int elf_dwarf_units(struct elf_dwarf *d, struct elf_units *out, struct err *err)
{
	Dwarf_Off off = 0, next;
	size_t header;
	int r;

	while ((r = dwarf_next_unit(d->dw, off, &next, &header, NULL, NULL, NULL, NULL, NULL, NULL)) == 0) {
		struct elf_unit u = { .offset = off + header };

		if (next <= off)
			return malformed(err, d, "unit", off, "it has no length");
		if (!dwarf_offdie(d->dw, u.offset, &u.die))
			return malformed(err, d, "unit", off, NULL);
		u.name = string_of(&u.die, DW_AT_name);
		if (!u.name)
			u.name = string_of(&u.die, DW_AT_dwo_name);
		if (!u.name)
			u.name = string_of(&u.die, DW_AT_GNU_dwo_name);
		u.dir = string_of(&u.die, DW_AT_comp_dir);
		u.name = u.name ? u.name : "[unnamed unit]";
		u.dir = u.dir ? u.dir : "";
		VEC_PUSH(out, u);
		off = next;
	}
	return r < 0 ? malformed(err, d, "unit", off, NULL) : 0;
}

/* ---- variables and functions ---- */

struct walk {
	struct elf_dwarf *d;
	const struct elf_dwarf_visit *v;
	struct elf_unit *unit;
};

/* DWARF 5, 2.5 and 2.6: an address, and perhaps something added to it; or an offset in the thread's data. */
static void see_variable(const struct walk *w, Dwarf_Die *die)
{
	static const uint8_t starts[] = { DW_OP_addr, DW_OP_addrx, DW_OP_GNU_addr_index, DW_OP_const8u, DW_OP_const4u,
					  DW_OP_constx, DW_OP_GNU_const_index };
	Dwarf_Attribute a, at;
	Dwarf_Block block;
	Dwarf_Op *ops;
	uint64_t addr = 0;
	size_t n;
	bool is_addr;

	if (!dwarf_attr(die, DW_AT_location, &a) || dwarf_formblock(&a, &block) != 0 || block.length < 2)
		return;
	if (block.data[0] == DW_OP_addr && block.length == 1 + sizeof(addr)) {
		memcpy(&addr, block.data + 1, sizeof(addr));
		w->v->variable(w->v->ctx, addr, false);
		return;
	}
	/* most are somewhere on the stack, which is not worth the time */
	if (!memchr(starts, block.data[0], sizeof(starts)) || dwarf_getlocation(&a, &ops, &n) != 0 || !n || n > 2)
		return;
	if (ops[0].atom == DW_OP_addr || ops[0].atom == DW_OP_const8u || ops[0].atom == DW_OP_const4u)
		addr = ops[0].number;
	else if (dwarf_getlocation_attr(&a, ops, &at) != 0 || dwarf_formaddr(&at, &addr) != 0)
		return;
	is_addr = ops[0].atom == DW_OP_addr || ops[0].atom == DW_OP_addrx || ops[0].atom == DW_OP_GNU_addr_index;
	if (is_addr && (n == 1 || ops[1].atom == DW_OP_plus_uconst))
		w->v->variable(w->v->ctx, addr + (n == 2 ? ops[1].number : 0), false);
	else if (!is_addr && n == 2 &&
		 (ops[1].atom == DW_OP_GNU_push_tls_address || ops[1].atom == DW_OP_form_tls_address))
		w->v->variable(w->v->ctx, addr, true);
}

/* Code of a function that another unit has the source of: link-time optimisation puts all into one unit. */
static void see_function(const struct walk *w, Dwarf_Die *die)
{
	Dwarf_Addr base, low, high;
	Dwarf_Die origin, unit;
	Dwarf_Attribute a;
	ptrdiff_t next = 0;

	if (!dwarf_attr(die, DW_AT_abstract_origin, &a) || dwarf_whatform(&a) != DW_FORM_ref_addr ||
	    !dwarf_formref_die(&a, &origin) || !dwarf_diecu(&origin, &unit, NULL, NULL) ||
	    dwarf_dieoffset(&unit) == w->unit->offset)
		return;
	while ((next = dwarf_ranges(die, next, &base, &low, &high)) > 0)
		w->v->function(w->v->ctx, dwarf_dieoffset(&unit), low, high);
}

/* Whether there may be variables with an address below it. */
static bool is_entered(int tag)
{
	return tag == DW_TAG_subprogram || tag == DW_TAG_lexical_block || tag == DW_TAG_namespace ||
	       tag == DW_TAG_module;
}

int elf_dwarf_walk(struct elf_dwarf *d, struct elf_unit *u, const struct elf_dwarf_visit *v, struct err *err)
{
	const struct walk w = { d, v, u };
	Dwarf_Die stack[MAX_DEPTH];
	size_t depth = 0;
	int r = dwarf_child(&u->die, &stack[0]);

	if (r != 0)
		return r < 0 ? malformed(err, d, "unit's entry", u->offset, NULL) : 0;
	for (;;) {
		Dwarf_Die *die = &stack[depth];
		const uint64_t at = dwarf_dieoffset(die);
		const int tag = dwarf_tag(die);

		if (tag == DW_TAG_invalid)
			return malformed(err, d, "entry", at, NULL);
		if (tag == DW_TAG_variable)
			see_variable(&w, die);
		else if (tag == DW_TAG_subprogram)
			see_function(&w, die);
		if (is_entered(tag) && depth + 1 < MAX_DEPTH) {
			r = dwarf_child(die, &stack[depth + 1]);
			if (r < 0)
				return malformed(err, d, "entry", at, NULL);
			if (r == 0) {
				depth++;
				continue;
			}
		}
		while ((r = dwarf_siblingof(&stack[depth], &stack[depth])) != 0) {
			if (r < 0)
				return malformed(err, d, "entry", at, NULL);
			if (!depth--)
				return 0;
		}
		/* A sibling may be said to be anywhere: backwards, it would be met again and again. */
		if (dwarf_dieoffset(&stack[depth]) <= at)
			return malformed(err, d, "entry", at, "what follows it is before it");
	}
}
