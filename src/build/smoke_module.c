/* SPDX-License-Identifier: Apache-2.0 */
/* A module, started by Node's WASI with one event. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vec.h"
#include "build/smoke.h"
#include "build/wasi_files.h"
#include "os/fs.h"
#include "os/proc.h"

#define ENDED 70	/* run.mjs: the engine ended it */
#define EVENT "{}"

/* The last line that is not empty. */
static struct str last_line(struct buf *said)
{
	struct str s = str_trim(buf_str(said));

	for (size_t i = s.len; i > 0; i--)
		if (s.ptr[i - 1] == '\n')
			return (struct str){ s.ptr + i, s.len - i };
	return s;
}

static int judge(const char *shown, const struct function *f, int status, struct buf *out, struct buf *said,
		 const char **did, struct err *err)
{
	const struct str why = last_line(said);

	*did = f->runtime == RUNTIME_NONE ? "exited with status 0" : "answered an event";
	if (status == 0)
		return 0;
	/* that it is not the event it wants is its handler's word */
	if (f->runtime == RUNTIME_LAMBDA && status == 1 && strstr(out->ptr, "\"errorMessage\":")) {
		*did = "answered an event with an error";
		return 0;
	}
	if (status == ENDED)
		return err_set(err, ERR_VERIFY, "%s: the engine ended it: %.*s", shown, (int)why.len, why.ptr);
	return err_set(err, ERR_VERIFY, "%s: exited with status %d", shown, status);
}

int smoke_module(const char *path, const char *shown, const struct function *f, const char **did, struct err *err)
{
	CLEAN_FREE char *node = proc_which("node");
	const char *const argv[] = { node, "--no-warnings", "--input-type=module", "-e", WASI_RUN, "--", path, NULL };
	const char *const env[] = { "NODE_OPTIONS=", NULL };
	const unsigned ms = f->runtime == RUNTIME_NONE ? SMOKE_RUNS_MS : SMOKE_TIMEOUT_MS;
	CLEAN_FD int event = memfd_create("event", MFD_CLOEXEC);
	CLEAN_BUF struct buf out = BUF_INIT, said = BUF_INIT;
	const struct proc_opts opts = { .env = env, .out = &out, .errout = &said, .stdin_fd = event, .timeout_ms = ms,
					.die_with_us = true };
	int status, ret;

	if (!node) {
		err_set(err, ERR_TOOL, "'node' is not found on PATH");
		return err_hint(err, "apt-get install nodejs");
	}
	if (event < 0 || write(event, EVENT, strlen(EVENT)) < 0 || lseek(event, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot hold an event in memory");
	ret = proc_run(argv, &opts, &status, err);
	if (ret == 0)
		ret = judge(shown, f, status, &out, &said, did, err);
	else if (err->code == ERR_BUILD && f->runtime != RUNTIME_NONE)
		err_set(err, ERR_VERIFY, "%s: %u s passed before it answered an event", shown, ms / 1000);
	else if (err->code == ERR_BUILD) {
		*did = "runs";
		ret = 0;
	}
	if (ret < 0 && err->code == ERR_VERIFY)
		err_wrap(err, "smoke test of '%s' for wasm32", f->name.s);
	return ret;
}
