/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_IMAGE_CONFIG_H
#define SLSC_STAGE_IMAGE_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"
#include "oci/digest.h"

/*
 * The config of an image that is being built (image-spec config.md, and what Docker adds to it: Healthcheck, OnBuild,
 * Shell). Strings must be UTF-8: what sets them says so.
 */
struct image_config {
	json_t *root, *config;		/* config is root's member */
};
#define CLEAN_IMAGE_CONFIG __attribute__((cleanup(image_config_release)))

/** image_config_scratch - of an image without layers: PATH and the working directory /, as BuildKit has it. */
void image_config_scratch(struct image_config *c, enum arch arch);
/** image_config_parse - of a base; members that no specification knows are dropped. ERR_FORMAT. */
int image_config_parse(struct image_config *c, const char *shown, const void *p, size_t n, struct err *err) MUST_CHECK;
/** image_config_copy - in the same thread: the two share the strings. */
void image_config_copy(struct image_config *to, const struct image_config *from);
/** image_config_size - how many variables, labels, ports, ... there are. */
size_t image_config_size(const struct image_config *c);
void image_config_release(struct image_config *c);

/** The value, borrowed till the next change; NULL: not set. */
const char *image_config_env(const struct image_config *c, const char *name);
/** image_config_list_env - all of it, "K=V". */
void image_config_list_env(const struct image_config *c, struct strs *out);
const char *image_config_get(const struct image_config *c, const char *member);	/* "User", "WorkingDir", ... */

void image_config_set_env(struct image_config *c, const char *name, const char *val);
void image_config_set(struct image_config *c, const char *member, const char *val);
/** image_config_set_list - NULL takes it away. */
void image_config_set_list(struct image_config *c, const char *member, const char *const *v, size_t n);
/** image_config_add - to a set: "ExposedPorts", "Volumes". */
void image_config_add(struct image_config *c, const char *member, const char *key);
void image_config_set_label(struct image_config *c, const char *key, const char *val);
/** image_config_push - to a list: "OnBuild". */
void image_config_push(struct image_config *c, const char *member, const char *val);

/** image_config_history - one more entry; @diff_id: of the layer that it made; NULL: none. */
void image_config_history(struct image_config *c, int64_t created, const char *created_by,
			  const struct digest *diff_id);
/** image_config_squash - one layer in place of all. */
void image_config_squash(struct image_config *c, int64_t created, const char *created_by,
			 const struct digest *diff_id);
void image_config_dump(const struct image_config *c, int64_t created, struct buf *out);

#endif
