/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where memory goes: a table of places, counted exactly, and its form as pprof's profile.proto (in
 * github.com/google/pprof) inside gzip (RFC 1952) with stored blocks. All of it is written without malloc, from a
 * signal handler if need be.
 */
#include "heap_profile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

RT_FOR_SIZE_BEGIN

#define PLACES 1024u /* a power of two; the last free one is "other" */
#define PROFILE_MAX (512u << 10)
#define MAPS_MAX (64u << 10)
#define MAPPINGS 64u
#define POOLS 256u

struct place {
	const char *kind; /* NULL: free */
	const void *caller;
	uint64_t allocs, bytes, frees, freed;
};

static struct place places[PLACES];
static size_t place_count;
static struct place other = {.kind = "other"};
static bool on, arena_wrapped;
static uint64_t arena_bytes, arena_rounds;
static const char *file_name;
static void (*next_at_reset)(void);

/* Held while the table is changed or read; the signal handler does not wait for it but leaves a note. */
static unsigned lock;
static volatile sig_atomic_t asked;

static void write_out(void);

static bool try_lock(void)
{
	return slsc_rt_cas(&lock, 0, 1);
}

static void unlock(void)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	while (asked && try_lock()) {
		asked = 0;
		write_out();
		__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	}
}

static struct place *place_of(const char *kind, const void *caller)
{
	size_t i = ((uintptr_t)caller * 0x9e3779b97f4a7c15u >> 32 ^ (unsigned char)*kind) % PLACES;

	while (places[i].kind && (places[i].caller != caller || strcmp(places[i].kind, kind) != 0))
		i = (i + 1) % PLACES;
	if (places[i].kind)
		return &places[i];
	/* One stays free, or a search would not end. */
	if (place_count + 1 == PLACES)
		return &other;
	place_count++;
	places[i].kind = kind;
	places[i].caller = caller;
	return &places[i];
}

/* ---- malloc and the arena, when linked with --wrap ---- */

struct live {
	uintptr_t ptr; /* 0: free */
	struct place *place;
	size_t size;
};

static struct live *lives;
static size_t live_cap, live_count;

static size_t live_at(uintptr_t ptr)
{
	return (size_t)((uint64_t)ptr * 0x9e3779b97f4a7c15u >> 20) & (live_cap - 1);
}

static void live_put(struct live l)
{
	size_t i = live_at(l.ptr);

	while (lives[i].ptr)
		i = (i + 1) & (live_cap - 1);
	lives[i] = l;
	live_count++;
}

