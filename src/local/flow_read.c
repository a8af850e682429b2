/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal has of executions. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/flows.h"

static char *word(struct str s)
{
	return xstrndup(s.len ? s.ptr : "", s.len);
}

void flow_stored_take(struct flow_stored *s, const struct execution_row *x)
{
	*s = (struct flow_stored){
		.id = x->id,
		.revision = x->revision,
		.started = x->started,
		.stopped = x->stopped,
		.seed = x->seed,
		.deadline = x->deadline,
		.engine = x->engine,
		.status = x->status,
		.machine = word(x->machine),
		.name = word(x->name),
		.role = word(x->role),
		.trace = word(x->trace),
		.has_output = x->has_output,
		.has_error = x->has_error,
		.has_cause = x->has_cause,
	};
	buf_init(&s->input);
	buf_init(&s->output);
	buf_init(&s->error);
	buf_init(&s->cause);
	buf_adds(&s->input, x->input);
	buf_adds(&s->output, x->output);
	buf_adds(&s->error, x->error);
	buf_adds(&s->cause, x->cause);
}

void flow_stored_release(struct flow_stored *s)
{
	if (!s->name)
		return;
	free(s->machine);
	free(s->name);
	free(s->role);
	free(s->trace);
	free(s->definition);
	buf_release(&s->input);
	buf_release(&s->output);
	buf_release(&s->error);
	buf_release(&s->cause);
	VEC_EACH(&s->events, l)
		free(l->text);
	VEC_FREE(&s->events);
	*s = (struct flow_stored){ .id = 0 };
}

static bool take_event(void *ctx, const struct event_row *e)
{
	struct flow_stored *s = ctx;
	struct flow_line l = { .seq = e->seq, .at = e->at, .text = word(e->body), .len = e->body.len };

	VEC_PUSH(&s->events, l);
	return true;
}

int flow_stored_read(struct flow_stored *s, const struct flow_store_ops *ops, struct flow_store *store, int64_t id,
		     struct err *err)
{
	struct execution_row row;
	struct str text;
	int r = ops->execution(store, id, &row, err);

	if (r <= 0)
		return r;
	flow_stored_take(s, &row);
	r = ops->definition(store, s->revision, &text, err);
	if (r == 0)
		r = err_set(err, ERR_FORMAT, "%s: its definition is not in the journal", s->name);
	if (r > 0) {
		s->definition = word(text);
		s->definition_len = text.len;
		if (ops->events(store, id, take_event, s, err) < 0)
			r = -1;
	}
	if (r < 0)
		flow_stored_release(s);
	return r;
}

/* ---- going on with all ---- */

struct resuming {
	struct flow_job op;
	VEC(int64_t) ids;
	int64_t id; /* the one that is read */
	struct flow_stored stored;
};

static bool take_id(void *ctx, const struct execution_row *x)
{
	struct resuming *r = ctx;

	VEC_PUSH(&r->ids, x->id);
	return true;
}

static int find_running(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct resuming *r = CONTAINER_OF(op, struct resuming, op);

	return ops->executions(s, STR(""), FLOW_RUNNING, INT64_MAX, take_id, r, err);
}

static int read_one(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct resuming *r = CONTAINER_OF(op, struct resuming, op);

	return flow_stored_read(&r->stored, ops, s, r->id, err) < 0 ? -1 : 0;
}

int flows_resume_all(struct flows *f, size_t *n, void (*failed)(const char *name, const struct err *err),
		     struct err *err)
{
	const struct flow_begin none = { .name = NULL };
	struct resuming r = { .op.work = find_running };
	int ret = f->journal ? flow_journal_now(f->journal, &r.op, err) : 0;

	*n = 0;
	/* those that started first, first; all are read before one of them writes */
	VEC(struct flow_stored) all = { .len = 0 };
	r.op.work = read_one;
	for (size_t i = r.ids.len; ret == 0 && i-- > 0;) {
		r.id = r.ids.ptr[i];
		ret = flow_journal_now(f->journal, &r.op, err);
		if (ret == 0)
			VEC_PUSH(&all, r.stored);
	}
	VEC_EACH(&all, s) {
		struct err own = ERR_INIT;

		if (ret == 0 && flows_resume(f, s, &none, &own) == 0)
			++*n;
		else if (ret == 0)
			failed(s->name, &own);
		flow_stored_release(s);
	}
	VEC_FREE(&all);
	VEC_FREE(&r.ids);
	return ret;
}
