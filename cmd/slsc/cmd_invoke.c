/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "base/member.h"
#include "build_one.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "event.h"
#include "invoke_remote.h"
#include "local/example.h"
#include "local/running.h"
#include "local/solo.h"

struct invoke_ctx {
	const char *event, *example, *url, *qualifier;
	bool async, tail, stream, list, remote;
	struct cloud_flags flags;
};

#define AT(member) offsetof(struct invoke_ctx, member)

static const struct opt opts[] = {
	{ OPT_STR, 'e', "event", AT(event), .arg = "EVENT", .complete = COMPLETE_FILE,
	  .help = "what the function gets: a file, - for standard input, or JSON itself (default: {})" },
	{ OPT_STR, .long_name = "example", .offset = AT(example), .arg = "NAME", .complete = COMPLETE_EXAMPLE,
	  .help = "an example event: s3, sqs, apigw, ..." },
	{ OPT_FLAG, .long_name = "list", .offset = AT(list), .help = "print every example event there is" },
	{ OPT_GROUP, .help = "How" },
	{ OPT_FLAG, .long_name = "async", .offset = AT(async),
	  .help = "queue the event, and do not wait for the function" },
	{ OPT_FLAG, .long_name = "stream", .offset = AT(stream), .help = "print a streamed answer as it comes" },
	{ OPT_FLAG, .long_name = "tail", .offset = AT(tail),
	  .help = "print the log to stderr; a platform that runs gives its last 4 KB" },
	{ OPT_STR, .long_name = "url", .offset = AT(url), .arg = "URL",
	  .help = "of a platform's Invoke API (default: the slsc local that runs in the project, if one does)" },
	{ OPT_FLAG, .long_name = "remote", .offset = AT(remote), .help = "call the function that is deployed" },
	{ OPT_STR, .long_name = "qualifier", .offset = AT(qualifier), .arg = "VERSION|ALIAS",
	  .help = "of it, this version, or the one that the alias names (default: $LATEST)" },
	CLOUD_OPTS(struct invoke_ctx, flags),
	{ .type = OPT_END },
};

/* ---- examples ---- */

static int list_examples(const struct globals *g, struct err *err)
{
	CLEAN_EXAMPLES struct examples e;
	CLEAN_BUF struct buf b = BUF_INIT;

	if (examples_load(&e, err) < 0)
		return -1;
	VEC_EACH(&e, x) {
		if (!g->json) {
			buf_addf(&b, "%-16s %s\n", x->name, x->summary);
			continue;
		}
		buf_addz(&b, b.len ? "" : "{\"examples\":[");
		member_open(&b, NULL, '{');
		member_text(&b, "name", x->name);
		member_text(&b, "summary", x->summary);
		buf_addc(&b, '}');
	}
	if (g->json)
		buf_addz(&b, "]}\n");
	return out_stdout(b.ptr, b.len, err);
}

/* ---- who is called ---- */

struct target {
	struct project project;
	bool has_project;
	struct running running;
	const char *url, *function;	/* borrowed; url NULL: none runs, and the function is to be run here */
};

static void target_release(struct target *t)
{
	project_release(&t->project);
	running_release(&t->running);
}

static int no_platform(const struct target *t, const char *dir, bool async, struct err *err)
{
	if (!t->has_project) {
		err_set(err, ERR_NOTFOUND, "%s: no slsc local runs here, and no slsc.yaml is here or above", dir);
		return err_hint(err, "go to the project, make one with `slsc init`, or name a platform with --url");
	}
	err_set(err, ERR_NOTFOUND, "%s: no slsc local runs in this project%s", dir,
		async ? ": there is nobody to keep an event for later" : "");
	return err_hint(err, "start it with `slsc local`, or name another platform with --url");
}

