/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime's own files share. Not installed for functions to include. */
#ifndef SLSC_INTERNAL_H
#define SLSC_INTERNAL_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* accept4, mremap, MAP_ANONYMOUS under -std=c11 */
#endif

#ifdef __wasi__
typedef int sig_atomic_t; /* WASI sends no signals, and its <signal.h> refuses to be included */
#else
#include <signal.h>
#endif
#include <slsc.h>
#include <sys/types.h>
#include <time.h>

/*
 * The runtime waits for the network, it does not compute: what stands between the two is
 * compiled for size whatever the profile says. (gcc has no such switch for a whole file.)
 */
#ifdef __clang__
#define RT_FOR_SIZE_BEGIN \
	_Pragma("clang attribute push(__attribute__((minsize)), apply_to = function)")
#define RT_FOR_SIZE_END _Pragma("clang attribute pop")
#else
#define RT_FOR_SIZE_BEGIN
#define RT_FOR_SIZE_END
#endif

/* ---- text and numbers ------------------------------------------------------------- */

static inline char slsc_rt_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static inline bool slsc_rt_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/** slsc_rt_after - what follows @prefix at the start of @s; NULL when @s starts otherwise. */
const char *slsc_rt_after(const char *s, const char *prefix);

/** slsc_rt_env - getenv(), which costs half a KB in musl. */
const char *slsc_rt_env(const char *name);

/** slsc_rt_hex - the value of a hexadecimal digit, -1 for anything else. */
int slsc_rt_hex(char c);

/** slsc_rt_utf8_len - bytes of the well-formed UTF-8 sequence at @p (RFC 3629); 0: there is none. */
size_t slsc_rt_utf8_len(const unsigned char *p, size_t left);

/** slsc_rt_ieq - whether @s is @lower, which is in lower case, ASCII case aside. */
bool slsc_rt_ieq(struct slsc_str s, const char *lower);

/** slsc_rt_u64 - a decimal number of 1 to 18 digits and nothing else. Returns 0 or -1. */
int slsc_rt_u64(struct slsc_str s, uint64_t *value);

/** slsc_rt_put_padded - append @value with leading zeros up to @width digits. */
void slsc_rt_put_padded(struct slsc_out *out, int value, unsigned width);

/** slsc_rt_write_all - write @len bytes to @fd, whatever the interruptions. Returns 0 or -1. */
int slsc_rt_write_all(int fd, const char *ptr, size_t len);

/* ---- time, errors, memory --------------------------------------------------------- */

/** slsc_rt_now - CLOCK_REALTIME. */
void slsc_rt_now(struct timespec *ts);

/** slsc_rt_civil - split Unix seconds (UTC, 1970 to 9999): y, mon 1-12, day, h, min, s, weekday. */
void slsc_rt_civil(int64_t seconds, int out[7]);

/** slsc_rt_stopping - SIGTERM was seen (Lambda mode). */
extern volatile sig_atomic_t slsc_rt_stopping;

/** slsc_rt_fail_clear - forget an earlier slsc_fail(). */
void slsc_rt_fail_clear(struct slsc_ctx *ctx);

/** slsc_rt_log_fail - log "<what>: <type>: <message>" from the last slsc_fail(). */
void slsc_rt_log_fail(const struct slsc_ctx *ctx, const char *what);

/** slsc_rt_arena_reset - take back everything that slsc_alloc() gave. */
void slsc_rt_arena_reset(void);

/**
 * slsc_rt_trim - give the pages of a static buffer back to the system after a large use.
 * @used: bytes from @ptr that may have been touched. The contents are lost past 64 KiB.
 */
void slsc_rt_trim(char *ptr, size_t used);

/**
 * slsc_rt_cas - put @to where @from is; false when something else is there. On arm64 the compiler would call
 * libgcc, which finds out by a constructor what the processor can.
 */
