/* SPDX-License-Identifier: Apache-2.0 */
#include "report/check_diff.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "archive/zipdir.h"
#include "base/mem.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "report/check_internal.h"

#define MAX_ENTRY (UINT64_C(1) << 30)

static size_t first_difference(const uint8_t *a, size_t na, const uint8_t *b, size_t nb)
{
	const size_t n = na < nb ? na : nb;
	size_t i = 0;

	/* memcmp() says whether, not where: block by block, then byte by byte */
	while (n - i >= 4096 && memcmp(a + i, b + i, 4096) == 0)
		i += 4096;
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

static int as_elf(struct program *prog, struct elf_file *f, const void *p, size_t n, struct elf_sections *s,
		  struct err *err)
{
	if (program_create(prog, err) < 0 || program_write(prog, p, n, err) < 0)
		return -1;
	return elf_open(f, prog->path, err) < 0 || elf_sections(f, s, err) < 0 ? -1 : 0;
}

static void name_symbol(struct elf_file *f, uint64_t addr, struct buf *what)
{
	struct elf_symbols s = { 0 };
	struct err ignored;

	if (elf_symbols(f, &s, &ignored) == 0)
		VEC_EACH(&s, sym)
			if (sym->defined && sym->size && addr >= sym->value && addr - sym->value < sym->size) {
				buf_addf(what, ", in %s", sym->name);
				break;
			}
	VEC_FREE(&s);
}

/* Sections that differ because others do. */
static bool follows(const struct elf_section *s)
{
	return strcmp(s->name, ".note.gnu.build-id") == 0 || strcmp(s->name, ".gnu_debuglink") == 0;
}

/* 1: said; 0: the difference is in no section. */
static int by_section(struct elf_file *fa, const struct elf_sections *sa, const struct elf_sections *sb,
		      const uint8_t *a, size_t na, const uint8_t *b, size_t nb, struct buf *what)
{
	if (sa->len != sb->len) {
		buf_addf(what, "%zu sections, then %zu", sa->len, sb->len);
		return 1;
	}
	for (size_t k = 0; k < 2 * sa->len; k++) {
		const size_t i = k % sa->len;
		const struct elf_section *x = &sa->ptr[i], *y = &sb->ptr[i];
		size_t at;

		if (strcmp(x->name, y->name) != 0 || x->type != y->type) {
			buf_addf(what, "section %zu is %s, then %s", i, x->name, y->name);
			return 1;
		}
		/* SHT_NOBITS has a size and no bytes */
		if (x->type == 8 || follows(x) != (k >= sa->len) || x->offset > na || x->size > na - x->offset ||
		    y->offset > nb || y->size > nb - y->offset)
			continue;
		at = first_difference(a + x->offset, (size_t)x->size, b + y->offset, (size_t)y->size);
		if (at == x->size && at == y->size)
			continue;
		buf_addf(what, "section %s, offset 0x%zx", x->name, at);
		if (x->addr) {
			buf_addf(what, " (address 0x%llx)", (unsigned long long)(x->addr + at));
			name_symbol(fa, x->addr + at, what);
		}
		if (x->size != y->size)
			buf_addf(what, "; %llu bytes, then %llu", (unsigned long long)x->size,
				 (unsigned long long)y->size);
		return 1;
	}
	return 0;
}

static int diff_elf(const uint8_t *a, size_t na, const uint8_t *b, size_t nb, struct buf *what)
{
	CLEAN_PROGRAM struct program pa = { .fd = -1 }, pb = { .fd = -1 };
	CLEAN_ELF struct elf_file fa = { .path = NULL }, fb = { .path = NULL };
	struct elf_sections sa = { 0 }, sb = { 0 };
	struct err ignored;
	int r = 0;

	/* what is no ELF after all is compared as bytes */
	if (as_elf(&pa, &fa, a, na, &sa, &ignored) == 0 && as_elf(&pb, &fb, b, nb, &sb, &ignored) == 0)
		r = by_section(&fa, &sa, &sb, a, na, b, nb, what);
	VEC_FREE(&sa);
	VEC_FREE(&sb);
	return r;
}

int diff_bytes(const char *name, const void *a, size_t na, const void *b, size_t nb, struct buf *what, struct err *err)
{
	const size_t at = first_difference(a, na, b, nb);

	(void)err;
	if (at == na && at == nb)
		return 0;
	buf_addf(what, "%s: ", name);
	if (na > 4 && nb > 4 && memcmp(a, "\x7f" "ELF", 4) == 0 && memcmp(b, "\x7f" "ELF", 4) == 0 &&
	    diff_elf(a, na, b, nb, what) > 0)
		return 1;
	buf_addf(what, "offset 0x%zx", at);
	if (na != nb)
		buf_addf(what, "; %zu bytes, then %zu", na, nb);
	return 1;
}

static void add_value(struct buf *what, const json_t *j)
{
	char *s = json_dumps(j, JSON_ENCODE_ANY | JSON_COMPACT | JSON_SORT_KEYS);

	if (s && strlen(s) > 100)
		buf_addf(what, "%.100s...", s);
	else
		buf_addz(what, s ? s : "nothing");
	free(s);
}

static int json_part(struct buf *path, const json_t *a, const json_t *b, struct buf *what)
{
	const size_t keep = path->len;
	json_t *x = (json_t *)(uintptr_t)a, *y = (json_t *)(uintptr_t)b, *v;
	const char *key;
	void *it;
	size_t i;

	if (json_equal(a, b))
		return 0;
	if (json_is_object(a) && json_is_object(b)) {
		for (it = json_object_iter(x); it; it = json_object_iter_next(x, it)) {
			key = json_object_iter_key(it);
			v = json_object_iter_value(it);
			buf_addf(path, "%s%s", keep ? "." : "", key);
			if (json_part(path, v, json_object_get(b, key), what))
				return 1;
			path->len = keep;
			path->ptr[keep] = '\0';
		}
		for (it = json_object_iter(y); it; it = json_object_iter_next(y, it)) {
			key = json_object_iter_key(it);
			if (json_object_get(a, key))
				continue;
			buf_addf(path, "%s%s", keep ? "." : "", key);
			return json_part(path, NULL, json_object_iter_value(it), what);
		}
	}
	for (i = 0; json_is_array(a) && json_array_size(a) == json_array_size(b) && i < json_array_size(a); i++) {
		buf_addf(path, "[%zu]", i);
		if (json_part(path, json_array_get(a, i), json_array_get(b, i), what))
			return 1;
		path->len = keep;
		path->ptr[keep] = '\0';
	}
	buf_addf(what, "%s is ", path->ptr);
	add_value(what, a);
	buf_addz(what, ", then ");
	add_value(what, b);
	return 1;
}

int diff_json(const char *name, const void *a, size_t na, const void *b, size_t nb, struct buf *what)
{
	CLEAN_BUF struct buf path = BUF_INIT;
	json_error_t ignored;
	json_t *x, *y;
	int r;

	if (na == nb && memcmp(a, b, na) == 0)
		return 0;
	x = json_loadb(a, na, 0, &ignored);
	y = json_loadb(b, nb, 0, &ignored);
	buf_addf(what, "%s: ", name);
	r = x && y ? json_part(&path, x, y, what) : 0;
	if (!r)
		buf_addf(what, "offset 0x%zx", first_difference(a, na, b, nb));
	json_decref(x);
	json_decref(y);
	return 1;
}

static int number(const char *name, const char *field, uint64_t a, uint64_t b, const char *fmt, struct buf *what)
{
	char x[32], y[32];

	if (a == b)
		return 0;
	if (strcmp(fmt, "octal") == 0) {
		snprintf(x, sizeof(x), "0%llo", (unsigned long long)a);
		snprintf(y, sizeof(y), "0%llo", (unsigned long long)b);
	} else {
		snprintf(x, sizeof(x), "%llu", (unsigned long long)a);
		snprintf(y, sizeof(y), "%llu", (unsigned long long)b);
	}
	buf_addf(what, "%s: %s is %s, then %s", name, field, x, y);
	return 1;
}

static int zip_entry(const struct zipdir *za, const struct zipdir_entry *a, const struct zipdir *zb,
		     const struct zipdir_entry *b, struct buf *what, struct err *err)
{
	CLEAN_BUF struct buf x = BUF_INIT, y = BUF_INIT;
	int r;

	if (strcmp(a->name, b->name) != 0) {
		buf_addf(what, "entry %s is %s", a->name, b->name);
		return 1;
	}
	if (number(a->name, "mode", a->attributes >> 16, b->attributes >> 16, "octal", what) ||
	    number(a->name, "creator", a->creator, b->creator, "", what) ||
	    number(a->name, "method", a->method, b->method, "", what) ||
	    number(a->name, "flags", a->flags, b->flags, "", what))
		return 1;
	if (zipdir_read(za, a, MAX_ENTRY, &x, err) < 0 || zipdir_read(zb, b, MAX_ENTRY, &y, err) < 0)
		return -1;
	r = diff_bytes(a->name, x.ptr, x.len, y.ptr, y.len, what, err);
	if (r)
		return r;
	if (a->packed != b->packed || memcmp(za->bytes + a->data, zb->bytes + b->data, (size_t)a->packed) != 0) {
		buf_addf(what, "%s: the same bytes, compressed otherwise", a->name);
		return 1;
	}
	/* of the two headers what is left is time, versions and extra fields */
	if (a->data - a->header != b->data - b->header ||
	    memcmp(za->bytes + a->header, zb->bytes + b->header, (size_t)(a->data - a->header)) != 0) {
		const bool time = memcmp(za->bytes + a->header + 10, zb->bytes + b->header + 10, 4) != 0;

		buf_addf(what, "%s: %s in its local header", a->name, time ? "the time" : "a field");
		return 1;
	}
	return 0;
}

int diff_zip(const char *a, const char *b, struct buf *what, struct err *err)
{
	CLEAN_ZIPDIR struct zipdir x = { .shown = NULL }, y = { .shown = NULL };
	int r = 0;

	if (zipdir_open(&x, a, err) < 0 || zipdir_open(&y, b, err) < 0)
		return -1;
	for (size_t i = 0; i < x.len && i < y.len && r == 0; i++)
		r = zip_entry(&x, &x.ptr[i], &y, &y.ptr[i], what, err);
	if (r == 0 && x.len != y.len) {
		buf_addf(what, "%zu entries, then %zu", x.len, y.len);
		r = 1;
	}
	return r;
}

static int same_files(const char *a, const char *b, size_t *at, struct err *err)
{
	struct fs_map x, y;
	int r;

	if (fs_map_open(&x, a, ZIPDIR_MAX_FILE, err) < 0)
		return -1;
	if (fs_map_open(&y, b, ZIPDIR_MAX_FILE, err) < 0) {
		fs_map_close(&x);
		return -1;
	}
	*at = first_difference(x.ptr, x.len, y.ptr, y.len);
	r = *at == x.len && *at == y.len;
	fs_map_close(&x);
	fs_map_close(&y);
	return r;
}

/* Of a Worker's files the first that differs. */
static int diff_dir(const char *a, const char *b, struct buf *what, struct err *err)
{
	CLEAN_STRS struct strs x = { 0 }, y = { 0 };
	size_t at;

	if (fs_list(a, &x, err) < 0 || fs_list(b, &y, err) < 0)
		return -1;
	for (size_t i = 0; i < x.len || i < y.len; i++) {
		CLEAN_FREE char *p = i < x.len ? path_join(a, x.ptr[i]) : NULL;
		CLEAN_FREE char *q = i < y.len ? path_join(b, y.ptr[i]) : NULL;
		int r;

		if (!p || !q || strcmp(x.ptr[i], y.ptr[i]) != 0) {
			buf_addf(what, "file %s is %s", p ? x.ptr[i] : "none", q ? y.ptr[i] : "none");
			return 1;
		}
		r = same_files(p, q, &at, err);
		if (r < 0)
			return -1;
		if (r == 0) {
			buf_addf(what, "%s: offset 0x%zx", x.ptr[i], at);
			return 1;
		}
	}
	return 0;
}

int diff_artifacts(const char *kind, const char *a, const char *b, struct buf *what, struct err *err)
{
	CLEAN_FREE char *ia = NULL, *ib = NULL;
	const bool layout = strcmp(kind, "oci") == 0;
	size_t at = 0;
	int r;

	if (strcmp(kind, "workers") == 0)
		return diff_dir(a, b, what, err);
	if (layout) {
		ia = path_join(a, "index.json");
		ib = path_join(b, "index.json");
	}
	/* a layout's index.json names the digests of all the rest, which diff_image() verifies where it looks */
	r = same_files(layout ? ia : a, layout ? ib : b, &at, err);
	if (r)
		return r < 0 ? -1 : 0;
	r = strcmp(kind, "zip") == 0 ? diff_zip(a, b, what, err) : diff_image(kind, a, b, what, err);
	if (r == 0) {
		buf_addf(what, "offset 0x%zx", at);
		r = 1;
	}
	return r;
}
