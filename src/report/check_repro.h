/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_REPRO_H
#define SLSC_REPORT_CHECK_REPRO_H

#include <stdbool.h>

#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"

/*
 * Whether the same sources give the same bytes elsewhere: the project (the whole git work tree that it is in, for the
 * sake of what says where it comes from) is copied to a temporary directory of another length, and built and packaged
 * there by the same slsc under another TZ, locale, umask, HOME. The cache of slsc is kept: it holds pinned inputs only.
 */
struct repro_request {
	const struct project *project;	/* borrowed */
	const struct strs *functions;	/* names; empty: all */
	const char *level;		/* as given to `slsc package --level`; NULL: the project's */
	const char *compression;	/* likewise --compression; NULL: the project's */
	const struct strs *bases;	/* likewise each --base; paths are relative to the project; NULL: none */
	bool fresh;			/* compare two builds elsewhere, not one with dist/ */
	void (*on_output)(const char *p, size_t n, void *ctx);	/* of a build that failed; may be NULL */
	void (*on_step)(const char *what, void *ctx);			/* may be NULL */
	void *ctx;
};

struct repro_result {
	struct repro_row {
		char *artifact;		/* as listed: "hello-arm64.zip" */
		char *difference;	/* NULL: the same bytes */
	} *ptr;
	size_t len, cap;
	bool fresh;			/* two builds were compared: dist/ had nothing */
	size_t differ;
};
#define CLEAN_REPRO __attribute__((cleanup(repro_release)))

/** repro_run - ERR_BUILD if a build elsewhere fails; ERR_LIMIT, ERR_IO, ERR_INTR. The copies are gone afterwards. */
int repro_run(const struct repro_request *req, struct repro_result *res, struct err *err) MUST_CHECK;
void repro_release(struct repro_result *res);

#endif
