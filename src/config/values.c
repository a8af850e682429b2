/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/internal.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_alpha(char c)
{
	return is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool one_of(const char *s, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(s, *list) == 0)
			return true;
	return false;
}

static const char *skip_digits(const char *s)
{
	while (is_digit(*s))
		s++;
	return s;
}

static bool is_number(const char *s)
{
	static const char *const special[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN", NULL };
	const char *p, *q;

	if (s[0] == '0' && s[1] == 'o' && s[2])
		return s[2 + strspn(s + 2, "01234567")] == '\0';
	if (s[0] == '0' && s[1] == 'x' && s[2])
		return s[2 + strspn(s + 2, "0123456789abcdefABCDEF")] == '\0';
	if (*s == '-' || *s == '+')
		s++;
	if (*s == '.' && one_of(s, special))
		return true;
	p = skip_digits(s);
	q = *p == '.' ? skip_digits(p + 1) : p;
	if (p == s && q <= p + 1)
		return false;
	if (*q == 'e' || *q == 'E') {
		q++;
		if (*q == '-' || *q == '+')
			q++;
		if (!is_digit(*q))
			return false;
		q = skip_digits(q);
	}
	return *q == '\0';
}

enum scalar_kind scalar_kind(const char *s)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
	static const char *const bools[] = { "true", "false", NULL };

	if (one_of(s, nulls))
		return SCALAR_NULL;
	if (one_of(s, bools))
		return SCALAR_BOOL;
	return is_number(s) ? SCALAR_NUMBER : SCALAR_STR;
}

int scalar_bool11(const char *s)
{
	static const char *const yes[] = { "true", "yes", "on", "y", "enabled", NULL };
	static const char *const no[] = { "false", "no", "off", "n", "disabled", NULL };

	for (size_t i = 0; yes[i]; i++) {
		if (strcasecmp(s, yes[i]) == 0)
			return 1;
		if (strcasecmp(s, no[i]) == 0)
			return 0;
	}
	return -1;
}

/* A decimal number with up to six decimals, in millionths; *end is left on what follows it and blanks. */
static int parse_millionths(const char *s, uint64_t *out, const char **end)
{
	uint64_t v = 0;
	int decimals = -1;

	if (!is_digit(*s))
		return -1;
	for (; is_digit(*s) || (*s == '.' && decimals < 0 && is_digit(s[1])); s++) {
		if (*s == '.') {
			decimals = 0;
			continue;
		}
		if (decimals >= 0 && ++decimals > 6)
			return -1;
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (unsigned)(*s - '0'), &v))
			return -1;
	}
	for (decimals = decimals < 0 ? 0 : decimals; decimals < 6; decimals++)
		if (__builtin_mul_overflow(v, 10u, &v))
			return -1;
	while (*s == ' ')
		s++;
	*out = v;
	*end = s;
	return 0;
}

int duration_parse(const char *s, uint64_t *us)
{
	static const struct {
		const char *name;
		uint64_t us;
	} units[] = {
		{ "us", 1 },	 { "\xc2\xb5s", 1 }, { "ms", 1000 },	  { "s", 1000000 },
		{ "", 1000000 }, { "min", 60000000 }, { "h", 3600000000 },
	};
	uint64_t n, product;

	if (parse_millionths(s, &n, &s))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strcmp(s, units[i].name) == 0) {
			if (__builtin_mul_overflow(n, units[i].us, &product))
				return -1;
			*us = product / 1000000;
			return 0;
		}
	return -1;
}

int parse_permille(const char *s, uint64_t *permille)
{
	uint64_t n;

	if (parse_millionths(s, &n, &s) || strcmp(s, "%") != 0 || n % 100000)
		return -1;
	*permille = n / 100000;
	return 0;
}

int parse_mode(const char *s, mode_t *mode)
{
	unsigned v = 0;

	if (*s != '0')
		return -1;
	s += s[1] == 'o' ? 2 : 1;
	if (!*s || strlen(s) > 4)
		return -1;
	for (; *s; s++) {
		if (*s < '0' || *s > '7')
			return -1;
		v = v * 8 + (unsigned)(*s - '0');
	}
	*mode = v;
	return 0;
}

char *format_size(uint64_t bytes, char buf[32])
{
	static const char *const unit[] = { "", " KB", " MB", " GB" };
	size_t u = 0;

	while (bytes && bytes % 1024 == 0 && u + 1 < ARRAY_LEN(unit)) {
		bytes /= 1024;
		u++;
	}
	snprintf(buf, 32, "%" PRIu64 "%s", bytes, unit[u]);
	return buf;
}

char *format_us(uint64_t us, char buf[32])
{
	if (us % 1000000 == 0)
		snprintf(buf, 32, "%" PRIu64 " s", us / 1000000);
	else if (us % 1000 == 0)
		snprintf(buf, 32, "%" PRIu64 " ms", us / 1000);
	else
		snprintf(buf, 32, "%" PRIu64 " us", us);
	return buf;
}

