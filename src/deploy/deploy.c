/* SPDX-License-Identifier: Apache-2.0 */
#include "deploy/deploy.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/package.h"
#include "deploy/deploy_internal.h"
#include "oci/js.h"

void deployed_release(struct deployed *d)
{
	changes_release(&d->changes);
	free(d->arn);
	free(d->version);
	free(d->code_sha256);
	free(d->routing);
	free(d->url);
	lambda_result_release(&d->smoke);
}

static void plan_release(struct plan *p)
{
	json_decref(p->function);
	json_decref(p->config);
	json_decref(p->update);
	json_decref(p->tags);
	json_decref(p->untag);
	json_decref(p->alias);
	json_decref(p->url);
	json_decref(p->policy);
	free(p->version);
}

void plan_note(const struct plan *p, bool verbose, const char *fmt, ...)
{
	const struct session_opts *o = &p->lambda.session->opts;
	CLEAN_BUF struct buf b = BUF_INIT;
	va_list ap;

	if (!o->note)
		return;
	buf_addf(&b, "%s: ", p->lambda.shown);
	va_start(ap, fmt);
	buf_vaddf(&b, fmt, ap);
	va_end(ap);
	o->note(o->ctx, verbose, b.ptr);
}

/* ---- what is there ---- */

static int check_kind(const struct plan *p, struct err *err)
{
	const char *kind = json_text(p->config, "PackageType");
	const bool image = strcmp(kind, "Image") == 0;

	if (!*kind || image == (p->want->image != NULL))
		return 0;
	err_set(err, ERR_EXISTS, "%s: the function there is made of %s, which cannot be changed", p->lambda.shown,
		image ? "an image" : "a zip");
	return err_hint(err, image ? "name an image: --image, or deploy.image in slsc.yaml"
				   : "delete it, or deploy the image under another name: deploy.name in slsc.yaml");
}

static void all_new(struct plan *p)
{
	CLEAN_JSON json_t *nothing = js_must(json_object());

	p->code = true;
	if (p->want->image)
		changes_add(&p->out->changes, "Code", NULL, p->want->image);
	else
		changes_add(&p->out->changes, "Code", NULL, p->want->zip_sha256);
	changes_add(&p->out->changes, "Architectures", NULL, p->want->arch);
	(void)want_differs(p->want, nothing, &p->out->changes, NULL);
	p->retag = want_tags_differ(p->want, nothing, &p->out->changes, p->tags, p->untag);
}

static int look(struct plan *p, struct err *err)
{
	int found = lambda_get(&p->lambda, &p->function, err);
	const json_t *config;
	bool busy;

	if (found < 0)
		return -1;
	p->update = js_must(json_object());
	p->tags = js_must(json_object());
	p->untag = js_must(json_array());
	if (!found) {
		p->out->created = true;
		all_new(p);
		return 0;
	}
	config = json_object_get(p->function, "Configuration");
	busy = strcmp(json_text(config, "State"), "Pending") == 0 ||
	       strcmp(json_text(config, "LastUpdateStatus"), "InProgress") == 0;
	if (busy)
		plan_note(p, false, "waiting for a change that is under way");
	/* a failed creation is what waiting says, too */
	if (busy || strcmp(json_text(config, "State"), "Failed") == 0) {
		if (lambda_wait(&p->lambda, NULL, &p->config, err) < 0)
			return -1;
	} else {
		p->config = json_incref((json_t *)(uintptr_t)config);
	}
	if (check_kind(p, err) < 0)
		return -1;
	p->configure = want_differs(p->want, p->config, &p->out->changes, p->update);
	p->code = want_code_differs(p->want, p->config, json_object_get(p->function, "Code"), &p->out->changes);
	p->retag = want_tags_differ(p->want, json_object_get(p->function, "Tags"), &p->out->changes, p->tags, p->untag);
	return 0;
}

static int check(const struct plan *p, struct err *err)
{
	char size[32];

	if (!p->function && !p->want->role) {
		err_set(err, ERR_USAGE, "%s: there is no such function yet, and to create one takes a role",
			p->lambda.shown);
		return err_hint(err, "name it: --role arn:aws:iam::ACCOUNT:role/NAME, or deploy.role in slsc.yaml");
	}
	if (p->code && p->want->zip && !p->want->s3 && p->want->zip_size > LAMBDA_ZIP_DIRECT) {
		err_set(err, ERR_USAGE, "%s: its zip is %s, and Lambda takes 50 MB directly", p->lambda.shown,
			str_human_size(p->want->zip_size, size, sizeof(size)));
		return err_hint(err, "name a bucket that it goes through: --s3 BUCKET, or deploy.s3 in slsc.yaml");
	}
	return 0;
}

/* ---- what is done ---- */

/* What had no number yet has one now. */
static void name_version(struct plan *p)
{
	VEC_EACH(&p->out->changes, c) {
		const char *now = strcmp(c->field, "Version") == 0  ? p->version
				  : starts_with(c->field, "Alias.") ? p->out->routing
								    : NULL;

		if (!now)
			continue;
		free(c->to);
		c->to = xstrdup(now);
	}
}

static void tell(struct plan *p)
{
	struct deployed *d = p->out;
	const char *arn = json_text(p->config, "FunctionArn");

	d->version = xstrdup(p->version ? p->version : "$LATEST");
	d->arn = p->version ? xasprintf("%s:%s", arn, p->version) : xstrdup(arn);
	d->code_sha256 = xstrdup(json_text(p->config, "CodeSha256"));
	d->code_size = (uint64_t)json_integer_value(json_object_get(p->config, "CodeSize"));
	if (!d->url && p->url)
		d->url = xstrdup(json_text(p->url, "FunctionUrl"));
}

static int apply(struct plan *p, struct err *err)
{
	const bool changed = p->out->created || p->code || p->configure;

	if ((p->out->created ? apply_create(p, err) : apply_update(p, err)) < 0 || apply_tags(p, err) < 0)
		return -1;
	if (p->want->publish && !p->version && release_publish(p, err) < 0)
		return -1;
	if (p->opts->smoke && (changed || p->move) && release_smoke(p, err) < 0)
		return -1;
	if (p->move && release_move(p, err) < 0)
		return -1;
	return p->reurl ? url_apply(p, err) : 0;
}

int deploy_function(struct session *s, const struct want *w, const struct deploy_opts *o, struct deployed *out,
		    struct err *err)
{
	CLEANUP(plan_release)
	struct plan p = { .lambda = { .session = s, .name = w->name, .shown = w->function->name.s,
				      .env = &w->function->env },
			  .want = w,
			  .opts = o,
			  .out = out };

	int ret;

	if (look(&p, err) < 0 || check(&p, err) < 0 || release_look(&p, err) < 0 || url_look(&p, err) < 0)
		return -1;
	ret = o->dry_run || !out->changes.len ? 0 : apply(&p, err);
	if (ret == 0 && !o->dry_run)
		name_version(&p);
	if (p.config)
		tell(&p);
	return ret;
}
