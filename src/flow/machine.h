/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_MACHINE_H
#define SLSC_FLOW_MACHINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "flow/problem.h"

/*
 * A state machine in the Amazon States Language (https://states-language.net/spec.html), read and checked. All of it
 * lives in flow_machine.arena and does not change once it is read, so that any number of executions and threads may
 * read it. Values of the definition (templates, results, literals) are jansson's, all of them inside of
 * flow_machine.definition: borrowed, never changed; who hands one on takes a reference (its counts are atomic).
 *
 * What a checked machine promises, so that nobody has to ask again: each name in Next, Default, StartAt and Catch is
 * resolved; each kind has what it needs and nothing else; each path, template and intrinsic is well-formed; of two
 * fields that exclude each other there is one; numbers are in their ranges.
 */

#define FLOW_BYTES_MAX	 1048576u  /* of a definition: the service's limit */
#define FLOW_NODES_MAX	 200000u   /* values in it */
#define FLOW_DEPTH_MAX	 256u	   /* how deep they nest */
#define FLOW_NAME_MAX	 80u	   /* of a state, in characters */
#define FLOW_SECONDS_MAX 99999999u /* of timeouts, heartbeats, waits, intervals and numbers of attempts */
#define FLOW_DELAY_MAX	 31622399u /* of MaxDelaySeconds */

/** Where something stands in the file; 1-based, in characters. line 0: it is not in the file. */
struct flow_at {
	unsigned line, col;
};

/**
 * A path, a reference path, or what stands at the right of a "name.$" that is alone (an intrinsic, too, where the
 * language lets one be).
 */
struct flow_path {
	const char *text;  /* NULL: the field is absent, or null */
	bool null;	   /* it is there, and null: InputPath, OutputPath, ResultPath */
	unsigned id;	   /* its number among flow_machine.npaths: for who keeps a compiled form beside it */
	struct flow_at at; /* of the value */
};

/** A payload template: JSON whose fields "name.$" are replaced. Also Assign's object. */
struct flow_template {
	const json_t *json; /* NULL: absent */
	bool plain;	    /* no "name.$" anywhere in it: it is its own result */
	unsigned id;	    /* its number among flow_machine.ntemplates */
	struct flow_at at;  /* flow_place() tells it of what is inside */
};

/** Seconds or a count, or where they come from: at most one of both. */
struct flow_number {
	bool set;	       /* value holds */
	uint64_t value;	       /* the default otherwise, where the language has one */
	struct flow_path path; /* "...Path": a reference path, or for Task timeouts one into the context object, too */
	struct flow_at at;
};

/** Text, or where it comes from (a path or an intrinsic): Error and Cause of Fail. */
struct flow_text {
	const char *value; /* NULL: absent */
	struct flow_path path;
	struct flow_at at;
};

/** A point in time; UTC. */
struct flow_time {
	int64_t sec; /* since 1970-01-01T00:00:00Z */
	uint32_t nsec;
};
/**
 * flow_time_parse - RFC 3339 as the language wants it: an upper-case T, and Z in place of an offset of nothing
 * ("2016-03-14T01:59:00Z", "...00.5+02:00"). Digits of a second behind the ninth are dropped. Returns 0, or -1.
 */
int flow_time_parse(const char *s, size_t n, struct flow_time *out) MUST_CHECK;
/** flow_time_compare - below 0, 0, above 0. */
int flow_time_compare(struct flow_time a, struct flow_time b);

enum flow_kind {
	FLOW_TASK,
	FLOW_PASS,
	FLOW_CHOICE,
	FLOW_WAIT,
	FLOW_PARALLEL,
	FLOW_MAP,
	FLOW_SUCCEED,
	FLOW_FAIL,
	FLOW_KINDS
};
/** "Task", ...; NULL at the end. With "StateEntered" behind it, it is the name of an event. */
extern const char *const flow_kind_name[FLOW_KINDS + 1];

struct flow_state;
struct flow_states;

/* ---- Choice ---- */

enum flow_op {
	FLOW_AND,
	FLOW_OR,
	FLOW_NOT,
	FLOW_IS_PRESENT,
	FLOW_IS_NULL,
	FLOW_IS_STRING,
	FLOW_IS_NUMERIC,
	FLOW_IS_BOOLEAN,
	FLOW_IS_TIMESTAMP,
	FLOW_EQUALS, /* these six are of a flow_type */
	FLOW_LESS,
	FLOW_LESS_EQUALS,
	FLOW_GREATER,
	FLOW_GREATER_EQUALS,
	FLOW_MATCHES, /* a string, never a path: "*" is any run of characters, "\*" an asterisk, "\\" a backslash */
};
enum flow_type { FLOW_STRING, FLOW_NUMERIC, FLOW_BOOLEAN, FLOW_TIMESTAMP };

