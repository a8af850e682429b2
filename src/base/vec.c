/* SPDX-License-Identifier: Apache-2.0 */
#include "base/vec.h"

#include <stdarg.h>
#include <string.h>

#include "base/buf.h"

void strs_take(struct strs *v, char *s)
{
	VEC_PUSH(v, s);
}

void strs_add(struct strs *v, const char *s)
{
	strs_take(v, xstrdup(s));
}

void strs_addf(struct strs *v, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	strs_take(v, buf_detach(&b));
}

void strs_release(struct strs *v)
{
	for (size_t i = 0; i < v->len; i++)
		free(v->ptr[i]);
	VEC_FREE(v);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void strs_sort(struct strs *v)
{
	if (v->len > 1)
		qsort(v->ptr, v->len, sizeof(*v->ptr), by_bytes);
}

char **strs_argv(struct strs *v)
{
	strs_take(v, NULL);
	v->len--;
	return v->ptr;
}
