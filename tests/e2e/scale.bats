#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc scale: policies tried on made-up and recorded loads; the network that learns one. All is decided by the seed.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
bats_require_minimum_version 1.5.0
load helper

# A load of some seconds, all of whose times are given.
small=(--rate 400 --duration 30s --before 20s --service exp:20ms --cold 500ms)

simulate() { slsc_run scale simulate -q "$@"; }

@test "scale simulate: the table, the truth about it, and what a reader must know" {
	simulate "${small[@]}"
	is "$status" 0
	is "$err" ""
	is "$out" "step: 40 requests a second for 20 s, then 400 for 30 s
service exp:20ms, mean 20.0 ms; cold start 500ms, mean 500 ms

                       instances  memory      p99  scale-out     cost    MAE
fixed                         14  1.8 GB  91.0 ms        0 s  \$0.0032
cpu                           12  1.5 GB   15.5 s    43.62 s  \$0.0030
forecast last                 16  2.0 GB   690 ms     2.24 s  \$0.0031  182.3
forecast holt-winters         20  2.5 GB   690 ms     2.24 s  \$0.0031  204.7
forecast ar                   16  2.0 GB   690 ms     2.24 s  \$0.0031  182.2

lowest p99, 91.0 ms: fixed
fastest to scale out, 0 s: fixed
least memory at its peak, 1.8 GB: fixed
cheapest, \$0.0031: forecast last, forecast holt-winters, forecast ar
closest forecast, MAE 182.2: forecast ar
cpu does not keep up: 5,527 requests still waited when the load ended
forecast holt-winters is at nothing better than forecast last, and worse at
  something

note: fixed: 14 instances, what the peak needs: somebody knew it beforehand
note: nothing here was measured: --bench takes what slsc bench --json has
note: lstm is left out: it needs a --model, which slsc scale train makes, or
      --train
note: memory: what is configured of an instance, at the peak of instances
note: cost: of the load, for all of the time, instances of 128.0 MB that are
      kept, by lambda's prices (x86_64, us-east-1) of 2025-06-01; charged by
      their time alone, the requests of fixed would be \$0.0030"
	# the same again, to the byte; another seed is another load
	cp "$T/out" "$T/one"
	simulate "${small[@]}" --seed 1
	cmp "$T/out" "$T/one"
	simulate "${small[@]}" --seed 2
	run ! cmp -s "$T/out" "$T/one"
}

@test "scale simulate: no line is wider than the terminal, and a table of 80 columns keeps p99, memory and cost" {
	for columns in 40 60 80 200; do
		COLUMNS=$columns script -qec "stty cols $columns; $SLSC_BIN scale simulate -q ${small[*]}" /dev/null </dev/null >tty.txt
		tr -d '\r' <tty.txt | awk -v most="$columns" 'length($0) > most { print "too wide: " $0; bad = 1 } END { exit bad }'
		has "$(cat tty.txt)" "p99"
		[ "$columns" = 40 ] || has "$(cat tty.txt)" "memory"
		has "$(cat tty.txt)" "cost"
	done
	has "$(cat tty.txt)" "sMAPE"
	has "$(cat tty.txt)" "waited"
}

@test "scale simulate --json: one line, numbers as they are" {
	simulate "${small[@]}" --json --policy fixed,cpu --fixed 14
	is "$status" 0
	is "$(wc -l <"$T/out")" 1
	is "$(jq -c 'keys' <<<"$out")" '["best","claims","cold","currency","load","notes","policies","seed","service","truth","version","winner"]'
	is "$(jq -c '[.policies[] | .name, .requests, .refused, .peak_instances]' <<<"$out")" '["fixed",11737,0,14,"cpu",11737,0,12]'
	is "$(jq -c '.policies[0] | [.latency.p99, .scaled_out, .cold_starts, .memory]' <<<"$out")" '[90963967,0,0,1879048192]'
	# what it costs is what its instances and requests do
	jq -e '.policies[] | (.total * 0.0000002 + (.instance_seconds * 0.0000041667 + .busy_seconds * 0.0000097222) / 8 - .cost)
		| . * . < 1e-15' <<<"$out"
}

