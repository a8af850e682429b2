/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/vec.h"
#include "flow/doc.h"

/*
 * JSON (RFC 8259) with the place of each value. jansson knows where it stopped, not where a value began.
 */

struct json_in {
	struct doc_reader *r;
	const char *p, *end;
	unsigned depth;
	/* up to where lines and columns are counted: places are asked for in the text's order */
	const char *counted;
	struct flow_at at;
	struct buf text; /* of the string that is read */
	VEC(struct doc_node *) items;
	VEC(const char *) keys; /* as long as items; NULL in a list */
	VEC(struct flow_at) key_at;
};

static struct flow_at here(struct json_in *in)
{
	for (; in->counted < in->p; in->counted++)
		if (*in->counted == '\n') {
			in->at.line++;
			in->at.col = 1;
		} else if (((unsigned char)*in->counted & 0xc0) != 0x80) {
			in->at.col++;
		}
	return in->at;
}

PRINTF_LIKE(2, 3) static int fail(struct json_in *in, const char *fmt, ...)
{
	const struct flow_at at = here(in);
	char msg[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return err_at(in->r->err, ERR_CONFIG, in->r->shown, at.line, at.col, "%s", msg);
}

static void skip_blanks(struct json_in *in)
{
	while (in->p < in->end && (*in->p == ' ' || *in->p == '\t' || *in->p == '\n' || *in->p == '\r'))
		in->p++;
}

/* What stands where something else should: for a message. */
static int unexpected(struct json_in *in, const char *wanted)
{
	const unsigned char c = in->p < in->end ? (unsigned char)*in->p : 0;

	if (in->p == in->end)
		return fail(in, "the file ends where %s should be", wanted);
	if (c == '/' || c == '#') {
		fail(in, "%s should be here, and JSON has no comments", wanted);
		return err_hint(in->r->err, "use \"Comment\" fields, or write the machine in YAML");
	}
	if (c == '\'') {
		fail(in, "%s should be here, not '", wanted);
		return err_hint(in->r->err, "JSON puts strings in double quotes");
	}
	if (c < ' ' || c >= 0x7f)
		return fail(in, "%s should be here", wanted);
	return fail(in, "%s should be here, not '%c'", wanted, c);
}

/* ---- strings ---- */

static int hex4(struct json_in *in, unsigned *out)
{
	unsigned v = 0;

	if (in->end - in->p < 4)
		return fail(in, "four hexadecimal digits have to follow \\u");
	for (int i = 0; i < 4; i++) {
		const char c = in->p[i];
		unsigned digit;

		if (c >= '0' && c <= '9')
			digit = (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			digit = (unsigned)((c | 32) - 'a') + 10;
		else
			return fail(in, "four hexadecimal digits have to follow \\u");
		v = v << 4 | digit;
	}
	in->p += 4;
	*out = v;
	return 0;
}

static void add_utf8(struct buf *b, unsigned c)
{
	if (c < 0x80) {
		buf_addc(b, (char)c);
	} else if (c < 0x800) {
		buf_addc(b, (char)(0xc0 | c >> 6));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_addc(b, (char)(0xe0 | c >> 12));
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_addc(b, (char)(0xf0 | c >> 18));
		buf_addc(b, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_addc(b, (char)(0x80 | (c & 0x3f)));
	}
}

/* Behind "\u". */
static int read_unicode(struct json_in *in)
{
	unsigned c, low;

	if (hex4(in, &c))
		return -1;
	if (c >= 0xd800 && c < 0xdc00) {
		if (in->end - in->p < 6 || in->p[0] != '\\' || in->p[1] != 'u')
			return fail(in, "the second half of a surrogate pair has to follow");
		in->p += 2;
		if (hex4(in, &low))
			return -1;
		if (low < 0xdc00 || low >= 0xe000)
			return fail(in, "the second half of a surrogate pair has to be \\udc00 to \\udfff");
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
	} else if (c >= 0xdc00 && c < 0xe000) {
		return fail(in, "half a surrogate pair is no character");
	} else if (!c) {
		return fail(in, "a NUL character is not allowed in a string");
	}
	add_utf8(&in->text, c);
	return 0;
}

/* A string into in->text; in->p is at its opening quote. */
static int read_string(struct json_in *in)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	buf_reset(&in->text);
	in->p++;
	for (;;) {
		const char *start = in->p, *which;

		while (in->p < in->end && *in->p != '"' && *in->p != '\\' && (unsigned char)*in->p >= ' ')
			in->p++;
		buf_add(&in->text, start, (size_t)(in->p - start));
		if (in->p == in->end)
			return fail(in, "the file ends within a string");
		if (*in->p == '"') {
			in->p++;
			return 0;
		}
		if (*in->p != '\\') {
			if (*in->p == '\n' || *in->p == '\r') {
				fail(in, "the line ends within a string");
				return err_hint(in->r->err, "close it with \", or write \\n for a line end in it");
			}
			return fail(in, "a control character in a string has to be written as an escape");
		}
		if (++in->p == in->end)
			return fail(in, "the file ends within a string");
		if (*in->p == 'u') {
			in->p++;
			if (read_unicode(in))
				return -1;
			continue;
		}
		which = *in->p ? strchr(from, *in->p) : NULL;
		if (!which) {
			fail(in, "no escape begins so: a backslash is written \\\\");
			return -1;
		}
		buf_addc(&in->text, to[which - from]);
		in->p++;
	}
}

/* ---- numbers ---- */

static void skip_digits(struct json_in *in)
{
	while (in->p < in->end && *in->p >= '0' && *in->p <= '9')
		in->p++;
}

static bool at_digit(const struct json_in *in)
{
	return in->p < in->end && *in->p >= '0' && *in->p <= '9';
}

static struct doc_node *read_number(struct json_in *in, struct flow_at at)
{
	const char *start = in->p;
	bool real = false;
	double d;

	in->p += *in->p == '-';
	if (!at_digit(in)) {
		unexpected(in, "a digit");
		return NULL;
	}
	if (*in->p == '0') {
		in->p++;
		if (at_digit(in)) {
			fail(in, "a number does not begin with 0");
			return NULL;
		}
	}
	skip_digits(in);
	if (in->p < in->end && *in->p == '.') {
		real = true;
		in->p++;
		if (!at_digit(in)) {
			unexpected(in, "a digit");
			return NULL;
		}
		skip_digits(in);
	}
	if (in->p < in->end && (*in->p | 32) == 'e') {
		real = true;
		in->p++;
		if (in->p < in->end && (*in->p == '+' || *in->p == '-'))
			in->p++;
		if (!at_digit(in)) {
			unexpected(in, "a digit");
			return NULL;
		}
		skip_digits(in);
	}
	buf_reset(&in->text);
	buf_add(&in->text, start, (size_t)(in->p - start));
	if (!real) {
		long long i;

		errno = 0;
		i = strtoll(in->text.ptr, NULL, 10);
		if (!errno)
			return doc_new(in->r, DOC_NUMBER, at, json_integer(i));
	}
	d = strtod(in->text.ptr, NULL);
	if (!isfinite(d)) {
		err_at(in->r->err, ERR_CONFIG, in->r->shown, at.line, at.col, "the number is too large");
		return NULL;
	}
	return doc_new(in->r, DOC_NUMBER, at, json_real(d));
}

/* ---- values ---- */

static struct doc_node *read_value(struct json_in *in);

static bool take(struct json_in *in, const char *word)
{
	const size_t n = strlen(word);

	if ((size_t)(in->end - in->p) < n || memcmp(in->p, word, n) != 0)
		return false;
	in->p += n;
	return true;
}

static int read_key(struct json_in *in)
{
	if (in->p == in->end || *in->p != '"') {
		unexpected(in, "a name in double quotes");
		if (in->p < in->end && *in->p == '}')
			err_hint(in->r->err, "JSON has no comma before a '}'");
		return -1;
	}
	VEC_PUSH(&in->key_at, here(in));
	if (read_string(in))
		return -1;
	VEC_PUSH(&in->keys, arena_str(in->r->arena, buf_str(&in->text)));
	skip_blanks(in);
	if (in->p == in->end || *in->p != ':')
		return unexpected(in, "':'");
	in->p++;
	return 0;
}

/* The members of a list or an object up to its end. */
static int read_members(struct json_in *in, struct doc_node *n, char close)
{
	const bool list = close == ']';
	const size_t first = in->items.len, first_key = in->keys.len;

	in->p++;
	skip_blanks(in);
	if (in->p < in->end && *in->p == close) {
		in->p++;
		return 0;
	}
	for (;;) {
		struct doc_node *item;

		skip_blanks(in);
		if (!list && read_key(in))
			return -1;
		if (list && in->p < in->end && *in->p == close) {
			unexpected(in, "a value");
			return err_hint(in->r->err, "JSON has no comma before a ']'");
		}
		item = read_value(in);
		if (!item)
			return -1;
		VEC_PUSH(&in->items, item);
		skip_blanks(in);
		if (in->p < in->end && *in->p == ',') {
			in->p++;
			continue;
		}
		if (in->p == in->end || *in->p != close)
			return unexpected(in, list ? "',' or ']'" : "',' or '}'");
		in->p++;
		break;
	}
	doc_fill(in->r, n, in->items.ptr + first, list ? NULL : in->keys.ptr + first_key,
		 list ? NULL : in->key_at.ptr + first_key, in->items.len - first);
	in->items.len = first;
	in->keys.len = in->key_at.len = first_key;
	return 0;
}

static struct doc_node *read_collection(struct json_in *in, struct flow_at at)
{
	const bool list = *in->p == '[';
	struct doc_node *n;

	if (in->depth == FLOW_DEPTH_MAX) {
		err_at(in->r->err, ERR_LIMIT, in->r->shown, at.line, at.col, "limit exceeded: nested more than %u deep",
		       FLOW_DEPTH_MAX);
		return NULL;
	}
	n = list ? doc_new(in->r, DOC_LIST, at, json_array()) : doc_new(in->r, DOC_OBJECT, at, json_object());
	if (!n)
		return NULL;
	in->depth++;
	if (read_members(in, n, list ? ']' : '}')) {
		json_decref(n->json);
		return NULL;
	}
	in->depth--;
	return n;
}

static struct doc_node *read_value(struct json_in *in)
{
	struct flow_at at;

	skip_blanks(in);
	at = here(in);
	if (in->p == in->end) {
		unexpected(in, "a value");
		return NULL;
	}
	switch (*in->p) {
	case '{':
	case '[':
		return read_collection(in, at);
	case '"':
		if (read_string(in))
			return NULL;
		return doc_new(in->r, DOC_STRING, at, json_stringn_nocheck(in->text.ptr, in->text.len));
	case 't':
		if (take(in, "true"))
			return doc_new(in->r, DOC_BOOL, at, json_true());
		break;
	case 'f':
		if (take(in, "false"))
			return doc_new(in->r, DOC_BOOL, at, json_false());
		break;
	case 'n':
		if (take(in, "null"))
			return doc_new(in->r, DOC_NULL, at, json_null());
		break;
	case '-':
	case '0' ... '9':
		return read_number(in, at);
	default:
		break;
	}
	unexpected(in, "a value");
	return NULL;
}

int doc_read_json(struct doc_reader *r)
{
	struct json_in in = { .r = r, .p = r->text, .end = r->text + r->n, .counted = r->text, .at = { 1, 1 } };
	struct doc_node *root;

	buf_init(&in.text);
	root = read_value(&in);
	if (root) {
		skip_blanks(&in);
		if (in.p < in.end) {
			unexpected(&in, "the end of the file");
			json_decref(root->json);
			root = NULL;
		}
	}
	/* what was read of a list or an object that did not come to its end */
	if (!root)
		VEC_EACH(&in.items, it)
			json_decref((*it)->json);
	VEC_FREE(&in.items);
	VEC_FREE(&in.keys);
	VEC_FREE(&in.key_at);
	buf_release(&in.text);
	if (!root)
		return -1;
	r->d->root = root;
	r->d->json = root->json;
	return 0;
}
