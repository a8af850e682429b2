/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define MAX_DEVICE 07777777u	/* what seven octal digits hold; the kernel's own limits are below it */

void tree_release(struct tree *t)
{
	free(t->ptr);
	arena_release(&t->arena);
	*t = (struct tree)TREE_INIT;
}

/* No control characters, no broken UTF-8, no more than fits. */
char *tree_shown(const char *s)
{
	struct buf b = BUF_INIT;
	struct str all = str_from(s);
	bool utf8 = str_is_utf8(all);
	size_t most = 160;

	if (all.len > most)	/* cut between characters */
		while (utf8 && most > 0 && ((unsigned char)s[most] & 0xc0) == 0x80)
			most--;
	else
		most = all.len;
	for (size_t i = 0; i < most; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8))
			buf_addf(&b, "\\x%02x", c);
		else
			buf_addc(&b, s[i]);
	}
	if (most < all.len)
		buf_addz(&b, "...");
	return buf_detach(&b);
}

static const char *shown(struct tree *t, const char *s)
{
	CLEAN_FREE char *text = tree_shown(s);

	return arena_strdup(&t->arena, text);
}

static int refuse(struct tree *t, const char *path, const char *why, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: a path in an archive may not %s", shown(t, path), why);
}

static int check_path(struct tree *t, const char *path, struct err *err)
{
	struct str rest = str_from(path);

	if (!rest.len)
		return err_set(err, ERR_FORMAT, "a path in an archive may not be empty");
	if (rest.len > TREE_MAX_PATH)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: a path of %zu bytes, the most is %u",
			       shown(t, path), rest.len, TREE_MAX_PATH);
	if (!t->any_names && !str_is_utf8(rest))
		return refuse(t, path, "hold bytes that are not UTF-8", err);
	if (path[0] == '/')
		return refuse(t, path, "be absolute", err);
	if (path[rest.len - 1] == '/')
		return refuse(t, path, "end with a slash", err);
	while (rest.len) {
		struct str name = rest;

		rest = str_cut(&name, '/');
		if (!name.len)
			return refuse(t, path, "hold '//'", err);
		if (str_eqz(name, "."))
			return refuse(t, path, "hold '.'", err);
		if (str_eqz(name, ".."))
			return refuse(t, path, "hold '..'", err);
		if (name.len > TREE_MAX_NAME)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: a name of %zu bytes, the most is %u",
				       shown(t, path), name.len, TREE_MAX_NAME);
	}
	return 0;
}

int tree_check_path(const char *path, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;

	return check_path(&t, path, err);
}

static int add(struct tree *t, const char *path, struct tree_entry e, struct err *err)
{
	if (check_path(t, path, err) < 0)
		return -1;
	if (t->len == TREE_MAX_ENTRIES)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: the most is %u entries", shown(t, path),
			       TREE_MAX_ENTRIES);
	e.path = arena_strdup(&t->arena, path);
	e.mode &= 07777;
	e.serial = (uint32_t)t->len;
	e.origin = t->origin;
	VEC_PUSH(t, e);
	t->finished = false;
	return 0;
}

int tree_add_dir(struct tree *t, const char *path, mode_t mode, uint32_t uid, uint32_t gid, struct err *err)
{
	return add(t, path, (struct tree_entry){ .type = TREE_DIR, .mode = mode, .uid = uid, .gid = gid }, err);
}

int tree_add_link(struct tree *t, const char *path, const char *target, struct err *err)
{
	struct str text = str_from(target);

	if (!text.len)
		return err_set(err, ERR_FORMAT, "%s: a symlink's target may not be empty", shown(t, path));
	if (text.len > TREE_MAX_PATH)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: a symlink's target of %zu bytes, the most is %u",
			       shown(t, path), text.len, TREE_MAX_PATH);
	if (!t->any_names && !str_is_utf8(text))
		return err_set(err, ERR_FORMAT, "%s: a symlink's target may not hold bytes that are not UTF-8: %s",
			       shown(t, path), shown(t, target));
	return add(t, path,
		   (struct tree_entry){
			   .type = TREE_LINK, .mode = 0777, .target = arena_strdup(&t->arena, target) },
		   err);
}

