/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <string.h>

#include "config/yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Aliases share nodes, but what they expand to is bounded: walking the tree has to end, and soon. */
static unsigned walk(const struct ynode *n, unsigned depth)
{
	unsigned count = 1;

	if (depth > YAML_MAX_DEPTH)
		BUG("deeper than the limit");
	if (!n->line || !n->col)
		BUG("a node without a place");
	for (size_t i = 0; n->type != YNODE_SCALAR && i < n->len; i++) {
		if (n->type == YNODE_MAP && n->keys[i]->type != YNODE_SCALAR)
			BUG("a key that is no scalar");
		count += walk(n->items[i], depth + 1) + (n->type == YNODE_MAP);
	}
	return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct yaml_doc d;

	if (yaml_parse(&d, "f.yaml", (const char *)data, size, &err) == 0) {
		if (d.root && walk(d.root, 0) > YAML_MAX_NODES)
			BUG("larger than the limit");
	} else if (strncmp(err.msg, "f.yaml:", 7) != 0) {
		BUG("no file in '%s'", err.msg);
	}
	yaml_release(&d);
	return 0;
}
