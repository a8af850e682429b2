/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_validate.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"

int flow_project_open(struct flow_project *p, struct err *err)
{
	struct project *of = &p->project;

	*p = (struct flow_project){ .has = false };
	if (project_load(of, NULL, err)) {
		if (err->code != ERR_NOTFOUND)
			return -1;
		*err = (struct err)ERR_INIT;
		return 0;
	}
	p->has = true;
	p->names = xcalloc(of->nfunctions + 1, sizeof(char *));
	for (size_t i = 0; i < of->nfunctions; i++)
		p->names[i] = of->functions[i]->name.s;
	p->known = (struct flow_known){ p->names, of->nfunctions, of->file };
	return 0;
}

void flow_project_release(struct flow_project *p)
{
	project_release(&p->project);
	free(p->names);
}

static void print_problems(const struct flow_problems *found, const char *file, bool warn)
{
	const size_t more = found->errors + found->warnings - found->len;
	struct err e = ERR_INIT;

	for (size_t i = 0; i < found->len; i++) {
		flow_problem_err(&found->ptr[i], file, &e);
		if (!found->ptr[i].warning)
			out_error(&e);
		else if (warn)
			out_warning(&e);
	}
	if (!more)
		return;
	err_set(&e, ERR_CONFIG, "%s: and %zu more", file, more);
	out_error(&e);
}

int flow_open(struct flow_machine *m, const char *path, const struct flow_known *known, bool warn, struct err *err)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };

	if (flow_machine_load(m, path, known, &found, err) == 0) {
		print_problems(&found, m->file, warn);
		return 0;
	}
	/* one that stands alone is told by who prints @err */
	if (found.len < 2 && (!found.len || m->definition))
		return -1;
	print_problems(&found, m->file, true);
	return m->definition ? err_set(err, ERR_CONFIG, "%s is no valid state machine", m->file) : -1;
}

static void add_problem(struct buf *b, const struct flow_problem *p)
{
	member_open(b, NULL, '{');
	member_text(b, "severity", p->warning ? "warning" : "error");
	member_u64(b, "line", p->line);
	member_u64(b, "column", p->col);
	member_text(b, "path", p->path);
	member_text(b, "message", p->msg);
	member_text(b, "hint", p->hint);
	buf_addc(b, '}');
}

/* A file that could not be read as JSON or YAML, or not at all: the error says where by itself. */
static void add_failure(struct buf *b, const char *file, const struct err *e)
{
	CLEAN_FREE char *place = xasprintf("%s:%u:%u: ", file, e->loc.line, e->loc.col);
	struct flow_problem p = { .line = e->loc.line, .col = e->loc.col, .path = (char *)"" };

	p.msg = (char *)e->msg + (starts_with(e->msg, place) ? strlen(place) : 0);
	p.hint = e->hint[0] ? (char *)e->hint : NULL;
	add_problem(b, &p);
}

struct verdict {
	bool good, only;  /* only: of one file */
	struct buf *json; /* NULL: text */
	struct buf *text;
	const struct flow_known *known;
};

static void say_good(struct buf *b, const struct flow_machine *m, const struct flow_problems *found)
{
	buf_addf(b, "%s: ok (%zu state%s", m->file, m->nstates, m->nstates == 1 ? "" : "s");
	if (found->warnings)
		buf_addf(b, ", %zu warning%s", found->warnings, found->warnings == 1 ? "" : "s");
	buf_addz(b, ")\n");
}

/* The error of a file that cannot be read at all is left in @err, if it is the only file. */
static void validate_one(struct verdict *v, const char *path, struct err *err)
{
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct err e = ERR_INIT;
	const bool good = flow_machine_load(&m, path, v->known, &found, &e) == 0;
	const char *file = m.file ? m.file : path;

	v->good &= good;
	if (v->json) {
		struct buf *b = v->json;

		member_open(b, NULL, '{');
		member_text(b, "file", file);
		member_bool(b, "ok", good);
		member_u64(b, "states", m.nstates);
		member_u64(b, "errors", found.errors + (good || m.definition ? 0 : 1));
		member_u64(b, "warnings", found.warnings);
		member_open(b, "problems", '[');
		for (size_t i = 0; i < found.len; i++)
			add_problem(b, &found.ptr[i]);
		if (!good && !m.definition)
			add_failure(b, file, &e);
		buf_addz(b, "]}");
		return;
	}
	print_problems(&found, file, true);
	if (good)
		say_good(v->text, &m, &found);
	else if (!m.definition && v->only)
		*err = e;
	else if (!m.definition)
		out_error(&e);
}

int flow_validate(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	CLEAN_FLOW_PROJECT struct flow_project project = { .has = false };
	CLEAN_BUF struct buf json = BUF_INIT, text = BUF_INIT;
	struct verdict v = { .good = true, .only = argc == 1, .json = g->json ? &json : NULL, .text = &text };
	size_t bad = 0, piped = 0;

	(void)ctx;
	for (int i = 0; i < argc; i++)
		piped += strcmp(argv[i], "-") == 0;
	if (piped > 1)
		return err_set(err, ERR_USAGE, "standard input is one state machine, and is named %zu times", piped);
	if (flow_project_open(&project, err))
		return -1;
	v.known = project.has ? &project.known : NULL;
	if (g->json)
		buf_addz(&text, "{\"files\":[");
	for (int i = 0; i < argc; i++) {
		v.good = true;
		validate_one(&v, argv[i], err);
		bad += !v.good;
	}
	if (g->json) {
		buf_adds(&text, buf_str(&json));
		buf_addf(&text, "],\"ok\":%s}\n", bad ? "false" : "true");
	}
	if (out_stdout(text.ptr, text.len, err))
		return -1;
	if (!bad)
		return 0;
	if (err->code)
		return -1;
	if (argc == 1)
		return err_set(err, ERR_CONFIG, "%s is no valid state machine", argv[0]);
	return err_set(err, ERR_CONFIG, "%zu of %d state machines are not valid", bad, argc);
}
