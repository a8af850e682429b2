/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CONFIG_FAULT_PLAN_H
#define SLSC_CONFIG_FAULT_PLAN_H

#include "config/project.h"

/*
 * A plan of `slsc chaos`: what is called, what has to hold meanwhile, and which faults are put in when. Everything
 * lives in plan.arena. Times are milliseconds, shares thousandths.
 */

#define PLAN_UNSET	 UINT64_MAX
#define PLAN_FIRINGS_MAX 10000u /* of all faults together */
#define PLAN_PROXIES_MAX 16u
#define PLAN_CALLS_MAX	 1000000u /* in all: each is remembered */

enum fault_kind {
	FAULT_KILL,	    /* SIGKILL to all of an instance */
	FAULT_FREEZE,	    /* SIGSTOP, and SIGCONT after a while */
	FAULT_SLOW_START,   /* new instances are ready later */
	FAULT_LATENCY,	    /* events are handed over later */
	FAULT_ERROR,	    /* events are answered by an error, and not handed over */
	FAULT_CLOCK,	    /* the deadlines that the function is told are off */
	FAULT_CPU,	    /* a process in the instance's group burns CPU */
	FAULT_MEMORY,	    /* one takes memory */
	FAULT_TMP_FULL,	    /* one fills the instance's /tmp */
	FAULT_NET_RESET,    /* connections through a proxy: they are reset */
	FAULT_NET_DELAY,    /* what they carry comes later */
	FAULT_NET_CUT,	    /* they are reset after so many bytes */
	FAULT_NET_THROTTLE, /* they carry no more than so many bytes a second */
	FAULT_CREDENTIALS,  /* new instances have other variables */
	FAULT_COMMAND,	    /* a command is run */
	FAULT_KINDS
};
extern const char *const fault_name[FAULT_KINDS + 1]; /* "kill", ...; NULL at the end */

struct plan_fault {
	unsigned kind;			   /* enum fault_kind */
	unsigned line, col;		   /* of the fault's mapping */
	uint64_t share;			   /* of instances, or of events; thousandths */
	uint64_t at, every, jitter, lasts; /* every, jitter: 0: none; lasts: PLAN_UNSET: to the end of the plan */
	uint64_t times;			   /* 0: as often as there is time for with every, else once */
	uint64_t delay;			   /* slow_start, latency, net_delay */
	struct lstr error;		   /* error: its type */
	struct lstr shift;		   /* clock: as it is written, "-5 s" */
	int64_t shift_ms;
	bool busy;		   /* only instances that have something to do */
	uint64_t level;		   /* memory: of the function's own */
	struct lstr proxy;	   /* net_*: env of one of plan.proxies; filled in if there is one only */
	unsigned proxy_at;	   /* its place there */
	uint64_t bytes;		   /* net_cut; net_throttle: a second */
	struct lkvs env;	   /* credentials */
	struct lstr command, undo; /* command; undo: s NULL: none */
};

/** Between the function's instances and a server. */
struct plan_proxy {
	struct lstr env;   /* the variable that tells them of it */
	struct lstr value; /* of it: $ADDRESS is host:port; s NULL: that alone */
	struct lstr to;	   /* host:port; s NULL: with serve, of 127.0.0.1, found at the start */
	struct lstr serve; /* a command for sh that is the server, for as long as the run lasts; s NULL: none */
};

struct fault_plan {
	struct arena arena;
	char *file;	      /* as shown in messages; heap */
	struct lstr function; /* s NULL: the project's only one */
	uint64_t seed, duration, drain;
	struct {
		uint64_t rate, callers, requests; /* 0: not said; one of the first two is */
		struct lstr event;		  /* JSON; $N in it is the number of the event, from 1 on */
		bool direct;			  /* synchronous calls: no queue, no retries */
		uint64_t retries, retry;
		unsigned how; /* of reading only: 0 events, 1 direct */
	} load;
	struct {
		uint64_t concurrency, tmp; /* 0: as slsc.yaml says */
	} limits;
	struct {
		struct plan_proxy *ptr;
		size_t len;
	} proxies;
	struct plan_limits {
		uint64_t error_rate, p99, lost; /* PLAN_UNSET: no limit */
	} steady, abort;
	struct lstr before, check; /* commands for sh, in the project's directory; s NULL: none */
	struct {
		struct lstr source, error_rate, p99, lost, retries, check; /* s NULL: nothing is claimed */
	} claims;		   /* by somebody, of such a run: text that is shown beside what was measured */
	uint64_t blast_radius;	   /* the share of instances, or events, that is under faults at most */
	struct {
		struct plan_fault *ptr;
		size_t len;
	} faults;
};

/** fault_plan_load - read @path; all that is wrong is a located ERR_CONFIG; ERR_LIMIT, ERR_IO. */
int fault_plan_load(struct fault_plan *p, const char *path, struct err *err) MUST_CHECK;
/** fault_plan_parse - the same from memory. */
int fault_plan_parse(struct fault_plan *p, const char *shown, const char *text, size_t n, struct err *err) MUST_CHECK;
void fault_plan_release(struct fault_plan *p);
#define CLEAN_FAULT_PLAN __attribute__((cleanup(fault_plan_release)))

/** fault_plan_err - ERR_CONFIG at @line:@col of the plan. */
int fault_plan_err(const struct fault_plan *p, unsigned line, unsigned col, struct err *err, const char *fmt, ...)
	PRINTF_LIKE(5, 6);

/** Once that a fault is put in. */
struct firing {
	uint64_t at;	     /* ms from the beginning on */
	uint64_t seed;	     /* of what is chosen at random in it */
	unsigned fault, nth; /* of plan.faults; from 1 on */
};
struct schedule {
	struct firing *ptr; /* heap, in the order of time */
	size_t len;
};
/** fault_plan_schedule - when which fault is put in: of the plan and its seed alone. */
void fault_plan_schedule(const struct fault_plan *p, struct schedule *out);
void schedule_release(struct schedule *s);
#define CLEAN_SCHEDULE __attribute__((cleanup(schedule_release)))

/** fault_plan_random - the same number for the same arguments. */
uint64_t fault_plan_random(uint64_t seed, uint64_t a, uint64_t b);
/** fault_plan_hits - whether number @n is among the @share thousandths that @seed chooses. */
bool fault_plan_hits(uint64_t seed, uint64_t n, uint64_t share);
/**
 * fault_plan_pick - which of the instances @of (their numbers, @n of them) are chosen: @share of them, rounded up, but
 * no more than @most. They are put first. Returns how many.
 */
size_t fault_plan_pick(uint64_t *of, size_t n, uint64_t share, size_t most, uint64_t seed);
/** fault_plan_room - how many of @n may be met when @now are already: by the blast radius, and one at least. */
size_t fault_plan_room(const struct fault_plan *p, size_t n, size_t now);

#endif