static bool live_grow(void)
{
	struct live *old = lives;
	size_t old_cap = live_cap, cap = old_cap ? old_cap * 2 : 4096;
	void *p = mmap(NULL, cap * sizeof(*lives), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		return false;
	lives = p;
	live_cap = cap;
	live_count = 0;
	for (size_t i = 0; i < old_cap; i++) {
		if (old[i].ptr)
			live_put(old[i]);
	}
	if (old)
		munmap(old, old_cap * sizeof(*old));
	return true;
}

static void spin(void)
{
	while (!try_lock())
		;
}

static void note_malloc(void *ptr, size_t size, const void *caller)
{
	struct place *p;

	if (!on || !ptr)
		return;
	spin();
	p = place_of("malloc", caller);
	p->allocs++;
	p->bytes += size;
	if (live_count * 2 < live_cap || live_grow())
		live_put((struct live){(uintptr_t)ptr, p, size});
	unlock();
}

static void note_free(void *ptr)
{
	size_t i, gap;

	if (!on || !ptr || !live_cap)
		return;
	spin();
	for (i = live_at((uintptr_t)ptr); lives[i].ptr && lives[i].ptr != (uintptr_t)ptr; i = (i + 1) & (live_cap - 1))
		;
	/* From before the start, or by a way around the wrappers: not ours. */
	if (lives[i].ptr) {
		lives[i].place->frees++;
		lives[i].place->freed += lives[i].size;
		live_count--;
		/* Close the gap: whoever is reached past it moves in. */
		for (gap = i;;) {
			size_t home;

			i = (i + 1) & (live_cap - 1);
			if (!lives[i].ptr)
				break;
			home = live_at(lives[i].ptr);
			if (((i - home) & (live_cap - 1)) >= ((i - gap) & (live_cap - 1))) {
				lives[gap] = lives[i];
				gap = i;
			}
		}
		lives[gap].ptr = 0;
	}
	unlock();
}

/* musl's calloc() and realloc() call malloc() and free() in turn, which would count twice. */
static __thread bool nested;

void *__wrap_malloc(size_t size)
{
	void *p = __real_malloc(size);

	if (nested)
		return p;
	note_malloc(p, size, __builtin_return_address(0));
	return p;
}

void *__wrap_calloc(size_t count, size_t size)
{
	void *p;

	nested = true;
	p = __real_calloc(count, size);
	nested = false;
	note_malloc(p, count * size, __builtin_return_address(0));
	return p;
}

void *__wrap_realloc(void *old, size_t size)
{
	void *p;

	/* First, since another thread may be given the old address at once. If it fails, the old one is forgotten. */
	note_free(old);
	nested = true;
	p = __real_realloc(old, size);
	nested = false;
	note_malloc(p, size, __builtin_return_address(0));
	return p;
}

void __wrap_free(void *ptr)
{
	if (!nested)
		note_free(ptr);
	__real_free(ptr);
}

void *__wrap_slsc_alloc(struct slsc_ctx *ctx, size_t size)
{
	void *p = __real_slsc_alloc(ctx, size);
	struct place *place;

	if (on && p) {
		spin();
		arena_wrapped = true;
		place = place_of("arena", __builtin_return_address(0));
		place->allocs++;
		place->bytes += size;
		unlock();
	}
	return p;
}

static void at_reset(void)
{
	struct slsc_arena_stats stats;

	spin();
	slsc_arena_stats(&stats);
	arena_bytes += stats.used;
	arena_rounds += stats.used > 0;
	for (size_t i = 0; arena_wrapped && i < PLACES; i++) {
		if (places[i].kind && *places[i].kind == 'a') {
			places[i].frees = places[i].allocs;
			places[i].freed = places[i].bytes;
		}
	}
	unlock();
	if (next_at_reset)
		next_at_reset();
}

/* ---- protobuf (https://protobuf.dev/programming-guides/encoding/) ---- */

static void put_varint(struct slsc_out *out, uint64_t v)
{
	char buf[10];
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		buf[n++] = (char)(v | 0x80);
	buf[n++] = (char)v;
	slsc_put(out, buf, n);
}

static void put_number(struct slsc_out *out, unsigned field, uint64_t v)
{
	put_varint(out, field << 3);
	put_varint(out, v);
}

static void put_bytes(struct slsc_out *out, unsigned field, const void *ptr, size_t len)
{
	put_varint(out, field << 3 | 2);
	put_varint(out, len);
	slsc_put(out, ptr, len);
}

/* Small messages are made on the stack, since their length goes first. */
#define MESSAGE(name) \
	char name##_buf[160]; \
	struct slsc_out name = {name##_buf, 0, sizeof(name##_buf), false}

static void put_message(struct slsc_out *out, unsigned field, const struct slsc_out *m)
{
	put_bytes(out, field, m->ptr, m->len);
}

/* profile.proto: Profile */
enum { SAMPLE_TYPE = 1, SAMPLE = 2, MAPPING = 3, LOCATION = 4, FUNCTION = 5, STRING = 6, TIME_NANOS = 9,
       PERIOD_TYPE = 11, PERIOD = 12, DEFAULT_SAMPLE_TYPE = 14 };

static const char fixed_strings[][14] = {
	"", "alloc_objects", "count", "alloc_space", "bytes", "inuse_objects", "inuse_space", "space",
	"arena", "malloc", "other",
};

enum { S_COUNT = 2, S_ALLOC_SPACE = 3, S_BYTES = 4, S_SPACE = 7, S_ARENA = 8, S_MALLOC = 9, S_OTHER = 10, S_MORE = 11 };

/* Functions and their locations have the same ids: 1 arena, 2 malloc, 3 other, then the pools, from 4. */
enum { F_ARENA = 1, F_MALLOC, F_OTHER, F_POOLS };

static void put_value_type(struct slsc_out *out, unsigned field, unsigned type, unsigned unit)
{
	MESSAGE(m);

	put_number(&m, 1, type);
	put_number(&m, 2, unit);
	put_message(out, field, &m);
}

static void put_function(struct slsc_out *out, uint64_t id, uint64_t string)
{
	MESSAGE(fn);
	MESSAGE(line);
	MESSAGE(location);

	put_number(&fn, 1, id);
	put_number(&fn, 2, string);
	put_number(&fn, 3, string);
	put_message(out, FUNCTION, &fn);
	put_number(&line, 1, id);
	put_number(&location, 1, id);
	put_message(&location, 4, &line);
	put_message(out, LOCATION, &location);
}

/* @caller: a location's id, 0: none */
static void put_sample(struct slsc_out *out, uint64_t function, uint64_t caller, const uint64_t values[4])
{
	MESSAGE(ids);
	MESSAGE(numbers);
	MESSAGE(sample);

	put_varint(&ids, function);
	if (caller)
		put_varint(&ids, caller);
	for (int i = 0; i < 4; i++)
		put_varint(&numbers, values[i]);
	put_message(&sample, 1, &ids);
	put_message(&sample, 2, &numbers);
	put_message(out, SAMPLE, &sample);
}

/* ---- /proc/self/maps: what is executable ---- */

struct mapping {
	uint64_t start, limit, offset;
	struct slsc_str path;
};

static uint64_t take_hex(const char **p)
{
	uint64_t v = 0;
	int digit;

	while ((digit = slsc_rt_hex(**p)) >= 0) {
		v = v << 4 | (unsigned)digit;
		++*p;
	}
	return v;
}

/* "55d0-55d4 r-xp 00002000 fd:01 123   /path"; @text ends with a line end. */
static size_t read_mappings(const char *text, size_t len, struct mapping *m)
{
	const char *end = text + len, *nl;
	size_t count = 0;

	for (; count < MAPPINGS && text < end && (nl = memchr(text, '\n', (size_t)(end - text))); text = nl + 1) {
		const char *p = text, *slash = memchr(text, '/', (size_t)(nl - text));

		m[count].start = take_hex(&p);
		if (*p++ != '-')
			continue;
		m[count].limit = take_hex(&p);
		if (nl - p < 6 || p[3] != 'x' || !slash)
			continue;
		p += 6;
		m[count].offset = take_hex(&p);
		m[count++].path = (struct slsc_str){slash, (size_t)(nl - slash)};
	}
	return count;
}

static size_t read_maps(char *buf)
{
	int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	while (fd >= 0 && len < MAPS_MAX && (n = read(fd, buf + len, MAPS_MAX - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	return len;
}

/* ---- the profile ---- */

static void put_places(struct slsc_out *out, const struct mapping *maps, size_t map_count, uint64_t id)
{
	for (size_t i = 0; i <= PLACES; i++) {
		const struct place *p = i < PLACES ? &places[i] : &other;
		uint64_t values[] = {p->allocs, p->bytes, p->allocs - p->frees, p->bytes - p->freed};
		/* What is in the table is where the call returns to; the call itself is before. */
		uint64_t address = (uintptr_t)p->caller - 1, function = F_OTHER;
		MESSAGE(location);

		if (!p->kind || !p->allocs)
			continue;
		if (*p->kind != 'o')
			function = *p->kind == 'a' ? F_ARENA : F_MALLOC;
		if (!p->caller) {
			put_sample(out, function, 0, values);
			continue;
		}
		put_number(&location, 1, id);
		for (size_t m = 0; m < map_count; m++) {
			if (address >= maps[m].start && address < maps[m].limit)
				put_number(&location, 2, m + 1);
		}
		put_number(&location, 3, address);
		put_message(out, LOCATION, &location);
		put_sample(out, function, id++, values);
	}
}

static void build(struct slsc_out *out, char *maps_text)
{
	struct mapping maps[MAPPINGS];
	size_t map_count = read_mappings(maps_text, read_maps(maps_text), maps), pool_count = 0;
	struct slsc_pool *pool;
	struct slsc_arena_stats stats;
	struct timespec now;

	put_value_type(out, SAMPLE_TYPE, 1, S_COUNT);
	put_value_type(out, SAMPLE_TYPE, S_ALLOC_SPACE, S_BYTES);
	put_value_type(out, SAMPLE_TYPE, 5, S_COUNT);
	put_value_type(out, SAMPLE_TYPE, 6, S_BYTES);
	for (size_t i = 0; i < map_count; i++) {
		MESSAGE(m);

		put_number(&m, 1, i + 1);
		put_number(&m, 2, maps[i].start);
		put_number(&m, 3, maps[i].limit);
		put_number(&m, 4, maps[i].offset);
		put_number(&m, 5, S_MORE + i);
		put_message(out, MAPPING, &m);
	}
	put_function(out, F_ARENA, S_ARENA);
	put_function(out, F_MALLOC, S_MALLOC);
	put_function(out, F_OTHER, S_OTHER);
	for (pool = slsc_rt_pools(); pool && pool_count < POOLS; pool = pool->next) {
		uint64_t taken = pool->fresh - pool->spare_count;
		uint64_t values[] = {pool->gets, pool->gets * pool->size, taken, taken * pool->size};

		put_function(out, F_POOLS + pool_count, S_MORE + map_count + pool_count);
		put_sample(out, F_POOLS + pool_count, 0, values);
		pool_count++;
	}
	slsc_arena_stats(&stats);
	if (!arena_wrapped && arena_rounds + stats.used) {
		uint64_t values[] = {arena_rounds + (stats.used > 0), arena_bytes + stats.used, stats.used > 0,
				     stats.used};

		put_sample(out, F_ARENA, 0, values);
	}
	put_places(out, maps, map_count, F_POOLS + pool_count);
	for (size_t i = 0; i < S_MORE; i++)
		put_bytes(out, STRING, fixed_strings[i], strlen(fixed_strings[i]));
	for (size_t i = 0; i < map_count; i++)
		put_bytes(out, STRING, maps[i].path.ptr, maps[i].path.len);
	pool = slsc_rt_pools();
	for (size_t i = 0; i < pool_count; i++, pool = pool->next) {
		MESSAGE(name);

		slsc_puts(&name, "pool ");
		slsc_puts(&name, pool->name);
		put_message(out, STRING, &name);
	}
	slsc_rt_now(&now);
	put_number(out, TIME_NANOS, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	put_value_type(out, PERIOD_TYPE, S_SPACE, S_BYTES);
	put_number(out, PERIOD, 1);
	put_number(out, DEFAULT_SAMPLE_TYPE, S_ALLOC_SPACE);
}

static void put_le(struct slsc_out *out, uint32_t v, unsigned bytes)
{
	for (; bytes; bytes--, v >>= 8)
		slsc_put(out, &(char){(char)v}, 1);
}

/* A member of stored blocks (RFC 1951, 3.2.4). */
static void put_gzip(struct slsc_out *out, const char *ptr, size_t len)
{
	uint32_t crc = ~0u;
	size_t at = 0;

	slsc_put(out, "\x1f\x8b\x08\0\0\0\0\0\0\xff", 10);
	do {
		size_t n = len - at < 65535 ? len - at : 65535;

		put_le(out, at + n == len, 1);
		put_le(out, (uint32_t)n, 2);
		put_le(out, ~(uint32_t)n, 2);
		slsc_put(out, ptr + at, n);
		at += n;
	} while (at < len);
	for (size_t i = 0; i < len; i++) {
		crc ^= (unsigned char)ptr[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320 & (0 - (crc & 1)));
	}
	put_le(out, ~crc, 4);
	put_le(out, (uint32_t)len, 4);
}

/* The caller holds the lock. @raw is to be unmapped, whole, with REGION. */
#define REGION (PROFILE_MAX + MAPS_MAX + PROFILE_MAX + 4096)

static char *make(struct slsc_out *gzip)
{
	char *raw = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct slsc_out out = {raw, 0, PROFILE_MAX, false};

	if (raw == MAP_FAILED)
		return NULL;
	build(&out, raw + PROFILE_MAX);
	*gzip = (struct slsc_out){raw + PROFILE_MAX + MAPS_MAX, 0, PROFILE_MAX + 4096, false};
	put_gzip(gzip, out.ptr, out.len);
	return raw;
}

static void write_base64(const char *ptr, size_t len)
{
	char buf[1024];
	struct slsc_out out = {buf, 0, sizeof(buf), false};

	slsc_puts(&out, "SLSC_HEAP_PROFILE ");
	while (len) {
		size_t n = len < 720 ? len : 720; /* a multiple of 3: no padding before the end */

		slsc_put_base64(&out, ptr, n);
		ptr += n;
		len -= n;
		if (!len)
			slsc_puts(&out, "\n");
		if (slsc_rt_write_all(STDERR_FILENO, out.ptr, out.len))
			return;
		out.len = 0;
	}
}

/* To where SIGUSR1 has it; whoever calls holds the lock. */
static void write_out(void)
{
	struct slsc_out gzip;
	char *raw, name[4096 + 8];
	struct slsc_out tmp = {name, 0, sizeof(name) - 1, false};
	int fd, rc;

	raw = make(&gzip);
	if (!raw)
		return;
	if (file_name) {
		slsc_puts(&tmp, file_name);
		slsc_puts(&tmp, ".tmp");
		name[tmp.len] = '\0';
		fd = tmp.full ? -1 : open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		rc = fd < 0 ? -1 : slsc_rt_write_all(fd, gzip.ptr, gzip.len);
		if (fd >= 0)
			rc |= close(fd);
		if (rc || rename(name, file_name)) {
			(void)unlink(name);
			slsc_log(NULL, SLSC_ERROR, "cannot write the heap profile to SLSC_PPROF_FILE");
		}
	} else {
		write_base64(gzip.ptr, gzip.len);
	}
	munmap(raw, REGION);
}

static void on_usr1(int sig)
{
	int saved = errno;

	(void)sig;
	asked = 1;
	/* Whoever holds the lock, perhaps the code that this signal interrupts, looks at @asked on its way out. */
	if (try_lock())
		unlock();
	errno = saved;
}

bool slsc_heap_profile_start(void)
{
	const char *env = slsc_rt_env("SLSC_PPROF");
	struct sigaction sa = {.sa_handler = on_usr1, .sa_flags = SA_RESTART};

	if (on || !env || !slsc_str_eq(slsc_cstr(env), "1"))
		return on;
	file_name = slsc_rt_env("SLSC_PPROF_FILE");
	if (file_name && !*file_name)
		file_name = NULL;
	next_at_reset = slsc_rt_at_reset;
	slsc_rt_at_reset = at_reset;
	on = true;
	sigaction(SIGUSR1, &sa, NULL);
	return true;
}

int slsc_heap_profile_write(int fd)
{
	struct slsc_out gzip;
	char *raw;
	int rc;

	if (!on)
		return -1;
	spin();
	raw = make(&gzip);
	unlock();
	if (!raw)
		return -1;
	rc = slsc_rt_write_all(fd, gzip.ptr, gzip.len);
	munmap(raw, REGION);
	return rc;
}

int slsc_rt_heap_profile_put(struct slsc_out *out)
{
	struct slsc_out gzip;
	char *raw;

	if (!on)
		return 1;
	spin();
	raw = make(&gzip);
	unlock();
	if (!raw)
		return -1;
	slsc_put(out, gzip.ptr, gzip.len);
	munmap(raw, REGION);
	return 0;
}

RT_FOR_SIZE_END
