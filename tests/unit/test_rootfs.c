/* SPDX-License-Identifier: Apache-2.0 */
#include "test_tree_util.h"

#include "archive/codec.h"
#include "test_rootfs_util.h"

#define PLAIN "application/vnd.oci.image.layer.v1.tar"

static const char *const fault_names[] = { "bad-name", "symlink", "hardlink", "through", "whiteout", "duplicate",
					   "device", "no-parent", "codec", "diff-id" };

/* "whiteout 0 a/.wh.b", one a line */
static int note_fault(void *ctx, enum rootfs_fault what, size_t layer, const char *path, const char *detail,
		      struct err *err)
{
	(void)err;
	(void)detail;
	buf_addf(ctx, "%s %zu %s\n", fault_names[what], layer, path ? path : "-");
	return 0;
}

static bool want_all(void *ctx, const struct rootfs_node *n)
{
	(void)ctx;
	(void)n;
	return true;
}

static bool want_none(void *ctx, const struct rootfs_node *n)
{
	(void)ctx;
	(void)n;
	return false;
}

static int note_data(void *ctx, const struct rootfs_node *n, const void *p, size_t len, struct err *err)
{
	(void)err;
	if (len)
		buf_add(ctx, p, len);
	else
		buf_addf(ctx, "<%s\n", n->path);
	return 0;
}

static void file(struct buf *tar, const char *name, const char *text)
{
	tar_add(tar, '0', name, NULL, 0644, text, strlen(text));
}

static void dir(struct buf *tar, const char *name)
{
	tar_add(tar, '5', name, NULL, 0755, NULL, 0);
}

/* All that is there, sorted, with its layer: "a/ 0\na/b 1\n". */
static void list(const struct rootfs *r, struct buf *out)
{
	CLEAN_STRS struct strs lines = { 0 };
	const struct rootfs_node *n;
	size_t it = 0;

	while ((n = rootfs_each(r, &it)))
		strs_addf(&lines, "%s%s %u%s\n", n->path, n->type == UNAR_DIR ? "/" : "", n->layer,
			  n->implied ? " implied" : "");
	strs_sort(&lines);
	for (size_t i = 0; i < lines.len; i++)
		buf_addz(out, lines.ptr[i]);
}

struct fixture {
	struct memory_image im;
	struct rootfs r;
	struct buf faults, all;
};

static void start(struct fixture *f)
{
	memory_image_init(&f->im);
	f->r = (struct rootfs){ .nlayers = 0 };
	buf_init(&f->faults);
	buf_init(&f->all);
}

static void finish(struct fixture *f)
{
	rootfs_release(&f->r);
	memory_image_release(&f->im);
	buf_release(&f->faults);
	buf_release(&f->all);
}

static int read_as(struct fixture *f, size_t layers, const char *media, const struct doc_config *cfg,
		   const struct rootfs_limits *limits, struct err *err)
{
	const struct rootfs_hooks hooks = { .fault = note_fault, .ctx = &f->faults };

	memory_image_seal(&f->im, layers, media);
	return rootfs_read(&f->r, &f->im.origin, &f->im.doc, cfg, limits, &hooks, err);
}

static void shows(struct fixture *f, size_t layers, const char *tree, const char *faults)
{
	struct err e = ERR_INIT;

	OK(read_as(f, layers, PLAIN, NULL, NULL, &e));
	list(&f->r, &f->all);
	assert_string_equal(f->all.ptr, tree);
	assert_string_equal(f->faults.ptr, faults);
}

static void upper_layers_win(void **state)
{
	struct fixture f;
	const struct rootfs_node *n;

	(void)state;
	start(&f);
	dir(&f.im.blob[0], "a/");
	file(&f.im.blob[0], "a/one", "1");
	file(&f.im.blob[0], "a/two", "2");
	dir(&f.im.blob[1], "./a");
	file(&f.im.blob[1], "./a/two", "22");
	shows(&f, 2, "a/ 1\na/one 0\na/two 1\n", "");
	n = rootfs_find(&f.r, "a/two");
	assert_int_equal(n->size, 2);
	assert_int_equal(n->mode, 0644);
	assert_null(rootfs_find(&f.r, "a/three"));
	assert_int_equal(f.r.nlayers, 2);
	assert_int_equal(f.r.layers[0].entries, 3);
	assert_int_equal(f.r.layers[0].tar_size, 512 * 5);
	assert_string_equal(f.r.layers[0].digest.s, f.r.layers[0].diff_id.s);
	finish(&f);
}

