/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BASE_ERR_H
#define SLSC_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

/*
 * One error convention. A function that can fail returns 0 or -1, takes
 * `struct err *` last and is MUST_CHECK. The struct lives on the caller's stack;
 * there is nothing to free and nothing global. @err is never NULL.
 */

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err_code {
	ERR_NONE = 0,
	ERR_IO,		/* a system call failed; err.sys holds errno */
	ERR_USAGE,	/* the command line is wrong: exit code 2 */
	ERR_CONFIG,	/* slsc.yaml is wrong */
	ERR_LIMIT,	/* an input is larger than we are willing to read */
	ERR_FORMAT,	/* malformed ELF, zip, tar, JSON, ... */
	ERR_ARCHIVE,	/* an archive or codec library failed */
	ERR_GIT,	/* libgit2 failed */
	ERR_TOOL,	/* a program we need is missing */
	ERR_BUILD,	/* a compiler or a user's build command failed */
	ERR_VERIFY,	/* a binary is not what was asked for */
	ERR_CHECK,	/* a budget or platform limit was not met: exit code 3 */
	ERR_EXISTS,	/* something is in the way */
	ERR_NOTFOUND,	/* something named does not exist */
	ERR_NET,	/* a server, or the way to it, failed; or it refused */
	ERR_FUNCTION,	/* a function that was invoked failed */
	ERR_INTR,	/* SIGINT, SIGTERM or SIGHUP: exit code 130 */
};

struct src_loc {
	char file[256];		/* as the user wrote it; empty: no location */
	unsigned line, col;	/* 1-based; 0: unknown */
};

struct err {
	enum err_code code;
	int sys;		/* errno, or 0 */
	struct src_loc loc;
	char msg[1024];
	char hint[256];		/* what to do about it; empty: none */
};

#define ERR_INIT { .code = ERR_NONE }

/**
 * err_set - set the error, replacing whatever was there (hint and location too).
 * The message names the thing and what is wrong, without a final full stop. Here and below, what does
 * not fit is cut off, never inside a UTF-8 sequence; @err's own strings may be arguments.
 * Returns -1, so that `return err_set(...)` reads well.
 */
int err_set(struct err *err, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/**
 * err_sys - ERR_IO "fmt: strerror(errno)", with a hint for a full disk, a lack of rights and a read-only file system.
 * EINTR is ERR_INTR "interrupted": only our handlers (sig_install()) make a call end so. Returns -1.
 */
int err_sys(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** err_wrap - prefix: "fmt: inner message"; code, hint and location are kept. Returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/** err_hint - say what to do. Returns -1. */
int err_hint(struct err *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/**
 * err_at - like err_set, located: the message becomes "file:line:col: fmt"
 * (":line:col" only as far as they are not 0). Returns -1.
 */
int err_at(struct err *err, enum err_code code, const char *file, unsigned line, unsigned col,
	   const char *fmt, ...) PRINTF_LIKE(6, 7);

/** err_name - "config", "io", ...: the code as --json shows it. Static storage. */
const char *err_name(enum err_code code);

/** err_exit_code - 1, or 2 for ERR_USAGE, 3 for ERR_CHECK, 130 for ERR_INTR. */
int err_exit_code(const struct err *err);

/** A violated invariant of ours, never a user's mistake: prints and aborts. */
#define BUG(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn)) PRINTF_LIKE(3, 4);

#endif
