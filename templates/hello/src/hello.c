/*
 * A Lambda function: {"name": "Ada"} in, {"message": "Hello, Ada!"} out.
 */
#include <slsc.h>

slsc_lambda_fn handler; /* the prototype: see slsc.h */

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str value, name = SLSC_STR("world");
	int found = slsc_json_get(in, "name", &value);

	if (found < 0)
		return slsc_fail(ctx, "InvalidInput", "the event is not a JSON object");
	if (found && slsc_json_str(ctx, value, &name))
		return slsc_fail(ctx, "InvalidInput", "\"name\" is not a string");

	slsc_puts(out, "{\"message\":\"Hello, ");
	slsc_put_escaped(out, name); /* whatever the name is, the answer stays valid JSON */
	slsc_puts(out, "!\"}");
	return 0;
}