char *format_permille(uint64_t permille, char buf[32])
{
	if (permille % 10)
		snprintf(buf, 32, "%" PRIu64 ".%" PRIu64 " %%", permille / 10, permille % 10);
	else
		snprintf(buf, 32, "%" PRIu64 " %%", permille / 10);
	return buf;
}

const char *quote(struct arena *a, const char *s)
{
	size_t n = strlen(s), keep = n;
	char *out;

	if (n > 60) {
		keep = 57;
		while (keep && ((unsigned char)s[keep] & 0xc0) == 0x80)
			keep--;
	}
	out = arena_printf(a, "'%.*s%s'", (int)keep, s, keep < n ? "..." : "");
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	return out;
}

void hint_closest(struct err *err, const char *word, const char *const *cands, size_t n, const char *what)
{
	const char *near = str_closest(word, cands, n);
	char list[sizeof(err->hint)];
	size_t used = 0;

	if (near) {
		err_hint(err, "did you mean '%s'?", near);
		return;
	}
	used = (size_t)snprintf(list, sizeof(list), "%s: ", what);
	for (size_t i = 0; i < n; i++) {
		if (used + strlen(cands[i]) + sizeof(", ...") > sizeof(list)) {
			used += (size_t)snprintf(list + used, sizeof(list) - used, "...");
			break;
		}
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", cands[i],
					 i + 1 < n ? ", " : "");
	}
	err_hint(err, "%s", list);
}

/* ---- checks ---- */

static bool ok_chars(const char *s, size_t max, const char *more, bool upper)
{
	size_t i = 1;

	if (!is_digit(s[0]) && !is_lower(s[0]) && !(upper && is_alpha(s[0])))
		return false;
	for (; s[i]; i++)
		if (i == max || !(is_digit(s[i]) || is_lower(s[i]) || (upper && is_alpha(s[i])) || strchr(more, s[i])))
			return false;
	return true;
}

static bool ok_function_name(const char *s)
{
	return ok_chars(s, 64, "_-", false);
}

static bool ok_name(const char *s)
{
	return ok_chars(s, 64, "._-", true);
}

static bool ok_c_name(const char *s)
{
	if (!is_alpha(*s) && *s != '_')
		return false;
	for (; *s; s++)
		if (!is_alpha(*s) && !is_digit(*s) && *s != '_')
			return false;
	return true;
}

static bool ok_label(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || *s == 0x7f)
			return false;
	return true;
}

/* Debian Policy 5.6.7 */
static bool ok_package(const char *s)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
	static const char rest[] = "abcdefghijklmnopqrstuvwxyz0123456789+.-";
	size_t n = strlen(s);

	return n >= 2 && n <= 128 && strchr(first, *s) && s[strspn(s, rest)] == '\0';
}

/* A word alone is most likely a slip: bases that have a name of their own have a '-' in it. */
static bool ok_base(const char *s)
{
	return ok_label(s) && (strpbrk(s, "-/:.") || strcmp(s, "static") == 0 || strcmp(s, "scratch") == 0);
}

/*
 * Below its start whatever the links and globs in it stand for: relative, and never more ".." than names
 * before them; "**" may stand for no name at all.
 */
static bool ok_inside(const char *s)
{
	long depth = 0;

	if (*s == '/')
		return false;
	while (*s) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.') {
			if (--depth < 0)
				return false;
		} else if (n && !(n == 1 && *s == '.') && !(n == 2 && s[0] == '*' && s[1] == '*')) {
			depth++;
		}
		s += n + (s[n] == '/');
	}
	return true;
}

/* In an archive: no ".." at all, as unpackers refuse it. */
static bool ok_to(const char *s)
{
	if (*s == '/')
		return false;
	for (;;) {
		size_t n = strcspn(s, "/");

		if (n == 2 && s[0] == '.' && s[1] == '.')
			return false;
		if (!s[n])
			return true;
		s += n + 1;
	}
}

static const char *skip_id(const char *s)
{
	uint64_t v = 0;
	size_t n = 0;

	for (; is_digit(s[n]) && n < 11; n++)
		v = v * 10 + (uint64_t)(s[n] - '0');
	/* (uid_t)-1 means "leave it" to chown() */
	return n && n < 11 && v < UINT32_MAX ? s + n : NULL;
}

static bool ok_user(const char *s)
{
	if (strcmp(s, "nonroot") == 0 || strcmp(s, "root") == 0)
		return true;
	s = skip_id(s);
	if (s && *s == ':')
		s = skip_id(s + 1);
	return s && !*s;
}

static bool ok_absolute(const char *s)
{
	return *s == '/';
}

/* A password in a URL would end in slsc.lock, in messages, and in the image's history. */
static bool ok_git(const char *s)
{
	const char *p = strstr(s, "://"), *end, *at;

	if (*s == '-')
		return false;
	if (!p)
		return true;
	p += 3;
	end = p + strcspn(p, "/");
	at = memchr(p, '@', (size_t)(end - p));
	return !at || !memchr(p, ':', (size_t)(at - p));
}

