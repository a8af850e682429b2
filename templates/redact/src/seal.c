#include "seal.h"

#include <bearssl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEY_LEN 32
#define NONCE_LEN 12
#define TAG_LEN 16

static br_aes_ct64_ctr_keys aes;
static br_gcm_context gcm;
static bool ready;

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int seal_init(struct slsc_ctx *ctx)
{
	const char *text = getenv("REDACT_KEY");
	unsigned char key[KEY_LEN];

	if (!text || !*text)
		return slsc_fail(ctx, "KeyMissing", "REDACT_KEY is not set: it takes 64 hex digits");
	if (strlen(text) != 2 * sizeof(key))
		return slsc_fail(ctx, "KeyInvalid", "REDACT_KEY is not 64 hex digits");
	for (size_t i = 0; i < sizeof(key); i++) {
		int high = hex(text[2 * i]), low = hex(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return slsc_fail(ctx, "KeyInvalid", "REDACT_KEY is not 64 hex digits");
		key[i] = (unsigned char)(high << 4 | low);
	}
	br_aes_ct64_ctr_init(&aes, key, sizeof(key));
	br_gcm_init(&gcm, &aes.vtable, br_ghash_ctmul64);
	ready = true;
	return 0;
}

int seal_put(struct slsc_ctx *ctx, struct slsc_out *out, struct slsc_str name, struct slsc_str value)
{
	size_t len = NONCE_LEN + value.len + TAG_LEN;
	unsigned char *box = slsc_alloc(ctx, len);

	if (!ready)
		return slsc_fail(ctx, "KeyMissing", "there is no key to encrypt with");
	if (!box)
		return slsc_fail(ctx, "NoMemory", "not enough memory to encrypt a value");
	/* Of the platform's random, for each value anew: getrandom(2), or WASI's random_get. */
	if (getentropy(box, NONCE_LEN))
		return slsc_fail(ctx, "NoRandom", "the platform gives no random bytes");
	memcpy(box + NONCE_LEN, value.ptr, value.len);
	br_gcm_reset(&gcm, box, NONCE_LEN);
	br_gcm_aad_inject(&gcm, name.ptr, name.len);
	br_gcm_flip(&gcm);
	br_gcm_run(&gcm, 1, box + NONCE_LEN, value.len);
	br_gcm_get_tag(&gcm, box + NONCE_LEN + value.len);
	slsc_puts(out, "\"enc:v1:");
	slsc_put_base64(out, box, len);
	slsc_puts(out, "\"");
	return 0;
}
