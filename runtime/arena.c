/* SPDX-License-Identifier: Apache-2.0 */
/* Memory of an invocation: slsc_alloc(), what is given back when it is over, and what is kept for the next. */
#include "arena.h"

#ifndef __wasi__
#include <sys/mman.h>
#include <sys/syscall.h>
#endif
#include <unistd.h>

RT_FOR_SIZE_BEGIN

/*
 * The first pieces come from a static block, so that a small function maps nothing; then from mappings, each as large
 * as all before it together (up to 8 MiB), so that there are few. One mapping may be kept from the last invocation:
 * in the long run it holds all that an invocation needs, and a reset is two assignments.
 */
#define ARENA_ALIGN 16u

struct chunk {
	_Alignas(ARENA_ALIGN) struct chunk *next; /* where pointers have 4 bytes, too */
	size_t size;
};

#define ARENA_PAGE (64u << 10) /* the largest page of any target */

static _Alignas(ARENA_ALIGN) char arena_first[GOVERN_BASE];

static struct arena {
	char *ptr;
	size_t left;
	struct chunk *chunks; /* of this invocation, the current one first */
	size_t total;	      /* of those */
	struct chunk *kept;   /* not in use */
	size_t keep;	      /* what the governor said last */
} the_arena = { .ptr = arena_first, .left = sizeof(arena_first) };

static struct slsc_rt_govern govern;

/* By one register: an address in every instruction would be half as much code again. */
static inline struct arena *the(void)
{
	struct arena *a = &the_arena;

	__asm__("" : "+r"(a));
	return a;
}

void (*slsc_rt_at_reset)(void);

/* slsc/memory.h has it where SLSC_ARENA_RETENTION is defined. */
size_t slsc_rt_retained(size_t keep) __attribute__((weak));

#ifdef __wasi__
#define MAP_FAILED ((void *)-1)

/* A module's memory only grows; malloc's own does the same beside it. What is given back ends with the instance. */
static void *map(size_t size)
{
	size_t page = __builtin_wasm_memory_grow(0, size / ARENA_PAGE);

	return page == (size_t)-1 ? MAP_FAILED : (void *)(page * ARENA_PAGE);
}

static void unmap(void *ptr, size_t size)
{
	(void)ptr;
	(void)size;
}
#else
static void *map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void unmap(void *ptr, size_t size)
{
	munmap(ptr, size);
}
#endif

int64_t slsc_rt_boot_ms(void)
{
	struct timespec ts;

#ifdef __wasi__
	clock_gettime(CLOCK_MONOTONIC, &ts);
#else
	syscall(SYS_clock_gettime, CLOCK_BOOTTIME, &ts);
#endif
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void *slsc_alloc(struct slsc_ctx *ctx, size_t size)
{
	struct arena *a = the();
	char *p;

	(void)ctx;
	if (size > SLSC_ALLOC_MAX)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size > a->left) {
		struct chunk *c = a->kept;
		size_t need = size + sizeof(*c);

		if (c && c->size >= need) {
			a->kept = NULL;
		} else {
			size_t grow = a->total ? a->total : a->keep;

			if (grow > GOVERN_THRESHOLD)
				grow = GOVERN_THRESHOLD;
			if (need < grow)
				need = grow;
			need = (need + ARENA_PAGE - 1) & ~(size_t)(ARENA_PAGE - 1);
			if (need > SLSC_ALLOC_MAX + ARENA_PAGE - a->total)
				return NULL;
			c = map(need);
			if (c == MAP_FAILED)
				return NULL;
			c->size = need;
		}
		c->next = a->chunks;
		a->chunks = c;
		a->total += c->size;
		a->ptr = (char *)(c + 1);
		a->left = c->size - sizeof(*c);
	}
	p = a->ptr;
	a->ptr += size;
	a->left -= size;
	return p;
}

size_t slsc_rt_govern_step(struct slsc_rt_govern *g, size_t used, int64_t now_ms)
{
	uint64_t base = g->window[0].used;
	uint32_t most = 0, now = (uint32_t)now_ms, limit;
	bool rise;

	if (base < GOVERN_BASE)
		base = GOVERN_BASE;
	/* 80 % in 1,000 ms is 1 in 1,250 ms. */
	rise = g->window[0].ms && used > base && (used - base) * 1250 > base * (now - g->window[0].ms);
	g->window[GOVERN_WINDOW].used = (uint32_t)used;
	g->window[GOVERN_WINDOW].ms = now;
	for (unsigned i = 0; i < GOVERN_WINDOW; i++) {
		g->window[i] = g->window[i + 1];
		if (g->window[i].used > most)
			most = g->window[i].used;
	}
	if (rise != g->rising)
		g->streak = 0;
	g->rising = rise;
	if (++g->streak >= (rise ? GOVERN_RISES : GOVERN_WINDOW) && g->halved != (rise ? GOVERN_HALVED_MAX : 0) &&
	    (!g->changed_ms || now - g->changed_ms >= GOVERN_PAUSE_MS)) {
		g->halved += rise ? 1u : -1u;
		g->changed_ms = now;
		g->streak = 0;
	}
	limit = GOVERN_THRESHOLD >> g->halved;
	return ((most < limit ? most : limit) + ARENA_PAGE - 1) & ~(ARENA_PAGE - 1);
}

void slsc_rt_arena_reset(void)
{
	struct arena *a = the();
	struct chunk *c;

	if (slsc_rt_at_reset)
		slsc_rt_at_reset();
	/* Who needs no more than the static block is not asked for the time either. */
	if (a->chunks || a->kept) {
		bool spilled = a->chunks && (a->chunks->next || a->kept);

		a->keep = slsc_rt_govern_step(&govern, a->total ? a->total - a->left : 0, slsc_rt_boot_ms());
		if (&slsc_rt_retained)
			a->keep = slsc_rt_retained(a->keep);
		/* One is kept: all that is wanted, or all that there was. */
		c = a->kept;
		a->kept = NULL;
		do {
			if (!c) {
				c = a->chunks;
				a->chunks = c->next;
			}
			if (!a->kept && (spilled ? c->size == a->keep : c->size <= a->keep))
				a->kept = c;
			else
				unmap(c, c->size);
			c = NULL;
		} while (a->chunks);
	}
	a->ptr = arena_first;
	a->left = sizeof(arena_first);
	a->total = 0;
}

void slsc_arena_stats(struct slsc_arena_stats *stats)
{
	const struct arena *a = the();

	stats->used = (a->total ? a->total : sizeof(arena_first)) - a->left;
	stats->mapped = a->total + (a->kept ? a->kept->size : 0);
	stats->keep = a->keep;
	stats->threshold = GOVERN_THRESHOLD >> govern.halved;
}

#ifdef __wasi__
void slsc_rt_trim(char *ptr, size_t used)
{
	(void)ptr;
	(void)used;
}
#else
void slsc_rt_trim(char *ptr, size_t used)
{
	const uintptr_t keep = ARENA_PAGE, page = ARENA_PAGE;
	uintptr_t from = ((uintptr_t)ptr + keep + page - 1) & ~(page - 1);
	uintptr_t to = ((uintptr_t)ptr + used) & ~(page - 1);

	/* Below a quarter of a megabyte the system call costs more than the memory. */
	if (used > (256u << 10) && from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}
#endif

RT_FOR_SIZE_END
