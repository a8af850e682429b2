/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "flow/value.h"

void flow_fault_release(struct flow_fault *f)
{
	free(f->error);
	free(f->cause);
	*f = (struct flow_fault)FLOW_FAULT_INIT;
}

/* At most @max bytes, and no half of a character. Functions send whatever they like: it is made UTF-8 here. */
static char *cut(const char *s, size_t max)
{
	json_t *clean = str_is_utf8(str_from(s)) ? NULL : flow_value_text(s);
	size_t n;
	char *out;

	if (clean)
		s = json_string_value(clean);
	n = strnlen(s, max + 1);
	if (n > max)
		for (n = max; n && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
			;
	out = xstrndup(s, n);
	json_decref(clean);
	return out;
}

int flow_fault_copy(struct flow_fault *f, const char *error, const char *cause)
{
	char *e = error ? cut(error, FLOW_ERROR_MAX) : NULL, *c = cause ? cut(cause, FLOW_CAUSE_MAX) : NULL;

	flow_fault_release(f);
	f->error = e;
	f->cause = c;
	return -1;
}

int flow_fault_set(struct flow_fault *f, const char *error, const char *fmt, ...)
{
	CLEAN_BUF struct buf cause = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&cause, fmt, ap);
	va_end(ap);
	return flow_fault_copy(f, error, cause.ptr);
}

json_t *flow_fault_json(const struct flow_fault *f)
{
	json_t *v = flow_value_must(json_object());

	flow_value_set(v, "Error", flow_value_text(f->error ? f->error : ""));
	flow_value_set(v, "Cause", flow_value_text(f->cause ? f->cause : ""));
	return v;
}
