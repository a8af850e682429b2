/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/codec.h"
#include "archive/unarchive.h"
#include "archive/zip.h"
#include "base/buf.h"
#include "base/mem.h"
#include "os/fs.h"

/* An archive in memory; then @more bytes of 'x', or of the pattern @text over and over. */
struct mem {
	const char *ptr;
	size_t len, at, step;
	uint64_t more;
	char *block;
	const char *text;
};

static ssize_t mem_read(void *ctx, const void **p, struct err *err)
{
	struct mem *m = ctx;
	size_t n = m->step && m->step < m->len - m->at ? m->step : m->len - m->at;

	(void)err;
	if (n) {
		*p = m->ptr + m->at;
		m->at += n;
		return (ssize_t)n;
	}
	n = m->more < 65536 ? (size_t)m->more : 65536;
	if (!m->block) {
		m->block = xmalloc(65536);
		for (size_t i = 0; i < 65536; i++)
			m->block[i] = m->text ? m->text[i % strlen(m->text)] : 'x';
	}
	m->more -= n;
	*p = m->block;
	return (ssize_t)n;
}

/* A ustar header (POSIX pax) of @size bytes of data, which the caller adds. */
static void header(struct buf *b, const char *name, char type, uint64_t size, const char *target)
{
	char h[512] = "";
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	snprintf(h + 100, 8, "%07o", type == '5' ? 0755u : 04644u);
	snprintf(h + 108, 8, "%07o", 65532u);
	snprintf(h + 116, 8, "%07o", 5u);
	snprintf(h + 124, 12, "%011llo", (unsigned long long)size);
	snprintf(h + 136, 12, "%011o", 1000000000u);
	h[156] = type;
	snprintf(h + 157, 100, "%s", target);
	memcpy(h + 257, "ustar\0" "00", 8);
	memset(h + 148, ' ', 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 7, "%06o", sum);
	buf_add(b, h, 512);
}

static void data(struct buf *b, const void *p, size_t n)
{
	static const char pad[512];

	buf_add(b, p, n);
	buf_add(b, pad, (512 - n % 512) % 512);
}

static void end(struct buf *b)
{
	static const char zero[1024];

	buf_add(b, zero, sizeof(zero));
}

static int sink(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void compress(const struct buf *in, enum codec c, struct buf *out)
{
	struct codec_enc *e = codec_enc_new(c, CODEC_FAST, sink, out);
	struct err err;

	assert_int_equal(codec_enc_write(e, in->ptr, in->len, &err), 0);
	assert_int_equal(codec_enc_finish(e, &err), 0);
	codec_enc_free(e);
}

/* All there is, one line an entry; ends with the error's message, if there is one. */
static void show(enum unar_format format, unar_read_fn read, void *ctx, const struct unar_limits *limits,
		 struct buf *out, struct err *err)
{
	struct unar *u;
	struct unar_entry e;
	const void *p;
	size_t n;
	int ret;

	*err = (struct err)ERR_INIT;
	u = unar_open(format, "a", read, ctx, limits, err);
	if (!u) {
		buf_addf(out, "open: %s\n", err->msg);
		return;
	}
	while ((ret = unar_next(u, &e, err)) > 0) {
		uint64_t size = 0;

		buf_addf(out, "%d '%s' %o %u:%u %lld %llu", e.type, e.path, (unsigned)e.mode, e.uid, e.gid,
			 (long long)e.mtime, (unsigned long long)e.size);
		if (e.target)
			buf_addf(out, " -> '%s'", e.target);
		if (strcmp(e.path, "skipped") == 0) {
			buf_addc(out, '\n');
			continue;
		}
		while ((ret = unar_data(u, &p, &n, err)) > 0) {
			if (n && size < 20)
				buf_addf(out, "%s%.*s", size ? "" : " ", n > 20 ? 20 : (int)n, (const char *)p);
			size += n;
		}
		buf_addc(out, '\n');
		if (ret < 0)
			break;
		assert_int_equal(size, e.type == UNAR_FILE ? e.size : size);
	}
	if (ret < 0)
		buf_addf(out, "error: %s\n", err->msg);
	unar_free(u);
}

static void gives(const struct buf *b, enum unar_format format, const struct unar_limits *limits, const char *want)
{
	static const size_t steps[] = { 0, 1, 511, 513 };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct mem m = { .ptr = b->ptr, .len = b->len, .step = steps[i] };
		CLEAN_BUF struct buf out = BUF_INIT;
		struct err err;

		show(format, mem_read, &m, limits, &out, &err);
		free(m.block);
		assert_string_equal(out.ptr, want);
	}
}

