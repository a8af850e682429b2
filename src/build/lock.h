/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_LOCK_H
#define SLSC_BUILD_LOCK_H

#include "base/buf.h"
#include "config/project.h"
#include "config/yaml.h"

/*
 * slsc.lock: what names that may move stood for, so that a rebuild is the same bytes. YAML: "version: 1" and sections,
 * each a mapping with one owner: dependencies (deps.c), base (base_lock.c), packages. A writer changes its own
 * section and leaves all others, known or not, byte for byte as they are.
 */

/** lock_path - of @p's; heap. */
char *lock_path(const struct project *p);

/**
 * lock_read - @doc->root is NULL if there is no file. ERR_CONFIG, located in "slsc.lock", for what is no lock file or
 * of another version. yaml_release() in any case.
 */
int lock_read(struct yaml_doc *doc, const char *path, struct err *err) MUST_CHECK;
/** lock_section - the mapping @name, or NULL. */
const struct ynode *lock_section(const struct yaml_doc *doc, const char *name);
/** lock_scalar - the scalar @key of a mapping, or NULL; borrowed. */
const char *lock_scalar(const struct ynode *map, const char *key);

/**
 * lock_write - make @body (lines indented by two spaces, the last one ended) the section @name; an empty one removes
 * it. Sections are sorted by name. The file appears whole or not at all, and is left alone if nothing changes. The
 * caller holds build_lock().
 */
int lock_write(const char *path, const char *name, struct str body, struct err *err) MUST_CHECK;

#endif
