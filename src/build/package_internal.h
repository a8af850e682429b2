/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_INTERNAL_H
#define SLSC_BUILD_PACKAGE_INTERNAL_H

#include <pthread.h>

#include "archive/codec.h"
#include "archive/zip.h"
#include "build/package.h"
#include "vcs/git.h"

/* Between the package*.c files. */

/** A file, symlink or directory that goes next to bootstrap. */
struct placed {
	char *to, *from;	/* in the package; absolute on this machine */
	char *shown;		/* from as messages name it: relative to the project */
	char *target;		/* of a symlink */
	enum tree_type type;
	mode_t mode;
	struct lstr where;	/* the include's from; borrowed from the project */
};
struct placed_list {
	struct placed *ptr;
	size_t len, cap;
};
void placed_release(struct placed_list *l);
/**
 * placed_resolve - expand @includes, directories too. What slsc or git writes (.slsc, dist, compile_commands.json,
 * .git, and the output directory @out, an absolute path without symlinks) is left out of what a glob or a directory
 * brings.
 * ERR_CONFIG, located, for what matches nothing, names such output, comes from outside the project, lands or leads
 * outside the package, clashes, or cannot be archived.
 */
int placed_resolve(const struct project *p, const struct includes *includes, const char *out,
		   struct placed_list *list, struct err *err) MUST_CHECK;
/** placed_tree - @binary as bootstrap 0755 and all of @files below @prefix ("" or "var/task"), finished. */
int placed_tree(const struct project *p, const struct placed_list *files, const char *binary, const char *prefix,
		struct tree *t, struct err *err) MUST_CHECK;
/** placed_err - put @where before the message that is in @err; but an interrupt is nowhere's. Returns -1. */
int placed_err(const struct project *p, struct lstr where, struct err *err);

/** One function, with what slsc.yaml and the command line say resolved. */
struct unit {
	const struct function *fn;
	struct package pkg;
	enum codec_level level;
	enum codec codec;
	const char *base;
	char user[32];			/* numeric, as an image config has it */
	struct placed_list files;
	struct tree zip_tree[ARCH_COUNT], image_tree[ARCH_COUNT];
	enum arch arches[ARCH_COUNT];
	size_t narches;
};

/** Where the sources come from, found while layers are compressed. */
struct provenance {
	pthread_t thread;
	bool running;
	const char *dir;
	struct git_provenance git;
	struct err err;
	int ret;
};

struct packager {
	const struct package_request *req;
	struct project *p;
	struct package_result *res;
	const struct profile *profile;
	char *out, *shown;		/* the output directory, and as messages name it */
	char *real_out;			/* the same, absolute and without symlinks */
	char *share;			/* of the base layers */
	int64_t mtime;			/* of archive entries, seconds */
	bool has_epoch;			/* SOURCE_DATE_EPOCH is set: mtime is it */
	struct provenance prov;
	struct unit *units;
	size_t nunits;
	unsigned done, total;
};

/** unit_init - check and resolve @name for @pk; trees are ready afterwards, so limits can be checked. */
int unit_init(struct unit *u, struct packager *pk, const struct function *fn, struct err *err) MUST_CHECK;
void unit_release(struct unit *u);

/** artifact_add - a new artifact of @pk; borrowed until the next. @name_fmt is below the output directory. */
struct artifact *artifact_add(struct packager *pk, enum package_format kind, const struct unit *u, int arch,
			      const char *fmt, ...) PRINTF_LIKE(5, 6);
/** package_step - tell the caller which artifact is being made. */
void package_step(struct packager *pk, const char *item);
/** provenance_join - wait for git; its warnings and the revision go to the result. */
int provenance_join(struct packager *pk, struct err *err) MUST_CHECK;

/** package_tags_check - ERR_CONFIG, located, if two functions' archives would name their images alike. */
int package_tags_check(const struct packager *pk, struct err *err) MUST_CHECK;
/** package_image - all of @u's image formats. */
int package_image(struct packager *pk, struct unit *u, struct err *err) MUST_CHECK;

#endif
