/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/ignore.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first line is a path, the rest the file. What is pruned holds nothing that would be taken in. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *all = xstrndup((const char *)data, size);
	char *nl = strchr(all, '\n');
	const char *text = nl ? nl + 1 : "";
	struct err err = ERR_INIT;
	CLEAN_IGNORE struct ignore *g = NULL;
	bool out;

	if (nl)
		*nl = '\0';
	g = ignore_parse("f", text, strlen(text), &err);
	if (!g) {
		if (strncmp(err.msg, "f:", 2) != 0)
			BUG("no file in '%s'", err.msg);
		return 0;
	}
	out = ignore_match(g, all);
	for (char *slash = strchr(all, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (*all && ignore_prunes(g, all) && (!ignore_match(g, all) || !out))
			BUG("'%s' is pruned, but not all below it is left out", all);
		*slash = '/';
	}
	if (path_match(text, all) && path_match_check(text, &err) < 0)
		BUG("'%s' matches, but is malformed", text);
	return 0;
}
