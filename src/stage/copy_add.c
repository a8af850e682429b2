/* SPDX-License-Identifier: Apache-2.0 */
/* What ADD can do and COPY cannot: archives, files of a web server, repositories of git. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"
#include "registry/http.h"
#include "stage/copy_internal.h"
#include "stage/snap_place.h"
#include "vcs/git.h"

#define MAX_REDIRECTS 5
#define MAX_DOWNLOAD  (UINT64_C(10) << 30) /* bytes */

static char *scratch_path(struct copier *c)
{
	return xasprintf("%s/add%u", c->scratch, c->nscratch++);
}

/* ---- archives ---- */

/* By its first bytes, whatever its name: what is compressed may still turn out to be no tar. */
static bool may_be_archive(const char *host)
{
	unsigned char head[512] = { 0 };
	CLEAN_FD int fd = open(host, O_RDONLY | O_CLOEXEC);
	const ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof(head));

	if (n < 262)
		return n > 6 && (memcmp(head, "\x1f\x8b", 2) == 0 || memcmp(head, "BZh", 3) == 0 ||
				 memcmp(head, "\xfd" "7zXZ", 6) == 0 || memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0);
	return memcmp(head + 257, "ustar", 5) == 0 || memcmp(head, "\x1f\x8b", 2) == 0 || memcmp(head, "BZh", 3) == 0 ||
	       memcmp(head,
		      "\xfd"
		      "7zXZ",
		      6) == 0 ||
	       memcmp(head, "\x28\xb5\x2f\xfd", 4) == 0;
}

static int unpack_entry(struct placer *p, struct unar *u, const struct unar_entry *e, struct err *err)
{
	int fd;

	if (placer_put(p, e, &fd, err) < 0)
		return -1;
	return fd < 0 ? 0 : placer_file(p, u, e, fd, err);
}

/* 1: @dir holds what is in it; 0: it is no tar. */
static int unpack(const char *host, const char *dir, struct err *err)
{
	struct unar_file f;
	CLEANUP(placer_close) struct placer p = { .root = -1, .parent = -1 };
	struct unar_entry e;
	struct unar *u = NULL;
	bool any = false;
	int ret;

	if (unar_file_open(&f, host, err) < 0)
		return -1;
	ret = placer_open(&p, dir, host, false, err);
	if (ret == 0)
		u = unar_open(UNAR_TAR, host, unar_file_read, &f, NULL, err);
	ret = ret < 0 ? -1 : u ? 1 : err->code == ERR_FORMAT ? 0 : -1;
	while (ret > 0) {
		ret = unar_next(u, &e, err);
		if (ret < 0 && !any && err->code == ERR_FORMAT) {
			ret = 0;
			break;
		}
		if (ret == 0 && placer_finish(&p, err) < 0)
			ret = -1;
		if (ret <= 0)
			break;
		any = true;
		if (unpack_entry(&p, u, &e, err) < 0)
			ret = -1;
	}
	unar_free(u);
	unar_file_close(&f);
	return ret < 0 ? -1 : any;
}

static int take_unpacked(struct copier *c, const char *dir, const char *to, struct err *err)
{
	CLEAN_TREE struct tree t = TREE_INIT;

	if (snap_diff(dir, &(struct snap_stack){ .n = 0 }, c->w->epoch, &t, err) < 0)
		return -1;
	for (size_t k = 0; k < t.len; k++) {
		const struct tree_entry *e = &t.ptr[k];
		CLEAN_FREE char *path = path_join(to, e->path);
		CLEAN_FREE char *target = e->type == TREE_HARDLINK ? path_join(to, e->target) : NULL;
		struct tree_entry own = *e;

		own.path = path;
		own.target = target ? target : e->target;
		/* --chown is for what has no owner: an archive says whose its files are */
		if (copy_add_entry(c, &own, err) < 0)
			return -1;
	}
	return 0;
}

