/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_NET_H
#define SLSC_OS_NET_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/** net_listen_loopback - a socket that does not block, on a free port of 127.0.0.1, which goes to *@port; or -1. */
int net_listen_loopback(uint16_t *port, struct err *err) MUST_CHECK;

/**
 * net_ask - one question to a server that is not trusted, and the first line of its answer: connect, write @say, read
 * until a line end, the end, or NET_ANSWER_MAX bytes, all within @ms milliseconds, the look-up of the name included.
 * @host: a name or an address, or NULL: then @port is a Unix socket's path. @line: out, without its line end; it may
 * hold anything but NUL. ERR_NET: "connection refused", "no answer within 500 ms", "closed the connection".
 */
int net_ask(const char *host, const char *port, struct str say, unsigned ms, struct buf *line,
	    struct err *err) MUST_CHECK;
#define NET_ANSWER_MAX 512

#endif
