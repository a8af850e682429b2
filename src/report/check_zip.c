/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "archive/unarchive.h"
#include "archive/zipdir.h"
#include "base/map.h"
#include "base/mem.h"
#include "build/package.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/check_internal.h"

#define BOOTSTRAP "bootstrap"
#define SYMLINK_MAX 4095u
#define CONTENT_MAX (8 * LAMBDA_UNZIPPED)	/* of all entries: a bomb is not inflated any further */

struct zip_check {
	struct check *c;
	const struct zipdir *z;
	struct map names;		/* path without its last slash -> entry */
	uint64_t total;
};

/* What provided.al2023 has: glibc's loader, and the libraries that come with glibc and gcc. */
static const char *const platform_libs[] = { "libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
					     "libresolv.so.2", "libutil.so.1", "libgcc_s.so.1", "libstdc++.so.6",
					     "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1" };

static bool glibc_loader(const char *path)
{
	return strcmp(path, "/lib64/ld-linux-x86-64.so.2") == 0 || strcmp(path, "/lib/ld-linux-aarch64.so.1") == 0;
}

/* Lambda unpacks to /var/task, and nothing of the zip is anywhere else. */
static bool has_loader(void *ctx, const char *path)
{
	const struct zip_check *zc = ctx;

	if (glibc_loader(path) || strcmp(path, "/bin/sh") == 0 || strcmp(path, "/bin/bash") == 0 ||
	    strcmp(path, "/usr/bin/env") == 0)
		return true;
	return starts_with(path, "/var/task/") && map_has(&zc->names, path + strlen("/var/task/"));
}

/* LD_LIBRARY_PATH has /var/task and /var/task/lib; elsewhere an rpath may point to. */
static bool has_library(void *ctx, const char *name, const char *interp)
{
	const struct zip_check *zc = ctx;

	for (size_t i = 0; glibc_loader(interp) && i < ARRAY_LEN(platform_libs); i++)
		if (strcmp(name, platform_libs[i]) == 0)
			return true;
	for (size_t i = 0; i < zc->names.len; i++)
		if (strcmp(path_basename(zc->names.ptr[i].key), name) == 0)
			return true;
	return false;
}

static void check_name(struct zip_check *zc, const struct zipdir_entry *e)
{
	const char *n = e->name;

	if (!*n)
		check_add(zc->c, RULE_ZIP_NAME, NULL, "an entry without a name, at offset %llu",
			  (unsigned long long)e->record);
	else if (*n == '/')
		check_add(zc->c, RULE_ZIP_NAME, n, "is an absolute name");
	else if (strchr(n, '\\'))
		check_add(zc->c, RULE_ZIP_NAME, n, "has a backslash, which Linux takes as part of the name");
	else if (unar_path_escapes(n))
		check_add(zc->c, RULE_ZIP_NAME, n, "has .. in it");
	else if (e->has_nul)
		check_add(zc->c, RULE_ZIP_NAME, n, "goes on behind a NUL");
}

static void check_mode(struct zip_check *zc, const struct zipdir_entry *e, bool dir)
{
	const mode_t mode = zipdir_mode(e);
	const bool link = S_ISLNK(mode);

	if (e->creator != ZIPDIR_UNIX || !mode) {
		check_add(zc->c, RULE_ZIP_UNIX, e->name, "has no Unix mode");
		return;
	}
	/* 755 and 644, and with S_IFREG before it: what nobody means in octal (01363, 01204) */
	if ((mode & 07777) == 755 || (mode & 07777) == 644) {
		check_add(zc->c, RULE_ZIP_DECIMAL, e->name, "has mode 0%o, which is %u in decimal", mode & 07777u,
			  mode & 07777u);
		return;
	}
	if (!link && (mode & 0444) != 0444)
		check_add(zc->c, RULE_ZIP_READABLE, e->name, "has mode 0%o", mode & 07777u);
	else if (dir && (mode & 0111) != 0111)
		check_add(zc->c, RULE_ZIP_READABLE, e->name, "is a directory of mode 0%o, which nobody can enter",
			  mode & 07777u);
	if (!link && !dir && (mode & 06000))
		check_add(zc->c, RULE_FILE_SETUID, e->name, "has mode 0%o", mode & 07777u);
	if (!link && (mode & 0002) && !(dir && (mode & 01000)))
		check_add(zc->c, RULE_FILE_WRITABLE, e->name, "has mode 0%o", mode & 07777u);
}

/* Whether a relative target, from where its link is, leads above the zip's root. */
static bool leaves(const char *name, const char *target)
{
	CLEAN_FREE char *dir = path_dirname(name), *joined = path_join(dir, target), *clean = path_clean(joined);

	return *target == '/' || !path_is_inside(clean);
}

