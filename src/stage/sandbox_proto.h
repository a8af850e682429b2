/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_STAGE_SANDBOX_PROTO_H
#define SLSC_STAGE_SANDBOX_PROTO_H

/*
 * Between sandbox_run(), its child and init/sandbox_init.c, which is pid 1 inside. No header of a library: the init is
 * a program of its own.
 *
 * The spec is a list of NUL-terminated records in a memfd, the first byte of each says what it is. Environment and
 * arguments may hold any byte but NUL, which JSON could not carry; and nothing of them is in anybody's argv.
 */
enum {
	SPEC_KIND = 'k',	/* enum sandbox_kind */
	SPEC_ARCH = 'r',	/* enum arch */
	SPEC_LOWER = 'l',
	SPEC_UPPER = 'u',
	SPEC_WORK = 'w',
	SPEC_ARG = 'A',
	SPEC_ENV = 'E',
	SPEC_CWD = 'c',
	SPEC_UID = 'U',
	SPEC_GID = 'G',
	SPEC_GROUP = 'g',
	SPEC_NETWORK = 'n',	/* 0 or 1 */
	SPEC_HOSTNAME = 'h',
	SPEC_ONE_ID = '1',	/* 0 or 1: only one user id is mapped */
	SPEC_MOUNT = 'm',	/* its type; the four below are about the last one */
	SPEC_SOURCE = 's',
	SPEC_TARGET = 't',
	SPEC_READONLY = 'R',
	SPEC_SIZE = 'z',
	SPEC_MODE = 'M',
};
#define SPEC_MAX (16u << 20)	/* bytes */

/* The descriptors that `slsc _sandbox FD` and the init are given, from FD on. */
enum {
	SANDBOX_FD_CTL,		/* packets, struct sandbox_msg, to us; its end tells the init to end all */
	SANDBOX_FD_SPEC,
	SANDBOX_FD_OUT,		/* stdout and stderr of the command */
	SANDBOX_FD_COUNT,
};

/* One packet. Both ends come from one build and run on one machine. */
struct sandbox_msg {
	enum { SANDBOX_MSG_ERROR = 1, SANDBOX_MSG_STATUS } type;
	int code;		/* ERROR: enum err_code; STATUS: exit code, or 128 + signal */
	int sys;
	char msg[1024];
	char hint[256];
};

#endif
