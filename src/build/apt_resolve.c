/* SPDX-License-Identifier: Apache-2.0 */
/* From names to packages of the archive, and from these to files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "build/apt.h"
#include "os/fs.h"

bool apt_check_name(const char *s)
{
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
	size_t n = strlen(s);

	return n >= 2 && n <= 128 && s[strspn(s, rest)] == '\0' && s[0] != '+' && s[0] != '.' && s[0] != '-';
}

/* ---- deb822 ---- */

int apt_stanza_next(struct str *rest, struct str *stanza)
{
	while (rest->len && (rest->ptr[0] == '\n' || rest->ptr[0] == '\r')) {
		rest->ptr++;
		rest->len--;
	}
	*stanza = (struct str){ rest->ptr, 0 };
	while (rest->len) {
		struct str line = *rest, next = str_cut(&line, '\n');

		if (!str_trim(line).len)
			break;
		stanza->len = (size_t)(line.ptr + line.len - stanza->ptr);
		*rest = next;
	}
	return stanza->len != 0;
}

struct str apt_field(struct str stanza, const char *name)
{
	size_t n = strlen(name);

	while (stanza.len) {
		struct str line = stanza;

		stanza = str_cut(&line, '\n');
		if (line.len > n && line.ptr[n] == ':' && strncasecmp(line.ptr, name, n) == 0)
			return str_trim((struct str){ line.ptr + n + 1, line.len - n - 1 });
	}
	return (struct str){ "", 0 };
}

bool apt_date(struct str s, char out[24])
{
	char text[64];
	struct tm tm = { 0 };
	const char *end;

	if (s.len >= sizeof(text))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	end = strptime(text, "%a, %d %b %Y %H:%M:%S", &tm);
	if (!end || (strcmp(end, " UTC") != 0 && strcmp(end, " +0000") != 0))
		return false;
	return strftime(out, 24, "%Y-%m-%dT%H:%M:%SZ", &tm) != 0;
}

bool apt_snapshot(struct str uri, char out[24])
{
	while (uri.len) {
		struct str part = uri;
		bool ok;

		uri = str_cut(&part, '/');
		ok = part.len == 16 && part.ptr[8] == 'T' && part.ptr[15] == 'Z';
		for (size_t i = 0; ok && i < 15; i++)
			ok = i == 8 || (part.ptr[i] >= '0' && part.ptr[i] <= '9');
		if (ok) {
			memcpy(out, part.ptr, 16);
			out[16] = '\0';
			return true;
		}
	}
	return false;
}

/* ---- the sources ---- */

/** One suite of one mirror. */
struct source {
	char *base;		/* URI without a slash at the end */
	char *release;		/* "bookworm" */
	char *codename;		/* as its Release file says; else as release */
	char date[24];
};
struct sources {
	struct source *ptr;
	size_t len, cap;
};

static void sources_release(struct sources *s)
{
	VEC_EACH(s, e) {
		free(e->base);
		free(e->release);
		free(e->codename);
	}
	VEC_FREE(s);
}

/* Of an InRelease file that apt has verified. */
static void read_release(const struct apt *apt, const char *file, struct source *s)
{
	CLEAN_FREE char *path = xasprintf("%s/state/lists/%s", apt->root, file);
	CLEAN_BUF struct buf text = BUF_INIT;
	struct err ignored;
	struct str name;

	if (fs_read(path, 4u << 20, &text, &ignored) < 0)
		return;
	name = apt_field(buf_str(&text), "Codename");
	if (name.len && name.len < 64) {
		free(s->codename);
		s->codename = xstrndup(name.ptr, name.len);
	}
	if (!apt_date(apt_field(buf_str(&text), "Date"), s->date))
		s->date[0] = '\0';
}

/* "'http://mirror/debian/dists/bookworm/InRelease' mirror_debian_dists_bookworm_InRelease 0 " */
static int list_sources(const struct apt *apt, struct sources *out, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	struct str rest;

	if (apt_run(apt, NULL, &text, err, "apt-get", "update", "-q", "--print-uris", NULL) < 0)
		return -1;
	for (struct str line = buf_str(&text); line.len; line = rest) {
		CLEAN_FREE char *uri = NULL, *file = NULL;
		struct source s = { 0 };
		struct str after;
		char *dists;

		rest = str_cut(&line, '\n');
		if (!str_starts(line, "'"))
			continue;
		line = (struct str){ line.ptr + 1, line.len - 1 };
		after = str_trim(str_cut(&line, '\''));
		uri = xstrndup(line.ptr, line.len);
		str_cut(&after, ' ');
		file = xstrndup(after.ptr, after.len);
		dists = strstr(uri, "/dists/");
		if (!dists || !ends_with(uri, "/InRelease") || strchr(file, '/'))
			continue;
		s.base = xstrndup(uri, (size_t)(dists - uri));
		s.release = xstrndup(dists + 7, strlen(dists + 7) - strlen("/InRelease"));
		s.codename = xstrdup(s.release);
		read_release(apt, file, &s);
		VEC_PUSH(out, s);
	}
	return 0;
}

