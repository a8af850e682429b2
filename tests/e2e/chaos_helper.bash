# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
# Runs of plans, judged by their JSON.

# chaos PLAN ARGUMENT...: as JSON; what lasts has an end for each beginning
chaos() {
	slsc_run chaos run --json -q "$@"
	is "$(of '[.timeline[] | select(.fault != "kill") | .event] | group_by(.) | map(length) | unique | length <= 1')" true
	[ ! -e .slsc/chaos.db ]
}

of() {
	jq -c "$1" "$T/out"
}

# begun FAULT: of the timeline
begun() {
	of "[.timeline[] | select(.fault == \"$1\" and .event == \"begin\")] | length"
}

# processes: of instances of this project's function
processes() {
	pgrep -f "^$PWD/.slsc/.*/act$" || :
}

# upload: that template, whose plans bring their store along
upload() {
	need jq jq && need python3 python3 || return 1
	"$SLSC_BIN" init upload --template upload 2>/dev/null
	cd upload || return 1
	cp slsc.yaml "$T/slsc.yaml"
}

# without CARE: from here on
without() {
	sed "s/^    runtime: lambda/&\n    defines: {$1: \"1\"}/" "$T/slsc.yaml" >slsc.yaml
}