int tree_add_data(struct tree *t, const char *path, const void *data, uint64_t size, mode_t mode, uint32_t uid,
		  uint32_t gid, struct err *err)
{
	return add(t, path,
		   (struct tree_entry){ .type = TREE_FILE, .mode = mode, .uid = uid, .gid = gid, .data = data,
					.size = size },
		   err);
}

int tree_add_hardlink(struct tree *t, const char *path, const char *target, struct err *err)
{
	if (check_path(t, target, err) < 0)
		return -1;
	return add(t, path,
		   (struct tree_entry){ .type = TREE_HARDLINK, .target = arena_strdup(&t->arena, target) }, err);
}

int tree_add_node(struct tree *t, const char *path, enum tree_type type, dev_t rdev, mode_t mode, struct err *err)
{
	if (type != TREE_CHAR && type != TREE_BLOCK && type != TREE_FIFO)
		BUG("tree_add_node() of type %d", (int)type);
	if (type != TREE_FIFO && (major(rdev) > MAX_DEVICE || minor(rdev) > MAX_DEVICE))
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: device %u:%u, the most in an archive is %u",
			       shown(t, path), major(rdev), minor(rdev), MAX_DEVICE);
	return add(t, path, (struct tree_entry){ .type = type, .mode = mode, .rdev = type == TREE_FIFO ? 0 : rdev },
		   err);
}

static struct tree_entry *last(struct tree *t)
{
	if (!t->len || t->finished)
		BUG("no entry was added to the tree");
	return &t->ptr[t->len - 1];
}

void tree_set_owner(struct tree *t, uint32_t uid, uint32_t gid)
{
	struct tree_entry *e = last(t);

	e->uid = uid;
	e->gid = gid;
}

void tree_set_mtime(struct tree *t, int64_t mtime)
{
	struct tree_entry *e = last(t);

	e->timed = true;
	e->mtime = mtime;
}

static int by_name(const void *pa, const void *pb)
{
	const struct xattr *a = pa, *b = pb;

	return strcmp(a->name, b->name);
}

int tree_set_xattrs(struct tree *t, const struct xattr *xattrs, size_t n, struct err *err)
{
	struct tree_entry *e = last(t);
	struct xattr *own = arena_alloc(&t->arena, n * sizeof(*own));
	size_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		const char *name = xattrs[i].name;
		const size_t len = strlen(name);
		char *value;

		if (!len || len > TREE_MAX_NAME || strchr(name, '=') || !str_is_utf8(str_from(name)))
			return err_set(err, ERR_FORMAT, "%s: no archive can hold an attribute of the name '%s'",
				       shown(t, e->path), shown(t, name));
		if (len + xattrs[i].size > TREE_MAX_XATTRS - sum)
			return err_set(err, ERR_LIMIT, "%s: limit exceeded: attributes of more than %u bytes",
				       shown(t, e->path), TREE_MAX_XATTRS);
		sum += len + xattrs[i].size;
		value = arena_alloc(&t->arena, xattrs[i].size + 1);
		if (xattrs[i].size)
			memcpy(value, xattrs[i].value, xattrs[i].size);
		own[i] = (struct xattr){ arena_strdup(&t->arena, name), value, xattrs[i].size };
	}
	if (n > 1)
		qsort(own, n, sizeof(*own), by_name);
	for (size_t i = 1; i < n; i++)
		if (strcmp(own[i - 1].name, own[i].name) == 0)
			return err_set(err, ERR_FORMAT, "%s: has the attribute %s twice", shown(t, e->path),
				       shown(t, own[i].name));
	e->xattrs = n ? own : NULL;
	e->nxattrs = n;
	return 0;
}

int tree_add_sized(struct tree *t, const char *path, const char *src, uint64_t size, mode_t mode, struct err *err)
{
	if (size > TREE_MAX_FILE)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu bytes, the most is %llu", shown(t, src),
			       (unsigned long long)size, (unsigned long long)TREE_MAX_FILE);
	return add(t, path,
		   (struct tree_entry){ .type = TREE_FILE, .mode = mode, .src = arena_strdup(&t->arena, src),
					.size = size },
		   err);
}

static int add_stat(struct tree *t, const char *path, const char *src, const struct stat *st, mode_t mode,
		    struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_FORMAT, "cannot archive %s: it is no file, directory or symlink",
			       shown(t, src));
	return tree_add_sized(t, path, src, (uint64_t)st->st_size, mode, err);
}

