/*
 * A Lambda function: {"file": "7.bin"} in; in/7.bin goes to a store in parts, and is complete there. The store is
 * STORE, host:port, and takes who names STORE_KEY.
 *
 * What goes wrong on the way is made good: parts that are there are not sent again, a full /tmp is noticed, and who is
 * refused ends, so that the next process begins with the key of today. Without these cares, -DNO_RESUME, -DNO_SPACE,
 * -DNO_RENEW, the plans in chaos/ fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <slsc.h>

#define PART	  (64u << 10)
#define PARTS_MAX 1024u
#define NAME_MAX_ 64
#define MARGIN_MS 1000 /* to say so, when the time is up */

struct upload {
	char name[NAME_MAX_], source[256], copy[256];
	int fd; /* what is sent: the copy, or the source */
	size_t size;
	struct stat was; /* the source, when it was begun */
	bool have[PARTS_MAX];
};

static const char *setting(const char *name, const char *fallback)
{
	const char *s = getenv(name);

	return s && *s ? s : fallback;
}

static int failed(struct slsc_ctx *ctx, const char *type, const char *what)
{
	char text[320];

	snprintf(text, sizeof(text), "%s: %s", what, strerror(errno));
	return slsc_fail(ctx, type, text);
}

/* A name, and no path. */
static int read_name(struct slsc_ctx *ctx, struct slsc_str in, struct upload *u)
{
	struct slsc_str value, file;

	if (slsc_json_get(in, "file", &value) <= 0 || slsc_json_str(ctx, value, &file) || !file.len ||
	    file.len >= NAME_MAX_ || file.ptr[0] == '.' || memchr(file.ptr, '/', file.len) ||
	    memchr(file.ptr, '\0', file.len))
		return slsc_fail(ctx, "InvalidInput", "\"file\" is not a name");
	memcpy(u->name, file.ptr, file.len);
	u->name[file.len] = '\0';
	snprintf(u->source, sizeof(u->source), "%.180s/in/%s", setting("DATA", "data"), u->name);
	snprintf(u->copy, sizeof(u->copy), "/tmp/%s", u->name);
	return 0;
}

/* ---- what is sent: a copy that nobody changes meanwhile ---- */

/* Returns 0, or -1 with errno. */
static int copy_file(int from, int to)
{
	static char block[16384];
	ssize_t n;

	while ((n = read(from, block, sizeof(block))) > 0)
		for (ssize_t done = 0, w; done < n; done += w) {
			w = write(to, block + done, (size_t)(n - done));
#ifdef NO_SPACE
			if (w < 0) /* what could go wrong with a temporary file? */
				return 0;
#endif
			if (w < 0)
				return -1;
		}
	return n < 0 ? -1 : 0;
}

