/* SPDX-License-Identifier: Apache-2.0 */
/* What slsc.yaml and slsc.lock said of a function, and say. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/lock.h"
#include "build/since_internal.h"

/* One end of the range. */
struct version {
	struct project parsed, *p;     /* p NULL: there was none, or none that can be read */
	const struct profile *profile; /* NULL: it has none of that name */
	struct map functions;
	struct yaml_doc lock;
};

struct since_config {
	bool yaml, lock; /* which of the two differs */
	bool lock_unreadable;
	const char *all; /* why slsc.yaml touches every function; NULL: it does not */
	struct version before, after;
	struct strs deps, bases, packages; /* entries of slsc.lock that differ */
};

static void take_project(struct since_finder *d, struct version *v, struct project *p)
{
	struct err ignored;

	v->p = p;
	v->profile = project_profile(p, d->req->profile ? d->req->profile : p->profile.s, &ignored);
	for (size_t i = 0; i < p->nfunctions; i++)
		map_put(&v->functions, p->functions[i]->name.s, p->functions[i]);
}

static void parse_project(struct since_finder *d, struct version *v, const struct git_side *side)
{
	struct err ignored;

	if (side->text && project_parse(&v->parsed, SINCE_YAML, d->p->dir, side->text, side->len, &ignored) == 0)
		take_project(d, v, &v->parsed);
}

/* Equal whatever their places, quotes and comments are. */
static bool same(const struct ynode *a, const struct ynode *b)
{
	if (!a || !b || a->type != b->type || a->len != b->len)
		return a == b;
	if (a->type == YNODE_SCALAR)
		return strcmp(a->scalar, b->scalar) == 0;
	for (size_t i = 0; i < a->len; i++)
		if ((a->type == YNODE_MAP && strcmp(a->keys[i]->scalar, b->keys[i]->scalar) != 0) ||
		    !same(a->items[i], b->items[i]))
			return false;
	return true;
}

static void differing(const struct ynode *a, const struct ynode *b, struct strs *out)
{
	for (size_t i = 0; a && i < a->len; i++)
		if (!b || !same(a->items[i], ynode_get(b, a->keys[i]->scalar)))
			strs_add(out, a->keys[i]->scalar);
	for (size_t i = 0; b && i < b->len; i++)
		if (!a || !ynode_get(a, b->keys[i]->scalar))
			strs_add(out, b->keys[i]->scalar);
}

static bool parse_lock(struct version *v, const char *text, size_t n)
{
	struct err ignored;

	return !text || yaml_parse(&v->lock, SINCE_LOCKED, text, n, &ignored) == 0;
}

static int open_lock(struct since_finder *d, struct since_config *c, struct err *err)
{
	const struct git_sides *sides = &d->changes.files[1];
	CLEAN_FREE char *path = lock_path(d->p);
	CLEAN_BUF struct buf now = BUF_INIT;
	const char *text = sides->after.text;
	size_t n = sides->after.len;

	if (d->changes.worktree && fs_exists(path)) {
		if (fs_read(path, YAML_MAX_BYTES, &now, err) < 0)
			return -1;
		text = now.ptr;
		n = now.len;
	}
	c->lock_unreadable =
		!parse_lock(&c->before, sides->before.text, sides->before.len) || !parse_lock(&c->after, text, n);
	differing(lock_section(&c->before.lock, "dependencies"), lock_section(&c->after.lock, "dependencies"),
		  &c->deps);
	differing(lock_section(&c->before.lock, "base"), lock_section(&c->after.lock, "base"), &c->bases);
	differing(lock_section(&c->before.lock, "packages"), lock_section(&c->after.lock, "packages"), &c->packages);
	return 0;
}

int since_config_open(struct since_finder *d, struct since_config **out, struct err *err)
{
	const struct git_sides *sides = &d->changes.files[0];
	struct since_config *c;

	*out = NULL;
	if (!since_at(d, SINCE_YAML) && !since_at(d, SINCE_LOCKED))
		return 0;
	c = *out = xcalloc(1, sizeof(*c));
	c->yaml = since_at(d, SINCE_YAML) != NULL;
	c->lock = since_at(d, SINCE_LOCKED) != NULL;
	if (c->yaml) {
		parse_project(d, &c->before, &sides->before);
		if (d->changes.worktree)
			take_project(d, &c->after, d->p);
		else
			parse_project(d, &c->after, &sides->after);
		if (!c->before.p)
			c->all = sides->before.text ? "all functions: as it was it cannot be read"
						    : "all functions: it was not there";
		else if (!c->after.p)
			c->all = sides->after.text ? "all functions: as it became it cannot be read"
						   : "all functions: it was removed";
	}
	return c->lock ? open_lock(d, c, err) : 0;
}

