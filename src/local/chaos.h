/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_CHAOS_H
#define SLSC_LOCAL_CHAOS_H

#include "config/fault_plan.h"
#include "local/chaos_proxy.h"
#include "local/load.h"
#include "local/solo.h"
#include "report/claims.h"

/*
 * A plan of faults, run against a function on a platform of its own: the pool, the limits, the queue with its retries
 * and the measurements are those of slsc local and slsc bench. All faults are undone when their time is over, when the
 * run is aborted or interrupted, and by the kernel when slsc is killed.
 */

/** What happened when. */
struct chaos_mark {
	uint64_t at;	     /* ns since the run began */
	unsigned fault, nth; /* of plan.faults; from 1 on */
	bool end;
	uint64_t hits;		 /* at the end: events, or instances, that it met */
	uint64_t of;		 /* instances that there were */
	VEC(uint64_t) instances; /* their numbers, ascending */
};

struct chaos_result {
	const struct fault_plan *plan;
	const char *project, *function, *version, *machine;
	VEC(struct chaos_mark) marks; /* in order */
	struct load_result *load;     /* borrowed; NULL: it has not begun */
	uint64_t attempts, failed;    /* invocations, and those that did not go well */
	uint64_t retried;	      /* attempts after the first one of their event */
	uint64_t instances;	      /* started */
	int check;		      /* plan.check's exit code; -1: it was not run */
	char aborted[160];	      /* why; empty: it was not */
	bool interrupted;
	struct strs notes;
};
void chaos_result_release(struct chaos_result *r);

/** A limit, and whether it held. */
struct chaos_finding {
	const char *name; /* "error rate", "p99", "lost events", "check", "faults", "abort" */
	char limit[48], measured[176];
	bool held;
};
#define CHAOS_FINDINGS 7
/** chaos_findings - of all that the plan declares. Returns how many. */
size_t chaos_findings(const struct chaos_result *r, struct chaos_finding out[CHAOS_FINDINGS]);
/** chaos_claims - what the plan says that somebody claims, beside what was measured; text in @a. Returns how many. */
#define CHAOS_CLAIMS 5
size_t chaos_claims(const struct chaos_result *r, struct arena *a, struct cmp_claim out[CHAOS_CLAIMS]);
/** chaos_held - whether the hypothesis held: all findings, of a run that came to its end. */
bool chaos_held(const struct chaos_result *r);

enum chaos_format { CHAOS_TEXT, CHAOS_JSON, CHAOS_HTML };
/** chaos_print - JSON: one line, times in ns. HTML: one file that asks for nothing. */
void chaos_print(const struct chaos_result *r, enum chaos_format format, struct buf *out);
/** chaos_schedule_print - when what will be put in. */
void chaos_schedule_print(const struct fault_plan *p, enum chaos_format format, struct buf *out);

/** The servers that a plan brings along: proxies with `serve`. */
struct chaos_server {
	pid_t pid; /* of its session, too; 0: it was not started */
	int pidfd;
	const struct plan_proxy *proxy;
};
struct chaos_servers {
	struct spawner spawner;
	struct chaos_server server[PLAN_PROXIES_MAX];
	unsigned n;
};
#define CLEAN_CHAOS_SERVERS __attribute__((cleanup(chaos_servers_end)))
/**
 * chaos_servers_start - start them in @dir, each on a free port of 127.0.0.1, which becomes @p's `to`, and wait until
 * they take connections: 30 s. What they say goes to stderr. @s: zeroed. ERR_CONFIG, located: it ended, or does not
 * listen; ERR_INTR, ERR_IO. Of the thread that ends them: they do not outlive it.
 */
int chaos_servers_start(struct chaos_servers *s, struct fault_plan *p, const char *dir, struct err *err) MUST_CHECK;
/** chaos_servers_look - those that have ended by themselves are told in @notes. */
void chaos_servers_look(struct chaos_servers *s, struct strs *notes);
/** chaos_servers_end - SIGTERM to their sessions, SIGKILL after 2 s. Harmless if none was started. */
void chaos_servers_end(struct chaos_servers *s);

