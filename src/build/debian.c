/* SPDX-License-Identifier: Apache-2.0 */
#include "build/debian.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/store.h"
#include "os/fs.h"

#define PATH_ENV "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void debian_release(struct debian *d)
{
	free(d->key);
	free(d->request);
	strs_release(&d->names);
	deb_lock_release(&d->lock);
	arena_release(&d->arena);
	*d = (struct debian){ .key = NULL };
}

static void add_once(struct strs *v, const char *s)
{
	VEC_EACH(v, e)
		if (strcmp(*e, s) == 0)
			return;
	strs_add(v, s);
}

static char *joined(const struct strs *v)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	VEC_EACH(v, s)
		buf_addf(&b, "%s%s", b.len ? " " : "", *s);
	return buf_detach(&b);
}

/* "cc-debian12", "cc-debian12 + libcurl4 zlib1g": one with the base's own packages alone has the base's name. */
static void name_set(struct debian *d)
{
	const struct named_base *base = d->want->variant.base;
	CLEAN_STRS struct strs extra = { 0 };
	CLEAN_FREE char *text = NULL;

	if (d->want->variant.debug)
		strs_add(&extra, DEBUG_PACKAGE);
	VEC_EACH(&d->want->packages, p)
		add_once(&extra, *p);
	strs_sort(&extra);
	if (base)
		VEC_EACH(&base->packages, p)
			add_once(&d->names, *p);
	VEC_EACH(&extra, p)
		add_once(&d->names, *p);
	strs_sort(&d->names);
	if (!d->names.len)
		return;
	text = joined(&extra);
	d->request = joined(&d->names);
	if (base && base->packages.len)
		d->key = extra.len ? xasprintf("%s + %s", base->name, text) : xstrdup(base->name);
	else
		d->key = xstrdup(text);
}

char *debian_key(const struct debian_want *want)
{
	CLEAN_DEBIAN struct debian d = { .want = want };

	name_set(&d);
	return steal(&d.key);
}

/* ---- resolving and fetching ---- */

static int open_apt(struct apt *apt, enum arch arch, int *lock, struct err *err)
{
	CLEAN_FREE char *cache = dirs_cache();
	CLEAN_FREE char *root = xasprintf("%s/apt/%s", cache, arch_oci(arch));
	CLEAN_FREE char *file = path_join(root, "lock");

	if (fs_mkdirs(root, err) < 0 || (*lock = fs_lock(file, "slsc", NULL, NULL, err)) < 0)
		return -1;
	fs_tmp_sweep(root);
	if (apt_open(apt, root, arch_oci(arch), err) == 0) {
		apt->lock = *lock;
		return 0;
	}
	if (err->code == ERR_TOOL) {
		err_set(err, ERR_TOOL, "bases made from Debian packages need apt, which is not on this system");
		err_hint(err, "use base: static, an image by reference, or a system with apt to fetch what slsc.lock "
			      "says");
	}
	return -1;
}

/* bookworm also means bookworm-security and bookworm-updates */
static int check_suite(const struct debian *d, const struct apt_package *p, struct err *err)
{
	const struct named_base *base = d->want->variant.base;
	size_t n = base && base->suite ? strlen(base->suite) : 0;

	if (!n || (strncmp(p->suite, base->suite, n) == 0 && (!p->suite[n] || p->suite[n] == '-')))
		return 0;
	err_set(err, ERR_CONFIG, "base '%s' takes packages of %s, the apt sources give %s of %s", base->name,
		base->suite, p->name, p->suite);
	return err_hint(err, "let SLSC_APT_SOURCES name a file with %s's sources, or take another base", base->suite);
}

static int resolve(struct debian *d, const struct apt *apt, enum arch arch, struct deb_set *set, bool *fresh,
		   struct err *err)
{
	struct apt_packages found = { 0 };
	int ret = apt_resolve(apt, &d->names, &d->bases->skip, !fresh || !fresh[arch], &d->lock.arena, &found, err);

	for (size_t i = 0; ret == 0 && i < found.len; i++)
		ret = check_suite(d, &found.ptr[i], err);
	if (ret < 0) {
		VEC_FREE(&found);
		return -1;
	}
	if (fresh)
		fresh[arch] = true;
	VEC_FREE(&set->arch[arch]);
	set->arch[arch] = found;
	set->has[arch] = true;
	d->changed = true;
	return 0;
}

static int fetch(const struct apt *apt, const struct apt_packages *all, struct err *err)
{
	CLEAN_FREE char *dir = xasprintf("%s/.slsc-tmp.%ld.debs", apt->root, (long)getpid());
	CLEAN_FREE const struct apt_package **missing = xcalloc(all->len + 1, sizeof(*missing));
	struct err ignored;
	size_t n = 0;
	int ret;

	VEC_EACH(all, p)
		if (!store_has(&p->sha256, p->size))
			missing[n++] = p;
	if (!n)
		return 0;
	ret = fs_mkdirs(dir, err) < 0 || apt_fetch(apt, missing, n, dir, err) < 0 ? -1 : 0;
	for (size_t i = 0; ret == 0 && i < n; i++) {
		CLEAN_FREE char *path = path_join(dir, digest_hex(&missing[i]->sha256));

		ret = store_take(path, &missing[i]->sha256, missing[i]->size, err);
	}
	if (fs_rmtree(dir, &ignored) < 0 && ret == 0) {
		*err = ignored;
		return -1;
	}
	return ret;
}

