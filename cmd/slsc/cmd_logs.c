/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/member.h"
#include "cli/out.h"
#include "commands.h"
#include "deploy/logs.h"
#include "os/proc.h"
#include "cloud.h"

struct logs_ctx {
	const char *since, *filter;
	bool remote, follow;
	struct cloud_flags flags;
};

#define AT(member) offsetof(struct logs_ctx, member)
#define SINCE "10min"
#define PAUSE_MS 1000
#define PAUSE_MAX_MS 4000	/* when nothing comes */
#define TROUBLE_MAX_MS 32000	/* when something is in the way */

static const struct opt opts[] = {
	{ OPT_FLAG, .long_name = "remote", .offset = AT(remote), .help = "of the function that is deployed" },
	{ OPT_FLAG, 'f', "follow", AT(follow), .help = "go on with what is logged from now on, until Ctrl-C" },
	{ OPT_STR, .long_name = "since", .offset = AT(since), .arg = "TIME",
	  .help = "begin so long ago: 30s, 10m, 2h, 3d (default: " SINCE ")" },
	{ OPT_STR, .long_name = "filter", .offset = AT(filter), .arg = "PATTERN",
	  .help = "only events that match, by CloudWatch Logs' filter patterns" },
	CLOUD_OPTS(struct logs_ctx, flags),
	{ .type = OPT_END },
};

/* ---- what is printed ---- */

struct printer {
	bool json, terminal;
	const char *version;	/* of it alone; NULL: of all */
};

static void add_time(struct buf *b, int64_t ms)
{
	const int64_t rest = ((ms % 1000) + 1000) % 1000;
	time_t s = (time_t)((ms - rest) / 1000);
	struct tm tm;
	char text[48] = "";

	if (gmtime_r(&s, &tm))
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(b, "%s.%03dZ", text, (int)rest);
}

static int print_json(const struct log_event *e, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	const struct str version = logs_version(e->stream);

	buf_addz(&b, "{\"time\":\"");
	add_time(&b, e->at_ms);
	buf_addc(&b, '"');
	member_str(&b, "message", e->message);
	if (version.len)
		member_str(&b, "version", version);
	else
		member_text(&b, "version", NULL);
	member_str(&b, "stream", e->stream);
	member_str(&b, "id", e->id);
	buf_addz(&b, "}\n");
	return out_stdout(b.ptr, b.len, err);
}

static int print(void *ctx, const struct log_event *event, struct err *err)
{
	const struct printer *p = ctx;
	struct log_event e = *event;
	CLEAN_BUF struct buf b = BUF_INIT;

	if (p->version && !str_eqz(logs_version(e.stream), p->version))
		return 0;
	while (e.message.len && (e.message.ptr[e.message.len - 1] == '\n' || e.message.ptr[e.message.len - 1] == '\r'))
		e.message.len--;
	if (p->json)
		return print_json(&e, err);
	add_time(&b, e.at_ms);
	buf_addc(&b, ' ');
	while (e.message.len) {
		const char c = *e.message.ptr;
		/* whoever writes into a log does not write to the terminal of who reads it */
		const size_t n = p->terminal && c != '\n' && c != '\t' ? str_control(e.message) : 0;

		buf_addc(&b, n ? '?' : c);
		e.message.ptr += n ? n : 1;
		e.message.len -= n ? n : 1;
	}
	buf_addc(&b, '\n');
	return out_stdout(b.ptr, b.len, err);
}

/* ---- which group ---- */

/* What Lambda says of the function: its group, and the version that a qualifier stands for. */
struct asked {
	char *group, *version;
};

static void asked_release(struct asked *a)
{
	free(a->group);
	free(a->version);
}

/* ERR_NOTFOUND if there is no such function; who may read logs need not have the right to ask. */
static int ask_function(struct cloud *r, struct asked *a, struct err *err)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_FREE char *url = cloud_url(r, "configuration");
	CLEAN_FREE char *what = xasprintf("%s: GetFunctionConfiguration", r->called);
	struct aws_call call = { .what = what, .service = "lambda", .method = "GET", .url = url };
	const char *group, *version;
	const char *colon = strrchr(r->name, ':');
	json_t *root;

	if (session_send(&r->session, &call, &resp, err) < 0)
		return -1;
	if (resp.status != 200 && !(resp.status == 403 && aws_error_is(&resp, "AccessDeniedException"))) {
		session_refused(&r->session, &call, &resp, err);
		return resp.status == 404 ? err_hint(err, "is it deployed, and in %s?", r->session.region) : -1;
	}
	root = resp.status == 200 ? json_loadb(resp.body.ptr, resp.body.len, 0, NULL) : NULL;
	group = json_string_value(json_object_get(json_object_get(root, "LoggingConfig"), "LogGroup"));
	version = json_string_value(json_object_get(root, "Version"));
	a->group = group ? xstrdup(group) : xasprintf("/aws/lambda/%s", colon ? colon + 1 : r->name);
	if (r->qualifier)
		a->version = xstrdup(version ? version : r->qualifier);
	json_decref(root);
	return 0;
}

/* ---- the reading ---- */

static bool is_signal(const struct err *err)
{
	return err->code == ERR_INTR;
}

enum way { CLEAR, MISSING, TROUBLE };

