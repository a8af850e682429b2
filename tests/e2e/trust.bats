#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# SBOMs, provenance and signatures, verified by what everyone has: the public schemas, jq, openssl, skopeo.
load helper
load registry_helper

SCHEMA=$BATS_TEST_DIRNAME/support/schema.py

# hello: the template, built once for both architectures; the test goes on in its directory
hello() {
	need jq jq && need clang clang && need ld.lld lld && kept hello make_hello
}

make_hello() {
	slsc init -q hello && mv hello/* . && rm -r hello && slsc build -q
}

# signed: hello as a layout with all attachments, signed by k.key, whose password is "word"
signed() {
	export COSIGN_PASSWORD=word
	hello && kept signed make_signed
}

make_signed() {
	cp -a "$BATS_FILE_TMPDIR/kept.hello/." . && slsc package -q --oci --sbom attach --provenance attach >/dev/null &&
		slsc sign -q --generate-key k >/dev/null && slsc sign -q -r --key k.key oci:dist/hello.oci:latest >/dev/null
}

# gnu: hello's sources as two functions for this architecture, linked by GNU ld and by ld.lld, and one that a command makes
gnu() {
	need gcc gcc && need ninja ninja-build && hello && kept gnu make_gnu
}

make_gnu() {
	cp -a "$BATS_FILE_TMPDIR/kept.hello/." .
	local a
	a=$(uname -m)
	[ "$a" = aarch64 ] && a=arm64
	cat >slsc.yaml <<-EOF
		project: shop
		arches: [$a]
		functions:
		  gnu: {sources: [src/*.c], toolchain: gnu}
		  musl: {sources: [src/*.c], toolchain: musl}
		  own: {runtime: none, build: {command: '\$CC -o "\$SLSC_OUT" own.c', inputs: [own.c]}}
	EOF
	echo 'int main(void) { return 0; }' >own.c
	slsc build -q
}

# digest TAG: of oci:dist/hello.oci
digest() {
	jq -r --arg t "$1" '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $t).digest' \
		dist/hello.oci/index.json
}

# blob DIGEST: its path
blob() {
	echo "dist/hello.oci/blobs/sha256/${1#sha256:}"
}

# sig TAG: the tag of the signatures of that image
sig() {
	echo "$(digest "$1" | tr : -).sig"
}

# put_blob FILE: into the layout; prints its digest
put_blob() {
	local d
	d=$(sha256sum <"$1" | cut -d' ' -f1)
	cp "$1" "dist/hello.oci/blobs/sha256/$d"
	echo "sha256:$d"
}

# edit_signature TAG JQ-FILTER: another manifest of signatures in its place
edit_signature() {
	local tag d
	tag=$(sig "$1")
	jq -c "$2" "$(blob "$(digest "$tag")")" >"$T/m"
	d=$(put_blob "$T/m")
	jq -c --arg t "$tag" --arg d "$d" --argjson n "$(stat -c %s "$T/m")" '(.manifests[] |
		select(.annotations["org.opencontainers.image.ref.name"] == $t)) |= (.digest = $d | .size = $n)' \
		dist/hello.oci/index.json >"$T/i" && cp "$T/i" dist/hello.oci/index.json
}

@test "sbom: both architectures and formats validate against the public schemas" {
	need python3 python3
	hello
	for a in x86_64 arm64; do
		slsc sbom --arch $a -o $a.spdx.json
		slsc sbom hello -a $a -f cyclonedx -o $a.cdx.json
	done
	"$SCHEMA" spdx x86_64.spdx.json arm64.spdx.json
	"$SCHEMA" cyclonedx x86_64.cdx.json arm64.cdx.json
	is "$(jq -r '.spdxVersion, .name' arm64.spdx.json)" "SPDX-2.3
hello-arm64"
	is "$(jq -r '.bomFormat, .specVersion, .compositions[0].aggregate' x86_64.cdx.json)" "CycloneDX
1.5
complete"
	no_leftovers .
}

@test "sbom: libc.a is traced to its package, on the host and in the cached sysroot" {
	need dpkg-query dpkg
	hello
	host=$(uname -m)
	[ "$host" = aarch64 ] && host=arm64
	for a in x86_64 arm64; do
		oci=$a
		[ $a = x86_64 ] && oci=amd64
		if [ $a = "$host" ]; then
			version=$(dpkg-query -W -f '${Version}' musl-dev)
			libc=/usr/lib/$(uname -m)-linux-musl/libc.a
			file=$libc
		else
			version=$(sed -n 's/^musl-dev_\(.*\)_.*/\1/p' "$SLSC_CACHE_DIR/sysroot/musl-$a/packages")
			libc=/sysroot/lib/libc.a
			file=$SLSC_CACHE_DIR/sysroot/musl-$a/lib/libc.a
		fi
		distro=$(. /etc/os-release && echo "$ID-$VERSION_ID")
		id=${distro%-*}
		slsc sbom -a $a -f cyclonedx >s
		is "$(jq -r '.components[] | select(.name == "musl-dev") | .purl, .version' s)" \
			"pkg:deb/$id/musl-dev@$version?arch=$oci&distro=$distro
$version"
		is "$(jq -r --arg l "$libc" '.components[] | .components[]? | select(.name == $l).hashes[0].content' s)" \
			"$(sha256sum <"$file" | cut -d' ' -f1)"
		[ "$(jq -r --arg l "$libc" '.components[] | .components[]? | select(.name == $l).properties[0].value' s)" -gt 5 ]
		is "$(jq -r '.metadata.component.hashes[0].content' s)" "$(sha256sum <.slsc/release/$a/hello | cut -d' ' -f1)"
		is "$(jq -r '.components[] | select(.name == "src/hello.c").hashes[0].content' s)" \
			"$(sha256sum <src/hello.c | cut -d' ' -f1)"
		is "$(jq -r '.components[] | select(.properties[0].value == "linked").name' s)" "musl-dev
slsc-runtime"
		slsc sbom -a $a >s
		has "$(jq -r '.packages[] | select(.name == "musl-dev").sourceInfo' s)" "linked $libc (sha256:"
		is "$(jq -r '.files[] | .fileName + " " + .checksums[0].checksumValue' s)" \
			"./src/hello.c $(sha1sum <src/hello.c | cut -d' ' -f1)"
	done
}

