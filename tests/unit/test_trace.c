/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: getrandom */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include <cmocka.h>

#include "base/mem.h"
#include "local/trace.h"

#define PARENT "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
#define XRAY "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

/* Interrupted at first, then short. */
static unsigned randoms;
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags);
ssize_t __wrap_getrandom(void *p, size_t n, unsigned flags)
{
	assert_int_equal(flags, 0);
	if (randoms++ == 0) {
		errno = EINTR;
		return -1;
	}
	if (n > 300)
		n = 300;
	/* zeros, so that an id of zeros comes up: another must be taken */
	memset(p, randoms == 2 ? 0 : (int)randoms, n);
	return (ssize_t)n;
}

static void as_parent(const struct trace *t, const char *want)
{
	char got[TRACE_PARENT_SIZE];

	trace_format_parent(t, got);
	assert_string_equal(got, want);
}

static void as_xray(const struct trace *t, const char *want)
{
	char got[TRACE_XRAY_SIZE];

	trace_format_xray(t, got);
	assert_string_equal(got, want);
}

static void test_parent(void **state)
{
	static const char *const bad[] = {
		"", "00", PARENT "-", PARENT "0", PARENT "-what",
		"ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
		"00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
		"00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
		"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0G",
		"01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x", XRAY,
	};
	struct trace t;

	(void)state;
	assert_true(trace_parse_parent(STR(PARENT), &t));
	as_parent(&t, PARENT);
	as_xray(&t, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1");
	assert_true(trace_parse_parent(STR(" " PARENT "\t"), &t));
	/* a later version may have more, and unknown flags are kept but not in X-Ray's form */
	assert_true(trace_parse_parent(STR("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe-what"), &t));
	as_parent(&t, "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-fe");
	as_xray(&t, "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=0");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&t, 7, sizeof(t));
		if (trace_parse_parent(str_from(bad[i]), &t))
			fail_msg("'%s' was taken", bad[i]);
		assert_false(trace_has_id(&t) || trace_has_span(&t) || t.flags);
	}
}

static void test_xray(void **state)
{
	static const char *const bad[] = {
		"", "Parent=53995c3f42cd8ad8;Sampled=1", "Root=", "Root=1-5759e988-bd862e3fe1be46a99427279;Sampled=1",
		"Root=2-5759e988-bd862e3fe1be46a994272793", "Root=1-5759e988_bd862e3fe1be46a994272793",
		"Root=1-00000000-000000000000000000000000", "root=1-5759e988-bd862e3fe1be46a994272793", PARENT,
	};
	struct trace t;
	bool decided;

	(void)state;
	assert_true(trace_parse_xray(STR(XRAY), &t, &decided));
	assert_true(decided);
	as_xray(&t, XRAY);
	as_parent(&t, "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01");
	/* any order, spaces, other parts, upper case */
	assert_true(trace_parse_xray(STR("Self=1-67891234-12456789abcdef012345678; Sampled=0 ;Lineage=a:1|b:2;"
					 "Parent=53995C3F42CD8AD8;; Root=1-5759E988-BD862E3FE1BE46A994272793"),
				     &t, &decided));
	assert_true(decided);
	as_xray(&t, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=0");
	assert_true(trace_parse_xray(STR("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=x;Sampled=?"), &t, &decided));
	assert_false(decided || trace_has_span(&t));
	as_xray(&t, "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		memset(&t, 7, sizeof(t));
		if (trace_parse_xray(str_from(bad[i]), &t, &decided))
			fail_msg("'%s' was taken", bad[i]);
		assert_false(decided || trace_has_id(&t) || trace_has_span(&t) || t.flags);
	}
}

static void test_state(void **state)
{
	static const char *const good[] = {
		"congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE", "a=1,\t, b=2 ,", "fw529a3039@dt=x y z",
		"0tenant@sys=v", "a_-*/0=!~",
	};
	static const char *const bad[] = {
		"", ",", "a", "a=", "=1", "A=1", "0a=1", "a=1=2", "a=\x7f", "a=\xc3\xa4", "@b=1", "a@=1", "a@0=1",
		"a@b@c=1",
		"a@abcdefghijklmno=1", "a b=1", "a=1,b", "a=1\r", "a=1\t2",
	};
	char many[600] = "";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		if (!trace_state_ok(str_from(good[i])))
			fail_msg("'%s' was refused", good[i]);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (trace_state_ok(str_from(bad[i])))
			fail_msg("'%s' was taken", bad[i]);
	for (unsigned i = 0; i < 32; i++)
		memcpy(many + 4 * i, "a=1,", 4);
	assert_true(trace_state_ok((struct str){ many, 128 }));
	memcpy(many + 128, "a=1", 3);
	assert_false(trace_state_ok((struct str){ many, 131 }));
	memset(many, 'v', sizeof(many));
	memcpy(many, "a=", 2);
	assert_true(trace_state_ok((struct str){ many, 258 }));
	assert_false(trace_state_ok((struct str){ many, 259 }));
	memcpy(many + 258, ",b=", 3);
	assert_true(trace_state_ok((struct str){ many, 512 }));
	assert_false(trace_state_ok((struct str){ many, 513 }));
}

static void test_ids(void **state)
{
	struct trace_ids ids = { .left = 0 };
	uint8_t id[16], span[8];
	char hex[33];

	(void)state;
	randoms = 0;
	trace_new_span(&ids, span);
	trace_hex(span, 8, hex);
	assert_string_equal(hex, "0303030303030303");
	/* one EINTR, 300 bytes and 212; the last come first, and none twice */
	assert_int_equal(randoms, 3);
	assert_int_equal(ids.left, 504);
	trace_new_id(&ids, 0x5759e988, id);
	trace_hex(id, 16, hex);
	assert_string_equal(hex, "5759e988030303030303030303030303");
	assert_int_equal(ids.left, 492);
	for (unsigned i = 0; i < 24; i++)
		trace_new_span(&ids, span);
	assert_int_equal(ids.left, 300);
	/* 300 zeros are passed over */
	trace_new_span(&ids, span);
	trace_hex(span, 8, hex);
	assert_string_equal(hex, "0505050505050505");
	assert_false(trace_unhex(STR("05050505050505"), span, 8));
	assert_false(trace_unhex(STR("05050505050505 5"), span, 8));
}

static void test_begin(void **state)
{
	struct trace_ids ids = { .left = 0 };
	struct trace t;

	(void)state;
	randoms = 2;
	assert_true(trace_begin(&ids, STR(PARENT), STR(XRAY), 0x5759e988, &t));
	as_parent(&t, PARENT);
	assert_true(trace_begin(&ids, STR("00-bad"), STR(XRAY), 0x5759e988, &t));
	as_xray(&t, XRAY);
	/* nobody has decided, so it is sampled; one who has is heard */
	assert_true(trace_begin(&ids, STR(""), STR("Root=1-5759e988-bd862e3fe1be46a994272793"), 0, &t));
	as_xray(&t, "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1");
	assert_true(trace_begin(&ids, STR(""), STR("Sampled=0;Root=1-5759e988-bd862e3fe1be46a994272793"), 0, &t));
	as_xray(&t, "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0");
	assert_false(trace_begin(&ids, STR(""), STR("Root=?"), 0x5759e988, &t));
	as_xray(&t, "Root=1-5759e988-040404040404040404040404;Sampled=1");
	assert_false(trace_has_span(&t));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parent), cmocka_unit_test(test_xray), cmocka_unit_test(test_state),
		cmocka_unit_test(test_ids), cmocka_unit_test(test_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
