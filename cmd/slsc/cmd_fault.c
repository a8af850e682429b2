/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "commands.h"

#define STEP ((uint64_t)1 << 20)
#define PAGE 4096u

/* Waits for its end, which undoes what it did. */
static void stay(void) __attribute__((noreturn));
static void stay(void)
{
	for (;;)
		pause();
}

static void burn(void) __attribute__((noreturn));
static void burn(void)
{
	for (volatile unsigned n = 0;; n++)
		;
}

/* In one go for each piece, not a fault for each page: its instance's share of a CPU may be a small one. */
static void take_memory(uint64_t bytes)
{
	for (uint64_t got = 0; got < bytes; got += STEP)
		if (mmap(NULL, STEP, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0) ==
		    MAP_FAILED)
			return;
}

/* A file without a name: it is gone with its process. What others free is taken, too, soon after. */
static int fill_tmp(struct err *err)
{
	const struct timespec soon = { .tv_nsec = 2000000 };
	const int fd = open("/tmp", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	off_t at = 0;

	if (fd < 0)
		return err_sys(err, "cannot fill /tmp");
	for (;;) {
		for (off_t n = (off_t)STEP; n >= PAGE;) {
			if (fallocate(fd, 0, at, n) < 0)
				n /= 2;
			else
				at += n;
		}
		nanosleep(&soon, NULL);
	}
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	uint64_t bytes;

	(void)ctx;
	(void)g;
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (argc != 2 || str_parse_u64(str_from(argv[1]), &bytes) < 0)
		return err_set(err, ERR_USAGE, "_fault is for slsc chaos: cpu|memory|tmp BYTES");
	if (strcmp(argv[0], "cpu") == 0)
		burn();
	if (strcmp(argv[0], "tmp") == 0)
		return fill_tmp(err);
	take_memory(bytes);
	stay();
}

const struct cmd cmd_fault = {
	.name = "_fault",
	.args = "WHAT BYTES",
	.summary = "Use up what an instance has, until it is ended",
	.flags = CMD_HIDDEN,
	.run = run,
};
