/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "base/member.h"
#include "cli/out.h"
#include "report/check.h"

void check_rules_text(bool json, struct buf *out)
{
	size_t width = 0;

	for (size_t i = 0; i < RULE_COUNT; i++)
		width = strlen(check_rules[i].id) > width ? strlen(check_rules[i].id) : width;
	if (json)
		buf_addc(out, '[');
	else
		buf_addf(out, "%-*s  %-7s  %-7s  %-7s  %s\n", (int)width, "rule", "lambda", "knative", "generic",
			 "finds");
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct check_rule *r = &check_rules[i];
		const char *s[CHECK_PLATFORMS];

		for (size_t p = 0; p < CHECK_PLATFORMS; p++)
			s[p] = check_severity_name(r->severity[p]);
		if (!json) {
			buf_addf(out, "%-*s  %-7s  %-7s  %-7s  %s\n", (int)width, r->id, s[0], s[1], s[2], r->summary);
			continue;
		}
		member_open(out, NULL, '{');
		member_text(out, "id", r->id);
		member_text(out, "remedy", r->remedy);
		buf_addf(out, ",\"severity\":{\"generic\":\"%s\",\"knative\":\"%s\",\"lambda\":\"%s\"}", s[2], s[1],
			 s[0]);
		member_text(out, "summary", r->summary);
		buf_addc(out, '}');
	}
	if (json)
		buf_addz(out, "]\n");
}

static void report_json(const struct check *c, struct buf *out)
{
	buf_addc(out, '{');
	member_strs(out, "artifacts", &c->artifacts);
	member_u64(out, "errors", c->count[CHECK_ERROR]);
	member_open(out, "findings", '[');
	VEC_EACH(&c->findings, f) {
		member_open(out, NULL, '{');
		member_text(out, "artifact", f->artifact);
		member_text(out, "id", f->rule->id);
		member_text(out, "message", f->message);
		member_text(out, "platform", check_platform_name(f->platform));
		member_text(out, "remedy", f->rule->remedy);
		member_text(out, "severity", check_severity_name(f->severity));
		member_text(out, "where", f->where);
		buf_addc(out, '}');
	}
	buf_addf(out, "],\"ignored\":%zu,\"infos\":%zu,\"warnings\":%zu}\n", c->ignored,
		 c->count[CHECK_INFO], c->count[CHECK_WARNING]);
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

void check_report(const struct check *c, bool json, struct buf *out)
{
	bool told[RULE_COUNT] = { false };
	size_t listed = 0, all = 0;

	if (json) {
		report_json(c, out);
		return;
	}
	/* what stops a deployment comes first; within a severity as it was found */
	for (int s = CHECK_ERROR; s > CHECK_OFF; s--) {
		all += c->count[s];
		VEC_EACH(&c->findings, f) {
			const size_t rule = (size_t)(f->rule - check_rules);

			if ((int)f->severity != s)
				continue;
			listed++;
			buf_addf(out, "%s: ", check_severity_name(f->severity));
			out_text(out, f->artifact);
			if (f->where) {
				buf_addz(out, ": ");
				out_text(out, f->where);
			}
			buf_addz(out, ": ");
			out_text(out, f->message);
			buf_addf(out, " [%s]\n", f->rule->id);
			if (!told[rule])
				buf_addf(out, "  %s\n", f->rule->remedy);
			told[rule] = true;
		}
	}
	if (all > listed)
		buf_addf(out, "and %zu more of the same kinds\n", all - listed);
	buf_addf(out, "%zu artifact%s: %zu error%s, %zu warning%s, %zu note%s", c->artifacts.len,
		 plural(c->artifacts.len), c->count[CHECK_ERROR], plural(c->count[CHECK_ERROR]),
		 c->count[CHECK_WARNING], plural(c->count[CHECK_WARNING]), c->count[CHECK_INFO],
		 plural(c->count[CHECK_INFO]));
	if (c->ignored)
		buf_addf(out, "; %zu ignored by slsc.yaml", c->ignored);
	buf_addc(out, '\n');
}
