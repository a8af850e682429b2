/* SPDX-License-Identifier: Apache-2.0 */
/**
 * slsc/memory.h - memory that outlives no invocation, or that is used by one after the other; part of <slsc.h>.
 *
 * The arena behind slsc_alloc() is taken back whole after each invocation. What is kept of it for the next one is
 * what the last 10 invocations needed, up to a threshold (8 MiB): memory that grows by more than 80 % a second,
 * three invocations in a row, halves the threshold, calm doubles it again, and 5 s lie between two changes.
 */
#include <slsc.h> /* before the guard: it includes this */

#ifndef SLSC_MEMORY_H
#define SLSC_MEMORY_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct slsc_arena_stats - the arena right now; bytes.
 * @used:      given out since the invocation began, alignment included.
 * @mapped:    held from the system: for this invocation, or kept from earlier ones.
 * @keep:      what the next reset would keep at most, by what was needed so far.
 * @threshold: the governed upper limit of @keep.
 */
struct slsc_arena_stats {
	size_t used;
	size_t mapped;
	size_t keep;
	size_t threshold;
};

/** slsc_arena_stats - look at the arena. */
void slsc_arena_stats(struct slsc_arena_stats *stats);

/*
 * -DSLSC_ARENA_RETENTION=N, 0 to 100: only N percent of what would be kept are. Less memory between invocations, more
 * system calls within them. Every file that is compiled with it says the same.
 */
#ifdef SLSC_ARENA_RETENTION
#if SLSC_ARENA_RETENTION < 0 || SLSC_ARENA_RETENTION > 100
#error "SLSC_ARENA_RETENTION is a percentage: 0 to 100"
#endif
size_t slsc_rt_retained(size_t keep);
__attribute__((weak)) size_t slsc_rt_retained(size_t keep)
{
	return (keep * SLSC_ARENA_RETENTION / 100 + 65535) & ~(size_t)65535;
}
#endif

/* ---- object pools ----------------------------------------------------------------- */

/** struct slsc_pool_taken - in debug builds, who took an object. */
struct slsc_pool_taken {
	const char *file; /* NULL: not taken */
	int line;
	bool told;
};

/** struct slsc_pool - what of a pool does not depend on its type; made by SLSC_POOL(), the runtime's own. */
struct slsc_pool {
	const char *name;
	char *objects;
	uint32_t *spare; /* indices of objects that are back */
	struct slsc_pool_taken *taken;
	void (*reset)(void *object);
	struct slsc_pool *next;
	size_t size;
	uint64_t gets;
	uint32_t count;
	uint32_t fresh;	      /* objects that have ever been taken */
	uint32_t spare_count; /* of those, how many are back */
	bool listed;
};

#ifdef NDEBUG
#define SLSC_RT_POOL_TABLE(name, n)
#define SLSC_RT_POOL_TAKEN(name) NULL
#define SLSC_RT_POOL_GET(pool) slsc_rt_pool_get(pool)
#define SLSC_RT_POOL_PUT(pool, object) slsc_rt_pool_put(pool, object)
#else
#define SLSC_RT_POOL_TABLE(name, n) static struct slsc_pool_taken name##_taken[n];
#define SLSC_RT_POOL_TAKEN(name) name##_taken
#define SLSC_RT_POOL_GET(pool) slsc_rt_pool_get_at(pool, __FILE__, __LINE__)
#define SLSC_RT_POOL_PUT(pool, object) slsc_rt_pool_put_at(pool, object, __FILE__, __LINE__)
#endif

/**
 * SLSC_POOL - at file scope: a pool of at most @n objects of @type.
 * @type:   complete.
 * @name:   names the pool for slsc_pool_get() and slsc_pool_put(), and in reports.
 * @n:      1 or more. The memory is static, so it costs pages only once it is used, and never malloc.
 * @reset_: void (*)(void *object), called as an object comes back, so that nothing of one invocation is seen by
 *          the next; it may keep what is dear to make again. NULL clears the whole object.
 *
 *	SLSC_POOL(struct parser, parsers, 4, NULL);
 *	struct parser *p = slsc_pool_get(parsers);
 *	...
 *	slsc_pool_put(parsers, p);
 */