@test "scale simulate --format csv: each second of each policy" {
	simulate --rate 400 --duration 3s --before 1s --service 20ms --cold 500ms -f csv --policy fixed -o s.csv
	is "$status" 0
	is "$out" ""
	is "$(cat s.csv)" "policy,seconds,arrivals,refused,wanted,ready,instances,queue,slowest_ns
fixed,1.000,39,0,14,14,14,0,20000000
fixed,2.000,387,0,14,14,14,3,25022076
fixed,3.000,388,0,14,14,14,1,20375914
fixed,4.000,414,0,14,14,14,2,22848317"
}

@test "scale simulate: too few instances make a queue, and a queue that is full refuses" {
	simulate --rate 100 --base 100 --before 0 --duration 20s --service 20ms --policy fixed --fixed 1 --queue 10 --json
	is "$status" 0
	# one instance serves 50 a second
	jq -e '.policies[0] | .requests - .refused - 1000 | . >= 0 and . <= 12' <<<"$out"
	jq -e '.policies[0] | .latency.max <= 220000000 and .scaled_out == null' <<<"$out"
	simulate --rate 100 --base 100 --before 0 --duration 20s --service 20ms --policy fixed --fixed 1 --queue 10
	has "$out" "refused"
	has "$out" "fixed does not keep up: it refused 987 requests"
	# without an end of the queue they wait, and who leaves them waiting wins nothing
	simulate --rate 100 --base 10 --before 0 --duration 20s --service 20ms --policy fixed,forecast --fixed 1 --forecaster last
	has "$out" "fixed does not keep up: 996 requests still waited when the load ended"
	grep -qx "lowest p99, [0-9.]* ms: forecast last" "$T/out"
	grep -qx "cheapest, .0.0005: forecast last" "$T/out"
	has "$out" "never"
}

@test "scale simulate --goal: the cheapest policy that keeps it, or exit code 3" {
	simulate "${small[@]}" --goal 1s
	is "$status" 0
	has "$out" "the cheapest whose p99 is within 1.00 s: forecast last, \$0.0031"
	simulate "${small[@]}" --goal 1ms
	is "$status" 3
	is "$err" "error: no policy keeps p99 within 1ms"
	has "$out" "no policy keeps p99 within 1.00 ms, and keeps up"
}

@test "scale simulate: slsc bench's JSON gives service time, cold start and memory" {
	cat >b.json <<-'X'
		{"cold":{"init":{"buckets":[[1048575,4]],"min":1040000}},"function":"hello","load":{"cpu":{"mean":20000000},
		"function":{"buckets":[[41943039,30]],"min":39999999},"memory":94208}}
	X
	simulate --bench b.json --rate 100 --before 10s --duration 30s --policy fixed --fixed 9
	is "$status" 0
	has "$out" "service of hello as measured, mean 41.0 ms; cold start as measured, mean 1.04 ms"
	has "$out" "fixed          9  828.0 KB"
	has "$out" "note: memory: what was measured of an instance, at the peak of instances"
	simulate --bench b.json --service 5ms
	has "$out" "service 5ms, mean 5.00 ms; cold start as measured, mean 1.04 ms"
	echo '{"load":null,"cold":null}' >b.json
	simulate --bench b.json
	is "$status" 1
	is "$err" "error: b.json: no call went well: there is no service time
hint: slsc bench FUNCTION --json >b.json"
	echo '{"load":{"function":{"buckets":[[0,1]]}},"cold":{}}' >b.json
	simulate --bench b.json
	is "$status $err" "1 error: b.json: a service time of 0: a request takes some time
hint: slsc bench FUNCTION --json >b.json"
}

@test "scale simulate: what slsc bench writes is what it reads" {
	slsc_run init hello
	cd hello
	slsc_run bench -q --json --cold 5 --requests 200 --warmup 0
	is "$status" 0
	cp "$T/out" b.json
	simulate --bench b.json --rate 1000 --before 0 --duration 30s --policy fixed --fixed 50 --json
	is "$status" 0
	# of 30,000 requests on instances enough, the median is that of the measurement, as far as its buckets tell
	is "$(jq --argjson b "$(jq '.load.function | {p50, max}' b.json)" '.policies[0].latency |
		.p50 / $b.p50 > 0.85 and .p50 / $b.p50 < 1.18 and .max <= $b.max * 1.07' <<<"$out")" true
	is "$(jq '.policies[0].memory' <<<"$out")" "$(jq '.load.memory * 50' b.json)"
	has "$(jq -r '.notes[]' <<<"$out")" "instances of 128.0 MB that are kept"
}

