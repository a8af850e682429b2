#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# slsc tune: what is tried reaches the function, what fails, what is chosen and written. No test asserts a time: a setting is
# chosen since the others fail.
# shellcheck disable=SC2154 # helper.bash sets $status, $out and $err
load helper
load local_helper

# picky [YAML-LINES]: a function that fails unless all is as it wants it: MODE, SIZE, its memory, and {"n": ...} below 100
picky() {
	need jq jq
	project_of picky "$(cat <<'EOF'
#include <slsc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef SIZE
#define SIZE 1
#endif
slsc_lambda_fn handler;

static int is(const char *name, const char *value)
{
	const char *has = getenv(name);

	return !has || strcmp(has, value) == 0;
}

int slsc_init(struct slsc_ctx *ctx)
{
	(void)ctx;
	if (!is("READY", "yes"))
		_exit(7);
	return 0;
}

int handler(struct slsc_ctx *ctx, struct slsc_str in, struct slsc_out *out)
{
	struct slsc_str n;

	if (!is("MODE", "good"))
		return slsc_fail(ctx, "BadMode", "not good");
	if (getenv("WANT") && !is("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", getenv("WANT")))
		return slsc_fail(ctx, "BadMemory", "another memory is wanted");
	if (SIZE != 1 && SIZE != 4096)
		return slsc_fail(ctx, "BadSize", "another size is wanted");
#ifndef NDEBUG
	if (getenv("RELEASE"))
		return slsc_fail(ctx, "BadProfile", "not of a release");
#endif
	if (slsc_json_get(in, "n", &n) > 0 && n.len > 2)
		return slsc_fail(ctx, "TooMuch", "more than 99");
	slsc_puts(out, "1");
	return 0;
}
EOF
	)" "${1:-}"
}

# tune ARGUMENT...: quickly, as JSON
tune() {
	slsc_run tune --json -q --repeats 1 --duration 100ms --warmup 0 --cold 1 "$@"
}

# of EXPRESSION: of the last one
of() {
	jq -c "$1" "$T/out"
}

@test "text: a line for each setting, in the order of the lists; what the marks mean" {
	picky
	slsc_run tune -q --memory 128MB,256MB --env MODE=good,bad --repeats 1 --duration 100ms --warmup 0 --cold 1
	is "$status/$err" "0/"
	is "$(sed 1!d "$T/out")" picky
	is "$(sed 2!d "$T/out")" "open loop: 100 calls a second for 100 ms; one event"
	is "$(sed 3!d "$T/out")" "4 settings, 1 repeat of each, in turn; seed 1"
	[[ $(sed 4!d "$T/out") =~ ^prices:\ lambda\ (x86_64|arm64),\ us-east-1,\ USD\ of\ 20[0-9-]*$ ]]
	has "$(sed 5!d "$T/out")" "machine: Linux $(uname -r), $(uname -m), $(nproc)"
	[[ $(sed 7!d "$T/out") =~ ^\ +memory\ +MODE\ .*p99.*USD ]]
	# which of the two is better is for the measurement to say
	[[ $(sed 8!d "$T/out") =~ ^[\>*\ ]\ +128\ MB\ +good\ +.*(ms|µs) ]]
	[[ $(sed 10!d "$T/out") =~ ^[\>*\ ]\ +256\ MB\ +good\ +.*(ms|µs) ]]
	is "$(sed -n '8p;10p' "$T/out" | grep -c '^>')" 1
	is "$(sed 9!d "$T/out" | tr -s ' ')" " 128 MB bad its first call fails: BadMode"
	is "$(sed 11!d "$T/out" | tr -s ' ')" " 256 MB bad its first call fails: BadMode"
	is "$(grep -c '^>' "$T/out")" "2" # a setting, and the legend
	has "$out" "2 of 4 settings failed, and cannot be chosen
with 1 repeat nothing can be told from chance: 4 are the least"
}