int copy_archive(struct copier *c, const char *host, struct err *err)
{
	CLEAN_FREE char *dir = NULL, *to = NULL, *below = NULL;
	int ret;

	if (c->w->only_key || !may_be_archive(host))
		return 0;
	dir = scratch_path(c);
	if (mkdir(dir, 0755) < 0)
		return err_sys(err, "%s", dir);
	ret = unpack(host, dir, err);
	if (ret <= 0)
		return ret < 0 ? copy_fail(c, err, err->code, "%s", err->msg) : 0;
	/* the destination is a directory, whatever it is called */
	to = copy_target(c, "", true, err);
	if (!to)
		return -1;
	below = path_join(to, "x");
	if (copy_parents_of(c, below, err) < 0 || take_unpacked(c, dir, to, err) < 0)
		return -1;
	return 1;
}

char *copy_shown(const char *source)
{
	const char *host = strstr(source, "://"), *at;

	if (!host)
		return xstrdup(source);
	host += strlen("://");
	at = memrchr(host, '@', strcspn(host, "/?#"));
	return xasprintf("%.*s%s", (int)(host - source), source, at ? at + 1 : host);
}

/* ---- a file of a web server ---- */

static int to_fd(void *ctx, const void *p, size_t n, struct err *err)
{
	return fs_write_all(*(const int *)ctx, p, n, "a download", err);
}

static int get(struct copier *c, const char *url, const char *path, struct err *err)
{
	struct http *h = http_new(err);
	const struct http_tls tls = { .insecure = false };
	CLEAN_FREE char *at = xstrdup(url);
	int ret = h ? 0 : -1;

	for (int i = 0; ret == 0; i++) {
		CLEAN_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
		struct http_req req = {
			.method = "GET", .url = at, .tls = &tls, .sink = to_fd, .sink_ctx = &fd, .limit = MAX_DOWNLOAD
		};

		if (fd < 0) {
			ret = err_sys(err, "%s", path);
			break;
		}
		ret = http_perform(h, &req, &resp, err);
		if (ret < 0 || resp.status == 200)
			break;
		if (resp.status >= 300 && resp.status < 400 && resp.location[0] && i < MAX_REDIRECTS) {
			CLEAN_HTTP_URL struct http_url next = HTTP_URL_INIT;

			ret = http_ops(h)->url(at, resp.location, &next, err);
			free(at);
			at = ret == 0 ? xstrdup(next.full) : NULL;
			continue;
		}
		ret = copy_fail(c, err, ERR_NET, "%s: answered with status %d", c->remote, resp.status);
	}
	http_free(h);
	return ret;
}

static int verify(struct copier *c, const char *path, struct err *err)
{
	struct digest want, got;

	if (!c->w->checksum)
		return 0;
	if (digest_parse(c->w->checksum, &want, err) < 0)
		return copy_fail(c, err, ERR_CONFIG, "--checksum: '%s' is not sha256:<64 hex digits>", c->w->checksum);
	if (digest_file(path, &got, NULL, err) < 0)
		return -1;
	if (strcmp(want.s, got.s) == 0)
		return 0;
	copy_fail(c, err, ERR_VERIFY, "%s: is %s, not what --checksum says", c->remote, got.s);
	return err_hint(err, "if the file was meant to change, write its new digest");
}

static int add_url(struct copier *c, const char *url, struct err *err)
{
	CLEAN_FREE char *bare = xstrndup(url, strcspn(url, "?#")), *path = scratch_path(c), *to = NULL;
	const char *name = path_basename(bare);
	struct tree_entry e = { .type = TREE_FILE, .mode = 0600, .uid = c->uid, .gid = c->gid };
	struct stat st;
	mode_t mode = 0600;

	if (!c->w->network)
		return copy_fail(c, err, ERR_CONFIG, "%s: the network is forbidden here", c->remote);
	if (!strchr(strstr(url, "//") + 2, '/'))
		name = "";
	if (!*name && c->dest_dir) {
		copy_fail(c, err, ERR_CONFIG, "%s: names no file", c->remote);
		return err_hint(err, "give the destination a name of its own, without a slash at its end");
	}
	if (get(c, url, path, err) < 0)
		return err->loc.file[0] ? -1 : copy_fail(c, err, err->code, "%s: %s", c->remote, err->msg);
	if (verify(c, path, err) < 0)
		return -1;
	if (c->w->unpack) {
		const int done = copy_archive(c, path, err);

		if (done)
			return done;
	}
	to = copy_target(c, name, false, err);
	if (!to || copy_parents_of(c, to, err) < 0)
		return -1;
	if (stat(path, &st) < 0)
		return err_sys(err, "%s", path);
	if (c->w->chmod && mode_apply(c->w->chmod, mode, false, &mode) < 0)
		return copy_fail(c, err, ERR_CONFIG, "--chmod: '%s' is no mode", c->w->chmod);
	e.path = to;
	e.mode = mode;
	e.src = path;
	e.size = (uint64_t)st.st_size;
	return copy_add_entry(c, &e, err) < 0 ? -1 : 1;
}

