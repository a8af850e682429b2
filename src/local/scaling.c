/* SPDX-License-Identifier: Apache-2.0 */
#include "local/scaling.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "scale/command.h"
#include "scale/lstm.h"

/* A program of the user's that is asked. */
struct asked {
	char *text, *dir; /* NULL: the policy is one of ours */
	uint64_t answer_ns;
	pid_t pid; /* 0: it does not run */
	int in;
	struct loop_io out;
	struct loop_timer late; /* set: an answer is waited for */
	struct buf got;
	struct policy_seen told; /* what it was asked about */
	uint64_t again;		 /* not to be started before */
	bool failing;		 /* it was told of */
};

struct scaling {
	struct lfn *fn;
	char *settings; /* all of them, as text: whether they are new ones */
	uint64_t interval, begun;
	struct loop_timer timer;
	struct policy *policy;
	struct lstm *lstm;
	struct asked asked;
	/* since it was asked last */
	uint64_t from, at; /* at: what follows is counted up to then */
	struct policy_seen seen;
	uint32_t n[INSTANCE_ENDING + 1]; /* instances, by tallied; [0] is nothing */
};

/* ---- what is seen ---- */

static void advance(struct scaling *s)
{
	const uint64_t now = loop_clock(), passed = now - s->at, busy = s->n[INSTANCE_BUSY + 1];

	s->seen.busy_ns += passed * busy;
	s->seen.up_ns += passed * (busy + s->n[INSTANCE_IDLE + 1]);
	s->at = now;
}

void scaling_changed(struct instance *i)
{
	struct scaling *s = i->fn->scaling;
	const unsigned is = i->state == INSTANCE_ENDING ? 0 : i->state + 1;

	if (!s || i->tallied == is)
		return;
	advance(s);
	/* what its start took is none of what requests take */
	if (i->tallied <= INSTANCE_INIT + 1)
		i->cpu_seen = quota_cpu(&i->group);
	if (i->tallied)
		s->n[i->tallied]--;
	if (is)
		s->n[is]++;
	i->tallied = is;
}

void scaling_arrived(struct lfn *fn)
{
	if (fn->scaling)
		fn->scaling->seen.arrivals++;
}

void scaling_done_one(struct lfn *fn)
{
	if (fn->scaling)
		fn->scaling->seen.done++;
}

static void see(struct scaling *s)
{
	struct policy_seen *seen = &s->seen;

	advance(s);
	/* the first time nothing was seen yet */
	if (!s->begun)
		s->begun = s->from = s->at;
	VEC_EACH(&s->fn->instances, p) {
		struct instance *i = *p;
		uint64_t cpu;

		if (i->state != INSTANCE_IDLE && i->state != INSTANCE_BUSY)
			continue;
		cpu = quota_cpu(&i->group);
		/* in units of what it may have */
		if (cpu > i->cpu_seen && i->group.limits.cpu)
			seen->cpu_ns += (cpu - i->cpu_seen) * 1000 / i->group.limits.cpu;
		i->cpu_seen = cpu;
	}
	seen->now = s->at - s->begun;
	seen->interval = s->at - s->from;
	seen->queue = s->fn->waiting;
	seen->idle = s->n[INSTANCE_IDLE + 1];
	seen->busy = s->n[INSTANCE_BUSY + 1];
	seen->starting = s->n[INSTANCE_INIT + 1];
}

static void seen_over(struct scaling *s)
{
	s->seen = (struct policy_seen){ .now = 0 };
	s->from = s->at;
}

static void obey(struct scaling *s, uint32_t want)
{
	s->fn->want = want;
	pool_scale(s->fn);
}

/* ---- the user's program ---- */

static void asked_end(struct scaling *s)
{
	struct loop *loop = s->fn->platform->loop;
	struct asked *a = &s->asked;

	loop_timer_stop(loop, &a->late);
	if (!a->pid)
		return;
	loop_io_del(loop, &a->out);
	close(a->out.fd);
	clean_fd_(&a->in);
	kill(-a->pid, SIGKILL);
	while (waitpid(a->pid, NULL, 0) < 0 && errno == EINTR)
		;
	a->pid = 0;
	buf_reset(&a->got);
}

static void asked_failed(struct scaling *s, const struct err *err)
{
	CLEAN_FREE char *text = xasprintf("scaling: %s; it stays at %u", err->msg, s->fn->want);

	asked_end(s);
	s->asked.again = loop_clock() + SCALING_AGAIN;
	if (!s->asked.failing)
		platform_tell(s->fn, text);
	s->asked.failing = true;
}

