/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was cut short must not end inside a UTF-8 sequence. */
static void drop_partial(char *s)
{
	size_t n = strlen(s), i = n;
	unsigned char lead;

	while (i > 0 && n - i < 3 && ((unsigned char)s[i - 1] & 0xc0) == 0x80)
		i--;
	if (i == 0)
		return;
	lead = (unsigned char)s[i - 1];
	if (lead >= 0xc0 && n - (i - 1) < (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : 2u))
		s[i - 1] = '\0';
}

PRINTF_LIKE(3, 0) static void vformat(char *dst, size_t cap, const char *fmt, va_list ap)
{
	int n = vsnprintf(dst, cap, fmt, ap);

	if (n < 0)
		BUG("bad format '%s'", fmt);
	if ((size_t)n >= cap)
		drop_partial(dst);
}

PRINTF_LIKE(3, 4) static void format(char *dst, size_t cap, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vformat(dst, cap, fmt, ap);
	va_end(ap);
}

/* The longest prefix, so that what follows it is still said. */
#define PREFIX_MAX 512

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vformat(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	*err = (struct err){ .code = code };
	memcpy(err->msg, msg, sizeof(msg));
	return -1;
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int e = errno;
	char msg[sizeof(err->msg) - 128];
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	vformat(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	*err = (struct err){ .code = e == EINTR ? ERR_INTR : ERR_IO, .sys = e };
	if (e == EINTR)
		format(err->msg, sizeof(err->msg), "interrupted");
	else
		format(err->msg, sizeof(err->msg), "%s: %s", msg, strerror_r(e, why, sizeof(why)));
	if (e == ENOSPC || e == EDQUOT)
		err_hint(err, "free some space, or write elsewhere, then run it again");
	else if (e == EACCES || e == EPERM)
		err_hint(err, "check the owner and mode of the directory");
	else if (e == EROFS)
		err_hint(err, "the file system is mounted read-only: write elsewhere");
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char pre[PREFIX_MAX];
	char inner[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vformat(pre, sizeof(pre), fmt, ap);
	va_end(ap);
	memcpy(inner, err->msg, sizeof(inner));
	format(err->msg, sizeof(err->msg), "%s: %s", pre, inner);
	return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	char hint[sizeof(err->hint)];
	va_list ap;

	va_start(ap, fmt);
	vformat(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	memcpy(err->hint, hint, sizeof(hint));
	return -1;
}

int err_at(struct err *err, enum err_code code, const char *file, unsigned line, unsigned col, const char *fmt, ...)
{
	struct err e = { .code = code, .loc = { .line = line, .col = col } };
	char msg[sizeof(e.msg)];
	va_list ap;

	va_start(ap, fmt);
	vformat(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	format(e.loc.file, sizeof(e.loc.file), "%s", file);
	if (line && col)
		format(e.msg, sizeof(e.msg), "%s:%u:%u: %s", e.loc.file, line, col, msg);
	else if (line)
		format(e.msg, sizeof(e.msg), "%s:%u: %s", e.loc.file, line, msg);
	else
		format(e.msg, sizeof(e.msg), "%s: %s", e.loc.file, msg);
	*err = e;
	return -1;
}

const char *err_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",	   [ERR_IO] = "io",	    [ERR_USAGE] = "usage",
		[ERR_CONFIG] = "config",   [ERR_LIMIT] = "limit",   [ERR_FORMAT] = "format",
		[ERR_ARCHIVE] = "archive", [ERR_GIT] = "git",	    [ERR_TOOL] = "tool",
		[ERR_BUILD] = "build",	   [ERR_VERIFY] = "verify", [ERR_CHECK] = "check",
		[ERR_EXISTS] = "exists",   [ERR_NOTFOUND] = "notfound", [ERR_NET] = "network",
		[ERR_FUNCTION] = "function", [ERR_INTR] = "interrupted",
	};

	if ((size_t)code >= sizeof(names) / sizeof(names[0]))
		BUG("unknown error code %d", (int)code);
	return names[code];
}

int err_exit_code(const struct err *err)
{
	switch (err->code) {
	case ERR_NONE:
		return 0;
	case ERR_USAGE:
		return 2;
	case ERR_CHECK:
		return 3;
	case ERR_INTR:
		return 130;
	default:
		return 1;
	}
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	char msg[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	fprintf(stderr, "slsc: BUG at %s:%d: %s\n", file, line, msg);
	abort();
}