/* ---- git ---- */

static bool is_git(const char *s)
{
	CLEAN_FREE char *bare = xstrndup(s, strcspn(s, "#?"));

	return starts_with(s, "git://") || starts_with(s, "git@") || starts_with(s, "ssh://") ||
	       ((starts_with(s, "https://") || starts_with(s, "http://") || starts_with(s, "file://")) &&
		ends_with(bare, ".git"));
}

/* URL[#REF[:SUBDIRECTORY]] */
static int add_git(struct copier *c, const char *source, struct err *err)
{
	CLEAN_FREE char *url = xstrndup(source, strcspn(source, "#")), *dir = scratch_path(c);
	const char *fragment = source[strlen(url)] ? source + strlen(url) + 1 : "";
	CLEAN_FREE char *ref = xstrndup(fragment, strcspn(fragment, ":"));
	const char *sub = strchr(fragment, ':') ? strchr(fragment, ':') + 1 : "";
	CLEAN_FREE char *to = NULL, *real = NULL;
	CLEAN_SNAP_NODE struct snap_node node = { .target = NULL };
	const struct snap_stack before = c->source;
	const char *const root[] = { dir };
	struct snap_set set;
	char commit[65];
	int ret;

	if (starts_with(url, "file://")) {
		copy_fail(c, err, ERR_CONFIG, "%s: a Dockerfile sees no repository of this machine", c->remote);
		return err_hint(err, "put its files into the build context, or serve it");
	}
	if (!c->w->network)
		return copy_fail(c, err, ERR_CONFIG, "%s: the network is forbidden here", c->remote);
	if (c->w->keep_git_dir)
		return copy_fail(c, err, ERR_CONFIG, "--keep-git-dir is not supported: only the files are fetched");
	if (git_fetch_tree(url, *ref ? ref : NULL, dir, commit, NULL, NULL, err) < 0)
		return err->code == ERR_INTR ? -1 : copy_fail(c, err, err->code, "%s", err->msg);
	if (c->w->checksum && (strlen(c->w->checksum) < 7 || !starts_with(commit, c->w->checksum))) {
		copy_fail(c, err, ERR_VERIFY, "%s: is at commit %s, not what --checksum says", c->remote, commit);
		return err_hint(err, "if the reference was meant to move, write its new commit");
	}
	to = copy_target(c, "", true, err);
	if (!to)
		return -1;
	c->source = (struct snap_stack){ root, 1 };
	sub += strspn(sub, "/");
	ret = snap_lookup(&c->source, sub, true, &node, &real, err);
	if (ret == 0 || (ret > 0 && !S_ISDIR(node.mode)))
		ret = copy_fail(c, err, ERR_NOTFOUND, "%s: has no directory '%s'", c->remote, sub);
	snap_root(&c->source, &set);
	if (ret > 0)
		ret = copy_dir(c, real, &set, to, err) < 0 ? -1 : 1;
	c->source = before;
	/* the tree's files are read when it is written, long after this */
	return ret;
}

bool copy_is_remote(const char *source)
{
	return is_git(source) || starts_with(source, "https://") || starts_with(source, "http://");
}

int copy_remote(struct copier *c, const char *source, struct err *err)
{
	CLEAN_FREE char *bare = xstrndup(source, strcspn(source, "#")), *shown = copy_shown(bare);
	int ret = 0;

	c->remote = shown;
	if (is_git(source))
		ret = add_git(c, source, err);
	else if (copy_is_remote(source))
		ret = add_url(c, source, err);
	c->remote = NULL;
	return ret;
}
