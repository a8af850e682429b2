/* SPDX-License-Identifier: Apache-2.0 */
#include "local/otlp.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/mem.h"
#include "base/vec.h"
#include "local/otlp_internal.h"
#include "os/proc.h"

#define MS 1000000u
#define SCOPE "\"scope\":{\"name\":\"slsc\",\"version\":\"" SLSC_VERSION "\"}"

/* Of one origin. */
struct group {
	uint64_t origin;
	struct buf resource, items;
};

struct batch {
	struct batch *next;
	enum otlp_signal signal;
	unsigned count;
	size_t bytes;			/* of memory */
	uint64_t begun;			/* CLOCK_MONOTONIC, ns */
	VEC(struct group) groups;
};

struct otlp {
	struct otlp_opts opts;
	struct otlp_sink *sink;
	pthread_t thread;
	atomic_bool cancel;		/* the time for otlp_close() is over */
	pthread_mutex_t lock;
	pthread_cond_t wake, ended;
	/* under the lock */
	struct batch *filling[OTLP_SIGNALS];
	struct batch *first, **last;	/* full */
	size_t bytes;			/* of all batches */
	bool closing, done;
	struct otlp_counts counts;
	/* what is to be told, and when that was done last; of the thread but for dropped[] */
	struct {
		uint64_t dropped[OTLP_SIGNALS], rejected[OTLP_SIGNALS];
		bool failing, works;
		struct buf why, words;
	} news;
	bool failing;
	uint64_t told;
};

static uint64_t clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct timespec at(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };
}

/* ---- batches ---- */

static void batch_free(struct batch *b)
{
	VEC_EACH(&b->groups, g) {
		buf_release(&g->resource);
		buf_release(&g->items);
	}
	VEC_FREE(&b->groups);
	free(b);
}

static struct group *group_of(struct batch *b, const struct record_origin *o, bool lines)
{
	uint64_t id = lines ? 0 : o->id;

	/* the last ones are the likeliest */
	for (size_t i = b->groups.len; i-- > 0;)
		if (b->groups.ptr[i].origin == id)
			return &b->groups.ptr[i];
	VEC_PUSH(&b->groups, ((struct group){ .origin = id, .resource = BUF_INIT, .items = BUF_INIT }));
	if (!lines)
		buf_adds(&b->groups.ptr[b->groups.len - 1].resource, buf_str(&o->resource));
	return &b->groups.ptr[b->groups.len - 1];
}

static void hand_over(struct otlp *x, struct batch *b)
{
	b->next = NULL;
	*x->last = b;
	x->last = &b->next;
	x->filling[b->signal] = NULL;
}

/* Under the lock; NULL: there is no room. */
static struct batch *batch_for(struct otlp *x, enum otlp_signal signal)
{
	struct batch *b = x->filling[signal];

	if (x->bytes >= x->opts.memory || x->closing)
		return NULL;
	if (!b) {
		b = x->filling[signal] = xcalloc(1, sizeof(*b));
		b->signal = signal;
		b->begun = clock_ns();
		pthread_cond_signal(&x->wake);
	}
	return b;
}

static void added(struct otlp *x, struct batch *b, const struct group *g, size_t before, unsigned n)
{
	size_t more = g->items.cap + g->resource.cap - before;
	size_t most = x->opts.memory / 4 < OTLP_BATCH_BYTES ? x->opts.memory / 4 : OTLP_BATCH_BYTES;

	b->bytes += more;
	x->bytes += more;
	b->count += n;
	if (b->count >= x->opts.batch || b->bytes >= most) {
		hand_over(x, b);
		pthread_cond_signal(&x->wake);
	}
}

static void dropped(struct otlp *x, enum otlp_signal signal, uint64_t n)
{
	x->counts.dropped[signal] += n;
	x->news.dropped[signal] += n;
}

/* A group that is new has no memory before. */
static size_t memory_of(const struct group *g)
{
	return g->items.cap ? g->items.cap + g->resource.cap : 0;
}

