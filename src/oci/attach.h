/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_ATTACH_H
#define SLSC_OCI_ATTACH_H

#include <jansson.h>
#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/image.h"
#include "oci/origin.h"

/*
 * What is stored beside an image without being part of it: SBOM, provenance, signatures. Two ways exist, and both are
 * here: an artifact manifest whose `subject` is the image's (image-spec v1.1, manifest.md; found by the referrers API),
 * and a manifest under a tag made from the image's digest (cosign). The image and its index stay the bytes they are, so
 * that Lambda, which refuses an index with other things in it, does not see them.
 */

#define MEDIA_ARTIFACT_CONFIG "application/vnd.oci.empty.v1+json"
#define MEDIA_SPDX "application/spdx+json"
#define MEDIA_CYCLONEDX "application/vnd.cyclonedx+json"
#define MEDIA_INTOTO "application/vnd.in-toto+json"
#define ATTACH_MANIFEST_MAX (4u << 20)	/* bytes of a manifest or index that is read (distribution-spec) */
#define ATTACH_MAX 1024u		/* manifests in an index, layers in a manifest */

/** Where an image is, and what is attached to it may be put: a layout; src/registry can make another. */
struct attach;

struct attach_ops {
	/*
	 * A manifest or index by tag or "sha256:..."; NULL: the only image there is (ERR_USAGE if there are several).
	 * Checked against its digest. @d: media type (static storage), digest, size. ERR_NOTFOUND.
	 */
	int (*manifest)(struct attach *a, const char *ref, struct buf *out, struct descriptor *d, struct err *err);
	/* A whole blob, verified: ERR_NOTFOUND, ERR_LIMIT past @limit, ERR_FORMAT if it has other bytes than named. */
	int (*blob)(struct attach *a, const struct digest *digest, uint64_t size, uint64_t limit, struct buf *out,
		    struct err *err);
	int (*put_blob)(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err);
	/* Or an index. @artifact_type, @tag: or NULL; a tag that is there is moved. */
	int (*put_manifest)(struct attach *a, const void *p, size_t n, const char *artifact_type, const char *tag,
			    struct digest *digest, struct err *err);
	/* A manifest or index that only an index names, which is put after it. */
	int (*put_child)(struct attach *a, const void *p, size_t n, struct digest *digest, struct err *err);
	/*
	 * The manifests and indexes of @artifact_type (NULL: any) whose subject is @subject; a layout's in the order of
	 * their digests.
	 */
	int (*referrers)(struct attach *a, const struct digest *subject, const char *artifact_type,
			 struct digest **out, size_t *n, struct err *err);
	/* Make all that was put visible, at once where that is possible. */
	int (*commit)(struct attach *a, struct err *err);
	void (*free)(struct attach *a);
};
struct attach {
	const struct attach_ops *ops;
	char *shown;		/* for messages: "oci:dist/hello.oci"; heap */
};
#define CLEAN_ATTACH __attribute__((cleanup(attach_free)))
void attach_free(struct attach **a);	/* NULL is fine; what was not committed is taken away */

/**
 * attach_layout - the OCI layout at @dir. @write: hold its lock (flock on the directory: nothing is left in it) until
 * attach_free(). index.json is replaced atomically, what else it names is kept. ERR_NOTFOUND, ERR_FORMAT.
 */
int attach_layout(struct attach **out, const char *dir, bool write, struct err *err) MUST_CHECK;

/** How what origin reads is written; for attach_origin(). Each as in attach_ops. */
struct attach_writer {
	int (*put_blob)(void *ctx, const void *p, size_t n, struct digest *digest, struct err *err);
	int (*put_manifest)(void *ctx, const void *p, size_t n, const char *artifact_type, const char *tag,
			    struct digest *digest, struct err *err);
	int (*commit)(void *ctx, struct err *err);
	void (*free)(void *ctx);
	void *ctx;
};
/**
 * attach_origin - an image read from anywhere else. @o and @w->ctx are its own from here on. @w NULL: what would
 * write is ERR_USAGE, as in an archive.
 */
struct attach *attach_origin(struct origin *o, const struct attach_writer *w);

#define ATTACH_BLOB_MAX (64u << 20)	/* bytes of an attachment that is copied, in memory */
/**
 * attach_copy - what is attached to @image, and if that is an index to each of its manifests: signatures, attestations,
 * and all that has it as its subject. @n: how many manifests that was. The image itself is at both places already.
 */
int attach_copy(struct attach *from, struct attach *to, const struct digest *image, unsigned *n,
		struct err *err) MUST_CHECK;

/** attach_tag - "sha256-<hex>.sig": the tag that cosign uses; @suffix "sig", "att". */
void attach_tag(const struct digest *digest, const char *suffix, char out[80]);

/** attach_is_tag - whether @tag is such a one, or the referrers API's fallback, "sha256-<hex>" alone. */
bool attach_is_tag(const char *tag);

/** One thing to attach. */
struct attachment {
	const char *artifact_type;	/* of the manifest, and of its only blob */
	const char *name;		/* title annotation: "hello-arm64.spdx.json" */
	const void *data;
	size_t len;
	int64_t created;		/* seconds since the epoch */
};
/** attachment_manifest - the artifact manifest; @blob: digest of data. */
void attachment_manifest(const struct attachment *at, const struct digest *blob, const struct descriptor *subject,
			 struct buf *out);
/** attach_put - @at for @subject; not yet committed. @manifest: out. */
int attach_put(struct attach *a, const struct attachment *at, const struct descriptor *subject,
	       struct digest *manifest, struct err *err) MUST_CHECK;

/** attach_text_type - the same for a manifest or index that is not described: its own word for it, or its members. */
const char *attach_text_type(struct str text);

/**
 * attach_artifact_type - of a manifest: its own artifactType, or else its config's media type; of an index: its own, if
 * any (distribution-spec v1.1, "Listing Referrers"). Borrowed from @j, or NULL.
 */
const char *attach_artifact_type(const json_t *j);

/** attach_media_type - static storage for a manifest's or index's media type, OCI's or Docker's; NULL if it is none. */
const char *attach_media_type(const char *s);

#endif
