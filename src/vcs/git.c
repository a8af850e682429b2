/* SPDX-License-Identifier: Apache-2.0 */
#include "vcs/git.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "os/fs.h"
#include "os/late.h"
#include "os/proc.h"
#include "vcs/module.h"

#ifdef __SANITIZE_ADDRESS__
/* libgit2 1.5 forgets the match data of each setting that a pattern of its own does not match. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_options(void);

const char *__lsan_default_suppressions(void)
{
	return "leak:libpcre2\n";
}

const char *__lsan_default_options(void)
{
	return "print_suppressions=0";
}
#endif

/* Length of "scheme:" in "scheme://...", or 0. */
static size_t scheme_len(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	return n && starts_with(s + n, "://") ? n + 1 : 0;
}

/* Whether "host:port" can be an authority; "user:pass" with a slash in the password cannot. */
static bool is_authority(const char *s, size_t n)
{
	const char *colon = s[0] == '[' ? memchr(s, ']', n) : s;

	colon = colon ? memchr(colon, ':', n - (size_t)(colon - s)) : NULL;
	for (const char *c = colon ? colon + 1 : s + n; c < s + n; c++)
		if (*c < '0' || *c > '9')
			return false;
	return true;
}

/*
 * Where the host begins in what follows "://": behind the last '@' of the authority. A password
 * with an unescaped slash ends the authority early: what is left then is no host, and the '@' is
 * later.
 */
static const char *skip_user(const char *s, size_t len)
{
	size_t n = strcspn(s, "/?#");
	const char *at;

	if (n > len)
		n = len;
	at = memrchr(s, '@', n);
	if (!at && !is_authority(s, n))
		at = memrchr(s, '@', len);
	return at ? at + 1 : s;
}

char *git_url_clean(const char *url)
{
	size_t scheme = scheme_len(url), slash = strcspn(url, "/");
	const char *at;

	if (scheme) {
		const char *host = skip_user(url + scheme + 2, strlen(url + scheme + 2));
		/* a path of this machine may hold them; for all else they are no part of the repository's name */
		size_t n = starts_with(url, "file:") ? strlen(host) : strcspn(host, "?#");

		return xasprintf("%.*s%.*s", (int)scheme + 2, url, (int)n, host);
	}
	at = memrchr(url, '@', slash);
	if (at && memchr(url, ':', (size_t)(at - url)))
		return xstrdup(at + 1);
	return xstrdup(url);
}

bool git_url_looks_like(const char *s)
{
	size_t n = strcspn(s, ":/"), len = strlen(s);

	if (scheme_len(s))
		return true;
	if (n && s[n] == ':' && s[n + 1])
		return true;
	return len > 4 && ends_with(s, ".git") && s[len - 5] != '/';
}

/* No credentials, and nothing a server says, may reach a terminal unfiltered. */
static void clean_text(char *text)
{
	char *s = text, *mark;

	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			*s = ' ';
	while (s > text && s[-1] == ' ')
		*--s = '\0';
	for (s = text; (mark = strstr(s, "://")); s = mark + 3) {
		char *from = mark + 3;
		const char *host = skip_user(from, strcspn(from, " '\""));

		memmove(from, host, strlen(host) + 1);
	}
}

static void clean_error(struct err *err)
{
	clean_text(err->msg);
	clean_text(err->hint);
}

static bool stat_below(const char *dir, const char *name, struct stat *st)
{
	CLEAN_FREE char *p = path_join(dir, name);

	return stat(p, st) == 0;
}

static bool is_repository(const char *dir)
{
	struct stat st;

	if (stat_below(dir, ".git", &st)) {
		CLEAN_FREE char *head = NULL;

		/* As git does: a .git directory without HEAD is passed over, a file must be right. */
		if (!S_ISDIR(st.st_mode))
			return S_ISREG(st.st_mode);
		head = path_join(dir, ".git/HEAD");
		if (lstat(head, &st) == 0)
			return true;
	}
	return stat_below(dir, "HEAD", &st) && stat_below(dir, "objects", &st) &&
	       stat_below(dir, "refs", &st);
}

