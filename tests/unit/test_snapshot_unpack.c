/* SPDX-License-Identifier: Apache-2.0 */
/* Hostile and odd layers as directories, and paths in stacks of them. */
#include "test_snapshot_util.h"

struct item {
	char type;
	const char *name, *link;
};

static void tar_items(struct buf *b, const struct item *items)
{
	for (; items->name; items++)
		tar_add(b, items->type, items->name, items->link, items->type == '5' ? 0755 : 0644, "x",
			items->type == '0' ? 1 : 0);
	tar_end(b);
}

/* Everything in a directory: path, type, target, and whether it is opaque or a whiteout. */
static void list_dir(const char *dir, const char *at, struct buf *out)
{
	CLEAN_FREE char *here = xasprintf("%s%s%s", dir, *at ? "/" : "", at);
	CLEAN_STRS struct strs names = { .ptr = NULL };
	struct err e = ERR_INIT;
	char text[256];
	ssize_t n;

	MUST(fs_list(here, &names, &e) == 0);
	for (size_t i = 0; i < names.len; i++) {
		CLEAN_FREE char *path = path_join(at, names.ptr[i]), *host = xasprintf("%s/%s", dir, path);
		struct stat st;

		MUST(lstat(host, &st) == 0);
		buf_addf(out, "%s", path);
		if (S_ISCHR(st.st_mode) && st.st_rdev == 0)
			buf_addz(out, " gone");
		if (S_ISDIR(st.st_mode))
			buf_addz(out, getxattr(host, "user.overlay.opaque", text, sizeof(text)) == 1 ? "/ opaque" :
												       "/");
		n = S_ISLNK(st.st_mode) ? readlink(host, text, sizeof(text)) : -1;
		if (n >= 0)
			buf_addf(out, " -> %.*s", (int)n, text);
		if (S_ISREG(st.st_mode) && st.st_nlink > 1)
			buf_addf(out, " x%u", (unsigned)st.st_nlink);
		buf_addc(out, '\n');
		if (S_ISDIR(st.st_mode))
			list_dir(dir, path, out);
	}
}