/* layer.md: a whiteout hides what lower layers have, whatever its place among the entries of its own layer. */
static void whiteouts(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	dir(&f.im.blob[0], "a");
	file(&f.im.blob[0], "a/x", "1");
	dir(&f.im.blob[0], "a/d");
	file(&f.im.blob[0], "a/d/y", "1");
	dir(&f.im.blob[0], "b");
	file(&f.im.blob[0], "b/old", "1");
	file(&f.im.blob[0], "z", "1");
	dir(&f.im.blob[1], "a");
	file(&f.im.blob[1], "a/x", "2");
	file(&f.im.blob[1], "a/.wh.x", "");
	file(&f.im.blob[1], "a/.wh.d", "");
	dir(&f.im.blob[1], "b");
	file(&f.im.blob[1], "b/new", "2");
	file(&f.im.blob[1], "b/.wh..wh..opq", "");
	file(&f.im.blob[1], ".wh.z", "");
	file(&f.im.blob[1], ".wh.never", "");
	file(&f.im.blob[1], ".wh..wh.plnk", "");
	shows(&f, 2, "a/ 1\na/x 1\nb/ 1\nb/new 1\n", "");
	finish(&f);
}

static void a_directory_comes_back_empty(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	dir(&f.im.blob[0], "d");
	file(&f.im.blob[0], "d/x", "1");
	file(&f.im.blob[1], ".wh.d", "");
	dir(&f.im.blob[2], "d");
	file(&f.im.blob[3], "d", "now a file");
	shows(&f, 3, "d/ 2\n", "");
	finish(&f);
	start(&f);
	dir(&f.im.blob[0], "d");
	file(&f.im.blob[0], "d/x", "1");
	file(&f.im.blob[1], "d", "now a file");
	shows(&f, 2, "d 1\n", "");
	finish(&f);
}

static void what_escapes(void **state)
{
	struct fixture f;
	struct buf *t;

	(void)state;
	start(&f);
	t = &f.im.blob[0];
	file(t, "/abs", "1");
	file(t, "a/../../up", "1");
	file(t, "../.wh.etc", "");
	file(t, ".wh...", "");
	file(t, ".wh.", "");
	tar_add(t, '2', "climb", "../etc/passwd", 0777, NULL, 0);
	tar_add(t, '2', "fine", "/etc/../etc/passwd", 0777, NULL, 0);
	tar_add(t, '1', "hard", "../etc/shadow", 0644, NULL, 0);
	tar_add(t, '1', "gone", "nowhere", 0644, NULL, 0);
	tar_add(t, '2', "out", "/etc", 0777, NULL, 0);
	file(t, "out/passwd", "1");
	tar_add(t, '3', "null", NULL, 0666, NULL, 0);
	file(t, "twice", "1");
	file(t, "twice", "2");
	file(t, "deep/er/x", "1");
	shows(&f, 1, "climb 0\ndeep/ 0 implied\ndeep/er/ 0 implied\ndeep/er/x 0\nfine 0\nnull 0\nout 0\ntwice 0\n",
	      "bad-name 0 /abs\nbad-name 0 a/../../up\nwhiteout 0 ../.wh.etc\nwhiteout 0 .wh...\nwhiteout 0 .wh.\n"
	      "symlink 0 climb\nhardlink 0 hard\nhardlink 0 gone\nthrough 0 out/passwd\ndevice 0 null\n"
	      "duplicate 0 twice\nno-parent 0 deep/er/x\n");
	finish(&f);
}

/* Debian's /lib is a symlink since usrmerge, and upper layers may still say lib/x. */
static void a_link_of_a_lower_layer_is_followed(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	dir(&f.im.blob[0], "usr");
	dir(&f.im.blob[0], "usr/lib");
	tar_add(&f.im.blob[0], '2', "lib", "usr/lib", 0777, NULL, 0);
	file(&f.im.blob[1], "lib/x", "1");
	shows(&f, 2, "lib 0\nusr/ 0\nusr/lib/ 0\nusr/lib/x 1\n", "no-parent 1 lib/x\n");
	finish(&f);
}

