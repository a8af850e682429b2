/* SPDX-License-Identifier: Apache-2.0 */
#include "build/root.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

char *root_find(const struct root *r, const char *path, char **real)
{
	char *found = r ? r->find(r, path, real) : realpath(path, NULL);

	if (!r && real)
		*real = found ? xstrdup(found) : NULL;
	return found;
}

int root_stat(const struct root *r, const char *path, struct stat *st)
{
	CLEAN_FREE char *found = r ? root_find(r, path, NULL) : NULL;

	if (r && !found)
		return -1;
	return stat(r ? found : path, st);
}

bool root_exists(const struct root *r, const char *path)
{
	struct stat st;

	return root_stat(r, path, &st) == 0;
}

bool root_is_dir(const struct root *r, const char *path)
{
	struct stat st;

	return root_stat(r, path, &st) == 0 && S_ISDIR(st.st_mode);
}

int root_list(const struct root *r, const char *dir, struct strs *names, struct err *err)
{
	return r ? r->list(r, dir, names, err) : fs_list(dir, names, err);
}

/* Who may execute it in there is not who asks here: any bit will do. */
static bool is_program(const struct root *r, const char *path)
{
	struct stat st;

	return root_stat(r, path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

char *root_which(const struct root *r, const char *name)
{
	struct str rest;

	if (!r)
		return proc_which(name);
	if (strchr(name, '/'))
		return is_program(r, name) ? xstrdup(name) : NULL;
	for (rest = str_from(r->search); rest.len;) {
		struct str dir = rest;
		CLEAN_FREE char *path = NULL;

		rest = str_cut(&dir, ':');
		path = xasprintf(STR_FMT "/%s", STR_ARG(dir), name);
		if (dir.len && dir.ptr[0] == '/' && is_program(r, path))
			return steal(&path);
	}
	return NULL;
}
