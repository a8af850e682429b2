/* SPDX-License-Identifier: Apache-2.0 */
#include "build/package.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/package_internal.h"
#include "build/package_workers.h"
#include "os/fs.h"
#include "os/proc.h"

#define EPOCH_1980 315532800	/* zip's first moment: what time there is when nobody says */
#define EPOCH_MAX 253402300799ull	/* 9999-12-31T23:59:59Z, the last moment that RFC 3339 can write */
#define LAYOUT_INDEX_MAX (1u << 20)	/* bytes of a layout's index.json; ours have some hundreds */
#define PARALLEL_FROM (256u * 1024)

int package_epoch(int64_t *epoch, bool *set, struct err *err)
{
	const char *s = getenv("SOURCE_DATE_EPOCH");
	uint64_t v;

	*epoch = EPOCH_1980;
	*set = false;
	if (!s || !*s)
		return 0;
	if (str_parse_u64(str_from(s), &v) < 0 || v > EPOCH_MAX) {
		if (s[strspn(s, "0123456789")])
			err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH is '%.100s': not a number of seconds since 1970", s);
		else
			err_set(err, ERR_USAGE, "SOURCE_DATE_EPOCH is '%.100s': not in the range 0 to %llu", s,
				EPOCH_MAX);
		return err_hint(err, "unset it, or set it to $(git log -1 --format=%%ct)");
	}
	*epoch = (int64_t)v;
	*set = true;
	return 0;
}

static void *ask_git(void *ctx)
{
	struct provenance *pr = ctx;

	pr->ret = git_provenance(pr->dir, &pr->git, &pr->err);
	return NULL;
}

static void provenance_start(struct packager *pk)
{
	struct digest empty;
	struct err ignored;

	pk->prov.dir = pk->p->dir;
	/*
	 * dlopen() holds one lock: were libgit2, which takes milliseconds, to come first, the layers would wait
	 * for libcrypto. A failure shows where the digest is wanted.
	 */
	if (digest_of("", 0, &empty, &ignored) < 0 ||
	    pthread_create(&pk->prov.thread, NULL, ask_git, &pk->prov) != 0)
		ask_git(&pk->prov);
	else
		pk->prov.running = true;
}

int provenance_join(struct packager *pk, struct err *err)
{
	struct provenance *pr = &pk->prov;

	if (pr->dir && pr->running)
		pthread_join(pr->thread, NULL);
	pr->running = false;
	if (!pr->dir)
		return 0;
	pr->dir = NULL;
	if (pr->ret < 0 && pr->err.code == ERR_INTR) {
		*err = pr->err;
		return -1;
	}
	/* A package is worth having without knowing where it comes from. */
	if (pr->ret < 0)
		strs_addf(&pk->res->warnings, "%s: packaged without revision and source", pr->err.msg);
	else if (pr->git.dirty && pr->git.revision[0])
		strs_addf(&pk->res->warnings, "there are uncommitted changes: the revision is marked -dirty");
	if (pr->ret == 0 && pr->git.revision[0])
		pk->res->revision = xasprintf("%s%s", pr->git.revision, pr->git.dirty ? "-dirty" : "");
	return 0;
}

struct packaged *artifact_add(struct packager *pk, enum package_format kind, const struct unit *u, int arch,
			      const char *fmt, ...)
{
	CLEAN_FREE char *name = NULL;
	struct packaged a = { .kind = kind, .function = u->fn->name.s, .arch = arch };
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&name, fmt, ap);
	va_end(ap);
	if (n < 0)
		BUG("out of memory");
	a.path = path_join(pk->shown, name);
	a.name = a.path + strlen(a.path) - strlen(name);
	VEC_PUSH(pk->res, a);
	return &pk->res->ptr[pk->res->len - 1];
}

void package_step(struct packager *pk, const char *item)
{
	if (pk->req->step)
		pk->req->step(pk->done, pk->total, item, pk->req->ctx);
	pk->done++;
}

struct zip_job {
	struct packager *pk;
	struct unit *u;
	struct packaged *a;
	char *path;
	struct err err;
	int ret;
};

struct zip_queue {
	struct zip_job *jobs;
	size_t n;
	atomic_size_t next;
};

static int write_zip(struct zip_job *j)
{
	const struct tree *t = &j->u->zip_tree[j->a->arch];
	const enum zip_level level = (enum zip_level)j->u->level;

	j->a->unpacked = tree_total(t);
	if (sig_check(&j->err) < 0 || zip_write(t, j->path, level, j->pk->mtime, &j->a->size, &j->err) < 0)
		return err_wrap(&j->err, "%s", j->a->path);
	return digest_file(j->path, &j->a->digest, NULL, &j->err);
}

