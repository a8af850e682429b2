#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc flow validate: the machines of tests/flow, each message of theirs, and the same verdicts as npm's asl-validator.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
bats_require_minimum_version 1.5.0
load helper

# corpus DIR: validates tests/flow/DIR, with its files' own names in the messages
corpus() {
	mkdir "$T/w/$1"
	cp "$SLSC_SRC"/tests/flow/"$1"/*.asl.* "$T/w/$1/"
	cd "$T/w/$1" || return 1
	slsc_run flow validate ./*.asl.*
	sed 's,\./,,g' "$T/err" >err
	sed 's,\./,,g' "$T/out" >out
}

@test "flow validate: all that is wrong with each machine, in the order of its file" {
	corpus invalid
	is "$status" 1
	is "$(cat out)" ""
	diff -u "$SLSC_SRC/tests/flow/invalid.txt" err
}

@test "flow validate: what is valid is so, and what slsc does not run is a warning" {
	corpus valid
	is "$status" 0
	diff -u "$SLSC_SRC/tests/flow/valid.txt" <(cat err out)
}

@test "flow validate: npm's asl-validator says the same of each, but for the differences that are listed" {
	npm_ci flow
	cd "$SLSC_SRC/tests/flow"
	node "$SLSC_SRC/tests/e2e/support/asl_validate.cjs" "$npm" ./*/*.asl.* | sed 's,^\./,,' >"$T/theirs"
	slsc_run flow validate --json ./*/*.asl.*
	jq -r '.files[] | (.file | ltrimstr("./")) + " " + if .ok then "valid" else "invalid" end' "$T/out" >"$T/ours"
	is "$(wc -l <"$T/ours")" "$(find . -name '*.asl.*' | wc -l)"
	[ "$(wc -l <"$T/ours")" -ge 60 ]
	comm -23 <(sort "$T/ours") <(sort "$T/theirs") >"$T/differ"
	diff -u <(grep -v '^#' differences.txt | sed 's/: .*//' | sort) "$T/differ"
	# the directory says what slsc has to say
	is "$(grep -v '^\(.*\)/.* \1$' "$T/ours" || true)" ""
}

@test "flow validate: functions are those of slsc.yaml, where there is one" {
	printf 'project: p\nfunctions:\n  stock: {sources: [a.c]}\n  payment: {sources: [a.c]}\n' >slsc.yaml
	cat >m.asl.yaml <<'END'
StartAt: A
States:
  A: {Type: Task, Resource: stock, Next: B}
  B: {Type: Task, Resource: paymnt, Next: C}
  C: {Type: Task, Resource: 'arn:aws:lambda:us-east-1:123456789012:function:mail', Next: D}
  D: {Type: Task, Resource: 'arn:aws:states:::lambda:invoke', Parameters: {FunctionName: 'stock:live'}, Next: E}
  E: {Type: Task, Resource: 'arn:aws:states:::lambda:invoke', Parameters: {FunctionName: other}, End: true}
END
	slsc_run flow validate m.asl.yaml
	is "$status" 1
	is "$err" "error: m.asl.yaml:4:29: States.B.Resource: slsc.yaml has no function 'paymnt'
hint: did you mean 'payment'?
warning: m.asl.yaml:5:29: States.C.Resource: slsc.yaml has no function 'mail': slsc cannot call it
hint: it has: stock, payment
error: m.asl.yaml:7:90: States.E.Parameters.FunctionName: slsc.yaml has no function 'other'
hint: it has: stock, payment
error: m.asl.yaml is no valid state machine"
	# a broken slsc.yaml is told before any machine
	echo 'projct: p' >slsc.yaml
	slsc_run flow validate m.asl.yaml
	is "$status" 1
	is "$err" "error: slsc.yaml:1:1: unknown key 'projct'
hint: did you mean 'project'?"
}

