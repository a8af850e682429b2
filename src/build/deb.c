/* SPDX-License-Identifier: Apache-2.0 */
#include "build/deb.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/apt.h"
#include "os/fs.h"
#include "os/proc.h"

#define STATUS_D "var/lib/dpkg/status.d"
#define BUNDLE "etc/ssl/certs/ca-certificates.crt"

void deb_tree_release(struct deb_tree *t)
{
	tree_release(&t->tree);
	map_release(&t->seen);
	*t = (struct deb_tree){ .bytes = 0 };
}

/** A certificate on its way into the bundle. */
struct cert {
	char *path;
	struct buf pem;
};

/** One package being read. */
struct reader {
	struct deb_tree *t;
	const struct deb_id *id;
	struct buf control, sums;
	struct map kept;		/* paths as the package has them, of files that stayed */
	struct unar *outer;
	bool certs;			/* it is ca-certificates */
	VEC(struct cert) bundle;
	uint64_t bytes, entries;
	bool has_control, has_data;
};

static void reader_release(struct reader *r)
{
	buf_release(&r->control);
	buf_release(&r->sums);
	map_release(&r->kept);
	VEC_EACH(&r->bundle, c) {
		free(c->path);
		buf_release(&c->pem);
	}
	VEC_FREE(&r->bundle);
	unar_free(r->outer);
}

/* ---- which paths ---- */

static bool below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

char *deb_path(const char *path)
{
	static const char *const moved[] = { "bin", "sbin", "lib", "lib32", "lib64", "libx32", "libo32" };
	static const char *const dropped[] = { "usr/share/man",	    "usr/share/info", "usr/share/locale",
					       "usr/share/lintian", "usr/share/bug",  "usr/share/doc-base" };
	const char *doc = below(path, "usr/share/doc") ? path + strlen("usr/share/doc") : NULL;

	for (size_t i = 0; i < ARRAY_LEN(moved); i++)
		if (below(path, moved[i]))
			return xasprintf("usr/%s", path);
	for (size_t i = 0; i < ARRAY_LEN(dropped); i++)
		if (below(path, dropped[i]))
			return NULL;
	if (doc) {
		const char *file = *doc ? strchr(doc + 1, '/') : NULL;

		/* usr/share/doc/NAME itself may be a symlink to where the copyright file is */
		if (!*doc || (file && strcmp(file, "/copyright") != 0))
			return NULL;
	}
	return xstrdup(path);
}

/* What deb_path() keeps of documentation is for its files; empty directories of it are not needed. */
static bool wanted(const struct reader *r, const struct unar_entry *e, const char *to)
{
	if (e->type == UNAR_DIR && below(to, "usr/share/doc"))
		return false;
	/* the links of a merged system are its base's */
	if (e->type == UNAR_SYMLINK && starts_with(to, "usr/") && strcmp(to + 4, e->path) == 0 && !strchr(e->path, '/'))
		return false;
	if (r->certs && !below(to, "usr/share/doc") && !below(to, "etc/ssl"))
		return false;
	return true;
}

static bool is_cert(const struct reader *r, const struct unar_entry *e)
{
	return r->certs && e->type == UNAR_FILE && below(e->path, "usr/share/ca-certificates") &&
	       ends_with(e->path, ".crt");
}

/* ---- entries ---- */

static int take(struct reader *r, const struct unar_entry *e, struct err *err)
{
	r->entries++;
	if (r->entries > DEB_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "limit exceeded: the most is %u entries", DEB_MAX_ENTRIES);
	if (e->type != UNAR_FILE)
		return 0;
	if (e->size > DEB_MAX_BYTES || r->t->bytes + e->size > DEB_MAX_BYTES) {
		char most[32];

		return err_set(err, ERR_LIMIT, "%s: limit exceeded: files of more than %s", e->path,
			       str_human_size(DEB_MAX_BYTES, most, sizeof(most)));
	}
	r->t->bytes += e->size;
	return 0;
}