@test "json: samples, figures and units; variables, macros, memory and profiles reach the function" {
	picky
	tune --repeats 2 --env MODE=bad,good
	is "$status/$err" "0/"
	is "$(of '[.function, .project, .repeats, .seed, .chosen, .strategy, .halving]')" '["picky","picky",2,1,1,"balanced",false]'
	is "$(of '.axes')" '[{"kind":"env","name":"MODE","values":["bad","good"]}]'
	is "$(of '[.settings[] | [.values[0], .failed, (.samples | length), .fit, .chosen]]')" \
		'[["bad","its first call fails: BadMode",0,false,false],["good",null,2,true,true]]'
	is "$(of '.settings[1] | .samples | map([.calls, .failed])')" '[[10,0],[10,0]]'
	is "$(of '.settings[1] | [.p50, .p99, .pause, .cold, .memory, .cpu] | map(. > 0) | all')" true
	is "$(of '.settings[1] | .p99_low <= .p99 and .p99 <= .p99_high and .p50 <= .p99')" true
	# a request at least, and at most 100 ms of 128 MB for each of a million
	is "$(of '.settings[1].cost | . > 0.2 and . < 0.45')" true
	tune --define SIZE=3,4096
	is "$(of '[.chosen, .settings[0].failed]')" '[1,"its first call fails: BadSize"]'
	# what was built for a setting is beside what slsc.yaml says
	is "$("$SLSC_BIN" invoke -q picky)" 1
	sed -i '$a\    env: {WANT: 256}' slsc.yaml
	tune --memory 128MB,256MB,512MB
	is "$(of '[.chosen, (.settings | map(.failed))]')" '[1,["its first call fails: BadMemory",null,"its first call fails: BadMemory"]]'
	sed -i 's/WANT: 256/RELEASE: 1/' slsc.yaml
	tune --profile debug,release
	is "$(of '[.chosen, .settings[0].failed]')" '[1,"its first call fails: BadProfile"]'
}

