/* SPDX-License-Identifier: Apache-2.0 */
/* How a running slsc local is found, and example events. */
#include <fcntl.h>
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
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/mem.h"
#include "local/example.h"
#include "local/running.h"
#include "os/fs.h"

static char dir[] = "/tmp/slsc-test.XXXXXX";

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		if ((call) < 0)                                                                                        \
			fail_msg("%s", err.msg);                                                                       \
	} while (0)

static void nobody(void)
{
	CLEAN_RUNNING struct running r = RUNNING_INIT;
	struct err err = ERR_INIT;

	assert_int_equal(running_find(dir, &r, &err), 0);
	assert_null(r.url);
}

static void claim(void **state)
{
	CLEAN_RUNNING struct running r = RUNNING_INIT;
	CLEAN_FREE char *message = xasprintf("slsc local runs in %s already", dir);
	CLEAN_FREE char *where = xasprintf("%s, pid %d, at http://127.0.0.1:9000", message, (int)getpid());
	struct err err = ERR_INIT;
	int fd;

	(void)state;
	nobody();
	fd = running_claim(dir, &err);
	MUST(fd);
	/* it does not serve yet */
	nobody();
	assert_int_equal(running_claim(dir, &err), -1);
	assert_int_equal(err.code, ERR_EXISTS);
	assert_string_equal(err.msg, message);
	MUST(running_tell(dir, "http://127.0.0.1:9000", &err));
	assert_int_equal(running_find(dir, &r, &err), 1);
	assert_int_equal(r.pid, getpid());
	assert_string_equal(r.url, "http://127.0.0.1:9000");
	assert_int_equal(running_claim(dir, &err), -1);
	assert_string_equal(err.msg, where);
	running_forget(dir);
	close(fd);
	nobody();
}

/* What a killed one has left says nothing. */
static void killed(void **state)
{
	CLEAN_FREE char *file = xasprintf("%s/.slsc/local.json", dir);
	struct err err = ERR_INIT;
	int ready[2], status, fd;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (running_claim(dir, &err) < 0 || running_tell(dir, "http://127.0.0.1:1", &err) < 0)
			_exit(1);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	close(ready[0]);
	{
		CLEAN_RUNNING struct running r = RUNNING_INIT;

		assert_int_equal(running_find(dir, &r, &err), 1);
		assert_int_equal(r.pid, pid);
	}
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(fs_exists(file));
	nobody();
	fd = running_claim(dir, &err);
	MUST(fd);
	assert_false(fs_exists(file));
	close(fd);
}

/* A file that is there and held, but not ours. */
static void malformed(void **state)
{
	static const char *const texts[] = { "", "[]", "{\"pid\":1,\"url\":\"http://127.0.0.1:1\"}",
					     "{\"pid\":77777,\"url\":\"file:///etc/passwd\"}",
					     "{\"pid\":99999999999,\"url\":\"http://127.0.0.1:1\"}",
					     "{\"pid\":77777}" };
	CLEAN_FREE char *file = xasprintf("%s/.slsc/local.json", dir);
	CLEAN_FREE char *message = xasprintf("%s: does not tell where slsc local serves", file);
	CLEAN_BUF struct buf large = BUF_INIT;
	struct err err = ERR_INIT;
	int fd = running_claim(dir, &err);

	(void)state;
	MUST(fd);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		CLEAN_RUNNING struct running r = RUNNING_INIT;

		MUST(fs_write_file(file, texts[i], strlen(texts[i]), 0644, &err));
		assert_int_equal(running_find(dir, &r, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
		assert_string_equal(err.msg, message);
	}
	for (int i = 0; i < 5000; i++)
		buf_addc(&large, ' ');
	MUST(fs_write_file(file, large.ptr, large.len, 0644, &err));
	{
		CLEAN_RUNNING struct running r = RUNNING_INIT;

		assert_int_equal(running_find(dir, &r, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
	}
	close(fd);
}

/* Each file is in the index and the other way round; each is an object. */
static void examples(void **state)
{
	CLEAN_EXAMPLES struct examples e;
	CLEAN_FREE char *share = dirs_share(), *events = path_join(share, "events");
	CLEAN_STRS struct strs files = { 0 };
	struct err err = ERR_INIT;

	(void)state;
	MUST(examples_load(&e, &err));
	assert_true(e.len >= 20);
	MUST(fs_list(events, &files, &err));
	assert_int_equal(files.len, e.len + 1);
	VEC_EACH(&e, x) {
		CLEAN_BUF struct buf text = BUF_INIT;
		json_t *root;

		MUST(example_read(x->name, &text, &err));
		root = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, NULL);
		assert_true(json_is_object(root));
		json_decref(root);
		assert_true(strlen(x->summary) > 8);
	}
}

static void no_example(void **state)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(example_read("dynamo", &text, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_string_equal(err.msg, "there is no example event 'dynamo'");
	assert_string_equal(err.hint, "did you mean 'dynamodb'?");
	assert_int_equal(example_read("../bases/static", &text, &err), -1);
	assert_string_equal(err.msg, "there is no example event '../bases/static'");
	assert_non_null(strstr(err.hint, "there are: alb, apigw, apigw-v1,"));
	assert_int_equal(example_read("index", &text, &err), -1);
	assert_int_equal(err.code, ERR_NOTFOUND);
	assert_int_equal(text.len, 0);
}

static int setup(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	return fs_rmtree(dir, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(claim),    cmocka_unit_test(killed),	  cmocka_unit_test(malformed),
		cmocka_unit_test(examples), cmocka_unit_test(no_example),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
