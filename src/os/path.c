/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	if (b[0] == '/' || n == 0 || strcmp(a, ".") == 0)
		return xstrdup(b);
	if (b[0] == '\0')
		return xstrdup(a);
	return xasprintf("%s%s%s", a, a[n - 1] == '/' ? "" : "/", b);
}

char *path_dirname(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return xstrdup(".");
	if (slash == path)
		return xstrdup("/");
	return xstrndup(path, (size_t)(slash - path));
}

const char *path_basename(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *path_clean(const char *path)
{
	bool rooted = path[0] == '/';
	char *out = xmalloc(strlen(path) + 2);
	size_t len = 0, floor;

	if (rooted)
		out[len++] = '/';
	floor = len;	/* nothing before this may be popped */
	while (*path) {
		size_t n = strcspn(path, "/");
		bool dotdot = n == 2 && path[0] == '.' && path[1] == '.';

		if (n == 0 || (n == 1 && path[0] == '.') || (dotdot && rooted && len == floor)) {
			/* nothing to add */
		} else if (dotdot && len > floor) {
			while (len > floor && out[len - 1] != '/')
				len--;
			if (len > floor)
				len--;
		} else {
			if (len && out[len - 1] != '/')
				out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
			if (dotdot)
				floor = len;
		}
		path += n;
		path += strspn(path, "/");
	}
	if (len == 0)
		out[len++] = '.';
	out[len] = '\0';
	return out;
}

bool path_is_inside(const char *path)
{
	return path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0;
}

char *dirs_self(void)
{
	char link[4096];
	ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);

	if (n <= 0)
		return xstrdup("slsc");
	link[n] = '\0';
	return xstrdup(link);
}

char *dirs_share(void)
{
	CLEAN_FREE char *self = dirs_self();
	CLEAN_FREE char *bin = path_dirname(self);
	CLEAN_FREE char *prefix = path_dirname(bin);

	return path_join(prefix, "share/slsc");
}

char *dirs_cache(void)
{
	const char *s = getenv("SLSC_CACHE_DIR");

	if (s && s[0] == '/')
		return xstrdup(s);
	s = getenv("XDG_CACHE_HOME");
	if (s && s[0] == '/')
		return path_join(s, "slsc");
	s = getenv("HOME");
	return path_join(s && s[0] == '/' ? s : "/tmp", ".cache/slsc");
}
