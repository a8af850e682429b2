/* SPDX-License-Identifier: Apache-2.0 */
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "cli/out.h"
#include "commands.h"
#include "flow_remote.h"
#include "flow_run.h"
#include "flow_show.h"
#include "flow/value.h"
#include "local/flows.h"
#include "local/running.h"
#include "os/fs.h"

#define AT(member) offsetof(struct flow_history_ctx, member)
#define CHUNK	   (1u << 20) /* so much of a history is gathered before it is written */

const struct opt flow_history_opts[] = {
	{ OPT_FLAG, .long_name = "list", .offset = AT(list),
	  .help = "the executions that the journal has, the last first" },
	{ .type = OPT_END },
};

struct reading {
	struct flow_job job;
	const char *name; /* NULL: all of them, as a list */
	bool json, found;
	struct buf *out;
	struct flow_stored stored;
};

static bool list_one(void *ctx, const struct execution_row *x)
{
	struct reading *r = ctx;
	CLEAN_FREE char *machine = xstrndup(x->machine.ptr, x->machine.len), *name = xstrndup(x->name.ptr, x->name.len);

	flow_show_listed(machine, name, flow_status_name[x->status], (double)x->started / 1e9, r->json, r->out);
	return true;
}

static int work(struct flow_job *job, const struct flow_store_ops *ops, struct flow_store *s, struct err *err)
{
	struct reading *r = CONTAINER_OF(job, struct reading, job);
	int64_t id;
	int n;

	if (!r->name)
		return ops->executions(s, STR(""), -1, INT64_MAX, list_one, r, err);
	n = ops->find(s, STR(""), str_from(r->name), &id, err);
	if (n > 0)
		n = flow_stored_read(&r->stored, ops, s, id, err);
	r->found = n > 0;
	return n < 0 ? -1 : 0;
}

/* A history may have a million events, each with its data: they are printed as they are made. */
struct printing {
	struct buf *out;
	bool json, any;
	double first;
	struct err *err;
	int ret;
};

static void print_one(void *ctx, const struct flow_history *h)
{
	struct printing *p = ctx;
	json_t *event;

	if (p->ret < 0)
		return;
	event = flow_history_json(h);
	if (p->json) {
		buf_addz(p->out, p->any ? "," : "{\"events\":[");
		flow_value_dump(event, p->out);
	} else {
		flow_show_event(event, &p->first, p->out);
	}
	p->any = true;
	json_decref(event);
	if (p->out->len < CHUNK)
		return;
	p->ret = out_stdout(p->out->ptr, p->out->len, p->err);
	buf_reset(p->out);
}

static int print_history(struct flows *f, const struct reading *r, struct err *err)
{
	struct err write_err = ERR_INIT;
	struct printing p = { .out = r->out, .json = r->json, .err = &write_err };

	if (flows_replay(f, &r->stored, print_one, &p, err) < 0)
		return -1;
	if (p.ret < 0)
		*err = write_err;
	else if (p.json)
		buf_addz(p.out, "]}\n");
	return p.ret;
}

/* What the service has no event for: slsc was ended, and went on. */
static void tell_resumed(const struct flow_stored *s)
{
	VEC_EACH(&s->events, l) {
		struct flow_event_read e;
		struct err ignored = ERR_INIT;

		if (flow_event_parse(l->text, l->len, &e, &ignored) < 0)
			return;
		if (e.ev.kind == FLOW_EV_RESUME)
			out_note("%s: at %+.3f s slsc went on with it: tasks without an answer were asked once more",
				 s->name, (double)(l->at - s->started) / 1e9);
		flow_event_release(&e);
	}
}

/* Nothing runs here: a platform without functions tells the journal its loop, and executions their ARNs. */
static int from_file(struct reading *r, const char *path, struct err *err)
{
	struct loop loop;
	struct platform p = { .loop = &loop, .region = "us-east-1", .account = "123456789012" };
	struct flows f = { .platform = NULL };
	int ret = -1;

	if (loop_init(&loop, err) < 0)
		return -1;
	if (flows_open(&f, &p, path, "slsc flow history", err) == 0 && flow_journal_now(f.journal, &r->job, err) == 0) {
		ret = 0;
		if (r->name && !r->found)
			ret = err_set(err, ERR_NOTFOUND, "%s: the journal has no execution of that name", r->name);
	}
	if (ret == 0 && r->name) {
		ret = print_history(&f, r, err);
		tell_resumed(&r->stored);
	} else if (ret < 0 && r->name && err->code == ERR_NOTFOUND) {
		err_hint(err, "`slsc flow history --list` shows those that it has");
	}
	flow_stored_release(&r->stored);
	flows_close(&f);
	loop_release(&loop);
	return ret;
}

int flow_history(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct flow_history_ctx *c = ctx;
	CLEAN_FLOW_PROJECT struct flow_project fp = { .has = false };
	CLEAN_RUNNING struct running other = RUNNING_INIT;
	CLEAN_BUF struct buf out = BUF_INIT;
	struct reading r = { .job.work = work, .name = argc ? argv[0] : NULL, .json = g->json, .out = &out };
	CLEAN_FREE char *dir = NULL, *path = NULL;
	int found;

	if (c->list ? argc > 0 : argc == 0) {
		err_set(err, ERR_USAGE, c->list ? "--list takes no name" : "the history of which execution?");
		return err_hint(err, "slsc flow history NAME, or --list");
	}
	if (flow_project_open(&fp, err) < 0)
		return -1;
	dir = fp.has ? xstrdup(fp.project.dir) : realpath(".", NULL);
	if (!dir)
		return err_sys(err, "cannot tell the current directory");
	found = running_find(dir, &other, err);
	if (found < 0)
		return -1;
	if (found)
		return flow_history_remote(c, g, other.url, r.name, err);
	path = path_join(dir, ".slsc/flow.db");
	if (!fs_exists(path)) {
		err_set(err, ERR_NOTFOUND, "%s: nothing was run here, or with --memory alone", path);
		return err_hint(err, "slsc flow run FILE --name NAME");
	}
	return from_file(&r, path, err) < 0 ? -1 : out_stdout(out.ptr, out.len, err);
}
