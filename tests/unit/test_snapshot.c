/* SPDX-License-Identifier: Apache-2.0 */
/* Layers that a real overlay has made, as root and as a user with one id. */
#include "test_snapshot_util.h"

static const char base_script[] =
	"mkdir -m 1777 tmp; mkdir -p etc/conf.d usr/bin usr/lib gone/deep opq; echo a > etc/a; echo b > etc/b;"
	"echo c > etc/conf.d/c; echo old > gone/deep/f; echo l > opq/lower; echo k > opq/keep; ln -s bin usr/sbin;"
	"echo tool > usr/bin/tool; chmod 4755 usr/bin/tool; echo same > usr/lib/same; mkdir was; echo x > was/x;"
	"echo two > usr/lib/two; find . -exec touch -h -d @1500000000 {} +";

static struct snap_stack stack(const char *const *dirs, size_t n)
{
	return (struct snap_stack){ .dirs = dirs, .n = n };
}

/* What a RUN leaves, described; as layers that are unpacked and written again it makes the same whole. */
static void diff_is(const char *script, const char *want)
{
	static const char *const base[] = { "base" }, *const made[] = { "base", "upper" },
				 *const again[] = { "base", "un/fs" }, *const written[] = { "base", "wr/fs" };
	const struct snap_stack lower = stack(base, 1);
	const struct snap_stack stacks[] = { stack(made, 2), stack(again, 2), stack(written, 2) };
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT, tar = BUF_INIT, first = BUF_INIT;
	struct err e = ERR_INIT;

	sh("rm -rf upper upper.work un wr");
	run_in_overlay("base", "upper", script);
	MUST(snap_diff("upper", &lower, EPOCH, &t, &e) == 0);
	describe(&t, &text);
	MUST_BE(text.ptr, want);
	tar_of(&t, &tar);
	MUST(unpack("un/fs", tar.ptr, tar.len, &e) == 0);
	MUST(snap_write("wr/fs", &t, 0, &e) == 0);
	for (size_t i = 0; i < 3; i++) {
		CLEAN_TREE struct tree all = TREE_INIT;
		CLEAN_BUF struct buf whole = BUF_INIT;

		MUST(snap_squash(&stacks[i], EPOCH, &all, &e) == 0);
		/* of a directory that was only copied up the layer does not say when */
		for (size_t k = 0; k < all.len; k++)
			if (all.ptr[k].type == TREE_DIR)
				all.ptr[k].mtime = 0;
		tar_of(&all, i ? &whole : &first);
		if (i && (whole.len != first.len || memcmp(whole.ptr, first.ptr, first.len) != 0)) {
			put_file("first.tar", first.ptr, first.len);
			put_file("other.tar", whole.ptr, whole.len);
			sh("tar tvf first.tar > 1; tar tvf other.tar > 2; diff 1 2 >&2 || true");
			fprintf(stderr, "%s: another whole, %zu\n", script, i);
			_exit(1);
		}
	}
}

static void make_base(void)
{
	mkdir("empty", 0755);
	mkdir("base", 0755);
	run_in_overlay("empty", "base", base_script);
}

