/* SPDX-License-Identifier: Apache-2.0 */
/* URLs of servers and what launchers write of a build: from files and the environment. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/launcher.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const names[] = { "ccache", "distcc", "icecc" };
	CLEAN_FREE char *text = xstrndup((const char *)p, n);
	CLEAN_LAUNCHER_URL struct launcher_url u = { .host = NULL };
	struct err err;

	if (launcher_url_parse(&u, text, &err) == 0 && u.login && strchr(u.shown, '@'))
		abort();	/* a password is shown */
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct launcher_sum sum = { 0 };

		launcher_sum_log(names[i], (struct str){ (const char *)p, n }, &sum);
		if (sum.hits > sum.compiles && strcmp(names[i], "ccache") == 0)
			abort();
	}
	return 0;
}