static int read_all(struct unar *u, uint64_t size, char *to, struct err *err)
{
	uint64_t got = 0;
	const void *p;
	size_t n;
	int ret;

	while ((ret = unar_data(u, &p, &n, err)) > 0) {
		if (n > size - got)
			return err_set(err, ERR_FORMAT, "more bytes than its header says");
		memcpy(to + got, p, n);
		got += n;
	}
	if (ret < 0)
		return -1;
	return got == size ? 0 : err_set(err, ERR_FORMAT, "fewer bytes than its header says");
}

static int read_buf(struct unar *u, const struct unar_entry *e, uint64_t limit, struct buf *out, struct err *err)
{
	if (e->size > limit)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: the most is %llu bytes", e->path,
			       (unsigned long long)limit);
	buf_reset(out);
	buf_reserve(out, e->size + 1);
	if (read_all(u, e->size, out->ptr, err) < 0)
		return err_wrap(err, "%s", e->path);
	out->len = e->size;
	out->ptr[out->len] = '\0';
	return 0;
}

/* A path that is there: only a directory may come again, and what it says last counts. */
static int again(struct reader *r, const struct unar_entry *e, const char *to, struct err *err)
{
	size_t at = (size_t)(uintptr_t)map_get(&r->t->seen, to);
	struct tree_entry *old = &r->t->tree.ptr[at - 1];

	if (e->type != UNAR_DIR || old->type != TREE_DIR)
		return err_set(err, ERR_EXISTS, "%s: is there twice%s%s", e->path, old->origin ? ", also in " : "",
			       old->origin ? old->origin : "");
	old->mode = e->mode & 07777;
	old->uid = e->uid;
	old->gid = e->gid;
	return 0;
}

