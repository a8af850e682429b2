/* SPDX-License-Identifier: Apache-2.0 */
#include "flow_graph.h"

#include <stddef.h>
#include <string.h>

#include "base/buf.h"
#include "cli/out.h"
#include "flow/graph.h"
#include "flow_validate.h"
#include "os/fs.h"

#define AT(member) offsetof(struct flow_graph_ctx, member)

const struct opt flow_graph_opts[] = {
	{ OPT_FLAG, .long_name = "svg", .offset = AT(svg), .help = "a drawing as an SVG file (the default)" },
	{ OPT_FLAG, .long_name = "mermaid", .offset = AT(mermaid), .help = "a Mermaid flowchart" },
	{ OPT_STR, .long_name = "history", .offset = AT(history), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "the history of an execution: its way is drawn, with times" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "write it to a file instead of stdout" },
	{ .type = OPT_END },
};

static int read_history(const char *path, const struct flow_machine *m, struct flow_trace *t, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (fs_read(path, FLOW_HISTORY_MAX, &text, err))
		return -1;
	return flow_trace_read(t, m, path, text.ptr, text.len, err);
}

int flow_graph(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct flow_graph_ctx *c = ctx;
	CLEAN_FLOW_MACHINE struct flow_machine m = { 0 };
	CLEAN_FLOW_TRACE struct flow_trace t = { .ns = 0 };
	CLEAN_BUF struct buf out = BUF_INIT;

	(void)g;
	(void)argc;
	if (c->svg && c->mermaid)
		return err_set(err, ERR_USAGE, "--svg and --mermaid exclude each other");
	if (flow_open(&m, argv[0], NULL, false, err) || (c->history && read_history(c->history, &m, &t, err)))
		return -1;
	if (c->mermaid)
		flow_graph_mermaid(&m, c->history ? &t : NULL, &out);
	else if (flow_graph_svg(&m, c->history ? &t : NULL, &out, err))
		return -1;
	return c->output ? fs_write_file(c->output, out.ptr, out.len, 0644, err) : out_stdout(out.ptr, out.len, err);
}
