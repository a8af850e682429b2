/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "flow/read.h"

/* Map. What only a distributed one has is checked as far as it is the language's, and not run. */

static void not_run(struct reader *r, const struct trail *t, struct flow_state *s, struct flow_at at, const char *why)
{
	warning(r, t, at, "slsc does not run this: %s", why);
	if (s->unsupported)
		return;
	s->unsupported = why;
	s->unsupported_at = at;
}

static void read_config(struct reader *r, const struct trail *t, const struct doc_node *n, struct flow_state *s)
{
	static const char *const modes[] = { "INLINE", "DISTRIBUTED", NULL };
	static const char *const types[] = { "STANDARD", "EXPRESS", NULL };
	static const char *const known[] = { "Mode", "ExecutionType", NULL };
	const char *mode, *type;
	struct flow_at at, type_at;

	t = AT_FIELD(t, "ProcessorConfig");
	if (!is_object(r, t, n))
		return;
	fields_known(r, t, n, known, "ProcessorConfig");
	if (!doc_get(n, "Mode", NULL)) {
		problem(r, t, n->at, "'Mode' is missing");
		hint(r, "INLINE or DISTRIBUTED");
		return;
	}
	if (!field_string(r, t, n, "Mode", &mode, &at))
		return;
	if (strcmp(mode, "INLINE") == 0)
		return;
	if (strcmp(mode, "DISTRIBUTED") != 0) {
		problem(r, AT_FIELD(t, "Mode"), at, "there is no mode '%.40s'", mode);
		hint_near(r, mode, modes, "there are");
		return;
	}
	s->as.map.distributed = true;
	not_run(r, AT_FIELD(t, "Mode"), s, at, "slsc runs inline maps only");
	if (!doc_get(n, "ExecutionType", NULL))
		problem(r, t, n->at, "'ExecutionType' is missing: a distributed map has one");
	else if (field_string(r, t, n, "ExecutionType", &type, &type_at) && strcmp(type, "STANDARD") != 0 &&
		 strcmp(type, "EXPRESS") != 0) {
		problem(r, AT_FIELD(t, "ExecutionType"), type_at, "there is no type '%.40s'", type);
		hint_near(r, type, types, "there are");
	}
}

/* ItemReader and ResultWriter: what they call, and with what. */
static void read_resource(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	struct flow_template parameters;
	const char *resource;

	if (!is_object(r, t, n))
		return;
	if (!doc_get(n, "Resource", NULL))
		problem(r, t, n->at, "'Resource' is missing");
	field_string(r, t, n, "Resource", &resource, NULL);
	field_template(r, t, n, "Parameters", &parameters);
}

static void read_reader(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	const struct doc_node *config = n->type == DOC_OBJECT ? doc_get(n, "ReaderConfig", NULL) : NULL;
	struct flow_number most = { 0 };

	read_resource(r, t, n);
	if (!config)
		return;
	t = AT_FIELD(t, "ReaderConfig");
	if (is_object(r, t, config))
		field_number(r, t, config, "MaxItems", 1, UINT32_MAX, &most);
}

static void read_batcher(struct reader *r, const struct trail *t, const struct doc_node *n)
{
	static const char *const known[] = {
		"MaxItemsPerBatch",	     "MaxItemsPerBatchPath", "MaxInputBytesPerBatch",
		"MaxInputBytesPerBatchPath", "BatchInput",	     NULL
	};
	struct flow_number items = { 0 }, bytes = { 0 };
	struct flow_template input;

	if (!is_object(r, t, n))
		return;
	fields_known(r, t, n, known, "ItemBatcher");
	if (!doc_get(n, known[0], NULL) && !doc_get(n, known[1], NULL) && !doc_get(n, known[2], NULL) &&
	    !doc_get(n, known[3], NULL))
		problem(r, t, n->at, "neither MaxItemsPerBatch nor MaxInputBytesPerBatch is there");
	field_number(r, t, n, "MaxItemsPerBatch", 1, UINT32_MAX, &items);
	field_number(r, t, n, "MaxInputBytesPerBatch", 1, 262144, &bytes);
	field_template(r, t, n, "BatchInput", &input);
}

static void read_distributed(struct reader *r, const struct trail *t, const struct doc_node *o, struct flow_state *s)
{
	static const char *const names[] = { "ItemReader",
					     "ItemBatcher",
					     "ResultWriter",
					     "Label",
					     "ToleratedFailureCount",
					     "ToleratedFailureCountPath",
					     "ToleratedFailurePercentage",
					     "ToleratedFailurePercentagePath",
					     NULL };
	struct flow_number number = { 0 };
	const struct doc_node *n;
	const char *label;

	n = doc_get(o, "ItemReader", NULL);
	if (n)
		read_reader(r, AT_FIELD(t, "ItemReader"), n);
	n = doc_get(o, "ResultWriter", NULL);
	if (n)
		read_resource(r, AT_FIELD(t, "ResultWriter"), n);
	n = doc_get(o, "ItemBatcher", NULL);
	if (n)
		read_batcher(r, AT_FIELD(t, "ItemBatcher"), n);
	field_string(r, t, o, "Label", &label, NULL);
	field_number(r, t, o, "ToleratedFailureCount", 0, UINT32_MAX, &number);
	field_number(r, t, o, "ToleratedFailurePercentage", 0, 100, &number);
	/* one warning for the map is enough */
	for (size_t i = 0; names[i] && !s->as.map.distributed; i++) {
		struct flow_at at;

		if (!doc_get(o, names[i], &at))
			continue;
		not_run(r, AT_FIELD(t, names[i]), s, at, "it is of distributed maps, and slsc runs inline maps only");
		return;
	}
}

void read_map(struct reader *r, const struct trail *t, const struct doc_node *o, struct scope *in, struct flow_state *s)
{
	static const char *const processors[] = { "ItemProcessor", "Iterator", NULL };
	static const char *const selectors[] = { "ItemSelector", "Parameters", NULL };
	static const char *const known[] = { "StartAt", "States", "Comment", "ProcessorConfig", NULL };
	const char *name = doc_get(o, "ItemProcessor", NULL) ? "ItemProcessor" : "Iterator";
	const struct doc_node *n = doc_get(o, name, NULL), *config;

	field_path(r, t, o, "ItemsPath", FLOW_REFERENCE, false, &s->as.map.items_path);
	field_number(r, t, o, "MaxConcurrency", 0, FLOW_SECONDS_MAX, &s->as.map.max_concurrency);
	field_alone(r, t, o, selectors);
	if (doc_get(o, "ItemSelector", NULL))
		field_template(r, t, o, "ItemSelector", &s->parameters);
	s->as.map.old_names = doc_get(o, "Iterator", NULL) || doc_get(o, "Parameters", NULL);
	field_alone(r, t, o, processors);
	if (!n) {
		problem(r, t, s->at, "'ItemProcessor' is missing");
		hint(r, "the machine that each of the items goes through");
	} else if (is_object(r, AT_FIELD(t, name), n)) {
		s->as.map.processor_at = n->at;
		config = doc_get(n, "ProcessorConfig", NULL);
		fields_known(r, AT_FIELD(t, name), n, known, name);
		if (config)
			read_config(r, AT_FIELD(t, name), config, s);
		s->as.map.processor = read_states(r, AT_FIELD(t, name), n, in, s, 0);
	}
	read_distributed(r, t, o, s);
}
