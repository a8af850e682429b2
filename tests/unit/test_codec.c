/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: pthread_create */
#include "test_tree_util.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "archive/codec.h"

int __real_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);
int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg);

static unsigned threads_left = 100, threads_made;

int __wrap_pthread_create(pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *arg)
{
	if (!threads_left)
		return EAGAIN;
	threads_left--;
	threads_made++;
	return __real_pthread_create(t, a, f, arg);
}

static int to_buf(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void encode(enum codec c, enum codec_level level, const char *p, size_t n, size_t step, bool hint,
		   struct buf *out)
{
	struct codec_enc *x;
	struct err e = ERR_INIT;

	buf_reset(out);
	x = codec_enc_new(c, level, to_buf, out);
	if (hint)
		codec_enc_hint(x, n);
	for (size_t i = 0; i < n; i += step)
		OK(codec_enc_write(x, p + i, n - i < step ? n - i : step, &e));
	OK(codec_enc_finish(x, &e));
	codec_enc_free(x);
}

static void exact_bytes(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	(void)state;
	encode(CODEC_NONE, CODEC_DEFAULT, "hello\n", 6, 6, true, &b);
	assert_string_equal(b.ptr, "hello\n");
	/* RFC 1952, 2.3: no flags, no time, unknown system; a stored block; CRC-32 and length. */
	encode(CODEC_GZIP, CODEC_DEFAULT, "hello\n", 6, 6, true, &b);
	assert_int_equal(b.len, 29);
	assert_memory_equal(b.ptr, "\x1f\x8b\x08\0\0\0\0\0\0\xff\1\6\0\xf9\xffhello\n\x20\x30\x3a\x36\6\0\0\0", 29);
	encode(CODEC_GZIP, CODEC_MAX, "", 0, 1, true, &b);
	assert_int_equal(b.len, 23);
	assert_memory_equal(b.ptr, "\x1f\x8b\x08\0\0\0\0\0\2\xff\1\0\0\xff\xff\0\0\0\0\0\0\0\0", 23);
	/* RFC 8878, 3.1.1: checksum, single segment, 6 bytes; a raw last block. */
	encode(CODEC_ZSTD, CODEC_DEFAULT, "hello\n", 6, 6, true, &b);
	assert_int_equal(b.len, 19);
	assert_memory_equal(b.ptr, "\x28\xb5\x2f\xfd\x24\6\x31\0\0hello\n", 15);
}

static void names_and_versions(void **state)
{
	(void)state;
	assert_string_equal(codec_name(CODEC_NONE), "none");
	assert_string_equal(codec_name(CODEC_GZIP), "gzip");
	assert_string_equal(codec_name(CODEC_ZSTD), "zstd");
	assert_string_equal(codec_version(CODEC_NONE), "");
	assert_true(strncmp(codec_version(CODEC_GZIP), "libdeflate 1.", 13) == 0);
	assert_true(strncmp(codec_version(CODEC_ZSTD), "zstd 1.", 7) == 0);
}

/* Around the chunk sizes, read back by others; the same bytes whatever the threads, the writes and the hint. */
static void read_back(void **state)
{
	static const size_t sizes[] = { 1, 65537, 262144, 1048576, 1048577, 4194304, 4194305, 9500000 };
	const size_t most = 9500000;
	CLEAN_FREE char *text = xmalloc(most);

	(void)state;
	fill(text, most, 7);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t n = sizes[i];

		put_file("plain", text, n);
		for (int c = CODEC_GZIP; c <= CODEC_ZSTD; c++) {
			for (int level = CODEC_FAST; level <= CODEC_MAX; level++) {
				CLEAN_BUF struct buf a = BUF_INIT, b = BUF_INIT;

				if (level == CODEC_MAX && n > 262144)
					continue;
				encode((enum codec)c, (enum codec_level)level, text, n, most, false, &a);
				put_file("packed", a.ptr, a.len);
				if (c == CODEC_GZIP)
					RUN_OK("sh", "-c", "gzip -t < packed && gzip -dc < packed | cmp - plain && "
							   "bsdcat packed | cmp - plain && python3 -c '"
							   "import gzip, sys; sys.exit(gzip.open(\"packed\").read() != "
							   "open(\"plain\", \"rb\").read())'");
				else
					RUN_OK("sh", "-c", "zstd -tq packed && zstd -dcq < packed | cmp - plain && "
							   "bsdcat packed | cmp - plain");
				encode((enum codec)c, (enum codec_level)level, text, n, 70001, true, &b);
				assert_int_equal(a.len, b.len);
				assert_memory_equal(a.ptr, b.ptr, a.len);
				threads_left = 0;
				encode((enum codec)c, (enum codec_level)level, text, n, 999983, false, &b);
				threads_left = 100;
				assert_int_equal(a.len, b.len);
				assert_memory_equal(a.ptr, b.ptr, a.len);
			}
		}
	}
}

