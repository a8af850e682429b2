/* SPDX-License-Identifier: Apache-2.0 */
#include "doctor_launcher.h"

#include <string.h>

#include "base/mem.h"
#include "base/member.h"
#include "build/doctor.h"
#include "build/launcher.h"
#include "cli/out.h"

static void on_warn(const char *line)
{
	out_warn("%s", line);
}

static const char *works(const struct doctor_launch *d)
{
	if (d->elsewhere)
		return "another host compiled it: the same bytes";
	if (d->remote_hit)
		return "the second compile, in another directory, was a hit of the remote: the same bytes";
	if (d->hit)
		return "the second compile, in another directory, was a hit: the same bytes";
	return "the same bytes";
}

static void report(const char *name, const struct doctor_launch *all, size_t n, bool json, struct buf *b)
{
	if (json)
		buf_addz(b, "{\"arches\":[");
	else
		buf_addf(b, "%-8s  ARCH    STATE\n", "LAUNCHER");
	for (size_t i = 0; i < n; i++) {
		const struct doctor_launch *d = &all[i];

		if (!json) {
			buf_addf(b, "%-8s  %-6s  %-6s  %s\n", name, arch_name(d->arch), d->what ? "broken" : "works",
				 d->what ? d->what : works(d));
			continue;
		}
		member_open(b, NULL, '{');
		member_text(b, "arch", arch_name(d->arch));
		member_text(b, "detail", d->what ? d->what : works(d));
		member_bool(b, "elsewhere", d->elsewhere);
		member_bool(b, "hit", d->hit);
		member_bool(b, "remote_hit", d->remote_hit);
		member_bool(b, "same", d->same);
		member_bool(b, "works", !d->what);
		buf_addc(b, '}');
	}
	if (json)
		buf_addf(b, "],\"launcher\":\"%s\"}\n", name);
}

static int choose(const struct project *p, const char *name, struct launcher_def *l, struct err *err)
{
	*l = p ? p->launcher : (struct launcher_def){ .name.s = NULL };
	if (name && (!l->name.s || strcmp(l->name.s, name) != 0))
		*l = (struct launcher_def){ .name.s = name };
	if (!l->name.s || strcmp(l->name.s, "none") == 0) {
		err_set(err, ERR_USAGE, "no launcher to try: %s names none", p ? p->file : "no slsc.yaml");
		return err_hint(err, "slsc doctor --launcher ccache");
	}
	if (!launcher_is_preset(l->name.s)) {
		err_set(err, ERR_USAGE, "'%s' is no launcher that slsc knows", l->name.s);
		return err_hint(err, "ccache, sccache, distcc, icecc or recc");
	}
	return 0;
}

int doctor_launcher(struct project *p, const char *name, const struct globals *g, struct err *err)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct doctor_launch all[ARCH_ALL];
	struct launcher_def l;
	size_t n = 0;
	bool bad = false;
	int r = 0;

	if (choose(p, name, &l, err) < 0 || (p && launcher_check(p, l.name.s, err) < 0))
		return -1;
	progress_begin("compiling", 0);
	for (int i = 0; r == 0 && i < ARCH_ALL; i++) {
		bool wanted = !p && i < ARCH_COUNT;

		for (size_t j = 0; p && j < p->narches; j++)
			wanted |= p->arches[j] == (enum arch)i;
		if (!wanted)
			continue;
		progress_update(n, arch_name((enum arch)i));
		r = doctor_check_launcher(&a, p, &l, (enum arch)i, n ? NULL : on_warn, &all[n], err);
		bad |= r == 0 && all[n].what;
		n++;
	}
	progress_end();
	if (r < 0)
		return -1;
	report(l.name.s, all, n, g->json, &out);
	if (out_stdout(out.ptr, out.len, err) < 0)
		return -1;
	if (!bad)
		return 0;
	err_set(err, ERR_TOOL, "launcher '%s' does not do what it should for every arch", l.name.s);
	return err_hint(err, "the table says what");
}