void otlp_log(struct otlp *x, const struct record_origin *origin, const struct record *r)
{
	struct batch *b;

	pthread_mutex_lock(&x->lock);
	b = batch_for(x, OTLP_LOGS);
	if (b) {
		struct group *g = group_of(b, origin, x->sink->lines);
		size_t before = memory_of(g);

		if (x->sink->lines) {
			record_add_line(r, origin, &g->items);
		} else {
			if (g->items.len)
				buf_addc(&g->items, ',');
			record_add_otlp(r, &g->items);
		}
		added(x, b, g, before, 1);
	} else {
		dropped(x, OTLP_LOGS, 1);
	}
	pthread_mutex_unlock(&x->lock);
}

void otlp_span(struct otlp *x, const struct record_origin *origin, const struct span *s)
{
	struct batch *b;

	if (x->sink->lines || !(s->trace.flags & TRACE_SAMPLED))
		return;
	pthread_mutex_lock(&x->lock);
	b = batch_for(x, OTLP_TRACES);
	if (b) {
		struct group *g = group_of(b, origin, false);
		size_t before = memory_of(g);
		unsigned n;

		if (g->items.len)
			buf_addc(&g->items, ',');
		n = span_add_otlp(s, origin, &g->items);
		added(x, b, g, before, n);
	} else {
		dropped(x, OTLP_TRACES, 1u + !!s->init_start + !!s->handler_start);
	}
	pthread_mutex_unlock(&x->lock);
}

/* ExportLogsServiceRequest, ExportTraceServiceRequest, which are LogsData and TracesData, too. */
static void assemble(const struct batch *b, bool lines, struct buf *body)
{
	bool logs = b->signal == OTLP_LOGS;

	if (lines) {
		buf_adds(body, buf_str(&b->groups.ptr[0].items));
		return;
	}
	buf_reserve(body, b->bytes + b->groups.len * 128);
	buf_addz(body, logs ? "{\"resourceLogs\":[" : "{\"resourceSpans\":[");
	VEC_EACH(&b->groups, g) {
		if (g != b->groups.ptr)
			buf_addc(body, ',');
		buf_addz(body, "{\"resource\":");
		buf_adds(body, buf_str(&g->resource));
		buf_addz(body, logs ? ",\"scopeLogs\":[{" SCOPE ",\"logRecords\":["
				    : ",\"scopeSpans\":[{" SCOPE ",\"spans\":[");
		buf_adds(body, buf_str(&g->items));
		buf_addz(body, "]}]}");
	}
	buf_addz(body, "]}\n");
}

/* ---- what is told ---- */

static void clause(struct buf *b)
{
	if (b->ptr[b->len - 2] != ':')
		buf_addz(b, "; ");
}

static void add_counts(struct buf *b, const uint64_t *n)
{
	if (n[OTLP_LOGS])
		buf_addf(b, "%llu log record%s", (unsigned long long)n[OTLP_LOGS], n[OTLP_LOGS] == 1 ? "" : "s");
	if (n[OTLP_LOGS] && n[OTLP_TRACES])
		buf_addz(b, " and ");
	if (n[OTLP_TRACES])
		buf_addf(b, "%llu span%s", (unsigned long long)n[OTLP_TRACES], n[OTLP_TRACES] == 1 ? "" : "s");
}

/* Under the lock, which is let go while it is told. */
static void tell(struct otlp *x, bool last)
{
	void (*fn)(void *ctx, const char *message) = x->opts.tell;
	CLEAN_BUF struct buf b = BUF_INIT;
	uint64_t now = clock_ns(), *lost = x->news.dropped, *no = x->news.rejected;

	if (!(x->news.failing || x->news.works || lost[0] || lost[1] || no[0] || no[1] || x->news.words.len) ||
	    (x->told && !last && now - x->told < (uint64_t)x->opts.tell_ms * MS))
		return;
	x->told = now;
	buf_addf(&b, "%s: ", x->sink->shown);
	if (x->news.failing)
		buf_addf(&b, "%s; trying again", x->news.why.ptr);
	if (lost[0] || lost[1]) {
		clause(&b);
		add_counts(&b, lost);
		buf_addz(&b, " dropped");
		if (!x->news.failing)
			buf_addf(&b, ": %s",
				 x->news.why.len ? x->news.why.ptr : "they come faster than they are taken");
	}
	if (no[0] || no[1]) {
		clause(&b);
		add_counts(&b, no);
		buf_addz(&b, " rejected");
	}
	if (x->news.words.len) {
		if (no[0] || no[1])
			buf_addz(&b, ": ");
		else
			clause(&b);
		buf_adds(&b, buf_str(&x->news.words));
	}
	if (x->news.works) {
		clause(&b);
		buf_addz(&b, "works again");
	}
	lost[0] = lost[1] = no[0] = no[1] = 0;
	x->news.failing = x->news.works = false;
	buf_reset(&x->news.words);
	if (!x->failing)
		buf_reset(&x->news.why);
	if (!fn)
		return;
	pthread_mutex_unlock(&x->lock);
	fn(x->opts.ctx, b.ptr);
	pthread_mutex_lock(&x->lock);
}