static void changes(bool root)
{
	make_base();
	diff_is("true", "");
	/* only copied up, or touched and as before: nothing */
	diff_is("touch tmp/x; rm tmp/x; chmod 0644 etc/a; mkdir etc/new; rmdir etc/new; "
		"chmod 600 usr/lib/same; chmod 644 usr/lib/same", "");
	diff_is("echo new > etc/n; echo changed > etc/a; rm etc/b; rm -r gone; chmod 0700 etc/conf.d",
		".wh.gone -0000 0:0 0\n"
		"etc d0755 0:0\n"
		"etc/.wh.b -0000 0:0 0\n"
		"etc/a -0644 0:0 8\n"
		"etc/conf.d d0700 0:0\n"
		"etc/n -0644 0:0 4\n");
	/* directories made anew, in the place of a directory and of a file; a file in a directory's */
	diff_is("rm -r opq was; mkdir opq; echo new > opq/keep; echo file > was; rm etc/a; mkdir etc/a;"
		"echo z > etc/a/z",
		"etc d0755 0:0\n"
		"etc/a d0755 0:0\n"
		"etc/a/z -0644 0:0 2\n"
		"opq d0755 0:0\n"
		"opq/.wh..wh..opq -0000 0:0 0\n"
		"opq/keep -0644 0:0 4\n"
		"was -0644 0:0 5\n");
	/* links: of new files, of one that was below, and of which only one name changed places */
	diff_is("mkdir d; echo 1 > d/b; ln d/b d/a; ln d/b z; ln -s /nowhere d/s; ln usr/lib/two usr/lib/also",
		"d d0755 0:0\n"
		"d/a -0644 0:0 2\n"
		"d/b h0644 0:0 -> d/a\n"
		"d/s l0777 0:0 -> /nowhere\n"
		"usr d0755 0:0\n"
		"usr/lib d0755 0:0\n"
		"usr/lib/also -0644 0:0 4\n"
		"usr/lib/two h0644 0:0 -> usr/lib/also\n"
		"z h0644 0:0 -> d/a\n");
	diff_is("mkfifo -m 640 f; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")';"
		"mkdir -m 500 ro; echo x > ro/x; setfattr -n user.note -v hi ro/x; setfattr -n user.dir -v d ro;"
		"chmod 4711 ro/x",
		"f p0640 0:0\n"
		"ro d0500 0:0 user.dir=d\n"
		"ro/x -4711 0:0 2 user.note=hi\n");
	if (root)
		diff_is("mkdir -m 2775 o; chown 5:6 o; echo x > o/f; chown 70000:4294967294 o/f; chmod 6755 o/f;"
			"mknod -m 600 o/c c 1 3; mknod o/b b 7 9; chown 7:8 o/c; ln -s x o/l; chown -h 9:10 o/l",
			"o d2775 5:6\n"
			"o/b b0644 0:6 7:9\n"
			"o/c c0600 7:8 1:3\n"
			"o/f -6755 70000:4294967294 2\n"
			"o/l l0777 9:10 -> x\n");
}

static void changes_as_root(void **state)
{
	(void)state;
	in_child(true, changes);
}

static void changes_as_user(void **state)
{
	(void)state;
	in_child(false, changes);
}

/* version 2, whatever namespace gave it: magic, permitted, inheritable */
static void capabilities(bool root)
{
	static const char *const base[] = { "base" };
	static const unsigned char cap2[20] = { 1, 0, 0, 2, 0, 0x20 };
	const struct snap_stack lower = stack(base, 1);
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf tar = BUF_INIT;
	const struct tree_entry *f;
	struct err e = ERR_INIT;
	char got[64];

	(void)root;
	make_base();
	run_in_overlay("base", "upper", "cp /bin/true usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping");
	MUST(snap_diff("upper", &lower, EPOCH, &t, &e) == 0);
	f = tree_find(&t, "usr/bin/ping");
	MUST(f && f->nxattrs == 1 && strcmp(f->xattrs[0].name, "security.capability") == 0);
	MUST(f->xattrs[0].len == sizeof(cap2) && memcmp(f->xattrs[0].val, cap2, sizeof(cap2)) == 0);
	tar_of(&t, &tar);
	MUST(unpack("un/fs", tar.ptr, tar.len, &e) == 0);
	MUST(getxattr("un/fs/usr/bin/ping", "security.capability", got, sizeof(got)) == sizeof(cap2));
	MUST(memcmp(got, cap2, sizeof(cap2)) == 0);
	sh("test \"$(getcap un/fs/usr/bin/ping)\" = 'un/fs/usr/bin/ping cap_net_raw=ep'");
}

static void capabilities_as_root(void **state)
{
	(void)state;
	in_child(true, capabilities);
}

static void capabilities_as_user(void **state)
{
	(void)state;
	in_child(false, capabilities);
}

