#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc deploy --emit: the files, byte by byte but for digests (tests/golden/emit); what parsers and validators of others
# find in them; and what is refused.
load helper

# a program whose bytes do not depend on a compiler: ELF's head, with an entry of no use
elf() {
	printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0'
	if [ "$1" = arm64 ]; then printf '\267\0\1\0\0\0'; else printf '\76\0\1\0\0\0'; fi
	printf '\0%.0s' {1..28}
	printf '\100\0\70\0\0\0\100\0\0\0\0\0'
}

# shellcheck disable=SC2016
shop() {
	local a f
	cat >slsc.yaml <<-'EOF'
		project: shop
		version: 1.4.0
		arches: [arm64, x86_64]
		package: {image: {base: scratch}}
		functions:
		  orders:
		    sources: [src/*.c]
		    runtime: http
		    memory: 256 MB
		    timeout: 10 s
		    concurrency: 50
		    prewarm: 1
		    env:
		      STAGE: prod
		      DB_PASSWORD: ""
		      MIXED: "one\ntwo: # no\t\"q\" 'r' \\ \\\\ \\/ ${HOME} %{ if } %%{x} {{ y }} $a \u00e9\u2028 \x7f "
		  batch:
		    sources: [src/*.c]
		    runtime: http
		    scaling: {policy: fixed, fixed: 3}
		    env: {A1: "yes", A2: "012", A3: "1e3", A4: "~", A5: " a", A6: "- a", A7: "{a: b}", A8: "2001-01-01",
		      A9: "1:20", B1: "off", B2: "null", B3: "@x", B4: "*a", B5: "0x1f", B6: "", B7: "a:", B8: "!Ref x", B9: "=",
		      C1: "<<", C2: "---", C3: "a: b", C4: "a #b", C5: "\r\n", C6: "%{a}", C7: "$"}
		  ledger_2:
		    sources: [src/*.c]
		    runtime: http
		    arches: [x86_64]
		    cpu: 50 %
		    timeout: 2500 ms
		    storage: 1 GB
		    scaling: {policy: cpu, target: 70 %, min: 2, cooldown: 90 s}
		    env: {EXPANDS: "$(STAGE) $$ $$$(A) ${A} $", API_TOKEN: ""}
		    package: {image: {user: "1000:2000"}}
		  resize:
		    sources: [src/*.c]
		    concurrency: 7
		    env: {NOTE: "${AWS::Region} !Sub", ACCESS: "AKIAABCDEFGHIJKLMNOP"}
		    deploy:
		      role: arn:aws:iam::123456789012:role/resize
		      alias: prod
		      tags: {team: "a ${b}"}
		      layers: ["arn:aws:lambda:eu-west-1:123456789012:layer:tools:3"]
		      log_format: text
		      url: public
		      arch: x86_64
		      description: "Pictures: 90 % smaller ${x}"
	EOF
	mkdir -p src
	echo 'int x;' >src/x.c
	for a in x86_64 arm64; do
		mkdir -p ".slsc/release/$a"
		for f in orders batch ledger_2 resize; do elf "$a" >".slsc/release/$a/$f"; done
	done
	"$SLSC_BIN" -q package --no-build --oci --zip >/dev/null 2>&1
}

# masked: digests of packages depend on the compressor, so files on record have none
masked() { sed -E 's/"([0-9a-f]{64})"/\1/; s/\b[0-9a-f]{64}\b/<digest>/g; s|("source_code_hash": )"[^"]+"|\1"<hash>"|' "$@"; }

# every KIND: all files of all platforms, below out/
every() {
	local k
	for k in sam terraform; do "$SLSC_BIN" -q deploy --emit $k -o "out/$k" || return 1; done
	for k in knative cloudrun kubernetes; do
		"$SLSC_BIN" -q deploy --emit $k --repo registry.example.com/shop -o "out/$k" || return 1
	done
	"$SLSC_BIN" -q deploy orders batch --emit openfaas --repo registry.example.com/shop -o out/openfaas
}

@test "the files are those on record, pinned by the digests of what is packaged" {
	kept shop shop
	every >"$T/said" 2>"$T/warned"
	is "$(cat "$T/said")" "$(printf 'wrote out/%s\n' sam/template.yaml terraform/main.tf.json \
		{knative,cloudrun,kubernetes}/{orders,batch,ledger-2}.yaml openfaas/stack.yaml)"
	# an AWS key is in the image's config as well: said of images alone
	is "$(cat "$T/warned")" "warning: slsc.yaml:15:7: OpenFaaS has secrets as files: the function finds no DB_PASSWORD, but \
the name of its file in DB_PASSWORD_FILE"
	for f in out/*/*; do
		is "$f $(masked "$f" | sha256sum)" \
			"$f $(sha256sum <"$SLSC_SRC/tests/golden/emit/$(basename "$(dirname "$f")").$(basename "$f")")" ||
			{ masked "$f" | diff "$SLSC_SRC/tests/golden/emit/$(basename "$(dirname "$f")").$(basename "$f")" - >&2; return 1; }
	done
	is "$(stat -c %a out/sam/template.yaml)" 644
	# another reader of layouts finds the same digest
	need skopeo skopeo
	want=$(skopeo inspect --raw oci:dist/ledger_2.oci:latest | sha256sum | cut -d' ' -f1)
	for f in out/{knative,cloudrun,kubernetes}/ledger-2.yaml; do
		is "$(grep -c "image: registry.example.com/shop/ledger_2@sha256:$want\$" "$f")" 1
	done
	sum=$(sha256sum <dist/orders-arm64.zip | cut -d' ' -f1)
	has "$(cat out/sam/template.yaml)" 'CodeUri: "../../dist/orders-arm64.zip"'
	has "$(tr -d '"' <out/sam/template.yaml)" "AutoPublishCodeSha256: $sum"
	has "$(cat out/terraform/main.tf.json)" "\"source_code_hash\": \"$(xxd -r -p <<<"$sum" | base64)\""
}

@test "parsers and validators of others find what slsc.yaml says, and no secret" {
	need node nodejs
	kept shop shop
	every >/dev/null 2>&1
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/emit_check.py" slsc.yaml out \
		"$SLSC_SRC/tests/data/schema/sam-function.schema.json" >"$T/parsed"
	npm_ci emit
	NODE_PATH=$npm/node_modules node "$BATS_TEST_DIRNAME/emit/validate.cjs" <"$T/parsed" >"$T/validated"
	has "$(cat "$T/validated")" "17 documents, "
}

@test "the same bytes wherever, whenever and by whomever" {
	kept shop shop
	every >/dev/null 2>&1
	find out -type f -exec sha256sum {} + | sort -k2 >"$T/first"
	cp -r "$PWD" "$T/other ü"
	cd "$T/other ü" && rm -rf out && touch -d 2001-02-03 slsc.yaml dist/*
	(umask 077 && TZ=Asia/Kathmandu LC_ALL=C HOME=/nonexistent every >/dev/null 2>&1)
	is "$(find out -type f -exec sha256sum {} + | sort -k2)" "$(cat "$T/first")"
	# stdout has the same as a file does, below the project as in it
	mkdir -p src/deep && cd src/deep
	slsc_run deploy orders --emit kubernetes --repo registry.example.com/shop
	is "$status $out" "0 $(cat ../../out/kubernetes/orders.yaml)"
	slsc_run deploy orders --emit sam
	has "$out" 'CodeUri: "../../dist/orders-arm64.zip"'
	slsc_run deploy orders --emit sam --arch x86_64 -o "$T/away"
	is "$status" 0
	is "$(cd "$T/away" && sha256sum <"$(sed -n 's/^ *CodeUri: "*\([^"]*\)"*$/\1/p' template.yaml)")" \
		"$(sha256sum <../../dist/orders-x86_64.zip)"
	# the way goes by where directories are, not by the links that lead there
	mkdir -p "$T/real/a" && ln -s "$T/real/a" "$T/link" && ln -s "$T/other ü" "$T/project"
	cd "$T/project" && slsc_run deploy orders --emit sam -o "$T/link/new/deep"
	is "$status $out" "0 wrote $T/link/new/deep/template.yaml"
	is "$(grep CodeUri "$T/real/a/new/deep/template.yaml")" '      CodeUri: "../../../../other ü/dist/orders-arm64.zip"'
	[ -e "$T/real/a/new/deep/../../../../other ü/dist/orders-arm64.zip" ]
}

@test "secrets are named with their place, and are what the command line says" {
	kept shop shop
	cp slsc.yaml "$T/was.yaml"
	slsc_run deploy resize --emit terraform --secret NOTE --json
	is "$status" 0
	is "$(jq -c '[.emit,.files[0].path,(.files[0].text|length>100),.functions[0].zip,(.secrets|map([.name,.line,.column,.why,.reference]))]' \
		<<<"$out")" '["terraform","main.tf.json",true,"dist/resize-x86_64.zip",[["NOTE",37,11,"a secret, by --secret","variable resize_note"],["ACCESS",37,40,"an AWS access key id","variable resize_access"]]]'
	is "$(jq -r '.functions[0].digest' <<<"$out")" "sha256:$(sha256sum <dist/resize-x86_64.zip | cut -d' ' -f1)"
	slsc_run deploy orders --emit sam --plain DB_PASSWORD
	is "$status $err" "0 "
	has "$out" 'DB_PASSWORD: ""'
	slsc_run deploy orders --emit kubernetes --repo registry.example.com/shop
	is "$err" "slsc.yaml:15:7: DB_PASSWORD is a secret, by its name: it is to be in secret orders-secrets, key DB_PASSWORD"
	# what package has put into the image
	slsc_run deploy resize --emit sam --image "123456789012.dkr.ecr.eu-west-1.amazonaws.com/resize@sha256:$(printf '%064d' 7)"
	is "$status" 0
	has "$out" "ImageUri: \"123456789012.dkr.ecr.eu-west-1.amazonaws.com/resize@sha256:$(printf '%064d' 7)\""
	has "$err" "warning: slsc.yaml:37:40: ACCESS is an AWS access key id, and its value is in the image, too: leave it empty in \
slsc.yaml, and package again"
	slsc_run deploy resize --emit terraform --image "123456789012.dkr.ecr.eu-west-1.amazonaws.com/resize@sha256:$(printf '%064d' 7)"
	is "$(jq -c '.resource.aws_lambda_function.resize|[.package_type,.image_uri,.filename,.handler,.runtime,.layers]' <<<"$out")" \
		"[\"Image\",\"123456789012.dkr.ecr.eu-west-1.amazonaws.com/resize@sha256:$(printf '%064d' 7)\",null,null,null,null]"
	# by the look of the value
	for i in 'postgres://u:pw@h/d|a URL with a password' 'redis://:pw@h|a URL with a password' 'https://u@h:443/|' \
		'http://h:80/a@b:c@d|' 'postgres://u:@h|' "ghp_$(printf 'a%.0s' {1..36})|a GitHub token"; do
		sed "s,STAGE: prod,STAGE: \"${i%|*}\"," "$T/was.yaml" >slsc.yaml
		slsc_run deploy orders --emit sam --json
		is "${i%|*} $(jq -r '.secrets|map(select(.name=="STAGE").why)|join("")' <<<"$out")" "${i%|*} ${i#*|}"
	done
	cp "$T/was.yaml" slsc.yaml
	slsc_run deploy orders --emit sam --secret NOPE
	is "$status $err" "2 error: --secret NOPE: no function has such a variable in its env
hint: write env: {NOPE: \"\"} in slsc.yaml"
}

# refused MESSAGE CODE ARGS...: says just that
refused() {
	local want=$1 code=$2
	shift 2
	slsc_run deploy "$@"
	is "$status $out$err" "$code $want"
}

@test "what cannot be said on a platform, or be pinned, is refused where it stands" {
	kept shop shop
	digest=sha256:$(printf '%064d' 7)
	refused "error: slsc.yaml:34:3: 'resize' has runtime: lambda, and knative sends HTTP requests
hint: write the handler for runtime: http ('slsc init -t http' shows one), or use --emit sam or terraform" 1 \
		resize --emit knative --repo r.example.com/x
	refused "error: --emit knative: where the image of 'orders' is has to be said
hint: --repo HOST/PREFIX for what 'slsc package --oci' made, or --image HOST/REPOSITORY@sha256:..." 2 \
		orders --emit knative
	refused "error: --image r.example.com/x:1: a tag may be another image tomorrow
hint: write HOST/REPOSITORY@sha256:..., as 'slsc push' prints it" 2 orders --emit cloudrun --image r.example.com/x:1
	refused "error: --image r.example.com/x: which image it is has to be said
hint: write HOST/REPOSITORY@sha256:..., as 'slsc push' prints it" 2 orders --emit cloudrun --image r.example.com/x
	refused "error: --image r.example.com/x@$digest: whose image it is has to be said
hint: write FUNCTION=r.example.com/x@$digest" 2 --emit knative --image "r.example.com/x@$digest"
	refused "error: --image nope=r.example.com/x@$digest: there is no such function among those that are written" 2 \
		orders --emit knative --repo r.example.com/x --image "nope=r.example.com/x@$digest"
	refused "error: --repo: 'shop/orders': names no registry, and there is no file or directory of that name
hint: write HOST/PREFIX: the image of 'orders' is at HOST/PREFIX/orders" 2 orders --emit knative --repo shop
	refused "error: --repo oci:x: the beginning of a registry's repositories is wanted
hint: write HOST/PREFIX: the image of 'orders' is at HOST/PREFIX/orders" 2 orders --emit knative --repo oci:x
	refused "error: slsc.yaml:32:20: EXPANDS: OpenFaaS reads \$( and \$\$ in one way on Kubernetes, in another elsewhere
hint: let the function read such a value from a file" 1 ledger_2 --emit openfaas --repo r.example.com/x
	refused "error: --emit kubernetes: these are 2 files
hint: add --output DIR, or name one function" 2 orders batch --emit kubernetes --repo r.example.com/x
	refused "error: --alias does not go with --emit, which deploys nothing
hint: what is in slsc.yaml, under deploy, is in the files" 2 orders --emit sam --alias live
	refused "error: --repo is for files: it goes with --emit" 2 orders --repo r.example.com/x
	refused "error: --image: Lambda takes one image" 2 orders --image a --image b
	# Cloud Run runs x86_64: by slsc.yaml, and by what is packaged
	sed 's/arches: .x86_64./arches: [arm64]/' slsc.yaml >"$T/arm.yaml" && cp slsc.yaml "$T/was.yaml" && cp "$T/arm.yaml" slsc.yaml
	refused "error: slsc.yaml:24:3: 'ledger_2' is not built for x86_64, which Cloud Run runs
hint: add it to arches" 1 ledger_2 --emit cloudrun --repo r.example.com/x
	# an image of slsc.yaml, by a tag
	sed 's,alias: prod,image: "r.example.com/x:1",' "$T/was.yaml" >slsc.yaml
	refused "error: slsc.yaml:40:14: image 'r.example.com/x:1': a tag may be another image tomorrow
hint: write HOST/REPOSITORY@sha256:..., as 'slsc push' prints it" 1 resize --emit sam
	sed 's,alias: prod,alias: prod-1,' "$T/was.yaml" >slsc.yaml
	refused "error: slsc.yaml:40:14: alias 'prod-1': SAM makes a resource of that name
hint: use letters and digits alone" 1 resize --emit sam
	# two variables of two functions that would be one
	cat >two.yaml <<-'EOF'
		project: p
		arches: [x86_64]
		functions:
		  f: {sources: [src/*.c], runtime: http, env: {X_TOKEN: ""}}
		  f-x: {sources: [src/*.c], runtime: http, env: {TOKEN: ""}}
	EOF
	cp two.yaml slsc.yaml
	pinned=(--image "f=r.example.com/x@$digest" --image "f-x=r.example.com/x@$digest")
	refused "error: slsc.yaml:5:50: 'TOKEN' and 'X_TOKEN' of line 4 would both be the parameter 'FXToken'
hint: rename one: '-' and '_' are the same there" 1 --emit sam "${pinned[@]}"
	refused "error: slsc.yaml:5:50: 'TOKEN' and 'X_TOKEN' of line 4 would both be the variable 'var.f_x_token'
hint: rename one: '-' and '_' are the same there" 1 --emit terraform "${pinned[@]}"
	refused "error: slsc.yaml:5:50: 'TOKEN' and 'X_TOKEN' of line 4 would both be called 'secret f-x-token'
hint: rename one: '-' and '_' are the same there" 1 --emit openfaas "${pinned[@]}"
	refused "error: slsc.yaml:5:50: 'TOKEN' and 'X_TOKEN' of line 4 would both be called 'secret f-x-token'
hint: rename one: '-' and '_' are the same there" 1 --emit cloudrun "${pinned[@]}"
	sed -i '5d; 4s/http,/&  deploy: {name: _},/' slsc.yaml
	for kind in knative cloudrun openfaas kubernetes; do
		refused "error: slsc.yaml:4:58: '_' has no letter and no digit, which $kind asks for
hint: give the function another name" 1 --emit $kind --image "f=r.example.com/x@$digest"
	done
	# what is said, and goes nowhere
	sed 's,policy: cpu\, target: 70 %,policy: forecast,; s,timeout: 2500 ms,timeout: 700 s,; s,user: "1000:2000",user: root,' \
		"$T/was.yaml" >slsc.yaml
	slsc_run deploy ledger_2 --emit knative --repo r.example.com/x
	is "$status $err" "0 warning: slsc.yaml:33:29: 'ledger_2' runs as root: clusters that are careful refuse it
slsc.yaml:31:23: knative has no policy 'forecast': its own decides, within min and concurrency
slsc.yaml:24:3: 'ledger_2' may take longer than the 600 s that clusters allow, unless their max-revision-timeout-seconds is raised
slsc.yaml:32:49: API_TOKEN is a secret, by its name: it is to be in secret ledger-2-secrets, key API_TOKEN"
	has "$out" 'runAsUser: 0'
	cp "$T/was.yaml" slsc.yaml
	sed -i 's/^  batch:/  or_ders: {sources: [src\/*.c], runtime: http}\n  or-ders: {sources: [src\/*.c], runtime: http}\n&/' slsc.yaml
	refused "error: slsc.yaml:18:3: 'or-ders' and 'or_ders' of line 17 would both be the service 'or-ders'
hint: rename one: '-' and '_' are the same there" 1 or_ders or-ders --emit kubernetes --repo r.example.com/x
	refused "error: slsc.yaml:18:3: 'or-ders' and 'or_ders' of line 17 would both be the resource 'OrDers'
hint: rename one: '-' and '_' are the same there" 1 or_ders or-ders --emit sam
	refused "error: slsc.yaml:17:3: 'or_ders' is not packaged: there is no dist/or_ders-arm64.zip
hint: run 'slsc package or_ders --zip' first" 1 or_ders --emit sam
	refused "error: slsc.yaml:17:3: 'or_ders' is not packaged: there is no dist/or_ders.oci
hint: run 'slsc package or_ders --oci' first" 1 or_ders --emit knative --repo r.example.com/x
	sed -i "s/^  or_ders:.*/  $(printf 'x%.0s' {1..50}): {sources: [src\/*.c], runtime: http, env: {PORT: 80}}/" slsc.yaml
	name=$(printf 'x%.0s' {1..50})
	refused "error: slsc.yaml:17:3: '$name' is too long for cloudrun: 49 letters are the most
hint: give the function a shorter name" 1 "$name" --emit cloudrun --image "r.example.com/x@$digest"
	refused "error: slsc.yaml:17:97: PORT: the platform sets it
hint: take it out of env, or choose another name" 1 "$name" --emit knative --image "r.example.com/x@$digest"
	refused "error: slsc.yaml:17:97: PORT: the port is 8080 in the files
hint: take it out of env" 1 "$name" --emit kubernetes --image "r.example.com/x@$digest"
	sed -i 's/NOTE: "/&{{resolve:ssm:a}}/' slsc.yaml
	refused "error: slsc.yaml:39:17: NOTE: CloudFormation would resolve what begins with {{resolve:
hint: --secret makes a parameter of the variable" 1 resize --emit sam
}

@test "files come whole, and replace none that was not made so" {
	kept shop shop
	slsc_run deploy --emit kubernetes --repo r.example.com/x -o out -n
	is "$status $out" "0 $(printf 'would write out/%s.yaml\n' orders batch ledger-2)"
	[ ! -e out ]
	mkdir -p out && echo mine >out/ledger-2.yaml
	slsc_run deploy --emit kubernetes --repo r.example.com/x -o out
	is "$status $out$err" "1 error: out/ledger-2.yaml is there already, and was not made by slsc deploy --emit
hint: nothing was written: choose another directory, or move the file"
	is "$(ls out)" ledger-2.yaml
	rm out/ledger-2.yaml && mkdir out/ledger-2.yaml
	slsc_run deploy --emit kubernetes --repo r.example.com/x -o out
	is "$status $out$err" "1 error: cannot read out/ledger-2.yaml: not a regular file"
	is "$(ls out)" ledger-2.yaml
	rmdir out/ledger-2.yaml
	"$SLSC_BIN" -q deploy --emit kubernetes --repo r.example.com/x -o out >/dev/null
	sed -i s/50/60/ out/orders.yaml
	"$SLSC_BIN" -q deploy --emit kubernetes --repo r.example.com/x -o out >/dev/null
	is "$(grep -c 'maxReplicas: 50' out/orders.yaml)" 1
	no_leftovers out
}

@test "what was packaged before the last change is refused, where it was built here" {
	mkdir src
	echo 'int main(void) { return 0; }' | tee src/f.c >src/g.c
	cat >slsc.yaml <<-'EOF'
		project: p
		arches: [x86_64]
		functions:
		  f: {sources: [src/f.c], runtime: none}
		  g: {sources: [src/g.c], runtime: none}
	EOF
	"$SLSC_BIN" -q package --zip --oci >/dev/null
	slsc_run deploy --emit sam
	is "$status $err" "0 "
	was=$out
	zip="error: slsc.yaml:5:3: 'g' has changed since dist/g-x86_64.zip was made
hint: run 'slsc package g --zip' first, or take it as it is with --no-build"
	# a source, then the binary
	echo 'int main(void) { return 1; }' >src/g.c
	refused "$zip" 1 --emit sam
	refused "$was" 0 --emit sam --no-build
	slsc_run deploy f --emit sam
	is "$status $err" "0 "
	"$SLSC_BIN" -q build >/dev/null
	touch -d '+1 minute' .slsc/release/x86_64/g
	refused "$zip" 1 --emit sam
	"$SLSC_BIN" -q package g --zip >/dev/null
	touch -d '+2 minutes' dist/g-x86_64.zip
	slsc_run deploy --emit sam
	is "$status $err" "0 "
	[ "$out" != "$was" ]
	refused "error: slsc.yaml:5:3: 'g' has changed since dist/g.oci was made
hint: run 'slsc package g --oci' first, or take it as it is with --no-build" 1 --emit terraform --repo r.example.com/x
	# whoever has a build and no compiler
	mkdir "$T/bin" && ln -s "$(command -v cat)" "$T/bin/cat"
	PATH=$T/bin refused "error: whether what is packaged is up to date is not known here: toolchain 'musl' for x86_64 \
lacks clang, ld.lld
hint: --no-build takes it as it is" 1 f --emit sam
	# a flag is a change as well; in a checkout where nothing was built nobody knows
	sed -i 's/runtime: none}/runtime: none, defines: {N: 1}}/' slsc.yaml
	refused "error: slsc.yaml:4:3: 'f' has changed since dist/f-x86_64.zip was made
hint: run 'slsc package f --zip' first, or take it as it is with --no-build" 1 --emit sam
	rm -r .slsc
	slsc_run deploy --emit sam
	is "$status $err" "0 "
}
