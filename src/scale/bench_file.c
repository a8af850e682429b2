/* SPDX-License-Identifier: Apache-2.0 */
#include "scale/bench_file.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "config/json_text.h"
#include "os/fs.h"

static int no_bench(const char *shown, const char *what, struct err *err)
{
	err_set(err, ERR_FORMAT, "%s: %s", shown, what);
	return err_hint(err, "slsc bench FUNCTION --json >%.100s", shown);
}

/* Buckets are [the greatest value in it, how many]: each is as wide as slsc bench makes them, 16 to a power of two. */
static int read_hist(const json_t *h, const char *shown, struct spread *d, struct err *err)
{
	const json_t *buckets = json_object_get(h, "buckets"), *least = json_object_get(h, "min");
	const size_t n = json_array_size(buckets);
	CLEAN_FREE uint64_t *from = NULL, *to = NULL;
	CLEAN_FREE double *weight = NULL;
	json_int_t before = -1;

	if (!n || n > SPREAD_BUCKETS_MAX)
		return no_bench(shown, "a distribution without buckets, or with too many", err);
	from = xcalloc(n, sizeof(*from));
	to = xcalloc(n, sizeof(*to));
	weight = xcalloc(n, sizeof(*weight));
	for (size_t i = 0; i < n; i++) {
		const json_t *b = json_array_get(buckets, i);
		const json_int_t last = json_integer_value(json_array_get(b, 0));
		const json_int_t count = json_integer_value(json_array_get(b, 1));
		unsigned bits;

		if (!json_is_integer(json_array_get(b, 0)) || !json_is_integer(json_array_get(b, 1)) ||
		    last <= before || (uint64_t)last > SPREAD_TIME_MAX * 2 || count < 1)
			return no_bench(shown, "a distribution whose buckets do not ascend, or are empty", err);
		bits = 64u - (unsigned)__builtin_clzll((uint64_t)last | 1);
		to[i] = (uint64_t)last;
		from[i] = to[i] - (bits > 5 ? (UINT64_C(1) << (bits - 5)) - 1 : 0);
		from[i] = (json_int_t)from[i] <= before ? (uint64_t)before + 1 : from[i];
		if (!i && json_is_integer(least) && json_integer_value(least) > (json_int_t)from[0] &&
		    json_integer_value(least) <= last)
			from[0] = (uint64_t)json_integer_value(least);
		weight[i] = (double)count;
		before = last;
	}
	spread_measured(d, from, to, weight, n);
	return 0;
}

static const json_t *part_of(const json_t *root, const char *part, const char *name)
{
	const json_t *v = json_object_get(json_object_get(root, part), name);

	return json_is_object(v) ? v : NULL;
}

static int read_root(const json_t *root, const char *shown, struct bench_file *f, struct err *err)
{
	const char *const part = part_of(root, "load", "function") ? "load" : "cold";
	const json_t *service = part_of(root, part, "function"), *cold = part_of(root, "cold", "init");
	const json_t *cpu = part_of(root, part, "cpu"), *v;

	if (!json_is_object(root) || !json_object_get(root, "load") || !json_object_get(root, "cold"))
		return no_bench(shown, "is not what slsc bench --json writes", err);
	if (!service)
		return no_bench(shown, "no call went well: there is no service time", err);
	if (read_hist(service, shown, &f->service, err) < 0 || (cold && read_hist(cold, shown, &f->cold, err) < 0))
		return -1;
	if (f->service.mean <= 0)
		return no_bench(shown, "a service time of 0: a request takes some time", err);
	f->cpu = 1;
	if (cpu && json_is_number(v = json_object_get(cpu, "mean"))) {
		const json_t *share = json_object_get(json_object_get(root, "limits"), "cpu");
		const double all = json_is_integer(share) && json_integer_value(share) > 0
					   ? (double)json_integer_value(share) / 1000
					   : 1;

		f->cpu = json_number_value(v) / (f->service.mean * all);
		f->cpu = f->cpu > 0 && f->cpu < 1 ? f->cpu : 1;
	}
	v = json_object_get(json_object_get(root, "limits"), "memory");
	if (json_is_integer(v) && json_integer_value(v) > 0)
		f->limit = (uint64_t)json_integer_value(v);
	v = json_object_get(root, "arch");
	if (json_is_string(v))
		snprintf(f->arch, sizeof(f->arch), "%s", json_string_value(v));
	for (int i = 0; i < 2 && !f->memory; i++) {
		v = json_object_get(json_object_get(root, i ? "cold" : "load"), "memory");
		if (json_is_integer(v) && json_integer_value(v) > 0)
			f->memory = (uint64_t)json_integer_value(v);
	}
	v = json_object_get(root, "function");
	if (json_is_string(v))
		f->function = xstrdup(json_string_value(v));
	return 0;
}

int bench_file_parse(struct str text, const char *shown, struct bench_file *f, struct err *err)
{
	json_t *root = json_text_parse(text, shown, "no JSON: ", err);
	int ret;

	*f = (struct bench_file){ .function = NULL };
	if (!root)
		return -1;
	ret = read_root(root, shown, f, err);
	json_decref(root);
	if (ret < 0)
		bench_file_release(f);
	return ret;
}

int bench_file_read(const char *path, struct bench_file *f, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	*f = (struct bench_file){ .function = NULL };
	if (fs_read(path, BENCH_FILE_MAX, &b, err) < 0)
		return -1;
	return bench_file_parse(buf_str(&b), path, f, err);
}

void bench_file_release(struct bench_file *f)
{
	free(f->function);
	spread_release(&f->service);
	spread_release(&f->cold);
	*f = (struct bench_file){ .function = NULL };
}
