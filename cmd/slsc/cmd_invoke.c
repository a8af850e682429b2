/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "config/project.h"
#include "local/client.h"
#include "local/example.h"
#include "local/running.h"
#include "os/fs.h"
#include "os/proc.h"

struct invoke_ctx {
	const char *event, *example, *url;
	bool async, tail, stream, list;
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
	  .help = "print the end of the log, at most 4 KB, to stderr" },
	{ OPT_STR, .long_name = "url", .offset = AT(url), .arg = "URL",
	  .help = "of another platform's Invoke API (default: the slsc local that runs in the project)" },
	{ .type = OPT_END },
};

/* ---- the event ---- */

static int read_stdin(struct buf *out, struct err *err)
{
	char block[16384];
	ssize_t n;

	while ((n = read(STDIN_FILENO, block, sizeof(block))) != 0) {
		if (n < 0)
			return err_sys(err, "cannot read the event from standard input");
		buf_add(out, block, (size_t)n);
		if (out->len > INVOKE_EVENT_MAX)
			return err_set(err, ERR_LIMIT, "limit exceeded: standard input: an event has at most %u bytes",
				       INVOKE_EVENT_MAX);
	}
	return 0;
}

/* JSON has these first letters, and few files do. */
static bool looks_like_json(const char *s)
{
	s += strspn(s, " \t\r\n");
	return *s == '{' || *s == '[' || *s == '"';
}

/* The platform would say as much, but not where. */
static int check_event(const struct buf *text, const char *where, struct err *err)
{
	const size_t flags = JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
	json_error_t why;
	json_t *root = json_loadb(text->ptr, text->len, flags, &why);

	json_decref(root);
	if (root)
		return 0;
	return err_at(err, ERR_FORMAT, where, (unsigned)why.line, why.column > 0 ? (unsigned)why.column : 1,
		      "the event is no JSON: %s", why.text);
}

static int read_event(const struct invoke_ctx *c, struct buf *out, struct err *err)
{
	const char *e = c->event, *where = "--event";

	if (c->example)
		return example_read(c->example, out, err);
	if (!e) {
		buf_addz(out, "{}");
		return 0;
	}
	if (strcmp(e, "-") == 0) {
		where = "standard input";
		if (read_stdin(out, err) < 0)
			return -1;
	} else if (looks_like_json(e)) {
		buf_addz(out, e);
	} else if (fs_exists(e)) {
		where = e;
		if (fs_read(e, INVOKE_EVENT_MAX, out, err) < 0)
			return -1;
	} else {
		buf_addz(out, e);
		if (check_event(out, where, err) == 0)
			return 0;
		err_set(err, ERR_NOTFOUND, "--event '%s': there is no such file, and it is no JSON", e);
		return err_hint(err, "--example NAME takes an example; --list shows them");
	}
	return check_event(out, where, err);
}

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
		buf_addz(&b, b.len ? "," : "{\"examples\":[");
		buf_addz(&b, "{\"name\":");
		buf_add_json(&b, str_from(x->name));
		buf_addz(&b, ",\"summary\":");
		buf_add_json(&b, str_from(x->summary));
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
	const char *url, *function;	/* borrowed */
};

static void target_release(struct target *t)
{
	project_release(&t->project);
	running_release(&t->running);
}

static int no_platform(const char *dir, struct err *err)
{
	err_set(err, ERR_NOTFOUND, "%s: no slsc local runs in this project", dir);
	return err_hint(err, "start it with `slsc local`, or name another platform with --url");
}

