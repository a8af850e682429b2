/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of FilterLogEvents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "deploy/logs.h"

static int take(void *ctx, const struct log_event *e, struct err *err)
{
	if (str_eqz(e->message, "stop"))
		return err_set(err, ERR_IO, "stopped");
	buf_addf(ctx, "%lld " STR_FMT " " STR_FMT " " STR_FMT "\n", (long long)e->at_ms, STR_ARG(e->id),
		 STR_ARG(e->stream), STR_ARG(e->message));
	return 0;
}

#define EVENT(id, message) \
	"{\"eventId\":\"" id "\",\"logStreamName\":\"s\",\"message\":\"" message "\",\"timestamp\":7,\"x\":[]}"

static void test_parse(void **state)
{
	static const struct {
		const char *text, *told, *next, *wrong;
	} all[] = {
		{ "{}", "", "", NULL },
		{ "{\"events\":[]}", "", "", NULL },
		{ "{\"events\":[" EVENT("1", "a b") "," EVENT("2", "") "],\"nextToken\":\"t/1+=\"}",
		  "7 1 s a b\n7 2 s \n", "t/1+=", NULL },
		{ "{\"events\":[],\"nextToken\":null}", "", "", NULL },
		{ "[]", "", "", "the answer is no object with events" },
		{ "{\"events\":7}", "", "", "the answer is no object with events" },
		{ "<html>", "", "", "the answer is no object with events" },
		{ "{\"events\":[" EVENT("1", "a") ",{\"timestamp\":1}]}", "7 1 s a\n", "",
		  "events[1] has no timestamp, or no message" },
		{ "{\"events\":[{\"timestamp\":1.0,\"message\":\"m\"}]}", "", "",
		  "events[0] has no timestamp, or no message" },
		{ "{\"events\":[{\"timestamp\":1,\"message\":\"m\",\"eventId\":\"e\"}]}", "", "",
		  "events[0] has no eventId, or no logStreamName" },
		{ "{\"events\":[" EVENT("1", "a") "," EVENT("2", "stop") "," EVENT("3", "b") "]}", "7 1 s a\n", "",
		  "stopped" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		CLEAN_BUF struct buf told = BUF_INIT, next = BUF_INIT;
		struct err err = ERR_INIT;
		int ret = logs_parse(str_from(all[i].text), take, &told, &next, &err);

		assert_int_equal(ret, all[i].wrong ? -1 : 0);
		assert_string_equal(err.msg, all[i].wrong ? all[i].wrong : "");
		assert_true(str_eqz(buf_str(&told), all[i].told));
		assert_true(str_eqz(buf_str(&next), all[i].next));
	}
}

static void test_version(void **state)
{
	static const struct {
		const char *stream, *version;
	} all[] = {
		{ "2026/01/02/[$LATEST]0123abcd", "$LATEST" }, { "2026/01/02/[17]0123abcd", "17" },
		{ "2026/01/02/hello[3]0123abcd", "3" },	       { "a", "" },
		{ "", "" },				       { "[", "" },
		{ "[]", "" },				       { "[7", "" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		assert_true(str_eqz(logs_version(str_from(all[i].stream)), all[i].version));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_version),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
