/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "config/project.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is accepted can be shown, and what is shown is accepted, unless merging has made it too large. */
static void show(struct project *p, bool json)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_PROJECT struct project again = { 0 };
	struct err err = ERR_INIT;

	project_show(p, json, &b);
	if (project_parse(&again, "shown", "/", b.ptr, b.len, &err) && err.code != ERR_LIMIT &&
	    !strstr(err.msg, "limit exceeded"))
		BUG("%s\n%s", err.msg, b.ptr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_PROJECT struct project p = { 0 };
	struct err err = ERR_INIT;

	if (project_parse(&p, "f.yaml", "/", (const char *)data, size, &err)) {
		if (strncmp(err.msg, "f.yaml:", 7) != 0)
			BUG("no file in '%s'", err.msg);
		for (const char *s = err.msg; *s; s++)
			if ((unsigned char)*s < 0x20 || *s == 0x7f)
				BUG("a control character in a message");
		if (!str_is_utf8(str_from(err.msg)) || !str_is_utf8(str_from(err.hint)))
			BUG("a message that is not UTF-8");
		return 0;
	}
	show(&p, false);
	show(&p, true);
	return 0;
}
