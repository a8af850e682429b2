/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_PLATFORM_H
#define SLSC_LOCAL_PLATFORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/vec.h"
#include "config/project.h"
#include "local/breaker.h"
#include "local/loop.h"
#include "local/quota.h"
#include "local/spawn.h"
#include "local/trace.h"
#include "local/web.h"

/*
 * The platform: functions, the instances that run them, and the invocations that they are given. One thread, that of
 * the event loop. Who wants something invoked makes an invocation, and is called back; who wants to know what happens
 * is an observer.
 */

#define EVENT_MAX (6u << 20)			/* bytes of an event, and of an answer */
#define ANSWER_MAX ((6u << 20) + 100)		/* what the Runtime API takes */
#define ASYNC_MAX (1u << 20)
#define STREAM_MAX (200ull << 20)		/* bytes of a streamed answer */
#define INIT_NS (10 * LOOP_S)
#define TAIL_MAX 4096				/* of X-Amz-Log-Result, before base64 */

struct platform;
struct page_fn;
struct instance;
struct invocation;
struct relay;
struct relay_call;
struct relay_probe;
struct scaling;

/**
 * Faults that are put in on the way between the platform and instances of a function, by who tries what becomes of it
 * (local/chaos.h). What is held is let go by instance_let_go().
 */
struct faults {
	/* @i is ready: whether it is not to be yet */
	bool (*hold_ready)(struct faults *f, struct instance *i);
	/* @i is about to get i->inv's event: whether it is to wait for it */
	bool (*hold_event)(struct faults *f, struct instance *i);
	/* ms that the deadline which it is told is off */
	int64_t (*clock_shift)(struct faults *f, const struct instance *i);
};

/** What is served. Made by who reads slsc.yaml or the command line; in place as long as the platform. */
struct lfn {
	struct platform *platform;
	char *name, *arn;
	enum runtime runtime;			/* lambda, or http: it listens on $PORT */
	struct strs argv;
	char *dir;				/* where it runs, and LAMBDA_TASK_ROOT; absolute */
	struct strs env;			/* "K=V": its own */
	char *extensions;			/* a directory of programs that start with each instance; or NULL */
	char *root;				/* its root directory, in which dir and extensions are; or NULL */
	bool read_only;				/* dir is not its to write */
	struct spawn_user user;			/* whom it runs as, if */
	bool has_user;
	uint64_t timeout_ms, memory, tmp;	/* memory and tmp in bytes */
	uint32_t cpu;				/* thousandths of a CPU; 0: lfn_limits() says */
	unsigned concurrency;			/* instances at most */
	unsigned parallel;			/* invocations at once in an instance: 1 (lambda) */
	unsigned prewarm;			/* instances that are kept ready */
	uint64_t binary[3];			/* inode, time and size of what it runs: whether it is a new one */
	uint64_t idle_ns;			/* an instance that had nothing to do for so long is ended */
	/* before its URL: local/guard.h */
	bool has_rate, has_breaker;
	struct rate_limit rate;
	struct breaker breaker;
	struct retry_budget retries;
	char *fallback_file;			/* absolute, or NULL */
	char *fallback_function;		/* or NULL */
	unsigned fallback_status;
	bool once;				/* an instance is ended after its first invocation */
	/* its pool */
	VEC(struct instance *) instances;
	struct instance *idle;			/* that can take one more: the one used last first */
	struct invocation *first, **last;	/* waiting */
	unsigned waiting;			/* so many */
	unsigned active;			/* invocations that are not answered yet */
	unsigned starting;			/* instances that have not asked for work yet */
	unsigned generation;			/* older instances end after what they do */
	uint64_t count;				/* instances ever made */
	struct loop_timer reap;
	struct loop_timer patience;		/* with instances that are about to ask for more */
	struct loop_timer warm;			/* the next try to start one that is kept ready */
	unsigned failures;			/* of init, one after the other */
	/* local/scaling.h; NULL: an instance is started for each invocation that finds none */
	struct scaling *scaling;
	unsigned want, queue;			/* then: instances; invocations that may wait */
	struct faults *faults;			/* NULL: there are none */
	struct page_fn *page;			/* local/page.h: what is shown of it; NULL: nothing is */
};

