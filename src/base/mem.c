/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static void *check(void *p)
{
	if (!p) {
		static const char msg[] = "slsc: out of memory\n";

		if (write(2, msg, sizeof(msg) - 1) < 0)
			_exit(1);
		abort();
	}
	return p;
}

void *xmalloc(size_t n)
{
	return check(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return check(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t n)
{
	return check(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return check(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return check(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0)
		s = NULL;
	va_end(ap);
	return check(s);
}

void clean_free_(void *p)
{
	void *q;

	memcpy(&q, p, sizeof(q));
	free(q);
}

void clean_fd_(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	/* whoever calls this by hand may do it twice; meanwhile the number may be another thread's */
	*fd = -1;
}

int steal_fd(int *fd)
{
	int r = *fd;

	*fd = -1;
	return r;
}
