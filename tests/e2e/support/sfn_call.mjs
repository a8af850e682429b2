// SPDX-License-Identifier: Apache-2.0
// npm's @aws-sdk/client-sfn at a platform: node sfn_call.mjs URL < lines of [OPERATION, INPUT]; a line of JSON for each
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const require = createRequire(process.env.SDK + "/");
const sdk = require("@aws-sdk/client-sfn");
// "sync-" before the host is for the service's own names
const client = new sdk.SFNClient({ endpoint: process.argv[2], region: "us-east-1", maxAttempts: 1, disableHostPrefix: true,
	credentials: { accessKeyId: "any", secretAccessKey: "any" } });

for await (const line of createInterface({ input: process.stdin })) {
	const [op, input] = JSON.parse(line);

	try {
		const { $metadata, ...answer } = await client.send(new sdk[op + "Command"](input));
		console.log(JSON.stringify(answer));
	} catch (e) {
		console.log(JSON.stringify({ thrown: e.name, message: e.message, status: e.$metadata?.httpStatusCode,
			known: e instanceof sdk.SFNServiceException && e.constructor !== sdk.SFNServiceException }));
	}
}
