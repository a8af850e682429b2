/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/fault_plan.h"
#include "local/chaos.h"

#define HEAD "duration: 10 s\nload: {rate: 20}\nsteady: {lost: 0}\n"

static void parse_ok(struct fault_plan *p, const char *text)
{
	struct err err = ERR_INIT;

	if (fault_plan_parse(p, "p.yaml", text, strlen(text), &err) < 0)
		fail_msg("%s\n%s", err.msg, text);
}

static void refused(const char *text, const char *msg, const char *hint)
{
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	struct err err = ERR_INIT;

	assert_int_equal(fault_plan_parse(&p, "p.yaml", text, strlen(text), &err), -1);
	assert_string_equal(err.msg, msg);
	assert_string_equal(err.hint, hint);
}

static void test_defaults(void **state)
{
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };

	(void)state;
	parse_ok(&p, HEAD "faults: [{fault: kill}, {fault: freeze, for: 1 s, share: 12.5 %, at: 2 s, busy: true}]\n");
	assert_int_equal(p.seed, 1);
	assert_int_equal(p.drain, 30000);
	assert_int_equal(p.blast_radius, 1000);
	assert_int_equal(p.load.retries, 2);
	assert_int_equal(p.load.retry, 200);
	assert_false(p.load.direct);
	assert_true(p.steady.p99 == PLAN_UNSET && p.steady.error_rate == PLAN_UNSET && p.abort.lost == PLAN_UNSET);
	assert_int_equal(p.steady.lost, 0);
	assert_int_equal(p.faults.len, 2);
	assert_int_equal(p.faults.ptr[0].kind, FAULT_KILL);
	assert_int_equal(p.faults.ptr[0].share, 1000);
	assert_true(p.faults.ptr[0].lasts == PLAN_UNSET);
	assert_int_equal(p.faults.ptr[1].share, 125);
	assert_int_equal(p.faults.ptr[1].lasts, 1000);
	assert_true(p.faults.ptr[1].busy);
	assert_int_equal(p.faults.ptr[1].line, 4);
	fault_plan_release(&p);
	parse_ok(&p, HEAD "seed: 0\nfaults: [{fault: clock, shift: -1 h}, {fault: clock, shift: +5 s}]\n");
	assert_int_equal(p.faults.ptr[0].shift_ms, -3600000);
	assert_int_equal(p.faults.ptr[1].shift_ms, 5000);
}