@test "sbom: the same build gives the same bytes; a commit and SOURCE_DATE_EPOCH show" {
	need git git
	hello
	slsc sbom >"$T/a"
	TZ=UTC LC_ALL=C slsc sbom >"$T/b"
	cmp "$T/a" "$T/b"
	is "$(jq -r .creationInfo.created "$T/a")" 1980-01-01T00:00:00Z
	SOURCE_DATE_EPOCH=86400 slsc sbom >"$T/b"
	is "$(jq -r .creationInfo.created "$T/b")" 1970-01-02T00:00:00Z
	[ "$(jq -r .documentNamespace "$T/a")" != "$(jq -r .documentNamespace "$T/b")" ]
	git init -q . && git add . && GIT_COMMITTER_DATE='1700000000 +0000' git commit -qm x
	git remote add origin https://user:secret@example.com/shop/hello.git
	slsc sbom >"$T/b"
	is "$(jq -r .creationInfo.created "$T/b")" 2023-11-14T22:13:20Z
	is "$(jq -r '.packages[0] | .downloadLocation, .sourceInfo' "$T/b")" \
		"git+https://example.com/shop/hello.git@$(git rev-parse HEAD)
built from commit $(git rev-parse HEAD)"
	[ "$(grep -c secret "$T/b")" = 0 ]
}

@test "sbom: a pinned dependency by its commit, a library of the project by its digest" {
	need git git && need gcc gcc && need python3 python3
	hello
	mkdir -p "$T/dep" lib
	(cd "$T/dep" && git init -q . && echo 'int dep(void) { return 1; }' >dep.c && git add . && git commit -qm x)
	echo 'int foo(void) { return 2; }' >foo.c
	echo 'int bar(void) { return 3; }' >bar.c
	cat >use.c <<-'EOF'
		#include <unistd.h>
		int dep(void);
		int foo(void);
		int main(void)
		{
			return dep() + foo() == 3 ? 0 : 1;
		}
	EOF
	clang -c --target=x86_64-linux-musl foo.c bar.c && ar rcs lib/libfoo.a foo.o && ar rcs lib/libbar.a bar.o
	cat >slsc.yaml <<-EOF
		project: shop
		arches: [x86_64]
		dependencies:
		  dep: {git: "file://$T/dep", ref: $(git -C "$T/dep" symbolic-ref --short HEAD), sources: [dep.c]}
		functions:
		  use: {sources: [use.c], runtime: none, dependencies: [dep], libs: [lib/libfoo.a, lib/libbar.a]}
	EOF
	slsc build -q
	slsc sbom -f cyclonedx >s
	"$SCHEMA" cyclonedx s
	commit=$(git -C "$T/dep" rev-parse HEAD)
	is "$(jq -r '.components[] | select(.name == "dep") | .version, .purl' s)" "$commit
pkg:generic/dep@$commit?vcs_url=git%2Bfile://$T/dep%40$commit"
	# nothing of libbar.a is in the binary
	is "$(jq -r '.components[] | select(.properties[0].value == "linked").name' s)" "dep
libfoo.a
musl-dev"
	is "$(jq -r '.components[] | select(.name == "libfoo.a").hashes[0].content' s)" \
		"$(sha256sum <lib/libfoo.a | cut -d' ' -f1)"
	slsc sbom | jq -r '.packages[] | select(.name == "libfoo.a").sourceInfo' >s
	has "$(cat s)" "linked lib/libfoo.a (sha256:"
	has "$(cat s)" ", 1 member)"
}

