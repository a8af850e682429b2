/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles and toolchains: what has built-in entries, and `extends`. */
#include <string.h>

#include "base/mem.h"
#include "config/internal.h"

/* The built-in profiles are what this would be in slsc.yaml. */
static const struct profile builtin_release = {
	.name = "release", .optimize = "2", .strip = true, .debug_info = true, .gc_sections = true, .icf = true,
	.static_link = true,
};
static const char *const builtin_profiles[] = { "release", "small", "fast", "debug" };

static void builtin_apply(struct profile *r)
{
	if (strcmp(r->name, "small") == 0) {
		r->optimize = "z";
		r->lto = true;
	} else if (strcmp(r->name, "fast") == 0) {
		r->optimize = "3";
		r->lto = true;
	} else if (strcmp(r->name, "debug") == 0) {
		r->optimize = "g";
		r->strip = false;
		r->assertions = true;
		r->icf = false;
	}
}

static bool is_builtin(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(builtin_profiles); i++)
		if (strcmp(builtin_profiles[i], name) == 0)
			return true;
	return false;
}

enum state { TODO_STATE, ACTIVE, DONE };
struct resolver {
	struct reader *rd;
	struct profile *profiles;	/* the built-in ones, then the file's others */
	const struct ynode **nodes;	/* of each in the file, or NULL */
	enum state *state;
	size_t *chain;			/* those being resolved, outermost first */
	size_t len, depth;
};

/* "release -> small -> release" */
static int cycle_err(struct reader *rd, const char *what, const struct ynode *at, const char *const *names,
		     size_t n)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++)
		buf_addf(&b, "%s -> ", names[i]);
	buf_addz(&b, names[0]);
	if (n == 1)
		return err_at(rd->err, ERR_CONFIG, rd->p->file, at->line, at->col, "%s '%s' extends itself", what,
			      names[0]);
	return err_at(rd->err, ERR_CONFIG, rd->p->file, at->line, at->col, "%ss extend each other: %s", what, b.ptr);
}

static size_t profile_index(const struct resolver *rs, const char *name)
{
	size_t i = 0;

	while (i < rs->len && strcmp(rs->profiles[i].name, name) != 0)
		i++;
	return i;
}

static int unknown_parent(struct resolver *rs, const struct ynode *e)
{
	CLEAN_FREE const char **names = xcalloc(rs->len, sizeof(char *));

	for (size_t i = 0; i < rs->len; i++)
		names[i] = rs->profiles[i].name;
	err_set(rs->rd->err, ERR_CONFIG, "unknown profile %s", quote(&rs->rd->p->arena, e->scalar));
	hint_closest(rs->rd->err, e->scalar, names, rs->len, "known");
	return relocate(rs->rd, (struct lstr){ e->scalar, e->line, e->col }, NULL);
}

static int profile_cycle(struct resolver *rs, const struct ynode *at, size_t again)
{
	CLEAN_FREE const char **names = xcalloc(rs->depth + 1, sizeof(char *));
	size_t start = 0, n;

	while (rs->chain[start] != again)
		start++;
	n = rs->depth - start;
	for (size_t i = 0; i < n; i++)
		names[i] = rs->profiles[rs->chain[start + i]].name;
	/* a built-in one has no place in the file: blame the innermost that has */
	for (size_t i = rs->depth; !at && i-- > start;)
		at = rs->nodes[rs->chain[i]];
	return cycle_err(rs->rd, "profile", at, names, n);
}

/* What profile @i starts from: an index, rs->len for the built-in release, or -1. */
static int parent_of(struct resolver *rs, size_t i, size_t *parent, const struct ynode **written)
{
	const char *name = rs->profiles[i].name;
	const struct ynode *e = rs->nodes[i] ? ynode_get(rs->nodes[i], "extends") : NULL;

	*written = NULL;
	*parent = rs->len;
	if (e && e->type == YNODE_SCALAR) {
		*written = e;
		*parent = profile_index(rs, e->scalar);
		/* of another type or empty: keys_read() says so */
		return *parent == rs->len && *e->scalar ? unknown_parent(rs, e) : 0;
	}
	if (strcmp(name, "release") != 0)
		*parent = profile_index(rs, "release");
	return 0;
}

