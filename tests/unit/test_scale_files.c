/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "scale/bench_file.h"
#include "scale/price.h"
#include "scale/trace.h"

#define SECOND 1000000000ull

/* ---- traces ---- */

static void trace_fails(const char *text, const char *msg)
{
	struct err err = ERR_INIT;
	struct arrivals a;

	assert_int_equal(trace_parse(str_from(text), "t.csv", TRACE_AUTO, NULL, &a, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_null(a.bin);
	assert_null(a.each);
}

static void parse(const char *text, const char *only, struct arrivals *a)
{
	struct err err = ERR_INIT;

	if (trace_parse(str_from(text), "t.csv", TRACE_AUTO, only, a, &err) < 0)
		fail_msg("%s", err.msg);
}

static uint64_t count(const struct arrivals *a, uint64_t from, uint64_t to)
{
	struct arrivals_cursor c;
	uint64_t n = 0, at, busy, last = 0;

	for (arrivals_begin(&c, a, 1); (at = arrivals_next(&c, &busy)) != ARRIVALS_NEVER;) {
		assert_true(at >= last && at < a->end);
		last = at;
		n += at >= from && at < to;
	}
	return n;
}

static void test_counts(void **unused)
{
	struct arrivals a;

	(void)unused;
	parse("seconds,count\n100,5\n110,0\r\n\n130, 7.0\n", NULL, &a);
	assert_int_equal(a.width, 10 * SECOND);
	assert_int_equal(a.nbins, 4);
	assert_int_equal(a.end, 40 * SECOND);
	assert_true(a.peak == 0.7);
	assert_int_equal(count(&a, 0, 10 * SECOND), 5);
	assert_int_equal(count(&a, 10 * SECOND, 30 * SECOND), 0);
	assert_int_equal(count(&a, 30 * SECOND, 40 * SECOND), 7);
	arrivals_release(&a);
	/* without a heading; in tenths of a second, and a zero that says it is below nothing */
	parse("-0,1e2\n0.1,2\n0.30,3", NULL, &a);
	assert_int_equal(a.width, SECOND / 10);
	assert_int_equal(a.nbins, 4);
	assert_true(arrivals_expected(&a) == 105);
	arrivals_release(&a);
	trace_fails("1,5\n2,6\n3.5,1\n", "t.csv:3:1: '3.5' is no whole number of steps after the first row");
	trace_fails("1,5\n3,6\n2,1\n", "t.csv:3:1: '2' is before the time of the row above");
	trace_fails("1,5\n1,6\n", "t.csv:2:1: '1' is there twice");
	trace_fails("1,5\n2,-6\n", "t.csv:2:3: '-6' is negative");
	trace_fails("1,5\n2,nan\n", "t.csv:2:3: 'nan' is no number of requests");
	trace_fails("nan,5\n", "t.csv:1:1: 'nan' is no number of seconds");
	trace_fails("1,5\n2,inf\n", "t.csv:2:3: 'inf' is no number of requests");
	trace_fails("1,5\n2,1.5\n", "t.csv:2:3: '1.5' is no whole number of requests");
	trace_fails("1,5\n2,0x10\n", "t.csv:2:3: '0x10' is no number of requests");
	trace_fails("1,5\n2\n", "t.csv:2:1: '2' is not of the form seconds,count");
	trace_fails("1,5\n2,3,4\n", "t.csv:2:1: '2,3,4' is not of the form seconds,count");
	trace_fails("1,1000000001\n", "t.csv:1: limit exceeded: more than 1000000000 requests");
	trace_fails("1,9e99\n", "t.csv:1: limit exceeded: more than 1000000000 requests");
	trace_fails("1,0\n2,0\n", "t.csv: no request in it");
	trace_fails("0,1\n0.000000001,1\n9,1\n",
		    "t.csv:3: limit exceeded: more than 10000000 steps from the first row to the last");
}

static void test_times(void **unused)
{
	struct arrivals a;

	(void)unused;
	parse("1700000000.25\n1700000000.25\n1700000003.5\n", NULL, &a);
	assert_int_equal(a.n, 3);
	assert_int_equal(a.each[0].at, SECOND / 4);
	assert_int_equal(a.each[2].at, 3 * SECOND + SECOND / 2);
	assert_int_equal(a.end, 4 * SECOND);
	assert_true(a.peak == 2);
	arrivals_release(&a);
	trace_fails("", "t.csv: no request in it");
	trace_fails("\n\n", "t.csv: no request in it");
	trace_fails("seconds\n", "t.csv: no request in it");
	trace_fails("5\n4\n", "t.csv:2:1: '4' is before the time of the row above");
	trace_fails("5\n-4\n", "t.csv:2:1: '-4' is negative");
	trace_fails("NaN\n", "t.csv:1:1: 'NaN' is no number of seconds");
	trace_fails("5\n1e", "t.csv:2:1: '1e' is no number of seconds");
	trace_fails("5\n..1", "t.csv:2:1: '..1' is no number of seconds");
	trace_fails("5\n9e9\n9000000001\n", "t.csv:3:1: '9000000001' is more than 9,000,000,000 seconds");
	trace_fails("5\n1e999999999999\n", "t.csv:2:1: '1e999999999999' is more than 9,000,000,000 seconds");
	trace_fails("5\n9e9\n", "limit exceeded: t.csv lasts longer than 10000000 s");
	/* what is too small to be seen is nothing */
	parse("1e-99\n0.0000000001\n", NULL, &a);
	assert_int_equal(a.each[1].at, 0);
	arrivals_release(&a);
}

static void test_azure(void **unused)
{
	static const char of_2019[] = "HashOwner,HashApp,HashFunction,Trigger,1,2,3\n"
				      "o1,a1,f1,http,2,0,10\no1,a1,f2,timer,1,1,1\no2,a2,f3,queue,0,5,0\n";
	static const char of_2021[] = "app,func,end_timestamp,duration\n"
				      "a1,f1,10.5,0.5\na1,f2,7.25,0.25\na2,f3,9,1.5\na2,f3,0.5,2\n";
	struct arrivals a;

	(void)unused;
	parse(of_2019, NULL, &a);
	assert_int_equal(a.width, 60 * SECOND);
	assert_int_equal(a.nbins, 3);
	assert_int_equal(count(&a, 0, 60 * SECOND), 3);
	assert_int_equal(count(&a, 60 * SECOND, 120 * SECOND), 6);
	assert_int_equal(count(&a, 120 * SECOND, 180 * SECOND), 11);
	arrivals_release(&a);
	parse(of_2019, "f3", &a);
	assert_true(arrivals_expected(&a) == 5);
	arrivals_release(&a);
	parse(of_2019, "a1", &a);
	assert_true(arrivals_expected(&a) == 15);
	arrivals_release(&a);
	/* a request came before it was done; the one from before the trace at its beginning */
	parse(of_2021, NULL, &a);
	assert_int_equal(a.n, 4);
	assert_int_equal(a.each[0].at, 0);
	assert_int_equal(a.each[0].busy, 2 * SECOND);
	assert_int_equal(a.each[1].at, 7 * SECOND);
	assert_int_equal(a.each[2].at, 7 * SECOND + SECOND / 2);
	assert_int_equal(a.each[3].busy, SECOND / 2);
	assert_true(a.busy == (0.5 + 0.25 + 1.5 + 2) / 4 * 1e9);
	arrivals_forget_busy(&a);
	assert_true(a.busy == 0 && a.each[3].busy == 0);
	arrivals_release(&a);
	parse(of_2021, "f2", &a);
	assert_int_equal(a.n, 1);
	arrivals_release(&a);
	trace_fails("app,func,end_timestamp,duration\na,f,1\n",
		    "t.csv:2:1: 'a,f,1' is not of the form app,func,end_timestamp,duration");
	trace_fails("app,func,end_timestamp,duration\na,f,1,-2\n", "t.csv:2:7: '-2' is negative");
	trace_fails("HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http\n",
		    "t.csv:2:1: 'o,a,f,http' is not of the form HashOwner,HashApp,HashFunction,Trigger,1,...,1440");
	trace_fails("HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,http,x\n",
		    "t.csv:2:12: 'x' is no number of requests");
}

static void test_limits(void **unused)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	struct arrivals a;

	(void)unused;
	buf_addz(&b, "1\n");
	for (int i = 0; i < 70000; i++)
		buf_addc(&b, '0');
	trace_fails(b.ptr, "t.csv:2: limit exceeded: a line of more than 65536 bytes");
	buf_reset(&b);
	buf_addz(&b, "HashOwner,HashApp,HashFunction,Trigger,1\no,a,f,t");
	for (int i = 0; i < 1441; i++)
		buf_addz(&b, ",1");
	assert_int_equal(trace_parse(buf_str(&b), "t.csv", TRACE_AUTO, NULL, &a, &err), -1);
	assert_int_equal(trace_parse((struct str){ "1\n\0\n", 4 }, "t.csv", TRACE_AUTO, NULL, &a, &err), -1);
	assert_string_equal(err.msg, "t.csv:2: a NUL character: this is no text");
}

/* ---- what slsc bench has measured ---- */

static void bench_fails(const char *text, const char *msg)
{
	struct err err = ERR_INIT;
	struct bench_file f;

	assert_int_equal(bench_file_parse(str_from(text), "b.json", &f, &err), -1);
	assert_string_equal(err.msg, msg);
}

static void test_bench_file(void **unused)
{
	static const char text[] =
		"{\"cold\":{\"function\":{\"buckets\":[[1023,1]]},\"init\":{\"buckets\":[[1048575,4]],\"min\":1040000},"
		"\"memory\":7},\"load\":{\"function\":{\"buckets\":[[31,10],[1087,30]],\"min\":31},"
		"\"cpu\":{\"mean\":400},\"memory\":94208},\"function\":\"hello\",\"arch\":\"arm64\","
		"\"limits\":{\"cpu\":2000,\"memory\":134217728}}";
	struct err err = ERR_INIT;
	struct bench_file f;

	(void)unused;
	assert_int_equal(bench_file_parse(str_from(text), "b.json", &f, &err), 0);
	assert_string_equal(f.function, "hello");
	assert_int_equal(f.memory, 94208);
	assert_int_equal(f.service.n, 2);
	assert_int_equal(f.service.bucket[0].from, 31);
	/* sixteen buckets from 1,024 to 2,047: each is 64 wide */
	assert_int_equal(f.service.bucket[1].from, 1024);
	assert_int_equal(f.service.bucket[1].to, 1087);
	assert_true(f.service.mean > 799.3 && f.service.mean < 799.5);
	/* half of a CPU's time, of two */
	assert_true(f.cpu > 0.24 && f.cpu < 0.26);
	assert_int_equal(f.limit, 134217728);
	assert_string_equal(f.arch, "arm64");
	assert_int_equal(f.cold.bucket[0].from, 1040000);
	bench_file_release(&f);
	bench_fails("{\"load\":{\"function\":{\"buckets\":[[0,1]]}},\"cold\":{}}",
		    "b.json: a service time of 0: a request takes some time");
	bench_fails("[", "b.json:1:1: no JSON: ']' expected near end of file");
	bench_fails("{}", "b.json: is not what slsc bench --json writes");
	bench_fails("{\"load\":null,\"cold\":{\"function\":null}}",
		    "b.json: no call went well: there is no service time");
	bench_fails("{\"load\":null,\"cold\":{\"function\":{\"buckets\":[]}}}",
		    "b.json: a distribution without buckets, or with too many");
	bench_fails("{\"load\":null,\"cold\":{\"function\":{\"buckets\":[[5,1],[4,1]]}}}",
		    "b.json: a distribution whose buckets do not ascend, or are empty");
	bench_fails("{\"load\":null,\"cold\":{\"function\":{\"buckets\":[[5,-1]]}}}",
		    "b.json: a distribution whose buckets do not ascend, or are empty");
}

/* ---- prices ---- */

static void price_fails(const char *text, const char *msg)
{
	struct err err = ERR_INIT;
	struct prices p;

	assert_int_equal(prices_parse(text, strlen(text), "p.yaml", &p, &err), -1);
	assert_string_equal(err.msg, msg);
}

#define HEAD "date: 2025-06-01\ncurrency: EUR\nplatforms:\n"

static void test_prices(void **unused)
{
	static const char text[] = HEAD "  own:\n    region: cellar\n    x86_64: {request: 1e-6, gb_second: 0.5}\n"
					"    arm64: {request: 0, gb_second: 1, kept_gb_second: 0.25, "
					"kept_use_gb_second: 2}\n";
	const struct price *p;
	struct err err = ERR_INIT;
	struct prices all;

	(void)unused;
	assert_int_equal(prices_parse(text, strlen(text), "p.yaml", &all, &err), 0);
	assert_string_equal(all.date, "2025-06-01");
	assert_string_equal(all.currency, "EUR");
	assert_int_equal(prices_find(&all, "own", NULL, &p, &err), 0);
	assert_string_equal(p->arch, "x86_64");
	assert_string_equal(p->region, "cellar");
	assert_null(p->source);
	/* no price for instances that are kept: their time costs what that of requests does, and that nothing more */
	assert_true(price_kept(p, 1e6, 10, 4) == 1 + 5);
	assert_true(price_demand(p, 1e6, 4) == 1 + 2);
	assert_int_equal(prices_find(&all, "own", "arm64", &p, &err), 0);
	assert_true(price_kept(p, 1e6, 10, 4) == 2.5 + 8);
	assert_int_equal(prices_find(&all, "other", NULL, &p, &err), -1);
	assert_string_equal(err.msg, "p.yaml: no platform 'other'");
	assert_string_equal(err.hint, "there is own");
	assert_int_equal(prices_find(&all, "own", "wasm32", &p, &err), -1);
	assert_string_equal(err.msg, "p.yaml: 'own' has no price for wasm32");
	assert_string_equal(err.hint, "there is x86_64, arm64");
	prices_release(&all);
	price_fails("", "p.yaml:1:1: no prices in it");
	price_fails("- 1", "p.yaml:1:1: 'prices' is a list, not a mapping");
	price_fails("date: 1\ncurrency: EUR\n", "p.yaml:1:1: 'platforms' is missing");
	price_fails("dates: 1\n", "p.yaml:1:1: unknown key 'dates'");
	price_fails("date: 1\ncurrency: <b>\nplatforms: {}\n", "p.yaml:2:11: no currency: '<b>'");
	price_fails(HEAD "  own: 1\n", "p.yaml:4:8: 'own' is a number, not a mapping");
	price_fails(HEAD "  own: {mips: 1}\n", "p.yaml:4:9: unknown architecture 'mips'");
	price_fails(HEAD "  own: {arm64: {request: 1}}\n", "p.yaml:4:16: 'arm64' has no 'gb_second'");
	price_fails(HEAD "  own: {arm64: {request: 1, gb_seconds: 1}}\n", "p.yaml:4:29: unknown key 'gb_seconds'");
	price_fails(HEAD "  own: {arm64: {request: -1, gb_second: 1}}\n", "p.yaml:4:26: no price for 'request'");
	price_fails(HEAD "  own: {arm64: {request: nan, gb_second: 1}}\n", "p.yaml:4:26: no price for 'request'");
	price_fails(HEAD "  own: {arm64: {request: 1, gb_second: 1, kept_gb_second: 1}}\n",
		    "p.yaml:4:16: 'arm64' has one of kept_gb_second and kept_use_gb_second: both or none");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts), cmocka_unit_test(test_times),	  cmocka_unit_test(test_azure),
		cmocka_unit_test(test_limits), cmocka_unit_test(test_bench_file), cmocka_unit_test(test_prices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
