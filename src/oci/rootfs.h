/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_ROOTFS_H
#define SLSC_OCI_ROOTFS_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/codec.h"
#include "archive/unarchive.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "oci/origin.h"

/*
 * What a container of an image would see: its layers, read in order, as one tree. Whiteouts (.wh.NAME) and opaque
 * directories (.wh..wh..opq) take away what lower layers have (image-spec v1.1, layer.md). Nothing is written to the
 * disk but the spooled blob of a layer that is no file yet. Layers are foreign: bounded in entries, in bytes of names
 * and in bytes uncompressed; what is wrong with an entry is a fault that its reader hears of, and the entry is taken as
 * a careful unpacker would take it, or left out.
 */

struct rootfs_node {
	const char *path;	/* "usr/bin/x"; "" the root; names and targets are bytes, not always UTF-8 */
	const char *target;	/* of a symlink; else NULL */
	enum unar_type type;	/* a hard link has its target's */
	mode_t mode;
	uint32_t uid, gid;
	uint64_t size;		/* bytes of a file */
	int64_t mtime;
	uint32_t layer;		/* that its entry is in, from 0 */
	bool hardlink;
	bool implied;		/* a directory that has no entry of its own */
	bool gone;		/* taken away by a whiteout or an entry in its place: passed over by all below */
	uint32_t src_layer, src_index;	/* where the bytes of a file are: the entry of that number, from 0 */
	uint32_t number;	/* in the order of appearance, from 0: rootfs.paths.ptr[number] is its */
	uint32_t src_number;	/* of the node that this entry was put at */
	struct rootfs_node *parent, *child, *next;
};

struct rootfs_layer {
	struct digest digest, diff_id;	/* as the manifest names it; of the bytes that are in it */
	uint64_t size, tar_size;	/* bytes, of the blob and uncompressed; if it failed: how far it was read */
	size_t entries;
	size_t files;			/* that are no directories and no whiteouts */
	uint64_t file_bytes;		/* of these */
	enum codec codec;		/* by its first bytes, whatever its media type says */
};

struct rootfs {
	struct arena arena;
	struct map paths;		/* path -> struct rootfs_node, in the order of appearance */
	struct rootfs_node *root;
	struct rootfs_layer *layers;
	size_t nlayers;
	uint64_t path_bytes, work;
	const struct document *manifest;	/* borrowed */
	struct origin *origin;			/* borrowed */
	uint64_t max_bytes, max_entries;	/* as in rootfs_limits, defaults resolved */
};
#define CLEAN_ROOTFS __attribute__((cleanup(rootfs_release)))

enum rootfs_fault {
	ROOTFS_BAD_NAME,  /* absolute, or with "..": left out */
	ROOTFS_SYMLINK,	  /* its target climbs above the root */
	ROOTFS_HARDLINK,  /* its target is outside, or is not there: left out */
	ROOTFS_THROUGH,	  /* its parent is a symlink of the same layer, or climbs above the root: left out */
	ROOTFS_WHITEOUT,  /* of a path outside, or of no name: ignored */
	ROOTFS_DUPLICATE, /* the same path twice in one layer: the later one counts */
	ROOTFS_DEVICE,
	ROOTFS_NO_PARENT, /* its directory has no entry before it in the same layer */
	ROOTFS_CODEC,	  /* compressed otherwise than its media type says */
	ROOTFS_DIFF_ID,	  /* other bytes than the config names */
};

/** What the reader of an image wants to hear while it is read. Each may be NULL; -1 with @err ends the reading. */
struct rootfs_hooks {
	/* @path: the entry's, as written; NULL: of the layer. @detail: a target, a digest, ...; or NULL */
	int (*fault)(void *ctx, enum rootfs_fault what, size_t layer, const char *path, const char *detail,
		     struct err *err);
	/* of each entry but whiteouts, also of what an upper layer takes away: whether its bytes are wanted */
	bool (*want)(void *ctx, const struct rootfs_node *node);
	/* the bytes of a wanted file; n 0: its end */
	int (*data)(void *ctx, const struct rootfs_node *node, const void *p, size_t n, struct err *err);
	/*
	 * of each file as its layer has it, whiteouts too, before it is in the tree; unar_data() gives its bytes.
	 * Without @want layers are read side by side, and this is called by several threads.
	 */
	int (*bytes)(void *ctx, size_t layer, uint32_t index, const struct unar_entry *e, struct unar *u,
		     struct err *err);
	/* an entry that is no directory is now at @node, also of what an upper layer takes away */
	void (*placed)(void *ctx, const struct rootfs_node *node);
	/* a whiteout of @layer is about to take away what lower layers have at @node */
	void (*whiteout)(void *ctx, const struct rootfs_node *node, size_t layer);
	void *ctx;
};

/** Of all layers together; 0: the default. Beyond: ERR_LIMIT. */
struct rootfs_limits {
	uint64_t bytes;		/* uncompressed; default 10 GiB, Lambda's limit for images */
	uint64_t entries;	/* default 1,000,000; the names that paths imply count, too */
};
#define ROOTFS_MAX_BYTES (UINT64_C(10) << 30)
#define ROOTFS_MAX_ENTRIES 1000000u
#define ROOTFS_MAX_PATH 4095u
#define ROOTFS_MAX_PATH_BYTES (UINT64_C(256) << 20)	/* of all names together */

/**
 * rootfs_read - @o, @manifest: borrowed until rootfs_release(). @config may be NULL: diff_ids are not compared.
 * @limits and @hooks may be NULL. Digests of blobs are verified; a layer that is malformed, other bytes than its digest
 * or not there is an error "layer 2 (sha256:...): ..." (from 1). ERR_FORMAT, ERR_LIMIT, ERR_NOTFOUND, ERR_IO, ERR_INTR.
 * @r is to be released also after a failure, and holds what was read till then.
 */
int rootfs_read(struct rootfs *r, struct origin *o, const struct document *manifest, const struct doc_config *config,
		const struct rootfs_limits *limits, const struct rootfs_hooks *hooks, struct err *err) MUST_CHECK;
void rootfs_release(struct rootfs *r);

/** rootfs_find - at this very path ("usr/bin/x"), no link followed; NULL if absent. */
struct rootfs_node *rootfs_find(const struct rootfs *r, const char *path);
/**
 * rootfs_resolve - as the kernel would walk @path from the root, through at most 40 symlinks; the last one too if
 * @follow. NULL if it leads nowhere.
 */
struct rootfs_node *rootfs_resolve(const struct rootfs *r, const char *path, bool follow);
/** rootfs_each - iterates over what is there, in no order that means something; *@it starts at 0. NULL at the end. */
const struct rootfs_node *rootfs_each(const struct rootfs *r, size_t *it);
/** rootfs_file - the bytes of a file: its layer is read once more, as far as needed. */
int rootfs_file(const struct rootfs *r, const struct rootfs_node *node, sink_fn sink, void *ctx,
		struct err *err) MUST_CHECK;

#endif
