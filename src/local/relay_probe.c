/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When an instance that speaks HTTP is ready: its port takes connections, and something comes back. One that is to be
 * kept ready is warmed up first, as `slsc warm` does it (local/probe.h).
 */
#include "local/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/probe.h"
#include "os/proc.h"

#define WAIT_FIRST LOOP_MS
#define WAIT_MOST (50 * LOOP_MS)
#define PORT_TRIES 100
#define EXIT_NS LOOP_S			/* how long a process takes to end that has closed its connections */
#define WARM_LOOK (100 * LOOP_MS)	/* how often a warm-up looks whether somebody waits */
#define WARM_ANSWER LOOP_S		/* how long an answer may take */

struct relay_probe {
	struct instance *instance;
	struct loop_timer timer;
	struct exchange health;
	uint64_t wait, until;		/* ns; until: of the clock */
	bool init;
	unsigned status;		/* of the answer that begins */
	struct probes warm;		/* of one target; none: it is not warmed up */
	uint64_t warm_at;		/* ns of the clock: the next probe, or the end of the one under way */
};

/* ---- its port ---- */

static bool is_taken(const struct platform *p, uint16_t port)
{
	VEC_EACH(&p->fns, f)
		VEC_EACH(&(*f)->instances, i)
			if ((*i)->port == port)
				return true;
	return false;
}

int relay_port(struct instance *i, struct err *err)
{
	struct platform *p = i->fn->platform;

	if (!p->relay) {
		struct relay *r = xcalloc(1, sizeof(*r));

		if (upstream_start(&r->upstream, p->loop, err) < 0) {
			free(r);
			return -1;
		}
		p->relay = r;
	}
	/* The kernel chooses; it is free of what others have, and of what instances of ours are about to listen on. */
	for (int n = 0; n < PORT_TRIES; n++) {
		struct sockaddr_in a = { .sin_family = AF_INET };
		socklen_t len = sizeof(a);
		CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
		    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
			return err_sys(err, "cannot find a free port");
		i->port = ntohs(a.sin_port);
		if (!is_taken(p, i->port))
			return 0;
	}
	return err_set(err, ERR_IO, "cannot find a free port");
}

void relay_stop(struct platform *p)
{
	if (!p->relay)
		return;
	upstream_stop(&p->relay->upstream);
	free(p->relay);
	p->relay = NULL;
}

/* ---- whether it listens ---- */

/* Within one machine a connection is made or refused at once. */
static bool connects(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port),
				 .sin_addr = { htonl(INADDR_LOOPBACK) } };
	CLEAN_FD int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };
	socklen_t len = sizeof(errno);
	int e = 0;

	if (fd < 0)
		return false;
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return true;
	return errno == EINPROGRESS && poll(&pfd, 1, 0) == 1 &&
	       getsockopt(fd, SOL_SOCKET, SO_ERROR, &e, &len) == 0 && e == 0;
}

static void later(struct relay_probe *p)
{
	loop_timer_set(p->instance->fn->platform->loop, &p->timer, p->wait);
	p->wait = p->wait * 3 / 2 < WAIT_MOST ? p->wait * 3 / 2 : WAIT_MOST;
}

void relay_forget(struct instance *i)
{
	struct platform *p = i->fn->platform;
	struct relay_probe *probe = i->probe;

	if (!probe)
		return;
	i->probe = NULL;
	loop_timer_stop(p->loop, &probe->timer);
	upstream_cancel(&p->relay->upstream, &probe->health);
	probes_release(&probe->warm);
	free(probe);
}

static void found(struct relay_probe *p)
{
	struct instance *i = p->instance;
	bool init = p->init;

	relay_forget(i);
	if (!init) {
		relay_listens(i);
		return;
	}
	i->asked = i->ready = loop_clock();
	platform_init_event(i, INIT_RUNTIME);
	platform_init_event(i, INIT_OVER);
	pool_ready(i);
}

static void answered(struct relay_probe *p, unsigned status, const char *why);

static bool health_head(struct exchange *x, unsigned status, const struct web_header *h, size_t n)
{
	struct relay_probe *p = CONTAINER_OF(x, struct relay_probe, health);

	(void)h;
	(void)n;
	p->status = status;
	/* of a warm-up the status is all that counts: its body may have no end */
	if (p->warm.n)
		loop_timer_set(p->instance->fn->platform->loop, &p->timer, 0);
	return true;
}

static bool health_data(struct exchange *x, const char *p, size_t n)
{
	(void)x;
	(void)p;
	(void)n;
	return false;
}

