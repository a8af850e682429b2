/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_REPORT_CHECK_INTERNAL_H
#define SLSC_REPORT_CHECK_INTERNAL_H

#include <sys/types.h>

#include "report/check.h"

/** check_start - the artifact that findings are about from now on; @artifact is copied into check.artifacts. */
void check_start(struct check *c, const char *artifact, enum check_platform p);
/** check_on - whether a rule is on for the platform and not ignored: saves the work of looking. */
bool check_on(const struct check *c, enum check_id id);
/** check_add - a finding; @where may be NULL. */
void check_add(struct check *c, enum check_id id, const char *where, const char *fmt, ...) PRINTF_LIKE(4, 5);

int check_zip(struct check *c, const char *path, const char *arch, struct err *err) MUST_CHECK;
int check_image(struct check *c, const char *text, int platform, struct err *err) MUST_CHECK;

/* Programs: check_binary.c */
struct binary_env {
	const char *where;
	const char *arch;	/* that it has to be for; NULL: any */
	/* whether an interpreter ("/lib/ld.so") or a library ("libx.so") is there; NULL: nobody can know */
	bool (*loader)(void *ctx, const char *path);
	bool (*library)(void *ctx, const char *name, const char *interp);
	void *ctx;
};
struct elf_file;
/** A program in an unnamed temporary file: libelf reads files only. */
struct program {
	int fd;
	char path[32];
};
#define CLEAN_PROGRAM __attribute__((cleanup(program_close)))
int program_create(struct program *p, struct err *err) MUST_CHECK;
int program_write(void *program, const void *bytes, size_t n, struct err *err) MUST_CHECK;	/* a sink_fn */
void program_close(struct program *p);
/**
 * check_binary - the file @path. @needed: out, appended: the libraries it names; may be NULL. Only ERR_IO and the like:
 * what is malformed is a finding.
 */
int check_binary(struct check *c, const struct binary_env *env, const char *path, struct strs *needed, char interp[256],
		 struct err *err) MUST_CHECK;

/* Modules: check_module.c */
/** check_module - of the bytes of a WebAssembly module. */
void check_module(struct check *c, const char *where, const void *p, size_t n);

/* Secrets: check_secret.c */
#define SECRET_MAX_TEXT (1u << 20)	/* bytes of a file that is looked into */
/** check_secret_name - a file that gives itself away by its path. */
void check_secret_name(struct check *c, const char *where, const char *path);
/** check_secret_text - keys and tokens in a text; what holds a NUL in its first 8000 bytes is none. */
void check_secret_text(struct check *c, const char *where, const void *p, size_t n);
/** check_secret_env - one variable, by name and value; @in: "the image". */
void check_secret_env(struct check *c, const char *where, const char *name, const char *value, const char *in);

/* Workers: check_worker.c */
/** check_is_worker - whether the directory @dir is one. */
bool check_is_worker(const char *dir);
int check_worker(struct check *c, const struct check_target *t, struct err *err) MUST_CHECK;
/** check_worker_text - the variables of "wrangler.toml" or "config.capnp"; @text is written to. */
void check_worker_text(struct check *c, const char *name, char *text);

#endif