static int check_content(struct zip_check *zc, const struct zipdir_entry *e, bool dir, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	const bool link = S_ISLNK(zipdir_mode(e));
	const uint64_t limit = link ? SYMLINK_MAX : LAMBDA_UNZIPPED;

	if (e->flags & 1) {
		check_add(zc->c, RULE_ZIP_ENCRYPTED, e->name, "is encrypted");
		return 0;
	}
	if (e->method != 0 && e->method != 8) {
		check_add(zc->c, RULE_ZIP_METHOD, e->name, "is compressed by method %u", e->method);
		return 0;
	}
	if ((dir && !e->damage) || zc->total > CONTENT_MAX)
		return 0;
	if (zipdir_read(zc->z, e, limit, &text, err) < 0) {
		const char *what = strstr(err->msg, e->name);

		if (err->code != ERR_FORMAT && err->code != ERR_LIMIT)
			return -1;
		/* what is too large says the rule on sizes */
		if (err->code == ERR_FORMAT || link)
			check_add(zc->c, RULE_ZIP_DAMAGED, e->name, "%s",
				  err->code == ERR_LIMIT ? "is a symlink with a target of more than 4095 bytes"
				  : what		 ? what + strlen(e->name) + (what[strlen(e->name)] == ' ')
							 : err->msg);
		return 0;
	}
	if (link) {
		if (leaves(e->name, text.ptr))
			check_add(zc->c, RULE_ZIP_SYMLINK, e->name, "leads to %s", text.ptr);
		return 0;
	}
	check_secret_name(zc->c, e->name, e->name);
	if (text.len <= SECRET_MAX_TEXT)
		check_secret_text(zc->c, e->name, text.ptr, text.len);
	return 0;
}

static int check_entry(struct zip_check *zc, const struct zipdir_entry *e, struct err *err)
{
	const size_t len = strlen(e->name);
	const bool dir = len && e->name[len - 1] == '/';
	CLEAN_FREE char *path = xstrndup(e->name, dir ? len - 1 : len);

	if (sig_check(err) < 0)
		return -1;
	if (map_put(&zc->names, path, (void *)(uintptr_t)e))
		check_add(zc->c, RULE_ZIP_DUPLICATE, e->name, "is there twice");
	zc->total = zc->total > UINT64_MAX - e->size ? UINT64_MAX : zc->total + e->size;
	check_name(zc, e);
	check_mode(zc, e, dir);
	return check_content(zc, e, dir, err);
}

static int check_bootstrap(struct zip_check *zc, const char *arch, struct err *err)
{
	const struct zipdir_entry *e = map_get(&zc->names, BOOTSTRAP);
	const struct binary_env env = { .where = BOOTSTRAP, .arch = arch, .loader = has_loader, .library = has_library,
					.ctx = zc };
	CLEAN_PROGRAM struct program prog = { .fd = -1 };
	CLEAN_BUF struct buf bytes = BUF_INIT;
	char interp[256];
	mode_t mode;

	if (!e) {
		for (size_t i = 0; i < zc->names.len; i++)
			if (strcmp(path_basename(zc->names.ptr[i].key), BOOTSTRAP) == 0) {
				check_add(zc->c, RULE_ZIP_BOOTSTRAP, zc->names.ptr[i].key, "is not at the zip's root");
				return 0;
			}
		check_add(zc->c, RULE_ZIP_BOOTSTRAP, NULL, "has no bootstrap");
		return 0;
	}
	mode = zipdir_mode(e);
	if (ends_with(e->name, "/") || S_ISDIR(mode)) {
		check_add(zc->c, RULE_ZIP_BOOTSTRAP, BOOTSTRAP, "is a directory");
		return 0;
	}
	if (S_ISLNK(mode))
		return 0;
	if (!mode)
		check_add(zc->c, RULE_ZIP_EXECUTABLE, BOOTSTRAP, "has no Unix mode");
	else if ((mode & 0111) != 0111 && (mode & 07777) != 755)
		check_add(zc->c, RULE_ZIP_EXECUTABLE, BOOTSTRAP, "has mode 0%o", mode & 07777u);
	/* what cannot be read was said above */
	if (zipdir_read(zc->z, e, LAMBDA_UNZIPPED, &bytes, err) < 0)
		return err->code == ERR_FORMAT || err->code == ERR_LIMIT ? 0 : -1;
	if (program_create(&prog, err) < 0 || program_write(&prog, bytes.ptr, bytes.len, err) < 0)
		return -1;
	if (check_binary(zc->c, &env, prog.path, NULL, interp, err) < 0)
		return -1;
	if (glibc_loader(interp))
		check_add(zc->c, RULE_BINARY_DYNAMIC, BOOTSTRAP, "is linked to glibc by %s", interp);
	return 0;
}

int check_zip(struct check *c, const char *path, const char *arch, struct err *err)
{
	CLEAN_ZIPDIR struct zipdir z = { .shown = NULL };
	struct zip_check zc = { .c = c, .z = &z };
	int ret = 0;

	if (zipdir_open(&z, path, err) < 0) {
		if (err->code != ERR_FORMAT && err->code != ERR_LIMIT)
			return -1;
		check_add(c, RULE_ZIP_DAMAGED, NULL, "%s",
			  starts_with(err->msg, path) ? err->msg + strlen(path) + 2 : err->msg);
		return 0;
	}
	for (size_t i = 0; i < z.len && ret == 0; i++)
		ret = check_entry(&zc, &z.ptr[i], err);
	if (ret == 0 && check_on(c, RULE_ZIP_BOOTSTRAP))
		ret = check_bootstrap(&zc, arch, err);
	if (z.nbytes > LAMBDA_ZIP_DIRECT)
		check_add(c, RULE_ZIP_DIRECT, NULL, "has %llu bytes; a direct upload may have 52428800 (50 MB)",
			  (unsigned long long)z.nbytes);
	if (zc.total > LAMBDA_UNZIPPED)
		check_add(c, RULE_ZIP_UNZIPPED, NULL, "holds %llu bytes; the most is 262144000 (250 MB)",
			  (unsigned long long)zc.total);
	map_release(&zc.names);
	return ret;
}
