/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_ARTIFACT_H
#define SLSC_REPORT_ARTIFACT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/vec.h"
#include "oci/digest.h"
#include "oci/origin.h"
#include "report/sizes.h"

/*
 * What is built, looked into: a program, a WebAssembly module, a zip, an image of a layout, an archive or a registry.
 * Foreign: bounded by the limits of the readers beneath, and what can be read of a damaged one is still there.
 */
enum artifact_kind { ARTIFACT_BINARY, ARTIFACT_ZIP, ARTIFACT_IMAGE, ARTIFACT_WASM };

/** Ways to divide an artifact's bytes. Each adds up to its own whole, the root's bytes. */
enum artifact_view {
	VIEW_LAYERS,	/* an image's stored bytes: manifest, config, each layer's blob */
	VIEW_FILES,	/* the files that a container sees; of a zip, its entries, packed, and its headers */
	VIEW_SECTIONS,	/* a program's file: headers, sections, what lies between */
	VIEW_SYMBOLS,	/* a program's file: sections, in them the symbols */
	VIEW_SOURCES,	/* a program's file: compile units, in them the symbols; needs debug information */
	VIEW_WASTE,	/* an image's files that a later layer overwrites or deletes: their excess bytes */
	VIEW_COUNT
};
extern const char *const artifact_view_names[VIEW_COUNT];	/* "layers", ... */

struct artifact_layer {
	struct digest digest, diff_id;
	const char *created_by;		/* the instruction, from the history; NULL: not said */
	const char *media_type;
	uint64_t size, unpacked;	/* bytes: of the blob; of its files */
	size_t files;			/* entries that are no directories */
	bool damaged;			/* it could be read in part only */
};

struct artifact {
	struct arena arena;
	enum artifact_kind kind;
	const char *shown;		/* as the user named it */
	const char *arch;		/* "x86_64", "arm64", or what it says; NULL: not said */
	uint64_t size;			/* bytes as it lies there: the file; manifest, config and layers' blobs */
	uint64_t unpacked;		/* bytes of the files in it; of a program its size */
	size_t files;			/* that a container sees; of a zip its entries; of a program 1 */

	/* a program, also the one that a zip or image starts */
	bool has_program;
	const char *program;		/* its path inside; NULL: it is the artifact */
	const char *linkage;		/* "static", "static-pie", "dynamic" */
	bool stripped;
	struct strs needed;		/* shared libraries */
	const char *verdict;		/* elf_verify()'s or wasm_verify()'s, as of slsc's own; NULL: nothing */

	/* a module */
	struct strs imports, exports;	/* "wasi_snapshot_preview1.fd_write"; "_start" */
	uint64_t memory;		/* bytes that it starts with */

	/* an image */
	struct digest digest;		/* of its manifest */
	const char *os, *created, *user;
	struct strs entrypoint;
	struct artifact_layer *layers;
	size_t nlayers;
	uint64_t waste;			/* bytes of VIEW_WASTE: unpacked less what a container sees */
	double efficiency;		/* as dive defines it, 0 to 1 */

	struct artifact_priv *priv;
};
#define ARTIFACT_INIT { .arena = ARENA_INIT }
#define CLEAN_ARTIFACT __attribute__((cleanup(artifact_release)))

struct artifact_opts {
	const char *arch;		/* of an index: "x86_64", "arm64"; NULL: see artifact_arches() */
	const char *debug;		/* the file with a program's debug information; NULL: looked for */
	const struct origin_env *env;	/* opens registries */
};

/** artifact_kind_of - by its first bytes; a file that is none of the others is an image's archive, or nothing. */
int artifact_kind_of(const char *text, enum artifact_kind *kind, struct err *err) MUST_CHECK;
/** artifact_place - of an image: place_parse_artifact(), or a message that says what an artifact may be. */
int artifact_place(struct place *pl, const char *text, struct err *err) MUST_CHECK;
/**
 * artifact_arches - the architectures that an index holds, in its order; none for all else. ERR_NOTFOUND, ERR_FORMAT,
 * ERR_USAGE (@text is neither a file nor a place of an image).
 */
int artifact_arches(const char *text, const struct origin_env *env, struct strs *out, struct err *err) MUST_CHECK;
/**
 * artifact_open - @text: the path of a program or zip, or a place (oci/place.h). All layers of an image are read, once.
 * ERR_NOTFOUND, ERR_FORMAT with file and offset, ERR_LIMIT, ERR_USAGE: an index of several images and no arch. @a is to
 * be released also after a failure, and holds what could be read.
 */
int artifact_open(struct artifact *a, const char *text, const struct artifact_opts *o, struct err *err) MUST_CHECK;
void artifact_release(struct artifact *a);
const char *artifact_kind_name(const struct artifact *a);	/* "binary", "zip", "image", "module" */
bool artifact_has_view(const struct artifact *a, enum artifact_view v);
/** artifact_views - of @views (bit 1 << enum artifact_view) those it has. */
unsigned artifact_views(const struct artifact *a, unsigned views);
/**
 * artifact_view - @out, empty before, is finished. ERR_USAGE: it has no such view; ERR_NOTFOUND: there are no symbols,
 * or no debug file. After ERR_FORMAT and ERR_LIMIT @out may hold what could be read: out->root is not NULL.
 */
int artifact_view(struct artifact *a, enum artifact_view v, struct size_tree *out, struct err *err) MUST_CHECK;

#endif
