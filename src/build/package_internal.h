/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_PACKAGE_INTERNAL_H
#define SLSC_BUILD_PACKAGE_INTERNAL_H

#include <pthread.h>

#include "archive/codec.h"
#include "archive/zip.h"
#include "build/debian.h"
#include "build/installed.h"
#include "build/package.h"
#include "oci/place.h"
#include "vcs/git.h"

/* Between the package*.c files. */

#define NONROOT "65532:65532"

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

enum sbom_place { SBOM_NONE, SBOM_IMAGE, SBOM_ATTACH };

/** One function, with what slsc.yaml and the command line say resolved. */
struct unit {
	const struct function *fn;
	struct package pkg;
	enum codec_level level;
	enum codec codec;
	const char *base;		/* as it was asked for */
	struct foreign_base *foreign;	/* borrowed from the packager; NULL: base is built in */
	bool staged;			/* a Dockerfile makes the image: foreign is all of it */
	struct debian_want want;	/* of Debian packages, below or on top of the base */
	struct debian debian;
	char user[32];			/* numeric, as an image config has it; "": the base's, or else nonroot */
	enum sbom_place sbom;
	bool provenance;		/* attached */
	struct buf sbom_text[ARCH_COUNT];	/* of SBOM_IMAGE; borrowed by image_tree */
	struct placed_list files;
	struct tree zip_tree[ARCH_COUNT], image_tree[ARCH_COUNT];
	enum arch arches[ARCH_COUNT];	/* of machines; none: a Worker is all there is of it */
	size_t narches;
	bool worker;			/* one is made of its module */
	bool in_layout;			/* its module is an artifact of the layout, too */
	char *module;			/* a path; NULL: none is wanted, or it is still to be built */
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

/** A base that is an image: opened once, whatever the number of functions that stand on it. */
struct foreign_base {
	char *name;			/* as slsc.yaml or --base has it */
	struct place place;		/* where it comes from */
	struct origin *origin;
	struct arena arena;
	struct base_arch {
		bool ready;
		struct document doc;
		struct doc_config config;
		struct doc_descriptor manifest;
		struct installed installed;	/* for SBOMs */
		bool has_installed;
		char *name;		/* for base.name: as a registry has it; in the arena; NULL: in none */
	} arch[ARCH_COUNT];
};
struct foreign_bases {
	struct foreign_base **ptr;
	size_t len, cap;
};
void foreign_bases_release(struct foreign_bases *b);

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
	struct foreign_bases bases;
	struct bases named;		/* loaded when the first base is resolved */
	bool fresh[ARCH_COUNT];		/* what the mirrors have is known */
	struct unit *units;
	size_t nunits;
	unsigned done, total;
};

/** unit_init - check and resolve @name for @pk; trees are ready afterwards, so limits can be checked. */
int unit_init(struct unit *u, struct packager *pk, const struct function *fn, struct err *err) MUST_CHECK;
void unit_release(struct unit *u);

/**
 * base_resolve - whether @u's base, asked for as @name, is built in, or is there for all of @u's architectures. In a
 * dry run no registry is asked. ERR_CONFIG at @name's place, ERR_USAGE if it has none; ERR_NOTFOUND for what is
 * missing.
 */
int base_resolve(struct packager *pk, struct unit *u, struct lstr name, struct err *err) MUST_CHECK;
/** base_named - 1: @name is a named base, now in u->want; 0: it is not; -1: an unknown variant of one. */
int base_named(struct packager *pk, struct unit *u, struct lstr name, struct err *err) MUST_CHECK;
/** base_packages - lock and fetch the Debian packages of @u's base, @name, and its own; not for zips or a dry run. */
int base_packages(struct packager *pk, struct unit *u, struct lstr name, struct err *err) MUST_CHECK;
/** base_put_packages - the layers of u->want in @l, added to @m. */
int base_put_packages(struct packager *pk, struct unit *u, enum codec codec, struct layout *l,
		      struct packaged_image *m, struct err *err) MUST_CHECK;
/**
 * base_layers - put the layers of @b for @arch into @l, as they are or @uncompressed, and add them to @m. Nothing is
 * kept that is not what its digest says.
 */
int base_layers(struct foreign_base *b, enum arch arch, bool uncompressed, struct layout *l, struct packaged_image *m,
		struct err *err) MUST_CHECK;
/** base_sources_unused - a warning for each --base NAME=SOURCE that no unit stands on, unless a Dockerfile may. */
void base_sources_unused(const struct packager *pk);
/** base_staged - the layout at @dir, which a Dockerfile has made, as u->foreign. */
int base_staged(struct packager *pk, struct unit *u, const char *dir, struct err *err) MUST_CHECK;
/** base_config - the text of @b's config for @arch. */
int base_config(struct foreign_base *b, enum arch arch, struct buf *out, struct err *err) MUST_CHECK;

/** package_has_stages - whether a Dockerfile makes any function's image. */
bool package_has_stages(struct project *p);
/** package_stage_check - what an image of @u that a Dockerfile makes cannot have. */
int package_stage_check(const struct packager *pk, const struct unit *u, struct err *err) MUST_CHECK;
/** package_stages - run the Dockerfiles of all units, in a dry run only check them. */
int package_stages(struct packager *pk, struct err *err) MUST_CHECK;

/** packaged_layer - a new one at the end of @m's. */
struct image_layer *packaged_layer(struct packaged_image *m);
/** base_user - the user of an image on @b for which slsc.yaml names none: the base's unless that is root. */
const char *base_user(const struct foreign_base *b, enum arch arch);

/** artifact_add - a new artifact of @pk; borrowed until the next. @name_fmt is below the output directory. */
struct packaged *artifact_add(struct packager *pk, enum package_format kind, const struct unit *u, int arch,
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
