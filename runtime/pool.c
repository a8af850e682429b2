/* SPDX-License-Identifier: Apache-2.0 */
/* Object pools: static memory, a stack of what has come back, and in debug builds a table of who took what. */
#include "internal.h"

#include <string.h>

RT_FOR_SIZE_BEGIN

static struct slsc_pool *pools;

struct slsc_pool *slsc_rt_pools(void)
{
	return pools;
}

static void list(struct slsc_pool *pool)
{
	if (pool->listed)
		return;
	pool->listed = true;
	pool->next = pools;
	pools = pool;
}

void *slsc_rt_pool_get(struct slsc_pool *pool)
{
	uint32_t i;

	list(pool);
	if (pool->spare_count)
		i = pool->spare[--pool->spare_count];
	else if (pool->fresh < pool->count)
		i = pool->fresh++;
	else
		return NULL;
	pool->gets++;
	return pool->objects + i * pool->size;
}

/* Its index; the count of the pool when it is no object of it that was ever taken. */
static uint32_t index_of(const struct slsc_pool *pool, const void *object)
{
	uintptr_t offset = (uintptr_t)object - (uintptr_t)pool->objects;

	return offset % pool->size || offset / pool->size >= pool->fresh ? pool->count
									   : (uint32_t)(offset / pool->size);
}

int slsc_rt_pool_put(struct slsc_pool *pool, void *object)
{
	uint32_t i;

	if (!object)
		return 0;
	i = index_of(pool, object);
	if (i == pool->count || pool->spare_count == pool->fresh)
		return -1;
	if (pool->reset)
		pool->reset(object);
	else
		memset(object, 0, pool->size);
	pool->spare[pool->spare_count++] = i;
	return 0;
}

/* ---- debug builds ---- */

static void tell(const struct slsc_pool *pool, enum slsc_level level, const char *file, int line, const char *what)
{
	char text[512];
	struct slsc_out out = {text, 0, sizeof(text) - 1, false};

	slsc_puts(&out, "pool '");
	slsc_puts(&out, pool->name);
	slsc_puts(&out, "': ");
	slsc_puts(&out, file);
	slsc_puts(&out, ":");
	slsc_put_i64(&out, line);
	slsc_puts(&out, what);
	text[out.len] = '\0';
	slsc_log(NULL, level, text);
}

static void (*next_at_reset)(void);

static void find_leaks(void)
{
	for (struct slsc_pool *pool = pools; pool; pool = pool->next) {
		for (uint32_t i = 0; pool->taken && i < pool->fresh; i++) {
			struct slsc_pool_taken *t = &pool->taken[i];

			if (!t->file || t->told)
				continue;
			tell(pool, SLSC_WARN, t->file, t->line, " took an object that was not put back");
			t->told = true;
		}
	}
	if (next_at_reset)
		next_at_reset();
}

void *slsc_rt_pool_get_at(struct slsc_pool *pool, const char *file, int line)
{
	static bool watching;
	void *object = slsc_rt_pool_get(pool);

	if (!watching) {
		watching = true;
		next_at_reset = slsc_rt_at_reset;
		slsc_rt_at_reset = find_leaks;
	}
	if (object && pool->taken)
		pool->taken[index_of(pool, object)] = (struct slsc_pool_taken){file, line, false};
	return object;
}

int slsc_rt_pool_put_at(struct slsc_pool *pool, void *object, const char *file, int line)
{
	uint32_t i = index_of(pool, object);

	if (!object)
		return 0;
	if (i == pool->count || (pool->taken && !pool->taken[i].file)) {
		tell(pool, SLSC_ERROR, file, line, " puts back what was not taken");
		return -1;
	}
	if (pool->taken)
		pool->taken[i].file = NULL;
	return slsc_rt_pool_put(pool, object);
}

RT_FOR_SIZE_END
