#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The whole way of an image: built, described, signed, pushed to a registry; found, verified and run by others.
load helper
load package_helper
load registry_helper

# signed: a project whose image has an SBOM, provenance and a signature; the key is key.key
signed() {
	slsc_run init --template raw raw
	cd raw || return 1
	export COSIGN_PASSWORD=word
	slsc package -q --oci --sbom attach --provenance attach >"$T/out"
	slsc sign -q --generate-key key >"$T/out"
	slsc sign -q -r --key key.key oci:dist/raw.oci:latest >"$T/out"
}

# referrer TYPE SUBJECT: the only blob of the artifact of that type which refers to it, as the registry has it
referrer() {
	local url=http://127.0.0.1:$port/v2/team/raw tag=${2/:/-} digest
	digest=$(curl -fsS -H 'Accept: application/vnd.oci.image.index.v1+json' "$url/manifests/$tag" |
		jq -er --arg t "$1" '[.manifests[] | select(.artifactType == $t).digest] | if length == 1 then .[0] else error end') ||
		return 1
	digest=$(curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' "$url/manifests/$digest" |
		jq -er '.layers[0].digest') || return 1
	curl -fsS "$url/blobs/$digest"
}

# Both architectures run without a registration of qemu on the machine: its program is the entry point, and static.
@test "pushed, then run by podman for both architectures, with an SBOM and a signature that others verify" {
	need podman podman && need runc runc && need curl curl && need jq jq && need openssl openssl
	need qemu-aarch64-static qemu-user-static && need qemu-x86_64-static qemu-user-static
	registry open
	local image=127.0.0.1:$port/team/raw a oci digest payload
	signed
	slsc_run push raw "$image:1.0"
	[ "$status" -eq 0 ]
	is "$out" "$image@$(ref dist/raw.oci latest)"

	for a in x86_64 arm64; do
		oci=${a/x86_64/amd64}
		digest=$(ref dist/raw.oci "$oci")
		podman_ pull -q --tls-verify=false --arch "$oci" "$image:1.0" >"$T/id"
		is "$(podman_ image inspect "$(cat "$T/id")" | jq -r '.[0].Architecture + " sha256:" + .[0].Id')" \
			"$oci $(manifest dist/raw.oci "$oci" | jq -r .config.digest)"
		is "$(podman_ run --rm --network none --arch "$oci" -v "$(command -v "qemu-${a/arm/aarch}-static" ||
			command -v qemu-x86_64-static):/qemu:ro" --entrypoint /qemu "$(cat "$T/id")" /var/task/bootstrap)" \
			"Hello from a static binary!"

		# an SBOM in both forms, found by the tag that stands in for the referrers API
		referrer application/spdx+json "$digest" >spdx.json
		referrer application/vnd.cyclonedx+json "$digest" >cdx.json
		"$BATS_TEST_DIRNAME/support/schema.py" spdx spdx.json
		"$BATS_TEST_DIRNAME/support/schema.py" cyclonedx cdx.json
		has "$(jq -r '.packages[].name' spdx.json)" musl-dev
		is "$(referrer application/vnd.in-toto+json "$digest" | jq -r '.subject[0].digest.sha256')" "${digest#sha256:}"

		# the signature: a payload that names the digest, signed by the key
		curl -fsS -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
			"http://127.0.0.1:$port/v2/team/raw/manifests/${digest/:/-}.sig" >sig.json
		payload=$(jq -r '.layers[0].digest' sig.json)
		curl -fsS "http://127.0.0.1:$port/v2/team/raw/blobs/$payload" >payload.json
		jq -r '.layers[0].annotations["dev.cosignproject.cosign/signature"]' sig.json | base64 -d >signature
		is "$(openssl dgst -sha256 -verify key.pub -signature signature payload.json)" "Verified OK"
		is "$(jq -r '.critical.image["docker-manifest-digest"]' payload.json)" "$digest"
	done
	slsc_run verify-signature --key key.pub "$image:1.0"
	[ "$status" -eq 0 ]
}

@test "what is attached to an image is no image: check passes it over" {
	need jq jq
	signed
	slsc_run check --json --platform lambda
	[ "$status" -eq 0 ]
	is "$(jq -r '.artifacts[]' "$T/out" | sort)" "dist/raw.oci
dist/raw.oci:amd64
dist/raw.oci:arm64"
}
