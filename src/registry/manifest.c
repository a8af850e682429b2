/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "oci/attach.h"
#include "oci/image.h"
#include "registry/client_internal.h"

#define ACCEPT                                                                                                         \
	"Accept: " MEDIA_INDEX ", " MEDIA_MANIFEST ", " MEDIA_DOCKER_INDEX ", " MEDIA_DOCKER_MANIFEST ", */*;q=0.1"
#define REFERRERS_PAGES 16

static bool is_digest(const char *ref)
{
	return strchr(ref, ':') != NULL;
}

static int bad_header(const struct client *c, const struct call *call, const struct http_resp *resp, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s: Docker-Content-Digest is '%.80s', which is no digest", c->shown,
		       call->what, resp->docker_digest);
}

int client_manifest_head(struct client *c, const char *ref, bool *found, struct digest *digest, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = xasprintf("manifests/%s", ref), *what = xasprintf("HEAD of manifest %s", ref);
	CLEAN_BUF struct buf bytes = BUF_INIT;
	CLEAN_FREE char *media = NULL;
	struct call call = { .method = "HEAD", .url = url, .what = what, .header = { ACCEPT } };
	struct err ignored;
	int ret = client_call(c, &call, &resp, err);

	free(call.final_url);
	if (ret < 0)
		return -1;
	*found = resp.status == 200;
	if (resp.status == 404)
		return 0;
	if (!*found)
		return client_refused(c, &call, &resp, err);
	if (!resp.docker_digest[0])
		return client_manifest_get(c, ref, &bytes, &media, digest, err);
	if (digest_parse(resp.docker_digest, digest, &ignored) < 0)
		return bad_header(c, &call, &resp, err);
	return 0;
}

static char *media_type_of(const char *content_type)
{
	struct str s = str_from(content_type);

	(void)str_cut(&s, ';');
	s = str_trim(s);
	return xstrndup(s.len ? s.ptr : "", s.len);
}

static int check_bytes(const struct client *c, const struct call *call, const char *ref, const struct http_resp *resp,
		       struct digest *digest, struct err *err)
{
	const char *want = is_digest(ref) ? ref : resp->docker_digest;

	if (digest_of(resp->body.ptr, resp->body.len, digest, err) < 0)
		return -1;
	if (!*want || strcmp(digest->s, want) == 0)
		return 0;
	/* sha512 is allowed, but then the registry's word is all there is: for a tag we go by what we have */
	if (!is_digest(ref) && !starts_with(want, "sha256:"))
		return 0;
	return err_set(err, ERR_FORMAT, "%s: %s: the registry sent other bytes: they have the digest %s, not %.80s",
		       c->shown, call->what, digest->s, want);
}

int client_manifest_get(struct client *c, const char *ref, struct buf *out, char **media_type, struct digest *digest,
			struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = xasprintf("manifests/%s", ref), *what = xasprintf("GET of manifest %s", ref);
	struct call call = { .method = "GET", .url = url, .what = what, .header = { ACCEPT }, .limit = DOCUMENT_MAX };
	CLEAN_FREE char *type = NULL;
	int ret = client_call(c, &call, &resp, err);

	free(call.final_url);
	if (ret < 0)
		return -1;
	if (resp.status == 404) {
		err_set(err, ERR_NOTFOUND, "%s%c%s: there is no such image", c->shown, is_digest(ref) ? '@' : ':', ref);
		if (!is_digest(ref) && !attach_is_tag(ref))
			client_hint_tags(c, ref, err);
		return -1;
	}
	if (resp.status != 200)
		return client_refused(c, &call, &resp, err);
	type = media_type_of(resp.content_type);
	if (starts_with(type, "text/")) {
		err_set(err, ERR_FORMAT, "%s: %s: the answer is %s, not a manifest", c->shown, call.what, type);
		return err_hint(err, "is %s a registry?", c->host);
	}
	if (check_bytes(c, &call, ref, &resp, digest, err) < 0)
		return -1;
	buf_add(out, resp.body.ptr, resp.body.len);
	*media_type = steal(&type);
	return 0;
}

