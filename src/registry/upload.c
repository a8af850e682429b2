/* SPDX-License-Identifier: Apache-2.0 */
/* distribution-spec, "Pushing Blobs": a mount, one PUT, or pieces by PATCH that go on after a lost connection. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "registry/client_internal.h"

#define OCTETS "Content-Type: application/octet-stream"

struct upload {
	struct client *c;
	const struct blob_in *in;
	char *location;		/* where the registry wants the next request */
	char *what;		/* for messages */
	unsigned tries;
	/* of the request under way */
	uint64_t from, end, pos;
	uint64_t told;		/* bytes that in->sent was told of */
	/* The bytes are hashed once, however often they are sent. */
	struct digest_ctx *md;
	uint64_t hashed;
	bool checked;
};

static ssize_t read_in(const struct blob_in *in, uint64_t at, void *p, size_t n, struct err *err)
{
	ssize_t got;

	if (in->mem) {
		memcpy(p, (const char *)in->mem + at, n);
		return (ssize_t)n;
	}
	do
		got = pread(in->fd, p, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, "%s", in->shown);
	if (got == 0)
		return err_set(err, ERR_FORMAT, "%s: it has fewer bytes than the %" PRIu64 " that its manifest says",
			       in->shown, in->size);
	return got;
}

/* Before the last byte is given away: without it the registry has nothing that it could keep. */
static int check(struct upload *u, struct err *err)
{
	struct digest got;

	if (u->checked || u->hashed != u->in->size)
		return 0;
	digest_final(steal(&u->md), &got);
	u->checked = true;
	if (strcmp(got.s, u->in->digest.s) == 0)
		return 0;
	err_set(err, ERR_FORMAT, "%s: it is damaged: its bytes have the digest %s, not %s", u->in->shown, got.s,
		u->in->digest.s);
	return err_hint(err, "make it again");
}

static ssize_t read_body(void *ctx, void *p, size_t n, struct err *err)
{
	struct upload *u = ctx;
	uint64_t left = u->end - u->pos;
	ssize_t got;

	if (left == 0)
		return 0;
	got = read_in(u->in, u->pos, p, left < n ? (size_t)left : n, err);
	if (got < 0)
		return -1;
	if (!u->checked && u->pos <= u->hashed && u->pos + (uint64_t)got > u->hashed) {
		uint64_t known = u->hashed - u->pos;

		digest_update(u->md, (char *)p + known, (size_t)((uint64_t)got - known));
		u->hashed = u->pos + (uint64_t)got;
		if (check(u, err) < 0)
			return -1;
	}
	u->pos += (uint64_t)got;
	if (u->in->sent && u->pos > u->told) {
		u->in->sent(u->pos - u->told, u->in->ctx);
		u->told = u->pos;
	}
	return got;
}

static int rewind_body(void *ctx)
{
	struct upload *u = ctx;

	u->pos = u->from;
	return 0;
}

/* One step; its failure is the upload's to deal with. */
static int step(struct upload *u, struct call *call, struct http_resp *resp, struct err *err)
{
	int ret;

	call->what = u->what;
	call->once = true;
	if (call->has_body && !call->read) {
		u->pos = u->from;
		call->read = read_body;
		call->rewind = rewind_body;
		call->read_ctx = u;
	}
	http_resp_release(resp);
	ret = client_call(u->c, call, resp, err);
	if (ret == 0 && resp->location[0]) {
		CLEAN_HTTP_URL struct http_url next = HTTP_URL_INIT;

		ret = http_ops(u->c->http)->url(call->final_url, resp->location, &next, err);
		if (ret < 0)
			err_wrap(err, "%s: %s: the registry's Location", u->c->shown, u->what);
		free(u->location);
		u->location = steal(&next.full);
	}
	free(steal(&call->final_url));
	return ret;
}

