/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_READ_H
#define SLSC_FLOW_READ_H

#include "base/map.h"
#include "base/vec.h"
#include "flow/doc.h"
#include "flow/machine.h"
#include "flow/syntax.h"

/*
 * How a document becomes a machine. All that is wrong is put into reader.found, and reading goes on with what is left:
 * nothing here fails. Who reads counts the errors at the end.
 */

/** Where the reader is, for messages. It lives on the stack. */
struct trail {
	const struct trail *up;
	const char *name; /* NULL: an index */
	size_t index;
	bool quote; /* a state's name: in quotes where it is no word */
};
#define AT_FIELD(up_, name_)  (&(const struct trail){ (up_), (name_), 0, false })
#define AT_INDEX(up_, index_) (&(const struct trail){ (up_), NULL, (index_), false })
#define AT_STATE(up_, name_)  (&(const struct trail){ (up_), (name_), 0, true })

/** A name that has to be a state's, when all of them are known. */
struct link {
	const struct flow_state **to;
	const char *name, *path;
	struct flow_at at;
};

/** The states of one "States", while they are read. */
struct scope {
	struct flow_states *of;
	struct scope *up;   /* NULL: the machine itself */
	struct map states;  /* name to struct flow_state */
	struct map assigns; /* variable to struct assigned, the first one */
	VEC(struct link) links;
	bool broken; /* what leads where is not known for sure */
};
struct assigned {
	struct flow_at at;
	const char *path;
};

struct reader {
	struct flow_machine *m;
	struct arena *a;
	struct flow_problems *found;
	const struct flow_known *known;
	struct map names; /* of all states, to struct flow_state */
	size_t compared;  /* names that hint_near() has compared, in all */
	VEC(struct flow_state *) states;
	VEC(struct scope *) scopes;
};

/* ---- read.c: what all fields share ---- */

/** problem - an error at @at. hint() may follow. */
void problem(struct reader *r, const struct trail *t, struct flow_at at, const char *fmt, ...) PRINTF_LIKE(4, 5);
void warning(struct reader *r, const struct trail *t, struct flow_at at, const char *fmt, ...) PRINTF_LIKE(4, 5);
void hint(struct reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** hint_near - "did you mean 'x'?", else "@what: a, b, c" as far as it fits. @cands ends with NULL. */
void hint_near(struct reader *r, const char *word, const char *const *cands, const char *what);
/** trail_text - "States.Pay.Retry[0]", in the arena. */
const char *trail_text(struct reader *r, const struct trail *t);

/** is_object, is_list, is_string - whether @n is one; if it is not, a problem. */
bool is_object(struct reader *r, const struct trail *t, const struct doc_node *n);
bool is_list(struct reader *r, const struct trail *t, const struct doc_node *n);
bool is_string(struct reader *r, const struct trail *t, const struct doc_node *n);

/** field_* - @name of @o, if it is there. Returns whether it is there, and right. */
bool field_string(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, const char **out,
		  struct flow_at *at);
bool field_path(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name,
		enum flow_syntax what, bool nullable, struct flow_path *out);
bool field_template(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name,
		    struct flow_template *out);
/** field_assign - "Assign": variables of the scope @in. */
void field_assign(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		  struct flow_template *out);
bool field_count(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, uint64_t min,
		 uint64_t max, uint64_t *out, struct flow_at *at);
/** field_number - @name or @name with "Path" behind it, not both. */
bool field_number(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, uint64_t min,
		  uint64_t max, struct flow_number *out);
/** field_next - the name of a state of @in, which *@to is to be. */
bool field_next(struct reader *r, const struct trail *t, const struct doc_node *o, const char *name, struct scope *in,
		const struct flow_state **to, struct flow_at *at);
/** field_alone - a problem for each of @names (NULL at the end) but the first that @o has. Returns how many it has. */
unsigned field_alone(struct reader *r, const struct trail *t, const struct doc_node *o, const char *const *names);
/** fields_known - a problem for each name of @o that is not in @names; @what: "a retrier". */
void fields_known(struct reader *r, const struct trail *t, const struct doc_node *o, const char *const *names,
		  const char *what);

/* ---- the parts ---- */

/** read_states - the object with "StartAt" and "States" (read_machine.c). @up: the Parallel or Map it is in. */
struct flow_states *read_states(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *up,
				const struct flow_state *of, size_t index);
/** read_state - one state; @s has its name, place and path (read_state.c). */
void read_state(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		struct flow_state *s);
void read_choice(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		 struct flow_state *s);
void read_errors(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
		 struct flow_state *s);
void read_task(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s);
void read_map(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in,
	      struct flow_state *s);

/** check_graph - what leads where in @s: what cannot be reached, what never ends (check.c). */
void check_graph(struct reader *r, const struct scope *s);

#endif
