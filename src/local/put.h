/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_PUT_H
#define SLSC_LOCAL_PUT_H

#include <string.h>

#include "base/buf.h"
#include "local/trace.h"

/*
 * Writing JSON into room that has been reserved: a record is thirty small pieces, and a check of the room before each
 * took longer than all the rest. Each returns where the next one goes.
 */
#define PUT(p, lit) put_bytes(p, "" lit, sizeof(lit) - 1)
#define PUT_ESCAPED(n) (6 * (n))	/* the most that n bytes take, escaped */
#define PUT_U64 20u			/* digits at most */

static inline char *put_bytes(char *p, const char *s, size_t n)
{
	memcpy(p, s, n);
	return p + n;
}

static inline char *put_str(char *p, struct str s)
{
	if (s.len)
		memcpy(p, s.ptr, s.len);
	return p + s.len;
}

static inline char *put_hex(char *p, const uint8_t *id, size_t n)
{
	trace_hex(id, n, p);
	return p + 2 * n;
}

char *put_u64(char *p, uint64_t v);
char *put_digits(char *p, unsigned v, unsigned width);	/* with leading zeros */
/** put_escaped - valid UTF-8 as what stands between the quotes of a JSON string. */
char *put_escaped(char *p, struct str s);
/** put_time - Unix epoch ns as 2026-01-02T03:04:05.678901234Z: 30 bytes. */
char *put_time(char *p, uint64_t ns);

#endif
