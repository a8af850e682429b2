/*
 * A Lambda function: {"file": "7.txt"} in; in/7.txt, ISO 8859-1, becomes out/7.txt, UTF-8, and a line of state.log.
 * An event may come twice, or again after the process that had it was killed at any moment: what is there under its
 * name is whole, and what is in the state table is there.
 *
 * With -DNO_CARE it takes neither care: chaos/kill.yaml shows what becomes of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <slsc.h>

#define BLOCK	  4096
#define NAME_MAX_ 64

static const char *setting(const char *name, const char *fallback)
{
	const char *s = getenv(name);

	return s && *s ? s : fallback;
}

static int path_of(char path[256], const char *sub, const char *name)
{
	return snprintf(path, 256, "%s/%s%s", setting("DATA", "data"), sub, name) < 256 ? 0 : -1;
}

static int failed(struct slsc_ctx *ctx, const char *what)
{
	char text[320];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	return slsc_fail(ctx, "StorageError", text);
}

/* A name, and no path. */
static int read_name(struct slsc_ctx *ctx, struct slsc_str in, char name[NAME_MAX_])
{
	struct slsc_str value, file;

	if (slsc_json_get(in, "file", &value) <= 0 || slsc_json_str(ctx, value, &file) || !file.len ||
	    file.len >= NAME_MAX_ || file.ptr[0] == '.' || memchr(file.ptr, '/', file.len) ||
	    memchr(file.ptr, '\0', file.len))
		return slsc_fail(ctx, "InvalidInput", "\"file\" is not a name");
	memcpy(name, file.ptr, file.len);
	name[file.len] = '\0';
	return 0;
}

static int write_all(int fd, const unsigned char *p, size_t n)
{
	while (n) {
		ssize_t done = write(fd, p, n);

		if (done < 0)
			return -1;
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

/* The work. Returns the bytes written, or -1. */
static long convert_file(struct slsc_ctx *ctx, int from, int to)
{
	const long pace = strtol(setting("PACE_MS", "0"), NULL, 10);
	unsigned char block[BLOCK], utf8[2 * BLOCK];
	long all = 0;
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0) {
		size_t len = 0;

		for (ssize_t i = 0; i < n; i++) {
			if (block[i] >= 0x80)
				utf8[len++] = (unsigned char)(0xc0 | block[i] >> 6);
			utf8[len++] = block[i] >= 0x80 ? (unsigned char)(0x80 | (block[i] & 0x3f)) : block[i];
		}
		if (write_all(to, utf8, len))
			return -1;
		all += (long)len;
		if (pace > 0 && slsc_sleep_ms(ctx, pace)) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return n < 0 ? -1 : all;
}

/* One write(2) with O_APPEND: lines of many instances do not mix. */
static int add_state(const char *name, long bytes)
{
	char path[256], line[128];
	int n = snprintf(line, sizeof(line), "%s %ld\n", name, bytes), fd, ret;

	if (path_of(path, "state.log", ""))
		return -1;
	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -1;
	ret = write_all(fd, (unsigned char *)line, (size_t)n);
#ifndef NO_CARE
	if (!ret)
		ret = fsync(fd);
#endif
	return close(fd) || ret ? -1 : 0;
}

static int convert(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	char name[NAME_MAX_], in_path[256], path[256], tmp[256];
	int from, to;
	long bytes;

	if (read_name(ctx, in, name))
		return -1;
	if (path_of(in_path, "in/", name) || path_of(path, "out/", name))
		return slsc_fail(ctx, "InvalidInput", "DATA is too long");
#ifdef NO_CARE
	/* it is there: somebody has done it, up to the end, or so it is hoped */
	memcpy(tmp, path, sizeof(tmp));
	if (access(path, F_OK) == 0) {
		slsc_puts(out, "{\"done\":\"before\"}");
		return 0;
	}
#else
	/* a name of its own: whoever has the same event at the same time does no harm */
	if (snprintf(tmp, sizeof(tmp), "%s.%.*s.%d", path, (int)ctx->request_id.len, ctx->request_id.ptr,
		     (int)getpid()) >= (int)sizeof(tmp))
		return slsc_fail(ctx, "InvalidInput", "DATA is too long");
#endif
	from = open(in_path, O_RDONLY | O_CLOEXEC);
	if (from < 0)
		return failed(ctx, in_path);
	to = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (to < 0) {
		close(from);
		return failed(ctx, tmp);
	}
	bytes = convert_file(ctx, from, to);
	close(from);
#ifndef NO_CARE
	/* whole on the disk, then under its name, then in the table: in this order each can be done again */
	if (bytes >= 0 && (fsync(to) || rename(tmp, path)))
		bytes = -1;
#endif
	if (close(to) || bytes < 0 || add_state(name, bytes)) {
		int e = errno;

#ifndef NO_CARE
		unlink(tmp);
#endif
		errno = e;
		return failed(ctx, path);
	}
	slsc_puts(out, "{\"done\":\"now\",\"bytes\":");
	slsc_put_i64(out, bytes);
	slsc_puts(out, "}");
	return 0;
}

SLSC_HANDLER(convert);
