/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SOLVE_INTERNAL_H
#define SLSC_STAGE_SOLVE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/arena.h"
#include "oci/document.h"
#include "registry/hurry.h"
#include "stage/copy.h"
#include "stage/dockerfile.h"
#include "stage/image_config.h"
#include "stage/solve.h"

/*
 * The solver in three passes. plan: one thread; the stages that the target needs, every variable put in, into the ops
 * that make layers. keys: what each op reads, as a digest; the record of an earlier run by that digest. make: what is
 * missing, on demand of the image, a thread for each stage that has something to do.
 *
 * Files below <cache>/stage: layers/NAME (snapshot.h), steps/KEY (records), mounts/ID (RUN --mount=type=cache),
 * bases/, hashes (copy.h), last/ (what --explain compares with), run/PID (what is being made).
 */

#define KEY_LEN 65		/* 64 hex digits and a NUL */
#define STAGE_MAX_LAYERS 127u	/* what overlayfs and runtimes mount */

/** A digest of several things, each with its length, so that no two lists are one. */
struct key {
	struct digest_ctx *md;
};
int key_begin(struct key *k, const char *what, struct err *err) MUST_CHECK;
void key_add(struct key *k, const char *s);	/* NULL differs from "" */
void key_add_bytes(struct key *k, const void *p, size_t n);
void key_end(struct key *k, char out[KEY_LEN]);

/** A layer in the forms it has so far. */
struct layer {
	pthread_mutex_t lock;	/* of all that follows */
	struct op *op;		/* that makes it; NULL: a base's */
	char name[KEY_LEN];	/* of its directory; empty: not made yet */
	bool dir, blob;		/* which forms there are */
	bool sure;		/* this run has made the store's blob, or hashed it */
	bool empty;		/* nothing in it: it is no layer of the image */
	struct image_layer as;	/* with blob: the store has it, or origin does */
	struct tree *tree;	/* of a copy in this run, whose files are still there */
	struct origin *origin;	/* of a base's */
	struct doc_descriptor desc;
};

/** An image from elsewhere, for one architecture. */
struct source_image {
	char *ref;		/* as written */
	enum arch arch;
	struct origin *origin;	/* NULL: scratch */
	struct arena arena;
	struct document doc;
	struct image_config config;
	struct doc_config parsed;
	struct layer **layers;
	size_t nlayers;
	char chain[KEY_LEN];
	struct source_image *next;
};

enum op_kind { OP_RUN, OP_COPY, OP_WORKDIR };

/** One RUN --mount, its variables put in. */
struct op_mount {
	struct df_mount m;
	struct vertex *from;	/* bind, cache: a stage or image; NULL: the context, or nothing */
};

/** An instruction that makes a layer, with all it reads but what is below it. */
struct op {
	struct vertex *v;
	const char *shown;		/* where @inst stands */
	const struct df_inst *inst;
	enum op_kind kind;
	unsigned step;			/* of the stage, from 1 */
	const char *history;		/* "RUN /bin/sh -c make" */
	/* RUN */
	const char *const *argv, *const *env;	/* NULL-terminated */
	const char *cwd, *user;		/* user NULL: root */
	bool network;
	struct str script;		/* a heredoc that is a program of its own; else empty */
	const char *script_name;
	struct op_mount *mounts;
	size_t nmounts;
	/* COPY, ADD, WORKDIR */
	struct copy_want want;
	struct vertex *from;		/* NULL: the context */
	const char *dir;
	/* results */
	pthread_mutex_t lock;		/* held while it is made */
	bool keyed, known, made;	/* known: there is a record, or it was made in this run */
	char key[KEY_LEN];
	char content[KEY_LEN];		/* with known: of what it is made of; a RUN's is its key */
	struct digest files;		/* COPY from the context: of what it copies */
	bool has_files, demanded;
	struct layer layer;
	struct explain_part {
		const char *name;	/* "instruction", "below", "files", "environment", ... */
		char key[KEY_LEN];
	} part[8];
	size_t nparts;
};

/** A line of the history. */
struct entry {
	const char *text;
	struct op *op;			/* NULL: no layer */
};

