/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_TEST_COMPARE_UTIL_H
#define SLSC_TEST_COMPARE_UTIL_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "report/compare.h"

/* A comparison as compare_run() makes them, but made up: the same numbers on every machine. */

struct made_up {
	struct comparison c;
	struct arena arena;
	struct size_tree trees[4];
	size_t ntrees;
};

static inline void made_up_release(struct made_up *m)
{
	for (size_t i = 0; i < m->ntrees; i++)
		size_tree_release(&m->trees[i]);
	strs_release(&m->c.warnings);
	arena_release(&m->arena);
}

static inline uint32_t made_up_random(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

/* Starts around @p50 microseconds with the long tail to the right that starts have. */
static inline void made_up_starts(struct made_up *m, struct cmp_row *r, double p50, size_t n, uint32_t seed)
{
	r->samples = arena_alloc(&m->arena, n * sizeof(double));
	r->nsamples = n;
	for (size_t i = 0; i < n; i++) {
		double sum = 0, tail = (made_up_random(&seed) % 100) / 100.0;

		tail *= tail * tail;
		tail *= tail;
		tail *= tail;
		for (int k = 0; k < 6; k++)
			sum += (made_up_random(&seed) % 1000) / 1000.0;
		/* whole nanoseconds, as a clock gives them */
		r->samples[i] = (double)(uint64_t)(p50 * (0.9 + 0.2 * sum / 6 + 0.5 * tail) * 1000) / 1000;
	}
	stats_of(r->samples, n, &r->start);
	r->value[COL_START] = r->start.p50;
	r->value[COL_START_P99] = r->start.p99;
}

static inline struct cmp_row *made_up_row(struct made_up *m, const char *strategy, const char *summary, enum arch arch)
{
	struct cmp_row *r = &m->c.rows[m->c.nrows++];

	*r = (struct cmp_row){ .strategy = strategy, .summary = summary, .arch = arch, .same_binary = CMP_NO_ROW,
			       .reference = CMP_NO_ROW };
	for (size_t i = 0; i < COL_COUNT; i++)
		r->value[i] = NAN;
	return r;
}

static inline void made_up_sizes(struct cmp_row *r, double binary, double zip, double image, double unpacked,
				 double layers, double files)
{
	const double v[] = { binary, zip, image, unpacked, layers, files };

	memcpy(r->value, v, sizeof(v));
}

static inline void made_up_costs(struct cmp_row *r, double build, double package, double rss, double pss, double allocs)
{
	r->value[COL_BUILD] = build;
	r->value[COL_PACKAGE] = package;
	r->value[COL_RSS] = rss;
	r->value[COL_PSS] = pss;
	r->value[COL_ALLOCS] = allocs;
}

static inline struct cmp_table *made_up_table(struct made_up *m, const char *title, size_t first, size_t n,
					      const enum cmp_col *cols, size_t ncols)
{
	struct cmp_table *t = &m->c.tables[m->c.ntables++];
	size_t *rows = arena_alloc(&m->arena, n * sizeof(*rows));

	for (size_t i = 0; i < n; i++)
		rows[i] = first + i;
	*t = (struct cmp_table){ .title = title, .rows = rows, .nrows = n, .cols = cols, .ncols = ncols };
	return t;
}

/* Best, and whether starts differ, as compare_run() finds them. */
static inline void made_up_rank(struct made_up *m)
{
	for (size_t i = 0; i < m->c.nrows; i++) {
		struct cmp_row *r = &m->c.rows[i];

		for (size_t col = 0; col < COL_COUNT; col++) {
			bool best = isfinite(r->value[col]);

			for (size_t k = 0; k < m->c.nrows; k++)
				if (m->c.rows[k].arch == r->arch && m->c.rows[k].value[col] < r->value[col])
					best = false;
			r->best[col] = best;
		}
		if (r->reference != CMP_NO_ROW && r->samples) {
			const struct cmp_row *to = &m->c.rows[r->reference];

			r->start_differs = stats_differ(to->samples, to->nsamples, r->samples, r->nsamples, NULL, NULL);
		}
	}
}

static inline struct size_tree *made_up_tree(struct made_up *m, const char *kind, const char *name)
{
	struct size_tree *t = &m->trees[m->ntrees++];

	*t = (struct size_tree)SIZE_TREE_INIT;
	size_tree_begin(t, kind, name);
	return t;
}

static inline const struct size_tree *made_up_sources(struct made_up *m)
{
	static const struct {
		const char *unit, *symbol;
		uint64_t bytes;
	} all[] = {
		{ "src/handler.c", "handle", 912 }, { "src/handler.c", "parse_name", 340 },
		{ "src/handler.c", "greeting", 96 }, { "runtime/loop.c", "slsc_rt_main", 1480 },
		{ "runtime/loop.c", "next_invocation", 1120 }, { "runtime/loop.c", "post_response", 688 },
		{ "runtime/http.c", "http_read_head", 940 }, { "runtime/http.c", "http_write", 512 },
		{ "runtime/http.c", "chunk_size", 180 }, { "runtime/log.c", "log_json", 420 },
		{ "libc.a: memcpy.o", "memcpy", 310 }, { "libc.a: vfprintf.o", "printf_core", 3310 },
		{ "libc.a: vfprintf.o", "fmt_fp", 2210 }, { "libc.a: vfprintf.o", "pop_arg", 402 },
		{ "libc.a: malloc.o", "__libc_malloc_impl", 1640 }, { "libc.a: malloc.o", "__libc_free", 780 },
		{ "libc.a: malloc.o", "alloc_meta", 620 }, { "libc.a: strtod.o", "__floatscan", 2890 },
	};
	struct size_tree *t = made_up_tree(m, "binary", "bootstrap");

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		size_add(t, size_add(t, t->root, "unit", all[i].unit, 0), "symbol", all[i].symbol, all[i].bytes);
	size_add(t, t->root, "other", "headers and padding", 1216);
	for (char name[] = "a.o"; name[0] <= 'z'; name[0]++)
		size_add(t, size_add(t, t->root, "unit", name, 0), "symbol", name, 20);
	size_finish(t);
	return t;
}

static inline const struct size_tree *made_up_layers(struct made_up *m)
{
	struct size_tree *t = made_up_tree(m, "image", "slim");
	struct size_node *base = size_add(t, t->root, "layer", "debian:bookworm-slim", 0);
	struct size_node *libs = size_add(t, t->root, "layer", "RUN apt-get install -y libcurl4", 0);
	struct size_node *app = size_add(t, t->root, "layer", "COPY bootstrap /", 0);

	for (int i = 0; i < 400; i++) {
		char path[64];

		snprintf(path, sizeof(path), "usr/share/zoneinfo/Area%d/City%d", i % 12, i);
		size_add_path(t, base, "file", path, 1000 + (uint64_t)i * 7);
		snprintf(path, sizeof(path), "usr/bin/tool%d", i);
		size_add_path(t, base, "file", path, (uint64_t)(i % 20) * 9000);
		snprintf(path, sizeof(path), "usr/lib/x86_64-linux-gnu/lib%d.so.%d", i, i % 7);
		size_add_path(t, i % 3 ? base : libs, "file", path,
			      40000 + (uint64_t)(400 - i) * (uint64_t)(i % 37) * 60);
	}
	size_add_path(t, base, "file", "usr/lib/x86_64-linux-gnu/libc.so.6", 1926256);
	size_add_path(t, base, "file", "usr/bin/perl", 3795528);
	size_add_path(t, libs, "file", "usr/lib/x86_64-linux-gnu/libcrypto.so.3", 4709472);
	size_add_path(t, libs, "file", "var/lib/dpkg/status", 90000);
	size_add_path(t, app, "file", "bootstrap", 15592);
	size_finish(t);
	return t;
}

static const enum cmp_col made_up_all[] = { COL_BINARY, COL_ZIP, COL_IMAGE, COL_UNPACKED, COL_LAYERS,
					    COL_FILES, COL_BUILD, COL_PACKAGE, COL_START, COL_START_P99,
					    COL_RSS, COL_PSS, COL_ALLOCS };
static const enum cmp_col made_up_images[] = { COL_IMAGE, COL_UNPACKED, COL_LAYERS, COL_FILES };

/* Eight rows, two tables, two architectures; @hostile: with names that mean mischief. */
static inline void made_up_init(struct made_up *m, bool hostile)
{
	static const struct cmp_claim starts[] = { { "dynamic start", "3 to 8 ms", "0.67 ms" },
						   { "static start", "0.2 ms", "0.11 ms" },
						   { "wasm start", "35 ms", NULL } };
	static const struct cmp_claim images[] = {
		{ "single-stage image", "324 MB in 12 layers", "318.2 MB in 9 layers" },
		{ "distroless image", "18.2 MB in 3 layers", "11.0 KB in 1 layer" },
	};
	static const char *const evil = "<script>alert(1)</script>|`@all`#1\"'&\x1b[31m\xff\xe2\x80\xae";
	struct cmp_table *t;
	struct cmp_row *r;

	*m = (struct made_up){ .c = { .project = "hello", .function = "hello", .version = "0.1.0",
				      .machine = "Linux 6.1.0, 2 × Xeon", .runs = 200 } };
	m->c.rows = arena_alloc(&m->arena, 16 * sizeof(*m->c.rows));
	m->c.tables = arena_alloc(&m->arena, 4 * sizeof(*m->c.tables));
	m->c.missed = arena_alloc(&m->arena, 2 * sizeof(*m->c.missed));

	r = made_up_row(m, "dynamic-glibc", "gcc, glibc, dynamic", ARCH_X86_64);
	r->reference = 0;
	made_up_sizes(r, 15592, 6241, 33396224, 85083423, 3, 4021);
	made_up_costs(r, 0.412, 0.038, 1466368, 311296, 4);
	made_up_starts(m, r, 666, 200, 1);
	r->sources = made_up_sources(m);
	r->layers = made_up_layers(m);
	r->base = "debian:bookworm-slim";
	r = made_up_row(m, "static-glibc", "gcc, glibc, static", ARCH_X86_64);
	r->reference = 0;
	made_up_sizes(r, 715912, 331209, 340021, 716936, 1, 1);
	made_up_costs(r, 0.398, 0.041, 712704, 610304, 3);
	made_up_starts(m, r, 661, 200, 2);
	r->base = "scratch";
	r->note = "answers with an error";
	r = made_up_row(m, "static-musl", "clang, musl, static", ARCH_X86_64);
	r->reference = 0;
	made_up_sizes(r, 6184, 3977, 5112, 7208, 1, 1);
	made_up_costs(r, 0.211, 0.009, 57344, 57344, 0);
	made_up_starts(m, r, 111, 200, 3);
	r->sources = m->c.rows[0].sources;
	r->base = "scratch";
	r = made_up_row(m, "static-debian12", "clang, musl, static; distroless", ARCH_X86_64);
	r->reference = 0;
	made_up_sizes(r, 6184, 3977, 740112, 2431208, 4, 1391);
	made_up_costs(r, 0.211, 0.012, NAN, NAN, NAN);
	r->value[COL_START] = m->c.rows[2].value[COL_START];
	r->value[COL_START_P99] = m->c.rows[2].value[COL_START_P99];
	r->start = m->c.rows[2].start;
	r->samples = m->c.rows[2].samples;
	r->nsamples = m->c.rows[2].nsamples;
	r->same_binary = 2;
	r->base = "static-debian12";
	r = made_up_row(m, hostile ? evil : "wasm", "wasi", ARCH_X86_64);
	r->failed = hostile ? evil : "clang: error: no such file or directory: '/usr/lib/wasm32-wasi/crt1.o'";
	r = made_up_row(m, "dynamic-glibc", "gcc, glibc, dynamic", ARCH_ARM64);
	r->emulated = true;
	r->reference = 5;
	made_up_sizes(r, 67112, 7344, 31396224, 81083423, 3, 4021);
	made_up_costs(r, 0.512, 0.038, 12582912, 9961472, 4);
	made_up_starts(m, r, 9120, 200, 4);
	r->base = "debian:bookworm-slim";
	r = made_up_row(m, "static-musl", "clang, musl, static", ARCH_ARM64);
	r->emulated = true;
	r->reference = 5;
	made_up_sizes(r, 7288, 4410, 5590, 8312, 1, 1);
	made_up_costs(r, 0.232, 0.009, 8388608, 6815744, 0);
	made_up_starts(m, r, 4010, 200, 5);
	r->base = "scratch";
	made_up_rank(m);

	t = made_up_table(m, hostile ? evil : "Static against dynamic", 0, 7, made_up_all, COL_COUNT);
	t->source = "the guide";
	t->claims = starts;
	t->nclaims = 3;
	t = made_up_table(m, "Images", 0, 5, made_up_images, 4);
	t->source = hostile ? evil : "the guide";
	t->claims = images;
	t->nclaims = 2;
	m->c.missed[m->c.nmissed++] = (struct cmp_miss){ "zip", 1, COL_ZIP, 20480, 331209,
							 hostile ? evil : "unit libc.a: vfprintf.o" };
	strs_add(&m->c.warnings, hostile ? evil : "zig is not installed: its strategy was left out");
	if (hostile) {
		struct size_tree *bad = made_up_tree(m, "binary", evil);

		size_add(bad, size_add(bad, bad->root, "unit", evil, 0), "symbol", evil, 400000);
		size_add(bad, size_add(bad, bad->root, "unit", "]]>--></title></svg>", 0), "symbol", "javascript:x",
			 300000);
		size_finish(bad);
		m->c.rows[1].sources = bad;
		m->c.rows[2].layers = bad;
		m->c.rows[1].note = evil;
		m->c.machine = evil;
	}
}

/* As much as is still to be printed at once: 20 rows of 1,000 starts, and trees of 50,000 nodes. */
static inline void made_up_large(struct made_up *m)
{
	static const char *const dirs[] = { "usr/lib/x86_64-linux-gnu", "usr/share/doc", "usr/bin",
					    "usr/include/c++/12", "var/lib/dpkg/info", "opt/a/b/c/d/e/f" };
	const size_t all = sizeof(made_up_all) / sizeof(made_up_all[0]);
	uint32_t seed = 7;

	*m = (struct made_up){ .c = { .project = "large", .function = "large", .version = "0.1.0", .machine = "x",
				      .runs = 1000 } };
	m->c.rows = arena_alloc(&m->arena, 20 * sizeof(*m->c.rows));
	m->c.tables = arena_alloc(&m->arena, sizeof(*m->c.tables));
	for (int kind = 0; kind < 2; kind++) {
		struct size_tree *t = made_up_tree(m, kind ? "image" : "binary", "x");

		for (int i = 0; t->n < 50000; i++) {
			char unit[64], name[64];

			snprintf(unit, sizeof(unit), kind ? "RUN step %d" : "src/dir/file%d.c", kind ? i % 9 : i % 900);
			snprintf(name, sizeof(name), kind ? "%s/file%d" : "%.4snamespace::function_of_some_length_%d",
				 dirs[i % 6], i);
			size_add_path(t, size_add(t, t->root, kind ? "layer" : "unit", unit, 0),
				      kind ? "file" : "symbol", name, made_up_random(&seed) % 1000 * 500);
		}
		size_finish(t);
	}
	for (int i = 0; i < 20; i++) {
		struct cmp_row *r = made_up_row(m, arena_printf(&m->arena, "strategy-%d", i), "made up", ARCH_X86_64);

		made_up_sizes(r, 1000.0 * i, 500.0 * i, 1e6 * i, 3e6 * i, i, 100.0 * i);
		made_up_costs(r, 0.1 * i, 0.01 * i, 1e5 * i, 1e5 * i, i);
		made_up_starts(m, r, 100.0 * (i + 1), 1000, (uint32_t)i);
		r->reference = 0;
		r->sources = &m->trees[0];
		r->layers = &m->trees[1];
	}
	made_up_table(m, "All", 0, 20, made_up_all, all);
}

#endif
