/* SPDX-License-Identifier: Apache-2.0 */
/* What was taken from a cache, and of what it was made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/remote_internal.h"
#include "os/fs.h"

#define STATE_MAX    (64u << 20)
#define STATE_FORMAT "slsc taken 1"

static char *state_path(const struct graph *g, const struct target *t)
{
	CLEAN_FREE char *dir = path_dirname(t->out);

	return xasprintf("%s/%s/.taken/%s", g->p->dir, dir, t->fn->name.s);
}

static void add_stat(struct buf *b, const char *local, const char *path)
{
	struct stat st;

	if (stat(local, &st) < 0) {
		buf_addf(b, "file gone %s\n", path);
		return;
	}
	buf_addf(b, "file %lld.%lld.%ld.%llu %s\n", (long long)st.st_size, (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec, (unsigned long long)st.st_ino, path);
}

/* The commands, what was read, and what came of it as it is now. */
static int put_head(const struct graph *g, const struct remote_target *rt, struct buf *b, struct err *err)
{
	const char *outs[] = { rt->t->out, rt->t->debug, rt->t->map };
	char text[REMOTE_KEY];

	if (remote_text(g, rt->t, text, err) < 0)
		return -1;
	buf_addf(b, STATE_FORMAT "\ntext %s\n", text);
	VEC_EACH(&rt->inputs, in)
		buf_addf(b, "input %s %s\n", in->digest.s, in->path);
	for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
		CLEAN_FREE char *local = outs[i] ? path_join(g->p->dir, outs[i]) : NULL;

		if (local)
			add_stat(b, local, outs[i]);
	}
	return 0;
}

/* What was read, as it is now. */
static void put_inputs(const struct graph *g, const struct remote_target *rt, struct buf *b)
{
	VEC_EACH(&rt->inputs, in) {
		CLEAN_FREE char *local = remote_local(g, in->path);

		add_stat(b, local, in->path);
	}
}

int remote_state_write(struct remote *r, const struct remote_target *rt, struct err *err)
{
	CLEAN_FREE char *path = state_path(r->g, rt->t), *dir = path_dirname(path);
	CLEAN_BUF struct buf b = BUF_INIT;

	if (put_head(r->g, rt, &b, err) < 0 || fs_mkdirs(dir, err) < 0)
		return -1;
	put_inputs(r->g, rt, &b);
	return fs_write_lazy(path, buf_str(&b), 0644, err);
}

int remote_state_void(const struct graph *g, const struct target *t, struct err *err)
{
	CLEAN_FREE char *path = state_path(g, t), *dir = path_dirname(path);

	if (fs_mkdirs(dir, err) < 0)
		return -1;
	return fs_write_lazy(path, STR("being taken\n"), 0644, err);
}

void remote_state_remove(const struct graph *g, const struct target *t)
{
	CLEAN_FREE char *path = state_path(g, t);

	unlink(path);
}

static bool take_input(struct remote *r, struct remote_target *rt, struct str line)
{
	CLEAN_FREE char *text = xstrndup(line.ptr, line.len);
	char *path = strchr(text, ' ');
	struct remote_file f;
	struct err ignored;

	if (!path)
		return false;
	*path++ = '\0';
	if (digest_parse(text, &f.digest, &ignored) < 0 || !remote_path_ok(path))
		return false;
	f.path = arena_strdup(&r->arena, path);
	VEC_PUSH(&rt->inputs, f);
	return true;
}

/* Files that were written anew, by a checkout say, may have the bytes of before. */
static bool same_bytes(struct remote *r, const struct remote_target *rt)
{
	VEC_EACH(&rt->inputs, in) {
		CLEAN_FREE char *local = remote_local(r->g, in->path);
		const struct digest *d = remote_digest(r, local);

		if (!d || strcmp(d->s, in->digest.s) != 0)
			return false;
	}
	return true;
}

/* What it was made of as it says, then put down anew: equal if nothing has changed. */
int remote_state_read(struct remote *r, struct remote_target *rt, bool *any, struct err *err)
{
	CLEAN_FREE char *path = state_path(r->g, rt->t);
	CLEAN_BUF struct buf old = BUF_INIT, now = BUF_INIT;
	struct err ignored;
	struct str rest;

	*any = fs_exists(path);
	if (!*any || fs_read(path, STATE_MAX, &old, &ignored) < 0)
		return 0;
	for (rest = buf_str(&old); rest.len;) {
		struct str line = rest;

		rest = str_cut(&line, '\n');
		if (str_starts(line, "input ") && !take_input(r, rt, (struct str){ line.ptr + 6, line.len - 6 }))
			break;
	}
	if (put_head(r->g, rt, &now, err) < 0)
		return -1;
	if (str_starts(buf_str(&old), now.ptr)) {
		put_inputs(r->g, rt, &now);
		if (str_eq(buf_str(&old), buf_str(&now)))
			return 1;
		if (same_bytes(r, rt))
			return r->dry_run ? 1 : remote_state_write(r, rt, err) < 0 ? -1 : 1;
	}
	rt->inputs.len = 0;
	return 0;
}
