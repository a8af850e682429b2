/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows the handler's name, so that the rest of the runtime is compiled
 * once for all functions.
 */
#include <slsc.h>

#ifndef SLSC_HANDLER_SYMBOL
#define SLSC_HANDLER_SYMBOL handler
#endif

slsc_lambda_fn SLSC_HANDLER_SYMBOL;

int main(void)
{
	return slsc_lambda_main(SLSC_HANDLER_SYMBOL);
}
