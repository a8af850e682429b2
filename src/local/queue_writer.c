/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns the queue's file. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "local/dead_letter.h"
#include "local/queue_internal.h"

#define AGAIN_NS (int64_t)LOOP_S	/* after a failure */
#define SWEEP_NS (60 * (int64_t)LOOP_S)
#define RETURN_NS (int64_t)(100 * LOOP_MS)
#define SWEEP_MAX 64			/* dead letters in one transaction */

/* ---- notes ---- */

struct stored {
	struct note note;
	struct queue_put *puts;
	bool failed;
	struct err err;
};

struct died {
	struct note note;
	struct queue_death death;
	char *function, *id;
};

struct trouble {
	struct note note;
	struct err err;
};

static void run_stored(struct queue *q, struct note *n)
{
	struct stored *s = CONTAINER_OF(n, struct stored, note);
	struct queue_put *p = s->puts;

	(void)q;
	while (p) {
		struct queue_put *next = p->next;

		p->done(p, s->failed ? &s->err : NULL);
		p = next;
	}
	free(s);
}

static void died_free(struct note *n)
{
	struct died *d = CONTAINER_OF(n, struct died, note);

	free(d->function);
	free(d->id);
	free(d);
}

static void run_died(struct queue *q, struct note *n)
{
	struct died *d = CONTAINER_OF(n, struct died, note);

	if (q->opts.died)
		q->opts.died(q->opts.ctx, &d->death);
	died_free(n);
}

static void run_trouble(struct queue *q, struct note *n)
{
	struct trouble *t = CONTAINER_OF(n, struct trouble, note);

	if (q->opts.trouble)
		q->opts.trouble(q->opts.ctx, &t->err);
	free(t);
}

static void run_deliver(struct queue *q, struct note *n)
{
	struct queue_state *e = CONTAINER_OF(n, struct queue_state, note);

	/* at the end nobody is to begin anything; release() frees it */
	if (!q->closing)
		q->opts.deliver(q->opts.ctx, &e->event);
}

/* @again: of the kind of work that failed. */
static void tell_trouble(struct queue *q, int64_t *again, const struct err *err)
{
	if (!*again) {
		struct trouble *t = xmalloc(sizeof(*t));

		*t = (struct trouble){ .note.run = run_trouble, .err = *err };
		queue_notify(q, &t->note);
	}
	*again = queue_wall() + AGAIN_NS;
}

/* ---- what is out ---- */

