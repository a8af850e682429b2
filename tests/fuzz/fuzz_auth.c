/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What registries say about who may come in, and users' files: the first byte chooses; the rest is a WWW-Authenticate,
 * an answer of a token's service, the body of an error, a Retry-After or Range, or a config.json.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "registry/auth.h"
#include "registry/challenge.h"
#include "registry/client_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
}

static void challenge(struct str header)
{
	CLEAN_CHALLENGE struct challenge c = { .scheme = CHALLENGE_NONE };

	if (challenge_parse(&c, header) && c.scheme == CHALLENGE_BEARER && !c.realm)
		abort();
	check_text(c.realm);
	check_text(c.service);
	check_text(c.scope);
}

static void token(struct str body)
{
	struct err err = ERR_INIT;
	CLEAN_FREE char *t = NULL;

	if (auth_token_parse(body.ptr, body.len, &t, &err) < 0)
		return;
	for (const char *s = t; *s; s++)
		if (*s <= ' ' || (unsigned char)*s >= 0x7f)
			abort();
}

static void words(struct str body)
{
	CLEAN_BUF struct buf b = BUF_INIT;

	client_error_words(body.ptr, body.len, &b);
	check_text(b.ptr);
	if (b.len > 400)
		abort();
}

static void values(struct str text)
{
	CLEAN_FREE char *s = xstrndup(text.len ? text.ptr : "", text.len);

	if (retry_after_ms(s, 1000000000) < -1 || range_end(s) < -1)
		abort();
}

static void file(struct str text)
{
	CLEAN_CREDS struct creds c = { .user = NULL };
	struct err err = ERR_INIT;

	if (creds_parse("f", text.ptr, text.len, "h.example:5000", "team/app", &c, &err) == 0 && c.user && !c.password)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct str) = { challenge, token, words, values, file };

	if (size)
		parsers[data[0] % ARRAY_LEN(parsers)]((struct str){ (const char *)data + 1, size - 1 });
	return 0;
}
