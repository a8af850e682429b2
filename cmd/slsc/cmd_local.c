/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "local/gateway.h"
#include "local/serve.h"
#include "os/fs.h"
#include "os/proc.h"
#include "ui.h"

struct local_ctx {
	const char *listen, *profile, *command, *runtime;
	unsigned port;
};

#define AT(member) offsetof(struct local_ctx, member)
#define PORT 9000u

static const struct opt opts[] = {
	{ OPT_UINT, 'P', "port", AT(port), .arg = "N", .help = "where callers find it (default: 9000, or a free one)",
	  .min = 1, .max = 65535 },
	{ OPT_STR, .long_name = "listen", .offset = AT(listen), .arg = "ADDRESS",
	  .help = "listen on this address (default: 127.0.0.1)" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "build with this profile" },
	{ .type = OPT_END },
};

/* Everything of one run. */
struct session {
	struct loop loop;
	struct web web;
	struct platform platform;
	struct gateway gateway;
	struct observer console;
};

static void show_line(struct observer *o, struct instance *i, struct invocation *inv, struct str line)
{
	(void)o;
	(void)inv;
	out_note("%s  " STR_FMT, i->fn->name, STR_ARG(line));
}

static int add_functions(struct session *s, struct project *p, const struct local_ctx *c, const struct globals *g,
			 int argc, char **argv, struct err *err)
{
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_STRS struct strs functions = { 0 }, arches = { 0 };
	struct build_request req = { .profile = c->profile };
	CLEAN_FD int lock = -1;

	for (int i = 0; i < argc; i++)
		strs_add(&functions, argv[i]);
	strs_add(&arches, arch_name(arch_host()));
	req.functions = functions;
	req.arches = arches;
	ui_build_request(&req, g);
	lock = build_lock(p, "slsc local", ui_waiting, NULL, err);
	if (lock < 0 || ui_build(p, &req, &res, err) < 0)
		return -1;
	VEC_EACH(&res, b) {
		CLEAN_FREE char *path = path_join(p->dir, b->path);
		struct lfn *fn;

		if (b->function->runtime == RUNTIME_NONE)
			continue;
		fn = serve_function(p, b->function, b->arch, path, err);
		if (!fn)
			return -1;
		platform_add(&s->platform, fn);
	}
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct local_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	struct session s = { .console.line = show_line };
	const char *address = c->listen ? c->listen : "127.0.0.1";
	int ret = -1;

	if (project_load(&p, NULL, err) < 0)
		return -1;
	if (loop_init(&s.loop, err) < 0 || web_start(&s.web, &s.loop, err) < 0 ||
	    platform_init(&s.platform, &s.loop, &s.web, err) < 0)
		return -1;
	platform_observe(&s.platform, &s.console);
	if (add_functions(&s, &p, c, g, argc, argv, err) < 0)
		goto out;
	if (gateway_start(&s.gateway, &s.platform, address, (uint16_t)(c->port ? c->port : PORT), err) < 0)
		goto out;
	VEC_EACH(&s.platform.fns, f)
		out_note("%s  http://%s:%u/%s/", (*f)->name, address, s.gateway.listener.port, (*f)->name);
	ret = loop_run(&s.loop, err);
	if (ret < 0 && err->code == ERR_INTR) {
		gateway_stop(&s.gateway);
		platform_stop(&s.platform, LOOP_S);
		if (s.platform.ninstances)
			ret = loop_run(&s.loop, err);
		else
			ret = 0;
	}
out:
	web_stop(&s.web);
	platform_release(&s.platform);
	loop_release(&s.loop);
	return ret;
}

const struct cmd cmd_local = {
	.name = "local",
	.args = "[FUNCTION...]",
	.summary = "Serve functions on this machine as the platform would",
	.description =
		"Builds the functions of slsc.yaml and serves them at http://127.0.0.1:9000: the Invoke API, as the "
		"AWS CLI and SDKs call it, and below it the Runtime API, an endpoint for each instance. Instances "
		"start on demand, stay warm, are ended when they have nothing to do, and serve one invocation at a "
		"time.",
	.examples = "$ slsc local\n"
		    "$ aws lambda invoke --endpoint-url http://127.0.0.1:9000 --function-name hello out.json\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct local_ctx),
	.run = run,
};
