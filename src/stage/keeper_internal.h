/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_KEEPER_INTERNAL_H
#define SLSC_STAGE_KEEPER_INTERNAL_H

#include <stdint.h>

#include "base/buf.h"
#include "stage/solve.h"

/* Between keeper.c and its child, keeper_child.c. Both are one process image: structs are sent as they are. */

#define KEEPER_MAX (4u << 20) /* bytes of a message */

struct keeper_head {
	char type;
	uint32_t len;
};
enum {
	KEEPER_BEGIN = 'b',	/* to the child: paths, each with its NUL; see build_stages.begin */
	KEEPER_END = 'z',	/* to the child: the build has ended, after STAGE_END to whoever serves */
	KEEPER_OK = 'o',	/* from it: the stage is there, with records; or a build has ended */
	KEEPER_ERROR = 'e',	/* struct err */
	/* records of the first answer */
	KEEPER_DIGEST = 'd',
	KEEPER_DIR = 'l',	/* a layer's, the lowest first */
	KEEPER_PATH = 'p',
	KEEPER_WARNING = 'w',
};

int keeper_send(int fd, char type, struct str body, struct err *err) MUST_CHECK;
/** keeper_receive - -1: the other end is gone. */
int keeper_receive(int fd, char *type, struct buf *body) MUST_CHECK;

/** keeper_child - all that the child does, until @ctl ends. */
void keeper_child(const struct stage_request *req, bool make, int ctl, int commands);

/** stage_exec_path - lib/slsc/stage-exec; heap. */
char *stage_exec_path(void);

#endif
