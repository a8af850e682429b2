// SPDX-License-Identifier: Apache-2.0
// A command of WASI, run by Node's: stdin, stdout and stderr as they are. Its exit status; or 70 and the engine's word on
// stderr, if that ended it. SLSC_WASI: env, its environment; warm: so many times in this process, what they took in
// microseconds is then all there is on stdout.
import { closeSync, openSync, readFileSync } from 'node:fs';
import { WASI } from 'node:wasi';

const how = JSON.parse(process.env.SLSC_WASI);
const WARM_UP = 3;

function run(module, stdin, stdout, stderr) {
	const wasi = new WASI({ version: 'preview1', env: how.env, returnOnExit: true, stdin, stdout, stderr });
	const imports = { wasi_snapshot_preview1: {} };

	// Each through a function of our own: Node's fast calls go on using memory that memory.grow has moved
	// (nodejs/node#53087).
	for (const [name, fn] of Object.entries(wasi.wasiImport))
		imports.wasi_snapshot_preview1[name] = (...args) => fn(...args);
	return wasi.start(new WebAssembly.Instance(module, imports));
}

function warm(module) {
	const nowhere = openSync('/dev/null', 'w'), times = [];

	for (let i = 0; i < WARM_UP + how.warm; i++) {
		const event = openSync('/dev/stdin');
		const begun = process.hrtime.bigint();

		run(module, event, nowhere, nowhere);
		times.push(Number(process.hrtime.bigint() - begun) / 1000);
		closeSync(event);
	}
	console.log(JSON.stringify(times.slice(WARM_UP)));
}

try {
	const module = new WebAssembly.Module(readFileSync(process.argv.at(-1)));

	if (how.warm)
		warm(module);
	else
		process.exitCode = run(module, 0, 1, 2);
} catch (e) {
	process.stderr.write(`\n${e.message}\n`);
	process.exitCode = 70;
}