static bool ok_launcher(const char *s)
{
	static const char *const names[] = { "ccache", "sccache", "distcc", "icecc", "recc", "none", NULL };

	return one_of(s, names);
}

/* A password would be in the repository; ccache takes one word before '@' for a password, too. */
static bool ok_remote(const char *s)
{
	static const char *const schemes[] = { "redis://", "redis+unix:", "http://", "file:/", "memcached://",
					       "grpc://" };
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
		known |= starts_with(s, schemes[i]) && s[strlen(schemes[i])];
	return known && ok_label(s) && !strchr(s, '@') && !strstr(s, "bearer-token=");
}

static bool ok_role(const char *s)
{
	const char *id = strstr(s, ":iam::");

	if (!starts_with(s, "arn:aws") || !id || !ok_label(s))
		return false;
	for (const char *p = s + strlen("arn:aws"); p < id; p++)
		if (!is_lower(*p) && *p != '-')
			return false;
	id += strlen(":iam::");
	return skip_digits(id) == id + 12 && starts_with(id + 12, ":role/") && id[strlen("123456789012:role/")];
}

/* What consists of digits is a version. */
static bool ok_alias(const char *s)
{
	bool digits = true;
	size_t n = strlen(s);

	for (const char *p = s; *p; p++) {
		if (!is_alpha(*p) && !is_digit(*p) && *p != '-' && *p != '_')
			return false;
		digits = digits && is_digit(*p);
	}
	return !digits && n <= 128;
}

static bool ok_bucket(const char *s)
{
	size_t n = strcspn(s, "/");

	for (size_t i = 0; i < n; i++)
		if (!is_lower(s[i]) && !is_digit(s[i]) && (i == 0 || i == n - 1 || (s[i] != '-' && s[i] != '.')))
			return false;
	return n >= 3 && n <= 63 && ok_label(s) && s[n - 1] != '/' && !strstr(s, "//") && s[strlen(s) - 1] != '/';
}

const struct check check_function_name = { "a name of lower-case letters, digits, '-' and '_'",
	"^[a-z0-9][a-z0-9_-]{0,63}$", ok_function_name, "it becomes a file name and part of an image's name" };
const struct check check_name = { "a name of letters, digits, '.', '-' and '_'",
	"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", ok_name, NULL };
const struct check check_c_name = { "a C identifier", "^[A-Za-z_][A-Za-z0-9_]*$", ok_c_name, NULL };
const struct check check_env_name = { "a name of letters, digits and '_'", "^[A-Za-z_][A-Za-z0-9_]*$", ok_c_name,
	NULL };
const struct check check_label = { "a name without spaces", "^[^ \t\r\n]+$", ok_label, NULL };
const struct check check_base = { "static, scratch or an image",
	"^(static|scratch|[^ \t\r\n]*[-/:.][^ \t\r\n]*)$", ok_base,
	"an image is oci:DIR[:TAG], oci-archive:FILE, docker-archive:FILE or HOST/REPOSITORY[:TAG][@DIGEST]" };
const struct check check_inside = { "a path inside the project", "^[^/]", ok_inside,
	"paths are relative to slsc.yaml's directory" };
const struct check check_in_tree = { "a path inside the fetched tree", "^[^/]", ok_inside, NULL };
const struct check check_to = { "a relative path without '..'", "^[^/]", ok_to,
	"it is a place next to the function's binary" };
const struct check check_user = { "nonroot, root or UID[:GID]", "^(nonroot|root|[0-9]{1,10}(:[0-9]{1,10})?)$",
	ok_user, NULL };
const struct check check_absolute = { "an absolute path", "^/", ok_absolute, NULL };
const struct check check_debian = { "a Debian package's name", "^[a-z0-9][a-z0-9+.-]{1,127}$", ok_package, NULL };
const struct check check_git = { "a git URL or path without a password", "^[^-]", ok_git,
	"let a git credential helper or an SSH agent know the password" };
const struct check check_launcher = { "ccache, sccache, distcc, icecc, recc or none",
	"^(ccache|sccache|distcc|icecc|recc|none)$", ok_launcher, "another command: slsc build --launcher CMD" };
const struct check check_remote = { "the URL of a server, without a password",
	"^(redis://|redis[+]unix:|http://|file:/|memcached://|grpc://)[^ \t\r\n@]+$", ok_remote,
	"redis://HOST[:PORT], http://HOST[:PORT][/PATH], file:/DIR, ...; one with a password: $SLSC_LAUNCHER_REMOTE" };
const struct check check_role = { "the ARN of an IAM role", "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[^ \t\r\n]+$",
	ok_role, "it looks like arn:aws:iam::123456789012:role/NAME" };
const struct check check_alias = { "a name of letters, digits, '-' and '_'",
	"^[A-Za-z0-9_-]*[A-Za-z_-][A-Za-z0-9_-]*$", ok_alias, NULL };
const struct check check_bucket = { "BUCKET or BUCKET/PREFIX",
	"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/[^ \t\r\n/]+)*$", ok_bucket, NULL };
