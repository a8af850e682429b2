/* {"order": "o-1", "to": "ada@example.com"}: a message is a file, data/mail/o-1, written once. */
#include <stdio.h>

#include "shop.h"

int message_send(struct slsc_ctx *ctx, const struct order *o, struct slsc_out *out)
{
	char text[256];
	int was;

	if (shop_called(ctx, "message", o))
		return -1;
	if (!o->to[0])
		return slsc_fail(ctx, "InvalidOrder", "\"to\" is missing");
	snprintf(text, sizeof(text), "To: %s\n\nThank you for order %s.\n", o->to, o->id);
	was = shop_once("mail", o->id, text);
	if (was < 0)
		return shop_failed(ctx, "mail");
	slsc_puts(out, was ? "{\"before\":true,\"sent\":true}" : "{\"sent\":true}");
	return 0;
}

int message(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct order o;

	return order_read(ctx, in, &o) ? -1 : message_send(ctx, &o, out);
}
