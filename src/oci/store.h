/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OCI_STORE_H
#define SLSC_OCI_STORE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "oci/origin.h"
#include "os/kept.h"

/*
 * The user's content-addressed store: <cache>/blobs/sha256/<hex>, each blob whole and verified when it gets its name.
 * Safe for any number of processes without a lock: writers rename over equal bytes. A blob's mtime is its last use,
 * which store_prune() goes by; of a blob that store_verified() knows, its record's mtime if that is later.
 */

/** store_path - where a blob of @digest is or would be; heap. */
char *store_path(const struct digest *digest);
/** store_has - whether it is there with @size bytes; marks it used. */
bool store_has(const struct digest *digest, uint64_t size);
/**
 * store_verified - whether it is there with @size bytes that have this digest. They are hashed, unless a record of an
 * earlier hash, <cache>/verified/<hex>, names the file's device, inode, size and mtime as they are now. The record's
 * mtime is then the blob's last use. A record that is absent or damaged means another hash. What turns out to have
 * other bytes is removed.
 */
bool store_verified(const struct digest *digest, uint64_t size);
/** store_record_path - where the record of a blob's hash is or would be; heap. */
char *store_record_path(const char *hex);
/**
 * store_open - a descriptor of a blob, only to be read, fetched from @o (NULL: ERR_NOTFOUND then) if it is not there.
 * What is open stays readable whatever is pruned meanwhile. The bytes were verified when they were stored, not now, and
 * were not synced: the caller hashes what it reads.
 */
int store_open(struct origin *o, const struct doc_descriptor *d, struct err *err) MUST_CHECK;
/** store_fetch - store_path() of a blob that is fetched from @o if it is not there. *@path: heap. */
int store_fetch(struct origin *o, const struct doc_descriptor *d, char **path, struct err *err) MUST_CHECK;
/**
 * store_read - 1: appended to @out, verified; 0: not there, damaged (it is removed then), or past @limit; -1: ERR_INTR,
 * ERR_TOOL.
 */
int store_read(const struct digest *digest, uint64_t limit, struct buf *out, struct err *err) MUST_CHECK;
/** store_put - from memory. */
int store_put(const void *p, size_t n, struct digest *digest, struct err *err) MUST_CHECK;
/** store_take - the file @src, whose digest is known and verified, copied (by reflink if possible) into the store. */
int store_take(const char *src, const struct digest *digest, uint64_t size, struct err *err) MUST_CHECK;

/** A part of the cache directory: "blobs", "git", "sysroot", "apt", ... */
struct store_part {
	char name[64];
	uint64_t bytes, files;
};
struct store_info {
	char *dir;			/* heap */
	struct store_part part[32];
	size_t n;
	uint64_t bytes;
};
/** store_info - what the cache holds; an absent one is empty. Parts past 32 are summed up as "other". */
int store_info(struct store_info *info, struct err *err) MUST_CHECK;
void store_info_release(struct store_info *info);
/**
 * store_prune - remove blobs with their records, least recently used first, until the store's blobs take at most @keep
 * bytes; and what killed processes left half written a day ago. Other parts of the cache stay. A process that has used
 * the store holds its directory, by flock(2), until it ends: while there is another one, what was used within
 * STORE_YOUNG stays, since it may be about to open that by its name, and @out->busy says so.
 */
int store_prune(uint64_t keep, bool dry_run, struct kept_pruned *out, struct err *err) MUST_CHECK;
#define STORE_YOUNG (60 * 60) /* seconds */

#endif
