/* SPDX-License-Identifier: Apache-2.0 */
/* What is attached to images asks of a client, with the registry of the end-to-end tests. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oci/image.h"
#include "os/fs.h"
#include "registry/client.h"

struct server {
	char dir[64];
	pid_t pid;
	struct client *c;
};

static struct server start_slow(const char *mode, unsigned stalled_s)
{
	struct server s = { .dir = "/tmp/slsc-test.XXXXXX" };
	const char *src = getenv("SLSC_SRC");
	CLEAN_FREE char *script = xasprintf("%s/tests/e2e/support/liar.py", src ? src : ".");
	CLEAN_FREE char *path = NULL, *host = NULL;
	CLEAN_BUF struct buf port = BUF_INIT;
	struct registry_opts o = { .insecure = false };
	struct client_spec spec = { .repo = "x", .push = true, .stalled_s = stalled_s };
	struct err err = ERR_INIT;

	assert_non_null(mkdtemp(s.dir));
	s.pid = fork();
	if (s.pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that fails does not come to stop() */
		execl("/usr/bin/python3", "python3", script, mode, s.dir, (char *)NULL);
		_exit(127);
	}
	path = path_join(s.dir, "port");
	while (!fs_exists(path)) {
		if (waitpid(s.pid, NULL, WNOHANG) != 0)
			fail_msg("liar.py does not start: apt-get install python3");
		nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
	}
	assert_int_equal(fs_read(path, 16, &port, &err), 0);
	host = xasprintf("127.0.0.1:%s", port.ptr);
	spec.host = host;
	assert_int_equal(client_open(&s.c, &spec, &o, &err), 0);
	return s;
}

static struct server start(const char *mode)
{
	return start_slow(mode, 0);
}

static void stop(struct server *s)
{
	struct err err = ERR_INIT;

	client_free(s->c);
	kill(s->pid, SIGTERM);
	waitpid(s->pid, NULL, 0);
	assert_int_equal(fs_rmtree(s->dir, &err), 0);
}

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s", err.msg);                                                                       \
	} while (0)

static int collect(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

static void blobs(void **state)
{
	struct server s = start("honest");
	struct err err = ERR_INIT;
	CLEAN_BUF struct buf got = BUF_INIT;
	struct digest d, other;
	bool found;

	(void)state;
	MUST(client_blob_put_bytes(s.c, "hello", 5, &d, &err));
	MUST(client_blob_put_bytes(s.c, "hello", 5, &d, &err));
	MUST(client_blob_put_bytes(s.c, "", 0, &other, &err));
	MUST(client_blob_head(s.c, &d, &found, &err));
	assert_true(found);
	MUST(client_blob_get(s.c, &d, 5, collect, &got, &err));
	assert_string_equal(got.ptr, "hello");
	MUST(digest_of("none", 4, &other, &err));
	MUST(client_blob_head(s.c, &other, &found, &err));
	assert_false(found);
	assert_int_equal(client_blob_get(s.c, &other, 4, collect, &got, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	stop(&s);
}

/* Headers or bodies that trickle, and silence, end in bounded time: what stalls is tried once more. */
static void stalls(void **state)
{
	static const struct {
		const char *mode, *why;
		unsigned stalled_s, least;	/* requests */
	} cases[] = {
		{ "slow-headers", "it stalls: less than 100 bytes a second for 1 s", 1, 2 },
		{ "slow-body", "it stalls: less than 100 bytes a second for 1 s", 1, 2 },
		{ "silent", "it stalls: less than 100 bytes a second for 1 s", 1, 2 },
		/* libcurl takes the rate once a second; a machine that is busy may make a stall of it once */
		{ "slow-answer", "its answer is not complete after 10 s", 2, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct server s = start_slow(cases[i].mode, cases[i].stalled_s);
		CLEAN_FREE char *path = path_join(s.dir, "log"), *media = NULL, *want = NULL;
		CLEAN_BUF struct buf got = BUF_INIT, log = BUF_INIT;
		struct err err = ERR_INIT;
		unsigned requests = 0;
		struct digest d;

		assert_int_equal(client_manifest_get(s.c, "t", &got, &media, &d, &err), -1);
		want = xasprintf("%s: GET of manifest t: %s", client_shown(s.c), cases[i].why);
		assert_string_equal(err.msg, want);
		assert_int_equal(err.code, ERR_NET);
		MUST(fs_read(path, 4096, &log, &err));
		for (const char *p = log.ptr; (p = strstr(p, "manifests")) != NULL; p++)
			requests++;
		assert_in_range(requests, cases[i].least, 2);
		stop(&s);
	}
}

#define EMPTY "{\"manifests\":[],\"mediaType\":\"" MEDIA_INDEX "\",\"schemaVersion\":2}"

/* Without the API the tag is what there is. */
static void referrers_by_tag(void **state)
{
	struct server s = start("honest");
	struct err err = ERR_INIT;
	CLEAN_BUF struct buf out = BUF_INIT, text = BUF_INIT;
	CLEAN_FREE char *tag = NULL, *media = NULL;
	struct digest subject, d, got;
	bool found;

	(void)state;
	MUST(digest_of("subject", 7, &subject, &err));
	MUST(client_referrers(s.c, &subject, &out, &err));
	assert_string_equal(out.ptr, EMPTY);
	buf_addz(&text, "{\"schemaVersion\":2,\"manifests\":[{\"a\":1}]}");
	MUST(digest_of(text.ptr, text.len, &d, &err));
	tag = xasprintf("sha256-%s", digest_hex(&subject));
	MUST(client_manifest_put(s.c, tag, MEDIA_INDEX, text.ptr, text.len, &d, &err));
	buf_reset(&out);
	MUST(client_referrers(s.c, &subject, &out, &err));
	assert_string_equal(out.ptr, text.ptr);
	MUST(client_manifest_head(s.c, tag, &found, &got, &err));
	assert_true(found);
	assert_string_equal(got.s, d.s);
	buf_reset(&out);
	MUST(client_manifest_get(s.c, d.s, &out, &media, &got, &err));
	assert_string_equal(out.ptr, text.ptr);
	MUST(client_manifest_head(s.c, "absent", &found, &got, &err));
	assert_false(found);
	stop(&s);
}

/* Three pages, put together. */
static void referrers_by_api(void **state)
{
	struct server s = start("referrers");
	struct err err = ERR_INIT;
	CLEAN_DOCUMENT struct document doc = { .kind = DOC_MANIFEST };
	CLEAN_BUF struct buf out = BUF_INIT;
	struct digest subject, third;

	(void)state;
	MUST(digest_of("subject", 7, &subject, &err));
	MUST(client_referrers(s.c, &subject, &out, &err));
	MUST(document_parse(&doc, "referrers", NULL, out.ptr, out.len, &err));
	assert_int_equal(doc.kind, DOC_INDEX);
	assert_int_equal(doc.len, 3);
	MUST(digest_of("3", 1, &third, &err));
	assert_string_equal(doc.ptr[2].digest.s, third.s);
	stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blobs),
		cmocka_unit_test(stalls),
		cmocka_unit_test(referrers_by_tag),
		cmocka_unit_test(referrers_by_api),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
