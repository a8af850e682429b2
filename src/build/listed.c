/* SPDX-License-Identifier: Apache-2.0 */
/* After a compile: what the assembler has read joins the list of headers, before ninja reads that. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/build.h"
#include "build/embedded.h"
#include "build/graph.h"
#include "os/fs.h"

#define LIST_MAX (64u << 20) /* bytes */

/* The compilers' own headers, the C library's and slsc's have nothing of the kind. */
static bool is_foreign(const char *path)
{
	if (starts_with(path, GRAPH_IN_DIR "/"))
		return !starts_with(path, GRAPH_IN_DIR "/dep/");
	return starts_with(path, "/usr/");
}

/* -I as the assembler gets it. */
static void list_dirs(char *const *flags, size_t n, struct strs *dirs)
{
	static const char *const names[] = { "-I", "-Wa,-I", "--include-directory=" };

	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < ARRAY_LEN(names); i++) {
			const char *value = flags[k] + strlen(names[i]);

			if (!starts_with(flags[k], names[i]))
				continue;
			if (*value)
				strs_add(dirs, value + (*value == ','));
			else if (k + 1 < n)
				strs_add(dirs, flags[++k]);
			break;
		}
}

/* Files of flags: "@x", "-Wa,@x". What is not there the compiler took for something else. */
static void list_flagged(char *const *flags, size_t n, struct strs *files)
{
	for (size_t k = 0; k < n; k++) {
		const char *at = flags[k][0] == '@' ? flags[k] : strstr(flags[k], ",@");
		CLEAN_FREE char *path = NULL;

		if (!at)
			continue;
		at += strspn(at, ",@");
		path = xstrndup(at, strcspn(at, ","));
		if (*path && fs_exists(path) && !fs_is_dir(path))
			strs_add(files, path);
	}
}

/* One name from @p on, as make has it: "\ ", "\#", "$$". What comes behind it; NULL: the rule ends. */
static const char *read_name(const char *p, const char *end, struct buf *name)
{
	buf_reset(name);
	for (;;) {
		if (end - p > 1 && p[0] == '\\' && p[1] == '\n')
			p += 2;
		else if (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
			p++;
		else
			break;
	}
	if (p == end || *p == '\n')
		return NULL;
	while (p < end && !strchr(" \t\r\n", *p)) {
		if (end - p > 1 && ((*p == '\\' && (p[1] == ' ' || p[1] == '#')) || (*p == '$' && p[1] == '$')))
			p++;
		else if (end - p > 1 && *p == '\\' && p[1] == '\n')
			break;
		buf_addc(name, *p++);
	}
	return p;
}

/* Behind "TARGET:"; NULL: there is none. */
static const char *names_of(const char *p, const char *end)
{
	for (; p < end; p++)
		if (*p == ':' && (end - p == 1 || strchr(" \t\r\n\\", p[1])))
			return p + 1;
	return NULL;
}

static void add_escaped(struct buf *b, const char *name)
{
	for (; *name; name++) {
		if (*name == ' ' || *name == '#')
			buf_addc(b, '\\');
		else if (*name == '$')
			buf_addc(b, '$');
		buf_addc(b, *name);
	}
}

/* What they name comes last: the sources are before it. */
static int put(const char *list, const struct buf *text, const char *last, const struct strs *files, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_add(&b, text->ptr, (size_t)(last - text->ptr));
	VEC_EACH(files, f) {
		/* make has no way to say it */
		if (strchr(*f, '\n'))
			continue;
		buf_addz(&b, " \\\n  ");
		add_escaped(&b, *f);
	}
	buf_add(&b, last, (size_t)(text->ptr + text->len - last));
	return fs_write_lazy(list, buf_str(&b), 0644, err);
}

int build_list(const char *list, const char *source, char *const *flags, size_t nflags, struct err *err)
{
	CLEANUP(embedded_scans_release) struct embedded_scans scans = { .by_path = { 0 } };
	CLEAN_EMBEDDED struct embedded found = { .hidden = 0 };
	CLEAN_STRS struct strs dirs = { 0 };
	CLEAN_BUF struct buf text = BUF_INIT, name = BUF_INIT;
	const char *p, *last, *end;

	list_dirs(flags, nflags, &dirs);
	/* of a .s a compiler writes none */
	if (!fs_exists(list)) {
		buf_addz(&text, "list: ");
		add_escaped(&text, source);
		buf_addc(&text, '\n');
	} else if (fs_read(list, LIST_MAX, &text, err) < 0) {
		return -1;
	}
	end = text.ptr + text.len;
	p = last = names_of(text.ptr, end);
	if (!p)
		return 0;
	while ((p = read_name(p, end, &name))) {
		last = p;
		if (!is_foreign(name.ptr) && embedded_find(&scans, ".", &dirs, name.ptr, &found, err) < 0)
			return -1;
	}
	list_flagged(flags, nflags, &found.files);
	return found.files.len ? put(list, &text, last, &found.files, err) : 0;
}
