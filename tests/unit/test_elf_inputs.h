/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_ELF_INPUTS_H
#define SLSC_TEST_ELF_INPUTS_H

/* Real ELF files, made by the installed compilers in a directory of the test's own. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <elf.h>

#include "base/buf.h"
#include "elf/elf.h"
#include "os/fs.h"
#include "os/proc.h"

/* clang + lld + musl, as the default toolchain links; the objects and flags come after it */
#define MUSL_LLD                                                                                   \
	"clang --target=x86_64-linux-musl -fuse-ld=lld -static -nostdlibinc "                      \
	"-isystem /usr/include/x86_64-linux-musl -nostdlib -L/usr/lib/x86_64-linux-musl "          \
	"/usr/lib/x86_64-linux-musl/crt1.o /usr/lib/x86_64-linux-musl/crti.o "                     \
	"/usr/lib/x86_64-linux-musl/crtn.o "
#define MUSL_LIBS " -lc $(gcc -print-libgcc-file-name) "
/* without a C library: small enough to be tried with each of its bytes changed */
#define BARE_X86 "clang --target=x86_64-linux-gnu -fuse-ld=lld -static -nostdlib "
#define BARE_ARM "clang --target=aarch64-linux-gnu -fuse-ld=lld -static -nostdlib "

static char test_dir[] = "/tmp/slsc-elf.XXXXXX";

static void put_file(const char *path, const void *p, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0755);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, n), n);
	close(fd);
}

static inline void put_text(const char *path, const char *text)
{
	put_file(path, text, strlen(text));
}

static inline void get_file(const char *path, struct buf *out)
{
	struct err err;

	if (fs_read(path, UINT64_C(1) << 30, out, &err) < 0)
		fail_msg("%s", err.msg);
}

/* Runs @cmd, whose output goes to @out unless that is NULL; returns its exit code. */
static int sh_status(const char *cmd, struct buf *out)
{
	const char *argv[] = { "sh", "-c", cmd, NULL };
	struct proc_opts opts = { .out = out, .errout = out, .limit = 16 << 20, .null_stdin = true };
	struct err err;
	int status;

	if (proc_run(argv, &opts, &status, &err) < 0)
		fail_msg("%s", err.msg);
	return status;
}

static void sh(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void sh(const char *fmt, ...)
{
	CLEAN_BUF struct buf cmd = BUF_INIT, out = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&cmd, fmt, ap);
	va_end(ap);
	if (sh_status(cmd.ptr, &out))
		fail_msg("%s\n%s", cmd.ptr, out.ptr);
}

static int inputs_setup(void **state)
{
	static const struct {
		const char *tool, *package;
	} tools[] = {
		{ "clang", "clang" },
		{ "ld.lld", "lld" },
		{ "llvm-strip", "llvm" },
		{ "musl-gcc", "musl-tools" },
		{ "gcc", "gcc" },
		{ "aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu" },
		{ "qemu-aarch64-static", "qemu-user-static" },
		{ "eu-unstrip", "elfutils" },
		{ "gdb", "gdb" },
		{ "readelf", "binutils" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		CLEAN_FREE char *path = proc_which(tools[i].tool);

		if (!path) {
			fprintf(stderr, "%s is missing: apt-get install %s\n", tools[i].tool,
				tools[i].package);
			return -1;
		}
	}
	if (!mkdtemp(test_dir) || chdir(test_dir) < 0)
		return -1;
	put_text("hello.c", "#include <stdio.h>\n"
			    "int main(void)\n"
			    "{\n"
			    "\tputs(\"hello\");\n"
			    "\treturn 0;\n"
			    "}\n");
	/* exits with 7 */
	put_text("bare.c", "__attribute__((noreturn)) void _start(void)\n"
			   "{\n"
			   "#ifdef __x86_64__\n"
			   "\t__asm__(\"mov $60, %eax; mov $7, %edi; syscall\");\n"
			   "#else\n"
			   "\t__asm__(\"mov x8, 93; mov x0, 7; svc 0\");\n"
			   "#endif\n"
			   "\t__builtin_unreachable();\n"
			   "}\n");
	return 0;
}

static int inputs_teardown(void **state)
{
	struct err err;

	(void)state;
	return chdir("/") < 0 || fs_rmtree(test_dir, &err) < 0 ? -1 : 0;
}

#endif