/* ---- resolving ---- */

/*
 * What is skipped is entered as installed, in a version that is new enough for all: so apt neither takes it nor what
 * only it would need.
 */
static int write_status(const struct apt *apt, const struct strs *request, const struct strs *skip, struct err *err)
{
	CLEAN_FREE char *path = path_join(apt->root, "state/status");
	CLEAN_BUF struct buf b = BUF_INIT;

	VEC_EACH(skip, s) {
		CLEAN_FREE char *name = xstrndup(*s, strcspn(*s, "="));
		const char *provides = strchr(*s, '=');
		bool wanted = false;

		VEC_EACH(request, r)
			wanted = wanted || strcmp(*r, name) == 0;
		if (wanted)
			continue;
		/* "allowed": perl:any is met by it, too */
		buf_addf(&b, "Package: %s\nStatus: install ok installed\nArchitecture: %s\nMulti-Arch: allowed\n", name,
			 apt->arch);
		buf_addz(&b, "Version: 9999:0\nMaintainer: slsc\nDescription: skipped\n");
		if (provides)
			buf_addf(&b, "Provides: %s\n", provides + 1);
		buf_addc(&b, '\n');
	}
	return fs_write_file(path, b.ptr, b.len, 0644, err);
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* %2b and its like, in place */
static void unquote(char *s)
{
	char *to = s;

	for (; *s; s++)
		if (*s == '%' && hex(s[1]) >= 0 && hex(s[2]) >= 0) {
			*to++ = (char)(hex(s[1]) * 16 + hex(s[2]));
			s += 2;
		} else {
			*to++ = *s;
		}
	*to = '\0';
}

/* Apt's list of what it would fetch, as "name=version" and where from. */
static int list_wanted(const struct apt *apt, const struct strs *request, struct strs *names, struct strs *uris,
		       struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT;
	CLEAN_STRS struct strs argv = { 0 };
	struct str rest;

	strs_add(&argv, "apt-get");
	strs_add(&argv, "install");
	strs_add(&argv, "-q");
	strs_add(&argv, "-y");
	strs_add(&argv, "--no-install-recommends");
	strs_add(&argv, "--print-uris");
	VEC_EACH(request, r)
		strs_add(&argv, *r);
	if (apt_runv(apt, NULL, &text, &argv, err) < 0)
		return -1;
	for (struct str line = buf_str(&text); line.len; line = rest) {
		CLEAN_FREE char *uri = NULL, *file = NULL;
		struct str after;
		char *version, *end;

		rest = str_cut(&line, '\n');
		if (!str_starts(line, "'"))
			continue;
		line = (struct str){ line.ptr + 1, line.len - 1 };
		after = str_trim(str_cut(&line, '\''));
		str_cut(&after, ' ');
		uri = xstrndup(line.ptr, line.len);
		file = xstrndup(after.ptr, after.len);
		unquote(uri);
		unquote(file);
		version = strchr(file, '_');
		end = version ? strchr(version + 1, '_') : NULL;
		if (!end)
			return err_set(err, ERR_TOOL, "apt-get install: cannot read '%s'", file);
		*version = *end = '\0';
		strs_addf(names, "%s=%s", file, version + 1);
		strs_take(uris, steal(&uri));
	}
	if (names->len > APT_MAX_PACKAGES)
		return err_set(err, ERR_LIMIT, "limit exceeded: %zu packages, the most is %u", names->len,
			       APT_MAX_PACKAGES);
	return 0;
}

/* From a stanza of `apt-cache show`; 0 if it is not the one that is asked for. */
static int read_package(struct str stanza, const char *want, const char *uri, struct arena *a, struct apt_package *p,
			struct err *err)
{
	CLEAN_FREE char *got = NULL, *digest = NULL;
	struct str name = apt_field(stanza, "Package"), version = apt_field(stanza, "Version");
	struct str path = apt_field(stanza, "Filename"), sum = apt_field(stanza, "SHA256");

	got = xasprintf(STR_FMT "=" STR_FMT, STR_ARG(name), STR_ARG(version));
	if (strcmp(got, want) != 0)
		return 0;
	p->path = arena_str(a, path);
	if (!path.len || !ends_with(uri, p->path))
		return 0;
	p->name = arena_str(a, name);
	p->version = arena_str(a, version);
	p->arch = arena_str(a, apt_field(stanza, "Architecture"));
	digest = xasprintf("sha256:" STR_FMT, STR_ARG(sum));
	if (str_parse_u64(apt_field(stanza, "Size"), &p->size) < 0 || !p->size || p->size > APT_MAX_SIZE)
		return err_set(err, ERR_LIMIT, "package %s: limit exceeded: a size that is not in 1 byte to 1 GB",
			       p->name);
	if (digest_parse(digest, &p->sha256, err) < 0) {
		err_set(err, ERR_VERIFY, "package %s: the archive's index has no SHA-256 of it", p->name);
		return err_hint(err, "slsc takes packages only by SHA-256; use a mirror whose index has it");
	}
	return 1;
}

/* "libc6 | 2.36-9 | http://mirror/debian bookworm/main amd64 Packages": which suite it is from */
static const struct source *find_source(const struct sources *all, struct str madison, const struct apt_package *p,
					const char *uri)
{
	for (struct str rest = madison; rest.len;) {
		struct str name = rest, version, where, suite;

		rest = str_cut(&name, '\n');
		version = str_cut(&name, '|');
		where = str_cut(&version, '|');
		if (!str_eqz(str_trim(name), p->name) || !str_eqz(str_trim(version), p->version))
			continue;
		where = str_trim(where);
		suite = str_cut(&where, ' ');
		VEC_EACH(all, s) {
			size_t n = strlen(s->release), base = strlen(s->base);

			if (str_starts(suite, s->release) && suite.len > n && suite.ptr[n] == '/' &&
			    str_starts(where, s->base) && strncmp(uri, s->base, base) == 0 && uri[base] == '/')
				return s;
		}
	}
	return NULL;
}

static int by_name(const void *a, const void *b)
{
	const struct apt_package *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static int show(const struct apt *apt, const char *what, const char *option, const struct strs *names, bool versions,
		struct buf *out, struct err *err)
{
	CLEAN_STRS struct strs argv = { 0 };

	strs_add(&argv, "apt-cache");
	strs_add(&argv, what);
	strs_add(&argv, option);
	VEC_EACH(names, n)
		strs_take(&argv, xstrndup(*n, versions ? strlen(*n) : strcspn(*n, "=")));
	return apt_runv(apt, NULL, out, &argv, err);
}

static int fill(const struct apt *apt, const struct strs *names, const struct strs *uris, struct arena *arena,
		struct apt_packages *out, struct err *err)
{
	CLEAN_BUF struct buf text = BUF_INIT, madison = BUF_INIT;
	CLEANUP(sources_release) struct sources sources = { 0 };

	if (show(apt, "show", "--no-all-versions", names, true, &text, err) < 0 ||
	    show(apt, "madison", "-q", names, false, &madison, err) < 0 || list_sources(apt, &sources, err) < 0)
		return -1;
	for (size_t i = 0; i < names->len; i++) {
		struct str rest = buf_str(&text), stanza;
		struct apt_package p = { 0 };
		const struct source *s;
		char stamp[24] = "";
		int r = 0;

		while (r == 0 && apt_stanza_next(&rest, &stanza))
			r = read_package(stanza, names->ptr[i], uris->ptr[i], arena, &p, err);
		if (r < 0)
			return -1;
		if (r == 0)
			return err_set(err, ERR_TOOL, "apt-cache show: nothing about %s", names->ptr[i]);
		s = find_source(&sources, buf_str(&madison), &p, uris->ptr[i]);
		if (!s)
			return err_set(err, ERR_TOOL, "apt-cache madison: no source of %s", names->ptr[i]);
		apt_snapshot(str_from(s->base), stamp);
		p.suite = arena_strdup(arena, s->codename);
		p.date = arena_strdup(arena, s->date);
		p.snapshot = arena_strdup(arena, stamp);
		VEC_PUSH(out, p);
	}
	if (out->len)
		qsort(out->ptr, out->len, sizeof(*out->ptr), by_name);
	return 0;
}

int apt_resolve(const struct apt *apt, const struct strs *request, const struct strs *skip, bool update,
		struct arena *arena, struct apt_packages *out, struct err *err)
{
	CLEAN_STRS struct strs names = { 0 }, uris = { 0 };

	VEC_EACH(request, r)
		if (!apt_check_name(*r))
			return err_set(err, ERR_CONFIG, "'%s' is no name of a Debian package", *r);
	if (write_status(apt, request, skip, err) < 0 ||
	    (update && apt_run(apt, NULL, NULL, err, "apt-get", "update", "-q", NULL) < 0) ||
	    list_wanted(apt, request, &names, &uris, err) < 0)
		return -1;
	return names.len ? fill(apt, &names, &uris, arena, out, err) : 0;
}

/* ---- fetching ---- */

/** What is still to be fetched. */
struct wanted {
	const struct apt_package *const *ptr;
	size_t n;
	bool *have;
	const char *dir;
	bool other;		/* some mirror had other bytes */
};

static char *wanted_path(const struct wanted *w, size_t i)
{
	return path_join(w->dir, digest_hex(&w->ptr[i]->sha256));
}

/* All that is missing from one mirror at once; what it lacks is not its last word. */
static int fetch_from(const struct apt *apt, const char *base, struct wanted *w, struct err *last, struct err *err)
{
	CLEAN_STRS struct strs argv = { 0 };

	strs_add(&argv, "/usr/lib/apt/apt-helper");
	strs_add(&argv, "download-file");
	for (size_t i = 0; i < w->n; i++) {
		CLEAN_BUF struct buf uri = BUF_INIT;

		if (w->have[i])
			continue;
		buf_addf(&uri, "%s/", base);
		for (const char *c = w->ptr[i]->path; *c; c++)
			if (strchr("+~:%", *c))
				buf_addf(&uri, "%%%02x", (unsigned)(unsigned char)*c);
			else
				buf_addc(&uri, *c);
		strs_add(&argv, uri.ptr);
		strs_take(&argv, wanted_path(w, i));
		strs_addf(&argv, "SHA256:%s", digest_hex(&w->ptr[i]->sha256));
	}
	if (argv.len == 2)
		return 0;
	if (apt_runv(apt, NULL, NULL, &argv, last) < 0 && last->code != ERR_TOOL) {
		*err = *last;
		return -1;
	}
	for (size_t i = 0; i < w->n; i++) {
		CLEAN_FREE char *path = wanted_path(w, i);
		struct digest got;
		uint64_t size;

		if (w->have[i] || !fs_exists(path))
			continue;
		if (digest_file(path, &got, &size, err) < 0)
			return -1;
		w->have[i] = strcmp(got.s, w->ptr[i]->sha256.s) == 0 && size == w->ptr[i]->size;
		if (!w->have[i]) {
			w->other = true;
			unlink(path);
		}
	}
	w->other = w->other || strstr(last->msg, "Hash Sum mismatch") || strstr(last->msg, "unexpected size");
	return 0;
}

static int missing(const struct wanted *w, const struct err *last, struct err *err)
{
	const struct apt_package *p = NULL;

	for (size_t i = 0; i < w->n && !p; i++)
		p = w->have[i] ? NULL : w->ptr[i];
	if (!p)
		return 0;
	if (w->other) {
		err_set(err, ERR_VERIFY,
			"package %s %s (%s): the mirror has other bytes than its signed index or slsc.lock says: "
			"expected %s", p->name, p->version, p->arch, p->sha256.s);
		return err_hint(err, "the mirror is damaged or not to be trusted: use another one");
	}
	err_set(err, ERR_NOTFOUND, "package %s %s (%s): no apt source has it: %s", p->name, p->version, p->arch,
		last->code ? last->msg : "there is none");
	return err_hint(err, "if the mirror has moved on, `slsc base update` locks what it has now");
}

int apt_fetch(const struct apt *apt, const struct apt_package *const *packages, size_t n, const char *dir,
	      struct err *err)
{
	CLEANUP(sources_release) struct sources sources = { 0 };
	CLEAN_FREE bool *have = xcalloc(n ? n : 1, sizeof(*have));
	struct wanted w = { .ptr = packages, .n = n, .have = have, .dir = dir };
	struct err last = ERR_INIT;

	if (list_sources(apt, &sources, err) < 0)
		return -1;
	for (size_t i = 0; i < sources.len; i++) {
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again = again || strcmp(sources.ptr[k].base, sources.ptr[i].base) == 0;
		if (!again && fetch_from(apt, sources.ptr[i].base, &w, &last, err) < 0)
			return -1;
	}
	return missing(&w, &last, err);
}
