/* SPDX-License-Identifier: Apache-2.0 */
#include "build/node.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/wasi_files.h"
#include "os/fs.h"
#include "os/proc.h"

char *node_find(struct err *err)
{
	char *node = proc_which("node");

	if (!node) {
		err_set(err, ERR_TOOL, "'node' is not found on PATH");
		err_hint(err, "apt-get install nodejs");
	}
	return node;
}

/* {"env":{"A":"1"},"warm":0} */
static void add_how(const struct node_run *r, struct buf *out)
{
	buf_addz(out, "SLSC_WASI={\"env\":{");
	for (size_t i = 0; r->env && i < r->env->len; i++) {
		buf_addz(out, i ? "," : "");
		buf_add_json(out, str_from(r->env->ptr[i].key.s));
		buf_addc(out, ':');
		buf_add_json(out, str_from(r->env->ptr[i].val.s ? r->env->ptr[i].val.s : ""));
	}
	buf_addf(out, "},\"warm\":%u}", r->warm);
}

int node_run(const struct node_run *r, struct buf *out, struct buf *said, int *status, struct err *err)
{
	const char *const argv[] = { r->node, "--no-warnings", "--input-type=module", "-e", WASI_RUN, "--", r->module,
				     NULL };
	CLEAN_BUF struct buf how = BUF_INIT;
	CLEAN_FD int event = memfd_create("event", MFD_CLOEXEC);
	struct proc_opts opts = { .out = out, .errout = said, .stdin_fd = event, .timeout_ms = r->timeout_ms,
				  .die_with_us = true };

	if (event < 0)
		return err_sys(err, "cannot hold an event in memory");
	if (fs_write_all(event, r->event, strlen(r->event), "an event in memory", err) < 0)
		return -1;
	if (lseek(event, 0, SEEK_SET) < 0)
		return err_sys(err, "cannot hold an event in memory");
	add_how(r, &how);
	const char *const env[] = { "NODE_OPTIONS=", how.ptr, NULL };

	opts.env = env;
	return proc_run(argv, &opts, status, err);
}

bool node_failed(int status, const struct buf *out)
{
	return status == 1 && strstr(out->ptr, "\"errorMessage\":");
}

struct str node_word(const struct buf *said)
{
	struct str s = str_trim(buf_str(said));

	for (size_t i = s.len; i > 0; i--)
		if (s.ptr[i - 1] == '\n')
			return (struct str){ s.ptr + i, s.len - i };
	return s;
}
