/* SPDX-License-Identifier: Apache-2.0 */
#include "stage/sandbox_internal.h"

size_t sandbox_probe(struct sandbox_check out[SANDBOX_CHECKS_MAX])
{
	(void)out;
	return 0;
}
