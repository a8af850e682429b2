/* SPDX-License-Identifier: Apache-2.0 */
/* When an instance that speaks HTTP is ready: its port takes connections, and something comes back. */
#include "local/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"

#define WAIT_FIRST LOOP_MS
#define WAIT_MOST (50 * LOOP_MS)
#define PORT_TRIES 100

struct relay_probe {
	struct instance *instance;
	struct loop_timer timer;
	struct exchange health;
	uint64_t wait, until;		/* ns; until: of the clock */
	bool init;
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

static bool health_head(struct exchange *x, unsigned status, const struct web_header *h, size_t n)
{
	(void)x;
	(void)status;
	(void)h;
	(void)n;
	return true;
}

static bool health_data(struct exchange *x, const char *p, size_t n)
{
	(void)x;
	(void)p;
	(void)n;
	return false;
}

/* Whatever it says, something is there that says it. */
static void health_done(struct exchange *x, enum exchange_end end, const char *why)
{
	struct relay_probe *p = CONTAINER_OF(x, struct relay_probe, health);

	(void)why;
	if (p->instance->state == INSTANCE_ENDING)
		return;
	if (end == EXCHANGE_REFUSED)
		later(p);
	else
		found(p);
}

static void ask_health(struct relay_probe *p)
{
	static char *const headers[] = { (char *)(uintptr_t)"User-Agent: slsc-local", NULL };

	p->health = (struct exchange){ .port = p->instance->port, .method = "GET", .target = "/_/health",
				       .headers = headers, .head = health_head, .data = health_data,
				       .done = health_done };
	upstream_send(&p->instance->fn->platform->relay->upstream, &p->health);
}

static void look(struct loop_timer *t)
{
	struct relay_probe *p = CONTAINER_OF(t, struct relay_probe, timer);
	struct instance *i = p->instance;

	if (i->state == INSTANCE_ENDING)
		return;
	if (!p->init && loop_clock() > p->until)
		instance_break(i, OUTCOME_EXIT, "Runtime.ExitError", "the function does not listen any more");
	else if (!connects(i->port))
		later(p);
	else if (p->init)
		ask_health(p);
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
