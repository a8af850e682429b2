/* SPDX-License-Identifier: Apache-2.0 */
/* WebAssembly modules, whole, cut and hostile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "test_wasm_try.h"

#define HEAD "\0asm\1\0\0\0"
#define FD_WRITE "\x16wasi_snapshot_preview1\x08" "fd_write" "\0\0"
#define TYPES "\1\4\1\x60\0\0"
#define IMPORTS "\2\x23\1" FD_WRITE
#define FUNCTIONS "\3\2\1\0"
#define MEMORY "\5\3\1\0\2"
#define EXPORTS "\7\x13\2\6memory\2\0\6_start\0\1"
#define CODE "\x0a\4\1\2\0\x0b"
#define DATA "\x0b\7\1\0\x41\0\x0b\1x"
#define NAMES "\0\6\4nameX"
#define REST FUNCTIONS MEMORY EXPORTS CODE
#define WHOLE HEAD TYPES IMPORTS FUNCTIONS MEMORY EXPORTS CODE DATA NAMES

struct bytes {
	const void *ptr;
	size_t len;
};
#define BYTES(literal) ((struct bytes){ literal, sizeof(literal) - 1 })

static void refused(struct bytes b, enum err_code code, const char *msg)
{
	CLEAN_WASM struct wasm_file f = WASM_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(wasm_parse(&f, "m", b.ptr, b.len, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
}

static void reads(void **state)
{
	const struct bytes b = BYTES(WHOLE);
	CLEAN_WASM struct wasm_file f = WASM_INIT;
	CLEAN_BUF struct buf made = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(wasm_parse(&f, "m", b.ptr, b.len, &err), 0);
	assert_int_equal(f.nimports, 1);
	assert_string_equal(f.imports[0].module, "wasi_snapshot_preview1");
	assert_string_equal(f.imports[0].name, "fd_write");
	assert_string_equal(wasm_kind_name(f.imports[0].kind), "function");
	assert_int_equal(f.nexports, 2);
	assert_string_equal(f.exports[0].name, "memory");
	assert_int_equal(f.exports[0].kind, WASM_MEMORY);
	assert_string_equal(f.exports[1].name, "_start");
	assert_int_equal(f.memory, 2 * WASM_PAGE);
	assert_int_equal(f.count[WASM_FUNC], 2);
	assert_int_equal(f.count[WASM_MEMORY], 1);
	assert_int_equal(f.count[WASM_TABLE] + f.count[WASM_GLOBAL], 0);
	assert_int_equal(f.code, 4);
	assert_int_equal(f.data, 7);
	assert_int_equal(f.custom, 8);
	assert_int_equal(f.size, b.len);
	wasm_strip_bytes(b.ptr, b.len, &made);
	assert_int_equal(made.len, b.len - 8);
	assert_memory_equal(made.ptr, b.ptr, made.len);
}

static void refuses(void **state)
{
	(void)state;
	refused(BYTES(""), ERR_FORMAT, "m: not a WebAssembly module");
	refused(BYTES("\x7f" "ELF\1\0\0\0"), ERR_FORMAT, "m: not a WebAssembly module");
	refused(BYTES("\0asm\x0d\0\1\0"), ERR_FORMAT, "m: not a core module of version 1");
	refused(BYTES(HEAD "\x0e\0"), ERR_FORMAT, "m: byte 10: unknown section 14");
	refused(BYTES(HEAD "\1"), ERR_FORMAT, "m: byte 9: the section ends too early");
	refused(BYTES(HEAD "\1\5\0"), ERR_FORMAT, "m: byte 10: section 1 has 5 bytes, but the module ends after 1");
	refused(BYTES(HEAD FUNCTIONS TYPES), ERR_FORMAT, "m: byte 14: section 1 is out of order, or there twice");
	refused(BYTES(HEAD "\x0a\1\0\x0c\1\0"), ERR_FORMAT, "m: byte 13: section 12 is out of order, or there twice");
	refused(BYTES(HEAD "\1\xff\xff\xff\xff\x1f"), ERR_FORMAT, "m: byte 14: a number of more than 32 bits");
	refused(BYTES(HEAD "\1\x80\x80\x80\x80\x80\0"), ERR_FORMAT, "m: byte 14: a number of more than 32 bits");
	refused(BYTES(HEAD "\2\5\xff\xff\xff\xff\x0f"), ERR_FORMAT,
		"m: byte 15: 4294967295 imports do not fit into their section");
	refused(BYTES(HEAD "\2\7\1\x7f\1a\0\0\0"), ERR_FORMAT,
		"m: byte 12: a name of 127 bytes does not fit into its section");
	refused(BYTES(HEAD "\2\7\1\1\xff\1a\0\0"), ERR_FORMAT, "m: byte 12: a name that is not UTF-8");
	refused(BYTES(HEAD "\2\7\1\1\0\1a\0\0"), ERR_FORMAT, "m: byte 12: a name that is not UTF-8");
	refused(BYTES(HEAD "\2\7\1\1m\1a\4\0"), ERR_FORMAT, "m: byte 16: unknown kind 0x04 of an import or export");
	refused(BYTES(HEAD "\2\x08\1\1m\1a\0\0\0"), ERR_FORMAT,
		"m: byte 17: the section is longer than what is in it");
	refused(BYTES(HEAD "\5\x09\1\4\x80\x80\x80\x80\x80\x80\x40"), ERR_FORMAT,
		"m: byte 12: addresses of 64 bits, which WASI does not have");
	refused(BYTES(HEAD "\5\5\1\0\x81\x80\4"), ERR_FORMAT,
		"m: byte 15: a memory of 65537 pages, of which there can be 65536");
	refused(BYTES(HEAD "\5\6\1\1\2\x81\x80\4"), ERR_FORMAT,
		"m: byte 16: a memory of 65537 pages, of which there can be 65536");
	refused(BYTES(HEAD "\5\4\1\1\2\1"), ERR_FORMAT, "m: byte 14: limits of at least 2 and at most 1");
	refused(BYTES(HEAD "\5\3\1\2\2"), ERR_FORMAT, "m: byte 12: unknown kind of limits 0x02");
	refused(BYTES(HEAD "\5\3\1\x08\2"), ERR_FORMAT, "m: byte 12: unknown kind of limits 0x08");
}

/* What no engine takes: an index of what is not there, functions without bodies, bodies that are none. */
static void counts(void **state)
{
	static const struct {
		struct bytes of;
		const char *msg;
	} rows[] = {
		{ BYTES(HEAD MEMORY "\7\5\1\1m\2\7"), "m: byte 20: an export is memory 7, of 1" },
		{ BYTES(HEAD MEMORY "\7\5\1\1f\0\0"), "m: byte 20: an export is function 0, but there is none" },
		{ BYTES(HEAD TYPES IMPORTS FUNCTIONS "\7\x08\1\1f\0\x80\x92\xf4\1"),
		  "m: byte 65: an export is function 4000000, of 2" },
		{ BYTES(HEAD TYPES IMPORTS FUNCTIONS "\7\5\1\1f\0\2"),
		  "m: byte 62: an export is function 2, of 2" },
		{ BYTES(HEAD "\4\4\1\x70\0\0\7\5\1\1t\1\1"), "m: byte 21: an export is table 1, of 1" },
		{ BYTES(HEAD "\6\6\1\x7f\0\x41\0\x0b\7\5\1\1g\3\1"), "m: byte 23: an export is global 1, of 1" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x08\1\1"),
		  "m: byte 21: what it starts with is function 1, of 1" },
		{ BYTES(HEAD "\x08\1\0"), "m: byte 11: what it starts with is function 0, but there is none" },
		{ BYTES(HEAD TYPES FUNCTIONS), "m: byte 18: no bodies of 1 functions" },
		{ BYTES(HEAD "\3\6\xff\xff\xff\xff\x0f\0"),
		  "m: byte 15: 4294967295 functions do not fit into their section" },
		{ BYTES(HEAD CODE), "m: byte 11: 1 bodies of 0 functions" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x0a\5\xff\xff\xff\xff\xff"),
		  "m: byte 25: a number of more than 32 bits" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x0a\4\1\3\0\x0b"),
		  "m: byte 22: a function of 3 bytes does not fit into its section" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x0a\4\1\2\0\x0a"), "m: byte 22: a function whose body does not end" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x0a\3\1\1\x0b"), "m: byte 22: a function whose body does not end" },
		{ BYTES(HEAD TYPES FUNCTIONS "\x0a\5\1\2\0\x0bx"),
		  "m: byte 24: the section is longer than what is in it" },
		{ BYTES(HEAD "\x0c\1\2" DATA), "m: byte 14: 1 segments of data, where 2 were announced" },
		{ BYTES(HEAD "\x0c\1\2"), "m: byte 11: no segments of data, where 2 were announced" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		refused(rows[i].of, ERR_FORMAT, rows[i].msg);
}

/* Each cut is refused, or is a module that ends after a section. */
static void cuts(void **state)
{
	const struct bytes b = BYTES(WHOLE);
	char copy[sizeof(WHOLE)];

	(void)state;
	for (size_t n = 0; n < b.len; n++)
		wasm_try(b.ptr, n);
	for (size_t i = 0; i < b.len * 256; i++) {
		memcpy(copy, b.ptr, b.len);
		copy[i / 256] = (char)i;
		wasm_try(copy, b.len);
	}
}

static void verdict(struct bytes b, const struct wasm_rules *rules, const char *want)
{
	char path[] = "/tmp/slsc-wasm.XXXXXX";
	int fd = mkstemp(path);
	struct err err = ERR_INIT;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, b.ptr, b.len), (ssize_t)b.len);
	close(fd);
	assert_int_equal(wasm_verify(path, rules, &err), want ? -1 : 0);
	unlink(path);
	if (!want)
		return;
	assert_int_equal(err.code, ERR_VERIFY);
	assert_string_equal(err.msg + strlen(path), want);
}

