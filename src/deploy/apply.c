/* SPDX-License-Identifier: Apache-2.0 */
/* A function's code, configuration and tags. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "build/package.h"
#include "deploy/deploy_internal.h"
#include "deploy/sigv4.h"
#include "oci/digest.h"
#include "oci/js.h"
#include "os/fs.h"

/* The object @j with one more member, whose value is @raw. */
static void with_member(const json_t *j, const char *key, struct str raw, struct buf *out)
{
	js_dump(j, out);
	out->len--;
	buf_addf(out, "%s\"%s\":", json_object_size(j) ? "," : "", key);
	buf_adds(out, raw);
	buf_addc(out, '}');
}

/* The zip in base64, in quotes; the bytes are those whose digest is known. */
static int zip_text(const struct want *w, struct buf *out, struct err *err)
{
	struct fs_map m;
	struct digest d;

	if (fs_map_open(&m, w->zip, LAMBDA_ZIP_DIRECT, err) < 0)
		return -1;
	if (digest_of(m.ptr, m.len, &d, err) < 0) {
		fs_map_close(&m);
		return -1;
	}
	if (strcmp(digest_hex(&d), w->zip_hex) != 0) {
		fs_map_close(&m);
		err_set(err, ERR_VERIFY, "%s: it has changed since it was made", w->zip);
		return err_hint(err, "does another program write there? run slsc deploy again");
	}
	buf_reserve(out, m.len / 3 * 4 + 8);
	buf_addc(out, '"');
	buf_add_base64(out, m.ptr, m.len);
	buf_addc(out, '"');
	fs_map_close(&m);
	return 0;
}

/* Where the code comes from, as members of @j, or for a zip that goes along, in @zip. */
static int code_source(const struct plan *p, json_t *j, struct buf *zip, struct err *err)
{
	CLEAN_FREE char *bucket = NULL, *key = NULL;

	if (p->want->image) {
		js_set(j, "ImageUri", js_must(json_string(p->want->image)));
		return 0;
	}
	if (!p->want->s3)
		return zip_text(p->want, zip, err);
	if (s3_upload(p->lambda.session, p->want, p->lambda.shown, &bucket, &key, err) < 0)
		return -1;
	js_set(j, "S3Bucket", js_must(json_string(bucket)));
	js_set(j, "S3Key", js_must(json_string(key)));
	return 0;
}

static json_t *arches(const struct want *w)
{
	json_t *list = js_must(json_array());

	js_push(list, js_must(json_string(w->arch)));
	return list;
}

static int replace_config(struct plan *p, struct err *err)
{
	json_t *config;

	if (lambda_done(&p->lambda, NULL, &config, err) < 0)
		return -1;
	json_decref(p->config);
	p->config = config;
	return 0;
}

/* Somebody else has it changed; or an answer of ours was lost, and it is as it should be. */
static int changed_by_others(struct plan *p, const char *op, bool code, bool configuration, struct err *err)
{
	if (replace_config(p, err) < 0)
		return -1;
	if ((!code || !want_code_differs(p->want, p->config, NULL, NULL)) &&
	    (!configuration || !want_differs(p->want, p->config, NULL, NULL)))
		return 0;
	err_set(err, ERR_EXISTS, "%s: %s: somebody else has changed the function meanwhile", p->lambda.shown, op);
	return err_hint(err, "look who it is, and run slsc deploy again");
}

/* ---- create ---- */

int apply_create(struct plan *p, struct err *err)
{
	const struct want *w = p->want;
	CLEAN_JSON json_t *body = json_deep_copy(w->config), *code = js_must(json_object());
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_BUF struct buf zip = BUF_INIT, inner = BUF_INIT, text = BUF_INIT;
	struct lambda_call c = {
		.op = "CreateFunction", .method = "POST", .path = "/2015-03-31/functions", .takes = { 409 }
	};
	int ret;

	js_must(body);
	js_set(body, "FunctionName", js_must(json_string(w->name)));
	js_set(body, "PackageType", js_must(json_string(w->image ? "Image" : "Zip")));
	js_set(body, "Architectures", arches(w));
	if (!json_object_size(json_object_get(json_object_get(body, "Environment"), "Variables")))
		json_object_del(body, "Environment");
	if (w->tags)
		json_object_set(body, "Tags", w->tags);
	if (code_source(p, code, &zip, err) < 0)
		return -1;
	if (zip.len)
		with_member(code, "ZipFile", buf_str(&zip), &inner);
	else
		js_dump(code, &inner);
	buf_release(&zip);
	with_member(body, "Code", buf_str(&inner), &text);
	buf_release(&inner);
	c.text = buf_str(&text);
	plan_note(p, true, "CreateFunction");
	ret = lambda_ask(&p->lambda, &c, &resp, NULL, err);
	if (ret < 0)
		return strstr(err->msg, "cannot be assumed by Lambda")
			       ? err_hint(err,
					  "may Lambda take that role? if it is new, that takes some seconds: try again")
			       : -1;
	/* it is there already: by a request of ours whose answer was lost, or by somebody else's */
	if (ret)
		return changed_by_others(p, c.op, true, true, err);
	return replace_config(p, err);
}

