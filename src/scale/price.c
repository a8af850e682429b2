/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/price.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/vec.h"
#include "config/yaml.h"
#include "os/fs.h"
#include "scale/maths.h"

#define LEAST_NAMES 8

static int at(const struct prices *p, const struct ynode *n, struct err *err, const char *what, const char *name)
{
	return err_at(err, ERR_CONFIG, p->file, n->line, n->col, "%s%s%.80s%s", what, *name ? " '" : "", name,
		      *name ? "'" : "");
}

static int map_of(const struct prices *p, const struct ynode *n, const char *name, struct err *err)
{
	if (n->type == YNODE_MAP)
		return 0;
	return err_at(err, ERR_CONFIG, p->file, n->line, n->col, "'%.80s' is %s, not a mapping", name, ynode_kind(n));
}

static int text_of(struct prices *p, const struct ynode *n, const char *name, const char **out, struct err *err)
{
	if (n->type != YNODE_SCALAR || !*n->scalar)
		return at(p, n, err, "not a text for", name);
	*out = arena_strdup(&p->arena, n->scalar);
	return 0;
}

/*
 * A decimal number as strtod() reads it, in the C locale that main() has set for numbers; never "inf" or hexadecimal.
 */
static int number_of(const struct prices *p, const struct ynode *n, const char *name, double *out, struct err *err)
{
	char *end;

	if (n->type == YNODE_SCALAR && *n->scalar && strspn(n->scalar, "0123456789.eE+-") == strlen(n->scalar)) {
		*out = strtod(n->scalar, &end);
		if (!*end && maths_finite(*out) && *out >= 0 && *out <= 1e6)
			return 0;
	}
	at(p, n, err, "no price for", name);
	return err_hint(err, "a number that is not negative, such as 0.0000166667");
}

static int read_price(struct prices *p, const struct ynode *n, struct price *out, struct err *err)
{
	static const char *const names[] = { "request", "gb_second", "kept_gb_second", "kept_use_gb_second" };
	double *const to[] = { &out->request, &out->gb_second, &out->kept_gb_second, &out->kept_use_gb_second };
	bool has[ARRAY_LEN(names)] = { false };

	if (map_of(p, n, out->arch, err) < 0)
		return -1;
	for (size_t i = 0; i < n->len; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(names) && strcmp(names[k], n->keys[i]->scalar) != 0)
			k++;
		if (k == ARRAY_LEN(names)) {
			const char *near = str_closest(n->keys[i]->scalar, names, ARRAY_LEN(names));

			at(p, n->keys[i], err, "unknown key", n->keys[i]->scalar);
			return near ? err_hint(err, "did you mean '%s'?", near) : -1;
		}
		has[k] = true;
		if (number_of(p, n->items[i], names[k], to[k], err) < 0)
			return -1;
	}
	for (size_t k = 0; k < 2; k++)
		if (!has[k])
			return err_at(err, ERR_CONFIG, p->file, n->line, n->col, "'%.80s' has no '%s'", out->arch,
				      names[k]);
	if (has[2] != has[3])
		return err_at(err, ERR_CONFIG, p->file, n->line, n->col,
			      "'%.80s' has one of kept_gb_second and kept_use_gb_second: both or none", out->arch);
	if (!has[2])
		out->kept_gb_second = out->gb_second;
	return 0;
}

static int read_platform(struct prices *p, const char *name, const struct ynode *n, struct err *err)
{
	const char *region = NULL, *source = NULL;
	const struct ynode *v;

	if (map_of(p, n, name, err) < 0 ||
	    ((v = ynode_get(n, "region")) && text_of(p, v, "region", &region, err) < 0) ||
	    ((v = ynode_get(n, "source")) && text_of(p, v, "source", &source, err) < 0))
		return -1;
	for (size_t i = 0; i < n->len; i++) {
		const char *key = n->keys[i]->scalar;
		struct price *price;

		if (strcmp(key, "region") == 0 || strcmp(key, "source") == 0)
			continue;
		if (strcmp(key, "x86_64") != 0 && strcmp(key, "arm64") != 0) {
			at(p, n->keys[i], err, "unknown architecture", key);
			return err_hint(err, "x86_64 or arm64");
		}
		if (p->len == PRICES_MAX)
			return err_at(err, ERR_LIMIT, p->file, n->line, n->col, "limit exceeded: more than %u prices",
				      PRICES_MAX);
		price = &p->ptr[p->len++];
		*price = (struct price){ .platform = arena_strdup(&p->arena, name),
					 .region = region,
					 .source = source,
					 .arch = arena_strdup(&p->arena, key) };
		if (read_price(p, n->items[i], price, err) < 0)
			return -1;
	}
	return 0;
}