static int resolve(struct resolver *rs, size_t i)
{
	struct profile *r = &rs->profiles[i];
	const struct frame at = { "profile", r->name, NULL };
	struct reader inner = { rs->rd->p, rs->rd->err, &at };
	struct reader *outer = rs->rd;
	const struct ynode *written;
	struct profile own = *r;
	size_t parent;
	int rc;

	if (rs->state[i] == DONE)
		return 0;
	rs->state[i] = ACTIVE;
	rs->chain[rs->depth++] = i;
	rs->rd = &inner;
	rc = parent_of(rs, i, &parent, &written);
	if (!rc && parent < rs->len && rs->state[parent] == ACTIVE)
		rc = profile_cycle(rs, written, parent);
	if (!rc && parent < rs->len)
		rc = resolve(rs, parent);
	rs->rd = outer;
	if (rc)
		return -1;
	*r = parent < rs->len ? rs->profiles[parent] : builtin_release;
	r->name = own.name;
	r->line = own.line;
	r->col = own.col;
	r->extends = NULL;
	if (!written && is_builtin(r->name)) {
		builtin_apply(r);
		if (strcmp(r->name, "small") == 0 || strcmp(r->name, "fast") == 0)
			r->extends = "release";
	}
	if (rs->nodes[i] && keys_read(&inner, &keys_profile, rs->nodes[i], r))
		return -1;
	rs->state[i] = DONE;
	rs->depth--;
	return 0;
}

int profiles_read(struct reader *rd, const struct ynode *section)
{
	const struct key *k = keys_find(&keys_root, "profiles");
	size_t builtin = ARRAY_LEN(builtin_profiles), max = builtin + (section ? section->len : 0);
	struct arena *a = &rd->p->arena;
	struct resolver rs = {
		.rd = rd, .profiles = arena_alloc(a, max * sizeof(struct profile)),
		.nodes = arena_alloc(a, max * sizeof(void *)), .state = arena_alloc(a, max * sizeof(enum state)),
		.chain = arena_alloc(a, max * sizeof(size_t)), .len = builtin,
	};

	for (size_t i = 0; i < builtin; i++)
		rs.profiles[i].name = builtin_profiles[i];
	for (size_t i = 0; section && i < section->len; i++) {
		const struct ynode *name = section->keys[i];
		size_t at = profile_index(&rs, name->scalar);

		if (read_name(rd, k, name))
			return -1;
		if (at == rs.len)
			rs.len++;
		rs.profiles[at] = (struct profile){ .name = name->scalar, .line = name->line, .col = name->col };
		rs.nodes[at] = section->items[i];
	}
	rd->p->profiles = arena_alloc(a, rs.len * sizeof(struct profile *));
	for (size_t i = 0; i < rs.len; i++) {
		if (resolve(&rs, i))
			return -1;
		rd->p->profiles[rd->p->nprofiles++] = &rs.profiles[i];
	}
	return 0;
}

/* ---- toolchains ---- */

static const char *const builtin_toolchains[] = { "musl", "musl-gcc", "gnu", "zig" };

static int toolchain_extends(struct reader *rd, const struct toolchain_def *t)
{
	CLEAN_FREE const char **names = xcalloc(rd->p->ntoolchains + 1, sizeof(char *));
	const struct toolchain_def *up = t;
	size_t n = 0;

	/* a chain without a cycle is shorter than the list */
	for (; up && up->line && n < rd->p->ntoolchains; n++) {
		struct frame at = { "toolchain", up->name, NULL };
		struct reader inner = { rd->p, rd->err, &at };
		struct lstr extends = up->extends;

		names[n] = up->name;
		up = project_toolchain(rd->p, extends.s, rd->err);
		if (!up)
			return relocate(&inner, extends, NULL);
		if (up == t)
			return cycle_err(rd, "toolchain",
					 &(struct ynode){ .line = extends.line, .col = extends.col }, names, n + 1);
	}
	return 0;
}

int toolchains_read(struct reader *rd, const struct ynode *section)
{
	const struct key *k = keys_find(&keys_root, "toolchains");
	size_t builtin = ARRAY_LEN(builtin_toolchains), n = section ? section->len : 0;
	struct project *p = rd->p;

	p->toolchains = arena_alloc(&p->arena, (builtin + n) * sizeof(struct toolchain_def *));
	for (size_t i = 0; i < builtin; i++) {
		p->toolchains[i] = arena_new(&p->arena, struct toolchain_def);
		p->toolchains[i]->name = builtin_toolchains[i];
	}
	p->ntoolchains = builtin;
	for (size_t i = 0; i < n; i++) {
		const struct ynode *name = section->keys[i];
		const struct frame at = { "toolchain", name->scalar, rd->at };
		struct reader inner = { p, rd->err, &at };
		struct toolchain_def *t;

		if (read_name(rd, k, name))
			return -1;
		for (size_t j = 0; j < builtin; j++)
			if (strcmp(builtin_toolchains[j], name->scalar) == 0) {
				read_err(&inner, name->line, name->col, NULL, "the name is built in");
				return err_hint(rd->err, "give it another name, and 'extends: %s'", name->scalar);
			}
		t = arena_new(&p->arena, struct toolchain_def);
		t->name = name->scalar;
		t->line = name->line;
		t->col = name->col;
		if (keys_read(&inner, &keys_toolchain, section->items[i], t))
			return -1;
		p->toolchains[p->ntoolchains++] = t;
	}
	for (size_t i = builtin; i < p->ntoolchains; i++)
		if (toolchain_extends(rd, p->toolchains[i]))
			return -1;
	return 0;
}
