/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "os/late.h"

struct http {
	const struct http_ops *ops;
	pthread_mutex_t lock;
	VEC(struct http_conn *) idle;
};

void http_resp_release(struct http_resp *r)
{
	strs_release(&r->challenges);
	strs_release(&r->headers);
	buf_release(&r->body);
	*r = (struct http_resp)HTTP_RESP_INIT;
}

const char *http_resp_header(const struct http_resp *r, const char *name)
{
	size_t n = strlen(name);

	VEC_EACH(&r->headers, h)
		if (strncasecmp(*h, name, n) == 0 && (*h)[n] == ':')
			return *h + n + 1 + strspn(*h + n + 1, " \t");
	return "";
}

ssize_t buf_reader_read(void *ctx, void *p, size_t n, struct err *err)
{
	struct buf_reader *r = ctx;
	size_t left = r->all.len - r->done, take = left < n ? left : n;

	(void)err;
	memcpy(p, r->all.ptr + r->done, take);
	r->done += take;
	return (ssize_t)take;
}

int buf_reader_rewind(void *ctx)
{
	struct buf_reader *r = ctx;

	r->done = 0;
	return 0;
}

void http_url_release(struct http_url *u)
{
	free(u->full);
	free(u->scheme);
	free(u->host);
	*u = (struct http_url)HTTP_URL_INIT;
}

bool http_url_same(const struct http_url *a, const struct http_url *b)
{
	return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

struct http *http_new(struct err *err)
{
	const struct http_ops *ops = late_load("curl", err);
	struct http *h;

	if (!ops)
		return NULL;
	h = xcalloc(1, sizeof(*h));
	h->ops = ops;
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->idle.len; i++)
		h->ops->conn_free(h->idle.ptr[i]);
	VEC_FREE(&h->idle);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

const struct http_ops *http_ops(const struct http *h)
{
	return h->ops;
}

int http_perform(struct http *h, const struct http_req *req, struct http_resp *resp, struct err *err)
{
	struct http_conn *c = NULL;
	int ret;

	pthread_mutex_lock(&h->lock);
	if (h->idle.len)
		c = h->idle.ptr[--h->idle.len];
	pthread_mutex_unlock(&h->lock);
	if (!c)
		c = h->ops->conn_new();
	ret = h->ops->perform(c, req, resp, err);
	pthread_mutex_lock(&h->lock);
	VEC_PUSH(&h->idle, c);
	pthread_mutex_unlock(&h->lock);
	return ret;
}