static bool all_there(const struct apt_packages *all)
{
	VEC_EACH(all, p)
		if (!store_has(&p->sha256, p->size))
			return false;
	return true;
}

static void say(const struct debian_opts *o, const struct debian *d, const char *what, enum arch arch)
{
	CLEAN_FREE char *line = xasprintf("%s packages of %s for %s", what, d->key, arch_name(arch));

	if (o->note)
		o->note(line);
}

static int open_arch(struct debian *d, enum arch arch, const struct debian_opts *o, struct err *err)
{
	struct deb_set *set = deb_lock_add(&d->lock, d->key);
	const bool stale = o->update || !set->has[arch] || strcmp(set->request, d->request) != 0;
	CLEAN_APT struct apt apt = { .root = NULL };
	CLEAN_FD int lock = -1;

	if (!stale && all_there(&set->arch[arch]))
		return 0;
	if (o->dry_run && !o->update) {
		err_set(err, ERR_NOTFOUND, "the packages of %s for %s are not %s yet", d->key, arch_name(arch),
			stale ? "locked" : "fetched");
		return err_hint(err, "run it without --dry-run");
	}
	if (open_apt(&apt, arch, &lock, err) < 0)
		return -1;
	if (stale) {
		say(o, d, "resolving", arch);
		if (resolve(d, &apt, arch, set, o->fresh, err) < 0)
			return err_wrap(err, "%s for %s", d->key, arch_name(arch));
	}
	if (o->dry_run || all_there(&deb_lock_find(&d->lock, d->key)->arch[arch]))
		return 0;
	say(o, d, "fetching", arch);
	return fetch(&apt, &set->arch[arch], err);
}

int debian_open(struct debian *d, const struct debian_want *want, const struct bases *bases, const enum arch *arches,
		size_t narches, const struct debian_opts *opts, struct err *err)
{
	struct deb_set *set;

	*d = (struct debian){ .want = want, .bases = bases };
	name_set(d);
	if (!d->key)
		return 0;
	if (deb_lock_read(&d->lock, opts->lock, err) < 0) {
		debian_release(d);
		return -1;
	}
	for (size_t i = 0; i < narches; i++)
		if (open_arch(d, arches[i], opts, err) < 0) {
			debian_release(d);
			return -1;
		}
	set = deb_lock_find(&d->lock, d->key);
	if (!d->changed)
		return 0;
	/* what was locked for an architecture that is not asked for now, but for other packages, is of no use */
	for (int a = 0; a < ARCH_COUNT; a++) {
		bool asked = false;

		for (size_t i = 0; i < narches; i++)
			asked = asked || arches[i] == (enum arch)a;
		set->has[a] = set->has[a] && (asked || strcmp(set->request, d->request) == 0);
	}
	set->request = arena_strdup(&d->lock.arena, d->request);
	if (!opts->dry_run && deb_lock_write(&d->lock, opts->lock, err) < 0) {
		debian_release(d);
		return -1;
	}
	return 0;
}

void debian_want_locked(const struct bases *bases, const char *key, struct debian_want *want)
{
	struct str rest = str_from(key), word = rest;
	CLEAN_FREE char *name = NULL;

	rest = str_cut(&word, ' ');
	name = xstrndup(word.ptr, word.len);
	*want = (struct debian_want){ .variant.base = bases_find(bases, name) };
	if (!want->variant.base)
		rest = str_from(key);
	else if (str_starts(rest, "+ "))
		rest = (struct str){ rest.ptr + 2, rest.len - 2 };
	while (rest.len) {
		word = rest;
		rest = str_cut(&word, ' ');
		strs_take(&want->packages, xstrndup(word.ptr, word.len));
	}
}

const struct apt_packages *debian_packages(const struct debian *d, enum arch arch)
{
	static const struct apt_packages none;
	const struct deb_set *set = d->key ? deb_lock_find(&d->lock, d->key) : NULL;

	return set ? &set->arch[arch] : &none;
}

void debian_env(const struct debian_want *want, struct map *env)
{
	const struct named_base *base = want->variant.base;
	bool certs = base && base->root == BASE_ROOT_STATIC;

	for (size_t i = 0; base && i < base->packages.len; i++)
		certs = certs || strcmp(base->packages.ptr[i], "ca-certificates") == 0;
	VEC_EACH(&want->packages, p)
		certs = certs || strcmp(*p, "ca-certificates") == 0;
	if (!map_has(env, "PATH"))
		map_put(env, "PATH", (void *)(uintptr_t)(want->variant.debug ? PATH_ENV ":/busybox" : PATH_ENV));
	if (certs)
		map_put(env, "SSL_CERT_FILE", (void *)(uintptr_t)"/etc/ssl/certs/ca-certificates.crt");
}