static const char pax[] = "27 path=d/\xc3\xa4\xc3\xa9\xe4\xb8\xad-pax/file\n"
			  "18 linkpath=to/\xc3\xa4\n30 mtime=1234567890.123456789\n";

static void make(struct buf *b)
{
	header(b, "./", '5', 0, "");
	header(b, "./d/", '5', 0, "");
	header(b, "d/f", '0', 5, "");
	data(b, "hello", 5);
	header(b, "skipped", '0', 700, "");
	for (int i = 0; i < 2; i++)
		data(b, "x", 1);
	header(b, "d/s", '2', 0, "../../etc/passwd");
	header(b, "d/h", '1', 0, "./d/f");
	header(b, "../up", '0', 0, "");
	header(b, "/abs", '0', 0, "");
	header(b, "dev", '3', 0, "");
	header(b, "fifo", '6', 0, "");
	header(b, "d/f", '0', 3, "");
	data(b, "two", 3);
}

#define MADE                                                                     \
	"1 '' 755 65532:5 1000000000 0\n1 'd' 755 65532:5 1000000000 0\n"        \
	"0 'd/f' 4644 65532:5 1000000000 5 hello\n"                              \
	"0 'skipped' 4644 65532:5 1000000000 700\n"                              \
	"2 'd/s' 4644 65532:5 1000000000 0 -> '../../etc/passwd'\n"              \
	"3 'd/h' 4644 65532:5 1000000000 0 -> './d/f'\n"                         \
	"0 '../up' 4644 65532:5 1000000000 0\n0 '/abs' 4644 65532:5 1000000000 0\n" \
	"4 'dev' 4644 65532:5 1000000000 0\n6 'fifo' 4644 65532:5 1000000000 0\n" \
	"0 'd/f' 4644 65532:5 1000000000 3 two\n"

static void test_tar(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, gz = BUF_INIT, zst = BUF_INIT, two = BUF_INIT, none = BUF_INIT;

	(void)state;
	make(&b);
	gives(&b, UNAR_TAR, NULL, MADE);	/* no end mark: as good as one */
	end(&b);
	gives(&b, UNAR_TAR, NULL, MADE);
	compress(&b, CODEC_GZIP, &gz);
	gives(&gz, UNAR_TAR, NULL, MADE);
	compress(&b, CODEC_ZSTD, &zst);
	gives(&zst, UNAR_TAR, NULL, MADE);
	/* several members, as our own layers have */
	{
		const struct buf head = { .ptr = b.ptr, .len = 1000 };
		const struct buf tail = { .ptr = b.ptr + 1000, .len = b.len - 1000 };

		compress(&head, CODEC_GZIP, &two);
		compress(&tail, CODEC_GZIP, &two);
		gives(&two, UNAR_TAR, NULL, MADE);
		buf_reset(&two);
		compress(&head, CODEC_ZSTD, &two);
		compress(&tail, CODEC_ZSTD, &two);
		gives(&two, UNAR_TAR, NULL, MADE);
	}
	/* what stands behind the end is nobody's */
	buf_addz(&b, "garbage that is no header");
	header(&b, "late", '0', 0, "");
	gives(&b, UNAR_TAR, NULL, MADE);
	gives(&none, UNAR_TAR, NULL, "");
}

