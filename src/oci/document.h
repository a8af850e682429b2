/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_DOCUMENT_H
#define SLSC_OCI_DOCUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "oci/digest.h"

/*
 * Manifests, indexes and configs that others have written: OCI image-spec v1.1 and Docker's schema 2. Bounded:
 * DOCUMENT_MAX bytes (distribution-spec, "Pushing Manifests"), DOCUMENT_MAX_ENTRIES descriptors. All that a struct
 * points to is in its arena.
 */
#define DOCUMENT_MAX (4u << 20)
#define DOCUMENT_MAX_ENTRIES 1024u

#define MEDIA_DOCKER_MANIFEST "application/vnd.docker.distribution.manifest.v2+json"
#define MEDIA_DOCKER_INDEX "application/vnd.docker.distribution.manifest.list.v2+json"
#define MEDIA_DOCKER_CONFIG "application/vnd.docker.container.image.v1+json"
#define MEDIA_DOCKER_LAYER "application/vnd.docker.image.rootfs.diff.tar.gzip"
#define MEDIA_EMPTY "application/vnd.oci.empty.v1+json"

struct doc_kv {
	const char *key, *val;
};
struct doc_kvs {
	struct doc_kv *ptr;
	size_t len;
};
const char *doc_kvs_get(const struct doc_kvs *kvs, const char *key);	/* NULL if absent */

struct doc_descriptor {
	const char *media_type;		/* never NULL: "" if absent */
	struct digest digest;
	uint64_t size;			/* bytes */
	const char *architecture, *os, *variant;	/* of the platform; NULL: not said */
	const char *artifact_type;	/* NULL: not said */
	struct doc_kvs annotations;
};

enum doc_kind { DOC_MANIFEST, DOC_INDEX };

struct document {
	struct arena arena;
	enum doc_kind kind;
	const char *media_type;		/* the document's own, else the one passed, else by its members */
	const char *artifact_type;	/* or NULL */
	struct doc_descriptor config;	/* DOC_MANIFEST */
	struct doc_descriptor *ptr;	/* layers of a manifest, manifests of an index */
	size_t len;
	bool has_subject;
	struct doc_descriptor subject;
	struct doc_kvs annotations;
};
#define CLEAN_DOCUMENT __attribute__((cleanup(document_release)))

bool media_is_index(const char *media_type);
bool media_is_manifest(const char *media_type);
/** media_layer_codec - an enum codec (archive/codec.h) of a layer's media type, OCI's or Docker's; -1: no layer. */
int media_layer_codec(const char *media_type);

/**
 * document_parse - @shown is for messages; @media_type is what a Content-Type or a descriptor said, or NULL. ERR_LIMIT;
 * ERR_FORMAT names the member: "<shown>: layers[3].digest: ...". Duplicate members are refused; unknown ones ignored.
 */
int document_parse(struct document *d, const char *shown, const char *media_type, const void *p, size_t n,
		   struct err *err) MUST_CHECK;
void document_release(struct document *d);
/** document_for - the manifest of linux/@arch ("amd64", "arm64") in an index, or NULL; the first of several. */
const struct doc_descriptor *document_for(const struct document *index, const char *arch);

/** What a config says (image-spec, config.md); NULL and empty: not said. */
struct doc_config {
	struct arena arena;
	const char *architecture, *os, *variant, *created;
	const char *user, *workdir, *stop_signal;
	struct doc_kvs env;		/* NAME, VALUE; in the file's order */
	struct doc_kvs labels;
	const char **entrypoint, **cmd, **volumes, **ports;	/* NULL-terminated, or NULL */
	struct digest *diff_ids;
	size_t ndiff_ids;
	struct doc_history {
		const char *created, *created_by, *comment;	/* or NULL */
		bool empty_layer;
	} *history;
	size_t nhistory;
};
#define CLEAN_DOC_CONFIG __attribute__((cleanup(doc_config_release)))
int doc_config_parse(struct doc_config *c, const char *shown, const void *p, size_t n, struct err *err) MUST_CHECK;
void doc_config_release(struct doc_config *c);

#endif
