/* SPDX-License-Identifier: Apache-2.0 */
#include "event.h"

#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "local/client.h"
#include "local/example.h"
#include "os/fs.h"

static int read_stdin(struct buf *out, struct err *err)
{
	char block[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
		if (n < 0)
			return err_sys(err, "cannot read the event from standard input");
		buf_add(out, block, (size_t)n);
		if (out->len > INVOKE_EVENT_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: standard input: an event has at most %u bytes",
				       INVOKE_EVENT_MAX);
	}
	return 0;
}

/* JSON has these first letters, and few files do. */
static bool looks_like_json(const char *s)
{
	s += strspn(s, " \t\r\n");
	return *s == '{' || *s == '[' || *s == '"';
}

/* The platform would say as much, but not where. @flags: of jansson. */
static int check(const struct buf *text, const char *where, unsigned line, size_t flags, struct err *err)
{
	json_error_t why;
	json_t *root = json_loadb(text->ptr, text->len, flags | JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	const unsigned col = why.column > 0 ? (unsigned)why.column : 1;

	json_decref(root);
	if (root)
		return 0;
	line += why.line > 0 ? (unsigned)why.line - 1 : 0;
	if (json_error_code(&why) != json_error_numeric_overflow)
		return err_at(err, ERR_FORMAT, where, line, col, "the event is no JSON: %s", why.text);
	err_at(err, ERR_FORMAT, where, line, col, "a number is too large");
	return err_hint(err, "integers have 64 bits, other numbers reach to 1.8e308; a string holds any");
}

int event_check(const struct buf *text, const char *where, unsigned line, struct err *err)
{
	return check(text, where, line, JSON_DECODE_INT_AS_REAL, err);
}

static int read_option(const char *option, const char *e, size_t flags, struct buf *out, struct err *err)
{
	const char *where = option;

	if (strcmp(e, "-") == 0) {
		where = "standard input";
		if (read_stdin(out, err) < 0)
			return -1;
	} else if (looks_like_json(e)) {
		buf_addz(out, e);
	} else if (fs_exists(e)) {
		where = e;
		if (fs_read(e, INVOKE_EVENT_MAX, out, err) < 0)
			return -1;
	} else {
		buf_addz(out, e);
		if (check(out, where, 1, flags, err) == 0)
			return 0;
		if (*err->hint) /* it is a number */
			return -1;
		return err_set(err, ERR_NOTFOUND, "%s '%s': there is no such file, and it is no JSON", option, e);
	}
	return check(out, where, 1, flags, err);
}

int event_read_option(const char *option, const char *e, struct buf *out, struct err *err)
{
	return read_option(option, e, JSON_DECODE_INT_AS_REAL, out, err);
}

int event_read_input(const char *option, const char *e, struct buf *out, struct err *err)
{
	return read_option(option, e, 0, out, err);
}

int event_read(const char *e, const char *example, struct buf *out, struct err *err)
{
	if (e && example)
		return err_set(err, ERR_USAGE, "--event and --example are both an event");
	if (example)
		return example_read(example, out, err);
	if (!e) {
		buf_addz(out, "{}");
		return 0;
	}
	if (event_read_option("--event", e, out, err) == 0)
		return 0;
	return err->code == ERR_NOTFOUND
		       ? err_hint(err, "--example NAME takes an example; `slsc invoke --list` shows them")
		       : -1;
}
