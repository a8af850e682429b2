// SPDX-License-Identifier: Apache-2.0
// npm's @aws-sdk/client-lambda as a client of aws_server.py: node sdk_deploy.mjs URL ZIP. Prints what it got.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.SDK + "/");
const lambda = require("@aws-sdk/client-lambda");
const [url, zip] = process.argv.slice(2);
const client = new lambda.LambdaClient({ endpoint: url, region: "us-east-1", maxAttempts: 1 });
const ask = (name, input) => client.send(new lambda[name + "Command"]({ FunctionName: "sdk", ...input }));
const active = (ready) => ask("GetFunctionConfiguration").then((c) => ready(c) ? c : active(ready));

await ask("CreateFunction", { Role: "arn:aws:iam::123456789012:role/lambda", Runtime: "provided.al2023", Handler: "bootstrap",
	Code: { ZipFile: readFileSync(zip) }, LoggingConfig: { LogFormat: "JSON" }, Architectures: ["x86_64"] });
const made = await active((c) => c.State === "Active");
const { Version } = await ask("PublishVersion", { CodeSha256: made.CodeSha256 });
await ask("CreateAlias", { Name: "live", FunctionVersion: Version });
const { AuthType, InvokeMode } = await ask("CreateFunctionUrlConfig", { Qualifier: "live", AuthType: "AWS_IAM" });
await ask("UpdateFunctionConfiguration", { MemorySize: 512 });
const conflict = await ask("UpdateFunctionCode", { ZipFile: readFileSync(zip) }).catch((e) => e.name);
const after = await active((c) => c.LastUpdateStatus === "Successful");

console.log(JSON.stringify({ format: made.LoggingConfig.LogFormat, Version, AuthType, InvokeMode, conflict,
	memory: after.MemorySize }));
