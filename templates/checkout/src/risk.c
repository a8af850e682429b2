/* {"order": "o-1", "amount": 4998} in, {"score": 4} out: 0 to 100, by the amount; from 50 on it is too much. */
#include "shop.h"

int risk_score(struct slsc_ctx *ctx, const struct order *o, int64_t *score)
{
	if (shop_called(ctx, "risk", o))
		return -1;
	if (!o->amount)
		return slsc_fail(ctx, "InvalidOrder", "\"amount\" is missing");
	*score = o->amount / 1000 < 100 ? o->amount / 1000 : 100;
	return 0;
}

int risk(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct order o;
	int64_t score;

	if (order_read(ctx, in, &o) || risk_score(ctx, &o, &score))
		return -1;
	slsc_puts(out, "{\"score\":");
	slsc_put_i64(out, score);
	slsc_puts(out, "}");
	return 0;
}
