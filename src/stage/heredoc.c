/* SPDX-License-Identifier: Apache-2.0 */
/* Which words of a line begin a heredoc. Their names are read as a POSIX shell would, whatever the escape directive. */
#include <string.h>

#include "base/mem.h"
#include "stage/dockerfile_internal.h"

static const char *unset(const char *name, void *ctx)
{
	(void)name;
	(void)ctx;
	return NULL;
}

static const struct df_vars no_vars = { unset, NULL };

static size_t quotes(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += *s == '\'' || *s == '"';
	return n;
}

bool df_heredoc_word(const char *word, struct arena *a, struct df_heredoc *out)
{
	const struct df_lex plain = { .escape = '\\', .keep_unset = true };
	const struct df_lex raw = { .escape = '\\', .keep_unset = true, .raw_quotes = true };
	CLEAN_STRS struct strs names = { 0 }, quoted = { 0 };
	const char *s = word + strspn(word, "0123456789");
	struct err ignored = ERR_INIT;

	if (strncmp(s, "<<", 2) != 0)
		return false;
	s += 2;
	*out = (struct df_heredoc){ .chomp = *s == '-' };
	s += out->chomp;
	s += strspn(s, " \t\n\f\r");
	if (!*s || strchr(s, '<'))
		return false;
	if (df_lex_words("", (struct df_word){ s, 0, 0 }, &plain, &no_vars, &names, &ignored) < 0 || names.len != 1 ||
	    df_lex_words("", (struct df_word){ s, 0, 0 }, &raw, &no_vars, &quoted, &ignored) < 0 || quoted.len != 1)
		return false;
	out->name = arena_strdup(a, names.ptr[0]);
	out->expand = quotes(names.ptr[0]) == quotes(quoted.ptr[0]);
	return true;
}

const struct df_heredoc *df_heredoc_of(const struct df_inst *i, const char *word)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	const struct df_heredoc *found = NULL;
	struct df_heredoc h;

	if (!i->nheredocs || !df_heredoc_word(word, &a, &h))
		return NULL;
	for (size_t k = 0; k < i->nheredocs; k++)
		if (strcmp(i->heredocs[k].name, h.name) == 0)
			found = &i->heredocs[k];
	return found;
}

size_t df_heredocs_find(const char *line, struct arena *a, struct df_heredoc out[DF_MAX_HEREDOCS + 1])
{
	const struct df_lex how = { .escape = '\\', .raw_quotes = true, .raw_escapes = true, .keep_unset = true };
	CLEAN_STRS struct strs words = { 0 };
	struct err ignored = ERR_INIT;
	size_t n = 0;

	/* a line with a quote that does not end, or a form of a variable that only a shell knows, has none */
	if (!strstr(line, "<<") ||
	    df_lex_words("", (struct df_word){ line, 0, 0 }, &how, &no_vars, &words, &ignored) < 0)
		return 0;
	for (size_t i = 0; i < words.len && n <= DF_MAX_HEREDOCS; i++)
		n += df_heredoc_word(words.ptr[i], a, &out[n]);
	return n;
}