static void verifies(void **state)
{
	const char *bad[] = { "/somewhere/else", "/a", NULL };
	const struct wasm_rules any = { .allow_custom = true }, stripped = { .bad_paths = bad };

	(void)state;
	verdict(BYTES(WHOLE), &any, NULL);
	verdict(BYTES(HEAD TYPES IMPORTS FUNCTIONS MEMORY EXPORTS CODE DATA), &stripped, NULL);
	verdict(BYTES(HEAD TYPES IMPORTS FUNCTIONS MEMORY "\7\x1c\3\6memory\2\0\6_start\0\1\6_start\0\1" CODE), &any,
		": exports '_start' twice");
	verdict(BYTES(WHOLE), &stripped, ": is not stripped: 8 bytes are of custom sections");
	verdict(BYTES(HEAD TYPES IMPORTS REST "\0\x12\1x/somewhere/else/"), &any, NULL);
	verdict(BYTES(HEAD TYPES IMPORTS REST "\0\x12\1x/somewhere/else/"), &stripped,
		": is not stripped: 20 bytes are of custom sections; holds the path of this machine '/somewhere/else'");
	verdict(BYTES(HEAD), &any, ": does not export the function '_start'; does not export its 'memory'");
	verdict(BYTES(HEAD "\2\x0b\1\3env\3a\033b\0\0" REST), &any, ": imports function 'a?b' from 'env'");
	verdict(BYTES(HEAD TYPES "\2\x1d\1\x16wasi_snapshot_preview1\1m\2\0\0" FUNCTIONS
		      "\7\x13\2\6memory\2\0\6_start\0\0" CODE), &any,
		": imports memory 'm' from 'wasi_snapshot_preview1'");
	verdict(BYTES(HEAD "\2\x2b\7\1e\1a\0\0\1e\1b\0\0\1e\1c\0\0\1e\1d\0\0\1e\1e\0\0\1e\1f\0\0\1e\1g\0\0"
		      REST), &any,
		": imports function 'a' from 'e'; imports function 'b' from 'e'; imports function 'c' from 'e'; "
		"imports function 'd' from 'e'; imports function 'e' from 'e'; has 2 other foreign imports");
}

