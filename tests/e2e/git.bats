#!/usr/bin/env bats
# What images say about the git repository that they come from, whatever state it is in.
# shellcheck shell=bash disable=SC2154,SC2030,SC2031,SC2103
load helper

case $(uname -m) in
aarch64) arch=arm64 oci=arm64 ;;
*) arch=x86_64 oci=amd64 ;;
esac

# a project in p/, built, in a repository with one commit
make_project() {
	need git git
	"$SLSC_BIN" init -q p --template raw >/dev/null
	"$SLSC_BIN" -C p build -q -a "$arch" >/dev/null
}

commit() {
	git -C "$1" add .
	GIT_COMMITTER_DATE='1700000000 +0200' git -C "$1" commit -q -m "${2:-x}"
}

make_repo() {
	make_project
	git init -q -b main p
	commit p
}

# pack DIR: packages the project in DIR; then `label KEY` reads the image
pack() {
	slsc_run -C "$1" package --oci -a "$arch" -q
	is "$status" 0
	layout=$1/dist/raw.oci
}

blob() {
	local digest=$1
	cat "$layout/blobs/sha256/${digest#sha256:}"
}

label() {
	local manifest
	manifest=$(jq -r --arg a "$oci" '[.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $a)][0].digest' "$layout/index.json")
	blob "$manifest" | jq -r --arg k "org.opencontainers.image.$1" '.annotations[$k] // "none"'
}

@test "a clean repository: revision, source without credentials, version, time" {
	make_repo
	git -C p remote add origin https://user:hunter2@example.com/org/p.git
	git -C p tag v1.2
	pack p
	is "$err" ""
	is "$(label revision)" "$(git -C p rev-parse HEAD)"
	is "$(label source)" "https://example.com/org/p.git"
	is "$(label version)" "v1.2"
	is "$(label created)" "2023-11-14T22:13:20Z"
	if grep -r hunter2 p/dist; then return 1; fi
}

@test "packaging leaves the repository as it was, and itself clean" {
	make_repo
	touch -d '+1 hour' p/slsc.yaml
	before=$(sha256sum p/.git/index)
	pack p
	pack p
	is "$err" ""
	is "$(label revision)" "$(git -C p rev-parse HEAD)"
	is "$(sha256sum p/.git/index)" "$before"
}

@test "dirty" {
	make_repo
	echo '# changed' >>p/slsc.yaml
	pack p
	has "$err" "warning: there are uncommitted changes"
	is "$(label revision)" "$(git -C p rev-parse HEAD)-dirty"
	git -C p checkout -q slsc.yaml
	echo x >p/untracked
	pack p
	is "$(label revision)" "$(git -C p rev-parse HEAD)-dirty"
	echo untracked >p/.git/info/exclude
	pack p
	is "$(label revision)" "$(git -C p rev-parse HEAD)"
}

@test "changes elsewhere in the repository do not make the project dirty" {
	make_project
	git init -q -b main .
	echo a >other
	commit .
	echo b >other
	pack p
	is "$(label revision)" "$(git rev-parse HEAD)"
}

@test "no repository, and one without a commit" {
	make_project
	pack p
	is "$(label revision)" none
	is "$(label source)" none
	is "$(label version)" none
	git init -q -b main p
	pack p
	is "$(label revision)" none
	is "$(label created)" "1980-01-01T00:00:00Z"
}

@test "a shallow clone" {
	make_repo
	echo '# 2' >>p/slsc.yaml
	commit p 2
	git clone -q --depth 1 "file://$PWD/p" q
	"$SLSC_BIN" -C q build -q -a "$arch" >/dev/null
	pack q
	is "$(label revision)" "$(git -C p rev-parse HEAD)"
	is "$(label source)" none
}

@test "a detached HEAD" {
	make_repo
	git -C p checkout -q --detach
	pack p
	is "$(label revision)" "$(git -C p rev-parse HEAD)"
}

@test "a worktree" {
	make_repo
	git -C p worktree add -q ../wt -b side
	"$SLSC_BIN" -C wt build -q -a "$arch" >/dev/null
	pack wt
	is "$err" ""
	is "$(label revision)" "$(git -C p rev-parse side)"
}

@test "a repository of another user" {
	make_repo
	[ "$(id -u)" -ne 0 ] || chown -R 65534:65534 p/.git
	head=$(git -c safe.directory='*' -C p rev-parse HEAD)
	pack p
	is "$err" ""
	is "$(label revision)" "$head"
}

@test "a broken HEAD is a warning: the package is made, without revision" {
	make_repo
	echo garbage >p/.git/HEAD
	pack p
	is "$err" "warning: cannot read HEAD of the git repository of $PWD/p: corrupted loose reference file: HEAD: packaged without revision and source"
	is "$(label revision)" none
}
