/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_CASES_H
#define SLSC_FLOW_CASES_H

#include <jansson.h>
#include <stdbool.h>

#include "base/vec.h"
#include "flow/engine.h"
#include "flow/machine.h"

/*
 * Tests of a state machine: cases of an input, what each task answers, and what has to come of it. They run in a time
 * of their own, in which a wait takes no time, and call no function.
 */

#define FLOW_CASES_MAX	    1000u
#define FLOW_CASE_STEPS_MAX 250000u /* states that a case may enter */
#define FLOW_TIMES_MAX	    1000000u

/** What a task answers once, or several times. */
struct flow_answer {
	const json_t *result;	   /* NULL: it fails */
	const char *error, *cause; /* cause may be NULL */
	const json_t *payload;	   /* what the function has to be given; NULL: anything */
	uint64_t after;		   /* milliseconds until it comes */
	uint64_t times;		   /* 0: whenever it is asked */
	struct flow_at at;
};

struct flow_answers {
	const struct flow_state *state;
	const struct flow_answer *answer;
	size_t len;
	struct flow_at at;
};

struct flow_case {
	const char *name;
	struct flow_at at;
	json_t *input; /* borrowed */
	const struct flow_answers *tasks;
	size_t ntasks;
	const struct flow_state *const *path; /* states in the order they are entered; NULL: any */
	size_t npath;
	struct flow_at path_at;
	bool has_status;
	enum flow_status status; /* FLOW_SUCCEEDED unless it is said, or an error is */
	struct flow_at status_at;
	const json_t *output; /* NULL: any */
	struct flow_at output_at;
	const char *error, *cause; /* NULL: any */
	struct flow_at error_at, cause_at;
	bool has_seconds;
	double seconds; /* how long it takes */
	struct flow_at seconds_at;
	uint64_t seed;
};

struct flow_cases {
	struct arena arena;
	const char *file; /* as shown */
	json_t *json;
	struct flow_case *ptr;
	size_t len;
};

/**
 * flow_cases_parse - read cases of @m, which has to live longer. ERR_CONFIG located, ERR_LIMIT. To be released either
 * way.
 */
int flow_cases_parse(struct flow_cases *c, const struct flow_machine *m, const char *shown, const char *text, size_t n,
		     struct err *err) MUST_CHECK;
void flow_cases_release(struct flow_cases *c);
#define CLEAN_FLOW_CASES __attribute__((cleanup(flow_cases_release)))

/** Something that does not hold; heap. */
struct flow_unmet {
	const char *what;  /* "path", "output", "status", "error", "cause", "seconds", "task"; static */
	char *text;	   /* lines: what was expected, and what came */
	struct flow_at at; /* in the file of cases */
};

struct flow_verdict {
	VEC(struct flow_unmet) unmet; /* none: the case holds */
	enum flow_status status;
	json_t *output; /* a reference; NULL: none */
	struct flow_fault fault;
	VEC(const struct flow_state *) path;
	int64_t took; /* milliseconds */
};
/** flow_case_run - @hash as in struct flow_sink. To be released. */
void flow_case_run(const struct flow_case *c, const struct flow_program *p,
		   size_t (*hash)(const char *algorithm, const void *p, size_t n, uint8_t out[64]),
		   struct flow_verdict *out);
void flow_verdict_release(struct flow_verdict *v);

/** flow_value_diff - lines "$.a[1]: expected 1, got 2" into @out, @most of them; how many differences there are. */
size_t flow_value_diff(const json_t *expected, const json_t *got, size_t most, struct buf *out);

#endif
