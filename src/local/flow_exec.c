/* SPDX-License-Identifier: Apache-2.0 */
/* Executions: what they are told, written down, and what is done about it then. */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/mem.h"
#include "flow/value.h"
#include "local/flows.h"

#define AGAIN_NS LOOP_S /* after the journal could not be written */

static int64_t now_ms(void)
{
	return wall_clock() / 1000000;
}

static bool kept(const struct flow_exec *x)
{
	return x->id > 0;
}

char *flow_exec_arn(const struct platform *p, const char *machine, const char *name)
{
	return xasprintf("arn:aws:states:%s:%s:execution:%s:%s", p->region, p->account, machine, name);
}

/* ---- what is to be done ---- */

static void on_invoke(void *arg, const struct flow_invoke *t)
{
	struct flow_exec *x = arg;
	struct flow_action a = { .kind = ACTION_INVOKE,
				 .task = t->task,
				 .payload = json_incref(t->payload),
				 .deadline = t->deadline,
				 .again = t->again,
				 .asynchronous = t->asynchronous };

	a.function = xstrdup(t->function);
	a.qualifier = t->qualifier ? xstrdup(t->qualifier) : NULL;
	a.state = xstrdup(t->state->name);
	VEC_PUSH(&x->todo, a);
}

static void on_cancel(void *arg, uint64_t task)
{
	struct flow_exec *x = arg;
	struct flow_action a = { .kind = ACTION_CANCEL, .task = task };

	VEC_PUSH(&x->todo, a);
}

static void on_history(void *arg, const struct flow_history *h)
{
	struct flow_exec *x = arg;

	x->begin.history(x, h);
}

static void no_invoke(void *arg, const struct flow_invoke *t)
{
	(void)arg;
	(void)t;
}

static void no_cancel(void *arg, uint64_t task)
{
	(void)arg;
	(void)task;
}

static void actions_release(struct flow_action *a, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(a[i].function);
		free(a[i].qualifier);
		free(a[i].state);
		json_decref(a[i].payload);
	}
}

static void perform(struct flow_exec *x)
{
	/* what a task leads to at once goes to todo */
	VEC_EACH(&x->ready, a) {
		if (a->kind == ACTION_CANCEL) {
			flow_call_cancel(x, a->task);
			continue;
		}
		x->given++;
		if (a->again) {
			x->again++;
			if (x->flows->again)
				x->flows->again(x->flows->ctx, x, a->state, a->function);
		}
		flow_call_give(x, a);
	}
	actions_release(x->ready.ptr, x->ready.len);
	x->ready.len = 0;
}

#define SWAP(a, b)                                                                                                     \
	do {                                                                                                           \
		__typeof__(a) swapped_ = (a);                                                                          \
		(a) = (b);                                                                                             \
		(b) = swapped_;                                                                                        \
	} while (0)

/* ---- its life ---- */

void flow_exec_wait(struct flow_exec *x, struct flow_waiter *w)
{
	w->next = x->waiters;
	x->waiters = w;
}

static void tell_waiters(struct flow_exec *x, const struct flow_exec *said)
{
	while (x->waiters) {
		struct flow_waiter *w = x->waiters;

		x->waiters = w->next;
		w->over(w, said);
	}
}

static void exec_free(struct flow_exec *x)
{
	struct flows *f = x->flows;

	tell_waiters(x, NULL);

	if (x->prev || f->first == x) {
		*(x->prev ? &x->prev->next : &f->first) = x->next;
		if (x->next)
			x->next->prev = x->prev;
		f->running--;
	}
	while (x->tasks.len)
		flow_call_cancel(x, x->tasks.ptr[0]->number);
	loop_timer_stop(f->platform->loop, &x->timer);
	loop_timer_stop(f->platform->loop, &x->retry);
	flow_execution_free(x->engine);
	flow_def_unref(x->def);
	actions_release(x->todo.ptr, x->todo.len);
	actions_release(x->ready.ptr, x->ready.len);
	VEC_FREE(&x->todo);
	VEC_FREE(&x->ready);
	VEC_FREE(&x->tasks);
	VEC_EACH(&x->rows, r)
		free(r->text);
	VEC_EACH(&x->flown, r)
		free(r->text);
	VEC_FREE(&x->rows);
	VEC_FREE(&x->flown);
	buf_release(&x->input);
	buf_release(&x->output);
	free(x->name);
	free(x->arn);
	free(x->traceparent);
	free(x);
}

void flow_exec_drop(struct flow_exec *x)
{
	exec_free(x);
}

static void begun(struct flow_exec *x, const struct flow_there *there, const struct err *err)
{
	x->told = true;
	if (x->begin.started)
		x->begin.started(x, there, err);
}