static inline bool slsc_rt_cas(unsigned *p, unsigned from, unsigned to)
{
#ifdef __aarch64__
	unsigned was, failed;

	__asm__ volatile("1:	ldaxr %w0, %2\n"
			 "	cmp %w0, %w3\n"
			 "	b.ne 2f\n"
			 "	stlxr %w1, %w4, %2\n"
			 "	cbnz %w1, 1b\n"
			 "2:"
			 : "=&r"(was), "=&r"(failed), "+Q"(*p)
			 : "r"(from), "r"(to)
			 : "cc", "memory");
	return was == from;
#else
	return __atomic_compare_exchange_n(p, &from, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
#endif
}

/* ---- HTTP/1.1 messages (RFC 9112), both directions -------------------------------- */

/**
 * slsc_rt_head_end - look for the blank line that ends a head.
 * @scan: in and out; how far an earlier call has looked, 0 at first.
 * Returns the head's length, blank line included; 0 when more is needed; -1 on a bare LF.
 */
ssize_t slsc_rt_head_end(const char *buf, size_t len, size_t *scan);

/** slsc_rt_is_token - whether @s is a token: 1 or more tchar (RFC 9110, 5.6.2). */
bool slsc_rt_is_token(struct slsc_str s);

/**
 * slsc_rt_field_next - take one field line off a complete head.
 * @p:   in and out; start of a line.
 * @end: just past the blank line.
 * Returns 1 with @field, 0 at the blank line, -1 on what RFC 9112 calls invalid: blanks
 * before the colon, line folding, bare CR or LF, control bytes.
 */
int slsc_rt_field_next(const char **p, const char *end, struct slsc_field *field);

/**
 * struct slsc_rt_framing - what the fields say about where the body ends.
 * @length:     Content-Length, valid when @has_length.
 * @close, @keep_alive: from Connection.
 */
struct slsc_rt_framing {
	uint64_t length;
	bool has_length;
	bool chunked;
	bool close;
	bool keep_alive;
};

/**
 * slsc_rt_framing_field - take note of a field that concerns framing; others are ignored.
 * Returns 0, or -1 on anything two parsers could read differently: Content-Length twice,
 * or not plain digits, or along with Transfer-Encoding, or a coding other than `chunked`.
 */
int slsc_rt_framing_field(struct slsc_rt_framing *f, const struct slsc_field *field);

/** struct slsc_rt_chunked - a chunked body half decoded; all zero at first. */
struct slsc_rt_chunked {
	int state;
	unsigned digits;
	size_t overhead; /* bytes of extensions and trailers so far */
	uint64_t left;	 /* of the current chunk */
};

/**
 * slsc_rt_chunked_step - decode in place.
 * @dst:  where the decoded bytes go; at or before @src.
 * @len:  in and out; decoded bytes so far, at most @max.
 * @used: out; how much of @src was taken: all of it, unless the body ended.
 * Returns 1 at the end of the body (trailers dropped), 0 when more is needed, -400 or -413.
 */
int slsc_rt_chunked_step(struct slsc_rt_chunked *c, char *dst, size_t *len, size_t max,
			 const char *src, size_t src_len, size_t *used);

/* ---- optional parts --------------------------------------------------------------- */

/*
 * Weak references: a function that wants the part defines the symbol by a macro at file scope (SLSC_PREHEAT,
 * SLSC_HEAP_PROFILE), in all others the address is NULL and the part is not linked. So a caller writes
 * `if (slsc_rt_preheat && ...)`.
 */

/**
 * slsc_rt_preheat - answer a warm-up instead of calling the handler; before each call of the handler.
 * @event: the event of Lambda mode; absent in HTTP mode.
 * @req:   the request of HTTP mode; NULL in Lambda mode.
 * @out:   the body of the answer.
 * Returns 0: no warm-up, @out as it was; 1: done, @out is the answer (JSON, status 200); -1 after slsc_fail().
 */
extern __typeof__(slsc_rt_preheat) slsc_rt_preheat __attribute__((weak));

/**
 * slsc_rt_debug_request - answer a request for /debug/; HTTP mode, before the handler.
 * Returns whether @res is the answer now; else it is as it was.
 */
extern __typeof__(slsc_rt_debug_request) slsc_rt_debug_request __attribute__((weak));

/**
 * __start_slsc_lazy - the function's lazy values, by the linker; NULL when there is none, else
 * `__start_slsc_lazy->all->warm(ctx)` makes those of the class first use. Returns 0, or -1 after slsc_fail().
 */
extern struct slsc_rt_lazy __start_slsc_lazy[] __attribute__((weak));
extern struct slsc_rt_lazy __stop_slsc_lazy[] __attribute__((weak));

/** slsc_rt_at_reset - NULL, or called at the end of each invocation, before its memory is taken back. */
extern void (*slsc_rt_at_reset)(void);

/** slsc_rt_pools - the pools that have been used, linked by their @next. */
struct slsc_pool *slsc_rt_pools(void);

/** slsc_rt_boot_ms - CLOCK_BOOTTIME, which goes on while a sandbox is frozen, in milliseconds. */
int64_t slsc_rt_boot_ms(void);

#endif
