/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_RECORD_INTERNAL_H
#define SLSC_LOCAL_RECORD_INTERNAL_H

#include "local/record.h"

/* A line of JSON on its way through the scanner: RFC 8259, of valid UTF-8. */
struct scan {
	char *p, *end;
	unsigned nodes;		/* values so far */
	unsigned deepest;	/* of the value scanned last; 0: it is no tree */
	bool odd;		/* it cannot be a tree: duplicate keys, or a number that no double holds */
};

void scan_space(struct scan *s);
/** scan_string - from its quote on; @out: between the quotes. Lone surrogates become U+FFFD. False: it is none. */
bool scan_string(struct scan *s, struct str *out, bool *escaped);
/** scan_value - any value. False: it is not JSON, or deeper than RECORD_DEPTH_MAX. */
bool scan_value(struct scan *s, struct record_value *v);
/** scan_number - the kind of a valid number: RECORD_INT, RECORD_DOUBLE, or RECORD_TEXT when it is too large. */
enum record_kind scan_number(struct str s);
/** scan_unescape - what is between quotes as plain UTF-8, at @out, which has room for s.len bytes; its length. */
size_t scan_unescape(struct str s, char *out);
uint32_t scan_hash(struct str s);

/** text_severity - of a level's word in any case; 0: none. */
uint8_t text_severity(struct str word);
/** text_level - of a level's number: 10, 20 ... 60 as pino and bunyan count; 0: none. */
uint8_t text_level(struct str number);
/**
 * text_time - "2026-01-02T03:04:05.678Z", with a space for the T, a comma for the point, or +01:00; UTC without a zone.
 * Unix epoch ns; 0: it is none of these, or not between 1970 and 2261.
 */
uint64_t text_time(struct str s);
/** text_epoch - a number of seconds, milli-, micro- or nanoseconds since 1970, by its size; 0: it is none. */
uint64_t text_epoch(struct str s);
/** text_line - a line that is no JSON: what its beginning says goes to @r, the message to r->body. */
void text_line(struct record *r, struct str line);

#endif