static void *zip_worker(void *ctx)
{
	struct zip_queue *q = ctx;
	size_t i;

	while ((i = atomic_fetch_add(&q->next, 1u)) < q->n)
		q->jobs[i].ret = write_zip(&q->jobs[i]);
	return NULL;
}

/*
 * A zip is deflated by one thread, from memory; two zips at a time use two cores and stay below four times the largest
 * input. Small ones are done before a thread would have started.
 */
static int package_zips(struct packager *pk, struct err *err)
{
	struct zip_queue q = { .n = 0 };
	CLEAN_FREE struct zip_job *jobs = NULL;
	uint64_t bytes = 0;
	pthread_t helper;
	bool helped = false;
	size_t first = pk->res->len;
	int ret = 0;

	for (size_t i = 0; i < pk->nunits; i++)
		q.n += pk->units[i].narches;
	jobs = xcalloc(q.n ? q.n : 1, sizeof(*jobs));
	q.jobs = jobs;
	for (size_t i = 0, k = 0; i < pk->nunits; i++)
		for (size_t a = 0; a < pk->units[i].narches; a++, k++) {
			struct unit *u = &pk->units[i];
			const struct packaged *made = artifact_add(pk, PACKAGE_ZIP, u, (int)u->arches[a], "%s-%s.zip",
								   u->fn->name.s, arch_name(u->arches[a]));

			package_step(pk, made->name);
			bytes += tree_total(&u->zip_tree[u->arches[a]]);
			jobs[k] = (struct zip_job){ .pk = pk, .u = u, .path = path_join(pk->out, made->name) };
		}
	for (size_t k = 0; k < q.n; k++)
		jobs[k].a = &pk->res->ptr[first + k];
	if (q.n > 1 && bytes >= PARALLEL_FROM)
		helped = pthread_create(&helper, NULL, zip_worker, &q) == 0;
	zip_worker(&q);
	if (helped)
		pthread_join(helper, NULL);
	for (size_t k = 0; k < q.n; k++) {
		const struct zip_job *j = &jobs[k];
		char size[32];

		if (j->ret < 0 && ret == 0) {
			*err = j->err;
			ret = -1;
		} else if (j->ret == 0 && j->a->size > LAMBDA_ZIP_DIRECT) {
			strs_addf(&pk->res->warnings,
				  "%s: %s is over the 50 MB that Lambda takes directly: upload it to S3 first",
				  j->a->path, str_human_size(j->a->size, size, sizeof(size)));
		}
		free(j->path);
	}
	return ret;
}