#define SLSC_POOL(type, name, n, reset_)                                                                         \
	static type name##_objects[n];                                                                           \
	static uint32_t name##_spare[n];                                                                         \
	SLSC_RT_POOL_TABLE(name, n)                                                                              \
	static struct {                                                                                          \
		struct slsc_pool pool;                                                                           \
		type *object; /* for its type */                                                                 \
	} name = {{#name, (char *)name##_objects, name##_spare, SLSC_RT_POOL_TAKEN(name), (reset_), NULL,        \
		   sizeof(type), 0, (n), 0, 0, false},                                                           \
		  NULL}

/**
 * slsc_pool_get - take an object of the pool: all zero bytes the first time, later as its reset left it.
 * Returns NULL when all are taken. It is the caller's until slsc_pool_put(), beyond the invocation if need be.
 *
 * Without NDEBUG, an object that is still taken at the end of the invocation is logged, once, at WARN:
 * "pool 'parsers': src/x.c:42 took an object that was not put back". It stays taken.
 */
#define slsc_pool_get(name) ((__typeof__((name).object))SLSC_RT_POOL_GET(&(name).pool))

/**
 * slsc_pool_put - reset @object_ and give it back; NULL does nothing.
 * Returns 0, or -1 when it is no object of this pool. Without NDEBUG that is logged at ERROR, and so is one that is
 * not taken: "pool 'parsers': src/x.c:50 puts back what was not taken".
 */
#define slsc_pool_put(name, object_) SLSC_RT_POOL_PUT(&(name).pool, 1 ? (object_) : (name).object)

/* Behind the macros. */
void *slsc_rt_pool_get(struct slsc_pool *pool);
int slsc_rt_pool_put(struct slsc_pool *pool, void *object);
void *slsc_rt_pool_get_at(struct slsc_pool *pool, const char *file, int line);
int slsc_rt_pool_put_at(struct slsc_pool *pool, void *object, const char *file, int line);

/* ---- heap profile ----------------------------------------------------------------- */

/**
 * slsc_heap_profile_start - begin to record where memory goes, if the environment has SLSC_PPROF=1; for
 * slsc_init(). Functions that do not call it do not contain it.
 * Returns whether it is on.
 *
 * SIGUSR1 then writes the profile to the file that SLSC_PPROF_FILE names (replaced whole), or as a line
 * "SLSC_HEAP_PROFILE <base64>" to stderr. In HTTP mode, with SLSC_HEAP_PROFILE, `GET /debug/pprof/heap` answers
 * with it.
 *
 * It is pprof's gzipped protobuf: `go tool pprof -top -sample_index=alloc_space BINARY FILE`. Objects and bytes,
 * allocated since the start and in use now, of the arena, of each pool, and of malloc; by the place of the call
 * where the linker lets the recorder in between:
 *
 *	ldflags: ["-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free,--wrap=slsc_alloc"]
 *
 * Without these flags malloc is missing and the arena is one place. BINARY is the one with symbols
 * (.slsc/.../NAME.debug). Recording is exact; 1,024 places are told apart, the rest counts as "other".
 */
bool slsc_heap_profile_start(void);

/**
 * slsc_heap_profile_write - write the profile to @fd.
 * Returns 0, or -1 when it is off, memory has run out, or the write failed.
 */
int slsc_heap_profile_write(int fd);

/** SLSC_HEAP_PROFILE; - at file scope, runtime: http: `GET /debug/pprof/heap` is answered once the profile is on. */
#define SLSC_HEAP_PROFILE                                                                                        \
	bool slsc_rt_debug_request(const struct slsc_request *req, struct slsc_response *res)                    \
	{                                                                                                        \
		return slsc_heap_profile_request(req, res);                                                      \
	}                                                                                                        \
	struct slsc_request

bool slsc_rt_debug_request(const struct slsc_request *req, struct slsc_response *res);
bool slsc_heap_profile_request(const struct slsc_request *req, struct slsc_response *res);

#ifdef __cplusplus
}
#endif

#endif
