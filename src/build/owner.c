/* SPDX-License-Identifier: Apache-2.0 */
#include "build/owner.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "os/fs.h"
#include "os/proc.h"

#define OS_RELEASE_MAX (64u << 10)

/* Where @path stands as a whole line of the list; usr-merged packages may have it without /usr. */
static bool lists(const struct fs_map *m, const char *path)
{
	const size_t n = strlen(path);
	const char *at = (const char *)m->ptr, *end = at + m->len;

	while ((at = memmem(at, (size_t)(end - at), path, n))) {
		if ((at == (const char *)m->ptr || at[-1] == '\n') && at + n < end && at[n] == '\n')
			return true;
		at += n;
	}
	return false;
}

static bool owns(const struct fs_map *m, const char *path)
{
	return lists(m, path) || (starts_with(path, "/usr/lib") && lists(m, path + strlen("/usr")));
}

struct str owner_field(struct str stanza, const char *name)
{
	const size_t n = strlen(name);
	struct str line;

	while (stanza.len) {
		struct str rest = (line = stanza, str_cut(&line, '\n'));

		if (line.len > n && memcmp(line.ptr, name, n) == 0 && line.ptr[n] == ':')
			return str_trim((struct str){ line.ptr + n + 1, line.len - n - 1 });
		stanza = rest;
	}
	return (struct str){ NULL, 0 };
}

/* @name: "musl-dev:amd64" or "bash", as the list is called. */
static void read_status(struct arena *a, const struct fs_map *m, const char *name, struct owner *o)
{
	struct str rest = { (const char *)m->ptr, m->len }, want = str_from(name), arch;

	arch = str_cut(&want, ':');
	while (rest.len) {
		const char *end = memmem(rest.ptr, rest.len, "\n\n", 2);
		struct str stanza = { rest.ptr, end ? (size_t)(end - rest.ptr) : rest.len };

		rest = end ? (struct str){ end + 2, rest.len - stanza.len - 2 }
			   : (struct str){ rest.ptr + rest.len, 0 };
		if (!str_eq(owner_field(stanza, "Package"), want) ||
		    (arch.len && !str_eq(owner_field(stanza, "Architecture"), arch)))
			continue;
		if (!str_is_utf8(stanza))
			return;
		o->package = arena_str(a, want);
		o->version = arena_str(a, owner_field(stanza, "Version"));
		o->arch = arena_str(a, owner_field(stanza, "Architecture"));
		return;
	}
}

static int map_in(const struct root *root, const char *path, uint64_t limit, struct fs_map *m)
{
	CLEAN_FREE char *host = root_find(root, path, NULL);
	struct err ignored;

	return host ? fs_map_open(m, host, limit, &ignored) : -1;
}

int owner_find(struct arena *a, const struct root *root, const char *dpkg, const char *const *paths, size_t n,
	       struct owner *out, struct err *err)
{
	CLEAN_FREE char *info = path_join(dpkg, "info"), *status = path_join(dpkg, "status");
	CLEAN_STRS struct strs names = { 0 };
	struct fs_map db;
	size_t found = 0;
	int r = 0;

	memset(out, 0, n * sizeof(*out));
	if (!n || !root_is_dir(root, info) || map_in(root, status, OWNER_STATUS_MAX, &db) < 0)
		return 0;
	if (root_list(root, info, &names, err) < 0)
		r = -1;
	for (size_t i = 0; r == 0 && i < names.len && found < n; i++) {
		CLEAN_FREE char *list = path_join(info, names.ptr[i]);
		CLEAN_FREE char *name = NULL;
		struct fs_map m;

		if (!ends_with(list, ".list"))
			continue;
		r = sig_check(err);
		if (r < 0 || map_in(root, list, OWNER_LIST_MAX, &m) < 0)
			continue;
		name = xstrndup(names.ptr[i], strlen(names.ptr[i]) - strlen(".list"));
		for (size_t k = 0; k < n; k++)
			if (!out[k].package && owns(&m, paths[k])) {
				read_status(a, &db, name, &out[k]);
				found += out[k].package != NULL;
			}
		fs_map_close(&m);
	}
	fs_map_close(&db);
	return r;
}

