/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_WANT_H
#define SLSC_DEPLOY_WANT_H

#include <jansson.h>

#include "base/vec.h"
#include "config/project.h"

/*
 * What a function is to be in the cloud, and how that differs from what it is there. What slsc.yaml says nothing about
 * is left as it is; memory, timeout, /tmp and the environment are always as slsc.yaml has them.
 */

/** What the command line says; NULL and false: nothing. All borrowed. */
struct want_opts {
	const char *role, *alias, *s3, *image, *arch;
	bool publish, url;
};

enum want_url { URL_UNSAID, URL_NONE, URL_PUBLIC, URL_IAM };

struct want {
	const struct function *function;
	const char *name;			       /* there */
	const char *arch;			       /* Lambda's name */
	const char *role, *alias, *s3, *image; /* NULL: none */
	struct lstr smoke;
	bool publish;				       /* a version for each change; with an alias always */
	enum want_url url;
	json_t *config; /* members of UpdateFunctionConfiguration */
	json_t *tags;	/* or NULL: not said */
	char *zip;	/* of the code; NULL: it is an image */
	uint64_t zip_size;
	char zip_hex[65]; /* its SHA-256 */
	char *zip_sha256; /* the same as Lambda has it: in base64 */
};
#define CLEAN_WANT __attribute__((cleanup(want_release)))

/** want_init - all but the code. ERR_CONFIG, ERR_USAGE. To be released either way. */
int want_init(struct want *w, struct project *p, const struct function *f, const struct want_opts *o,
	      struct err *err) MUST_CHECK;
/** want_zip - @sha256: 64 hex digits. */
void want_zip(struct want *w, const char *path, uint64_t size, const char *sha256);
void want_release(struct want *w);

/** A difference. Values of environment variables are nobody's: both are NULL then. */
struct change {
	char *field;	 /* "MemorySize", "Environment.STAGE", "Code", "Tags.team", "Alias.live", "Url" */
	char *from, *to; /* or NULL: there is none */
	bool hidden;
};
struct changes {
	struct change *ptr;
	size_t len, cap;
};
void changes_release(struct changes *c);
/** changes_add - @from and @to are copied. */
void changes_add(struct changes *c, const char *field, const char *from, const char *to);

/** want_differs - add how @config, of $LATEST or a version, differs; @update (may be NULL): the members to change. */
bool want_differs(const struct want *w, const json_t *config, struct changes *out, json_t *update);
/** want_code_differs - the same of the code, and of what the machine is; @code: GetFunction's, or NULL. */
bool want_code_differs(const struct want *w, const json_t *config, const json_t *code, struct changes *out);
/** want_tags_differ - @set: those to put; @unset: an array of names. */
bool want_tags_differ(const struct want *w, const json_t *tags, struct changes *out, json_t *set, json_t *unset);

#endif
