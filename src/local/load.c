/* SPDX-License-Identifier: Apache-2.0 */
#include "local/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"

#define BATCH 256 /* calls begun without a look at anything else of the loop */

const char *const load_outcome_name[LOAD_OUTCOMES] = {
	[LOAD_OK] = "ok",
	[LOAD_FAILED] = "failed",
	[LOAD_TIMEOUT] = "timeout",
	[LOAD_CRASHED] = "crashed",
	[LOAD_REFUSED] = "refused",
	[LOAD_ERROR] = "error",
	[LOAD_ABANDONED] = "abandoned",
	[LOAD_UNSENT] = "unsent",
};

/* ---- results ---- */

static struct hist *hists(struct load_result *r, size_t i)
{
	struct hist *all[] = { &r->warm,     &r->cold,	   &r->failed, &r->corrected, &r->init,
			       &r->duration, &r->overhead, &r->late,   &r->cpu };

	return i < ARRAY_LEN(all) ? all[i] : NULL;
}

void load_result_init(struct load_result *r)
{
	*r = (struct load_result){ 0 };
	for (size_t i = 0; hists(r, i); i++)
		hist_init(hists(r, i));
}

void load_result_release(struct load_result *r)
{
	for (size_t i = 0; hists(r, i); i++)
		hist_release(hists(r, i));
	VEC_FREE(&r->seconds);
	VEC_FREE(&r->colds);
}

uint64_t load_result_calls(const struct load_result *r)
{
	uint64_t n = 0;

	for (size_t i = 0; i < LOAD_OUTCOMES; i++)
		n += r->calls[i];
	return n;
}

void load_result_all(const struct load_result *r, struct hist *h)
{
	hist_init(h);
	hist_add(h, &r->warm);
	hist_add(h, &r->cold);
	hist_add(h, &r->failed);
}

/* ---- the schedule ---- */

static uint64_t clock_of(const struct load *l)
{
	return l->spec.clock ? l->spec.clock() : loop_clock();
}

/* Exact for any number: a rate that does not divide a second does not drift. */
static uint64_t due_at(const struct load *l, uint64_t i)
{
	return l->begun + i / l->spec.rate * LOOP_S + i % l->spec.rate * LOOP_S / l->spec.rate;
}

/* How many are due in the first @ns. */
static uint64_t due_in(const struct load *l, uint64_t ns)
{
	return ns / LOOP_S * l->spec.rate + (ns % LOOP_S * l->spec.rate + LOOP_S - 1) / LOOP_S;
}

void load_init(struct load *l, const struct load_spec *spec, const struct load_target *target)
{
	*l = (struct load){ .spec = *spec, .target = *target, .next = UINT64_MAX, .timer.fd = -1, .over = true };
	if (!l->spec.concurrency)
		l->spec.concurrency = spec->rate ? LOAD_OPEN_CONCURRENCY : 1;
	if (!l->spec.drain)
		l->spec.drain = LOAD_DRAIN;
	if ((!spec->duration && !spec->requests) || spec->rate > LOAD_RATE_MAX ||
	    l->spec.concurrency > LOAD_CONCURRENCY_MAX || spec->requests > LOAD_REQUESTS_MAX ||
	    spec->duration > LOAD_DURATION_MAX || spec->warmup > LOAD_DURATION_MAX || spec->drain > LOAD_DURATION_MAX)
		BUG("load: rate %u, concurrency %u", spec->rate, spec->concurrency);
	load_result_init(&l->result);
	hist_init(&l->second);
	l->calls = xcalloc(l->spec.concurrency, sizeof(*l->calls));
	for (size_t i = l->spec.concurrency; i-- > 0;) {
		l->calls[i] = (struct load_call){ .load = l, .next = l->free };
		l->free = &l->calls[i];
	}
}

void load_release(struct load *l)
{
	load_stop(l);
	load_result_release(&l->result);
	hist_release(&l->second);
	free(l->calls);
	l->calls = NULL;
}