bool owner_from_name(struct arena *a, struct str name, struct owner *out)
{
	struct str package = name, version = str_cut(&package, '_'), arch = str_cut(&version, '_');
	CLEAN_BUF struct buf v = BUF_INIT;

	if (!package.len || !version.len || !arch.len || !str_is_utf8(name))
		return false;
	for (size_t i = 0; i < version.len; i++) {
		if (i + 2 < version.len && strncasecmp(version.ptr + i, "%3a", 3) == 0) {
			buf_addc(&v, ':');
			i += 2;
		} else {
			buf_addc(&v, version.ptr[i]);
		}
	}
	*out = (struct owner){ arena_str(a, package), arena_str(a, buf_str(&v)), arena_str(a, arch) };
	return true;
}

static struct str release_value(struct str text, const char *key)
{
	struct str v;

	while (text.len) {
		struct str line = text;

		text = str_cut(&line, '\n');
		v = str_cut(&line, '=');
		if (!str_eqz(line, key))
			continue;
		v = str_trim(v);
		if (v.len >= 2 && (v.ptr[0] == '"' || v.ptr[0] == '\'') && v.ptr[v.len - 1] == v.ptr[0])
			v = (struct str){ v.ptr + 1, v.len - 2 };
		return v;
	}
	return (struct str){ NULL, 0 };
}

void owner_release(struct arena *a, struct str text, const char **id, const char **distro)
{
	const struct str name = release_value(text, "ID"), version = release_value(text, "VERSION_ID");

	*id = *distro = NULL;
	if (!name.len || !str_is_utf8(name) || !str_is_utf8(version))
		return;
	*id = arena_str(a, name);
	*distro = version.len ? arena_printf(a, STR_FMT "-" STR_FMT, STR_ARG(name), STR_ARG(version)) : *id;
}

void owner_distro(struct arena *a, const char *path, const char **id, const char **distro)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;

	*id = *distro = NULL;
	if (fs_read(path, OS_RELEASE_MAX, &text, &ignored) == 0)
		owner_release(a, buf_str(&text), id, distro);
}

void owner_suite(struct arena *a, const char *path, const char *suite, const char **id, const char **distro)
{
	static const struct {
		const char *codename, *distro;
	} debian[] = {
		{ "stretch", "debian-9" },   { "buster", "debian-10" }, { "bullseye", "debian-11" },
		{ "bookworm", "debian-12" }, { "trixie", "debian-13" }, { "forky", "debian-14" },
		{ "duke", "debian-15" },
	};
	const struct str codename = { suite, strcspn(suite, "-/") };
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;

	for (size_t i = 0; i < ARRAY_LEN(debian); i++)
		if (str_eqz(codename, debian[i].codename)) {
			*id = "debian";
			*distro = debian[i].distro;
			return;
		}
	if (codename.len && fs_read(path, OS_RELEASE_MAX, &text, &ignored) == 0 &&
	    str_eq(release_value(buf_str(&text), "VERSION_CODENAME"), codename)) {
		owner_distro(a, path, id, distro);
		if (*id)
			return;
	}
	*id = "debian";
	*distro = codename.len ? arena_str(a, codename) : NULL;
}

/*
 * What stands for itself is ALPHA, DIGIT, ".-_~", and ':' everywhere; a namespace keeps its slashes, and so may
 * values.
 */
static void add_encoded(struct buf *out, const char *s, const char *also)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr(".-_~:", c) ||
		    strchr(also, c))
			buf_addc(out, *s);
		else
			buf_addf(out, "%%%c%c", hex[c >> 4], hex[c & 15]);
	}
}

void purl_add(struct buf *out, const char *type, const char *namespace, const char *name, const char *version,
	      const char *const *qualifiers)
{
	char mark = '?';

	buf_addf(out, "pkg:%s/", type);
	if (namespace && *namespace) {
		add_encoded(out, namespace, "/");
		buf_addc(out, '/');
	}
	add_encoded(out, name, "");
	if (version && *version) {
		buf_addc(out, '@');
		add_encoded(out, version, "");
	}
	for (; *qualifiers; qualifiers += 2) {
		if (!qualifiers[1] || !*qualifiers[1])
			continue;
		buf_addf(out, "%c%s=", mark, qualifiers[0]);
		add_encoded(out, qualifiers[1], "/");
		mark = '&';
	}
}
