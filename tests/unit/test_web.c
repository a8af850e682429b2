/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "local/loop.h"
#include "local/web.h"

static struct loop loop;
static struct web web;
static struct err err;
static struct web_req *resting;

static void ready(struct web_req *req)
{
	if (str_eq(req->path, STR("/rest")))
		resting = req;
	else
		web_answer(req, 200, NULL, 0, "here", 4);
}

static const struct web_service hasty = { .ready = ready }, patient = { .ready = ready, .patient = true };

static int to(const struct web_listener *l, const char *request)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(l->port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(write(fd, request, strlen(request)), strlen(request));
	return fd;
}

/* Whether the other side has closed it; what it has answered is read. */
static bool is_closed(int fd)
{
	char b[4096];
	ssize_t n;

	while ((n = recv(fd, b, sizeof(b), MSG_DONTWAIT)) > 0)
		;
	return n == 0;
}

/* One that has nothing to do is closed; one whose request rests is not, nor one of a patient service. */
static void test_idle(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct web_listener a, b;
	int idle, half, rest, mine;
	uint64_t began = loop_clock();

	(void)state;
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(web_start(&web, &loop, 1, &err), 0);
	assert_int_equal(web_listen(&web, &a, "127.0.0.1", 0, &hasty, &err), 0);
	assert_int_equal(web_listen(&web, &b, "127.0.0.1", 0, &patient, &err), 0);
	mine = to(&b, get);
	rest = to(&a, "GET /rest HTTP/1.1\r\nHost: x\r\n\r\n");
	idle = to(&a, get);
	half = to(&a, "GET / HTTP/1.1\r\nHo");
	while (!(is_closed(idle) && is_closed(half)) && loop_clock() - began < 60 * LOOP_S)
		assert_int_equal(loop_once(&loop, LOOP_S / 10, &err), 0);
	assert_true(is_closed(idle));
	assert_true(loop_clock() - began >= LOOP_S);
	assert_false(is_closed(rest));
	assert_false(is_closed(mine));
	assert_non_null(resting);
	web_answer(resting, 200, NULL, 0, "late", 4);
	while (poll(&(struct pollfd){ .fd = rest, .events = POLLIN }, 1, 0) == 0)
		assert_int_equal(loop_once(&loop, LOOP_S / 10, &err), 0);
	assert_int_equal(write(mine, get, strlen(get)), strlen(get));
	while (poll(&(struct pollfd){ .fd = mine, .events = POLLIN }, 1, 0) == 0)
		assert_int_equal(loop_once(&loop, LOOP_S / 10, &err), 0);
	assert_false(is_closed(mine));
	close(idle);
	close(half);
	close(rest);
	close(mine);
	web_unlisten(&a);
	web_unlisten(&b);
	web_stop(&web);
	loop_release(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