/* All that is known is durable, and done: what comes next? */
static void settle(struct flow_exec *x)
{
	struct loop *l = x->flows->platform->loop;
	int64_t due, now;

	if (x->over) {
		if (x->flows->ended)
			x->flows->ended(x->flows->ctx, x);
		if (x->begin.over)
			x->begin.over(x);
		tell_waiters(x, x);
		exec_free(x);
		return;
	}
	due = flow_execution_due(x->engine);
	now = now_ms();
	if (due == FLOW_NEVER)
		loop_timer_stop(l, &x->timer);
	else
		loop_timer_set(l, &x->timer, due > now ? (uint64_t)(due - now) * LOOP_MS : 0);
}

/* ---- the journal ---- */

static int find_other(struct flow_exec *x, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct execution_row row;
	int64_t id;
	int r = ops->find(s, str_from(x->def->name), str_from(x->name), &id, err);

	if (r <= 0)
		return r;
	r = ops->execution(s, id, &row, err);
	if (r > 0)
		x->there = (struct flow_there){ .id = id,
						.same = str_eq(row.input, buf_str(&x->input)),
						.status = row.status,
						.started = row.started };
	return r;
}

static int write_down(struct flow_job *op, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct flow_exec *x = CONTAINER_OF(op, struct flow_exec, op);
	const struct flow_fault *fault = flow_execution_fault(x->engine);
	struct execution_row row = {
		.id = x->id,
		.revision = x->def->revision,
		.machine = str_from(x->def->name),
		.name = str_from(x->name),
		.role = str_from(x->def->role),
		.trace = str_from(x->traceparent),
		.input = buf_str(&x->input),
		.engine = FLOW_ENGINE_VERSION,
		.seed = x->seed,
		.deadline = x->deadline,
		.started = x->started,
	};
	int r;

	if (!x->put) {
		x->there = (struct flow_there){ .id = 0 };
		r = find_other(x, ops, s, err);
		if (r != 0)
			return r < 0 ? -1 : 0;
		if (ops->execution_put(s, &row, err) < 0)
			return -1;
	}
	VEC_EACH(&x->flown, l) {
		struct event_row e = { .execution = x->id, .seq = l->seq, .at = l->at, .body = { l->text, l->len } };

		if (ops->event_put(s, &e, err) < 0)
			return -1;
	}
	if (!x->over)
		return 0;
	row.status = (int)flow_execution_status(x->engine);
	row.stopped = flow_execution_ended(x->engine) * 1000000;
	row.has_output = row.status == FLOW_SUCCEEDED;
	row.output = buf_str(&x->output);
	row.has_error = !row.has_output && fault->error;
	row.has_cause = !row.has_output && fault->cause;
	row.error = row.has_error ? str_from(fault->error) : STR("");
	row.cause = row.has_cause ? str_from(fault->cause) : STR("");
	return ops->execution_end(s, &row, err);
}

static void flush(struct flow_exec *x);

static void written(struct flow_job *op, const struct err *err)
{
	struct flow_exec *x = CONTAINER_OF(op, struct flow_exec, op);
	struct flows *f = x->flows;

	if (err && !x->put) {
		begun(x, NULL, err);
		exec_free(x);
		return;
	}
	if (err) {
		/* nothing is done that is not written: it waits */
		if (!f->troubled && f->trouble)
			f->trouble(f->ctx, err);
		f->troubled = true;
		if (f->closing)
			exec_free(x);
		else
			loop_timer_set(f->platform->loop, &x->retry, AGAIN_NS);
		return;
	}
	f->troubled = false;
	if (x->there.id) {
		begun(x, &x->there, NULL);
		exec_free(x);
		return;
	}
	x->put = true;
	VEC_EACH(&x->flown, l)
		free(l->text);
	x->flown.len = 0;
	if (!x->told)
		begun(x, NULL, NULL);
	if (f->closing) {
		exec_free(x);
		return;
	}
	/* what a task leads to at once is told while it still counts as flying */
	perform(x);
	x->flying = false;
	if (x->rows.len || x->todo.len)
		flush(x);
	else
		settle(x);
}

static void try_again(struct loop_timer *t)
{
	struct flow_exec *x = CONTAINER_OF(t, struct flow_exec, retry);

	flow_journal_do(x->flows->journal, &x->op);
}

static bool ended(const struct flow_exec *x)
{
	return flow_execution_status(x->engine) != FLOW_RUNNING;
}

static void fly(struct flow_exec *x)
{
	SWAP(x->rows, x->flown);
	SWAP(x->todo, x->ready);
	x->flying = true;
	x->over = ended(x);
	if (x->over && flow_execution_output(x->engine))
		flow_value_dump(flow_execution_output(x->engine), &x->output);
	x->op = (struct flow_job){ .work = write_down, .done = written, .writes = true };
	flow_journal_do(x->flows->journal, &x->op);
}