/** How an invocation ended. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_ERROR,			/* the function says so: .../error */
	OUTCOME_TIMEOUT,
	OUTCOME_EXIT,			/* the process ended, or could not be started */
	OUTCOME_MEMORY,			/* it was killed for the memory it took */
	OUTCOME_TOO_LARGE,		/* its answer */
	OUTCOME_THROTTLED,		/* no instance could be had */
	OUTCOME_STOPPED,		/* the platform ends */
	OUTCOME_CANCELLED,		/* http: the caller has left */
};
#define OUTCOMES (OUTCOME_CANCELLED + 1)
const char *outcome_name(enum outcome o);

enum instance_state { INSTANCE_INIT, INSTANCE_IDLE, INSTANCE_BUSY, INSTANCE_ENDING };
/** instance_state_name - "init", "idle", "busy", "ending". */
const char *instance_state_name(enum instance_state s);

/** Who has said a line of the log. */
enum line_from { FROM_FUNCTION, FROM_EXTENSION, FROM_PLATFORM };

/** What a pipe of an instance has given of a line that has not ended. */
struct line_reader {
	struct loop_io io;
	struct instance *instance;
	enum line_from from;
	struct buf part;
};

struct extension;
struct telemetry;

struct instance {
	struct lfn *fn;
	uint64_t number;			/* of the function's, from 1 on */
	char stream[64];			/* 2026/01/31/[$LATEST]<32 hex digits>: its log stream */
	enum instance_state state;
	unsigned generation;
	pid_t pid;				/* its runtime; -1: it is not started yet, or has ended */
	struct loop_io process;			/* a pidfd */
	struct line_reader out;			/* stdout and stderr: one pipe, so that their order is kept */
	struct web_listener listener;		/* its Runtime API */
	struct web_req *next;			/* it asks for work */
	struct web_req *answering;		/* the answer that is on its way from it */
	struct web_req *stalled;		/* the same, streamed, when nobody takes it */
	struct invocation *inv;			/* what it does; NULL: nothing, or several */
	struct invocation *doing;		/* all that it does, by ->next */
	unsigned ndoing;
	struct instance *next_idle;
	uint64_t born, asked, ready, idle_since;	/* CLOCK_MONOTONIC; asked: its runtime, first; 0: not yet */
	int64_t wall_born;			/* ns since the epoch */
	uint64_t served;			/* invocations it was given */
	struct quota_group group;
	struct quota_usage used;		/* by its last invocation; taken when it ended, if it did */
	struct loop_timer timer;		/* init; while idle: to ask again; when ending: the next step */
	struct extension *extensions;		/* in the order in which they came */
	struct record_origin *origin;		/* who observes makes it; NULL: nobody has */
	struct telemetry *telemetry;		/* NULL: it has no extensions */
	uint64_t shown;				/* local/page.h: when it changed last */
	char *init_error, *init_error_type;	/* what it told of its init */
	uint64_t cpu_seen;			/* by fn->scaling: its CPU time */
	unsigned tallied;			/* likewise: its state, plus 1; 0: it is not counted */
	bool counted;				/* in fn->starting */
	bool listed;				/* in fn->idle */
	bool answered;				/* its invocation: it may not answer twice */
	bool broken;				/* what waited for it has been told */
	enum { HELD_NOT, HELD, HELD_OVER } held;	/* by fn->faults: its first readiness, or an event */
	const char *end;			/* why it is ended, or will be after what it does; NULL: by itself */
	const char *reason;			/* the same, for its extensions: NULL: "spindown" */
	uint64_t end_at;			/* when all that is left is killed */
	int64_t end_wall_ms;			/* the same, since the epoch */
	enum { END_RUNTIME = 1, END_EXTENSIONS, END_KILLED } end_step;
	int status;				/* of waitpid() */
	/* http */
	uint16_t port;				/* where it is to listen */
	struct relay_probe *probe;		/* is looking whether it does */
	/* how its process ended, for those of its requests whose answers are not whole; type NULL: it runs */
	struct {
		enum outcome outcome;
		const char *type;
		char *why;
	} exit;
};

/** What an invocation took. Nanoseconds and bytes. */
struct invocation_report {
	uint64_t duration;		/* from when the instance got it until it asked for the next */
	uint64_t answer;		/* until its answer came */
	uint64_t init;			/* of the instance, if it was made for this one; else 0 */
	uint64_t billed_ms;
	uint64_t cpu;			/* UINT64_MAX: unknown: its instance did others at the same time */
	uint64_t memory_peak;		/* 0: unknown */
	bool cold;
};

