// SPDX-License-Identifier: Apache-2.0
// What functions/ric.c does, for Node's runtime client: see there.

function fail(type, message) {
	const error = new Error(message);

	error.name = type;
	throw error;
}

if (process.env.INIT_FAILS)
	fail("Function.NoDatabase", "nothing answers");

export async function handler(event, context) {
	const left = context.getRemainingTimeInMillis();

	if (event.size)
		return "x".repeat(event.size - 2);
	if (event.fail)
		fail(event.fail, "as \"asked\"\n");
	if (event.show)
		return {
			trace: process.env._X_AMZN_TRACE_ID, id: context.awsRequestId.length, arn: context.invokedFunctionArn,
			name: context.functionName, deadline: left > 0 && left <= 3000,
		};
	return event.echo;
}

export const stream = awslambda.streamifyResponse(async (event, out) => {
	out.setContentType("text/plain");
	out.write("one ");
	out.write("two");
	if (event.fail)
		fail(event.fail, "halfway");
	out.end();
});