/* Owners and devices that we may not make are kept, and come out again; overlay copies them up. */
static void owners(bool root)
{
	static const char *const base[] = { "base/fs" };
	const struct tree_entry node = { .path = "null", .type = TREE_CHAR, .mode = 0666, .uid = 2, .gid = 3,
					 .major = 1, .minor = 3 };
	const struct tree_entry link = { .path = "l", .type = TREE_LINK, .mode = 0777, .uid = 4, .gid = 5,
					 .target = "x" };
	const struct snap_stack lower = stack(base, 1);
	CLEAN_TREE struct tree t = TREE_INIT, d = TREE_INIT, all = TREE_INIT;
	CLEAN_BUF struct buf text = BUF_INIT, more = BUF_INIT;
	CLEAN_SNAP_NODE struct snap_node n = { .host = NULL };
	struct err e = ERR_INIT;
	struct stat st;

	MUST(tree_add_dir(&t, "home/u", 02750, 1000, 1001, &e) == 0);
	MUST(tree_add_data(&t, "home/u/f", "x", 1, 04755, 1000, 1001, &e) == 0);
	MUST(tree_add_entry(&t, &node, &e) == 0 && tree_add_entry(&t, &link, &e) == 0);
	MUST(tree_finish(&t, &e) == 0);
	MUST(snap_write("base/fs", &t, 1000, &e) == 0);
	MUST(stat("base/fs/home/u/f", &st) == 0 && st.st_uid == (root ? 1000u : 0u) && (st.st_mode & 07777) == 04755);
	MUST(snap_lookup(&lower, "home/u/f", true, &n, NULL, &e) == 1);
	MUST(n.uid == 1000 && n.gid == 1001 && n.mode == (S_IFREG | 04755) && n.mtime == 1000 && n.layer == 0);
	snap_node_release(&n);
	MUST(snap_lookup(&lower, "null", true, &n, NULL, &e) == 1);
	MUST(n.mode == (S_IFCHR | 0666) && n.rdev == makedev(1, 3) && n.uid == 2 && n.gid == 3 && n.size == 0);
	MUST(snap_squash(&lower, EPOCH, &all, &e) == 0);
	describe(&all, &text);
	MUST_BE(text.ptr, root ? "home d0755 0:0\nhome/u d2750 1000:1001\nhome/u/f -4755 1000:1001 1\n"
				 "l l0777 4:5 -> x\nnull c0666 2:3 1:3\n" :
				 "home d0755 0:0\nhome/u d2750 1000:1001\nhome/u/f -4755 1000:1001 1\n"
				 "l l0777 0:0 -> x\nnull c0666 2:3 1:3\n");
	run_in_overlay("base/fs", "upper", "echo more >> home/u/f; touch null");
	MUST(snap_diff("upper", &lower, EPOCH, &d, &e) == 0);
	describe(&d, &more);
	/* whoever is root only in a namespace takes setuid away by writing */
	MUST_BE(more.ptr, root ? "home d0755 0:0\nhome/u d2750 1000:1001\nhome/u/f -4755 1000:1001 6\n"
				 "null c0666 2:3 1:3\n" :
				 "home d0755 0:0\nhome/u d2750 1000:1001\nhome/u/f -0755 1000:1001 6\n"
				 "null c0666 2:3 1:3\n");
}

static void owners_as_root(void **state)
{
	(void)state;
	in_child(true, owners);
}

static void owners_as_user(void **state)
{
	(void)state;
	in_child(false, owners);
}

/* What a container cannot say in a layer, and what says that a file is not whole. */
static void refused(bool root)
{
	static const char *const base[] = { "base" };
	const struct snap_stack lower = stack(base, 1);
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;

	(void)root;
	make_base();
	run_in_overlay("base", "upper", "echo > etc/.wh.a");
	MUST_FAIL(snap_diff("upper", &lower, EPOCH, &t, &e),
		  "/etc/.wh.a: a layer cannot hold a name that begins with .wh., which means that something is not "
		  "there");
	unlink("upper/etc/.wh.a");
	MUST(setxattr("upper/etc", "user.overlay.redirect", "/x", 2, 0) == 0);
	tree_release(&t);
	MUST_FAIL(snap_diff("upper", &lower, EPOCH, &t, &e),
		  "upper/etc: has user.overlay.redirect, which no layer of slsc's has");
}

static void what_is_refused(void **state)
{
	(void)state;
	in_child(true, refused);
	in_child(false, refused);
}

