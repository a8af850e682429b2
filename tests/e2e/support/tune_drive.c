/* SPDX-License-Identifier: Apache-2.0 */
/* tune_drive text|json|csv|html [plain|hostile|guide|none] [WIDTH [color]]: a made-up sweep, for tests. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "local/tune.h"

#define HOSTILE "<script>alert(1)</script>\"'&"

static void axis(struct tune *t, enum tune_kind kind, const char *name, size_t n, const char *const *text)
{
	struct tune_axis *a = tune_add(t, kind, name, n);

	for (; a->n < n; a->n++)
		a->value[a->n].text = text[a->n];
}

/* Settings of less memory are slower and cheaper; repeats differ by some percent. */
static void measure(struct tune *t)
{
	for (size_t i = 0; i < t->nrows; i++)
		for (size_t k = 0; k < t->repeats; k++) {
			const double memory = (double)(1 + i / t->axis[1].n),
				     wobble = 1 + (double)((i * 7 + k * 5) % 11) / 100;
			const double p99 = 80e6 / memory * wobble * (i % 2 ? 0.9 : 1);

			VEC_PUSH(&t->row[i].samples,
				 ((struct tune_sample){ .calls = 200,
							.p50 = p99 / 3,
							.p99 = p99,
							.pause = p99 * 1.3,
							.pause_mean = p99 / 4,
							.cpu = 7.8e6,
							.cold = 3e6 * wobble,
							.cost = 0.2 + 0.15 * memory * wobble + (i % 2 ? 0.02 : 0),
							.memory = 350000 + i * 4096 }));
		}
}

static void make(struct tune *t, const char *kind)
{
	static const char *const memory[] = { "128 MB", "256 MB", "512 MB", "1024 MB" }, *const two[] = { "1", "4" };
	static const char *const bad[] = { HOSTILE, "\xff\x1b[31m" }, *const workers[] = { "4", "16" },
				 *const retention[] = { "100", "50" };
	const bool hostile = strcmp(kind, "hostile") == 0, guide = strcmp(kind, "guide") == 0;

	*t = (struct tune){ .project = hostile ? HOSTILE : "shop",
			    .function = hostile ? HOSTILE : "thumb",
			    .version = "0.1.0",
			    .machine = "Linux 6.1.0, x86_64, 2 × a machine",
			    .load = "open loop: 20 calls a second for 1 s; one event",
			    .prices = "lambda x86_64, us-east-1, USD of 2025-06-01",
			    .currency = "USD",
			    .repeats = 5,
			    .seed = 1,
			    .guide = guide };
	axis(t, guide ? TUNE_WORKERS : TUNE_MEMORY, guide ? "workers" : "memory", guide ? 2 : 4,
	     guide ? workers : memory);
	axis(t, guide ? TUNE_RETENTION : TUNE_ENV,
	     guide     ? "retention"
	     : hostile ? HOSTILE
		       : "CACHE",
	     2,
	     guide     ? retention
	     : hostile ? bad
		       : two);
	tune_rows(t);
	if (strcmp(kind, "none") != 0)
		measure(t);
	for (size_t i = 0; i < t->nrows && strcmp(kind, "none") == 0; i++)
		t->row[i].failed = "never gets ready: Runtime.ExitError";
	if (guide || strcmp(kind, "none") == 0)
		return;
	VEC_FREE(&t->row[0].samples);
	t->row[0].failed = hostile ? HOSTILE : "never gets ready: Runtime.ExitError";
	t->row[3].samples.len = 2;
	t->row[3].dropped = 2;
	t->row[7].samples.ptr[0].failed = 100;
	strs_add(&t->notes, hostile ? HOSTILE : "CPU is not limited: there are no cgroups");
}

int main(int argc, char **argv)
{
	static const char *const formats[] = { "text", "json", "csv", "html" };
	CLEAN_TUNE struct tune t;
	CLEAN_BUF struct buf out = BUF_INIT;
	size_t f = 0;

	while (f < ARRAY_LEN(formats) && (argc < 2 || strcmp(argv[1], formats[f]) != 0))
		f++;
	if (f == ARRAY_LEN(formats)) {
		fprintf(stderr, "tune_drive text|json|csv|html [plain|hostile|guide|none] [WIDTH [color]]\n");
		return 2;
	}
	setlocale(LC_CTYPE, "C.UTF-8");
	make(&t, argc > 2 ? argv[2] : "plain");
	tune_judge(&t);
	tune_print(&t, (enum tune_format)f, argc > 4, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 120, &out);
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
}
