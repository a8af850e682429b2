/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "flow/read.h"
#include "os/fs.h"

/* ---- places ---- */

/* A hash of the values' addresses, half of it free. */
struct flow_places {
	size_t mask;
	struct place {
		const json_t *json;
		struct flow_at at;
	} slot[];
};

static size_t slot_of(const struct flow_places *p, const json_t *json)
{
	size_t i = (size_t)(((uint64_t)(uintptr_t)json * 0x9e3779b97f4a7c15u) >> 20) & p->mask;

	while (p->slot[i].json && p->slot[i].json != json)
		i = (i + 1) & p->mask;
	return i;
}

static void add_places(struct flow_places *p, const struct doc_node *n)
{
	size_t i;

	if (n->type == DOC_NULL || n->type == DOC_BOOL)
		return;
	i = slot_of(p, n->json);
	p->slot[i].json = n->json;
	p->slot[i].at = n->at;
	for (size_t j = 0; j < n->len; j++)
		add_places(p, n->items[j]);
}

static void make_places(struct flow_machine *m, const struct doc *d)
{
	size_t n = 16;

	while (n < 2 * d->nodes)
		n *= 2;
	m->places = arena_alloc(&m->arena, sizeof(struct flow_places) + n * sizeof(struct place));
	m->places->mask = n - 1;
	add_places(m->places, d->root);
}

struct flow_at flow_place(const struct flow_machine *m, const json_t *json)
{
	return m->places->slot[slot_of(m->places, json)].at;
}

/* ---- the machine ---- */

/* A variable of a branch must not have the name of one outside. */
static void check_assigns(struct reader *r, const struct scope *s)
{
	for (size_t i = 0; i < s->assigns.len; i++)
		for (const struct scope *up = s->up; up; up = up->up) {
			const struct assigned *outer = map_get(&up->assigns, s->assigns.ptr[i].key);
			const struct assigned *inner = s->assigns.ptr[i].val;

			if (!outer)
				continue;
			flow_problems_add(r->found, false, inner->at.line, inner->at.col, inner->path,
					  "the variable '%.80s' is one of the machine around it, too, at %u:%u",
					  s->assigns.ptr[i].key, outer->at.line, outer->at.col);
			flow_problems_hint(r->found, "variables outside can be read here, not assigned: take another "
						     "name");
			break;
		}
}

static void read_machine(struct reader *r, const struct doc_node *root)
{
	static const char *const known[] = { "Comment",	       "StartAt",	"States", "Version",
					     "TimeoutSeconds", "QueryLanguage", NULL };
	struct flow_machine *m = r->m;
	const char *language;
	struct flow_at at;

	m->version = "1.0";
	if (!is_object(r, NULL, root))
		return;
	if (field_string(r, NULL, root, "QueryLanguage", &language, &at) && strcmp(language, "JSONPath") != 0) {
		problem(r, AT_FIELD(NULL, "QueryLanguage"), at, "'%.80s' is not supported", language);
		hint(r, "slsc runs JSONPath machines only");
		return;
	}
	fields_known(r, NULL, root, known, "a state machine");
	if (field_string(r, NULL, root, "Version", &m->version, &at) && strcmp(m->version, "1.0") != 0) {
		problem(r, AT_FIELD(NULL, "Version"), at, "there is no version '%.40s' of the language", m->version);
		hint(r, "it is 1.0");
	}
	m->has_timeout = field_count(r, NULL, root, "TimeoutSeconds", 1, FLOW_SECONDS_MAX, &m->timeout, &m->timeout_at);
	m->root = read_states(r, NULL, root, NULL, NULL, 0);
	m->comment = m->root->comment;
	VEC_EACH(&r->scopes, s) {
		check_assigns(r, *s);
		if (!(*s)->broken)
			check_graph(r, *s);
	}
}

static void reader_release(struct reader *r)
{
	VEC_EACH(&r->scopes, s) {
		map_release(&(*s)->states);
		map_release(&(*s)->assigns);
		VEC_FREE(&(*s)->links);
	}
	VEC_FREE(&r->scopes);
	VEC_FREE(&r->states);
	map_release(&r->names);
}

static int first_error(const struct flow_problems *found, const char *file, struct err *err)
{
	for (size_t i = 0; i < found->len; i++)
		if (!found->ptr[i].warning)
			return flow_problem_err(&found->ptr[i], file, err);
	/* all that is kept are warnings, and there were more */
	return err_set(err, ERR_CONFIG, "%s: %zu errors", file, found->errors);
}

int flow_machine_parse(struct flow_machine *m, const char *shown, const char *text, size_t n,
		       const struct flow_known *known, struct flow_problems *found, struct err *err)
{
	struct reader r = { .m = m, .a = &m->arena, .found = found, .known = known };
	struct doc d;

	*m = (struct flow_machine){ 0 };
	*found = (struct flow_problems){ 0 };
	m->file = arena_strdup(&m->arena, shown);
	if (doc_parse(&d, &m->arena, m->file, text, n, found, err)) {
		flow_problems_sort(found);
		return -1;
	}
	m->definition = d.json;
	make_places(m, &d);
	read_machine(&r, d.root);
	m->nstates = r.states.len;
	m->states = arena_copy(&m->arena, r.states.ptr, r.states.len * sizeof(struct flow_state *));
	reader_release(&r);
	flow_problems_sort(found);
	return found->errors ? first_error(found, m->file, err) : 0;
}

static int read_stdin(struct buf *out, struct err *err)
{
	char chunk[65536];
	ssize_t n;

	while (out->len <= FLOW_BYTES_MAX && (n = read(STDIN_FILENO, chunk, sizeof(chunk))) != 0) {
		if (n < 0)
			return err_sys(err, "standard input");
		buf_add(out, chunk, (size_t)n);
	}
	return 0;
}

int flow_machine_load(struct flow_machine *m, const char *path, const struct flow_known *known,
		      struct flow_problems *found, struct err *err)
{
	const bool standard = strcmp(path, "-") == 0;
	CLEAN_BUF struct buf text = BUF_INIT;

	*m = (struct flow_machine){ 0 };
	*found = (struct flow_problems){ 0 };
	if (standard ? read_stdin(&text, err) : fs_read(path, FLOW_BYTES_MAX, &text, err))
		return -1;
	return flow_machine_parse(m, standard ? "<stdin>" : path, text.ptr, text.len, known, found, err);
}

void flow_machine_release(struct flow_machine *m)
{
	json_decref(m->definition);
	arena_release(&m->arena);
	*m = (struct flow_machine){ 0 };
}

const struct flow_state *flow_states_find(const struct flow_states *in, const char *name)
{
	for (size_t i = 0; i < in->len; i++)
		if (strcmp(in->state[i]->name, name) == 0)
			return in->state[i];
	return NULL;
}

int flow_state_err(const struct flow_machine *m, const struct flow_state *s, struct flow_at at, struct err *err,
		   const char *fmt, ...)
{
	char msg[800];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (!at.line)
		at = s->at;
	return err_at(err, ERR_FUNCTION, m->file, at.line, at.col, "%.400s: %s", s->path, msg);
}
