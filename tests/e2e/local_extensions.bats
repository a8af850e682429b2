#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016  # the helpers set $status, $body and others; $LATEST is text
# The Extensions API: programs in a directory and threads of the runtime, both in Python's standard library.

load helper
load local_runtime_helper

# refused WHAT MESSAGE TYPE: a line of notes
refused() {
	printf '%s 403 {"errorMessage":"%s","errorType":"%s"}\n' "$@"
}

# not_from FROM TO WHOM
not_from() {
	printf 'State transition from %s to %s failed for extension %s. Error: State transition is not allowed' "$@"
}

@test "registration of a program: what it is answered, and what is refused" {
	extension_is alpha <<-'EOF'
		tell("no name", call("POST", EXTENSION + "register", "{}"))
		h = {"Lambda-Extension-Name": "alpha"}
		tell("no object", call("POST", EXTENSION + "register", "[]", h))
		a = call("POST", EXTENSION + "register", "{", h)
		note("no json", a.status, a.json()["errorType"])
		tell("no list", call("POST", EXTENSION + "register", '{"events":"INVOKE"}', h))
		tell("no strings", call("POST", EXTENSION + "register", '{"events":[1]}', h))
		tell("keys", call("POST", EXTENSION + "register", '{"configurationKeys":["a"]}', h))
		tell("event", register(events=["INVOKE", "LUNCH"]))
		a = tell("registered", register())
		note(a.headers["Content-Type"], len(a.id))
		tell("again", register())
		tell("no id", call("GET", EXTENSION + "event/next"))
		tell("bad id", next_event("alpha"))
		tell("unknown id", next_event("00000000-0000-4000-8000-000000000000"))
		a.status = call("GET", EXTENSION + "register").status
		note("method", a.status)
		tell("path", call("POST", EXTENSION + "event/previous"))
		h = {"Lambda-Extension-Identifier": a.id}
		tell("no type", call("POST", EXTENSION + "init/error", "{}", h))
		tell("no type", call("POST", EXTENSION + "exit/error", "{}", h))
		note(next_event(a.id.upper()).json()["eventType"])
		h["Lambda-Extension-Function-Error-Type"] = "Extension.Own"
		b = call("POST", EXTENSION + "init/error", "{}", h)
		note("late", b.status, b.body.decode().strip().replace(a.id, "ID"))
		attend(a.id)
	EOF
	function_is <<<'serve(lambda i: 1)'
	serve -x "$T/x"
	invoke '{}'
	is "$error $body" ' 1'
	wait_for ^late notes.alpha
	is "$(cat notes.alpha)" "$(
		refused 'no name' 'Empty extension name' Extension.InvalidExtensionName
		refused 'no object' 'an object is expected' InvalidRequestFormat
		echo 'no json 403 InvalidRequestFormat'
		refused 'no list' 'events: a list is expected' InvalidRequestFormat
		refused 'no strings' 'events: a list of strings is expected' InvalidRequestFormat
		refused keys 'configurationKeys are deprecated; use environment variables instead' InvalidRequestFormat
		refused event 'LUNCH: ErrorInvalidEventType' Extension.InvalidEventType
		echo 'registered 200 {"functionName":"f","functionVersion":"$LATEST","handler":"bootstrap"}'
		echo 'application/json 36'
		refused again "$(not_from Registered Registered alpha)" Extension.InvalidExtensionState
		refused 'no id' 'Missing Lambda-Extension-Identifier header' Extension.MissingExtensionIdentifier
		refused 'bad id' 'Invalid Lambda-Extension-Identifier' Extension.InvalidExtensionIdentifier
		refused 'unknown id' 'Unknown extension 00000000-0000-4000-8000-000000000000' \
			Extension.UnknownExtensionIdentifier
		echo 'method 405'
		echo 'path 404 404 page not found'
		refused 'no type' 'Lambda-Extension-Function-Error-Type not found' Extension.MissingHeader
		refused 'no type' 'Lambda-Extension-Function-Error-Type not found' Extension.MissingHeader
		echo INVOKE
		refused late "$(not_from Running InitError ID)" Extension.InvalidExtensionState
	)"
	stop
}

