/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_SCALE_TRACE_H
#define SLSC_SCALE_TRACE_H

#include "base/str.h"
#include "scale/arrivals.h"

/*
 * When requests came, from a file of lines with commas. The first line may name the columns, and for the two of Azure
 * must:
 *
 *   TRACE_COUNTS      seconds,count     equal steps, ascending; a step that is not there had no request
 *   TRACE_TIMES       seconds           a request each, ascending
 *   TRACE_AZURE_2019  HashOwner,HashApp,HashFunction,Trigger,1,...,1440: requests a minute ("Azure Functions Trace
 *                     2019", invocations_per_function_md.anon.dNN.csv; Shahrad et al., USENIX ATC 2020)
 *   TRACE_AZURE_2021  app,func,end_timestamp,duration: a request each, in seconds, in any order ("Azure Functions
 *                     Invocation Trace 2021"; Zhang et al., SOSP 2021)
 *
 * Times are shifted so that the whole second of the first is 0.
 */
enum trace_format { TRACE_AUTO, TRACE_COUNTS, TRACE_TIMES, TRACE_AZURE_2019, TRACE_AZURE_2021, TRACE_FORMATS };
extern const char *const trace_format_name[TRACE_FORMATS + 1];	/* "auto", "counts", ..., NULL */

#define TRACE_LINE_MAX	  65536u
#define TRACE_ROWS_MAX	  20000000u
#define TRACE_SECONDS_MAX 9000000000ull	/* of a time: epoch seconds up to the year 2255 */

/**
 * trace_read - all requests of the file, or with @only those of the function or app of that hash.
 * ERR_IO, ERR_INTR; ERR_FORMAT, located: no number, negative, not ascending, no request at all; ERR_LIMIT. @a is empty
 * after a failure.
 */
int trace_read(const char *path, enum trace_format format, const char *only, struct arrivals *a,
	       struct err *err) MUST_CHECK;
/** trace_parse - the same from memory; @shown is for messages. */
int trace_parse(struct str text, const char *shown, enum trace_format format, const char *only, struct arrivals *a,
		struct err *err) MUST_CHECK;

#endif
