/* SPDX-License-Identifier: Apache-2.0 */
/* Flags that leave it known what is read, and those that do not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "build/remote_internal.h"

/* @words: as slsc.yaml lists them, with blanks between. */
static bool ask(bool (*known)(const struct lstrs *), const char *words)
{
	CLEAN_FREE char *copy = xstrdup(words);
	struct lstr list[16];
	struct lstrs l = { .ptr = list };

	for (char *p = copy, *end; *p; p = end) {
		end = p + strcspn(p, " ");
		if (*end)
			*end++ = '\0';
		list[l.len++] = (struct lstr){ .s = p };
	}
	return known(&l);
}

static void test_linker(void **state)
{
	static const char *const good[] = {
		"",
		"-static -s -nostartfiles -lm -Lvendor -L vendor -u main -z relro -e start",
		"-Wl,--gc-sections,--as-needed,-z,relro,-znow,-O2,-s,--icf=all,--build-id,--build-id=none",
		"-Wl,-gc-sections -Wl,--wrap=malloc -Wl,--wrap,free,-u,f,-uf,--undefined=f,--defsym,a=1,--defsym=b=2",
		"-Wl,-z -Wl,now -Wl,-e,start,--entry=start,-m,elf_x86_64 -Wl,--no-undefined,--hash-style=gnu",
		"-Wl,--start-group,-lfoo,-L/opt,--end-group,-Bstatic,-(,-)",
		"-Xlinker --sort-section=name -Xlinker -z -Xlinker noexecstack",
		"-Xlinker -u -Xlinker --script=a",
		"-Wl,--initial-memory=65536,--export=f,--no-entry,--stack-first",
		"-Wl,-Ttext=0x1000,-Ttext,0x1000 -Wl,--lto-O2",
		"vendor/x.o vendor/y.a",
	};
	static const char *const bad[] = {
		"-Wl,-T,x.ld",
		"-Wl,-Tx.ld",
		"-Wl,--script=x.ld",
		"-Wl,--script,x.ld",
		"-Wl,-script=x.ld",
		"-Wl,-dT,x.ld",
		"-Wl,--default-script=x.ld",
		"-Wl,--just-symbols=x.o",
		"-Wl,-R,x.o",
		"-Wl,-Rx.o",
		"-Wl,--version-script=x",
		"-Wl,--dynamic-list=x",
		"-Wl,--retain-symbols-file=x",
		"-Wl,-retain-symbols-file,x",
		"-Wl,@x",
		"-Wl,--symbol-ordering-file=x",
		"-Wl,--export-dynamic-symbol-list=x",
		"-Wl,-export-dynamic-symbol-list=x",
		"-Wl,--allow-undefined-file=x",
		"-Wl,--lto-sample-profile=x",
		"-Wl,-lto-sample-profile=x",
		"-Wl,-plugin,x.so",
		"-Wl,--plugin-opt=x",
		"-Wl,-c,x",
		"-Wl,-mri-script=x",
		"-Wl,x.ld",
		"-Wl,--gc",
		"-Wl,--threads,--script=x",
		"-Wl,-Map=x",
		"-Wl,--sysroot=x",
		"-Wl,-z,relro,--script=x",
		"-Xlinker --script=x.ld",
		"-Xlinker x.ld",
		"-Xlinker -z -Xlinker now -Xlinker -T -Xlinker x.ld",
		"-Xlinker",
		"-Wl,-z",
		"-Wl,-u -lm -Wl,-T",
		"-Wl,-",
		"-Wl,--",
		"-T x.ld",
		"-Tx.ld",
		"-R x.o",
		"x.ld",
		"vendor/x.so",
		"@x",
		"-Bdir",
		"-fuse-ld=lld",
		"--for-linker=-Tx",
		"-s x.ld",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!ask(remote_ldflags, good[i]))
			fail_msg("not known: %s", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ask(remote_ldflags, bad[i]))
			fail_msg("known: %s", bad[i]);
}

static void test_compiler(void **state)
{
	static const char *const bad[] = {
		"-Wa,@x",
		"-Wp,@x",
		"@x",
		"-fplugin=x",
		"-fauto-profile=x",
		"-ivfsoverlay x",
		"-fsanitize-ignorelist=x",
		"-fprofile-use=x",
		"--config x",
		"-Xclang -load -Xclang x.so",
		"-remap",
		"-specs=x",
		"--prefix=x",
	};

	(void)state;
	assert_true(ask(remote_flags, "-O2 -Wall -march=native -DX_list=1 -Iinc -include x.h -Wa,--noexecstack"));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (ask(remote_flags, bad[i]))
			fail_msg("known: %s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_linker),
		cmocka_unit_test(test_compiler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
