/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_test.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "cli/out.h"
#include "flow/cases.h"
#include "flow/value.h"
#include "flow_validate.h"
#include "oci/digest.h"
#include "os/fs.h"

#define AT(member) offsetof(struct flow_test_ctx, member)

const struct opt flow_test_opts[] = {
	{ OPT_STR, 't', "tests", AT(tests), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "the cases (default: FILE with .test.yaml or .test.json in place of its ending)" },
	{ .type = OPT_END },
};

/* "checkout.asl.json": "checkout.test.yaml" or, if only that is there, "checkout.test.json". Heap. */
static char *tests_beside(const char *machine)
{
	static const char *const endings[] = { ".asl.json", ".asl.yaml", ".asl.yml", ".json", ".yaml", ".yml", "" };
	size_t n = strlen(machine), i = 0;
	char *yaml, *json;

	while (!ends_with(machine, endings[i]))
		i++;
	n -= strlen(endings[i]);
	yaml = xasprintf("%.*s.test.yaml", (int)n, machine);
	json = xasprintf("%.*s.test.json", (int)n, machine);
	if (access(yaml, F_OK) < 0 && access(json, F_OK) == 0) {
		free(yaml);
		return json;
	}
	free(json);
	return yaml;
}

static void add_time(struct buf *b, int64_t ms)
{
	if (ms % 1000)
		buf_addf(b, "%" PRId64 ".%03d s", ms / 1000, (int)(ms % 1000));
	else
		buf_addf(b, "%" PRId64 " s", ms / 1000);
}

/* The lines of @text, below each other. */
static void add_lines(struct buf *b, const char *text)
{
	for (;;) {
		const size_t n = strcspn(text, "\n");
		CLEAN_FREE char *line = xstrndup(text, n);

		out_text(b, line);
		if (!text[n])
			return;
		buf_addz(b, "\n        ");
		text += n + 1;
	}
}

static void print_case(struct buf *b, const struct flow_cases *cases, const struct flow_case *c,
		       const struct flow_verdict *v)
{
	buf_addf(b, "%s  ", v->unmet.len ? "FAIL" : "ok  ");
	out_text(b, c->name);
	buf_addf(b, " (%zu state%s, ", v->path.len, v->path.len == 1 ? "" : "s");
	add_time(b, v->took);
	buf_addz(b, ")\n");
	VEC_EACH(&v->unmet, u) {
		buf_addf(b, "      %s:%u:%u: %s:", cases->file, u->at.line, u->at.col, u->what);
		buf_addz(b, strchr(u->text, '\n') ? "\n        " : " ");
		add_lines(b, u->text);
		buf_addc(b, '\n');
	}
}

static json_t *text_json(const char *s)
{
	json_t *v = s ? json_string(s) : NULL;

	return v ? v : json_null();
}

static json_t *case_json(const struct flow_case *c, const struct flow_verdict *v)
{
	json_t *o = json_object(), *path = json_array(), *unmet = json_array();

	flow_value_set(o, "name", text_json(c->name));
	flow_value_set(o, "line", json_integer(c->at.line));
	flow_value_set(o, "ok", json_boolean(!v->unmet.len));
	flow_value_set(o, "status", json_string(flow_status_name[v->status]));
	VEC_EACH(&v->path, s)
		flow_value_push(path, json_string((*s)->name));
	flow_value_set(o, "path", path);
	flow_value_set(o, "output", v->output ? json_incref(v->output) : json_null());
	flow_value_set(o, "error", text_json(v->fault.error));
	flow_value_set(o, "cause", text_json(v->fault.cause));
	flow_value_set(o, "milliseconds", json_integer(v->took));
	VEC_EACH(&v->unmet, u) {
		json_t *one = json_object();

		flow_value_set(one, "what", json_string(u->what));
		flow_value_set(one, "line", json_integer(u->at.line));
		flow_value_set(one, "column", json_integer(u->at.col));
		flow_value_set(one, "text", text_json(u->text));
		flow_value_push(unmet, one);
	}
	flow_value_set(o, "unmet", unmet);
	return o;
}

static int print_json(const struct flow_machine *m, const struct flow_cases *cases, json_t *list, size_t failed,
		      struct err *err)
{
	json_t *o = json_object();
	CLEAN_BUF struct buf b = BUF_INIT;

	flow_value_set(o, "file", text_json(m->file));
	flow_value_set(o, "tests", text_json(cases->file));
	flow_value_set(o, "passed", json_integer((json_int_t)(cases->len - failed)));
	flow_value_set(o, "failed", json_integer((json_int_t)failed));
	flow_value_set(o, "cases", list);
	flow_value_dump(o, &b);
	buf_addc(&b, '\n');
	json_decref(o);
	return out_stdout(b.ptr, b.len, err);
}

static int run_cases(const struct flow_machine *m, const struct flow_program *program, const struct flow_cases *cases,
		     const struct globals *g, struct err *err)
{
	json_t *list = json_array();
	CLEAN_BUF struct buf text = BUF_INIT;
	size_t failed = 0;
	int rc;

	for (size_t i = 0; i < cases->len; i++) {
		struct flow_verdict v;

		flow_case_run(&cases->ptr[i], program, digest_named, &v);
		failed += v.unmet.len > 0;
		if (g->json)
			flow_value_push(list, case_json(&cases->ptr[i], &v));
		else if (v.unmet.len || !g->quiet)
			print_case(&text, cases, &cases->ptr[i], &v);
		flow_verdict_release(&v);
	}
	if (g->json) {
		rc = print_json(m, cases, list, failed, err);
	} else {
		json_decref(list);
		rc = out_stdout(text.ptr, text.len, err);
	}
	if (rc < 0)
		return -1;
	if (failed)
		return err_set(err, ERR_CHECK, "%s: %zu of %zu cases %s not hold", m->file, failed, cases->len,
			       failed == 1 ? "does" : "do");
	if (!g->json)
		out_note("%s: %zu case%s hold%s", m->file, cases->len, cases->len == 1 ? "" : "s",
			 cases->len == 1 ? "s" : "");
	return 0;
}

int flow_test(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct flow_test_ctx *c = ctx;
	CLEAN_FLOW_PROJECT struct flow_project project;
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_CASES struct flow_cases cases = { .len = 0 };
	CLEAN_FREE char *tests = NULL;
	CLEAN_BUF struct buf text = BUF_INIT;
	struct flow_program *program;
	int rc;

	(void)argc;
	if (flow_project_open(&project, err) < 0)
		return -1;
	if (flow_open(&m, argv[0], project.has ? &project.known : NULL, false, err) < 0)
		return -1;
	if (!c->tests && !strcmp(argv[0], "-"))
		return err_set(err, ERR_USAGE, "a machine from the standard input needs --tests FILE");
	tests = c->tests ? xstrdup(c->tests) : tests_beside(argv[0]);
	if (fs_read(tests, FLOW_BYTES_MAX, &text, err) < 0) {
		if (!c->tests)
			err_hint(err, "name the file of cases with --tests, or see docs/FLOW.md for how to write one");
		return -1;
	}
	if (flow_cases_parse(&cases, &m, tests, text.ptr, text.len, err) < 0)
		return -1;
	program = flow_program_new(&m, err);
	if (!program)
		return -1;
	rc = run_cases(&m, program, &cases, g, err);
	flow_program_free(program);
	return rc;
}
