/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of keys. The first byte chooses: a file as it is; the JSON of an encrypted key, put into PEM here, since no
 * fuzzer finds base64 by itself; or the text of NaCl's secretbox. A password would cost scrypt's 64 MiB each time: it
 * is refused, but for JSON that begins with "!".
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "oci/secretbox.h"
#include "oci/sign.h"
#include "os/late.h"

static int refuse(struct buf *out, void *ctx, struct err *err)
{
	if (!ctx)
		return err_set(err, ERR_USAGE, "no password");
	buf_addz(out, "word");
	return 0;
}

static void parse(struct str text, void *word)
{
	CLEAN_KEY struct crypto_key *k = NULL;
	struct err err;
	int r = key_parse("key", text, refuse, word, &k, &err);

	if ((r == 0) != (k != NULL))
		abort();
}

static void encrypted(const uint8_t *data, size_t size)
{
	CLEAN_BUF struct buf pem = BUF_INIT;
	const bool word = size && data[0] == '!';

	buf_addz(&pem, "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
	buf_add_base64(&pem, data + word, size - word);
	buf_addz(&pem, "\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n");
	parse(buf_str(&pem), word ? "word" : NULL);
}

/* What was sealed opens to the same; what was not, does not, and leaves nothing behind. */
static void box(const struct crypto_ops *ops, const uint8_t *data, size_t size)
{
	static const uint8_t key[SECRETBOX_KEY] = { 1, 2, 3 }, nonce[SECRETBOX_NONCE] = { 4, 5, 6 };
	CLEAN_BUF struct buf sealed = BUF_INIT, out = BUF_INIT;

	if (secretbox_open(ops, key, nonce, (struct str){ (const char *)data, size }, &out) || out.len)
		abort();
	secretbox_seal(ops, key, nonce, data, size, &sealed);
	if (!secretbox_open(ops, key, nonce, buf_str(&sealed), &out) || out.len != size ||
	    (size && memcmp(out.ptr, data, size) != 0))
		abort();
	sealed.ptr[size ? data[0] % sealed.len : 0] ^= 1;
	buf_reset(&out);
	if (secretbox_open(ops, key, nonce, buf_str(&sealed), &out) || out.len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	const struct crypto_ops *ops = late_load("crypto", &err);

	if (!ops)
		abort();
	if (!size)
		return 0;
	if (data[0] == 'e')
		encrypted(data + 1, size - 1);
	else if (data[0] == 'b')
		box(ops, data + 1, size - 1);
	else
		parse((struct str){ (const char *)data, size }, NULL);
	return 0;
}