@test "threads of the runtime register before it asks, ten at most, for INVOKE alone" {
	function_is <<-'EOF'
		import threading
		a = tell("inner", register("inner", ["INVOKE"], Lambda_Extension_Accept_Feature="other, accountId"))
		tell("shutdown", register("other", ["SHUTDOWN"]))
		tell("again", register("inner", ["INVOKE"]))
		ids = [a.id] + [register(f"i{n}", []).id for n in range(9)]
		tell("eleventh", register("last", []))
		told = threading.Event()
		def wait(id):
		    e = next_event(id).json()
		    note(e["eventType"], e["requestId"], e["invokedFunctionArn"], e["tracing"], e["deadlineMs"] > 0)
		    told.set()
		    next_event(id)
		for id in ids:
		    threading.Thread(target=wait, args=[id], daemon=True).start()
		i = next_invocation()
		tell("late", register("late", []))
		told.wait()
		respond(i.id, '"well"')
		serve(lambda i: "more")
	EOF
	serve
	invoke '{}' -H 'X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0'
	is "$error $body" ' "well"'
	is "$(sort notes | sed -E 's/;Parent=[0-9a-f]{16}//')" "$(
		{
			echo 'inner 200 {"accountId":"123456789012","functionName":"f","functionVersion":"$LATEST","handler":"bootstrap"}'
			refused shutdown 'SHUTDOWN: ShutdownEventNotSupportedForInternalExtension' Extension.InvalidEventType
			refused again 'Extension with this name already registered' Extension.InvalidExtensionState
			refused eleventh 'Extension limit (10) reached' Extension.TooManyExtensions
			echo "INVOKE $id arn:aws:lambda:us-east-1:123456789012:function:f {'type': 'X-Amzn-Trace-Id', 'value': 'Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0'} True"
			refused late 'Extension registration closed already' Extension.RegistrationClosed
		} | sort
	)"
	stop
}

@test "the runtime starts when all programs have registered; an invocation begins when all are ready" {
	for name in alpha beta; do
		extension_is "$name" <<-'EOF'
			note(sorted(k for k in os.environ if k.startswith("AWS_LAMBDA") or "HANDLER" in k or k.startswith("LAMBDA")))
			a = register()
			open("/tmp/shared." + os.path.basename(sys.argv[0]), "w").close()
			# the runtime is there: it can be seen to wait, but no invocation begins
			while not os.path.exists("notes"):
			    pass
			def each(e):
			    note(e["eventType"])
			attend(a.id, each)
		EOF
	done
	function_is <<-'EOF'
		note(os.path.exists("/tmp/shared.alpha"), os.path.exists("/tmp/shared.beta"))
		def handler(i):
		    note("invoked")
		    return i.event
		serve(handler)
	EOF
	serve -x "$T/x"
	invoke '{"n":1}'
	is "$error $body" ' {"n": 1}'
	invoke '{"n":2}'
	is "$error $body" ' {"n": 2}'
	stop
	is "$(tail -n +2 notes)" 'invoked
invoked'
	for name in alpha beta; do
		is "$(cat notes.$name)" "['AWS_LAMBDA_FUNCTION_MEMORY_SIZE', 'AWS_LAMBDA_FUNCTION_NAME', 'AWS_LAMBDA_FUNCTION_VERSION', 'AWS_LAMBDA_INITIALIZATION_TYPE', 'AWS_LAMBDA_RUNTIME_API']
INVOKE
INVOKE
SHUTDOWN"
	done
	is "$(grep -c 'state: init' "$T/log")" 1
}

shared_tmp() {
	extension_is alpha <<-'EOF'
		a = register(events=["INVOKE"])
		open("/tmp/from-extension", "w").write("e")
		attend(a.id, lambda e: note(open("/tmp/from-function").read()))
	EOF
	function_is <<-'EOF'
		open("/tmp/from-function", "w").write("f")
		serve(lambda i: open("/tmp/from-extension").read())
	EOF
	serve -x "$T/x"
	invoke '{}'
	is "$error $body" ' "e"'
	wait_for f notes.alpha
	stop
	[ ! -e /tmp/from-extension ] && [ ! -e /tmp/from-function ]
}

@test "an extension sees the function's /tmp" {
	shared_tmp
}

@test "it does for a user without rights, too" {
	as_user
	shared_tmp
}