/* The copy; with no room for one the source itself, which then has to be the same at the end. */
static int open_file(struct slsc_ctx *ctx, struct upload *u)
{
	int from = open(u->source, O_RDONLY | O_CLOEXEC), e;
	struct stat st;

	if (from < 0 || fstat(from, &u->was)) {
		if (from >= 0)
			close(from);
		return failed(ctx, "SourceError", u->source);
	}
	u->fd = open(u->copy, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (u->fd >= 0 && !copy_file(from, u->fd) && !fstat(u->fd, &st)) {
		unlink(u->copy);
		close(from);
		u->size = (size_t)st.st_size;
		return 0;
	}
	e = errno;
	if (u->fd >= 0)
		close(u->fd);
	unlink(u->copy);
	u->fd = from;
	u->size = (size_t)u->was.st_size;
	errno = e;
	if (e != ENOSPC)
		return failed(ctx, "CopyError", u->copy);
	slsc_log(ctx, SLSC_WARN, "/tmp is full: the source is sent as it is");
	return 0;
}

/* ---- the store ---- */

static int call(struct slsc_ctx *ctx, struct upload *u, const char *method, const char *query, struct slsc_str body,
		struct slsc_answer *answer)
{
	char url[512], key[160];
	struct slsc_field fields[] = { { SLSC_STR("Authorization"), { key, 0 } } };
	struct slsc_call c = {
		.method = method, .url = url, .fields = fields, .field_count = 1, .body = body, .timeout_ms = 3000
	};
	int rc;

	snprintf(url, sizeof(url), "http://%s/%s?%s", setting("STORE", "127.0.0.1:9100"), u->name, query);
	fields[0].value.len = (size_t)snprintf(key, sizeof(key), "Bearer %.140s", setting("STORE_KEY", ""));
	rc = slsc_call(ctx, &c, answer);
	if (!rc && answer->status == 403) {
#ifndef NO_RENEW
		/* the key has been changed: it came with this process, and goes with it; the event comes again */
		_exit(1);
#endif
	}
	return rc ? rc : answer->status / 100 == 2 ? 0 : SLSC_CALL_STATUS;
}

struct part {
	struct upload *u;
	unsigned number;
	struct slsc_str bytes;
};

static int send_part(struct slsc_ctx *ctx, void *arg)
{
	struct part *p = arg;
	struct slsc_answer answer;
	char query[32];

	snprintf(query, sizeof(query), "part=%u", p->number);
	return call(ctx, p->u, "PUT", query, p->bytes, &answer);
}

#ifndef NO_RESUME
/* The numbers of the parts that are there, "0,1,2". */
static int ask_parts(struct slsc_ctx *ctx, void *arg)
{
	struct upload *u = arg;
	struct slsc_answer answer;
	int rc = call(ctx, u, "GET", "parts", SLSC_STR(""), &answer);
	unsigned n = 0;

	if (rc)
		return rc;
	for (size_t i = 0; i < answer.body.len; i++) {
		char c = answer.body.ptr[i];

		if (c >= '0' && c <= '9')
			n = n * 10 + (unsigned)(c - '0');
		if ((c == ',' || i + 1 == answer.body.len) && n < PARTS_MAX)
			u->have[n] = true;
		n = c == ',' ? 0 : n % 100000;
	}
	return 0;
}
#endif

static int again(struct slsc_ctx *ctx, slsc_try_fn *fn, void *arg)
{
#ifdef NO_RESUME
	return fn(ctx, arg);
#else
	static const struct slsc_retry policy = { .attempts = 4, .base_ms = 20 };

	return slsc_retry(ctx, &policy, fn, arg);
#endif
}

static int send_parts(struct slsc_ctx *ctx, struct upload *u, unsigned *sent)
{
	static char block[PART];

	for (unsigned i = 0; (size_t)i * PART < u->size; i++) {
		struct part p = { .u = u, .number = i };
		ssize_t n;
		int rc;

		if (u->have[i])
			continue;
		if (slsc_remaining_ms(ctx) < MARGIN_MS)
			return slsc_fail(ctx, "OutOfTime", "the rest is left to the next delivery");
		n = pread(u->fd, block, sizeof(block), (off_t)i * PART);
		if (n <= 0)
			return failed(ctx, "SourceError", u->source);
		p.bytes = (struct slsc_str){ block, (size_t)n };
		rc = again(ctx, send_part, &p);
		if (rc)
			return slsc_fail(ctx, "StoreError", slsc_call_error(rc));
		++*sent;
	}
	return 0;
}

static int complete(struct slsc_ctx *ctx, void *arg)
{
	struct upload *u = arg;
	struct slsc_answer answer;
	char query[48];

	snprintf(query, sizeof(query), "complete=%u", (unsigned)((u->size + PART - 1) / PART));
	return call(ctx, u, "POST", query, SLSC_STR(""), &answer);
}

static int upload(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	static struct upload u;
	unsigned sent = 0;
	struct stat now;
	int rc;

	memset(&u, 0, sizeof(u));
	if (read_name(ctx, in, &u) || open_file(ctx, &u))
		return -1;
	if (u.size > (size_t)PARTS_MAX * PART) {
		close(u.fd);
		return slsc_fail(ctx, "InvalidInput", "the file is too large");
	}
#ifndef NO_RESUME
	rc = again(ctx, ask_parts, &u);
	if (rc) {
		close(u.fd);
		return slsc_fail(ctx, "StoreError", slsc_call_error(rc));
	}
#endif
	rc = send_parts(ctx, &u, &sent);
	close(u.fd);
	if (rc)
		return -1;
	if (stat(u.source, &now) || now.st_size != u.was.st_size || now.st_mtime != u.was.st_mtime)
		return slsc_fail(ctx, "SourceChanged", "the file was changed while it was sent");
	rc = again(ctx, complete, &u);
	if (rc)
		return slsc_fail(ctx, "StoreError", slsc_call_error(rc));
	slsc_puts(out, "{\"bytes\":");
	slsc_put_u64(out, u.size);
	slsc_puts(out, ",\"parts_sent\":");
	slsc_put_u64(out, sent);
	slsc_puts(out, "}");
	return 0;
}

SLSC_HANDLER(upload);
