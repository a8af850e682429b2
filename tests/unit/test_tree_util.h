/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of src/archive share: a directory of their own, files, tools to read archives back with. */
#ifndef TEST_TREE_UTIL_H
#define TEST_TREE_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "archive/tree.h"
#include "base/buf.h"
#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

static char tmp_dir[64];

#define OK(x)                                                                                      \
	do {                                                                                       \
		if ((x) != 0)                                                                      \
			fail_msg("%s: %s", #x, e.msg);                                             \
	} while (0)
#define FAILS(x, c, text)                                                                          \
	do {                                                                                       \
		assert_int_equal(x, -1);                                                           \
		assert_string_equal(e.msg, text);                                                  \
		assert_int_equal(e.code, c);                                                       \
	} while (0)

/* A thread that interrupts its process when that is at work. */
static inline void *interrupt(void *ctx)
{
	(void)ctx;
	usleep(200000);
	kill(getpid(), SIGINT);
	return NULL;
}

static inline int enter_tmp(void **state)
{
	(void)state;
	snprintf(tmp_dir, sizeof(tmp_dir), "/tmp/slsc-test.XXXXXX");
	return mkdtemp(tmp_dir) && chdir(tmp_dir) == 0 ? 0 : -1;
}

static inline int leave_tmp(void **state)
{
	struct err e = ERR_INIT;

	(void)state;
	return chdir("/") < 0 ? -1 : fs_rmtree(tmp_dir, &e);
}

static inline void put_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	assert_true(fd >= 0);
	for (size_t done = 0; done < n;) {
		ssize_t w = write(fd, (const char *)p + done, n - done);

		assert_true(w > 0 || errno == EINTR);
		done += w > 0 ? (size_t)w : 0;
	}
	close(fd);
}

static inline void get_file(const char *path, struct buf *b)
{
	struct err e = ERR_INIT;

	OK(fs_read(path, UINT64_C(1) << 31, b, &e));
}

/* Text that deflates to about a third, the same for a seed everywhere. */
static inline void fill(char *p, size_t n, uint32_t seed)
{
	static const char *const words[] = { "mov ", "rax, ", "call ", "0x", "ret\n", "push ", "jmp ", "lea " };
	size_t i = 0;

	while (i < n) {
		const char *w;

		seed = seed * 1664525u + 1013904223u;
		w = words[seed >> 29];
		if ((seed >> 20 & 3) == 0)
			p[i++] = (char)(seed >> 12);
		for (; *w && i < n; w++)
			p[i++] = *w;
	}
}

/* Bytes that do not deflate. */
static inline void noise(uint8_t *p, size_t n)
{
	uint64_t x = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		p[i] = (uint8_t)(x >> 32);
	}
}

/* Run a tool that reads an archive; its output without the last newline. A tool that is absent fails the test. */
static inline char *run(const char *const *argv)
{
	struct err e = ERR_INIT;
	struct buf out = BUF_INIT;
	struct proc_opts o = { .out = &out, .errout = &out };
	int status;

	if (proc_run(argv, &o, &status, &e) < 0)
		fail_msg("%s: %s", argv[0], e.msg);
	if (status != 0)
		fail_msg("%s: exit code %d: %s", argv[0], status, out.ptr);
	while (out.len && out.ptr[out.len - 1] == '\n')
		out.ptr[--out.len] = '\0';
	return buf_detach(&out);
}

#define RUN(...) run((const char *const[]){ __VA_ARGS__, NULL })
#define RUN_OK(...) free(RUN(__VA_ARGS__))
#define RUN_IS(text, ...)                                                                          \
	do {                                                                                       \
		CLEAN_FREE char *out_ = RUN(__VA_ARGS__);                                          \
		assert_string_equal(out_, text);                                                   \
	} while (0)

#endif