@test "sbom: GNU ld's map, a build command's lack of one" {
	need dpkg-query dpkg
	gnu
	slsc sbom gnu -f cyclonedx >s
	is "$(jq -r '.components[] | select(.name == "libc6-dev").version' s)" "$(dpkg-query -W -f '${Version}' libc6-dev)"
	has "$(jq -r '.components[] | select(.name == "libc6-dev").components[].name' s)" /libc.a
	has "$(jq -r '.components[].name' s)" libgcc-
	slsc_run sbom own -f cyclonedx
	[ "$status" -eq 0 ]
	is "$err" "warning: the SBOM of own is incomplete: the function's own build command links it: no link map says what \
is in it"
	is "$(jq -r '.compositions[0].aggregate' "$T/out")" incomplete
}

@test "sbom: an archive that was given by two paths is one component" {
	need gcc gcc && need python3 python3
	hello
	a=$(uname -m)
	[ "$a" = aarch64 ] && a=arm64
	mkdir lib
	echo 'int foo(void) { return 2; }' >foo.c
	echo 'int baz(void) { return 1; }' >baz.c
	echo 'int baz(void); int bar(void) { return baz(); }' >bar.c
	echo 'int foo(void); int bar(void); int main(void) { return foo() + bar() - 3; }' >use.c
	gcc -c foo.c bar.c baz.c && ar rcs lib/libfoo.a foo.o baz.o && ar rcs lib/libbar.a bar.o
	# GNU ld reads each archive where it stands, those of ldflags first: baz is asked for after the first time
	cat >slsc.yaml <<-EOF
		project: shop
		arches: [$a]
		functions:
		  use:
		    sources: [use.c]
		    runtime: none
		    toolchain: gnu
		    libs: [lib/libbar.a, lib/libfoo.a]
		    ldflags: [./lib/libfoo.a]
	EOF
	slsc build -q
	slsc sbom -f cyclonedx >s
	"$SCHEMA" cyclonedx s
	grep -q ' \./lib/libfoo\.a(foo\.o)$' .slsc/release/"$a"/use.map
	grep -q ' lib/libfoo\.a(baz\.o)$' .slsc/release/"$a"/use.map
	is "$(jq -r '.components[] | select(.name == "libfoo.a").components[] | .name + " " + .properties[0].value' s)" \
		"lib/libfoo.a 2"
	is "$(jq -r '[.. | ."bom-ref"? // empty] | group_by(.)[] | select(length > 1)' s)" ''
}