struct flow_rule {
	enum flow_op op;
	enum flow_type type;	   /* of FLOW_EQUALS and below it */
	const char *name;	   /* the operator as the language calls it: "NumericLessThanPath" */
	struct flow_at at;	   /* of the rule's object */
	struct flow_path variable; /* of all but FLOW_AND, FLOW_OR, FLOW_NOT */
	bool want;		   /* FLOW_IS_*: what makes the rule hold */
	const json_t *value;   /* literal of FLOW_EQUALS and below it: a string, number or boolean; NULL: path has it */
	struct flow_time time; /* value of FLOW_TIMESTAMP, read */
	struct flow_path path; /* "...Path" */
	struct flow_at value_at;       /* of either */
	const struct flow_rule *rules; /* FLOW_AND, FLOW_OR: at least one; FLOW_NOT: one */
	size_t nrules;
	/* of a rule in Choices, not of one inside of another */
	const struct flow_state *next;
	struct flow_at next_at;
	struct flow_template assign;
	const char *comment; /* NULL: none */
};

/* ---- errors ---- */

struct flow_errors {
	const char *const *name; /* ErrorEquals; "States.ALL" is alone, and in the last entry of its list */
	size_t len;
};

enum flow_jitter { FLOW_JITTER_NONE, FLOW_JITTER_FULL };
struct flow_retry {
	struct flow_errors errors;
	uint64_t interval;     /* seconds; 1 unless it is said */
	uint64_t max_attempts; /* retries, not runs; 3 unless it is said; 0: never */
	double backoff;	       /* at least 1; 2 unless it is said */
	uint64_t max_delay;    /* seconds; 0: no limit */
	enum flow_jitter jitter;
	struct flow_at at; /* of the retrier's object */
};

struct flow_catch {
	struct flow_errors errors;
	const struct flow_state *next;
	struct flow_at next_at;
	struct flow_path result_path; /* absent: "$" */
	struct flow_template assign;
	struct flow_at at; /* of the catcher's object */
};

/* ---- Task ---- */

enum flow_resource {
	FLOW_FUNCTION, /* a function by its name or its Lambda ARN; its input is the effective input */
	FLOW_INVOKE, /* arn:aws:states:::lambda:invoke: function and payload are in Parameters, the result is wrapped */
	FLOW_ACTIVITY, /* arn:aws:states:REGION:ACCOUNT:activity:NAME: not run by slsc */
	FLOW_SERVICE,  /* another service's ARN: not run by slsc */
};

struct flow_task {
	enum flow_resource resource;
	const char *text;  /* Resource as it is written */
	struct flow_at at; /* of Resource's value */
	/*
	 * FLOW_FUNCTION, and FLOW_INVOKE whose Parameters.FunctionName is a string: the function's name, without
	 * ARN and qualifier; NULL with FLOW_INVOKE: "FunctionName.$" tells it at run time (flow_function_name() reads
	 * it then).
	 */
	const char *function;
	const char *qualifier; /* a version or an alias behind the name, "$LATEST" too; NULL: none */
	struct flow_at function_at;
	bool wait_for_token;	      /* FLOW_INVOKE with .waitForTaskToken: not run by slsc */
	struct flow_number timeout;   /* TimeoutSeconds; not set: none (the service's 99999999) */
	struct flow_number heartbeat; /* HeartbeatSeconds; less than timeout if both are set */
};

/**
 * flow_function_name - the name in @s, which is a name, a partial ARN (ACCOUNT:function:NAME) or an ARN, each of them
 * with ":QUALIFIER" or without. @name: of 64 bytes and a NUL; @qualifier: of 129; "" if there is none. Returns 0, or
 * -1: it is none of these.
 */
int flow_function_name(const char *s, char name[65], char qualifier[130]) MUST_CHECK;

/* ---- states ---- */

struct flow_state {
	unsigned id; /* its number: flow_machine.states[id] */
	enum flow_kind kind;
	const char *name;
	const char *path;  /* for messages: "States.Outer.Branches[0].States.Inner"; names with a dot, a blank or the
			      like are in quotes: States."a b" */
	struct flow_at at; /* of the name */
	const struct flow_states *in; /* the machine, branch or processor it belongs to */
	const char *comment;	      /* NULL: none */
	const char *unsupported; /* why slsc does not run it, though it is valid; NULL: it does. At unsupported_at */
	struct flow_at unsupported_at;

	const struct flow_state *next; /* NULL: End, Succeed, Fail; or Choice */
	bool end;		       /* "End": true */
	struct flow_at next_at;	       /* of Next's or End's value */

	struct flow_path input_path;	      /* absent: "$"; null: {} */
	struct flow_path output_path;	      /* absent: "$"; null: {} */
	struct flow_path result_path;	      /* a reference path; absent: "$"; null: the result is dropped */
	struct flow_template parameters;      /* Map: ItemSelector, which may be written so */
	struct flow_template result_selector; /* Task, Parallel, Map */
	struct flow_template assign;	      /* variables; all kinds but Succeed and Fail */
	const struct flow_retry *retry;	      /* Task, Parallel, Map */
	size_t nretry;
	const struct flow_catch *catch; /* Task, Parallel, Map */
	size_t ncatch;