/* Whether the step may be tried again: then the pause before that is over. */
static bool again(struct upload *u, int ret, const struct http_resp *resp, struct err *err)
{
	struct call call = { .tries = u->tries, .what = u->what };
	bool worth = ret < 0 ? resp->transient && err->code != ERR_INTR : client_is_transient(resp->status);

	if (ret == 0)
		client_refused(u->c, &call, resp, err);
	if (!worth || client_pause(u->c, &call, resp, err) < 0)
		return false;
	u->tries = call.tries;
	return true;
}

static char *with_digest(const struct upload *u)
{
	return xasprintf("%s%cdigest=%s", u->location, strchr(u->location, '?') ? '&' : '?', u->in->digest.s);
}

enum outcome { FAILED = -1, DONE, NOT_YET };

/* POST: DONE if the registry has mounted it. */
static enum outcome start(struct upload *u, bool mount, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	const struct http_ops *ops = http_ops(u->c->http);
	CLEAN_FREE char *from = mount ? ops->escape(u->c->mount_from) : NULL;
	CLEAN_FREE char *url = mount ? xasprintf("blobs/uploads/?mount=%s&from=%s", u->in->digest.s, from)
				     : xstrdup("blobs/uploads/");
	int ret;

	do {
		struct call call = { .method = "POST", .url = url, .has_body = true };

		u->from = u->end = 0;
		free(steal(&u->location));
		ret = step(u, &call, &resp, err);
		if (ret == 0 && resp.status == 201 && mount)
			return DONE;
		if (ret == 0 && resp.status == 202) {
			if (u->location)
				return NOT_YET;
			err_set(err, ERR_FORMAT, "%s: %s: the registry names no place to send it to", u->c->shown,
				u->what);
			return FAILED;
		}
	} while (again(u, ret, &resp, err));
	return FAILED;
}

/* The last request, with the whole body or with none. NOT_YET: begin anew. */
static enum outcome finish(struct upload *u, uint64_t from, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = with_digest(u);
	struct call call = { .method = "PUT", .url = url, .header = { OCTETS }, .has_body = true,
			     .length = u->in->size - from };
	int ret;

	u->from = from;
	u->end = u->in->size;
	ret = step(u, &call, &resp, err);
	if (ret == 0 && (resp.status == 201 || resp.status == 204 || resp.status == 200))
		return DONE;
	/* An upload that is unknown by now was thrown away, or finished by a try whose answer was lost. */
	if (ret == 0 && resp.status == 404 && u->tries) {
		client_refused(u->c, &call, &resp, err);
		return ++u->tries < CLIENT_TRIES ? NOT_YET : FAILED;
	}
	return again(u, ret, &resp, err) ? NOT_YET : FAILED;
}

static enum outcome whole(struct upload *u, struct err *err)
{
	enum outcome o = start(u, false, err);

	return o == NOT_YET ? finish(u, 0, err) : o;
}

/* How much the registry has: GET of the upload. -1: it does not know it any more. */
static int64_t ask_status(struct upload *u, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	int ret;

	do {
		struct call call = { .method = "GET", .url = u->location };

		ret = step(u, &call, &resp, err);
		if (ret == 0 && (resp.status == 204 || resp.status == 200 || resp.status == 202)) {
			int64_t end = range_end(resp.range);

			/* "0-0" is how distribution writes that there is nothing yet */
			return end > 1 && (uint64_t)end <= u->in->size ? end : 0;
		}
		if (ret == 0 && resp.status == 404)
			return -1;
	} while (again(u, ret, &resp, err));
	return -2;
}

