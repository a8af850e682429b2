/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_used.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/mirror.h"

void base_used_release(struct base_used *u)
{
	VEC_EACH(u, s)
		free(s->key);
	VEC_FREE(u);
	strs_release(&u->images);
}

static bool has_set(const struct base_used *u, const char *key)
{
	VEC_EACH(u, s)
		if (strcmp(s->key, key) == 0)
			return true;
	return false;
}

static bool has_image(const struct base_used *u, const char *name)
{
	VEC_EACH(&u->images, s)
		if (strcmp(*s, name) == 0)
			return true;
	return false;
}

bool base_used_set(const struct base_used *u, const char *key)
{
	return u->any || has_set(u, key);
}

bool base_used_image(const struct base_used *u, const char *name)
{
	return u->any || has_image(u, name);
}

/* As base_resolve() goes about it: what `mirrors` have comes first, then the named bases. */
static int add(struct base_used *u, struct project *p, const struct bases *bases, const struct package *pk,
	       struct err *err)
{
	const char *name = pk->base.s ? pk->base.s : "static";
	CLEAN_FREE char *mirror = mirror_find(&p->mirrors, name);
	struct debian_want want = { .max_layers = 0 };
	CLEAN_FREE char *key = NULL;
	int r = mirror ? 0 : bases_parse(bases, name, &want.variant, err);

	if (r < 0) {
		const struct err inner = *err;

		project_err(p, ERR_CONFIG, pk->base, err, "%s", inner.msg);
		return err_hint(err, "%s", inner.hint);
	}
	if (r == 0 && !has_image(u, name))
		strs_add(&u->images, name);
	for (size_t i = 0; i < pk->packages.len; i++)
		strs_add(&want.packages, pk->packages.ptr[i].s);
	key = debian_key(&want);
	if (key && !has_set(u, key))
		VEC_PUSH(u, ((struct used_set){ .key = steal(&key),
						.base = want.variant.base ? want.variant.base->name : NULL }));
	strs_release(&want.packages);
	return 0;
}

/* slsc compare packs each function so, too. */
static int add_strategies(struct base_used *u, struct project *p, const struct bases *bases, const struct package *pk,
			  struct err *err)
{
	for (size_t i = 0; i < p->nstrategies; i++) {
		const struct strategy_def *s = p->strategies[i];
		struct package own = *pk;

		if (s->base.s)
			own.base = s->base;
		if (s->packages.len)
			own.packages = s->packages;
		u->any = u->any || s->dockerfile.s;
		if ((s->base.s || s->packages.len) && add(u, p, bases, &own, err) < 0)
			return -1;
	}
	return 0;
}

int base_used_find(struct project *p, const struct bases *bases, struct base_used *out, struct err *err)
{
	*out = (struct base_used){ .len = 0 };
	for (size_t i = 0; i < p->nfunctions; i++) {
		struct toolchain_use use;
		struct package pk;

		project_package(p, p->functions[i], &pk);
		project_toolchain_use(p, p->functions[i], &use);
		out->any = out->any || pk.dockerfile.s || use.of.stage.s;
		if ((!pk.dockerfile.s && add(out, p, bases, &pk, err) < 0) ||
		    add_strategies(out, p, bases, &pk, err) < 0) {
			base_used_release(out);
			return -1;
		}
	}
	return 0;
}
