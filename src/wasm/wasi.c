/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "wasm/wasm.h"

/* Sorted. github.com/WebAssembly/WASI, legacy/preview1/witx/wasi_snapshot_preview1.witx: it gets no new ones. */
static const char *const functions[] = {
	"args_get",
	"args_sizes_get",
	"clock_res_get",
	"clock_time_get",
	"environ_get",
	"environ_sizes_get",
	"fd_advise",
	"fd_allocate",
	"fd_close",
	"fd_datasync",
	"fd_fdstat_get",
	"fd_fdstat_set_flags",
	"fd_fdstat_set_rights",
	"fd_filestat_get",
	"fd_filestat_set_size",
	"fd_filestat_set_times",
	"fd_pread",
	"fd_prestat_dir_name",
	"fd_prestat_get",
	"fd_pwrite",
	"fd_read",
	"fd_readdir",
	"fd_renumber",
	"fd_seek",
	"fd_sync",
	"fd_tell",
	"fd_write",
	"path_create_directory",
	"path_filestat_get",
	"path_filestat_set_times",
	"path_link",
	"path_open",
	"path_readlink",
	"path_remove_directory",
	"path_rename",
	"path_symlink",
	"path_unlink_file",
	"poll_oneoff",
	"proc_exit",
	"proc_raise",
	"random_get",
	"sched_yield",
	"sock_accept",
	"sock_recv",
	"sock_send",
	"sock_shutdown",
};

static int by_name(const void *name, const void *function)
{
	return strcmp(name, *(const char *const *)function);
}

bool wasm_is_wasi(const struct wasm_import *m)
{
	return m->kind == WASM_FUNC && strcmp(m->module, WASM_WASI) == 0 &&
	       bsearch(m->name, functions, ARRAY_LEN(functions), sizeof(*functions), by_name);
}

const char *wasm_wasi_closest(const char *name)
{
	return str_closest(name, functions, ARRAY_LEN(functions));
}