static void asked_late(struct loop_timer *t)
{
	struct scaling *s = CONTAINER_OF(t, struct scaling, asked.late);
	struct err err = ERR_INIT;

	(void)policy_command_late(s->asked.answer_ns, &err);
	asked_failed(s, &err);
}

/* Its line is there. */
static int take_answer(struct scaling *s, size_t n, struct err *err)
{
	struct asked *a = &s->asked;
	uint32_t want;

	if (!a->late.place || n + 1 != a->got.len)
		return err_set(err, ERR_FUNCTION, "the policy's command answers more than one line to one");
	if (policy_command_answer((struct str){ a->got.ptr, n }, &want, err) < 0)
		return -1;
	loop_timer_stop(s->fn->platform->loop, &a->late);
	buf_reset(&a->got);
	if (a->failing)
		platform_tell(s->fn, "scaling: the policy's command answers again");
	a->failing = false;
	obey(s, policy_bound(s->policy, &a->told, want));
	return 0;
}

static void asked_ready(struct loop_io *io, uint32_t events)
{
	struct scaling *s = CONTAINER_OF(io, struct scaling, asked.out);
	struct asked *a = &s->asked;
	struct err err = ERR_INIT;
	char part[1024];
	const ssize_t n = read(io->fd, part, sizeof(part));
	const char *line;
	int ret = 0;

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		err_set(&err, ERR_FUNCTION, "the policy's command has ended");
		asked_failed(s, &err);
		return;
	}
	buf_add(&a->got, part, (size_t)n);
	line = memchr(a->got.ptr, '\n', a->got.len);
	if (line)
		ret = take_answer(s, (size_t)(line - a->got.ptr), &err);
	else if (a->got.len > POLICY_LINE_MAX)
		ret = err_set(&err, ERR_LIMIT,
			      "limit exceeded: the policy's command answers a line of more than %u bytes",
			      POLICY_LINE_MAX);
	if (ret < 0)
		asked_failed(s, &err);
}

static int asked_start(struct scaling *s, struct err *err)
{
	struct asked *a = &s->asked;

	if (policy_command_spawn(a->text, a->dir, &a->pid, &a->in, &a->out.fd, err) < 0) {
		a->pid = 0;
		return -1;
	}
	return loop_io_add(s->fn->platform->loop, &a->out, EPOLLIN, err);
}

/* A question at a time: while it thinks, what it will be asked about next grows. */
static void ask(struct scaling *s)
{
	struct asked *a = &s->asked;
	CLEAN_BUF struct buf line = BUF_INIT;
	struct err err = ERR_INIT;

	if (a->late.place || (!a->pid && loop_clock() < a->again))
		return;
	if (!a->pid && asked_start(s, &err) < 0) {
		asked_failed(s, &err);
		return;
	}
	a->told = s->seen;
	policy_command_line(&a->told, &line);
	loop_timer_set(s->fn->platform->loop, &a->late, a->answer_ns);
	/* a pipe that is empty takes all of it. Who does not read does not answer; who has ended is met there */
	(void)!write(a->in, line.ptr, line.len);
	seen_over(s);
}

/* ---- the policy ---- */

static void look(struct loop_timer *t)
{
	struct scaling *s = CONTAINER_OF(t, struct scaling, timer);
	struct err err = ERR_INIT;
	uint32_t want;

	loop_timer_set(s->fn->platform->loop, t, s->interval);
	see(s);
	if (s->asked.text) {
		ask(s);
		/* those that could not be started are tried again */
		pool_scale(s->fn);
		return;
	}
	if (policy_want(s->policy, &s->seen, &want, &err) < 0)
		BUG("%s", err.msg);
	seen_over(s);
	obey(s, want);
}

static char *settings_of(const struct lfn *fn, const struct project *p, const struct scaling_def *d)
{
	return xasprintf("%s %u %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
			 " %s %" PRIu64 " %s %s %" PRIu64,
			 p->dir, fn->concurrency, d->policy.s, d->interval_ms, d->fixed, d->least, d->target_permille,
			 d->cpu_period_ms, d->cooldown_ms, d->horizon_ms, d->forecaster.s ? d->forecaster.s : "",
			 d->season_ms, d->model.s ? d->model.s : "", d->command.s ? d->command.s : "", d->answer_ms);
}

static int index_of(const char *const *names, const char *name)
{
	int i = 0;

	while (names[i] && strcmp(names[i], name) != 0)
		i++;
	if (!names[i])
		BUG("no policy or forecaster '%s'", name);
	return i;
}