static void test_pax(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	header(&b, "PaxHeaders/x", 'x', sizeof(pax) - 1, "");
	data(&b, pax, sizeof(pax) - 1);
	header(&b, "x", '2', 0, "y");
	end(&b);
	gives(&b, UNAR_TAR, NULL,
	      "2 'd/\xc3\xa4\xc3\xa9\xe4\xb8\xad-pax/file' 4644 65532:5 1234567890 0 -> 'to/\xc3\xa4'\n");
	/* a record of a wrong length, and a name that is not UTF-8: not quietly ignored */
	buf_reset(&b);
	header(&b, "PaxHeaders/x", 'x', 9, "");
	data(&b, "99 path=a", 9);
	header(&b, "x", '0', 0, "");
	gives(&b, UNAR_TAR, NULL, "error: a: Ignoring malformed pax extended attribute\n");
	buf_reset(&b);
	header(&b, "PaxHeaders/x", 'x', 11, "");
	data(&b, "11 path=a\xff\n", 11);
	header(&b, "x", '0', 0, "");
	gives(&b, UNAR_TAR, NULL, "error: a: Pathname can't be converted from UTF-8 to current locale.\n");
}

static void test_damaged(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, gz = BUF_INIT, text = BUF_INIT;

	(void)state;
	header(&b, "f", '0', 5, "");
	data(&b, "hello", 5);
	b.len -= 510;
	gives(&b, UNAR_TAR, NULL, "0 'f' 4644 65532:5 1000000000 5 he\nerror: a: Truncated tar archive\n");
	b.len = 300;
	gives(&b, UNAR_TAR, NULL, "open: a: Unrecognized archive format\n");
	buf_reset(&b);
	make(&b);
	b.ptr[512 * 2 + 3]++;
	gives(&b, UNAR_TAR, NULL,
	      "1 '' 755 65532:5 1000000000 0\n1 'd' 755 65532:5 1000000000 0\nerror: a: Damaged tar archive\n");
	b.ptr[512 * 2 + 3]--;
	compress(&b, CODEC_GZIP, &gz);
	gz.len /= 2;
	gives(&gz, UNAR_TAR, NULL, "open: a: truncated gzip input\n");
	buf_addz(&text, "<html>this is no archive at all</html>");
	gives(&text, UNAR_TAR, NULL, "open: a: Unrecognized archive format\n");
	gives(&text, UNAR_AR, NULL, "open: a: Unrecognized archive format\n");
	gives(&text, UNAR_ZIP, NULL, "open: a: Unrecognized archive format\n");
}

static void test_limits(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, bomb = BUF_INIT, zeros = BUF_INIT;

	(void)state;
	header(&b, "a", '0', 0, "");
	header(&b, "b", '0', 0, "");
	end(&b);
	gives(&b, UNAR_TAR, &(struct unar_limits){ .entries = 1 },
	      "0 'a' 4644 65532:5 1000000000 0\nerror: a: limit exceeded: more than 1 entries\n");
	gives(&b, UNAR_TAR, &(struct unar_limits){ .entries = 2 },
	      "0 'a' 4644 65532:5 1000000000 0\n0 'b' 4644 65532:5 1000000000 0\n");
	/* a size that no archive has */
	buf_reset(&b);
	header(&b, "a", '0', UINT64_C(8) << 30, "");
	gives(&b, UNAR_TAR, &(struct unar_limits){ .bytes = 1u << 20 },
	      "error: a: limit exceeded: more than 1048576 bytes when unpacked\n");
	/* bombs: small files without end, or one large one */
	buf_reserve(&zeros, 64u << 20);
	memset(zeros.ptr, 0, 64u << 20);
	zeros.len = 64u << 20;
	buf_reset(&b);
	header(&b, "a", '0', 1u << 20, "");
	buf_add(&b, zeros.ptr, 1u << 20);
	header(&b, "b", '0', zeros.len, "");
	buf_adds(&b, buf_str(&zeros));
	for (int c = CODEC_GZIP; c <= CODEC_ZSTD; c++) {
		buf_reset(&bomb);
		compress(&b, (enum codec)c, &bomb);
		assert_true(bomb.len < 1u << 20);
		gives(&bomb, UNAR_TAR, &(struct unar_limits){ .bytes = 512 },
		      "open: a: limit exceeded: more than 512 bytes when unpacked\n");
	}
}