static int choose_function(struct target *t, struct err *err)
{
	if (t->has_project && t->project.nfunctions == 1) {
		t->function = t->project.functions[0]->name.s;
		return 0;
	}
	if (!t->has_project) {
		err_set(err, ERR_USAGE, "which function is to be invoked?");
		return err_hint(err, "slsc invoke FUNCTION");
	}
	err_set(err, ERR_USAGE, "%s has %zu functions: say which one to invoke", t->project.file,
		t->project.nfunctions);
	return err_hint(err, "slsc invoke %.200s",
			t->project.nfunctions ? t->project.functions[0]->name.s : "FUNCTION");
}

/* A directory without slsc.yaml may be served as well: slsc local takes zips and commands. */
static int find_target(struct target *t, const struct invoke_ctx *c, const char *function, struct err *err)
{
	char here[4096];
	const char *dir = here;
	int found;

	t->url = c->url;
	t->function = function;
	if (c->url && function)
		return 0;
	t->has_project = project_load(&t->project, NULL, err) == 0;
	if (t->has_project)
		dir = t->project.dir;
	else if (err->code != ERR_NOTFOUND)
		return -1;
	else if (!getcwd(here, sizeof(here)))
		return err_sys(err, "cannot tell the current directory");
	if (!function && choose_function(t, err) < 0)
		return -1;
	if (c->url)
		return 0;
	found = running_find(dir, &t->running, err);
	if (found < 0 || (!found && (!t->has_project || c->async)))
		return found < 0 ? -1 : no_platform(t, dir, c->async, err);
	t->url = t->running.url;
	return 0;
}

/* The platform does not know it: perhaps the project does. */
static void hint_at_name(const struct target *t, struct err *err)
{
	VEC(const char *) names = { .len = 0 };
	const char *near;

	for (size_t i = 0; i < t->project.nfunctions; i++)
		VEC_PUSH(&names, t->project.functions[i]->name.s);
	near = str_closest(t->function, names.ptr, names.len);
	if (near && strcmp(near, t->function) != 0)
		err_hint(err, "did you mean '%s'?", near);
	VEC_FREE(&names);
}

/* ---- what it says ---- */

static int to_stdout(void *ctx, const void *p, size_t n, struct err *err)
{
	struct buf *last = ctx;

	if (!n)
		return 0;
	buf_reset(last);
	buf_addc(last, ((const char *)p)[n - 1]);
	return out_stdout(p, n, err);
}

static int collect(void *ctx, const void *p, size_t n, struct err *err)
{
	(void)err;
	buf_add(ctx, p, n);
	return 0;
}

/* JSON as it is, else text, else base64. */
static void add_payload(struct buf *b, const struct buf *payload)
{
	struct err ignored = ERR_INIT;

	buf_addz(b, ",\"payload\":");
	if (!payload->len) {
		buf_addz(b, "null,\"encoding\":null");
	} else if (event_check(payload, "", 1, &ignored) == 0) {
		/* on one line: within JSON a line break is white space */
		for (size_t i = 0; i < payload->len; i++)
			buf_addc(b, (char)(payload->ptr[i] == '\n' || payload->ptr[i] == '\r' ? ' ' : payload->ptr[i]));
		buf_addz(b, ",\"encoding\":\"json\"");
	} else if (str_is_utf8(buf_str(payload))) {
		buf_add_json(b, buf_str(payload));
		buf_addz(b, ",\"encoding\":\"text\"");
	} else {
		buf_addc(b, '"');
		buf_add_base64(b, payload->ptr, payload->len);
		buf_addz(b, "\",\"encoding\":\"base64\"");
	}
}

/* Any bytes; null if there are none. */
static void add_some(struct buf *b, const char *name, const struct buf *s)
{
	if (s->len)
		member_str(b, name, buf_str(s));
	else
		member_text(b, name, NULL);
}

static void add_report(struct buf *b, const struct invocation_report *r)
{
	buf_addz(b, ",\"report\":");
	if (!r) {
		buf_addz(b, "null");
		return;
	}
	buf_addf(b, "{\"billed_ms\":%" PRIu64 ",\"cold\":%s,\"cpu_ns\":%" PRIu64 ",\"duration_ns\":%" PRIu64,
		 r->billed_ms, r->cold ? "true" : "false", r->cpu, r->duration);
	buf_addf(b, ",\"init_ns\":%" PRIu64 ",\"memory_bytes\":%" PRIu64 "}", r->init, r->memory_peak);
}