@test "scale simulate --trace: counts, times and both forms of Azure's, and what is wrong with one" {
	printf 'seconds,count\n0,10\n1,20\n2,30\n' >counts.csv
	simulate --trace counts.csv --policy fixed --json
	is "$(jq -c '[.load, .policies[0].requests]' <<<"$out")" '["counts.csv: 60 requests in 3 s, at most 30 a second",60]'
	printf '1700000000.5\n1700000000.75\n1700000009\n' >times.csv
	simulate --trace times.csv --policy fixed --json
	is "$(jq -c '[.load, .policies[0].requests]' <<<"$out")" '["times.csv: 3 requests in 10 s, at most 2 a second",3]'
	printf 'HashOwner,HashApp,HashFunction,Trigger,1,2\no,a,f,http,60,30\no,a,g,http,1,2\n' >2019.csv
	simulate --trace 2019.csv --policy fixed --json
	is "$(jq -c '[.load, .policies[0].requests]' <<<"$out")" '["2019.csv: 93 requests in 2 min, at most 1 a second",93]'
	simulate --trace 2019.csv --only g --policy fixed --json
	is "$(jq -c '.policies[0].requests' <<<"$out")" 3
	printf 'app,func,end_timestamp,duration\na,f,10,4\na,f,9,2.5\n' >2021.csv
	simulate --trace 2021.csv --policy fixed --fixed 2 --json
	is "$(jq -c '.policies[0] | [.requests, .busy_seconds, .latency.max]' <<<"$out")" '[2,6.5,4000000000]'
	# how many instances the peak needs is by what requests took; a service time that is given counts more
	is "$(jq -c '[.service, (.notes[0] | startswith("nothing"))]' <<<"$out")" '["as the trace has it, mean 3.25 s",true]'
	simulate --trace 2021.csv --policy fixed --service 1s --json
	is "$(jq -c '[.service, .policies[0].busy_seconds]' <<<"$out")" '["1s, mean 1.00 s",2]'
	simulate --trace 2021.csv --policy fixed --json
	is "$(jq '.policies[0].peak_instances' <<<"$out")" 12
	printf '0,10\n2,20\n1,30\n' >bad.csv
	simulate --trace bad.csv
	is "$status" 1
	is "$err" "error: bad.csv:3:1: '1' is before the time of the row above
hint: sort -n puts the rows in order"
	printf '0,10\n1,nan\n' >bad.csv
	simulate --trace bad.csv
	is "$err" "error: bad.csv:2:3: 'nan' is no number of requests"
	: >bad.csv
	simulate --trace bad.csv
	is "$err" "error: bad.csv: no request in it"
	# a heading is a word, and no number that is none; what a spreadsheet puts first is no part of it
	printf 'Infinity,10\n1,20\n' >bad.csv
	simulate --trace bad.csv
	is "$err" "error: bad.csv:1:1: 'Infinity' is no number of seconds"
	printf '\xef\xbb\xbf"seconds","count"\r\n0,10\r\n1,20\r\n2,30\r\n' >excel.csv
	simulate --trace excel.csv --policy fixed --json
	is "$(jq -c '[.load, .policies[0].requests]' <<<"$out")" '["excel.csv: 60 requests in 3 s, at most 30 a second",60]'
	# a request without an end would be one of the simulation
	printf 'app,func,end_timestamp,duration\na,f,10,604800\na,f,10,604801\n' >bad.csv
	simulate --trace bad.csv
	is "$status/$err" "1/error: bad.csv:3:8: '604801' is more than a week"
	simulate --trace counts.csv --only f
	is "$status/$err" "1/error: counts.csv:1: no trace of Azure: there is no function or app to choose"
	simulate --trace none.csv
	is "$err" "error: cannot read none.csv: No such file or directory"
	simulate --trace counts.csv --rate 5
	is "$status" 2
	is "$err" "error: --trace says when requests come: no other option can"
}