@test "the answer goes out at once, the invocation is over when the extension asks again" {
	mkfifo gate
	extension_is slow <<-'EOF'
		a = register(events=["INVOKE"])
		def each(e):
		    say("after the answer")
		    open("gate").read()
		attend(a.id, each)
	EOF
	function_is <<-'EOF'
		def handler(i):
		    say("in the function")
		    return i.event
		serve(handler)
	EOF
	serve -x "$T/x" -t 60000
	invoke '{"n":1}'
	is "$body" '{"n": 1}'
	wait_for 'extension: after the answer' "$T/log"
	is "$(grep -c 'platform: REPORT' "$T/log" || :)" 0
	# another caller waits: it is the instance's turn only when all have asked
	curl -s -d '{"n":2}' "http://127.0.0.1:$port/2015-03-31/functions/f/invocations" >"$T/second" &
	second=$!
	echo >gate
	# a second one at once could meet the reader of the first, and lose it
	until [ "$(grep -c 'extension: after the answer' "$T/log")" = 2 ]; do :; done
	echo >gate
	wait "$second"
	is "$(cat "$T/second")" '{"n": 2}'
	wait_for 'REPORT' "$T/log"
	is "$(grep -E '^(function|extension|platform)' "$T/log" | head -4 | cut -d' ' -f1-2 | sort)" 'extension: after
function: in
platform: END
platform: START'
	stop
}

@test "an extension that does not ask again uses the function's time up" {
	extension_is stuck <<-'EOF'
		import signal, time
		a = register()
		note(next_event(a.id).json()["eventType"])
		time.sleep(100)
	EOF
	function_is <<<'serve(lambda i: i.event)'
	serve -x "$T/x" -t 500
	invoke '{"n":1}'
	is "$error $body" ' {"n": 1}'
	# it was killed two seconds after its end began; then there is room for another
	invoke '{"n":2}'
	is "$error $body" ' {"n": 2}'
	has "$(cat "$T/log")" 'Task timed out after 0.50 seconds'
	is "$(head -2 notes.stuck)" 'INVOKE
INVOKE'
	stop
}

@test "SHUTDOWN: why, by when, and that SIGTERM came first; who wants none is killed" {
	extension_is alpha <<-'EOF'
		import time
		a = register(events=["SHUTDOWN"])
		e = attend(a.id)
		left = e["deadlineMs"] - time.time() * 1000
		note(e["eventType"], e["shutdownReason"], 1000 < left <= 2000, os.path.exists("terminated"))
		say("the last words")
	EOF
	extension_is beta <<-'EOF'
		a = register(events=["INVOKE"])
		attend(a.id)
	EOF
	function_is <<-'EOF'
		import signal, time
		def ended(*_):
		    open("terminated", "w").close()
		    sys.exit(0)
		signal.signal(signal.SIGTERM, ended)
		def handler(i):
		    if i.event == "hang":
		        time.sleep(100)
		    if i.event == "exit":
		        os._exit(9)
		    return 1
		serve(handler)
	EOF
	serve -x "$T/x" -t 1000 -i 200
	invoke '"hang"'
	has "$body" Sandbox.Timedout
	wait_for timeout notes.alpha
	rm terminated
	invoke '"exit"'
	has "$body" 'exit status 9'
	wait_for failure notes.alpha
	invoke 1
	# it has nothing to do
	wait_for spindown notes.alpha
	is "$(cat notes.alpha)" 'SHUTDOWN timeout True True
SHUTDOWN failure True False
SHUTDOWN spindown True True'
	is "$(grep -c 'extension: the last words' "$T/log")" 3
	stop
}

deaf() {
	extension_is deaf <<-'EOF'
		import signal, time
		a = register()
		if os.fork() == 0:
		    os.setsid()
		    note("child", os.getpid())
		    time.sleep(1000)
		next_event(a.id)
		next_event(a.id)
		note("told")
		time.sleep(1000)
	EOF
	function_is <<-'EOF'
		import signal, time
		signal.signal(signal.SIGTERM, signal.SIG_IGN)
		if os.fork() == 0:
		    os.setsid()
		    note("child", os.getpid())
		    time.sleep(1000)
		serve(lambda i: 1)
	EOF
	serve -x "$T/x"
	invoke 1
	is "$body" 1
	begin=$(date +%s%N)
	stop
	took=$((($(date +%s%N) - begin) / 1000000))
	[ "$took" -ge 1900 ] && [ "$took" -le 4000 ]
	has "$(cat notes.deaf)" told
	while read -r child; do
		[ ! -e "/proc/$child" ] || grep -q '^State:.Z' "/proc/$child/status"
	done < <(cat notes notes.deaf | sed -n 's/^child //p')
	is "$(cat notes notes.deaf | grep -c child)" 2
}

