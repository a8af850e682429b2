/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of quota.h and spawn.h start: does what its first argument says. SIGUSR1 tells it to go on. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;
static sigset_t usr1, was;

static void say(const char *s)
{
	puts(s);
	fflush(stdout);
}

static void turn(void)
{
	int n;

	sigwait(&usr1, &n);
}

static void stay(void)
{
	while (1)
		pause();
}

static char *eat(size_t mb)
{
	char *p = mmap(NULL, mb << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		say("refused");
		exit(3);
	}
	memset(p, 1, mb << 20);
	return p;
}

static void spin(clockid_t clock, long ms)
{
	struct timespec t, u;

	clock_gettime(clock, &t);
	do
		clock_gettime(clock, &u);
	while ((u.tv_sec - t.tv_sec) * 1000 + (u.tv_nsec - t.tv_nsec) / 1000000 < ms);
}

/* Write at most @most bytes to /tmp; returns how many it was, errno if it took no more. */
static long long fill(long long most)
{
	static char block[65536];
	long long all = 0;
	ssize_t n = 0;
	int fd = open("/tmp/full", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	while (fd >= 0 && all < most && (n = write(fd, block, sizeof(block))) > 0)
		all += n;
	return all;
}

static void fds(void)
{
	for (int fd = 0; fd < 20000; fd++) {
		char path[64], to[256];
		ssize_t n;

		if (fcntl(fd, F_GETFD) < 0)
			continue;
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		n = readlink(path, to, sizeof(to) - 1);
		to[n > 0 ? n : 0] = '\0';
		if (strncmp(to, "pipe:", 5) == 0)
			to[4] = '\0';
		printf("%d %s\n", fd, to);
	}
}

static void state(const char *arg0)
{
	int blocked = 0, ignored = 0, death = 0;
	struct rlimit core, files;
	struct sigaction a;
	char cwd[4096];

	for (int i = 1; i <= 64; i++) {
		blocked += sigismember(&was, i) == 1;
		ignored += sigaction(i, NULL, &a) == 0 && a.sa_handler == SIG_IGN;
	}
	getrlimit(RLIMIT_CORE, &core);
	getrlimit(RLIMIT_NOFILE, &files);
	prctl(PR_GET_PDEATHSIG, &death);
	printf("arg0 %s, cwd %s, umask %03o, leads its session %d, blocked %d, ignored %d, signal at death %d, "
	       "no new privileges %d, core %llu, files %llu, user %u\n",
	       arg0, getcwd(cwd, sizeof(cwd)), (unsigned)umask(0), getsid(0) == getpid(), blocked, ignored, death,
	       prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), (unsigned long long)core.rlim_max,
	       (unsigned long long)files.rlim_max, getuid());
}

static void bomb(void)
{
	int n = 1;
	pid_t pid = 0;

	while (n < 3000 && (pid = fork()) > 0)
		n++;
	if (pid == 0)
		stay();
	printf("%d %s\n", n, strerror(errno));
	fflush(stdout);
	stay();
}

/* Two that try to get away; each says its number. */
static void daemons(void)
{
	for (int i = 0; i < 2; i++) {
		char text[32];

		if (fork() > 0)
			continue;
		setsid();
		if (fork() > 0)
			_exit(0);
		for (int s = 1; s <= 64; s++)
			signal(s, SIG_IGN);
		snprintf(text, sizeof(text), "%d\n", getpid());
		if (write(1, text, strlen(text)) > 0)
			stay();
	}
}

static void root(void)
{
	int fd = open("/new", O_WRONLY | O_CREAT, 0600);

	printf("/new: %s, ", fd < 0 ? strerror(errno) : "made");
	printf("/home: %s, ", access("/home", F_OK) < 0 ? strerror(errno) : "there");
	printf("/proc: %s, ", access("/proc/self/stat", R_OK) < 0 ? strerror(errno) : "there");
	fd = open("/dev/urandom", O_RDONLY);
	printf("/dev/urandom: %s, ", fd < 0 ? strerror(errno) : "there");
	fd = open("/dev/stdout", O_WRONLY);
	printf("/dev/stdout: %s, ", fd < 0 ? strerror(errno) : "there");
	printf("/tmp: %lld\n", fill(1ll << 40));
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? strtol(argv[2], NULL, 10) : 0;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, &was);
	if (strcmp(what, "env") == 0) {
		for (char **e = environ; *e; e++)
			say(*e);
	} else if (strcmp(what, "fds") == 0) {
		fds();
	} else if (strcmp(what, "state") == 0) {
		state(argv[0]);
	} else if (strcmp(what, "root") == 0) {
		root();
	} else if (strcmp(what, "both") == 0) {
		say("to stdout");
		fputs("to stderr\n", stderr);
	} else if (strcmp(what, "stay") == 0) {
		say("here");
		stay();
	} else if (strcmp(what, "die") == 0) {
		raise(SIGKILL);
	} else if (strcmp(what, "eat") == 0) {
		eat((size_t)n);
		say("ate");
		stay();
	} else if (strcmp(what, "open") == 0) {
		int files = 3;

		while (open("/dev/null", O_RDONLY) >= 0)
			files++;
		printf("%d %s\n", files, strerror(errno));
	} else if (strcmp(what, "bomb") == 0) {
		bomb();
	} else if (strcmp(what, "fill") == 0) {
		long long all = fill(1ll << 40);

		printf("%lld %s\n", all, strerror(errno));
	} else if (strcmp(what, "fill and eat") == 0) {
		printf("%lld\n", fill(n << 20));
		fflush(stdout);
		turn();
		eat((size_t)n);
		say("ate");
		stay();
	} else if (strcmp(what, "spin") == 0) {
		spin(CLOCK_MONOTONIC, n);
		say("spun");
		stay();
	} else if (strcmp(what, "steps") == 0) {
		char *p = eat((size_t)n);

		say("ate");
		turn();
		munmap(p, (size_t)n << 20);
		say("freed");
		turn();
		spin(CLOCK_PROCESS_CPUTIME_ID, 50);
		say("spun");
		stay();
	} else if (strcmp(what, "daemons") == 0) {
		daemons();
		if (!n)
			stay();
	}
	return 0;
}
