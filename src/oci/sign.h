/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_SIGN_H
#define SLSC_OCI_SIGN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "oci/attach.h"
#include "oci/crypto.h"

/*
 * Signatures by a key pair, as cosign makes and stores them (cosign's specs/SIGNATURE_SPEC.md): ECDSA on P-256 over the
 * SHA-256 of a "simple signing" JSON that names the manifest's digest.
 */

/* ---- keys ---- */

#define KEY_FILE_MAX (16u << 10)
#define KEY_PASSWORD_MAX 1024u

/** Asked at most once, and only if a key is encrypted: append the password to @out. */
typedef int (*password_fn)(struct buf *out, void *ctx, struct err *err);

/**
 * key_parse - a private key: cosign's encrypted one (PEM "ENCRYPTED SIGSTORE PRIVATE KEY" or "ENCRYPTED COSIGN PRIVATE
 * KEY" around JSON: scrypt and NaCl's secretbox), or PKCS#8 or SEC 1 in PEM without encryption. Of scrypt only the
 * three costs that exist in cosign's keys are taken: at most 128 MiB. ERR_FORMAT; ERR_VERIFY "wrong password".
 */
int key_parse(const char *shown, struct str text, password_fn password, void *ctx, struct crypto_key **out,
	      struct err *err) MUST_CHECK;
/** key_load - the same from a file, of KEY_FILE_MAX bytes at most. */
int key_load(const char *path, password_fn password, void *ctx, struct crypto_key **out, struct err *err) MUST_CHECK;
/** key_load_public - a "PUBLIC KEY" in PEM. */
int key_load_public(const char *path, struct crypto_key **out, struct err *err) MUST_CHECK;
void key_free(struct crypto_key **k);
#define CLEAN_KEY __attribute__((cleanup(key_free)))

/** key_generate - a new pair: the private half encrypted as cosign does (scrypt N 65536), and the public one; PEM. */
int key_generate(struct str password, struct buf *private_pem, struct buf *public_pem, struct err *err) MUST_CHECK;

/* ---- what is signed ---- */

#define PAYLOAD_MAX (64u << 10)
#define STATEMENT_MAX (4u << 20)
#define ENVELOPE_MAX (STATEMENT_MAX / 3 * 4 + (64u << 10))	/* around such a statement, in base64 */
#define SIGNATURE_TYPE "cosign container image signature"
#define PAYLOAD_INTOTO "application/vnd.in-toto+json"

/** What a simple signing payload says. */
struct claim {
	struct digest digest;		/* of the manifest */
	char reference[512];		/* docker-reference, as the signer wrote it; cut */
};

/** claim_add - the payload for @digest. @reference: a repository's name, "" for none. @annotations: const char *. */
void claim_add(struct buf *out, const struct digest *digest, const char *reference, const struct map *annotations);
/** claim_parse - ERR_FORMAT, ERR_LIMIT past PAYLOAD_MAX. @shown is for messages. */
int claim_parse(const char *shown, struct str payload, struct claim *out, struct err *err) MUST_CHECK;

/** dsse_seal - an envelope (DSSE v1.0.2) of @payload with one signature, as JSON. */
int dsse_seal(const struct crypto_key *k, const char *type, struct str payload, struct buf *out,
	      struct err *err) MUST_CHECK;
/**
 * dsse_open - the payload of @envelope, appended, if one of its signatures is by @k and it is of @type. ERR_FORMAT;
 * ERR_LIMIT past ENVELOPE_MAX; ERR_CHECK if no signature is by @k. @k NULL: the signatures are not looked at.
 */
int dsse_open(const struct crypto_key *k, const char *shown, const char *type, struct str envelope, struct buf *payload,
	      struct err *err) MUST_CHECK;

/* ---- images ---- */

#define MEDIA_SIMPLESIGNING "application/vnd.dev.cosign.simplesigning.v1+json"
#define MEDIA_DSSE "application/vnd.dsse.envelope.v1+json"
#define SIGNATURE_ANNOTATION "dev.cosignproject.cosign/signature"

/** One manifest or index that was signed or whose signature is good. */
struct signed_image {
	struct digest digest, manifest;	/* of the image; of the manifest with its signatures */
	char tag[80];			/* where that is: sha256-<hex>.sig */
	unsigned signatures;		/* verify: by the key */
	unsigned statements;		/* attestations signed; verify: by the key */
	char reference[512];		/* verify: of the first good signature */
};
struct signed_images {
	struct signed_image *ptr;
	size_t len, cap;
};

void signed_images_release(struct signed_images *l);

struct sign_request {
	const char *ref;		/* tag or digest; NULL: the only image */
	const char *reference;		/* for the payload */
	const struct map *annotations;	/* or NULL */
	bool recursive;			/* an index and each of its manifests */
	bool dry_run;			/* only find what would be signed */
};

/**
 * sign_image - sign what @req names, beside signatures that are there; in-toto statements attached to it are signed
 * too, as attestations. Nothing is changed before all is ready: attach_commit() is called here. ERR_NOTFOUND,
 * ERR_FORMAT.
 */
int sign_image(struct attach *a, const struct crypto_key *k, const struct sign_request *req, struct signed_images *out,
	       struct err *err) MUST_CHECK;

/**
 * verify_image - whether @k has signed what @ref names; ERR_CHECK says why not. @statements: an attestation by @k is
 * demanded too. ERR_NOTFOUND if there is no such image.
 */
int verify_image(struct attach *a, const struct crypto_key *k, const char *ref, bool statements,
		 struct signed_image *out, struct err *err) MUST_CHECK;

#endif
