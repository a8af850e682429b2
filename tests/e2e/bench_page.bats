#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The HTML of a benchmark in a real browser, and its JSON as programs read it.
load helper
load browser_helper

drive() {
	"$SLSC_BUILD/tests/bench_drive" "$@"
}

setup_file() {
	drive html >"$BATS_FILE_TMPDIR/page.html"
	drive html hostile >"$BATS_FILE_TMPDIR/hostile.html"
	browser bench_page.py {looks,names,sorts}=page.html hostile=hostile.html
}

@test "page: nothing sticks out at 400 and 1600 px, all text has contrast, by day and by night" {
	seen looks page.html
	looked
}

@test "page: a screen reader gets names, headings and tables" {
	seen names page.html
}

@test "page: latencies are sorted by number" {
	seen sorts page.html
}

@test "page: hostile names are text, and the policy stands" {
	seen hostile hostile.html
}

@test "json: what jq reads" {
	need jq jq
	drive json >b.json
	is "$(jq -c '[.function, .load.calls.ok, .load.calls.timeout, .load.throughput, .load.spec.loop]' b.json)" \
		'["hello",9985,14,998.5,"open"]'
	# buckets hold all calls, in order, and each percentile lies where they say
	is "$(jq '.load.latency.warm | (.buckets | map(.[1]) | add) == .n and (.buckets | map(.[0]) | . == sort)' b.json)" true
	is "$(jq '[.load.latency.all | .min, .p50, .p99, .max] | . == sort' b.json)" true
	is "$(jq -c '[.cold.colds | length, .[0][0] > .[0][1]]' b.json)" '[20,true]'
	is "$(jq -cS . b.json)" "$(jq -c . b.json)"
}
