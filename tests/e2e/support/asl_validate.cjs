// SPDX-License-Identifier: Apache-2.0
// What npm's asl-validator says of state machines: asl_validate.cjs DIR FILE... prints "FILE valid" or "FILE invalid" for
// each. DIR has node_modules.
const fs = require('fs');
const path = require('path');
const [dir, ...files] = process.argv.slice(2);
const from = require('module').createRequire(path.resolve(dir, 'x.js'));

// It compiles its schemas anew for each machine, in 80 ms; the schemas are the same.
const ajv = from('ajv');
let compiled;
require.cache[from.resolve('ajv')].exports = {
	__esModule: true,
	default: function (options) {
		if (compiled)
			compiled.addKeyword = () => compiled; // they are all there
		return (compiled ??= new ajv.default(options));
	},
};
const validate = from('asl-validator');
const yaml = from('yaml');

// Of what is no state machine at all it throws.
function verdict(file) {
	const text = fs.readFileSync(file, 'utf8');
	try {
		return validate(file.endsWith('.yaml') ? yaml.parse(text) : JSON.parse(text)).isValid;
	} catch {
		return false;
	}
}

for (const file of files)
	console.log(`${file} ${verdict(file) ? 'valid' : 'invalid'}`);
