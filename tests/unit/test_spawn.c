/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "test_spawn_util.h"

#define ARGV(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* The environment is what is given, in its order, and nothing of ours. */
static void test_environment(void **state)
{
	static const char *const env[] = { "B=2", "A=1", "EMPTY=", "B=again", "no name", NULL };
	struct spawn s = { .argv = ARGV(program, "env"), .env = env };
	struct run r = { .pid = 0 };

	(void)state;
	setenv("SLSC_TEST_LEAK", "1", 1);
	run_start(&r, &s);
	run_says(&r, "B=2\nA=1\nEMPTY=\nB=again\nno name\n");
}

static void test_streams(void **state)
{
	struct spawn s = { .argv = ARGV(program, "both") };
	struct run r = { .pid = 0 };
	char text[64];
	int p[2];
	ssize_t n;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	s.err = p[1];
	run_start(&r, &s);
	close(p[1]);
	run_says(&r, "to stdout\n");
	/* and we hold no end of it */
	n = read(p[0], text, sizeof(text));
	assert_int_equal(n, 10);
	assert_memory_equal(text, "to stderr\n", 10);
	assert_int_equal(read(p[0], text, sizeof(text)), 0);
	close(p[0]);
}

/* Nothing that we have open is open there, whatever its number, and all of it stays open here. */
static void test_descriptors(void **state)
{
	struct run r = { .pid = 0 };
	int open_ones[500], n = 0;

	(void)state;
	while (n < 500 && (open_ones[n] = dup(0)) >= 0)
		n++;
	assert_int_equal(n, 500);
	for (int limited = 0; limited < 2; limited++) {
		struct quota_limits l = { .tmp = MB };

		run_limited(&r, limited ? &l : NULL, "fds", NULL);
		run_says(&r, "0 /dev/null\n1 pipe\n2 pipe\n");
	}
	for (int i = 0; i < n; i++) {
		assert_true(fcntl(open_ones[i], F_GETFD) >= 0);
		close(open_ones[i]);
	}
}

/* The same where there is no close_range(2), or no descriptor 0. */
static void test_descriptors_otherwise(void **state)
{
	struct run r = { .pid = 0 };
	struct spawner was = spawner;
	int in;

	(void)state;
	spawner.shared = false;
	run_limited(&r, NULL, "fds", NULL);
	run_says(&r, "0 /dev/null\n1 pipe\n2 pipe\n");
	in = fcntl(0, F_DUPFD_CLOEXEC, 100);
	close(0);
	must(spawner_init(&spawner, &err));
	assert_true(spawner.null > 2 && spawner.out > 2 && spawner.err > 2);
	run_limited(&r, NULL, "fds", NULL);
	run_says(&r, "0 /dev/null\n1 pipe\n2 pipe\n");
	spawner_release(&spawner);
	assert_int_equal(dup2(in, 0), 0);
	close(in);
	spawner = was;
}

/* What a shell, or slsc, may have set is not the instance's. */
static void test_state(void **state)
{
	struct quota_limits l = { .files = 100 };
	struct spawn s = { .argv = ARGV("x", "state") };
	CLEAN_FREE char *path = xasprintf("PATH=relative:/nowhere:%s:/bin", home), *want = NULL;
	const char *const env[] = { path, NULL };
	struct run r = { .pid = 0 };
	sigset_t some;
	mode_t mask = umask(077);

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, NULL);
	s.cwd = home;
	s.env = env;
	s.group = &r.group;
	must(quota_group_init(&quota, &r.group, &l, &err));
	run_start(&r, &s);
	want = xasprintf("arg0 x, cwd %s, umask 022, leads its session 1, blocked 0, ignored 0, signal at death 9, "
			 "no new privileges 1, core 0, files 100, user %u\n", home, geteuid());
	run_says(&r, want);
	sigprocmask(SIG_UNBLOCK, &some, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	umask(mask);
}