int tree_add_file(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err)
{
	struct stat st;

	if (stat(src, &st) < 0)
		return err_sys(err, "cannot read %s", shown(t, src));
	if (S_ISDIR(st.st_mode))
		return err_set(err, ERR_FORMAT, "cannot archive %s as a file: it is a directory", shown(t, src));
	return add_stat(t, path, src, &st, mode, err);
}

static int add_host_link(struct tree *t, const char *path, const char *src, struct err *err)
{
	char text[TREE_MAX_PATH + 2];
	ssize_t n = readlink(src, text, sizeof(text) - 1);

	if (n < 0)
		return err_sys(err, "cannot read %s", shown(t, src));
	text[n] = '\0';
	return tree_add_link(t, path, text, err);
}

/* The depth is bounded: @path grows by a component a level, and is checked before its children are read. */
int tree_add_host(struct tree *t, const char *path, const char *src, mode_t mode, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 };
	struct stat st;

	if (sig_check(err) < 0)
		return -1;
	if (lstat(src, &st) < 0)
		return err_sys(err, "cannot read %s", shown(t, src));
	if (S_ISLNK(st.st_mode))
		return add_host_link(t, path, src, err);
	if (!S_ISDIR(st.st_mode))
		return add_stat(t, path, src, &st, mode ? mode : st.st_mode & S_IXUSR ? 0755 : 0644, err);
	if ((*path && tree_add_dir(t, path, 0755, 0, 0, err) < 0) || fs_list(src, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *below = path_join(path, names.ptr[i]);
		CLEAN_FREE char *from = xasprintf("%s/%s", src, names.ptr[i]);

		if (tree_add_host(t, below, from, mode, err) < 0)
			return -1;
	}
	return 0;
}

static int by_path(const void *pa, const void *pb)
{
	const struct tree_entry *a = pa, *b = pb;
	int c = strcmp(a->path, b->path);

	return c ? c : (a->serial > b->serial) - (a->serial < b->serial);
}

static const char *kind(const struct tree_entry *e)
{
	switch (e->type) {
	case TREE_LINK:
		return "symlink";
	case TREE_DIR:
		return "directory";
	case TREE_CHAR:
	case TREE_BLOCK:
		return "device";
	case TREE_FIFO:
		return "fifo";
	case TREE_FILE:
	case TREE_HARDLINK:
		return "file";
	}
	BUG("no such type: %d", (int)e->type);
}

static const char *whence(struct tree *t, const struct tree_entry *e)
{
	if (e->origin)
		return e->origin;
	return e->src ? shown(t, e->src) : "slsc itself";
}

/* After sorting: equal paths are neighbours. */
static int unite(struct tree *t, struct err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->len; i++) {
		const struct tree_entry *a = kept ? &t->ptr[kept - 1] : NULL, *b = &t->ptr[i];

		if (!a || strcmp(a->path, b->path) != 0) {
			t->ptr[kept++] = *b;
			continue;
		}
		if (a->type != TREE_DIR || b->type != TREE_DIR)
			return err_set(err, ERR_EXISTS, "%s: added twice to the archive: by %s and by %s",
				       shown(t, a->path), whence(t, a), whence(t, b));
		if (a->mode != b->mode || a->uid != b->uid || a->gid != b->gid)
			return err_set(err, ERR_EXISTS,
				       "%s: added twice to the archive with different attributes: "
				       "%04o %u:%u by %s and %04o %u:%u by %s",
				       shown(t, a->path), (unsigned)a->mode, a->uid, a->gid, whence(t, a),
				       (unsigned)b->mode, b->uid, b->gid, whence(t, b));
	}
	t->len = kept;
	return 0;
}

static struct tree_entry *find(const struct tree *t, size_t len, const char *path)
{
	struct tree_entry key = { .path = path };
	size_t lo = 0, hi = len;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(key.path, t->ptr[mid].path);

