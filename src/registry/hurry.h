/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_HURRY_H
#define SLSC_REGISTRY_HURRY_H

#include <pthread.h>

#include "registry/client.h"
#include "registry/origin.h"

/*
 * The way to registries whose answers are worth only so much time: caches. What they cost by being slow or dead is
 * bounded for all of a build, what they cost by the bytes they send is not counted against that.
 */
#define HURRY_MS 10000	/* in all, beside the bytes */
#define HURRY_RATE 1024u	/* bytes a millisecond that are expected of what is sent */
#define HURRY_BYTES_MS 300000	/* for these at most, whatever their number is said to be */

struct hurry {
	struct registry_opts opts;
	struct registry_env env;
	struct origin_env origins;	/* opens registries that end when the time is over */
	atomic_llong until;
	pthread_mutex_t lock;
	int64_t left;			/* milliseconds */
	int64_t begun;
	uint64_t bytes;			/* of what is under way */
	unsigned users;
};
/** hurry_init - @o: the rest of what is said about registries, whose strings are borrowed; NULL: nothing. */
void hurry_init(struct hurry *h, const struct registry_opts *o);
void hurry_release(struct hurry *h);
/** hurry_begin, hurry_end - around what is asked of a registry, @bytes of blobs at most; of any threads. */
void hurry_begin(struct hurry *h, uint64_t bytes);
void hurry_end(struct hurry *h);

#endif