/* Write down what was told, or without a journal do what follows from it. */
static void flush(struct flow_exec *x)
{
	if (x->flying)
		return;
	if (kept(x)) {
		fly(x);
		return;
	}
	x->flying = true;
	if (!x->told)
		begun(x, NULL, NULL);
	while (x->todo.len) {
		SWAP(x->todo, x->ready);
		perform(x);
	}
	x->flying = false;
	x->over = ended(x);
	if (x->over && flow_execution_output(x->engine))
		flow_value_dump(flow_execution_output(x->engine), &x->output);
	settle(x);
}

void flow_exec_tell(struct flow_exec *x, struct flow_event *ev)
{
	struct buf line = BUF_INIT;
	struct flow_line l = { .at = wall_clock() };

	if (x->flows->closing || ended(x))
		return;
	ev->now = l.at / 1000000;
	if (!flow_execution_tell(x->engine, ev, &x->sink)) {
		if (!x->flying)
			settle(x);
		return;
	}
	if (kept(x)) {
		flow_event_write(ev, &line);
		l.seq = ++x->seq;
		l.len = line.len;
		l.text = buf_detach(&line);
		VEC_PUSH(&x->rows, l);
	}
	flush(x);
}

void flow_exec_stop(struct flow_exec *x, const char *error, const char *cause)
{
	struct flow_event ev = { .kind = FLOW_EV_STOP, .error = error, .cause = cause };

	flow_exec_tell(x, &ev);
}

static void due(struct loop_timer *t)
{
	struct flow_exec *x = CONTAINER_OF(t, struct flow_exec, timer);
	struct flow_event ev = { .kind = FLOW_EV_TIME };

	if (!x->flying)
		flow_exec_tell(x, &ev);
}

/* ---- beginning ---- */

static struct flow_exec *exec_new(struct flows *f, struct flow_def *d, const struct flow_begin *b)
{
	struct flow_exec *x = xcalloc(1, sizeof(*x));

	x->flows = f;
	x->def = flow_def_ref(d);
	x->begin = *b;
	x->begin.name = NULL;
	x->begin.input = STR("");
	buf_init(&x->input);
	buf_init(&x->output);
	x->timer.expired = due;
	x->retry.expired = try_again;
	x->sink = (struct flow_sink){ .invoke = on_invoke,
				      .cancel = on_cancel,
				      .hash = flow_hash,
				      .arg = x,
				      .history = b->history ? on_history : NULL };
	x->next = f->first;
	if (x->next)
		x->next->prev = x;
	f->first = x;
	f->running++;
	return x;
}

static void new_trace(struct flow_exec *x, const struct flow_begin *b)
{
	struct trace_ids *ids = &x->flows->platform->ids;
	char parent[TRACE_PARENT_SIZE];
	struct trace t;

	trace_begin(ids, b->traceparent ? str_from(b->traceparent) : STR(""), b->xray ? str_from(b->xray) : STR(""),
		    (uint64_t)(x->started / 1000000000), &t);
	memcpy(x->caller, t.span_id, sizeof(x->caller));
	trace_new_span(ids, t.span_id);
	trace_format_parent(&t, parent);
	x->traceparent = xstrdup(parent);
}

static struct flow_start start_of(const struct flow_exec *x, const char *role, json_t *input)
{
	return (struct flow_start){
		.id = x->arn,
		.name = x->name,
		.role = role,
		.machine_id = x->def->arn,
		.machine_name = x->def->name,
		.region = x->flows->platform->region,
		.input = input,
		.now = x->started / 1000000,
		.deadline = x->deadline,
		.seed = (uint64_t)x->seed,
	};
}

static int read_input(struct str text, json_t **input, struct err *err)
{
	char why[JSON_ERROR_TEXT_LENGTH];

	if (text.len > FLOW_DATA_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: an input of %zu bytes, of %u at most", text.len,
			       FLOW_DATA_MAX);
	*input = flow_value_parse(text.ptr, text.len, why);
	return *input ? 0 : err_set(err, ERR_FORMAT, "the input cannot be read: %s", why);
}

