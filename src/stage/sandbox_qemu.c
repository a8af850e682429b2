/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/sandbox_internal.h"

int qemu_register(int work, const char *work_path, enum arch arch, struct err *err)
{
	(void)work;
	(void)work_path;
	(void)arch;
	return err_set(err, ERR_TOOL, "no qemu");
}
