/* SPDX-License-Identifier: Apache-2.0 */
/* The local platform's user of libcurl. Loaded late: see os/late.h. Calls back into src/base only. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/mem.h"
#include "base/str.h"
#include "local/upstream.h"

extern const struct upstream_ops slsc_module_relay;

#define BLOCK (64L << 10)	/* what libcurl reads and sends at a time */
#define KEPT 1024L		/* connections that are kept open when they have nothing to do */
#define SPARE 64u		/* handles likewise */

struct multi {
	CURLM *multi;
	const struct upstream_events *events;
	struct job *spare;
	unsigned nspare;
};

/* One exchange under way; used again for later ones, with libcurl's handle. */
struct job {
	CURL *easy;
	struct curl_slist *headers;
	struct exchange *x;
	struct buf head;	/* "name\0value\0"... */
	size_t nheaders;
	unsigned sent;
	bool told;		/* head() was called */
	bool full, paused;
	const char *bad;	/* what is wrong with the answer, if libcurl does not know */
	char why[CURL_ERROR_SIZE];
	struct job *next;
};

/* ---- the answer ---- */

static bool tell_head(struct job *j)
{
	struct web_header *h = xcalloc(j->nheaders + 1, sizeof(*h));
	const char *p = j->head.ptr;
	long status = 0;

	curl_easy_getinfo(j->easy, CURLINFO_RESPONSE_CODE, &status);
	for (size_t i = 0; i < j->nheaders; i++) {
		h[i].name = p;
		p += strlen(p) + 1;
		h[i].value = p;
		p += strlen(p) + 1;
	}
	/* 1xx: another head follows, but for 101, which nobody has asked for */
	if (status >= 200 && status <= 999) {
		j->told = j->x->head(j->x, (unsigned)status, h, j->nheaders);
		if (!j->told)
			j->bad = "its headers are too long to be passed on";
	} else if (status == 101) {
		j->bad = "it switches protocols";
	}
	free(h);
	return !j->bad;
}

static size_t on_header(char *p, size_t size, size_t n, void *ctx)
{
	struct job *j = ctx;
	struct str line = { p, size * n }, name, value;

	/* what comes after a chunked body */
	if (j->told)
		return line.len;
	name = str_trim(line);
	if (!name.len)
		return tell_head(j) ? line.len : 0;
	if (str_starts(line, "HTTP/")) {
		buf_reset(&j->head);
		j->nheaders = 0;
		return line.len;
	}
	if (j->head.len + line.len > EXCHANGE_HEAD_MAX)
		j->bad = "its headers are too long";
	else if (memchr(p, '\0', line.len))
		j->bad = "a NUL in its headers";
	else if (p[0] == ' ' || p[0] == '\t')
		j->bad = "a folded header (RFC 9112, 5.2)";
	if (j->bad)
		return 0;
	value = str_trim(str_cut(&name, ':'));
	buf_adds(&j->head, name);
	buf_addc(&j->head, '\0');
	buf_adds(&j->head, value);
	buf_addc(&j->head, '\0');
	j->nheaders++;
	return line.len;
}

static size_t on_body(char *p, size_t size, size_t n, void *ctx)
{
	struct job *j = ctx;

	if (j->full) {
		j->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	j->full = j->x->data(j->x, p, size * n);
	return size * n;
}

/* Before each time that it is sent. */
static int on_send(void *ctx, char *peer, char *own, int peer_port, int own_port)
{
	struct job *j = ctx;
	const char *m = j->x->method;

	(void)peer;
	(void)own;
	(void)peer_port;
	(void)own_port;
	j->sent++;
	if (j->sent == 1)
		return CURL_PREREQFUNC_OK;
	return j->sent == 2 && (!strcmp(m, "GET") || !strcmp(m, "HEAD") || !strcmp(m, "OPTIONS"))
	       ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

static void set_up(struct job *j)
{
	static const char *const not_ours[] = { "Expect:", "Accept:", "Content-Type:" };
	struct exchange *x = j->x;
	CURL *e = j->easy;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", x->port);
	curl_easy_reset(e);
	curl_easy_setopt(e, CURLOPT_PRIVATE, j);
	curl_easy_setopt(e, CURLOPT_URL, url);
	curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, x->target);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_BUFFERSIZE, BLOCK);
	curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, BLOCK);
	curl_easy_setopt(e, CURLOPT_ERRORBUFFER, j->why);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, j);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, j);
	curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
	curl_easy_setopt(e, CURLOPT_PREREQDATA, j);
	if (x->has_body) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)x->length);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, x->body);
	}
	if (strcmp(x->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, x->method);
	/* without these libcurl would add its own; where the request has one, that is sent */
	for (size_t i = 0; i < ARRAY_LEN(not_ours); i++)
		j->headers = curl_slist_append(j->headers, not_ours[i]);
	for (size_t i = 0; x->headers[i]; i++)
		j->headers = curl_slist_append(j->headers, x->headers[i]);
	curl_easy_setopt(e, CURLOPT_HTTPHEADER, j->headers);
}

