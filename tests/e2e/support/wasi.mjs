// SPDX-License-Identifier: Apache-2.0
// wasi.mjs MODULE - run a command of WASI by node:wasi, stdin, stdout, stderr and the environment as they are. Exits with
// its status; with 71 and the engine's message when an import is missing, with 70 when it traps.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const MISSING = 71, TRAP = 70;
const wasi = new WASI({ version: 'preview1', env: process.env, returnOnExit: true });

// Each through a function of our own: Node's fast calls go on using memory that memory.grow has moved
// (nodejs/node#53087).
const imports = { wasi_snapshot_preview1: {} };
for (const [name, fn] of Object.entries(wasi.wasiImport))
	imports.wasi_snapshot_preview1[name] = (...args) => fn(...args);

function fail(status, e) {
	process.stderr.write(`${e.message}\n`);
	process.exitCode = status;
}

function start(instance) {
	try {
		process.exitCode = wasi.start(instance);
	} catch (e) {
		fail(TRAP, e);
	}
}

try {
	const module = new WebAssembly.Module(readFileSync(process.argv[2]));
	start(new WebAssembly.Instance(module, imports));
} catch (e) {
	fail(MISSING, e);
}
