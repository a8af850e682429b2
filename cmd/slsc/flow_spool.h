/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_CMD_FLOW_SPOOL_H
#define SLSC_CMD_FLOW_SPOOL_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The events of a result, which stand behind what is known at the execution's end: there may be a million, each with
 * its data. So beyond a MiB they wait in a file without a name.
 */
struct flow_spool {
	struct buf text; /* of those that are not in the file yet */
	int fd;		 /* -1: none has been needed */
	char *shown;	 /* what messages call it */
};
#define FLOW_SPOOL_INIT { .text = BUF_INIT, .fd = -1 }
#define CLEAN_FLOW_SPOOL __attribute__((cleanup(flow_spool_release)))

/** flow_spool_add - @event, borrowed. ERR_IO. */
int flow_spool_add(struct flow_spool *s, const json_t *event, struct err *err) MUST_CHECK;
/** flow_spool_print - all of them to stdout, as a list of JSON. ERR_IO. */
int flow_spool_print(const struct flow_spool *s, struct err *err) MUST_CHECK;
void flow_spool_release(struct flow_spool *s);

#endif