struct chaos;
/** chaos_check - whether the plan can be run against @f; ERR_CONFIG, located in the plan. */
int chaos_check(const struct fault_plan *p, const struct function *f, struct err *err) MUST_CHECK;
/**
 * chaos_run - run the plan. @s: started, of the plan's function; @db: a file for the queue, replaced and removed.
 * What is wrong with the function is in @r. ERR_INTR: ended by a signal, what was found by then is there; ERR_IO,
 * ERR_TOOL. @progress: milliseconds, may be NULL.
 */
int chaos_run(const struct fault_plan *p, struct solo *s, const char *db, struct chaos_result *r, struct chaos **state,
	      void (*progress)(uint64_t done, uint64_t total), struct err *err) MUST_CHECK;
/** chaos_release - after solo_end(); @r's load is gone after this. */
void chaos_release(struct chaos *c);

/* ---- between chaos_*.c ---- */

/** chaos_what_text - "kill 10 % of instances", without when. */
void chaos_what_text(const struct plan_fault *f, struct buf *out);
void chaos_print_html(const struct chaos_result *r, struct buf *out);

/** An instance that a fault goes on in. */
struct chaos_met {
	struct instance *instance;
	pid_t pid; /* of a process that is put into its group; 0: it is stopped */
	int pidfd;
};

/** A command that runs. */
struct chaos_command {
	struct chaos *chaos;
	struct chaos_command *next;
	struct loop_io process;
	pid_t pid;
	bool undo;
};

/** What goes on between a firing and its end. */
struct chaos_active {
	struct chaos *chaos;
	struct chaos_active *next;
	const struct firing *firing;
	struct loop_timer end;
	uint64_t hits;
	VEC(struct chaos_met) met;
};

/** An event, or a readiness, that is held. */
struct chaos_held {
	struct chaos *chaos;
	struct chaos_held *next;
	struct instance *instance;
	const char *error; /* what it is answered then; NULL: nothing */
	struct loop_timer end;
};

struct chaos_ask;
struct queue;
struct chaos {
	const struct fault_plan *plan;
	struct solo *solo;
	struct chaos_result *result;
	struct schedule schedule;
	struct faults faults;
	struct observer observer;
	struct queue *queue;
	struct load load;
	bool loading, load_over, time_over, closed;
	uint64_t began;
	VEC(struct chaos_ask *) asks; /* by number - 1; NULL: it is done */
	struct chaos_ask *told, **told_last;
	struct loop_timer fire, finish, look, flush;
	size_t next;		 /* firing */
	uint64_t given, readied; /* events handed over, instances that got ready */
	struct chaos_active *active;
	struct chaos_command *commands;
	struct strs env; /* the function's, without what faults put in */
	struct chaos_proxy proxies[PLAN_PROXIES_MAX];
	size_t nproxies;
	struct chaos_held *held;
	struct {
		uint64_t attempts, failed;
	} window[4]; /* the last second */
	unsigned looks;
	void (*progress)(uint64_t done, uint64_t total);
};

/** chaos_faults_init - hooks and observer; chaos_faults_fire - those that are due; chaos_faults_end - undo them all. */
int chaos_faults_init(struct chaos *c, struct err *err) MUST_CHECK;
void chaos_faults_fire(struct chaos *c);
void chaos_faults_end(struct chaos *c);
/**
 * chaos_helper_start - a process in @i's group and its /tmp: slsc _fault @what [@bytes]. What it does is undone by its
 * end, whatever that is. ERR_IO.
 */
int chaos_helper_start(struct instance *i, const char *what, uint64_t bytes, struct chaos_met *out,
		       struct err *err) MUST_CHECK;
void chaos_helper_end(struct chaos_met *m);
/** chaos_command_start - run it, with the servers' addresses in its environment; what becomes of it is noted. */
void chaos_command_start(struct chaos *c, const char *text, bool undo);
/**
 * chaos_commands_end - those that still run have @ms to end. @interrupted: a signal has come, and what is no undoing is
 * ended at once; so it is when one comes now, and a second one ends all.
 */
void chaos_commands_end(struct chaos *c, unsigned ms, bool interrupted);
/** chaos_environment - "STORE=127.0.0.1:9000": where the plan's servers are, for its commands. */
void chaos_environment(const struct fault_plan *p, struct strs *env);
/** chaos_environment_ours - the rest of this process's own: of two variables of one name shells take any. */
void chaos_environment_ours(struct strs *env);
/** chaos_stop_maybe - the run is over when its load is and its time. */
void chaos_stop_maybe(struct chaos *c);

#endif
