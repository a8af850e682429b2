/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_SCALING_H
#define SLSC_LOCAL_SCALING_H

#include "local/platform.h"

/*
 * `scaling:` of slsc.yaml: a policy (scale/policy.h) is asked each interval how many instances of a function there
 * should be, and told what the simulator would tell it; pool_scale() makes it so. A program of the user's is asked
 * through the event loop. What it does wrong is told once, until it answers well again; meanwhile it is started anew,
 * SCALING_AGAIN after it failed, and the last number stays.
 */
#define SCALING_AGAIN LOOP_S

/**
 * scaling_serve - as @f says from now on, which may be: no policy any more. The same once more changes nothing. Of one
 * that is added. ERR_CONFIG, and what reading its model says: then it stays as it was.
 */
int scaling_serve(struct lfn *fn, const struct project *p, const struct function *f, struct err *err) MUST_CHECK;
/** scaling_stop - ask no more; a user's program meets the end of its input. */
void scaling_stop(struct lfn *fn);
/** scaling_free - harmless without. */
void scaling_free(struct lfn *fn);

/* What there is to be seen; harmless without a policy. */
void scaling_arrived(struct lfn *fn);
void scaling_done_one(struct lfn *fn);
/** scaling_changed - the state of @i. */
void scaling_changed(struct instance *i);

#endif
