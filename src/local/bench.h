/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_BENCH_H
#define SLSC_LOCAL_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "local/load.h"
#include "report/html.h"

/* What a benchmark of a function has found, and its forms. */

/** Part of a benchmark: the load, and what came of it. */
struct bench_part {
	struct load_spec spec;
	struct load_result *result;	/* borrowed; NULL: was not part of it */
};

/** All strings are borrowed; NULL: not known. Foreign ones are shown as text, whatever is in them. */
struct bench_result {
	const char *project, *function, *version;	/* function: not NULL; version: of slsc, not NULL */
	const char *what;	/* "x86_64, profile release, 128 MB" */
	const char *arch;	/* of the function: "x86_64" */
	uint64_t memory;	/* bytes that an instance may use; 0: not known */
	uint32_t cpu;		/* thousandths of a CPU that it gets; 0: not limited */
	const char *machine;	/* "Linux 6.1.0, 2 × Intel(R) Xeon(R) ..." */
	struct bench_part cold;	/* each call on an instance of its own */
	struct bench_part load;
	struct strs warnings;	/* owned by the caller: further ones than those of the numbers themselves */
};

enum bench_format { BENCH_TEXT, BENCH_JSON, BENCH_HTML };

struct bench_style {
	enum bench_format format;
	bool color;		/* BENCH_TEXT */
	int width;		/* columns of the terminal, 40 at least is made use of; BENCH_TEXT */
};
/**
 * bench_print - @r as @style says, appended to @out. JSON: one line, members sorted, all times whole nanoseconds. HTML:
 * one file that asks for nothing.
 */
void bench_print(const struct bench_result *r, const struct bench_style *style, struct buf *out);

/* ---- what the forms share: bench_*.c and chaos*.c use it ---- */

/** A line of the table of latencies. */
struct bench_row {
	const char *name, *what;
	const struct hist *h;	/* n > 0 */
};
#define BENCH_ROWS 9
struct bench_rows {
	struct hist all;
	struct bench_row row[BENCH_ROWS];
	size_t n;
};
void bench_rows_init(struct bench_rows *rows, const struct load_result *r);
void bench_rows_release(struct bench_rows *rows);

#define BENCH_TEXT_MAX 32
/** bench_course_text - "open loop: 1,000 calls a second for 10 s, after 2 s of warm-up" */
void bench_course_text(const struct load_spec *s, struct buf *out);
/** bench_outcome_text - "9,990 calls: 9,980 ok, 10 timeout; 998 a second" */
void bench_outcome_text(const struct load_result *r, struct buf *out);
/** bench_use_text - "memory 1.2 MB at most; CPU 0.12 ms and 3.0 allocations a call"; nothing if none is known. */
void bench_use_text(const struct load_result *r, struct buf *out);
/** bench_interval_text - "median 1.02 ms, with 95 % between 1.00 ms and 1.05 ms": of cold starts, from two on. */
void bench_interval_text(const struct load_result *r, struct buf *out);
/** bench_error_text - "10 × 504 Sandbox.Timedout"; what is not UTF-8 or steers a terminal is replaced. */
void bench_error_text(const struct load_error *e, struct buf *out);
/** bench_throughput - answers a second that went well. */
double bench_throughput(const struct load_result *r);
/** bench_failed - calls that did not go well. */
uint64_t bench_failed(const struct load_result *r);
/** bench_notes - what the reader must know, of the numbers, and of @r's own warnings. */
void bench_notes(const struct bench_result *r, struct strs *notes);

/** bench_axis - in ns, logarithmic, for @h: up to its maximum. */
struct axis bench_axis(const struct hist *h);
/** bench_bins - adds @h's counts to @n bins of the axis. */
void bench_bins(const struct hist *h, const struct axis *a, uint64_t *bins, size_t n);

/** bench_over_time - as HTML: what was answered in each second, and how fast; nothing below two seconds. */
void bench_over_time(struct buf *out, const struct load_result *r);

void bench_print_text(const struct bench_result *r, bool color, int width, struct buf *out);
void bench_print_json(const struct bench_result *r, struct buf *out);
void bench_print_html(const struct bench_result *r, struct buf *out);

#endif
