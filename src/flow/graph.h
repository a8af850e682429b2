/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_GRAPH_H
#define SLSC_FLOW_GRAPH_H

#include "base/buf.h"
#include "flow/machine.h"
#include "flow/trace.h"

/* A machine as a picture. */

#define FLOW_GRAPH_STATES 1000u	  /* of a drawing */
#define FLOW_GRAPH_BENDS  200000u /* places that edges pass by in it */

/**
 * flow_graph_svg - a drawing that is one file: no script, no reference to anything, light and dark as the reader has
 * it. States are symbols with labels for who does not see it. @t: the way that an execution went; NULL: none.
 * ERR_LIMIT.
 */
int flow_graph_svg(const struct flow_machine *m, const struct flow_trace *t, struct buf *out,
		   struct err *err) MUST_CHECK;
/** flow_graph_mermaid - a Mermaid flowchart, for READMEs and wikis that draw them. */
void flow_graph_mermaid(const struct flow_machine *m, const struct flow_trace *t, struct buf *out);

/** flow_rule_text - "$.left > 0 and not $.x is present": a rule in one line. */
void flow_rule_text(const struct flow_rule *rule, struct buf *out);
/** flow_state_text - what a state does, in a few words: "Task: stock", "Wait: 10 s", "Choice". */
void flow_state_text(const struct flow_state *s, struct buf *out);
/** flow_ran_text - "3 times, 12.5 ms, 1 failed"; empty if it was never entered. */
void flow_ran_text(const struct flow_trace *t, const struct flow_state *s, struct buf *out);

/** What became of a state in an execution. */
enum flow_ran { FLOW_RAN_NOT, FLOW_RAN_DONE, FLOW_RAN_FAILED, FLOW_RAN_STOPPED /* it was never left */ };
enum flow_ran flow_state_ran(const struct flow_trace *t, const struct flow_state *s);

#endif
