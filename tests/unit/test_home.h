/* SPDX-License-Identifier: Apache-2.0 */
/* Each test starts in an empty directory of its own, which others may enter. */
#ifndef TEST_HOME_H
#define TEST_HOME_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/fs.h"

static char home[64];

static inline int setup(void **state)
{
	(void)state;
	snprintf(home, sizeof(home), "/tmp/slsc-test.XXXXXX");
	if (!mkdtemp(home) || chmod(home, 0777) < 0)
		return -1;
	return chdir(home);
}

static inline int teardown(void **state)
{
	struct err err;

	(void)state;
	if (chdir("/") < 0)
		return -1;
	return fs_rmtree(home, &err);
}

#endif