# By each linker; which architecture it links for makes no difference to that.
@test "sbom: a link map costs no byte of the binary, by GNU ld nor by ld.lld" {
	gnu
	ninja -f .slsc/build.ninja -t commands | grep -e ' -Wl,-Map=' | sed 's/ && .*//' >links
	is "$(wc -l <links)" 2
	while read -r link; do
		out=${link##* -o }
		out=${out%% *}
		[ ! -e "$out.map" ] || rm "$out.map"
		sh -c "$link"
		[ -s "$out.map" ]
		cp "$out" with
		rm "$out" "$out.map"
		sh -c "${link/ -Wl,-Map=$out.map/}"
		[ ! -e "$out.map" ]
		cmp with "$out"
	done <links
}

@test "sbom: what is missing is said" {
	hello
	slsc_run sbom nope
	is "$status $err" "1 error: unknown function 'nope'
hint: known: hello"
	slsc_run sbom --json nope
	is "$status $(jq -c '[.error.code, .error.message]' <<<"$err")" '1 ["notfound","unknown function '"'nope'"'"]'
	slsc_run sbom
	sbom=$out
	slsc_run sbom --json
	is "$out" "$sbom"
	rm .slsc/release/x86_64/hello.map
	slsc_run sbom -a x86_64
	[ "$status" -eq 1 ]
	is "$err" "error: .slsc/release/x86_64/hello.map: the link map of hello is not there
hint: build it again: slsc build hello"
	echo x >.slsc/release/x86_64/hello.map
	slsc_run sbom -a x86_64
	is "$err" "error: .slsc/release/x86_64/hello.map: is no link map of ld.lld or GNU ld
hint: remove it and build again: slsc build hello"
	rm .slsc/release/x86_64/hello
	slsc_run sbom -a x86_64
	is "$err" "error: hello is not built for amd64 in profile 'release': there is no .slsc/release/x86_64/hello
hint: run \`slsc build hello\`"
	# a lost map is made again, with the same binary
	slsc build -q
	cmp .slsc/release/x86_64/hello "$BATS_FILE_TMPDIR/kept.hello/.slsc/release/x86_64/hello"
	slsc sbom -a x86_64 >/dev/null
}

@test "package --sbom image: in the function's layer, the same bytes whatever the commit" {
	need git git && need skopeo skopeo
	hello
	slsc package -q --oci --sbom image >/dev/null
	layer=$(skopeo inspect --raw oci:dist/hello.oci:amd64 | jq -r '.layers[-1].digest')
	mkdir x && tar -xzf "$(blob "$layer")" -C x
	is "$(cd x && find . -type f | sort)" "./usr/share/sbom/hello.spdx.json
./var/task/bootstrap"
	is "$(jq -r '.packages[].name' x/usr/share/sbom/hello.spdx.json | head -2)" "hello
musl-dev"
	# the base is made of Debian 12's packages wherever slsc is built; scanners know it by this name
	certs=$(skopeo inspect --raw --config oci:dist/hello.oci:amd64 | jq -r '.history[0].created_by' |
		sed -n 's/.*(ca-certificates \(.*\))/\1/p' | sed 's/+/%2B/g')
	is "$(jq -r '.packages[] | select(.name == "ca-certificates").externalRefs[0].referenceLocator' \
		x/usr/share/sbom/hello.spdx.json)" "pkg:deb/debian/ca-certificates@$certs?arch=all&distro=debian-12"
	is "$(jq -r '.manifests | length' dist/hello.oci/index.json)" 3
	git init -q . && git add . && git commit -qm x
	slsc package -q --oci --sbom image >/dev/null
	is "$(skopeo inspect --raw oci:dist/hello.oci:amd64 | jq -r '.layers[-1].digest')" "$layer"
}

@test "package: an SBOM or provenance that would have no place is refused" {
	hello
	local hint="hint: add --oci, --oci-archive or --docker-archive; \`slsc sbom\` writes that of a zip"
	slsc_run package --no-build --zip --sbom image
	is "$status $err" "2 error: --sbom image: no image is made
$hint"
	for kind in sbom provenance; do
		slsc_run package --no-build --zip --oci-archive "--$kind" attach
		is "$status $err" "2 error: --$kind attach: only a layout has a place beside its image
hint: add --oci"
	done
	[ ! -e dist ]
}

@test "package --sbom attach --provenance attach: beside the image, which stays as it is" {
	need skopeo skopeo && need python3 python3
	hello
	slsc package -q --oci --oci-archive >/dev/null
	plain=$(digest latest)
	sha256sum dist/hello.oci.tar >"$T/tar"
	sed -i 's/^  image:$/&\n    sbom: attach\n    provenance: attach/' slsc.yaml
	slsc package -q --oci --oci-archive >/dev/null
	is "$(digest latest)" "$plain"
	sha256sum --quiet -c "$T/tar"
	# Lambda refuses an index with other things in it: there is nothing in this one
	is "$(jq -c '[.manifests[].platform.architecture]' "$(blob "$plain")")" '["amd64","arm64"]'
	is "$(jq -c '[.manifests[] | .artifactType // empty]' dist/hello.oci/index.json)" \
		'["application/spdx+json","application/vnd.cyclonedx+json","application/vnd.in-toto+json","application/spdx+json","application/vnd.cyclonedx+json","application/vnd.in-toto+json"]'
	for d in $(jq -r '.manifests[] | select(.artifactType).digest' dist/hello.oci/index.json); do
		m=$(blob "$d")
		is "sha256:$(sha256sum <"$m" | cut -d' ' -f1)" "$d"
		is "$(jq -r '.config | .mediaType, .digest' "$m")" "application/vnd.oci.empty.v1+json
sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
		has "$(digest amd64) $(digest arm64)" "$(jq -r .subject.digest "$m")"
		content=$(blob "$(jq -r '.layers[0].digest' "$m")")
		case $(jq -r .artifactType "$m") in
		application/spdx+json) "$SCHEMA" spdx "$content" ;;
		application/vnd.cyclonedx+json) "$SCHEMA" cyclonedx "$content" ;;
		*)
			is "$(jq -r '._type, .predicateType, "sha256:" + .subject[0].digest.sha256' "$content")" \
				"https://in-toto.io/Statement/v1
https://slsa.dev/provenance/v1
$(jq -r .subject.digest "$m")"
			has "$(jq -r '.predicate.buildDefinition.externalParameters.cflags' "$content")" -O2
			has "$(jq -r '.predicate.buildDefinition.resolvedDependencies[].name' "$content")" src/hello.c
			has "$(jq -r '.predicate.buildDefinition.resolvedDependencies[].uri // ""' "$content")" pkg:deb/
			# a ResourceDescriptor without a URI, a digest or its content is none
			is "$(jq -c '[.predicate.buildDefinition.resolvedDependencies[] | select(.uri or .digest | not)]' \
				"$content")" '[]'
			;;
		esac
	done
	# twice the same
	cp dist/hello.oci/index.json "$T/index"
	rm -r dist && slsc package -q --oci >/dev/null
	cmp "$T/index" dist/hello.oci/index.json
	# and away again
	slsc package -q --oci --sbom none --provenance none >/dev/null
	is "$(jq '.manifests | length' dist/hello.oci/index.json)" 3
	no_leftovers .
}

@test "sign: openssl verifies the payload that jq takes out" {
	need openssl openssl
	signed
	is "$(stat -c %a k.key k.pub | tr '\n' ' ')" "600 644 "
	for tag in latest amd64 arm64; do
		m=$(blob "$(digest "$(sig $tag)")")
		payload=$(blob "$(jq -r '.layers[0].digest' "$m")")
		jq -rj '.layers[0].annotations["dev.cosignproject.cosign/signature"]' "$m" | base64 -d >sig
		openssl dgst -sha256 -verify k.pub -signature sig "$payload"
		is "$(cat "$payload")" "{\"critical\":{\"identity\":{\"docker-reference\":\"hello\"},\"image\":\
{\"docker-manifest-digest\":\"$(digest $tag)\"},\"type\":\"cosign container image signature\"},\"optional\":null}"
		is "$(jq -r '.layers[0].mediaType, .config.mediaType' "$m")" "application/vnd.dev.cosign.simplesigning.v1+json
application/vnd.oci.image.config.v1+json"
	done
	# the attestation: DSSE's encoding of the statement, signed
	att=$(blob "$(digest "$(digest arm64 | tr : -).att")")
	envelope=$(blob "$(jq -r '.layers[0].digest' "$att")")
	jq -rj .payload "$envelope" | base64 -d >statement
	printf 'DSSEv1 28 application/vnd.in-toto+json %d ' "$(stat -c %s statement)" | cat - statement >pae
	jq -rj '.signatures[0].sig' "$envelope" | base64 -d >sig
	openssl dgst -sha256 -verify k.pub -signature sig pae
	is "sha256:$(jq -r '.subject[0].digest.sha256' statement)" "$(digest arm64)"
	slsc_run verify-signature --key k.pub --attestation oci:dist/hello.oci:arm64
	is "$out" "$(digest arm64): 1 good signature, 1 good attestation"
	slsc_run verify-signature --json --key k.pub dist/hello.oci:latest
	is "$out" "{\"digest\":\"$(digest latest)\",\"signatures\":1,\"attestations\":0,\"reference\":\"hello\"}"
}

@test "sign: again changes nothing, another key adds a signature, package begins anew" {
	signed
	cp dist/hello.oci/index.json before
	slsc sign -q -r --key k.key oci:dist/hello.oci:latest >/dev/null
	cmp before dist/hello.oci/index.json
	slsc sign -q --generate-key other >/dev/null
	slsc_run sign --key other.key -A who=me --reference example.com/hello oci:dist/hello.oci:amd64
	is "$out" "signed $(digest amd64) and 1 attestation"
	is "$(jq '.layers | length' "$(blob "$(digest "$(sig amd64)")")")" 2
	slsc verify-signature --key k.pub oci:dist/hello.oci:amd64
	slsc verify-signature --attestation --key other.pub oci:dist/hello.oci:amd64
	is "$(jq -c .optional "$(blob "$(jq -r '.layers[1].digest' "$(blob "$(digest "$(sig amd64)")")")")")" '{"who":"me"}'
	# every blob that is named is there, with its digest; the image is readable
	for f in dist/hello.oci/blobs/sha256/*; do is "$(sha256sum <"$f" | cut -d' ' -f1)" "${f##*/}"; done
	slsc package -q --oci >/dev/null
	is "$(jq '.manifests | length' dist/hello.oci/index.json)" 3
	slsc_run verify-signature --key k.pub oci:dist/hello.oci:amd64
	[ "$status" -eq 3 ]
	no_leftovers .
}

@test "verify-signature refuses what is not signed, by another key, changed, or of another image" {
	signed
	d=$(digest arm64)
	slsc sign -q --generate-key other >/dev/null
	slsc_run verify-signature --key other.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good signature of $d: there is one, but not by this key, or what was signed \
has been changed"
	# a changed payload, with all digests made to fit
	m=$(blob "$(digest "$(sig arm64)")")
	sed 's/:"hello"/:"other"/' "$(blob "$(jq -r '.layers[0].digest' "$m")")" >p
	cp -a dist good
	edit_signature arm64 ".layers[0].digest = \"$(put_blob p)\""
	slsc_run verify-signature --key k.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good signature of $d: there is one, but not by this key, or what was signed \
has been changed"
	# a payload whose digest is not the one named
	rm -r dist && cp -a good dist
	p=$(blob "$(jq -r '.layers[0].digest' "$m")")
	sed 's/:"hello"/:"other"/' "$p" >q && cp q "$p"
	slsc_run verify-signature --key k.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good signature of $d: there is one, but it is damaged"
	# a good signature, but of the other architecture
	rm -r dist && cp -a good dist
	other=$(jq -c '.layers' "$(blob "$(digest "$(sig amd64)")")")
	edit_signature arm64 ".layers = $other"
	slsc_run verify-signature --key k.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good signature of $d: there is one by this key, but it is about another image"
	# none
	rm -r dist && cp -a good dist
	slsc package -q --oci >/dev/null
	slsc_run verify-signature --key k.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good signature of $d: there is none
hint: sign it with slsc sign"
	# no attestation
	slsc sign -q --key k.key oci:dist/hello.oci:arm64 >/dev/null
	slsc_run verify-signature --attestation --key k.pub oci:dist/hello.oci:arm64
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good attestation of $d: there is none
hint: sign it with slsc sign"
	# of an index: its images are named, and each of them can be asked for by that name
	slsc sign -q --key k.key oci:dist/hello.oci:latest >/dev/null
	slsc_run verify-signature --attestation --key k.pub oci:dist/hello.oci:latest
	[ "$status" -eq 3 ]
	is "$err" "error: oci:dist/hello.oci: no good attestation of $(digest latest): it is an index, and only its images have some
hint: ask for one of its images: amd64 $(digest amd64), arm64 $(digest arm64)"
}

@test "sign: keys of openssl, passwords, and what is wrong with a key" {
	need openssl openssl
	signed
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p8.pem 2>/dev/null
	openssl ec -in p8.pem -out sec1.pem 2>/dev/null
	openssl pkey -in p8.pem -pubout -out p8.pub
	unset COSIGN_PASSWORD
	slsc sign -q --key p8.pem oci:dist/hello.oci:amd64 >/dev/null
	slsc verify-signature --key p8.pub oci:dist/hello.oci:amd64
	slsc sign -q --key sec1.pem oci:dist/hello.oci:arm64 >/dev/null
	slsc verify-signature --key p8.pub oci:dist/hello.oci:arm64
	# a curve that cosign's keys are not on
	openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem 2>/dev/null
	slsc_run sign --key p384.pem oci:dist/hello.oci:amd64
	[ "$status" -eq 1 ]
	is "$err" "error: p384.pem: is no ECDSA key on P-256
hint: make one with slsc sign --generate-key"
	openssl pkcs8 -topk8 -in p8.pem -passout pass:x -out enc.pem
	slsc_run sign --key enc.pem oci:dist/hello.oci:amd64
	is "$err" "error: enc.pem: is encrypted as OpenSSL does it, not as cosign does
hint: decrypt it with \`openssl pkcs8\`, or make a pair with slsc sign --generate-key"
	slsc_run sign --key k.pub oci:dist/hello.oci:amd64
	is "$err" "error: k.pub: is a public key: signing needs the private one
hint: cosign calls it cosign.key; slsc sign --generate-key makes a pair"
	slsc_run verify-signature --key k.key oci:dist/hello.oci:amd64
	is "$err" "error: k.key: holds no public key
hint: cosign calls it cosign.pub; in PEM it begins with -----BEGIN PUBLIC KEY-----"
	# no terminal, no password
	status=0
	setsid -w slsc sign --key k.key oci:dist/hello.oci:amd64 </dev/null 2>"$T/err" || status=$?
	[ "$status" -eq 1 ]
	is "$(cat "$T/err")" "error: there is no terminal to ask for the password
hint: set COSIGN_PASSWORD, or use --password-stdin"
	echo word | slsc sign -q --password-stdin --key k.key oci:dist/hello.oci:amd64 >/dev/null
	status=0
	echo wrong | slsc sign --password-stdin --key k.key oci:dist/hello.oci:amd64 2>"$T/err" || status=$?
	[ "$status" -eq 1 ]
	is "$(cat "$T/err")" "error: k.key: wrong password
hint: set COSIGN_PASSWORD, or give it on stdin with --password-stdin"
	slsc_run sign --generate-key k
	[ "$status" -eq 1 ]
	is "$err" "error: k.key is there already
hint: what it has signed can only be verified with it: choose another name"
}

@test "sign: usage, dry run, archives" {
	signed
	slsc_run sign oci:dist/hello.oci:amd64
	[ "$status" -eq 2 ]
	has "$err" "error: say with what to sign: --key FILE"
	cp -r dist/hello.oci two
	jq 'del(.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "latest"))' \
		dist/hello.oci/index.json >two/index.json
	slsc_run sign --key k.key oci:two
	[ "$status" -eq 2 ]
	is "$err" "error: oci:two: holds 2 images: amd64, arm64
hint: say which: oci:two:TAG"
	# as for push: without a tag a layout is the image tagged latest, and a function's name its layout
	slsc_run sign -n --key k.key oci:dist/hello.oci
	is "$status $out" "0 would sign $(digest latest)"
	slsc_run sign -n --key k.key hello
	is "$status $out" "0 would sign $(digest latest)"
	slsc_run sign --key k.key oci:dist/hello.oci:nope
	[ "$status" -eq 1 ]
	is "$err" "error: oci:dist/hello.oci: there is no image 'nope'"
	# what is attached is no image to choose
	slsc_run push oci:dist/hello.oci:nope localhost:1/x
	is "$status $err" "1 error: oci:dist/hello.oci:nope: has no tag 'nope'
hint: there are: latest, amd64, arm64"
	cp dist/hello.oci/index.json before
	slsc sign -q --generate-key other >/dev/null
	slsc_run sign -n -r --key other.key oci:dist/hello.oci:latest
	is "$out" "would sign $(digest latest)
would sign $(digest amd64) and 1 attestation
would sign $(digest arm64) and 1 attestation"
	cmp before dist/hello.oci/index.json
	slsc_run sign -n --generate-key third
	is "$out" "would write third.key
would write third.pub"
	[ ! -e third.key ]
	slsc package -q --oci-archive >/dev/null
	slsc_run sign --key k.key oci-archive:dist/hello.oci.tar
	[ "$status" -eq 2 ]
	is "$err" "error: oci-archive:dist/hello.oci.tar: an image in an archive cannot be signed
hint: sign it as oci:DIR:TAG, or in a registry"
}

@test "sign: two at once both sign" {
	signed
	slsc package -q --oci >/dev/null
	slsc sign -q --generate-key other >/dev/null
	slsc sign -q --key k.key oci:dist/hello.oci:amd64 >/dev/null &
	one=$!
	slsc sign -q --key other.key oci:dist/hello.oci:amd64 >/dev/null
	wait $one
	slsc verify-signature --key k.pub oci:dist/hello.oci:amd64
	slsc verify-signature --key other.pub oci:dist/hello.oci:amd64
}

@test "a registry: push brings attachments, referrers have their tag, signatures are cosign's" {
	need skopeo skopeo
	signed
	registry open
	R=127.0.0.1:$port
	slsc_run push hello "$R/team/hello:1"
	[ "$status" -eq 0 ]
	has "$err" "11 attachments"
	d=$(digest arm64)
	slsc_run verify-signature --key k.pub --attestation "$R/team/hello@$d"
	is "$out" "$d: 1 good signature, 1 good attestation"
	slsc_run verify-signature --key k.pub "$R/team/hello:1"
	is "$out" "$(digest latest): 1 good signature"
	# Debian's registry has no referrers API: the fallback's tag
	is "$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://$R/v2/team/hello/manifests/$(echo "$d" | tr : -)" | jq -r '.manifests[].artifactType' | sort)" \
		"application/spdx+json
application/vnd.cyclonedx+json
application/vnd.in-toto+json"
	# the index in the registry names images alone
	is "$(skopeo inspect --raw --tls-verify=false "docker://$R/team/hello:1" | jq -c '[.manifests[].platform.architecture]')" \
		'["amd64","arm64"]'
	# again: nothing twice
	slsc push -q hello "$R/team/hello:1" >/dev/null
	is "$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://$R/v2/team/hello/manifests/$(echo "$d" | tr : -)" | jq '.manifests | length')" 3
	# signed where it is
	slsc sign -q --generate-key other >/dev/null
	slsc sign -q --key other.key "$R/team/hello@$d" >/dev/null
	slsc verify-signature --key other.pub "$R/team/hello@$d"
	slsc verify-signature --key k.pub "$R/team/hello@$d"
	is "$(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$R/v2/team/hello/manifests/$(echo "$d" | tr : -).sig" | jq '.layers | length')" 2
	# and back, with all of it
	slsc copy -q --attachments "$R/team/hello:1" oci:back:1 >/dev/null
	slsc verify-signature --key k.pub --attestation "oci:back:$d"
	slsc verify-signature --key other.pub "oci:back:$d"
}

@test "sbom by itself opens no base of others, and says so" {
	hello
	sed -i 's/base: static .*/base: oci:elsewhere/' slsc.yaml
	slsc_run sbom -o s.json
	is "$status" 0
	is "$err" "warning: base 'oci:elsewhere' is not opened: its packages are in the SBOM that \`slsc package --sbom\` makes, not here"
	[ "$(jq '.packages | length' s.json)" -gt 1 ]
}

# add_descriptor JQ: one more entry of index.json
add_descriptor() {
	jq -c ".manifests += [$1]" dist/hello.oci/index.json >"$T/i" && cp "$T/i" dist/hello.oci/index.json
}

@test "an index that refers to an image is copied with all that it names" {
	hello
	export COSIGN_PASSWORD=word
	slsc package -q --oci -a x86_64 >/dev/null
	local d=dist/hello.oci image index child blob size
	image=$(jq -c --arg d "$(digest amd64)" '[.manifests[] | select(.digest == $d)][0] | {mediaType, digest, size}' $d/index.json)
	# an artifact of two files, each a manifest of its own, below an index whose subject is the image
	printf '{}' >"$T/empty" && put_blob "$T/empty" >/dev/null
	printf 'a report' >"$T/report" && blob=$(put_blob "$T/report")
	jq -cn --arg b "$blob" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json",
		artifactType: "text/x-part", config: {mediaType: "application/vnd.oci.empty.v1+json", size: 2, digest:
		"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"},
		layers: [{mediaType: "text/plain", digest: $b, size: 8}]}' >"$T/child"
	child=$(put_blob "$T/child") size=$(stat -c %s "$T/child")
	jq -cn --arg c "$child" --argjson n "$size" --argjson s "$image" '{schemaVersion: 2,
		mediaType: "application/vnd.oci.image.index.v1+json", artifactType: "text/x-all", subject: $s, manifests:
		[{mediaType: "application/vnd.oci.image.manifest.v1+json", digest: $c, size: $n}]}' >"$T/index"
	index=$(put_blob "$T/index") size=$(stat -c %s "$T/index")
	# it says itself what it is: its descriptor need not
	add_descriptor "{mediaType: \"application/vnd.oci.image.index.v1+json\", digest: \"$index\", size: $size}"
	registry open
	R=127.0.0.1:$port/x/y
	slsc_run push "oci:$d:amd64" "$R:1"
	is "$status" 0
	has "$err" "1 attachment"
	curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:$port/v2/x/y/manifests/$child" |
		cmp - "$T/child"
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "http://127.0.0.1:$port/v2/x/y/manifests/$index" |
		cmp - "$T/index"
	is "$(curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' \
		"http://127.0.0.1:$port/v2/x/y/manifests/$(jq -r .digest <<<"$image" | tr : -)" |
		jq -c '[.manifests[] | [.mediaType, .artifactType, .digest]]')" \
		"[[\"application/vnd.oci.image.index.v1+json\",\"text/x-all\",\"$index\"]]"
	is "$(curl -sf "http://127.0.0.1:$port/v2/x/y/blobs/$blob")" "a report"
	# and back; without a tag the image is still the only one
	slsc_run pull -q --attachments "$R:1" oci:back
	is "$status$err" 0
	cmp "back/blobs/sha256/${child#sha256:}" "$T/child"
	is "$(jq -r --arg d "$index" '.manifests[] | select(.digest == $d) | .mediaType + " " + .artifactType' back/index.json)" \
		"application/vnd.oci.image.index.v1+json text/x-all"
	whole back
	slsc sign -q --generate-key k >/dev/null
	jq -c "del(.manifests[].artifactType)" back/index.json >"$T/i" && cp "$T/i" back/index.json
	slsc_run sign --key k.key -n oci:back
	is "$status" 0
	has "$out" "$(jq -r .digest <<<"$image")"
	# one that leads into itself by no end of indexes is not followed
	for _ in 1 2 3 4 5; do
		jq -cn --arg c "$child" --argjson n "$(stat -c %s "dist/hello.oci/blobs/sha256/${child#sha256:}")" \
			--argjson s "$image" '{schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json",
			subject: $s, manifests: [{mediaType: "application/vnd.oci.image.index.v1+json", digest: $c, size: $n}]}' \
			>"$T/index"
		child=$(put_blob "$T/index")
	done
	size=$(stat -c %s "$T/index")
	add_descriptor "{mediaType: \"application/vnd.oci.image.index.v1+json\", digest: \"$child\", size: $size}"
	slsc_run copy "oci:$d:amd64" oci:other
	is "$status" 1
	has "$err" "error: attachments: oci:$d: limit exceeded: indexes more than 4 deep"
}

@test "statements are found though the list of referrers does not say their type" {
	signed
	rm -rf dist && slsc package -q --oci --provenance attach -a x86_64 >/dev/null
	local d
	d=$(digest amd64)
	jq -c '(.manifests[] | select(.artifactType)) |= del(.artifactType)' dist/hello.oci/index.json >"$T/i"
	is "$(jq '[.manifests[] | select(.artifactType)] | length' dist/hello.oci/index.json)" 1
	cp "$T/i" dist/hello.oci/index.json
	slsc sign -q --key k.key oci:dist/hello.oci:amd64 >/dev/null
	slsc_run verify-signature --key k.pub --attestation oci:dist/hello.oci:amd64
	is "$status $out" "0 $d: 1 good signature, 1 good attestation"
	# the same in a registry: the fallback's index, as another client may have written it
	registry open
	R=127.0.0.1:$port/x/z
	slsc push -q oci:dist/hello.oci:amd64 "$R:1" >/dev/null
	local tag=${d/:/-} url=http://127.0.0.1:$port/v2/x/z/manifests
	curl -sf -H 'Accept: application/vnd.oci.image.index.v1+json' "$url/$tag" |
		jq -c 'del(.manifests[].artifactType)' >"$T/i"
	curl -sf -X PUT -H 'Content-Type: application/vnd.oci.image.index.v1+json' --data-binary "@$T/i" "$url/$tag"
	slsc sign -q --generate-key other >/dev/null
	slsc sign -q --key other.key "$R@$d" >/dev/null
	slsc_run verify-signature --key other.pub --attestation "$R@$d"
	is "$status $out" "0 $d: 1 good signature, 1 good attestation"
}