static void test_refused(void **state)
{
	(void)state;
	refused("", "p.yaml:1:1: the plan is empty", "");
	refused("[]", "p.yaml:1:1: expected a mapping, found a list", "");
	refused(HEAD, "p.yaml:1:1: missing key 'faults'", "");
	refused("duration: 1 s\nload: {rate: 1}\nfaults: []\n",
		"p.yaml:1:1: there is no hypothesis: neither 'steady' nor 'check' says what has to hold",
		"steady: {lost: 0}");
	refused("duration: 1 s\nload: {}\nsteady: {lost: 0}\nfaults: []\n",
		"p.yaml:2:7: load: neither 'rate' nor 'callers' is there", "rate: 20");
	refused("duration: 1 s\nload: {rate: 1, callers: 2}\nsteady: {lost: 0}\nfaults: []\n",
		"p.yaml:2:17: load.callers: 'rate' is there, too: it is one or the other", "");
	refused(HEAD "faults: [{fault: kil}]\n",
		"p.yaml:4:18: faults.fault: expected kill, freeze, slow_start, latency, error, clock, cpu, "
		"memory, tmp_full, net_reset, net_delay, net_cut, net_throttle, credentials or command, found 'kil'",
		"did you mean 'kill'?");
	refused(HEAD "faults: [{share: 10 %}]\n", "p.yaml:4:10: missing key 'fault' in faults", "");
	refused(HEAD "faults:\n  - fault: kill\n    delay: 1 s\n",
		"p.yaml:6:5: faults.delay: the fault 'kill' does not take it", "");
	refused(HEAD "faults:\n  - fault: latency\n", "p.yaml:5:5: faults: the fault 'latency' needs 'delay'", "");
	refused(HEAD "faults: [{fault: freeze}]\n", "p.yaml:4:10: faults: the fault 'freeze' needs 'for'", "");
	refused(HEAD "faults: [{fault: kill, for: 1 s}]\n",
		"p.yaml:4:24: faults.for: the fault 'kill' does not take it", "");
	refused(HEAD "faults: [{fault: kill, times: 3}]\n", "p.yaml:4:24: faults.times: more than once, and no 'every'",
		"every: 500 ms");
	refused(HEAD "faults: [{fault: clock, shift: later}]\n",
		"p.yaml:4:32: faults.shift: expected a time such as 5 s or -1 h, found 'later'",
		"units: ms, s, min, h");
	refused(HEAD "faults: [{fault: kill, share: 101 %}]\n",
		"p.yaml:4:31: faults.share: '101 %' is out of range: 0.1 % to 100 %", "");
	refused(HEAD "faults: [{fault: kill, at: 10 s}]\n",
		"p.yaml:4:10: faults: this one comes after the end of the plan", "");
	refused("duration: 1 h\nload: {rate: 300}\nsteady: {lost: 0}\nfaults: []\n",
		"p.yaml:1:1: limit exceeded: 1080000 events, the limit is 1000000", "");
	refused("duration: 1 h\nload: {rate: 1}\nsteady: {lost: 0}\nfaults: [{fault: kill, every: 10 ms}]\n",
		"p.yaml:4:10: limit exceeded: faults are put in more than 10000 times", "");
	refused(HEAD "claims: {lost: none}\nfaults: []\n", "p.yaml:4:9: claims: 'source' is missing",
		"who claims it: source: the guide");
	refused(HEAD "sed: 3\nfaults: []\n", "p.yaml:4:1: unknown key 'sed'", "did you mean 'seed'?");
}

static void test_proxies(void **state)
{
	static const char two[] = HEAD "proxies: [{env: A, to: 'localhost:80'}, {env: B, to: '[::1]:65535'}]\n";
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	char text[512];

	(void)state;
	parse_ok(&p, HEAD "proxies: [{env: A, value: 'http://$ADDRESS/', to: 10.0.0.1:80}]\n"
			  "faults: [{fault: net_cut, bytes: 20 KB}, {fault: net_throttle, bytes: 1 MB, proxy: A}]\n");
	assert_string_equal(p.faults.ptr[0].proxy.s, "A");
	assert_int_equal(p.faults.ptr[0].bytes, 20480);
	fault_plan_release(&p);
	snprintf(text, sizeof(text), "%sfaults: [{fault: net_reset, proxy: B}, {fault: cpu}]\n", two);
	parse_ok(&p, text);
	assert_int_equal(p.faults.ptr[0].proxy_at, 1);
	snprintf(text, sizeof(text), "%sfaults: [{fault: net_reset}]\n", two);
	refused(text, "p.yaml:5:10: faults: 'net_reset' has to say which 'proxy'", "");
	snprintf(text, sizeof(text), "%sfaults: [{fault: net_reset, proxy: C}]\n", two);
	refused(text, "p.yaml:5:36: faults.proxy: there is no proxy of that name", "");
	refused(HEAD "faults: [{fault: net_delay, delay: 1 s}]\n",
		"p.yaml:4:10: faults: 'net_delay' needs a proxy, and there is none",
		"proxies: [{env: STORE, to: 127.0.0.1:9000}]");
	refused(HEAD "proxies: [{env: A, to: here}]\nfaults: []\n",
		"p.yaml:4:24: proxies.to: expected host:port, found 'here'", "to: 127.0.0.1:9000");
	refused(HEAD "proxies: [{env: A, to: 'here:0'}]\nfaults: []\n",
		"p.yaml:4:24: proxies.to: expected host:port, found 'here:0'", "to: 127.0.0.1:9000");
	refused(HEAD "proxies: [{env: A}]\nfaults: []\n",
		"p.yaml:4:11: proxies: neither 'to' nor 'serve' is there", "to: 127.0.0.1:9000");
	refused(HEAD "proxies: [{env: A, to: 'h:1', serve: x}]\nfaults: []\n",
		"p.yaml:4:31: proxies.serve: 'to' is there, too: it is one or the other",
		"a server of the plan has a free port, which $PORT tells it");
	refused(HEAD "faults: [{fault: command, command: x, share: 10 %}]\n",
		"p.yaml:4:39: faults.share: the fault 'command' does not take it", "");
	refused(HEAD "faults: [{fault: credentials}]\n", "p.yaml:4:10: faults: the fault 'credentials' needs 'env'",
		"");
	refused(HEAD "faults: [{fault: kill, level: 10 %}]\n",
		"p.yaml:4:24: faults.level: the fault 'kill' does not take it", "");
}

