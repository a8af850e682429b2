/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_bench: the interpreter of state machines by itself, in memory: states a second of a machine of five Pass states,
 * without and with a history, and a Map over 100,000 items. Prints a line each; the aims are in docs/FLOW.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/buf.h"
#include "base/vec.h"
#include "flow/engine.h"
#include "flow/value.h"

struct bench {
	VEC(uint64_t) tasks;
	size_t bytes;
	struct buf *journal; /* NULL: none is kept */
};

static void on_invoke(void *arg, const struct flow_invoke *i)
{
	struct bench *b = arg;

	VEC_PUSH(&b->tasks, i->task);
}

static void on_cancel(void *arg, uint64_t task)
{
	(void)arg;
	(void)task;
}

static void on_history(void *arg, const struct flow_history *h)
{
	struct bench *b = arg;
	CLEAN_BUF struct buf text = BUF_INIT;
	json_t *o = flow_history_json(h);

	flow_value_dump(o, &text);
	b->bytes += text.len;
	json_decref(o);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Seconds that @runs executions take. */
static double measure(const char *machine, json_t *input, unsigned runs, bool history, uint64_t *steps, struct bench *b)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct flow_sink sink = { on_invoke, on_cancel, history ? on_history : NULL, NULL, b };
	struct flow_start start = { "id", "name", "role", "machine", "machine", NULL, input, 0, FLOW_NEVER, 1 };
	struct flow_program *p;
	struct err err = ERR_INIT;
	struct flow_machine m;
	double from;

	if (flow_machine_parse(&m, "bench", machine, strlen(machine), NULL, &found, &err) < 0 ||
	    !(p = flow_program_new(&m, &err))) {
		fprintf(stderr, "%s\n", err.msg);
		exit(1);
	}
	from = now();
	*steps = 0;
	for (unsigned i = 0; i < runs; i++) {
		struct flow_execution *x = flow_execution_new(p, &start, &sink);
		json_t *one = json_integer(1);

		while (flow_execution_status(x) == FLOW_RUNNING) {
			struct flow_event ev = { .kind = FLOW_EV_TIME };

			if (b->tasks.len && flow_execution_due(x))
				ev = (struct flow_event){ .kind = FLOW_EV_DONE,
							  .task = b->tasks.ptr[--b->tasks.len],
							  .value = one };
			flow_execution_tell(x, &ev, &sink);
			if (b->journal) {
				flow_event_write(&ev, b->journal);
				buf_addc(b->journal, '\n');
			}
		}
		if (flow_execution_status(x) != FLOW_SUCCEEDED) {
			fprintf(stderr, "%s: %s\n", flow_execution_fault(x)->error, flow_execution_fault(x)->cause);
			exit(1);
		}
		*steps += flow_execution_steps(x);
		flow_execution_free(x);
		json_decref(one);
	}
	from = now() - from;
	flow_program_free(p);
	flow_machine_release(&m);
	return from;
}

/* Seconds that it takes to read the journal and to be told all of it. */
static double replay(const char *machine, json_t *input, struct bench *b)
{
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	struct flow_sink sink = { on_invoke, on_cancel, NULL, NULL, b };
	struct flow_start start = { "id", "name", "role", "machine", "machine", NULL, input, 0, FLOW_NEVER, 1 };
	const char *p = b->journal->ptr;
	struct flow_execution *x;
	struct flow_program *program;
	struct err err = ERR_INIT;
	struct flow_machine m;
	double from;

	if (flow_machine_parse(&m, "bench", machine, strlen(machine), NULL, &found, &err) < 0 ||
	    !(program = flow_program_new(&m, &err)))
		exit(1);
	from = now();
	x = flow_execution_new(program, &start, &sink);
	while (*p) {
		struct flow_event_read r;
		size_t n = strcspn(p, "\n");

		if (flow_event_parse(p, n, &r, &err) < 0)
			exit(1);
		flow_execution_tell(x, &r.ev, &sink);
		flow_event_release(&r);
		p += n + 1;
	}
	if (flow_execution_status(x) != FLOW_SUCCEEDED)
		exit(1);
	flow_execution_free(x);
	from = now() - from;
	flow_program_free(program);
	flow_machine_release(&m);
	return from;
}

static long peak(void)
{
	struct rusage ru;

	getrusage(RUSAGE_SELF, &ru);
	return ru.ru_maxrss;
}

#define PASS(name, next) "\"" name "\":{\"Type\":\"Pass\",\"Next\":\"" next "\"},"

int main(void)
{
	static const char passes[] = "{\"StartAt\":\"A\",\"States\":{" PASS("A", "B") PASS("B", "C") PASS("C", "D")
		PASS("D", "E") "\"E\":{\"Type\":\"Pass\",\"End\":true}}}";
	static const char shaped[] = "{\"StartAt\":\"A\",\"States\":{" PASS("A", "B") PASS("B", "C")
		PASS("C", "D") "\"D\":{\"Type\":\"Pass\",\"Parameters\":{\"n.$\":\"States.MathAdd($.n, 1)\","
			       "\"id.$\":\"$$.Execution.Id\"},\"ResultPath\":\"$.d\",\"Next\":\"E\"},"
			       "\"E\":{\"Type\":\"Pass\",\"End\":true}}}";
	static const char map[] =
		"{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"ItemProcessor\":{\"StartAt\":\"T\","
		"\"States\":{\"T\":{\"Type\":\"Task\",\"Resource\":\"arn:aws:lambda:us-east-1:123456789012:"
		"function:f\",\"End\":true}}},\"End\":true}}}";
	json_t *input = json_pack("{s:i,s:s}", "n", 1, "text", "a few words of input"), *items = json_array();
	struct bench b = { .bytes = 0 };
	struct buf journal;
	uint64_t steps;
	double took;

	took = measure(passes, input, 20000, false, &steps, &b);
	printf("five Pass states: %.0f states a second\n", (double)steps / took);
	took = measure(passes, input, 20000, true, &steps, &b);
	printf("the same with a history as JSON: %.0f states a second\n", (double)steps / took);
	took = measure(shaped, input, 20000, false, &steps, &b);
	printf("with Parameters, a function and ResultPath: %.0f states a second\n", (double)steps / took);
	for (int i = 0; i < 100000; i++)
		json_array_append_new(items, json_integer(i % 10));
	took = measure(map, items, 1, false, &steps, &b);
	printf("a Map over 100,000 items, a task each: %.2f s, %ld KiB at its peak\n", took, peak());
	buf_init(&journal);
	b.journal = &journal;
	measure(map, items, 1, false, &steps, &b);
	printf("its journal of %zu KiB replayed: %.2f s\n", journal.len / 1024, replay(map, items, &b));
	buf_release(&journal);
	json_decref(input);
	json_decref(items);
	VEC_FREE(&b.tasks);
	return 0;
}