static void health_done(struct exchange *x, enum exchange_end end, const char *why)
{
	struct relay_probe *p = CONTAINER_OF(x, struct relay_probe, health);

	if (p->instance->state == INSTANCE_ENDING)
		return;
	if (p->warm.n)
		answered(p, p->status, why ? why : "");
	else if (end == EXCHANGE_REFUSED)
		later(p);
	else
		answered(p, p->status, "");
}

static void ask(struct relay_probe *p, const char *target)
{
	static char *const headers[] = { (char *)(uintptr_t)"User-Agent: slsc-local", NULL };
	static char *const warm[] = { (char *)(uintptr_t)"User-Agent: slsc-local",
				      (char *)(uintptr_t)PROBE_HEADER, NULL };

	p->status = 0;
	p->health = (struct exchange){ .port = p->instance->port, .method = "GET", .target = target,
				       .headers = p->warm.n ? warm : headers, .head = health_head,
				       .data = health_data, .done = health_done };
	upstream_send(&p->instance->fn->platform->relay->upstream, &p->health);
}

/* ---- warm-up ---- */

static void tell_warm(struct relay_probe *p)
{
	const struct probe *t = p->warm.ptr;
	CLEAN_FREE char *text = NULL;

	if (t->state == PROBE_READY)
		text = xasprintf("prewarm: ready in %.3f s, %u probe%s", (double)t->took / 1e9, t->attempts,
				 t->attempts == 1 ? "" : "s");
	else if (t->state == PROBE_UNHEALTHY)
		text = xasprintf("prewarm: unhealthy after %u probes: GET " PROBE_PATH ": %s", t->attempts, t->why);
	else
		text = xasprintf("prewarm: warming");
	platform_line(p->instance, FROM_PLATFORM, str_from(text));
}

static void warm_on(struct relay_probe *p)
{
	bool first = p->warm.ptr->state == PROBE_COLD;
	uint64_t wait;

	loop_timer_set(p->instance->fn->platform->loop, &p->timer, WARM_LOOK);
	if (p->warm.ptr->busy || probes_next(&p->warm, loop_clock(), &wait) == SIZE_MAX)
		return;
	if (first)
		tell_warm(p);
	p->warm_at = loop_clock() + WARM_ANSWER;
	ask(p, PROBE_PATH);
}

/* Something is there that has answered. What says three times that it is not well is served all the same: told of. */
static void answered(struct relay_probe *p, unsigned status, const char *why)
{
	struct lfn *fn = p->instance->fn;

	loop_timer_stop(fn->platform->loop, &p->timer);
	p->status = 0;
	if (p->warm.n) {
		probes_done(&p->warm, 0, loop_clock(), (int)status, why);
		if (!probes_over(&p->warm)) {
			warm_on(p);
			return;
		}
		tell_warm(p);
	} else if (p->init && fn->prewarm && !fn->first) {
		probes_init(&p->warm, 1, 0);
		warm_on(p);
		return;
	}
	found(p);
}

static void look_warm(struct relay_probe *p)
{
	struct upstream *upstream = &p->instance->fn->platform->relay->upstream;
	bool late = p->warm.ptr->busy && loop_clock() >= p->warm_at;

	/* who waits for it would rather have it as it is */
	if (p->instance->fn->first) {
		found(p);
	} else if (p->status || late) {
		upstream_cancel(upstream, &p->health);
		answered(p, p->status, "no answer within a second");
	} else {
		warm_on(p);
	}
}

/* ---- */

/*
 * A process that ends closes its files in no order that is promised: its connections may be gone while its port still
 * takes new ones. Only for a while: a process may live on without its first thread.
 */
static bool is_exiting(const struct relay_probe *p)
{
	return loop_clock() + INIT_NS < p->until + EXIT_NS && proc_is_exiting(p->instance->pid);
}

static void look(struct loop_timer *t)
{
	struct relay_probe *p = CONTAINER_OF(t, struct relay_probe, timer);
	struct instance *i = p->instance;

	if (i->state == INSTANCE_ENDING)
		return;
	if (p->warm.n)
		look_warm(p);
	else if (!p->init && loop_clock() > p->until)
		instance_break(i, OUTCOME_EXIT, "Runtime.ExitError", "the function does not listen any more");
	else if (!connects(i->port) || (!p->init && is_exiting(p)))
		later(p);
	else if (p->init)
		ask(p, "/_/health");
	else
		found(p);
}

void relay_probe(struct instance *i, bool init)
{
	struct relay_probe *p;

	if (i->probe)
		return;
	p = xcalloc(1, sizeof(*p));
	p->instance = i;
	p->init = init;
	p->wait = WAIT_FIRST;
	/* an init that takes too long is ended by the instance's own timer */
	p->until = loop_clock() + INIT_NS;
	p->timer.expired = look;
	i->probe = p;
	later(p);
}
