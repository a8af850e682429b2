/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_STAGES_H
#define SLSC_BUILD_STAGES_H

#include "build/root.h"
#include "config/project.h"

/*
 * Stages of Dockerfiles that functions name as their toolchain. Who makes them is src/stage, which this room does not
 * know: cmd/ puts its struct build_stages into the project.
 */

#define BUILD_STAGE_DIGEST 16	/* digits that commands name a stage by */

/** A stage that is there, as the place of a toolchain; borrowed from who opened it. */
struct build_stage {
	struct root root;
	struct lstr stage;		/* as slsc.yaml has it, and where */
	const char *file;		/* slsc.yaml as messages show it */
	const char *dockerfile;		/* relative to the project */
	char digest[65];		/* of all that it is made of, hex: the same on another machine */
};

struct build_stages {
	bool make;			/* a stage that is not there is made; else it is an error */
	/** open - @use of @p; a second time the same. ERR_CONFIG, ERR_BUILD, ..., located. */
	int (*open)(struct build_stages *all, struct project *p, const struct toolchain_use *use,
		    const struct build_stage **out, struct err *err);
	/**
	 * begin - until end() what is executed by $SLSC_IN_STAGE runs in the stages. @binds: directories that they see
	 * as they are here; only the first one can be written to. @env: what ninja's environment needs is added.
	 */
	int (*begin)(struct build_stages *all, const struct strs *binds, struct strs *env, struct err *err);
	/** end - ERR_TOOL and the like if a stage's sandbox could not be made, whatever ninja said. */
	int (*end)(struct build_stages *all, struct err *err);
};

/** build_stage_run - what is put before a command that is to run in @s, as shell text with its blank; heap. */
char *build_stage_run(const struct build_stage *s);

#endif
