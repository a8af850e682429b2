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
#define END 0x0bu

enum section { SEC_CUSTOM, SEC_TYPE, SEC_IMPORT, SEC_FUNCTION, SEC_TABLE, SEC_MEMORY, SEC_GLOBAL, SEC_EXPORT, SEC_START,
	       SEC_ELEMENT, SEC_CODE, SEC_DATA, SEC_DATA_COUNT, SEC_COUNT };

/* Where in a module they stand: the count of data segments was added later, before the code. */
static const unsigned char place_of[SEC_COUNT] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10 };

struct cursor {
	struct wasm_file *f;
	const char *shown;
	const unsigned char *base, *p, *end;	/* @end: of the section that is read */
	struct err *err;
	uint32_t functions;	/* without bodies yet */
	uint32_t segments;	/* of data, as they were announced */
	bool announced;
};

const char *wasm_kind_name(enum wasm_kind kind)
{
	static const char *const names[WASM_KINDS] = { "function", "table", "memory", "global" };

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

/* 5.3.7: limits, those of memories in pages; 2: the memory is shared by threads. */
static int limits(struct cursor *c, uint32_t most, uint32_t *min)
{
	uint32_t max;
	unsigned flags;

	if (byte(c, &flags) < 0)
		return -1;
	if (flags > 3 && flags < 8)
		return bad(c, "addresses of 64 bits, which WASI does not have");
	if (flags > 3 || flags == 2)
		return bad(c, "unknown kind of limits 0x%02x", flags);
	if (u32(c, min) < 0)
		return -1;
	max = *min;
	if ((flags & 1) && u32(c, &max) < 0)
		return -1;
	if (*min > max)
		return bad(c, "limits of at least %" PRIu32 " and at most %" PRIu32, *min, max);
	if (max > most)
		return bad(c, "a memory of %" PRIu32 " pages, of which there can be %" PRIu32, max, most);
	return 0;
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

/* The smallest of them takes @least bytes: what is counted is there. */
static int count(struct cursor *c, size_t least, const char *what, uint32_t *n)
{
	if (u32(c, n) < 0)
		return -1;
	if (*n > (size_t)(c->end - c->p) / least)
		return bad(c, "%" PRIu32 " %s do not fit into their section", *n, what);
	return 0;
}

/* The same of what is held afterwards. */
static int count_names(struct cursor *c, size_t least, const char *what, uint32_t *n)
{
	if (count(c, least, what, n) < 0)
		return -1;
	if (*n > WASM_NAMES_MAX)
		return err_set(c->err, ERR_LIMIT, "%s: limit exceeded: %" PRIu32 " %s, the limit is %u", c->shown, *n,
			       what, WASM_NAMES_MAX);
	return 0;
}

static int import_type(struct cursor *c, enum wasm_kind k)
{
	uint32_t index, min;
	unsigned b;

	switch (k) {
	case WASM_FUNC:
		return u32(c, &index);
	case WASM_TABLE:
		return byte(c, &b) < 0 ? -1 : limits(c, UINT32_MAX, &min);
	case WASM_MEMORY:
		return limits(c, WASM_PAGES_MAX, &min);
	default:
		return byte(c, &b) < 0 ? -1 : byte(c, &b);
	}
}

static int read_imports(struct cursor *c)
{
	struct wasm_file *f = c->f;
	uint32_t n;

	if (count_names(c, 4, "imports", &n) < 0)
		return -1;
	f->imports = arena_alloc(&f->arena, (size_t)n * sizeof(*f->imports));
	for (; f->nimports < n; f->nimports++) {
		struct wasm_import *i = &f->imports[f->nimports];

		if (name(c, &i->module) < 0 || name(c, &i->name) < 0 || kind(c, &i->kind) < 0 ||
		    import_type(c, i->kind) < 0)
			return -1;
		f->count[i->kind]++;
	}
	return 0;
}

/* 5.5.6: each has a type. */
static int read_functions(struct cursor *c)
{
	uint32_t type;

	if (count(c, 1, "functions", &c->functions) < 0)
		return -1;
	for (uint32_t i = 0; i < c->functions; i++)
		if (u32(c, &type) < 0)
			return -1;
	c->f->count[WASM_FUNC] += c->functions;
	return 0;
}

static int check_index(struct cursor *c, const char *who, enum wasm_kind k, uint32_t index)
{
	const uint64_t n = c->f->count[k];

	if (index < n)
		return 0;
	return n ? bad(c, "%s is %s %" PRIu32 ", of %" PRIu64, who, wasm_kind_name(k), index, n)
		 : bad(c, "%s is %s %" PRIu32 ", but there is none", who, wasm_kind_name(k), index);
}

static int read_exports(struct cursor *c)
{
	struct wasm_file *f = c->f;
	uint32_t n, index;

	if (count_names(c, 3, "exports", &n) < 0)
		return -1;
	f->exports = arena_alloc(&f->arena, (size_t)n * sizeof(*f->exports));
	for (; f->nexports < n; f->nexports++) {
		struct wasm_export *e = &f->exports[f->nexports];

		if (name(c, &e->name) < 0 || kind(c, &e->kind) < 0 || u32(c, &index) < 0 ||
		    check_index(c, "an export", e->kind, index) < 0)
			return -1;
	}
	return 0;
}

static int read_start(struct cursor *c)
{
	uint32_t index;

	return u32(c, &index) < 0 ? -1 : check_index(c, "what it starts with", WASM_FUNC, index);
}

static int read_memories(struct cursor *c)
{
	uint32_t n, min;

	if (count(c, 2, "memories", &n) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		if (limits(c, WASM_PAGES_MAX, &min) < 0)
			return -1;
		if (i == 0)
			c->f->memory = (uint64_t)min * WASM_PAGE;
	}
	c->f->count[WASM_MEMORY] += n;
	return 0;
}

/* Tables and globals: what each is initialised with is an expression, which would have to be read to find the next. */
static int count_only(struct cursor *c, const char *what, enum wasm_kind k)
{
	uint32_t n;

	if (count(c, 3, what, &n) < 0)
		return -1;
	c->f->count[k] += n;
	c->p = c->end;
	return 0;
}

/* 5.5.13: a body says its length, has a count of locals, and ends with the instruction "end". */
static int read_code(struct cursor *c)
{
	uint32_t n, size;

	if (u32(c, &n) < 0)
		return -1;
	if (n != c->functions)
		return bad(c, "%" PRIu32 " bodies of %" PRIu32 " functions", n, c->functions);
	c->functions = 0;
	for (; n; n--) {
		if (u32(c, &size) < 0)
			return -1;
		if (size > (size_t)(c->end - c->p))
			return bad(c, "a function of %" PRIu32 " bytes does not fit into its section", size);
		if (size < 2 || c->p[size - 1] != END)
			return bad(c, "a function whose body does not end");
		c->p += size;
	}
	return 0;
}

static int read_data_count(struct cursor *c)
{
	c->announced = true;
	return u32(c, &c->segments);
}

static int read_data(struct cursor *c)
{
	uint32_t n;

	if (count(c, 2, "segments of data", &n) < 0)
		return -1;
	if (c->announced && n != c->segments)
		return bad(c, "%" PRIu32 " segments of data, where %" PRIu32 " were announced", n, c->segments);
	c->segments = 0;
	c->p = c->end;
	return 0;
}

static int read_section(struct cursor *c, unsigned id, const unsigned char *start)
{
	const uint64_t size = (uint64_t)(c->end - c->p);
	const char *ignored;
	int r = 0;

	switch (id) {
	case SEC_CUSTOM:
		c->f->custom += (uint64_t)(c->end - start);
		r = name(c, &ignored);
		c->p = r < 0 ? c->p : c->end;
		break;
	case SEC_IMPORT:
		r = read_imports(c);
		break;
	case SEC_FUNCTION:
		r = read_functions(c);
		break;
	case SEC_TABLE:
		r = count_only(c, "tables", WASM_TABLE);
		break;
	case SEC_MEMORY:
		r = read_memories(c);
		break;
	case SEC_GLOBAL:
		r = count_only(c, "globals", WASM_GLOBAL);
		break;
	case SEC_EXPORT:
		r = read_exports(c);
		break;
	case SEC_START:
		r = read_start(c);
		break;
	case SEC_DATA_COUNT:
		r = read_data_count(c);
		break;
	case SEC_CODE:
		c->f->code = size;
		r = read_code(c);
		break;
	case SEC_DATA:
		c->f->data = size;
		r = read_data(c);
		break;
	default:
		c->p = c->end;
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
	if (c->functions)
		return bad(c, "no bodies of %" PRIu32 " functions", c->functions);
	if (c->segments)
		return bad(c, "no segments of data, where %" PRIu32 " were announced", c->segments);
	return 0;
}

int wasm_parse(struct wasm_file *f, const char *shown, const void *p, size_t n, struct err *err)
{
	static const unsigned char head[HEAD] = { 0, 'a', 's', 'm', 1, 0, 0, 0 };
	struct cursor c = { .f = f, .shown = shown, .base = p, .p = (const unsigned char *)p + HEAD, .err = err };

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
	struct cursor c = { .shown = "", .base = p, .p = (const unsigned char *)p + HEAD,
			    .end = (const unsigned char *)p + n, .err = &ignored };
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
