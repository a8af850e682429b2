/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_IMAGE_H
#define SLSC_OCI_IMAGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/vec.h"
#include "oci/document.h"
#include "oci/layer.h"

/*
 * The JSON documents of an image: keys sorted, no white space, so that equal content has one digest
 * (image-spec v1.0.2: config.md, manifest.md, image-index.md).
 */

#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
/* of WebAssembly modules (CNCF TAG Runtime, "Wasm OCI Artifact layout") */
#define MEDIA_WASM_CONFIG "application/vnd.wasm.config.v0+json"
#define MEDIA_WASM "application/wasm"
#define MODULE_ARCH "wasm"
#define MODULE_OS "wasip1"

/** What points at a blob (descriptor.md). */
struct descriptor {
	const char *media_type;
	struct digest digest;
	uint64_t size;			/* bytes */
	const char *architecture;	/* of the platform; NULL: no platform */
	const char *os;			/* of the platform; NULL: linux */
	const char *ref;		/* annotation org.opencontainers.image.ref.name, or NULL */
	const char *artifact_type;	/* of what is no image, or NULL */
};

/** All of one architecture's image. Strings are borrowed and valid UTF-8; maps hold const char * values. */
struct image {
	const char *architecture;	/* OCI's name; arm64 goes without its variant, v8 being what it means */
	int64_t created;		/* seconds since the epoch */
	const char *user, *workdir;	/* NULL: not set */
	struct map env;
	struct strs entrypoint;		/* [0] is absolute */
	struct map labels, annotations;
	const struct image_layer *layers;
	size_t nlayers;
	const struct image_base *base;	/* whose layers come first; NULL: one of ours, or none */
};

/** What an image keeps of a foreign base; borrowed. */
struct image_base {
	size_t nlayers;
	const char *created;		/* of its config, or NULL */
	const struct doc_history *history;	/* of its config: left out if it does not account for nlayers */
	size_t nhistory;
};

void image_release(struct image *im);

/** image_time - RFC 3339, UTC, "2024-01-31T12:00:00Z"; years 1 to 9999, clamped. */
void image_time(int64_t seconds, char out[24]);

void image_config(const struct image *im, struct buf *out);
void image_manifest(const struct image *im, const struct descriptor *config, struct buf *out);
/** image_index - an image index; index.json of a layout is one too. @annotations may be NULL. */
void image_index(const struct descriptor *manifests, size_t n, const struct map *annotations, struct buf *out);

/**
 * image_write - put config and manifest into @l. @manifest: out, without a ref.
 * @config: out; may be NULL.
 */
int image_write(struct layout *l, const struct image *im, struct descriptor *manifest, struct descriptor *config,
		struct err *err) MUST_CHECK;

/** image_write_as - the same with the config as it is written. */
int image_write_as(struct layout *l, const struct image *im, struct str config_text, struct descriptor *manifest,
		   struct descriptor *config, struct err *err) MUST_CHECK;

/**
 * module_write - put the bytes of a WebAssembly module, a command of WASI preview 1, into @l, as an artifact of its own
 * kind. @created as of struct image; @annotations hold const char * values. @manifest: out, without a ref.
 */
int module_write(struct layout *l, struct str module, int64_t created, const struct map *annotations,
		 struct descriptor *manifest, struct descriptor *config, struct descriptor *layer,
		 struct err *err) MUST_CHECK;

/** image_config_amend - the text @config with the time, environment and labels of @im on top. ERR_FORMAT. */
int image_config_amend(const char *shown, struct str config, const struct image *im, struct buf *out,
		       struct err *err) MUST_CHECK;

/**
 * docker_manifest - manifest.json of a `docker load` archive of one image: <hex>.json and one <hex>.tar a layer,
 * which must be uncompressed. @tag: "name:tag", lower case.
 */
void docker_manifest(const struct image *im, const struct descriptor *config, const char *tag, struct buf *out);

#endif