int flows_start(struct flows *f, struct flow_def *d, const struct flow_begin *b, struct err *err)
{
	struct flow_start start;
	struct flow_exec *x;
	char uuid[37];
	json_t *input;

	if (f->running >= FLOWS_RUNNING_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: %zu executions are running", f->running);
	if (read_input(b->input, &input, err) < 0)
		return -1;
	x = exec_new(f, d, b);
	new_uuid(uuid);
	x->name = xstrdup(b->name ? b->name : uuid);
	x->arn = d->express ? xasprintf("arn:aws:states:%s:%s:express:%s:%s:%s", f->platform->region,
					f->platform->account, d->name, x->name, uuid)
			    : flow_exec_arn(f->platform, d->name, x->name);
	buf_adds(&x->input, b->input);
	x->started = wall_clock() / 1000000 * 1000000;
	x->deadline = b->timeout_ms ? x->started / 1000000 + (int64_t)b->timeout_ms : FLOW_NEVER;
	if (getrandom(&x->seed, sizeof(x->seed), 0) != (ssize_t)sizeof(x->seed))
		BUG("getrandom: no random numbers");
	if (f->journal && !d->express)
		x->id = f->next++;
	new_trace(x, b);
	start = start_of(x, d->role, input);
	x->engine = flow_execution_new(d->program, &start, &x->sink);
	json_decref(input);
	flush(x);
	return 0;
}

/* ---- what the journal has ---- */

/* Tell @engine all of @s. */
static int replay(struct flow_execution *engine, const struct flow_stored *s, const struct flow_sink *sink,
		  struct err *err)
{
	VEC_EACH(&s->events, l) {
		struct flow_event_read r;

		if (flow_event_parse(l->text, l->len, &r, err) < 0)
			return err_wrap(err, "%s: event %lld", s->name, (long long)l->seq);
		flow_execution_tell(engine, &r.ev, sink);
		flow_event_release(&r);
	}
	return 0;
}

static struct flow_def *def_of(struct flows *f, const struct flow_stored *s, struct err *err)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { .ptr = NULL };
	struct flow_def *d;

	if (s->engine != FLOW_ENGINE_VERSION) {
		err_set(err, ERR_FORMAT, "%s: an execution of version %u; this slsc knows version %u", s->name,
			s->engine, FLOW_ENGINE_VERSION);
		err_hint(err, "use the slsc that began it");
		return NULL;
	}
	VEC_EACH(&f->defs, at)
		if ((*at)->revision == s->revision && strcmp((*at)->name, s->machine) == 0)
			return flow_def_ref(*at);
	VEC_EACH(&f->old, at)
		if ((*at)->revision == s->revision && strcmp((*at)->name, s->machine) == 0)
			return flow_def_ref(*at);
	d = flow_def_new(f, s->machine, s->machine, s->definition, s->definition_len, false, s->role, NULL, &found,
			 err);
	if (!d)
		return NULL;
	d->revision = s->revision;
	VEC_PUSH(&f->old, flow_def_ref(d));
	return d;
}

static struct flow_exec *exec_again(struct flows *f, const struct flow_stored *s, const struct flow_begin *b,
				    const struct flow_sink *sink, struct err *err)
{
	struct flow_def *d = def_of(f, s, err);
	struct flow_exec *x;
	struct flow_start start;
	json_t *input = NULL;

	if (!d)
		return NULL;
	if (read_input(buf_str(&s->input), &input, err) < 0) {
		flow_def_unref(d);
		return NULL;
	}
	x = exec_new(f, d, b);
	flow_def_unref(d);
	x->name = xstrdup(s->name);
	x->arn = flow_exec_arn(f->platform, s->machine, s->name);
	x->traceparent = xstrdup(s->trace);
	buf_adds(&x->input, buf_str(&s->input));
	x->started = s->started;
	x->deadline = s->deadline;
	x->seed = s->seed;
	x->id = s->id;
	x->put = x->told = true;
	x->seq = s->events.len ? s->events.ptr[s->events.len - 1].seq : 0;
	start = start_of(x, s->role, input);
	x->engine = flow_execution_new(x->def->program, &start, sink);
	json_decref(input);
	if (replay(x->engine, s, sink, err) == 0)
		return x;
	exec_free(x);
	return NULL;
}

int flows_resume(struct flows *f, const struct flow_stored *s, const struct flow_begin *b, struct err *err)
{
	struct flow_event ev = { .kind = FLOW_EV_RESUME };
	struct flow_sink quiet = { .invoke = no_invoke, .cancel = no_cancel, .hash = flow_hash };
	struct flow_exec *x = exec_again(f, s, b, &quiet, err);

	if (!x)
		return -1;
	x->replayed = true;
	/* a limit that it did not have when it ran may end it now: that is written, and it is over */
	if (ended(x))
		flush(x);
	else
		flow_exec_tell(x, &ev);
	return 0;
}

struct watching {
	void (*history)(void *ctx, const struct flow_history *h);
	void *ctx;
};

static void watched(void *arg, const struct flow_history *h)
{
	const struct watching *w = arg;

	w->history(w->ctx, h);
}

int flows_replay(struct flows *f, const struct flow_stored *s, void (*history)(void *ctx, const struct flow_history *h),
		 void *ctx, struct err *err)
{
	struct watching w = { history, ctx };
	const struct flow_begin none = { .name = NULL };
	struct flow_sink sink = {
		.invoke = no_invoke, .cancel = no_cancel, .hash = flow_hash, .history = watched, .arg = &w
	};
	struct flow_exec *x = exec_again(f, s, &none, &sink, err);

	if (!x)
		return -1;
	exec_free(x);
	return 0;
}
