/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz histories of executions, as `slsc flow graph --history` reads them. What is refused names the file; of what is
 * accepted the ways lead from state to state, and the drawing has all states.
 */
#include <stdint.h>
#include <string.h>

#include "base/str.h"
#include "flow/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Each kind of way: Next, Catch, a rule, Default, into branches and a Map. */
static const char machine[] =
	"{\"StartAt\":\"A\",\"States\":{"
	"\"A\":{\"Type\":\"Task\",\"Resource\":\"f\",\"Catch\":[{\"ErrorEquals\":[\"E\"],\"Next\":\"C\"}],"
	"\"Next\":\"P\"},"
	"\"P\":{\"Type\":\"Parallel\",\"Next\":\"C\",\"Branches\":["
	"{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Pass\",\"End\":true}}},"
	"{\"StartAt\":\"M\",\"States\":{\"M\":{\"Type\":\"Map\",\"End\":true,\"ItemProcessor\":{"
	"\"StartAt\":\"I\",\"States\":{\"I\":{\"Type\":\"Wait\",\"Seconds\":1,\"End\":true}}}}}}]},"
	"\"C\":{\"Type\":\"Choice\",\"Default\":\"S\","
	"\"Choices\":[{\"Variable\":\"$.a\",\"IsNull\":true,\"Next\":\"A\"}]},"
	"\"S\":{\"Type\":\"Succeed\"}}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_PROBLEMS struct flow_problems found = { 0 };
	CLEAN_FLOW_TRACE struct flow_trace t = { .ns = 0 };
	CLEAN_BUF struct buf svg = BUF_INIT, mermaid = BUF_INIT;
	struct err err = ERR_INIT;
	size_t states = 0;

	if (flow_machine_parse(&m, "m", machine, strlen(machine), NULL, &found, &err) < 0)
		BUG("%s", err.msg);
	if (flow_trace_read(&t, &m, "h", (const char *)data, size, &err) < 0) {
		if (err.msg[0] != 'h' || err.msg[1] != ':' || !str_is_utf8(str_from(err.msg)))
			BUG("what is '%s'?", err.msg);
		return 0;
	}
	for (size_t i = 0; i < t.nways; i++)
		if (!t.way[i].to || !t.way[i].times || !flow_trace_times(&t, t.way[i].from, t.way[i].to))
			BUG("way %zu leads nowhere", i);
	if (flow_graph_svg(&m, &t, &svg, &err) < 0)
		BUG("%s", err.msg);
	flow_graph_mermaid(&m, &t, &mermaid);
	for (const char *s = svg.ptr; (s = strstr(s, "<g class=\"state ")); s++)
		states++;
	if (states != m.nstates)
		BUG("%zu states are drawn of %zu", states, m.nstates);
	return 0;
}
