/* SPDX-License-Identifier: Apache-2.0 */
/* bench_drive text|json|html [plain|hostile|cold] [WIDTH [color]]: prints a made-up benchmark, for the e2e tests. */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "test_bench_util.h"

int main(int argc, char **argv)
{
	static const char *const formats[] = { [BENCH_TEXT] = "text", [BENCH_JSON] = "json", [BENCH_HTML] = "html" };
	const char *kind = argc > 2 ? argv[2] : "plain";
	struct bench_style style = { .width = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 80, .color = argc > 4 };
	CLEANUP(made_bench_release) struct made_bench m;
	CLEAN_BUF struct buf out = BUF_INIT;
	size_t f = 0;

	while (f < ARRAY_LEN(formats) && (argc < 2 || strcmp(argv[1], formats[f]) != 0))
		f++;
	if (f == ARRAY_LEN(formats)) {
		fprintf(stderr, "bench_drive text|json|html [plain|hostile|cold] [WIDTH [color]]\n");
		return 2;
	}
	style.format = (enum bench_format)f;
	setlocale(LC_CTYPE, "C.UTF-8");
	made_bench_init(&m, strcmp(kind, "hostile") == 0);
	if (strcmp(kind, "cold") == 0)
		m.r.load.result = NULL;
	bench_print(&m.r, &style, &out);
	return fwrite(out.ptr, 1, out.len, stdout) == out.len ? 0 : 1;
}