static void functions_of_wasi(void **state)
{
	static const char *const has[] = { "args_get", "fd_write", "poll_oneoff", "proc_raise", "sock_shutdown" };
	static const char *const has_not[] = { "", "args_ge", "args_gets", "later", "thread-spawn", "FD_WRITE" };
	struct wasm_import m = { .module = WASM_WASI, .kind = WASM_FUNC };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(has); i++) {
		m.name = has[i];
		assert_true(wasm_is_wasi(&m));
	}
	m.kind = WASM_GLOBAL;
	assert_false(wasm_is_wasi(&m));
	m.kind = WASM_FUNC;
	for (size_t i = 0; i < ARRAY_LEN(has_not); i++) {
		m.name = has_not[i];
		assert_false(wasm_is_wasi(&m));
	}
	m = (struct wasm_import){ .module = "wasi_unstable", .name = "fd_write", .kind = WASM_FUNC };
	assert_false(wasm_is_wasi(&m));
	assert_string_equal(wasm_wasi_closest("fd_wirte"), "fd_write");
	assert_null(wasm_wasi_closest("secret"));
	verdict(BYTES(HEAD "\2\x20\1\x16wasi_snapshot_preview1\5later\0\0" REST),
		&(struct wasm_rules){ false, NULL }, ": imports function 'later' from 'wasi_snapshot_preview1'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(refuses),
		cmocka_unit_test(counts),
		cmocka_unit_test(cuts),
		cmocka_unit_test(verifies),
		cmocka_unit_test(functions_of_wasi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
