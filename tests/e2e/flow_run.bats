#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc flow run and history: the checkout template's orders, its four functions beside the one; a kill -9 in each of its
# states, after which the execution goes on with nothing lost and nothing asked twice that was answered; deadlines and
# traces down the path; limits; what is refused.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load flow_helper
bats_require_minimum_version 1.5.0

end_flow() {
	[ -z "${flow_pid:-}" ] || kill -9 "$flow_pid" 2>/dev/null || :
}
at_end+=(end_flow)

ORDER='{"order":"o-1","item":"lamp","count":2,"amount":4998,"card":"4111","to":"ada@example.com","stock":{"reserved":2,"left":8},"risk":{"score":4},"payment":{"paid":4998},"message":{"sent":true}}'

@test "an order, its history, and the same name again" {
	need jq jq
	shop
	slsc_run flow run flow.asl.yaml --input events/order.json --name o-1
	is "$status $out" "0 $ORDER"
	is "$(calls)" "reserve risk payment message"
	is "$(cat data/payments/o-1) $(cat data/reserved/lamp/o-1)" "4998 4111 2"
	# what each was given is less than what the one before it was: the order's time is one
	awk '$1 != "payment" { if (last && $3 > last) exit 1; last = $3 } $3 > 15000 { exit 1 } $1 == "payment" && $3 > 5000 { exit 1 }' \
		data/calls.log
	slsc_run flow history o-1
	is "$status $(awk '{ $1 = $2 = $3 = ""; print }' <<<"$out" | sed 's/^ *//; s/  */ /g' | head -8)" "0 ExecutionStarted
TaskStateEntered Stock
LambdaFunctionScheduled stock
LambdaFunctionStarted
LambdaFunctionSucceeded
TaskStateExited Stock
TaskStateEntered Risk
LambdaFunctionScheduled risk"
	slsc_run flow history o-1 --json
	is "$(jq -c '[.events[0].type, .events[-1].type, (.events | length), .events[-1].id]' <<<"$out")" \
		'["ExecutionStarted","ExecutionSucceeded",26,26]'
	is "$(jq -r '.events[-1].executionSucceededEventDetails.output' <<<"$out")" "$ORDER"
	# its way can be drawn
	cp "$T/out" o-1.json
	slsc_run flow graph flow.asl.yaml --mermaid --history o-1.json
	is "$status $(grep -c ':::done' <<<"$out") $(grep linkStyle <<<"$out")" \
		"0 6   linkStyle 0,1,3,5,8,10,12 stroke:#1a7f37,stroke-width:2.5px"
	slsc_run flow test flow.asl.yaml
	is "$status $err" "0 flow.asl.yaml: 5 cases hold"
	slsc_run flow run flow.asl.yaml --input events/order.json --name o-1
	is "$status $out $err" "0 $ORDER o-1 had ended before: nothing was run"
	slsc_run flow run --resume o-1 --json
	is "$status $(jq -c '[.status, .run_here, .tasks, (.output | tojson), (.events | length)]' <<<"$out")" \
		"0 $(jq -cn --arg o "$ORDER" '["SUCCEEDED", false, 0, ($o | fromjson | tojson), 26]')"
	is "$(calls)" "reserve risk payment message"
	slsc_run flow run flow.asl.yaml --name o-1
	is "$status $err" "1 error: o-1: an execution of that name was given another input
hint: choose another name; \`slsc flow history o-1\` tells of it"
	slsc_run flow run --resume o-2
	is "$status $err" "1 error: o-2: the journal has no execution of that name
hint: \`slsc flow history --list\` shows those that it has"
	slsc_run flow history o-2
	is "$status $err" "1 error: o-2: the journal has no execution of that name
hint: \`slsc flow history --list\` shows those that it has"
	slsc_run flow history --list
	is "$status $(awk '{ print $1, $3, $4 }' <<<"$out")" "0 SUCCEEDED flow o-1"
}

@test "what goes wrong is tried again or undone; a crash is isolated, which it is not in one function" {
	shop
	slsc_run flow run flow.asl.yaml --input events/declined.json --memory
	is "$status $out" "1 "
	has "$err" ": the execution failed: CardDeclined: the bank says no"
	is "$(calls)" "reserve risk payment release"
	slsc_run flow run flow.asl.yaml --input events/risky.json --memory
	is "$status" 1
	has "$err" ": the execution failed: TooRisky: the order was refused"
	: >data/calls.log
	slsc_run flow run flow.asl.yaml --input events/busy.json --memory --history
	is "$status" 0
	is "$(calls)" "reserve risk payment payment payment message"
	is "$(grep -c 'LambdaFunctionFailed  BankBusy' <<<"$err")" 2
	: >data/calls.log
	slsc_run flow run flow.asl.yaml --input events/crash.json --memory
	is "$status" 1
	has "$err" ": the execution failed: Runtime.ExitError: "
	is "$(calls)" "reserve risk payment payment payment payment release"
	[ ! -e data/reserved/lamp/o-4 ]
	[ ! -e .slsc/flow.db ]
	slsc_run invoke checkout-one --event events/crash.json
	is "$status" 1
	is "$(cat data/reserved/lamp/o-4)" 1
	slsc_run invoke checkout-one --event events/declined.json
	is "$status" 1
	[ ! -e data/reserved/lamp/o-2 ]
	slsc_run invoke checkout-one --event events/order.json
	is "$status $out" '0 {"order":"o-1","stock":{"reserved":2,"left":6},"risk":{"score":4},"payment":{"paid":4998},"message":{"sent":true}}'
}

# built_gated: the same, but each function finds the data under a path of its own, and what releases is one more
built_gated() {
	local f
	"$SLSC_BIN" init . --template checkout >/dev/null || return 1
	printf 'project: gated\narches: [%s]\nfunctions:\n' "$(uname -m | sed s/aarch64/arm64/)" >slsc.yaml
	for f in stock risk payment message release; do
		printf '  %s:\n    sources: [src/%s.c, src/shop.c]\n    handler: %s\n    timeout: 20 s\n    env: {DATA: gates/%s}\n' \
			"$f" "${f/release/stock}" "${f/release/stock}" "$f" >>slsc.yaml
	done
	sed -i '/^  Release:/,/Resource/ s/Resource: stock/Resource: release/; s/^TimeoutSeconds: 15/TimeoutSeconds: 600/
		s/    TimeoutSeconds: 5/    TimeoutSeconds: 300/' flow.asl.yaml
	"$SLSC_BIN" build >"$T/build" 2>&1 || { cat "$T/build" >&2; return 1; }
}

# killed_in FUNCTION EVENT: run an order, and kill -9 when FUNCTION has its event and has done nothing yet: its first act
# is to open calls.log, which is a FIFO without a reader
killed_in() {
	local f i
	kept gated built_gated && sh prepare.sh
	for f in stock risk payment message release; do
		mkdir -p "gates/$f"
		for i in items reserved payments mail lock calls.log; do
			ln -sfn "../../data/$i" "gates/$f/$i"
		done
	done
	rm "gates/$1/calls.log" && mkfifo "gates/$1/calls.log"
	"$SLSC_BIN" flow run flow.asl.yaml --input "$2" --name killed --tail >"$T/out" 2>"$T/err" </dev/null 3>&- &
	flow_pid=$!
	until_in "$T/err" "$1  START RequestId"
	kill -9 "$flow_pid"
	wait "$flow_pid" || :
	flow_pid=
	ln -sfn ../../data/calls.log "gates/$1/calls.log"
}

@test "kill -9 in every state of the order: it goes on, and no answer is asked for twice" {
	need jq jq
	local -a functions=(stock risk payment message) states=(Stock Risk Payment Message)
	local -a before=("" reserve "reserve risk" "reserve risk payment")
	for n in 0 1 2 3; do
		killed_in "${functions[n]}" events/order.json
		is "$([ ! -e data/calls.log ] || calls)" "${before[n]}"
		slsc_run flow run --resume killed --json
		is "$status $(jq -c '[.status, .tasks, .again]' <<<"$out")" "0 [\"SUCCEEDED\",$((4 - n)),1]"
		has "$err" "killed: ${states[n]}: ${functions[n]} had no answer when slsc ended: it is asked once more"
		# the answers that had come are those of before; the rest is asked in order
		is "$(calls)" "reserve risk payment message"
		is "$(jq -c '.output | [.stock, .payment, .message]' <<<"$out")" '[{"reserved":2,"left":8},{"paid":4998},{"sent":true}]'
		# the events are all of it, from before the kill, too
		is "$(jq -c '[.events[0].type, .events[-1].type, ([.events[].id] == [range(1; (.events | length) + 1)])]' \
			<<<"$out")" '["ExecutionStarted","ExecutionSucceeded",true]'
		slsc_run flow history killed
		is "$(sed 's/at +[0-9.]* s/at TIME/' "$T/err")" \
			"killed: at TIME slsc went on with it: tasks without an answer were asked once more"
	done
	# and on the way back: the payment was refused, and its reservation is about to be released
	killed_in release events/declined.json
	is "$(calls) $(cat data/reserved/lamp/o-2)" "reserve risk payment 1"
	slsc_run flow run flow.asl.yaml --input events/declined.json --name killed
	is "$status" 1
	has "$err" "killed: Release: release had no answer when slsc ended: it is asked once more"
	has "$err" "error: killed: the execution failed: CardDeclined: the bank says no"
	is "$(calls)" "reserve risk payment release"
	[ ! -e data/reserved/lamp/o-2 ]
}

@test "a kill while it waits, and while many run; the journal is one process's" {
	need jq jq
	cat >wait.asl.json <<-'EOF'
		{"StartAt": "Wait", "States": {
			"Wait": {"Type": "Wait", "Seconds": 2, "Next": "Done"},
			"Done": {"Type": "Pass", "Parameters": {"at.$": "$$.Execution.StartTime"}, "End": true}}}
	EOF
	"$SLSC_BIN" flow run wait.asl.json --name w --history >"$T/out" 2>"$T/err" </dev/null 3>&- &
	flow_pid=$!
	until_in "$T/err" "WaitStateEntered  Wait"
	slsc_run flow run wait.asl.json --name other
	is "$status" 1
	has "$err" "error: the journal $PWD/.slsc/flow.db is in use by slsc flow run, pid "
	has "$err" "hint: wait for it, or run without a journal: --memory"
	kill -9 "$flow_pid"
	wait "$flow_pid" || :
	flow_pid=
	slsc_run flow history w --json
	is "$(jq -c '[.events[].type]' <<<"$out")" '["ExecutionStarted","WaitStateEntered"]'
	began=$(jq '.events[0].timestamp' <<<"$out")
	# its time has gone on meanwhile: from its beginning, not from where it was taken up
	slsc_run flow run --resume w --json
	is "$status $(jq -c '[.status, .tasks, .again]' <<<"$out")" '0 ["SUCCEEDED",0,0]'
	is "$(jq --argjson began "$began" '.started == $began' <<<"$out")" true
	is "$(jq -c '.stopped - .started >= 2' <<<"$out")" true
	# SIGTERM says how to go on
	"$SLSC_BIN" flow run wait.asl.json --name t --history >"$T/out" 2>"$T/err" </dev/null 3>&- &
	flow_pid=$!
	until_in "$T/err" "WaitStateEntered  Wait"
	kill "$flow_pid"
	status=0
	wait "$flow_pid" || status=$?
	flow_pid=
	is "$status $(tail -1 "$T/err")" "130 hint: it goes on with: slsc flow run --resume t"
	# by the definition that it began with, and that is told
	sed -i 's/"Next": "Done"/"Next": "Other"/; s/"Done":/"Other":/' wait.asl.json
	slsc_run flow run wait.asl.json --name t
	is "$status $err" "0 t goes on by the definition that it began with: wait.asl.json has changed since"
	slsc_run flow history t
	is "$(grep -c "PassStateEntered  Done" <<<"$out")" 1
	slsc_run flow run wait.asl.json --repeat 3 --memory --json
	is "$status $(jq -c '[.executions, .succeeded, .states]' <<<"$out")" "0 [3,3,6]"
}

@test "the execution's time and the state's; what is too large; what a function may not say" {
	need jq jq
	project_at() {
		mkdir -p src
		cat >src/f.c <<-'EOF'
			#include <slsc.h>
			slsc_lambda_fn handler;
			int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
			{
				struct slsc_str v;
				int64_t n = 0;

				if (slsc_json_get(in, "sleep", &v) > 0 && !slsc_json_i64(v, &n))
					slsc_sleep_ms(ctx, n);
				if (slsc_json_get(in, "size", &v) > 0 && !slsc_json_i64(v, &n)) {
					char *p;

					slsc_puts(out, "\"");
					p = slsc_extend(out, (size_t)n - 2);
					for (int64_t i = 0; p && i < n - 2; i++)
						p[i] = 'x';
					slsc_puts(out, "\"");
					return 0;
				}
				slsc_puts(out, "{\"left\":");
				slsc_put_i64(out, slsc_remaining_ms(ctx));
				slsc_puts(out, ",\"trace\":");
				slsc_put_json(out, ctx->trace_id);
				slsc_puts(out, "}");
				return 0;
			}
		EOF
		printf 'project: f\narches: [%s]\nfunctions:\n  f:\n    sources: [src/f.c]\n    timeout: 20 s\n' \
			"$(uname -m | sed s/aarch64/arm64/)" >slsc.yaml
	}
	project_at
	cat >two.asl.json <<-'EOF'
		{"StartAt": "A", "TimeoutSeconds": 10, "States": {
			"A": {"Type": "Task", "Resource": "f", "Parameters": {"sleep": 100}, "ResultPath": "$.a", "Next": "B"},
			"B": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
				"Parameters": {"FunctionName": "f", "Payload": {}}, "ResultPath": "$.b", "Next": "C"},
			"C": {"Type": "Task", "Resource": "f", "TimeoutSeconds": 3, "ResultPath": "$.c", "End": true}}}
	EOF
	slsc_run flow run two.asl.json --memory
	is "$status" 0
	is "$(jq -c '[.a.left <= 9900, .b.Payload.left <= .a.left, .c.left <= 3000, .b.StatusCode]' <<<"$out")" \
		'[true,true,true,200]'
	# one trace, and a span of its own for each
	is "$(jq -r '[.a.trace, .b.Payload.trace, .c.trace] | map(capture("Root=(?<r>[^;]*);Parent=(?<p>[^;]*)")) | [(map(.r) | unique | length), (map(.p) | unique | length)] | @csv' <<<"$out")" 1,3
	slsc_run flow run two.asl.json --memory --timeout 50ms
	is "$status" 1
	has "$err" ": its time is up"
	cat >slow.asl.json <<-'EOF'
		{"StartAt": "A", "States": {
			"A": {"Type": "Task", "Resource": "f", "Parameters": {"sleep": 60000}, "TimeoutSeconds": 1,
				"Catch": [{"ErrorEquals": ["States.Timeout"], "Next": "Late"}], "End": true},
			"Late": {"Type": "Pass", "Result": "late", "End": true}}}
	EOF
	slsc_run flow run slow.asl.json --memory --history
	is "$status $out" '0 "late"'
	has "$err" "LambdaFunctionTimedOut"
	cat >large.asl.json <<-'EOF'
		{"StartAt": "A", "States": {"A": {"Type": "Task", "Resource": "f", "End": true}}}
	EOF
	slsc_run flow run large.asl.json --memory --input '{"size":262144}'
	is "$status ${#out}" "0 262144"
	slsc_run flow run large.asl.json --memory --input '{"size":262145}'
	is "$status" 1
	has "$err" "the execution failed: States.DataLimitExceeded"
	printf '"%*s"' 262143 '' >large.json
	slsc_run flow run large.asl.json --memory --input large.json
	is "$status $err" "1 error: limit exceeded: an input of 262145 bytes, of 262144 at most"
}

@test "run --json: events wait for the end in a file, whatever their number" {
	need jq jq
	printf '{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":
		{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}' >map.asl.json
	printf '[%s0]' "$(printf '1,%.0s' {1..29999})" >items.json
	mkdir tmp
	# as trees they took 200 MB
	(ulimit -d 120000 && TMPDIR=$PWD/tmp "$SLSC_BIN" flow run map.asl.json --input items.json --json --memory >out.json)
	is "$(ls tmp)" ""
	is "$(jq -c '[.status, (.output | length), ([.events[].id] == [range(1; 120007)]), .events[-1].type]' out.json)" \
		'["SUCCEEDED",30000,true,"ExecutionSucceeded"]'
	if TMPDIR=$PWD/none "$SLSC_BIN" flow run map.asl.json --input items.json --json --memory >out.json 2>err; then false; fi
	is "$(jq -r .error.message err) $(wc -c <out.json)" "cannot make a temporary file in $PWD/none: No such file or directory 0"
}

@test "what is refused, and where" {
	slsc_run flow run
	is "$status $err" "2 error: which state machine is to be run?
hint: slsc flow run FILE"
	printf '{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"}}}' >bad.asl.json
	slsc_run flow run bad.asl.json
	is "$status" 1
	has "$err" "error: bad.asl.json:1:"
	printf '{"StartAt":"A","States":{"A":{"Type":"Task","Resource":"f","End":true}}}' >f.asl.json
	slsc_run flow run f.asl.json --memory
	is "$status $err" "1 error: f.asl.json calls functions, and no slsc.yaml is here or above
hint: go to the project, or make one with \`slsc init\`"
	printf '{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}' >s.asl.json
	slsc_run flow run s.asl.json --input '[1,2' --memory
	is "$status" 1
	has "$err" "error: --input:1:4: the event is no JSON: "
	# JSON all the same
	printf '{"x":\n100000000000000000000}' >i.json
	local hint="hint: integers have 64 bits, other numbers reach to 1.8e308; a string holds any"
	slsc_run flow run s.asl.json --input i.json --memory
	is "$status $err" "1 error: i.json:2:21: a number is too large
$hint"
	for input in '[1e999]' -100000000000000000000; do
		slsc_run flow run s.asl.json --memory --input="$input"
		is "$status ${err#error: --input:1:*: }" "1 a number is too large
$hint"
	done
	slsc_run flow run s.asl.json --input order.json --memory
	is "$status $err" "1 error: --input 'order.json': there is no such file, and it is no JSON"
	slsc_run flow run s.asl.json --input '[1,2]' --name 'a b'
	is "$status $err" "2 error: --name: 'a b' is no name: 1 to 80 of a-z, A-Z, 0-9, -, _ and ."
	slsc_run flow run s.asl.json --input '[1,2]' --timeout soon
	is "$status $err" "2 error: --timeout: 'soon' is no time, such as 30s or 500ms"
	slsc_run flow run - --input -
	is "$status $err" "2 error: FILE and --input cannot both be standard input
hint: name a file for one of them, or write the input as JSON"
	is "$("$SLSC_BIN" flow run - --input '[3]' --memory <s.asl.json)" "[3]"
	slsc_run flow run s.asl.json --repeat 2 --name x
	is "$status $err" "2 error: --repeat runs many: they have neither one name nor one history"
	slsc_run flow run s.asl.json --resume x
	is "$status $err" "2 error: --resume goes on with what there is: it takes neither FILE, --name, --input, --timeout nor --memory"
	slsc_run flow history x
	is "$status $err" "1 error: $PWD/.slsc/flow.db: nothing was run here, or with --memory alone
hint: slsc flow run FILE --name NAME"
	slsc_run flow history
	is "$status $err" "2 error: the history of which execution?
hint: slsc flow history NAME, or --list"
	slsc_run flow run s.asl.json --input '[1,2]' --name x
	is "$status $out" "0 [1,2]"
	# names and errors have no say over the terminal
	printf '{"StartAt":"A\\u001b[31m","States":{"A\\u001b[31m":{"Type":"Pass","Next":"F"},
		"F":{"Type":"Fail","Error":"E\\u001b]0;t\\u0007\\n\\u009b2J"}}}' >esc.asl.json
	slsc_run flow run esc.asl.json --name esc --history
	is "$status $(sed 's/^ *[0-9]* *+[0-9.]* s  //' "$T/err")" "1 ExecutionStarted
PassStateEntered  A?[31m
PassStateExited  A?[31m
FailStateEntered  F
ExecutionFailed  E?]0;t???2J
error: esc: the execution failed: E?]0;t???2J"
	slsc_run flow history esc
	is "$status $(tail -1 <<<"$out" | sed 's/^ *[0-9]* *+[0-9.]* s  //')" "0 ExecutionFailed  E?]0;t???2J"
	# a file that is another program's, or damaged
	head -c 4096 /dev/urandom >.slsc/flow.db && rm -f .slsc/flow.db-wal
	slsc_run flow run s.asl.json --name y
	is "$status" 1
	has "$err" "$PWD/.slsc/flow.db: the journal is damaged: "
	has "$err" "may save executions; then run it again"
}
