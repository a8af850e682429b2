/* SPDX-License-Identifier: Apache-2.0 */
/* What an instruction does: its layer in some form. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/solve_internal.h"

/* ---- ops ---- */

int op_fail_at(const struct op *op, struct err *err, enum err_code code, const char *fmt, ...)
{
	char text[sizeof(err->msg)];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_at(err, code, op->shown, op->inst->line, op->inst->col, "%s: %s", df_kind_name(op->inst->kind),
		      text);
}

int op_fail(const struct op *op, struct err *err)
{
	const struct err why = *err;

	if (why.loc.file[0] || why.code == ERR_INTR || why.sys == ECANCELED)
		return -1;
	op_fail_at(op, err, why.code, "%s", why.msg);
	err->sys = why.sys;
	return why.hint[0] ? err_hint(err, "%s", why.hint) : -1;
}

size_t op_index(const struct op *op)
{
	size_t i = 0;

	while (op->v->ops.ptr[i] != op)
		i++;
	return i;
}

static void take_tree(struct op *op, struct tree *t, const char *content)
{
	struct layer *l = &op->layer;

	if (l->tree) {
		tree_release(l->tree);
		free(l->tree);
	}
	l->tree = xcalloc(1, sizeof(*l->tree));
	*l->tree = *t;
	*t = (struct tree)TREE_INIT;
	l->empty = l->tree->len == 0;
	memcpy(op->content, content, KEY_LEN);
	memcpy(l->name, content, KEY_LEN);
	l->dir = false;
}

static int make_copy(struct op *op, struct err *err)
{
	struct solver *sv = op->v->sv;
	CLEAN_STRS struct strs below = { 0 }, source = { 0 };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *scratch = NULL;
	struct copy_from from = { .context = op->from ? NULL : sv->req->context, .ignored = sv->ignored };
	struct digest files;
	char content[KEY_LEN];
	struct key k;

	if (!op->want.link && vertex_stack(op->v, op_index(op), &below, err) < 0)
		return -1;
	if (op->from) {
		if (vertex_stack(op->from, op->from->ops.len, &source, err) < 0)
			return -1;
		from.stack = (struct snap_stack){ (const char *const *)source.ptr, source.len };
		from.ignored = NULL;
	}
	if (solver_scratch(sv, &scratch, err) < 0)
		return -1;
	if (copy_tree(&op->want, &from, &(struct snap_stack){ (const char *const *)below.ptr, below.len }, sv->hashes,
		      scratch, &t, &files, err) < 0)
		return -1;
	if (key_begin(&k, "copied", err) < 0)
		return -1;
	key_add(&k, files.s);
	key_end(&k, content);
	take_tree(op, &t, content);
	return 0;
}

/* The directories on the way are there with what they are, since a layer says it of each. */
static int add_path(struct tree *t, const struct snap_stack *below, const char *real, uint32_t uid, uint32_t gid,
		    struct err *err)
{
	for (const char *p = real; p && *p;) {
		const char *slash = strchr(p, '/');
		CLEAN_FREE char *prefix = xstrndup(real, slash ? (size_t)(slash - real) : strlen(real));
		CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
		const int there = snap_lookup(below, prefix, false, &node, NULL, err);

		if (there < 0)
			return -1;
		if (there && !S_ISDIR(node.mode))
			return err_set(err, ERR_EXISTS, "/%s is not a directory", prefix);
		if (tree_add_dir(t, prefix, there ? node.mode & 07777 : 0755, there ? node.uid : uid,
				 there ? node.gid : gid, err) < 0)
			return -1;
		p = slash ? slash + 1 : NULL;
	}
	return 0;
}

static int make_workdir(struct op *op, struct err *err)
{
	CLEAN_STRS struct strs below = { 0 };
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_FREE char *real = NULL;
	struct owner_ids owner = { .uid = 0 };
	struct snap_stack stack;
	char content[KEY_LEN];
	struct key k;
	int there;

	if (vertex_stack(op->v, op_index(op), &below, err) < 0)
		return -1;
	stack = (struct snap_stack){ (const char *const *)below.ptr, below.len };
	there = snap_lookup(&stack, op->dir + 1, true, &node, &real, err);
	if (there < 0)
		return -1;
	if (there && !S_ISDIR(node.mode))
		return op_fail_at(op, err, ERR_EXISTS, "%s is not a directory", op->dir);
	if (!there) {
		int ret = op->user ? owner_resolve(op->user, &stack, &owner, err) : 0;

		if (ret == 0)
			ret = add_path(&t, &stack, real + (*real == '/'), owner.uid, owner.gid, err);
		owner_ids_release(&owner);
		if (ret < 0 || tree_finish(&t, err) < 0)
			return -1;
	}
	if (key_begin(&k, "workdir", err) < 0)
		return -1;
	for (size_t i = 0; i < t.len; i++) {
		char text[64];

		snprintf(text, sizeof(text), "%o %u %u", (unsigned)t.ptr[i].mode, t.ptr[i].uid, t.ptr[i].gid);
		key_add(&k, t.ptr[i].path);
		key_add(&k, text);
	}
	key_end(&k, content);
	take_tree(op, &t, content);
	return 0;
}

