// SPDX-License-Identifier: Apache-2.0
// A command of WASI, run by Node's: stdin, stdout and stderr as they are, an empty environment. Its exit status; or 70 and
// the engine's word on stderr, if that ended it.
import { readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const wasi = new WASI({ version: 'preview1', env: {}, returnOnExit: true });
const imports = { wasi_snapshot_preview1: {} };

// Each through a function of our own: Node's fast calls go on using memory that memory.grow has moved
// (nodejs/node#53087).
for (const [name, fn] of Object.entries(wasi.wasiImport))
	imports.wasi_snapshot_preview1[name] = (...args) => fn(...args);
try {
	const module = new WebAssembly.Module(readFileSync(process.argv.at(-1)));

	process.exitCode = wasi.start(new WebAssembly.Instance(module, imports));
} catch (e) {
	process.stderr.write(`\n${e.message}\n`);
	process.exitCode = 70;
}
