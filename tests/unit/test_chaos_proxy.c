/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/chaos_proxy.h"

#define SIZE 300000u

/* ---- a server that echoes each connection up to its end, and a client that sends and reads at the same time ---- */

static int listener;
static uint16_t port;

static struct sockaddr_in local(uint16_t at)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(at),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static void *echo(void *arg)
{
	char block[7000];
	int fd;

	(void)arg;
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		ssize_t n;

		while ((n = read(fd, block, sizeof(block))) > 0)
			for (ssize_t at = 0, w; at < n; at += w) {
				w = send(fd, block + at, (size_t)(n - at), MSG_NOSIGNAL);
				if (w <= 0)
					break;
			}
		close(fd);
	}
	return NULL;
}

struct client {
	uint16_t port;
	size_t send, got;
	bool same, reset;
	atomic_bool over;
};

static unsigned char byte_at(size_t i)
{
	return (unsigned char)(i * 31 + (i >> 8) * 7);
}

static void *client(void *arg)
{
	struct client *c = arg;
	struct sockaddr_in to = local(c->port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	unsigned char block[5000];
	size_t sent = 0;

	c->same = true;
	c->reset = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0;
	if (!c->send)
		shutdown(fd, SHUT_WR);
	while (!c->reset) {
		struct pollfd p = { .fd = fd, .events = (short)(POLLIN | (sent < c->send ? POLLOUT : 0)) };
		ssize_t n;

		poll(&p, 1, -1);
		if (p.revents & POLLOUT && sent < c->send) {
			const size_t most = c->send - sent < sizeof(block) ? c->send - sent : sizeof(block);

			for (size_t i = 0; i < most; i++)
				block[i] = byte_at(sent + i);
			n = send(fd, block, most, MSG_NOSIGNAL | MSG_DONTWAIT);
			c->reset = n < 0 && errno != EAGAIN;
			sent += n > 0 ? (size_t)n : 0;
			if (sent == c->send)
				shutdown(fd, SHUT_WR);
		}
		if (p.revents & (POLLIN | POLLHUP | POLLERR)) {
			n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
			if (n == 0)
				break;
			c->reset = c->reset || (n < 0 && errno != EAGAIN);
			for (ssize_t i = 0; i < n; i++)
				c->same = c->same && block[i] == byte_at(c->got + (size_t)i);
			c->got += n > 0 ? (size_t)n : 0;
		}
	}
	close(fd);
	c->over = true;
	return NULL;
}

/* ---- */

static struct chaos_net now;
static uint64_t met;

static void ask(struct chaos_proxy *p, uint64_t n, bool first, struct chaos_net *out)
{
	(void)p;
	(void)n;
	met += first;
	*out = now;
}

static struct loop loop;
static struct chaos_proxy proxy;

static void serve(struct client *c, unsigned n)
{
	struct err err = ERR_INIT;
	pthread_t thread[8];

	met = 0;
	for (unsigned i = 0; i < n; i++) {
		c[i].port = proxy.port;
		assert_int_equal(pthread_create(&thread[i], NULL, client, &c[i]), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		while (!c[i].over)
			assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
		pthread_join(thread[i], NULL);
	}
	while (proxy.nconns)
		assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
	assert_int_equal(met, n);
}

static void test_whole(void **state)
{
	static const struct chaos_net all[] = { { .delay = 0 },
						{ .delay = 3 * LOOP_MS },
						{ .rate = 4000000 },
						{ .rate = 4000000, .delay = LOOP_MS, .cut = 10 * SIZE } };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct client c[4] = { { .send = SIZE }, { .send = 1 }, { .send = 0 }, { .send = 70000 } };

		now = all[i];
		serve(c, 4);
		for (size_t k = 0; k < 4; k++) {
			assert_false(c[k].reset);
			assert_true(c[k].same);
			assert_int_equal(c[k].got, c[k].send);
		}
	}
}

static void test_cut(void **state)
{
	struct client c = { .send = SIZE };

	(void)state;
	now = (struct chaos_net){ .cut = 50001 };
	serve(&c, 1);
	assert_true(c.reset);
	assert_true(c.same);
	assert_true(c.got <= 25001);
}

static void test_reset(void **state)
{
	struct client c[3] = { { .send = 100 }, { .send = SIZE }, { .send = 0 } };

	(void)state;
	now = (struct chaos_net){ .reset = true };
	serve(c, 3);
	for (size_t k = 0; k < 3; k++) {
		assert_true(c[k].reset);
		assert_int_equal(c[k].got, 0);
	}
}

/* Those that are under way, too. */
static void test_look(void **state)
{
	struct client c = { .send = SIZE, .port = proxy.port };
	struct err err = ERR_INIT;
	pthread_t thread;

	(void)state;
	now = (struct chaos_net){ .delay = 100 * LOOP_S };
	assert_int_equal(pthread_create(&thread, NULL, client, &c), 0);
	while (!proxy.nconns)
		assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
	chaos_proxy_look(&proxy);
	assert_int_equal(proxy.nconns, 1);
	now.reset = true;
	chaos_proxy_look(&proxy);
	assert_int_equal(proxy.nconns, 0);
	pthread_join(thread, NULL);
	assert_true(c.reset);
}

static void test_no_server(void **state)
{
	struct client c = { .send = 10 };
	struct chaos_proxy other = { .ask = ask };
	struct err err = ERR_INIT;

	(void)state;
	now = (struct chaos_net){ .delay = 0 };
	/* what is refused there is reset here */
	assert_int_equal(chaos_proxy_start(&other, &loop, "127.0.0.1:1", &err), 0);
	c.port = other.port;
	pthread_t thread;
	assert_int_equal(pthread_create(&thread, NULL, client, &c), 0);
	while (!c.over)
		assert_int_equal(loop_once(&loop, LOOP_MS, &err), 0);
	pthread_join(thread, NULL);
	assert_true(c.reset);
	chaos_proxy_stop(&other);
	chaos_proxy_stop(&other);
	assert_int_equal(chaos_proxy_start(&other, &loop, "no such host:80", &err), -1);
	assert_int_equal(err.code, ERR_NET);
	chaos_proxy_stop(&other);
}

static int begin(void **state)
{
	struct err err = ERR_INIT;
	struct sockaddr_in at = local(0);
	socklen_t len = sizeof(at);
	char to[32];
	pthread_t thread;

	(void)state;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 16) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &len) < 0)
		return -1;
	port = ntohs(at.sin_port);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread, NULL, echo, NULL) || pthread_detach(thread))
			return -1;
	snprintf(to, sizeof(to), "127.0.0.1:%u", port);
	proxy.ask = ask;
	return loop_init(&loop, &err) < 0 ? -1 : chaos_proxy_start(&proxy, &loop, to, &err);
}

static int end(void **state)
{
	(void)state;
	chaos_proxy_stop(&proxy);
	loop_release(&loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole), cmocka_unit_test(test_cut),	cmocka_unit_test(test_reset),
		cmocka_unit_test(test_look),  cmocka_unit_test(test_no_server),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