static bool is_empty_dir(const char *path)
{
	CLEAN_STRS struct strs names = { 0 };
	struct err ignored;

	return fs_list(path, &names, &ignored) == 0 && names.len == 0;
}

static int make_run(struct op *op, struct err *err)
{
	struct solver *sv = op->v->sv;
	CLEAN_STRS struct strs below = { 0 };
	CLEAN_FREE char *scratch = NULL, *upper = NULL, *work = NULL, *path = NULL,
			*all = path_join(sv->cache, "layers");
	struct timespec now;
	struct key k;

	if (vertex_stack(op->v, op_index(op), &below, err) < 0 || solver_scratch(sv, &scratch, err) < 0)
		return -1;
	upper = path_join(scratch, "upper");
	work = path_join(scratch, "work");
	if (fs_mkdirs(all, err) < 0)
		return -1;
	if (mkdir(upper, 0755) < 0 || chmod(upper, 0755) < 0 || mkdir(work, 0755) < 0)
		return err_sys(err, "%s", scratch);
	if (op_run(op, &below, upper, work, err) < 0)
		return -1;
	/* two runs of one command may differ: each has a name of its own, and the record names the last */
	clock_gettime(CLOCK_REALTIME, &now);
	if (key_begin(&k, "run", err) < 0)
		return -1;
	key_add(&k, op->key);
	key_add_bytes(&k, &now, sizeof(now));
	key_add(&k, scratch);
	key_end(&k, op->layer.name);
	path = layer_path(sv, op->layer.name);
	op->layer.empty = is_empty_dir(upper);
	if (!op->layer.empty && rename(upper, path) < 0)
		return err_sys(err, "%s", path);
	op->layer.dir = !op->layer.empty;
	memcpy(op->content, op->key, KEY_LEN);
	return 0;
}

static double seconds_since(const struct timespec *from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - from->tv_sec) + (double)(now.tv_nsec - from->tv_nsec) / 1e9;
}

/* What another stage's failure is told by: this one is not. */
static int give_up(struct err *err)
{
	err_set(err, ERR_BUILD, "given up: another stage has failed");
	err->sys = ECANCELED;
	return -1;
}

/* Under op->lock: as many as there are slots run at once, and nothing begins once something has failed. */
int op_execute(struct op *op, struct err *err)
{
	struct solver *sv = op->v->sv;
	char why[400];
	struct timespec from;
	int ret;

	if (sig_check(err) < 0)
		return -1;
	if (atomic_load(&sv->failed))
		return give_up(err);
	clock_gettime(CLOCK_MONOTONIC, &from);
	solver_event(sv, op, STAGE_BEGIN, op->history, sv->req->explain ? explain_why(op, why, sizeof(why)) : NULL, 0);
	ret = op->kind == OP_RUN ? make_run(op, err) : op->kind == OP_COPY ? make_copy(op, err) : make_workdir(op, err);
	if (ret < 0)
		return op_fail(op, err);
	op->known = op->made = true;
	ret = record_write(op, err);
	solver_event(sv, op, STAGE_DONE, op->history, NULL, seconds_since(&from));
	return ret;
}

bool op_has_form(const struct op *op)
{
	return op->known && (op->layer.empty || op->layer.dir || op->layer.blob);
}

int op_make(struct op *op, struct err *err)
{
	int ret = 0;

	pthread_mutex_lock(&op->lock);
	if (!op->made && !op_has_form(op)) {
		ret = op_key(op, true, err) < 0 ? -1 : 0;
		if (ret == 0 && !op_has_form(op))
			ret = op_execute(op, err);
	}
	pthread_mutex_unlock(&op->lock);
	return ret;
}
