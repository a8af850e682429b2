/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of an invocation: slsc_alloc(), and what is given back when it is over. */
#include "internal.h"

#include <sys/mman.h>

RT_FOR_SIZE_BEGIN

/*
 * The first pieces come from a static block, so that a small function maps nothing; larger
 * ones from a list of mappings, undone by the reset.
 */
struct chunk {
	struct chunk *next;
	size_t size;
};

#define ARENA_ALIGN 16u
#define ARENA_CHUNK (256u << 10)

static _Alignas(ARENA_ALIGN) char arena_first[16384];

static struct {
	char *ptr;
	size_t left;
	struct chunk *chunks;
	size_t total;
} arena = {arena_first, sizeof(arena_first), NULL, 0};

void *slsc_alloc(struct slsc_ctx *ctx, size_t size)
{
	char *p;

	(void)ctx;
	if (size > SLSC_ALLOC_MAX)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size > arena.left) {
		size_t need = size + sizeof(struct chunk);
		struct chunk *c;

		need = (need + ARENA_CHUNK - 1) & ~(size_t)(ARENA_CHUNK - 1);
		if (need > SLSC_ALLOC_MAX + ARENA_CHUNK - arena.total)
			return NULL;
		c = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (c == MAP_FAILED)
			return NULL;
		c->next = arena.chunks;
		c->size = need;
		arena.chunks = c;
		arena.total += need;
		arena.ptr = (char *)c + sizeof(*c);
		arena.left = need - sizeof(*c);
	}
	p = arena.ptr;
	arena.ptr += size;
	arena.left -= size;
	return p;
}

void slsc_rt_arena_reset(void)
{
	while (arena.chunks) {
		struct chunk *c = arena.chunks;

		arena.chunks = c->next;
		munmap(c, c->size);
	}
	arena.ptr = arena_first;
	arena.left = sizeof(arena_first);
	arena.total = 0;
}

void slsc_rt_trim(char *ptr, size_t used)
{
	const uintptr_t keep = 64u << 10, page = 64u << 10; /* the largest page of any target */
	uintptr_t from = ((uintptr_t)ptr + keep + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)ptr + used) & ~(page - 1);

	/* Below a quarter of a megabyte the system call costs more than the memory. */
	if (used > (256u << 10) && from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

RT_FOR_SIZE_END
