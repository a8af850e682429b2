/*
 * {"order": "o-1", "amount": 4998, "card": "4111"}: a payment is a file, data/payments/o-1, made once. Cards for
 * trying: "test-declined" never pays, "test-busy" fails the first two times, "test-crash" ends the process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop.h"

int payment_take(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	char text[128];
	int was;

	if (shop_called(ctx, "payment", o))
		return -1;
	if (!o->amount || !o->card[0])
		return slsc_fail(ctx, "InvalidOrder", "\"amount\" or \"card\" is missing");
	if (strcmp(o->card, "test-declined") == 0)
		return slsc_fail(ctx, "CardDeclined", "the bank says no");
	if (strcmp(o->card, "test-busy") == 0 && shop_calls("payment", o) <= 2)
		return slsc_fail(ctx, "BankBusy", "the bank asks to come back later");
	if (strcmp(o->card, "test-crash") == 0)
		abort();
	snprintf(text, sizeof(text), "%lld %s\n", (long long)o->amount, o->card);
	was = shop_once("payments", o->id, text);
	if (was < 0)
		return shop_failed(ctx, "payments");
	slsc_puts(out, was ? "{\"before\":true,\"paid\":" : "{\"paid\":");
	slsc_put_i64(out, o->amount);
	slsc_puts(out, "}");
	return 0;
}

int payment(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct order o;

	return order_read(ctx, in, &o) ? -1 : payment_take(ctx, &o, out);
}