struct invocation {
	char id[37];
	struct lfn *fn;
	struct instance *instance;	/* NULL: it waits, or it is over */
	struct invocation *next;	/* that waits, or that its instance does, too */
	struct buf event;
	char *client_context;		/* decoded JSON, or NULL */
	char *cognito_identity;
	char *trace;			/* X-Ray's header, as the function gets it */
	char *traceparent, *tracestate;	/* the same in W3C's form; tracestate as it came, or NULL */
	struct trace trace_of;		/* its own span */
	uint8_t parent[8];		/* the caller's span; zero: none */
	uint8_t handler_id[8];		/* what the function hangs its own below */
	const char *trigger;		/* "http", or NULL */
	char *method, *path;		/* of an HTTP request, or NULL */
	unsigned status;		/* of what it was answered; 0: none yet */
	bool tail;			/* collect the lines printed */
	bool async;
	/* where a streamed answer goes; NULL: it is collected, like another. */
	void (*stream_head)(struct invocation *inv, const char *content_type);
	/* returns how much is waiting to go out */
	size_t (*stream_data)(struct invocation *inv, const char *p, size_t n);
	/* its answer is there: outcome, body ...; with tail, only when it is over */
	void (*answered)(struct invocation *inv);
	/* it is over, reported, and freed after this. After answered, which is always called before */
	void (*finished)(struct invocation *inv);
	void *ctx;
	/* what became of it */
	enum outcome outcome;
	struct buf body;		/* the answer, or the error as JSON */
	char *content_type;		/* or NULL */
	char *error_type;		/* or NULL */
	char *trailer_error;		/* base64: what came behind a streamed answer that failed */
	bool streamed, is_answered, is_given;
	struct buf lines;		/* the last TAIL_MAX bytes of the log, if asked for */
	/* CLOCK_MONOTONIC; first: byte of its answer, 0: when it was whole; done: the runtime has asked for more */
	uint64_t made, given, first_at, answered_at, done_at;
	uint64_t produced;		/* bytes of its answer */
	int64_t wall_made, wall_given;	/* ns since the epoch */
	/*
	 * until: CLOCK_MONOTONIC, when whoever made it waits no longer, which its deadline is not behind; 0: it does
	 * wait. allowed_ms: its time from when its instance had it; limited: which is less than the function's
	 */
	uint64_t until, allowed_ms;
	bool limited;
	struct loop_timer deadline;
	struct invocation_report report;
	/* http */
	struct relay_call *call;	/* NULL: lambda */
	char *request;			/* "GET /items?id=7": for the log */
	bool shared;			/* its instance did others, too: nobody knows its own CPU time */
};

/** INIT_RUNTIME: the runtime is ready (i->asked), or gone. INIT_OVER: all are (i->ready), or it has failed. */
enum init_event { INIT_BEGUN, INIT_RUNTIME, INIT_OVER };

/** Who is told; all members may be NULL. Called in the loop's thread; must not end anything. */
struct observer {
	void (*line)(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from,
		     struct str line);
	void (*init)(struct observer *o, struct instance *i, enum init_event e);
	/* an instance has it; http: told again when that one had ended without seeing it, and another has it */
	void (*begun)(struct observer *o, struct invocation *inv);
	/* its runtime is done with it, or gone: extensions may go on */
	void (*done)(struct observer *o, struct invocation *inv);
	void (*over)(struct observer *o, struct invocation *inv);	/* with its report */
	void (*changed)(struct observer *o, struct instance *i);	/* its state */
	/* what is of no instance: "is in order again" */
	void (*told)(struct observer *o, const struct lfn *fn, const char *text);
	struct observer *next;
};

struct platform {
	struct loop *loop;
	struct web *web;
	const char *region, *account;
	VEC(struct lfn *) fns;
	struct observer *observers;
	struct observer telemetry;		/* of extensions that ask for it */
	struct relay *relay;			/* from the first instance on that speaks HTTP */
	unsigned ninstances;
	bool stopping;
	struct loop_timer grace, check, reap;
	struct spawner spawner;
	struct trace_ids ids;
	struct quota quota;
	struct buf scratch;
};

