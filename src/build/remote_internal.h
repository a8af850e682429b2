/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_REMOTE_INTERNAL_H
#define SLSC_BUILD_REMOTE_INTERNAL_H

#include <time.h>

#include "build/embedded.h"
#include "build/graph.h"
#include "build/remote.h"
#include "oci/document.h"

/* The files remote*.c: a build's dealings with caches. */

/** A cache that was opened. */
struct remote_source {
	struct origin *origin;
	struct remote_index index;
};

/** Of one target. */
struct remote_target {
	const struct target *t;
	bool may;			/* a cache may have it */
	bool asked;			/* and was asked */
	bool taken;			/* it lies there, from a cache, and what it was made of is the same */
	char key[REMOTE_KEY];		/* with may, and caches */
	struct remote_source *from;	/* a cache that has it, */
	struct remote_binary *binary;	/* as this, */
	bool fetched;			/* whose blob is in the store; */
	struct err why;			/* or why it is not */
	VEC(struct remote_file) inputs;	/* with taken: what it was made of; in remote.arena */
};

/** What ninja knows of an object: the files that its compile has read. */
struct remote_list {
	VEC(const char *) names;	/* of the arena */
	struct remote_list *next;
};

struct remote {
	struct build_remote *use;	/* or NULL: only what was taken before counts */
	const struct graph *g;
	struct arena arena;
	struct remote_source *sources;
	size_t nsources;
	struct remote_target *targets;	/* of the request, in its order */
	size_t ntargets;
	struct map digests;		/* path -> const struct digest *; of this run */
	struct map there;		/* path -> "y" or "n" */
	struct map identities;		/* "NAME ARCH" of a toolchain -> hex */
	struct map by_object;		/* -> struct remote_list *; with listed */
	struct remote_list *lists;
	struct embedded_scans scans;
	struct timespec begun;		/* nothing written before has a later time, nor the other way round */
	bool listed, told, dead, dry_run;
};
void remote_release(struct remote *r);
#define CLEAN_REMOTE __attribute__((cleanup(remote_release)))

/**
 * remote_begin - @outs, outputs that the build was asked for, lose those that are there, or come from a cache now. What
 * was taken once, and is no longer what it should be, is removed. @dry_run: nothing is changed, and no cache is asked.
 * What goes wrong with a cache is a warning; -1: ERR_INTR, ERR_USAGE, ERR_IO.
 */
int remote_begin(struct remote *r, struct build_remote *use, const struct graph *g, bool dry_run, struct strs *outs,
		 struct err *err) MUST_CHECK;
/** remote_export - after the build: all that was asked for to where --cache-to says. */
int remote_export(struct remote *r, struct err *err) MUST_CHECK;

/** remote_trouble - a warning, the first time. -1 if it is ERR_INTR. */
int remote_trouble(struct remote *r, const char *option, const struct err *why, struct err *err) MUST_CHECK;

/* remote_flags.c */
/** remote_may - whether all that decides the bytes of @t can be known beforehand. */
bool remote_may(const struct graph *g, const struct target *t);
/**
 * remote_flags - whether compilers read with them what -MD lists, and no more. remote_ldflags - linkers what their map
 * lists, and objects and archives that are named.
 */
bool remote_flags(const struct lstrs *words);
bool remote_ldflags(const struct lstrs *words);

/* remote_key.c */
/** remote_text - the commands of @t, digested; with the identities that this machine knows toolchains by. */
int remote_text(const struct graph *g, const struct target *t, char out[REMOTE_KEY], struct err *err) MUST_CHECK;
/** remote_key - of @t on every machine. ERR_NOTFOUND: a part of the toolchain cannot be identified. */
int remote_key(struct remote *r, const struct target *t, char out[REMOTE_KEY], struct err *err) MUST_CHECK;
/** remote_place - @text with the names that directories have on every machine, or back again. */
void remote_place(const struct graph *g, const char *text, size_t n, bool back, struct buf *out);
/** remote_local - where the file is on this machine; heap. */
char *remote_local(const struct graph *g, const char *path);

/* remote_inputs.c */
/** remote_digest - of a file's content, remembered; NULL: it is no regular file. */
const struct digest *remote_digest(struct remote *r, const char *local);
/** remote_seen - which of the files that would be found before @inputs, or beside them, there are. */
int remote_seen(struct remote *r, const struct target *t, const struct remote_file *inputs, size_t n,
		char out[REMOTE_KEY], struct err *err) MUST_CHECK;
/** remote_gather - what was read to make @t: by ninja's lists of headers and the link's map. 0: not to be known. */
int remote_gather(struct remote *r, struct remote_target *rt, struct err *err) MUST_CHECK;

/* remote_state.c */
/** remote_state_read - 1: @rt was taken from a cache, and all is as it was; 0: it is not, or something has changed. */
int remote_state_read(struct remote *r, struct remote_target *rt, bool *any, struct err *err) MUST_CHECK;
int remote_state_write(struct remote *r, const struct remote_target *rt, struct err *err) MUST_CHECK;
/** remote_state_void - before the binary is replaced. remote_state_remove - after it is gone. */
int remote_state_void(const struct graph *g, const struct target *t, struct err *err) MUST_CHECK;
void remote_state_remove(const struct graph *g, const struct target *t);

/* remote_blob.c */
/** remote_unpack - the file @blob, checked, in place of @rt's binary, debug file and map. */
int remote_unpack(const struct graph *g, const struct target *t, const struct remote_binary *b, const char *blob,
		  struct err *err) MUST_CHECK;
struct layout;
/** remote_pack - the other way; @b gets its blob and parts. */
int remote_pack(const struct graph *g, const struct target *t, struct layout *l, struct remote_binary *b,
		struct err *err) MUST_CHECK;

#endif