/** A stage for one architecture, or an image that is copied from. */
struct vertex {
	struct solver *sv;
	const struct df_stage *stage;	/* NULL: only an image */
	size_t index;			/* of the stage */
	enum arch arch;			/* of its programs */
	enum arch target;		/* TARGETARCH */
	const char *name;		/* "builder", "stage-1", or the image's */
	const char *shown;		/* where what is planned stands: the Dockerfile, an ONBUILD */
	struct vertex *base;		/* FROM another stage */
	struct source_image *image;	/* FROM an image; scratch too */
	enum { PLAN_NEW, PLAN_OPEN, PLAN_DONE } planned;
	struct image_config config;
	struct map vars;		/* name -> value, of ENV and ARG: the later one counts */
	struct strs args;		/* names of ARGs with a value, as often as they were declared */
	bool cmd_set;
	struct strs shell;
	struct {
		struct op **ptr;
		size_t len, cap;
	} ops;
	struct {
		struct entry *ptr;
		size_t len, cap;
	} entries;
	struct {
		struct vertex **ptr;
		size_t len, cap;
	} deps;				/* all it needs, its base too */
	unsigned steps;
	pthread_t thread;
	bool running;
	struct err err;
	int ret;
};

struct solver {
	const struct stage_request *req;
	struct stage_result *res;
	struct arena arena;		/* of the plan: one thread */
	struct dockerfile df;
	char *dockerfile;		/* path */
	struct ignore *ignored;
	struct file_hashes *hashes;
	char *cache, *scratch;		/* <cache>/stage; a directory of this run below it, made when needed */
	int scratch_lock;
	int hold;			/* keeps stage_prune() away */
	struct {
		struct vertex **ptr;
		size_t len, cap;
	} vertices;
	struct source_image *images;
	struct map used_args;		/* build arguments that some ARG asked for */
	struct map given;		/* build arguments: name -> value */
	struct map global;		/* ARG before FROM */
	struct origin **caches;
	size_t ncaches;
	struct map imported;		/* key -> text of a record of --cache-from; NULL: of no use */
	struct hurry hurry;		/* the way to caches */
	bool cache_told;		/* one warning is enough */
	atomic_bool cache_dead;		/* a cache's registry does not answer */
	bool running;			/* what is found out from now on has to be had at once */
	atomic_ulong cache_got;		/* bytes of blobs */
	int64_t epoch;			/* seconds: of all that is made, and config.created */
	bool entered;
	pthread_mutex_t lock;		/* of events, hashes, scratch's counter, slots */
	pthread_cond_t freed;
	unsigned slots, serial;
	size_t expanded, inherited;	/* what the plan has grown by: bytes of values; variables and history */
	atomic_bool failed;		/* some thread has: the others need not begin anything */
};

/* plan.c, plan_inst.c, plan_run.c */
int plan_open(struct solver *sv, struct err *err) MUST_CHECK;
int plan_all(struct solver *sv, struct vertex **targets, struct err *err) MUST_CHECK;	/* [req->narches] */
int plan_vertex(struct solver *sv, size_t stage, enum arch target, struct vertex **out, struct err *err) MUST_CHECK;
int plan_image(struct solver *sv, const char *ref, struct df_word at, enum arch arch, struct vertex **out,
	       struct err *err) MUST_CHECK;
int plan_from(struct vertex *v, const char *name, struct df_word at, struct vertex **out, struct err *err) MUST_CHECK;
int plan_inst(struct vertex *v, const struct df_inst *i, struct err *err) MUST_CHECK;
int plan_run(struct vertex *v, const struct df_inst *i, struct err *err) MUST_CHECK;
int plan_copy(struct vertex *v, const struct df_inst *i, struct err *err) MUST_CHECK;
struct op *plan_op(struct vertex *v, const struct df_inst *i, enum op_kind kind, const char *history);
void plan_history(struct vertex *v, const char *text, struct op *op);
/** plan_expand - @w with the variables of @v; in the solver's arena. NULL with @err. */
const char *plan_expand(struct vertex *v, struct df_word w, struct err *err);
const char *plan_var(const char *name, void *v);
int plan_fail(const struct vertex *v, struct df_word at, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);
/**
 * op_fail - puts @err at @op's instruction, unless it has a place or is about the whole build. op_fail_at - another
 * message there. Both -1.
 */
