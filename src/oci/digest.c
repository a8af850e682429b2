/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "oci/crypto.h"
#include "os/late.h"
#include "os/proc.h"

#define PREFIX "sha256:"
#define PREFIX_LEN (sizeof(PREFIX) - 1)

struct digest_ctx {
	const struct crypto_ops *ops;
	void *md;
};

struct digest_ctx *digest_new(struct err *err)
{
	const struct crypto_ops *ops = late_load("crypto", err);
	struct digest_ctx *d;

	if (!ops)
		return NULL;
	d = xmalloc(sizeof(*d));
	*d = (struct digest_ctx){ .ops = ops, .md = ops->sha256_new() };
	return d;
}

void digest_update(struct digest_ctx *d, const void *p, size_t n)
{
	d->ops->sha256_update(d->md, p, n);
}

void digest_final(struct digest_ctx *d, struct digest *out)
{
	static const char hex[] = "0123456789abcdef";
	uint8_t raw[CRYPTO_SHA256_LEN];
	char *s = out->s + PREFIX_LEN;

	d->ops->sha256_final(d->md, raw);
	memcpy(out->s, PREFIX, PREFIX_LEN);
	for (size_t i = 0; i < sizeof(raw); i++) {
		*s++ = hex[raw[i] >> 4];
		*s++ = hex[raw[i] & 15];
	}
	*s = '\0';
	digest_free(d);
}

void digest_free(struct digest_ctx *d)
{
	if (!d)
		return;
	d->ops->sha256_free(d->md);
	free(d);
}

size_t digest_named(const char *algorithm, const void *p, size_t n, uint8_t out[64])
{
	static const char *const names[][2] = { { "MD5", "MD5" },
						{ "SHA-1", "SHA1" },
						{ "SHA-256", "SHA256" },
						{ "SHA-384", "SHA384" },
						{ "SHA-512", "SHA512" } };
	struct err err = ERR_INIT;
	const struct crypto_ops *ops = late_load("crypto", &err);

	for (size_t i = 0; ops && i < ARRAY_LEN(names); i++)
		if (!strcmp(algorithm, names[i][0]))
			return ops->hash(names[i][1], p, n, out);
	return 0;
}

int digest_of(const void *p, size_t n, struct digest *out, struct err *err)
{
	struct digest_ctx *d = digest_new(err);

	if (!d)
		return -1;
	digest_update(d, p, n);
	digest_final(d, out);
	return 0;
}

int digest_file(const char *path, struct digest *out, uint64_t *size, struct err *err)
{
	CLEAN_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	CLEAN_FREE char *block = NULL;
	struct digest_ctx *d;
	const size_t cap = 256 * 1024;
	uint64_t total = 0;

	if (fd < 0)
		return err_sys(err, "%s", path);
	d = digest_new(err);
	if (!d)
		return -1;
	block = xmalloc(cap);
	for (;;) {
		ssize_t n = read(fd, block, cap);

		if (n < 0 && errno == EINTR) {
			if (sig_check(err) == 0)
				continue;
			digest_free(d);
			return -1;
		}
		if (n < 0) {
			err_sys(err, "%s", path);
			digest_free(d);
			return -1;
		}
		if (n == 0)
			break;
		digest_update(d, block, (size_t)n);
		total += (uint64_t)n;
	}
	digest_final(d, out);
	if (size)
		*size = total;
	return 0;
}

const char *digest_hex(const struct digest *d)
{
	return d->s + PREFIX_LEN;
}

int digest_parse(const char *s, struct digest *out, struct err *err)
{
	if (strnlen(s, DIGEST_LEN) != DIGEST_LEN - 1 || strncmp(s, PREFIX, PREFIX_LEN) != 0 ||
	    strspn(s + PREFIX_LEN, "0123456789abcdef") != DIGEST_LEN - 1 - PREFIX_LEN)
		return err_set(err, ERR_FORMAT, "'%.100s' is not a digest: sha256: and 64 lower-case hex digits", s);
	memcpy(out->s, s, DIGEST_LEN);
	return 0;
}