@test "flow validate: --json, the standard input, and files that cannot be read" {
	echo '{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}' >a.asl.json
	printf '{"StartAt":' >b.asl.json
	slsc_run flow validate --json a.asl.json b.asl.json absent
	is "$status" 1
	is "$out" '{"files":[{"file":"a.asl.json","ok":false,"states":1,"errors":1,"warnings":0,"problems":[{"severity":"error","line":1,"column":52,"path":"States.A.Next","message":"there is no state '"'B'"' here","hint":"there are: A"}]},{"file":"b.asl.json","ok":false,"states":0,"errors":1,"warnings":0,"problems":[{"severity":"error","line":1,"column":12,"path":"","message":"the file ends where a value should be","hint":null}]},{"file":"absent","ok":false,"states":0,"errors":1,"warnings":0,"problems":[{"severity":"error","line":0,"column":0,"path":"","message":"cannot read absent: No such file or directory","hint":null}]}],"ok":false}'
	is "$err" '{"error":{"code":"config","message":"3 of 3 state machines are not valid","hint":null,"file":null,"line":null,"column":null}}'
	status=0
	"$SLSC_BIN" flow validate - <a.asl.json >"$T/out" 2>"$T/err" || status=$?
	is "$status" 1
	is "$(cat "$T/err")" "error: <stdin>:1:52: States.A.Next: there is no state 'B' here
hint: there are: A
error: - is no valid state machine"
	slsc_run flow validate absent
	is "$status" 1
	is "$err" "error: cannot read absent: No such file or directory"
	slsc_run flow validate b.asl.json
	is "$err" "error: b.asl.json:1:12: the file ends where a value should be"
	slsc_run flow validate
	is "$status" 2
	slsc_run flow validate - a.asl.json -
	is "$status/$out/$err" "2//error: standard input is one state machine, and is named 2 times"
}

@test "flow validate: ten thousand levels, a definition of more than 1 MB, and one that is as large as can be" {
	python3 -c "print('{\"States\":' * 10000 + '{}' + '}' * 10000)" >deep.json
	slsc_run flow validate deep.json
	is "$status" 1
	is "$err" "error: deep.json:1:2561: limit exceeded: nested more than 256 deep"
	python3 -c "print('- ' * 10000)" >deep.yaml
	slsc_run flow validate deep.yaml
	is "$status" 1
	is "$err" "error: deep.yaml:1:129: limit exceeded: nested more than 64 deep"
	head -c 1048577 /dev/zero | tr '\0' ' ' >large.json
	slsc_run flow validate large.json
	is "$status" 1
	has "$err" "large.json: limit exceeded"
	# 15,000 states in a row, and the last one leads back to the first: a cycle in one go
	python3 - <<'END' >row.json
n = 15000
states = ",".join('"s%d":{"Type":"Pass","Next":"s%d"}' % (i, (i + 1) % n) for i in range(n))
print('{"StartAt":"s0","States":{%s,"E":{"Type":"Succeed"}}}' % states)
END
	slsc_run flow validate row.json
	is "$status" 1
	is "$err" "error: row.json:1:27: States.s0: the cycle s0, s1, s2, s3, s4, s5, ... has neither a Task nor a Wait state, and no way out
hint: let a Choice state lead out of it, and put a Wait state into it
error: $(python3 - <<'END'
text = open('row.json').read()
print('row.json:1:%d: States.E: nothing leads to this state: it is never run' % (text.index('"E"') + 1))
END
)
hint: lead there by Next, Choices, Default or Catch, or remove it
error: row.json is no valid state machine"
	# a thousand problems are told, the rest is counted
	python3 - <<'END' >many.json
states = ",".join('"s%d":{"Type":"Pass","Next":"x","A":1}' % i for i in range(5000))
print('{"StartAt":"s0","States":{%s}}' % states)
END
	slsc_run flow validate many.json
	is "$status" 1
	is "$(grep -c '^error: many.json:1:' <<<"$err")" 1000
	has "$err" "error: many.json: and 9000 more"
	slsc_run flow validate --json many.json
	is "$(jq '.files[0] | [.errors, (.problems | length)] | @csv' "$T/out")" '"10000,1000"'
}