static void refuses(const struct spawn *s, enum err_code code, const char *msg, const char *hint)
{
	struct spawn t = *s;
	pid_t pid = -7;
	int pidfd = -7;

	t.out = t.err = 1;
	t.cwd = t.cwd ? t.cwd : "/";
	t.env = t.env ? t.env : ARGV("PATH=/nowhere:/bin");
	assert_int_equal(spawner_start(&spawner, &t, &pid, &pidfd, &err), -1);
	assert_string_equal(err.msg, msg);
	assert_int_equal(err.code, code);
	assert_string_equal(err.hint, hint);
	assert_int_equal(pid, -7);
	assert_int_equal(pidfd, -7);
	/* nothing is left to wait for */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void put(const char *name, const char *text, mode_t mode)
{
	CLEAN_FREE char *path = xasprintf("%s/%s", home, name);

	must(fs_write_file(path, text, strlen(text), mode, &err));
}

#define MSG(...) (free(msg), msg = xasprintf(__VA_ARGS__))

static void test_errors(void **state)
{
	CLEAN_FREE char *msg = NULL, *data = xasprintf("%s/data", home), *text = xasprintf("%s/text", home);
	CLEAN_FREE char *script = xasprintf("%s/script", home);
	int fds = 0, fds_after = 0;

	(void)state;
	put("data", "x", 0644);
	put("text", "echo no", 0755);
	put("script", "#!/nowhere/sh\n", 0755);
	for (int fd = 0; fd < 1000; fd++)
		fds += fcntl(fd, F_GETFD) >= 0;
	refuses(&(struct spawn){ .argv = ARGV("/nowhere/x") }, ERR_TOOL, "cannot start /nowhere/x: no such file", "");
	refuses(&(struct spawn){ .argv = ARGV("nothing-like-it") }, ERR_TOOL, "'nothing-like-it' is not found on PATH",
		"");
	refuses(&(struct spawn){ .argv = ARGV(data) }, ERR_TOOL, MSG("cannot start %s: Permission denied", data),
		"make it executable");
	refuses(&(struct spawn){ .argv = ARGV(text) }, ERR_TOOL,
		MSG("cannot start %s: it is no program of this machine", text),
		"a script begins with #! and its interpreter");
	refuses(&(struct spawn){ .argv = ARGV(script) }, ERR_TOOL,
		MSG("cannot start %s: the interpreter it names does not exist", script), "");
	refuses(&(struct spawn){ .argv = ARGV(program), .cwd = "/nowhere" }, ERR_IO,
		MSG("cannot start %s: cannot enter its directory: No such file or directory", program), "");
	for (int fd = 0; fd < 1000; fd++)
		fds_after += fcntl(fd, F_GETFD) >= 0;
	assert_int_equal(fds, fds_after);
}

/* With an own /tmp our directories below it are there if they are to be kept, and nothing else is. */
static void test_keep(void **state)
{
	struct quota_limits l = { .tmp = MB };
	CLEAN_FREE char *inner = xasprintf("%s/inner", home);
	const char *const keep[] = { inner, home, "/usr", home, NULL }, *const none[] = { NULL };
	const char *const whole[] = { "/tmp/", NULL };
	CLEAN_FREE char *want = xasprintf("%s:inner x\n%s\n", home, strrchr(home, '/') + 1);
	CLEAN_FREE char *script = xasprintf("cd %s && echo %s:$(echo inner x) && touch inner/written && ls /tmp", home,
					    home);
	struct spawn s = { .argv = ARGV("sh", "-c", script), .keep = keep };
	struct run r = { .pid = 0 };

	(void)state;
	must(fs_mkdirs(inner, &err));
	if (quota.tmp) {
		s.group = &r.group;
		must(quota_group_init(&quota, &r.group, &l, &err));
		run_start(&r, &s);
		run_says(&r, want);
		s = (struct spawn){ .argv = ARGV("ls", "/tmp"), .keep = none, .group = &r.group };
		must(quota_group_init(&quota, &r.group, &l, &err));
		run_start(&r, &s);
		run_says(&r, "");
	}
	/* all of it is wanted: it is ours */
	s = (struct spawn){ .argv = ARGV("sh", "-c", "cd /tmp && echo test_spawn.*/inner"), .keep = whole,
			    .group = &r.group };
	must(quota_group_init(&quota, &r.group, &l, &err));
	run_start(&r, &s);
	run_hear(&r, NULL);
	assert_int_equal(run_wait(&r), 0);
	assert_non_null(strstr(r.said.ptr, strrchr(home, '/') + 1));
	run_release(&r);
	free(want);
	want = xasprintf("%s/written", inner);
	assert_int_equal(access(want, F_OK), quota.tmp ? 0 : -1);
	assert_int_equal(access("/tmp/full", F_OK), -1);
}

/* A directory as the root, as an image is. */
static void test_root(void **state)
{
	CLEAN_FREE char *root = xasprintf("%s/root", home), *bin = xasprintf("%s/opt/bin", root);
	CLEAN_FREE char *x = xasprintf("%s/x", bin), *msg = NULL;
	struct quota_limits l = { .tmp = MB };
	struct spawn s = { .argv = ARGV("x", "root"), .env = ARGV("PATH=/bin:/opt/bin"), .cwd = "/opt", .root = root };
	struct run r = { .pid = 0 };

	(void)state;
	must(fs_mkdirs(bin, &err));
	must(fs_copy(program, x, 0755, false, &err));
	s.group = &r.group;
	must(quota_group_init(&quota, &r.group, &l, &err));
	if (!quota.tmp) {
		refuses(&s, ERR_IO, MSG("cannot start x: no mounts of its own can be made for %s", root),
			"start slsc as root, or allow user namespaces");
		quota_group_release(&r.group);
		return;
	}
	run_start(&r, &s);
	run_says(&r, "/new: Read-only file system, /home: No such file or directory, /proc: there, "
		     "/dev/urandom: there, /dev/stdout: there, /tmp: 1048576\n");
	must(quota_group_init(&quota, &r.group, &l, &err));
	s = (struct spawn){ .argv = ARGV("/opt/bin/y"), .root = root, .group = &r.group };
	refuses(&s, ERR_TOOL, "cannot start /opt/bin/y: no such file", "");
	s = (struct spawn){ .argv = ARGV("/opt/bin/x"), .root = "/nowhere", .group = &r.group };
	refuses(&s, ERR_IO, "cannot start /opt/bin/x: cannot enter its root directory: No such file or directory", "");
	quota_group_release(&r.group);
}

/* A directory that is not its to write, wherever it lies; below it /tmp is its own. */
static void test_read_only(void **state)
{
	struct quota_limits l = { .tmp = MB };
	CLEAN_FREE char *dir = xasprintf("%s/task", home);
	const char *const keep[] = { dir, NULL };
	struct spawn s = { .argv = ARGV("sh", "-c", "(echo x >new) 2>/dev/null || echo no; echo x >/tmp/y; "
						    "cat /tmp/y; ls"),
			   .cwd = dir, .keep = keep, .read_only = dir };
	struct run r = { .pid = 0 };

	(void)state;
	must(fs_mkdirs(dir, &err));
	if (!quota.tmp)
		return;
	s.group = &r.group;
	must(quota_group_init(&quota, &r.group, &l, &err));
	run_start(&r, &s);
	run_says(&r, "no\nx\n");
}

/* Another user, with its groups and nothing of ours; it can open what it prints to. */
static void test_user(void **state)
{
	static uint32_t groups[] = { 5, 4242 };
	const struct spawn_user user = { 65532, 65531, groups, 2 }, alone = { 1000, 1000, NULL, 0 };
	struct spawn s = { .argv = ARGV("sh", "-c", "id -u; id -G; grep -c '^CapEff:.0*$' /proc/self/status; "
							 "echo opened >/dev/stdout; "
							 "cat /proc/$PPID/mem 2>/dev/null || echo no"),
			   .user = &user };
	struct run r = { .pid = 0 };
	int dumpable = prctl(PR_GET_DUMPABLE);

	(void)state;
	if (who != ROOT) {
		refuses(&s, ERR_IO, "cannot start sh: cannot become its user: Operation not permitted", "");
		return;
	}
	run_start(&r, &s);
	run_says(&r, "65532\n65531 5 4242\n1\nopened\nno\n");
	assert_int_equal(prctl(PR_GET_DUMPABLE), dumpable);
	s = (struct spawn){ .argv = ARGV("id", "-G"), .user = &alone };
	run_start(&r, &s);
	run_says(&r, "1000\n");
}

/* It ends with us, by whatever we end. */
static void test_parent_dies(void **state)
{
	struct run r = { .pid = 0 };
	struct pollfd p = { .events = POLLIN };
	int pids[2];
	pid_t us;

	(void)state;
	assert_int_equal(pipe2(pids, O_CLOEXEC), 0);
	us = fork();
	if (us == 0) {
		run_limited(&r, NULL, "stay", NULL);
		run_hear(&r, "here\n");
		if (write(pids[1], &r.pid, sizeof(r.pid)) < 0)
			_exit(1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(pids[0], &r.pid, sizeof(r.pid)), sizeof(r.pid));
	p.fd = pidfd_open(r.pid, 0);
	assert_true(p.fd >= 0);
	assert_int_equal(poll(&p, 1, 0), 0);
	kill(us, SIGKILL);
	assert_int_equal(poll(&p, 1, WAIT_MS), 1);
	assert_int_equal(waitpid(us, NULL, 0), us);
	/* without cgroups its parent is then whoever takes orphans: us */
	waitpid(r.pid, NULL, 0);
	close(p.fd);
	close(pids[0]);
	close(pids[1]);
}

/* clone3() puts it into a cgroup of v2 from its first instruction on; a hierarchy without controllers does for that. */
static void test_clone_into_cgroup(void **state)
{
	CLEAN_FREE char *at = xasprintf("%s/cgroup", home);
	struct quota q = { .by = QUOTA_CGROUP2, .ntrees = 1, .at = { 0, -1, 0, -1 } };
	struct quota_limits none = { .memory = 0 };
	struct spawn s = { .argv = ARGV("sh", "-c", "grep ^0: /proc/self/cgroup; setsid sleep 999 & exec sleep 999") };
	struct quota_usage used;
	struct run r = { .pid = 0 };
	struct quota_group g;
	int fd;

	(void)state;
	if (who != ROOT) {
		/* who could have none is refused none */
		assert_int_not_equal(quota.by, QUOTA_CGROUP1);
		return;
	}
	must(fs_mkdirs(at, &err));
	assert_int_equal(mount("none", at, "cgroup2", 0, NULL), 0);
	fd = open(at, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(umount2(at, MNT_DETACH), 0);
	assert_int_equal(mkdirat(fd, "slsc-test", 0755), 0);
	q.trees[0].fd = openat(fd, "slsc-test", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(quota_group_init(&q, &g, &none, &err));
	s.group = &g;
	run_start(&r, &s);
	run_hear(&r, "slsc-test/i1\n");
	quota_measure(&g, &used);
	assert_true(used.cpu > 0 && used.cpu < 60000000000ull);
	quota_kill(&g);
	assert_int_equal(run_wait(&r), SIGKILL);
	/* both of them hold the pipe */
	run_hear(&r, NULL);
	quota_group_release(&g);
	for (int ms = 0; quota_reap(&q); ms++) {
		assert_true(ms < WAIT_MS);
		poll(NULL, 0, 1);
	}
	assert_int_equal(unlinkat(fd, "slsc-test", AT_REMOVEDIR), 0);
	close(q.trees[0].fd);
	close(fd);
	VEC_FREE(&q.ending);
	r.group.number = 0;
	run_release(&r);
}

static int tests(void)
{
	const struct CMUnitTest all[] = {
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_descriptors_otherwise),
		cmocka_unit_test(test_state),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_root),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_parent_dies),
		cmocka_unit_test(test_clone_into_cgroup),
	};

	return cmocka_run_group_tests(all, group_setup, group_teardown);
}

int main(int argc, char **argv)
{
	return run_as_all(argc, argv, tests);
}
