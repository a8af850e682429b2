/* SPDX-License-Identifier: Apache-2.0 */
/* Key files: cosign's own, and OpenSSL's plain ones. */
#include <jansson.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"
#include "oci/secretbox.h"
#include "oci/sign.h"
#include "os/fs.h"
#include "os/late.h"

#define SALT_LEN 32
#define SALT_MAX 256	/* bytes that are decoded of a foreign file */
#define COST_N 65536	/* what cosign writes */
#define COST_R 8
#define COST_P 1
#define SIGSTORE "ENCRYPTED SIGSTORE PRIVATE KEY"

static int bad(const char *shown, const char *what, struct err *err)
{
	return err_set(err, ERR_FORMAT, "%s: %s", shown, what);
}

/* A buffer with a secret in it. */
static void wipe(const struct crypto_ops *ops, struct buf *b)
{
	ops->wipe(b->ptr, b->len);
	buf_release(b);
}

/* The text between "-----BEGIN @type-----" and its end; ptr NULL: there is none. */
static struct str pem_body(struct str text, const char *type)
{
	CLEAN_FREE char *begin = xasprintf("-----BEGIN %s-----", type), *end = xasprintf("-----END %s-----", type);
	const char *from = memmem(text.ptr, text.len, begin, strlen(begin)), *to;

	if (!from)
		return (struct str){ NULL, 0 };
	from += strlen(begin);
	to = memmem(from, text.len - (size_t)(from - text.ptr), end, strlen(end));
	return to ? (struct str){ from, (size_t)(to - from) } : (struct str){ NULL, 0 };
}

static int decode(const json_t *j, size_t max, struct buf *out)
{
	const char *s = json_string_value(j);

	if (!s || json_string_length(j) > max / 3 * 4 + 4)
		return -1;
	return base64_decode(str_from(s), out);
}

/* The costs of go-securesystemslib's legacy, standard and OWASP strength: others could exhaust memory or time. */
static bool known_cost(const json_t *params, uint64_t *n)
{
	const json_int_t N = json_integer_value(json_object_get(params, "N"));

	*n = (uint64_t)N;
	return (N == 32768 || N == 65536 || N == 131072) &&
	       json_integer_value(json_object_get(params, "r")) == COST_R &&
	       json_integer_value(json_object_get(params, "p")) == COST_P;
}

struct sealed {
	struct buf salt, nonce, box;
	uint64_t cost_n;
};

static int parse_sealed(const char *shown, const json_t *j, struct sealed *s, struct err *err)
{
	const json_t *kdf = json_object_get(j, "kdf"), *cipher = json_object_get(j, "cipher");
	const char *kdf_name = json_string_value(json_object_get(kdf, "name"));
	const char *cipher_name = json_string_value(json_object_get(cipher, "name"));

	if (!kdf_name || strcmp(kdf_name, "scrypt") != 0)
		return bad(shown, "the encrypted key's kdf is not scrypt", err);
	if (!cipher_name || strcmp(cipher_name, "nacl/secretbox") != 0)
		return bad(shown, "the encrypted key's cipher is not nacl/secretbox", err);
	if (!known_cost(json_object_get(kdf, "params"), &s->cost_n))
		return bad(shown, "the encrypted key's scrypt parameters are not N 32768, 65536 or 131072, r 8, p 1",
			   err);
	if (decode(json_object_get(kdf, "salt"), SALT_MAX, &s->salt) < 0 || !s->salt.len)
		return bad(shown, "the encrypted key's salt is malformed", err);
	if (decode(json_object_get(cipher, "nonce"), SECRETBOX_NONCE, &s->nonce) < 0 || s->nonce.len != SECRETBOX_NONCE)
		return bad(shown, "the encrypted key's nonce is malformed", err);
	if (decode(json_object_get(j, "ciphertext"), KEY_FILE_MAX, &s->box) < 0)
		return bad(shown, "the encrypted key's ciphertext is malformed", err);
	return 0;
}

