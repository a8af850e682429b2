/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_CACHE_H
#define SLSC_BUILD_CACHE_H

#include "build/remote.h"
#include "cli/opt.h"
#include "registry/hurry.h"

/* --cache-from and --cache-to as they are about binaries: src/build knows no registry. */
struct build_cache {
	struct hurry hurry;
	struct build_remote remote;
};
#define CLEAN_BUILD_CACHE __attribute__((cleanup(build_cache_release)))

/** build_cache_init - all borrowed. @off: something else has met trouble with these caches; may be NULL. */
void build_cache_init(struct build_cache *c, const struct strs *from, const char *to, const struct registry_opts *o,
		      const bool *off);
/** build_cache_check - ERR_USAGE: a place that is none. */
int build_cache_check(const struct build_cache *c, struct err *err) MUST_CHECK;
void build_cache_release(struct build_cache *c);
/** build_cache_remote - for build_request.remote; NULL: no cache was named. */
struct build_remote *build_cache_remote(struct build_cache *c);
/** build_cache_report - with -v a line; as JSON ',"cache":{...}'; nothing where no cache was named. */
void build_cache_report(const struct build_cache *c, bool json, struct buf *out);

#endif
