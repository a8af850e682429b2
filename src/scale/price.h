/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_PRICE_H
#define SLSC_SCALE_PRICE_H

#include "base/arena.h"
#include "base/err.h"

/*
 * What platforms charge, from a small table in YAML that its user may edit: share/slsc/prices.yaml, or a file of the
 * same form. Prices change: each is of a date and a place, and names where it was read.
 */
struct price {
	const char *platform, *arch;	/* "lambda"; "x86_64", "arm64" */
	const char *region, *source;	/* or NULL */
	double request;			/* for one */
	double gb_second;		/* of a request's time, by the memory configured: 1 GB is 1024^3 bytes */
	double kept_gb_second;		/* of an instance that is kept ready, whether it works or not */
	double kept_use_gb_second;	/* of a request's time, on top, on an instance that is kept ready */
};

struct prices {
	struct arena arena;
	const char *file;		/* for messages */
	const char *date, *currency;	/* "2025-06-01", "USD" */
	struct price *ptr;
	size_t len;
};
#define CLEAN_PRICES __attribute__((cleanup(prices_release)))
#define PRICES_MAX 1000u

/** prices_load - @path, or slsc's own for NULL. ERR_IO, ERR_LIMIT, ERR_CONFIG (located). */
int prices_load(const char *path, struct prices *p, struct err *err) MUST_CHECK;
/** prices_parse - the same from memory. */
int prices_parse(const char *text, size_t n, const char *shown, struct prices *p, struct err *err) MUST_CHECK;
void prices_release(struct prices *p);
/** prices_find - ERR_USAGE with what there is; @arch NULL: the first of the platform. */
int prices_find(const struct prices *p, const char *platform, const char *arch, const struct price **out,
		struct err *err) MUST_CHECK;

/** price_kept - @requests on instances that are kept: @up GB-seconds of those, @busy GB-seconds with a request. */
double price_kept(const struct price *p, double requests, double up, double busy);
/** price_demand - @requests that are each charged by their time, @busy GB-seconds. */
double price_demand(const struct price *p, double requests, double busy);

#endif
