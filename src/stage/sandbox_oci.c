/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/sandbox_internal.h"

int oci_exec(const struct rootfs_parts *p, int fd, int init, bool one_id, struct err *err)
{
	(void)p;
	(void)fd;
	(void)init;
	(void)one_id;
	return err_set(err, ERR_TOOL, "no OCI runtime");
}