/* ---- the thread ---- */

/* Under the lock: until @until, or otlp_close(). */
static void pause_until(struct otlp *x, uint64_t until)
{
	struct timespec t = at(until);
	bool closing = x->closing;

	while (x->closing == closing && !atomic_load(&x->cancel) && clock_ns() < until)
		pthread_cond_timedwait(&x->wake, &x->lock, &t);
}

static uint64_t backoff_ms(const struct otlp *x, unsigned tries)
{
	uint64_t ms = (uint64_t)x->opts.retry_ms << (tries < 16 ? tries : 16);
	uint16_t r = 0;

	if (ms > OTLP_RETRY_MAX_MS)
		ms = OTLP_RETRY_MAX_MS;
	/* half of it at random, so that those who failed together do not come back together */
	(void)!getrandom(&r, sizeof(r), GRND_NONBLOCK);
	return ms / 2 + ms * r / (2 * UINT16_MAX);
}

/* Under the lock, which is let go while a batch is on its way. */
static void deliver(struct otlp *x, struct batch *b)
{
	CLEAN_BUF struct buf body = BUF_INIT;
	uint64_t since = 0;		/* it fails */
	unsigned tries = 0;

	pthread_mutex_unlock(&x->lock);
	assemble(b, x->sink->lines, &body);
	pthread_mutex_lock(&x->lock);
	while (!atomic_load(&x->cancel)) {
		struct otlp_result res = { .wait_ms = -1, .words = BUF_INIT };
		uint64_t wait, most;
		struct err err = ERR_INIT;
		int ret;

		pthread_mutex_unlock(&x->lock);
		ret = x->sink->send(x->sink, b->signal, buf_str(&body), &x->cancel, &res, &err);
		pthread_mutex_lock(&x->lock);
		if (ret == 0) {
			uint64_t no = res.rejected < b->count ? res.rejected : b->count;

			x->counts.sent[b->signal] += b->count - no;
			x->counts.rejected[b->signal] += no;
			x->news.rejected[b->signal] += no;
			if (res.words.len) {
				buf_reset(&x->news.words);
				buf_adds(&x->news.words, buf_str(&res.words));
			}
			/* what nobody has been told of is not over, either */
			x->news.works |= x->failing && !x->news.failing;
			x->failing = x->news.failing = false;
			buf_release(&res.words);
			return;
		}
		buf_release(&res.words);
		if (atomic_load(&x->cancel))
			break;
		buf_reset(&x->news.why);
		buf_addz(&x->news.why, err.msg);
		most = (uint64_t)x->opts.give_up_ms;
		since = since ? since : clock_ns();
		if (!res.again || clock_ns() - since > most * MS)
			break;
		x->news.failing |= !x->failing;
		x->failing = true;
		tell(x, false);
		wait = backoff_ms(x, tries++);
		/* who asks for more time than there is gets another try all the same */
		if (res.wait_ms >= 0 && !x->closing)
			wait = (uint64_t)res.wait_ms < most ? (uint64_t)res.wait_ms : most;
		pause_until(x, clock_ns() + wait * MS);
	}
	dropped(x, b->signal, b->count);
}

