/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"

static void test_map(void **state)
{
	CLEAN_MAP struct map m = { 0 };
	static int values[5000];
	char key[32];

	(void)state;
	assert_null(map_get(&m, "x"));
	assert_false(map_has(&m, ""));
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		assert_null(map_put(&m, key, &values[i]));
	}
	assert_int_equal(m.len, 5000);
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		assert_ptr_equal(map_get(&m, key), &values[i]);
		assert_string_equal(m.ptr[i].key, key);
	}
	assert_null(map_get(&m, "key 5000"));
	assert_ptr_equal(map_put(&m, "key 7", NULL), &values[7]);
	assert_true(map_has(&m, "key 7"));
	assert_null(map_get(&m, "key 7"));
	assert_string_equal(m.ptr[7].key, "key 7");
	assert_null(map_put(&m, "", &values[0]));
	assert_ptr_equal(map_get(&m, ""), &values[0]);
	map_release(&m);
	assert_null(map_get(&m, "key 1"));
	assert_null(map_put(&m, "again", &values[1]));
	assert_int_equal(m.len, 1);
}

static void test_vec(void **state)
{
	VEC(int) v = { 0 };
	CLEAN_STRS struct strs s = { 0 };
	int sum = 0;

	(void)state;
	VEC_EACH(&v, it)
		sum += *it;
	assert_int_equal(sum, 0);
	for (int i = 0; i < 100; i++)
		VEC_PUSH(&v, i);
	VEC_EACH(&v, it)
		sum += *it;
	assert_int_equal(sum, 4950);
	VEC_FREE(&v);
	assert_null(v.ptr);
	assert_int_equal(v.len, 0);
	assert_null(strs_argv(&s)[0]);
	assert_int_equal(s.len, 0);
	strs_add(&s, "b");
	strs_take(&s, xstrdup("\xff"));
	strs_addf(&s, "%c%d", 'a', 1);
	strs_add(&s, "");
	strs_sort(&s);
	assert_string_equal(s.ptr[0], "");
	assert_string_equal(s.ptr[1], "a1");
	assert_string_equal(s.ptr[2], "b");
	assert_string_equal(s.ptr[3], "\xff");
	for (int i = 0; i < 20; i++) {
		assert_null(strs_argv(&s)[s.len]);
		strs_add(&s, "more");
	}
	assert_int_equal(s.len, 24);
}

static void test_arena(void **state)
{
	CLEAN_ARENA struct arena a = ARENA_INIT;
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 8191, 8192, 8193, 100000, 3 };
	char *s[ARRAY_LEN(sizes)];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		s[i] = arena_alloc(&a, sizes[i]);
		assert_int_equal((uintptr_t)s[i] % _Alignof(max_align_t), 0);
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(s[i][j], 0);
		memset(s[i], (int)i + 1, sizes[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
		for (size_t j = 0; j < sizes[i]; j++)
			assert_int_equal(s[i][j], i + 1);
	assert_string_equal(arena_strdup(&a, "x"), "x");
	assert_string_equal(arena_str(&a, (struct str){ NULL, 0 }), "");
	assert_string_equal(arena_str(&a, (struct str){ "abc", 2 }), "ab");
	assert_string_equal(arena_printf(&a, "%s/%d", "v", 1), "v/1");
	arena_release(&a);
	assert_null(a.head);
	assert_non_null(arena_new(&a, int));
}

static void test_mem(void **state)
{
	CLEAN_FREE char *s = xasprintf("%d", 5), *t = NULL;
	int fd = 7;

	(void)state;
	t = steal(&s);
	assert_null(s);
	assert_string_equal(t, "5");
	assert_int_equal(steal_fd(&fd), 7);
	assert_int_equal(fd, -1);
	s = xrealloc(xcalloc(0, 8), 0);
	assert_non_null(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map),
		cmocka_unit_test(test_vec),
		cmocka_unit_test(test_arena),
		cmocka_unit_test(test_mem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
