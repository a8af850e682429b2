/* SPDX-License-Identifier: Apache-2.0 */
#include "local/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define SECOND 1000000000ull

const char *probe_state_name(enum probe_state s)
{
	static const char *const name[] = { [PROBE_COLD] = "cold",
					    [PROBE_WARMING] = "warming",
					    [PROBE_READY] = "ready",
					    [PROBE_UNHEALTHY] = "unhealthy" };

	return name[s];
}

void probes_init(struct probes *p, size_t n, uint64_t timeout)
{
	*p = (struct probes){ .ptr = xcalloc(n + 1, sizeof(*p->ptr)), .n = n, .open = n, .timeout = timeout };
	for (size_t i = 0; i < n; i++)
		p->ptr[i].delay = PROBE_FIRST;
}

void probes_release(struct probes *p)
{
	free(p->ptr);
	*p = (struct probes){ .n = 0 };
}

bool probes_over(const struct probes *p)
{
	return p->open == 0;
}

size_t probes_count(const struct probes *p, enum probe_state s)
{
	size_t n = 0;

	for (size_t i = 0; i < p->n; i++)
		n += p->ptr[i].state == s;
	return n;
}

static void settle(struct probes *p, struct probe *t, enum probe_state s, uint64_t now)
{
	t->state = s;
	t->took = now - t->begun;
	p->open--;
}

size_t probes_next(struct probes *p, uint64_t now, uint64_t *wait)
{
	struct probe *first = NULL;

	*wait = UINT64_MAX;
	if (p->under_way >= PROBES_AT_ONCE)
		return SIZE_MAX;
	for (size_t i = 0; i < p->n; i++) {
		struct probe *t = &p->ptr[i];

		if (!t->busy && t->state < PROBE_READY && (!first || t->next < first->next))
			first = t;
	}
	if (!first)
		return SIZE_MAX;
	if (first->next > now) {
		*wait = first->next - now;
		return SIZE_MAX;
	}
	if (first->state == PROBE_COLD) {
		first->state = PROBE_WARMING;
		first->begun = now;
	}
	first->busy = true;
	first->attempts++;
	p->under_way++;
	return (size_t)(first - p->ptr);
}

void probes_done(struct probes *p, size_t i, uint64_t now, int status, const char *why)
{
	struct probe *t = &p->ptr[i];

	t->busy = false;
	t->status = status;
	p->under_way--;
	if (status >= 200 && status < 300) {
		t->why[0] = '\0';
		settle(p, t, PROBE_READY, now);
		return;
	}
	if (status)
		snprintf(t->why, sizeof(t->why), "status %d", status);
	else
		snprintf(t->why, sizeof(t->why), "%s", why);
	t->failures = status == 503 ? 0 : t->failures + 1;
	if (t->failures >= PROBE_FAILURES) {
		settle(p, t, PROBE_UNHEALTHY, now);
		return;
	}
	if (p->timeout && now - t->begun >= p->timeout) {
		char last[PROBE_WHY];

		memcpy(last, t->why, sizeof(last));
		snprintf(t->why, sizeof(t->why), "not ready after %llu s: %.100s", p->timeout / SECOND, last);
		settle(p, t, PROBE_UNHEALTHY, now);
		return;
	}
	t->next = now + t->delay;
	/* once more when its time is over, and not later */
	if (p->timeout && t->next > t->begun + p->timeout)
		t->next = t->begun + p->timeout;
	t->delay = t->delay * 2 < PROBE_LONGEST ? t->delay * 2 : PROBE_LONGEST;
}
