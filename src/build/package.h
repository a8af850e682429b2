/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_H
#define SLSC_BUILD_PACKAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/codec.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"
#include "oci/base.h"
#include "oci/image.h"
#include "oci/origin.h"

/*
 * From built binaries to dist/: zips, images and Workers of functions. The build comes first and is not called here; a
 * binary lies where build_binary_path() says.
 */

enum package_format {
	PACKAGE_ZIP = 1,		/* <function>-<arch>.zip */
	PACKAGE_OCI = 2,		/* <function>.oci/ */
	PACKAGE_OCI_ARCHIVE = 4,	/* <function>.oci.tar */
	PACKAGE_DOCKER_ARCHIVE = 8,	/* <function>-<arch>.docker.tar */
	PACKAGE_WORKERS = 16,		/* <function>.workers/ */
};

#define PACKAGE_IMAGES ((unsigned)PACKAGE_OCI | PACKAGE_OCI_ARCHIVE | PACKAGE_DOCKER_ARCHIVE)

/* Lambda's quotas, bytes. */
#define LAMBDA_ZIP_DIRECT 52428800ull		/* of a zip that is uploaded directly; larger ones go through S3 */
#define LAMBDA_UNZIPPED 262144000ull		/* of a zip's content */
#define LAMBDA_IMAGE 10737418240ull		/* of an image, uncompressed */

/** An image to be made by a Dockerfile; all borrowed. */
struct package_stage {
	const struct project *project;
	const struct function *function;
	const struct package *package;	/* target, build_args */
	const char *dockerfile, *context;	/* paths, as messages name them */
	const enum arch *arches;
	size_t narches;
	enum codec codec;
	enum codec_level level;
	const struct strs *base_sources;	/* as of the request */
	const char *lock;		/* slsc.lock */
	const char *layout;		/* directory to write an OCI layout to; NULL: only check */
	struct strs *warnings;
};

/** What to package. All borrowed; NULL and empty mean: as slsc.yaml says. */
struct package_request {
	struct project *project;
	const struct strs *functions;	/* names; empty: all */
	const struct strs *arches;	/* either naming; empty: the function's */
	unsigned formats;		/* PACKAGE_*, at least one */
	const char *profile, *level, *compression, *base, *sbom, *provenance;
	const struct strs *base_sources;	/* "NAME=SOURCE": where the base NAME really comes from; may be NULL */
	const struct origin_env *origins;	/* opens registries; NULL: they cannot be used */
	const char *out;		/* directory; NULL: dist in the project */
	void (*note)(const char *line);	/* told of what takes time; may be NULL */
	/* Makes what image.dockerfile says: Dockerfiles are of another room. Called while there is a single thread. */
	int (*stage)(const struct package_stage *want, void *ctx, struct err *err);
	bool dry_run;			/* check everything, write nothing */
	void (*step)(unsigned done, unsigned total, const char *item, void *ctx);	/* may be NULL */
	void *ctx;
};

#define PACKAGE_MAX_LAYERS 127u	/* what container runtimes mount */

/** One architecture's image within an artifact; of wasm32 the module, which is its only layer. */
struct packaged_image {
	enum arch arch;
	struct descriptor manifest, config;
	struct image_layer *layers;	/* heap; tar_size is 0 where it is not known */
	size_t nlayers;
	uint64_t size;			/* bytes to pull: manifest, config, layers */
};

/** Something below dist/. */
struct packaged {
	char *path;			/* as shown to the user */
	const char *name;		/* the tail of path: relative to the output directory */
	enum package_format kind;
	const char *function;		/* borrowed from the project */
	int arch;			/* enum arch, or -1: several */
	/* of the file; PACKAGE_OCI: of the image index; PACKAGE_WORKERS: of sha256sum's list of its files */
	struct digest digest;
	uint64_t size;			/* bytes; of a directory: all its files */
	uint64_t unpacked;		/* bytes of a zip's content; of the largest image's layers, uncompressed; 0: a
					 * compressed base's is not known */
	struct packaged_image images[ARCH_ALL];	/* the module of a layout, which is no image, comes last */
	size_t nimages;			/* 0 for zips and Workers */
};

struct package_result {
	struct packaged *ptr;		/* in the order of the request's functions, then formats, then arches */
	size_t len, cap;
	struct strs warnings;
	char *revision;			/* of the commit, with -dirty; NULL: none */
	const char *profile;		/* borrowed from the project */
	struct base_set bases;		/* owns what layers borrow */
};
#define CLEAN_PACKAGE __attribute__((cleanup(package_result_release)))

/** package_epoch - SOURCE_DATE_EPOCH, or else 1980-01-01; @set: whether it was set. ERR_USAGE if it is no time. */
int package_epoch(int64_t *epoch, bool *set, struct err *err) MUST_CHECK;

/**
 * package_component - a name of slsc.yaml as a component of a repository: single separators, and none at the end
 * (distribution-spec, "Pulling manifests").
 */
void package_component(const char *s, struct buf *out);

/** package_format_name - "zip", "oci", "oci-archive", "docker-archive", "workers". */
const char *package_format_name(enum package_format f);

/**
 * package_run - check everything, then write. The caller holds build_lock(). ERR_USAGE, ERR_CONFIG for what is asked;
 * ERR_NOTFOUND for a binary that is not built; ERR_VERIFY for one of another architecture; ERR_CHECK for a limit of
 * Lambda's; ERR_IO, ERR_INTR leave the old artifacts. @res is to be released also after a failure.
 */
int package_run(const struct package_request *req, struct package_result *res, struct err *err) MUST_CHECK;
void package_result_release(struct package_result *res);

/**
 * package_result_json - all of it as one JSON object and a newline. With @dry_run that is said, and sizes and digests,
 * which nobody knows yet, are null.
 */
void package_result_json(const struct package_result *res, bool dry_run, struct buf *out);

#define DIST_LIST_MAX (4u << 20)	/* bytes of dist/manifest.json that are read back */
/** An entry of an old dist/manifest.json. */
struct listed {
	const char *path;		/* relative to the output directory */
	const char *kind, *sha256;	/* or NULL */
	uint64_t size;
};
/**
 * package_list - the text of dist/manifest.json: those of @res's artifacts that have a digest, and those entries of the
 * @old text that @keep takes; sorted by path. What is malformed in @old is dropped.
 */
void package_list(const struct package_result *res, struct str old, bool (*keep)(const struct listed *e, void *ctx),
		  void *ctx, struct buf *out);

#endif
