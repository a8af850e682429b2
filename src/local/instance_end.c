/* SPDX-License-Identifier: Apache-2.0 */
/* How an instance ends: by itself, when it is told to, or because it cannot go on. */
#include "local/platform.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "local/extension.h"
#include "local/record.h"
#include "local/relay.h"
#include "local/telemetry.h"

#define EXTENSIONS_NS (2 * LOOP_S)	/* what all of it has to end, with extensions; the runtime of that: */
#define RUNTIME_NS (300 * LOOP_MS)
#define RUNTIME_ALONE_NS (500 * LOOP_MS)	/* with extensions that are threads of it */
#define INIT_ERROR_NS (500 * LOOP_MS)	/* a runtime that has told an error of its init should end by itself */

/* All processes have ended. */
static void gone(struct instance *i)
{
	struct lfn *fn = i->fn;
	struct platform *p = fn->platform;

	fn->failures += !i->ready;
	line_reader_stop(&i->out);
	/* and what it left behind */
	quota_group_release(&i->group);
	platform_reaps(p);
	web_unlisten(&i->listener);
	loop_timer_stop(p->loop, &i->timer);
	pool_forget(i);
	platform_changed(i);
	relay_forget(i);
	extensions_free(i);
	if (i->origin)
		record_origin_release(i->origin);
	free(i->origin);
	telemetry_free(i);
	free(i->exit.why);
	free(i->init_error);
	free(i->init_error_type);
	free(i);
	if (p->stopping && !p->ninstances)
		loop_stop(p->loop);
	else
		pool_dispatch(fn);
	pool_prewarm(fn);
}

/* Of one that speaks HTTP what it has sent is read to its end, though the process has ended. */
static bool has_processes(const struct instance *i)
{
	return i->pid > 0 || extensions_running(i) || i->ndoing;
}

void instance_kill(struct instance *i)
{
	quota_kill(&i->group);
	extensions_kill(i);
}

static void tell_extensions(struct instance *i)
{
	uint64_t now = loop_clock(), left = i->end_at > now ? i->end_at - now : 0;

	i->end_step = END_EXTENSIONS;
	loop_timer_set(i->fn->platform->loop, &i->timer, left);
	telemetry_flush(i);
	extensions_shutdown(i, (wall_clock() + (int64_t)left) / 1000000);
}

static void next_step(struct loop_timer *t)
{
	struct instance *i = CONTAINER_OF(t, struct instance, timer);

	if (!has_processes(i)) {
		gone(i);
	} else if (i->end_step == END_RUNTIME && extensions_running(i)) {
		if (i->pid > 0)
			kill(-i->pid, SIGKILL);
		tell_extensions(i);
	} else {
		i->end_step = END_KILLED;
		instance_kill(i);
	}
}

void instance_left(struct instance *i)
{
	if (!has_processes(i))
		gone(i);
	else if (i->end_step == END_RUNTIME && i->pid <= 0)
		tell_extensions(i);
}

void instance_end(struct instance *i, const char *why, uint64_t grace_ns)
{
	struct loop *loop = i->fn->platform->loop;

	if (i->state == INSTANCE_ENDING) {
		if (!grace_ns && !i->extensions)
			instance_kill(i);
		return;
	}
	i->state = INSTANCE_ENDING;
	pool_unlist(i);
	if (!i->end)
		i->end = why;
	platform_changed(i);
	i->timer.expired = next_step;
	i->end_step = END_RUNTIME;
	if (!has_processes(i)) {
		loop_timer_set(loop, &i->timer, 0);
		return;
	}
	if (i->extensions) {
		grace_ns = extensions_running(i) ? RUNTIME_NS : RUNTIME_ALONE_NS;
		i->end_at = loop_clock() + (extensions_running(i) ? EXTENSIONS_NS : RUNTIME_ALONE_NS);
	}
	if (i->pid <= 0) {
		tell_extensions(i);
	} else if (i->init_error) {
		loop_timer_set(loop, &i->timer, INIT_ERROR_NS);
	} else if (grace_ns) {
		kill(-i->pid, SIGTERM);
		loop_timer_set(loop, &i->timer, grace_ns);
	} else {
		/* it may have been set for something else */
		loop_timer_stop(loop, &i->timer);
		instance_kill(i);
	}
}

