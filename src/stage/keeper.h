/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_KEEPER_H
#define SLSC_STAGE_KEEPER_H

#include "build/stages.h"
#include "stage/solve.h"

/*
 * Stages as the places of toolchains (build/stages.h). A child process of its own makes each of them, keeps it from
 * being pruned, and holds the sandbox in which a build's commands run, which begins with the first command: a build
 * with nothing to do makes none. The child alone enters a namespace: all else of slsc stays whom it was started by.
 */
struct keeper;
struct keepers {
	struct build_stages stages;
	/* what is the same for all: bases, caches, registry, callbacks, ...; borrowed */
	const struct stage_request *request;
	bool cache_trouble;		/* a stage's keeper has told of it: the others leave caches alone */
	struct keeper **ptr;
	size_t len, cap;
};

/** keepers_init - @request lacks dockerfile, context, target, arches and what slsc.yaml says. */
void keepers_init(struct keepers *k, const struct stage_request *request, bool make);
/** keepers_release - ends the children and waits for them. */
void keepers_release(struct keepers *k);
#define CLEAN_KEEPERS __attribute__((cleanup(keepers_release)))

#endif
