/* SPDX-License-Identifier: Apache-2.0 */
/* A module, started by Node's WASI with one event. */
#include "base/mem.h"
#include "build/node.h"
#include "build/smoke.h"

static int judge(const char *shown, const struct function *f, int status, const struct buf *out, const struct buf *said,
		 const char **did, struct err *err)
{
	const struct str why = node_word(said);

	*did = f->runtime == RUNTIME_NONE ? "exited with status 0" : "answered an event";
	if (status == 0)
		return 0;
	/* that it is not the event it wants is its handler's word */
	if (f->runtime == RUNTIME_LAMBDA && node_failed(status, out)) {
		*did = "answered an event with an error";
		return 0;
	}
	if (status == NODE_ENDED)
		return err_set(err, ERR_VERIFY, "%s: the engine ended it: %.*s", shown, (int)why.len, why.ptr);
	return err_set(err, ERR_VERIFY, "%s: exited with status %d", shown, status);
}

int smoke_module(const char *path, const char *shown, const struct function *f, const char **did, struct err *err)
{
	CLEAN_FREE char *node = node_find(err);
	const unsigned ms = f->runtime == RUNTIME_NONE ? SMOKE_RUNS_MS : SMOKE_TIMEOUT_MS;
	const struct node_run r = { .node = node, .module = path, .event = "{}", .timeout_ms = ms };
	CLEAN_BUF struct buf out = BUF_INIT, said = BUF_INIT;
	int status, ret;

	if (!node)
		return -1;
	ret = node_run(&r, &out, &said, &status, err);
	if (ret == 0) {
		ret = judge(shown, f, status, &out, &said, did, err);
	} else if (err->code == ERR_BUILD && f->runtime != RUNTIME_NONE) {
		err_set(err, ERR_VERIFY, "%s: %u s passed before it answered an event", shown, ms / 1000);
	} else if (err->code == ERR_BUILD) {
		*did = "runs";
		ret = 0;
	}
	if (ret < 0 && err->code == ERR_VERIFY)
		err_wrap(err, "smoke test of '%s' for wasm32", f->name.s);
	return ret;
}
