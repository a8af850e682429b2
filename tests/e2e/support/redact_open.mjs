// SPDX-License-Identifier: Apache-2.0
// redact_open.mjs [--nonces] - JSON lines on stdin, their encrypted members as they were before: by node:crypto, with the
// key of REDACT_KEY, as the README of templates/redact says it is done. With --nonces: each value's nonce instead, a line
// each. Exits with 1 when one does not open.
import { createDecipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';

const key = Buffer.from(process.env.REDACT_KEY, 'hex');
const nonces = process.argv[2] === '--nonces';

function open(name, text) {
	const box = Buffer.from(text.slice('enc:v1:'.length), 'base64');
	if (nonces)
		console.log(box.subarray(0, 12).toString('hex'));
	const d = createDecipheriv('aes-256-gcm', key, box.subarray(0, 12));
	d.setAAD(Buffer.from(name));
	d.setAuthTag(box.subarray(-16));
	return JSON.parse(Buffer.concat([d.update(box.subarray(12, -16)), d.final()]).toString());
}

try {
	for (const line of readFileSync(0, 'utf8').split('\n').slice(0, -1)) {
		const record = JSON.parse(line, (name, value) =>
			typeof value === 'string' && value.startsWith('enc:v1:') ? open(name, value) : value);
		if (!nonces)
			console.log(JSON.stringify(record));
	}
} catch (e) {
	console.error(e.message);
	process.exitCode = 1;
}