/* ---- what came of a call ---- */

static void end_second(struct load *l)
{
	struct load_result *r = &l->result;
	struct load_second *s = r->seconds.len ? &r->seconds.ptr[r->seconds.len - 1] : NULL;

	if (!s || !l->second.n)
		return;
	s->p50 = hist_percentile(&l->second, 50);
	s->p99 = hist_percentile(&l->second, 99);
	s->max = l->second.max;
	hist_reset(&l->second);
}

static void count_second(struct load *l, uint64_t now, uint64_t latency, bool ok, bool cold)
{
	struct load_result *r = &l->result;
	const uint64_t at = now > l->measured ? (now - l->measured) / LOOP_S : 0;
	struct load_second *s;

	while (r->seconds.len <= at) {
		end_second(l);
		VEC_PUSH(&r->seconds, (struct load_second){ 0 });
	}
	s = &r->seconds.ptr[at];
	s->ok += ok;
	s->failed += !ok;
	s->cold += cold;
	hist_record(&l->second, latency);
}

static void count_error(struct load_result *r, int status, const char *text)
{
	struct load_error e = { .status = status, .n = 1 };

	snprintf(e.text, sizeof(e.text), "%s", text ? text : "");
	for (size_t i = 0; i < r->nerrors; i++)
		if (r->errors[i].status == status && strcmp(r->errors[i].text, e.text) == 0) {
			r->errors[i].n++;
			return;
		}
	if (r->nerrors < LOAD_ERRORS_MAX)
		r->errors[r->nerrors++] = e;
	else
		r->errors_other++;
}

static void count_ok(struct load_result *r, const struct load_call *c, const struct load_answer *a, uint64_t now)
{
	const uint64_t latency = now - c->due, took = now - c->sent;

	hist_record(a->cold ? &r->cold : &r->warm, latency);
	if (a->duration)
		hist_record(&r->duration, a->duration);
	if (a->duration && !a->cold)
		hist_record(&r->overhead, took > a->duration ? took - a->duration : 0);
	if (a->cold && r->colds.len < LOAD_COLDS_MAX)
		VEC_PUSH(&r->colds, ((struct load_cold){ latency, a->init }));
}

/* What is due since the warm-up is not waited for by those who are measured. */
static void end_pause(struct load *l, uint64_t now)
{
	struct load_result *r = &l->result;
	const uint64_t from = l->waiting_from > l->measured ? l->waiting_from : l->measured;

	if (!l->waiting || now <= from)
		return;
	r->pause = now - from > r->pause ? now - from : r->pause;
	r->pause_sum += now - from;
	r->pauses++;
}

static void served(struct load *l, uint64_t now)
{
	end_pause(l, now);
	/* the one that is served is under way still */
	l->waiting = l->under_way > 1;
	l->waiting_from = now > l->waiting_from ? now : l->waiting_from;
}

static void count(struct load *l, const struct load_call *c, const struct load_answer *a, uint64_t now)
{
	struct load_result *r = &l->result;
	const bool ok = a->outcome == LOAD_OK;

	if (!c->counted) {
		r->warmup_calls++;
		r->warmup_colds += a->cold;
		return;
	}
	r->calls[a->outcome]++;
	if (ok) {
		count_ok(r, c, a, now);
	} else {
		hist_record(&r->failed, now - c->due);
		count_error(r, a->status, a->error);
	}
	count_second(l, now, now - c->due, ok, a->cold);
	if (a->cold && a->init)
		hist_record(&r->init, a->init);
	if (a->cpu)
		hist_record(&r->cpu, a->cpu);
	r->memory = a->memory > r->memory ? a->memory : r->memory;
	r->allocs += a->has_allocs ? a->allocs : 0;
	r->allocs_of += a->has_allocs;
	l->last = now;
}

static void put_back(struct load *l, struct load_call *c)
{
	c->busy = false;
	c->target = NULL;
	c->next = l->free;
	l->free = c;
	l->under_way--;
}

