/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SOLVE_H
#define SLSC_STAGE_SOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/codec.h"
#include "base/buf.h"
#include "base/vec.h"
#include "config/project.h"
#include "oci/image.h"
#include "oci/origin.h"
#include "registry/client.h"
#include "stage/sandbox.h"

/*
 * From a Dockerfile and a context to an image. Only the stages that the target needs are built, those that do not wait
 * for each other side by side. A step is known by what it reads: what is below it, its instruction with variables put
 * in, the contents of what it copies, its environment, its mounts. What was done before is taken from the cache.
 */

enum stage_event_kind {
	STAGE_CACHED,	/* the step's layer is known from before */
	STAGE_BEGIN,	/* it runs */
	STAGE_LINE,	/* a line of what it says */
	STAGE_DONE,
};

struct stage_event {
	enum stage_event_kind kind;
	const char *stage;		/* "builder", "stage-1"; with several architectures "builder arm64" */
	unsigned step, steps;		/* from 1 */
	const char *text;		/* the instruction; of STAGE_LINE the line */
	const char *why;		/* STAGE_BEGIN with explain: why it runs; else NULL */
	double seconds;			/* STAGE_DONE */
};

/** What to build; all borrowed. */
struct stage_request {
	const char *dockerfile;		/* path; NULL: Dockerfile of the context */
	const char *context;		/* directory */
	const char *target;		/* a stage's name or number; NULL: the last one */
	enum arch arches[ARCH_COUNT];
	size_t narches;			/* at least 1 */
	const struct strs *args;	/* "NAME=VALUE", or "NAME": from the environment */
	const struct strs *secrets;	/* "id=ID[,src=FILE|,env=NAME]" */
	const struct strs *labels;	/* "KEY=VALUE", on top of the image's */
	const struct strs *bases;	/* "NAME=SOURCE": where the base NAME really comes from */
	const struct strs *cache_from;	/* places of caches (oci/place.h) */
	const char *cache_to;
	const struct lkvs *mirrors;	/* of slsc.yaml, or NULL */
	const char *mirrors_dir;	/* relative places among them are relative to it */
	const char *lock;		/* slsc.lock, for named bases */
	bool pin;			/* and for registries' images: a tag is what it was the first time */
	const char *tag;		/* of the image: "HOST/REPO:TAG" or a short name; NULL: none */
	/* "oci:DIR", "oci-archive:FILE", "docker-archive:FILE", "dir:DIR"; NULL: none */
	const char *output;
	const char *layout;		/* in place of output: the directory of a layout, as it is; NULL: none */
	enum codec codec;
	enum codec_level level;
	enum sandbox_kind sandbox;
	bool squash, strip, no_cache, no_network, explain, dry_run;
	unsigned until;			/* only what stands before this line; 0: all */
	unsigned jobs;			/* RUN steps at a time; 0: as many as there are processors */
	const struct origin_env *origins;
	const struct registry_opts *registry;	/* of --cache-to; NULL: the defaults */
	void (*note)(const char *line);	/* of what takes time elsewhere; any thread; may be NULL */
	void (*warn)(const char *line);	/* of keepers, whose result nobody sees; NULL: by note */
	void (*event)(const struct stage_event *e, void *ctx);	/* serialised; may be NULL */
	void *ctx;
};

struct stage_image {
	enum arch arch;
	struct descriptor manifest, config;
	struct image_layer *layers;	/* heap */
	size_t nlayers;
	uint64_t size;			/* bytes to pull */
};

struct stage_result {
	struct stage_image images[ARCH_COUNT];
	size_t nimages;
	struct digest digest;		/* of the index, or of the only manifest; dir: empty */
	char *path;			/* of what was written; heap; NULL: nothing */
	unsigned steps, cached;		/* steps that make layers; those of them that did not run */
	struct stage_cache_use {
		unsigned hits, misses;	/* steps that --cache-from had; that had to run */
		uint64_t got, sent;	/* bytes of blobs */
		bool trouble;		/* a warning tells of it */
	} cache;
	struct strs warnings;
};
#define CLEAN_STAGE_RESULT __attribute__((cleanup(stage_result_release)))
void stage_result_release(struct stage_result *r);

/**
 * stage_solve - ERR_CONFIG, located, for the Dockerfile; ERR_BUILD for a RUN that fails, with the end of what it said
 * in the message; ERR_USAGE, ERR_NOTFOUND, ERR_TOOL, ERR_NET, ERR_IO, ERR_INTR. Call with a single thread. The output
 * appears whole, or what was there stays.
 */
int stage_solve(const struct stage_request *req, struct stage_result *res, struct err *err) MUST_CHECK;

/** stage_print - the stages that the target needs and what depends on what: as text, or as a graph for dot(1). */
int stage_print(const struct stage_request *req, bool graph, struct buf *out, struct err *err) MUST_CHECK;

#endif
