/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_UNPACK_H
#define SLSC_LOCAL_UNPACK_H

#include "oci/origin.h"
#include "os/kept.h"

/*
 * Zips and images as directories, to be run from: <cache>/local/<digest>, whole or absent. What is in them is foreign:
 * nothing lands outside, and what a careful unpacker refuses is ERR_FORMAT "<shown>: <path>: ...". Nothing in them is
 * more than a file: no device, no setuid bit, no capability. Once there, a directory is taken as it is.
 */
#define UNPACK_ZIP_MAX (UINT64_C(262144000))	/* bytes of its files: Lambda's "Deployment package size" */

/** unpack_zip - @dir: out, heap. ERR_IO, ERR_FORMAT, ERR_LIMIT, ERR_INTR. */
int unpack_zip(const char *path, char **dir, struct err *err) MUST_CHECK;

/**
 * unpack_image - what a container of it sees; as root with the owners that it says. Whiteouts, digests, limits: see
 * oci/rootfs.h. @digest: of the manifest. @dir: out, heap. ERR_IO, ERR_FORMAT, ERR_LIMIT, ERR_NET, ERR_INTR.
 */
int unpack_image(struct origin *o, const struct document *manifest, const struct doc_config *config,
		 const struct digest *digest, char **dir, struct err *err) MUST_CHECK;

/** unpacked_hold - a descriptor that keeps unpacked_prune() away while it is open. Before anything is unpacked. */
int unpacked_hold(struct err *err) MUST_CHECK;
/** unpacked_prune - see kept_prune(). Nothing goes while one process has it held. */
int unpacked_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err) MUST_CHECK;

/** root_dir - @path below the directory @root, links followed inside of it, made as far as it is not there. */
int root_dir(const char *root, const char *path, struct err *err) MUST_CHECK;
/** root_network - this machine's resolv.conf and hosts, as they are now. */
int root_network(const char *root, struct err *err) MUST_CHECK;

/* ---- between its own files ---- */

/** One directory being made; a lock keeps other processes from it. */
struct unpacking {
	int lock;
	char *dir;		/* its name in the end */
	char *part;		/* empty; renamed, or something in it; the rest of it goes */
};
#define UNPACKING_INIT { .lock = -1 }
#define CLEAN_UNPACKING __attribute__((cleanup(unpacking_release)))
void unpacking_release(struct unpacking *u);
/** unpacking_begin - 1: the directory is there already; 0: u->part is to be filled. */
int unpacking_begin(struct unpacking *u, const struct digest *digest, struct err *err) MUST_CHECK;
/** unpacking_end - @from, u->part or below it, is whole: it gets its name. */
int unpacking_end(struct unpacking *u, const char *from, struct err *err) MUST_CHECK;

#endif