# bats test_tags=bulk
@test "scale simulate: an hour of 3,000 requests a second on 10,000 instances, in bounded memory" {
	need /usr/bin/time time
	/usr/bin/time -f '%M' "$SLSC_BIN" scale simulate -q --json --rate 3000 --base 3000 --before 0 --duration 1h \
		--service lognormal:2s,6s --policy fixed --fixed 10000 >"$T/out" 2>"$T/err"
	is "$(jq -c '.policies[0] | [.peak_instances, .refused, .requests > 10790000 and .requests < 10810000]' "$T/out")" \
		'[10000,0,true]'
	[ "$(cat "$T/err")" -lt 50000 ]
}

# bats test_tags=bulk
@test "scale simulate --trace: ten million rows, in bounded memory" {
	need /usr/bin/time time
	awk 'BEGIN { for (i = 0; i < 10000000; i++) printf "%.4f\n", i / 10000 }' >long.csv
	/usr/bin/time -f '%M' "$SLSC_BIN" scale simulate -q --json --trace long.csv --service 1ms --policy fixed >"$T/out" 2>"$T/err"
	is "$(jq -c '.policies[0] | [.requests, .refused]' "$T/out")" '[10000000,0]'
	# KB: a time and a duration of each row, and little else
	[ "$(cat "$T/err")" -lt 300000 ]
}

@test "scale train: a model of a history, the same bytes each time, which then forecasts" {
	slsc_run scale train -q --load diurnal --duration 20min --period 3min --rate 500 --steps 60 -o a.json
	is "$status" 0
	is "$out" "diurnal: 50 requests a second for 1 min, then up to 500 for 20 min
a.json: learned from 1260 intervals of 1 s
of the last fifth, which it was not shown, its squared error is 11.2 % of that of the last value"
	slsc_run scale train -q --load diurnal --duration 20min --period 3min --rate 500 --steps 60 -o b.json --seed 1
	cmp a.json b.json
	is "$(jq -c '[.format, .version, .hidden, .interval, .trained, (.weights | length)]' a.json)" \
		'["slsc-scale-lstm",1,12,1,1260,1110]'
	slsc_run scale train -q --load diurnal --duration 20min --steps 1 -n -o c.json
	is "$status" 0
	[ ! -e c.json ]
	simulate --load diurnal --duration 10min --period 3min --rate 500 --seed 2 --model a.json --policy forecast --json
	is "$status" 0
	is "$(jq -c '[.policies[].name]' <<<"$out")" '["forecast last","forecast holt-winters","forecast ar","forecast lstm"]'
	is "$(jq -r .best.mae <<<"$out")" "forecast lstm"
	slsc_run scale train -q --duration 1min
	is "$status" 2
	is "$err" "error: a history of 120 intervals: at least 300 are needed to learn from
hint: a longer one, or a shorter --interval"
	simulate --model a.json --interval 2s
	is "$status" 2
	is "$err" "error: a.json was trained for intervals of 1 s, and the policy looks each 2 s
hint: --interval says how often"
	echo '{"format":"slsc-scale-lstm","version":2}' >d.json
	simulate --model d.json
	is "$status" 1
	is "$err" "error: d.json: is of another version of slsc: this one reads version 1
hint: slsc scale train makes such a file"
}

@test "scale simulate --train: the table with each forecaster, out of one command" {
	simulate --duration 1min --before 1min --rate 500 --train --json
	is "$status" 0
	is "$(jq -c '[.policies[] | .name, .forecast != null]' <<<"$out")" \
		'["fixed",false,"cpu",false,"forecast last",true,"forecast holt-winters",true,"forecast ar",true,"forecast lstm",true]'
	is "$(jq -r '.notes[] | select(startswith("lstm"))' <<<"$out")" \
		"lstm: trained on 10 such loads of other seeds, 1200 values: a load like this is nothing new to it"
	cp "$T/out" "$T/one"
	simulate --duration 1min --before 1min --rate 500 --train --json
	cmp "$T/out" "$T/one"
	simulate --duration 10s --before 10s --rate 500 --train
	is "$status" 2
	is "$err" "error: a history of 200 intervals: at least 300 are needed to learn from
hint: a longer one, or a shorter --interval"
}

