/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_REMOTE_H
#define SLSC_BUILD_REMOTE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/origin.h"

/*
 * Finished binaries in a cache elsewhere, as an image manifest: its config is an index, each of its layers a binary
 * with its debug file and link map. A binary is known by all that decides its bytes: the commands that make it, the
 * toolchain's programs by content, and the contents of all files that its compiles and its link have read.
 *
 * What is taken from a cache lies where a build would have put it, and .slsc/<profile>/<arch>/.taken/<function> says of
 * what it was made, by the stat data of these files: while they are the same, and the binary is, ninja is not asked.
 */

/** The way to caches, as cmd/ gives it, since src/registry is not known here; all borrowed. */
struct build_remote {
	const struct strs *from;	/* places (oci/place.h) */
	const char *to;			/* or NULL */
	const struct origin_env *origins;
	const bool *off;		/* something else has met trouble with these caches, and told it; may be NULL */
	/* around what is asked of a registry, @bytes at most */
	void (*begin)(void *ctx, uint64_t bytes);
	void (*end)(void *ctx);
	/* @fn for each of 0 to @n - 1, several at a time */
	void (*each)(size_t n, void (*fn)(void *arg, size_t i), void *arg, void *ctx);
	/* the image "latest" of a layout to where it goes; @sent: bytes of blobs that were not there */
	int (*push)(const struct place *layout, const struct place *to, uint64_t *sent, void *ctx, struct err *err);
	void (*warn)(const char *line, void *ctx);
	void (*note)(const char *line, void *ctx);	/* of single binaries */
	void *ctx;
	/* out */
	unsigned hits, misses;		/* binaries that were taken; that were asked for, and had to be built */
	uint64_t received, sent;	/* bytes of blobs */
	bool trouble;			/* it was told */
};

#define REMOTE_ARTIFACT "application/vnd.slsc.binaries.v1"
#define REMOTE_MEDIA_INDEX "application/vnd.slsc.binaries.v1+json"
#define REMOTE_MEDIA_BINARY "application/vnd.slsc.binary.v1+zstd"

/* What an index may hold. */
#define REMOTE_INDEX_MAX (32u << 20)	/* bytes */
#define REMOTE_FILES_MAX 200000u
#define REMOTE_BINARIES_MAX 1000u	/* a manifest has no more layers than 1024 */
#define REMOTE_INPUTS_MAX 20000u	/* of a binary */
#define REMOTE_PART_MAX (256u << 20)	/* bytes of a binary, debug file, map */
#define REMOTE_KEY 65			/* 64 hex digits and a NUL */

/** A file that was read: relative to the project, absolute, or "@slsc/", "@cache/", "@dep/NAME/" and a path below. */
struct remote_file {
	const char *path;
	struct digest digest;
};
struct remote_part {
	bool there;
	uint64_t size;
	struct digest digest;
};
enum { REMOTE_BINARY, REMOTE_DEBUG, REMOTE_MAP, REMOTE_PARTS };
extern const char *const remote_part_names[REMOTE_PARTS];

struct remote_binary {
	char key[REMOTE_KEY];		/* of commands and toolchain */
	char seen[REMOTE_KEY];		/* of files that would be found before those that were read */
	struct digest blob;		/* its parts, one after the other, compressed by zstd */
	uint64_t blob_size;
	const uint32_t *inputs;		/* of remote_index.files */
	size_t ninputs;
	struct remote_part part[REMOTE_PARTS];
};

struct remote_index {
	struct arena arena;		/* of all that is not heap */
	VEC(struct remote_file) files;
	VEC(struct remote_binary *) binaries;
	struct map by_key;		/* -> struct remote_binary * */
	struct map known;		/* while it is made: "DIGEST PATH" -> its place in files, from 1 */
};
#define CLEAN_REMOTE_INDEX __attribute__((cleanup(remote_index_release)))

/** remote_index_parse - ERR_FORMAT "<shown>: ...", ERR_LIMIT. What it says of blobs is still to be compared. */
int remote_index_parse(struct remote_index *x, const char *shown, const void *p, size_t n, struct err *err) MUST_CHECK;
/** remote_index_write - as JSON; the same index gives the same bytes. */
void remote_index_write(const struct remote_index *x, struct buf *out);
/** remote_index_add - @b, made of @inputs; one of a key that is there is passed over. */
void remote_index_add(struct remote_index *x, const struct remote_binary *b, const struct remote_file *inputs,
		      size_t n);
void remote_index_release(struct remote_index *x);
/** remote_path_ok - whether it is a name that remote_file.path may have. */
bool remote_path_ok(const char *path);

#endif
