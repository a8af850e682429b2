/* SPDX-License-Identifier: Apache-2.0 */
/* A log line being built; log.c. */
#ifndef SLSC_RT_LOG_H
#define SLSC_RT_LOG_H

#include "internal.h"

/** Longest line with its newline, in bytes: PIPE_BUF, up to which a write is not torn apart. */
#define LOG_LINE_MAX 4096u

/** struct slsc_rt_line - a line; @out writes into @buf, less the room for what closes it. */
struct slsc_rt_line {
	struct slsc_out out;
	bool json;
	char buf[LOG_LINE_MAX];
};

/** slsc_rt_log_enabled - whether lines of @level are written. */
bool slsc_rt_log_enabled(enum slsc_level level);

/**
 * slsc_rt_line_begin - everything of a line but its pairs.
 * @parts:   of the message, joined.
 * @reserve: bytes of the line that the message leaves for pairs.
 */
void slsc_rt_line_begin(struct slsc_rt_line *line, const struct slsc_ctx *ctx, enum slsc_level level,
			const struct slsc_str *parts, size_t count, size_t reserve);

/** slsc_rt_line_pair - add @kv, cut or left out when there is no room. */
void slsc_rt_line_pair(struct slsc_rt_line *line, const struct slsc_kv *kv);

/** slsc_rt_line_end - close the line; @out then holds all of it. */
void slsc_rt_line_end(struct slsc_rt_line *line);

/** slsc_rt_line_write - close the line and write it to stderr. */
void slsc_rt_line_write(struct slsc_rt_line *line);

#endif
