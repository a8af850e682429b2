/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_FLOW_SHEET_H
#define SLSC_FLOW_SHEET_H

#include "base/arena.h"
#include "flow/graph.h"

/*
 * Where everything is in a drawing. The states of one machine, branch or processor are a sheet: layers from the top
 * down, as Sugiyama, Tagawa and Toda do it (IEEE SMC-11, 1981); a Parallel or a Map is a node with sheets inside. Units
 * are CSS pixels.
 */

#define SHEET_CHARS 34u /* of a line */

enum sheet_kind { SHEET_STATE, SHEET_START, SHEET_END, SHEET_BEND /* an edge passes by */ };

struct sheet;
struct sheet_node {
	enum sheet_kind kind;
	const struct flow_state *state; /* SHEET_STATE */
	double x, y;			/* its left upper corner in the sheet */
	double w, h;
	double right;		    /* what it needs at its right side besides, for a way back to itself */
	char *name[2], *what, *ran; /* lines of text, from above to below; NULL: none */
	struct sheet **inner;	    /* of Parallel and Map */
	size_t ninner;
	double head; /* how high its text is, above what is inside */
	unsigned layer;
	double center; /* while it is laid out: where its middle is */
};

struct sheet_edge {
	size_t from, to; /* nodes, as they are drawn: from above to below */
	bool up;	 /* it leads from the lower one to the upper one */
	bool self;	 /* to the node it comes from: drawn at its side */
	bool caught;	 /* of Catch alone */
	char *label;	 /* NULL: none */
	char *title;	 /* all of the label */
	uint64_t times;	 /* that an execution went here */
	size_t bend;	 /* the first of nbends nodes that it passes, from above to below */
	size_t nbends;
	size_t at;     /* which of them has the label; nbends: none */
	double x0, x1; /* where it leaves the upper one, and meets the lower one */
};

struct sheet {
	const struct flow_states *of;
	double x, y, w, h; /* x, y: in the node around it */
	struct sheet_node *node;
	size_t n;
	struct sheet_edge *edge;
	size_t nedges;
};

struct sheet_maker {
	struct arena *a;
	const struct flow_trace *t; /* NULL: none */
	size_t bends;		    /* so far, in all sheets */
	struct err *err;
};

/** sheet_make - lay out @of and all inside of it. NULL with ERR_LIMIT. */
struct sheet *sheet_make(struct sheet_maker *m, const struct flow_states *of);
/** sheet_place - give all nodes of @s their layers and places (sheet_place.c). */
int sheet_place(struct sheet_maker *m, struct sheet *s) MUST_CHECK;

/** text_width - of a line in the drawing's font of 13 pixels, a little more rather than less. */
double text_width(const char *s);

#endif