static int read_model(const struct project *p, const struct scaling_def *d, struct lstm **model, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, d->model.s);
	const double interval = (double)d->interval_ms / 1000;
	struct lstm *l = xcalloc(1, sizeof(*l));

	if (!fs_exists(path)) {
		free(l);
		project_err(p, ERR_CONFIG, d->model, err, "there is no '%s'", d->model.s);
		return err_hint(err, "slsc scale train -o %s", d->model.s);
	}
	if (lstm_read(path, l, err) < 0) {
		free(l);
		return -1;
	}
	if (l->interval > interval * 1.000001 || l->interval < interval * 0.999999) {
		project_err(p, ERR_CONFIG, d->model, err,
			    "'%s' was trained for intervals of %.6g s, and the policy looks each %.6g s", d->model.s,
			    l->interval, interval);
		free(l);
		return err_hint(err, "interval: says how often");
	}
	*model = l;
	return 0;
}

static struct policy *make_policy(const struct lfn *fn, const struct scaling_def *d, const struct lstm *model)
{
	const struct policy_spec spec = {
		.kind = (enum policy_kind)index_of(policy_name, d->policy.s),
		.least = (uint32_t)d->least,
		.most = fn->concurrency,
		.cooldown = d->cooldown_ms * LOOP_MS,
		.fixed = (uint32_t)d->fixed,
		.target = (double)d->target_permille / 1000,
		.period = d->cpu_period_ms * LOOP_MS,
		.forecast = { .kind = (enum forecast_kind)index_of(forecast_name,
								   d->forecaster.s ? d->forecaster.s : "ar"),
			      .season = (size_t)(d->season_ms / d->interval_ms),
			      .lstm = model },
		.horizon = d->horizon_ms * LOOP_MS,
		.headroom = POLICY_HEADROOM,
	};

	return policy_new(&spec);
}

static void begin(struct lfn *fn, const struct project *p, const struct scaling_def *d, struct lstm *model)
{
	struct scaling *s = xcalloc(1, sizeof(*s));

	s->fn = fn;
	s->interval = d->interval_ms * LOOP_MS;
	s->lstm = model;
	s->policy = make_policy(fn, d, model);
	s->timer.expired = look;
	s->asked.out.ready = asked_ready;
	s->asked.late.expired = asked_late;
	s->asked.answer_ns = d->answer_ms * LOOP_MS;
	buf_init(&s->asked.got);
	if (d->command.s) {
		s->asked.text = xstrdup(d->command.s);
		s->asked.dir = xstrdup(p->dir);
	}
	s->at = loop_clock();
	fn->scaling = s;
	fn->want = fn->want > d->least ? fn->want : (unsigned)d->least;
	VEC_EACH(&fn->instances, i) {
		(*i)->tallied = 0;
		scaling_changed(*i);
	}
}

int scaling_serve(struct lfn *fn, const struct project *p, const struct function *f, struct err *err)
{
	const struct scaling_def *d = &f->scaling;
	CLEAN_FREE char *settings = d->policy.s ? settings_of(fn, p, d) : NULL;
	struct lstm *model = NULL;

	fn->queue = (unsigned)d->queue;
	if (!settings && !fn->scaling)
		return 0;
	if (settings && fn->scaling && strcmp(settings, fn->scaling->settings) == 0)
		return 0;
	if (settings && d->model.s && read_model(p, d, &model, err) < 0)
		return -1;
	scaling_free(fn);
	if (!settings) {
		fn->want = 0;
		pool_dispatch(fn);
		return 0;
	}
	begin(fn, p, d, model);
	fn->scaling->settings = settings;
	settings = NULL;
	look(&fn->scaling->timer);
	return 0;
}

void scaling_stop(struct lfn *fn)
{
	struct scaling *s = fn->scaling;

	if (!s)
		return;
	loop_timer_stop(fn->platform->loop, &s->timer);
	loop_timer_stop(fn->platform->loop, &s->asked.late);
	if (!s->asked.pid)
		return;
	loop_io_del(fn->platform->loop, &s->asked.out);
	clean_fd_(&s->asked.in);
}

void scaling_free(struct lfn *fn)
{
	struct scaling *s = fn->scaling;

	if (!s)
		return;
	loop_timer_stop(fn->platform->loop, &s->timer);
	asked_end(s);
	policy_free(s->policy);
	free(s->lstm);
	free(s->settings);
	free(s->asked.text);
	free(s->asked.dir);
	buf_release(&s->asked.got);
	free(s);
	fn->scaling = NULL;
}
