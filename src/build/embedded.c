/* SPDX-License-Identifier: Apache-2.0 */
#include "build/embedded.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "build/includes.h"
#include "os/fs.h"

#define SOURCE_MAX (256u << 20) /* bytes */

void embedded_scans_release(struct embedded_scans *s)
{
	for (size_t i = 0; i < s->by_path.len; i++) {
		struct include_refs *r = s->by_path.ptr[i].val;

		includes_release(r);
		free(r);
	}
	map_release(&s->by_path);
}

void embedded_release(struct embedded *e)
{
	strs_release(&e->files);
	strs_release(&e->embeds);
	map_release(&e->data);
	map_release(&e->seen);
}

static bool is_listed(const struct include_ref *ref)
{
	return ref->kind == INCLUDE_QUOTE || ref->kind == INCLUDE_ANGLE;
}

/* Most have nothing of the kind: of those no names are kept. */
static int scan(struct embedded_scans *s, const char *dir, const char *path, const struct include_refs **out,
		struct err *err)
{
	struct include_refs *refs = map_get(&s->by_path, path);
	CLEAN_FREE char *abs = NULL;
	CLEAN_BUF struct buf text = BUF_INIT;
	bool any = false;

	*out = refs;
	if (refs)
		return 0;
	abs = path_join(dir, path);
	*out = refs = xcalloc(1, sizeof(*refs));
	map_put(&s->by_path, path, refs);
	if (fs_read(abs, SOURCE_MAX, &text, err) < 0) {
		if (err->code == ERR_INTR)
			return -1;
		refs->hidden = 1;
		return 0;
	}
	includes_scan(text.ptr, text.len, refs);
	VEC_EACH(refs, ref)
		any |= !is_listed(ref);
	if (!any) {
		const unsigned hidden = refs->hidden;

		includes_release(refs);
		refs->hidden = hidden;
	}
	return 0;
}

/* The assembler begins where the compiler runs. Heap, or NULL. */
static char *find(const char *dir, const struct strs *dirs, const char *name)
{
	for (size_t i = 0; i <= (name[0] == '/' ? 0 : dirs->len); i++) {
		CLEAN_FREE char *path = i ? path_join(dirs->ptr[i - 1], name) : xstrdup(name);
		CLEAN_FREE char *abs = path_join(dir, path);
		struct stat st;

		if (stat(abs, &st) == 0 && S_ISREG(st.st_mode))
			return path_clean(path);
	}
	return NULL;
}

static void hide(struct embedded *e, unsigned line)
{
	if (!e->hidden)
		e->hidden = line;
}

static void follow(const char *dir, const struct strs *dirs, const struct include_ref *ref, struct embedded *out,
		   struct strs *queue)
{
	CLEAN_FREE char *path = NULL;

	if (is_listed(ref))
		return;
	if (ref->kind == INCLUDE_EMBED) {
		strs_add(&out->embeds, ref->name);
		return;
	}
	path = find(dir, dirs, ref->name);
	if (!path) {
		hide(out, ref->line);
		return;
	}
	strs_add(&out->files, path);
	if (ref->kind == INCLUDE_ASM)
		strs_add(queue, path);
	else
		map_put(&out->data, path, out);
}

int embedded_find(struct embedded_scans *s, const char *dir, const struct strs *dirs, const char *path,
		  struct embedded *out, struct err *err)
{
	CLEAN_STRS struct strs queue = { 0 };

	strs_add(&queue, path);
	for (size_t i = 0; i < queue.len; i++) {
		const struct include_refs *refs;

		if (map_has(&out->seen, queue.ptr[i]))
			continue;
		map_put(&out->seen, queue.ptr[i], out);
		if (scan(s, dir, queue.ptr[i], &refs, err) < 0)
			return -1;
		if (refs->hidden)
			hide(out, refs->hidden);
		for (size_t k = 0; k < refs->len; k++)
			follow(dir, dirs, &refs->ptr[k], out, &queue);
	}
	return 0;
}
