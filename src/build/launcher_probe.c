/* SPDX-License-Identifier: Apache-2.0 */
/* Servers that launchers share what they keep by: their URLs, and whether they are there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "build/launcher.h"
#include "os/net.h"

void launcher_url_release(struct launcher_url *u)
{
	free(u->host);
	free(u->port);
	free(u->path);
	free(u->shown);
	*u = (struct launcher_url){ .host = NULL };
}

static const char *default_port(const char *scheme)
{
	static const struct {
		const char *scheme, *port;
	} ports[] = { { "redis", "6379" }, { "http", "80" }, { "memcached", "11211" }, { "grpc", "443" } };

	for (size_t i = 0; i < ARRAY_LEN(ports); i++)
		if (strcmp(ports[i].scheme, scheme) == 0)
			return ports[i].port;
	return NULL;
}

static int bad(struct err *err, const char *why)
{
	return err_set(err, ERR_FORMAT, "%s", why);
}

/* "host", "host:1", "[::1]:1" */
static int split_host(struct launcher_url *u, struct str s, struct err *err)
{
	struct str host = s, port;
	uint64_t n;

	if (str_starts(s, "[")) {
		host = (struct str){ s.ptr + 1, s.len - 1 };
		if (!memchr(host.ptr, ']', host.len))
			return bad(err, "no ']' after the address");
		port = str_cut(&host, ']');
		if (port.len && port.ptr[0] != ':')
			return bad(err, "no port after ']'");
		port = port.len ? (struct str){ port.ptr + 1, port.len - 1 } : port;
	} else {
		port = str_cut(&host, ':');
	}
	if (!host.len)
		return bad(err, "no host");
	if (port.len && (str_parse_u64(port, &n) < 0 || !n || n > 65535))
		return bad(err, "no port between 1 and 65535");
	u->host = xstrndup(host.ptr, host.len);
	u->port = port.len ? xstrndup(port.ptr, port.len) : xstrdup(default_port(u->scheme));
	u->many = strchr(u->host, '*') != NULL;
	return 0;
}

/* redis+unix:/run/redis.sock?db=0, or with "//" and a login before the path */
static int parse_socket(struct launcher_url *u, struct str rest, struct err *err)
{
	struct str authority = { rest.ptr, 0 }, path = rest;

	if (str_starts(rest, "//")) {
		authority = (struct str){ rest.ptr + 2, rest.len - 2 };
		path = authority;
		authority.len = 0;
		while (path.len && path.ptr[0] != '/')
			path = (struct str){ path.ptr + 1, path.len - 1 }, authority.len++;
	}
	str_cut(&path, '?');
	if (path.len < 2 || path.ptr[0] != '/' || memchr(path.ptr, '@', path.len))
		return bad(err, "no path of a socket");
	u->login = memchr(authority.ptr, '@', authority.len) != NULL;
	u->port = xstrndup(path.ptr, path.len);
	u->shown = xasprintf("redis+unix:%s", u->port);
	return 0;
}

static int parse(struct launcher_url *u, struct str s, struct err *err)
{
	struct str rest = s, authority, path, login;

	s = rest;
	rest = str_cut(&s, ':');
	if (!s.len || s.len >= sizeof(u->scheme))
		return bad(err, "no scheme");
	memcpy(u->scheme, s.ptr, s.len);
	if (strcmp(u->scheme, "redis+unix") == 0)
		return parse_socket(u, rest, err);
	if (strcmp(u->scheme, "file") == 0) {
		u->shown = xasprintf("file:" STR_FMT, STR_ARG(rest));
		return rest.len ? 0 : bad(err, "no path");
	}
	if (!default_port(u->scheme))
		return bad(err, "no scheme that is known");
	if (!str_starts(rest, "//"))
		return bad(err, "no '//' after the scheme");
	authority = (struct str){ rest.ptr + 2, rest.len - 2 };
	path = str_cut(&authority, '/');
	/* it would be shown */
	if (memchr(path.ptr, '@', path.len))
		return bad(err, "an '@' after the host: in a password '/' is written %2F");
	for (login = authority; login.len && login.ptr[login.len - 1] != '@';)
		login.len--;
	u->login = login.len > 0;
	authority = (struct str){ authority.ptr + login.len, authority.len - login.len };
	if (split_host(u, authority, err) < 0)
		return -1;
	while (path.len && path.ptr[path.len - 1] == '/')
		path.len--;
	u->path = xasprintf("%s" STR_FMT, path.len ? "/" : "", STR_ARG(path));
	u->many |= strchr(u->path, '*') != NULL;
	u->shown = xasprintf("%s://" STR_FMT "%s", u->scheme, STR_ARG(authority), u->path);
	return 0;
}

