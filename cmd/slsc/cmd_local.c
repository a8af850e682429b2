/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "local/async.h"
#include "local/observe.h"
#include "local/page.h"
#include "local/rebuild.h"
#include "local/running.h"
#include "local/scaling.h"
#include "local/serve_artifact.h"
#include "local/unpack.h"
#include "local/watch.h"
#include "local_flows.h"
#include "os/fs.h"
#include "os/proc.h"
#include "registry/origin.h"
#include "registry_ui.h"
#include "ui.h"

struct local_ctx {
	const char *listen, *profile, *port, *otlp, *otlp_dir, *log_file, *name;
	struct strs headers;
	bool http;
	struct registry_flags registry;
};

#define AT(member) offsetof(struct local_ctx, member)
#define PORT "9000"
#define NAME_LETTERS "abcdefghijklmnopqrstuvwxyz0123456789_-"
#define GRACE_NS (2 * LOOP_S)
#define LAST_WORDS_MS 1000

static const struct opt opts[] = {
	{ OPT_STR, 'P', "port", AT(port), .arg = "N",
	  .help = "where callers find it (default: 9000; 0: any that is free)" },
	{ OPT_STR, .long_name = "listen", .offset = AT(listen), .arg = "ADDRESS",
	  .help = "listen on this address (default: 127.0.0.1)" },
	{ OPT_STR, 'p', "profile", AT(profile), .arg = "NAME", .complete = COMPLETE_PROFILE,
	  .help = "build with this profile" },
	{ OPT_STR, .long_name = "name", .offset = AT(name), .arg = "NAME",
	  .help = "serve the command behind -- as the function NAME; no slsc.yaml is needed" },
	{ OPT_FLAG, .long_name = "http", .offset = AT(http),
	  .help = "the command listens for HTTP on $PORT; else it asks the Runtime API" },
	{ OPT_GROUP, .help = "Logs and traces" },
	{ OPT_STR, .long_name = "otlp", .offset = AT(otlp), .arg = "URL",
	  .help = "send records and spans to a collector, by OTLP/HTTP" },
	{ OPT_MULTI, .long_name = "otlp-header", .offset = AT(headers), .arg = "NAME: VALUE",
	  .help = "send this header along; repeatable" },
	{ OPT_STR, .long_name = "otlp-dir", .offset = AT(otlp_dir), .arg = "DIR", .complete = COMPLETE_DIR,
	  .help = "append them to logs.jsonl and traces.jsonl, as OTLP/JSON" },
	{ OPT_STR, .long_name = "log-file", .offset = AT(log_file), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "append each line a function prints, as a line of JSON" },
	REGISTRY_OPTS(struct local_ctx, registry),
	{ .type = OPT_END },
};

/* Everything of one run. */
struct session {
	const struct local_ctx *options;
	struct loop loop;
	struct web web;
	struct platform platform;
	struct gateway gateway;
	struct observer console;
	struct watch watch;
	struct rebuild rebuild;
	struct build_request request;
	struct async async;
	struct flows flows;
	struct observe observe;
	struct page page;
	const char *url;		/* borrowed: what is added from now on is told of */
	int claim, unpacked;		/* what is unpacked stays while it is open */
};

static void show_line(struct observer *o, struct instance *i, struct invocation *inv, enum line_from from,
		      struct str line)
{
	(void)o;
	(void)inv;
	(void)from;
	out_note("%s  " STR_FMT, i->fn->name, STR_ARG(line));
}

/* ---- functions of a project ---- */

static void show_told(struct observer *o, const struct lfn *fn, const char *text)
{
	(void)o;
	out_note("%s  %s", fn->name, text);
}

static int take_function(struct session *s, struct project *p, const struct built *b, struct err *err)
{
	CLEAN_FREE char *path = path_join(p->dir, b->path);
	struct lfn *fn = platform_find(&s->platform, str_from(b->function->name.s));

	if (b->function->runtime == RUNTIME_NONE)
		return 0;
	if (project_check_served(p, b->function, err) < 0)
		return -1;
	if (fn) {
		if (serve_renew(fn, p, b->function, path))
			out_note("%s  is new: what runs is finished by the old one", fn->name);
		async_serve(&s->async, fn);
		return scaling_serve(fn, p, b->function, err);
	}
	fn = serve_function(p, b->function, b->arch, path, err);
	if (!fn)
		return -1;
	platform_add(&s->platform, fn);
	async_serve(&s->async, fn);
	if (s->url)
		out_note("%s  %s/%s/", fn->name, s->url, fn->name);
	return scaling_serve(fn, p, b->function, err);
}