/* The place of @seq, or where it would be. */
static size_t find(const struct queue *q, int64_t seq)
{
	size_t from = 0, to = q->out.len;

	while (from < to) {
		size_t mid = from + (to - from) / 2;

		if (q->out.ptr[mid]->seq < seq)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

static bool is_out(const struct queue *q, int64_t seq)
{
	size_t i = find(q, seq);

	return i < q->out.len && q->out.ptr[i]->seq == seq;
}

static void take_out(struct queue *q, struct queue_state *e)
{
	size_t i = find(q, e->seq);

	VEC_PUSH(&q->out, e);
	memmove(&q->out.ptr[i + 1], &q->out.ptr[i], (q->out.len - 1 - i) * sizeof(q->out.ptr[0]));
	q->out.ptr[i] = e;
	q->out_bytes += e->size;
	e->lane->out++;
}

static void take_in(struct queue *q, struct queue_state *e)
{
	size_t i = find(q, e->seq);

	memmove(&q->out.ptr[i], &q->out.ptr[i + 1], (--q->out.len - i) * sizeof(q->out.ptr[0]));
	q->out_bytes -= e->size;
	e->lane->out--;
	queue_state_free(e);
}

static void expect(struct lane *l, int64_t due)
{
	if (l && due < l->next)
		l->next = due;
}

static void serve(struct queue *q, struct serve *s)
{
	while (s) {
		struct serve *next = s->next;
		struct lane *l = map_get(&q->lanes, s->function);

		if (!l) {
			l = xcalloc(1, sizeof(*l));
			l->function = xstrdup(s->function);
			map_put(&q->lanes, l->function, l);
		}
		l->limit = s->limit;
		l->next = 0;
		free(s);
		s = next;
	}
}

/* ---- verdicts ---- */

/* xorshift64*: nobody guards anything with it */
static uint64_t any(struct queue *q)
{
	q->random ^= q->random >> 12;
	q->random ^= q->random << 25;
	q->random ^= q->random >> 27;
	return q->random * 2685821657736338717ull >> 1;
}

static bool is_old(const struct queue *q, int64_t made, int64_t at)
{
	return at - made >= (int64_t)q->opts.age_ns;
}

static struct verdict judge(struct queue *q, struct queue_state *e, int64_t now)
{
	struct verdict v = { .e = e, .row = { .seq = e->seq, .attempts = e->attempts, .throttled = e->throttled } };
	uint64_t wait;

	v.fate = e->outcome == QUEUE_OK ? FATE_REMOVED : FATE_KEPT;
	v.row.due = e->due;
	if (e->outcome == QUEUE_OK || e->outcome == QUEUE_RETURNED)
		return v;
	v.fate = FATE_DEAD;
	v.row.attempts += e->outcome == QUEUE_FAILED;
	v.condition = e->buried;
	if (v.condition)
		return v;
	if (e->outcome == QUEUE_FAILED) {
		v.condition = "RetriesExhausted";
		if (v.row.attempts > q->opts.retries)
			return v;
		wait = queue_retry_delay(q->opts.retry_ns, v.row.attempts, any(q));
	} else {
		v.row.throttled++;
		wait = queue_throttle_delay(q->opts.throttle_ns, q->opts.throttle_max_ns, v.row.throttled, any(q));
	}
	v.condition = "EventAgeExceeded";
	v.row.due = now + (int64_t)wait;
	/* it would never be tried again: say so now, with the answer that is at hand */
	if (!is_old(q, e->event.made, v.row.due))
		v.fate = FATE_DELAYED;
	return v;
}

static struct note *death(const struct queue_row *r, const struct verdict *v)
{
	struct died *d = xmalloc(sizeof(*d));

	*d = (struct died){ .note.run = run_died, .function = xstrndup(r->function.ptr, r->function.len),
			    .id = xstrndup(r->id.ptr, r->id.len) };
	d->death = (struct queue_death){ .function = d->function, .id = d->id, .condition = v->condition,
					 .attempts = v->row.attempts };
	return &d->note;
}

static int bury_one(struct queue *q, struct dead_letters *file, struct verdict *v, struct err *err)
{
	CLEAN_BUF struct buf line = BUF_INIT;
	struct dead_letter d = { .now = queue_wall(), .arn = q->arn, .condition = v->condition,
				 .attempts = v->row.attempts };
	struct queue_row r;

	if (q->ops->read(q->store, v->row.seq, &r, err) < 0)
		return -1;
	v->note = death(&r, v);
	if (!q->dead || (v->e && v->e->buried))
		return 0;
	d.id = r.id;
	d.function = r.function;
	d.request = r.payload;
	if (v->e) {
		d.status = v->e->status;
		d.function_error = v->e->function_error;
		d.response = buf_str(&v->e->answer);
	}
	dead_letter_line(&line, &d);
	if (file->fd < 0 && dead_letters_open(file, q->dead, err) < 0)
		return -1;
	return dead_letters_add(file, buf_str(&line), err);
}

/* The dead of this batch to their file, before their rows go. */
static int bury(struct queue *q, struct err *err)
{
	struct dead_letters file = DEAD_LETTERS_INIT;

	VEC_EACH(&q->verdicts, v) {
		if (v->fate == FATE_DEAD && bury_one(q, &file, v, err) < 0) {
			dead_letters_abort(&file);
			return -1;
		}
	}
	if (file.fd >= 0 && dead_letters_commit(&file, err) < 0)
		return -1;
	VEC_EACH(&q->verdicts, v)
		if (v->fate == FATE_DEAD && v->e)
			v->e->buried = v->condition;
	return 0;
}

/* It could not be written down: once more, later. */
static void drop_verdict(struct queue *q, struct verdict *v)
{
	if (v->note)
		died_free(v->note);
	if (v->e) {
		v->e->next = q->settling;
		q->settling = v->e;
	} else {
		q->sweep = q->settle_again;
	}
}

/* ---- a transaction ---- */

static int write_all(struct queue *q, struct queue_put *puts, struct err *err)
{
	for (struct queue_put *p = puts; p; p = p->next) {
		struct queue_row r = { .made = p->made, .due = p->made, .function = p->function, .id = p->id,
				       .trace = p->trace, .traceparent = p->traceparent, .tracestate = p->tracestate,
				       .payload = p->payload };

		if (q->ops->insert(q->store, &r, err) < 0)
			return -1;
	}
	VEC_EACH(&q->verdicts, v) {
		if (v->fate == FATE_DELAYED && q->ops->delay(q->store, &v->row, err) < 0)
			return -1;
		if ((v->fate == FATE_REMOVED || v->fate == FATE_DEAD) &&
		    q->ops->remove(q->store, v->row.seq, err) < 0)
			return -1;
	}
	return q->ops->commit(q->store, err);
}

static int transact(struct queue *q, struct queue_put *puts, struct err *err)
{
	bool writes = puts != NULL;

	VEC_EACH(&q->verdicts, v)
		writes |= v->fate != FATE_KEPT;
	if (!writes)
		return 0;
	/* What a power cut undoes of the rest is delivered again, no more: it need not wait for the disk. */
	if (q->ops->begin(q->store, puts != NULL, err) < 0)
		return -1;
	if (write_all(q, puts, err) == 0)
		return 0;
	q->ops->rollback(q->store);
	return -1;
}

static struct lane *lane_of(struct queue *q, struct str function)
{
	for (size_t i = 0; i < q->lanes.len; i++) {
		struct lane *l = q->lanes.ptr[i].val;

		if (str_eqz(function, l->function))
			return l;
	}
	return NULL;
}

/* @puts and the verdicts, all or none of them. */
static void commit(struct queue *q, struct queue_put *puts)
{
	struct stored *s = NULL;
	struct err err = ERR_INIT;
	uint64_t stored = 0, gone = 0;
	bool ok = transact(q, puts, &err) == 0;

	if (puts) {
		s = xmalloc(sizeof(*s));
		*s = (struct stored){ .note.run = run_stored, .puts = puts, .failed = !ok, .err = err };
	}
	for (struct queue_put *p = puts; p; p = p->next) {
		stored++;
		if (ok)
			expect(lane_of(q, p->function), p->made);
	}
	VEC_EACH(&q->verdicts, v)
		gone += v->fate == FATE_REMOVED || v->fate == FATE_DEAD;
	pthread_mutex_lock(&q->lock);
	q->putting -= stored;
	if (ok)
		q->rows += stored - gone;
	pthread_mutex_unlock(&q->lock);
	if (s)
		queue_notify(q, &s->note);
	if (!ok && q->verdicts.len)
		tell_trouble(q, &q->settle_again, &err);
	VEC_EACH(&q->verdicts, v) {
		if (!ok) {
			drop_verdict(q, v);
			continue;
		}
		if (v->note)
			queue_notify(q, v->note);
		if (v->e && v->fate == FATE_DELAYED)
			expect(v->e->lane, v->row.due);
		/* not at once: whoever gave it back may do so again */
		if (v->e && v->fate == FATE_KEPT)
			expect(v->e->lane, queue_wall() + RETURN_NS);
		if (v->e)
			take_in(q, v->e);
	}
	q->verdicts.len = 0;
}

/* The dead first; if their file fails they alone wait. */
static void settle(struct queue *q, struct queue_put *puts)
{
	struct err err;
	size_t n = 0;

	if (bury(q, &err) < 0) {
		tell_trouble(q, &q->settle_again, &err);
		VEC_EACH(&q->verdicts, v) {
			if (v->fate == FATE_DEAD)
				drop_verdict(q, v);
			else
				q->verdicts.ptr[n++] = *v;
		}
		q->verdicts.len = n;
	}
	commit(q, puts);
}

static void judge_all(struct queue *q, struct queue_state *e, int64_t now)
{
	while (e) {
		struct queue_state *next = e->next;

		VEC_PUSH(&q->verdicts, judge(q, e, now));
		e = next;
	}
}

/* ---- reading ---- */

struct candidate {
	struct lane *lane;
	int64_t seq, due;
};

struct scan {
	struct queue *q;
	struct lane *lane;
	int64_t now;
	unsigned room;
	int64_t next;
	VEC(struct candidate) found;
};

static bool scan_due(void *ctx, int64_t seq, int64_t due)
{
	struct scan *s = ctx;

	if (is_out(s->q, seq))
		return true;
	if (due > s->now || !s->room) {
		s->next = due;
		return false;
	}
	s->room--;
	VEC_PUSH(&s->found, ((struct candidate){ s->lane, seq, due }));
	return true;
}

static int by_due(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->due != y->due)
		return x->due < y->due ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static const char *word(struct queue_state *e, size_t *at, struct str s)
{
	const char *p = e->words.ptr + *at;

	*at += s.len + 1;
	return s.len ? p : NULL;
}

static struct queue_state *make(struct lane *lane, const struct queue_row *r)
{
	const struct str words[] = { r->function, r->id, r->trace, r->traceparent, r->tracestate };
	struct queue_state *e = xcalloc(1, sizeof(*e));
	size_t at = 0;

	buf_init(&e->words);
	buf_init(&e->answer);
	buf_init(&e->event.payload);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		buf_adds(&e->words, words[i]);
		buf_addc(&e->words, '\0');
	}
	e->event.function = word(e, &at, r->function);
	e->event.id = word(e, &at, r->id);
	e->event.trace = word(e, &at, r->trace);
	e->event.traceparent = word(e, &at, r->traceparent);
	e->event.tracestate = word(e, &at, r->tracestate);
	buf_adds(&e->event.payload, r->payload);
	e->event.made = r->made;
	e->event.attempt = r->attempts + 1;
	e->event.state = e;
	e->note.run = run_deliver;
	e->lane = lane;
	e->seq = r->seq;
	e->due = r->due;
	e->attempts = r->attempts;
	e->throttled = r->throttled;
	e->size = r->payload.len;
	return e;
}

static void age(struct queue *q, const struct queue_row *r)
{
	struct verdict v = { .fate = FATE_DEAD, .condition = "EventAgeExceeded",
			     .row = { .seq = r->seq, .attempts = r->attempts } };

	VEC_PUSH(&q->verdicts, v);
}

static int hand_out(struct queue *q, const struct scan *s, struct err *err)
{
	/* what is too old can't go while there is trouble with that */
	int64_t stuck = s->now < q->settle_again ? q->settle_again : 0;

	VEC_EACH(&s->found, c) {
		struct queue_state *e;
		struct queue_row r;

		if (q->out_bytes >= q->opts.out_bytes) {
			expect(c->lane, c->due);
			continue;
		}
		if (q->ops->read(q->store, c->seq, &r, err) < 0)
			return -1;
		if (is_old(q, r.made, s->now)) {
			if (stuck)
				c->lane->next = stuck;
			else
				age(q, &r);
			continue;
		}
		e = make(c->lane, &r);
		take_out(q, e);
		queue_notify(q, &e->note);
	}
	return 0;
}

static int look(struct queue *q, struct scan *s, struct err *err)
{
	for (size_t i = 0; i < q->lanes.len; i++) {
		struct lane *l = q->lanes.ptr[i].val;

		if (l->out >= l->limit || l->next > s->now)
			continue;
		s->lane = l;
		s->room = l->limit - l->out;
		s->next = INT64_MAX;
		if (q->ops->due(q->store, l->function, scan_due, s, err) < 0)
			return -1;
		l->next = s->next;
	}
	if (s->found.len > 1)
		qsort(s->found.ptr, s->found.len, sizeof(s->found.ptr[0]), by_due);
	return hand_out(q, s, err);
}

static int deliver(struct queue *q, int64_t now, struct err *err)
{
	struct scan s = { .q = q, .now = now };
	int r;

	if (q->out_bytes >= q->opts.out_bytes)
		return 0;
	r = look(q, &s, err);
	/* what it had found is found again */
	for (size_t i = 0; r < 0 && i < q->lanes.len; i++)
		((struct lane *)q->lanes.ptr[i].val)->next = 0;
	VEC_FREE(&s.found);
	if (q->verdicts.len)
		settle(q, NULL);
	return r;
}

/* ---- what is too old, also of functions that nobody serves ---- */

static bool sweep_each(void *ctx, int64_t seq, int64_t made)
{
	struct scan *s = ctx;

	if (is_out(s->q, seq))
		return true;
	if (!s->room || !is_old(s->q, made, s->now)) {
		s->next = made;
		return false;
	}
	s->room--;
	VEC_PUSH(&s->found, ((struct candidate){ NULL, seq, made }));
	return true;
}

static int sweep_found(struct queue *q, struct scan *s, struct err *err)
{
	if (q->ops->all(q->store, sweep_each, s, err) < 0)
		return -1;
	VEC_EACH(&s->found, c) {
		struct queue_row r;

		if (q->ops->read(q->store, c->seq, &r, err) < 0)
			return -1;
		age(q, &r);
	}
	return 0;
}

static int sweep(struct queue *q, int64_t now, struct err *err)
{
	struct scan s = { .q = q, .now = now, .room = SWEEP_MAX, .next = now };
	int r;

	if (!q->rows || now < q->sweep)
		return 0;
	r = sweep_found(q, &s, err);
	VEC_FREE(&s.found);
	/* when the oldest that is left will be too old */
	q->sweep = s.next + (int64_t)q->opts.age_ns;
	if (q->sweep > now + SWEEP_NS)
		q->sweep = now + SWEEP_NS;
	if (q->verdicts.len)
		settle(q, NULL);
	return r;
}

/* ---- the thread ---- */

/* When there is something to do if nobody says anything; INT64_MAX: never. */
static int64_t next_time(const struct queue *q)
{
	int64_t at = q->rows ? q->sweep : INT64_MAX;

	for (size_t i = 0; i < q->lanes.len; i++) {
		const struct lane *l = q->lanes.ptr[i].val;

		if (l->out < l->limit && l->next < at && q->out_bytes < q->opts.out_bytes)
			at = l->next;
	}
	if (at < q->read_again)
		at = q->read_again;
	return q->settling && q->settle_again < at ? q->settle_again : at;
}

struct work {
	struct queue_put *puts;
	struct queue_state *done;
	struct serve *serve;
	bool closing;
};

/* Waits for work or for a time; false: there is none and will be none. */
static bool wait_for(struct queue *q, struct work *w)
{
	bool on;

	pthread_mutex_lock(&q->lock);
	while (!q->puts && !q->done && !q->serve && !q->closing) {
		int64_t at = next_time(q), left = at == INT64_MAX ? INT64_MAX : at - queue_wall();
		struct timespec t;
		uint64_t until;

		if (left <= 0)
			break;
		/* the wall clock may be set: look again, at least each minute */
		until = loop_clock() + (uint64_t)(left < SWEEP_NS ? left : SWEEP_NS);
		t = (struct timespec){ .tv_sec = (time_t)(until / LOOP_S), .tv_nsec = (long)(until % LOOP_S) };
		if (left == INT64_MAX)
			pthread_cond_wait(&q->cond, &q->lock);
		else
			pthread_cond_timedwait(&q->cond, &q->lock, &t);
	}
	*w = (struct work){ q->puts, q->done, q->serve, q->closing };
	q->puts = NULL;
	q->last_put = &q->puts;
	q->done = NULL;
	q->last_done = &q->done;
	q->serve = NULL;
	q->last_serve = &q->serve;
	on = !q->closing || w->puts || w->done;
	pthread_mutex_unlock(&q->lock);
	return on;
}

static void turn(struct queue *q, const struct work *w)
{
	int64_t now = queue_wall();
	bool tries = now >= q->settle_again || w->closing;
	struct queue_state *left = q->settling;
	struct err err;

	serve(q, w->serve);
	if (tries) {
		q->settling = NULL;
		judge_all(q, left, now);
	}
	judge_all(q, w->done, now);
	settle(q, w->puts);
	now = queue_wall();
	if (w->closing || now < q->read_again)
		return;
	if (sweep(q, now, &err) < 0 || deliver(q, now, &err) < 0)
		tell_trouble(q, &q->read_again, &err);
	else
		q->read_again = 0;
	/* all of it has been written down */
	if (tries && now >= q->settle_again && !q->settling)
		q->settle_again = 0;
}

void *queue_writer(void *arg)
{
	struct queue *q = arg;
	struct work w;

	while (wait_for(q, &w))
		turn(q, &w);
	/* what could not be written down before, once more */
	turn(q, &w);
	return NULL;
}
