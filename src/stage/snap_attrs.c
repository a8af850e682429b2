/* SPDX-License-Identifier: Apache-2.0 */
/* Extended attributes: which ones belong into a layer, and what ours and overlayfs' say. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/mem.h"
#include "os/fs.h"
#include "stage/snapshot_internal.h"

#define CAPABILITY "security.capability"
/* linux/capability.h: struct vfs_cap_data and vfs_ns_cap_data, little-endian */
#define CAP_SIZE_2 20u
#define CAP_SIZE_3 24u
#define CAP_REVISION_AT 3
#define CAP_REVISION_2 2
#define CAP_REVISION_3 3
#define NAMES_MAX 65536u	/* the kernel's XATTR_LIST_MAX and XATTR_SIZE_MAX */

bool snap_owner_parse(const char *text, size_t n, struct snap_owner *out)
{
	struct str rest = { text, n };
	uint64_t v[5];
	size_t got = 0;

	while (rest.len && got < ARRAY_LEN(v)) {
		struct str field = rest;

		rest = str_cut(&field, ':');
		if (got == 2) {
			v[got] = 0;
			for (size_t i = 0; i < field.len; i++) {
				if (field.ptr[i] < '0' || field.ptr[i] > '7' || field.len > 7)
					return false;
				v[got] = v[got] << 3 | (uint64_t)(field.ptr[i] - '0');
			}
		} else if (str_parse_u64(field, &v[got]) < 0 || v[got] > UINT32_MAX) {
			return false;
		}
		got++;
	}
	if (rest.len || (got != 2 && got != 3 && got != 5))
		return false;
	*out = (struct snap_owner){ .uid = (uint32_t)v[0], .gid = (uint32_t)v[1] };
	if (got > 2) {
		out->node = true;
		out->mode = (mode_t)v[2];
		out->rdev = got == 5 ? makedev((unsigned)v[3], (unsigned)v[4]) : 0;
	}
	return true;
}

static void to_stat(const struct snap_owner *o, struct stat *st)
{
	st->st_uid = o->uid;
	st->st_gid = o->gid;
	if (o->node) {
		st->st_mode = o->mode;
		st->st_rdev = o->rdev;
		st->st_size = 0;
	}
}

void snap_owner_apply(const char *host, struct stat *st)
{
	struct snap_owner o;
	char text[64];
	ssize_t n;

	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return;
	n = lgetxattr(host, SNAP_OWNER, text, sizeof(text));
	if (n > 0 && snap_owner_parse(text, (size_t)n, &o))
		to_stat(&o, st);
}

void snap_owner_to_stat(const struct snap_attrs *a, struct stat *st)
{
	if (a->owned)
		to_stat(&a->owner, st);
}

int snap_check_name(const char *path, struct err *err)
{
	CLEAN_FREE char *shown = NULL;

	if (!starts_with(path_basename(path), WH_PREFIX))
		return 0;
	shown = tree_shown(path);
	err_set(err, ERR_FORMAT, "/%s: a layer cannot hold a name that begins with .wh., which means that something is "
		"not there", shown);
	return err_hint(err, "remove it in the same RUN");
}

bool snap_xattr_kept(const char *name)
{
	return !starts_with(name, "user.overlay.") && !starts_with(name, "user.slsc.") &&
	       !starts_with(name, "trusted.overlay.") && strcmp(name, "security.selinux") != 0;
}

/* What Docker and buildah put into layers. Others are the machine's: labels, hashes, access control lists. */
static bool belongs(const char *name)
{
	return (starts_with(name, "user.") && snap_xattr_kept(name)) || strcmp(name, CAPABILITY) == 0;
}

void snap_attrs_release(struct snap_attrs *a)
{
	free(a->ptr);
	buf_release(&a->names);
	buf_release(&a->values);
	*a = (struct snap_attrs)SNAP_ATTRS_INIT;
}

