/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz what `slsc scale` reads besides traces: what slsc bench has measured, a model, prices, an answer of a user's
 * policy. A distribution that is accepted gives times within its bounds; a model finite forecasts; it is written as it
 * was read.
 */
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "report/claims.h"
#include "scale/bench_file.h"
#include "scale/command.h"
#include "scale/lstm.h"
#include "scale/price.h"

static void check_spread(const struct spread *d)
{
	struct rng r;

	rng_seed(&r, 1, 1);
	CHECK(maths_finite(d->mean));
	for (int i = 0; i < 100; i++)
		CHECK(spread_draw(d, &r) <= 2 * SPREAD_TIME_MAX);
}

static void bench(struct str s)
{
	struct err err = ERR_INIT;
	struct bench_file f;

	if (bench_file_parse(s, "b.json", &f, &err) < 0)
		return;
	check_spread(&f.service);
	if (f.cold.n)
		check_spread(&f.cold);
	CHECK(f.cpu > 0 && f.cpu <= 1);
	bench_file_release(&f);
}

static void model(struct str s)
{
	struct lstm *l = xcalloc(1, sizeof(*l)), *again = xcalloc(1, sizeof(*again));
	CLEAN_BUF struct buf b = BUF_INIT;
	struct err err = ERR_INIT;
	const double v[] = { 1, 2, 3 };
	double out[LSTM_AHEAD];

	if (lstm_parse(s, "m.json", l, &err) == 0) {
		lstm_run(l, v, 3, out);
		for (size_t i = 0; i < LSTM_AHEAD; i++)
			CHECK(maths_finite(out[i]));
		lstm_write(l, &b);
		CHECK(lstm_parse(buf_str(&b), "m.json", again, &err) == 0);
		CHECK(memcmp(l, again, sizeof(*l)) == 0);
	}
	free(l);
	free(again);
}

static void prices(struct str s)
{
	struct err err = ERR_INIT;
	const struct price *one;
	struct prices p;

	if (prices_parse(s.ptr, s.len, "p.yaml", &p, &err) < 0)
		return;
	for (size_t i = 0; i < p.len; i++) {
		CHECK(prices_find(&p, p.ptr[i].platform, p.ptr[i].arch, &one, &err) == 0);
		CHECK(price_kept(one, 1, 1, 1) >= 0 && price_demand(one, 1, 1) >= 0);
	}
	prices_release(&p);
}

static void claims(struct str s)
{
	struct err err = ERR_INIT;
	struct claims c;

	if (claims_parse(s.ptr, s.len, "c.yaml", &c, &err) < 0)
		return;
	CHECK(c.source && strlen(c.source) <= CLAIMS_TEXT && c.len <= CLAIMS_ROWS);
	for (size_t i = 0; i < c.len; i++) {
		const char *text = claims_of(&c, c.row[i].table, c.row[i].name, "p99");

		CHECK(!text || (*text && strlen(text) <= CLAIMS_TEXT));
	}
	claims_release(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	uint32_t want;
	struct str s;
	char *copy;

	if (!size)
		return 0;
	copy = fuzz_copy(data + 1, size - 1);
	s = (struct str){ copy, size - 1 };
	switch (data[0] % 5) {
	case 0:
		bench(s);
		break;
	case 1:
		model(s);
		break;
	case 2:
		prices(s);
		break;
	case 3:
		if (policy_command_answer(s, &want, &err) == 0)
			CHECK(want <= POLICY_INSTANCES);
		break;
	default:
		claims(s);
	}
	free(copy);
	return 0;
}
