/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/vec.h"

#define MSG_MAX 560 /* with the path and the place it fits into an error */

void flow_problems_add(struct flow_problems *p, bool warning, unsigned line, unsigned col, const char *path,
		       const char *fmt, ...)
{
	struct flow_problem add = { .warning = warning, .line = line, .col = col };
	char msg[MSG_MAX];
	va_list ap;

	if (warning)
		p->warnings++;
	else
		p->errors++;
	p->full = p->len == FLOW_PROBLEMS_MAX;
	if (p->full)
		return;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	add.path = xstrdup(path);
	add.msg = xstrdup(msg);
	add.nth = p->len;
	VEC_PUSH(p, add);
}

void flow_problems_hint(struct flow_problems *p, const char *fmt, ...)
{
	char hint[sizeof(((struct err *)NULL)->hint)];
	va_list ap;

	if (p->full || !p->len)
		return;
	va_start(ap, fmt);
	vsnprintf(hint, sizeof(hint), fmt, ap);
	va_end(ap);
	free(p->ptr[p->len - 1].hint);
	p->ptr[p->len - 1].hint = xstrdup(hint);
}

static int by_place(const void *a, const void *b)
{
	const struct flow_problem *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->col != y->col)
		return x->col < y->col ? -1 : 1;
	return x->nth < y->nth ? -1 : 1;
}

void flow_problems_sort(struct flow_problems *p)
{
	if (p->len)
		qsort(p->ptr, p->len, sizeof(*p->ptr), by_place);
}

void flow_problems_release(struct flow_problems *p)
{
	VEC_EACH(p, it) {
		free(it->path);
		free(it->msg);
		free(it->hint);
	}
	free(p->ptr);
	*p = (struct flow_problems){ 0 };
}

int flow_problem_err(const struct flow_problem *p, const char *file, struct err *err)
{
	err_at(err, ERR_CONFIG, file, p->line, p->col, "%s%s%s", p->path, *p->path ? ": " : "", p->msg);
	return p->hint ? err_hint(err, "%s", p->hint) : -1;
}
