/* SPDX-License-Identifier: Apache-2.0 */
/* SnapStart: the hooks around a snapshot, and the wait for the restore between them. */
#include "lambda.h"

RT_FOR_SIZE_BEGIN

static const struct slsc_str none;

/* Run @hook, of which a failure goes to @path. Returns 0, or -1 with the platform told. */
static int run_hook(struct slsc_ctx *ctx, slsc_hook_fn *hook, const char *path)
{
	int rc;

	if (!hook)
		return 0;
	slsc_rt_fail_clear(ctx);
	slsc_rt_init_path = path;
	slsc_rt_phase = PHASE_INIT;
	rc = hook(ctx);
	slsc_rt_phase = PHASE_IO;
	if (rc)
		(void)slsc_rt_post_error(none, path);
	return rc ? -1 : 0;
}

int slsc_rt_restore_run(struct slsc_ctx *ctx)
{
	char buf[64 + HOST_MAX];
	struct slsc_out head = {buf, 0, sizeof(buf), false};
	struct slsc_rt_next next;
	struct slsc_str body;
	enum answer result;

	if (!slsc_str_eq(slsc_cstr(slsc_rt_env("AWS_LAMBDA_INITIALIZATION_TYPE")), "snap-start"))
		return 0;
	if (run_hook(ctx, slsc_rt_restore.before, "init/error"))
		return -1;
	slsc_rt_put_head(&head, "GET", none, "restore/next");
	slsc_puts(&head, "\r\n\r\n");
	/* While this waits, the snapshot is taken; the answer comes after a restore. */
	slsc_rt_idle = 1;
	if (slsc_rt_api_exchange((struct slsc_str){head.ptr, head.len}, &next, &body, &result))
		return -1;
	if (next.status != 200)
		return slsc_rt_fatal("the Runtime API refused a restore");
	return run_hook(ctx, slsc_rt_restore.after, "restore/error");
}

RT_FOR_SIZE_END
