/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_EXTENSION_H
#define SLSC_LOCAL_EXTENSION_H

#include "local/platform.h"

/*
 * The Extensions API (AWS Lambda, version 2020-01-01) on an instance's Runtime API endpoint. External extensions are
 * the programs in lfn.extensions: they start with the instance, each in a process group of its own, and register by
 * the names of their files before the runtime starts. Internal ones are threads of the runtime, which register by any
 * name before it asks for its first invocation. States and error shapes are those of Lambda's Runtime Interface
 * Emulator.
 */

#define EXTENSIONS_MAX 10	/* of an instance, all in all */

enum extension_state {
	EXTENSION_STARTED, EXTENSION_REGISTERED, EXTENSION_READY, EXTENSION_RUNNING, EXTENSION_INIT_ERROR,
	EXTENSION_EXIT_ERROR, EXTENSION_SHUTDOWN_FAILED, EXTENSION_EXITED, EXTENSION_LAUNCH_ERROR,
};

struct extension {
	struct extension *next;
	struct instance *instance;
	char *name;
	char id[37];			/* what it names itself by */
	enum extension_state state;
	bool external;
	bool invoke, shutdown;		/* what it is told of */
	bool owed_invoke, owed_shutdown;	/* to be told as soon as it asks */
	char *error_type;		/* what it said, or NULL */
	struct web_req *waiting;	/* it asks for the next event */
	pid_t pid;			/* -1: not started, ended, or internal */
	struct loop_io process;
	struct line_reader out;
};

/** extension_state_name - as the platform tells it: "Registered". */
const char *extension_state_name(enum extension_state s);

/**
 * extensions_start - start the programs of @i's function. false: one could not be, and i->timer, to be set, breaks @i.
 */
bool extensions_start(struct instance *i);
/** extensions_ready - whether all have asked for their next event, after the last one. */
bool extensions_ready(const struct instance *i);
/** extensions_invoke - tell those who want to know of i->inv. */
void extensions_invoke(struct instance *i);
/** extensions_shutdown - tell those who want to know why (i->reason) and by when, since the epoch; kill the others. */
void extensions_shutdown(struct instance *i, int64_t deadline_ms);
/** extensions_running - whether any of their processes is left. */
bool extensions_running(const struct instance *i);
void extensions_kill(struct instance *i);
void extensions_free(struct instance *i);

/** extension_request - a whole request of the Extensions, Telemetry or Logs API. false: there is no such path. */
bool extension_request(struct web_req *req, struct instance *i);
/** extension_hangup - the other side of @req is gone. Whether it was an extension's. */
bool extension_hangup(struct web_req *req, struct instance *i);

/* ---- between its own files ---- */

/** extension_add - at the end of @i's; started. */
struct extension *extension_add(struct instance *i, const char *name, bool external);
/** extension_serve - it has asked, or there is something to tell it. */
void extension_serve(struct extension *e);
unsigned extensions_count(const struct instance *i);

#endif
