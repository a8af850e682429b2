/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"
#include "wasm/wasm.h"

#define HEAD 8u			/* magic and version */
#define NAME_MAX_BYTES 65536u

enum section { SEC_CUSTOM, SEC_TYPE, SEC_IMPORT, SEC_FUNCTION, SEC_TABLE, SEC_MEMORY, SEC_GLOBAL, SEC_EXPORT, SEC_START,
	       SEC_ELEMENT, SEC_CODE, SEC_DATA, SEC_DATA_COUNT, SEC_COUNT };

/* Where in a module they stand: the count of data segments was added later, before the code. */
static const unsigned char place_of[SEC_COUNT] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10 };

struct cursor {
	struct wasm_file *f;
	const char *shown;
	const unsigned char *base, *p, *end;	/* @end: of the section that is read */
	struct err *err;
};

const char *wasm_kind_name(enum wasm_kind kind)
{
	static const char *const names[] = { "function", "table", "memory", "global" };

	return names[kind];
}

static int bad(const struct cursor *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int bad(const struct cursor *c, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return err_set(c->err, ERR_FORMAT, "%s: byte %zu: %s", c->shown, (size_t)(c->p - c->base), what);
}

static int byte(struct cursor *c, unsigned *out)
{
	*out = 0;
	if (c->p == c->end)
		return bad(c, "the section ends too early");
	*out = *c->p++;
	return 0;
}

/* LEB128 (5.2.2): at most ten bytes, of which the last holds no more than is left of @bits. */
static int leb(struct cursor *c, unsigned bits, uint64_t *out)
{
	uint64_t v = 0;

	for (unsigned shift = 0;; shift += 7) {
		unsigned b;

		if (byte(c, &b) < 0)
			return -1;
		if (bits - shift < 7 && (b & 0x7f) >> (bits - shift))
			return bad(c, "a number of more than %u bits", bits);
		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			break;
		if (shift + 7 >= bits)
			return bad(c, "a number of more than %u bits", bits);
	}
	*out = v;
	return 0;
}

static int u32(struct cursor *c, uint32_t *out)
{
	uint64_t v = 0;
	int r = leb(c, 32, &v);

	*out = (uint32_t)v;
	return r;
}

/* 5.2.4. A NUL is UTF-8 too, but no name that anybody could link to. */
static int name(struct cursor *c, const char **out)
{
	struct str s;
	uint32_t n;

	if (u32(c, &n) < 0)
		return -1;
	if (n > (size_t)(c->end - c->p))
		return bad(c, "a name of %" PRIu32 " bytes does not fit into its section", n);
	if (n > NAME_MAX_BYTES)
		return err_set(c->err, ERR_LIMIT, "%s: limit exceeded: a name of %" PRIu32 " bytes, the limit is %u",
			       c->shown, n, NAME_MAX_BYTES);
	s = (struct str){ (const char *)c->p, n };
	if (!str_is_utf8(s) || memchr(s.ptr, '\0', s.len))
		return bad(c, "a name that is not UTF-8");
	c->p += n;
	*out = c->f ? arena_str(&c->f->arena, s) : NULL;
	return 0;
}

/* 5.3.7: a limit; those of memories are in pages. */
static int limits(struct cursor *c, uint64_t *min)
{
	uint64_t max;
	unsigned flags;

	if (byte(c, &flags) < 0)
		return -1;
	if (flags > 7)
		return bad(c, "unknown kind of limits 0x%02x", flags);
	if (leb(c, flags & 4 ? 64 : 32, min) < 0)
		return -1;
	return flags & 1 ? leb(c, flags & 4 ? 64 : 32, &max) : 0;
}

static int kind(struct cursor *c, enum wasm_kind *out)
{
	unsigned k;

	if (byte(c, &k) < 0)
		return -1;
	if (k > WASM_GLOBAL)
		return bad(c, "unknown kind 0x%02x of an import or export", k);
	*out = (enum wasm_kind)k;
	return 0;
}

/* The smallest import takes four bytes, an export three: what is counted is there, or is refused before it is held. */
static int count(struct cursor *c, size_t least, const char *what, uint32_t *n)
{
	if (u32(c, n) < 0)
		return -1;
	if (*n > (size_t)(c->end - c->p) / least)
		return bad(c, "%" PRIu32 " %s do not fit into their section", *n, what);
	if (*n > WASM_NAMES_MAX)
		return err_set(c->err, ERR_LIMIT, "%s: limit exceeded: %" PRIu32 " %s, the limit is %u", c->shown, *n,
			       what, WASM_NAMES_MAX);
	return 0;
}

static int import_type(struct cursor *c, enum wasm_kind k)
{
	uint64_t min;
	uint32_t index;
	unsigned b;

	switch (k) {
	case WASM_FUNC:
		return u32(c, &index);
	case WASM_TABLE:
		return byte(c, &b) < 0 ? -1 : limits(c, &min);
	case WASM_MEMORY:
		return limits(c, &min);
	default:
		return byte(c, &b) < 0 ? -1 : byte(c, &b);
	}
}

static int read_imports(struct cursor *c)
{
	struct wasm_file *f = c->f;
	uint32_t n;

	if (count(c, 4, "imports", &n) < 0)
		return -1;
	f->imports = arena_alloc(&f->arena, (size_t)n * sizeof(*f->imports));
	for (; f->nimports < n; f->nimports++) {
		struct wasm_import *i = &f->imports[f->nimports];

		if (name(c, &i->module) < 0 || name(c, &i->name) < 0 || kind(c, &i->kind) < 0 ||
		    import_type(c, i->kind) < 0)
			return -1;
	}
	return 0;
}

static int read_exports(struct cursor *c)
{
	struct wasm_file *f = c->f;
	uint32_t n, index;

	if (count(c, 3, "exports", &n) < 0)
		return -1;
	f->exports = arena_alloc(&f->arena, (size_t)n * sizeof(*f->exports));
	for (; f->nexports < n; f->nexports++) {
		struct wasm_export *e = &f->exports[f->nexports];

		if (name(c, &e->name) < 0 || kind(c, &e->kind) < 0 || u32(c, &index) < 0)
			return -1;
	}
	return 0;
}

static int read_memories(struct cursor *c)
{
	uint64_t min = 0;
	uint32_t n;

	if (count(c, 2, "memories", &n) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if (limits(c, &min) < 0)
			return -1;
		if (min >= UINT64_C(1) << 48)
			return bad(c, "a memory of %" PRIu64 " pages", min);
		if (i == 0)
			c->f->memory = min * WASM_PAGE;
	}
	return 0;
}

static int read_section(struct cursor *c, unsigned id, const unsigned char *start)
{
	const uint64_t size = (uint64_t)(c->end - c->p);
	const char *ignored;
	int r;

	switch (id) {
	case SEC_CUSTOM:
		c->f->custom += (uint64_t)(c->end - start);
		r = name(c, &ignored);
		c->p = r < 0 ? c->p : c->end;
		break;
	case SEC_IMPORT:
		r = read_imports(c);
		break;
	case SEC_EXPORT:
		r = read_exports(c);
		break;
	case SEC_MEMORY:
		r = read_memories(c);
		break;
	default:
		if (id == SEC_CODE)
			c->f->code = size;
		if (id == SEC_DATA)
			c->f->data = size;
		c->p = c->end;
		return 0;
	}
	if (r == 0 && c->p != c->end)
		return bad(c, "the section is longer than what is in it");
	return r;
}

static int read_sections(struct cursor *c, const unsigned char *end)
{
	unsigned last = 0;

	while (c->p < end) {
		const unsigned char *start = c->p;
		uint32_t size;
		unsigned id;

		c->end = end;
		if (byte(c, &id) < 0 || u32(c, &size) < 0)
			return -1;
		if (id >= SEC_COUNT)
			return bad(c, "unknown section %u", id);
		if (id && place_of[id] <= last)
			return bad(c, "section %u is out of order, or there twice", id);
		last = id ? place_of[id] : last;
		if (size > (size_t)(end - c->p))
			return bad(c, "section %u has %" PRIu32 " bytes, but the module ends after %zu", id, size,
				   (size_t)(end - c->p));
		c->end = c->p + size;
		if (read_section(c, id, start) < 0)
			return -1;
	}
	return 0;
}

int wasm_parse(struct wasm_file *f, const char *shown, const void *p, size_t n, struct err *err)
{
	static const unsigned char head[HEAD] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	struct cursor c = { f, shown, p, (const unsigned char *)p + HEAD, NULL, err };

	*f = (struct wasm_file)WASM_INIT;
	f->size = n;
	if (n < 4 || memcmp(p, head, 4) != 0)
		return err_set(err, ERR_FORMAT, "%s: not a WebAssembly module", shown);
	if (n < HEAD || memcmp(p, head, HEAD) != 0) {
		err_set(err, ERR_FORMAT, "%s: not a core module of version 1", shown);
		return err_hint(err, "components begin with another version");
	}
	return read_sections(&c, (const unsigned char *)p + n);
}

int wasm_open(struct wasm_file *f, const char *path, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	*f = (struct wasm_file)WASM_INIT;
	return fs_read(path, WASM_SIZE_MAX, &b, err) < 0 ? -1 : wasm_parse(f, path, b.ptr, b.len, err);
}

void wasm_release(struct wasm_file *f)
{
	arena_release(&f->arena);
}

void wasm_strip_bytes(const void *p, size_t n, struct buf *out)
{
	struct err ignored;
	struct cursor c = { NULL, "", p, (const unsigned char *)p + HEAD, (const unsigned char *)p + n, &ignored };
	const unsigned char *end = c.end;

	buf_add(out, p, HEAD);
	while (c.p < end) {
		const unsigned char *start = c.p;
		uint32_t size;
		unsigned id;

		if (byte(&c, &id) < 0 || u32(&c, &size) < 0 || size > (size_t)(end - c.p))
			BUG("a module that could be read ends inside of a section");
		c.p += size;
		if (id != SEC_CUSTOM)
			buf_add(out, start, (size_t)(c.p - start));
	}
}

int wasm_strip(const char *in, const char *out, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT, made = BUF_INIT;
	CLEAN_WASM struct wasm_file f = WASM_INIT;

	if (fs_read(in, WASM_SIZE_MAX, &b, err) < 0 || wasm_parse(&f, in, b.ptr, b.len, err) < 0)
		return -1;
	wasm_strip_bytes(b.ptr, b.len, &made);
	return fs_write_file(out, made.ptr, made.len, 0755, err);
}
