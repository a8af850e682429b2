// SPDX-License-Identifier: Apache-2.0
// redact.mjs MODULE EVENT ANSWER - how long a module of WASI takes to its first answer in this process, in ms: to compile
// it, to instantiate it, to run it with the file EVENT on stdin; and all three together. The answer goes to the file ANSWER.
import { openSync, readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const [path, event, answer] = process.argv.slice(2);
const bytes = readFileSync(path);
const wasi = new WASI({ version: 'preview1', env: process.env, returnOnExit: true, stdin: openSync(event, 'r'),
	stdout: openSync(answer, 'w') });
const imports = { wasi_snapshot_preview1: {} };
for (const [name, fn] of Object.entries(wasi.wasiImport))
	imports.wasi_snapshot_preview1[name] = (...args) => fn(...args);

const begun = performance.now();
const module = new WebAssembly.Module(bytes);
const compiled = performance.now();
const instance = new WebAssembly.Instance(module, imports);
const ready = performance.now();
const status = wasi.start(instance);
const end = performance.now();

if (status)
	throw new Error(`exit status ${status}: ${readFileSync(answer, 'utf8')}`);
console.log(compiled - begun, ready - compiled, end - ready, end - begun);
