/* SPDX-License-Identifier: Apache-2.0 */
#include "build/base_lock.h"

#include <string.h>

#include "base/mem.h"
#include "build/lock.h"
#include "oci/digest.h"

const char *base_lock_digest(const struct yaml_doc *lock, const char *name, struct err *err)
{
	const struct ynode *section = lock_section(lock, "base"), *n = section ? ynode_get(section, name) : NULL;
	const char *digest = n && n->type == YNODE_MAP ? lock_scalar(n, "digest") : NULL;
	struct digest d;

	if (!n)
		return "";
	if (digest && digest_parse(digest, &d, err) == 0)
		return digest;
	err_at(err, ERR_CONFIG, "slsc.lock", n->line, n->col, "base '%s' has no valid digest", name);
	err_hint(err, "restore slsc.lock, or remove the entry to lock the base anew");
	return NULL;
}

static void lock_entry(struct buf *b, const char *name, const char *digest)
{
	buf_addz(b, "  ");
	buf_add_json(b, str_from(name));
	buf_addf(b, ":\n    digest: %s\n", digest);
}

/* The section as it was, with one more entry; sorted, as all of them are. */
int base_lock_write(const char *path, const struct yaml_doc *lock, const char *name, const char *digest,
		    struct err *err)
{
	const struct ynode *section = lock_section(lock, "base");
	CLEAN_BUF struct buf body = BUF_INIT;
	bool done = false;

	for (size_t i = 0; section && i < section->len; i++) {
		const struct ynode *v = section->items[i];
		const char *old = v->type == YNODE_MAP ? lock_scalar(v, "digest") : NULL;

		if (!done && strcmp(section->keys[i]->scalar, name) > 0) {
			lock_entry(&body, name, digest);
			done = true;
		}
		if (old && strcmp(section->keys[i]->scalar, name) != 0)
			lock_entry(&body, section->keys[i]->scalar, old);
	}
	if (!done)
		lock_entry(&body, name, digest);
	return lock_write(path, "base", buf_str(&body), err);
}

int base_lock_names(const char *path, struct strs *out, struct err *err)
{
	struct yaml_doc lock;
	const struct ynode *section;
	int ret = lock_read(&lock, path, err);

	section = ret == 0 ? lock_section(&lock, "base") : NULL;
	for (size_t i = 0; section && i < section->len; i++)
		strs_add(out, section->keys[i]->scalar);
	yaml_release(&lock);
	return ret;
}

int base_lock_drop(const char *path, const struct strs *names, struct err *err)
{
	CLEAN_BUF struct buf body = BUF_INIT;
	const struct ynode *section;
	struct yaml_doc lock;
	int ret = lock_read(&lock, path, err);

	section = ret == 0 ? lock_section(&lock, "base") : NULL;
	for (size_t i = 0; section && i < section->len; i++) {
		const char *name = section->keys[i]->scalar, *digest = NULL;
		bool dropped = false;

		VEC_EACH(names, n)
			dropped = dropped || strcmp(*n, name) == 0;
		if (section->items[i]->type == YNODE_MAP)
			digest = lock_scalar(section->items[i], "digest");
		if (!dropped && digest)
			lock_entry(&body, name, digest);
	}
	if (section)
		ret = lock_write(path, "base", buf_str(&body), err);
	yaml_release(&lock);
	return ret;
}

/* What the tag is today, by its digest. */
static int lock_now(const char *path, const struct yaml_doc *lock, const char *name, struct origin *o, char **digest,
		    struct err *err)
{
	struct arena arena = ARENA_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	struct doc_descriptor d;
	int ret = o->ops->manifest(o, NULL, &text, &d, &arena, err);

	if (ret == 0)
		ret = base_lock_write(path, lock, name, d.digest.s, err);
	if (ret == 0)
		*digest = xstrdup(d.digest.s);
	arena_release(&arena);
	return ret;
}

int base_pin(const char *path, const char *name, struct origin *o, bool write, char **digest, struct err *err)
{
	struct yaml_doc lock;
	const char *known = NULL;
	int ret = lock_read(&lock, path, err);

	if (ret == 0) {
		known = base_lock_digest(&lock, name, err);
		ret = known ? 0 : -1;
	}
	if (ret == 0 && *known)
		*digest = xstrdup(known);
	else if (ret == 0 && write)
		ret = lock_now(path, &lock, name, o, digest, err);
	yaml_release(&lock);
	return ret;
}
