/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target for the template redact, which e2e/redact.bats compiles with libFuzzer, ASan and UBSan. Whatever stands
 * before a secret in a line, the secret is not in the answer, and each line of the answer is a JSON object.
 */
#include <slsc.h>

#include <stdlib.h>
#include <string.h>

#include "redact.h"

#define CHECK(cond) ((cond) ? (void)0 : abort())
#define LEN_MAX     65536u

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
void slsc_rt_arena_reset(void);

static struct slsc_ctx ctx;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	setenv("REDACT_KEY", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", 1);
	setenv("REDACT_ENCRYPT", "user.email,ip", 1);
	setenv("REDACT_MASK", "password", 1);
	return slsc_init(&ctx);
}

/* What becomes of @in, which is in a buffer without a byte to spare: one read too many is seen. */
static struct slsc_str answer(const char *in, size_t len)
{
	static char space[8u << 20];
	struct slsc_out out = { space, 0, sizeof(space), false };
	char *exact = malloc(len);
	int rc;

	CHECK(exact);
	memcpy(exact, in, len);
	slsc_rt_arena_reset();
	rc = redact_lines(&ctx, (struct slsc_str){ exact, len }, &out);
	CHECK(rc == 0 && !out.full);
	free(exact);
	return (struct slsc_str){ space, out.len };
}

static size_t add(char *in, size_t len, const void *ptr, size_t n)
{
	memcpy(in + len, ptr, n);
	return len + n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char secret[] = "hunter2-hunter2", begin[] = "{\"a\":", end[] = "}",
			  middle[] = ",\"password\":\"hunter2-hunter2\",\"b\":[{\"IP\":[\"hunter2-hunter2\"]}],"
				     "\"user\":{\"email\":{\"hunter2-hunter2\":1}},\"c\":";
	static char in[2 * LEN_MAX + 1024];
	struct slsc_str out, value;
	size_t len;

	if (size > LEN_MAX || memmem(data, size, secret, sizeof(secret) - 1))
		return 0;
	len = add(in, 0, begin, sizeof(begin) - 1);
	len = add(in, len, data, size);
	len = add(in, len, middle, sizeof(middle) - 1);
	len = add(in, len, data, size);
	len = add(in, len, end, sizeof(end) - 1);
	out = answer(in, len);
	CHECK(!memmem(out.ptr, out.len, secret, sizeof(secret) - 1));
	for (const char *p = out.ptr, *stop = p + out.len, *next; p < stop; p = next) {
		next = memchr(p, '\n', (size_t)(stop - p));
		CHECK(next);
		CHECK(slsc_json_get((struct slsc_str){ p, (size_t)(next - p) }, "", &value) >= 0);
		next++;
	}
	return 0;
}