static void rebuilt(struct rebuild *r, struct project *p, struct build_result *res, const struct err *err)
{
	struct session *s = CONTAINER_OF(r, struct session, rebuild);
	struct err failed = ERR_INIT;

	if (err->code != ERR_NONE) {
		out_error(err);
		out_note("what is served stays as it is");
		return;
	}
	if (local_flows_define(&s->flows, p, &failed) < 0)
		out_error(&failed);
	VEC_EACH(res, b) {
		struct err e = ERR_INIT;

		if (take_function(s, p, b, &e) < 0)
			out_error(&e);
	}
}

static void changed(struct watch *w)
{
	rebuild_go(&CONTAINER_OF(w, struct session, watch)->rebuild);
}

static int add_functions(struct session *s, struct project *p, const struct globals *g, struct err *err)
{
	CLEAN_BUILD struct build_result res = { 0 };
	CLEAN_FD int lock = -1;
	struct build_request *req = &s->request;

	req->profile = s->options->profile;
	strs_add(&req->arches, arch_name(arch_host()));
	ui_build_request(req, g);
	lock = build_lock(p, "slsc local", ui_waiting, NULL, err);
	if (lock < 0 || ui_build(p, req, &res, err) < 0)
		return -1;
	VEC_EACH(&res, b)
		if (take_function(s, p, b, err) < 0)
			return -1;
	return 0;
}

/* ---- a command ---- */

static int check_command(const struct local_ctx *c, int argc, struct err *err)
{
	if (!c->name && !c->http)
		return 0;
	if (!c->name) {
		err_set(err, ERR_USAGE, "--http is for a command that --name names");
		return err_hint(err, "a function that speaks HTTP has 'runtime: http' in slsc.yaml");
	}
	/* as a function's in slsc.yaml: it is a part of URLs and of an ARN */
	if (!*c->name || strlen(c->name) > 64 || c->name[strspn(c->name, NAME_LETTERS)] || strchr("-_", c->name[0]))
		return err_set(err, ERR_USAGE, "--name: '%s' is not a name of lower-case letters, digits, '-' and '_'",
			       c->name);
	if (argc)
		return 0;
	err_set(err, ERR_USAGE, "--name: the command to serve is missing");
	return err_hint(err, "slsc local --name %s -- COMMAND", c->name);
}

static int add_command(struct session *s, const char *dir, char **argv, struct err *err)
{
	const struct local_ctx *c = s->options;
	struct lfn *fn = serve_command(c->name, c->http ? RUNTIME_HTTP : RUNTIME_LAMBDA, argv, dir, err);

	if (!fn)
		return -1;
	platform_add(&s->platform, fn);
	async_serve(&s->async, fn);
	return 0;
}

/* ---- zips and images ---- */

static void tell(void *ctx, const char *message)
{
	(void)ctx;
	out_warn("%s", message);
}

