/* SPDX-License-Identifier: Apache-2.0 */
/* What launchers say of a build when it is over, each in its own words. */
#include <jansson.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "build/launcher.h"
#include "os/fs.h"
#include "os/proc.h"

#define LOG_MAX (64u << 20)

static bool contains(struct str s, const char *part)
{
	return memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

/* What one run of ccache has counted. */
struct counted {
	bool hit, miss, remote_hit, remote_failed;
};

static void settle(struct launcher_sum *sum, const struct counted *c)
{
	sum->compiles += c->hit || c->miss;
	sum->hits += c->hit;
	sum->remote_hits += c->hit && c->remote_hit;
	/* a result that was there and could not be used was none */
	sum->remote_failed += c->remote_failed || (c->miss && c->remote_hit);
}

/* ccache's stats_log: for each run a line "# file", and then the counters that went up, a line each time. */
static void sum_ccache(struct str text, struct launcher_sum *sum)
{
	struct counted c = { .hit = false };

	for (struct str line, rest; text.len; text = rest) {
		line = text;
		rest = str_cut(&line, '\n');
		line = str_trim(line);
		if (str_starts(line, "#")) {
			settle(sum, &c);
			c = (struct counted){ .hit = false };
		}
		c.hit |= str_eqz(line, "direct_cache_hit") || str_eqz(line, "preprocessed_cache_hit");
		c.miss |= str_eqz(line, "cache_miss");
		c.remote_hit |= str_eqz(line, "remote_storage_hit");
		c.remote_failed |= str_eqz(line, "remote_storage_error") || str_eqz(line, "remote_storage_timeout");
	}
	settle(sum, &c);
}

/* "distcc[12] exec on 10.0.0.1/4: ...": a second time for one process is another host, as the first did not finish. */
static bool is_second(struct map *seen, struct str line)
{
	static const char mark[] = "] exec on ";
	const char *at = memmem(line.ptr, line.len, mark, strlen(mark));
	CLEAN_FREE char *pid = NULL;

	if (!at || !str_starts(line, "distcc[") || contains(line, "] exec on localhost"))
		return false;
	pid = xstrndup(line.ptr, (size_t)(at - line.ptr));
	return map_put(seen, pid, seen) != NULL;
}

static void sum_distcc(struct str text, struct launcher_sum *sum)
{
	CLEAN_MAP struct map seen = { 0 };

	for (struct str line, rest; text.len; text = rest) {
		line = text;
		rest = str_cut(&line, '\n');
		if (contains(line, "failed to distribute"))
			sum->fell_back++;
		else if (contains(line, " completed ok") && !contains(line, " on localhost "))
			sum->elsewhere++;
		sum->moved += is_second(&seen, line);
	}
	sum->compiles = sum->elsewhere + sum->fell_back;
}

static void sum_icecc(struct str text, struct launcher_sum *sum)
{
	for (struct str line, rest; text.len; text = rest) {
		line = text;
		rest = str_cut(&line, '\n');
		if (contains(line, "building locally") || contains(line, "local build forced") ||
		    contains(line, "no local daemon found"))
			sum->fell_back++;
		else if (contains(line, "Have to use host "))
			sum->elsewhere++;
	}
	sum->compiles = sum->elsewhere + sum->fell_back;
}

void launcher_sum_log(const char *name, struct str text, struct launcher_sum *sum)
{
	if (strcmp(name, "ccache") == 0)
		sum_ccache(text, sum);
	else if (strcmp(name, "distcc") == 0)
		sum_distcc(text, sum);
	else if (strcmp(name, "icecc") == 0)
		sum_icecc(text, sum);
}

static unsigned count(const json_t *stats, const char *name)
{
	const json_t *v = json_object_get(stats, name), *of;
	const char *lang;
	json_int_t n = json_is_integer(v) ? json_integer_value(v) : 0;

	/* some are split by language */
	json_object_foreach(json_object_get(v, "counts"), lang, of)
		n += json_integer_value(of);
	return n > 0 && n < 1u << 30 ? (unsigned)n : 0;
}

/* Its server is this build's, and so are all its numbers. */
static int ask_sccache(const struct launcher *l, struct launcher_sum *sum, struct err *err)
{
	const char *const argv[] = { "sccache", "--show-stats", "--stats-format=json", NULL };
	CLEAN_BUF struct buf out = BUF_INIT, ignored = BUF_INIT;
	struct proc_opts o = { .out = &out, .errout = &ignored, .null_stdin = true, .timeout_ms = 10000 };
	struct strs env = l->env;
	json_error_t why;
	json_t *root;
	const json_t *stats;
	int status;

	o.env = (const char *const *)strs_argv(&env);
	if (proc_run(argv, &o, &status, err) < 0)
		return -1;
	root = json_loads(out.ptr, JSON_REJECT_DUPLICATES, &why);
	stats = json_object_get(root, "stats");
	if (!stats) {
		json_decref(root);
		return err_set(err, ERR_TOOL, "sccache: its server has no statistics");
	}
	sum->hits = count(stats, "cache_hits");
	sum->remote_hits = l->shown ? sum->hits : 0;
	sum->compiles = sum->hits + count(stats, "cache_misses");
	sum->remote_failed = count(stats, "cache_write_errors") + count(stats, "cache_errors") +
			     count(stats, "cache_timeouts");
	json_decref(root);
	return 0;
}

static int sum_file(const char *name, const char *path, struct launcher_sum *sum, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (!fs_exists(path))
		return 0;
	if (fs_read(path, LOG_MAX, &text, err) < 0)
		return -1;
	launcher_sum_log(name, buf_str(&text), sum);
	return 0;
}

int launcher_sum(const struct launcher *l, struct launcher_sum *sum, struct err *err)
{
	*sum = (struct launcher_sum){ 0 };
	if (!l->name)
		return 0;
	if (strcmp(l->name, "sccache") == 0)
		return ask_sccache(l, sum, err);
	return sum_file(l->name, l->log, sum, err);
}

char *launcher_complain(const struct launcher *l, const struct launcher_sum *sum)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (sum->remote_failed)
		buf_addf(&b, "launcher %s: %s failed in %u of %u compiles, which went on without it", l->name,
			 l->shown ? l->shown : "its remote", sum->remote_failed, sum->compiles);
	if (sum->moved)
		buf_addf(&b, "launcher %s: %u %s begun anew by another host, since the first did not finish", l->name,
			 sum->moved, sum->moved == 1 ? "compile was" : "compiles were");
	if (sum->fell_back && b.len)
		buf_addf(&b, "; %u done here", sum->fell_back);
	else if (sum->fell_back)
		buf_addf(&b, "launcher %s: %u %s done here, since no other host did %s", l->name, sum->fell_back,
			 sum->fell_back == 1 ? "compile was" : "compiles were", sum->fell_back == 1 ? "it" : "them");
	return b.len ? buf_detach(&b) : NULL;
}