/* Runs in a process of its own: what it takes at most, KiB. */
static long rss_of(const struct buf *head, const char *text, const char *want)
{
	pid_t pid = fork();
	struct rusage ru;
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		struct mem m = { .ptr = head->ptr, .len = head->len, .more = UINT64_C(1) << 30, .text = text };
		struct buf out = BUF_INIT;
		struct err err;

		show(UNAR_TAR, mem_read, &m, NULL, &out, &err);
		if (strcmp(out.ptr, want) != 0)
			fprintf(stderr, "got: %s", out.ptr);
		_exit(strcmp(out.ptr, want) != 0);
	}
	assert_int_equal(wait4(pid, &status, 0, &ru), pid);
	assert_int_equal(status, 0);
	return ru.ru_maxrss;
}

/* A header that announces 1 GiB, and a sparse map without end, which libarchive itself would read to its end. */
static void test_headers(void **state)
{
	static const char types[] = "xgLK";
	static const char sparse[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n22 GNU.sparse.name=sp\n"
				     "31 GNU.sparse.realsize=1000000\n";
	CLEAN_BUF struct buf b = BUF_INIT;
	struct rusage now;

	(void)state;
	assert_int_equal(getrusage(RUSAGE_SELF, &now), 0);
	for (size_t i = 0; i < sizeof(types) - 1; i++) {
		buf_reset(&b);
		header(&b, "f", '0', 0, "");
		header(&b, "PaxHeaders/f", types[i], 1u << 30, "");
		assert_true(rss_of(&b, NULL, "0 'f' 4644 65532:5 1000000000 0\nerror: a: Special header too large\n") <
			    now.ru_maxrss + 64 * 1024);
	}
	buf_reset(&b);
	header(&b, "PaxHeaders/f", 'x', sizeof(sparse) - 1, "");
	data(&b, sparse, sizeof(sparse) - 1);
	header(&b, "f", '0', 1u << 30, "");
	buf_addz(&b, "100000000\n");
	assert_true(rss_of(&b, "0\n1\n", "error: a: limit exceeded: a header of more than 1048576 bytes\n") <
		    now.ru_maxrss + 128 * 1024);
}

static void test_sparse(void **state)
{
	static const char sparse[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n22 GNU.sparse.name=sp\n"
				     "31 GNU.sparse.realsize=1000000\n";
	static const char map[] = "2\n70000\n3\n1000000\n0\n";
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	header(&b, "PaxHeaders/f", 'x', sizeof(sparse) - 1, "");
	data(&b, sparse, sizeof(sparse) - 1);
	header(&b, "f", '0', 515, "");
	data(&b, map, sizeof(map) - 1);
	data(&b, "abc", 3);
	end(&b);
	/* the holes are zeros, before and behind */
	gives(&b, UNAR_TAR, NULL, "0 'sp' 4644 65532:5 1000000000 1000000 \n");
	gives(&b, UNAR_TAR, &(struct unar_limits){ .bytes = 1000001 },
	      "0 'sp' 4644 65532:5 1000000000 1000000 \nerror: a: limit exceeded: more than 1000001 bytes when "
	      "unpacked\n");
}

static void test_ar(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	buf_addz(&b, "!<arch>\n"
		     "debian-binary   1700000000  0     0     100644  4         `\n2.0\n"
		     "control.tar/    1700000000  0     0     100644  3         `\nabc\n");
	gives(&b, UNAR_AR, NULL,
	      "0 'debian-binary' 644 0:0 1700000000 4 2.0\n\n0 'control.tar' 644 0:0 1700000000 3 abc\n");
}

/* 1 GiB of names that are never there: not allocated. */
static void test_ar_names(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	buf_addz(&b, "!<arch>\n"
		     "odd/            1700000000  0     0     100644  3         `\nabc\n"
		     "//                                              1073741824`\nx");
	for (size_t step = 0; step < 70; step++) {
		struct mem m = { .ptr = b.ptr, .len = b.len, .step = step };
		CLEAN_BUF struct buf out = BUF_INIT;
		struct err err;

		show(UNAR_AR, mem_read, &m, NULL, &out, &err);
		free(m.block);
		assert_string_equal(err.msg, "a: limit exceeded: a table of names of more than 1048576 bytes");
		assert_int_equal(err.code, ERR_LIMIT);
	}
}

static void test_zip(void **state)
{
	CLEAN_TREE struct tree t = TREE_INIT;
	CLEAN_BUF struct buf out = BUF_INIT;
	char path[] = "/tmp/test_unarchive.XXXXXX";
	struct unar_file f;
	struct err err;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(tree_add_data(&t, "d/run", "0123456789", 10, 0755, 0, 0, &err), 0);
	assert_int_equal(tree_add_link(&t, "l", "d/run", &err), 0);
	assert_int_equal(tree_finish(&t, &err), 0);
	assert_int_equal(zip_write(&t, path, ZIP_DEFAULT, 1000000000, NULL, &err), 0);
	assert_int_equal(unar_file_open(&f, path, &err), 0);
	show(UNAR_ZIP, unar_file_read, &f, NULL, &out, &err);
	unar_file_close(&f);
	assert_string_equal(out.ptr, "1 'd' 755 0:0 1000000000 0\n0 'd/run' 755 0:0 1000000000 10 0123456789\n"
				     "2 'l' 777 0:0 1000000000 0 -> 'd/run'\n");
	buf_reset(&out);
	assert_int_equal(unar_file_open(&f, path, &err), 0);
	show(UNAR_ZIP, unar_file_read, &f, &(struct unar_limits){ .bytes = 9 }, &out, &err);
	unar_file_close(&f);
	assert_string_equal(out.ptr, "1 'd' 755 0:0 1000000000 0\n"
				     "error: a: limit exceeded: more than 9 bytes when unpacked\n");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(unar_file_open(&f, path, &err), -1);
	unar_file_close(&f);
}

static ssize_t broken(void *ctx, const void **p, struct err *err)
{
	int *left = ctx;

	if ((*left)-- > 0) {
		static struct buf b = BUF_INIT;

		buf_reset(&b);
		header(&b, "f", '0', 0, "");
		*p = b.ptr;
		return (ssize_t)b.len;
	}
	return err_set(err, ERR_NOTFOUND, "the wire is cut");
}

static void test_source_fails(void **state)
{
	CLEAN_BUF struct buf out = BUF_INIT;
	int left = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_null(unar_open(UNAR_TAR, "a", broken, &left, NULL, &err));
	assert_string_equal(err.msg, "the wire is cut");
	assert_int_equal(err.code, ERR_NOTFOUND);
	left = 2;
	show(UNAR_TAR, broken, &left, NULL, &out, &err);
	assert_string_equal(out.ptr, "0 'f' 4644 65532:5 1000000000 0\n0 'f' 4644 65532:5 1000000000 0\n"
				     "error: the wire is cut\n");
	assert_int_equal(err.code, ERR_NOTFOUND);
}

static void test_escapes(void **state)
{
	(void)state;
	assert_true(unar_path_escapes("/a"));
	assert_true(unar_path_escapes(".."));
	assert_true(unar_path_escapes("a/../b"));
	assert_true(unar_path_escapes("a/.."));
	assert_false(unar_path_escapes("a/..b/c../..."));
	assert_false(unar_path_escapes(""));
}

static void test_long(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT, name = BUF_INIT;

	(void)state;
	while (name.len < 4096)
		buf_addz(&name, "0123456789abcde/");
	header(&b, "././@LongLink", 'L', name.len, "");
	data(&b, name.ptr, name.len);
	header(&b, "x", '0', 0, "");
	gives(&b, UNAR_TAR, NULL, "error: a: limit exceeded: a path of more than 4095 bytes\n");
	buf_reset(&b);
	header(&b, "././@LongLink", 'K', name.len, "");
	data(&b, name.ptr, name.len);
	header(&b, "x", '2', 0, "y");
	gives(&b, UNAR_TAR, NULL, "error: a: limit exceeded: a link's target of more than 4095 bytes\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tar),    cmocka_unit_test(test_pax),
		cmocka_unit_test(test_damaged), cmocka_unit_test(test_limits),
		cmocka_unit_test(test_headers), cmocka_unit_test(test_sparse),
		cmocka_unit_test(test_ar),     cmocka_unit_test(test_zip),
		cmocka_unit_test(test_source_fails), cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_long),	cmocka_unit_test(test_ar_names),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