static int read_root(struct prices *p, const struct ynode *root, struct err *err)
{
	static const char *const names[] = { "date", "currency", "platforms" };
	const struct ynode *v[ARRAY_LEN(names)] = { NULL };

	if (!root)
		return err_at(err, ERR_CONFIG, p->file, 1, 1, "no prices in it");
	if (map_of(p, root, "prices", err) < 0)
		return -1;
	for (size_t i = 0; i < root->len; i++) {
		size_t k = 0;

		while (k < ARRAY_LEN(names) && strcmp(names[k], root->keys[i]->scalar) != 0)
			k++;
		if (k == ARRAY_LEN(names))
			return at(p, root->keys[i], err, "unknown key", root->keys[i]->scalar);
		v[k] = root->items[i];
	}
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (!v[k])
			return err_at(err, ERR_CONFIG, p->file, root->line, root->col, "'%s' is missing", names[k]);
	if (text_of(p, v[0], "date", &p->date, err) < 0 || text_of(p, v[1], "currency", &p->currency, err) < 0)
		return -1;
	if (strlen(p->currency) != 3 || strspn(p->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3) {
		at(p, v[1], err, "no currency:", p->currency);
		return err_hint(err, "three capital letters, such as USD or EUR");
	}
	if (map_of(p, v[2], "platforms", err) < 0)
		return -1;
	for (size_t i = 0; i < v[2]->len; i++)
		if (read_platform(p, v[2]->keys[i]->scalar, v[2]->items[i], err) < 0)
			return -1;
	return 0;
}

static int finish(struct prices *p, struct yaml_doc *d, int parsed, struct err *err)
{
	int ret = -1;

	p->ptr = xcalloc(PRICES_MAX, sizeof(*p->ptr));
	if (parsed == 0)
		ret = read_root(p, d->root, err);
	yaml_release(d);
	if (ret < 0)
		prices_release(p);
	return ret;
}

int prices_load(const char *path, struct prices *p, struct err *err)
{
	CLEAN_FREE char *share = dirs_share(), *own = path_join(share, "prices.yaml");
	struct yaml_doc d = { .file = NULL };
	int parsed;

	*p = (struct prices){ .file = NULL };
	p->file = arena_strdup(&p->arena, path ? path : own);
	parsed = yaml_load(&d, p->file, p->file, err);
	return finish(p, &d, parsed, err);
}

int prices_parse(const char *text, size_t n, const char *shown, struct prices *p, struct err *err)
{
	struct yaml_doc d = { .file = NULL };
	int parsed;

	*p = (struct prices){ .file = NULL };
	p->file = arena_strdup(&p->arena, shown);
	parsed = yaml_parse(&d, p->file, text, n, err);
	return finish(p, &d, parsed, err);
}

void prices_release(struct prices *p)
{
	free(p->ptr);
	arena_release(&p->arena);
	*p = (struct prices){ .file = NULL };
}

int prices_find(const struct prices *p, const char *platform, const char *arch, const struct price **out,
		struct err *err)
{
	CLEAN_BUF struct buf names = BUF_INIT;
	bool known = false;

	for (size_t i = 0; i < p->len; i++) {
		const struct price *c = &p->ptr[i];

		if (strcmp(c->platform, platform) != 0)
			continue;
		known = true;
		if (!arch || strcmp(c->arch, arch) == 0) {
			*out = c;
			return 0;
		}
	}
	for (size_t i = 0, n = 0; i < p->len && n < LEAST_NAMES; i++)
		if (known ? strcmp(p->ptr[i].platform, platform) == 0
			  : !i || strcmp(p->ptr[i].platform, p->ptr[i - 1].platform) != 0) {
			buf_addf(&names, "%s%.40s", n++ ? ", " : "", known ? p->ptr[i].arch : p->ptr[i].platform);
		}
	if (known)
		err_set(err, ERR_USAGE, "%s: '%.40s' has no price for %.40s", p->file, platform, arch);
	else
		err_set(err, ERR_USAGE, "%s: no platform '%.40s'", p->file, platform);
	return err_hint(err, "there is %s", names.len ? names.ptr : "none");
}

double price_kept(const struct price *p, double requests, double up, double busy)
{
	return requests * p->request + up * p->kept_gb_second + busy * p->kept_use_gb_second;
}

double price_demand(const struct price *p, double requests, double busy)
{
	return requests * p->request + busy * p->gb_second;
}
