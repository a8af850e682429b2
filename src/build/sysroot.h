/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_SYSROOT_H
#define SLSC_BUILD_SYSROOT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "build/root.h"
#include "config/project.h"

/** Where musl is for one arch. All strings live in the arena; NULL: not found. */
struct sysroot {
	const char *include;	/* <stdio.h> */
	const char *lib;	/* libc.a, crt1.o, rcrt1.o */
	const char *gcc;	/* libgcc.a */
	const char *kernel;	/* <linux/...>, <asm/...>; may be NULL */
	bool cached;		/* in the user cache, not of packages */
};

/**
 * sysroot_find - the packages (musl-dev, libgcc-N-dev) of @root (NULL: this machine) first, then the user cache.
 * True if all but the kernel's headers are there.
 */
bool sysroot_find(struct arena *a, const struct root *root, enum arch arch, struct sysroot *s);

/**
 * sysroot_fetch - bring musl-dev, libgcc-N-dev and linux-libc-dev of @arch into the user cache.
 * apt does it with a state, cache and architecture of its own: the host's dpkg is left alone. apt verifies
 * the archive's signature and each package's hash; libc.a is then checked to be of @arch.
 * Appears whole or not at all; of two processes the second waits, and finds it done. ERR_TOOL if apt is absent or
 * fails.
 */
int sysroot_fetch(enum arch arch, struct err *err) MUST_CHECK;

/**
 * sysroot_link_kernel - give a musl of packages the kernel's headers: /usr/include/linux and its like, by links in the
 * user cache, since /usr/include itself is glibc's. The links hold in any root. Nothing to do (a stat) once they are
 * there.
 */
int sysroot_link_kernel(enum arch arch, struct err *err) MUST_CHECK;

/** sysroot_dir - the cached sysroot of @arch, there or not; heap. */
char *sysroot_dir(enum arch arch);

/** sysroot_kernel_dir - where those links are; heap. */
char *sysroot_kernel_dir(enum arch arch);

/** gcc_dir - the newest /usr/lib/gcc[-cross]/<triple>/N of @root that holds @file; NULL if none. */
const char *gcc_dir(struct arena *a, const struct root *root, enum arch arch, const char *file);

#endif
