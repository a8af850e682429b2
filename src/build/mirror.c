/* SPDX-License-Identifier: Apache-2.0 */
#include "build/mirror.h"

#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* What @prefix leaves of @name, if it is a prefix of whole parts; else NULL. */
static const char *after(const char *name, const char *prefix)
{
	const size_t n = strlen(prefix);

	/* also at its final NUL */
	return strncmp(name, prefix, n) == 0 && strchr("/:@", name[n]) ? name + n : NULL;
}

char *mirror_find(const struct lkvs *mirrors, const char *name)
{
	static const char *const implied[] = { "", "docker.io/", "docker.io/library/" };
	const char *rest = NULL, *val = NULL;

	for (size_t k = 0; k < ARRAY_LEN(implied); k++) {
		if (!starts_with(name, implied[k]))
			continue;
		for (size_t i = 0; i < mirrors->len; i++) {
			const char *r = after(name + strlen(implied[k]), mirrors->ptr[i].key.s);

			/* what is left is shorter where more of the name has matched */
			if (!r || (rest && strlen(r) >= strlen(rest)))
				continue;
			rest = r;
			val = mirrors->ptr[i].val.s;
		}
	}
	return rest ? xasprintf("%s%s", val, rest) : NULL;
}
