/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SLSC_OS_NET_H
#define SLSC_OS_NET_H

#include <stdint.h>

#include "base/err.h"

/** net_listen_loopback - a socket that does not block, on a free port of 127.0.0.1, which goes to *@port; or -1. */
int net_listen_loopback(uint16_t *port, struct err *err) MUST_CHECK;

#endif
