/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"
#include "report/start.h"

static char dir[] = "/tmp/slsc-start-XXXXXX";

static char *compile(const char *name, const char *text, const char *flags)
{
	char *path = xasprintf("%s/%s", dir, name);
	CLEAN_FREE char *source = xasprintf("%s.c", path);
	const char *argv[] = { "cc", "-O1", "-fno-builtin", flags, "-o", path, source, NULL };
	FILE *f = fopen(source, "w");
	struct err err;
	int status;

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(proc_run(argv, &(struct proc_opts){ .dir = dir }, &status, &err), 0);
	assert_int_equal(status, 0);
	return path;
}

/* A function in as few lines as may be: it asks for its event, allocates N times, and answers what it got. */
static const char lambda[] =
	"#include <arpa/inet.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"
	"int main(void)\n{\n"
	"	const char *api = getenv(\"AWS_LAMBDA_RUNTIME_API\");\n"
	"	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001),\n"
	"		.sin_port = htons((unsigned short)strtol(strchr(api, ':') + 1, NULL, 10)) };\n"
	"	static char in[65536], out[70000];\n"
	"	const char *body;\n"
	"	int fd = socket(AF_INET, SOCK_STREAM, 0);\n"
	"	const char *n = getenv(\"N\"), *what = getenv(\"WHAT\");\n"
	"	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) return 3;\n"
	"	dprintf(fd, \"GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n\");\n"
	"	if (read(fd, in, sizeof(in) - 1) <= 0) return 4;\n"
	"	body = strstr(in, \"\\r\\n\\r\\n\") + 4;\n"
	"	for (int i = n ? atoi(n) : 0; i > 0; i--) { char *p = i % 2 ? malloc(10) : calloc(1, 10);\n"
	"		p = realloc(p, 20); if (!p) return 5; if (i % 3) free(p); }\n"
	"	if (what && strcmp(what, \"hang\") == 0) pause();\n"
	"	if (what && strcmp(what, \"exit\") == 0) return 7;\n"
	"	if (what && strcmp(what, \"crash\") == 0) abort();\n"
	"	sprintf(out, \"POST /2018-06-01/runtime/invocation/1/%s HTTP/1.1\\r\\nHost: x\\r\\n\"\n"
	"		\"Content-Length: %zu\\r\\n\\r\\n%s\", what ? what : \"response\", strlen(body), body);\n"
	"	write(fd, out, strlen(out));\n"
	"	read(fd, in, sizeof(in));\n"
	"	pause();\n"
	"}\n";

static struct lkv one[2];
static struct lkvs env = { one, 0 };

static void set(const char *key, const char *val)
{
	one[env.len++] = (struct lkv){ { .s = key }, { .s = val } };
}

static void test_lambda(void **state)
{
	CLEAN_FREE char *path = compile("f", lambda, "-static");
	struct start_target t = { .path = path, .shown = "dist/f", .runtime = RUNTIME_LAMBDA, .env = &env,
				  .timeout_ms = 20000, .event = "{\"a\":1}" };
	struct start_sample s;
	struct err err;

	(void)state;
	env.len = 0;
	assert_int_equal(start_once(&t, true, &s, &err), 0);
	assert_true(s.ns > 10000 && s.ns < UINT64_C(20000000000));
	assert_true(s.rss >= 4096 && s.rss < 1 << 26 && s.pss > 0 && s.pss <= s.rss);
	assert_false(s.answered_error);
	assert_int_equal(start_once(&t, false, &s, &err), 0);
	assert_int_equal(s.rss, 0);
	set("WHAT", "error");
	assert_int_equal(start_once(&t, false, &s, &err), 0);
	assert_true(s.answered_error);
}

