/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REGISTRY_WORK_H
#define SLSC_REGISTRY_WORK_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define WORK_JOBS 6u	/* requests at once */

/**
 * work_jobs - how many threads for @n answers of @bytes in all. A new connection takes two round trips (TCP, TLS 1.3)
 * before its first request, in which one that is open brings a small answer: so these come two to a thread.
 */
unsigned work_jobs(size_t n, uint64_t bytes);

/**
 * work_run - @fn for each of 0 to @n - 1, begun in this order, on up to @jobs threads, of which the caller's is one.
 * The first failure sets *@cancel, which makes the others end, and is what is returned.
 */
int work_run(size_t n, unsigned jobs, int (*fn)(void *ctx, size_t i, struct err *err), void *ctx, atomic_bool *cancel,
	     struct err *err) MUST_CHECK;

#endif
