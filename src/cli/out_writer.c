/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/out_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/out.h"
#include "os/proc.h"

/* Never freed: a writer whose reader does not come back stays until the process ends. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER, changed;
static pthread_t thread;
static struct {
	struct buf waiting, under_way;
	uint64_t left_out;	/* lines, since it was told */
	bool on, closing, stuck, done;
} w;

/* There is no one left to tell when stderr fails. */
void out_write(const char *p, size_t n)
{
	while (n) {
		ssize_t r = write(STDERR_FILENO, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return;
		p += r;
		n -= (size_t)r;
	}
}

static uint64_t lines_of(const char *p, size_t n)
{
	uint64_t lines = 0;
	const char *end = p + n;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		lines++;
		p++;
	}
	return lines;
}

bool out_writer_put(const char *p, size_t n)
{
	bool on;

	pthread_mutex_lock(&mutex);
	on = w.on || w.stuck;
	if (w.stuck || w.waiting.len + w.under_way.len + n > OUT_WAITING) {
		w.left_out += on ? lines_of(p, n) : 0;
	} else if (on) {
		buf_add(&w.waiting, p, n);
		pthread_cond_signal(&wake);
	}
	pthread_mutex_unlock(&mutex);
	return on;
}

static void *run(void *ctx)
{
	(void)ctx;
	pthread_mutex_lock(&mutex);
	while (w.waiting.len || w.left_out || !w.closing) {
		struct buf b = w.waiting;

		if (!b.len && !w.left_out) {
			pthread_cond_wait(&wake, &mutex);
			continue;
		}
		if (w.left_out)
			buf_addf(&b, "warning: %" PRIu64 " line%s left out: nobody took them\n", w.left_out,
				 w.left_out == 1 ? " was" : "s were");
		w.left_out = 0;
		w.waiting = w.under_way;
		w.under_way = b;
		pthread_mutex_unlock(&mutex);
		out_write(b.ptr, b.len);
		pthread_mutex_lock(&mutex);
		buf_reset(&w.under_way);
	}
	w.done = true;
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

int out_detach(struct err *err)
{
	pthread_condattr_t monotonic;
	int e;

	buf_init(&w.waiting);
	buf_init(&w.under_way);
	w.closing = w.done = false;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &monotonic);
	pthread_condattr_destroy(&monotonic);
	e = sig_thread(&thread, run, NULL);
	if (e) {
		errno = e;
		return err_sys(err, "cannot start a thread");
	}
	w.on = true;
	return 0;
}

void out_attach(unsigned ms)
{
	struct timespec t;

	if (!w.on)
		return;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&mutex);
	w.closing = true;
	pthread_cond_signal(&wake);
	while (!w.done && pthread_cond_timedwait(&changed, &mutex, &t) == 0)
		;
	w.on = false;
	w.stuck = !w.done;
	pthread_mutex_unlock(&mutex);
	if (w.stuck) {
		pthread_detach(thread);
		return;
	}
	pthread_join(thread, NULL);
	buf_release(&w.waiting);
	buf_release(&w.under_way);
}