/* Whether what an entry says of its file is still so, as far as can be told without reading all of it. */
static bool still_true(const struct listed *e, void *ctx)
{
	const struct packager *pk = ctx;
	CLEAN_FREE char *full = path_join(pk->out, e->path), *index = path_join(full, "index.json");
	struct fs_map m;
	struct stat st;
	struct err ignored;
	bool known;

	/* of these the file may be the new one already, or is not known */
	for (size_t i = 0; i < pk->res->len; i++)
		if (pk->res->ptr[i].size && strcmp(pk->res->ptr[i].name, e->path) == 0)
			return false;
	if (!path_is_inside(e->path))
		return false;
	if (e->kind && strcmp(e->kind, package_format_name(PACKAGE_OCI)) == 0) {
		/* mapped, for a read would give up after a signal */
		if (!e->sha256 || fs_map_open(&m, index, LAYOUT_INDEX_MAX, &ignored) < 0)
			return false;
		known = memmem(m.ptr, m.len, e->sha256, strlen(e->sha256)) != NULL;
		fs_map_close(&m);
		return known;
	}
	if (e->kind && strcmp(e->kind, package_format_name(PACKAGE_WORKERS)) == 0)
		return e->sha256 && workers_are(full, e->sha256, e->size);
	return lstat(full, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == e->size;
}

static int write_list(struct packager *pk, struct str old, bool sync, struct err *err)
{
	CLEAN_TMP struct fs_tmp tmp = FS_TMP_INIT;
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_FREE char *path = path_join(pk->out, "manifest.json");

	package_list(pk->res, old, still_true, pk, &text);
	if (fs_tmp_open(&tmp, path, 0644, err) < 0 || fs_write_all(tmp.fd, text.ptr, text.len, path, err) < 0)
		return -1;
	return fs_tmp_commit(&tmp, sync, err);
}

static void drop_artifacts(struct package_result *res)
{
	for (size_t i = 0; i < res->len; i++) {
		for (size_t k = 0; k < res->ptr[i].nimages; k++)
			free(res->ptr[i].images[k].layers);
		free(res->ptr[i].path);
	}
	VEC_FREE(res);
}

/* What a run would write, with all that can be known before. */
static void list_only(struct packager *pk)
{
	for (size_t i = 0; i < pk->nunits; i++) {
		const struct unit *u = &pk->units[i];
		const char *fn = u->fn->name.s;

		for (size_t k = 0; k < u->narches && (pk->req->formats & PACKAGE_ZIP); k++)
			artifact_add(pk, PACKAGE_ZIP, u, (int)u->arches[k], "%s-%s.zip", fn, arch_name(u->arches[k]))
				->unpacked = tree_total(&u->zip_tree[u->arches[k]]);
		if ((u->narches || u->in_layout) && (pk->req->formats & PACKAGE_OCI))
			artifact_add(pk, PACKAGE_OCI, u, -1, "%s.oci", fn);
		if (u->narches && (pk->req->formats & PACKAGE_OCI_ARCHIVE))
			artifact_add(pk, PACKAGE_OCI_ARCHIVE, u, -1, "%s.oci.tar", fn);
		for (size_t k = 0; k < u->narches && (pk->req->formats & PACKAGE_DOCKER_ARCHIVE); k++)
			artifact_add(pk, PACKAGE_DOCKER_ARCHIVE, u, (int)u->arches[k], "%s-%s.docker.tar", fn,
				     arch_name(u->arches[k]));
		if (u->worker)
			artifact_add(pk, PACKAGE_WORKERS, u, ARCH_WASM32, "%s.workers", fn);
	}
}

static int no_worker(const struct packager *pk, const struct function *fn, struct err *err)
{
	project_err(pk->p, ERR_CONFIG, fn->name, err, "'%s' is not built for wasm32, of which a Worker is made",
		    fn->name.s);
	return err_hint(err, "add wasm32 to its arches");
}

static int make_units(struct packager *pk, struct err *err)
{
	const struct strs *want = pk->req->functions;
	const size_t n = want && want->len ? want->len : pk->p->nfunctions;

	pk->units = xcalloc(n ? n : 1, sizeof(*pk->units));
	for (size_t i = 0; i < n; i++) {
		const struct function *fn = pk->p->nfunctions ? pk->p->functions[i % pk->p->nfunctions] : NULL;
		bool twice = false;

		if (want && want->len)
			fn = project_function(pk->p, want->ptr[i], err);
		if (!fn)
			return -1;
		for (size_t k = 0; k < pk->nunits; k++)
			twice = twice || pk->units[k].fn == fn;
		/* others may have no Worker, if nobody named them */
		if (pk->req->formats == PACKAGE_WORKERS && !workers_wants(pk, fn)) {
			if (i + 1 < n && !(want && want->len))
				continue;
			if (!pk->nunits || (want && want->len))
				return no_worker(pk, fn, err);
			continue;
		}
		if (!twice && unit_init(&pk->units[pk->nunits++], pk, fn, err) < 0)
			return -1;
	}
	if (package_tags_check(pk, err) < 0)
		return -1;
	for (size_t i = 0; i < pk->nunits; i++) {
		const unsigned arches = (unsigned)pk->units[i].narches, f = pk->req->formats;

		pk->total += (f & PACKAGE_ZIP ? arches : 0) + (f & PACKAGE_DOCKER_ARCHIVE ? arches : 0) +
			     pk->units[i].worker;
		if (arches || pk->units[i].in_layout)
			pk->total += (f & (PACKAGE_OCI | PACKAGE_OCI_ARCHIVE) ? 1u : 0u) +
				     (f & PACKAGE_OCI_ARCHIVE && arches ? 1u : 0u);
	}
	return 0;
}

/*
 * Whatever ends this run, the list never gives a file another's digest: before the first artifact is written, the
 * entries of all that will be go. A journal keeps the order, so this need not reach the disk before it goes on.
 */
static int forget(struct packager *pk, struct str old, struct err *err)
{
	int ret;

	list_only(pk);
	VEC_EACH(pk->res, a)
		a->size = 1;	/* as good as replaced */
	ret = write_list(pk, old, false, err);
	drop_artifacts(pk->res);
	return ret;
}

static int make_all(struct packager *pk, struct err *err)
{
	if ((pk->req->formats & PACKAGE_ZIP) && package_zips(pk, err) < 0)
		return -1;
	for (size_t i = 0; i < pk->nunits; i++) {
		struct unit *u = &pk->units[i];

		if (((u->narches || u->in_layout) && package_image(pk, u, err) < 0) || package_workers(pk, u, err) < 0)
			return -1;
	}
	return provenance_join(pk, err);
}

static int write_all(struct packager *pk, struct err *err)
{
	CLEAN_BUF struct buf old = BUF_INIT;
	CLEAN_FREE char *path = path_join(pk->out, "manifest.json");
	struct err ignored;
	bool listed;

	if (fs_mkdirs(pk->out, err) < 0)
		return -1;
	fs_tmp_sweep(pk->out);
	listed = fs_exists(path);
	/* Unreadable is as good as absent: what is packaged now is known. */
	if (listed && fs_read(path, DIST_LIST_MAX, &old, &ignored) < 0)
		buf_reset(&old);
	if (listed && forget(pk, buf_str(&old), err) < 0)
		return -1;
	if (make_all(pk, err) == 0)
		return write_list(pk, buf_str(&old), true, err);
	/* What was made before the failure is there, all else is as it was. */
	VEC_EACH(pk->res, a)
		listed = listed || a->size;
	if (listed && write_list(pk, buf_str(&old), true, &ignored) < 0)
		return -1;	/* the list is but shorter */
	return -1;
}

/* dist/hello.zip rather than the whole path, where the user stands in the project. */
static char *shown_dist(const struct packager *pk)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);

	return here && strcmp(here, pk->p->dir) == 0 ? xstrdup("dist") : path_join(pk->p->dir, "dist");
}

