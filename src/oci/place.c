/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/place.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "os/fs.h"

#define NAME_MAX_LEN 255u
#define TAG_MAX 128u
#define REF_MAX 255u
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct prefix {
	const char *text;
	enum place_kind kind;
} prefixes[] = {
	{ "oci:", PLACE_LAYOUT },
	{ "oci-archive:", PLACE_OCI_ARCHIVE },
	{ "docker-archive:", PLACE_DOCKER_ARCHIVE },
};

void place_release(struct place *pl)
{
	free(pl->path);
	free(pl->host);
	free(pl->repo);
	free(pl->tag);
	free(pl->digest);
	*pl = (struct place){ .kind = PLACE_LAYOUT };
}

char *place_show(const struct place *pl)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	if (pl->kind == PLACE_REGISTRY)
		buf_addf(&b, "%s/%s", pl->host, pl->repo);
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (prefixes[i].kind == pl->kind)
			buf_addf(&b, "%s%s", prefixes[i].text, pl->path);
	if (pl->tag)
		buf_addf(&b, ":%s", pl->tag);
	if (pl->digest)
		buf_addf(&b, "@%s", pl->digest);
	return buf_detach(&b);
}

static int bad(struct err *err, const char *text, const char *what)
{
	err_set(err, ERR_USAGE, "'%.200s': %s", text, what);
	return err_hint(err, "an image is oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or "
			     "HOST/REPOSITORY[:TAG][@DIGEST]");
}

static bool tag_is_valid(const char *s)
{
	size_t n = strlen(s);

	return n && n <= TAG_MAX && *s != '.' && *s != '-' && strspn(s, LETTERS DIGITS "_.-") == n;
}

bool place_ref_is_valid(const char *s)
{
	size_t n = strlen(s);

	return n && n <= REF_MAX && strspn(s, LETTERS DIGITS "_.-:@+/") == n;
}

/* Takes "@..." off the end of @s into pl->digest. */
static int cut_digest(struct place *pl, char *s, const char *text, struct err *err)
{
	char *at = strrchr(s, '@');
	struct digest d;

	if (!at)
		return 0;
	if (digest_parse(at + 1, &d, err) < 0)
		return bad(err, text, "after @ there must be sha256: and 64 lower-case hex digits");
	pl->digest = xstrdup(d.s);
	*at = '\0';
	return 0;
}

/* PATH[:TAG][@DIGEST]; an @ of a path is no digest's. */
static int parse_path(struct place *pl, enum place_kind kind, const char *rest, const char *dir, const char *text,
		      struct err *err)
{
	CLEAN_FREE char *s = xstrdup(rest);
	char *colon;

	pl->kind = kind;
	if (strstr(s, "@sha256:") && cut_digest(pl, s, text, err) < 0)
		return -1;
	colon = strchr(s, ':');
	if (colon) {
		*colon = '\0';
		if (!place_ref_is_valid(colon + 1))
			return bad(err, text, "the tag is malformed");
		pl->tag = xstrdup(colon + 1);
	}
	if (!*s)
		return bad(err, text, "the path is empty");
	pl->path = path_join(dir, s);
	return 0;
}

/* alphanumerics with single '.', one or two '_', or any number of '-' between them */
static bool repo_part_is_valid(struct str s)
{
	size_t i = 0;

	while (i < s.len) {
		size_t run = 0;
		char sep;

		while (i < s.len && strchr(LOWER DIGITS, s.ptr[i]) && s.ptr[i]) {
			i++;
			run++;
		}
		if (!run)
			return false;
		if (i == s.len)
			return true;
		sep = s.ptr[i];
		for (run = 0; i < s.len && s.ptr[i] == sep; i++)
			run++;
		if (!(sep == '-' || (sep == '.' && run == 1) || (sep == '_' && run <= 2)))
			return false;
	}
	return false;
}

static bool repo_is_valid(const char *repo)
{
	struct str rest = str_from(repo);

	while (rest.len) {
		struct str part = rest;

		rest = str_cut(&part, '/');
		if (!repo_part_is_valid(part))
			return false;
	}
	return *repo && !ends_with(repo, "/");
}

static bool port_is_valid(const char *s)
{
	uint64_t port;

	return strlen(s) <= 5 && str_parse_u64(str_from(s), &port) == 0 && port >= 1 && port <= 65535;
}

/* A name or IPv4 address, or an IPv6 address in brackets; then perhaps a port. */
static bool host_is_valid(const char *host)
{
	CLEAN_FREE char *name = xstrdup(host);
	char *port = strrchr(name, ':');
	struct str rest;

	if (name[0] == '[') {
		char *close = strchr(name, ']');

		size_t n = strspn(name + 1, DIGITS "abcdefABCDEF:");

		if (!close || !n || close != name + 1 + n)
			return false;
		return !close[1] || (close[1] == ':' && port_is_valid(close + 2));
	}
	if (port) {
		if (!port_is_valid(port + 1))
			return false;
		*port = '\0';
	}
	rest = str_from(name);
	if (!rest.len || str_ends(rest, "."))
		return false;
	while (rest.len) {
		struct str part = rest;

		rest = str_cut(&part, '.');
		if (!part.len || part.ptr[0] == '-' || part.ptr[part.len - 1] == '-')
			return false;
		for (size_t i = 0; i < part.len; i++)
			if (!part.ptr[i] || !strchr(LETTERS DIGITS "-", part.ptr[i]))
				return false;
	}
	return true;
}

static bool looks_like_host(const char *host)
{
	return strcmp(host, "localhost") == 0 || (strpbrk(host, ".:") && strspn(host, ".") < strlen(host));
}

