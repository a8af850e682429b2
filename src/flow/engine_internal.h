/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_ENGINE_INTERNAL_H
#define SLSC_FLOW_ENGINE_INTERNAL_H

#include "base/arena.h"
#include "base/vec.h"
#include "flow/engine.h"
#include "flow/intrinsic.h"
#include "flow/template.h"

struct flow_program {
	const struct flow_machine *machine;
	struct arena arena;
	struct flow_value *path;	  /* by flow_path.id */
	const struct template **template; /* by flow_template.id */
};

/**
 * flow_path_get - what @p is for @d: all of the input if it is absent, {} if it is null. As intrinsic_call(); @absent
 * as in jsonpath_get(), or NULL.
 */
json_t *flow_path_get(const struct flow_program *pr, const struct flow_path *p, const struct flow_data *d, bool *absent,
		      struct flow_fault *f);
json_t *flow_template_get(const struct flow_program *pr, const struct flow_template *t, const struct flow_data *d,
			  struct flow_fault *f);

/**
 * flow_choice_pick - the first of a Choice's rules that holds; NULL: none. Returns -1 with @f: a path leads nowhere.
 */
int flow_choice_pick(const struct flow_program *pr, const struct flow_state *s, const struct flow_data *d,
		     const struct flow_rule **out, struct flow_fault *f) MUST_CHECK;

enum line_phase {
	LINE_READY,    /* its state is to be begun, or begun once more */
	LINE_WAITING,  /* Wait */
	LINE_TASK,     /* a function is at work */
	LINE_RETRYING, /* until its state is begun once more */
	LINE_INSIDE,   /* Parallel and Map: others are at work for it */
};

/** A line of control: the machine itself, a branch of a Parallel, an iteration of a Map. In one state at a time. */
struct line {
	struct line *up;	  /* of whose state it is a part; NULL: the machine itself */
	struct line *prev, *next; /* beside it, below the same */
	struct line *down;	  /* the first below it */
	size_t index;		  /* branch or iteration */
	json_t *item;		  /* of a Map: $$.Map.Item.Value; NULL: not in a Map */
	const struct flow_state *state;
	enum line_phase phase;
	bool entered; /* the event is out: a retry does not enter again */
	bool queued;
	struct line *behind, *before; /* among those to be stepped */
	json_t *input;		      /* of the state, raw */
	json_t *context;	      /* $$, made when somebody asks; NULL */
	json_t *variables;	      /* assigned in this line; NULL: none */
	int64_t entered_at;
	uint64_t entered_id; /* of the event */
	uint64_t last;	     /* its latest event */
	unsigned retries;    /* of this state so far */
	uint64_t *used;	     /* of each retrier; NULL: none yet */

	int64_t due;	/* FLOW_NEVER: no timer */
	uint64_t order; /* of timers due at one time */
	size_t heap;	/* its place among the timers, from 1 on; 0: none */

	/* LINE_TASK */
	uint64_t task;
	json_t *payload;
	char *function, *qualifier; /* heap; qualifier may be NULL */
	bool asynchronous;
	int64_t timeout, heartbeat;	  /* milliseconds; 0: none */
	int64_t timeout_at, heartbeat_at; /* FLOW_NEVER: none */

	json_t *effective; /* LINE_WAITING: its output; LINE_INSIDE: what each ItemSelector looks at */
	json_t *assigned;  /* LINE_WAITING: variables of its Assign */

	/* LINE_INSIDE */
	json_t *items; /* of a Map */
	json_t *results;
	size_t parts, begun, over; /* branches or iterations */
	size_t limit;		   /* how many at a time */
	size_t bytes;		   /* of the results so far */
};

struct flow_execution {
	const struct flow_program *program;
	const struct flow_sink *sink; /* while it is told something */
	char *id, *name, *role, *machine_id, *machine_name, *region;
	json_t *input;
	json_t *context_execution, *context_machine; /* the parts of $$ that stay */
	int64_t started, now, deadline, ended;
	uint64_t random;
	enum flow_status status;
	json_t *output;
	struct flow_fault fault;
	struct line *top;
	size_t lines;
	const struct flow_state *where; /* of the latest error */
	struct line *first, *tail;	/* to be stepped */
	VEC(struct line *) timers;	/* a heap */
	VEC(struct line *) tasks;	/* by the low bits of a task's number; NULL: free */
	VEC(uint32_t) free_tasks;
	uint64_t orders, serial, events, steps;
};

#define TASK_BITS 20u /* of a task's number are its place among the tasks */

/* engine.c */
struct line *line_new(struct flow_execution *x, struct line *up, size_t index, const struct flow_state *start,
		      json_t *input); /* @input is taken over; it is queued */
void line_free(struct flow_execution *x, struct line *l);
void line_queue(struct flow_execution *x, struct line *l);
void line_timer(struct flow_execution *x, struct line *l, int64_t due); /* FLOW_NEVER: none any more */
void line_leave(struct flow_execution *x, struct line *l);		/* drops what belongs to the state it is in */
uint64_t task_new(struct flow_execution *x, struct line *l);
void task_over(struct flow_execution *x, struct line *l);
/** emit - an event of @l; what is not in @h is filled in. */
void emit(struct flow_execution *x, struct line *l, struct flow_history h);

/* engine_context.c */
struct line_data {
	struct flow_execution *x;
	struct line *l;
	json_t *item; /* $$.Map.Item of an ItemSelector; NULL: that of the line, if it is in a Map */
	size_t index;
	struct flow_data d;
};
/** line_look - what paths see when $ is @input. */
void line_look(struct line_data *out, struct flow_execution *x, struct line *l, json_t *input);
/** line_context_changed - $$ is to be made anew. */
void line_context_changed(struct line *l);

/* engine_state.c */
void state_begin(struct flow_execution *x, struct line *l);
void state_invoke(struct flow_execution *x, struct line *l, bool again);
/** parts_more - begin as many branches or iterations as there is room for. */
void parts_more(struct flow_execution *x, struct line *l);

/* engine_end.c: what becomes of a state */
/** state_result - of Pass, Task, Parallel, Map: @result is taken over. */
void state_result(struct flow_execution *x, struct line *l, json_t *result);
/**
 * state_output - the state is over: @output by OutputPath goes to @next; NULL: the line ends. Both are taken over.
 */
void state_output(struct flow_execution *x, struct line *l, json_t *output, json_t *assigned,
		  const struct flow_state *next);
/** state_failed - Retry, Catch, or the end of the line. @f is emptied. */
void state_failed(struct flow_execution *x, struct line *l, struct flow_fault *f);
/** state_wrong - the same, for what is wrong with the machine or its data: says which state it was. */
void state_wrong(struct flow_execution *x, struct line *l, struct flow_fault *f);
/** state_assign - what Assign makes, a new reference, or NULL: nothing. -1 with @f. */
int state_assign(struct flow_execution *x, struct line *l, const struct flow_template *assign, json_t *input,
		 json_t **out, struct flow_fault *f) MUST_CHECK;
/** within_limit - true, or false with @f States.DataLimitExceeded. */
bool within_limit(const struct line *l, const json_t *v, const char *what, struct flow_fault *f);
void execution_end(struct flow_execution *x, enum flow_status status);
void lines_abort(struct flow_execution *x, struct line *l, bool tell);

#endif
