/* SPDX-License-Identifier: Apache-2.0 */
#include "scale_train.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>

#include "base/mem.h"
#include "cli/out.h"
#include "os/proc.h"
#include "report_out.h"
#include "scale/lstm.h"
#include "scale/trace.h"

#define SECOND	   1e9
#define AT(member) offsetof(struct scale_train_ctx, member)

const struct opt scale_train_opts[] = {
	SCALE_LOAD_OPTS,
	{ OPT_GROUP, .help = "Training" },
	{ OPT_UINT, .long_name = "steps", .offset = AT(steps), .arg = "N", .min = 1, .max = 100000,
	  .help = "how long it learns (default: 600)" },
	{ OPT_STR, 'o', "output", AT(output), .arg = "FILE", .complete = COMPLETE_FILE,
	  .help = "the model (default: scale-model.json)" },
	{ .type = OPT_END },
};

double *scale_history(const struct arrivals *a, uint64_t interval, uint64_t seed, size_t *n, struct err *err)
{
	const double each = SECOND / (double)interval;
	struct arrivals_cursor c;
	uint64_t at, busy, drawn = 0;
	double *v;

	*n = (size_t)(a->end / interval);
	v = xcalloc(*n + 1, sizeof(*v));
	for (arrivals_begin(&c, a, seed); (at = arrivals_next(&c, &busy)) != ARRIVALS_NEVER;) {
		/* what comes after the last whole interval is left out */
		if (at / interval < *n)
			v[at / interval] += each;
		if (++drawn % 65536 == 0 && sig_check(err) < 0) {
			free(v);
			return NULL;
		}
	}
	return v;
}

static int on_progress(unsigned done, unsigned steps, void *ctx)
{
	struct err *err = ctx;

	progress_set_total(steps);
	progress_update(done, NULL);
	return sig_check(err);
}

int scale_train_on(struct lstm *l, const double *v, size_t n, uint64_t interval, uint64_t seed, unsigned steps,
		   struct err *err)
{
	const struct lstm_training how = { .seed = seed, .steps = steps, .progress = on_progress, .ctx = err };
	int ret;

	if (n < LSTM_LEAST) {
		err_set(err, ERR_USAGE, "a history of %zu intervals: at least %u are needed to learn from", n,
			LSTM_LEAST);
		return err_hint(err, "a longer one, or a shorter --interval");
	}
	progress_begin("training", steps);
	ret = lstm_train(l, v, n, (double)interval / SECOND, &how);
	progress_end();
	return ret;
}

int scale_train(void *ctx, const struct globals *g, int argc, char **argv, struct err *err)
{
	const struct scale_train_ctx *c = ctx;
	const char *path = c->output ? c->output : "scale-model.json";
	const uint64_t seed = scale_load_seed(&c->load);
	CLEAN_BUF struct buf what = BUF_INIT, b = BUF_INIT, said = BUF_INIT;
	CLEAN_ARRIVALS struct arrivals a = { .n = 0 };
	CLEAN_FREE struct lstm *l = xcalloc(1, sizeof(*l));
	CLEAN_FREE double *v = NULL;
	uint64_t interval;
	size_t n;

	(void)argc;
	(void)argv;
	if ((!g->dry_run && report_out_check(path, err) < 0) || scale_load_make(&c->load, &a, &what, err) < 0 ||
	    scale_load_interval(&c->load, &a, &interval, err) < 0)
		return -1;
	v = scale_history(&a, interval, seed, &n, err);
	if (!v || scale_train_on(l, v, n, interval, seed, c->steps ? c->steps : LSTM_STEPS, err) < 0)
		return -1;
	lstm_write(l, &b);
	if (!g->dry_run && report_out(path, &b, err) < 0)
		return -1;
	if (g->json) {
		buf_addz(&said, "{\"file\":");
		buf_add_json(&said, str_from(path));
		buf_addf(&said, ",\"loss\":%.9g,\"naive\":%.9g,\"seed\":%" PRIu64 ",\"trained\":%" PRIu64 "}\n",
			 l->loss, l->naive, l->seed, l->trained);
	} else {
		const bool better = l->loss < l->naive;

		buf_addf(&said, "%s\n%s%s: learned from %" PRIu64 " intervals of %.6g s\n", what.ptr,
			 g->dry_run ? "would write " : "", path, l->trained, l->interval);
		buf_addf(&said,
			 "of the last fifth, which it was not shown, its squared error is %.1f %% of that of the last "
			 "value%s\n",
			 l->naive > 0 ? 100 * l->loss / l->naive : 100,
			 better ? "" : ": it has learned nothing that helps");
	}
	return out_stdout(said.ptr, said.len, err);
}
