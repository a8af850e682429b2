/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_IDLE_H
#define SLSC_BUILD_IDLE_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * A build that finds nothing to do is the one that is run most. Whether the graph of the last build is whole is what
 * ninja needs most of its time to find out; it can begin with that before we know whether the graph is still the same.
 * `ninja -n` runs beside the plan and writes nothing; its answer counts only if build.ninja and what stands beside it
 * did not change afterwards.
 */
struct idle {
	pid_t pid; /* 0: was not asked */
	int fd;	   /* what it says */
};

#define IDLE_INIT                                                                                                      \
	{                                                                                                              \
		0, -1                                                                                                  \
	}

/** idle_ask - ask about all of @dir's .slsc/build.ninja, which need not exist. What fails here is left to the build. */
void idle_ask(struct idle *i, const char *dir);

/** idle_says - wait; true if ninja said that there is no work to do, and nothing else. */
bool idle_says(struct idle *i);

/** idle_release - end ninja if it still runs. */
void idle_release(struct idle *i);
#define CLEAN_IDLE __attribute__((cleanup(idle_release)))

#endif
