/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_ENTRY_H
#define SLSC_REPORT_CHECK_ENTRY_H

#include "oci/document.h"
#include "oci/rootfs.h"
#include "report/check_internal.h"

/** USER of a config. */
struct check_user {
	int64_t uid, gid;	/* -1: not known from the config alone */
	bool named;		/* not a number */
};
struct check_user check_user_parse(const char *user);	/* NULL and "": root */

/** entry_program - the path that exec would take for @name: by PATH, or below WORKDIR. Heap, or NULL. */
char *entry_program(const struct rootfs *r, const struct doc_config *cfg, const char *name);

/** check_entry - what is started, where, and by whom: ENTRYPOINT, its interpreter and libraries, WORKDIR. */
int check_entry(struct check *c, const struct rootfs *r, const struct doc_config *cfg, struct err *err) MUST_CHECK;

#endif
