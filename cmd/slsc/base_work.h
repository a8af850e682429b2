/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_BASE_WORK_H
#define SLSC_CMD_BASE_WORK_H

#include "build/bases.h"
#include "build/deb_lock.h"
#include "cli/help.h"
#include "config/project.h"
#include "registry_ui.h"

struct base_ctx {
	const char *out, *compression;
	struct strs arches;
	struct registry_flags registry;
};

/** What all commands of slsc base work on. */
struct base_work {
	struct project project;
	bool has_project;
	struct bases bases;
	char *lock; /* slsc.lock: the project's, else of this directory */
	enum arch arch[ARCH_COUNT];
	size_t narches;
	bool fresh[ARCH_COUNT];
	int held; /* of other slsc processes */
};
#define CLEAN_BASE_WORK __attribute__((cleanup(base_work_release)))

/** base_work_init - of the project here, if there is one; release it in any case. */
int base_work_init(struct base_work *w, const struct base_ctx *c, struct err *err) MUST_CHECK;
void base_work_release(struct base_work *w);
/** base_work_hold - whoever writes slsc.lock holds the project, or, without one, all bases. */
int base_work_hold(struct base_work *w, const char *who, struct err *err) MUST_CHECK;
/** base_work_find - the base that @text names. ERR_NOTFOUND, ERR_USAGE. */
int base_work_find(const struct base_work *w, const char *text, struct base_variant *v, struct err *err) MUST_CHECK;
void base_work_note(const char *line);

/** base_update - slsc base update [NAME...]. */
int base_update(void *ctx, const struct globals *g, int argc, char **argv, struct err *err);

#endif
