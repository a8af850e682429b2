/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_KEYS_H
#define SLSC_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/project.h"
#include "config/yaml.h"

/*
 * Every key of slsc.yaml, once. The reader (read.c), the JSON Schema (schema.c) and the test that holds
 * docs/CONFIG.md in step all work from this table.
 */

enum key_type {
	KEY_STR,	/* struct lstr; with KEY_PLAIN const char * */
	KEY_STR_OR,	/* a struct that begins with an lstr: a string is that, a mapping is read by sub */
	KEY_CHOICE,	/* the same as a string, one of choices */
	KEY_ENUM,	/* an enum: the index into choices */
	KEY_BOOL,	/* bool */
	KEY_COUNT,	/* uint64_t: a whole number */
	KEY_SIZE,	/* uint64_t: bytes */
	KEY_MS,		/* uint64_t: milliseconds; min and max are milliseconds too */
	KEY_US,		/* uint64_t: microseconds */
	KEY_PERCENT,	/* uint64_t: permille */
	KEY_MODE,	/* mode_t */
	KEY_STRS,	/* struct lstrs; choices apply to each */
	KEY_PAIRS,	/* struct lkvs */
	KEY_LISTS,	/* struct llists: names, each with a list of scalars */
	KEY_OBJECT,	/* a struct, by sub */
	KEY_OBJECTS,	/* { T *ptr; size_t len; } of structs, by sub */
	KEY_NAMED,	/* name: object; read by the section's own code */
};

enum key_flags {
	KEY_REQUIRED = 1,
	KEY_PLAIN = 2,		/* store const char *, without a location */
	KEY_NUMBERS = 4,	/* a number without quotes is taken as its text: version: 1.10 */
	KEY_LINES = 8,		/* may hold line ends */
	KEY_NOT_EMPTY = 16,	/* a list or section with at least one entry */
	KEY_UNIQUE = 32,	/* a list without repetitions */
	KEY_EMPTY = 64,		/* an empty string, in quotes, is a value */
};

/** What a string has to be: said once for people, once as a POSIX ERE that is also an ECMA 262 pattern. */
struct check {
	const char *what;	/* "a C identifier" */
	const char *pattern;	/* NULL: what ok() tests cannot be said so */
	bool (*ok)(const char *s);
	const char *hint;	/* NULL: none */
};

struct keys;
struct key {
	const char *name;
	enum key_type type;
	unsigned flags;
	size_t offset;
	const char *def;			/* the default as documented, in YAML; NULL: none */
	const char *const *choices;		/* NULL-terminated */
	const struct check *check;		/* of the string, or of each one in a list */
	const struct check *names;		/* of the names in KEY_PAIRS, KEY_LISTS and KEY_NAMED */
	const struct keys *sub;
	uint64_t min, max;			/* max 0: no range */
	const char *doc;			/* one sentence */
};

struct reader;
struct keys {
	const char *what;			/* "function": of one object; NULL: the file */
	const char *doc;
	const struct key *key;
	size_t len;
	size_t size;				/* of the struct that a KEY_OBJECTS element is */
	int (*done)(struct reader *rd, void *target, const struct ynode *n);	/* checks across keys */
	const char *schema;			/* more members for the schema's object, JSON; NULL: none */
};

/** keys_root - of the whole file; all others hang below it. */
extern const struct keys keys_root;
extern const struct keys keys_profile, keys_toolchain, keys_dependency, keys_function, keys_budget,
	keys_strategy;

/** keys_find - the entry, or NULL. */
const struct key *keys_find(const struct keys *set, const char *name);
/** keys_max_entries - how many entries a list or mapping @k may have. */
size_t keys_max_entries(const struct key *k);
/** key_expects - what a value has to be, for messages: "a size such as 128 MB", "lambda, http or none". */
const char *key_expects(const struct key *k, char *buf, size_t cap);

/* the checks, for the table and the test that compares each with its pattern */
extern const struct check check_function_name, check_name, check_c_name, check_env_name, check_label,
	check_inside, check_in_tree, check_to, check_user, check_absolute, check_git, check_base, check_debian,
	check_launcher, check_remote, check_role, check_alias, check_bucket;

/** env_is_reserved - a variable that the platform sets, and no function's `env` may. */
bool env_is_reserved(const char *name);

/* What keys_root is read into: on its way into struct project. */
struct root {
	struct lstr name, version, profile;
	struct toolchain_choice toolchain;
	struct launcher_def launcher;
	struct lstrs arches;
	struct package package;
	struct deploy_def deploy;
	struct lkvs mirrors, flows;
};

/* checks across keys, see struct keys.done */
int include_done(struct reader *rd, void *target, const struct ynode *n);
int image_done(struct reader *rd, void *target, const struct ynode *n);
int launcher_done(struct reader *rd, void *target, const struct ynode *n);
int strategy_done(struct reader *rd, void *target, const struct ynode *n);
int scaling_done(struct reader *rd, void *target, const struct ynode *n);
int tune_done(struct reader *rd, void *target, const struct ynode *n);
int function_done(struct reader *rd, void *target, const struct ynode *n);

#endif
