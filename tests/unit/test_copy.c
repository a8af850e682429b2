/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "stage/copy.h"

static char dir[64];

static char *in(const char *path)
{
	return xasprintf("%s/%s", dir, path);
}

static void put(const char *path, const char *text, mode_t mode)
{
	CLEAN_FREE char *at = in(path), *up = path_dirname(at);
	struct err err = ERR_INIT;

	assert_int_equal(fs_mkdirs(up, &err), 0);
	assert_int_equal(fs_write_file(at, text, strlen(text), mode, &err), 0);
}

static void link_to(const char *path, const char *target)
{
	CLEAN_FREE char *at = in(path);

	assert_int_equal(symlink(target, at), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/slsc-copy.XXXXXX");
	umask(022);
	assert_non_null(mkdtemp(dir));
	put("ctx/a", "A", 0644);
	put("ctx/b.sh", "B", 0755);
	put("ctx/d/one.o", "1", 0644);
	put("ctx/d/two.c", "2", 0600);
	put("ctx/d/e/three.o", "3", 0644);
	link_to("ctx/d/up", "../a");
	link_to("ctx/la", "a");
	link_to("ctx/ld", "d");
	link_to("ctx/out", "../../etc/passwd");
	put("low/etc/passwd", "root:x:0:0::/root:/bin/sh\nu:x:1000:1001::/home/u:/bin/sh\n", 0644);
	put("low/etc/group", "root:x:0:\ng:x:1002:u\nh:x:1003:root,u\n", 0644);
	put("low/srv/old/x", "x", 0644);
	link_to("low/link", "srv/old");
	return 0;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return fs_rmtree(dir, &err);
}

/* What COPY or ADD makes of @text, a line of a Dockerfile, as "path mode uid:gid content" in lines. */
static int run(const char *text, const char *ignored, struct buf *out, struct digest *key, struct err *err)
{
	CLEAN_FREE char *file = xasprintf("FROM scratch\n%s\n", text), *ctx = in("ctx"), *low = in("low");
	CLEAN_FREE char *scratch = in("scratch");
	CLEAN_DOCKERFILE struct dockerfile d;
	CLEAN_IGNORE struct ignore *g = NULL;
	CLEAN_TREE struct tree t = TREE_INIT;
	const char *const lows[] = { low };
	const char *words[8], *excludes[8];
	const struct df_inst *i;
	struct copy_want w = { .shown = "D", .workdir = "/w", .sources = words, .excludes = excludes };
	struct copy_from from = { .context = ctx };

	assert_int_equal(fs_rmtree(scratch, err), 0);
	assert_int_equal(mkdir(scratch, 0755), 0);
	assert_int_equal(dockerfile_parse(&d, "D", file, strlen(file), err), 0);
	i = w.inst = &d.stages[0].insts[0];
	for (size_t k = 0; k < i->nargs; k++)
		words[k] = i->args[k].s;
	w.nsources = i->nargs - 1;
	w.dest = words[i->nargs - 1];
	w.add = i->kind == DF_ADD;
	w.heredocs = i->heredocs;
	w.nheredocs = i->nheredocs;
	w.chown = df_flag(i, "chown") ? df_flag(i, "chown")->val.s : NULL;
	w.chmod = df_flag(i, "chmod") ? df_flag(i, "chmod")->val.s : NULL;
	w.checksum = df_flag(i, "checksum") ? df_flag(i, "checksum")->val.s : NULL;
	w.link = df_flag(i, "link");
	w.parents = df_flag(i, "parents");
	w.no_unpack = df_flag(i, "unpack");
	for (size_t k = 0; k < i->nflags; k++)
		if (strcmp(i->flags[k].name, "exclude") == 0)
			excludes[w.nexcludes++] = i->flags[k].val.s;
	if (ignored)
		from.ignored = g = ignore_parse(".dockerignore", ignored, strlen(ignored), err);
	if (copy_tree(&w, &from, &(struct snap_stack){ lows, 1 }, NULL, scratch, &t, key, err) < 0)
		return -1;
	for (size_t k = 0; k < t.len; k++) {
		const struct tree_entry *e = &t.ptr[k];
		CLEAN_BUF struct buf b = BUF_INIT;

		buf_addf(out, "%s%s %o %u:%u", e->path, e->type == TREE_DIR ? "/" : "", (unsigned)e->mode, e->uid,
			 e->gid);
		if (e->type == TREE_LINK)
			buf_addf(out, " -> %s", e->target);
		if (e->type == TREE_FILE && e->src)
			assert_int_equal(fs_read(e->src, 100, &b, err), 0);
		if (e->type == TREE_FILE)
			buf_addf(out, " " STR_FMT, e->src ? (int)b.len : (int)e->size,
				 e->src ? b.ptr : (const char *)e->data);
		buf_addc(out, '\n');
	}
	return 0;
}

static void is(const char *text, const char *ignored, const char *want)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct digest key;

	if (run(text, ignored, &b, &key, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	assert_string_equal(b.ptr, want);
}

static void fails(const char *text, const char *ignored, const char *msg, const char *hint)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct digest key;

	if (run(text, ignored, &b, &key, &err) == 0)
		fail_msg("%s: accepted: %s", text, b.ptr);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void test_destination(void **state)
{
	(void)state;
	is("COPY a x", NULL, "w/ 755 0:0\nw/x 644 0:0 A\n");
	is("COPY a x/", NULL, "w/ 755 0:0\nw/x/ 755 0:0\nw/x/a 644 0:0 A\n");
	is("COPY a /", NULL, "a 644 0:0 A\n");
	is("COPY a .", NULL, "w/ 755 0:0\nw/a 644 0:0 A\n");
	is("COPY a b.sh /x/", NULL, "x/ 755 0:0\nx/a 644 0:0 A\nx/b.sh 755 0:0 B\n");
	/* through the image's own links, onto a directory that is there */
	is("COPY a /link", NULL, "srv/ 755 0:0\nsrv/old/ 755 0:0\nsrv/old/a 644 0:0 A\n");
	is("COPY a /srv/old/x", NULL, "srv/ 755 0:0\nsrv/old/ 755 0:0\nsrv/old/x 644 0:0 A\n");
	/* with --link the image is not looked at */
	is("COPY --link a /link", NULL, "link 644 0:0 A\n");
	fails("COPY a /etc/passwd/x", NULL, "D:2:1: COPY: /etc/passwd is in the way: it is no directory", "");
}

static void test_sources(void **state)
{
	(void)state;
	is("COPY d /x", NULL,
	   "x/ 755 0:0\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\nx/one.o 644 0:0 1\nx/two.c 600 0:0 2\n"
	   "x/up 777 0:0 -> ../a\n");
	is("COPY d/*.[co] /x/", NULL, "x/ 755 0:0\nx/one.o 644 0:0 1\nx/two.c 600 0:0 2\n");
	is("COPY none* a /x/", NULL, "x/ 755 0:0\nx/a 644 0:0 A\n");
	fails("COPY none* /x/", NULL, "D:2:1: COPY: 'none*' is not in the build context", "");
	is("COPY la /x", NULL, "x 644 0:0 A\n");
	is("COPY ld/e /x", NULL, "x/ 755 0:0\nx/three.o 644 0:0 3\n");
	is("COPY ./d/../a /x", NULL, "x 644 0:0 A\n");
	is("COPY /a /x", NULL, "x 644 0:0 A\n");
	fails("COPY aa /x", NULL, "D:2:1: COPY: 'aa' is not in the build context", "did you mean 'a'?");
	fails("COPY d/one.c /x", NULL, "D:2:1: COPY: 'd/one.c' is not in the build context", "did you mean 'd/one.o'?");
	fails("COPY ../low/etc/passwd /x", NULL, "D:2:1: COPY: '../low/etc/passwd' is outside of the build context",
	      "sources are relative to the directory that the build is given");
	/* a link out of the context ends at its root */
	fails("COPY out /x", NULL,
	      "D:2:1: COPY: 'out' is a symlink to '../../etc/passwd', which is not in the build context", "");
}

static void test_ignored(void **state)
{
	(void)state;
	is("COPY d /x", "**/*.o\nd/up\n!d/e/three.o",
	   "x/ 755 0:0\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\nx/two.c 600 0:0 2\n");
	fails("COPY a /x", "a", "D:2:1: COPY: 'a' is left out of the build context by .dockerignore",
	      "take it in again by a line !a at the end of it");
	is("COPY --exclude=*.o --exclude=up d /x", NULL,
	   "x/ 755 0:0\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\nx/two.c 600 0:0 2\n");
	is("COPY --exclude=**/*.o --exclude=up --exclude=e d /x", NULL, "x/ 755 0:0\nx/two.c 600 0:0 2\n");
	/* a pattern is of the path below the source */
	is("COPY --exclude=d/e d/e /x", NULL, "x/ 755 0:0\nx/three.o 644 0:0 3\n");
}

static void test_parents(void **state)
{
	CLEAN_FREE char *d = in("ctx/d");

	(void)state;
	assert_int_equal(chmod(d, 0750), 0);
	is("COPY --parents d/e/three.o a /x/", NULL,
	   "x/ 755 0:0\nx/a 644 0:0 A\nx/d/ 750 0:0\nx/d/e/ 755 0:0\nx/d/e/three.o 644 0:0 3\n");
	is("COPY --parents ./d/./e/three.o /x/", NULL, "x/ 755 0:0\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\n");
	is("COPY --parents **/*.o /x/", NULL,
	   "x/ 755 0:0\nx/d/ 750 0:0\nx/d/e/ 755 0:0\nx/d/e/three.o 644 0:0 3\nx/d/one.o 644 0:0 1\n");
	is("COPY --parents --exclude=d/e --exclude=d/up d /x/", NULL,
	   "x/ 755 0:0\nx/d/ 750 0:0\nx/d/one.o 644 0:0 1\nx/d/two.c 600 0:0 2\n");
	assert_int_equal(chmod(d, 0755), 0);
}

static void test_owners(void **state)
{
	(void)state;
	is("COPY --chown=u a /n/x", NULL, "n/ 755 1000:1001\nn/x 644 1000:1001 A\n");
	is("COPY --chown=u:g a /srv/x", NULL, "srv/ 755 0:0\nsrv/x 644 1000:1002 A\n");
	is("COPY --chown=5:6 a /x", NULL, "x 644 5:6 A\n");
	is("COPY --chmod=0600 d/e /n/x", NULL, "n/ 755 0:0\nn/x/ 600 0:0\nn/x/three.o 600 0:0 3\n");
	is("COPY --chmod=u=rwX,go=rX d/two.c b.sh /x/", NULL, "x/ 755 0:0\nx/b.sh 755 0:0 B\nx/two.c 644 0:0 2\n");
	is("COPY --chmod=+t,u+s,a-r b.sh /x", NULL, "x 5311 0:0 B\n");
	fails("COPY --chmod=0888 a /x", NULL, "D:2:1: COPY: --chmod: '0888' is no mode", "");
	fails("COPY --chmod=u a /x", NULL, "D:2:1: COPY: --chmod: 'u' is no mode", "");
	fails("COPY --chown=v a /x", NULL, "D:2:1: COPY: --chown: the image's etc/passwd has no user 'v'", "");
}

static void test_resolve(void **state)
{
	CLEAN_FREE char *low = in("low");
	const char *const lows[] = { low };
	const struct snap_stack below = { lows, 1 };
	struct owner_ids o;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(owner_resolve("u", &below, &o, &err), 0);
	assert_int_equal(o.uid, 1000);
	assert_int_equal(o.gid, 1001);
	assert_int_equal(o.ngroups, 2);
	assert_int_equal(o.groups[0], 1002);
	assert_int_equal(o.groups[1], 1003);
	assert_string_equal(o.home, "/home/u");
	owner_ids_release(&o);
	assert_int_equal(owner_resolve("1000", &below, &o, &err), 0);
	assert_int_equal(o.gid, 1001);
	owner_ids_release(&o);
	assert_int_equal(owner_resolve("77", &below, &o, &err), 0);
	assert_int_equal(o.gid, 0);
	assert_null(o.home);
	owner_ids_release(&o);
	assert_int_equal(owner_resolve("u:nogroup", &below, &o, &err), -1);
	assert_string_equal(err.msg, "the image's etc/group has no group 'nogroup'");
	assert_string_equal(err.hint, "add the group in an earlier step, or write a number");
}

static void test_heredocs(void **state)
{
	(void)state;
	is("COPY <<EOF /x\nhi\nEOF", NULL, "x 644 0:0 hi\n\n");
	is("COPY --chmod=755 <<a <<ab a /x/\n1\na\n2\nab", NULL,
	   "x/ 755 0:0\nx/a 755 0:0 A\nx/ab 755 0:0 2\n\n");
}

static void test_add(void **state)
{
	CLEAN_FREE char *gone = in("ctx/t.tgz"), *from = in("ctx/d");
	const char *const argv[] = { "tar", "-C", from, "-czf", gone, "one.o", "e", NULL };
	struct err err = ERR_INIT;
	int status;

	(void)state;
	assert_int_equal(proc_run(argv, &(struct proc_opts){ .null_stdin = true }, &status, &err), 0);
	assert_int_equal(status, 0);
	is("ADD t.tgz /x", NULL, "x/ 755 0:0\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\nx/one.o 644 0:0 1\n");
	is("ADD --chown=3:4 t.tgz /x", NULL, "x/ 755 3:4\nx/e/ 755 0:0\nx/e/three.o 644 0:0 3\nx/one.o 644 0:0 1\n");
	is("ADD a /x", NULL, "x 644 0:0 A\n");
	assert_int_equal(unlink(gone), 0);
	fails("ADD --checksum=sha256:0 a /x", NULL, "D:2:1: ADD: --checksum is for URLs and git repositories only",
	      "a local file's content is part of the build anyway");
	fails("ADD http://127.0.0.1/x /x", NULL, "D:2:1: ADD: http://127.0.0.1/x: the network is forbidden here", "");
}

static void test_keys(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct digest one, two;
	CLEAN_FREE char *a = in("ctx/a");
	const struct timespec then[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };

	(void)state;
	assert_int_equal(run("COPY a d /x/", NULL, &b, &one, &err), 0);
	assert_int_equal(utimensat(AT_FDCWD, a, then, 0), 0);
	assert_int_equal(run("COPY a d /x/", NULL, &b, &two, &err), 0);
	assert_string_equal(one.s, two.s);
	put("ctx/a", "C", 0644);
	assert_int_equal(run("COPY a d /x/", NULL, &b, &two, &err), 0);
	assert_string_not_equal(one.s, two.s);
	put("ctx/a", "A", 0600);
	assert_int_equal(run("COPY a d /x/", NULL, &b, &two, &err), 0);
	assert_string_not_equal(one.s, two.s);
	put("ctx/a", "A", 0644);
	assert_int_equal(run("COPY a d /x/", NULL, &b, &two, &err), 0);
	assert_string_equal(one.s, two.s);
}

static void test_special(void **state)
{
	CLEAN_FREE char *fifo = in("ctx/d/fifo");

	(void)state;
	assert_int_equal(mkfifo(fifo, 0644), 0);
	is("COPY d/fi* /x/", NULL, "x/ 755 0:0\n");
	assert_int_equal(unlink(fifo), 0);
}

/* Between the look at the context and the reading of its files somebody changes one for another of the same size. */
static void test_swapped(void **state)
{
	CLEAN_FREE char *ctx = in("ctx"), *scratch = in("scratch"), *dest = in("made"), *d = in("ctx/d");
	CLEAN_FREE char *away = in("away"), *one = in("ctx/a"), *new = in("new");
	const struct snap_stack none = { .n = 0 };
	const char *source = ".", *want;
	static const char text[] = "FROM scratch\nCOPY . /\n";
	CLEAN_DOCKERFILE struct dockerfile df;
	struct copy_want w = { .shown = "D", .workdir = "/", .sources = &source, .nsources = 1, .dest = "/" };
	const struct copy_from from = { .context = ctx };
	struct err err = ERR_INIT;
	struct digest key;

	(void)state;
	assert_int_equal(dockerfile_parse(&df, "D", text, strlen(text), &err), 0);
	w.inst = &df.stages[0].insts[0];
	for (int k = 0; k < 2; k++) {
		CLEAN_TREE struct tree t = TREE_INIT;

		assert_int_equal(copy_tree(&w, &from, &none, NULL, scratch, &t, &key, &err), 0);
		if (k == 0) {
			put("new", "Z", 0644);
			assert_int_equal(rename(new, one), 0);
		} else {
			put("evil/e/three.o", "9", 0644);
			assert_int_equal(rename(d, away), 0);
			link_to("ctx/d", "../evil");
		}
		want = k == 0 ? "/ctx/a: changed while it was archived" :
				"/ctx/d/e/three.o: changed while it was archived";
		assert_int_equal(snap_write(dest, &t, 0, &err), -1);
		if (!strstr(err.msg, want))
			fail_msg("%s", err.msg);
		assert_int_equal(err.code, ERR_IO);
		assert_false(fs_exists(dest));
	}
	assert_int_equal(unlink(d), 0);
	assert_int_equal(rename(away, d), 0);
	put("ctx/a", "A", 0644);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_destination),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_ignored),
		cmocka_unit_test(test_parents),
		cmocka_unit_test(test_owners),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_heredocs),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_special),
		cmocka_unit_test(test_swapped),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
