/* SPDX-License-Identifier: Apache-2.0 */
#include "build/linkmap.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "os/fs.h"

#define PATH_MAX_LEN 4096
#define LLD_HEAD "             VMA              LMA     Size Align Out     In      Symbol"
#define LLD_INDENT 8	/* blanks before an input section; 16 before a symbol */
#define GNU_HEAD "Linker script and memory map"

struct reader {
	const char *shown;
	struct map seen;	/* "path(member)" and "path" */
	struct link_inputs *out;
	struct link_ranges *ranges;	/* NULL: not wanted */
};

static int limit(const struct reader *r, const char *what, struct err *err)
{
	return err_set(err, ERR_LIMIT, "%s: limit exceeded: %s", r->shown, what);
}

/* The archive's part of "libc.a(puts.o)"; a path may hold parentheses, a member's name does not. */
static struct str archive_of(struct str input)
{
	for (size_t i = input.len; i > 1 && input.ptr[input.len - 1] == ')'; i--)
		if (input.ptr[i - 1] == '(')
			return (struct str){ input.ptr, i - 1 };
	return input;
}

static int add_range(struct reader *r, const char *input, uint64_t addr, uint64_t size, struct err *err)
{
	if (!r->ranges)
		return 0;
	if (r->ranges->len >= LINKMAP_RANGES_MAX)
		return limit(r, "more than 1048576 input sections", err);
	VEC_PUSH(r->ranges, ((struct link_range){ addr, size, input }));
	return 0;
}

static int add_input(struct reader *r, struct str input, uint64_t addr, uint64_t size, struct err *err)
{
	const struct str path = archive_of(input);
	CLEAN_FREE char *whole = NULL;
	struct link_input *known;

	/* "<internal>": what the linker has made itself */
	if (!path.len || path.ptr[0] == '<' || path.ptr[0] == '*')
		return 0;
	if (memchr(input.ptr, '\0', input.len))
		return err_set(err, ERR_FORMAT, "%s: a path has a NUL in it", r->shown);
	if (input.len > PATH_MAX_LEN)
		return limit(r, "a path of more than 4096 bytes", err);
	whole = xstrndup(input.ptr, input.len);
	if (map_has(&r->seen, whole))
		return add_range(r, map_get(&r->seen, whole), addr, size, err);
	if (r->seen.len >= LINKMAP_INPUTS_MAX)
		return limit(r, "more than 65536 inputs", err);
	map_put(&r->seen, whole, r->ranges ? arena_strdup(&r->ranges->arena, whole) : NULL);
	if (add_range(r, map_get(&r->seen, whole), addr, size, err) < 0)
		return -1;
	for (size_t i = r->out->len; i > 0; i--) {
		known = &r->out->ptr[i - 1];
		if (str_eqz(path, known->path)) {
			known->members += path.len < input.len;
			return 0;
		}
		/* members of one archive mostly follow each other; else the sort brings them together */
		if (r->out->len - i >= 16)
			break;
	}
	VEC_PUSH(r->out,
		 ((struct link_input){ .path = xstrndup(path.ptr, path.len), .members = path.len < input.len }));
	return 0;
}

static size_t blanks(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] == ' ')
		n++;
	return n;
}

/* The next word, without the blanks before it. */
static struct str word(struct str *s)
{
	const size_t skip = blanks(*s);
	struct str w = { s->ptr + skip, s->len - skip };

	*s = w;
	for (w.len = 0; w.len < s->len && w.ptr[w.len] != ' '; w.len++)
		;
	s->ptr += w.len;
	s->len -= w.len;
	return w;
}

/* Whether @w is a hexadecimal number, with @prefix before it. */
static bool is_hex(struct str w, const char *prefix, uint64_t *v)
{
	static const char digits[] = "0123456789abcdef";
	const size_t skip = strlen(prefix);

	if (!str_starts(w, prefix) || w.len == skip || w.len > skip + 16)
		return false;
	*v = 0;
	for (size_t i = skip; i < w.len; i++) {
		const char *digit = memchr(digits, w.ptr[i], 16);

		if (!digit)
			return false;
		*v = *v << 4 | (uint64_t)(digit - digits);
	}
	return true;
}