/** platform_init - p->quota.lacks says afterwards what of the quotas this machine does not let us enforce. ERR_IO. */
int platform_init(struct platform *p, struct loop *loop, struct web *web, struct err *err) MUST_CHECK;
/** platform_release - after platform_stop() has called back; frees the functions, too. */
void platform_release(struct platform *p);
/** platform_add - serve @fn (heap), whose members up to idle_ns are set; taken over. */
void platform_add(struct platform *p, struct lfn *fn);
/**
 * lfn_limits - what each instance may use: as the cloud has it, by memory; with HTTP a whole CPU, as Cloud Run has it.
 * fn->cpu comes before both.
 */
struct quota_limits lfn_limits(const struct lfn *fn);
/** lfn_free - of one that is not added. */
void lfn_free(struct lfn *fn);
struct lfn *platform_find(const struct platform *p, struct str name);
void platform_observe(struct platform *p, struct observer *o);
/**
 * platform_stop - take no more, give what runs @grace_ns to end, then end all instances. loop_stop() when all is done.
 */
void platform_stop(struct platform *p, uint64_t grace_ns);

/** invocation_new - with an id and no event yet; the caller sets what it wants, then invokes or frees it. */
struct invocation *invocation_new(struct lfn *fn);
void invocation_free(struct invocation *inv);
/**
 * invocation_trace - where it belongs, by the headers that came with it (NULL: without): W3C's or X-Ray's, else a new
 * trace. Both forms then go on to the function.
 */
void invocation_trace(struct invocation *inv, const char *parent, const char *state, const char *xray);
/** log_tail_add - append @line to @log, which keeps its last TAIL_MAX bytes at least, and twice as many at most. */
void log_tail_add(struct buf *log, struct str line);
/** new_uuid - RFC 9562, 5.4, as text. */
void new_uuid(char id[37]);
/** wall_clock - ns since the epoch. */
int64_t wall_clock(void);
/**
 * platform_invoke - have @inv done; it belongs to the platform until finished() returns. With no instance to be had it
 * is answered OUTCOME_THROTTLED at once, before this returns.
 */
void platform_invoke(struct invocation *inv);

/* ---- between the platform's own files ---- */

void pool_init(struct lfn *fn);
/** pool_dispatch - give what waits to who is idle; start instances for the rest. */
void pool_dispatch(struct lfn *fn);
/** pool_ready - @i asks for work; http: it can do one more. It is ended, if it should be, after what it does. */
void pool_ready(struct instance *i);
/** pool_forget - @i leaves its function's lists. */
void pool_forget(struct instance *i);
/** pool_unlist - @i is given nothing more until it asks. */
void pool_unlist(struct instance *i);
/** pool_fail_first - of those that wait. */
void pool_fail_first(struct lfn *fn, enum outcome o, const char *type, const char *why);
/** pool_error_first - the same with the function's own words: an error as JSON. */
void pool_error_first(struct lfn *fn, const char *type, const char *body);
/** pool_meant - how many of those that wait fail with an instance whose init has failed. */
unsigned pool_meant(const struct lfn *fn);
/** pool_scale - end those that are more than fn->want, start those that lack. */
void pool_scale(struct lfn *fn);
/** pool_prewarm - start what fn->prewarm, or fn->want, demands; after failures later and later. */
void pool_prewarm(struct lfn *fn);
/** pool_cancel - @inv, which waits, is waited for by nobody. */
void pool_cancel(struct invocation *inv);
/** pool_renew - instances of today's generation end when they have nothing to do. */
void pool_renew(struct lfn *fn);

/** instance_start - NULL with @err: ERR_IO, ERR_TOOL. */
struct instance *instance_start(struct lfn *fn, struct err *err);
/**
 * instance_end - have it ended, @why for the log. Its extensions are told i->reason ("spindown" if NULL), and all of
 * it is gone within two seconds; without extensions @grace_ns is from SIGTERM to SIGKILL. It is freed when the loop
 * goes on.
 */
void instance_end(struct instance *i, const char *why, uint64_t grace_ns);
/** instance_kill - SIGKILL to all its processes. */
void instance_kill(struct instance *i);
/**
 * instance_break - it cannot go on: what it does, or what waits for it to be ready, fails with @o, @type and @why,
 * and it is ended.
 */
