/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "local/loop.h"
#include "local/probe.h"
#include "os/fs.h"
#include "os/proc.h"
#include "registry/http.h"

#define STALLED_S 10u		/* a cold start may take its time */
#define LOOK (200 * LOOP_MS)	/* how soon a signal is noticed */
#define CA_MAX (8u << 20)

static bool is_loopback(const char *host)
{
	return strcmp(host, "localhost") == 0 || starts_with(host, "127.") || strcmp(host, "[::1]") == 0;
}

/* Whether what could be a password is in it, which then is not repeated. */
static bool names_user(const char *url)
{
	const char *at = strstr(url, "://");

	at = at ? at + 3 : url;
	return memchr(at, '@', strcspn(at, "/?#")) != NULL;
}

int probes_urls(char *const *urls, size_t n, struct strs *out, struct err *err)
{
	struct http *h;
	int ret = 0;

	if (n > PROBES_MAX)
		return err_set(err, ERR_USAGE, "limit exceeded: %zu URLs, the most is %u", n, PROBES_MAX);
	h = http_new(err);
	if (!h)
		return -1;
	for (size_t i = 0; i < n && ret == 0; i++) {
		CLEAN_HTTP_URL struct http_url u = HTTP_URL_INIT;

		if (names_user(urls[i])) {
			ret = err_set(err, ERR_USAGE, "URL %zu names a user, which none may", i + 1);
		} else if (!strstr(urls[i], "://") || http_ops(h)->url(NULL, urls[i], &u, err) < 0) {
			ret = err_set(err, ERR_USAGE, "'%.200s' is not an http or https URL", urls[i]);
			err_hint(err, "such as http://127.0.0.1:8080");
		} else if (strchr(u.full, '?')) {
			strs_add(out, u.full);
		} else {
			size_t len = strlen(u.full);

			while (len && u.full[len - 1] == '/')
				len--;
			strs_addf(out, "%.*s" PROBE_PATH, (int)len, u.full);
		}
	}
	http_free(h);
	return ret;
}

/* What the threads share; all but http, tls and urls under the lock. */
struct run {
	struct probes *p;
	const struct probes_opts *o;
	const struct strs *urls;
	struct http *http;
	struct http_tls tls;
	pthread_mutex_t lock;
	pthread_cond_t ended;	/* a probe has */
	struct err *err;	/* ERR_INTR, if failed */
	bool failed;
};

static void changed(struct run *r, size_t i)
{
	if (r->o->changed)
		r->o->changed(i, r->p, r->o->ctx);
}

/* The status; 0: there was no answer, and @err says why not. */
static int ask(struct run *r, const char *url, struct err *err)
{
	static char preheat[] = PROBE_HEADER, close[] = "Connection: close";
	char *const headers[] = { preheat, close, NULL };
	CLEAN_HTTP_URL struct http_url u = HTTP_URL_INIT;
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct http_req req = { .method = "GET", .url = url, .headers = headers, .tls = &r->tls,
				.stalled_s = STALLED_S };

	if (http_ops(r->http)->url(NULL, url, &u, err) < 0)
		return 0;
	req.no_proxy = is_loopback(u.host);
	/* a body that is too long or does not come to its end is of no concern: the status is what was asked for */
	if (http_perform(r->http, &req, &resp, err) < 0 && err->code == ERR_INTR)
		return 0;
	return resp.status;
}

/* Until something is due, a probe has ended, or it is time to look for a signal. */
static void wait_for(struct run *r, uint64_t ns)
{
	struct timespec t;

	ns = ns < LOOK ? ns : LOOK;
	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += (uint64_t)t.tv_nsec;
	t.tv_sec += (time_t)(ns / LOOP_S);
	t.tv_nsec = (long)(ns % LOOP_S);
	pthread_cond_timedwait(&r->ended, &r->lock, &t);
}

static void probe_one(struct run *r, size_t i)
{
	const enum probe_state before = r->p->ptr[i].state;
	struct err why = ERR_INIT;
	int status;

	if (r->p->ptr[i].attempts == 1)
		changed(r, i);
	pthread_mutex_unlock(&r->lock);
	status = ask(r, r->urls->ptr[i], &why);
	pthread_mutex_lock(&r->lock);
	probes_done(r->p, i, loop_clock(), status, why.msg);
	if (why.code == ERR_INTR && !r->failed) {
		*r->err = why;
		r->failed = true;
	}
	if (!r->failed && r->p->ptr[i].state != before)
		changed(r, i);
	pthread_cond_broadcast(&r->ended);
}

static void *work(void *ctx)
{
	struct run *r = ctx;

	pthread_mutex_lock(&r->lock);
	while (!r->failed && !probes_over(r->p)) {
		uint64_t wait;
		size_t i;

		if (sig_check(r->err) < 0) {
			r->failed = true;
			break;
		}
		i = probes_next(r->p, loop_clock(), &wait);
		if (i == SIZE_MAX)
			wait_for(r, wait);
		else
			probe_one(r, i);
	}
	pthread_cond_broadcast(&r->ended);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static int run_threads(struct run *r)
{
	pthread_t thread[PROBES_AT_ONCE];
	size_t want = r->p->n < PROBES_AT_ONCE ? r->p->n : PROBES_AT_ONCE, n = 0;
	pthread_condattr_t monotonic;

	pthread_mutex_init(&r->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&r->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	/* the caller's is one of them; fewer than wanted are slower, and enough */
	while (n + 1 < want && pthread_create(&thread[n], NULL, work, r) == 0)
		n++;
	if (want)
		work(r);
	while (n)
		pthread_join(thread[--n], NULL);
	pthread_cond_destroy(&r->ended);
	pthread_mutex_destroy(&r->lock);
	return r->failed ? -1 : 0;
}

int probes_run(struct probes *p, const struct strs *urls, const struct probes_opts *o, struct err *err)
{
	CLEAN_BUF struct buf ca = BUF_INIT;
	struct run r = { .p = p, .o = o, .urls = urls, .err = err, .tls.insecure = o->insecure };
	int ret;

	probes_init(p, urls->len, (uint64_t)o->timeout_s * LOOP_S);
	if (o->ca_file && fs_read(o->ca_file, CA_MAX, &ca, err) < 0)
		return -1;
	r.tls.ca = o->ca_file ? ca.ptr : NULL;
	r.http = http_new(err);
	if (!r.http)
		return -1;
	ret = run_threads(&r);
	http_free(r.http);
	return ret;
}
