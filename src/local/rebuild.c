/* SPDX-License-Identifier: Apache-2.0 */
#include "local/rebuild.h"

#include <string.h>
#include <unistd.h>

static void *work(void *arg)
{
	struct rebuild *r = arg;
	CLEAN_FD int lock = -1;

	if (project_load(&r->project, r->dir, &r->err) == 0) {
		lock = build_lock(&r->project, "slsc local", r->waiting, NULL, &r->err);
		if (lock >= 0 && build_run(&r->project, &r->req, &r->res, &r->err) == 0)
			r->err.code = ERR_NONE;
	}
	loop_post(r->loop, &r->task);
	return NULL;
}

static void forget(struct rebuild *r)
{
	build_result_release(&r->res);
	project_release(&r->project);
	r->res = (struct build_result){ 0 };
	r->project = (struct project){ 0 };
}

static void finished(struct loop_task *t)
{
	struct rebuild *r = CONTAINER_OF(t, struct rebuild, task);

	if (!r->running)
		return;
	pthread_join(r->thread, NULL);
	r->running = false;
	r->done(r, &r->project, &r->res, &r->err);
	forget(r);
	if (r->again)
		rebuild_go(r);
}

void rebuild_go(struct rebuild *r)
{
	if (r->running) {
		r->again = true;
		return;
	}
	r->again = false;
	r->task.run = finished;
	r->err = (struct err)ERR_INIT;
	r->running = pthread_create(&r->thread, NULL, work, r) == 0;
	if (!r->running) {
		err_set(&r->err, ERR_IO, "cannot start a thread to build in");
		r->done(r, &r->project, &r->res, &r->err);
	}
}

void rebuild_stop(struct rebuild *r)
{
	if (!r->running)
		return;
	pthread_join(r->thread, NULL);
	r->running = false;
	forget(r);
}
