/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_DEPLOY_EMIT_UI_H
#define SLSC_DEPLOY_EMIT_UI_H

#include "cli/opt.h"

/* slsc deploy --emit: options, and what is said about the files. */
struct emit_flags {
	const char *kind, *arch, *repo, *output;	/* arch: set by the caller */
	struct strs secrets, plain;
	bool no_build;					/* set by the caller, too */
};

extern const char *const emit_kinds[];

/* Options of a context with a member @m of that type. */
#define EMIT_OPTS(type, m)                                                                                             \
	{ OPT_GROUP, .help = "Files for other tools" },                                                                \
	{ OPT_CHOICE, .long_name = "emit", .offset = offsetof(type, m.kind), .arg = "KIND", .choices = emit_kinds,     \
	  .help = "write files and deploy nothing: sam, terraform, knative,\ncloudrun, openfaas or kubernetes" },      \
	{ OPT_STR, 'o', "output", offsetof(type, m.output), .arg = "DIR", .complete = COMPLETE_DIR,                    \
	  .help = "where to put them (default: stdout, if it is one)" },                                               \
	{ OPT_STR, .long_name = "repo", .offset = offsetof(type, m.repo), .arg = "HOST/PREFIX",                        \
	  .help = "the images of dist/ are there, as HOST/PREFIX/FUNCTION" },                                          \
	{ OPT_LIST, .long_name = "secret", .offset = offsetof(type, m.secrets), .arg = "NAME",                         \
	  .help = "this variable of env is a secret, too; repeatable" },                                               \
	{ OPT_LIST, .long_name = "plain", .offset = offsetof(type, m.plain), .arg = "NAME",                            \
	  .help = "this one is none, whatever it looks like; repeatable" }

/** deploy_emit - the functions of @argv, or all, as files; @images: "[FUNCTION=]HOST/REPOSITORY@sha256:...". */
int deploy_emit(const struct emit_flags *f, const struct strs *images, const struct globals *g, int argc, char **argv,
		struct err *err) MUST_CHECK;
void emit_flags_release(struct emit_flags *f);

#endif
