/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_BUILD_LAUNCHER_H
#define SLSC_BUILD_LAUNCHER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"
#include "base/vec.h"
#include "config/project.h"

/*
 * What stands before each compile: a preset (ccache, sccache, distcc, icecc, recc) with its environment, or any other
 * command. It changes no byte of what is built, and nothing that it does may fail a build: a server that does not
 * answer costs LAUNCHER_PROBE_MS and one warning.
 */
struct launcher {
	const char *name;	/* of the preset; NULL: another command, or none */
	char *command;		/* shell text; "": none */
	struct strs env;	/* "K=V", for what runs the compiles */
	unsigned jobs;		/* what its hosts take at a time; 0: not known */
	char *log;		/* what it writes while a build runs */
	char *shown;		/* the remote, without a password; NULL: there is none, or it is not used */
};
#define LAUNCHER_INIT { .name = NULL }
void launcher_release(struct launcher *l);
#define CLEAN_LAUNCHER __attribute__((cleanup(launcher_release)))

/** What happened to the compiles of one build, as far as the launcher tells. */
struct launcher_sum {
	unsigned compiles;	/* that it was asked for and could do something about */
	unsigned hits;		/* not compiled at all */
	unsigned remote_hits;	/* of these, from the remote */
	unsigned remote_failed;	/* the remote gave an error, rubbish, or nothing in time */
	unsigned elsewhere;	/* compiled by another host */
	unsigned moved;		/* by a second one, since the first did not finish */
	unsigned fell_back;	/* were to be, and were compiled here */
};

#define LAUNCHER_PROBE_MS 1000
/* ccache's own limits, for each compile */
#define LAUNCHER_CONNECT_MS 500
#define LAUNCHER_ANSWER_MS 2000

/** launcher_is_preset - whether @name is one that slsc.yaml knows; "none" is not. */
bool launcher_is_preset(const char *name);

/** launcher_check - whether what launcher_open() would put before compiles is there; errors as below. */
int launcher_check(const struct project *p, const char *command, struct err *err) MUST_CHECK;

struct launcher_opts {
	const char *command;	/* as of --launcher; NULL: what the project says */
	const char *log;	/* absolute: what the launcher may write; also with more after that name. Emptied. */
	bool wordy;		/* it is to tell of each compile, whatever launcher it is */
	bool fresh;		/* with an empty cache beside the log, so that hits are the remote's */
	void (*warn)(const char *line);	/* or NULL */
};

/**
 * launcher_open - the presets' programs must be there: ERR_TOOL, located where slsc.yaml names it, with the package as
 * the hint; of --launcher ERR_USAGE. A remote is asked whether it is what it should be; if not, warn() is told once and
 * it is left out. $SLSC_LAUNCHER_REMOTE stands for `remote`. launcher_release() in any case.
 */
int launcher_open(struct launcher *l, const struct project *p, const struct launcher_opts *o,
		  struct err *err) MUST_CHECK;

/** launcher_leave - from here on compiles run without it; it is still asked what it has done. */
void launcher_leave(struct launcher *l);

/** launcher_sum - what the log says of all since launcher_open(). */
int launcher_sum(const struct launcher *l, struct launcher_sum *sum, struct err *err) MUST_CHECK;
/** launcher_sum_log - the same of @text, the log of the preset @name. */
void launcher_sum_log(const char *name, struct str text, struct launcher_sum *sum);
/** launcher_complain - one line about what did not work, or NULL; heap. */
char *launcher_complain(const struct launcher *l, const struct launcher_sum *sum);

/** A server by its URL. */
struct launcher_url {
	char scheme[16];	/* "redis" */
	char *host;		/* NULL: @port is a socket's path */
	char *port;
	char *path;		/* of http, with its leading slash, without a final one */
	char *shown;		/* the whole without user, password and attributes */
	bool login;		/* it has a user or a password */
	bool many;		/* shards: '*' in the name */
};
/** launcher_url_parse - as ccache takes them: attributes after '|' are left out. ERR_FORMAT without @text in it. */
int launcher_url_parse(struct launcher_url *u, const char *text, struct err *err) MUST_CHECK;
void launcher_url_release(struct launcher_url *u);
#define CLEAN_LAUNCHER_URL __attribute__((cleanup(launcher_url_release)))

/** launcher_probe - whether the server is there and speaks what its scheme says. ERR_NET, without its name. */
int launcher_probe(const struct launcher_url *u, struct err *err) MUST_CHECK;

#endif
