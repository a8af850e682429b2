/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/prune.h"

#include "base/mem.h"
#include "os/fs.h"
#include "stage/sandbox.h"

int stage_cache_hold(const char *cache, struct err *err)
{
	CLEAN_FREE char *lock = path_join(cache, "lock");

	return kept_hold(lock, err);
}

int stage_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err)
{
	CLEAN_FREE char *top = dirs_cache(), *cache = path_join(top, "stage"), *lock = path_join(cache, "lock");
	CLEAN_FREE char *layers = path_join(cache, "layers"), *mounts = path_join(cache, "mounts");
	CLEAN_FREE char *run = path_join(cache, "run");
	const char *const dirs[] = { layers, mounts };
	CLEAN_FD int fd = -1;

	*out = (struct kept_pruned){ .bytes = 0 };
	if (!fs_is_dir(layers) && !fs_is_dir(mounts))
		return 0;
	fd = kept_claim(lock, out, err);
	if (fd < 0)
		return out->busy ? 0 : -1;
	if (sandbox_enter(err) < 0)
		return -1;
	return kept_prune(dirs, ARRAY_LEN(dirs), run, keep, dry_run, out, err);
}
