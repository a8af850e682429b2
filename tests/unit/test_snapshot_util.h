/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, overlays and layers in memory, for the tests of stage/snapshot.h. */
#ifndef TEST_SNAPSHOT_UTIL_H
#define TEST_SNAPSHOT_UTIL_H

#include <grp.h>
#include <locale.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "test_rootfs_util.h"
#include "test_tree_util.h"

#include "archive/tar.h"
#include "stage/snapshot.h"

#define USER 12345u
#define EPOCH 1700000000

/* In a child no assertion of cmocka's may return to the runner: it would run the other tests there. */
#define MUST(x)                                                                                    \
	do {                                                                                       \
		if (!(x)) {                                                                        \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #x, e.msg);         \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
#define MUST_FAIL(x, text)                                                                         \
	do {                                                                                       \
		if ((x) != -1 || strcmp(e.msg, text) != 0) {                                       \
			fprintf(stderr, "%s:%d: %s: %s\n  instead of: %s\n", __FILE__, __LINE__,    \
				#x, e.msg, text);                                                  \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)
#define MUST_BE(a, b)                                                                              \
	do {                                                                                       \
		const char *a_ = (a), *b_ = (b);                                                   \
		if (strcmp(a_, b_) != 0) {                                                         \
			fprintf(stderr, "%s:%d: it is:\n%s\ninstead of:\n%s\n", __FILE__, __LINE__, a_, b_); \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

static inline void sh(const char *script)
{
	const char *const argv[] = { "sh", "-euc", script, NULL };
	const struct proc_opts opts = { .null_stdin = true };
	struct err e = ERR_INIT;
	int status;

	MUST(proc_run(argv, &opts, &status, &e) == 0);
	if (status != 0) {
		fprintf(stderr, "exit code %d: %s\n", status, script);
		_exit(1);
	}
}


static inline void write_text(const char *path, const char *text)
{
	const int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
		perror(path);
		_exit(1);
	}
	close(fd);
}

/* As root: a mount namespace. Else a user with one id, who is root in a user namespace. */
static inline void enter(bool root)
{
	char map[64];

	if (!root) {
		if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0 ||
		    prctl(PR_SET_DUMPABLE, 1) < 0 || unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0) {
			perror("unshare");
			_exit(1);
		}
		snprintf(map, sizeof(map), "0 %u 1", USER);
		write_text("/proc/self/setgroups", "deny");
		write_text("/proc/self/uid_map", map);
		write_text("/proc/self/gid_map", map);
	} else if (unshare(CLONE_NEWNS) < 0) {
		perror("unshare");
		_exit(1);
	}
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		perror("mount");
		_exit(1);
	}
}

/* Runs @fn in a child, in a fresh directory that is its own. */
static inline void in_child(bool root, void (*fn)(bool root))
{
	char dir[64];
	struct err e = ERR_INIT;
	int status;
	pid_t pid;

	snprintf(dir, sizeof(dir), "/tmp/slsc-snap.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(chown(dir, root ? 0 : USER, root ? 0 : USER), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setlocale(LC_CTYPE, "C.UTF-8");
		umask(022);
		if (chdir(dir) < 0)
			_exit(1);
		enter(root);
		fn(root);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	OK(fs_rmtree(dir, &e));
	assert_int_equal(status, 0);
}

/* @script with an overlay of @lowers ("top:bottom") as its working directory; its changes are in ./@upper. */
static inline void run_in_overlay(const char *lowers, const char *upper, const char *script)
{
	CLEAN_FREE char *work = xasprintf("%s.work", upper);
	CLEAN_FREE char *opts = xasprintf("lowerdir=%s,upperdir=%s,workdir=%s,userxattr", lowers, upper, work);
	pid_t pid;
	int status = 0;

	mkdir(upper, 0755);
	mkdir(work, 0755);
	mkdir("merged", 0755);
	if (mount("overlay", "merged", "overlay", 0, opts) < 0) {
		perror(opts);
		_exit(1);
	}
	pid = fork();
	if (pid == 0) {
		if (chdir("merged") < 0)
			_exit(1);
		execlp("sh", "sh", "-euc", script, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "the script failed: %d\n", status);
		_exit(1);
	}
	if (umount("merged") < 0) {
		perror("umount");
		_exit(1);
	}
}

static inline int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

/* A line for each entry. */
static inline void describe(const struct tree *t, struct buf *b)
{
	static const char letters[] = { [TREE_FILE] = '-',  [TREE_DIR] = 'd',  [TREE_LINK] = 'l', [TREE_HARDLINK] = 'h',
					[TREE_CHAR] = 'c', [TREE_BLOCK] = 'b', [TREE_FIFO] = 'p' };

	for (const struct tree_entry *x = t->ptr; x < t->ptr + t->len; x++) {
		buf_addf(b, "%s %c%04o %u:%u", x->path, letters[x->type], (unsigned)x->mode, x->uid, x->gid);
		if (x->type == TREE_FILE)
			buf_addf(b, " %llu", (unsigned long long)x->size);
		if (x->type == TREE_LINK || x->type == TREE_HARDLINK)
			buf_addf(b, " -> %s", x->target);
		if (x->type == TREE_CHAR || x->type == TREE_BLOCK)
			buf_addf(b, " %u:%u", x->major, x->minor);
		for (size_t i = 0; i < x->nxattrs; i++)
			buf_addf(b, " %s=%.*s", x->xattrs[i].name, (int)x->xattrs[i].len,
				 (const char *)x->xattrs[i].val);
		buf_addc(b, '\n');
	}
}

static inline void tar_of(const struct tree *t, struct buf *b)
{
	struct err e = ERR_INIT;

	MUST(tar_write(t, 0, to_buf, b, &e) == 0);
	MUST(b->len == tar_size(t));
}

/* Unpacks a tar in memory. */
static inline int unpack(const char *dir, const char *tar, size_t n, struct err *err)
{
	struct memory_image im;
	int r;

	memory_image_init(&im);
	buf_add(&im.blob[0], tar, n);
	memory_image_seal(&im, 1, "application/vnd.oci.image.layer.v1.tar");
	r = snap_unpack(dir, &im.origin, &im.d[0], NULL, err);
	memory_image_release(&im);
	return r;
}

#endif
