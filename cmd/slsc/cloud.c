/* SPDX-License-Identifier: Apache-2.0 */
#include "cloud.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/out.h"
#include "deploy/sigv4.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
#define NAME_MAX_LEN 170u

void cloud_release(struct cloud *r)
{
	session_release(&r->session);
	project_release(&r->project);
	free(r->name);
	free(r->qualifier);
	free(r->arn_region);
	*r = (struct cloud)CLOUD_INIT;
}

/* ---- which one ---- */

/* "arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]" */
static int take_arn(struct cloud *r, const char *arn, struct err *err)
{
	const char *field[8] = { arn };
	size_t n = 1;

	for (const char *s = arn; *s; s++)
		if (*s == ':' && n < ARRAY_LEN(field))
			field[n++] = s + 1;
	if (n < 7 || !starts_with(field[2], "lambda:") || !starts_with(field[5], "function:") ||
	    arn[strspn(arn, LETTERS ":$")] || strlen(arn) > NAME_MAX_LEN)
		return err_set(err, ERR_USAGE, "'%.200s' is no function's ARN", arn);
	r->arn_region = xstrndup(field[3], (size_t)(field[4] - field[3] - 1));
	r->name = xstrndup(arn, n == 8 ? (size_t)(field[7] - arn - 1) : strlen(arn));
	if (n == 8)
		r->qualifier = xstrdup(field[7]);
	return 0;
}

static int take_name(struct cloud *r, const char *text, struct deploy_def *d, struct err *err)
{
	const char *colon = strchr(text, ':');
	CLEAN_FREE char *name = xstrndup(text, colon ? (size_t)(colon - text) : strlen(text));

	if (!*name || name[strspn(name, LETTERS)] || strlen(name) > NAME_MAX_LEN ||
	    (colon && (!colon[1] || colon[1 + strspn(colon + 1, LETTERS "$")]))) {
		err_set(err, ERR_USAGE, "'%.200s' is no function's name", text);
		return err_hint(err, "NAME, NAME:QUALIFIER or an ARN");
	}
	if (colon)
		r->qualifier = xstrdup(colon + 1);
	for (size_t i = 0; i < r->project.nfunctions; i++)
		if (strcmp(r->project.functions[i]->name.s, name) == 0)
			project_deploy(&r->project, r->project.functions[i], d);
	r->name = d->name.s ? xstrdup(d->name.s) : steal(&name);
	return 0;
}

static int choose(struct cloud *r, const char *function, const char *command, struct deploy_def *d, struct err *err)
{
	const struct project *p = &r->project;

	r->has_project = project_load(&r->project, NULL, err) == 0;
	if (!r->has_project && err->code != ERR_NOTFOUND)
		return -1;
	*d = p->deploy;
	if (!function && r->has_project && p->nfunctions == 1)
		function = p->functions[0]->name.s;
	if (!function) {
		err_set(err, ERR_USAGE, r->has_project ? "which of the project's functions is meant?"
						       : "which function is meant?");
		return err_hint(err, "%s %.200s", command,
				r->has_project && p->nfunctions ? p->functions[0]->name.s : "FUNCTION");
	}
	r->called = function;
	return starts_with(function, "arn:") ? take_arn(r, function, err) : take_name(r, function, d, err);
}

/* ---- where, and as whom ---- */

static void note(void *ctx, bool verbose, const char *line)
{
	(void)ctx;
	if (verbose)
		out_verbose("%s", line);
	else
		out_note("%s", line);
}

int cloud_open(struct cloud *r, const struct cloud_flags *f, const char *function, const char *command,
		struct err *err)
{
	struct deploy_def d = { 0 };
	struct session_opts o = { .profile = f->profile, .endpoint = f->endpoint, .note = note };

	if (choose(r, function, command, &d, err) < 0)
		return -1;
	o.region = f->region ? f->region : r->arn_region;
	o.fallback_region = d.region.s;
	return session_init(&r->session, &o, err);
}

char *cloud_url(const struct cloud *r, const char *what)
{
	CLEAN_FREE char *base = session_url(&r->session, "lambda");
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addf(&b, "%s/2015-03-31/functions/", base);
	sigv4_escape(r->name, false, &b);
	buf_addf(&b, "/%s", what);
	if (r->qualifier) {
		buf_addz(&b, "?Qualifier=");
		sigv4_escape(r->qualifier, false, &b);
	}
	return buf_detach(&b);
}
