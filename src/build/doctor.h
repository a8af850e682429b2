/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_DOCTOR_H
#define SLSC_BUILD_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "build/launcher.h"
#include "config/project.h"

enum doctor_state { DOCTOR_WORKS, DOCTOR_MISSING, DOCTOR_BROKEN };

struct doctor_finding {
	const char *toolchain;
	enum arch arch;
	enum doctor_state state;
	const char *what;	/* missing: what; broken: the error */
	const char *install;	/* the exact command; "" if there is none */
	uint64_t size;		/* works: bytes of the program that was built */
};

/**
 * doctor_check - whether toolchain @name really builds for @arch: resolves it, then compiles, links and verifies a
 * program of a few lines in a directory of its own, which is removed. Strings live in @a. Returns -1 only when
 * interrupted or when no directory can be made.
 */
int doctor_check(struct arena *a, const struct project *p, const char *name, enum arch arch,
		 struct doctor_finding *out, struct err *err) MUST_CHECK;
/** doctor_check_stage - the same of what @use says is in a stage, which p->stages makes if it is told to. */
int doctor_check_stage(struct arena *a, struct project *p, const struct toolchain_use *use, enum arch arch,
		       struct doctor_finding *out, struct err *err) MUST_CHECK;

/** What a launcher did with a source that it had never met, compiled twice. */
struct doctor_launch {
	enum arch arch;
	bool same;		/* both times the bytes were those that the compiler makes without it */
	bool hit;		/* the second one was none */
	bool remote;		/* there is a remote, which answered; the second one had no other cache */
	bool remote_hit;
	bool elsewhere;		/* another host compiled */
	const char *what;	/* what is not as it should be; NULL: all is well */
};

/**
 * doctor_check_launcher - a program of a few lines, through the project's (or the default) toolchain for @arch, three
 * times in directories of their own: without the launcher @l, and twice with it. @warn: as of build_request. Returns -1
 * when interrupted, or if the launcher or the toolchain is not there.
 */
int doctor_check_launcher(struct arena *a, struct project *p, const struct launcher_def *l, enum arch arch,
			  void (*warn)(const char *line), struct doctor_launch *out, struct err *err) MUST_CHECK;

#endif
