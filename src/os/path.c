/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

char *path_join(const char *a, const char *b)
{
	size_t n = strlen(a);

	if (b[0] == '\0')
		return xstrdup(a);
	if (b[0] == '/' || n == 0 || strcmp(a, ".") == 0)
		return xstrdup(b);
	return xasprintf("%s%s%s", a, a[n - 1] == '/' ? "" : "/", b);
}

char *path_dirname(const char *path)
{
	const char *end = strrchr(path, '/');

	if (!end)
		return xstrdup(".");
	while (end > path && end[-1] == '/')
		end--;
	return end == path ? xstrdup("/") : xstrndup(path, (size_t)(end - path));
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

static char self_path[PATH_MAX];

static void find_self(void)
{
	static const char gone[] = " (deleted)";	/* replaced by an upgrade while it runs */
	ssize_t n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	const char *name;

	if (n > 0) {
		self_path[n] = '\0';
		if (ends_with(self_path, gone) && access(self_path, F_OK) < 0)
			self_path[(size_t)n - (sizeof(gone) - 1)] = '\0';
		return;
	}
	/* no /proc, as in a bare chroot: what execve() was given */
	name = (const char *)getauxval(AT_EXECFN);
	if (!name || !realpath(name, self_path))
		snprintf(self_path, sizeof(self_path), "/usr/bin/slsc");
}

/* Once: in another mount namespace the kernel tells the path of a mount that is no longer ours. */
char *dirs_self(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, find_self);
	return xstrdup(self_path);
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
	const struct passwd *pw;

	if (s && s[0] == '/')
		return xstrdup(s);
	if (s && s[0]) {
		CLEAN_FREE char *cwd = get_current_dir_name();

		return path_join(cwd ? cwd : "/", s);
	}
	s = getenv("XDG_CACHE_HOME");
	if (s && s[0] == '/')
		return path_join(s, "slsc");
	s = getenv("HOME");
	if (!s || s[0] != '/') {
		pw = getpwuid(getuid());
		s = pw && pw->pw_dir[0] == '/' ? pw->pw_dir : "/";
	}
	return path_join(s, ".cache/slsc");
}
