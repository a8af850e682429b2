/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_TEMPLATE_H
#define SLSC_BUILD_TEMPLATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/* What `slsc init` copies: a directory with an slsc.yaml, built in, the user's own, or out of git. */

#define TEMPLATE_MAX_ENTRIES 10000u
#define TEMPLATE_MAX_BYTES ((uint64_t)256 << 20)	/* of all files together */
#define TEMPLATE_MAX_DEPTH 64u

enum template_type { TEMPLATE_DIR, TEMPLATE_FILE, TEMPLATE_LINK };

struct template_entry {
	enum template_type type;
	char *path;		/* relative */
	char *target;		/* of a link, else NULL */
	bool exec;
	bool config;		/* slsc.yaml: its bytes are template.config */
};

struct template {
	char *dir;		/* where its files are */
	char *shown;		/* "hello", a path, or "https://host/repo.git#v1" without credentials */
	char *tmp;		/* a directory to remove with it, or NULL */
	char commit[65];	/* out of git, else "" */
	struct buf config;	/* slsc.yaml with `project:` set */
	VEC(struct template_entry) entries;	/* a directory before what is in it; bytewise within one */
};
#define CLEAN_TEMPLATE __attribute__((cleanup(template_release)))

/**
 * template_load - find @spec and read what is in it.
 * @spec: the name of a built-in template, a path ("/", "." or ".." in it), or a git URL; a URL or the path of a
 * repository may end with "#REF".
 * @name: of the project, valid; becomes `project:` of slsc.yaml, which is then checked by project_parse().
 * @progress: as for git_fetch_tree().
 * .git anywhere, .slsc and dist at the top are passed over. ERR_NOTFOUND if there is no such template, or no
 * slsc.yaml in it; ERR_CONFIG located if that is wrong; ERR_FORMAT for links that lead out of it, devices, sockets
 * and pipes; ERR_LIMIT; what git_fetch_tree() says.
 */
int template_load(struct template *t, const char *spec, const char *name,
		  void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		  struct err *err) MUST_CHECK;
void template_release(struct template *t);

struct template_info {
	char *name;
	char *description;	/* the first sentence, or part of one up to a colon, of its README.md; may be "" */
};
struct template_infos {
	struct template_info *ptr;
	size_t len, cap;
};
/** template_list - the built-in ones, sorted by name. */
int template_list(struct template_infos *out, struct err *err) MUST_CHECK;
void template_infos_release(struct template_infos *v);
#define CLEAN_TEMPLATE_INFOS __attribute__((cleanup(template_infos_release)))

#endif