int op_fail(const struct op *op, struct err *err);
int op_fail_at(const struct op *op, struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(4, 5);
int plan_target(struct solver *sv, size_t *stage, struct err *err) MUST_CHECK;
void solver_release(struct solver *sv);
int solver_init(struct solver *sv, const struct stage_request *req, struct stage_result *res,
		struct err *err) MUST_CHECK;

/* source.c */
int source_open_image(struct solver *sv, const char *ref, struct df_word at, enum arch arch,
		      struct source_image **out, struct err *err) MUST_CHECK;
void source_release_all(struct solver *sv);

/* keys.c, record.c */
/** op_key - 1: op->key is set; 0: it depends on what has to be made first, which @make allows; -1. */
int op_key(struct op *op, bool make, struct err *err) MUST_CHECK;
/** chain_of - of all of @v's layers below its op @n. As op_key(). */
int chain_of(struct vertex *v, size_t n, bool make, char out[KEY_LEN], struct err *err) MUST_CHECK;
/** record_find - 1: op->known and op->layer are set; 0: there is none. */
int record_find(struct op *op, struct err *err) MUST_CHECK;
int record_write(struct op *op, struct err *err) MUST_CHECK;
const char *explain_why(struct op *op, char *buf, size_t cap);
void explain_save(struct solver *sv);

/* make.c, make_run.c */
int op_make(struct op *op, struct err *err) MUST_CHECK;		/* the op has a layer in some form */
int layer_dir(struct solver *sv, struct layer *l, struct err *err) MUST_CHECK;
int layer_blob(struct solver *sv, struct layer *l, struct err *err) MUST_CHECK;
/** layer_blob_again - the blob has gone from the store: another one, if there is anything to make it of. */
int layer_blob_again(struct solver *sv, struct layer *l, struct err *err) MUST_CHECK;
/** layer_stored - whether the store has its blob (after layer_blob(), or of a base), with the right bytes. */
bool layer_stored(struct layer *l);
/**
 * layer_tree - what op @l->op makes, as a tree that is not to be changed: *@out is @made, or the op's own; NULL: it
 * is empty.
 */
int layer_tree(struct solver *sv, struct layer *l, struct tree *made, const struct tree **out,
	       struct err *err) MUST_CHECK;
/** vertex_layers - all below op @n, the base's first; heap. */
int vertex_layers(struct vertex *v, size_t n, struct layer ***out, size_t *len, struct err *err) MUST_CHECK;
/** vertex_stack - the same as directories, which are made; *@dirs: heap, of heap strings. */
int vertex_stack(struct vertex *v, size_t n, struct strs *dirs, struct err *err) MUST_CHECK;
int solver_scratch(struct solver *sv, char **dir, struct err *err) MUST_CHECK;	/* a new directory; heap */
int op_execute(struct op *op, struct err *err) MUST_CHECK;	/* under op->lock; make_op.c */
size_t op_index(const struct op *op);	/* among its stage's */
extern const struct origin_ops store_origin;
int op_run(struct op *op, const struct strs *below, const char *upper, const char *work, struct err *err) MUST_CHECK;
char *layer_path(const struct solver *sv, const char *name);	/* <cache>/stage/layers/NAME; heap */
void solver_event(struct solver *sv, const struct op *op, enum stage_event_kind kind, const char *text,
		  const char *why, double seconds);
/**
 * solver_dirs - @v's layers as directories, those that are not there are made; without @make then ERR_NOTFOUND. No
 * namespace is entered where all are there.
 */
int solver_dirs(struct solver *sv, struct vertex *v, bool make, struct strs *dirs, struct err *err) MUST_CHECK;
int solver_make(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err) MUST_CHECK;

bool op_has_form(const struct op *op);	/* its layer need not be made */
char *record_path(const struct solver *sv, const char *key);	/* heap */

/* cache.c, cache_import.c: what goes wrong with a cache is a warning of the result; -1: ERR_INTR, ERR_USAGE */
#define MEDIA_CACHE "application/vnd.slsc.cache.v1+json"
int cache_import(struct solver *sv, struct err *err) MUST_CHECK;
int cache_export(struct solver *sv, struct err *err) MUST_CHECK;
/**
 * cache_fetch - what caches elsewhere have of what @targets and the demanded ops stand on, into the store. 1: some of
 * it cannot be had: its records are gone, and all is to be found out anew.
 */
int cache_fetch(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err) MUST_CHECK;
/** cache_fetch_layer - one alone: 1, or 0 if it cannot be had. */
int cache_fetch_layer(struct solver *sv, struct layer *l, struct err *err) MUST_CHECK;
/** cache_trouble - a warning, the first time. -1 if it is ERR_INTR. */
int cache_trouble(struct solver *sv, const char *option, const struct err *why, struct err *err) MUST_CHECK;
/** op_forget - its record was of no use. */
void op_forget(struct op *op);

/* strip.c */
struct strip {
	struct solver *sv;
	enum arch arch;
	char *dir;		/* of stripped files; made when needed, gone with the solver */
	unsigned serial, complaints;
};
/**
 * strip_tree - @in with its programs and shared objects stripped, in @out; finished. @own: only files below these
 * directories; NULL: all. What is not static, or not for s->arch, is a warning of the result.
 */
int strip_tree(struct strip *s, const struct tree *in, const struct strs *own, struct tree *out,
	       struct err *err) MUST_CHECK;
void strip_end(struct strip *s);
#define CLEAN_STRIP __attribute__((cleanup(strip_end)))

/* output.c */
int output_write(struct solver *sv, struct vertex *const *targets, size_t n, struct err *err) MUST_CHECK;

#endif