static void tell(enum way way, const struct err *err)
{
	if (way == MISSING)
		out_note("nothing has been logged yet: waiting for it");
	else if (way == TROUBLE)
		out_warn("%s: going on", err->msg);
}

static int follow(struct logs *l, struct err *err)
{
	int64_t pause = PAUSE_MS;
	enum way before = CLEAR;

	for (;;) {
		const uint64_t told = l->told;
		const int ret = logs_read(l, err);
		const enum way now = ret == 0 ? CLEAR : l->missing ? MISSING : TROUBLE;

		if (ret < 0 && is_signal(err))
			return 0;
		if (now == TROUBLE && !l->transient)
			return -1;
		if (now != before)
			tell(now, err);
		if (now != before || l->told > told)
			pause = PAUSE_MS;
		else if (pause < (now == TROUBLE ? TROUBLE_MAX_MS : PAUSE_MAX_MS))
			pause *= 2;
		before = now;
		if (aws_pause(pause, err) < 0)
			return is_signal(err) ? 0 : -1;
	}
}

static int read_since(const char *text, int64_t *ms, struct err *err)
{
	uint64_t us;
	const size_t n = strlen(text);
	CLEAN_FREE char *plain = NULL;
	unsigned times = 1;

	/* what people are used to, beside the units of slsc.yaml */
	if (n > 1 && strchr("0123456789 ", text[n - 2]) && (text[n - 1] == 'm' || text[n - 1] == 'd')) {
		times = text[n - 1] == 'd' ? 24 : 1;
		plain = xasprintf("%.*s%s", (int)(n - 1), text, times == 24 ? "h" : "min");
	}
	if (duration_parse(plain ? plain : text, &us) < 0 || us > 366ull * 86400 * 1000000) {
		err_set(err, ERR_USAGE, "--since: '%.50s' is no time of at most a year", text);
		return err_hint(err, "such as 30s, 10m, 2h, 3d");
	}
	*ms = (int64_t)time(NULL) * 1000 - (int64_t)(us / 1000 * times);
	return 0;
}

static int run(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct logs_ctx *c = ctx;
	CLEAN_CLOUD struct cloud r = CLOUD_INIT;
	CLEANUP(asked_release) struct asked a = { NULL, NULL };
	CLEAN_LOGS struct logs l = { .event = print, .filter = c->filter };
	struct printer p = { .json = g->json, .terminal = isatty(STDOUT_FILENO) };
	int ret;

	if (!c->remote) {
		err_set(err, ERR_USAGE, "slsc local prints what its functions log: there is nothing to fetch");
		return err_hint(err, "of a function that is deployed: slsc logs --remote %.200s",
				argc ? argv[0] : "FUNCTION");
	}
	if (read_since(c->since ? c->since : SINCE, &l.from_ms, err) < 0 ||
	    cloud_open(&r, &c->flags, argc ? argv[0] : NULL, "slsc logs --remote", err) < 0 ||
	    ask_function(&r, &a, err) < 0)
		return -1;
	p.version = a.version;
	l.session = &r.session;
	l.what = r.called;
	l.group = a.group;
	l.ctx = &p;
	if (c->follow)
		return follow(&l, err);
	ret = logs_read(&l, err);
	if (ret < 0 && l.missing) {
		err_set(err, ERR_NOTFOUND, "%s: there is no log group %s", r.called, a.group);
		return err_hint(err, "the first call makes it: slsc invoke --remote %.200s", r.called);
	}
	if (ret == 0 && !l.told && !g->json)
		out_note("%s: nothing since %s", r.called, c->since ? c->since : SINCE);
	return ret;
}

const struct cmd cmd_logs = {
	.name = "logs",
	.args = "[FUNCTION]",
	.summary = "Show what a deployed function has logged",
	.description =
		"Prints the events of the function's log group in CloudWatch Logs, oldest first, each with its time: "
		"what it printed, and START, END and REPORT of Lambda. FUNCTION is one of slsc.yaml, which may be left "
		"out if it is the only one, or any that is deployed: NAME, NAME:QUALIFIER or an ARN. With a qualifier, "
		"a version or an alias, only what that version has logged.\n\n"
		"With --follow it goes on until Ctrl-C, which is no error: it asks every second, every four seconds "
		"when nothing comes, and for the last 30 seconds again each time, since an event may come late; none "
		"is printed twice. When the service is busy or the network away, it waits longer and goes on.\n\n"
		"Credentials and region are found where AWS's own tools find them, as by `slsc deploy`. They need the "
		"right to logs:FilterLogEvents, and to lambda:GetFunctionConfiguration if the log group has another "
		"name than /aws/lambda/NAME, or for a qualifier that is an alias.\n\n"
		"With --json each event is one line: time, message, version, stream, id.",
	.examples = "$ slsc logs --remote hello\n"
		    "$ slsc logs --remote hello --since 2h --filter '\"Task timed out\"'\n"
		    "$ slsc logs --remote hello:live --follow\n"
		    "$ slsc logs --remote hello --json --filter REPORT | jq -r .message\n",
	.opts = opts,
	.complete = COMPLETE_FUNCTION,
	.ctx_size = sizeof(struct logs_ctx),
	.flags = CMD_JSON,
	.run = run,
};