/* ---- the end ---- */

static void cancel_all(struct load *l, uint64_t now, bool counts)
{
	for (size_t i = 0; i < l->spec.concurrency; i++) {
		struct load_call *c = &l->calls[i];

		if (!c->busy)
			continue;
		l->target.cancel(c, l->target.ctx);
		if (counts && c->counted) {
			l->result.calls[LOAD_ABANDONED]++;
			hist_record(&l->result.failed, now - c->due);
		}
		put_back(l, c);
	}
}

/* What was due and never begun has waited until now: to leave it out would be to praise what is overloaded. */
static void count_unsent(struct load *l, uint64_t now)
{
	const uint64_t from = l->sent > l->total_warmup ? l->sent : l->total_warmup;
	uint64_t n;

	if (!l->spec.rate || from >= l->total)
		return;
	n = l->total - from;
	l->result.calls[LOAD_UNSENT] += n;
	hist_record_series(&l->result.failed, now - due_at(l, from), LOOP_S / l->spec.rate, n);
}

static void finish(struct load *l)
{
	struct load_result *r = &l->result;
	const uint64_t last = l->last > l->measured ? l->last - l->measured : 0;

	end_second(l);
	r->elapsed = last;
	if (!l->spec.rate && l->spec.duration && !(l->spec.requests && l->sent_measured == l->spec.requests))
		r->elapsed = last > l->spec.duration ? last : l->spec.duration;
	else if (l->spec.rate && l->end > l->measured + last)
		r->elapsed = l->end - l->measured;
	if (r->interrupted) {
		const uint64_t now = clock_of(l);

		r->elapsed = now > l->measured ? now - l->measured : 0;
	}
	if (!l->spec.rate) {
		struct hist all;

		load_result_all(r, &all);
		r->expected = hist_percentile(&all, 50);
		hist_add_corrected(&r->corrected, &all, r->expected);
		hist_release(&all);
	}
	l->over = true;
	l->next = UINT64_MAX;
	if (l->loop)
		loop_io_del(l->loop, &l->timer);
	if (l->timer.fd >= 0)
		close(l->timer.fd);
	l->timer.fd = -1;
}

void load_stop(struct load *l)
{
	if (l->over)
		return;
	l->result.interrupted = true;
	cancel_all(l, 0, false);
	finish(l);
}

/* ---- the course ---- */

static void begin_call(struct load *l, uint64_t due, uint64_t now)
{
	struct load_call *c = l->free;

	l->free = c->next;
	c->busy = true;
	c->due = due;
	c->sent = now;
	c->counted = l->spec.rate ? l->sent >= l->total_warmup : now >= l->measured;
	l->sent++;
	l->sent_measured += c->counted;
	l->under_way++;
	if (!l->waiting && l->waiting_from < due)
		l->waiting_from = due;
	l->waiting = true;
	l->target.start(c, l->target.ctx);
}

/* Whether a call may begin now; *@due: since when, or from when on. */
static bool open_due(struct load *l, uint64_t now, uint64_t *due)
{
	if (l->sent == l->total) {
		*due = UINT64_MAX;
		return false;
	}
	*due = due_at(l, l->sent);
	if (*due > now)
		return false;
	if (l->free) {
		if (l->full && *due <= l->freed) {
			l->result.limited += l->sent >= l->total_warmup;
		} else {
			l->full = false;
			if (l->sent >= l->total_warmup)
				hist_record(&l->result.late, now - *due);
		}
		return true;
	}
	l->full = true;
	l->freed = UINT64_MAX;
	*due = UINT64_MAX;
	return false;
}

static bool closed_due(struct load *l, uint64_t now, uint64_t *due)
{
	const uint64_t end = l->spec.duration ? l->measured + l->spec.duration : UINT64_MAX;

	if (now >= end || (l->spec.requests && l->sent_measured == l->spec.requests)) {
		if (l->give_up == UINT64_MAX)
			l->give_up = now + l->spec.drain;
		*due = UINT64_MAX;
		return false;
	}
	*due = l->free ? now : end;
	return l->free != NULL;
}

