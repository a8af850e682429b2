/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_LOCAL_TELEMETRY_H
#define SLSC_LOCAL_TELEMETRY_H

#include "local/platform.h"

/*
 * Lambda's Telemetry API (2022-07-01) and the Logs API before it (2020-08-15): what an instance does, and the lines
 * that it prints, sent to those of its extensions that have subscribed while it started; also what was before they
 * did. Receivers are ports of this machine: sandbox.localdomain in a URI is 127.0.0.1.
 */

/** telemetry_observe - have what happens on @p told; once. */
void telemetry_observe(struct platform *p);
/** telemetry_start - @i has extensions: keep what happens for those that will subscribe. */
void telemetry_start(struct instance *i);
/** telemetry_subscribe - a PUT of the extension @name; @logs: of the Logs API. Answers it. */
void telemetry_subscribe(struct web_req *req, struct instance *i, const char *name, bool logs);
/** telemetry_add_tracing - the member that tells of @inv's trace, if it has one. */
void telemetry_add_tracing(struct buf *b, const struct invocation *inv);
/** telemetry_flush - send what there is: it ends. */
void telemetry_flush(struct instance *i);
void telemetry_free(struct instance *i);

#endif