@test "scale simulate --command: a program of one's own decides, line by line" {
	cat >policy.py <<-'X'
		import json, sys
		for line in sys.stdin:
		    seen = json.loads(line)
		    print(json.dumps({"want": 3 + (seen["arrivals"] > 100)}), file=sys.stdout, flush=True)
	X
	# what it leaves in the background ends with it
	simulate "${small[@]}" --command 'sleep 3000 >/dev/null & echo $! >left; exec python3 policy.py' --policy command -f csv
	while kill -0 "$(cat left)" 2>/dev/null; do :; done
	is "$status" 0
	is "$(cut -d, -f5 "$T/out" | sort | uniq -c | awk '{ print $1, $2 }' | head -2)" "20 3
30 4"
	simulate "${small[@]}" --command 'exit 1' --policy command
	is "$status" 1
	is "$err" "error: command: the policy's command has ended without an answer"
	simulate "${small[@]}" --command 'cat' --policy command
	is "$status" 1
	has "$err" "hint: it answers each line with a line such as {\"want\":12}, of at most 100000"
	simulate "${small[@]}" --command 'cat >/dev/null' --policy command --answer-within 30ms
	is "$status" 1
	is "$err" "error: command: the policy's command has not answered within 30 ms
hint: does it write its answer at once? Its output is a pipe: flush after each line"
}

@test "scale: a signal ends a simulation and a training, and leaves no model behind" {
	for what in "simulate --rate 10000 --duration 24h" "train --load diurnal --duration 1h --steps 100000"; do
		# of the one before, there would be its word
		: >"$T/err"
		# shellcheck disable=SC2086
		"$SLSC_BIN" scale $what >"$T/out" 2>"$T/err" 3>&- &
		pid=$!
		# half a second of work, and it says so
		until grep -qE 'simulating|training' "$T/err"; do kill -0 "$pid"; done
		kill -TERM "$pid"
		status=0
		wait "$pid" || status=$?
		is "$status" 130
		is "$(tail -1 "$T/err")" "error: interrupted"
		is "$(cat "$T/out")" ""
	done
	[ ! -e scale-model.json ]
}

@test "scale simulate: prices of one's own, and what is wrong with them" {
	printf 'date: 2020-01-01\ncurrency: EUR\nplatforms:\n  own:\n    arm64: {request: 1, gb_second: 0}\n' >p.yaml
	simulate "${small[@]}" --policy fixed --prices p.yaml --platform own --arch arm64
	is "$status" 0
	has "$out" "EUR 12515.00"
	simulate --prices p.yaml --platform own
	is "$status" 2
	is "$err" "error: p.yaml: 'own' has no price for x86_64
hint: there is arm64"
	sed -i 's/request: 1/request: -1/' p.yaml
	simulate --prices p.yaml
	is "$status" 1
	is "$err" "error: p.yaml:5:22: no price for 'request'
hint: a number that is not negative, such as 0.0000166667"
	simulate --platform nowhere
	is "$status" 2
	has "$err" "no platform 'nowhere'"
	has "$err" "hint: there is lambda, azure-functions"
}

@test "scale simulate --claims: what others say of a policy stands beside what came out" {
	printf 'source: last year\nscale:\n  fixed: {cost: $3.10}\n  cpu: {p99: 480 ms}\n' >c.yaml
	simulate "${small[@]}" --policy fixed --fixed 12 --claims c.yaml
	is "$status/$err" "0/"
	cost=$(sed -n 's/^fixed .*\($[0-9.]*\)$/\1/p' "$T/out")
	has "$out" "
             last year  measured here
p99, cpu        480 ms   not measured
cost, fixed      \$3.10        $cost
"
	simulate "${small[@]}" --policy fixed --fixed 12 --claims c.yaml --format html
	has "$out" "<caption>What last year says, and what was measured here</caption>"
	simulate "${small[@]}" --policy fixed --fixed 12 --claims c.yaml --json
	has "$out" '"claims":[{"claimed":"480 ms","measured":null,"what":"p99, cpu"},{"claimed":"$3.10","measured":"'"$cost"'",'
	# slsc's own file claims nothing of them
	simulate "${small[@]}" --policy fixed --json
	has "$out" '"claims":[],'
	simulate --claims none.yaml
	is "$status" 1
	is "$err" "error: none.yaml: No such file or directory"
	sed -i 's/cpu/gpu/' c.yaml
	simulate --claims c.yaml
	is "$status" 1
	is "$err" "error: c.yaml:4:3: unknown row 'gpu'
hint: a policy as the table has it, such as cpu or forecast lstm"
}

