#include "shop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *setting(const char *name, const char *fallback)
{
	const char *s = getenv(name);

	return s && *s ? s : fallback;
}

int shop_path(char path[256], const char *dir, const char *name)
{
	if (snprintf(path, 256, "%s/%s/%s", setting("DATA", "data"), dir, name) < 256)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int shop_failed(struct slsc_ctx *ctx, const char *what)
{
	char text[320];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	return slsc_fail(ctx, "StorageError", text);
}

/* ---- orders ---- */

/* A word that may become a file's name. An absent one is "". */
static int read_word(struct slsc_ctx *ctx, struct slsc_str in, const char *key, char word[ID_MAX])
{
	struct slsc_str value, s;
	int found = slsc_json_get(in, key, &value);
	char why[128];

	word[0] = '\0';
	if (!found)
		return 0;
	if (found > 0 && slsc_json_str(ctx, value, &s) == 0 && s.len && s.len < ID_MAX && s.ptr[0] != '.' &&
	    !memchr(s.ptr, '/', s.len) && !memchr(s.ptr, '\0', s.len) && !memchr(s.ptr, '\n', s.len) &&
	    !memchr(s.ptr, ' ', s.len)) {
		memcpy(word, s.ptr, s.len);
		word[s.len] = '\0';
		return 0;
	}
	snprintf(why, sizeof(why), "\"%s\" is not a word", key);
	return slsc_fail(ctx, "InvalidOrder", why);
}

static int read_number(struct slsc_ctx *ctx, struct slsc_str in, const char *key, int64_t *n)
{
	struct slsc_str value;
	char why[128];

	*n = 0;
	if (slsc_json_get(in, key, &value) <= 0)
		return 0;
	if (slsc_json_i64(value, n) == 0 && *n > 0)
		return 0;
	snprintf(why, sizeof(why), "\"%s\" is not a number from 1 on", key);
	return slsc_fail(ctx, "InvalidOrder", why);
}

int order_read(struct slsc_ctx *ctx, struct slsc_str in, struct order *o)
{
	if (read_word(ctx, in, "order", o->id) || read_word(ctx, in, "item", o->item) ||
	    read_word(ctx, in, "to", o->to) || read_word(ctx, in, "card", o->card) ||
	    read_number(ctx, in, "count", &o->count) || read_number(ctx, in, "amount", &o->amount))
		return -1;
	return o->id[0] ? 0 : slsc_fail(ctx, "InvalidOrder", "\"order\" is missing");
}

/* ---- calls ---- */

int shop_called(struct slsc_ctx *ctx, const char *step, const struct order *o)
{
	char path[256], line[256];
	int n, fd, bad;

	if (shop_path(path, ".", "calls.log"))
		return shop_failed(ctx, "calls.log");
	/* one write(2) with O_APPEND: lines of many instances do not mix */
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return shop_failed(ctx, path);
	n = snprintf(line, sizeof(line), "%s %s %lld\n", step, o->id, (long long)slsc_remaining_ms(ctx));
	bad = write(fd, line, (size_t)n) != n;
	if (close(fd) || bad)
		return shop_failed(ctx, path);
	return slsc_sleep_ms(ctx, strtol(setting("PACE_MS", "0"), NULL, 10))
		       ? slsc_fail(ctx, "OutOfTime", "the order's time is up")
		       : 0;
}

int shop_calls(const char *step, const struct order *o)
{
	char path[256], line[256], want[160];
	int n = 0, len = snprintf(want, sizeof(want), "%s %s ", step, o->id);
	FILE *f = shop_path(path, ".", "calls.log") ? NULL : fopen(path, "re");

	while (f && fgets(line, sizeof(line), f))
		n += strncmp(line, want, (size_t)len) == 0;
	if (f)
		fclose(f);
	return n;
}

/* ---- files ---- */

int shop_once(const char *dir, const char *name, const char *text)
{
	char path[256], part[96], tmp[256];
	size_t n = strlen(text);
	int fd, ret = -1, e;

	snprintf(part, sizeof(part), ".%s.%d", name, (int)getpid());
	if (shop_path(path, dir, name) || shop_path(tmp, ".", part))
		return -1;
	fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	/* on the disk first; link(2) fails where a rename would take the place of what is there */
	if (write(fd, text, n) == (ssize_t)n && fsync(fd) == 0)
		ret = link(tmp, path) == 0 ? 0 : errno == EEXIST ? 1 : -1;
	e = errno;
	close(fd);
	unlink(tmp);
	errno = e;
	return ret;
}