/* Of one attribute, at the end of a->values. 1; 0 if it is gone; -1 */
static int read_value(struct snap_attrs *a, const char *host, const char *name, size_t *size, struct err *err)
{
	for (size_t room = 256;; room = NAMES_MAX) {
		ssize_t n;

		buf_reserve(&a->values, room);
		n = lgetxattr(host, name, a->values.ptr + a->values.len, room);
		if (n >= 0) {
			*size = (size_t)n;
			a->values.len += (size_t)n;
			a->values.ptr[a->values.len] = '\0';
			return 1;
		}
		if (errno == ENODATA)
			return 0;
		if (errno != ERANGE || room == NAMES_MAX)
			return err_sys(err, "cannot read the attribute %s of %s", name, host);
	}
}

/* Which id is root in the namespace that a capability was given in means nothing elsewhere: version 2 does not say. */
static size_t normalise_capability(char *value, size_t size)
{
	if (size != CAP_SIZE_3 || value[CAP_REVISION_AT] != CAP_REVISION_3)
		return size;
	value[CAP_REVISION_AT] = CAP_REVISION_2;
	return CAP_SIZE_2;
}

static int take(struct snap_attrs *a, const char *host, const char *name, struct err *err)
{
	const size_t at = a->values.len;
	char *value;
	size_t size = 0;
	int r;

	if (strcmp(name, SNAP_XWHITEOUT) == 0) {
		a->xwhiteout = true;
		return 0;
	}
	if (strcmp(name, "user.overlay.redirect") == 0 || strcmp(name, "user.overlay.metacopy") == 0)
		a->refused = name;
	if (strcmp(name, SNAP_OPAQUE) != 0 && strcmp(name, SNAP_OWNER) != 0 && !belongs(name))
		return 0;
	r = read_value(a, host, name, &size, err);
	if (r <= 0)
		return r;
	value = a->values.ptr + at;
	if (strcmp(name, SNAP_OPAQUE) == 0) {
		a->opaque = size == 1 && *value == 'y';
		return 0;
	}
	if (strcmp(name, SNAP_OWNER) == 0) {
		a->owned = snap_owner_parse(value, size, &a->owner);
		return 0;
	}
	if (strcmp(name, CAPABILITY) == 0)
		size = normalise_capability(value, size);
	VEC_PUSH(a, ((struct xattr){ .name = name, .value = NULL, .size = size }));
	/* values move as they grow: an offset till all are there */
	a->ptr[a->len - 1].value = (const void *)(uintptr_t)at;
	return 0;
}

static int by_name(const void *pa, const void *pb)
{
	const struct xattr *x = pa, *y = pb;

	return strcmp(x->name, y->name);
}

int snap_attrs_read(struct snap_attrs *a, const char *host, const struct stat *st, struct err *err)
{
	ssize_t n = 0;

	a->len = 0;
	a->opaque = a->xwhiteout = a->owned = false;
	a->refused = NULL;
	buf_reset(&a->names);
	buf_reset(&a->values);
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return 0;
	for (size_t room = 1024;; room = NAMES_MAX) {
		buf_reserve(&a->names, room);
		n = llistxattr(host, a->names.ptr, room);
		if (n < 0 && errno == ERANGE && room < NAMES_MAX)
			continue;
		break;
	}
	if (n < 0)
		return errno == ENOTSUP ? 0 : err_sys(err, "cannot read the attributes of %s", host);
	for (const char *name = a->names.ptr; name < a->names.ptr + n; name += strlen(name) + 1)
		if (take(a, host, name, err) < 0)
			return -1;
	for (size_t i = 0; i < a->len; i++)
		a->ptr[i].value = a->values.ptr + (uintptr_t)a->ptr[i].value;
	if (a->len > 1)
		qsort(a->ptr, a->len, sizeof(*a->ptr), by_name);
	return 0;
}

bool snap_attrs_equal(const struct snap_attrs *a, const struct snap_attrs *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		if (strcmp(a->ptr[i].name, b->ptr[i].name) != 0 || a->ptr[i].size != b->ptr[i].size ||
		    memcmp(a->ptr[i].value, b->ptr[i].value, a->ptr[i].size) != 0)
			return false;
	return true;
}