static void small_streams_start_no_thread(void **state)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	CLEAN_FREE char *text = xmalloc(3000000);

	(void)state;
	fill(text, 3000000, 8);
	threads_made = 0;
	encode(CODEC_GZIP, CODEC_DEFAULT, text, 262144, 5000, false, &b);
	encode(CODEC_ZSTD, CODEC_DEFAULT, text, 262144, 5000, false, &b);
	assert_int_equal(threads_made, 0);
	encode(CODEC_GZIP, CODEC_DEFAULT, text, 3000000, 5000, false, &b);
	assert_int_equal(threads_made, 2);
}

static void a_wrong_hint_changes_nothing(void **state)
{
	static const uint64_t hints[] = { 0, 1, 700000, UINT64_MAX };
	CLEAN_FREE char *text = xmalloc(2500000);
	CLEAN_BUF struct buf a = BUF_INIT;
	struct err e = ERR_INIT;

	(void)state;
	fill(text, 2500000, 9);
	encode(CODEC_GZIP, CODEC_FAST, text, 2500000, 2500000, false, &a);
	for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
		CLEAN_BUF struct buf b = BUF_INIT;
		struct codec_enc *x = codec_enc_new(CODEC_GZIP, CODEC_FAST, to_buf, &b);

		codec_enc_hint(x, hints[i]);
		OK(codec_enc_write(x, text, 2500000, &e));
		OK(codec_enc_finish(x, &e));
		codec_enc_free(x);
		assert_int_equal(a.len, b.len);
		assert_memory_equal(a.ptr, b.ptr, a.len);
	}
}

static int full(void *ctx, const void *p, size_t n, struct err *err)
{
	unsigned *calls = ctx;

	(void)p;
	(void)n;
	if ((*calls)++ < 2)
		return 0;
	errno = ENOSPC;
	return err_sys(err, "cannot write blob");
}

/* The sink's error comes through, and an encoder may be dropped at any point, its threads at work. */
static void a_sink_that_fails(void **state)
{
	CLEAN_FREE char *text = xmalloc(20000000);
	struct err e = ERR_INIT;

	(void)state;
	fill(text, 20000000, 10);
	for (int c = CODEC_NONE; c <= CODEC_ZSTD; c++) {
		unsigned calls = 0;
		struct codec_enc *x = codec_enc_new((enum codec)c, CODEC_FAST, full, &calls);
		int r = 0;

		for (size_t i = 0; i < 20 && r == 0; i++)
			r = codec_enc_write(x, text + i * 1000000, 1000000, &e);
		if (r == 0)
			r = codec_enc_finish(x, &e);
		FAILS(r, ERR_IO, "cannot write blob: No space left on device");
		codec_enc_free(x);
	}
	for (size_t n = 0; n < 20000000; n = n * 3 + 1) {
		CLEAN_BUF struct buf b = BUF_INIT;
		struct codec_enc *x = codec_enc_new(CODEC_GZIP, CODEC_DEFAULT, to_buf, &b);

		OK(codec_enc_write(x, text, n, &e));
		codec_enc_free(x);
	}
	codec_enc_free(NULL);
}

static void an_interrupt(void **state)
{
	const size_t n = (size_t)40 << 20;
	CLEAN_FREE char *text = xmalloc(n);
	int status;

	(void)state;
	fill(text, n, 11);
	for (int c = CODEC_GZIP; c <= CODEC_ZSTD; c++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			CLEAN_BUF struct buf b = BUF_INIT;
			struct codec_enc *x = codec_enc_new((enum codec)c, CODEC_MAX, to_buf, &b);
			struct timespec from, to;
			struct err e = ERR_INIT;
			pthread_t thread;
			bool ok;

			sig_install();
			if (__real_pthread_create(&thread, NULL, interrupt, NULL) != 0)
				_exit(1);
			clock_gettime(CLOCK_MONOTONIC, &from);
			ok = (codec_enc_write(x, text, n, &e) < 0 || codec_enc_finish(x, &e) < 0) && e.code == ERR_INTR;
			codec_enc_free(x);
			clock_gettime(CLOCK_MONOTONIC, &to);
			pthread_join(thread, NULL);
			_exit(ok && to.tv_sec - from.tv_sec < 2 ? 0 : 1);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exact_bytes),
		cmocka_unit_test(names_and_versions),
		cmocka_unit_test(read_back),
		cmocka_unit_test(small_streams_start_no_thread),
		cmocka_unit_test(a_wrong_hint_changes_nothing),
		cmocka_unit_test(a_sink_that_fails),
		cmocka_unit_test(an_interrupt),
	};

	return cmocka_run_group_tests(tests, enter_tmp, leave_tmp);
}
