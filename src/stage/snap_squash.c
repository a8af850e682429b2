/* SPDX-License-Identifier: Apache-2.0 */
/* A stack of layers as one tree. */
#include <stdlib.h>

#include "os/proc.h"
#include "stage/snap_collect.h"

struct squash {
	const struct snap_stack *stack;
	struct snap_collect to;
	struct snap_attrs attrs;
};

/* The depth is that of directories that are there, which are no deeper than their paths are long. */
static int walk(struct squash *q, const struct snap_at *dir, struct err *err)
{
	CLEAN_STRS struct strs names = { .ptr = NULL };

	if (sig_check(err) < 0 || snap_names(q->stack, dir, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_SNAP_AT struct snap_at at = { .path = NULL };
		CLEAN_FREE char *host = NULL;
		const int r = snap_step(q->stack, dir, names.ptr[i], &at, err);

		if (r < 0)
			return -1;
		if (r == 0)
			continue;
		host = snap_host(q->stack, &at);
		if (snap_check_name(at.path, err) < 0 || snap_attrs_read(&q->attrs, host, &at.st, err) < 0 ||
		    snap_collect(&q->to, at.path, host, &at.st, &q->attrs, err) < 0 ||
		    (S_ISDIR(at.st.st_mode) && walk(q, &at, err) < 0))
			return -1;
	}
	return 0;
}

int snap_squash(const struct snap_stack *s, int64_t epoch, struct tree *out, struct err *err)
{
	struct squash q = { .stack = s, .to = { .out = out, .epoch = epoch }, .attrs = SNAP_ATTRS_INIT };
	CLEAN_SNAP_AT struct snap_at root = { .path = NULL };
	int r = snap_root(s, &root, err);

	out->any_names = true;
	if (r > 0)
		r = walk(&q, &root, err);
	snap_collect_release(&q.to);
	snap_attrs_release(&q.attrs);
	return r < 0 ? -1 : tree_finish(out, err);
}
