/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_OTLP_INTERNAL_H
#define SLSC_LOCAL_OTLP_INTERNAL_H

#include <stdatomic.h>

#include "local/otlp.h"

/** What became of a batch. */
struct otlp_result {
	bool again;		/* after -1: it may be tried again */
	int64_t wait_ms;	/* then: not before; -1: not said */
	uint64_t rejected;	/* after 0: of its records or spans */
	struct buf words;	/* after 0: what the other end had to say; initialised, the caller's */
};

/** Where to; of the exporter's thread alone. */
struct otlp_sink {
	char *shown;		/* for messages; heap */
	bool lines;		/* records as lines of JSON, no spans */
	/** @body: whole lines of JSON, each with its newline. Once *@cancel is true, it ends soon. */
	int (*send)(struct otlp_sink *s, enum otlp_signal signal, struct str body, const atomic_bool *cancel,
		    struct otlp_result *res, struct err *err);
	void (*free)(struct otlp_sink *s);	/* and @shown */
};

/** otlp_start - an exporter to @sink, which it owns, also after -1. */
int otlp_start(struct otlp **out, struct otlp_sink *sink, const struct otlp_opts *opts, struct err *err) MUST_CHECK;

#endif
