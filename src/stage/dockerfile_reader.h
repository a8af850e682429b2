/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_DOCKERFILE_READER_H
#define SLSC_STAGE_DOCKERFILE_READER_H

#include "stage/dockerfile_internal.h"

/** The file as its lines. */
struct df_reader {
	struct dockerfile *d;
	const char *shown;
	const char *p, *end;
	unsigned line;		/* of what was read last */
};

/** df_read_line - the next line without its indent and end; false: there is none. */
bool df_read_line(struct df_reader *r, struct str *out);
/** df_read_inst - 1: @i is the next instruction, with its heredocs; 0: there is none. */
int df_read_inst(struct df_reader *r, struct df_inst *i, struct err *err) MUST_CHECK;
/** df_warn - unless a `check` directive has said to skip the rule. */
void df_warn(struct dockerfile *d, unsigned line, const char *rule, const char *text);

#endif
