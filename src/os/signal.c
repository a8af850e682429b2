/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/proc.h"

static atomic_int last;
static atomic_uint count;
static atomic_int wake[2] = { -1, -1 };

static void on_signal(int sig)
{
	int e = errno;

	atomic_store(&last, sig);
	/* Nobody reads it empty, so one byte wakes every poll() from here on. */
	if (atomic_fetch_add(&count, 1u) == 0)
		(void)!write(atomic_load(&wake[1]), "", 1);
	errno = e;
}

void sig_install(void)
{
	struct sigaction sa = { .sa_handler = on_signal };	/* no SA_RESTART: calls return EINTR */
	struct sigaction old;
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	int p[2];

	if (atomic_load(&wake[0]) < 0 && pipe2(p, O_CLOEXEC | O_NONBLOCK) == 0) {
		atomic_store(&wake[0], p[0]);
		atomic_store(&wake[1], p[1]);
	}
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(sigs); i++) {
		/* nohup and background jobs of sh ignore some: that stays so */
		if (sigaction(sigs[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(sigs[i], &sa, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	/* Ignored by whoever started us, it would leave no status of our children to wait for. */
	signal(SIGCHLD, SIG_DFL);
}

int sig_thread(pthread_t *t, void *(*run)(void *ctx), void *ctx)
{
	sigset_t all, before;
	int e;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	e = pthread_create(t, NULL, run, ctx);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

void sig_forked(void)
{
	int p[2];

	/* the parent's pipe would tell of the parent's signals */
	if (atomic_load(&wake[0]) < 0 || pipe2(p, O_CLOEXEC | O_NONBLOCK) < 0)
		return;
	close(atomic_exchange(&wake[0], p[0]));
	close(atomic_exchange(&wake[1], p[1]));
	/* what came in between may have been written to either */
	if (atomic_load(&count))
		(void)!write(p[1], "", 1);
}

int sig_number(void)
{
	return atomic_load(&last);
}

unsigned sig_count(void)
{
	return atomic_load(&count);
}

int sig_fd(void)
{
	return atomic_load(&wake[0]);
}

int sig_check(struct err *err)
{
	if (!sig_number())
		return 0;
	return err_set(err, ERR_INTR, "interrupted");
}