/* Times after the epoch become it, others stay; names that are no UTF-8 pass. */
static void times_and_names(bool root)
{
	static const char *const base[] = { "base" }, *const again[] = { "un/fs" };
	const struct snap_stack lower = stack(base, 1), un = stack(again, 1);
	CLEAN_TREE struct tree t = TREE_INIT, back = TREE_INIT;
	CLEAN_BUF struct buf tar = BUF_INIT;
	const struct tree_entry *f;
	struct err e = ERR_INIT;

	(void)root;
	make_base();
	run_in_overlay("base", "upper",
		       "echo > now; touch -d @1234567890.5 early; echo > \"$(printf 'caf\\351')\";"
		       "mkdir d; echo > \"d/$(printf 'x\\377%0120d' 7)\"; ln -s \"$(printf '\\200')\" link;"
		       "touch -d @5 d");
	MUST(snap_diff("upper", &lower, EPOCH, &t, &e) == 0);
	f = tree_find(&t, "now");
	MUST(f && t.timed && f->mtime == EPOCH);
	f = tree_find(&t, "early");
	MUST(f && f->mtime == 1234567890);
	MUST(tree_find(&t, "caf\xe9") != NULL);
	tar_of(&t, &tar);
	put_file("t.tar", tar.ptr, tar.len);
	MUST(unpack("un/fs", tar.ptr, tar.len, &e) == 0);
	MUST(snap_squash(&un, EPOCH, &back, &e) == 0);
	buf_reset(&tar);
	tar_of(&back, &tar);
	put_file("back.tar", tar.ptr, tar.len);
	sh("cmp t.tar back.tar");
	sh("mkdir g b p; tar -C g -xf t.tar 2>err; bsdtar -C b -xf t.tar;"
	       "python3 -c 'import tarfile; tarfile.open(\"t.tar\").extractall(\"p\")';"
	       "for i in g b p; do diff -r --no-dereference $i un/fs; done");
}

static void times_and_odd_names(void **state)
{
	(void)state;
	in_child(true, times_and_names);
	in_child(false, times_and_names);
}

/* umoci puts the layers together as we see them, and unpacks ours as we do. */
static void umoci(bool root)
{
	static const char *const dirs[] = { "base", "upper" };
	const struct snap_stack lower = stack(dirs, 1), both = stack(dirs, 2);
	CLEAN_TREE struct tree base = TREE_INIT, layer = TREE_INIT, whole = TREE_INIT;
	const struct {
		const struct tree *tree;
		const char *name;
	} tars[] = { { &base, "base.tar" }, { &layer, "layer.tar" }, { &whole, "whole.tar" } };
	struct err e = ERR_INIT;

	(void)root;
	make_base();
	run_in_overlay("base", "upper",
		       "rm -r opq gone; mkdir opq; echo n > opq/keep; rm etc/b; echo n > n; ln n etc/n; mkfifo p;"
		       "mknod c c 1 3; mkdir -m 0500 ro; echo x > ro/f; chown 5:6 ro/f; chmod 6755 ro/f; chown 7:8 ro;"
		       "ln -s / root; cp /bin/true t; setcap cap_chown+ep t; setfattr -n user.a -v b t");
	MUST(snap_squash(&lower, EPOCH, &base, &e) == 0 && snap_diff("upper", &lower, EPOCH, &layer, &e) == 0 &&
	     snap_squash(&both, EPOCH, &whole, &e) == 0);
	for (size_t i = 0; i < ARRAY_LEN(tars); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;

		tar_of(tars[i].tree, &b);
		put_file(tars[i].name, b.ptr, b.len);
	}
	sh("umoci init --layout l; umoci new --image l:t; umoci raw add-layer --image l:t base.tar;"
	       "umoci raw add-layer --image l:t layer.tar; umoci unpack --image l:t b; mkdir w;"
	       "tar -C w --xattrs --xattrs-include='*' --numeric-owner -xpf whole.tar;"
	       "for i in w b/rootfs; do (set -e; cd $i; find . -mindepth 1 -printf '%P %y %m %U:%G %n %l\\n' |"
	   " LC_ALL=C sort;"
	       "getcap t; getfattr -n user.a t) > $(basename $i).txt; done; cmp w.txt rootfs.txt;"
	       "grep -c . w.txt | grep -qx 27; diff -r --no-dereference w/etc b/rootfs/etc");
}

static void umoci_reads_them(void **state)
{
	(void)state;
	in_child(true, umoci);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changes_as_root),	cmocka_unit_test(changes_as_user),
		cmocka_unit_test(capabilities_as_root), cmocka_unit_test(capabilities_as_user),
		cmocka_unit_test(owners_as_root),	cmocka_unit_test(owners_as_user),
		cmocka_unit_test(what_is_refused),	cmocka_unit_test(times_and_odd_names),
		cmocka_unit_test(umoci_reads_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