static int print_json(const struct target *t, const struct invoke_result *r, const struct invocation_report *report,
		      const struct buf *payload, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addc(&b, '{');
	member_text(&b, "function", t->function);
	buf_addf(&b, ",\"status\":%d", r->status);
	member_some(&b, "request_id", r->request_id);
	member_some(&b, "version", r->version);
	add_some(&b, "function_error", &r->error);
	add_some(&b, "error_details", &r->details);
	add_payload(&b, payload);
	add_some(&b, "log", &r->log);
	add_report(&b, report);
	buf_addz(&b, "}\n");
	return out_stdout(b.ptr, b.len, err);
}

static void print_words(const struct target *t, const struct invoke_result *r, const struct buf *last)
{
	/* what follows begins on a line of its own; the answer stays what it is */
	if (last->len && last->ptr[0] != '\n' && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		out_raw("\n", 1);
	if (r->log.len)
		out_raw(r->log.ptr, r->log.len);
	if (r->log.len && r->log.ptr[r->log.len - 1] != '\n')
		out_raw("\n", 1);
	if (r->status == 204)
		out_note("%s can be invoked", t->function);
	else if (r->status >= 400 && !r->error.len)
		out_note("%s answered with status %d", t->function, r->status);
	else if (r->status == 202)
		out_note("queued for %s%s%s", t->function, *r->request_id ? ", request " : "", r->request_id);
}

/* "hello: the function failed (Unhandled): Runtime.ExitError: ..." */
static int function_error(const struct target *t, const struct invoke_result *r, const struct buf *payload,
			  struct err *err)
{
	const struct buf *said = r->details.len ? &r->details : payload;
	json_t *root = json_loadb(said->ptr, said->len, JSON_ALLOW_NUL, NULL);
	const char *type = json_string_value(json_object_get(root, "errorType"));
	const char *message = json_string_value(json_object_get(root, "errorMessage"));

	if (!type && !message && r->details.len)
		message = r->details.ptr;
	err_set(err, ERR_FUNCTION, "%s: the function failed (%s)%s%s%s%s", t->function, r->error.ptr, type ? ": " : "",
		type ? type : "", message ? ": " : "", message ? message : "");
	json_decref(root);
	return -1;
}

/* ---- the call ---- */

/* A call, and what came of it. */
struct call {
	const struct invoke_ctx *c;
	const struct globals *g;
	struct target *t;
	struct cloud *remote;		/* NULL: not there */
	struct invoke_request req;
	struct invoke_result r;
	struct invocation_report report;
	bool has_report;
	struct buf payload;		/* the answer, if it is not printed as it comes */
	struct buf last;		/* the last byte that was */
	bool talks;			/* the function has printed something that nobody saw */
};

static void call_release(struct call *call)
{
	invoke_result_release(&call->r);
	buf_release(&call->payload);
	buf_release(&call->last);
}

static int through_platform(struct call *call, struct err *err)
{
	struct http *h = http_new(err);
	int ret = h ? invoke(h, &call->req, &call->r, err) : -1;

	http_free(h);
	if (ret < 0 && err->code == ERR_NOTFOUND)
		hint_at_name(call->t, err);
	return ret;
}

static void on_line(struct solo *s, enum line_from from, struct str line)
{
	struct call *call = s->ctx;
	CLEAN_BUF struct buf b = BUF_INIT;

	if (!call->c->tail) {
		call->talks |= from == FROM_FUNCTION;
		return;
	}
	if (call->g->json) {
		log_tail_add(&call->r.log, line);
		return;
	}
	if (call->last.len && call->last.ptr[0] != '\n' && isatty(STDOUT_FILENO) && isatty(STDERR_FILENO))
		buf_addc(&b, '\n');
	buf_reset(&call->last);
	buf_adds(&b, line);
	buf_addc(&b, '\n');
	out_raw(b.ptr, b.len);
}

/* "hello:$LATEST" is hello; there is no other version of what lies here. */
static int cut_qualifier(const char *function, char **name, struct err *err)
{
	const char *colon = strchr(function, ':');

	if (colon && strcmp(colon, ":$LATEST") != 0)
		return err_set(err, ERR_NOTFOUND, "'%.100s': no slsc local runs in this project, and without it "
			       "$LATEST is the only version", function);
	*name = colon ? xstrndup(function, (size_t)(colon - function)) : xstrdup(function);
	return 0;
}

static int here(struct call *call, struct err *err)
{
	struct project *p = &call->t->project;
	CLEAN_BUILD_ONE struct build_one b = BUILD_ONE_INIT;
	CLEAN_SOLO struct solo s = { .line = on_line, .ctx = call };
	CLEAN_FREE char *name = NULL;

	if (cut_qualifier(call->t->function, &name, err) < 0)
		return -1;
	if (call->req.type == INVOKE_DRY_RUN) {
		const struct function *f = project_function(p, name, err);

		call->r.status = 204;
		return f ? solo_check(p, f, err) : -1;
	}
	if (build_one(p, name, NULL, "slsc invoke", call->g, &b, err) < 0)
		return -1;
	build_one_unlock(&b);
	if (b.built->function->runtime == RUNTIME_HTTP && !call->c->event && !call->c->example)
		call->req.event = STR("");
	if (solo_start(&s, p, b.built, err) < 0)
		return -1;
	if (s.platform.quota.lacks[0])
		out_verbose("%s", s.platform.quota.lacks);
	call->has_report = true;
	return solo_invoke(&s, &call->req, &call->r, &call->report, err);
}

static int make_call(struct call *call, struct err *err)
{
	const struct invoke_ctx *c = call->c;
	/* an answer in one piece is printed after it is whole, and is needed for the words on an error */
	const bool direct = c->stream && !call->g->json;
	int ret;

	call->req.sink = direct ? to_stdout : collect;
	call->req.ctx = direct ? &call->last : &call->payload;
	if ((call->remote ? invoke_remote(call->remote, &call->req, &call->r, err)
	     : call->t->url ? through_platform(call, err) : here(call, err)) < 0)
		return -1;
	if (call->g->json)
		ret = print_json(call->t, &call->r, call->has_report ? &call->report : NULL, &call->payload, err);
	else
		ret = direct ? 0 : to_stdout(&call->last, call->payload.ptr, call->payload.len, err);
	if (ret < 0)
		return -1;
	if (!call->g->json)
		print_words(call->t, &call->r, &call->last);
	if (!call->r.error.len)
		return 0;
	function_error(call->t, &call->r, &call->payload, err);
	return call->talks ? err_hint(err, "--tail shows what it printed") : -1;
}

static int check_options(const struct invoke_ctx *c, const struct globals *g, struct err *err)
{
	if (c->async && (c->tail || c->stream || g->dry_run))
		return err_set(err, ERR_USAGE, "--async does not wait for the function: %s asks for what it says",
			       c->tail ? "--tail" : c->stream ? "--stream" : "--dry-run");
	if (g->dry_run && c->stream)
		return err_set(err, ERR_USAGE, "--dry-run has no answer for --stream");
	if (c->remote && (c->url || c->stream))
		return err_set(err, ERR_USAGE, c->url ? "--remote finds the function by its region, not by --url"
						      : "--remote gets answers in one piece, not by --stream");
	if (!c->remote && (c->qualifier || c->flags.region || c->flags.profile || c->flags.endpoint)) {
		err_set(err, ERR_USAGE, "--%s is of a function that is deployed", c->qualifier ? "qualifier"
			: c->flags.region ? "region" : c->flags.profile ? "aws-profile" : "endpoint-url");
		return err_hint(err, c->qualifier ? "--remote, or NAME:QUALIFIER" : "--remote");
	}
	return 0;
}

static int find_remote(struct cloud *r, const struct invoke_ctx *c, const char *function, struct err *err)
{
	if (cloud_open(r, &c->flags, function, "slsc invoke --remote", err) < 0)
		return -1;
	if (c->qualifier && r->qualifier && strcmp(c->qualifier, r->qualifier) != 0)
		return err_set(err, ERR_USAGE, "%s has a qualifier of its own: not --qualifier %.100s", r->called,
			       c->qualifier);
	if (c->qualifier && !r->qualifier)
		r->qualifier = xstrdup(c->qualifier);
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct invoke_ctx *c = ctx;
	CLEANUP(target_release) struct target t = { .running = RUNNING_INIT };
	CLEAN_CLOUD struct cloud remote = CLOUD_INIT;
	CLEAN_BUF struct buf event = BUF_INIT;

	CLEANUP(call_release) struct call call = { .c = c, .g = g, .t = &t, .r = INVOKE_RESULT_INIT,
						   .payload = BUF_INIT, .last = BUF_INIT };

	if (c->list)
		return list_examples(g, err);
	if (check_options(c, g, err) < 0 || event_read(c->event, c->example, &event, err) < 0)
		return -1;
	if (c->remote) {
		if (find_remote(&remote, c, argc ? argv[0] : NULL, err) < 0)
			return -1;
		t.function = remote.called;
		call.remote = &remote;
	} else if (find_target(&t, c, argc ? argv[0] : NULL, err) < 0) {
		return -1;
	}
	call.req = (struct invoke_request){
		.url = t.url, .function = t.function, .event = buf_str(&event), .tail = c->tail, .stream = c->stream,
		.type = g->dry_run ? INVOKE_DRY_RUN : c->async ? INVOKE_ASYNC : INVOKE_SYNC,
	};
	return make_call(&call, err);
}

const struct cmd cmd_invoke = {
	.name = "invoke",
	.args = "[FUNCTION]",
	.summary = "Call a function: on the local platform, by itself, or where it is deployed",
	.description =
		"Sends an event to a function, and prints what it answers, byte for byte. FUNCTION may be left out "
		"in a project with a single one; it may have a qualifier, NAME:QUALIFIER.\n\n"
		"If a slsc local runs in the project (.slsc/local.json tells where), it is asked; --url names any "
		"other platform that speaks Lambda's Invoke API without signatures. If none runs, the function is "
		"built, if it has to be, and run once on an instance of its own, with the limits and the "
		"environment that slsc local would give it. Then one with runtime http can be called, too: it gets "
		"GET /, or the event as the body of POST /.\n\n"
		"With --remote the function that is deployed is called, its name as in slsc.yaml or as it is called "
		"there, signed with the credentials that AWS's own tools would use, as by `slsc deploy`.\n\n"
		"The exit code is 1 if the function failed: its answer, which says why, is printed all the same. "
		"The log (--tail) goes to stderr: what it printed, and START, END and REPORT of the platform. With "
		"--dry-run the platform says whether it would call the function, and does not.\n\n"
		"With --json the result is one line: function, status, request_id, version, function_error, "
		"error_details, payload, encoding (json: payload is the answer itself; text: a string; base64), "
		"log, report (cold, init_ns, duration_ns, billed_ms, cpu_ns, memory_bytes; null unless it was run "
		"here).",
	.examples = "$ slsc invoke hello --event '{\"name\":\"world\"}'\n"
		    "$ slsc invoke hello --example s3 --tail\n"
		    "$ jq .Records[0] queue.json | slsc invoke hello --event - --async\n"
		    "$ slsc invoke hello --json | jq .payload\n"
		    "$ slsc invoke hello --remote --qualifier live --tail\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct invoke_ctx),
	.flags = CMD_JSON | CMD_DRY_RUN,
	.run = run,
};