static const struct {
	const char *want;	/* the directory; or NULL: the message is */
	const char *message;	/* after "layer sha256:............: " */
	struct item items[6];
} layers[] = {
	{ NULL, "../x: a path with '..'", { { '0', "../x", NULL } } },
	{ NULL, "a/../../x: a path with '..'", { { '0', "a/../../x", NULL } } },
	{ "etc/\netc/x\n", NULL, { { '0', "/etc/x", NULL } } },
	/* a link out of the layer leads to its root, like everywhere in a container */
	{ "a -> /tmp\ntmp/\ntmp/x\n", NULL, { { '5', "tmp", NULL }, { '2', "a", "/tmp" }, { '0', "a/x", NULL } } },
	{ "a -> ../../..\nx\n", NULL, { { '2', "a", "../../.." }, { '0', "a/x", NULL } } },
	{ NULL, "a: is a symlink that leads nowhere, and something is below it",
	  { { '2', "a", "/proc/self/cwd" }, { '0', "a/x", NULL } } },
	{ NULL, "a: is a symlink that goes round in circles", { { '2', "a", "a" }, { '0', "a/x", NULL } } },
	{ NULL, "a: is no directory, and something is below it", { { '0', "a", NULL }, { '0', "a/x", NULL } } },
	{ NULL, "h: a hard link by a path with '..'", { { '1', "h", "../x" } } },
	{ NULL, "h: a hard link to /etc/passwd, which is not in the layer before it", { { '1', "h", "/etc/passwd" } } },
	{ NULL, "h: a hard link to a/etc/passwd, which is not in the layer before it",
	  { { '2', "a", "/" }, { '1', "h", "a/etc/passwd" } } },
	{ NULL, "h: a hard link to a directory", { { '5', "d", NULL }, { '1', "h", "d" } } },
	{ NULL, "h: a hard link to a directory", { { '1', "h", "/" } } },
	{ "f x2\nh x2\n", NULL, { { '0', "f", NULL }, { '1', "h", "./f" }, { '1', "h", "f" }, { '1', "f", "f" } } },
	/* what is there already: the later one counts, and a link is not written through */
	{ "a\nd/\nd/x\n", NULL,
	  { { '5', "d", NULL }, { '0', "d/x", NULL }, { '2', "a", "d/x" }, { '0', "a", NULL } } },
	{ "a/\na/y\nd/\n", NULL,
	  { { '5', "d", NULL }, { '2', "a", "d" }, { '5', "a", NULL }, { '0', "a/y", NULL } } },
	{ "d\n", NULL, { { '5', "d", NULL }, { '0', "d/x", NULL }, { '0', "d", NULL } } },
	{ "d -> e\ne/\ne/y\n", NULL,
	  { { '0', "d/x", NULL }, { '5', "e", NULL }, { '2', "d", "e" }, { '0', "d/y", NULL } } },
	/* whiteouts, before and after what this layer has itself */
	{ "x gone\n", NULL, { { '0', ".wh.x", NULL } } },
	{ "x\n", NULL, { { '0', ".wh.x", NULL }, { '0', "x", NULL } } },
	{ "x\n", NULL, { { '0', "x", NULL }, { '0', ".wh.x", NULL } } },
	{ "x/ opaque\nx/y\n", NULL, { { '0', ".wh.x", NULL }, { '0', "x/y", NULL } } },
	{ "x/ opaque\n", NULL, { { '5', "x", NULL }, { '0', ".wh.x", NULL } } },
	{ "x/ opaque\nx/y\n", NULL, { { '0', "x/y", NULL }, { '0', "x/.wh..wh..opq", NULL } } },
	{ "x/ opaque\nx/y\n", NULL, { { '0', "x/.wh..wh..opq", NULL }, { '5', "x", NULL }, { '0', "x/y", NULL } } },
	{ "", NULL, { { '0', ".wh..wh.plnk", NULL } } },
	{ NULL, ".wh.: a whiteout of nothing", { { '0', ".wh.", NULL } } },
	{ NULL, "d/.wh...: a whiteout of nothing", { { '0', "d/.wh...", NULL } } },
	{ NULL, ".wh.x/y: is below a whiteout", { { '0', ".wh.x/y", NULL } } },
	{ NULL, "h: a hard link to x, which is not in the layer before it",
	  { { '0', ".wh.x", NULL }, { '1', "h", "x" } } },
	{ NULL, "c: a device 0:0, which means that there is nothing", { { '3', "c", NULL } } },
	{ NULL, ".: the root is no directory", { { '0', ".", NULL } } },
	{ "f\n", NULL, { { '5', ".", NULL }, { '0', "./f", NULL } } },
};

static void odd_layers(bool root)
{
	struct err e = ERR_INIT;
	char dir[32];

	(void)root;
	for (size_t i = 0; i < ARRAY_LEN(layers); i++) {
		CLEAN_BUF struct buf tar = BUF_INIT, got = BUF_INIT;
		int r;

		snprintf(dir, sizeof(dir), "l%zu/fs", i);
		tar_items(&tar, layers[i].items);
		r = unpack(dir, tar.ptr, tar.len, &e);
		if (layers[i].want) {
			MUST(r == 0);
			list_dir(dir, "", &got);
			MUST_BE(got.ptr, layers[i].want);
			continue;
		}
		MUST(r == -1 && e.code == ERR_FORMAT && strncmp(e.msg, "layer sha256:", 13) == 0);
		MUST_BE(e.msg + strlen("layer sha256:123456789abc: "), layers[i].message);
		*strchr(dir, '/') = '\0';
		list_dir(dir, "", &got);
		MUST_BE(got.ptr, "");
	}
}

static void hostile_layers(void **state)
{
	(void)state;
	in_child(true, odd_layers);
	in_child(false, odd_layers);
}

static void attributes(bool root)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf tar = BUF_INIT;
	const struct tree_xattr x[] = { { "user.a", "1", 1 },
				   { "user.overlay.opaque", "y", 1 },
				   { "user.slsc.owner", "1:2", 3 },
				   { "trusted.overlay.opaque", "y", 1 },
				   { "security.selinux", "s", 1 } };
	struct err e = ERR_INIT;
	char names[256];
	ssize_t n;

	MUST(tree_add_entry(&t, &(struct tree_entry){ .path = "d", .type = TREE_DIR, .mode = 0700, .xattrs = x,
						     .nxattrs = ARRAY_LEN(x) }, &e) == 0);
	MUST(tree_finish(&t, &e) == 0);
	tar_of(&t, &tar);
	MUST(unpack("l/fs", tar.ptr, tar.len, &e) == 0);
	n = listxattr("l/fs/d", names, sizeof(names));
	MUST(n == 7 && strcmp(names, "user.a") == 0);
	(void)root;
}