/* The nearest directory at or above @dir that holds a repository, or NULL; heap. */
static char *find_root(const char *dir)
{
	CLEAN_FREE char *at = xstrdup(dir);
	struct stat st;
	dev_t dev;

	if (stat(at, &st) < 0)
		return NULL;
	dev = st.st_dev;
	for (;;) {
		char *up;

		if (is_repository(at))
			return steal(&at);
		if (strcmp(at, "/") == 0)
			return NULL;
		up = path_dirname(at);
		free(at);
		at = up;
		if (stat(at, &st) < 0 || st.st_dev != dev)
			return NULL;
	}
}

int git_provenance(const char *dir, struct git_provenance *out, struct err *err)
{
	CLEAN_FREE char *real = realpath(dir, NULL);
	CLEAN_FREE char *root = real ? find_root(real) : NULL;
	const struct git_ops *ops;

	*out = (struct git_provenance){ 0 };
	if (!real)
		return err_sys(err, "cannot find %s", dir);
	if (!root)
		return 0;
	ops = late_load("git", err);
	if (!ops)
		return -1;
	if (ops->provenance(root, real, out, err) < 0) {
		clean_error(err);
		git_provenance_release(out);
		return -1;
	}
	if (out->source) {
		char *url = out->source;

		/* A path says nothing to others, and would differ between machines. */
		out->source = (scheme_len(url) || strcspn(url, ":") < strcspn(url, "/")) &&
					      !starts_with(url, "file:") ?
				      git_url_clean(url) :
				      NULL;
		free(url);
	}
	return 0;
}