static int choose_function(struct target *t, struct err *err)
{
	if (t->has_project && t->project.nfunctions == 1) {
		t->function = t->project.functions[0]->name.s;
		return 0;
	}
	err_set(err, ERR_USAGE, "which function is to be invoked?");
	return err_hint(err, "slsc invoke FUNCTION");
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
	if (found <= 0)
		return found < 0 ? -1 : no_platform(dir, err);
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
	} else if (check_event(payload, "", &ignored) == 0) {
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

static void add_or_null(struct buf *b, const char *key, struct str s)
{
	buf_addf(b, ",\"%s\":", key);
	if (s.len)
		buf_add_json(b, s);
	else
		buf_addz(b, "null");
}

static int print_json(const struct target *t, const struct invoke_result *r, const struct buf *payload, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	buf_addz(&b, "{\"function\":");
	buf_add_json(&b, str_from(t->function));
	buf_addf(&b, ",\"status\":%d", r->status);
	add_or_null(&b, "request_id", str_from(r->request_id));
	add_or_null(&b, "version", str_from(r->version));
	add_or_null(&b, "function_error", buf_str(&r->error));
	add_or_null(&b, "error_details", buf_str(&r->details));
	add_payload(&b, payload);
	add_or_null(&b, "log", buf_str(&r->log));
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

static int call(const struct invoke_ctx *c, const struct globals *g, const struct target *t, struct str event,
		struct err *err)
{
	CLEAN_INVOKE_RESULT struct invoke_result r = INVOKE_RESULT_INIT;
	CLEAN_BUF struct buf payload = BUF_INIT, last = BUF_INIT;
	/* an answer in one piece is printed after it is whole, and is needed for the words on an error */
	const bool direct = c->stream && !g->json;
	struct invoke_request req = {
		.url = t->url, .function = t->function, .event = event, .tail = c->tail, .stream = c->stream,
		.type = g->dry_run ? INVOKE_DRY_RUN : c->async ? INVOKE_ASYNC : INVOKE_SYNC,
		.sink = direct ? to_stdout : collect, .ctx = direct ? &last : &payload,
	};
	struct http *h = http_new(err);
	int ret = h ? invoke(h, &req, &r, err) : -1;

	http_free(h);
	if (ret < 0) {
		if (err->code == ERR_NOTFOUND)
			hint_at_name(t, err);
		return -1;
	}
	if (g->json)
		ret = print_json(t, &r, &payload, err);
	else if (!direct)
		ret = to_stdout(&last, payload.ptr, payload.len, err);
	if (ret < 0)
		return -1;
	if (!g->json)
		print_words(t, &r, &last);
	return r.error.len ? function_error(t, &r, &payload, err) : 0;
}

static int check_options(const struct invoke_ctx *c, const struct globals *g, struct err *err)
{
	if (c->event && c->example)
		return err_set(err, ERR_USAGE, "--event and --example are both an event");
	if (c->async && (c->tail || c->stream || g->dry_run))
		return err_set(err, ERR_USAGE, "--async does not wait for the function: %s asks for what it says",
			       c->tail ? "--tail" : c->stream ? "--stream" : "--dry-run");
	if (g->dry_run && c->stream)
		return err_set(err, ERR_USAGE, "--dry-run has no answer for --stream");
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct invoke_ctx *c = ctx;
	CLEANUP(target_release) struct target t = { .running = RUNNING_INIT };
	CLEAN_BUF struct buf event = BUF_INIT;

	if (c->list)
		return list_examples(g, err);
	if (check_options(c, g, err) < 0 || read_event(c, &event, err) < 0 ||
	    find_target(&t, c, argc ? argv[0] : NULL, err) < 0)
		return -1;
	return call(c, g, &t, buf_str(&event), err);
}

const struct cmd cmd_invoke = {
	.name = "invoke",
	.args = "[FUNCTION]",
	.summary = "Call a function of the local platform",
	.description =
		"Sends an event to a function that slsc local serves, and prints what it answers, byte for byte. "
		"FUNCTION may be left out in a project with a single one; it may have a qualifier, NAME:QUALIFIER.\n\n"
		"The platform is the slsc local that runs in the project (.slsc/local.json tells where), or any other "
		"that speaks Lambda's Invoke API without signatures, named by --url.\n\n"
		"The exit code is 1 if the function failed: its answer, which says why, is printed all the same. The "
		"end of the log (--tail) goes to stderr. With --dry-run the platform says whether it would call the "
		"function, and does not.\n\n"
		"With --json the result is one line: function, status, request_id, version, function_error, "
		"error_details, payload, encoding (json: payload is the answer itself; text: a string; base64), log.",
	.examples = "$ slsc invoke hello --event '{\"name\":\"world\"}'\n"
		    "$ slsc invoke hello --example s3 --tail\n"
		    "$ jq .Records[0] queue.json | slsc invoke hello --event - --async\n"
		    "$ slsc invoke hello --json | jq .payload\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct invoke_ctx),
	.flags = CMD_JSON | CMD_DRY_RUN,
	.run = run,
};
