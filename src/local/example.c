/* SPDX-License-Identifier: Apache-2.0 */
#include "local/example.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/vec.h"
#include "os/fs.h"

#define FILE_MAX (1u << 20)

static char *path_of(const char *name)
{
	CLEAN_FREE char *share = dirs_share();

	return xasprintf("%s/events/%s.json", share, name);
}

static int by_name(const void *x, const void *y)
{
	const struct example *a = x, *b = y;

	return strcmp(a->name, b->name);
}

int examples_load(struct examples *e, struct err *err)
{
	CLEAN_FREE char *path = path_of("index");
	CLEAN_BUF struct buf text = BUF_INIT;
	json_error_t why;
	json_t *root, *summary;
	const char *name;

	*e = (struct examples){ .len = 0 };
	if (fs_read(path, FILE_MAX, &text, err) < 0)
		return err_hint(err, "install slsc again");
	root = json_loadb(text.ptr, text.len, 0, &why);
	if (!json_is_object(root)) {
		json_decref(root);
		err_at(err, ERR_FORMAT, path, 0, 0, "is no list of events");
		return err_hint(err, "install slsc again");
	}
	json_object_foreach(root, name, summary) {
		const char *s = json_string_value(summary);

		VEC_PUSH(e, ((struct example){ xstrdup(name), xstrdup(s ? s : "") }));
	}
	json_decref(root);
	if (e->len)
		qsort(e->ptr, e->len, sizeof(*e->ptr), by_name);
	return 0;
}

void examples_release(struct examples *e)
{
	VEC_EACH(e, x) {
		free(x->name);
		free(x->summary);
	}
	VEC_FREE(e);
}

static int unknown(const struct examples *e, const char *name, struct err *err)
{
	VEC(const char *) names = { .len = 0 };
	CLEAN_BUF struct buf all = BUF_INIT;
	const char *near;

	VEC_EACH(e, x) {
		VEC_PUSH(&names, x->name);
		buf_addf(&all, "%s%s", all.len ? ", " : "", x->name);
	}
	near = str_closest(name, names.ptr, names.len);
	VEC_FREE(&names);
	err_set(err, ERR_NOTFOUND, "there is no example event '%s'", name);
	if (near)
		return err_hint(err, "did you mean '%s'?", near);
	return err_hint(err, "there are: %s", all.ptr);
}

int example_read(const char *name, struct buf *out, struct err *err)
{
	CLEAN_EXAMPLES struct examples e;
	CLEAN_FREE char *path = NULL;

	if (examples_load(&e, err) < 0)
		return -1;
	VEC_EACH(&e, x)
		if (strcmp(x->name, name) == 0)
			path = path_of(name);
	return path ? fs_read(path, FILE_MAX, out, err) : unknown(&e, name, err);
}
