/*
 * The whole order in one function: the same steps, the same retries, the same way back. What differs is where it stands
 * when something fails: who crashes in the third step takes the first two along, and nobody is left to release.
 */
#include "shop.h"

struct step {
	const struct order *order;
	struct slsc_out *out;
	int (*run)(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out);
};

static int once_more(struct slsc_ctx *ctx, void *arg)
{
	/* what will not be different the next time */
	static const char *const final[] = { "InvalidOrder", "OutOfStock", "TooRisky", "CardDeclined" };
	struct step *s = arg;
	size_t len = s->out->len;

	if (s->run(ctx, s->order, s->out) == 0)
		return 0;
	s->out->len = len;
	for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++)
		if (slsc_str_eq(slsc_cstr(ctx->fail_type), final[i]))
			return SLSC_CALL_INVALID;
	return SLSC_CALL_STATUS;
}

static int run(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out,
	       int (*step)(struct slsc_ctx *, const struct order *, struct slsc_out *))
{
	static const struct slsc_retry policy = { .attempts = 4, .base_ms = 1000 };
	struct step s = { o, out, step };

	return slsc_retry(ctx, &policy, once_more, &s);
}

static int score(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	int64_t n;

	if (risk_score(ctx, o, &n))
		return -1;
	if (n >= 50)
		return slsc_fail(ctx, "TooRisky", "the order was refused");
	slsc_puts(out, "{\"score\":");
	slsc_put_i64(out, n);
	slsc_puts(out, "}");
	return 0;
}

int checkout_one(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_ctx child;
	struct order o;
	size_t len;

	if (order_read(ctx, in, &o))
		return -1;
	slsc_puts(out, "{\"order\":");
	slsc_put_json(out, slsc_cstr(o.id));
	slsc_puts(out, ",\"stock\":");
	if (run(ctx, &o, out, stock_reserve))
		goto back;
	slsc_puts(out, ",\"risk\":");
	if (run(ctx, &o, out, score))
		goto back;
	slsc_puts(out, ",\"payment\":");
	if (run(ctx, &o, out, payment_take))
		goto back;
	len = out->len;
	slsc_puts(out, ",\"message\":");
	/* it is paid: an order without a message is an order */
	if (run(ctx, &o, out, message_send))
		out->len = len;
	slsc_puts(out, "}");
	return 0;
back:
	/* with a context of its own, so that the answer says what went wrong first */
	slsc_child(ctx, 5000, &child);
	(void)run(&child, &o, out, stock_release);
	out->len = 0;
	return -1;
}