/* ---- update ---- */

static int update_configuration(struct plan *p, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", "/configuration", NULL);
	const struct lambda_call c = { .op = "UpdateFunctionConfiguration",
				       .method = "PUT",
				       .path = path,
				       .body = p->update,
				       .waits = true,
				       .takes = { 412 } };
	int ret;

	js_set(p->update, "RevisionId", js_must(json_string(json_text(p->config, "RevisionId"))));
	plan_note(p, true, "UpdateFunctionConfiguration");
	ret = lambda_ask(&p->lambda, &c, &resp, NULL, err);
	if (ret < 0)
		return -1;
	return ret ? changed_by_others(p, c.op, false, true, err) : replace_config(p, err);
}

static int update_code(struct plan *p, struct err *err)
{
	CLEAN_JSON json_t *body = js_must(json_object());
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_BUF struct buf zip = BUF_INIT, text = BUF_INIT;
	CLEAN_FREE char *path = lambda_path(&p->lambda, "2015-03-31", "/code", NULL);
	struct lambda_call c = {
		.op = "UpdateFunctionCode", .method = "PUT", .path = path, .waits = true, .takes = { 412 }
	};
	int ret;

	if (code_source(p, body, &zip, err) < 0)
		return -1;
	js_set(body, "Architectures", arches(p->want));
	js_set(body, "RevisionId", js_must(json_string(json_text(p->config, "RevisionId"))));
	if (zip.len)
		with_member(body, "ZipFile", buf_str(&zip), &text);
	else
		js_dump(body, &text);
	buf_release(&zip);
	c.text = buf_str(&text);
	plan_note(p, true, "UpdateFunctionCode");
	ret = lambda_ask(&p->lambda, &c, &resp, NULL, err);
	if (ret < 0)
		return -1;
	return ret ? changed_by_others(p, c.op, true, false, err) : replace_config(p, err);
}

/* The configuration first: new code finds its variables, while old code seldom minds more of them. */
int apply_update(struct plan *p, struct err *err)
{
	if (p->configure && update_configuration(p, err) < 0)
		return -1;
	return p->code ? update_code(p, err) : 0;
}

/* ---- tags ---- */

static char *tags_path(const struct plan *p)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "/2017-03-31/tags/");
	sigv4_escape(json_text(p->config, "FunctionArn"), false, &b);
	return buf_detach(&b);
}

int apply_tags(struct plan *p, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *path = NULL;
	CLEAN_JSON json_t *body = js_must(json_object());
	struct lambda_call c = { .op = "TagResource", .method = "POST", .body = body, .waits = true };
	CLEAN_BUF struct buf gone = BUF_INIT;
	const json_t *name;
	size_t i;

	/* those of a new function went along */
	if (!p->retag || p->out->created)
		return 0;
	path = tags_path(p);
	c.path = path;
	json_object_set(body, "Tags", p->tags);
	if (json_object_size(p->tags) && lambda_ask(&p->lambda, &c, &resp, NULL, err) < 0)
		return -1;
	if (!json_array_size(p->untag))
		return 0;
	buf_addf(&gone, "%s?", path);
	json_array_foreach(p->untag, i, name) {
		buf_addf(&gone, "%stagKeys=", i ? "&" : "");
		sigv4_escape(json_string_value(name), false, &gone);
	}
	c = (struct lambda_call){ .op = "UntagResource", .method = "DELETE", .path = gone.ptr, .waits = true };
	return lambda_ask(&p->lambda, &c, &resp, NULL, err);
}
