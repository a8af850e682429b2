/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_BASE_H
#define SLSC_OCI_BASE_H

#include <stddef.h>

#include "base/arena.h"
#include "oci/layer.h"

/*
 * The built-in bases. "scratch" has no layer. "static" is what distroless' static has: users and groups, /tmp, homes,
 * nsswitch.conf, os-release, CA certificates; "tzdata" can be added to either. Their layers are made once, when slsc
 * is built, from Debian's ca-certificates and tzdata, and lie as share/slsc/base/<name>.tar[.gz|.zst], with base.json.
 */

/* ID and VERSION_ID of its os-release, whatever built it: scanners look there for advisories. */
#define BASE_DISTRO_ID "debian"
#define BASE_DISTRO_VERSION "12"
#define BASE_DISTRO BASE_DISTRO_ID "-" BASE_DISTRO_VERSION

#define BASE_MAX_LAYERS 2	/* of the built-in ones */

/** One layer in each of its forms. */
struct base_layer {
	const char *name;		/* "static", "tzdata" */
	const char *created_by;		/* for the history: from which packages */
	struct digest diff_id;
	struct base_blob {
		struct digest digest;
		uint64_t size;
	} blob[CODEC_ZSTD + 1];		/* by codec */
};

struct base_set {
	struct arena arena;
	struct base_layer layer[BASE_MAX_LAYERS];
	size_t n;
};
#define CLEAN_BASE __attribute__((cleanup(base_release)))

/** base_load - read base.json of @dir (share/slsc/base). ERR_NOTFOUND, ERR_FORMAT. */
int base_load(struct base_set *b, const char *dir, struct err *err) MUST_CHECK;
/** base_parse - the same from memory; @shown is for messages. */
int base_parse(struct base_set *b, const char *shown, const char *p, size_t n, struct err *err) MUST_CHECK;
void base_release(struct base_set *b);

/**
 * base_put - copy layer @name of @dir into @l in the form of @codec; its digest is checked before. ERR_FORMAT if it is
 * damaged. @out borrows from @b.
 */
int base_put(const struct base_set *b, const char *dir, const char *name, enum codec codec, struct layout *l,
	     struct image_layer *out, struct err *err) MUST_CHECK;

/** Where base_make() takes from; all borrowed. */
struct base_sources {
	const char *certs;		/* directory of *.crt: PEM */
	const char *zoneinfo;		/* directory */
	const char *certs_version;	/* "ca-certificates 20230311", for the history */
	const char *zoneinfo_version;
};
/** base_users - users and groups, homes, /tmp and nsswitch.conf, as distroless has them; @t is not finished. */
int base_users(struct tree *t, struct err *err) MUST_CHECK;
/** base_make - write all layers and base.json, last, into @dir, which is made. Same sources, same bytes. */
int base_make(const char *dir, const struct base_sources *src, struct err *err) MUST_CHECK;

#endif