/* @path may not exist yet: what exists of it is resolved. */
static char *real_of(const char *path)
{
	CLEAN_FREE char *here = getcwd(NULL, 0);
	CLEAN_FREE char *abs = path_join(here ? here : "/", path);
	CLEAN_FREE char *full = path_clean(abs), *at = xstrdup(full), *real = realpath(at, NULL);
	const char *rest;

	while (!real && strcmp(at, "/") != 0) {
		char *up = path_dirname(at);

		free(at);
		at = up;
		real = realpath(at, NULL);
	}
	rest = full + strlen(at);
	return path_join(real ? real : "/", *rest == '/' ? rest + 1 : rest);
}

int package_run(const struct package_request *req, struct package_result *res, struct err *err)
{
	struct packager pk = { .req = req, .p = req->project, .res = res };
	CLEAN_FREE char *share = NULL;
	bool staged;
	int ret = -1;

	*res = (struct package_result){ .ptr = NULL };
	pk.profile = project_profile(pk.p, req->profile ? req->profile : pk.p->profile.s, err);
	if (!pk.profile || package_epoch(&pk.mtime, &pk.has_epoch, err) < 0)
		return -1;
	res->profile = pk.profile->name;
	pk.out = req->out ? path_clean(req->out) : path_join(pk.p->dir, "dist");
	pk.real_out = real_of(pk.out);
	pk.shown = req->out ? xstrdup(pk.out) : shown_dist(&pk);
	share = dirs_share();
	pk.share = path_join(share, "base");
	staged = package_has_stages(pk.p);
	if (!req->dry_run && !staged)
		provenance_start(&pk);
	if (make_units(&pk, err) == 0 && package_stages(&pk, err) == 0) {
		/* a RUN's sandbox is entered by a process of one thread */
		if (!req->dry_run && staged)
			provenance_start(&pk);
		base_sources_unused(&pk);
		if (req->dry_run)
			list_only(&pk);
		ret = req->dry_run ? 0 : write_all(&pk, err);
	}
	if (pk.prov.running)
		pthread_join(pk.prov.thread, NULL);
	git_provenance_release(&pk.prov.git);
	for (size_t i = 0; i < pk.nunits; i++)
		unit_release(&pk.units[i]);
	free(pk.units);
	foreign_bases_release(&pk.bases);
	bases_release(&pk.named);
	free(pk.out);
	free(pk.real_out);
	free(pk.shown);
	free(pk.share);
	return ret;
}

void package_result_release(struct package_result *res)
{
	drop_artifacts(res);
	strs_release(&res->warnings);
	free(res->revision);
	base_release(&res->bases);
	*res = (struct package_result){ .ptr = NULL };
}
