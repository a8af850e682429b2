#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154  # $status, $body and others are set by the helpers
# The Runtime API, the Extensions API and the Telemetry API as functions in Python's standard library meet them.

load helper
load local_runtime_helper

# ---- wrong order, wrong shape ----

@test "a runtime that asks out of order is told so, as the emulator tells it" {
	function_is <<-'EOF'
		i = next_invocation()
		tell("another's", respond("00000000-0000-4000-8000-000000000000", "1"))
		tell("another's error", fail("x", "{}"))
		a = next_invocation()
		note("next again", a.status, a.id == i.id, a.body == i.body)
		tell("init error", call("POST", RUNTIME + "init/error", "{}"))
		tell("restore", call("GET", RUNTIME + "restore/next"))
		tell("unknown", call("GET", "/2018-06-01/nothing"))
		a = tell("method", call("POST", RUNTIME + "invocation/next", ""))
		note(a.headers["Allow"])
		a = tell("method", call("GET", RUNTIME + f"invocation/{i.id}/response"))
		note(a.headers["Allow"])
		tell("ping", call("GET", "/2018-06-01/ping"))
		a = tell("first", respond(i.id, '{"n": 1}'))
		note(a.headers["Content-Type"])
		tell("second", respond(i.id, '{"n": 2}'))
		tell("error behind", fail(i.id, "{}"))
		tell("init error", call("POST", RUNTIME + "init/error", "{}"))
		old = i.id
		i = next_invocation()
		tell("the last one's", respond(old, "{}"))
		respond(i.id, '"done"')
		serve(lambda i: "more")
	EOF
	serve
	invoke '{"a":1}'
	is "$status $error $body" '200  {"n": 1}'
	invoke '{}'
	is "$status $error $body" '200  "done"'
	is "$(cat notes)" "another's 400 {\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}
another's error 400 {\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}
next again 200 True True
init error 403 $(wrong Running InitError)
restore 404 404 page not found
unknown 404 404 page not found
method 405 
GET
method 405 
POST
ping 200 pong
first 202 {\"status\":\"OK\"}
application/json
second 403 $(wrong RuntimeResponseSentState InvocationResponse)
error behind 403 $(wrong RuntimeResponseSentState InvocationErrorResponse)
init error 403 $(wrong RuntimeResponseSentState InitError)
the last one's 400 {\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}"
	stop
}

@test "what a function is told of an invocation" {
	function_is <<-'EOF'
		import time
		def handler(i):
		    h = i.headers
		    left = int(h["Lambda-Runtime-Deadline-Ms"]) - time.time() * 1000
		    note(h["Content-Type"], 2000 < left <= 3000, h["Lambda-Runtime-Invoked-Function-Arn"])
		    note(h["Lambda-Runtime-Trace-Id"], h["Lambda-Runtime-Client-Context"])
		    note(h["traceparent"])
		    return i.event
		serve(handler)
	EOF
	serve
	invoke '{"a": [1, "é"]}' \
		-H "X-Amz-Client-Context: $(printf '{"k":\n1}' | base64)" \
		-H 'traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
	is "$body" '{"a": [1, "\u00e9"]}'
	# the invocation is a span of the caller's trace
	is "$(sed -E 's/Parent=[0-9a-f]{16}|-[0-9a-f]{16}-/SPAN/' notes)" \
		'application/json True arn:aws:lambda:us-east-1:123456789012:function:f
Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;SPAN;Sampled=1 {"k": 1}
00-4bf92f3577b34da6a3ce929d0e0e4736SPAN01'
	stop
}

@test "an unknown response mode is refused, the caller is told, the runtime goes on" {
	function_is <<-'EOF'
		i = next_invocation()
		mode = "Lambda-Runtime-Function-Response-Mode"
		tell("mode", respond(i.id, "{}", {mode: "Streaming"}))
		tell("again", respond(i.id, "{}"))
		i = next_invocation()
		tell("error", fail(i.id, '{"errorMessage":"m"}', {mode: "buffered"}))
		i = next_invocation()
		tell("none", respond(i.id, '"ok"', {mode: ""}))
		serve(lambda i: 1)
	EOF
	serve
	invoke '{}'
	failed Runtime.InvalidResponseModeHeader "'Streaming' is no response mode"
	invoke '{}'
	is "$status $error $body" '200 Unhandled {"errorMessage":"m"}'
	invoke '{}'
	is "$status $error $body" '200  "ok"'
	is "$(cat notes)" "mode 400 {\"errorMessage\":\"Invalid function response mode\",\"errorType\":\"InvalidFunctionResponseMode\"}
again 403 $(wrong RuntimeResponseSentState InvocationResponse)
error 202 {\"status\":\"OK\"}
none 202 {\"status\":\"OK\"}"
	stop
}

@test "7 MB are refused, however they come, and the caller is told" {
	function_is <<-'EOF'
		import http.client
		big = b"x" * 7340032
		i = next_invocation()
		tell("another's", respond("x", big))
		tell("length", respond(i.id, big))
		tell("again", respond(i.id, big))
		i = next_invocation()
		c = http.client.HTTPConnection(API)
		c.request("POST", f"{RUNTIME}invocation/{i.id}/response", iter([big]), encode_chunked=True,
		          headers={"Transfer-Encoding": "chunked"})
		r = c.getresponse()
		note("chunked", r.status, r.read().decode().strip())
		i = next_invocation()
		s = send(f"POST {RUNTIME}invocation/{i.id}/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: 7340032\r\n"
		         "Expect: 100-continue\r\n\r\n".encode())
		note("expect", s.recv(4096).split(b"\r\n")[0].decode())
		s.close()
		i = next_invocation()
		tell("error", fail(i.id, big))
		i = next_invocation()
		tell("largest", respond(i.id, b'"' + b"y" * 6291554 + b'"'))
		serve(lambda i: "more")
	EOF
	serve
	too='{"errorMessage":"Exceeded maximum allowed payload size (6291556 bytes).","errorType":"RequestEntityTooLarge"}'
	said='{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (7340032 bytes) exceeded maximum allowed payload size (6291556 bytes)."}'
	for _ in length chunked expect error; do
		invoke '{}'
		is "$status $error $body" "200 Unhandled $said"
	done
	invoke '{}'
	is "$status $error ${#body}" "200  6291556"
	is "$(cat notes)" "another's 400 {\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}
length 413 $too
again 403 $(wrong RuntimeResponseSentState InvocationResponse)
chunked 413 $too
expect HTTP/1.1 413 Content Too Large
error 413 $too
largest 202 {\"status\":\"OK\"}"
	stop
}

@test "an error with its cause, and a body that says it has one" {
	function_is <<-'EOF'
		kind = {"Content-Type": "application/vnd.aws.lambda.error.cause+json"}
		i = next_invocation()
		fail(i.id, '{"errorMessage":"m","errorType":"T","stackTrace":["a"],"errorCause":{"paths":[]}}', kind)
		i = next_invocation()
		fail(i.id, 'no json', kind)
		serve(lambda i: 1)
	EOF
	serve
	invoke '{}'
	is "$error $body" 'Unhandled {"errorMessage":"m","errorType":"T","stackTrace":["a"]}'
	invoke '{}'
	is "$error $body" 'Unhandled "Invalid error body"'
	stop
}

@test "a streamed answer that fails midway is that error for a caller who collects it" {
	function_is <<-'EOF'
		import base64
		error = base64.b64encode(b'{"errorMessage":"midway","errorType":"E"}').decode()
		def stream(id, trailers):
		    s = send((f"POST {RUNTIME}invocation/{id}/response HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
		              "Content-Type: application/octet-stream\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
		              "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
		              "6\r\n{\"a\": \r\n2\r\n1}\r\n0\r\n" + trailers + "\r\n").encode())
		    note(s.recv(4096).split(b"\r\n")[0].decode())
		i = next_invocation()
		stream(i.id, "")
		i = next_invocation()
		stream(i.id, "Lambda-Runtime-Function-Error-Type: Function.Midway\r\n"
		             f"Lambda-Runtime-Function-Error-Body: {error}\r\n")
		serve(lambda i: 1)
	EOF
	serve
	invoke '{}'
	is "$status $error $body" '200  {"a": 1}'
	invoke '{}'
	is "$status $error $body" '200 Unhandled {"errorMessage":"midway","errorType":"E"}'
	is "$(cat notes)" 'HTTP/1.1 202 Accepted
HTTP/1.1 202 Accepted'
	stop
}

# ---- functions that do not behave ----

@test "init: it exits, it ends, it is killed, it says why, it is not there" {
	function_is <<-'EOF'
		import sys
		say("before the end")
		sys.exit(3)
	EOF
	serve
	invoke '{}' -H 'X-Amz-Log-Type: Tail'
	failed Runtime.ExitError "Runtime exited with error: exit status 3"
	function_is <<<'pass'
	invoke '{}'
	failed Runtime.ExitError "Runtime exited without providing a reason"
	function_is <<<'os.kill(os.getpid(), 11)'
	invoke '{}'
	failed Runtime.ExitError "Runtime exited with error: signal: segmentation fault"
	function_is <<-'EOF'
		h = {"Lambda-Runtime-Function-Error-Type": "Runtime.NoSuchModule"}
		tell("error", call("POST", RUNTIME + "init/error", '{"errorMessage":"no module","errorType":"E"}', h))
		tell("again", call("POST", RUNTIME + "init/error", "{}"))
		tell("next", next_invocation())
	EOF
	invoke '{}'
	is "$status $error $body" '200 Unhandled {"errorMessage":"no module","errorType":"E"}'
	until [ "$(grep -c . notes)" = 3 ]; do :; done
	is "$(cat notes)" "error 202 {\"status\":\"OK\"}
again 403 $(wrong InitError InitError)
next 403 $(wrong InitError Ready)"
	function_is <<<'serve(lambda i: i.event)'
	invoke '{"well": 1}'
	is "$status $error $body" '200  {"well": 1}'
	stop
	printf '#!/nowhere/at/all\n' >f.py
	serve
	invoke '{}'
	is "$error $body" "Unhandled {\"errorType\":\"Runtime.InvalidEntrypoint\",\"errorMessage\":\"cannot start $T/w/f.py: the interpreter it names does not exist\"}"
	stop
}

@test "init: it hangs for ten seconds" {
	function_is <<-'EOF'
		import time
		time.sleep(100)
	EOF
	serve
	invoke '{}'
	failed Sandbox.Timedout "Init phase timed out after 10.00 seconds"
	stop
}

@test "it exits, is killed, hangs, leaves its answer half said: every caller is answered, the next one is served" {
	function_is <<-'EOF'
		import signal, sys, time
		signal.signal(signal.SIGTERM, signal.SIG_IGN)
		def handler(i):
		    do = i.event.get("do")
		    if do == "exit":
		        sys.exit(42)
		    if do == "kill":
		        os.kill(os.getpid(), 9)
		    if do == "hang":
		        time.sleep(100)
		    if do == "half":
		        s = send(f"POST {RUNTIME}invocation/{i.id}/response HTTP/1.1\r\nHost: localhost\r\n"
		                 "Content-Length: 100\r\n\r\n{\"half".encode())
		        # that nothing more comes is known when the other side closes, too
		        s.shutdown(socket.SHUT_WR)
		        s.recv(1)
		        return None
		    if do == "close":
		        s = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		        s.close()
		        return None
		    if do == "fork" and os.fork() == 0:
		        os.setsid()
		        time.sleep(100)
		    if do == "leave":
		        respond(i.id, '"and is gone"')
		        sys.exit(7)
		    return "well"
		serve(handler)
	EOF
	serve -t 3000
	invoke '{"do":"exit"}'
	failed Runtime.ExitError "Runtime exited with error: exit status 42"
	invoke '{"do":"kill"}'
	failed Runtime.ExitError "Runtime exited with error: signal: killed"
	invoke '{"do":"hang"}'
	failed Sandbox.Timedout "Task timed out after 3.00 seconds"
	invoke '{"do":"half"}'
	failed Runtime.TruncatedResponse "the runtime closed the connection before its answer was whole"
	invoke '{"do":"fork"}'
	is "$error $body" ' "well"'
	invoke '{"do":"leave"}'
	is "$error $body" ' "and is gone"'
	invoke '{}'
	is "$error $body" ' "well"'
	# it asks again, is given the same event, and so on until its time is over
	invoke '{"do":"close"}'
	failed Sandbox.Timedout "Task timed out after 3.00 seconds"
	invoke '{}'
	is "$error $body" ' "well"'
	stop
}

@test "a runtime that closes while it waits may ask again; one that does not is replaced" {
	function_is <<-'EOF'
		import time
		i = next_invocation()
		respond(i.id, '"first"')
		for _ in range(3):
		    s = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		    s.close()
		# one of those may be read after this one, which is told that it is not the last any more
		i = next_invocation()
		while i.status != 200:
		    i = next_invocation()
		respond(i.id, '"second"')
		s = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		s.close()
		time.sleep(100)
	EOF
	serve
	invoke '{}'
	is "$body" '"first"'
	invoke '{}'
	is "$body" '"second"'
	# its place is free after a second
	invoke '{}'
	is "$body" '"first"'
	has "$(cat "$T/log")" 'state: ending Runtime.ExitError'
	stop
}

@test "two threads that ask at once: the later one is served, the earlier one told" {
	function_is <<-'EOF'
		import re
		i = next_invocation()
		# its request is complete before ours is sent: what it sends is on its way when it is parsed
		s = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		respond(i.id, '"first"')
		note("running", s.recv(4096).split(b"\r\n")[0].decode())
		s = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		call("GET", "/2018-06-01/ping")
		later = send(f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
		call("GET", "/2018-06-01/ping")
		open("asked", "w").close()
		note("earlier", s.recv(4096).split(b"\r\n\r\n")[1].decode().strip())
		head = later.recv(4096).decode()
		respond(re.search(r"(?i)lambda-runtime-aws-request-id: (\S+)", head).group(1), '"second"')
		serve(lambda i: 1)
	EOF
	serve
	invoke '{}'
	is "$body" '"first"'
	for _ in $(seq 500); do
		[ ! -e asked ] || break
		sleep 0.02
	done
	invoke '{}'
	is "$body" '"second"'
	is "$(cat notes)" 'running HTTP/1.1 200 OK
earlier {"errorMessage":"State transition from Ready to Ready failed for runtime. Error: Concurrent state modification","errorType":"InvalidStateTransition"}'
	stop
}

@test "an error of 6 MB that as JSON has 36 is cut in a stream, and nothing ends" {
	function_is <<-'EOF'
		while True:
		    i = next_invocation()
		    if i.event == 1:
		        fail(i.id, b"\x01" * 6000000, {"Lambda-Runtime-Function-Error-Type": "Function.Long"})
		    else:
		        respond(i.id, '"well"')
	EOF
	serve
	is "$(curl -s -o "$T/body" -w '%{http_code}' -d 1 \
		"http://127.0.0.1:$port/2021-11-15/functions/f/response-streaming-invocations")" 200
	[ "$(stat -c %s "$T/body")" -gt 10000000 ] && [ "$(stat -c %s "$T/body")" -lt 16777216 ]
	has "$(tr -d '\0' <"$T/body" | head -c 1000)" '{"ErrorCode":"Function.Long","ErrorDetails":"\u0001\u0001'
	invoke 2
	is "$error $body" ' "well"'
	stop
}

@test "who has more memory than it may, answers and asks again at once: the caller is told" {
	[ "$(id -u)" = 0 ] || skip "RLIMIT_DATA lets nobody have more"
	function_is <<-'EOF'
		import mmap
		def held():
		    return int(open("/proc/self/statm").read().split()[1]) * 4096
		keep = []
		while held() < (128 - 4) << 20:
		    keep.append(mmap.mmap(-1, 1 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE))
		i = next_invocation()
		host, at = API.split(":")
		s = socket.create_connection((host, int(at)))
		more = mmap.mmap(-1, 16 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
		s.sendall((f"POST {RUNTIME}invocation/{i.id}/response HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n11"
		           f"GET {RUNTIME}invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n").encode())
		time.sleep(100)
	EOF
	serve -t 20000
	invoke 1
	is "$error $(jq -r .errorType <<<"$body")" "Unhandled Runtime.OutOfMemory"
	stop
}

@test "the Runtime API is the instance's: no page of a browser may ask" {
	function_is <<-'EOF'
		def ask(what, **headers):
		    a = call("GET", RUNTIME + "invocation/next", headers={k.replace("_", "-"): v for k, v in headers.items()})
		    note(what, a.status, a.json()["errorMessage"])
		ask("another name", Host="evil.example")
		ask("a page", Origin="http://127.0.0.1:1")
		ask("an image", Sec_Fetch_Site="cross-site")
		a = call("GET", EXTENSION + "event/next", headers={"Host": "evil.example"})
		note("an extension", a.status)
		serve(lambda i: i.event)
	EOF
	serve
	invoke 1
	is "$error $body" ' 1'
	is "$(cat notes)" "another name 403 only the instance may ask here
a page 403 only the instance may ask here
an image 403 only the instance may ask here
an extension 403"
	stop
}

@test "a caller of a streamed answer who leaves holds nobody up" {
	function_is <<-'EOF'
		import select
		def stream(i):
		    s = send((f"POST {RUNTIME}invocation/{i.id}/response HTTP/1.1\r\nHost: localhost\r\n"
		              "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
		    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
		    for _ in range(256):
		        if not select.select([], [s], [], 0.5)[1]:
		            note("stalled")
		        s.sendall(piece)
		    s.sendall(b"0\r\n\r\n")
		    note("posted", s.recv(100).split()[1].decode())
		while True:
		    i = next_invocation()
		    respond(i.id, '"well"') if i.event == 2 else stream(i)
	EOF
	cat >leave.py <<-'EOF'
		import os, socket, sys, time
		port, path = int(sys.argv[1]), sys.argv[2]
		s = socket.socket()
		s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
		s.connect(("127.0.0.1", port))
		s.sendall(b"POST %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 1\r\n\r\n1" % (path.encode(), port))
		while not os.path.exists("notes") or open("notes").read().split()[-1:] != ["stalled"]:
		    time.sleep(0.02)
	EOF
	serve -t 20000
	local path
	for path in /f/ /2021-11-15/functions/f/response-streaming-invocations; do
		rm -f notes
		python3 leave.py "$port" "$path"
		wait_for posted notes
		is "$(tail -1 notes)" "posted 202"
		invoke 2
		is "$error $body" ' "well"'
	done
	is "$(grep -c 'Task timed out' "$T/log")" 0
	stop
}

@test "an answer with more headers than can be passed on is a 502, whole or streamed" {
	function_is <<-'EOF'
		while True:
		    i = next_invocation()
		    many = {f"x-{n}": "v" * 1000 for n in range(int(i.event["rawPath"][1:]))}
		    if "queryStringParameters" in i.event:
		        respond(i.id, json.dumps({"statusCode": 200, "headers": many}) + "\0" * 8 + "body", {
		            "Lambda-Runtime-Function-Response-Mode": "streaming",
		            "Content-Type": "application/vnd.awslambda.http-integration-response"})
		    else:
		        respond(i.id, json.dumps({"statusCode": 200, "headers": many, "body": "body"}))
	EOF
	serve
	local more
	for more in '' '?a=b'; do
		is "$(curl -s -w ' %{http_code}' "http://127.0.0.1:$port/f/8$more")" "body 200"
		is "$(curl -s -w ' %{http_code}' "http://127.0.0.1:$port/f/20$more")" "Internal Server Error 502"
	done
	is "$(grep -c '^platform: the answer has more than 14336 bytes of headers$' "$T/log")" 2
	stop
}