static void tell_init(struct instance *i, enum outcome o, const char *type, const char *why)
{
	CLEAN_FREE char *text = xasprintf("INIT_REPORT Init Duration: %.2f ms\tPhase: init\tStatus: %s\t"
					  "Error Type: %s\tError: %s", (double)(loop_clock() - i->born) / 1e6,
					  o == OUTCOME_TIMEOUT ? "timeout" : "error", type, why);

	platform_line(i, FROM_PLATFORM, str_from(text));
}

void instance_break(struct instance *i, enum outcome o, const char *type, const char *why)
{
	struct lfn *fn = i->fn;
	struct invocation *inv = i->inv;
	CLEAN_FREE char *memory = NULL;

	if (i->broken)
		return;
	i->broken = true;
	if (o == OUTCOME_EXIT && quota_oom(&i->group)) {
		o = OUTCOME_MEMORY;
		type = "Runtime.OutOfMemory";
		memory = xasprintf("Runtime exited with error: signal: killed: it used more than its %" PRIu64
				   " MB of memory", fn->memory >> 20);
		why = memory;
	}
	if (!i->end)
		i->end = type;
	if (!i->reason)
		i->reason = "failure";
	line_reader_drain(&i->out);
	if (i->fn->runtime == RUNTIME_HTTP && i->ndoing) {
		relay_broken(i, o, type, why);
	} else if (inv) {
		invocation_broken(inv, o, type, why);
		invocation_over(inv);
	} else if (!i->ready && i->state != INSTANCE_ENDING) {
		if (!i->asked)
			platform_init_event(i, INIT_RUNTIME);
		platform_init_event(i, INIT_OVER);
		tell_init(i, o, type, why);
		/* those that it was started for */
		for (unsigned n = 0, meant = pool_meant(fn); n < meant; n++) {
			inv = fn->platform->stopping || i->generation != fn->generation ? NULL : fn->first;
			if (inv && i->init_error_type) {
				pool_error_first(fn, i->init_error_type, i->init_error);
			} else if (inv) {
				CLEAN_FREE char *text = xasprintf("RequestId: %s Error: %s", inv->id, why);

				pool_fail_first(fn, o, type, text);
			}
		}
	}
	instance_end(i, type, 0);
	pool_dispatch(fn);
}

char *exit_words(int status)
{
	char *s;

	if (WIFSIGNALED(status)) {
		s = xasprintf("signal: %s", strsignal(WTERMSIG(status)));
		s[8] = (char)tolower((unsigned char)s[8]);
		return s;
	}
	return WEXITSTATUS(status) ? xasprintf("exit status %d", WEXITSTATUS(status)) : NULL;
}

bool instance_reap(pid_t *pid, struct loop_io *io, struct loop *loop, int *status)
{
	siginfo_t si = { .si_pid = 0 };
	pid_t r;

	if (waitid(P_PID, (id_t)*pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 && !si.si_pid)
		return false;
	/* it is there until it is reaped, so that this is no other's group */
	kill(-*pid, SIGKILL);
	r = waitpid(*pid, status, WNOHANG);
	if (r == 0 || (r < 0 && errno == EINTR))
		return false;
	/* quota_kill() may have reaped it */
	if (r < 0)
		*status = SIGKILL;
	*pid = -1;
	loop_io_del(loop, io);
	close(io->fd);
	io->fd = -1;
	return true;
}

void instance_ended(struct loop_io *io, uint32_t events)
{
	struct instance *i = CONTAINER_OF(io, struct instance, process);
	CLEAN_FREE char *how = NULL, *why = NULL;

	(void)events;
	if (i->ndoing)
		quota_measure(&i->group, &i->used);
	if (!instance_reap(&i->pid, io, i->fn->platform->loop, &i->status))
		return;
	quota_first_gone(&i->group);
	platform_reaps(i->fn->platform);
	line_reader_drain(&i->out);
	how = exit_words(i->status);
	why = how ? xasprintf("Runtime exited with error: %s", how)
		  : xstrdup("Runtime exited without providing a reason");
	if (i->state == INSTANCE_ENDING)
		instance_left(i);
	else
		instance_break(i, OUTCOME_EXIT, "Runtime.ExitError", why);
}