/* Under the lock: the next batch to send, waiting for one; NULL: there will be none. */
static struct batch *next(struct otlp *x)
{
	for (;;) {
		struct batch *b = x->first, *older = NULL;

		if (b) {
			x->first = b->next;
			if (!x->first)
				x->last = &x->first;
			return b;
		}
		for (int i = 0; i < OTLP_SIGNALS; i++)
			if (x->filling[i] && (!older || x->filling[i]->begun < older->begun))
				older = x->filling[i];
		if (older) {
			uint64_t due = older->begun + (uint64_t)x->opts.delay_ms * MS;
			struct timespec t = at(due);

			if (x->closing || clock_ns() >= due)
				hand_over(x, older);
			else
				pthread_cond_timedwait(&x->wake, &x->lock, &t);
		} else if (x->closing) {
			return NULL;
		} else {
			pthread_cond_wait(&x->wake, &x->lock);
		}
	}
}

static void *run(void *ctx)
{
	struct otlp *x = ctx;
	struct batch *b;

	pthread_mutex_lock(&x->lock);
	while ((b = next(x)) != NULL) {
		deliver(x, b);
		x->bytes -= b->bytes;
		batch_free(b);
		/* at the end, one line for all that is left */
		if (!x->closing)
			tell(x, false);
	}
	tell(x, true);
	x->done = true;
	pthread_cond_signal(&x->ended);
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

static void otlp_free(struct otlp *x)
{
	x->sink->free(x->sink);
	buf_release(&x->news.why);
	buf_release(&x->news.words);
	pthread_cond_destroy(&x->wake);
	pthread_cond_destroy(&x->ended);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

int otlp_start(struct otlp **out, struct otlp_sink *sink, const struct otlp_opts *opts, struct err *err)
{
	struct otlp *x = xcalloc(1, sizeof(*x));
	pthread_condattr_t monotonic;
	int e;

	if (opts)
		x->opts = *opts;
	x->opts.headers = NULL;
	x->opts.batch = x->opts.batch ? x->opts.batch : OTLP_BATCH;
	x->opts.delay_ms = x->opts.delay_ms ? x->opts.delay_ms : OTLP_DELAY_MS;
	x->opts.retry_ms = x->opts.retry_ms ? x->opts.retry_ms : OTLP_RETRY_MS;
	x->opts.give_up_ms = x->opts.give_up_ms ? x->opts.give_up_ms : OTLP_GIVE_UP_MS;
	x->opts.tell_ms = x->opts.tell_ms ? x->opts.tell_ms : OTLP_TELL_MS;
	x->opts.memory = x->opts.memory ? x->opts.memory : OTLP_MEMORY;
	x->sink = sink;
	x->last = &x->first;
	buf_init(&x->news.why);
	buf_init(&x->news.words);
	pthread_mutex_init(&x->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&x->wake, &monotonic);
	pthread_cond_init(&x->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	e = sig_thread(&x->thread, run, x);
	if (e) {
		otlp_free(x);
		errno = e;
		return err_sys(err, "cannot start a thread");
	}
	*out = x;
	return 0;
}

void otlp_counts(struct otlp *x, struct otlp_counts *counts)
{
	pthread_mutex_lock(&x->lock);
	*counts = x->counts;
	pthread_mutex_unlock(&x->lock);
}

static void wait_ended(struct otlp *x, uint64_t ms)
{
	struct timespec t = at(clock_ns() + ms * MS);

	while (!x->done && pthread_cond_timedwait(&x->ended, &x->lock, &t) == 0)
		;
}

void otlp_close(struct otlp *x, unsigned ms, struct otlp_counts *counts)
{
	bool done;

	if (!x)
		return;
	pthread_mutex_lock(&x->lock);
	x->closing = true;
	pthread_cond_signal(&x->wake);
	wait_ended(x, ms);
	if (!x->done) {
		atomic_store(&x->cancel, true);
		pthread_cond_signal(&x->wake);
		wait_ended(x, 1000);
	}
	done = x->done;
	/* libcurl may wait for a resolver that does not answer: then the thread is left to end with the process */
	if (!done)
		x->opts.tell = NULL;
	if (counts)
		*counts = x->counts;
	pthread_mutex_unlock(&x->lock);
	if (done) {
		pthread_join(x->thread, NULL);
		otlp_free(x);
	} else {
		pthread_detach(x->thread);
	}
}
