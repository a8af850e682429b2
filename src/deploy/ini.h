/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_INI_H
#define SLSC_DEPLOY_INI_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"

/*
 * The files ~/.aws/config and ~/.aws/credentials ("Shared config and credentials files", AWS SDKs and tools reference):
 * sections, names with values, and values of several lines whose indented lines are names with values again. Comments
 * begin with '#' or ';', at the start of a line or after a blank. Messages never show what is in a line.
 */
#define INI_MAX (1u << 20) /* bytes */

struct ini_entry {
	const char *key, *value;
	bool nested; /* of the entry before it that is not */
};
struct ini_section {
	const char *name; /* one blank between its words, without quotes: "profile a", "sso-session b" */
	size_t first, n;  /* of the entries */
};
/** Strings lie in text, which is wiped at the end. Zero with BUF_INIT is empty. */
struct ini {
	struct buf text;
	VEC(struct ini_entry) entries;
	VEC(struct ini_section) sections;
};
#define INI_INIT                                                                                                       \
	{                                                                                                              \
		.text = BUF_INIT                                                                                       \
	}
#define CLEAN_INI __attribute__((cleanup(ini_release)))

/** ini_parse - @p is copied. ERR_FORMAT located in @shown, ERR_LIMIT. @i is empty before, and released either way. */
int ini_parse(struct ini *i, const char *shown, struct str p, struct err *err) MUST_CHECK;
/** ini_load - the same of a file; one that is not there, or is /dev/null, is an empty one. ERR_IO. */
int ini_load(struct ini *i, const char *path, struct err *err) MUST_CHECK;
void ini_release(struct ini *i);

/** ini_has - whether there is such a section. */
bool ini_has(const struct ini *i, const char *section);
/** ini_get - the last value of @key (any case) in the sections of that name, NULL if there is none; borrowed. */
const char *ini_get(const struct ini *i, const char *section, const char *key);
/** ini_nested - the same of @sub below @key. */
const char *ini_nested(const struct ini *i, const char *section, const char *key, const char *sub);

#endif