@test "tune: in slsc.yaml says what is tried, under which load; the command line comes first" {
	picky "    tune:
      env: {MODE: [bad, good]}
      memory: [128 MB, 256 MB]
      rate: 50
      duration: 200 ms
      warmup: 1 ms
      repeats: 1
      cold: 1
      strategy: cost
      events: [events/*.json]"
	mkdir events
	echo '{"n": 1}' >events/a.json
	echo '{"n": 2}' >events/b.json
	slsc_run tune --json -q
	is "$status/$err" "0/"
	is "$(of '[.load, .strategy, .repeats, (.settings | length)]')" \
		'["open loop: 50 calls a second for 200 ms, after 1 ms of warm-up; 2 events of files, in turn","cost",1,4]'
	slsc_run tune --json -q --env MODE=good,bad --rate 20 --strategy speed
	is "$(of '[.load, .strategy, .axes[0].values, (.axes | length), .chosen]')" \
		'["open loop: 20 calls a second for 200 ms, after 1 ms of warm-up; 2 events of files, in turn","speed",["good","bad"],1,0]'
}

@test "events: each in turn; a setting of which too many calls fail is not chosen" {
	picky
	printf '{"n": 1}\n\n{"n": 100}\n' >e.jsonl
	tune --env A=x,y --events e.jsonl
	is "$status" 1
	is "$(jq -r .error.message "$T/err")" "picky: no setting can be chosen"
	is "$(of '[.chosen, (.settings | map([.failed_share, .failed]))]')" '[null,[[0.5,null],[0.5,null]]]'
	has "$(of .notes)" "2 cannot be chosen: more than 1 % of the calls failed"
	# shellcheck disable=SC2016 # it is sh's
	tune --env A=x,y --generator 'for i in 1 2 3; do echo "{\"n\": $i}"; done'
	is "$status" 0
	has "$(of .load)" "; 3 events of the generator, in turn"
	slsc_run tune --env A=x,y --generator 'echo 1; exit 3'
	is "$status/$err" "1/error: the generator ended with exit code 3"
	slsc_run tune --env A=x,y --generator :
	is "$status/$err" "1/error: the generator printed no event
hint: JSON, one event a line"
	printf '1\n{' >bad.jsonl
	slsc_run tune --env A=x,y --events bad.jsonl
	is "$status" 1
	has "$err" "error: bad.jsonl:2:1: the event is no JSON"
	slsc_run tune --env A=x,y --events e.jsonl --event 1
	is "$status/$err" "2/error: --event, --events and --generator are all events: one of them"
	printf '{}\n\nnope\n' >e.jsonl
	slsc_run tune -q --env A=1,2 --events e.jsonl
	is "$status/$err" "1/error: e.jsonl:3:4: the event is no JSON: invalid token near 'nope'"
	# who prints without an end is ended
	slsc_run tune -q --env A=1,2 --generator 'yes {}'
	is "$status/$err" "1/error: limit exceeded: the generator printed more than 64 MB"
}

@test "a function that never gets ready: said of each setting, exit code 1; a macro that does not compile" {
	picky
	tune --env READY=no,never
	is "$status" 1
	is "$(jq -r .error.message "$T/err")" "picky: never gets ready: Runtime.ExitError, whatever the setting"
	is "$(of '[.chosen, (.settings | map(.failed))]')" \
		'[null,["never gets ready: Runtime.ExitError","never gets ready: Runtime.ExitError"]]'
	tune --env READY=no,yes
	is "$status/$(of '[.chosen, .settings[0].failed]')" '0/[1,"never gets ready: Runtime.ExitError"]'
	tune --define 'SIZE=1,)'
	is "$status" 0
	[[ $(of '.settings[1].failed') =~ ^\"not\ built:\ src/main.c\ did\ not\ compile ]]
}

@test "what cannot be under the quotas, or says nothing, is refused with its place" {
	picky "    tune:
      memory: [128 MB, 11 GB]"
	slsc_run tune
	is "$status/$err" "1/error: slsc.yaml:6:24: tune.memory of function 'picky': '11 GB' is not within 128 MB and 10,240 MB
hint: such as 1769 MB, which comes with a whole CPU"
	slsc_run tune --memory 64MB,128MB
	is "$status/$err" "2/error: --memory: '64MB' is not within 128 MB and 10,240 MB
hint: such as 1769 MB, which comes with a whole CPU"
	slsc_run tune --workers 1,2
	is "$status/$err" "2/error: --workers: SLSC_WORKERS is for runtime http, 'picky' has runtime lambda
hint: an instance of runtime lambda serves one call at a time"
	slsc_run tune --memory 128MB
	is "$status/$err" "2/error: one setting alone: there is nothing to choose from
hint: such as --memory 128MB,256MB,512MB, or \`tune:\` in slsc.yaml"
	slsc_run tune --env MODE
	is "$status/$err" "2/error: --env: 'MODE' has no name and values
hint: such as NAME=1,2,3"
	slsc_run tune --env AWS_REGION=a,b
	is "$status/$err" "2/error: --env: 'AWS_REGION' is the platform's"
	slsc_run tune --env A=1,2 -o none/t.html
	is "$status/$err" "1/error: cannot write none/t.html: No such file or directory"
	[ ! -e .slsc ]
	slsc_run tune --define 'A-B=1,2'
	is "$status/$err" "2/error: --define: 'A-B' is no name"
	slsc_run tune --retention 50,050
	is "$status/$err" "2/error: --retention: '050' is there twice"
	slsc_run tune --env 'A B=1,2'
	is "$status/$err" "2/error: --env: 'A B' is no name"
	slsc_run tune --preset guide --memory 128MB,256MB
	is "$status/$err" "2/error: --preset says what is tried: no other values beside it"
	slsc_run tune --preset guide
	is "$status/$err" "2/error: --workers: SLSC_WORKERS is for runtime http, 'picky' has runtime lambda
hint: an instance of runtime lambda serves one call at a time"
	slsc_run tune --env A=1,2 --duration 5ms
	is "$status/$err" "2/error: --duration: '5ms' is no time of 100 ms to 24 h
hint: such as 10s, 500ms, 2min"
	slsc_run tune --env A=1,2 --platform moon
	is "$status" 2
	has "$err" "no platform 'moon'"
	local many
	many=$(seq -s, 1 40)
	slsc_run tune --env "A=$many" --env "B=$many"
	is "$status/$err" "1/error: limit exceeded: more than 1024 settings
hint: a setting is one value of each: give fewer values"
}

@test "--apply changes what it has to in slsc.yaml, and nothing else; once more changes nothing" {
	need jq jq
	picky
	cat >slsc.yaml <<-'EOF'
		# the whole
		project: picky
		functions:
		  other: {sources: [src/main.c], memory: 128 MB}
		  # the one
		  picky:
		    sources: [src/main.c]   # all of it
		    env: {WANT: 256, MODE: bad}  # as of now
		# the end
	EOF
	chmod 640 slsc.yaml
	slsc_run tune picky -q --memory 128MB,256MB --env MODE=good,bad --define SIZE=2,4096 --repeats 1 --duration 100ms \
		--warmup 0 --cold 1 --apply
	is "$status/$err" "0/"
	is "$(cat slsc.yaml)" "# the whole
project: picky
functions:
  other: {sources: [src/main.c], memory: 128 MB}
  # the one
  picky:
    sources: [src/main.c]   # all of it
    env: {WANT: 256, MODE: good}  # as of now
    memory: 256 MB
    defines: {SIZE: 4096}
# the end"
	is "$(stat -c %a slsc.yaml)" 640
	cp slsc.yaml before
	touch -d '2020-01-01' slsc.yaml
	slsc_run tune picky --memory 128MB,256MB --env MODE=good,bad --define SIZE=2,4096 --repeats 1 --duration 100ms \
		--warmup 0 --cold 1 --apply
	is "$status" 0
	has "$err" "slsc.yaml says so already"
	cmp before slsc.yaml
	is "$(stat -c %y slsc.yaml | cut -c1-10)" 2020-01-01
	# nothing to choose: nothing written
	slsc_run tune picky -q --env MODE=bad,worse --repeats 1 --duration 100ms --warmup 0 --cold 1 --apply
	is "$status" 1
	cmp before slsc.yaml
	no_leftovers .
}

@test "--apply: what was written into slsc.yaml meanwhile stays, and counts" {
	picky
	# the generator is another's editor: what is read before the sweep is not what is there after it
	slsc_run tune -q --env MODE=bad,good --repeats 1 --duration 100ms --warmup 0 --cold 1 --apply \
		--generator 'printf "    env: {MODE: bad, OTHER: 1} # new\n" >>slsc.yaml; echo 1'
	is "$status/$err" "0/"
	has "$(cat slsc.yaml)" "    env: {MODE: good, OTHER: 1} # new"
	slsc_run tune --env MODE=bad,good --repeats 1 --duration 100ms --warmup 0 --cold 1 --apply \
		--generator 'sed -i "s/^  picky:/  other:/" slsc.yaml; echo 1'
	is "$status" 1
	has "$err" "error: slsc.yaml was changed meanwhile: unknown function 'picky'"
	has "$(cat slsc.yaml)" "    env: {MODE: good, OTHER: 1} # new"
}

@test "--apply: where nothing can be written, nothing is built and measured" {
	local run=()
	picky
	mkdir locked && mv slsc.yaml locked && ln -s locked/slsc.yaml .
	chmod 555 locked
	if [ "$(id -u)" -eq 0 ]; then
		need setpriv util-linux
		chmod 755 "$T" "$T/w"
		# the tree of slsc may lie where that user may not look
		cmake --install "$SLSC_BUILD" --prefix "$T/usr" >/dev/null
		SLSC_BIN=$T/usr/bin/slsc
		run=(setpriv --reuid 65534 --regid 65534 --clear-groups)
	fi
	status=0
	"${run[@]}" "$SLSC_BIN" tune --env MODE=bad,good --apply >"$T/out" 2>"$T/err" || status=$?
	is "$status $(cat "$T/err")" "1 error: --apply: cannot write $(realpath locked)/slsc.yaml: Permission denied
hint: check the owner and mode of the directory"
	[ ! -e .slsc ]
	chmod 755 locked
}

@test "--apply of a profile says that it is of all functions; an anchor in the way is not broken" {
	picky
	cat >slsc.yaml <<-'EOF'
		project: picky
		functions:
		  picky: {sources: [src/main.c], env: &e {RELEASE: 1, MODE: bad}}
		  other: {sources: [src/main.c], env: *e}
	EOF
	slsc_run tune picky --profile debug,small --env MODE=good --repeats 1 --duration 100ms --warmup 0 --cold 1 --apply
	is "$status" 1
	has "$err" "error: slsc.yaml: 'MODE' cannot be changed by itself
hint: an anchor or an alias is in the way: write good there yourself"
	is "$(sed 3!d slsc.yaml)" '  picky: {sources: [src/main.c], env: &e {RELEASE: 1, MODE: bad}}'
	sed -i 's/, MODE: bad//' slsc.yaml
	slsc_run tune picky --profile debug,small --repeats 1 --duration 100ms --warmup 0 --cold 1 --apply
	is "$status" 0
	has "$err" "slsc.yaml: profile: small, for all functions"
	is "$(sed 2!d slsc.yaml)" "profile: small"
}

@test "of more than 16 settings the worse half is dropped, and that is said; --full measures all" {
	picky
	tune --repeats 2 --env "X=$(seq -s, 1 17)"
	is "$status" 0
	is "$(of '[.halving, (.settings | map(select(.dropped == 1)) | length), (.settings | map(.samples | length) | add)]')" '[true,8,26]'
	has "$(of .notes)" "skipped: of 17 settings 8 were dropped after some repeats, as the worse half by balanced; --full measures all to the end"
	is "$(of '.settings[.chosen].dropped')" 0
	tune --full --env "X=$(seq -s, 1 17)"
	is "$(of '[.halving, (.settings | map(.samples | length) | add)]')" '[false,17]'
}

@test "csv and html: a line, and a row, for each setting; the page asks for nothing" {
	picky
	slsc_run tune -q --env 'MODE=good,"x' --repeats 1 --duration 100ms --warmup 0 --cold 1 --format csv -o out.csv
	is "$status/$out$err" "0/"
	is "$(sed 1!d out.csv | tr -d '\r')" "MODE,p50,p99,p99_low,p99_high,pause,pause_mean,memory,cpu,cold,cost,failed_share,repeats,group,front,chosen,equal,dropped,failed"
	[[ $(sed 2!d out.csv) =~ ^good,[0-9]+,[0-9]+,.*,true,true,false,, ]]
	is "$(sed 3!d out.csv | tr -d '\r')" '"""x",,,,,,,,,,,,0,,false,false,false,,its first call fails: BadMode'
	slsc_run tune -q --env 'MODE=good,<b>&' --repeats 1 --duration 100ms --warmup 0 --cold 1 --format html -o out.html
	is "$status/$out$err" "0/"
	has "$(cat out.html)" "default-src 'none'"
	has "$(cat out.html)" "MODE &lt;b&gt;&amp;"
	is "$(grep -c -e 'style="' -e '<b>&' -e 'src=' out.html)" 0
}

@test "--preset guide: workers and retention, and the guide's table" {
	need jq jq
	site
	tune --preset guide
	is "$status/$err" "0/"
	is "$(of '.axes | map([.kind, .values])')" '[["workers",["4","16"]],["retention",["100","50"]]]'
	is "$(of '[.load, (.settings | map(.samples | length))]')" '["open loop: 100 calls a second for 100 ms; GET /",[1,1,1,1]]'
	is "$(of .claims)" '[]'
	has "$(of .notes)" '"what the guide itself has in that table is not known here: --claims FILE puts it beside"'
	printf 'source: a guide\ntune: {4/50: {mean pause: 320 µs}, 8/50: {p99 spread: 9 ms}}\n' >claims.yaml
	slsc_run tune -q --preset guide --repeats 1 --duration 100ms --warmup 0 --cold 1 --claims claims.yaml
	has "$out" "parallelism × collector, as the guide has it
  workers  retention  p99 spread  mean pause
        4        100"
	pause=$(sed -n 's/^        4         50 .* \([0-9.]* [mµ]s\)$/\1/p' "$T/out")
	has "$out" "
                  a guide  measured here
p99 spread, 8/50     9 ms   not measured
mean pause, 4/50   320 µs       "
	! grep "not known here" "$T/out" || return 1
	is "$(sed -n 's/^mean pause, 4\/50   320 µs *//p' "$T/out")" "$pause"
	slsc_run tune -q --claims claims.yaml
	is "$status/$err" "2/error: --claims goes with --preset"
	slsc_run tune -q --preset guide --claims none.yaml
	is "$status/$err" "1/error: none.yaml: No such file or directory"
}

@test "a signal ends it: what was measured is printed, nothing is written, exit code 130" {
	picky
	"$SLSC_BIN" build >/dev/null 2>&1
	cp slsc.yaml before
	"$SLSC_BIN" tune --json --env A=x,y --repeats 100 --duration 100ms --warmup 0 --cold 1 --apply --progress always \
		>"$T/out" 2>"$T/err" &
	local pid=$!
	wait_for grep -q 'tuning' "$T/err"
	kill -TERM "$pid"
	status=0
	wait "$pid" || status=$?
	is "$status" 130
	is "$(of '[.function, (.settings | length)]')" '["picky",2]'
	cmp before slsc.yaml
}

@test "--prices: what a call costs is what the table says, of the platform that is named" {
	picky
	cat >mine.yaml <<-'EOF'
		date: 2030-01-02
		currency: EUR
		platforms:
		  ours: {region: cellar, x86_64: {request: 0.5, gb_second: 0}, arm64: {request: 0.5, gb_second: 0}}
	EOF
	tune --env A=1,2 --prices mine.yaml --platform ours
	is "$status/$err" "0/"
	is "$(of '[.currency, (.settings | map(.cost))]')" '["EUR",[500000,500000]]'
	[[ $(of .prices) =~ ^\"ours\ (x86_64|arm64),\ cellar,\ EUR\ of\ 2030-01-02\"$ ]]
	slsc_run tune --env A=1,2 --prices mine.yaml
	is "$status/$err" "2/error: mine.yaml: no platform 'lambda'
hint: there is ours"
	slsc_run tune --env A=1,2 --prices none.yaml
	is "$status" 1
	has "$err" "none.yaml"
}

@test "cpu: of a function is its share, with whatever memory" {
	picky "    cpu: 150 %
    memory: 256 MB"
	slsc_run bench -q --cold 1 --duration 0
	is "$status/$err" "0/"
	[[ $(sed 2!d "$T/out") =~ ,\ 256\ MB,\ (150\.0\ %\ of\ a\ CPU|CPU\ not\ limited)$ ]]
	sed -i 's/cpu: 150 %/cpu: 150/' slsc.yaml
	slsc_run bench
	is "$status/$err" "1/error: slsc.yaml:5:10: cpu of function 'picky': expected a percentage such as 95 %, found a number '150'
hint: write 150 %"
}
