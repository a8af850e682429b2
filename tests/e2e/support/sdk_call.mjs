// SPDX-License-Identifier: Apache-2.0
// What npm's @aws-sdk/client-lambda gets from a platform, a line for each call:
// node sdk_call.mjs URL [FUNCTION sync|event|dry|tail|stream EVENT]...
import { createRequire } from "node:module";

const require = createRequire(process.env.SDK + "/");
const { LambdaClient, InvokeCommand, InvokeWithResponseStreamCommand } = require("@aws-sdk/client-lambda");
const [url, ...calls] = process.argv.slice(2);
const client = new LambdaClient({ endpoint: url, region: "us-east-1", maxAttempts: 1,
	credentials: { accessKeyId: "any", secretAccessKey: "any" } });
const types = { event: "Event", dry: "DryRun" };
const text = (bytes) => Buffer.from(bytes ?? []).toString();

while (calls.length) {
	const [name, how, event] = calls.splice(0, 3);

	try {
		if (how === "stream") {
			const answer = await client.send(new InvokeWithResponseStreamCommand({ FunctionName: name, Payload: event }));
			const chunks = [];
			let complete;

			for await (const e of answer.EventStream) {
				if (e.PayloadChunk)
					chunks.push(text(e.PayloadChunk.Payload));
				if (e.InvokeComplete)
					complete = e.InvokeComplete;
			}
			console.log(JSON.stringify({ status: answer.StatusCode, text: chunks.join(""),
				error: complete.ErrorCode ?? "", details: complete.ErrorDetails ?? "" }));
		} else {
			const answer = await client.send(new InvokeCommand({ FunctionName: name, Payload: event,
				InvocationType: types[how], LogType: how === "tail" ? "Tail" : undefined }));

			console.log(JSON.stringify({ status: answer.StatusCode, text: text(answer.Payload),
				error: answer.FunctionError ?? "", version: answer.ExecutedVersion ?? "",
				log: answer.LogResult ? Buffer.from(answer.LogResult, "base64").toString().split(" ")[0] : "" }));
		}
	} catch (e) {
		console.log(JSON.stringify({ thrown: e.name, status: e.$metadata?.httpStatusCode }));
	}
}