void since_config_free(struct since_config *c)
{
	if (!c)
		return;
	project_release(&c->before.parsed);
	project_release(&c->after.parsed);
	map_release(&c->before.functions);
	map_release(&c->after.functions);
	yaml_release(&c->before.lock);
	yaml_release(&c->after.lock);
	strs_release(&c->deps);
	strs_release(&c->bases);
	strs_release(&c->packages);
	free(c);
}

static const char *text_of(const struct project_part *parts, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(parts[i].key, key) == 0)
			return parts[i].text;
	return NULL;
}

static void check_yaml(struct since_finder *d, const struct since_config *c, const struct function *f)
{
	struct project_part before[PROJECT_PARTS_MAX], after[PROJECT_PARTS_MAX];
	const struct function *was = map_get(&c->before.functions, f->name.s);
	const struct function *is = map_get(&c->after.functions, f->name.s);
	size_t nbefore, nafter;

	if (c->all || !was || !is || !c->before.profile || !c->after.profile) {
		CLEAN_FREE char *own = xasprintf("functions.%s", f->name.s);

		since_add(d, SINCE_CONFIG, SINCE_YAML, c->all ? c->all : !was || !is ? own : "profiles");
		return;
	}
	nbefore = project_parts(c->before.p, was, c->before.profile, before);
	nafter = project_parts(c->after.p, is, c->after.profile, after);
	for (size_t i = 0; i < nafter; i++) {
		const char *old = text_of(before, nbefore, after[i].key);

		if (!old || strcmp(old, after[i].text) != 0)
			since_add(d, SINCE_CONFIG, SINCE_YAML, after[i].key);
	}
}

static void locked(struct since_finder *d, const char *section, const char *name)
{
	CLEAN_FREE char *key = xasprintf("%s.%s", section, name);

	since_add(d, SINCE_LOCK, SINCE_LOCKED, key);
}

static bool uses(const struct function *f, const char *dependency)
{
	for (size_t i = 0; i < f->dependencies.len; i++)
		if (strcmp(f->dependencies.ptr[i].s, dependency) == 0)
			return true;
	return false;
}

/* "cc-debian12 + curl" is what packages on top of that base stood for; ":debug" is a variant of it. */
static bool is_of_base(const char *base, const char *entry)
{
	const size_t name = strcspn(base, ":");

	return strncmp(base, entry, name) == 0 && (!entry[name] || entry[name] == ' ' || entry[name] == ':');
}

static void check_lock(struct since_finder *d, const struct since_config *c, const struct function *f)
{
	struct toolchain_use use;
	struct package pk;
	bool stage;

	project_package(d->p, f, &pk);
	project_toolchain_use(d->p, f, &use);
	/* which images a Dockerfile begins with is not looked up */
	stage = pk.dockerfile.s || use.of.stage.s;
	if (c->lock_unreadable && (stage || pk.base.s || pk.packages.len || f->dependencies.len))
		since_add(d, SINCE_LOCK, SINCE_LOCKED, "all functions: it cannot be read");
	VEC_EACH(&c->deps, name)
		if (uses(f, *name))
			locked(d, "dependencies", *name);
	VEC_EACH(&c->bases, name)
		if (stage || (pk.base.s && strcmp(pk.base.s, *name) == 0))
			locked(d, "base", *name);
	VEC_EACH(&c->packages, name)
		if (stage || pk.packages.len || (pk.base.s && is_of_base(pk.base.s, *name)))
			locked(d, "packages", *name);
}

void since_config_check(struct since_finder *d, struct since_config *c, const struct function *f)
{
	if (c->yaml)
		check_yaml(d, c, f);
	if (c->lock)
		check_lock(d, c, f);
}
