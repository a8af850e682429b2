/* SPDX-License-Identifier: Apache-2.0 */
#include "build/ci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"

#define LIMIT ((uint64_t)1 << 20) /* of a pipeline that is there */

#define BUILDER "the image of slsc's Dockerfile.builder, HOST/REPOSITORY@sha256:...\n"

static const char github_needs[] =
	"set in the repository, Settings, Secrets and variables, Actions:\n"
	"  variable SLSC_BUILDER     " BUILDER
	"  variable REGISTRY         where images are pushed to, HOST/NAMESPACE\n"
	"  secret COSIGN_KEY         the text of the private key; slsc sign --generate-key makes one\n"
	"  secret COSIGN_PASSWORD    its password\n"
	"  secrets REGISTRY_USER and REGISTRY_PASSWORD, where the job's own token is no login\n";

static const char gitlab_needs[] =
	"set in the project, Settings, CI/CD, Variables:\n"
	"  SLSC_BUILDER      " BUILDER
	"  GITLAB_TOKEN      masked: a project access token of scope api, which comments\n"
	"  COSIGN_KEY        of type File, protected: the private key; slsc sign --generate-key makes one\n"
	"  COSIGN_PASSWORD   masked, protected: its password\n";

static const struct {
	const char *file, *source, *needs;
} kinds[] = {
	[CI_GITHUB] = { ".github/workflows/slsc.yml", "ci/github.yml", github_needs },
	[CI_GITLAB] = { ".gitlab-ci.yml", "ci/gitlab.yml", gitlab_needs },
};

const char *ci_needs(enum ci_kind kind)
{
	return kinds[kind].needs;
}

void ci_release(struct ci *ci)
{
	free(ci->path);
	free(ci->dir);
	*ci = (struct ci){ 0 };
}

/* @dir, or the nearest of its parents that exists, absolute; *rest is what does not exist of it */
static char *existing(const char *dir, char **rest, struct err *err)
{
	CLEAN_FREE char *at = path_clean(dir);
	char *real;

	*rest = xstrdup("");
	while (!(real = realpath(at, NULL)) && errno == ENOENT && strcmp(at, ".") != 0 && strcmp(at, "/") != 0) {
		char *above = path_dirname(at), *longer = path_join(path_basename(at), *rest);

		free(at);
		free(*rest);
		at = above;
		*rest = longer;
	}
	if (!real)
		err_sys(err, "cannot read %s", at);
	return real;
}

/* How much of absolute @path is the root of a work tree: a length, or 0. */
static size_t work_tree(const char *path)
{
	struct stat first, st;

	if (stat(path, &first) < 0)
		return 0;
	for (size_t n = strlen(path); n; n--) {
		CLEAN_FREE char *at = NULL, *git = NULL;

		if (path[n] && path[n] != '/')
			continue;
		at = xstrndup(path, n);
		git = path_join(at, ".git");
		if (stat(at, &st) < 0 || st.st_dev != first.st_dev)
			return 0;
		if (fs_exists(git))
			return n;
	}
	return 0;
}

/* @file below @root, from the current directory if that is on the way. */
static char *shown(const char *root, const char *file)
{
	CLEAN_FREE char *cwd = getcwd(NULL, 0);
	size_t n = cwd ? strlen(cwd) : 0;

	if (n && strncmp(root, cwd, n) == 0 && (!root[n] || root[n] == '/'))
		return path_join(root[n] ? root + n + 1 : "", file);
	return path_join(root, file);
}

int ci_place(struct ci *ci, enum ci_kind kind, const char *dir, struct err *err)
{
	CLEAN_FREE char *rest = NULL;
	CLEAN_FREE char *real = existing(dir, &rest, err);
	CLEAN_FREE char *root = NULL;
	size_t n;

	*ci = (struct ci){ .kind = kind };
	if (!real)
		return -1;
	n = work_tree(real);
	if (n) {
		CLEAN_FREE char *below = path_join(real[n] ? real + n + 1 : "", rest);

		root = xstrndup(real, n);
		ci->dir = path_clean(below);
	} else {
		root = path_join(real, rest);
		ci->dir = xstrdup(".");
	}
	if (ci->dir[0] == '-' || ci->dir[strspn(ci->dir, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
							 "0123456789._-/")]) {
		err_set(err, ERR_FORMAT, "'%.200s' cannot stand in a pipeline", ci->dir);
		ci_release(ci);
		return err_hint(err,
				"rename the directory: letters, digits, '.', '_' and '-' are read alike everywhere");
	}
	ci->path = shown(root, kinds[kind].file);
	return 0;
}

/* Each @NAME@ of the pipeline's source replaced. */
static int fill(const struct ci *ci, bool lambda, struct buf *out, struct err *err)
{
	CLEAN_FREE char *share = dirs_share();
	CLEAN_FREE char *path = path_join(share, kinds[ci->kind].source);
	CLEAN_FREE char *prefix = strcmp(ci->dir, ".") == 0 ? xstrdup("") : xasprintf("%s/", ci->dir);
	CLEAN_BUF struct buf text = BUF_INIT;
	const struct {
		const char *name, *value;
	} names[] = {
		{ "@DIR@", ci->dir },
		{ "@PREFIX@", prefix },
		{ "@FORMATS@", lambda ? "--zip --oci" : "--oci" },
	};

	if (fs_read(path, LIMIT, &text, err) < 0)
		return -1;
	for (const char *s = text.ptr; *s;) {
		size_t i = 0;

		while (i < ARRAY_LEN(names) && !starts_with(s, names[i].name))
			i++;
		if (i == ARRAY_LEN(names)) {
			buf_addc(out, *s++);
			continue;
		}
		buf_addz(out, names[i].value);
		s += strlen(names[i].name);
	}
	return 0;
}

/* 1: there with the same bytes; 0: not there; -1: something else is */
static int look(const struct ci *ci, const struct buf *want, struct err *err)
{
	CLEAN_BUF struct buf have = BUF_INIT;
	struct stat st;

	if (lstat(ci->path, &st) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fs_read(ci->path, LIMIT, &have, err) == 0 && have.len == want->len &&
	    memcmp(have.ptr, want->ptr, want->len) == 0)
		return 1;
	err_set(err, ERR_EXISTS, "%s is there already, and differs", ci->path);
	return err_hint(err, "it is left as it is; move it away, and put together what both do");
}

int ci_write(struct ci *ci, bool lambda, bool dry_run, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *dir = path_dirname(ci->path);
	int there;

	if (fill(ci, lambda, &text, err) < 0)
		return -1;
	there = look(ci, &text, err);
	if (there < 0)
		return -1;
	ci->kept = there == 1;
	if (ci->kept || dry_run)
		return 0;
	if (fs_mkdirs(dir, err) < 0)
		return -1;
	return fs_write_file(ci->path, text.ptr, text.len, 0644, err);
}
