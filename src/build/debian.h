/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DEBIAN_H
#define SLSC_BUILD_DEBIAN_H

#include "build/bases.h"
#include "build/deb_layer.h"
#include "build/deb_lock.h"
#include "oci/base.h"

/*
 * Bases made from Debian packages: what an image stands on, from its name in slsc.yaml to layers. slsc.lock says which
 * packages; they come from the store, or else, verified, from a mirror.
 */

#define DEBIAN_MAX_LAYERS 64u	/* of packages, at most; package.image.max_layers */
#define DEBIAN_LAYERS 40u	/* the default: more packages share layers */

#define DEBUG_PACKAGE "busybox-static"	/* of the variant debug */

/** What one image asks for. */
struct debian_want {
	struct base_variant variant;	/* base NULL: one that slsc has not made */
	struct strs packages;		/* of the image's own */
	unsigned max_layers;		/* 0: the default */
};

/** What it got: to be released. */
struct debian {
	struct arena arena;
	const struct debian_want *want;	/* borrowed, as bases is */
	const struct bases *bases;
	char *key, *request;		/* of the lock; heap; NULL: no package is asked for */
	struct strs names;		/* of request */
	struct deb_lock lock;
	bool changed;			/* the lock has to be written */
};
#define CLEAN_DEBIAN __attribute__((cleanup(debian_release)))

struct debian_opts {
	const char *lock;		/* path of slsc.lock */
	bool update;			/* resolve anew whatever is locked */
	bool dry_run;			/* neither fetch nor write; what is missing is ERR_NOTFOUND */
	bool *fresh;			/* [ARCH_COUNT], in, out: the lists of packages are up to date; or NULL */
	void (*note)(const char *line);	/* told of what takes time; may be NULL */
};

/**
 * debian_open - the lock has every package of @want for @arches, and the store its .deb, afterwards. Without anything
 * missing no program runs and no network is used. ERR_TOOL, ERR_VERIFY, ERR_NOTFOUND, ERR_CONFIG.
 */
int debian_open(struct debian *d, const struct debian_want *want, const struct bases *bases, const enum arch *arches,
		size_t narches, const struct debian_opts *opts, struct err *err) MUST_CHECK;
void debian_release(struct debian *d);

/** debian_key - the name that slsc.lock has for what @want asks for; heap; NULL: no package is asked for. */
char *debian_key(const struct debian_want *want);
/** debian_want_locked - what a set of the lock was asked for; @want's packages are to be released. */
void debian_want_locked(const struct bases *bases, const char *key, struct debian_want *want);

/** debian_packages - those of @arch; empty if none are asked for. */
const struct apt_packages *debian_packages(const struct debian *d, enum arch arch);

struct debian_layers {
	struct image_layer *ptr;	/* created_by lives in the struct debian */
	size_t len, cap;
};
/**
 * debian_layers - the base for @arch as layers in @l: users or the built-in layer of @static_set (read from @share if
 * it is empty), links of a merged system, then packages by name, the smallest together if they are over max_layers.
 */
int debian_layers(struct debian *d, enum arch arch, enum codec codec, struct layout *l, struct base_set *static_set,
		  const char *share, struct debian_layers *out, struct err *err) MUST_CHECK;

/** debian_env - PATH, if @env has none, and SSL_CERT_FILE if there are certificates; static strings. */
void debian_env(const struct debian_want *want, struct map *env);

#endif