@test "scale simulate: options that cannot be" {
	while IFS='|' read -r args message; do
		# shellcheck disable=SC2086
		simulate $args
		is "$status" 2
		is "$(head -1 "$T/err")" "error: $message"
	done <<-'X'
		--service 0|--service: a request takes some time
		--service 5x|--service: '5x' is no distribution of times up to 1 h
		--policy command|--policy command needs a --command
		--forecaster lstm|--forecaster lstm needs a --model, or --train
		--train --model x|--train is for a pattern, without a --model
		--target 0|--target: '0' is no percentage from 1 to 100
		--load bump|--load: 'bump' is not one of step, ramp, diurnal, burst
		--min 5 --max 2|--min is more than --max
		--memory 12|--memory: '12' is no size from 1 MB to 1 TB
		--duration 0|--duration: '0' is no time from 1 s to 1344 h
		--rate 1000000 --duration 2h|more than 1000000000 requests
		--interval 1us|--interval: '1us' is no time from 10 ms to 1 h
		--season 1s|--season: '1s' is no time from 2 s to 1000000 s
		--base x|--base: 'x' is no number up to 1000000
		--only f|--only is for a --trace
		--interval 10ms --duration 24h|more than 2000000 intervals in the time of the load
		--seed 0|--seed: 0 is not between 1 and 4294967295
	X
}

@test "scale simulate -o: a place that cannot be written is said first; a pipe and standard output stay what they are" {
	mkdir dir
	# what would take minutes is not begun
	simulate --rate 10000 --duration 24h -o dir
	is "$status/$out/$err" "1//error: cannot write dir: Is a directory"
	simulate --rate 10000 --duration 24h -o none/s.txt
	is "$status/$out/$err" "1//error: cannot write none/s.txt: No such file or directory"
	slsc_run scale train --duration 24h --rate 10000 -o none/m.json
	is "$status/$err" "1/error: cannot write none/m.json: No such file or directory"
	simulate "${small[@]}" --json
	cp "$T/out" all.json
	mkfifo pipe
	cat pipe >got 3>&- &
	simulate "${small[@]}" --json -o pipe
	is "$status/$out/$err" "0//"
	wait $!
	cmp got all.json
	[ -p pipe ]
	ln -s target.json link
	: >target.json
	simulate "${small[@]}" --json -o link
	[ -L link ]
	cmp target.json all.json
	simulate "${small[@]}" --json -o /proc/self/fd/1
	is "$status/$err" "0/"
	cmp "$T/out" all.json
}

@test "scale simulate: an option that would do nothing is refused" {
	local -A refused=(
		["--policy cpu --fixed 3"]="--fixed is for policy fixed"
		["--policy fixed --target 50%"]="--target is for policy cpu"
		["--policy fixed,cpu --train"]="--train is for policy forecast"
		["--policy cpu --forecaster ar"]="--forecaster is for policy forecast"
		["--forecaster ar --train"]="--train is for forecaster lstm"
		["--forecaster ar,lstm --season 60s --train"]="--season is for forecaster holt-winters"
		["--policy fixed --command true"]="--command is for policy command"
		["--answer-within 1s"]="--answer-within is for a --command"
		["--policy fixed --cooldown 5s"]="--cooldown is for policies cpu and forecast"
		["--fixed 5 --max 3"]="--fixed is more than --max"
		["--fixed 5 --min 6"]="--fixed is less than --min"
		["--min 6 --max 5"]="--min is more than --max"
		["--period 5min"]="--period is for --load diurnal"
	)
	for options in "${!refused[@]}"; do
		# shellcheck disable=SC2086
		simulate $options
		is "$options: $status/$out/$err" "$options: 2//error: ${refused[$options]}"
	done
}
