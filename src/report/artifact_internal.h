/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_ARTIFACT_INTERNAL_H
#define SLSC_REPORT_ARTIFACT_INTERNAL_H

#include <pthread.h>

#include "archive/zipdir.h"
#include "oci/rootfs.h"
#include "report/artifact.h"
#include "report/artifact_elf.h"
#include "report/check_internal.h"

/* Between the artifact*.c files. */

/** What one path of an image costs in all layers together; of rootfs.paths' number. */
struct path_use {
	uint64_t stored;	/* bytes of the files at it, in all layers */
	uint64_t kept;		/* of these what a container sees, here or through a hard link */
	uint64_t sum, least;	/* as dive counts: of each time it is in a layer */
	bool counted;
};

/** A file of the name that the image starts, taken while its layer passed. */
struct candidate {
	size_t layer;
	uint32_t index;
	struct program copy;
};
#define CANDIDATES_MAX 4u

struct artifact_priv {
	struct artifact_opts opts;
	struct program copy;		/* of the program in a zip or image */
	char *program_path;		/* where it can be read: @copy's, or the artifact's */
	char *debug;			/* its debug file; NULL: looked for */
	/* of a zip */
	struct zipdir zip;
	bool zip_open;
	/* of an image */
	struct place place;
	struct origin *origin;
	struct document manifest;
	struct doc_config config;
	uint64_t manifest_size;
	struct rootfs rootfs;
	struct { struct path_use *ptr; size_t len, cap; } uses;
	uint64_t lost;			/* bytes of files that have no place in the tree */
	pthread_mutex_t lock;
	const char *wanted;		/* the base name of what it starts, or NULL */
	struct candidate candidates[CANDIDATES_MAX];
	size_t ncandidates;
};

int artifact_image_open(struct artifact *a, const struct artifact_opts *o, struct err *err) MUST_CHECK;
void artifact_image_release(struct artifact *a);
int artifact_image_view(struct artifact *a, enum artifact_view v, struct size_tree *out, struct err *err) MUST_CHECK;
/** artifact_image_count - what of each path a container sees; artifact.waste and efficiency. */
void artifact_image_count(struct artifact *a);

int artifact_zip_open(struct artifact *a, const char *path, const struct artifact_opts *o, struct err *err) MUST_CHECK;
int artifact_zip_view(struct artifact *a, struct size_tree *out, struct err *err) MUST_CHECK;

/** artifact_module - what is told of a module, of these bytes. ERR_FORMAT. */
int artifact_module(struct artifact *a, const struct buf *bytes, struct err *err) MUST_CHECK;
/** artifact_is_elf - whether the file starts as an ELF file does. */
bool artifact_is_elf(const char *path);
/** artifact_program - looks into the copy of the program inside, whose path there is @path. */
int artifact_program(struct artifact *a, const char *path, struct err *err) MUST_CHECK;

#endif
