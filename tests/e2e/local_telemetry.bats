#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154,SC2016  # the helpers set $status, $body and others; $LATEST is text
# The Telemetry API and the Logs API, received by servers in Python's standard library.

load helper
load local_runtime_helper

# invalid WHAT MESSAGE: a line of notes
invalid() {
	printf '%s 400 {"errorType":"ValidationError","errorMessage":"%s"}\n' "$@"
}

@test "subscriptions: what is refused, and why; none once the start is over" {
	extension_is a <<-'EOF'
		a = register(events=["INVOKE"])
		def ask(what, path="/2022-07-01/telemetry", **more):
		    r = request(1234)
		    r.update(more)
		    tell(what, subscribe(a.id, {k: v for k, v in r.items() if v is not None}, path))
		def to(**d):
		    return {"destination": {"protocol": "HTTP", "URI": "http://sandbox:1", **d}}
		ask("nothing", schemaVersion=None, types=None, destination=None)
		ask("version", schemaVersion="2020-08-15")
		ask("types", types=["platform", "lunch"])
		ask("no types", types=[])
		ask("buffering", buffering=[1])
		ask("bounds", buffering={"maxItems": 999, "maxBytes": 1048577, "timeoutMs": 24})
		ask("fraction", buffering={"timeoutMs": 25.5})
		ask("protocol", **to(protocol="UDP"))
		ask("elsewhere", **to(URI="http://example.com:80"))
		ask("as if here", **to(URI="http://localhost.example.com:80"))
		ask("scheme", **to(URI="https://sandbox.localdomain:80"))
		ask("no port", **to(URI="http://sandbox.localdomain/"))
		ask("bad port", **to(URI="http://sandbox.localdomain:65536"))
		ask("line", **to(URI="http://sandbox.localdomain:80/a\r\nX: y"))
		ask("no URI", **to(URI=None))
		ask("TCP", destination={"protocol": "TCP"})
		tell("object", subscribe(a.id, "[]"))
		b = subscribe(a.id, "{")
		note("json", b.status, b.json()["errorType"])
		port = receive()
		b = tell("well", subscribe(a.id, request(port)))
		note(b.headers["Content-Type"])
		tell("again, with a slash", subscribe(a.id, request(port), "/2022-07-01/telemetry/"))
		tell("other API", subscribe(a.id, request(port, schemaVersion="2021-03-18"), "/2020-08-15/logs"))
		def late(e):
		    tell("late", subscribe(a.id, request(port)))
		    tell("late", subscribe(a.id, request(port), "/2020-08-15/logs"))
		attend(a.id, late)
	EOF
	function_is <<<'serve(lambda i: 1)'
	serve -x "$T/x"
	invoke '{}'
	is "$body" 1
	wait_for 'late.*Logs' notes.a
	is "$(grep -v batch notes.a)" "$(
		invalid nothing 'schemaVersion is not provided; types should not be empty; destination is not provided'
		invalid version 'schemaVersion is not known'
		invalid types 'types must be of platform, function, extension'
		invalid 'no types' 'types should not be empty'
		invalid buffering 'buffering must be an object'
		invalid bounds 'buffering.maxItems must be from 1000 to 10000; buffering.maxBytes must be from 262144 to 1048576; buffering.timeoutMs must be from 25 to 30000'
		invalid fraction 'buffering.timeoutMs must be from 25 to 30000'
		invalid protocol 'destination.protocol must be HTTP or TCP'
		invalid elsewhere 'destination.URI host must be sandbox.localdomain'
		invalid 'as if here' 'destination.URI host must be sandbox.localdomain'
		invalid scheme 'destination.URI must begin with http://'
		invalid 'no port' 'URI port is not provided'
		invalid 'bad port' 'URI port is not provided'
		invalid line 'destination.URI host must be sandbox.localdomain'
		invalid 'no URI' 'destination.URI is not provided'
		invalid TCP 'destination.port is not provided'
		invalid object 'an object is expected'
		echo 'json 400 ValidationError'
		echo 'well 200 "OK"'
		echo application/json
		echo 'again, with a slash 200 "OK"'
		invalid 'other API' 'it has subscribed to the Telemetry API'
		echo 'late 403 {"errorMessage":"Telemetry API subscription is closed","errorType":"Telemetry.SubscriptionClosed"}'
		echo 'late 403 {"errorMessage":"Logs API subscription is closed already","errorType":"Logs.SubscriptionClosed"}'
	)"
	is "$(grep batch notes.a | sort -u)" 'batch POST /in?a=b sandbox.localdomain application/json True'
	stop
}

# events FILTER: of the extension a, by jq
events() {
	jq -c "$1" events.a | sed -E 's/;Parent=[0-9a-f]{16}//'
}

