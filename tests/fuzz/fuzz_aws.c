/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What AWS's tools keep in files, and what its services answer: the first byte chooses; the rest is a file of settings,
 * the JSON or XML of credentials, the token of a login, or the body of an error.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "deploy/creds.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_creds(const struct aws_creds *c)
{
	const char *const parts[] = { c->id, c->secret, c->token };

	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		for (const char *s = parts[i]; s && *s; s++)
			if (*s <= ' ' || (unsigned char)*s >= 0x7f)
				abort();
}

static void settings(struct str text)
{
	CLEAN_INI struct ini i = INI_INIT;
	struct err err = ERR_INIT;

	if (ini_parse(&i, "f", text, &err) < 0)
		return;
	VEC_EACH(&i.sections, s) {
		if (!*s->name || s->first + s->n > i.entries.len || !ini_has(&i, s->name))
			abort();
		for (size_t k = s->first; k < s->first + s->n; k++)
			if (!i.entries.ptr[k].nested && !ini_get(&i, s->name, i.entries.ptr[k].key))
				abort();
	}
	(void)ini_nested(&i, "services a", "lambda", "endpoint_url");
}

static void json(struct str text)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	struct err err = ERR_INIT;

	if (creds_json(text, &c, &err) == 0)
		check_creds(&c);
}

static void sts(struct str text)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	struct err err = ERR_INIT;

	if (creds_sts(text, &c, &err) == 0)
		check_creds(&c);
}

static void portal(struct str text)
{
	CLEAN_AWS_CREDS struct aws_creds c = { .id = NULL };
	struct err err = ERR_INIT;

	if (sso_creds_parse(text, &c, &err) == 0)
		check_creds(&c);
}

static void login(struct str text)
{
	CLEANUP(sso_token_release) struct sso_token t = { .token = NULL };
	struct err err = ERR_INIT;

	if (sso_token_parse(text, &t, &err) == 0 && (!t.token || strpbrk(t.token, "\r\n")))
		abort();
}

static void refusal(struct str text)
{
	CLEAN_HTTP_RESP struct http_resp resp = HTTP_RESP_INIT;
	CLEAN_BUF struct buf code = BUF_INIT, message = BUF_INIT;

	resp.status = 400;
	buf_adds(&resp.body, text);
	aws_error(&resp, &code, &message);
	for (const char *s = message.ptr; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			abort();
	if (code.len > 128 || message.len > 600)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(struct str) = { settings, json, sts, portal, login, refusal };

	if (size)
		parsers[data[0] % ARRAY_LEN(parsers)]((struct str){ (const char *)data + 1, size - 1 });
	return 0;
}