/* The piece from *@done on; *@done moves to where the registry is then. NOT_YET: begin anew; DONE: go on. */
static enum outcome piece(struct upload *u, uint64_t *done, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	uint64_t left = u->in->size - *done;
	char range[96];
	struct call call = { .method = "PATCH", .url = u->location, .header = { OCTETS, range }, .has_body = true };
	CLEAN_FREE char *url = xstrdup(u->location);
	int64_t end;
	int ret;

	u->from = *done;
	call.url = url;
	call.length = left < CLIENT_CHUNK ? left : CLIENT_CHUNK;
	u->end = u->from + call.length;
	snprintf(range, sizeof(range), "Content-Range: %" PRIu64 "-%" PRIu64, u->from, u->end - 1);
	ret = step(u, &call, &resp, err);
	if (ret == 0 && resp.status >= 200 && resp.status < 300) {
		end = resp.range[0] ? range_end(resp.range) : (int64_t)u->end;
		if (end <= (int64_t)u->from || end > (int64_t)u->end) {
			err_set(err, ERR_FORMAT, "%s: %s: after the bytes %" PRIu64 " to %" PRIu64
				" the registry says '%.60s'", u->c->shown, u->what, u->from, u->end - 1, resp.range);
			return FAILED;
		}
		*done = (uint64_t)end;
		return DONE;
	}
	/* 416: it has more, or less, than we think */
	if (ret == 0 && resp.status == 416)
		client_refused(u->c, &call, &resp, err);
	if (ret == 0 && resp.status == 416 ? ++u->tries >= CLIENT_TRIES : !again(u, ret, &resp, err))
		return FAILED;
	end = ask_status(u, err);
	if (end == -2)
		return FAILED;
	if (end < 0)
		return NOT_YET;
	*done = (uint64_t)end;
	return DONE;
}

static enum outcome pieces(struct upload *u, struct err *err)
{
	enum outcome o = start(u, false, err);
	uint64_t done = 0;

	if (o != NOT_YET)
		return o;
	while (done < u->in->size) {
		uint64_t before = done;

		o = piece(u, &done, err);
		if (o != DONE)
			return o;
		if (done > before)
			u->tries = 0;
	}
	return finish(u, u->in->size, err);
}

static int send_blob(struct upload *u, struct err *err)
{
	enum outcome o;

	for (;;) {
		bool found;

		o = u->in->size > CLIENT_CHUNK ? pieces(u, err) : whole(u, err);
		if (o != NOT_YET)
			return o == DONE ? 0 : -1;
		/* the answer may be all that was lost */
		if (client_blob_head(u->c, &u->in->digest, &found, err) < 0)
			return -1;
		if (found)
			return 0;
	}
}

int client_blob_find(struct client *c, const struct digest *digest, enum blob_put *how, struct err *err)
{
	bool found;

	*how = BLOB_SENT;
	if (c->mount_from) {
		struct blob_in in = { .digest = *digest };
		struct upload u = { .c = c, .in = &in };
		enum outcome o;

		u.what = xasprintf("mount of blob %s", digest->s);
		o = start(&u, true, err);
		free(u.location);
		free(u.what);
		if (o != NOT_YET) {
			*how = BLOB_MOUNTED;
			return o == DONE ? 0 : -1;
		}
	}
	if (client_blob_head(c, digest, &found, err) < 0)
		return -1;
	if (found)
		*how = BLOB_THERE;
	return 0;
}

int client_blob_send(struct client *c, const struct blob_in *in, struct err *err)
{
	struct upload u = { .c = c, .in = in, .md = digest_new(err) };
	int ret;

	if (!u.md)
		return -1;
	u.what = xasprintf("upload of blob %s", in->digest.s);
	/* an empty blob has no body that could be checked on its way */
	ret = check(&u, err);
	if (ret == 0)
		ret = send_blob(&u, err);
	digest_free(u.md);
	free(u.location);
	free(u.what);
	return ret;
}

int client_blob_put_bytes(struct client *c, const void *p, size_t n, struct digest *digest, struct err *err)
{
	struct blob_in in = { .size = n, .mem = p, .fd = -1, .shown = "these bytes" };
	enum blob_put how;

	if (digest_of(p, n, &in.digest, err) < 0)
		return -1;
	*digest = in.digest;
	if (client_blob_find(c, digest, &how, err) < 0)
		return -1;
	return how == BLOB_SENT ? client_blob_send(c, &in, err) : 0;
}
