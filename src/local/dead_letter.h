/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_DEAD_LETTER_H
#define SLSC_LOCAL_DEAD_LETTER_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * The dead-letter file: events that are final without success, a line of JSON each, in the shape that Lambda sends to
 * a destination (Developer Guide, "Capturing records of Lambda asynchronous invocations").
 */

/** All borrowed. */
struct dead_letter {
	int64_t now;			/* ns since the epoch */
	struct str id, function;
	const char *arn;		/* what comes before the function's name */
	const char *condition;		/* "RetriesExhausted", "EventAgeExceeded" */
	unsigned attempts;
	struct str request;
	int status;			/* of the last answer; 0: there is none, and nothing is said of one */
	const char *function_error;	/* or NULL */
	struct str response;
};

/**
 * dead_letter_line - append @d to @out, with its newline. Payloads that are JSON stand there as they are, others as a
 * string; what is not UTF-8 is base64 under requestPayloadBase64 or responsePayloadBase64.
 */
void dead_letter_line(struct buf *out, const struct dead_letter *d);

/** The file while lines are added; other processes wait. */
struct dead_letters {
	const char *path;
	int fd;
	int64_t start;			/* its size before */
	bool made;
};
#define DEAD_LETTERS_INIT { .fd = -1 }
/**
 * dead_letters_open - to append; made with mode 0600 if it is not there. What a killed slsc left of a line is cut off,
 * and a line of someone else that is not ended is ended. @path: borrowed. ERR_IO.
 */
int dead_letters_open(struct dead_letters *l, const char *path, struct err *err) MUST_CHECK;
/** dead_letters_add - a line. After a failure, abort. */
int dead_letters_add(struct dead_letters *l, struct str line, struct err *err) MUST_CHECK;
/** dead_letters_commit - wait for the disk, and close. After a failure it is closed, and as it was. */
int dead_letters_commit(struct dead_letters *l, struct err *err) MUST_CHECK;
/** dead_letters_abort - take back what was added, and close. Harmless after commit. */
void dead_letters_abort(struct dead_letters *l);

#endif
