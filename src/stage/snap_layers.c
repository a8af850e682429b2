/* SPDX-License-Identifier: Apache-2.0 */
/* Layers as overlayfs merges them: a step at a time. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "base/map.h"
#include "os/fs.h"
#include "stage/snapshot_internal.h"

void snap_at_release(struct snap_at *a)
{
	free(a->path);
	free(a->layers);
	*a = (struct snap_at){ .path = NULL };
}

static char *host_of(const struct snap_stack *s, size_t layer, const char *path, const char *name)
{
	return xasprintf("%s%s%s%s%s", s->dirs[layer], *path ? "/" : "", path, *name ? "/" : "", name);
}

char *snap_host(const struct snap_stack *s, const struct snap_at *a)
{
	return host_of(s, a->layers[0], a->path, "");
}

bool snap_is_whiteout(const char *host, const struct stat *st)
{
	if (S_ISCHR(st->st_mode))
		return st->st_rdev == 0;
	/* the form for layers within layers (Linux 6.7) */
	return S_ISREG(st->st_mode) && st->st_size == 0 && lgetxattr(host, SNAP_XWHITEOUT, NULL, 0) >= 0;
}

static bool is_opaque(const char *host)
{
	char value;

	/* "x" only says that there are whiteouts of the other form */
	return lgetxattr(host, SNAP_OPAQUE, &value, 1) == 1 && value == 'y';
}

int snap_root(const struct snap_stack *s, struct snap_at *out, struct err *err)
{
	*out = (struct snap_at){ .path = NULL };
	if (!s->n)
		return 0;
	if (stat(s->dirs[s->n - 1], &out->st) < 0)
		return err_sys(err, "cannot read %s", s->dirs[s->n - 1]);
	out->path = xstrdup("");
	out->layers = xmalloc(s->n * sizeof(*out->layers));
	for (size_t i = s->n; i-- > 0;) {
		out->layers[out->n++] = i;
		if (is_opaque(s->dirs[i]))
			break;
	}
	return 1;
}

int snap_step(const struct snap_stack *s, const struct snap_at *dir, const char *name, struct snap_at *out,
	      struct err *err)
{
	*out = (struct snap_at){ .path = NULL };
	for (size_t i = 0; i < dir->n; i++) {
		const size_t layer = dir->layers[i];
		CLEAN_FREE char *host = host_of(s, layer, dir->path, name);
		struct stat st;

		if (lstat(host, &st) < 0) {
			if (errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG)
				continue;
			snap_at_release(out);
			return err_sys(err, "cannot read %s", host);
		}
		if (snap_is_whiteout(host, &st) || (out->n && !S_ISDIR(st.st_mode)))
			break;
		if (!out->n) {
			out->path = path_join(dir->path, name);
			out->layers = xmalloc((dir->n - i) * sizeof(*out->layers));
			out->st = st;
		}
		out->layers[out->n++] = layer;
		if (!S_ISDIR(st.st_mode) || (i + 1 < dir->n && is_opaque(host)))
			break;
	}
	return out->n > 0;
}

static int add_names(const char *host, struct map *seen, struct strs *names, bool last, struct err *err)
{
	static char there;
	DIR *d = opendir(host);
	struct dirent *e;
	int r = 0;

	if (!d)
		return err_sys(err, "cannot read %s", host);
	for (errno = 0; (e = readdir(d)); errno = 0) {
		bool whiteout = false;

		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || map_has(seen, e->d_name))
			continue;
		if (e->d_type == DT_CHR || e->d_type == DT_REG || e->d_type == DT_UNKNOWN) {
			CLEAN_FREE char *path = xasprintf("%s/%s", host, e->d_name);
			struct stat st;

			/* a file is one only if it is empty */
			if (lstat(path, &st) < 0) {
				r = err_sys(err, "cannot read %s", path);
				break;
			}
			whiteout = snap_is_whiteout(path, &st);
		}
		if (!last)
			map_put(seen, e->d_name, &there);
		if (!whiteout)
			strs_add(names, e->d_name);
	}
	if (r == 0 && errno)
		r = err_sys(err, "cannot read %s", host);
	closedir(d);
	return r;
}

int snap_names(const struct snap_stack *s, const struct snap_at *dir, struct strs *names, struct err *err)
{
	CLEAN_MAP struct map seen = { .ptr = NULL };

	for (size_t i = 0; i < dir->n; i++) {
		CLEAN_FREE char *host = host_of(s, dir->layers[i], dir->path, "");

		if (add_names(host, &seen, names, i + 1 == dir->n, err) < 0)
			return -1;
	}
	strs_sort(names);
	return 0;
}
