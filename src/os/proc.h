/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_PROC_H
#define SLSC_OS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/** What to run and how. Zero is: this directory, our environment, our stdin, stdout and stderr. */
struct proc_opts {
	const char *dir;		/* working directory, or NULL */
	const char *const *env;		/* NULL-terminated additions "K=V", or NULL */
	struct buf *out;		/* collects stdout, or NULL */
	struct buf *errout;		/* collects stderr, or NULL; may equal out: both in order */
	size_t limit;			/* of each buffer, and of a line; 0: 1 MiB. More is read and dropped */
	bool null_stdin;
	int stdin_fd;			/* what the child reads; 0: our own stdin */
	bool end_at_limit;		/* SIGKILL once stdout, collected, has reached the limit */
	/* called for each line of stdout and stderr (without its newline) instead of collecting; NUL-terminated */
	void (*line)(const char *line, size_t len, void *ctx);
	void *ctx;
	unsigned timeout_ms;		/* 0: none; then SIGKILL and ERR_BUILD "timed out after" */
	/* SIGTERM to the child when the calling thread ends, even by SIGKILL; its own children are its affair */
	bool die_with_us;
	/*
	 * With die_with_us: in a process group of its own, so that a signal that is passed on and the end of its time
	 * reach what it has started, too; what is left of the group once it has ended after either gets SIGKILL. Not
	 * where we are in the foreground of a terminal: that sends ^C to all by itself, and lets no other group read.
	 */
	bool own_group;
	int pass_fd;			/* with die_with_us: what the child and all it starts inherit; 0: none */
};

/**
 * proc_run - posix_spawnp @argv and wait. *@status: exit code, or 128 + signal.
 * Ends when the child does: what its own children still write after that is not waited for.
 * Each SIGINT, SIGTERM and SIGHUP that reaches us is passed on to the child, which is awaited: then ERR_INTR.
 * Thread-safe. Returns -1 with ERR_TOOL if argv[0] is not found, ERR_IO else.
 */
int proc_run(const char *const *argv, const struct proc_opts *opts, int *status,
	     struct err *err) MUST_CHECK;

/**
 * proc_which - absolute path of the executable @name on PATH, whose relative parts are passed over, or @name itself if
 * it has a slash; heap, or NULL.
 */
char *proc_which(const char *name);

/** proc_is_exiting - whether the kernel is about to end @pid, a child of ours: PF_EXITING of proc_pid_stat(5). */
bool proc_is_exiting(pid_t pid);

/**
 * sig_install - SIGINT, SIGTERM and SIGHUP set a flag that long loops poll, and calls that wait end with EINTR; those
 * that are ignored stay so. SIGPIPE is ignored. Call once, before any thread.
 */
void sig_install(void);
/** sig_forked - in a child that goes on after fork() without exec: its signals are its own from here on. */
void sig_forked(void);
/** sig_check - ERR_INTR "interrupted" once a signal has come. */
int sig_check(struct err *err) MUST_CHECK;
/** sig_number - the signal that came last, or 0. */
int sig_number(void);
/** sig_count - how many have come. */
unsigned sig_count(void);
/** sig_thread - pthread_create() of one that no signal comes to: they have to wake those who look for them. */
int sig_thread(pthread_t *t, void *(*run)(void *ctx), void *ctx) MUST_CHECK;
/** sig_fd - for poll(): readable from the first signal on, never to be read; -1 before sig_install(). */
int sig_fd(void);

/** tty_width - columns of @fd, 80 if unknown. */
int tty_width(int fd);

#endif
