/* SPDX-License-Identifier: Apache-2.0 */
#include "build/bases.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/apt.h"
#include "config/yaml.h"
#include "os/fs.h"

static const char *const roots[] = { [BASE_ROOT_NONE] = "none", [BASE_ROOT_STATIC] = "static",
				     [BASE_ROOT_USERS] = "users" };

static int bad(const struct yaml_doc *d, const struct ynode *n, const char *what, struct err *err)
{
	err_at(err, ERR_CONFIG, d->file, n ? n->line : 1, n ? n->col : 1, "%s", what);
	return err_hint(err, "install slsc again");
}

static const char *text_of(const struct ynode *map, const char *key)
{
	const struct ynode *n = ynode_get(map, key);

	return n && n->type == YNODE_SCALAR ? n->scalar : NULL;
}

static int read_list(const struct yaml_doc *d, const struct ynode *n, struct strs *out, struct err *err)
{
	if (n && n->type != YNODE_SEQ)
		return bad(d, n, "needs a list of packages", err);
	for (size_t i = 0; n && i < n->len; i++) {
		const struct ynode *item = n->items[i];
		CLEAN_FREE char *name = NULL;

		if (item->type != YNODE_SCALAR)
			return bad(d, item, "needs a package's name", err);
		name = xstrndup(item->scalar, strcspn(item->scalar, "="));
		if (!apt_check_name(name))
			return bad(d, item, "is no name of a Debian package", err);
		strs_add(out, item->scalar);
	}
	strs_sort(out);
	return 0;
}

static int read_applets(const struct yaml_doc *d, const struct ynode *n, struct strs *out, struct err *err)
{
	if (!n || n->type != YNODE_SEQ)
		return bad(d, n, "needs a list of applets", err);
	for (size_t i = 0; i < n->len; i++) {
		if (n->items[i]->type != YNODE_SCALAR || strchr(n->items[i]->scalar, '/'))
			return bad(d, n->items[i], "needs an applet's name", err);
		strs_add(out, n->items[i]->scalar);
	}
	return 0;
}

static int read_base(struct bases *b, const struct yaml_doc *d, const char *name, struct err *err)
{
	const char *summary = text_of(d->root, "summary"), *root = text_of(d->root, "root");
	const char *suite = text_of(d->root, "suite");
	struct named_base nb = { .name = arena_strdup(&b->arena, name) };
	size_t i = 0;

	while (root && i < ARRAY_LEN(roots) && strcmp(root, roots[i]) != 0)
		i++;
	if (!summary || !root || i == ARRAY_LEN(roots))
		return bad(d, d->root, "a base needs summary and root: none, static or users", err);
	nb.summary = arena_strdup(&b->arena, summary);
	nb.root = (enum base_root)i;
	nb.suite = suite ? arena_strdup(&b->arena, suite) : NULL;
	if (read_list(d, ynode_get(d->root, "packages"), &nb.packages, err) < 0) {
		strs_release(&nb.packages);
		return -1;
	}
	VEC_PUSH(b, nb);
	return 0;
}

static int read_file(struct bases *b, const char *dir, const char *file, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, file), *name = xstrndup(file, strlen(file) - strlen(".yaml"));
	struct yaml_doc d = { 0 };
	int ret = yaml_load(&d, path, path, err);

	if (ret == 0 && (!d.root || d.root->type != YNODE_MAP))
		ret = bad(&d, d.root, "needs a mapping", err);
	else if (ret == 0 && strcmp(name, "skip") == 0)
		ret = read_list(&d, ynode_get(d.root, "skip"), &b->skip, err);
	else if (ret == 0 && strcmp(name, "debug") == 0)
		ret = read_applets(&d, ynode_get(d.root, "applets"), &b->applets, err);
	else if (ret == 0)
		ret = read_base(b, &d, name, err);
	yaml_release(&d);
	return ret;
}

int bases_load(struct bases *b, const char *dir, struct err *err)
{
	CLEAN_FREE char *share = dirs_share(), *own = path_join(share, "bases");
	CLEAN_STRS struct strs names = { 0 };

	*b = (struct bases){ .len = 0 };
	if (!dir)
		dir = own;
	if (fs_list(dir, &names, err) < 0)
		return err_hint(err, "install slsc again");
	VEC_EACH(&names, n)
		if (ends_with(*n, ".yaml") && read_file(b, dir, *n, err) < 0) {
			bases_release(b);
			return -1;
		}
	return 0;
}

void bases_release(struct bases *b)
{
	VEC_EACH(b, nb)
		strs_release(&nb->packages);
	VEC_FREE(b);
	strs_release(&b->skip);
	strs_release(&b->applets);
	arena_release(&b->arena);
	*b = (struct bases){ .len = 0 };
}

const struct named_base *bases_find(const struct bases *b, const char *name)
{
	VEC_EACH(b, nb)
		if (strcmp(nb->name, name) == 0)
			return nb;
	return NULL;
}

int bases_parse(const struct bases *b, const char *text, struct base_variant *v, struct err *err)
{
	size_t n = strcspn(text, ":");
	CLEAN_FREE char *name = xstrndup(text, n);
	const char *variant = text[n] ? text + n + 1 : "";

	*v = (struct base_variant){ .base = bases_find(b, name) };
	if (!v->base)
		return 0;
	v->nonroot = strcmp(variant, "nonroot") == 0 || strcmp(variant, "debug-nonroot") == 0;
	v->debug = strcmp(variant, "debug") == 0 || strcmp(variant, "debug-nonroot") == 0;
	if (v->nonroot || v->debug || strcmp(variant, "latest") == 0 || !text[n])
		return 1;
	err_set(err, ERR_USAGE, "base '%s': there is no variant '%s'", name, variant);
	return err_hint(err, "choose one of: nonroot, debug, debug-nonroot");
}
