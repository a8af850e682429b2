/* SPDX-License-Identifier: Apache-2.0 */
#include "build/installed.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"
#include "build/owner.h"
#include "oci/rootfs.h"

#define STATUS "var/lib/dpkg/status"
#define STATUS_D STATUS ".d"

/** What a file of interest had in one layer: which of them counts is known when all are read. */
struct text {
	const char *path;	/* the node's: as long as the rootfs */
	uint32_t layer;
	struct buf bytes;
};

struct reader {
	struct rootfs rootfs;
	VEC(struct text) texts;
	bool in_file;		/* the last of them is not at its end */
	uint64_t bytes;
	struct arena *a;
	struct map purls;
	struct installed *out;
	const char *id, *distro;
};

static void reader_release(struct reader *r)
{
	VEC_EACH(&r->texts, t)
		buf_release(&t->bytes);
	VEC_FREE(&r->texts);
	map_release(&r->purls);
	rootfs_release(&r->rootfs);
}

static bool in_status_d(const char *path)
{
	return starts_with(path, STATUS_D "/") && !strchr(path + strlen(STATUS_D "/"), '/') &&
	       !ends_with(path, ".md5sums");
}

static bool on_want(void *ctx, const struct rootfs_node *n)
{
	static const char *const files[] = { STATUS, "lib/apk/db/installed", "usr/lib/apk/db/installed",
					     "etc/os-release", "usr/lib/os-release" };

	(void)ctx;
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		if (strcmp(n->path, files[i]) == 0)
			return true;
	return in_status_d(n->path);
}

static int take(struct reader *r, struct buf *to, const void *p, size_t n, struct err *err)
{
	r->bytes += n;
	if (r->bytes > INSTALLED_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "limit exceeded: databases of packages of more than %u MB",
			       INSTALLED_MAX_BYTES >> 20);
	buf_add(to, p, n);
	return 0;
}

static int on_data(void *ctx, const struct rootfs_node *n, const void *p, size_t len, struct err *err)
{
	struct reader *r = ctx;

	if (!r->in_file) {
		struct text t = { .path = n->path, .layer = n->layer, .bytes = BUF_INIT };

		VEC_PUSH(&r->texts, t);
	}
	r->in_file = len > 0;
	return len ? take(r, &r->texts.ptr[r->texts.len - 1].bytes, p, len, err) : 0;
}

struct late {
	struct reader *r;
	struct buf *to;
};

static int on_late(void *ctx, const void *p, size_t n, struct err *err)
{
	const struct late *l = ctx;

	return take(l->r, l->to, p, n, err);
}

/* What is at @path now; of the same path twice in a layer, the later one. A hard link's bytes are read once more. */
static int text_at(struct reader *r, const char *path, struct buf *out, struct err *err)
{
	const struct rootfs_node *n = rootfs_resolve(&r->rootfs, path, true);
	struct late late = { r, out };

	if (!n || n->type != UNAR_FILE)
		return 0;
	for (size_t i = r->texts.len; i-- > 0;) {
		const struct text *t = &r->texts.ptr[i];

		if (t->layer != n->layer || strcmp(t->path, n->path) != 0)
			continue;
		buf_add(out, t->bytes.ptr, t->bytes.len);
		return 0;
	}
	return rootfs_file(&r->rootfs, n, on_late, &late, err);
}

/* With a NUL in it the rest would be lost, and two packages be one. */
static bool is_text(struct str s)
{
	return str_is_utf8(s) && !(s.len && memchr(s.ptr, '\0', s.len));
}

static int add(struct reader *r, const char *type, struct str name, struct str version, struct str arch,
	       const char *where, struct err *err)
{
	CLEAN_BUF struct buf purl = BUF_INIT;
	struct installed_package p;

	if (!is_text(name) || !is_text(version) || !is_text(arch))
		return err_set(err, ERR_FORMAT, "%s: a package's name, version or architecture is no UTF-8 text",
			       where);
	if (r->out->len == INSTALLED_MAX)
		return err_set(err, ERR_LIMIT, "limit exceeded: more than %u packages", INSTALLED_MAX);
	p.name = arena_str(r->a, name);
	p.version = arena_str(r->a, version);
	purl_add(&purl, type, r->id ? r->id : strcmp(type, "apk") == 0 ? "alpine" : "debian", p.name, p.version,
		 (const char *const[]){ "arch", arena_str(r->a, arch), "distro", r->distro, NULL });
	p.purl = arena_str(r->a, buf_str(&purl));
	if (map_has(&r->purls, p.purl))
		return 0;
	map_put(&r->purls, p.purl, r);
	VEC_PUSH(r->out, p);
	return 0;
}

/* "install ok installed"; a file of status.d may have no such field. */
static bool is_there(struct str stanza)
{
	const struct str status = owner_field(stanza, "Status");

	return !status.len || str_ends(status, " installed");
}

static int add_stanzas(struct reader *r, const char *path, bool apk, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct str rest;

	if (text_at(r, path, &text, err) < 0)
		return -1;
	rest = buf_str(&text);
	while (rest.len) {
		const char *end = memmem(rest.ptr, rest.len, "\n\n", 2);
		const struct str stanza = { rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len };
		const struct str name = owner_field(stanza, apk ? "P" : "Package");

		rest = end ? (struct str){ end + 2, rest.len - stanza.len - 2 }
			   : (struct str){ rest.ptr + rest.len, 0 };
		if (!name.len || (!apk && !is_there(stanza)))
			continue;
		if (add(r, apk ? "apk" : "deb", name, owner_field(stanza, apk ? "V" : "Version"),
			owner_field(stanza, apk ? "A" : "Architecture"), path, err) < 0)
			return -1;
	}
	return 0;
}

static int add_status_d(struct reader *r, struct err *err)
{
	const struct rootfs_node *dir = rootfs_resolve(&r->rootfs, STATUS_D, true);

	for (const struct rootfs_node *n = dir ? dir->child : NULL; n; n = n->next)
		if (!n->gone && in_status_d(n->path) && add_stanzas(r, n->path, false, err) < 0)
			return -1;
	return 0;
}

static int find_distro(struct reader *r, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	if (text_at(r, "etc/os-release", &text, err) < 0 ||
	    (!text.len && text_at(r, "usr/lib/os-release", &text, err) < 0))
		return -1;
	owner_release(r->a, buf_str(&text), &r->id, &r->distro);
	return 0;
}

int installed_read(struct origin *o, const struct document *manifest, struct arena *a, struct installed *out,
		   struct err *err)
{
	CLEANUP(reader_release) struct reader r = { .a = a, .out = out };
	const struct rootfs_hooks hooks = { .want = on_want, .data = on_data, .ctx = &r };

	if (rootfs_read(&r.rootfs, o, manifest, NULL, NULL, &hooks, err) < 0 || find_distro(&r, err) < 0 ||
	    add_stanzas(&r, STATUS, false, err) < 0 || add_status_d(&r, err) < 0 ||
	    add_stanzas(&r, "lib/apk/db/installed", true, err) < 0)
		return -1;
	return add_stanzas(&r, "usr/lib/apk/db/installed", true, err);
}

void installed_release(struct installed *in)
{
	VEC_FREE(in);
}