	union {
		struct flow_task task;
		struct {
			const json_t *result; /* Result; NULL: absent, the input is passed on */
			struct flow_at at;
		} pass;
		struct {
			const struct flow_rule *rules;
			size_t nrules;
			const struct flow_state *otherwise; /* Default; NULL: States.NoChoiceMatched at choices_at */
			struct flow_at otherwise_at, choices_at;
		} choice;
		struct {
			struct flow_number seconds; /* one of these three; or path is TimestampPath */
			bool has_time;
			struct flow_time time; /* Timestamp */
			const char *time_text; /* as it is written */
			struct flow_path time_path;
			struct flow_at at; /* of the value that says it */
		} wait;
		struct {
			const struct flow_states *const *branches; /* at least one */
			size_t nbranches;
		} parallel;
		struct {
			const struct flow_states *processor; /* ItemProcessor, or Iterator */
			struct flow_path items_path;	     /* ItemsPath; absent: "$" */
			struct flow_number max_concurrency;  /* 0: any number */
			bool old_names;	  /* Iterator, Parameters: as they were called before ItemProcessor */
			bool distributed; /* ProcessorConfig.Mode: not run by slsc */
			struct flow_at processor_at;
		} map;
		struct {
			struct flow_text error, cause;
		} fail;
	} as;
};

/** The machine itself, a branch of Parallel, or a Map's processor. */
struct flow_states {
	const struct flow_state *up; /* the Parallel or Map; NULL: the machine itself */
	size_t index;		     /* which branch of it */
	const struct flow_state *start;
	struct flow_at start_at;	       /* of StartAt's value */
	const struct flow_state *const *state; /* in the file's order */
	size_t len;
	const char *comment; /* NULL: none */
	struct flow_at at;   /* of the object */
};

struct flow_machine {
	struct arena arena;
	const char *file;   /* as shown in messages */
	json_t *definition; /* the whole of it; one reference */
	struct flow_states *root;
	const struct flow_state **states; /* all, those of branches and processors too; in the file's order */
	size_t nstates;
	size_t npaths, ntemplates; /* how many ids there are */
	bool has_timeout;
	uint64_t timeout; /* TimeoutSeconds of the whole machine */
	struct flow_at timeout_at;
	const char *comment;	    /* NULL: none */
	const char *version;	    /* "1.0" */
	struct flow_places *places; /* of flow_place() */
};

/** What flow_machine_read() asks for besides: the functions there are. */
struct flow_known {
	const char *const *functions; /* by name; borrowed */
	size_t nfunctions;
	const char *from; /* for the hint: "slsc.yaml"; NULL: no function is looked up, any name will do */
};

/**
 * flow_machine_parse - read and check a definition, JSON or YAML: it is JSON if the first character that is no white
 * space is "{", else YAML.
 * @m:     out; release it either way.
 * @shown: the file's name in messages.
 * @known: NULL: no function is looked up.
 * @found: all errors and warnings, in the file's order; to be released. There may be warnings after success, too.
 * Returns 0, or -1 with @err the first of the errors: ERR_CONFIG located; ERR_LIMIT: more bytes, values or levels than
 * above.
 */
int flow_machine_parse(struct flow_machine *m, const char *shown, const char *text, size_t n,
		       const struct flow_known *known, struct flow_problems *found, struct err *err) MUST_CHECK;
/** flow_machine_load - the same from a file; "-" is the standard input. ERR_IO, too. */
int flow_machine_load(struct flow_machine *m, const char *path, const struct flow_known *known,
		      struct flow_problems *found, struct err *err) MUST_CHECK;
void flow_machine_release(struct flow_machine *m);
#define CLEAN_FLOW_MACHINE __attribute__((cleanup(flow_machine_release)))

/** flow_states_find - the state of that name in one machine, branch or processor, not below it; or NULL. */
const struct flow_state *flow_states_find(const struct flow_states *in, const char *name);

enum flow_exit_kind { FLOW_EXIT_NEXT, FLOW_EXIT_RULE, FLOW_EXIT_DEFAULT, FLOW_EXIT_CATCH };
/** A way out of a state. */
struct flow_exit {
	enum flow_exit_kind kind;
	const struct flow_state *to;
	size_t index; /* which rule or catcher */
	struct flow_at at;
};
/** flow_state_exit - the @i-th one, in the order in which they are tried; false: there are no more. */
bool flow_state_exit(const struct flow_state *s, size_t i, struct flow_exit *out);

/**
 * flow_place - where @json stands, a string, number, list or object inside of flow_machine.definition; line 0 for
 * anything else (true, false and null are one value each, wherever they stand).
 */
struct flow_at flow_place(const struct flow_machine *m, const json_t *json);

/**
 * flow_state_err - ERR_FUNCTION "FILE:LINE:COL: STATE PATH: fmt", at the state itself if @at.line is 0. For what
 * happens at run time.
 */
int flow_state_err(const struct flow_machine *m, const struct flow_state *s, struct flow_at at, struct err *err,
		   const char *fmt, ...) PRINTF_LIKE(5, 6);

#endif
