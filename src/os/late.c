/* SPDX-License-Identifier: Apache-2.0 */
#include "os/late.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "os/fs.h"

const void *late_load(const char *name, struct err *err)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char symbol[64];
	const void *ops;

	snprintf(symbol, sizeof(symbol), "slsc_module_%s", name);
	pthread_mutex_lock(&lock);
	/* There already: linked in, or loaded by an earlier call. */
	ops = dlsym(RTLD_DEFAULT, symbol);
	if (!ops) {
		CLEAN_FREE char *self = dirs_self();
		CLEAN_FREE char *bin = path_dirname(self);
		CLEAN_FREE char *path = xasprintf("%s/../lib/slsc/%s.so", bin, name);
		void *handle = dlopen(path, RTLD_LAZY | RTLD_GLOBAL | RTLD_NODELETE);

		ops = handle ? dlsym(handle, symbol) : NULL;
		if (!ops) {
			err_set(err, ERR_TOOL, "cannot load the %s part of slsc: %s", name, dlerror());
			err_hint(err, "install slsc again, with the libraries it depends on");
		}
	}
	pthread_mutex_unlock(&lock);
	return ops;
}
