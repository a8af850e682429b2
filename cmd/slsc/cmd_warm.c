/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdio.h>

#include "base/member.h"
#include "cli/out.h"
#include "commands.h"
#include "local/probe.h"

#define TIMEOUT_S 60u

struct warm_ctx {
	unsigned timeout;
	bool insecure;
	const char *ca_file;
};

static const struct opt opts[] = {
	{ OPT_UINT, 't', "timeout", offsetof(struct warm_ctx, timeout), .arg = "SECONDS", .min = 1, .max = 86400,
	  .help = "what each has to become ready, from its first probe on; default 60" },
	{ OPT_STR, .long_name = "ca-file", .offset = offsetof(struct warm_ctx, ca_file), .arg = "FILE",
	  .complete = COMPLETE_FILE, .help = "trust these certificate authorities (PEM), too" },
	{ OPT_FLAG, .long_name = "insecure", .offset = offsetof(struct warm_ctx, insecure),
	  .help = "take any certificate" },
	{ .type = OPT_END },
};

struct shown {
	const struct strs *urls;
	const struct globals *g;
	struct err *err;	/* of stdout */
	bool failed;
};

static void add_outcome(struct buf *b, const char *url, const struct probe *t)
{
	const char *probes = t->attempts == 1 ? "probe" : "probes";

	if (t->state == PROBE_READY)
		buf_addf(b, "%s: ready in %.2f s, %u %s\n", url, (double)t->took / 1e9, t->attempts, probes);
	else
		buf_addf(b, "%s: unhealthy after %.2f s, %u %s: %s\n", url, (double)t->took / 1e9, t->attempts, probes,
			 t->why);
}

/* On a terminal one line counts; elsewhere each change of a state is a line. What has become of one is a result. */
static void changed(size_t i, const struct probes *p, void *ctx)
{
	struct shown *s = ctx;
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct probe *t = &p->ptr[i];
	char states[96];

	snprintf(states, sizeof(states), "ready: %zu cold, %zu warming, %zu unhealthy", probes_count(p, PROBE_COLD),
		 probes_count(p, PROBE_WARMING), probes_count(p, PROBE_UNHEALTHY));
	progress_update(probes_count(p, PROBE_READY), states);
	if (t->state == PROBE_WARMING && !s->g->use_progress && !s->g->json)
		out_note("%s: warming", s->urls->ptr[i]);
	if (t->state < PROBE_READY || s->g->json || s->failed)
		return;
	add_outcome(&b, s->urls->ptr[i], t);
	s->failed = out_stdout(b.ptr, b.len, s->err) < 0;
}

static void add_json(struct buf *b, const struct strs *urls, const struct probes *p)
{
	buf_addz(b, "{\"targets\":[");
	for (size_t i = 0; i < p->n; i++) {
		const struct probe *t = &p->ptr[i];

		buf_addf(b, "%s{\"probes\":%u,\"seconds\":%.3f,\"state\":\"%s\",\"status\":", i ? "," : "", t->attempts,
			 (double)t->took / 1e9, probe_state_name(t->state));
		if (t->status)
			buf_addf(b, "%d", t->status);
		else
			buf_addz(b, "null");
		member_text(b, "url", urls->ptr[i]);
		member_some(b, "why", t->why);
		buf_addc(b, '}');
	}
	buf_addz(b, "]}\n");
}

static int report(const struct strs *urls, const struct probes *p, const struct globals *g, struct err *err)
{
	const size_t bad = probes_count(p, PROBE_UNHEALTHY);

	if (g->json) {
		CLEAN_BUF struct buf b = BUF_INIT;

		add_json(&b, urls, p);
		if (out_stdout(b.ptr, b.len, err) < 0)
			return -1;
	}
	if (!bad)
		return 0;
	return err_set(err, ERR_NET, "%zu of %zu %s unhealthy", bad, p->n, bad == 1 ? "is" : "are");
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct warm_ctx *c = ctx;
	CLEAN_STRS struct strs urls = { 0 };
	struct err out_err = ERR_INIT;
	struct shown shown = { .urls = &urls, .g = g, .err = &out_err };
	const struct probes_opts o = { .timeout_s = c->timeout ? c->timeout : TIMEOUT_S, .insecure = c->insecure,
				       .ca_file = c->ca_file, .changed = changed, .ctx = &shown };
	CLEANUP(probes_release) struct probes p = { .n = 0 };
	int ret;

	if (probes_urls(argv, (size_t)argc, &urls, err) < 0)
		return -1;
	/* elsewhere than on a terminal the states are lines already */
	if (g->use_progress)
		progress_begin("warming", urls.len);
	ret = probes_run(&p, &urls, &o, err);
	if (g->use_progress)
		progress_end();
	if (shown.failed)
		*err = out_err;
	return ret < 0 || shown.failed ? -1 : report(&urls, &p, g, err);
}

const struct cmd cmd_warm = {
	.name = "warm",
	.args = "URL...",
	.summary = "Probe functions until they are warm",
	.description =
		"Each URL is that of a service or a function, to which /health?ready=1 is added; one with a query is "
		"taken as it is. GET requests with the header X-Preheat ask whether it is ready, three at a time over "
		"all URLs: a status of 200 to 299 says so, 503 says not yet, and it is asked again after 100 ms, then "
		"after twice as long each time, 5 s at most. Bodies are not looked at, redirects not followed.\n\n"
		"A URL is cold, then warming, then ready. Three failures one after the other make it unhealthy: no "
		"answer, or any other status. So does the end of --timeout.\n\n"
		"Functions of slsc in HTTP mode answer by themselves; SLSC_PREHEAT makes them run what would be "
		"initialised at first use before they say that they are ready.\n\n"
		"Fails if any is unhealthy.",
	.examples = "$ slsc warm http://127.0.0.1:8080\n"
		    "$ slsc warm --timeout 120 https://a.example.com https://b.example.com/api\n"
		    "$ slsc warm --json 'http://127.0.0.1:8080/status?deep=1'\n",
	.opts = opts,
	.ctx_size = sizeof(struct warm_ctx),
	.flags = CMD_JSON,
	.run = run,
};
