/* SPDX-License-Identifier: Apache-2.0 */
#include "ui_since.h"

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "stage/ignore.h"

static void say(const struct since_result *res, const char *range, bool why)
{
	const char *plural = res->changed == 1 ? "" : "s";

	if (!res->changed)
		out_note("since %s: nothing to do, nothing differs", range);
	else if (!res->len)
		out_note("since %s: nothing to do, no function reads the %zu file%s that differ%s", range, res->changed,
			 plural, *plural ? "" : "s");
	else
		out_note("since %s: %zu of %zu functions, touched by %zu file%s that differ%s", range, res->len,
			 res->asked, res->changed, plural, *plural ? "" : "s");
	if (!why)
		return;
	VEC_EACH(res, t)
		for (size_t i = 0; i < t->len; i++) {
			CLEAN_BUF struct buf text = BUF_INIT;

			since_why_text(&t->ptr[i], &text);
			out_note("%s: %s", t->function->name.s, text.ptr);
		}
}

int ui_since(struct project *p, const char *range, const char *profile, const struct globals *g, struct strs *functions,
	     struct since_result *res, struct err *err)
{
	const struct since_request req = {
		.range = range, .profile = profile, .only = functions, .context = ignore_first
	};

	if (since_find(p, &req, res, err) < 0)
		return -1;
	say(res, range, g->verbose || g->explain);
	strs_release(functions);
	VEC_EACH(res, t)
		strs_add(functions, t->function->name.s);
	return 0;
}

static void add_why(const struct since_why *w, struct buf *out)
{
	member_open(out, NULL, '{');
	member_text(out, "by", w->by);
	member_text(out, "file", w->file);
	member_text(out, "reason", since_reason_name(w->reason));
	buf_addc(out, '}');
}

void ui_since_json(const struct since_result *res, const char *range, struct buf *out)
{
	buf_addf(out, "{\"changed\":%zu,\"functions\":[", res->changed);
	VEC_EACH(res, t) {
		member_open(out, NULL, '{');
		member_text(out, "function", t->function->name.s);
		member_open(out, "why", '[');
		for (size_t i = 0; i < t->len; i++)
			add_why(&t->ptr[i], out);
		buf_addz(out, "]}");
	}
	buf_addc(out, ']');
	member_text(out, "range", range);
	buf_addc(out, '}');
}