static void resolving(void **state)
{
	struct fixture f;
	struct buf *t;

	(void)state;
	start(&f);
	t = &f.im.blob[0];
	dir(t, "usr");
	dir(t, "usr/bin");
	file(t, "usr/bin/sh", "x");
	tar_add(t, '2', "bin", "usr/bin", 0777, NULL, 0);
	tar_add(t, '2', "usr/bin/bash", "../../../../bin/sh", 0777, NULL, 0);
	tar_add(t, '2', "loop", "/loop", 0777, NULL, 0);
	tar_add(t, '2', "grow", "grow/x", 0777, NULL, 0);
	tar_add(t, '1', "sh2", "usr/bin/sh", 0644, NULL, 0);
	shows(&f, 1, "bin 0\ngrow 0\nloop 0\nsh2 0\nusr/ 0\nusr/bin/ 0\nusr/bin/bash 0\nusr/bin/sh 0\n",
	      "symlink 0 usr/bin/bash\n");
	assert_string_equal(rootfs_resolve(&f.r, "/bin/bash", true)->path, "usr/bin/sh");
	assert_string_equal(rootfs_resolve(&f.r, "/bin/bash", false)->path, "usr/bin/bash");
	assert_string_equal(rootfs_resolve(&f.r, "//bin/./../bin//sh", true)->path, "usr/bin/sh");
	assert_string_equal(rootfs_resolve(&f.r, "/", true)->path, "");
	assert_null(rootfs_resolve(&f.r, "/loop", true));
	assert_null(rootfs_resolve(&f.r, "/grow", true));
	assert_null(rootfs_resolve(&f.r, "/usr/bin/sh/x", true));
	assert_true(rootfs_find(&f.r, "sh2")->hardlink);
	assert_int_equal(rootfs_find(&f.r, "sh2")->size, 1);
	finish(&f);
}

static int add_to(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void bytes_of_files(void **state)
{
	const struct rootfs_hooks hooks = { .want = want_all, .data = note_data, .ctx = NULL };
	struct rootfs_hooks with = hooks;
	CLEAN_BUF struct buf big = BUF_INIT, out = BUF_INIT;
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	for (unsigned i = 0; i < 100000; i++)
		buf_addf(&big, "%u\n", i);
	file(&f.im.blob[0], "a", "old");
	file(&f.im.blob[0], "empty", "");
	file(&f.im.blob[1], "a", "first");
	tar_add(&f.im.blob[1], '0', "big", NULL, 0600, big.ptr, big.len);
	tar_add(&f.im.blob[1], '1', "link", "big", 0600, NULL, 0);
	file(&f.im.blob[1], "a", "second");
	memory_image_seal(&f.im, 2, PLAIN);
	with.ctx = &f.all;
	OK(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, &with, &e));
	assert_true(starts_with(f.all.ptr, "old<a\n<empty\nfirst<a\n0\n1\n"));
	assert_true(ends_with(f.all.ptr, "99999\n<big\nsecond<a\n"));
	OK(rootfs_file(&f.r, rootfs_find(&f.r, "link"), add_to, &out, &e));
	assert_int_equal(out.len, big.len);
	assert_memory_equal(out.ptr, big.ptr, big.len);
	buf_reset(&out);
	OK(rootfs_file(&f.r, rootfs_find(&f.r, "a"), add_to, &out, &e));
	assert_string_equal(out.ptr, "second");
	finish(&f);
}

static void compress_blob(struct buf *b, enum codec c)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	struct codec_enc *enc = codec_enc_new(c, CODEC_FAST, add_to, &out);
	struct err e = ERR_INIT;

	OK(codec_enc_write(enc, b->ptr, b->len, &e));
	OK(codec_enc_finish(enc, &e));
	codec_enc_free(enc);
	buf_reset(b);
	buf_add(b, out.ptr, out.len);
}

/* A tar of @mb zeros in one file. */
static void zeros_file(struct buf *tar, size_t mb)
{
	CLEAN_FREE char *zeros = xcalloc(mb, 1u << 20);

	tar_add(tar, '0', "zeros", NULL, 0644, zeros, mb << 20);
	tar_end(tar);
}