static void test_schedule(void **state)
{
	static const char text[] = HEAD "seed: 7\nfaults:\n"
					"  - {fault: kill, at: 1 s, every: 3 s}\n"
					"  - {fault: kill, every: 1 s, times: 4, jitter: 900 ms}\n";
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	CLEAN_SCHEDULE struct schedule a = { .ptr = NULL }, b = { .ptr = NULL }, c = { .ptr = NULL };
	size_t fixed = 0, differ = 0;

	(void)state;
	parse_ok(&p, text);
	fault_plan_schedule(&p, &a);
	fault_plan_schedule(&p, &b);
	assert_int_equal(a.len, 3 + 4);
	assert_memory_equal(a.ptr, b.ptr, a.len * sizeof(*a.ptr));
	for (size_t i = 0; i < a.len; i++) {
		const struct firing *f = &a.ptr[i];

		if (i)
			assert_true(a.ptr[i - 1].at <= f->at);
		if (f->fault == 0) {
			assert_int_equal(f->at, 1000 + 3000 * fixed++);
			assert_int_equal(f->nth, fixed);
		} else {
			assert_in_range(f->at, (f->nth - 1) * 1000, (f->nth - 1) * 1000 + 900);
		}
	}
	assert_int_equal(fixed, 3);
	p.seed = 8;
	fault_plan_schedule(&p, &c);
	for (size_t i = 0; i < a.len; i++)
		differ += a.ptr[i].seed != c.ptr[i].seed;
	assert_int_equal(differ, a.len);
}

/* What jitter brings past the end is left out; the numbers of the others stay. */
static void test_schedule_end(void **state)
{
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	CLEAN_SCHEDULE struct schedule s = { .ptr = NULL };

	(void)state;
	parse_ok(&p, "duration: 1 s\nload: {rate: 1}\nsteady: {lost: 0}\n"
		     "faults: [{fault: kill, every: 100 ms, jitter: 10 s}]\n");
	fault_plan_schedule(&p, &s);
	assert_true(s.len < 10);
	for (size_t i = 0; i < s.len; i++)
		assert_true(s.ptr[i].at < 1000);
}

static void test_pick(void **state)
{
	uint64_t a[10], b[10], all[20], again = 0;

	(void)state;
	for (uint64_t i = 0; i < 10; i++) {
		a[i] = i + 1;
		b[9 - i] = i + 1;
	}
	/* rounded up, bounded, and whatever the order is */
	assert_int_equal(fault_plan_pick(a, 10, 210, 10, 5), 3);
	assert_int_equal(fault_plan_pick(b, 10, 210, 10, 5), 3);
	assert_memory_equal(a, b, 3 * sizeof(*a));
	assert_int_equal(fault_plan_pick(a, 10, 1000, 4, 5), 4);
	assert_int_equal(fault_plan_pick(a, 10, 1, 10, 5), 1);
	assert_int_equal(fault_plan_pick(a, 0, 1000, 10, 5), 0);
	/* each once */
	assert_int_equal(fault_plan_pick(a, 10, 1000, 10, 6), 10);
	for (size_t i = 0; i < 10; i++)
		for (size_t k = 0; k < i; k++)
			assert_true(a[i] != a[k]);
	/* another seed chooses others, in the long run each one */
	for (uint64_t i = 0; i < 20; i++)
		all[i] = 0;
	for (uint64_t seed = 0; seed < 1000; seed++) {
		uint64_t n[20];

		for (uint64_t i = 0; i < 20; i++)
			n[i] = i;
		assert_int_equal(fault_plan_pick(n, 20, 1, 20, seed), 1);
		all[n[0]]++;
	}
	for (size_t i = 0; i < 20; i++)
		assert_in_range(all[i], 20, 90);
	for (uint64_t n = 0; n < 10000; n++)
		again += fault_plan_hits(3, n, 250);
	assert_in_range(again, 2300, 2700);
}