void instance_break(struct instance *i, enum outcome o, const char *type, const char *why);
/** instance_proceed - its runtime or an extension has asked for work: is it ready for some? */
void instance_proceed(struct instance *i);
/** instance_let_go - what fn->faults held is not held any more; it is not asked again for the same. */
void instance_let_go(struct instance *i);
/** instance_left - one of its processes is gone while it ends, or the last of its requests: go on with that. */
void instance_left(struct instance *i);
/** instance_runtime - start its runtime; if that fails, instance_break(). */
void instance_runtime(struct instance *i);
/** instance_environment - "K=V", all of it. */
void instance_environment(struct instance *i, struct strs *env);
/** instance_ended - its runtime's pidfd is readable. */
void instance_ended(struct loop_io *io, uint32_t events);
/** instance_reap - a process whose pidfd is readable, and its group. false: it has not ended. *@pid is -1 then. */
bool instance_reap(pid_t *pid, struct loop_io *io, struct loop *loop, int *status);
/** exit_words - of a status of waitpid(): "exit status 3", "signal: killed"; NULL: it ended with 0. Heap. */
char *exit_words(int status);
/** instance_spawn - a program with what it prints going to @r, in a process group of its own. ERR_IO. */
int instance_spawn(struct instance *i, char *const *argv, struct strs *env, struct line_reader *r, pid_t *pid,
		   struct loop_io *process, struct err *err) MUST_CHECK;
/** line_reader_drain - take what its pipe holds: before anything is said to come after it. */
void line_reader_drain(struct line_reader *r);
/** line_reader_stop - take what is left, and close it. Harmless if it was not started. */
void line_reader_stop(struct line_reader *r);

/** invocation_drained - what waited to go out of a streamed answer has gone. */
void invocation_drained(struct invocation *inv);

/** invocation_begin - @i has it from now on. */
void invocation_begin(struct invocation *inv, struct instance *i);
/** invocation_back - @inv, of which its instance saw nothing, is the first of those that wait. */
void invocation_back(struct invocation *inv);
/** invocation_answer - its answer is known: inv->outcome, body and so on are set. */
void invocation_answer(struct invocation *inv);
/** invocation_fail - answer with an error of the platform's own, if it is not answered yet. */
void invocation_fail(struct invocation *inv, enum outcome o, const char *type, const char *fmt, ...) PRINTF_LIKE(4, 5);
/** invocation_broken - the same of an instance that cannot go on: @why is said in the log, too. */
void invocation_broken(struct invocation *inv, enum outcome o, const char *type, const char *why);
/** invocation_over - the instance is done with it; reports and frees it. */
void invocation_over(struct invocation *inv);
/** invocation_line - a line that was printed while it ran. */
void invocation_line(struct invocation *inv, struct str line);

/** platform_checks - an instance is busy: have its memory looked at now and then. */
void platform_checks(struct platform *p);
/** platform_reaps - a group was released: have what is left of it removed. */
void platform_reaps(struct platform *p);
/** invocation_done - the runtime is done with it; harmless a second time. */
void invocation_done(struct invocation *inv);

void platform_line(struct instance *i, enum line_from from, struct str line);
/** platform_tell - what concerns a function and none of its instances; follows its name. */
void platform_tell(const struct lfn *fn, const char *text);
/** platform_line_of - a line of the platform's own about @inv, which an instance has. */
void platform_line_of(struct invocation *inv, struct str line);
void platform_init_event(struct instance *i, enum init_event e);
void platform_changed(struct instance *i);

/** The Runtime API's service: its listeners are instance.listener. */
extern const struct web_service runtime_api;
/** runtime_api_give - answer the instance's GET .../next with what it is to do. */
void runtime_api_give(struct instance *i);
/** runtime_api_refuse - {"errorMessage":..., "errorType":...} as the emulator has it. */
void runtime_api_refuse(struct web_req *req, unsigned status, const char *type, const char *fmt, ...) PRINTF_LIKE(4, 5);
/** runtime_api_no_method - 405. */
void runtime_api_no_method(struct web_req *req, const char *allowed);
/** runtime_api_ok - 202 {"status":"OK"}. */
void runtime_api_ok(struct web_req *req);

#endif
