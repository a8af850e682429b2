/* SPDX-License-Identifier: Apache-2.0 */
/* A .deb of anybody's: what is taken is a tree whose paths stay in it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "build/apt.h"
#include "build/deb.h"

struct bytes {
	const uint8_t *p;
	size_t n;
};

static ssize_t read_bytes(void *ctx, const void **p, struct err *err)
{
	struct bytes *b = ctx;
	size_t n = b->n < 1000 ? b->n : 1000;

	(void)err;
	*p = b->p;
	b->p += n;
	b->n -= n;
	return (ssize_t)n;
}

static void check(const struct tree *t)
{
	struct err err = ERR_INIT;

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *e = &t->ptr[i];

		if (tree_check_path(e->path, &err) < 0)
			BUG("a bad path was taken: %s", err.msg);
		if (e->type == TREE_FILE && e->size > DEB_MAX_BYTES)
			BUG("a file over the limit");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "x", "ca-certificates" };
	struct str rest = { (const char *)data, size }, stanza;

	for (size_t i = 0; i < 2; i++) {
		const struct deb_id id = { .name = names[i], .version = "1", .arch = "all" };
		CLEAN_DEB_TREE struct deb_tree t = { .bytes = 0 };
		struct bytes b = { data, size };
		struct err err = ERR_INIT;

		if (deb_unpack(&t, &id, read_bytes, &b, &err) == 0 && tree_finish(&t.tree, &err) == 0)
			check(&t.tree);
		else if (!err.msg[0])
			BUG("an error without a message");
	}
	while (apt_stanza_next(&rest, &stanza))
		if (apt_field(stanza, "Version").len > size)
			BUG("a field longer than all");
	return 0;
}
