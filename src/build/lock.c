/* SPDX-License-Identifier: Apache-2.0 */
#include "build/lock.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "os/fs.h"

#define SHOWN "slsc.lock"
#define HEADER \
	"# Written by slsc: what names stood for when they were locked. Keep it under version control.\n" \
	"version: 1\n"
#define RESTORE "restore it from version control, or delete it to lock the dependencies anew"

struct section {
	const char *name;
	struct str text;	/* with its own line */
};

char *lock_path(const struct project *p)
{
	return path_join(p->dir, SHOWN);
}

const char *lock_scalar(const struct ynode *map, const char *key)
{
	const struct ynode *n = ynode_get(map, key);

	return n && n->type == YNODE_SCALAR ? n->scalar : NULL;
}

int lock_read(struct yaml_doc *doc, const char *path, struct err *err)
{
	const char *version;

	*doc = (struct yaml_doc){ .root = NULL };
	if (!fs_exists(path))
		return 0;
	if (yaml_load(doc, path, SHOWN, err) < 0)
		return err->code == ERR_CONFIG || err->code == ERR_LIMIT ? err_hint(err, RESTORE) : -1;
	if (!doc->root || doc->root->type != YNODE_MAP) {
		err_at(err, ERR_CONFIG, SHOWN, 1, 1, "not a lock file");
		return err_hint(err, RESTORE);
	}
	version = lock_scalar(doc->root, "version");
	if (!version || strcmp(version, "1") != 0) {
		err_at(err, ERR_CONFIG, SHOWN, doc->root->line, doc->root->col, "version %s is not known",
		       version ? version : "(none)");
		return err_hint(err, "it was written by a newer slsc; update slsc");
	}
	return 0;
}

const struct ynode *lock_section(const struct yaml_doc *doc, const char *name)
{
	const struct ynode *n = doc->root ? ynode_get(doc->root, name) : NULL;

	return n && n->type == YNODE_MAP ? n : NULL;
}

/* From line @from (1-based) up to line @to, or the end if that is 0. */
static struct str lines(struct str text, unsigned from, unsigned to)
{
	struct str rest = text;
	const char *start;

	for (unsigned i = 1; i < from; i++) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
	}
	start = rest.ptr;
	if (!to)
		return (struct str){ start, (size_t)(text.ptr + text.len - start) };
	for (unsigned i = from; i < to; i++) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
	}
	return (struct str){ start, (size_t)((rest.len ? rest.ptr : text.ptr + text.len) - start) };
}

static int by_name(const void *a, const void *b)
{
	const struct section *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* The text of each section but @name; they begin at the first column of a line of their own, as we write them. */
static int split(const struct yaml_doc *doc, struct str text, const char *name, struct section *out, size_t *n,
		 struct err *err)
{
	const struct ynode *root = doc->root;

	for (size_t i = 0; root && i < root->len; i++) {
		const struct ynode *key = root->keys[i];
		const unsigned next = i + 1 < root->len ? root->keys[i + 1]->line : 0;

		if (key->col != 1 || next == key->line) {
			err_at(err, ERR_CONFIG, SHOWN, key->line, key->col, "'%s' does not begin a line", key->scalar);
			return err_hint(err, RESTORE);
		}
		if (strcmp(key->scalar, "version") != 0 && strcmp(key->scalar, name) != 0)
			out[(*n)++] = (struct section){ .name = key->scalar, .text = lines(text, key->line, next) };
	}
	return 0;
}

int lock_write(const char *path, const char *name, struct str body, struct err *err)
{
	CLEAN_BUF struct buf old = BUF_INIT, own = BUF_INIT, b = BUF_INIT;
	CLEAN_FREE struct section *sections = NULL;
	struct yaml_doc doc;
	size_t n = 0;
	int r = lock_read(&doc, path, err);

	if (r == 0 && doc.root)
		r = fs_read(path, YAML_MAX_BYTES, &old, err);
	sections = xcalloc((doc.root ? doc.root->len : 0) + 1, sizeof(*sections));
	if (r == 0)
		r = split(&doc, buf_str(&old), name, sections, &n, err);
	if (r == 0 && body.len) {
		buf_addf(&own, "%s:\n", name);
		buf_adds(&own, body);
		sections[n++] = (struct section){ .name = name, .text = buf_str(&own) };
	}
	if (r == 0) {
		qsort(sections, n, sizeof(*sections), by_name);
		buf_addz(&b, HEADER);
		for (size_t i = 0; i < n; i++) {
			buf_adds(&b, sections[i].text);
			if (!str_ends(sections[i].text, "\n"))
				buf_addc(&b, '\n');
		}
		r = fs_write_if_changed(path, buf_str(&b), 0644, NULL, err);
	}
	yaml_release(&doc);
	return r;
}
