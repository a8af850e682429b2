/*
 * {"do": "reserve", "order": "o-1", "item": "lamp", "count": 2}: a reservation is a file, data/reserved/lamp/o-1. What
 * is left is the number in data/items/lamp less all reservations, looked at under a lock. {"do": "release", ...} takes
 * it back: a second time, or without a reservation, that is done already.
 */
#include <errno.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "shop.h"

static long number_in(int at, const char *name)
{
	char text[32];
	int fd = openat(at, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return -1;
	text[n] = '\0';
	return strtol(text, NULL, 10);
}

/* All that is reserved; *mine: by this order, or -1. */
static long reserved(const char *dir, const char *order, long *mine)
{
	DIR *d = opendir(dir);
	long all = 0;

	*mine = -1;
	if (!d)
		return -1;
	for (struct dirent *e; (e = readdir(d));) {
		long n;

		if (e->d_name[0] == '.')
			continue;
		n = number_in(dirfd(d), e->d_name);
		if (strcmp(e->d_name, order) == 0)
			*mine = n;
		all += n > 0 ? n : 0;
	}
	closedir(d);
	return all;
}

static int reserve(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	char items[256], dir[256], sub[80], text[32];
	long all, mine, taken;

	snprintf(sub, sizeof(sub), "reserved/%s", o->item);
	if (shop_path(items, "items", o->item) || shop_path(dir, "reserved", o->item))
		return shop_failed(ctx, "DATA");
	all = number_in(AT_FDCWD, items);
	if (all < 0)
		return slsc_fail(ctx, "OutOfStock", "the shop has no such item");
	taken = reserved(dir, o->id, &mine);
	if (taken < 0)
		return shop_failed(ctx, dir);
	if (mine < 0 && taken + o->count > all)
		return slsc_fail(ctx, "OutOfStock", "there are not so many left");
	snprintf(text, sizeof(text), "%lld\n", (long long)o->count);
	if (mine < 0 && shop_once(sub, o->id, text) < 0)
		return shop_failed(ctx, sub);
	slsc_puts(out, mine < 0 ? "{\"reserved\":" : "{\"before\":true,\"reserved\":");
	slsc_put_i64(out, mine < 0 ? o->count : mine);
	slsc_puts(out, ",\"left\":");
	slsc_put_i64(out, all - taken - (mine < 0 ? o->count : 0));
	slsc_puts(out, "}");
	return 0;
}

int stock_reserve(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	char path[256];
	int lock, ret;

	if (shop_called(ctx, "reserve", o))
		return -1;
	if (!o->item[0] || !o->count)
		return slsc_fail(ctx, "InvalidOrder", "\"item\" or \"count\" is missing");
	if (shop_path(path, ".", "lock"))
		return shop_failed(ctx, "DATA");
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (lock < 0 || flock(lock, LOCK_EX)) {
		if (lock >= 0)
			close(lock);
		return shop_failed(ctx, path);
	}
	ret = reserve(ctx, o, out);
	close(lock);
	return ret;
}

int stock_release(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	char path[256], sub[80];

	if (shop_called(ctx, "release", o))
		return -1;
	snprintf(sub, sizeof(sub), "reserved/%s", o->item);
	if (shop_path(path, sub, o->id))
		return shop_failed(ctx, "DATA");
	if (unlink(path) && errno != ENOENT)
		return shop_failed(ctx, path);
	slsc_puts(out, "{\"reserved\":0}");
	return 0;
}

int stock(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, what;
	struct order o;

	if (order_read(ctx, in, &o))
		return -1;
	if (slsc_json_get(in, "do", &value) <= 0 || slsc_json_str(ctx, value, &what))
		return slsc_fail(ctx, "InvalidOrder", "\"do\" is missing");
	if (slsc_str_eq(what, "reserve"))
		return stock_reserve(ctx, &o, out);
	if (slsc_str_eq(what, "release"))
		return stock_release(ctx, &o, out);
	return slsc_fail(ctx, "InvalidOrder", "\"do\" is neither reserve nor release");
}