@test "what happens is told: from before the subscription to the end" {
	need jq jq
	extension_is a <<-'EOF'
		say("an early word")
		a = register()
		assert subscribe(a.id, request(receive())).status == 200
		attend(a.id, lambda e: say("a word") if e["eventType"] == "INVOKE" else None)
		def told(what):
		    return os.path.exists("events.a") and open("events.a").read().count(f'"{what}"')
		while told("platform.report") < 2 or told("a word") < 2 or told("e2") < 1:
		    time.sleep(0.01)
	EOF
	function_is <<-'EOF'
		say('first "words"')
		def handler(i):
		    say("e" + str(i.event))
		    if i.event == 2:
		        fail(i.id, '{}', {"Lambda-Runtime-Function-Error-Type": "Function.Own"})
		        return None
		    return i.event
		serve(handler)
	EOF
	serve -x "$T/x"
	invoke 1 -H 'X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0'
	first=$id
	invoke 2
	stop
	# all of an instance's times are of one clock and one format
	is "$(events .time | grep -vcE '^"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{3}Z"$' || :)" 0
	is "$(events .type | head -1)" '"platform.initStart"'
	is "$(events 'select(.type=="platform.initStart").record|del(.instanceId)')" \
		'{"initializationType":"on-demand","phase":"init","functionName":"f","functionVersion":"$LATEST","instanceMaxMemory":134217728}'
	is "$(events 'select(.type=="platform.initRuntimeDone").record')" \
		'{"initializationType":"on-demand","phase":"init","status":"success"}'
	is "$(events 'select(.type=="platform.initReport").record|.metrics.durationMs|=(.>0)')" \
		'{"initializationType":"on-demand","phase":"init","status":"success","metrics":{"durationMs":true}}'
	is "$(events 'select(.type=="platform.extension").record')" \
		'{"name":"a","state":"Ready","events":["INVOKE","SHUTDOWN"]}'
	is "$(events 'select(.type=="platform.telemetrySubscription").record')" \
		'{"name":"a","state":"Subscribed","types":["platform","function","extension"]}'
	is "$(events 'select(.type=="function").record')" '"first \"words\""
"e1"
"e2"'
	is "$(events 'select(.type=="extension").record')" '"an early word"
"a word"
"a word"'
	trace='{"type":"X-Amzn-Trace-Id","value":"Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"}'
	is "$(events 'select(.type=="platform.start").record' | head -1)" \
		"{\"requestId\":\"$first\",\"version\":\"\$LATEST\",\"tracing\":$trace}"
	is "$(events 'select(.type=="platform.runtimeDone").record|.metrics.durationMs|=(.>0)|.spans|=map(.durationMs|=(.>=0)|del(.start))' | head -1)" \
		"{\"requestId\":\"$first\",\"status\":\"success\",\"metrics\":{\"durationMs\":true,\"producedBytes\":1},\"spans\":[{\"name\":\"responseLatency\",\"durationMs\":true},{\"name\":\"responseDuration\",\"durationMs\":true},{\"name\":\"runtimeOverhead\",\"durationMs\":true}],\"tracing\":$trace}"
	is "$(events 'select(.type=="platform.report").record|.metrics|=map_values(.>0)' | head -1)" \
		"{\"requestId\":\"$first\",\"status\":\"success\",\"metrics\":{\"durationMs\":true,\"billedDurationMs\":true,\"memorySizeMB\":true,\"maxMemoryUsedMB\":true,\"initDurationMs\":true},\"tracing\":$trace}"
	is "$(events 'select(.type=="platform.report").record|[.requestId,.status,.errorType,.metrics.memorySizeMB,.metrics.initDurationMs]' | tail -1)" \
		"[\"$id\",\"error\",\"Function.Own\",128,null]"
	is "$(events 'select(.type|startswith("platform.end")or startswith("platform.logs"))')" ""
}

@test "types of errors are the platform's, as far as it knows them" {
	need jq jq
	extension_is a <<-'EOF'
		a = register()
		assert subscribe(a.id, request(receive(), ["platform"])).status == 200
		attend(a.id)
		while not os.path.exists("events.a") or open("events.a").read().count("platform.report") < 8:
		    pass
	EOF
	function_is <<-'EOF'
		def handler(i):
		    fail(i.id, "{}", {"Lambda-Runtime-Function-Error-Type": i.event} if i.event else {})
		serve(handler)
	EOF
	serve -x "$T/x"
	for type in Function.Own Runtime.NoSuchHandler Function.own Function. runtime.Own Own MyFunction.Own1 ''; do
		invoke "\"$type\""
	done
	stop
	is "$(events 'select(.type=="platform.report").record.errorType')" '"Function.Own"
"Runtime.NoSuchHandler"
"Function.Unknown"
"Function.Unknown"
"Runtime.Unknown"
"Runtime.Unknown"
"MyFunction.Own1"
"Runtime.Unknown"'
	is "$(events 'select(.type=="function")')" ""
}

@test "an instance that ends on its own tells why" {
	need jq jq
	extension_is a <<-'EOF'
		a = register()
		assert subscribe(a.id, request(receive(), ["platform"])).status == 200
		e = attend(a.id)
		while not os.path.exists("events.a") or open("events.a").read().count(e["shutdownReason"]) < 1:
		    pass
	EOF
	function_is <<-'EOF'
		import time
		def handler(i):
		    time.sleep(100) if i.event == 1 else os._exit(3)
		serve(handler)
	EOF
	serve -x "$T/x" -t 500
	invoke 1
	wait_for 'platform.report' events.a
	is "$(events 'select(.type=="platform.runtimeDone" or .type=="platform.report").record|[.status,.errorType]')" \
		'["timeout","Sandbox.Timedout"]
["timeout","Sandbox.Timedout"]'
	invoke 2
	wait_for 'Runtime.ExitError' events.a
	stop
	is "$(events 'select(.type=="platform.report").record|[.status,.errorType]' | tail -1)" '["error","Runtime.ExitError"]'
}