static void test_room(void **state)
{
	struct fault_plan p = { .blast_radius = 200 };

	(void)state;
	assert_int_equal(fault_plan_room(&p, 10, 0), 2);
	assert_int_equal(fault_plan_room(&p, 10, 1), 1);
	assert_int_equal(fault_plan_room(&p, 10, 2), 0);
	assert_int_equal(fault_plan_room(&p, 10, 3), 0);
	/* of a few instances one is allowed, or nothing could ever be tried */
	assert_int_equal(fault_plan_room(&p, 3, 0), 1);
	assert_int_equal(fault_plan_room(&p, 3, 1), 0);
	assert_int_equal(fault_plan_room(&p, 0, 0), 0);
}

static void finding(const struct chaos_result *r, size_t i, const char *name, const char *limit, const char *measured,
		    bool held)
{
	struct chaos_finding f[CHAOS_FINDINGS];

	assert_true(i < chaos_findings(r, f));
	assert_string_equal(f[i].name, name);
	assert_string_equal(f[i].limit, limit);
	assert_string_equal(f[i].measured, measured);
	assert_int_equal(f[i].held, held);
}

static void test_verdict(void **state)
{
	CLEAN_FAULT_PLAN struct fault_plan p = { .file = NULL };
	struct load_result load;
	struct chaos_result r = { .plan = &p, .load = &load, .check = -1, .attempts = 1000, .failed = 50 };
	struct chaos_finding f[CHAOS_FINDINGS];

	(void)state;
	load_result_init(&load);
	parse_ok(&p, "duration: 10 s\nload: {rate: 20}\nsteady: {error_rate: 5 %, p99: 100 ms, lost: 2}\n"
		     "check: 'true'\nfaults: []\n");
	load.calls[LOAD_OK] = 998;
	load.calls[LOAD_FAILED] = 2;
	hist_record(&load.warm, 90 * LOOP_MS);
	assert_int_equal(chaos_findings(&r, f), 3);
	finding(&r, 0, "error rate", "5.0 %", "5.0 %", true);
	finding(&r, 1, "p99", "100 ms", "90.0 ms", true);
	finding(&r, 2, "lost events", "2", "2", true);
	assert_true(chaos_held(&r));
	r.failed = 51;
	finding(&r, 0, "error rate", "5.0 %", "5.1 %", false);
	assert_false(chaos_held(&r));
	r.failed = 0;
	load.calls[LOAD_ABANDONED] = 1;
	finding(&r, 2, "lost events", "2", "3", false);
	/* who calls directly was told of the other two */
	p.load.direct = true;
	finding(&r, 2, "lost events", "2", "1", true);
	hist_record(&load.failed, 200 * LOOP_MS);
	finding(&r, 1, "p99", "100 ms", "200 ms", false);
	hist_reset(&load.failed);
	r.check = 0;
	finding(&r, 3, "check", "exit 0", "exit 0", true);
	assert_true(chaos_held(&r));
	r.check = 4;
	finding(&r, 3, "check", "exit 0", "exit 4", false);
	r.check = 0;
	snprintf(r.aborted, sizeof(r.aborted), "%s", "enough");
	finding(&r, 4, "abort", "not", "enough", false);
	assert_false(chaos_held(&r));
	r.aborted[0] = '\0';
	memset(load.calls, 0, sizeof(load.calls));
	finding(&r, 4, "events", "1", "0", false);
	load_result_release(&load);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults), cmocka_unit_test(test_refused),      cmocka_unit_test(test_proxies),
		cmocka_unit_test(test_schedule), cmocka_unit_test(test_schedule_end), cmocka_unit_test(test_pick),
		cmocka_unit_test(test_room),	 cmocka_unit_test(test_verdict),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