@test "what ignores SIGTERM and SHUTDOWN is killed in two seconds, with all that it started" {
	deaf
}

@test "the same for a user without rights" {
	as_user
	deaf
}

@test "an extension that fails: it exits, crashes, tells an error of its init or of its end, is no program" {
	function_is <<<'serve(lambda i: 1)'
	serve -x "$T/x"
	extension_is a <<<'sys.exit(0)'
	invoke '{}'
	failed Extension.Crash "exit code 0"
	extension_is a <<-'EOF'
		a = register()
		h = {"Lambda-Extension-Identifier": a.id, "Lambda-Extension-Function-Error-Type": "Extension.NoKey"}
		tell("init error", call("POST", EXTENSION + "init/error", "{}", h))
		tell("again", call("POST", EXTENSION + "init/error", "{}", h))
		b = next_event(a.id)
		note("next", b.status, b.body.decode().strip().replace(a.id, "ID"))
		sys.exit(4)
	EOF
	invoke '{}'
	failed Extension.InitError "exit status 4"
	extension_is a <<-'EOF'
		a = register()
		next_event(a.id)
		h = {"Lambda-Extension-Identifier": a.id, "Lambda-Extension-Function-Error-Type": "Extension.Lost"}
		tell("exit error", call("POST", EXTENSION + "exit/error", "{}", h))
		sys.exit(5)
	EOF
	function_is <<-'EOF'
		import time
		next_invocation()
		time.sleep(100)
	EOF
	invoke '{}'
	failed Extension.ExitError "exit status 5"
	is "$(cat notes.a)" "$(
		echo 'init error 202 {"status":"OK"}'
		echo 'again 202 {"status":"OK"}'
		refused next "$(not_from InitError Ready ID)" Extension.InvalidExtensionState
		echo 'exit error 202 {"status":"OK"}'
	)"
	extension_is a <<-'EOF'
		a = register()
		next_event(a.id)
		os.kill(os.getpid(), 9)
	EOF
	invoke '{}'
	failed Extension.Crash "signal: killed"
	chmod -x "$T/x/a"
	invoke '{}'
	failed Extension.LaunchError "PermissionDenied"
	for n in 1 2 3 4 5 6 7 8 9 10 11; do
		extension_is "x$n" <<<'attend(register().id)'
	done
	rm "$T/x/a"
	invoke '{}'
	failed Extension.LaunchError "TooManyExtensions"
	rm "$T"/x/*
	function_is <<<'serve(lambda i: 1)'
	invoke '{}'
	is "$error $body" ' 1'
	stop
}

@test "an extension that never registers, and one that registers and never asks" {
	extension_is a <<-'EOF'
		import time
		time.sleep(100)
	EOF
	function_is <<<'serve(lambda i: 1)'
	serve -x "$T/x"
	invoke '{}'
	failed Sandbox.Timedout "Init phase timed out after 10.00 seconds"
	[ ! -e notes ]
	extension_is a <<-'EOF'
		import time
		register()
		time.sleep(100)
	EOF
	invoke '{}'
	failed Sandbox.Timedout "Init phase timed out after 10.00 seconds"
	stop
}

@test "an extension that closes while it waits and asks again misses nothing" {
	extension_is a <<-'EOF'
		a = register(events=["INVOKE"])
		h = f"GET {EXTENSION}event/next HTTP/1.1\r\nHost: localhost\r\nLambda-Extension-Identifier: {a.id}\r\n\r\n"
		for n in range(3):
		    send(h.encode()).close()
		while True:
		    e = next_event(a.id)
		    # one of those may be read after this one, which is told that it is not the last any more
		    if e.status == 200:
		        note(e.json()["eventType"], e.json()["requestId"])
	EOF
	function_is <<<'serve(lambda i: 1)'
	serve -x "$T/x"
	invoke '{}'
	is "$error $body" ' 1'
	wait_for "INVOKE $id" notes.a
	invoke '{}'
	is "$error $body" ' 1'
	wait_for "INVOKE $id" notes.a
	stop
}
