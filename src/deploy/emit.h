/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_EMIT_H
#define SLSC_DEPLOY_EMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/vec.h"
#include "build/build.h"
#include "config/project.h"
#include "oci/digest.h"

/*
 * Functions as the files that other tools deploy by: pinned by digest, with what slsc.yaml says of memory, time,
 * instances and environment. The same project and the same packages give the same bytes. No secret is in them: a
 * variable that looks like one is a reference, to be filled in where the platform keeps secrets.
 */
enum emit_kind { EMIT_SAM, EMIT_TERRAFORM, EMIT_KNATIVE, EMIT_CLOUDRUN, EMIT_OPENFAAS, EMIT_KUBERNETES, EMIT_KINDS };
/** emit_kind_name - "sam", "terraform", ... */
const char *emit_kind_name(enum emit_kind k);
/** emit_kind_parse - -1 if unknown. */
int emit_kind_parse(const char *s);

/** What to write. All borrowed; NULL and empty: not said. */
struct emit_request {
	struct project *project;
	enum emit_kind kind;
	const struct strs *functions;	/* names; empty: all that the platform can run */
	const char *arch;		/* for Lambda, which takes one; NULL: deploy.arch, else the first of arches */
	const struct strs *images;	/* "[FUNCTION=]HOST/REPOSITORY@sha256:..."; of several with the name */
	const char *repo;		/* "HOST/PREFIX": what is in dist is there as PREFIX/FUNCTION */
	const struct strs *secrets, *plain;	/* variables that are, or are none, whatever they look like */
	const char *from;		/* absolute, the directory that the files go to, for paths in them */
};

struct emit_file {
	char *name;			/* "template.yaml", "hello.yaml" */
	struct buf text;
};
/** A variable that is a reference. */
struct emit_secret {
	const struct function *function;	/* borrowed from the project, likewise env */
	const struct lkv *env;
	const char *what;		/* "a secret, by its name" */
	char *ref;			/* what holds it: "secret hello-secrets, key DB_PASSWORD" */
};
/** A function, and what it is pinned by. */
struct emit_pin {
	const struct function *function;
	char *name;			/* on the platform */
	char *image;			/* NULL: a zip */
	char *zip;			/* its path, as messages name it; NULL: an image */
	char *package;			/* of dist/, whose digest it is; NULL: the image was said */
	int arch;			/* enum arch that this is of; -1: all of the function's */
	struct digest digest;		/* of the image, or of the zip's bytes */
};
struct emit_result {
	struct { struct emit_file *ptr; size_t len, cap; } files;
	struct { struct emit_secret *ptr; size_t len, cap; } secrets;
	struct { struct emit_pin *ptr; size_t len, cap; } pins;
	struct strs warnings, notes;
};
#define CLEAN_EMIT __attribute__((cleanup(emit_release)))

/**
 * emit_run - the files, in memory. ERR_USAGE for what was asked; ERR_CONFIG, located: a function that the platform does
 * not run, a name or a variable that it does not take, two names that become one; ERR_NOTFOUND, located: what is not
 * packaged; ERR_IO, ERR_FORMAT: a package that cannot be read. @res is to be released also after a failure.
 */
int emit_run(const struct emit_request *req, struct emit_result *res, struct err *err) MUST_CHECK;
void emit_release(struct emit_result *res);

/**
 * emit_check_packages - ERR_VERIFY, located: a package that was made before the last change of its function. That is
 * known where the function was built here: sources that ninja would compile, or a binary newer than the package.
 * @how: what a build takes beside functions and architectures; it is a dry run. Errors of build_run().
 */
int emit_check_packages(struct project *p, const struct emit_result *res, const struct build_request *how,
			struct err *err) MUST_CHECK;

/**
 * emit_write - all files into @dir, which is made: each comes whole, and none before all are written. A file that is
 * there is replaced only if an emit_write() has made it: else ERR_EXISTS, and nothing is written.
 * @dry_run: only look whether it would.
 */
int emit_write(const struct emit_result *res, const char *dir, bool dry_run, struct err *err) MUST_CHECK;

#endif