/* By its form a path, or one that begins in a directory that is there. */
static bool looks_like_path(const char *text, const char *dir)
{
	CLEAN_FREE char *first = xstrndup(text, strcspn(text, "/")), *parent = path_join(dir, first);

	return text[0] == '/' || strcmp(first, ".") == 0 || strcmp(first, "..") == 0 || ends_with(text, ".zip") ||
	       ends_with(text, ".tar") || ends_with(text, ".oci") || (strchr(text, '/') && *first && fs_is_dir(parent));
}

/* No host stands first, nor an image's file or directory. */
static int bad_name(const char *text, const char *dir, struct err *err)
{
	CLEAN_FREE char *path = path_join(dir, text);

	if (*text && fs_is_dir(path)) {
		bad(err, text, "is a directory, but no image layout: it has no file oci-layout");
		return err_hint(err, "a layout is a directory with oci-layout, index.json and blobs/, such as "
				     "`slsc package --oci` makes");
	}
	if (*text && fs_exists(path)) {
		bad(err, text, "is a file, but its name does not say that it is an image");
		return err_hint(err, "if it is one, write oci-archive:FILE or docker-archive:FILE");
	}
	if (looks_like_path(text, dir))
		return bad(err, text, "there is no such file or directory");
	bad(err, text, "names no registry, and there is no file or directory of that name");
	return err_hint(err, "a registry is always named: HOST/REPOSITORY[:TAG], such as docker.io/library/alpine:3");
}

static int parse_registry(struct place *pl, const char *rest, const char *dir, const char *text, struct err *err)
{
	CLEAN_FREE char *s = xstrdup(rest);
	char *slash, *colon;

	pl->kind = PLACE_REGISTRY;
	if (cut_digest(pl, s, text, err) < 0)
		return -1;
	slash = strchr(s, '/');
	if (slash)
		*slash = '\0';
	if (starts_with(rest, "https://") || starts_with(rest, "http://")) {
		bad(err, text, "a registry is named without a scheme");
		return err_hint(err, "write HOST/REPOSITORY[:TAG]; plain http is used for this machine only, or with "
				     "--insecure");
	}
	if (!slash || !looks_like_host(s))
		return bad_name(text, dir, err);
	if (!host_is_valid(s))
		return bad(err, text, "the registry's host is malformed");
	pl->host = xstrdup(s);
	colon = strchr(slash + 1, ':');
	if (colon) {
		*colon = '\0';
		if (!tag_is_valid(colon + 1))
			return bad(err, text, "the tag is malformed: at most 128 letters, digits, '_', '.' and '-'");
		pl->tag = xstrdup(colon + 1);
	}
	if (!repo_is_valid(slash + 1))
		return bad(err, text, "the repository is malformed: lower-case letters and digits, with '.', '_', '-' "
				      "and '/' between them");
	if (strlen(pl->host) + 1 + strlen(slash + 1) > NAME_MAX_LEN)
		return bad(err, text, "the name is longer than 255 bytes");
	pl->repo = xstrdup(slash + 1);
	return 0;
}

/* Whether it is there without a prefix: what it is, up to its tag. */
static bool exists_as(const char *text, const char *dir, enum place_kind *kind)
{
	CLEAN_FREE char *s = xstrdup(text), *path = NULL, *marker = NULL;

	s[strcspn(s, ":@")] = '\0';
	if (!*s)
		return false;
	path = path_join(dir, s);
	marker = path_join(path, "oci-layout");
	if (fs_exists(marker))
		*kind = PLACE_LAYOUT;
	else if (ends_with(path, ".oci.tar") && fs_exists(path))
		*kind = PLACE_OCI_ARCHIVE;
	else if (ends_with(path, ".docker.tar") && fs_exists(path))
		*kind = PLACE_DOCKER_ARCHIVE;
	else
		return false;
	return true;
}

int place_parse_in(struct place *pl, const char *text, const char *dir, struct err *err)
{
	enum place_kind kind;
	int ret = 1;

	*pl = (struct place){ .kind = PLACE_LAYOUT };
	if (!str_is_utf8(str_from(text)))
		return bad(err, text, "the name is not UTF-8");
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (starts_with(text, prefixes[i].text))
			ret = parse_path(pl, prefixes[i].kind, text + strlen(prefixes[i].text), dir, text, err);
	if (ret == 1 && starts_with(text, "docker://"))
		ret = parse_registry(pl, text + strlen("docker://"), dir, text, err);
	if (ret == 1 && exists_as(text, dir, &kind))
		ret = parse_path(pl, kind, text, dir, text, err);
	if (ret == 1)
		ret = parse_registry(pl, text, dir, text, err);
	if (ret < 0)
		place_release(pl);
	return ret;
}

int place_parse(struct place *pl, const char *text, struct err *err)
{
	return place_parse_in(pl, text, "", err);
}

int place_parse_artifact(struct place *pl, const char *text, struct err *err)
{
	const char *colon = strrchr(text, ':');
	CLEAN_FREE char *dir = colon && !strchr(colon, '/') ? xstrndup(text, (size_t)(colon - text)) : NULL;
	CLEAN_FREE char *layout = dir && !strchr(dir, ':') && fs_is_dir(dir) ? xasprintf("oci:%s", text) : NULL;

	return place_parse(pl, layout ? layout : text, err);
}

char *place_beside(const char *text, const char *what)
{
	CLEAN_PLACE struct place pl = { .kind = PLACE_LAYOUT };
	CLEAN_FREE char *tag = NULL;
	struct err ignored;

	if (place_parse(&pl, text, &ignored) < 0 || pl.digest)
		return NULL;
	tag = xasprintf("%s-%s", pl.tag ? pl.tag : "latest", what);
	if (pl.kind == PLACE_REGISTRY && !tag_is_valid(tag))
		return NULL;
	free(pl.tag);
	pl.tag = steal(&tag);
	return place_show(&pl);
}
