/* SPDX-License-Identifier: Apache-2.0 */
/* A zip through S3: HeadObject and PutObject (Amazon S3 API reference). */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deploy/deploy.h"
#include "deploy/sigv4.h"

/* https://BUCKET.s3.REGION...; where an endpoint is named, or the bucket has dots, ENDPOINT/BUCKET. */
static char *object_url(const struct session *s, const char *bucket, const char *key)
{
	CLEAN_FREE char *base = session_url(s, "s3");
	CLEAN_BUF struct buf b = BUF_INIT;

	if (profiles_endpoint(&s->profiles, NULL, "s3") || strchr(bucket, '.'))
		buf_addf(&b, "%s/%s/", base, bucket);
	else
		buf_addf(&b, "https://%s.%s/", bucket, base + strlen("https://"));
	sigv4_escape(key, true, &b);
	return buf_detach(&b);
}

static int refused(struct session *s, struct aws_call *c, const struct http_resp *resp, struct err *err)
{
	session_refused(s, c, resp, err);
	if (resp->status == 301 || aws_error_is(resp, "AuthorizationHeaderMalformed|PermanentRedirect"))
		return err_hint(err, "the bucket is in another region: Lambda takes code from its own only");
	return -1;
}

static int head(struct session *s, const char *shown, const char *object, const char *url, bool *there, struct err *err)
{
	CLEAN_FREE char *what = xasprintf("%s: HeadObject %s", shown, object);
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	struct aws_call c = { .what = what, .service = "s3", .method = "HEAD", .url = url, .s3 = true };

	if (session_send(s, &c, &resp, err) < 0)
		return -1;
	*there = resp.status == 200;
	/* who may not list a bucket is told 403 of what is not there; PutObject says whether that is all */
	if (*there || resp.status == 404 || resp.status == 403)
		return 0;
	return refused(s, &c, &resp, err);
}

int s3_upload(struct session *s, const struct want *w, const char *shown, char **bucket, char **key, struct err *err)
{
	const size_t n = strcspn(w->s3, "/");
	const struct aws_file file = { .path = w->zip, .size = w->zip_size };
	char type[] = "Content-Type: application/zip";
	char *const headers[] = { type, NULL };
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = NULL, *what = NULL, *object = NULL;
	struct aws_call c = { .service = "s3",
			      .method = "PUT",
			      .file = &file,
			      .body_sha256 = w->zip_hex,
			      .s3 = true,
			      .headers = headers };
	bool there = false;

	*bucket = xstrndup(w->s3, n);
	*key = xasprintf("%s%s%s-%s.zip", w->s3[n] ? w->s3 + n + 1 : "", w->s3[n] ? "/" : "", w->name, w->zip_hex);
	url = object_url(s, *bucket, *key);
	object = xasprintf("s3://%s/%s", *bucket, *key);
	what = xasprintf("%s: PutObject %s", shown, object);
	c.what = what;
	c.url = url;
	if (head(s, shown, object, url, &there, err) < 0)
		return -1;
	if (there)
		return 0;
	if (session_send(s, &c, &resp, err) < 0)
		return -1;
	if (resp.status == 200)
		return 0;
	return refused(s, &c, &resp, err);
}
