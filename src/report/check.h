/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_H
#define SLSC_REPORT_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "config/project.h"
#include "oci/origin.h"
#include "report/check_rules.h"

/*
 * What a platform would refuse, or a reviewer object to, found before anything is uploaded. Artifacts are foreign:
 * whatever they hold, the result is findings; an error is only what keeps us from looking (no such file, a registry
 * that does not answer, an interrupt).
 */
enum check_platform { CHECK_LAMBDA, CHECK_KNATIVE, CHECK_GENERIC, CHECK_PLATFORMS };
enum check_severity { CHECK_OFF, CHECK_INFO, CHECK_WARNING, CHECK_ERROR };

enum check_id {
#define X(name, id, lambda, knative, generic, summary, remedy) RULE_##name,
	CHECK_RULES(X)
#undef X
	RULE_COUNT
};

struct check_rule {
	const char *id;
	enum check_severity severity[CHECK_PLATFORMS];
	const char *summary, *remedy;
};
extern const struct check_rule check_rules[RULE_COUNT];

const char *check_platform_name(enum check_platform p);	/* "lambda", "knative", "generic" */
int check_platform_parse(const char *s);		/* -1 if unknown */
const char *check_severity_name(enum check_severity s);	/* "off", "info", "warning", "error" */
/** check_rule_find - by id; NULL if there is none. */
const struct check_rule *check_rule_find(const char *id);
/** check_rules_text - --list-rules: a table, or with @json an array. */
void check_rules_text(bool json, struct buf *out);

struct finding {
	const struct check_rule *rule;
	enum check_severity severity;
	enum check_platform platform;
	char *artifact;		/* as the user named it, with the image's tag */
	char *where;		/* a member, "layer 2: etc/x", "config"; or NULL */
	char *message;
};

#define CHECK_PER_RULE 10u	/* findings of one rule and artifact that are listed; more are counted */

struct check {
	struct { struct finding *ptr; size_t len, cap; } findings;
	struct strs artifacts;		/* looked at */
	size_t count[CHECK_ERROR + 1];	/* by severity, those left out of the list too */
	const struct strs *ignore;	/* ids; borrowed; or NULL */
	struct lstrs accepted;		/* ids whose findings are only counted; borrowed */
	size_t ignored;			/* how many those were */
	const struct origin_env *env;	/* borrowed; or NULL */
	/* of the artifact that is looked at */
	enum check_platform platform;
	const char *artifact;
	unsigned seen[RULE_COUNT];
};
#define CLEAN_CHECK __attribute__((cleanup(check_release)))
void check_release(struct check *c);

/** What is known of an artifact beside its bytes. */
struct check_target {
	const char *text;	/* a zip, a program, a module, a Worker, or an image as place.h has it */
	int platform;		/* enum check_platform; -1: lambda for zips, else generic */
	const char *arch;	/* "x86_64", "arm64": what it is for; NULL: by the file's name, else any */
};

/** check_artifact - ERR_NOTFOUND, ERR_IO, ERR_USAGE (what it is nobody knows), ERR_INTR, ... */
int check_artifact(struct check *c, const struct check_target *t, struct err *err) MUST_CHECK;

/** check_report - a line a finding, its remedy once, and a summary; with @json one object and a newline. */
void check_report(const struct check *c, bool json, struct buf *out);

#endif
