/* SPDX-License-Identifier: Apache-2.0 */
#include "build/idle.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/fs.h"

extern char **environ;

static const char answer[] = "ninja: no work to do.\n";

void idle_ask(struct idle *i, const char *dir)
{
	static const char *const argv[] = { "ninja", "-n", "-f", ".slsc/build.ninja", NULL };
	CLEAN_FREE char *graph = path_join(dir, ".slsc/build.ninja");
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	sigset_t defaults;
	int p[2];

	if (!fs_exists(graph) || pipe2(p, O_CLOEXEC) < 0)
		return;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addchdir_np(&fa, dir);
	posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&fa, p[1], 1);
	posix_spawn_file_actions_adddup2(&fa, p[1], 2);
	/* where it would go on writing after our end, SIGPIPE ends it */
	posix_spawnattr_init(&at);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	posix_spawnattr_setsigdefault(&at, &defaults);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETSIGDEF);
	if (posix_spawnp(&i->pid, argv[0], &fa, &at, (char *const *)(uintptr_t)argv, environ) == 0)
		i->fd = steal_fd(&p[0]);
	else
		i->pid = 0;
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	clean_fd_(&p[0]);
	clean_fd_(&p[1]);
}

bool idle_says(struct idle *i)
{
	char said[sizeof(answer)];
	size_t n = 0;
	ssize_t got = 0;
	int status = -1;

	if (!i->pid)
		return false;
	/* as far as it says what we hope for: a list of a thousand steps is not waited for */
	while (n < sizeof(said) && memcmp(said, answer, n) == 0) {
		got = read(i->fd, said + n, sizeof(said) - n);
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	if (got == 0 && n == strlen(answer) && memcmp(said, answer, n) == 0) {
		while (waitpid(i->pid, &status, 0) < 0)
			if (errno != EINTR)
				return false;
		i->pid = 0;
	}
	return status == 0;
}

void idle_release(struct idle *i)
{
	if (i->pid) {
		kill(i->pid, SIGKILL);
		while (waitpid(i->pid, NULL, 0) < 0 && errno == EINTR)
			;
		i->pid = 0;
	}
	clean_fd_(&i->fd);
}
