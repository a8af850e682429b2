// SPDX-License-Identifier: Apache-2.0
// What other people's code says of emitted files. NODE_PATH has kubernetes-models, @kubernetes-models/knative,
// @cdktf/hcl2json; stdin has {documents: [...], templates: [...], expect: [...]}, as emit_check.py makes it.
'use strict';
const kinds = {
	'apps/v1 Deployment': () => require('kubernetes-models/apps/v1/Deployment').Deployment,
	'v1 Service': () => require('kubernetes-models/v1/Service').Service,
	'autoscaling/v2 HorizontalPodAutoscaler': () =>
		require('kubernetes-models/autoscaling/v2/HorizontalPodAutoscaler').HorizontalPodAutoscaler,
	'policy/v1 PodDisruptionBudget': () =>
		require('kubernetes-models/policy/v1/PodDisruptionBudget').PodDisruptionBudget,
	'serving.knative.dev/v1 Service': () => require('@kubernetes-models/knative/serving.knative.dev/v1/Service').Service,
};

async function main() {
	const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
	const hcl = require('@cdktf/hcl2json');

	for (const doc of input.documents) {
		const Kind = kinds[`${doc.apiVersion} ${doc.kind}`]();

		new Kind(doc).validate();
		// that it does look
		try {
			new Kind({ ...doc, metadata: { ...doc.metadata, name: 7 } }).validate();
		} catch (e) {
			continue;
		}
		throw new Error(`${doc.kind}: a number passes as a name`);
	}
	// the strings of main.tf.json: HashiCorp's parser finds these references in them, and no others
	const found = new Set();

	for (const text of input.templates)
		for (const ref of await hcl.getReferencesInExpression('main.tf', JSON.stringify(text)))
			found.add(ref.value);
	const got = JSON.stringify([...found].sort()), want = JSON.stringify(input.expect);

	if (got !== want)
		throw new Error(`references: ${got}, and not ${want}`);
	console.log(`${input.documents.length} documents, ${input.templates.length} templates`);
}

main().catch((e) => {
	console.error(e.message);
	process.exit(1);
});