		if (c == 0)
			return &t->ptr[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* Append the parents that are missing; the first @sorted entries are in order. */
static int add_parents(struct tree *t, struct err *err)
{
	size_t sorted = t->len;
	char dir[TREE_MAX_PATH + 1], last[TREE_MAX_PATH + 1] = "";

	for (size_t i = 0; i < sorted; i++) {
		const char *slash = strrchr(t->ptr[i].path, '/');
		size_t n = slash ? (size_t)(slash - t->ptr[i].path) : 0;

		memcpy(dir, t->ptr[i].path, n);
		dir[n] = '\0';
		if (!n || strcmp(dir, last) == 0)
			continue;
		memcpy(last, dir, n + 1);
		for (;;) {
			const struct tree_entry *e = find(t, sorted, dir);
			char *up;

			if (e && e->type != TREE_DIR)
				return err_set(err, ERR_EXISTS,
					       "%s: cannot be below %s, which is a %s in the archive: by %s and by %s",
					       shown(t, t->ptr[i].path), shown(t, dir),
					       kind(e), whence(t, &t->ptr[i]), whence(t, e));
			if (e)
				break;
			/* The parents of what is there are looked up from there. */
			if (tree_add_dir(t, dir, 0755, 0, 0, err) < 0)
				return -1;
			up = strrchr(dir, '/');
			if (!up)
				break;
			*up = '\0';
		}
	}
	return 0;
}

/* Two entries of a path change places but for what belongs to the place. */
static void swap_bodies(struct tree_entry *a, struct tree_entry *b)
{
	const struct tree_entry was = *a;

	*a = *b;
	a->path = was.path;
	a->serial = was.serial;
	a->origin = was.origin;
	*b = (struct tree_entry){ .path = b->path, .serial = b->serial, .origin = b->origin, .type = TREE_HARDLINK };
}

/* A reader that goes through an archive once meets the file before the links to it. */
static int set_hardlinks(struct tree *t, struct err *err)
{
	for (size_t i = 0; i < t->len; i++) {
		struct tree_entry *e = &t->ptr[i], *to;

		if (e->type != TREE_HARDLINK)
			continue;
		to = find(t, t->len, e->target);
		if (!to)
			return err_set(err, ERR_NOTFOUND, "%s: a hard link to %s, which is not in the archive",
				       shown(t, e->path), shown(t, e->target));
		/* what was the file before a name that sorts first became it */
		if (to->type == TREE_HARDLINK && to != e)
			to = find(t, t->len, to->target);
		if (!to || to->type == TREE_HARDLINK || to->type == TREE_DIR)
			return err_set(err, ERR_FORMAT, "%s: a hard link to %s, which is a %s", shown(t, e->path),
				       shown(t, e->target), to && to->type == TREE_DIR ? "directory" : "hard link");
		if (to > e) {
			swap_bodies(e, to);
			to->target = e->path;
			to->mode = e->mode;
			continue;
		}
		e->target = to->path;
	}
	/* the attributes too: whoever sets them at each name of a file shall not undo what the first one was given */
	for (struct tree_entry *e = t->ptr; e < t->ptr + t->len; e++) {
		const struct tree_entry *to = e->type == TREE_HARDLINK ? find(t, t->len, e->target) : NULL;

		if (!to)
			continue;
		e->mode = to->mode;
		e->uid = to->uid;
		e->gid = to->gid;
		e->timed = to->timed;
		e->mtime = to->mtime;
		e->xattrs = to->xattrs;
		e->nxattrs = to->nxattrs;
	}
	return 0;
}

int tree_finish(struct tree *t, struct err *err)
{
	size_t given;

	if (t->len)
		qsort(t->ptr, t->len, sizeof(*t->ptr), by_path);
	if (unite(t, err) < 0)
		return -1;
	given = t->len;
	if (add_parents(t, err) < 0)
		return -1;
	if (t->len > given) {
		qsort(t->ptr, t->len, sizeof(*t->ptr), by_path);
		if (unite(t, err) < 0)
			return -1;
	}
	if (set_hardlinks(t, err) < 0)
		return -1;
	t->finished = true;
	return 0;
}

const struct tree_entry *tree_find(const struct tree *t, const char *path)
{
	if (!t->finished)
		BUG("tree_find() before tree_finish()");
	return find(t, t->len, path);
}

uint64_t tree_total(const struct tree *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->len; i++)
		if (t->ptr[i].type == TREE_FILE)
			sum += t->ptr[i].size;
	return sum;
}
