/* SPDX-License-Identifier: Apache-2.0 */
#include "report/claims.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "config/yaml.h"
#include "os/fs.h"

static const struct {
	const char *name;
	const char *figures[5]; /* NULL at the end; no more than claim_row.text has */
	const char *rows[8];	/* all there are; none: anything */
	const char *hint;
} tables[CLAIMS_TABLES] = {
	[CLAIMS_COMPARE] = { "compare", { "start", "size", "layers" }, { NULL }, NULL },
	[CLAIMS_TUNE] = { "tune", { "p99 spread", "mean pause" }, { NULL }, "workers/retention, such as 4/100" },
	[CLAIMS_SCALE] = { "scale",
			   { "memory", "p99", "scale-out", "cost" },
			   { "fixed", "cpu", "command", "forecast last", "forecast holt-winters", "forecast ar",
			     "forecast lstm" },
			   "a policy as the table has it, such as cpu or forecast lstm" },
};

static int wrong(const struct claims *c, const struct ynode *n, struct err *err, const char *what, const char *name)
{
	return err_at(err, ERR_CONFIG, c->file, n->line, n->col, "%s '%.80s'", what, name);
}

static int unknown(const struct claims *c, const struct ynode *key, const char *const *names, size_t n, struct err *err)
{
	const char *near = str_closest(key->scalar, names, n);

	wrong(c, key, err, "unknown key", key->scalar);
	return near ? err_hint(err, "did you mean '%s'?", near) : -1;
}

static size_t count(const char *const *names)
{
	size_t n = 0;

	while (names[n])
		n++;
	return n;
}

static size_t place_of(const char *name, const char *const *names)
{
	size_t i = 0;

	while (names[i] && strcmp(names[i], name) != 0)
		i++;
	return i;
}

static int map_of(const struct claims *c, const struct ynode *n, const char *name, struct err *err)
{
	if (n->type == YNODE_MAP)
		return 0;
	return err_at(err, ERR_CONFIG, c->file, n->line, n->col, "'%.80s' is %s, not a mapping", name, ynode_kind(n));
}

static int text_of(struct claims *c, const struct ynode *n, const char *name, const char **out, struct err *err)
{
	if (n->type != YNODE_SCALAR || !*n->scalar || strlen(n->scalar) > CLAIMS_TEXT ||
	    (n->plain && scalar_kind(n->scalar) == SCALAR_NULL)) {
		wrong(c, n, err, "no claim for", name);
		return err_hint(err, "a text of up to %u bytes, such as 3 to 8 ms; what is not claimed is left out",
				CLAIMS_TEXT);
	}
	*out = arena_strdup(&c->arena, n->scalar);
	return 0;
}

/* "4/100" */
static bool is_setting(const char *s)
{
	const size_t workers = strspn(s, "0123456789");
	const char *retention = s + workers + 1;

	return workers && workers < 6 && s[workers] == '/' && *retention && strlen(retention) < 4 &&
	       strspn(retention, "0123456789") == strlen(retention);
}

static int read_row(struct claims *c, enum claims_table table, const struct ynode *key, const struct ynode *n,
		    struct err *err)
{
	const char *const *figures = tables[table].figures, *const *rows = tables[table].rows;
	const char *name = key->scalar;
	struct claim_row *row;

	if ((table == CLAIMS_TUNE && !is_setting(name)) || (rows[0] && !rows[place_of(name, rows)])) {
		wrong(c, key, err, "unknown row", name);
		return err_hint(err, "%s", tables[table].hint);
	}
	if (map_of(c, n, name, err) < 0)
		return -1;
	if (c->len == CLAIMS_ROWS)
		return err_at(err, ERR_LIMIT, c->file, key->line, key->col, "limit exceeded: more than %u rows",
			      CLAIMS_ROWS);
	row = &c->row[c->len++];
	*row = (struct claim_row){ .table = table, .name = arena_strdup(&c->arena, name) };
	for (size_t i = 0; i < n->len; i++) {
		const size_t k = place_of(n->keys[i]->scalar, figures);

		if (!figures[k])
			return unknown(c, n->keys[i], figures, count(figures), err);
		if (text_of(c, n->items[i], figures[k], &row->text[k], err) < 0)
			return -1;
	}
	return 0;
}

static int read_root(struct claims *c, const struct ynode *root, struct err *err)
{
	const char *names[CLAIMS_TABLES + 2] = { [CLAIMS_TABLES] = "source" };

	for (size_t i = 0; i < CLAIMS_TABLES; i++)
		names[i] = tables[i].name;
	if (!root)
		return err_at(err, ERR_CONFIG, c->file, 1, 1, "no claims in it");
	if (map_of(c, root, "claims", err) < 0)
		return -1;
	for (size_t i = 0; i < root->len; i++) {
		const struct ynode *key = root->keys[i], *n = root->items[i];
		const size_t k = place_of(key->scalar, names);

		if (!names[k])
			return unknown(c, key, names, CLAIMS_TABLES + 1, err);
		if (k == CLAIMS_TABLES) {
			if (text_of(c, n, "source", &c->source, err) < 0)
				return -1;
			continue;
		}
		if (map_of(c, n, key->scalar, err) < 0)
			return -1;
		for (size_t row = 0; row < n->len; row++)
			if (read_row(c, (enum claims_table)k, n->keys[row], n->items[row], err) < 0)
				return -1;
	}
	if (!c->source) {
		err_at(err, ERR_CONFIG, c->file, root->line, root->col, "'source' is missing");
		return err_hint(err, "who claims it: source: the guide");
	}
	return 0;
}

static int finish(struct claims *c, struct yaml_doc *d, int parsed, struct err *err)
{
	int ret = -1;

	c->row = xcalloc(CLAIMS_ROWS, sizeof(*c->row));
	if (parsed == 0)
		ret = read_root(c, d->root, err);
	yaml_release(d);
	if (ret < 0)
		claims_release(c);
	return ret;
}

int claims_load(const char *path, struct claims *c, struct err *err)
{
	CLEAN_FREE char *share = dirs_share(), *own = path_join(share, "guide.yaml");
	struct yaml_doc d = { .file = NULL };
	int parsed;

	*c = (struct claims){ .file = NULL };
	c->file = arena_strdup(&c->arena, path ? path : own);
	parsed = yaml_load(&d, c->file, c->file, err);
	return finish(c, &d, parsed, err);
}

int claims_parse(const char *text, size_t n, const char *shown, struct claims *c, struct err *err)
{
	struct yaml_doc d = { .file = NULL };
	int parsed;

	*c = (struct claims){ .file = NULL };
	c->file = arena_strdup(&c->arena, shown);
	parsed = yaml_parse(&d, c->file, text, n, err);
	return finish(c, &d, parsed, err);
}

void claims_release(struct claims *c)
{
	free(c->row);
	arena_release(&c->arena);
	*c = (struct claims){ .file = NULL };
}

const char *claims_of(const struct claims *c, enum claims_table table, const char *row, const char *figure)
{
	const size_t k = place_of(figure, tables[table].figures);

	for (size_t i = 0; tables[table].figures[k] && i < c->len; i++)
		if (c->row[i].table == table && strcmp(c->row[i].name, row) == 0)
			return c->row[i].text[k];
	return NULL;
}

bool claims_any(const struct claims *c, enum claims_table table)
{
	for (size_t i = 0; i < c->len; i++)
		for (size_t k = 0; c->row[i].table == table && k < ARRAY_LEN(c->row[i].text); k++)
			if (c->row[i].text[k])
				return true;
	return false;
}
