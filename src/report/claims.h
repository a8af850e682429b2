/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CLAIMS_H
#define SLSC_REPORT_CLAIMS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "report/compare_term.h"

/*
 * What others claim: text that stands beside what is measured here, of a row and a figure of one of our tables. From
 * share/slsc/guide.yaml, or a file of the same form; YAML, as config/yaml.h bounds it.
 */
enum claims_table { CLAIMS_COMPARE, CLAIMS_TUNE, CLAIMS_SCALE, CLAIMS_TABLES };

struct claim_row {
	enum claims_table table;
	const char *name;    /* "static-musl", "4/100", "cpu" */
	const char *text[4]; /* by the table's figures (claims.c); NULL: nothing is claimed */
};

struct claims {
	struct arena arena;
	const char *file;   /* for messages */
	const char *source; /* who claims it, in a word or three: "the guide" */
	struct claim_row *row;
	size_t len;
};
#define CLEAN_CLAIMS __attribute__((cleanup(claims_release)))
#define CLAIMS_ROWS  200u
#define CLAIMS_TEXT  40u /* bytes of a claim, or of the source, at most */

/** claims_load - @path, or slsc's own for NULL. ERR_IO, ERR_LIMIT, ERR_CONFIG (located). */
int claims_load(const char *path, struct claims *c, struct err *err) MUST_CHECK;
/** claims_parse - the same from memory. */
int claims_parse(const char *text, size_t n, const char *shown, struct claims *c, struct err *err) MUST_CHECK;
void claims_release(struct claims *c);

/** claims_of - what is claimed of @figure ("start", "mean pause") in @row; NULL: nothing. */
const char *claims_of(const struct claims *c, enum claims_table table, const char *row, const char *figure);
/** claims_any - whether something is claimed of the table. */
bool claims_any(const struct claims *c, enum claims_table table);

/** cmp_claims_text - what is claimed and what was measured, side by side; as sentences where that is too wide. */
void cmp_claims_text(struct term *p, const char *source, const struct cmp_claim *claims, size_t n);
void cmp_claims_html(const char *source, const struct cmp_claim *claims, size_t n, struct buf *out);
/** cmp_claims_json - [{"claimed":"0.2 ms","measured":"0.21 ms","what":"start, static"}] */
void cmp_claims_json(const struct cmp_claim *claims, size_t n, struct buf *out);

#endif
