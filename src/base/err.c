/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void clip(char *dst, size_t cap, const char *fmt, va_list ap)
{
	int n = vsnprintf(dst, cap, fmt, ap);

	/* Never end inside a UTF-8 sequence. */
	if (n >= 0 && (size_t)n >= cap) {
		size_t i = cap - 1;

		while (i > 0 && ((unsigned char)dst[i - 1] & 0xc0) == 0x80)
			i--;
		if (i > 0 && (unsigned char)dst[i - 1] >= 0xc0)
			i--;
		else
			i = cap - 1;
		dst[i] = '\0';
	}
}

int err_set(struct err *err, enum err_code code, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	clip(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	*err = (struct err){ .code = code };
	memcpy(err->msg, msg, sizeof(msg));
	return -1;
}

int err_sys(struct err *err, const char *fmt, ...)
{
	int e = errno;
	char msg[sizeof(err->msg)];
	char why[128];
	va_list ap;

	va_start(ap, fmt);
	clip(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	*err = (struct err){ .code = ERR_IO, .sys = e };
	snprintf(err->msg, sizeof(err->msg), "%.*s: %s", (int)sizeof(msg) - 160, msg,
		 strerror_r(e, why, sizeof(why)));
	if (e == ENOSPC || e == EDQUOT)
		err_hint(err, "free some space, or write elsewhere, then run it again");
	else if (e == EACCES || e == EPERM || e == EROFS)
		err_hint(err, "check the owner and mode of the directory");
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char pre[sizeof(err->msg)];
	char inner[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	clip(pre, sizeof(pre), fmt, ap);
	va_end(ap);
	memcpy(inner, err->msg, sizeof(inner));
	snprintf(err->msg, sizeof(err->msg), "%.400s: %.*s", pre, (int)sizeof(inner) - 404, inner);
	return -1;
}

int err_hint(struct err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	clip(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -1;
}

int err_at(struct err *err, enum err_code code, const char *file, unsigned line, unsigned col,
	   const char *fmt, ...)
{
	char msg[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	clip(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	*err = (struct err){ .code = code, .loc = { .line = line, .col = col } };
	snprintf(err->loc.file, sizeof(err->loc.file), "%s", file);
	if (line && col)
		snprintf(err->msg, sizeof(err->msg), "%.250s:%u:%u: %.700s", file, line, col, msg);
	else if (line)
		snprintf(err->msg, sizeof(err->msg), "%.250s:%u: %.700s", file, line, msg);
	else
		snprintf(err->msg, sizeof(err->msg), "%.250s: %.700s", file, msg);
	return -1;
}

const char *err_name(enum err_code code)
{
	static const char *const names[] = {
		[ERR_NONE] = "none",	   [ERR_IO] = "io",	    [ERR_USAGE] = "usage",
		[ERR_CONFIG] = "config",   [ERR_LIMIT] = "limit",   [ERR_FORMAT] = "format",
		[ERR_ARCHIVE] = "archive", [ERR_GIT] = "git",	    [ERR_TOOL] = "tool",
		[ERR_BUILD] = "build",	   [ERR_VERIFY] = "verify", [ERR_CHECK] = "check",
		[ERR_EXISTS] = "exists",   [ERR_NOTFOUND] = "notfound", [ERR_INTR] = "interrupted",
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
	va_list ap;

	fprintf(stderr, "slsc: BUG at %s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputs("\n", stderr);
	abort();
}
