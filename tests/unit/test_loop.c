/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "local/loop.h"
#include "os/proc.h"

static struct loop loop;
static struct err err;
static char told[256];

static void tell(char c)
{
	size_t n = strlen(told);

	told[n] = c;
	told[n + 1] = '\0';
}

struct named {
	struct loop_timer timer;
	char name;
};

static void expired(struct loop_timer *t)
{
	tell(CONTAINER_OF(t, struct named, timer)->name);
	if (strlen(told) == 4)
		loop_stop(&loop);
}

static void test_timers(void **state)
{
	struct named n[26];

	(void)state;
	told[0] = '\0';
	assert_int_equal(loop_init(&loop, &err), 0);
	for (int i = 0; i < 26; i++) {
		n[i] = (struct named){ .timer = { .expired = expired }, .name = (char)('a' + i) };
		loop_timer_set(&loop, &n[i].timer, (unsigned)(i * 7 % 26) * LOOP_MS);
	}
	/* all but a, h, o and v (0, 49, 98, 147 of 7 i, modulo 26: 0, 23, 20, 17), which are set once more */
	for (int i = 0; i < 26; i++)
		if (i % 7)
			loop_timer_stop(&loop, &n[i].timer);
	loop_timer_stop(&loop, &n[1].timer);
	assert_int_equal(loop.timers.len, 4);
	loop_timer_set(&loop, &n[0].timer, LOOP_MS * 40);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_string_equal(told, "voha");
	assert_int_equal(loop.timers.len, 0);
	loop_release(&loop);
}

/* One callback of a batch removes the other, and a third takes its place. */
static struct loop_io one, two, three;
static int pair_one[2], pair_two[2], pair_three[2];

static void first_of_two(struct loop_io *io, uint32_t events)
{
	struct loop_io *other = io == &one ? &two : &one;

	assert_true(events & EPOLLIN);
	tell('x');
	loop_io_del(&loop, other);
	loop_io_del(&loop, io);
	assert_int_equal(loop_io_add(&loop, &three, EPOLLIN, &err), 0);
}

static void third(struct loop_io *io, uint32_t events)
{
	(void)events;
	tell('3');
	loop_io_del(&loop, io);
	loop_stop(&loop);
}

static void test_removed(void **state)
{
	(void)state;
	told[0] = '\0';
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_one), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_two), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair_three), 0);
	one = (struct loop_io){ .fd = pair_one[0], .ready = first_of_two };
	two = (struct loop_io){ .fd = pair_two[0], .ready = first_of_two };
	three = (struct loop_io){ .fd = pair_three[0], .ready = third };
	assert_int_equal(loop_io_add(&loop, &one, EPOLLIN, &err), 0);
	assert_int_equal(loop_io_add(&loop, &two, EPOLLIN, &err), 0);
	assert_int_equal(write(pair_one[1], "1", 1), 1);
	assert_int_equal(write(pair_two[1], "2", 1), 1);
	assert_int_equal(write(pair_three[1], "3", 1), 1);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_string_equal(told, "x3");
	loop_io_del(&loop, &one);
	loop_release(&loop);
	for (int i = 0; i < 2; i++) {
		close(pair_one[i]);
		close(pair_two[i]);
		close(pair_three[i]);
	}
}

struct post {
	struct loop_task task;
	int number;
};
static int next_number;

static void posted(struct loop_task *t)
{
	struct post *p = CONTAINER_OF(t, struct post, task);

	assert_int_equal(p->number, next_number);
	next_number++;
	if (p->number == 999)
		loop_stop(&loop);
	free(p);
}

static void *poster(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct post *p = xcalloc(1, sizeof(*p));

		p->task.run = posted;
		p->number = i;
		loop_post(&loop, &p->task);
	}
	return arg;
}

static void test_posts(void **state)
{
	pthread_t thread;

	(void)state;
	next_number = 0;
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, poster, NULL), 0);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_int_equal(next_number, 1000);
	pthread_join(thread, NULL);
	loop_release(&loop);
}

static struct loop_io pair[2], fresh;
static unsigned freshly;

static void told_fresh(struct loop_io *io, uint32_t events)
{
	(void)io;
	(void)events;
	freshly++;
}

/* Both go, and another takes the slot and the descriptor of the one whose event is still to be told. */
static void first_of_pair(struct loop_io *io, uint32_t events)
{
	struct loop_io *other = io == &pair[0] ? &pair[1] : &pair[0];
	int fd = other->fd;

	(void)events;
	loop_io_del(&loop, io);
	loop_io_del(&loop, other);
	close(fd);
	fresh = (struct loop_io){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .ready = told_fresh };
	assert_int_equal(fresh.fd, fd);
	assert_int_equal(loop_io_add(&loop, &fresh, EPOLLIN, &err), 0);
}

static void test_reused(void **state)
{
	(void)state;
	assert_int_equal(loop_init(&loop, &err), 0);
	for (int i = 0; i < 2; i++) {
		pair[i] = (struct loop_io){ .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), .ready = first_of_pair };
		assert_int_equal(loop_io_add(&loop, &pair[i], EPOLLIN, &err), 0);
	}
	assert_int_equal(loop_once(&loop, 0, &err), 0);
	assert_true(fresh.fd >= 0);
	assert_int_equal(freshly, 0);
	loop_io_del(&loop, &fresh);
	close(fresh.fd);
	loop_release(&loop);
}

static void *interrupt(void *arg)
{
	kill(getpid(), SIGINT);
	return arg;
}

static unsigned edges;

static void saw_edge(struct loop_io *io, uint32_t events)
{
	(void)io;
	edges += (events & EPOLLIN) != 0;
}

static void test_signal(void **state)
{
	struct loop_io edge = { .ready = saw_edge };
	int ends[2];
	struct named n = { .timer = { .expired = expired }, .name = 's' };
	pthread_t thread;

	(void)state;
	memcpy(told, "abc", 4);
	sig_install();
	assert_int_equal(loop_init(&loop, &err), 0);
	assert_int_equal(pipe(ends), 0);
	edge.fd = ends[0];
	assert_int_equal(loop_io_add(&loop, &edge, EPOLLIN | EPOLLET, &err), 0);
	/* both are there before the loop looks: neither may hide the other */
	assert_int_equal(write(ends[1], "x", 1), 1);
	assert_int_equal(pthread_create(&thread, NULL, interrupt, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(loop_run(&loop, &err), -1);
	assert_int_equal(err.code, ERR_INTR);
	assert_int_equal(edges, 1);
	loop_io_del(&loop, &edge);
	close(ends[0]);
	close(ends[1]);
	/* told once: what is under way can be finished */
	loop_timer_set(&loop, &n.timer, 1);
	assert_int_equal(loop_run(&loop, &err), 0);
	assert_string_equal(told, "abcs");
	loop_release(&loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timers),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_posts),
		cmocka_unit_test(test_reused),
		cmocka_unit_test(test_signal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