int client_manifest_put(struct client *c, const char *ref, const char *media_type, const void *p, size_t n,
			const struct digest *digest, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = xasprintf("manifests/%s", ref), *what = xasprintf("PUT of manifest %s", ref);
	CLEAN_FREE char *type = xasprintf("Content-Type: %s", media_type);
	struct buf_reader reader = { .all = { p, n } };
	struct call call = {
		.method = "PUT", .url = url, .what = what, .header = { type }, .has_body = true, .length = n,
		.read = buf_reader_read, .rewind = buf_reader_rewind, .read_ctx = &reader,
	};
	int ret = client_call(c, &call, &resp, err);

	free(call.final_url);
	if (ret < 0)
		return -1;
	if (resp.status != 201 && resp.status != 200 && resp.status != 202)
		return client_refused(c, &call, &resp, err);
	if (starts_with(resp.docker_digest, "sha256:") && strcmp(resp.docker_digest, digest->s) != 0)
		return err_set(err, ERR_FORMAT, "%s: %s: the registry stored other bytes: it says %.80s, not %s",
			       c->shown, call.what, resp.docker_digest, digest->s);
	return 0;
}

/* referrers */

static json_t *parse_index(const struct client *c, const char *what, const struct buf *b, struct err *err)
{
	json_t *j = json_loadb(b->ptr, b->len, JSON_REJECT_DUPLICATES, NULL);

	if (json_is_array(json_object_get(j, "manifests")))
		return j;
	json_decref(j);
	err_set(err, ERR_FORMAT, "%s: %s: the answer is not an index", c->shown, what);
	return NULL;
}

/* The URL of RFC 8288's rel="next", or NULL; heap. */
static char *next_page(const char *link)
{
	const char *open = strchr(link, '<'), *close = open ? strchr(open, '>') : NULL;

	if (!close || (!strstr(close, "rel=\"next\"") && !strstr(close, "rel=next")))
		return NULL;
	return xstrndup(open + 1, (size_t)(close - open - 1));
}

static void write_index(json_t *j, struct buf *out)
{
	CLEAN_FREE char *text = json_dumps(j, JSON_COMPACT | JSON_SORT_KEYS);

	buf_addz(out, text ? text : "");
}

static int by_tag(struct client *c, const struct digest *subject, struct buf *out, struct err *err)
{
	CLEAN_FREE char *tag = xasprintf("sha256-%s", digest_hex(subject)), *media = NULL;
	struct digest digest;

	if (client_manifest_get(c, tag, out, &media, &digest, err) == 0)
		return 0;
	if (err->code != ERR_NOTFOUND)
		return -1;
	*err = (struct err)ERR_INIT;
	buf_addz(out, "{\"manifests\":[],\"mediaType\":\"" MEDIA_INDEX "\",\"schemaVersion\":2}");
	return 0;
}

int client_referrers(struct client *c, const struct digest *subject, struct buf *out, struct err *err)
{
	CLEAN_FREE char *url = xasprintf("referrers/%s", subject->s),
			*what = xasprintf("GET of referrers of %s", subject->s);
	json_t *all = NULL;
	size_t bytes = 0;
	int ret = -1;

	for (int page = 0; page < REFERRERS_PAGES && url; page++) {
		CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
		struct call call = { .method = "GET", .url = url, .what = what, .header = { ACCEPT },
				     .limit = DOCUMENT_MAX };
		CLEAN_HTTP_URL struct http_url next = HTTP_URL_INIT;
		CLEAN_FREE char *rel = NULL, *base = NULL;
		json_t *j;
		int r = client_call(c, &call, &resp, err);

		base = call.final_url;
		if (r < 0)
			goto end;
		/* Some answer other paths than they know with a page, or refuse what they do not know. */
		if (page == 0 && (resp.status != 200 || !starts_with(resp.content_type, MEDIA_INDEX))) {
			if (resp.status == 401 || resp.status == 403) {
				client_refused(c, &call, &resp, err);
				goto end;
			}
			ret = by_tag(c, subject, out, err);
			goto end;
		}
		if (resp.status != 200) {
			client_refused(c, &call, &resp, err);
			goto end;
		}
		bytes += resp.body.len;
		if (bytes > DOCUMENT_MAX) {
			err_set(err, ERR_LIMIT, "limit exceeded: %s: %s: more than %u bytes", c->shown, what,
				DOCUMENT_MAX);
			goto end;
		}
		j = parse_index(c, what, &resp.body, err);
		if (!j)
			goto end;
		if (!all) {
			all = j;
		} else {
			json_array_extend(json_object_get(all, "manifests"), json_object_get(j, "manifests"));
			json_decref(j);
		}
		free(steal(&url));
		rel = next_page(resp.link);
		if (rel && http_ops(c->http)->url(base, rel, &next, err) == 0)
			url = steal(&next.full);
	}
	if (url) {
		err_set(err, ERR_LIMIT, "limit exceeded: %s: %s: more than %d pages", c->shown, what, REFERRERS_PAGES);
		goto end;
	}
	write_index(all, out);
	ret = 0;
end:
	json_decref(all);
	return ret;
}
