/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program finds in a sandbox, for e2e/sandbox.bats: built static, for either architecture.
 *   guest state          ids, umask, session, signals, descriptors
 *   guest calls          what becomes of system calls that nobody inside may make
 *   guest machine N      uname's machine, by N programs that start each other
 *   guest linger FIFO    leaves a daemon that holds FIFO open and ignores all signals
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int state(void)
{
	mode_t mask = umask(0);
	gid_t groups[32];
	int n = getgroups(32, groups), odd = 0, fds = 0;
	sigset_t blocked;

	printf("ids %u %u groups", (unsigned)getuid(), (unsigned)getgid());
	for (int i = 0; i < n; i++)
		printf(" %u", (unsigned)groups[i]);
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	for (int s = 1; s < 65; s++) {
		struct sigaction sa;

		odd += sigaction(s, NULL, &sa) == 0 && sa.sa_handler != SIG_DFL;
		odd += sigismember(&blocked, s) == 1;
	}
	for (int fd = 0; fd < 1024; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	printf("\numask %03o\nsession %s\nsignals %d\ndescriptors %d\nterminals %d\nno_new_privs %d\n", (unsigned)mask,
	       getsid(0) == getpid() ? "own" : "other", odd, fds, isatty(0) + isatty(1) + isatty(2),
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

static void call(const char *name, long number)
{
	long r = syscall(number, 0L, 0L, 0L, 0L, 0L, 0L);

	printf("%s: %s\n", name, r == 0 ? "done" : strerrorname_np(errno));
}

static int calls(void)
{
	call("keyctl", SYS_keyctl);
	call("add_key", SYS_add_key);
	call("request_key", SYS_request_key);
	call("bpf", SYS_bpf);
	call("perf_event_open", SYS_perf_event_open);
	call("userfaultfd", SYS_userfaultfd);
	call("kexec_load", SYS_kexec_load);
	call("kexec_file_load", SYS_kexec_file_load);
	call("init_module", SYS_init_module);
	call("finit_module", SYS_finit_module);
	call("delete_module", SYS_delete_module);
	call("open_by_handle_at", SYS_open_by_handle_at);
	return 0;
}

static int machine(const char *self, const char *count)
{
	long n = strtol(count, NULL, 10);
	struct utsname u;
	char less[16];

	if (n > 1) {
		snprintf(less, sizeof(less), "%ld", n - 1);
		execl(self, self, "machine", less, (char *)NULL);
		return 1;
	}
	return uname(&u) < 0 || printf("%s\n", u.machine) < 0;
}

/* The parent ends when the daemon is there. */
static int linger(const char *fifo)
{
	int p[2];
	char c;

	if (pipe(p) < 0)
		return 1;
	if (fork() == 0) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		setsid();
		if (open(fifo, O_WRONLY) < 0 || write(p[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(p[1]);
	return read(p[0], &c, 1) != 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "state") == 0)
		return state();
	if (argc == 2 && strcmp(argv[1], "calls") == 0)
		return calls();
	if (argc == 3 && strcmp(argv[1], "machine") == 0)
		return machine(argv[0], argv[2]);
	if (argc == 3 && strcmp(argv[1], "linger") == 0)
		return linger(argv[2]);
	return 2;
}
