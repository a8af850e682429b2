/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_EXAMPLE_H
#define SLSC_LOCAL_EXAMPLE_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Example events, as the services document them, with ids and addresses that are nobody's: <share>/events/NAME.json,
 * and index.json, which has a line of summary for each name.
 */
struct examples {
	struct example {
		char *name, *summary;
	} *ptr;				/* sorted by name */
	size_t len, cap;
};
#define CLEAN_EXAMPLES __attribute__((cleanup(examples_release)))

/** examples_load - the index. ERR_IO, ERR_FORMAT: slsc is not whole. */
int examples_load(struct examples *e, struct err *err) MUST_CHECK;
void examples_release(struct examples *e);
/** example_read - append the event @name. ERR_NOTFOUND with a hint: there is none of that name. */
int example_read(const char *name, struct buf *out, struct err *err) MUST_CHECK;

#endif