static int unseal(const char *shown, const struct crypto_ops *ops, const struct sealed *s, password_fn password,
		  void *ctx, struct buf *der, struct err *err)
{
	CLEAN_BUF struct buf word = BUF_INIT;
	uint8_t key[SECRETBOX_KEY];
	bool good;

	/* no copy of a password stays behind in memory that was let go */
	buf_reserve(&word, KEY_PASSWORD_MAX + 1);
	buf_reserve(der, s->box.len);
	if (password(&word, ctx, err) < 0) {
		wipe(ops, &word);	/* it may have read a part of it */
		return -1;
	}
	good = ops->scrypt(word.ptr, word.len, (const uint8_t *)s->salt.ptr, s->salt.len, s->cost_n, COST_R, COST_P,
			   key, sizeof(key));
	wipe(ops, &word);
	if (!good)
		return err_set(err, ERR_LIMIT, "%s: not enough memory to decrypt the key", shown);
	good = secretbox_open(ops, key, (const uint8_t *)s->nonce.ptr, buf_str(&s->box), der);
	ops->wipe(key, sizeof(key));
	if (good)
		return 0;
	err_set(err, ERR_VERIFY, "%s: wrong password", shown);
	return err_hint(err, "set COSIGN_PASSWORD, or give it on stdin with --password-stdin");
}

/* PEM around base64 around JSON. */
static int decrypt(const char *shown, const struct crypto_ops *ops, struct str body, password_fn password, void *ctx,
		   struct buf *der, struct err *err)
{
	CLEAN_BUF struct buf packed = BUF_INIT, text = BUF_INIT;
	struct sealed s = { .salt = BUF_INIT, .nonce = BUF_INIT, .box = BUF_INIT };
	json_error_t where;
	json_t *j;
	int r;

	for (size_t i = 0; i < body.len; i++)
		if (!strchr(" \t\r\n", body.ptr[i]))
			buf_addc(&packed, body.ptr[i]);
	if (base64_decode(buf_str(&packed), &text) < 0)
		return bad(shown, "the encrypted key is not base64", err);
	j = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &where);
	if (!j)
		return bad(shown, "the encrypted key is not JSON", err);
	r = parse_sealed(shown, j, &s, err);
	json_decref(j);
	if (r == 0)
		r = unseal(shown, ops, &s, password, ctx, der, err);
	buf_release(&s.salt);
	buf_release(&s.nonce);
	buf_release(&s.box);
	return r;
}

static int no_key(const char *shown, struct str text, struct err *err)
{
	if (pem_body(text, "PUBLIC KEY").ptr) {
		bad(shown, "is a public key: signing needs the private one", err);
		return err_hint(err, "cosign calls it cosign.key; slsc sign --generate-key makes a pair");
	}
	if (pem_body(text, "ENCRYPTED PRIVATE KEY").ptr) {
		bad(shown, "is encrypted as OpenSSL does it, not as cosign does", err);
		return err_hint(err, "decrypt it with `openssl pkcs8`, or make a pair with slsc sign --generate-key");
	}
	bad(shown, "holds no private key", err);
	return err_hint(err, "it has to be PEM: ENCRYPTED SIGSTORE PRIVATE KEY, PRIVATE KEY or EC PRIVATE KEY");
}

static int not_p256(const char *shown, struct err *err)
{
	bad(shown, "is no ECDSA key on P-256", err);
	return err_hint(err, "make one with slsc sign --generate-key");
}

int key_parse(const char *shown, struct str text, password_fn password, void *ctx, struct crypto_key **out,
	      struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	struct str body;

	*out = NULL;
	if (!ops)
		return -1;
	body = pem_body(text, SIGSTORE);
	if (!body.ptr)
		body = pem_body(text, "ENCRYPTED COSIGN PRIVATE KEY");
	if (body.ptr) {
		CLEAN_BUF struct buf der = BUF_INIT;

		if (decrypt(shown, ops, body, password, ctx, &der, err) < 0)
			return -1;
		*out = ops->key_private_der(der.ptr, der.len);
		wipe(ops, &der);
		return *out ? 0 : not_p256(shown, err);
	}
	if (!pem_body(text, "PRIVATE KEY").ptr && !pem_body(text, "EC PRIVATE KEY").ptr)
		return no_key(shown, text, err);
	*out = ops->key_private_pem(text.ptr, text.len);
	return *out ? 0 : not_p256(shown, err);
}