/* RFC 9110, 5.1: a name is a token. */
static int check_headers(const struct local_ctx *c, struct err *err)
{
	for (size_t i = 0; i < c->headers.len; i++) {
		const char *h = c->headers.ptr[i];
		size_t n = strspn(h, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (!n || h[n] != ':' || strpbrk(h, "\r\n"))
			return err_set(err, ERR_USAGE, "--otlp-header: '%.100s' is not NAME: VALUE", h);
	}
	if (c->headers.len && !c->otlp)
		return err_set(err, ERR_USAGE, "--otlp-header is for --otlp URL");
	return 0;
}

static int add_artifacts(struct session *s, const struct project *p, const struct strs *artifacts, struct err *err)
{
	const struct registry_opts registry = registry_opts_of(&s->options->registry);
	struct registry_env registry_env = { .opts = &registry };
	const struct origin_env env = { .registry = registry_open, .ctx = &registry_env };
	struct serve_artifacts how = { .project = p, .env = &env, .tell = tell };

	if (artifacts->len && (s->unpacked = unpacked_hold(err)) < 0)
		return -1;
	for (size_t i = 0; i < artifacts->len; i++) {
		struct lfn *fn = serve_artifact(&how, artifacts->ptr[i], err);
		const struct function *said;
		struct err none = ERR_INIT;

		if (!fn) {
			/* a program is an artifact elsewhere */
			if (err->code == ERR_NOTFOUND && starts_with(err->hint, "an artifact is"))
				err_hint(err, "slsc local takes a zip, oci:DIR[:TAG], oci-archive:FILE, "
					      "docker-archive:FILE or HOST/REPOSITORY[:TAG][@DIGEST]");
			return -1;
		}
		if (platform_find(&s->platform, str_from(fn->name))) {
			err_set(err, ERR_USAGE, "%s: '%s' is served already", artifacts->ptr[i], fn->name);
			lfn_free(fn);
			return err_hint(err, "a function is named after its zip or image: rename one of them");
		}
		platform_add(&s->platform, fn);
		async_serve(&s->async, fn);
		said = p ? project_function(p, fn->name, &none) : NULL;
		if (said && scaling_serve(fn, p, said, err) < 0)
			return -1;
	}
	return 0;
}

/* What a command is served in, and artifacts without a project. */
static int find_here(struct project *p, struct err *err)
{
	p->dir = realpath(".", NULL);
	return p->dir ? 0 : err_sys(err, "cannot tell the current directory");
}

/* Who names artifacts alone needs no project; what one says of functions of the same names counts. */
static int find_project(struct project *p, const struct strs *artifacts, const struct strs *functions, struct err *err)
{
	if (project_load(p, NULL, err) == 0)
		return 0;
	if (!artifacts->len || functions->len || err->code != ERR_NOTFOUND)
		return -1;
	*err = (struct err)ERR_INIT;
	project_release(p);
	*p = (struct project){ 0 };
	return find_here(p, err);
}

/* ---- */

static void died(const struct queue_death *d)
{
	out_warn("%s: event %s is in .slsc/dead-letters.jsonl after %u attempts (%s)", d->function, d->id, d->attempts,
		 d->condition);
}

static void trouble(const struct err *err)
{
	out_error(err);
}

static void flow_ended(void *ctx, const struct flow_exec *x)
{
	observe_execution(&((struct session *)ctx)->observe, x);
}

static int start_gateway(struct session *s, const struct project *p, struct err *err)
{
	const char *address = s->options->listen ? s->options->listen : "127.0.0.1";
	const char *text = s->options->port ? s->options->port : PORT;
	uint64_t port;

	if (str_parse_u64(str_from(text), &port) < 0 || port > 65535)
		return err_set(err, ERR_USAGE, "--port: '%.50s' is no port", text);
	if (gateway_start(&s->gateway, &s->platform, address, (uint16_t)port, err) < 0)
		return -1;
	s->flows.ended = flow_ended;
	s->flows.ctx = s;
	if (local_flows_open(&s->flows, &s->platform, p->dir, err) < 0)
		return -1;
	s->gateway.flows = &s->flows;
	s->async.died = died;
	s->async.trouble = trouble;
	return async_start(&s->async, &s->gateway, p->dir, err);
}

static int serve(struct session *s, const struct project *p, struct err *err)
{
	const char *address = s->options->listen ? s->options->listen : "127.0.0.1";
	CLEAN_FREE char *url = xasprintf(strchr(address, ':') ? "http://[%s]:%u" : "http://%s:%u", address,
					 s->gateway.listener.port);
	int ret;

	/* the loop waits for nobody who reads what it says */
	if (running_tell(p->dir, url, err) < 0 || out_detach(err) < 0)
		return -1;
	VEC_EACH(&s->platform.fns, f)
		out_note("%s  %s/%s/", (*f)->name, url, (*f)->name);
	local_flows_show(&s->flows, url);
	out_note("all of it at %s/_slsc/", url);
	/* with all functions in place */
	if (local_flows_resume(&s->flows, err) < 0)
		return -1;
	s->url = url;
	ret = loop_run(&s->loop, err);
	s->url = NULL;
	if (ret == 0 || err->code != ERR_INTR)
		return ret;
	/* what runs may end; a second signal ends it */
	watch_stop(&s->watch);
	platform_stop(&s->platform, GRACE_NS);
	if (s->platform.ninstances && loop_run(&s->loop, err) < 0)
		return -1;
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	struct local_ctx *c = ctx;
	CLEAN_PROJECT struct project p = { 0 };
	struct session s = { .options = c, .console = { .line = show_line, .told = show_told }, .claim = -1,
			     .unpacked = -1 };
	CLEAN_STRS struct strs artifacts = { 0 };
	struct observe_opts o;
	bool build;
	int ret = -1;

	if (check_command(c, argc, err) < 0 || check_headers(c, err) < 0)
		return -1;
	for (int i = 0; i < argc && !c->name; i++)
		strs_add(serve_is_artifact(argv[i]) ? &artifacts : &s.request.functions, argv[i]);
	if (c->name ? find_here(&p, err) < 0 : find_project(&p, &artifacts, &s.request.functions, err) < 0) {
		strs_release(&s.request.functions);
		return -1;
	}
	build = !c->name && (s.request.functions.len || !artifacts.len);
	/* before anything is started for a name that is mistyped */
	for (size_t i = 0; i < s.request.functions.len; i++)
		if (!project_function(&p, s.request.functions.ptr[i], err))
			goto out;
	if (loop_init(&s.loop, err) < 0 || web_start(&s.web, &s.loop, WEB_IDLE_S, err) < 0 ||
	    platform_init(&s.platform, &s.loop, &s.web, err) < 0)
		goto out;
	if (s.platform.quota.lacks[0])
		out_warn("%s", s.platform.quota.lacks);
	platform_observe(&s.platform, &s.console);
	page_start(&s.page, &s.platform);
	s.gateway.page = &s.page;
	o = (struct observe_opts){ .url = c->otlp, .dir = c->otlp_dir, .lines = c->log_file,
				   .headers = strs_argv(&c->headers), .tell = tell };
	if (observe_start(&s.observe, &s.platform, &o, err) < 0)
		goto out;
	s.claim = running_claim(p.dir, err);
	if (s.claim < 0 || start_gateway(&s, &p, err) < 0)
		goto out;
	if (c->name && add_command(&s, p.dir, argv, err) < 0)
		goto out;
	if (build && add_functions(&s, &p, g, err) < 0)
		goto out;
	if (add_artifacts(&s, p.file ? &p : NULL, &artifacts, err) < 0 ||
	    (p.file && local_flows_define(&s.flows, &p, err) < 0))
		goto out;
	s.rebuild = (struct rebuild){ .loop = &s.loop, .dir = p.dir, .req = s.request, .waiting = ui_waiting,
				      .done = rebuilt };
	/* what is built while functions are served is told when it is done */
	s.rebuild.req.on_step = NULL;
	if (build && watch_start(&s.watch, &s.loop, p.dir, changed, err) < 0)
		goto out;
	ret = serve(&s, &p, err);
out:
	async_stop(&s.async);
	flows_close(&s.flows);
	if (s.gateway.platform)
		gateway_stop(&s.gateway);
	if (s.claim >= 0)
		running_forget(p.dir);
	clean_fd_(&s.claim);
	watch_stop(&s.watch);
	rebuild_stop(&s.rebuild);
	observe_stop(&s.observe);
	page_stop(&s.page);
	web_stop(&s.web);
	platform_release(&s.platform);
	clean_fd_(&s.unpacked);
	loop_release(&s.loop);
	strs_release(&s.request.functions);
	strs_release(&s.request.arches);
	out_attach(LAST_WORDS_MS);
	return ret;
}

static void release(void *ctx)
{
	strs_release(&((struct local_ctx *)ctx)->headers);
}

const struct cmd cmd_local = {
	.name = "local",
	.args = "[FUNCTION|ARTIFACT...]",
	.summary = "Serve functions on this machine as the platform would",
	.description =
		"Builds the functions of slsc.yaml and serves them at http://127.0.0.1:9000: the Invoke API, as the "
		"AWS CLI and SDKs call it, and below it the Runtime API, an endpoint for each instance. Instances "
		"start on demand, stay warm, are ended when they have nothing to do, and serve one invocation at a "
		"time.\n\n"
		"An artifact is a zip or an image (oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE, "
		"HOST/REPOSITORY[:TAG]), whoever made it; what is no function's name is one. It is unpacked into the "
		"cache and served under the name of its file or repository; an image has a root directory of its own, "
		"read-only. Without functions no slsc.yaml is needed; what one says of a function of the same name "
		"counts.\n\n"
		"State machines (flows: in slsc.yaml, or made by CreateStateMachine) are served at the same address by "
		"the API of AWS Step Functions. What their executions were told is in .slsc/flow.db: after a kill they "
		"go on.\n\n"
		"A function that speaks HTTP (runtime: http) is found at http://127.0.0.1:9000/NAME/, and an instance "
		"of it serves up to 80 requests at once. With --name a command of any language is served.",
	.examples = "$ slsc local\n"
		    "$ slsc local dist/hello-x86_64.zip\n"
		    "$ slsc local oci:dist/hello.oci\n"
		    "$ slsc local --name api --http -- python3 -u server.py\n"
		    "$ aws lambda invoke --endpoint-url http://127.0.0.1:9000 --function-name hello out.json\n"
		    "$ aws stepfunctions list-state-machines --endpoint-url http://127.0.0.1:9000\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct local_ctx),
	.release = release,
	.run = run,
};
