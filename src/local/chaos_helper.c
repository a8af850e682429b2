/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of a plan: those that use up what an instance has, and its commands. */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/chaos.h"
#include "os/fs.h"

int chaos_helper_start(struct instance *i, const char *what, uint64_t bytes, struct chaos_met *out, struct err *err)
{
	struct platform *p = i->fn->platform;
	CLEAN_FREE char *self = dirs_self();
	char number[24];
	const char *const argv[] = { self, "_fault", what, number, NULL }, *const env[] = { NULL };
	const struct spawn o = { .argv = argv,
				 .env = env,
				 .cwd = "/",
				 .out = p->spawner.null,
				 .err = p->spawner.null,
				 .group = &i->group,
				 .join = i->process.fd,
				 .guest = true };

	snprintf(number, sizeof(number), "%" PRIu64, bytes);
	out->instance = i;
	out->pidfd = -1;
	if (spawner_start(&p->spawner, &o, &out->pid, &out->pidfd, err) == 0)
		return 0;
	out->pid = 0;
	return -1;
}

void chaos_helper_end(struct chaos_met *m)
{
	if (m->pid <= 0)
		return;
	kill(m->pid, SIGKILL);
	/* ECHILD: with its instance's others it has been ended and reaped */
	while (waitpid(m->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(m->pidfd);
	m->pid = 0;
}

/* ---- commands ---- */

void chaos_environment(const struct fault_plan *p, struct strs *env)
{
	for (size_t i = 0; i < p->proxies.len; i++)
		strs_addf(env, "%s=%s", p->proxies.ptr[i].env.s, p->proxies.ptr[i].to.s);
}

static bool is_set(const struct strs *env, const char *e)
{
	const char *equals = strchr(e, '=');
	const size_t n = equals ? (size_t)(equals - e) + 1 : 0;

	for (size_t i = 0; n && i < env->len; i++)
		if (strncmp(env->ptr[i], e, n) == 0)
			return true;
	return false;
}

void chaos_environment_ours(struct strs *env)
{
	const size_t own = env->len;

	for (char **e = environ; *e; e++)
		if (!is_set(&(struct strs){ .ptr = env->ptr, .len = own }, *e))
			strs_add(env, *e);
}

static void note_failure(struct chaos *c, const char *why)
{
	strs_addf(&c->result->notes, "a command of the plan failed: %s", why);
}

static void forget(struct chaos_command *cmd)
{
	struct chaos *c = cmd->chaos;

	for (struct chaos_command **at = &c->commands; *at; at = &(*at)->next)
		if (*at == cmd) {
			*at = cmd->next;
			break;
		}
	free(cmd);
}

static void command_ended(struct loop_io *io, uint32_t events)
{
	struct chaos_command *cmd = CONTAINER_OF(io, struct chaos_command, process);
	CLEAN_FREE char *how = NULL;
	int status = 0;

	(void)events;
	if (!instance_reap(&cmd->pid, io, &cmd->chaos->solo->loop, &status))
		return;
	how = exit_words(status);
	if (how)
		note_failure(cmd->chaos, how);
	forget(cmd);
}

/* All of its group, at once. */
static void end_command(struct chaos_command *cmd)
{
	kill(-cmd->pid, SIGKILL);
	while (waitpid(cmd->pid, NULL, 0) < 0 && errno == EINTR)
		;
	loop_io_del(&cmd->chaos->solo->loop, &cmd->process);
	close(cmd->process.fd);
	forget(cmd);
}

void chaos_command_start(struct chaos *c, const char *text, bool undo)
{
	struct platform *p = &c->solo->platform;
	struct chaos_command *cmd = xcalloc(1, sizeof(*cmd));
	const char *const argv[] = { "sh", "-c", text, NULL };
	CLEAN_STRS struct strs env = { 0 };
	struct spawn o = { .argv = argv, .cwd = c->solo->fn->dir, .out = STDERR_FILENO, .err = STDERR_FILENO };
	struct err err = ERR_INIT;

	chaos_environment(c->plan, &env);
	chaos_environment_ours(&env);
	o.env = (const char *const *)strs_argv(&env);
	cmd->chaos = c;
	cmd->undo = undo;
	cmd->process = (struct loop_io){ .fd = -1, .ready = command_ended };
	cmd->next = c->commands;
	c->commands = cmd;
	if (spawner_start(&p->spawner, &o, &cmd->pid, &cmd->process.fd, &err) < 0) {
		note_failure(c, err.msg);
		forget(cmd);
	} else if (loop_io_add(&c->solo->loop, &cmd->process, EPOLLIN, &err) < 0) {
		note_failure(c, err.msg);
		end_command(cmd);
	}
}

/* Those that undo something go on. */
static void end_doing(struct chaos *c)
{
	for (struct chaos_command *cmd = c->commands, *next; cmd; cmd = next) {
		next = cmd->next;
		if (!cmd->undo)
			end_command(cmd);
	}
}

void chaos_commands_end(struct chaos *c, unsigned ms, bool interrupted)
{
	const uint64_t until = loop_clock() + ms * LOOP_MS;
	struct err signalled = ERR_INIT;

	if (interrupted)
		end_doing(c);
	while (c->commands && loop_clock() < until)
		if (loop_once(&c->solo->loop, 10 * LOOP_MS, &signalled) < 0) {
			if (interrupted)
				break;
			interrupted = true;
			end_doing(c);
		}
	while (c->commands) {
		note_failure(c, "it took too long, and was killed");
		end_command(c->commands);
	}
}
