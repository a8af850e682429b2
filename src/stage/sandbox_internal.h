/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SANDBOX_INTERNAL_H
#define SLSC_STAGE_SANDBOX_INTERNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "stage/sandbox.h"
#include "stage/sandbox_proto.h"

/* What the files of the sandbox share. */

#define SANDBOX_RANGE_HINT                                                                                             \
	"get a range: apt-get install uidmap; usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER"

/** spec_write - @r as records. */
void spec_write(const struct sandbox_run *r, bool one_id, struct buf *out);
/** spec_read - the reverse, of @p, whose strings @r borrows; arrays in @a. ERR_FORMAT. */
int spec_read(const char *p, size_t n, struct arena *a, struct sandbox_run *r, bool *one_id,
	      struct err *err) MUST_CHECK;

/** A place inside that something is mounted on. */
struct mount_point {
	const char *path;	/* as asked for, absolute */
	bool file;		/* a file, else a directory */
	bool optional;		/* passed over if the directory that it is in is missing */
	const struct sandbox_mount *mount;	/* NULL: one of ours */
	int source;		/* ours: a descriptor, opened before anything hides it; -1 */
	char *real;		/* out: without symlinks and leading slash; NULL: passed over */
	size_t exists;		/* out: how much of it the image has */
};
struct mount_points {
	struct mount_point *ptr;
	size_t len, cap;
};

/** The root file system that is being put together. */
struct rootfs_parts {
	const struct sandbox_run *run;
	int disk;		/* r->work: "o" is overlay's, "s" stubs, "mN" what is written to mounts and lost */
	int work;		/* a tmpfs over it: "r" is the root, "e" empty, and small files */
	int root;		/* the mounted root; -1 before */
	char *path;		/* of the root, absolute */
};

/**
 * overlay_mount - layers, stubs for @points that they lack, and the upper directory as one tree at "r". ERR_TOOL if the
 * file system of the upper directory cannot carry it.
 */
int overlay_mount(struct rootfs_parts *p, struct mount_points *points, struct err *err) MUST_CHECK;
/** overlay_resolve - @path below @root without symlinks; see sandbox_overlay.c. For tests, too. */
int overlay_resolve(int root, const char *path, char **real, size_t *exists, mode_t *mode,
		    struct err *err) MUST_CHECK;
/** mounts_make - mounts what @points say, parents first. */
int mounts_make(struct rootfs_parts *p, struct mount_points *points, struct err *err) MUST_CHECK;

/** qemu_register - @arch runs in this user namespace from here on; "b" in @work is its mount. */
int qemu_register(int work, const char *work_path, enum arch arch, struct err *err) MUST_CHECK;
/** qemu_on_host - whether the machine itself is registered to run @arch by a qemu that it holds open. */
bool qemu_on_host(enum arch arch);

/** enter_identity - a user namespace in which all ids are as they were, and a mount namespace of its own. */
int enter_identity(struct err *err) MUST_CHECK;
/** in_user_namespace - another than the machine's own. */
bool in_user_namespace(void);
/** enter_private - a mount namespace from which nothing leads out. */
int enter_private(struct err *err) MUST_CHECK;

/* What Docker has read-only, and hidden: root's own /proc/sys could be written by whoever is root. NULL at the end. */
extern const char *const proc_readonly[], *const proc_hidden[];

/* The backends: @init and the descriptors from @fd on are inherited. They return only if they fail. */
int bwrap_exec(const struct rootfs_parts *p, int fd, int init, struct err *err) MUST_CHECK;
int oci_exec(const struct rootfs_parts *p, int fd, int init, struct err *err) MUST_CHECK;

#endif
