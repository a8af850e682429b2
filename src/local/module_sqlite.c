/* SPDX-License-Identifier: Apache-2.0 */
/* All that calls SQLite is one module: this file says what it gives. Loaded late. */
#include "local/flow_store.h"
#include "local/queue_ops.h"

extern const struct sqlite_ops slsc_module_sqlite;
extern const struct queue_ops queue_file_ops;
extern const struct flow_store_ops flow_file_ops;

const struct sqlite_ops slsc_module_sqlite = { .queue = &queue_file_ops, .flow = &flow_file_ops };