static void test_fails(void **state)
{
	CLEAN_FREE char *path = compile("g", lambda, "-static");
	struct start_target t = { .path = path, .shown = "dist/g", .runtime = RUNTIME_LAMBDA, .env = &env,
				  .timeout_ms = 20000 };
	struct start_sample s;
	struct err err;

	(void)state;
	env.len = 0;
	set("WHAT", "exit");
	assert_int_equal(start_once(&t, false, &s, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
	assert_string_equal(err.msg, "dist/g: exited with status 7 before it served a request");
	one[0].val.s = "crash";
	assert_int_equal(start_once(&t, false, &s, &err), -1);
	assert_string_equal(err.msg, "dist/g: killed by signal 6 (Aborted) before it served a request");
	one[0].val.s = "hang";
	t.timeout_ms = 300;
	assert_int_equal(start_once(&t, false, &s, &err), -1);
	assert_string_equal(err.msg, "dist/g: served no request within 300 ms");
	t.path = "/nonexistent/g";
	assert_int_equal(start_once(&t, false, &s, &err), -1);
	assert_string_equal(err.msg, "cannot run dist/g: No such file or directory");
}

static void test_none(void **state)
{
	struct start_target t = { .path = "/bin/true", .shown = "true", .runtime = RUNTIME_NONE };
	struct start_sample s;
	struct err err;

	(void)state;
	assert_int_equal(start_once(&t, true, &s, &err), 0);
	assert_true(s.ns > 1000);
	t.path = t.shown = "/bin/false";
	assert_int_equal(start_once(&t, true, &s, &err), -1);
	assert_string_equal(err.msg, "/bin/false: exited with status 1");
}

static const char http[] =
	"#include <arpa/inet.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n"
	"int main(void)\n{\n"
	"	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001),\n"
	"		.sin_port = htons((unsigned short)atoi(getenv(\"PORT\"))) };\n"
	"	int fd = socket(AF_INET, SOCK_STREAM, 0), c, yes = 1;\n"
	"	char in[4096];\n"
	"	const char *out = getenv(\"OUT\");\n"
	"	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));\n"
	"	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 4) < 0) return 3;\n"
	"	c = accept(fd, NULL, NULL);\n"
	"	if (read(c, in, sizeof(in)) <= 0 || !strstr(in, \"GET /x HTTP/1.1\\r\\n\")) return 4;\n"
	"	write(c, out, strlen(out));\n"
	"	close(c);\n"
	"	pause();\n"
	"}\n";

static void test_http(void **state)
{
	CLEAN_FREE char *path = compile("h", http, "-static");
	struct start_target t = { .path = path, .shown = "h", .runtime = RUNTIME_HTTP, .env = &env, .request = "/x",
				  .timeout_ms = 20000 };
	struct start_sample s;
	struct err err;

	(void)state;
	env.len = 0;
	set("OUT", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
	assert_int_equal(start_once(&t, true, &s, &err), 0);
	assert_true(s.ns > 10000 && s.rss > 0 && !s.answered_error);
	one[0].val.s = "HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n";
	assert_int_equal(start_once(&t, true, &s, &err), 0);
	assert_true(s.answered_error);
	one[0].val.s = "HTTP/1.1 20";
	assert_int_equal(start_once(&t, true, &s, &err), -1);
	assert_string_equal(err.msg, "h: ended the connection without an answer");
	t.request = "/y";
	assert_int_equal(start_once(&t, true, &s, &err), -1);
	assert_int_equal(err.code, ERR_VERIFY);
}

/* Each turn is two calls: malloc or calloc, and realloc; what the C library does by itself is in both. */
static void count_of(const char *flags, const char *name)
{
	CLEAN_FREE char *path = compile(name, lambda, flags);
	const struct start_target t = { .path = path, .shown = name, .runtime = RUNTIME_LAMBDA, .env = &env,
					.timeout_ms = 20000 };
	uint64_t none, some;
	struct err err;
	bool known;

	env.len = 0;
	set("N", "0");
	assert_int_equal(start_allocations(&t, NULL, &none, &known, &err), 0);
	assert_true(known);
	one[0].val.s = "7";
	assert_int_equal(start_allocations(&t, NULL, &some, &known, &err), 0);
	assert_int_equal(some - none, 14);
}

static void test_allocations(void **state)
{
	const struct start_target t = { .path = "/bin/true", .shown = "x", .qemu = "/bin/true" };
	uint64_t n;
	struct err err;
	bool known;

	(void)state;
	count_of("-static", "s");
	count_of("-static-pie", "p");
	count_of("-pie", "d");
	assert_int_equal(start_allocations(&t, NULL, &n, &known, &err), -1);
	assert_string_equal(err.msg, "cannot count allocations: x is of another machine");
}

static void test_allocations_fail(void **state)
{
	CLEAN_FREE char *path = compile("af", lambda, "-static");
	struct start_target t = { .path = path, .shown = "af", .runtime = RUNTIME_LAMBDA, .env = &env,
				  .timeout_ms = 20000 };
	uint64_t n;
	struct err err;
	bool known;

	(void)state;
	env.len = 0;
	set("WHAT", "exit");
	assert_int_equal(start_allocations(&t, NULL, &n, &known, &err), -1);
	assert_string_equal(err.msg, "af: exited with status 7 before it served a request");
	t.path = "/nonexistent";
	assert_int_equal(start_allocations(&t, NULL, &n, &known, &err), -1);
	assert_string_equal(err.msg, "cannot run af");
}

static void test_evict(void **state)
{
	CLEAN_FREE char *path = xasprintf("%s/big", dir);
	static char block[1 << 20];
	enum start_cold how;
	struct err err;

	(void)state;
	memset(block, 'x', sizeof(block));
	assert_int_equal(fs_write_file(path, block, sizeof(block), 0644, &err), 0);
	assert_int_equal(start_evict(path, &how, &err), 0);
	/* what lies in memory alone has nowhere else to go */
	assert_true(how == START_COLD || how == START_WARM_IN_USE);
	assert_int_equal(start_evict("/nonexistent", &how, &err), -1);
}

static int begin(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	struct err err;

	(void)state;
	return fs_rmtree(dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lambda),
		cmocka_unit_test(test_fails),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_allocations),
		cmocka_unit_test(test_allocations_fail),
		cmocka_unit_test(test_evict),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