static int add_hardlink(struct reader *r, const struct unar_entry *e, const char *to, struct err *err)
{
	struct tree *t = &r->t->tree;
	CLEAN_FREE char *target = NULL;
	const char *name = e->target;
	const struct tree_entry *src;
	size_t at;

	if (starts_with(name, "./"))
		name += 2;
	if (tree_check_path(name, err) < 0)
		return err_wrap(err, "%s: a hard link", e->path);
	target = deb_path(name);
	at = target ? (size_t)(uintptr_t)map_get(&r->t->seen, target) : 0;
	src = at ? &t->ptr[at - 1] : NULL;
	if (!src || src->type != TREE_FILE)
		return err_set(err, ERR_FORMAT, "%s: a hard link to %s, which is no file before it", e->path, name);
	r->t->bytes += src->size;
	if (r->t->bytes > DEB_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: too many bytes in hard links", e->path);
	return tree_add_data(t, to, src->data, src->size, src->mode, src->uid, src->gid, err);
}

static int add_file(struct reader *r, struct unar *u, const struct unar_entry *e, const char *to, struct err *err)
{
	char *data = arena_alloc(&r->t->tree.arena, e->size + 1);

	if (read_all(u, e->size, data, err) < 0)
		return err_wrap(err, "%s", e->path);
	return tree_add_data(&r->t->tree, to, data, e->size, e->mode, e->uid, e->gid, err);
}

static int add_cert(struct reader *r, struct unar *u, const struct unar_entry *e, struct err *err)
{
	struct cert c = { .pem = BUF_INIT };

	if (read_buf(u, e, DEB_MAX_CONTROL, &c.pem, err) < 0) {
		buf_release(&c.pem);
		return -1;
	}
	c.path = xstrdup(e->path);
	VEC_PUSH(&r->bundle, c);
	return 0;
}

static int add_entry(struct reader *r, struct unar *u, const struct unar_entry *e, struct err *err)
{
	static const char *const kinds[] = { [UNAR_CHAR] = "a device", [UNAR_BLOCK] = "a device",
					     [UNAR_FIFO] = "a fifo", [UNAR_SOCKET] = "a socket" };
	struct tree *t = &r->t->tree;
	CLEAN_FREE char *to = NULL;
	int ret = -1;

	if (!*e->path && e->type == UNAR_DIR)
		return 0;
	/* before anything is left out: a path that is bad is bad, wherever it would go */
	if (tree_check_path(e->path, err) < 0 || take(r, e, err) < 0)
		return -1;
	if (e->type >= UNAR_CHAR)
		return err_set(err, ERR_FORMAT, "%s: %s, which no image needs from a package", e->path, kinds[e->type]);
	if (is_cert(r, e))
		return add_cert(r, u, e, err);
	to = deb_path(e->path);
	if (!to || !wanted(r, e, to))
		return 0;
	if (below(to, STATUS_D) && e->type != UNAR_DIR)
		return err_set(err, ERR_FORMAT, "%s: is a place for what slsc knows of packages", e->path);
	if (map_has(&r->t->seen, to))
		return again(r, e, to, err);
	switch (e->type) {
	case UNAR_FILE:
		ret = add_file(r, u, e, to, err);
		break;
	case UNAR_DIR:
		ret = tree_add_dir(t, to, e->mode, e->uid, e->gid, err);
		break;
	case UNAR_SYMLINK:
		ret = tree_add_link(t, to, e->target, err);
		break;
	case UNAR_HARDLINK:
		ret = add_hardlink(r, e, to, err);
		break;
	default:
		BUG("an entry of type %d", (int)e->type);
	}
	if (ret < 0)
		return -1;
	map_put(&r->t->seen, to, (void *)(uintptr_t)t->len);
	map_put(&r->kept, e->path, r);
	return 0;
}

/* ---- members ---- */

static ssize_t member_read(void *ctx, const void **p, struct err *err)
{
	struct reader *r = ctx;
	size_t n = 0;
	int ret = unar_data(r->outer, p, &n, err);

	return ret < 0 ? -1 : ret == 0 ? 0 : (ssize_t)n;
}

static int check_field(const struct reader *r, const char *field, const char *want, struct err *err)
{
	struct str got = apt_field(buf_str(&r->control), field);

	if (str_eqz(got, want))
		return 0;
	return err_set(err, ERR_VERIFY, "its control file says %s: " STR_FMT ", expected %s", field,
		       got.len > 100 ? 100 : (int)got.len, got.ptr, want);
}

static int read_control(struct reader *r, struct unar *u, struct err *err)
{
	struct unar_entry e;
	int ret;

	while ((ret = unar_next(u, &e, err)) > 0) {
		struct buf *to = strcmp(e.path, "control") == 0 ? &r->control :
				 strcmp(e.path, "md5sums") == 0 ? &r->sums : NULL;

		if (to && e.type == UNAR_FILE && read_buf(u, &e, DEB_MAX_CONTROL, to, err) < 0)
			return -1;
	}
	if (ret < 0)
		return -1;
	if (!r->control.len || !str_is_utf8(buf_str(&r->control)))
		return err_set(err, ERR_FORMAT, "no control file, or one that is not UTF-8");
	if (check_field(r, "Package", r->id->name, err) < 0 || check_field(r, "Version", r->id->version, err) < 0 ||
	    check_field(r, "Architecture", r->id->arch, err) < 0)
		return -1;
	if (r->control.ptr[r->control.len - 1] != '\n')
		buf_addc(&r->control, '\n');
	return 0;
}

static int read_data(struct reader *r, struct unar *u, struct err *err)
{
	struct unar_entry e;
	int ret;

	while ((ret = unar_next(u, &e, err)) > 0)
		if (sig_check(err) < 0 || add_entry(r, u, &e, err) < 0)
			return -1;
	return ret;
}

static int read_member(struct reader *r, const char *name, int (*fn)(struct reader *, struct unar *, struct err *),
		       struct err *err)
{
	const struct unar_limits limits = { .bytes = DEB_MAX_BYTES * 2, .entries = DEB_MAX_ENTRIES };
	struct unar *inner = unar_open(UNAR_TAR, name, member_read, r, &limits, err);
	int ret = inner ? fn(r, inner, err) : -1;

	unar_free(inner);
	return ret;
}

/* deb(5): debian-binary, control.tar[.x], data.tar[.x], in this order; others begin with _ and are passed over. */
static int read_members(struct reader *r, struct err *err)
{
	struct unar_entry e;
	int ret;

	while ((ret = unar_next(r->outer, &e, err)) > 0) {
		CLEAN_FREE char *name = xstrdup(e.path);

		if (starts_with(name, "control.tar") && !r->has_control) {
			if (read_member(r, name, read_control, err) < 0)
				return -1;
			r->has_control = true;
		} else if (starts_with(name, "data.tar") && r->has_control && !r->has_data) {
			if (read_member(r, name, read_data, err) < 0)
				return -1;
			r->has_data = true;
		} else if (strcmp(name, "debian-binary") != 0 && *name != '_') {
			return err_set(err, ERR_FORMAT, "member %.60s is not expected here", name);
		}
	}
	if (ret < 0)
		return -1;
	return r->has_data ? 0 : err_set(err, ERR_FORMAT, "no Debian package: control.tar or data.tar is missing");
}

/* ---- what slsc adds ---- */

static int add_own(struct reader *r, const char *path, const struct buf *b, struct err *err)
{
	struct tree *t = &r->t->tree;
	char *data = arena_alloc(&t->arena, b->len + 1);

	if (map_has(&r->t->seen, path))
		return err_set(err, ERR_EXISTS, "%s: is there twice", path);
	memcpy(data, b->ptr, b->len);
	if (tree_add_data(t, path, data, b->len, 0644, 0, 0, err) < 0)
		return -1;
	map_put(&r->t->seen, path, (void *)(uintptr_t)t->len);
	return 0;
}

/* "<32 hex digits>  usr/bin/x": those of files that stayed. */
static void filter_sums(const struct reader *r, struct buf *out)
{
	struct str rest = buf_str(&r->sums);

	while (rest.len) {
		struct str line = rest;
		CLEAN_FREE char *path = NULL;

		rest = str_cut(&line, '\n');
		if (line.len <= 34)
			continue;
		path = xstrndup(line.ptr + 34, line.len - 34);
		if (!map_has(&r->kept, path))
			continue;
		buf_adds(out, line);
		buf_addc(out, '\n');
	}
}

static int by_path(const void *a, const void *b)
{
	const struct cert *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int add_bundle(struct reader *r, struct err *err)
{
	CLEAN_BUF struct buf all = BUF_INIT;

	if (!r->bundle.len)
		return err_set(err, ERR_FORMAT, "no certificates in it");
	qsort(r->bundle.ptr, r->bundle.len, sizeof(*r->bundle.ptr), by_path);
	VEC_EACH(&r->bundle, c) {
		buf_adds(&all, buf_str(&c->pem));
		if (all.len && all.ptr[all.len - 1] != '\n')
			buf_addc(&all, '\n');
	}
	return add_own(r, BUNDLE, &all, err);
}

static int finish(struct reader *r, struct err *err)
{
	CLEAN_FREE char *status = xasprintf(STATUS_D "/%s", r->id->name);
	CLEAN_FREE char *sums = xasprintf(STATUS_D "/%s.md5sums", r->id->name);
	CLEAN_BUF struct buf kept = BUF_INIT;

	if (r->certs && add_bundle(r, err) < 0)
		return -1;
	filter_sums(r, &kept);
	if (add_own(r, status, &r->control, err) < 0)
		return -1;
	return r->sums.len ? add_own(r, sums, &kept, err) : 0;
}

int deb_unpack(struct deb_tree *t, const struct deb_id *id, unar_read_fn read, void *ctx, struct err *err)
{
	CLEANUP(reader_release) struct reader r = { .t = t, .id = id, .control = BUF_INIT, .sums = BUF_INIT,
						    .certs = strcmp(id->name, "ca-certificates") == 0 };
	const struct unar_limits limits = { .bytes = DEB_MAX_BYTES * 2, .entries = 64 };
	CLEAN_FREE char *shown = xasprintf("package %s %s", id->name, id->version);

	t->tree.origin = arena_strdup(&t->tree.arena, shown);
	r.outer = unar_open(UNAR_AR, shown, read, ctx, &limits, err);
	if (!r.outer)
		return -1;
	if (read_members(&r, err) < 0 || finish(&r, err) < 0) {
		if (err->code != ERR_INTR && !starts_with(err->msg, shown))
			err_wrap(err, "%s", shown);
		return -1;
	}
	t->tree.origin = NULL;
	return 0;
}

int deb_unpack_file(struct deb_tree *t, const struct deb_id *id, const char *path, struct err *err)
{
	struct unar_file f;
	int ret;

	if (unar_file_open(&f, path, err) < 0)
		return -1;
	ret = deb_unpack(t, id, unar_file_read, &f, err);
	unar_file_close(&f);
	return ret;
}
