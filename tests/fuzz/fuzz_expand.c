/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(const char *name, void *ctx)
{
	if (strcmp(name, "v") == 0)
		return ctx;
	return strcmp(name, "e") == 0 ? "" : NULL;
}

/* The first line is the value of $v, the rest the word. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FREE char *all = xstrndup((const char *)data, size);
	char *nl = strchr(all, '\n');
	const struct df_vars vars = { get, all };
	const struct df_word w = { nl ? nl + 1 : all, 1, 1 };

	if (nl)
		*nl = '\0';
	for (int i = 0; i < 4; i++) {
		CLEAN_ARENA struct arena a = ARENA_INIT;
		CLEAN_BUF struct buf b = BUF_INIT, sum = BUF_INIT;
		struct err err = ERR_INIT;
		struct df_word *list;
		size_t n;
		int ret = i < 2	 ? df_expand("f", w, i ? '`' : '\\', &vars, &b, &err) :
			  i == 2 ? df_expand_raw("f", w, &vars, &b, &err) :
				   df_expand_words("f", w, '\\', &vars, &a, &list, &n, &err);

		if (ret < 0 && strncmp(err.msg, "f:", 2) != 0)
			BUG("no file in '%s'", err.msg);
		if (ret < 0 || i < 3)
			continue;
		/* but for white space the words are the one word */
		for (size_t k = 0; k < n; k++)
			buf_addz(&sum, list[k].s);
		ret = df_expand("f", w, '\\', &vars, &b, &err);
		if (ret < 0 && err.code != ERR_LIMIT)
			BUG("words, but no word: %s", err.msg);
		if (ret == 0 && sum.len > b.len)
			BUG("'%s' in words is longer than '%s'", sum.ptr, b.ptr);
	}
	return 0;
}
