/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_STAGE_EXEC_H
#define SLSC_STAGE_STAGE_EXEC_H

/* Between slsc and stage_exec.c. No header of a library: that is a program of its own. */

#define STAGE_ENV_SOCKETS "SLSC_STAGES"	     /* "DIGEST=FD DIGEST=FD" */
#define STAGE_ENV_BINDS	  "SLSC_STAGE_BINDS" /* directories that are the same in stages as here, one a line */
#define STAGE_ENV_HOLD	  "SLSC_RUNNING"     /* a descriptor that commands keep open; may be absent */

/* First byte of each packet to a stage's socket. */
enum {
	STAGE_ASK = 'a',	/* with descriptors: run a command */
	STAGE_END = 'e',	/* no more will come */
};

#endif
