/* SPDX-License-Identifier: Apache-2.0 */
/*
 * compare_drive table|json|csv|markdown|html [plain|hostile|large] [WIDTH [color]]: prints a made-up comparison,
 * for the end-to-end tests, and on stderr how many milliseconds of the processor that took.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "test_compare_util.h"

int main(int argc, char **argv)
{
	static const char *const formats[] = { [CMP_TABLE] = "table",
					       [CMP_JSON] = "json",
					       [CMP_CSV] = "csv",
					       [CMP_MARKDOWN] = "markdown",
					       [CMP_HTML] = "html" };
	const char *kind = argc > 2 ? argv[2] : "plain";
	struct cmp_style style = { .width = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 80, .color = argc > 4 };
	CLEANUP(made_up_release) struct made_up m;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct timespec before, after;
	size_t f = 0;

	while (f < ARRAY_LEN(formats) && (argc < 2 || strcmp(argv[1], formats[f]) != 0))
		f++;
	if (f == ARRAY_LEN(formats)) {
		fprintf(stderr, "compare_drive table|json|csv|markdown|html [plain|hostile|large] [WIDTH [color]]\n");
		return 2;
	}
	style.format = (enum cmp_format)f;
	setlocale(LC_CTYPE, "C.UTF-8");
	if (strcmp(kind, "large") == 0)
		made_up_large(&m);
	else
		made_up_init(&m, strcmp(kind, "hostile") == 0);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
	compare_print(&m.c, &style, &out);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
	fprintf(stderr, "%.1f ms\n", (double)(after.tv_sec - before.tv_sec) * 1e3 +
					     (double)(after.tv_nsec - before.tv_nsec) / 1e6);
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
}