static void compressed_layers_and_their_diff_ids(void **state)
{
	static const struct {
		enum codec codec;
		const char *media, *faults;
	} rows[] = {
		{ CODEC_GZIP, PLAIN "+gzip", "" },
		{ CODEC_ZSTD, PLAIN "+zstd", "" },
		{ CODEC_NONE, PLAIN, "" },
		{ CODEC_ZSTD, PLAIN "+gzip", "codec 0 -\n" },
		{ CODEC_GZIP, PLAIN, "codec 0 -\n" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err e = ERR_INIT;
		struct digest id;
		struct doc_config cfg = { .diff_ids = &id, .ndiff_ids = 1 };
		struct fixture f;

		start(&f);
		zeros_file(&f.im.blob[0], 3);
		OK(digest_of(f.im.blob[0].ptr, f.im.blob[0].len, &id, &e));
		compress_blob(&f.im.blob[0], rows[i].codec);
		OK(read_as(&f, 1, rows[i].media, &cfg, NULL, &e));
		assert_string_equal(f.faults.ptr, rows[i].faults);
		assert_string_equal(f.r.layers[0].diff_id.s, id.s);
		assert_int_equal(f.r.layers[0].codec, rows[i].codec);
		rootfs_release(&f.r);
		buf_reset(&f.faults);
		id.s[10] = id.s[10] == '0' ? '1' : '0';
		OK(read_as(&f, 1, rows[i].media, &cfg, NULL, &e));
		assert_true(ends_with(f.faults.ptr, "diff-id 0 -\n"));
		finish(&f);
	}
}

static void bombs(void **state)
{
	static const enum codec codecs[] = { CODEC_GZIP, CODEC_ZSTD, CODEC_NONE };
	const struct rootfs_limits limits = { .bytes = 4u << 20 };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(codecs); i++) {
		struct err e = ERR_INIT;
		struct fixture f;

		start(&f);
		zeros_file(&f.im.blob[0], 16);
		compress_blob(&f.im.blob[0], codecs[i]);
		assert_int_equal(read_as(&f, 1, PLAIN, NULL, &limits, &e), -1);
		assert_int_equal(e.code, ERR_LIMIT);
		assert_non_null(strstr(e.msg, ": limit exceeded: more than 4"));
		assert_true(starts_with(e.msg, "layer 1 (sha256:"));
		finish(&f);
	}
}