@test "an init that fails is told" {
	need jq jq
	extension_is a <<-'EOF'
		a = register()
		assert subscribe(a.id, request(receive(), ["platform"])).status == 200
		attend(a.id)
		while not os.path.exists("events.a") or "initReport" not in open("events.a").read():
		    pass
	EOF
	function_is <<-'EOF'
		h = {"Lambda-Runtime-Function-Error-Type": "Runtime.NoSuchModule"}
		call("POST", RUNTIME + "init/error", '{"errorMessage":"m"}', h)
	EOF
	serve -x "$T/x"
	invoke 1
	is "$body" '{"errorMessage":"m"}'
	stop
	is "$(events 'select(.type=="platform.initRuntimeDone" or .type=="platform.initReport").record|[.status,.errorType]')" \
		'["error","Runtime.NoSuchModule"]
["error","Runtime.NoSuchModule"]'
}

@test "the Logs API, by PUT; and lines over TCP" {
	need jq jq
	extension_is a <<-'EOF'
		a = register()
		r = {"schemaVersion": "2021-03-18", "types": ["platform", "function"], "buffering": {"timeoutMs": 25},
		     "destination": {"protocol": "HTTP", "URI": f"http://sandbox:{receive()}", "method": "PUT"}}
		assert subscribe(a.id, r, "/2020-08-15/logs").status == 200
		attend(a.id)
		def told(what):
		    return os.path.exists("events.a") and open("events.a").read().count(f'"platform.{what}"')
		while told("end") < 2 or told("report") < 2:
		    time.sleep(0.01)
	EOF
	extension_is b <<-'EOF'
		a = register()
		s = socket.create_server(("127.0.0.1", 0))
		r = {"schemaVersion": "2022-07-01", "types": ["function"], "buffering": {"timeoutMs": 25},
		     "destination": {"protocol": "TCP", "port": s.getsockname()[1]}}
		assert subscribe(a.id, r).status == 200
		def lines():
		    c, _ = s.accept()
		    for line in c.makefile():
		        note(json.loads(line)["type"], json.loads(line)["record"])
		threading.Thread(target=lines, daemon=True).start()
		attend(a.id)
		while not os.path.exists("notes.b") or "last" not in open("notes.b").read():
		    pass
	EOF
	function_is <<-'EOF'
		def handler(i):
		    for n in range(3):
		        say(f"line {n}")
		    say(i.event)
		    return 1
		serve(handler)
	EOF
	serve -x "$T/x"
	invoke '"first"'
	invoke '"last"'
	stop
	is "$(events .type | sort | uniq -c | awk '{print $1, $2}')" '8 "function"
2 "platform.end"
2 "platform.extension"
1 "platform.logsSubscription"
2 "platform.report"
2 "platform.runtimeDone"
2 "platform.start"'
	is "$(grep -c 'batch PUT / sandbox application/json True' notes.a)" "$(grep -c batch notes.a)"
	is "$(cat notes.b)" 'function line 0
function line 1
function line 2
function first
function line 0
function line 1
function line 2
function last'
}

@test "a receiver that fails, and one that takes nothing: calls go on, and what was dropped is told" {
	need jq jq
	# a fails until the file "mended" is there; b listens and never reads; nobody listens for c
	extension_is a <<-'EOF'
		a = register()
		assert subscribe(a.id, request(receive(lambda n: 200 if os.path.exists("mended") else 500))).status == 200
		attend(a.id)
		while "platform.logsDropped" not in open("events.a").read():
		    pass
	EOF
	extension_is b <<-'EOF'
		a = register()
		s = socket.create_server(("127.0.0.1", 0))
		assert subscribe(a.id, request(s.getsockname()[1])).status == 200
		attend(a.id)
	EOF
	extension_is c <<-'EOF'
		a = register()
		s = socket.create_server(("127.0.0.1", 0))
		port = s.getsockname()[1]
		s.close()
		assert subscribe(a.id, request(port)).status == 200
		attend(a.id)
	EOF
	function_is <<-'EOF'
		line = "x" * 10000
		def handler(i):
		    # more than all that is buffered
		    for n in range(500):
		        say(line)
		    return 1
		serve(handler)
	EOF
	serve -x "$T/x" -t 20000
	for _ in 1 2 3; do
		invoke 1
		is "$error $body" ' 1'
	done
	: >mended
	invoke 1
	wait_for platform.logsDropped events.a
	is "$(events 'select(.type=="platform.logsDropped").record|[.droppedRecords>100,.droppedBytes>1000000,.reason]' | head -1)" \
		'[true,true,"Some logs were dropped because the downstream consumer is slower than the logs production rate"]'
	stop
}