/* "  200260   200260   51     1         /lib/libc.a(puts.lo):(.text.puts)" */
static int lld_line(struct reader *r, struct str line, struct err *err)
{
	struct str rest = line;
	uint64_t vma, lma, size, align;
	size_t end;

	if (!is_hex(word(&rest), "", &vma) || !is_hex(word(&rest), "", &lma) || !is_hex(word(&rest), "", &size) ||
	    !is_hex(word(&rest), "", &align))
		return 0;
	/* one blank ends the column of alignments */
	if (!vma || !size || blanks(rest) != 1 + LLD_INDENT || !str_ends(rest, ")"))
		return 0;
	rest = (struct str){ rest.ptr + 1 + LLD_INDENT, rest.len - 1 - LLD_INDENT };
	for (end = rest.len; end > 1; end--)
		if (rest.ptr[end - 2] == ':' && rest.ptr[end - 1] == '(')
			return add_input(r, (struct str){ rest.ptr, end - 2 }, vma, size, err);
	return 0;
}

/*
 * " .text.puts     0x0000000000401000       0x51 /lib/libc.a(puts.o)", the name on a line of its own if it is long. A
 * line that goes on with "(size before relaxing)" has no address.
 */
static int gnu_line(struct reader *r, struct str line, struct err *err)
{
	struct str rest = line, w;
	uint64_t address, size;

	if (!line.len || line.ptr[0] != ' ')
		return 0;
	w = word(&rest);
	if (!is_hex(w, "0x", &address)) {
		if (!w.len || blanks(line) != 1 || w.ptr[0] == '*' || !is_hex(word(&rest), "0x", &address))
			return 0;
	}
	if (!is_hex(word(&rest), "0x", &size) || !address || !size || blanks(rest) != 1)
		return 0;
	return add_input(r, (struct str){ rest.ptr + 1, rest.len - 1 }, address, size, err);
}

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct link_input *)a)->path, ((const struct link_input *)b)->path);
}

static void sort(struct link_inputs *l)
{
	size_t n = 0;

	if (!l->len)
		return;
	qsort(l->ptr, l->len, sizeof(*l->ptr), by_path);
	for (size_t i = 0; i < l->len; i++) {
		if (n && strcmp(l->ptr[n - 1].path, l->ptr[i].path) == 0) {
			l->ptr[n - 1].members += l->ptr[i].members;
			free(l->ptr[i].path);
		} else {
			l->ptr[n++] = l->ptr[i];
		}
	}
	l->len = n;
}

static int parse(struct reader *r, struct str rest, struct err *err)
{
	bool lld = false, gnu = false;
	int ret = 0;

	for (bool first = true; rest.len && ret == 0; first = false) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (first && str_eqz(line, LLD_HEAD))
			lld = true;
		else if (lld)
			ret = lld_line(r, line, err);
		else if (!gnu)
			gnu = str_eqz(line, GNU_HEAD);
		else
			ret = gnu_line(r, line, err);
	}
	if (ret == 0 && !lld && !gnu)
		ret = err_set(err, ERR_FORMAT, "%s: is no link map of ld.lld or GNU ld", r->shown);
	map_release(&r->seen);
	return ret;
}

int linkmap_parse(const char *shown, const char *p, size_t n, struct link_inputs *out, struct err *err)
{
	struct reader r = { .shown = shown, .out = out };
	int ret;

	*out = (struct link_inputs){ .len = 0 };
	ret = parse(&r, (struct str){ p, n }, err);
	if (ret < 0)
		link_inputs_release(out);
	else
		sort(out);
	return ret;
}

int linkmap_read(const char *path, const char *shown, struct link_inputs *out, struct err *err)
{
	struct fs_map m;
	int r;

	*out = (struct link_inputs){ .len = 0 };
	if (fs_map_open(&m, path, LINKMAP_MAX, err) < 0)
		return -1;
	r = linkmap_parse(shown, (const char *)m.ptr, m.len, out, err);
	fs_map_close(&m);
	return r;
}

int linkmap_parse_ranges(const char *shown, const char *p, size_t n, struct link_ranges *out, struct err *err)
{
	CLEAN_INPUTS struct link_inputs inputs = { .len = 0 };
	struct reader r = { .shown = shown, .out = &inputs, .ranges = out };
	int ret;

	*out = (struct link_ranges){ .len = 0 };
	ret = parse(&r, (struct str){ p, n }, err);
	if (ret < 0)
		link_ranges_release(out);
	return ret;
}

int linkmap_read_ranges(const char *path, const char *shown, struct link_ranges *out, struct err *err)
{
	struct fs_map m;
	int r;

	*out = (struct link_ranges){ .len = 0 };
	if (fs_map_open(&m, path, LINKMAP_MAX, err) < 0)
		return -1;
	r = linkmap_parse_ranges(shown, (const char *)m.ptr, m.len, out, err);
	fs_map_close(&m);
	return r;
}

void link_ranges_release(struct link_ranges *l)
{
	VEC_FREE(l);
	arena_release(&l->arena);
}

void link_inputs_release(struct link_inputs *l)
{
	VEC_EACH(l, i)
		free(i->path);
	VEC_FREE(l);
}
