/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_ARCHIVE_ZIPDIR_H
#define SLSC_ARCHIVE_ZIPDIR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "os/fs.h"

/*
 * The central directory of a foreign zip, with what a reader of streams does not show: who made an entry, its external
 * attributes, names that occur twice, and where the two headers of an entry disagree. Bounded; nothing is trusted.
 * Format: PKWARE APPNOTE 6.3.10, 4.3 and 4.4, with zip64.
 */
#define ZIPDIR_MAX_FILE (UINT64_C(8) << 30)
#define ZIPDIR_MAX_ENTRIES 1000000u
#define ZIPDIR_UNIX 3		/* "version made by": the host whose modes the upper half of attributes holds */

struct zipdir_entry {
	const char *name;	/* as written, up to its first NUL; a directory's ends in a slash */
	bool has_nul;		/* the name goes on behind a NUL */
	uint8_t creator;	/* ZIPDIR_UNIX, 0 for DOS, ... */
	uint16_t flags, method;	/* flag bit 0: encrypted; methods 0 stored, 8 deflated */
	uint32_t crc32, attributes;
	uint64_t packed, size;	/* bytes */
	uint64_t record;	/* offset of its record in the directory */
	uint64_t header;	/* offset of its local header */
	uint64_t data;		/* offset of its bytes; 0: see damage */
	const char *damage;	/* what is wrong with its local header: "is not there", ...; NULL: nothing */
};

struct zipdir {
	struct arena arena;
	struct fs_map map;
	char *shown;
	struct zipdir_entry *ptr;	/* in the directory's order */
	size_t len;
	uint64_t prefix;		/* bytes before the zip itself (a self-extracting one) */
	const uint8_t *bytes;
	uint64_t nbytes;
};
#define CLEAN_ZIPDIR __attribute__((cleanup(zipdir_release)))

/** zipdir_open - ERR_IO; ERR_FORMAT "x.zip: not a zip file", ...; ERR_LIMIT. */
int zipdir_open(struct zipdir *z, const char *path, struct err *err) MUST_CHECK;
/** zipdir_parse - from memory, borrowed until zipdir_release(); @shown is for messages. */
int zipdir_parse(struct zipdir *z, const char *shown, const void *p, size_t n, struct err *err) MUST_CHECK;
/**
 * zipdir_locals - the same of a zip without a directory, most likely one that is cut short: its entries as they follow
 * each other, as far as their local headers say how long they are. The last one may have damage, and fewer bytes than
 * it should. It never fails: there may be none.
 */
void zipdir_locals(struct zipdir *z, const char *shown, const void *p, size_t n);
void zipdir_release(struct zipdir *z);

/** zipdir_mode - type and permissions as Unix has them, or 0 if the entry was not made on Unix. */
mode_t zipdir_mode(const struct zipdir_entry *e);
/**
 * zipdir_read - the bytes of one entry, its CRC checked. ERR_LIMIT past @limit bytes, ERR_FORMAT: damaged, encrypted,
 * another method than 0 and 8. Memory: its size.
 */
int zipdir_read(const struct zipdir *z, const struct zipdir_entry *e, uint64_t limit, struct buf *out,
		struct err *err) MUST_CHECK;

#endif
