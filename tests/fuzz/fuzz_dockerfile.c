/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "stage/dockerfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *get(const char *name, void *ctx)
{
	return strlen(name) % 2 ? ctx : NULL;
}

static const struct df_vars vars = { get, (void *)(uintptr_t)"a b" };

static void word(struct dockerfile *d, struct df_word w)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct df_word *list;
	size_t n;

	if (!w.line || !w.col)
		BUG("a word without a place: '%s'", w.s);
	if (df_expand("f", w, d->escape, &vars, &b, &err) < 0 && strncmp(err.msg, "f:", 2) != 0)
		BUG("no file in '%s'", err.msg);
	if (df_expand_words("f", w, d->escape, &vars, &a, &list, &n, &err) == 0)
		for (size_t i = 0; i < n; i++)
			if (!*list[i].s)
				BUG("an empty word of '%s'", w.s);
}

static void inst(struct dockerfile *d, const struct df_inst *i)
{
	struct err err = ERR_INIT;
	struct df_inst *again;

	if (!i->line || !i->col || i->end_line < i->line || !i->original || !str_is_utf8(str_from(i->original)))
		BUG("an instruction without a place or text");
	for (size_t k = 0; k < i->nargs; k++)
		word(d, i->args[k]);
	for (size_t k = 0; k < i->nflags; k++)
		if (i->flags[k].val.s)
			word(d, i->flags[k].val);
	for (size_t k = 0; k < i->nkvs; k++) {
		word(d, i->kvs[k].key);
		if (i->kvs[k].val.s)
			word(d, i->kvs[k].val);
	}
	for (size_t k = 0; k < i->nheredocs; k++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		if (!*i->heredocs[k].name || strlen(i->heredocs[k].text.ptr) != i->heredocs[k].text.len)
			BUG("a heredoc without a name, or with a NUL");
		if (df_expand_raw("f", (struct df_word){ i->heredocs[k].text.ptr, i->heredocs[k].line, 1 }, &vars, &b,
				  &err) < 0 && strncmp(err.msg, "f:", 2) != 0)
			BUG("no file in '%s'", err.msg);
	}
	if (!i->onbuild)
		return;
	if (dockerfile_parse_inst(d, "f", i->args[0].s, &again, &err) < 0 && strncmp(err.msg, "f:", 2) != 0)
		BUG("no file in '%s'", err.msg);
	inst(d, i->onbuild);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_DOCKERFILE struct dockerfile d;
	struct err err = ERR_INIT;

	if (dockerfile_parse(&d, "f", (const char *)data, size, &err) < 0) {
		if (strncmp(err.msg, "f:", 2) != 0)
			BUG("no file in '%s'", err.msg);
		return 0;
	}
	for (size_t k = 0; k < d.nargs; k++)
		inst(&d, &d.args[k]);
	for (size_t s = 0; s < d.nstages; s++) {
		inst(&d, d.stages[s].from);
		for (size_t k = 0; k < d.stages[s].ninsts; k++)
			inst(&d, &d.stages[s].insts[k]);
	}
	return 0;
}