/* The limit is one for all layers, and what follows a tar's end counts, too. */
static void bombs_in_pieces(void **state)
{
	const struct rootfs_limits limits = { .bytes = 4u << 20 };
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	zeros_file(&f.im.blob[0], 3);
	zeros_file(&f.im.blob[1], 3);
	assert_int_equal(read_as(&f, 2, PLAIN, NULL, &limits, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_true(starts_with(e.msg, "layer 2 (sha256:"));
	finish(&f);
	start(&f);
	tar_end(&f.im.blob[0]);
	zeros_file(&f.im.blob[0], 8);
	compress_blob(&f.im.blob[0], CODEC_GZIP);
	assert_int_equal(read_as(&f, 1, PLAIN, NULL, &limits, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	finish(&f);
}

static void too_many_names(void **state)
{
	const struct rootfs_limits limits = { .entries = 10 };
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	file(&f.im.blob[0], "a/b/c/d/e/f/g/h/i/j/k", "x");
	assert_int_equal(read_as(&f, 1, PLAIN, NULL, &limits, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	assert_true(ends_with(e.msg, ": limit exceeded: more than 10 names"));
	finish(&f);
	/* nor as entries that leave no name */
	start(&f);
	for (int i = 0; i < 11; i++)
		file(&f.im.blob[0], "../x", "");
	assert_int_equal(read_as(&f, 1, PLAIN, NULL, &limits, &e), -1);
	assert_int_equal(e.code, ERR_LIMIT);
	finish(&f);
}

/* A pax header that says it has 1 GB of a name. */
static void a_pax_header_of_a_gigabyte(void **state)
{
	struct err e = ERR_INIT;
	struct fixture f;
	struct buf *t;

	(void)state;
	start(&f);
	t = &f.im.blob[0];
	tar_add(t, 'x', "x", NULL, 0644, "30 path=aaaaaaaaaaaaaaaaaaaaa\n", 30);
	memcpy(t->ptr + 124, "10000000000", 11);
	/* its checksum: the digits of 30 were 00000000036 */
	memset(t->ptr + 148, ' ', 8);
	{
		unsigned sum = 0;

		for (size_t i = 0; i < 512; i++)
			sum += (unsigned char)t->ptr[i];
		snprintf(t->ptr + 148, 8, "%06o", sum);
	}
	for (size_t i = 0; i < 4u << 20; i++)
		buf_addc(t, 'a');
	assert_int_equal(read_as(&f, 1, PLAIN, NULL, NULL, &e), -1);
	assert_true(e.code == ERR_LIMIT || e.code == ERR_FORMAT);
	assert_true(starts_with(e.msg, "layer 1 (sha256:"));
	finish(&f);
}

static void a_tar_without_its_end(void **state)
{
	struct fixture f;

	(void)state;
	start(&f);
	file(&f.im.blob[0], "a", "umoci insert ends here");
	f.im.blob[0].len = 512 + 22;
	shows(&f, 1, "a 0\n", "");
	assert_int_equal(f.r.layers[0].tar_size, 534);
	finish(&f);
}

static void damage(void **state)
{
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	zeros_file(&f.im.blob[0], 1);
	compress_blob(&f.im.blob[0], CODEC_GZIP);
	f.im.blob[0].len -= 9;
	assert_int_equal(read_as(&f, 1, PLAIN "+gzip", NULL, NULL, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_true(ends_with(e.msg, ": malformed gzip stream: it is cut short"));
	finish(&f);
	start(&f);
	zeros_file(&f.im.blob[0], 1);
	memory_image_seal(&f.im, 1, PLAIN);
	f.im.blob[0].ptr[2000] = 'x';
	assert_int_equal(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, NULL, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_true(ends_with(e.msg, " has other bytes than its digest says"));
	finish(&f);
}

/* What the hooks heard, a line each: "placed a/x 3", "whiteout 1 a". */
static void note_placed(void *ctx, const struct rootfs_node *n)
{
	buf_addf(ctx, "placed %s %u %llu%s\n", n->path, n->layer, (unsigned long long)n->size,
		 n->hardlink ? " link" : "");
}

static void note_whiteout(void *ctx, const struct rootfs_node *n, size_t layer)
{
	buf_addf(ctx, "whiteout %s %zu\n", n->path, layer);
}

static void what_is_placed_and_taken_away(void **state)
{
	struct rootfs_hooks hooks = { .placed = note_placed, .whiteout = note_whiteout };
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	hooks.ctx = &f.all;
	dir(&f.im.blob[0], "a");
	file(&f.im.blob[0], "a/x", "123");
	tar_add(&f.im.blob[0], '1', "a/hard", "a/x", 0644, NULL, 0);
	tar_add(&f.im.blob[0], '2', "a/soft", "x", 0777, NULL, 0);
	file(&f.im.blob[1], "a/x", "12345");
	file(&f.im.blob[1], "a/.wh.soft", "");
	file(&f.im.blob[1], ".wh.never", "");
	file(&f.im.blob[2], ".wh.a", "");
	memory_image_seal(&f.im, 3, PLAIN);
	OK(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, &hooks, &e));
	assert_string_equal(f.all.ptr, "placed a/x 0 3\nplaced a/hard 0 3 link\nplaced a/soft 0 0\nplaced a/x 1 5\n"
				       "whiteout a/soft 1\nwhiteout a 2\n");
	assert_int_equal(f.r.layers[0].files, 3);
	assert_int_equal(f.r.layers[0].file_bytes, 3);
	assert_int_equal(f.r.layers[1].files, 1);
	assert_int_equal(f.r.layers[1].file_bytes, 5);
	assert_int_equal(f.r.layers[2].files, 0);
	for (size_t i = 0; i < f.r.paths.len; i++)
		assert_int_equal(((struct rootfs_node *)f.r.paths.ptr[i].val)->number, i);
	finish(&f);
}

/* A file of random bytes, so that its layer is large however it is compressed: threads read it. */
static void noise_file(struct buf *tar, const char *name, size_t n)
{
	CLEAN_FREE unsigned char *bytes = xmalloc(n);
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525u + 1013904223u;
		bytes[i] = (unsigned char)(x >> 24);
	}
	tar_add(tar, '0', name, NULL, 0644, bytes, n);
}

static void large_layers(struct fixture *f)
{
	for (unsigned i = 0; i < 3; i++) {
		char name[32];

		dir(&f->im.blob[i], "d");
		snprintf(name, sizeof(name), "d/noise%u", i);
		noise_file(&f->im.blob[i], name, 700000 + i);
	}
	file(&f->im.blob[1], "d/.wh.noise0", "");
	file(&f->im.blob[2], "d/x", "second");
	file(&f->im.blob[2], "/abs", "");
	tar_add(&f->im.blob[2], '1', "d/link", "d/noise1", 0644, NULL, 0);
	for (unsigned i = 0; i < 3; i++) {
		tar_end(&f->im.blob[i]);
		compress_blob(&f->im.blob[i], CODEC_GZIP);
	}
}

/* The bytes of each file named d/noise1, whatever thread reads it. */
static int take_noise(void *ctx, size_t layer, uint32_t index, const struct unar_entry *e, struct unar *u,
		      struct err *err)
{
	struct fixture *f = ctx;
	const void *p;
	size_t n;
	int r;

	if (strcmp(e->path, "d/noise1") != 0)
		return 0;
	assert_int_equal(layer, 1);
	assert_int_equal(index, 1);
	while ((r = unar_data(u, &p, &n, err)) > 0)
		buf_add(&f->all, p, n);
	return r;
}

static void threads_read_the_same(void **state)
{
	CLEAN_BUF struct buf noise = BUF_INIT;
	struct rootfs_hooks hooks;
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	for (int threads = 0; threads < 2; threads++) {
		start(&f);
		large_layers(&f);
		memory_image_seal(&f.im, 3, PLAIN "+gzip");
		hooks = (struct rootfs_hooks){ .fault = note_fault, .ctx = &f.faults };
		hooks.want = threads ? NULL : want_none;
		OK(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, &hooks, &e));
		list(&f.r, &f.all);
		assert_string_equal(f.all.ptr, "d/ 2\nd/link 2\nd/noise1 1\nd/noise2 2\nd/x 2\n");
		assert_string_equal(f.faults.ptr, "bad-name 2 /abs\n");
		assert_int_equal(rootfs_find(&f.r, "d/link")->src_layer, 1);
		assert_int_equal(rootfs_find(&f.r, "d/link")->src_index, 1);
		assert_int_equal(rootfs_find(&f.r, "d/link")->size, 700001);
		assert_int_equal(f.r.layers[2].file_bytes, 700002 + strlen("second"));
		finish(&f);
	}
	start(&f);
	large_layers(&f);
	memory_image_seal(&f.im, 3, PLAIN "+gzip");
	hooks = (struct rootfs_hooks){ .bytes = take_noise, .ctx = &f };
	OK(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, &hooks, &e));
	noise_file(&noise, "d/noise1", 700001);
	assert_int_equal(f.all.len, 700001);
	assert_memory_equal(f.all.ptr, noise.ptr + 512, 700001);
	finish(&f);
}

/* A layer in the middle is damaged: what is before it is there, and how far it was read is known. */
static void threads_meet_damage(void **state)
{
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	large_layers(&f);
	f.im.blob[1].ptr[f.im.blob[1].len / 2] ^= 0x55;
	memory_image_seal(&f.im, 3, PLAIN "+gzip");
	assert_int_equal(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, NULL, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	assert_true(starts_with(e.msg, "layer 2 (sha256:"));
	assert_int_equal(f.r.nlayers, 2);
	assert_non_null(rootfs_find(&f.r, "d/noise0"));
	assert_int_equal(f.r.layers[0].file_bytes, 700000);
	assert_true(f.r.layers[1].size > 0);
	finish(&f);
}

static int refuse(void *ctx, enum rootfs_fault what, size_t layer, const char *path, const char *detail,
		  struct err *err)
{
	(void)ctx;
	(void)what;
	(void)layer;
	(void)detail;
	return err_set(err, ERR_VERIFY, "%s: not here", path);
}

static void a_hook_ends_it(void **state)
{
	const struct rootfs_hooks hooks = { .fault = refuse };
	struct err e = ERR_INIT;
	struct fixture f;

	(void)state;
	start(&f);
	file(&f.im.blob[0], "/x", "");
	memory_image_seal(&f.im, 1, PLAIN);
	assert_int_equal(rootfs_read(&f.r, &f.im.origin, &f.im.doc, NULL, NULL, &hooks, &e), -1);
	assert_int_equal(e.code, ERR_VERIFY);
	assert_true(ends_with(e.msg, "): /x: not here"));
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(upper_layers_win),
		cmocka_unit_test(whiteouts),
		cmocka_unit_test(a_directory_comes_back_empty),
		cmocka_unit_test(what_escapes),
		cmocka_unit_test(a_link_of_a_lower_layer_is_followed),
		cmocka_unit_test(resolving),
		cmocka_unit_test(bytes_of_files),
		cmocka_unit_test(compressed_layers_and_their_diff_ids),
		cmocka_unit_test(bombs),
		cmocka_unit_test(bombs_in_pieces),
		cmocka_unit_test(too_many_names),
		cmocka_unit_test(a_pax_header_of_a_gigabyte),
		cmocka_unit_test(a_tar_without_its_end),
		cmocka_unit_test(damage),
		cmocka_unit_test(what_is_placed_and_taken_away),
		cmocka_unit_test(threads_read_the_same),
		cmocka_unit_test(threads_meet_damage),
		cmocka_unit_test(a_hook_ends_it),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
