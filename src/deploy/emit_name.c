/* SPDX-License-Identifier: Apache-2.0 */
/* Names of slsc.yaml as each platform takes them. */
#include <ctype.h>
#include <string.h>

#include "deploy/emit_internal.h"

char *emit_label(struct arena *a, const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (isalnum(c))
			buf_addc(&b, (char)tolower(c));
		else if (b.len)
			buf_addc(&b, '-');
	}
	while (b.len && b.ptr[b.len - 1] == '-')
		b.ptr[--b.len] = '\0';
	return b.len ? arena_strdup(a, b.ptr) : NULL;
}

char *emit_camel(struct arena *a, const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	bool begins = true;

	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (isalnum(c))
			buf_addc(&b, (char)(begins ? toupper(c) : tolower(c)));
		begins = !isalnum(c);
	}
	return arena_strdup(a, b.ptr);
}

char *emit_snake(struct arena *a, const char *s)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	/* an identifier begins with no digit */
	if (isdigit((unsigned char)*s))
		buf_addc(&b, '_');
	for (; *s; s++)
		buf_addc(&b, (char)(isalnum((unsigned char)*s) ? tolower((unsigned char)*s) : '_'));
	return arena_strdup(a, b.ptr);
}

int emit_take(struct emit_job *j, const char *id, struct lstr who, const char *what, struct err *err)
{
	struct lstr *mine = arena_new(&j->arena, struct lstr);
	const struct lstr *has = map_get(&j->taken, id);

	*mine = who;
	if (!has) {
		map_put(&j->taken, id, mine);
		return 0;
	}
	if (!has->s) {
		project_err(j->p, ERR_CONFIG, who, err, "'%s' would be %s '%s', which the file has for itself", who.s,
			    what, id);
		return err_hint(err, "choose another name");
	}
	project_err(j->p, ERR_CONFIG, who, err, "'%s' and '%s' of line %u would both be %s '%s'", who.s, has->s,
		    has->line, what, id);
	return err_hint(err, "rename one: '-' and '_' are the same there");
}

/* Services of Kubernetes begin with a letter (RFC 1035); nothing begins with what is no letter or digit here. */
static const char *label_of(struct emit_job *j, const char *s)
{
	const char *label = emit_label(&j->arena, s);

	return label && isdigit((unsigned char)*label) ? arena_printf(&j->arena, "fn-%s", label) : label;
}

static int name_label(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	const size_t most = j->req->kind == EMIT_CLOUDRUN ? 49 : 63;

	fn->name = label_of(j, fn->name);
	if (!fn->name) {
		project_err(j->p, ERR_CONFIG, fn->d.name, err, "'%s' has no letter and no digit, which %s asks for",
			    fn->d.name.s, emit_kind_name(j->req->kind));
		return err_hint(err, "give the function another name");
	}
	if (strlen(fn->name) > most) {
		project_err(j->p, ERR_CONFIG, fn->f->name, err, "'%s' is too long for %s: %zu letters are the most",
			    fn->name, emit_kind_name(j->req->kind), most);
		return err_hint(err, "give the function a shorter name");
	}
	return emit_take(j, fn->name, fn->f->name, "the service", err);
}

/* What the SAM transform makes beside a function has names, too. */
static int name_sam(struct emit_job *j, struct emit_fn *fn, struct err *err)
{
	static const char *const made[] = { "", "Role", "Url", "UrlPublicPermissions", "Logs", NULL };
	const char *alias = arena_printf(&j->arena, "%sAlias%s", emit_camel(&j->arena, fn->f->name.s), emit_alias(fn));

	fn->ident = emit_camel(&j->arena, fn->f->name.s);
	for (size_t i = 0; made[i]; i++) {
		const char *id = arena_printf(&j->arena, "%s%s", fn->ident, made[i]);

		if (emit_take(j, id, fn->f->name, "the resource", err) < 0)
			return -1;
	}
	return emit_take(j, alias, fn->f->name, "the resource", err);
}

int emit_names(struct emit_job *j, struct err *err)
{
	for (size_t i = 0; i < j->nfns; i++) {
		struct emit_fn *fn = &j->fns[i];

		fn->name = fn->d.name.s ? fn->d.name.s : fn->f->name.s;
		if (j->req->kind == EMIT_TERRAFORM) {
			fn->ident = emit_snake(&j->arena, fn->f->name.s);
			if (emit_take(j, fn->ident, fn->f->name, "the resource", err) < 0)
				return -1;
		} else if (j->req->kind == EMIT_SAM) {
			if (name_sam(j, fn, err) < 0)
				return -1;
		} else if (name_label(j, fn, err) < 0) {
			return -1;
		}
	}
	return 0;
}
