/* SPDX-License-Identifier: Apache-2.0 */
#include "local/guard.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "os/fs.h"

#define FALLBACK_MAX (1u << 20)

static const char *type_of(const char *path)
{
	static const struct {
		const char *end, *type;
	} types[] = {
		{ ".json", "application/json" }, { ".html", "text/html; charset=utf-8" },
		{ ".txt", "text/plain; charset=utf-8" }, { ".xml", "application/xml" },
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (ends_with(path, types[i].end))
			return types[i].type;
	return "application/octet-stream";
}

static void answer_file(struct web_req *req, const struct lfn *fn)
{
	CLEAN_BUF struct buf b = BUF_INIT;
	struct web_header h[] = { { "Content-Type", type_of(fn->fallback_file) }, { "X-Slsc-Fallback", "file" } };
	struct err err = ERR_INIT;

	/* what is wrong with it is not the caller's to know */
	if (fs_read(fn->fallback_file, FALLBACK_MAX, &b, &err) < 0) {
		platform_tell(fn, err.msg);
		gateway_error(req, 503, "ServiceException", "the function is out of order");
	} else {
		web_answer(req, fn->fallback_status, h, ARRAY_LEN(h), b.ptr, b.len);
	}
}

static void refuse(struct web_req *req, unsigned status, uint64_t wait, const char *reason, const char *msg)
{
	char after[24];
	CLEAN_BUF struct buf b = BUF_INIT;
	struct web_header h[] = { { "Content-Type", "application/json" }, { "Retry-After", after } };

	snprintf(after, sizeof(after), "%" PRIu64, retry_after_s(wait));
	buf_addf(&b, "{\"Reason\":\"%s\",\"message\":\"%s\"}\n", reason, msg);
	web_answer(req, status, h, ARRAY_LEN(h), b.ptr, b.len);
}

bool guard_admit(struct web_req *req, struct lfn *fn, struct guard_pass *pass)
{
	uint64_t now = loop_clock(), wait;

	*pass = (struct guard_pass){ .fn = fn };
	wait = fn->has_rate ? rate_limit_take(&fn->rate, now) : 0;
	if (wait) {
		refuse(req, 429, wait, "RateLimited", "more requests than the function's rate permits");
		return false;
	}
	retry_call(&fn->retries, now);
	if (!fn->has_breaker)
		return true;
	if (breaker_allow(&fn->breaker, now, &pass->call)) {
		pass->counts = true;
		return true;
	}
	if (fn->fallback_file) {
		answer_file(req, fn);
		return false;
	}
	if (fn->fallback_function) {
		pass->fn = platform_find(fn->platform, str_from(fn->fallback_function));
		pass->status = fn->fallback_status;
		/* its own limits hold for it, but who stands in has nobody to stand in for it */
		if (pass->fn && breaker_state(&pass->fn->breaker, now) != BREAKER_OPEN)
			return true;
	}
	refuse(req, 503, breaker_wait(&fn->breaker, now), "CircuitOpen", "the function is out of order");
	return false;
}

void guard_done(struct guard_pass *pass, enum outcome o)
{
	enum breaker_outcome b = BREAKER_FAILED;
	struct lfn *fn = pass->fn;
	uint64_t now = loop_clock();
	enum breaker_state was;

	if (!pass->counts)
		return;
	was = breaker_state(&fn->breaker, now);
	pass->counts = false;
	if (o == OUTCOME_OK)
		b = BREAKER_OK;
	else if (o == OUTCOME_TIMEOUT)
		b = BREAKER_TIMEOUT;
	else if (o == OUTCOME_THROTTLED || o == OUTCOME_STOPPED || o == OUTCOME_CANCELLED)
		b = BREAKER_CANCELLED;
	breaker_done(&fn->breaker, now, &pass->call, b);
	if (was == BREAKER_CLOSED && fn->breaker.open) {
		const bool failed = fn->breaker.for_ns == BREAKER_OPEN_FAILED;
		CLEAN_FREE char *text = xasprintf("is out of order for %u s: %s",
						  (unsigned)(fn->breaker.for_ns / LOOP_S),
						  failed ? "three failures in a row" : "too many timeouts");

		platform_tell(fn, text);
	} else if (was != BREAKER_CLOSED && !fn->breaker.open) {
		platform_tell(fn, "is in order again");
	}
}

bool guard_retry(struct lfn *fn, const char *method, enum outcome o)
{
	bool safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	return safe && o == OUTCOME_EXIT && !fn->platform->stopping && retry_take(&fn->retries, loop_clock());
}