void git_provenance_release(struct git_provenance *p)
{
	free(p->source);
	free(p->branch);
	free(p->tag);
	*p = (struct git_provenance){ 0 };
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The path of a repository on this machine: of a file URL, or of what exists as a directory; else NULL. */
static char *local_path(const char *url)
{
	char *path, *w;

	if (!starts_with(url, "file://"))
		return !scheme_len(url) && fs_is_dir(url) ? xstrdup(url) : NULL;
	url += strlen("file://");
	if (starts_with(url, "localhost/"))
		url += strlen("localhost");
	path = w = xstrdup(url);
	for (const char *s = url; *s; s++) {
		if (s[0] == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0 && (s[1] != '0' || s[2] != '0')) {
			*w++ = (char)(hex(s[1]) << 4 | hex(s[2]));
			s += 2;
		} else {
			*w++ = *s;
		}
	}
	*w = '\0';
	return path;
}

/* Files first, the name after them: a crash of the machine leaves no torn tree under @to. */
static int settle(const char *from, const char *to, const char *dir, struct err *err)
{
	CLEAN_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		return err_sys(err, "cannot write %s", to);
	if (rename(from, to) == 0)
		return 0;
	if (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR)
		return err_set(err, ERR_EXISTS, "%s exists", to);
	return err_sys(err, "cannot write %s", to);
}

/* A fresh directory in @parent, which is made; absolute, for libgit2 makes nothing below a relative one. */
static char *make_tmp(const char *parent, struct err *err)
{
	CLEAN_FREE char *real = NULL;
	CLEAN_FREE char *tmp = NULL;

	if (fs_mkdirs(parent, err) < 0)
		return NULL;
	real = realpath(parent, NULL);
	tmp = real ? path_join(real, ".slsc-tmp.XXXXXX") : NULL;
	if (!tmp || !mkdtemp(tmp)) {
		err_sys(err, "cannot write in %s", parent);
		return NULL;
	}
	return steal(&tmp);
}

int git_fetch_tree(const char *url, const char *ref, const char *dest, char commit[65],
		   void (*progress)(unsigned received, unsigned total, void *ctx), void *ctx,
		   struct err *err)
{
	CLEAN_FREE char *shown = git_url_clean(url);
	CLEAN_FREE char *path = local_path(url);
	CLEAN_FREE char *parent = path_dirname(dest);
	CLEAN_FREE char *tmp = NULL, *tree = NULL, *objects = NULL;
	const struct git_ops *ops;
	struct stat st;
	struct err ignored;
	int r = -1;

	if (lstat(dest, &st) == 0)
		return err_set(err, ERR_EXISTS, "%s exists", dest);
	ops = late_load("git", err);
	tmp = ops ? make_tmp(parent, err) : NULL;
	if (!tmp)
		return -1;
	tree = path_join(tmp, "tree");
	objects = path_join(tmp, "objects");
	if (mkdir(tree, 0777) < 0 || mkdir(objects, 0777) < 0)
		err_sys(err, "cannot write %s", dest);
	else
		r = ops->fetch(&(struct git_fetch){ .url = url, .shown = shown, .path = path,
						    .ref = ref, .tmp = objects, .tree = tree,
						    .progress = progress, .ctx = ctx,
						    .commit = commit },
			       err);
	if (r < 0)
		clean_error(err);
	/* libgit2 reports an interrupted call as whatever failed in it. */
	if (sig_check(err) < 0)
		r = -1;
	if (r == 0)
		r = settle(tree, dest, parent, err);
	if (fs_rmtree(tmp, &ignored) < 0)
		return r; /* fs_tmp_sweep() tries again */
	return r;
}

int git_checkout(const char *dir, const char *rev, const char *dest, char commit[65], struct err *err)
{
	CLEAN_PROVENANCE struct git_provenance prov = { 0 };
	CLEAN_FREE char *real = realpath(dir, NULL);
	CLEAN_FREE char *root = real ? find_root(real) : NULL;
	const struct git_ops *ops;
	struct stat st;

	if (!root) {
		err_set(err, ERR_NOTFOUND, "%s: is in no git repository, and so there is no '%s'", dir, rev);
		return err_hint(err, "run 'git init' and commit first");
	}
	if (lstat(dest, &st) == 0)
		return err_set(err, ERR_EXISTS, "%s exists", dest);
	/* for its remote */
	if (git_provenance(dir, &prov, err) < 0)
		return -1;
	ops = late_load("git", err);
	if (!ops || fs_mkdirs(dest, err) < 0)
		return -1;
	if (ops->checkout(&(struct git_checkout){ .root = root, .rev = rev, .dest = dest, .source = prov.source,
						  .commit = commit }, err) < 0) {
		clean_error(err);
		return -1;
	}
	return sig_check(err);
}

/* "A..B", "A...B" or "REV"; a side that is left out is HEAD. @from and @to are heap. */
static void split_range(const char *range, struct git_range *r, char **from, char **to)
{
	const char *dots = strstr(range, "..");

	if (!dots) {
		*from = xstrdup(range);
		r->from = *from;
		return;
	}
	r->merge_base = dots[2] == '.';
	*from = dots == range ? xstrdup("HEAD") : xstrndup(range, (size_t)(dots - range));
	dots += r->merge_base ? 3 : 2;
	*to = xstrdup(*dots ? dots : "HEAD");
	r->from = *from;
	r->to = *to;
}

static void sort_unique(struct strs *v)
{
	size_t n = 0;

	strs_sort(v);
	for (size_t i = 0; i < v->len; i++) {
		if (n && strcmp(v->ptr[n - 1], v->ptr[i]) == 0)
			free(v->ptr[i]);
		else
			v->ptr[n++] = v->ptr[i];
	}
	v->len = n;
}

int git_changes(const char *dir, const char *range, const char *const *names, size_t n, struct git_changes *out,
		struct err *err)
{
	CLEAN_FREE char *real = realpath(dir, NULL);
	CLEAN_FREE char *root = real ? find_root(real) : NULL;
	CLEAN_FREE char *from = NULL, *to = NULL;
	struct git_range r = { .root = root, .dir = real, .names = names, .out = out };
	const struct git_ops *ops;
	int ret;

	*out = (struct git_changes){ .files = xcalloc(n ? n : 1, sizeof(*out->files)), .nfiles = n };
	if (!*range) {
		err_set(err, ERR_USAGE, "the revision is empty");
		return err_hint(err, "name a branch, a tag, a commit or a range, such as origin/main...HEAD");
	}
	if (!root) {
		err_set(err, ERR_NOTFOUND, "%s: is in no git repository, and so there is no '%s'", dir, range);
		return err_hint(err, "run 'git init' and commit first");
	}
	split_range(range, &r, &from, &to);
	out->worktree = !to;
	ops = late_load("git", err);
	if (!ops)
		return -1;
	ret = ops->changes(&r, err);
	/* libgit2 reports an interrupted call as whatever failed in it */
	if (sig_check(err) < 0)
		return -1;
	if (ret < 0) {
		clean_error(err);
		return -1;
	}
	sort_unique(&out->paths);
	return 0;
}

void git_changes_release(struct git_changes *c)
{
	strs_release(&c->paths);
	for (size_t i = 0; i < c->nfiles; i++) {
		free(c->files[i].before.text);
		free(c->files[i].after.text);
	}
	free(c->files);
	*c = (struct git_changes){ .nfiles = 0 };
}