static void step(struct load *l)
{
	uint64_t due = UINT64_MAX, now = clock_of(l);

	l->stepping = true;
	for (int i = 0;; i++, now = clock_of(l)) {
		if (now >= l->give_up) {
			end_pause(l, now);
			cancel_all(l, now, true);
			count_unsent(l, now);
			break;
		}
		if (!(l->spec.rate ? open_due(l, now, &due) : closed_due(l, now, &due)))
			break;
		if (i == BATCH) {
			due = now;
			break;
		}
		begin_call(l, due, now);
	}
	l->stepping = false;
	l->next = due < l->give_up ? due : l->give_up;
	if (!l->under_way && (now >= l->give_up || (l->spec.rate ? l->sent == l->total : l->give_up != UINT64_MAX)))
		finish(l);
}

static void arm(struct load *l)
{
	struct itimerspec t = { .it_value.tv_nsec = 0 };

	if (l->next == l->armed)
		return;
	l->armed = l->next;
	if (l->next != UINT64_MAX)
		t.it_value = (struct timespec){ .tv_sec = (time_t)(l->next / LOOP_S),
						.tv_nsec = (long)(l->next % LOOP_S) };
	if (timerfd_settime(l->timer.fd, TFD_TIMER_ABSTIME, &t, NULL) < 0)
		BUG("timerfd_settime");
}

void load_step(struct load *l)
{
	if (l->over || l->stepping)
		return;
	step(l);
	if (!l->loop)
		return;
	if (!l->over)
		arm(l);
	else if (l->on_over)
		l->on_over(l);
}

void load_done(struct load_call *c, const struct load_answer *a)
{
	struct load *l = c->load;
	const uint64_t now = clock_of(l);

	if (!c->busy || a->outcome >= LOAD_ABANDONED)
		BUG("load: outcome %d of a call that is %s", (int)a->outcome, c->busy ? "under way" : "over");
	/* its target may have had something to do before the next */
	count(l, c, a, a->at ? a->at : now);
	if (a->outcome == LOAD_OK)
		served(l, a->at ? a->at : now);
	if (l->full && !l->free)
		l->freed = now;
	put_back(l, c);
	load_step(l);
}

void load_begin(struct load *l)
{
	const struct load_spec *s = &l->spec;

	l->over = false;
	l->begun = l->last = clock_of(l);
	l->measured = l->begun + s->warmup;
	l->give_up = UINT64_MAX;
	if (s->rate) {
		uint64_t n = s->duration ? due_in(l, s->warmup + s->duration) : UINT64_MAX;

		l->total_warmup = due_in(l, s->warmup);
		l->total = s->requests && s->requests < n - l->total_warmup ? l->total_warmup + s->requests : n;
		l->end = l->total < n ? due_at(l, l->total) : l->measured + s->duration;
		l->give_up = l->end + s->drain;
	}
	if (l->loop) {
		/* not before load_start() has returned */
		l->next = l->begun;
		arm(l);
	} else {
		load_step(l);
	}
}

static void on_timer(struct loop_io *io, uint32_t events)
{
	struct load *l = CONTAINER_OF(io, struct load, timer);
	uint64_t n;

	(void)events;
	if (read(io->fd, &n, sizeof(n)) < 0)
		return;
	l->armed = UINT64_MAX;
	load_step(l);
}

int load_start(struct load *l, struct loop *loop, void (*over)(struct load *l), struct err *err)
{
	l->timer = (struct loop_io){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
				     .ready = on_timer };
	if (l->timer.fd < 0)
		return err_sys(err, "cannot make a timer");
	if (loop_io_add(loop, &l->timer, EPOLLIN, err) < 0) {
		close(l->timer.fd);
		l->timer.fd = -1;
		return -1;
	}
	l->loop = loop;
	l->on_over = over;
	l->armed = 0;
	load_begin(l);
	return 0;
}