/* ---- */

static void recycle(struct multi *m, struct job *j)
{
	curl_multi_remove_handle(m->multi, j->easy);
	curl_slist_free_all(j->headers);
	j->headers = NULL;
	j->x->job = NULL;
	j->x = NULL;
	if (m->nspare < SPARE) {
		j->next = m->spare;
		m->spare = j;
		m->nspare++;
		return;
	}
	curl_easy_cleanup(j->easy);
	buf_release(&j->head);
	free(j);
}

static void send_(void *multi, struct exchange *x)
{
	struct multi *m = multi;
	struct job *j = m->spare;

	if (j) {
		m->spare = j->next;
		m->nspare--;
	} else {
		j = xcalloc(1, sizeof(*j));
		buf_init(&j->head);
		j->easy = curl_easy_init();
		if (!j->easy)
			BUG("libcurl has no memory");
	}
	buf_reset(&j->head);
	j->nheaders = 0;
	j->sent = 0;
	j->told = j->full = j->paused = false;
	j->why[0] = '\0';
	j->bad = NULL;
	j->x = x;
	x->job = j;
	set_up(j);
	if (curl_multi_add_handle(m->multi, j->easy) != CURLM_OK)
		BUG("libcurl does not take a request");
}

static void cancel(void *multi, struct exchange *x)
{
	if (x->job)
		recycle(multi, x->job);
}

static void more(struct exchange *x)
{
	struct job *j = x->job;

	if (!j || !j->full)
		return;
	j->full = false;
	if (j->paused) {
		j->paused = false;
		curl_easy_pause(j->easy, CURLPAUSE_CONT);
	}
}

static enum exchange_end end_of(const struct job *j, CURLcode code)
{
	if (j->told)
		return code == CURLE_OK ? EXCHANGE_WHOLE : EXCHANGE_CUT;
	if (!j->sent)
		return EXCHANGE_REFUSED;
	switch (code) {
	case CURLE_GOT_NOTHING:
	case CURLE_SEND_ERROR:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_FAIL_REWIND:
	case CURLE_ABORTED_BY_CALLBACK:
	case CURLE_COULDNT_CONNECT:
		return EXCHANGE_CLOSED;
	default:
		return EXCHANGE_GARBAGE;
	}
}

static void ready(void *multi, int fd, uint32_t events)
{
	struct multi *m = multi;
	int flags = 0, running, left;
	CURLMsg *msg;

	if (events & EPOLLIN)
		flags |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		flags |= CURL_CSELECT_OUT;
	if (events && !flags)
		flags = CURL_CSELECT_ERR;
	curl_multi_socket_action(m->multi, fd < 0 ? CURL_SOCKET_TIMEOUT : fd, flags, &running);
	while ((msg = curl_multi_info_read(m->multi, &left)) != NULL) {
		CURLcode code = msg->data.result;
		enum exchange_end end;
		struct exchange *x;
		struct job *j;
		char *p, why[CURL_ERROR_SIZE];

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &p);
		j = (struct job *)(void *)p;
		x = j->x;
		snprintf(why, sizeof(why), "%s", j->bad ? j->bad : j->why[0] ? j->why : curl_easy_strerror(code));
		end = end_of(j, code);
		recycle(m, j);
		x->done(x, end, why);
	}
}

/* ---- */

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *socket)
{
	static const uint32_t events[] = { [CURL_POLL_IN] = EPOLLIN, [CURL_POLL_OUT] = EPOLLOUT,
					   [CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT };
	struct multi *m = ctx;
	void *slot = socket;

	(void)easy;
	m->events->watch(m->events->upstream, fd, what == CURL_POLL_REMOVE ? 0 : events[what], &slot);
	if (slot != socket)
		curl_multi_assign(m->multi, fd, slot);
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct multi *m = ctx;

	(void)multi;
	m->events->timer(m->events->upstream, ms);
	return 0;
}

static void *start(const struct upstream_events *events)
{
	struct multi *m = xcalloc(1, sizeof(*m));

	/* libcurl counts these, and is never cleaned up: other threads may be inside */
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		BUG("libcurl does not start");
	m->events = events;
	m->multi = curl_multi_init();
	if (!m->multi)
		BUG("libcurl has no memory");
	curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, on_watch);
	curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
	curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
	curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, KEPT);
	return m;
}

static void stop(void *multi)
{
	struct multi *m = multi;

	for (struct job *j = m->spare, *next; j; j = next) {
		next = j->next;
		curl_easy_cleanup(j->easy);
		buf_release(&j->head);
		free(j);
	}
	curl_multi_cleanup(m->multi);
	free(m);
}

const struct upstream_ops slsc_module_relay = {
	.start = start, .stop = stop, .ready = ready, .send = send_, .cancel = cancel, .more = more,
};