int key_load(const char *path, password_fn password, void *ctx, struct crypto_key **out, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf text = BUF_INIT;
	int r;

	*out = NULL;
	if (!ops || fs_read(path, KEY_FILE_MAX, &text, err) < 0)
		return -1;
	r = key_parse(path, buf_str(&text), password, ctx, out, err);
	wipe(ops, &text);
	return r;
}

int key_load_public(const char *path, struct crypto_key **out, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf text = BUF_INIT;

	*out = NULL;
	if (!ops || fs_read(path, KEY_FILE_MAX, &text, err) < 0)
		return -1;
	if (!pem_body(buf_str(&text), "PUBLIC KEY").ptr) {
		bad(path, "holds no public key", err);
		return err_hint(err, "cosign calls it cosign.pub; in PEM it begins with -----BEGIN PUBLIC KEY-----");
	}
	*out = ops->key_public_pem(text.ptr, text.len);
	return *out ? 0 : not_p256(path, err);
}

void key_free(struct crypto_key **k)
{
	struct err ignored;
	const struct crypto_ops *ops = *k ? late_load("crypto", &ignored) : NULL;

	if (ops)
		ops->key_free(*k);
	*k = NULL;
}

static void add_pem(struct buf *out, const char *type, struct str data)
{
	CLEAN_BUF struct buf text = BUF_INIT;

	buf_add_base64(&text, data.ptr, data.len);
	buf_addf(out, "-----BEGIN %s-----\n", type);
	for (size_t i = 0; i < text.len; i += 64)
		buf_addf(out, "%.64s\n", text.ptr + i);
	buf_addf(out, "-----END %s-----\n", type);
}

static void add_encoded(struct buf *json, const char *name, const void *p, size_t n)
{
	buf_addf(json, "\"%s\":\"", name);
	buf_add_base64(json, p, n);
	buf_addc(json, '"');
}

int key_generate(struct str password, struct buf *private_pem, struct buf *public_pem, struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	CLEAN_BUF struct buf box = BUF_INIT, json = BUF_INIT;
	uint8_t salt[SALT_LEN], nonce[SECRETBOX_NONCE], key[SECRETBOX_KEY], der[CRYPTO_DER_MAX];
	char pem[CRYPTO_PEM_MAX];
	CLEAN_KEY struct crypto_key *k = NULL;
	size_t n;

	if (!ops)
		return -1;
	ops->random(salt, sizeof(salt));
	ops->random(nonce, sizeof(nonce));
	if (!ops->scrypt(password.ptr ? password.ptr : "", password.len, salt, sizeof(salt), COST_N, COST_R, COST_P,
			 key, sizeof(key)))
		return err_set(err, ERR_LIMIT, "not enough memory to encrypt a key");
	k = ops->key_generate();
	n = ops->key_der(k, der);
	secretbox_seal(ops, key, nonce, der, n, &box);
	ops->wipe(der, sizeof(der));
	ops->wipe(key, sizeof(key));
	buf_addf(&json, "{\"kdf\":{\"name\":\"scrypt\",\"params\":{\"N\":%d,\"r\":%d,\"p\":%d},", COST_N, COST_R,
		 COST_P);
	add_encoded(&json, "salt", salt, sizeof(salt));
	buf_addz(&json, "},\"cipher\":{\"name\":\"nacl/secretbox\",");
	add_encoded(&json, "nonce", nonce, sizeof(nonce));
	buf_addz(&json, "},");
	add_encoded(&json, "ciphertext", box.ptr, box.len);
	buf_addc(&json, '}');
	add_pem(private_pem, SIGSTORE, buf_str(&json));
	buf_add(public_pem, pem, ops->key_public(k, pem));
	return 0;
}
