/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_BENCH_UTIL_H
#define SLSC_TEST_BENCH_UTIL_H

#include <stdio.h>
#include <string.h>

#include "local/bench.h"

/* A benchmark as a load makes them, but made up: the same numbers on every machine. */

struct made_bench {
	struct bench_result r;
	struct load_result cold, load;
	uint64_t state;
};

static inline uint64_t made_draw(struct made_bench *m)
{
	m->state ^= m->state >> 12;
	m->state ^= m->state << 25;
	m->state ^= m->state >> 27;
	return (m->state * 0x2545f4914f6cdd1dull) >> 11;
}

/* Around @ns, with a tail to the right: one in a thousand takes thirty times as long. */
static inline uint64_t made_time(struct made_bench *m, uint64_t ns)
{
	const uint64_t jitter = made_draw(m) % 1000, rare = made_draw(m) % 1000;

	return ns + ns * jitter / 2000 + (rare == 0 ? ns * 30 : rare < 20 ? ns * 3 : 0);
}

static inline void made_error(struct load_result *r, enum load_outcome outcome, int status, const char *text,
			      uint64_t n)
{
	struct load_error *e = &r->errors[r->nerrors++];

	*e = (struct load_error){ .status = status, .n = n };
	snprintf(e->text, sizeof(e->text), "%s", text);
	r->calls[outcome] += n;
}

static inline void made_bench_init(struct made_bench *m, bool hostile)
{
	*m = (struct made_bench){ .state = 42 };
	load_result_init(&m->cold);
	load_result_init(&m->load);
	m->r = (struct bench_result){ .project = "shop",
				      .function = hostile ? "<script>alert(1)</script>\"'&\033[31m\xff" : "hello",
				      .version = "0.1.0",
				      .what = "x86_64, profile release, 128 MB", .arch = "x86_64",
				      .memory = 128 << 20, .cpu = 72,
				      .machine = "Linux 6.1.0, 2 × Intel(R) Xeon(R)",
				      .cold = { { .concurrency = 1, .requests = 20 }, &m->cold },
				      .load = { { .rate = 1000, .duration = 10 * LOOP_S, .warmup = 2 * LOOP_S },
						&m->load } };
	for (int i = 0; i < 20; i++) {
		const uint64_t init = made_time(m, 400000), latency = init + made_time(m, 300000);

		hist_record(&m->cold.cold, latency);
		hist_record(&m->cold.init, init);
		hist_record(&m->cold.duration, 90000);
		VEC_PUSH(&m->cold.colds, ((struct load_cold){ latency, init }));
	}
	m->cold.calls[LOAD_OK] = 20;
	m->cold.elapsed = 30000000;
	m->cold.memory = 1200000;
	hist_add(&m->cold.corrected, &m->cold.cold);
	for (int i = 0; i < 9985; i++) {
		const uint64_t own = made_time(m, 60000), latency = own + made_time(m, 90000);

		if (i % 1000 == 0) {
			hist_record(&m->load.cold, latency + 900000);
			hist_record(&m->load.init, 400000);
		} else {
			hist_record(&m->load.warm, latency);
			hist_record(&m->load.overhead, latency - own);
		}
		hist_record(&m->load.duration, own);
		hist_record(&m->load.cpu, own / 2);
		hist_record(&m->load.late, 20000);
	}
	for (int i = 0; i < 15; i++)
		hist_record(&m->load.failed, 3 * LOOP_S + (unsigned)i * LOOP_MS);
	m->load.calls[LOAD_OK] = 9985;
	made_error(&m->load, LOAD_TIMEOUT, 504,
		   hostile ? "<img src=x onerror=alert(1)>\033[2J\xe2\x80\xae" : "Sandbox.Timedout", 14);
	made_error(&m->load, LOAD_CRASHED, 502, "Runtime.ExitError", 1);
	m->load.elapsed = 10 * LOOP_S;
	m->load.memory = 2411724;
	m->load.allocs = 3 * 9985;
	m->load.allocs_of = 9985;
	m->load.warmup_calls = 2000;
	m->load.warmup_colds = 4;
	for (size_t i = 0; i < 13; i++)
		VEC_PUSH(&m->load.seconds,
			 ((struct load_second){ .ok = i < 10 ? 998 + i % 3 : 0, .failed = i > 9 ? 5 : 0, .cold = i < 10,
						.p50 = i < 10 ? 150000 + i * 1000 : 3 * LOOP_S,
						.p99 = i < 10 ? 300000 + i * 50000 : 3 * LOOP_S, .max = 3 * LOOP_S }));
	if (hostile)
		strs_add(&m->r.warnings, "a warning of <b>others</b>\033[31m");
}

static inline void made_bench_release(struct made_bench *m)
{
	strs_release(&m->r.warnings);
	load_result_release(&m->cold);
	load_result_release(&m->load);
}

#endif