int launcher_url_parse(struct launcher_url *u, const char *text, struct err *err)
{
	struct str s = str_from(text);

	*u = (struct launcher_url){ .host = NULL };
	str_cut(&s, '|');
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
			return bad(err, "a blank or a control character in it");
	if (parse(u, s, err) < 0) {
		launcher_url_release(u);
		return -1;
	}
	return 0;
}

static int ask(const struct launcher_url *u, const char *say, struct buf *line, struct err *err)
{
	return net_ask(u->host, u->port, str_from(say), LAUNCHER_PROBE_MS, line, err);
}

/* What a server said that is another one, fit for one line. */
static int strange(const char *what, const struct buf *line, struct err *err)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	for (size_t i = 0; i < line->len && i < 40; i++)
		buf_addc(&b, line->ptr[i] >= ' ' && line->ptr[i] < 0x7f ? line->ptr[i] : '?');
	return err_set(err, ERR_NET, "it does not speak %s: '%s%s'", what, b.ptr, line->len > 40 ? "..." : "");
}

static int probe_redis(const struct launcher_url *u, struct err *err)
{
	CLEAN_BUF struct buf line = BUF_INIT;

	if (ask(u, "PING\r\n", &line, err) < 0)
		return -1;
	if (strcmp(line.ptr, "+PONG") == 0)
		return 0;
	if (!starts_with(line.ptr, "-NOAUTH"))
		return strange("Redis", &line, err);
	return u->login ? 0 : err_set(err, ERR_NET, "it asks for a password");
}

static int probe_memcached(const struct launcher_url *u, struct err *err)
{
	CLEAN_BUF struct buf line = BUF_INIT;

	if (ask(u, "version\r\n", &line, err) < 0)
		return -1;
	return starts_with(line.ptr, "VERSION ") ? 0 : strange("memcached", &line, err);
}

/* A name that nobody has put there: who says it is there says so of everything. */
#define NO_SUCH "/00/slsc-probe"

static int probe_http(const struct launcher_url *u, struct err *err)
{
	CLEAN_FREE char *say = xasprintf("GET %s" NO_SUCH " HTTP/1.1\r\nHost: %s:%s\r\nUser-Agent: slsc\r\n"
					 "Connection: close\r\n\r\n", u->path, u->host, u->port);
	CLEAN_BUF struct buf line = BUF_INIT;
	unsigned status;

	if (ask(u, say, &line, err) < 0)
		return -1;
	if (sscanf(line.ptr, "HTTP/1.%*1[01] %3u", &status) != 1)
		return strange("HTTP", &line, err);
	if (status == 404 || status == 410 || (status == 401 && u->login))
		return 0;
	if (status >= 200 && status < 300)
		return err_set(err, ERR_NET, "it has everything: %u for what nobody has put there", status);
	return err_set(err, ERR_NET, "it answers %u", status);
}

int launcher_probe(const struct launcher_url *u, struct err *err)
{
	CLEAN_BUF struct buf line = BUF_INIT;

	if (u->many || strcmp(u->scheme, "file") == 0)
		return 0;
	if (starts_with(u->scheme, "redis"))
		return probe_redis(u, err);
	if (strcmp(u->scheme, "memcached") == 0)
		return probe_memcached(u, err);
	if (strcmp(u->scheme, "http") == 0)
		return probe_http(u, err);
	/* gRPC: HTTP/2's preface, which a server answers with a frame of settings */
	return ask(u, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &line, err);
}
