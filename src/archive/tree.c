/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tree.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

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
	if (!t->bytes && !str_is_utf8(rest))
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
	if (!str_is_utf8(text))
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

int tree_add_entry(struct tree *t, const struct tree_entry *e, struct err *err)
{
	struct tree_entry own = *e;
	struct tree_xattr *x = NULL;

	if (e->target && (!*e->target || strlen(e->target) > TREE_MAX_PATH))
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: a link's target is empty, or longer than %u bytes",
			       shown(t, e->path), TREE_MAX_PATH);
	if (e->target && !t->bytes && !str_is_utf8(str_from(e->target)))
		return err_set(err, ERR_FORMAT, "%s: a symlink's target may not hold bytes that are not UTF-8: %s",
			       shown(t, e->path), shown(t, e->target));
	if (e->nxattrs)
		x = arena_alloc(&t->arena, e->nxattrs * sizeof(*x));
	for (size_t i = 0; i < e->nxattrs; i++) {
		void *val = arena_alloc(&t->arena, e->xattrs[i].len + 1);

		if (e->xattrs[i].len)
			memcpy(val, e->xattrs[i].val, e->xattrs[i].len);
		x[i] = (struct tree_xattr){ arena_strdup(&t->arena, e->xattrs[i].name), val, e->xattrs[i].len };
	}
	own.xattrs = x;
	own.target = e->target ? arena_strdup(&t->arena, e->target) : NULL;
	own.src = e->src ? arena_strdup(&t->arena, e->src) : NULL;
	return add(t, e->path, own, err);
}

static int add_stat(struct tree *t, const char *path, const char *src, const struct stat *st, mode_t mode,
		    struct err *err)
{
	if (!S_ISREG(st->st_mode))
		return err_set(err, ERR_FORMAT, "cannot archive %s: it is no file, directory or symlink",
			       shown(t, src));
	if ((uint64_t)st->st_size > TREE_MAX_FILE)
		return err_set(err, ERR_LIMIT, "%s: limit exceeded: %llu bytes, the most is %llu", shown(t, src),
			       (unsigned long long)st->st_size, (unsigned long long)TREE_MAX_FILE);
	return add(t, path,
		   (struct tree_entry){ .type = TREE_FILE, .mode = mode, .src = arena_strdup(&t->arena, src),
					.size = (uint64_t)st->st_size },
		   err);
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
					       e->type == TREE_LINK ? "symlink" : "file", whence(t, &t->ptr[i]),
					       whence(t, e));
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
