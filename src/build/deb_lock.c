/* SPDX-License-Identifier: Apache-2.0 */
#include "build/deb_lock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/lock.h"

#define SECTION	 "packages"
#define MAX_SETS 256u

void deb_lock_release(struct deb_lock *l)
{
	VEC_EACH(l, s)
		for (int a = 0; a < ARCH_COUNT; a++)
			VEC_FREE(&s->arch[a]);
	VEC_FREE(l);
	arena_release(&l->arena);
	*l = (struct deb_lock){ .len = 0 };
}

struct deb_set *deb_lock_find(const struct deb_lock *l, const char *key)
{
	VEC_EACH(l, s)
		if (strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

static int by_key(const void *a, const void *b)
{
	const struct deb_set *x = a, *y = b;

	return strcmp(x->key, y->key);
}

struct deb_set *deb_lock_add(struct deb_lock *l, const char *key)
{
	struct deb_set *s = deb_lock_find(l, key);

	if (s)
		return s;
	VEC_PUSH(l, ((struct deb_set){ .key = arena_strdup(&l->arena, key), .request = "" }));
	qsort(l->ptr, l->len, sizeof(*l->ptr), by_key);
	return deb_lock_find(l, key);
}

static int bad(const struct ynode *n, const char *what, struct err *err)
{
	err_at(err, ERR_CONFIG, "slsc.lock", n->line, n->col, "%s", what);
	return err_hint(err, "restore it from version control, or run `slsc base update`");
}

/* A path below a mirror, that stays there. */
static bool good_path(const char *s)
{
	return *s && *s != '/' && !strstr(s, "..") && !strstr(s, "//") && strlen(s) < 512 &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+~:%-")] == '\0';
}

static bool good_version(const char *s)
{
	return *s && strlen(s) < 128 &&
	       s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+~:-")] == '\0';
}

static int read_package(struct deb_lock *l, const struct ynode *n, enum arch arch, struct apt_packages *out,
			struct err *err)
{
	const char *name = lock_scalar(n, "name"), *version = lock_scalar(n, "version"), *a = lock_scalar(n, "arch");
	const char *sum = lock_scalar(n, "sha256"), *size = lock_scalar(n, "size"), *path = lock_scalar(n, "path");
	const char *suite = lock_scalar(n, "suite"), *date = lock_scalar(n, "date"), *snap = lock_scalar(n, "snapshot");
	CLEAN_FREE char *digest = xasprintf("sha256:%s", sum ? sum : "");
	struct apt_package p = { 0 };

	if (n->type != YNODE_MAP || !name || !version || !a || !path || !size)
		return bad(n, "a package needs name, version, arch, sha256, size and path", err);
	if (!apt_check_name(name) || !good_version(version) || !good_path(path) ||
	    (strcmp(a, "all") != 0 && strcmp(a, arch_oci(arch)) != 0))
		return bad(n, "a package with a name, version, arch or path that cannot be", err);
	if (str_parse_u64(str_from(size), &p.size) < 0 || !p.size || p.size > APT_MAX_SIZE)
		return bad(n, "a package with a size that cannot be", err);
	if (digest_parse(digest, &p.sha256, err) < 0)
		return bad(n, "a package without a valid sha256", err);
	p.name = arena_strdup(&l->arena, name);
	p.version = arena_strdup(&l->arena, version);
	p.arch = arena_strdup(&l->arena, a);
	p.path = arena_strdup(&l->arena, path);
	p.suite = arena_strdup(&l->arena, suite ? suite : "");
	p.date = arena_strdup(&l->arena, date ? date : "");
	p.snapshot = arena_strdup(&l->arena, snap ? snap : "");
	if (out->len && strcmp(out->ptr[out->len - 1].name, name) >= 0)
		return bad(n, "a package that is there twice, or not in order", err);
	VEC_PUSH(out, p);
	return 0;
}

static int read_set(struct deb_lock *l, const struct ynode *key, const struct ynode *n, struct err *err)
{
	const char *request = n->type == YNODE_MAP ? lock_scalar(n, "request") : NULL;
	struct deb_set *s;

	if (!request || l->len >= MAX_SETS)
		return bad(key, "packages need request and a list for each architecture", err);
	s = deb_lock_add(l, key->scalar);
	s->request = arena_strdup(&l->arena, request);
	for (int a = 0; a < ARCH_COUNT; a++) {
		const struct ynode *list = ynode_get(n, arch_oci((enum arch)a));

		if (!list)
			continue;
		if (list->type != YNODE_SEQ || list->len > APT_MAX_PACKAGES)
			return bad(list, "needs a list of packages", err);
		for (size_t i = 0; i < list->len; i++)
			if (read_package(l, list->items[i], (enum arch)a, &s->arch[a], err) < 0)
				return -1;
		s->has[a] = true;
	}
	return 0;
}

int deb_lock_read(struct deb_lock *l, const char *path, struct err *err)
{
	const struct ynode *section;
	struct yaml_doc doc;
	int ret;

	*l = (struct deb_lock){ .len = 0 };
	ret = lock_read(&doc, path, err);
	section = ret == 0 ? lock_section(&doc, SECTION) : NULL;
	for (size_t i = 0; ret == 0 && section && i < section->len; i++)
		ret = read_set(l, section->keys[i], section->items[i], err);
	yaml_release(&doc);
	if (ret < 0)
		deb_lock_release(l);
	return ret;
}

static void add(struct buf *b, const char *key, const char *value)
{
	if (!*value)
		return;
	buf_addf(b, ", %s: ", key);
	buf_add_json(b, str_from(value));
}

static void write_package(struct buf *b, const struct apt_package *p)
{
	buf_addz(b, "      - {name: ");
	buf_add_json(b, str_from(p->name));
	add(b, "version", p->version);
	add(b, "arch", p->arch);
	add(b, "sha256", digest_hex(&p->sha256));
	buf_addf(b, ", size: %" PRIu64, p->size);
	add(b, "suite", p->suite);
	add(b, "date", p->date);
	add(b, "snapshot", p->snapshot);
	add(b, "path", p->path);
	buf_addz(b, "}\n");
}

int deb_lock_write(const struct deb_lock *l, const char *path, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	VEC_EACH(l, s) {
		buf_addz(&b, "  ");
		buf_add_json(&b, str_from(s->key));
		buf_addz(&b, ":\n    request: ");
		buf_add_json(&b, str_from(s->request));
		buf_addc(&b, '\n');
		for (int a = 0; a < ARCH_COUNT; a++) {
			if (!s->has[a])
				continue;
			buf_addf(&b, "    %s:%s\n", arch_oci((enum arch)a), s->arch[a].len ? "" : " []");
			VEC_EACH(&s->arch[a], p)
				write_package(&b, p);
		}
	}
	return lock_write(path, SECTION, buf_str(&b), err);
}

int deb_lock_drop(const char *path, const struct strs *keys, struct err *err)
{
	CLEAN_DEB_LOCK struct deb_lock l = { .len = 0 };
	size_t n = 0;

	if (deb_lock_read(&l, path, err) < 0)
		return -1;
	for (size_t i = 0; i < l.len; i++) {
		bool dropped = false;

		VEC_EACH(keys, k)
			dropped = dropped || strcmp(*k, l.ptr[i].key) == 0;
		if (!dropped) {
			l.ptr[n++] = l.ptr[i];
			continue;
		}
		for (int a = 0; a < ARCH_COUNT; a++)
			VEC_FREE(&l.ptr[i].arch[a]);
	}
	l.len = n;
	return deb_lock_write(&l, path, err);
}
