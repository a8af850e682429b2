/* SPDX-License-Identifier: Apache-2.0 */
/* A function that does what its event says: {"do": "crash"}. For tests of slsc local. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <slsc.h>

slsc_lambda_fn handler;

static int count;

static void nap(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static int number(struct slsc_ctx *ctx, struct slsc_str in)
{
	struct slsc_str v;
	char text[16] = "";

	(void)ctx;
	if (slsc_json_get(in, "n", &v) > 0 && v.len < sizeof(text))
		memcpy(text, v.ptr, v.len);
	return (int)strtol(text, NULL, 10);
}

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str v, what = SLSC_STR("echo");
	char text[256];
	int n = number(ctx, in);

	count++;
	if (slsc_json_get(in, "do", &v) > 0)
		slsc_json_str(ctx, v, &what);
	if (slsc_str_eq(what, "exit"))
		_exit(n);
	if (slsc_str_eq(what, "abort"))
		abort();
	if (slsc_str_eq(what, "fail"))
		return slsc_fail(ctx, "NotToday", "it is Sunday");
	if (slsc_str_eq(what, "sleep"))
		nap(n);
	if (slsc_str_eq(what, "spin"))
		for (volatile long i = 0; i < 1000000L * n; i++)
			;
	if (slsc_str_eq(what, "big")) {
		for (int i = 0; i < n; i++)
			slsc_puts(out, i == 0 || i == n - 1 ? "\"" : "x");
		return 0;
	}
	if (slsc_str_eq(what, "log"))
		for (int i = 0; i < n; i++)
			printf("line %d\n", i);
	if (slsc_str_eq(what, "say"))
		printf("said %d\n", n);
	if (slsc_str_eq(what, "leak")) {
		volatile char *p = malloc(1 << 20);

		for (size_t i = 0; p && i < 1 << 20; i += 4096)
			p[i] = 1;
	}
	if (slsc_str_eq(what, "print") && slsc_json_get(in, "text", &v) > 0) {
		slsc_json_str(ctx, v, &v);
		printf("%.*s\n", (int)v.len, v.ptr);
	}
	if (slsc_str_eq(what, "flood")) {
		static char line[1024];

		memset(line, 'x', sizeof(line) - 1);
		line[sizeof(line) - 1] = '\n';
		for (int i = 0; i < n * 1024; i++)
			fwrite(line, 1, sizeof(line), stdout);
	}
	if (slsc_str_eq(what, "fork") && fork() == 0)
		for (;;)
			pause();
	if (slsc_str_eq(what, "memory")) {
		volatile char *p = malloc((size_t)n << 20);

		if (!p)
			return slsc_fail(ctx, "NoMemory", "malloc says no");
		for (size_t i = 0; i < (size_t)n << 20; i += 4096)
			p[i] = 1;
	}
	if (slsc_str_eq(what, "tmp")) {
		FILE *f = fopen("/tmp/full", "w");
		long k = 0;

		memset(text, 1, sizeof(text));
		while (f && fwrite(text, sizeof(text), 1, f) == 1 && fflush(f) == 0)
			k++;
		snprintf(text, sizeof(text), "%ld", k / 4096);
		slsc_puts(out, text);
		if (f)
			fclose(f);
		return 0;
	}
	if (slsc_str_eq(what, "env")) {
		const char *e = getenv("WHO");

		slsc_puts(out, "\"");
		slsc_puts(out, e ? e : "nobody");
		slsc_puts(out, "\"");
		return 0;
	}
	fflush(stdout);
	snprintf(text, sizeof(text), "{\"count\":%d,\"pid\":%d}", count, (int)getpid());
	slsc_puts(out, text);
	return 0;
}
