/*
 * A Lambda function: a notification of S3 in, {"processed": N, "skipped": N} out. Events are delivered at
 * least once, so each is handled only when it has not been before.
 */
#include <slsc.h>

#include "seen.h"

#define MARGIN_MS 500 /* to say so, when the time is up */

/* What is needed of a record. */
struct object {
	struct slsc_str event, bucket, key, sequencer;
	int64_t size;
};

/* Made when the first event comes, not at the start; kept for as long as the process lives. */
static int make_seen(struct slsc_ctx *ctx, struct seen *seen)
{
	(void)ctx;
	(void)seen; /* all zero is empty */
	return 0;
}

SLSC_LAZY(struct seen, seen_table, make_seen);

SLSC_CRASH_REPORT;

/* The string member @name of @json; 0 when it is there. */
static int get_str(struct slsc_ctx *ctx, struct slsc_str json, const char *name, struct slsc_str *out)
{
	struct slsc_str value;

	return slsc_json_get(json, name, &value) > 0 ? slsc_json_str(ctx, value, out) : -1;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* S3 sends keys as a form would: '+' is a blank, %XX a byte. */
static int decode_key(struct slsc_ctx *ctx, struct slsc_str *key)
{
	char *to = slsc_alloc(ctx, key->len + 1);
	size_t len = 0;

	if (!to)
		return slsc_fail(ctx, "OutOfMemory", "no memory for a key");
	for (size_t i = 0; i < key->len; i++) {
		char c = key->ptr[i];

		if (c == '%') {
			int high = i + 2 < key->len ? hex(key->ptr[i + 1]) : -1;
			int low = high < 0 ? -1 : hex(key->ptr[i + 2]);

			if (low < 0)
				return slsc_fail(ctx, "InvalidInput", "a key has a bad escape");
			c = (char)(high << 4 | low);
			i += 2;
		}
		to[len++] = c == '+' && key->ptr[i] == '+' ? ' ' : c;
	}
	*key = (struct slsc_str){ to, len };
	return 0;
}

static int read_record(struct slsc_ctx *ctx, struct slsc_str record, struct object *o)
{
	struct slsc_str s3, bucket, object, size;

	*o = (struct object){ 0 };
	if (get_str(ctx, record, "eventName", &o->event) || slsc_json_get(record, "s3", &s3) <= 0 ||
	    slsc_json_get(s3, "bucket", &bucket) <= 0 || get_str(ctx, bucket, "name", &o->bucket) ||
	    slsc_json_get(s3, "object", &object) <= 0 || get_str(ctx, object, "key", &o->key))
		return slsc_fail(ctx, "InvalidInput", "a record is not one of S3");
	/* Neither is there when an object was deleted. */
	if (slsc_json_get(object, "size", &size) > 0 && slsc_json_i64(size, &o->size))
		return slsc_fail(ctx, "InvalidInput", "a size is not a number");
	(void)get_str(ctx, object, "sequencer", &o->sequencer);
	return decode_key(ctx, &o->key);
}

/* FNV-1a, each part ended by its length. */
static uint64_t hash(uint64_t h, struct slsc_str s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ (unsigned char)s.ptr[i]) * 1099511628211u;
	for (size_t n = s.len, i = 0; i < sizeof(n); i++, n >>= 8)
		h = (h ^ (n & 255)) * 1099511628211u;
	return h;
}

static uint64_t identity(const struct object *o)
{
	uint64_t h = 14695981039346656037u;

	h = hash(h, o->event);
	h = hash(h, o->bucket);
	h = hash(h, o->key);
	return hash(h, o->sequencer);
}

/* Your work goes here. Returns 0, or -1 after slsc_fail(): the event will be delivered again. */
static int process(struct slsc_ctx *ctx, const struct object *o)
{
	slsc_log_kv(ctx, SLSC_INFO, "object", SLSC_KV("event", o->event), SLSC_KV("bucket", o->bucket),
		    SLSC_KV("key", o->key), SLSC_KV("bytes", o->size));
	return 0;
}

static int handle_event(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct seen *seen = seen_table(ctx);
	struct slsc_json_iter it = { 0 };
	struct slsc_str name, record;
	int64_t processed = 0, skipped = 0;
	int rc;

	if (!seen)
		return -1;
	if (slsc_json_get(in, "Records", &it.json) <= 0)
		return slsc_fail(ctx, "InvalidInput", "the event has no Records");
	while ((rc = slsc_json_next(&it, &name, &record)) > 0) {
		struct object o;
		uint64_t id;

		if (slsc_remaining_ms(ctx) < MARGIN_MS)
			return slsc_fail(ctx, "OutOfTime", "the rest is left to the next delivery");
		if (read_record(ctx, record, &o))
			return -1;
		id = identity(&o);
		if (!seen_claim(seen, id)) {
			skipped++;
			continue;
		}
		if (process(ctx, &o)) {
			seen_release(seen, id);
			return -1;
		}
		processed++;
	}
	if (rc < 0)
		return slsc_fail(ctx, "InvalidInput", "Records is not a list");
	slsc_puts(out, "{\"processed\":");
	slsc_put_i64(out, processed);
	slsc_puts(out, ",\"skipped\":");
	slsc_put_i64(out, skipped);
	slsc_puts(out, "}");
	return 0;
}

SLSC_HANDLER(handle_event);