static void foreign_attributes(void **state)
{
	(void)state;
	in_child(true, attributes);
	in_child(false, attributes);
}

/* Neither a blob that is another than said nor one that breaks off leaves anything. */
static void digests(void **state)
{
	struct memory_image im;
	struct digest other;
	struct err e = ERR_INIT;
	CLEAN_STRS struct strs names = { .ptr = NULL };
	CLEAN_FREE char *zeros = xcalloc(1, 3000000);
	char want[300];

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	memory_image_init(&im);
	tar_add(&im.blob[0], '0', "big", NULL, 0644, zeros, 3000000);
	tar_end(&im.blob[0]);
	memory_image_seal(&im, 1, "application/vnd.oci.image.layer.v1.tar");
	OK(digest_of("x", 1, &other, &e));
	snprintf(want, sizeof(want), "layer %.19s: unpacks to %s, but its image says %s", im.d[0].digest.s,
		 im.d[0].digest.s, other.s);
	FAILS(snap_unpack("un/fs", &im.origin, &im.d[0], &other, &e), ERR_FORMAT, want);
	im.blob[0].ptr[600] ^= 1;
	assert_int_equal(snap_unpack("un/fs", &im.origin, &im.d[0], NULL, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	im.blob[0].ptr[600] ^= 1;
	buf_reset(&im.blob[1]);
	buf_add(&im.blob[1], im.blob[0].ptr, 1000000);
	memory_image_seal(&im, 2, "application/vnd.oci.image.layer.v1.tar");
	assert_int_equal(snap_unpack("un/fs", &im.origin, &im.d[1], NULL, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	OK(fs_list("un", &names, &e));
	assert_int_equal(names.len, 0);
	OK(snap_unpack("un/fs", &im.origin, &im.d[0], &im.d[0].digest, &e));
	/* what is there is taken */
	OK(snap_unpack("un/fs", &im.origin, &im.d[1], NULL, &e));
	memory_image_release(&im);
}

/* Long runs of zeros take no room, whichever way they come; bytes and size are as they were. */
static void holes(void **state)
{
	CLEAN_FREE char *data = xcalloc(1, 4000000);
	CLEAN_BUF struct buf tar = BUF_INIT;
	CLEAN_TREE struct tree t = TREE_INIT;
	struct err e = ERR_INIT;
	struct stat st;

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	memcpy(data, "begin", 5);
	memcpy(data + 2000000, "middle", 6);
	put_file("plain", data, 4000000);
	OK(tree_add_file(&t, "f", "plain", 0644, &e));
	OK(tree_finish(&t, &e));
	OK(tar_write(&t, 0, to_buf, &tar, &e));
	OK(unpack("h1/fs", tar.ptr, tar.len, &e));
	OK(snap_write("h2/fs", &t, 0, &e));
	RUN_OK("sh", "-c", "cp --sparse=always plain f; tar -cSf sparse.tar f; tar -cSf sparse2.tar --format=posix f");
	for (int i = 3; i < 5; i++) {
		char dir[32];

		buf_reset(&tar);
		get_file(i == 3 ? "sparse.tar" : "sparse2.tar", &tar);
		assert_true(tar.len < 100000);
		snprintf(dir, sizeof(dir), "h%d/fs", i);
		OK(unpack(dir, tar.ptr, tar.len, &e));
	}
	for (int i = 1; i < 5; i++) {
		char name[32];

		snprintf(name, sizeof(name), "h%d/fs/f", i);
		RUN_OK("cmp", "plain", name);
		assert_int_equal(stat(name, &st), 0);
		assert_true((uint64_t)st.st_blocks * 512 < 1000000);
	}
}

static void looked_up(const struct snap_stack *s, const char *path, bool follow, const char *want)
{
	CLEAN_SNAP_NODE struct snap_node n = { .host = NULL };
	CLEAN_FREE char *real = NULL, *got = NULL;
	struct err e = ERR_INIT;
	const int r = snap_lookup(s, path, follow, &n, &real, &e);

	if (r < 0)
		got = xstrdup(e.msg);
	else if (r == 0)
		got = xasprintf("- %s", real);
	else
		got = xasprintf("%s %s %zu%s%s", S_ISDIR(n.mode) ? "d" : S_ISLNK(n.mode) ? "l" : "f", real, n.layer,
				n.target ? " -> " : "", n.target ? n.target : "");
	assert_string_equal(got, want);
}

static void lookups(void **state)
{
	static const char *const dirs[] = { "s0/fs", "s1/fs", "s2/fs" };
	static const struct item items[][10] = {
		{ { '0', "usr/bin/sh", NULL }, { '2', "bin", "usr/bin" }, { '0', "etc/a", NULL },
		  { '0', "etc/b", NULL }, { '0', "opt/x/y", NULL }, { '2', "abs", "/etc/../bin" },
		  { '2', "loop", "loop" }, { '0', "f", NULL } },
		{ { '0', "etc/.wh.a", NULL }, { '0', "opt/.wh..wh..opq", NULL }, { '0', "opt/z", NULL },
		  { '2', "up", "../../../../etc/b" }, { '2', "dangling", "etc/none/x" } },
		{ { '0', "etc/c", NULL }, { '0', "f/below", NULL }, { '0', ".wh.bin", NULL } },
	};
	const struct snap_stack two = { dirs, 2 }, three = { dirs, 3 }, none = { dirs, 0 };
	CLEAN_STRS struct strs names = { .ptr = NULL };
	struct err e = ERR_INIT;

	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	for (size_t i = 0; i < 3; i++) {
		CLEAN_BUF struct buf tar = BUF_INIT;

		tar_items(&tar, items[i]);
		OK(unpack(dirs[i], tar.ptr, tar.len, &e));
	}
	looked_up(&two, "", true, "d  1");
	looked_up(&two, "/", true, "d  1");
	looked_up(&two, "bin/sh", true, "f usr/bin/sh 0");
	looked_up(&two, "/abs//sh", false, "f usr/bin/sh 0");
	looked_up(&two, "bin", false, "l bin 0 -> usr/bin");
	looked_up(&two, "bin", true, "d usr/bin 0");
	looked_up(&two, "bin/..", true, "d usr 0");
	looked_up(&two, "../../etc", true, "d etc 1");
	looked_up(&two, "etc/a", true, "- etc/a");
	looked_up(&two, "etc/b", true, "f etc/b 0");
	looked_up(&two, "up", true, "f etc/b 0");
	looked_up(&two, "opt/x/y", true, "- opt/x/y");
	looked_up(&two, "opt/z", true, "f opt/z 1");
	looked_up(&two, "f/x", true, "- f/x");
	looked_up(&two, "bin/new/../other", true, "- usr/bin/other");
	looked_up(&two, "dangling", true, "- etc/none/x");
	looked_up(&two, "dangling", false, "l dangling 1 -> etc/none/x");
	looked_up(&two, "loop/x", true, "/loop: limit exceeded: more than 40 symlinks");
	looked_up(&three, "bin/sh", true, "- bin/sh");
	looked_up(&three, "f/below", true, "f f/below 2");
	looked_up(&three, "etc", true, "d etc 2");
	looked_up(&none, "a/../b", true, "- b");
	looked_up(&none, "", true, "- ");
	OK(snap_list(&three, "etc", &names, &e));
	assert_int_equal(names.len, 2);
	assert_string_equal(names.ptr[0], "b");
	assert_string_equal(names.ptr[1], "c");
	strs_release(&names);
	OK(snap_list(&three, "", &names, &e));
	assert_int_equal(names.len, 8);
	strs_release(&names);
	OK(snap_list(&three, "opt", &names, &e));
	assert_int_equal(names.len, 1);
	OK(snap_list(&none, "", &names, &e));
	FAILS(snap_list(&three, "f/below", &names, &e), ERR_NOTFOUND,
	      "/f/below is no directory");
	FAILS(snap_list(&three, "no", &names, &e), ERR_NOTFOUND, "/no is no directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_layers), cmocka_unit_test(foreign_attributes),
		cmocka_unit_test(digests),	  cmocka_unit_test(holes),
		cmocka_unit_test(lookups),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
