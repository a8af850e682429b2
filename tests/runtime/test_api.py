# SPDX-License-Identifier: Apache-2.0
"""The Runtime API server of the tests is strict: bootstraps that get one thing wrong are found out."""

import os
import sys
import textwrap

from kit import Case, run_api

# What a bootstrap sends, by name: `get`, then `answer` for the id. Each case replaces one line.
CLIENT = '''
    import os, re, signal, socket, sys, time
    host = os.environ["AWS_LAMBDA_RUNTIME_API"]
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    base = "/2018-06-01/runtime/invocation/"
    sock = socket.create_connection(host.split(":"))
    def send(text):
        sock.sendall(text.encode("latin-1"))
    def receive():
        data = b""
        while b"\\r\\n\\r\\n" not in data:
            data += sock.recv(65536)
        head, _, body = data.partition(b"\\r\\n\\r\\n")
        length = int(re.search(rb"(?i)content-length: *(\\d+)", head)[1])
        while len(body) < length:
            body += sock.recv(65536)
        return head.decode()
    def request(line, fields, body=""):
        send("%s HTTP/1.1\\r\\n%s\\r\\n%s" % (line, "".join(f + "\\r\\n" for f in fields), body))
        return receive()
    def get():
        head = request("GET " + base + "next", ["Host: " + host])
        return re.search(r"Lambda-Runtime-Aws-Request-Id: (\\S+)", head)[1]
    def answer(body, *more, what="/response"):
        request("POST " + base + id + what, ["Host: " + host, "Content-Length: %d" % len(body), *more], body)
    def stream(body, *more):
        request("POST " + base + id + "/response", ["Host: " + host, "Transfer-Encoding: chunked",
            "Lambda-Runtime-Function-Response-Mode: streaming", *more], body)
    TRAILER = "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    TYPE = "Lambda-Runtime-Function-Error-Type: "
    ERROR = '{"errorMessage":"m","errorType":"T","stackTrace":[]}'
'''

GOOD = {
    "answer": ('id = get(); answer("{}")', ["--expect", "{}"]),
    "error": ('id = get(); answer(ERROR, TYPE + "Function.Tt", what="/error")', ["--expect-error", "T"]),
    "stream": ('id = get(); stream("3\\r\\nabc\\r\\n0\\r\\n\\r\\n", TRAILER)', ["--expect-stream", "abc"]),
}

BAD = {
    "an answer before the question": 'id = "x"; answer("{}")',
    "the id of another": 'get(); id = "x"; answer("{}")',
    "no Host": 'request("GET " + base + "next", [])',
    "a wrong Host": 'request("GET " + base + "next", ["Host: x"])',
    "a field twice": 'request("GET " + base + "next", ["Host: " + host, "host: " + host])',
    "a folded field": 'request("GET " + base + "next", ["Host: " + host, "X: a", " b"])',
    "a blank before the colon": 'request("GET " + base + "next", ["Host: " + host, "X : a"])',
    "another path": 'request("GET /next", ["Host: " + host])',
    "another method": 'request("PUT " + base + "next", ["Host: " + host])',
    "HTTP/1.0": 'send("GET " + base + "next HTTP/1.0\\r\\nHost: " + host + "\\r\\n\\r\\n"); receive()',
    "a GET with a body": 'request("GET " + base + "next", ["Host: " + host, "Content-Length: 1"], "x")',
    "a request too many": 'id = get(); answer("{}"); answer("{}"); get(); time.sleep(60)',
    "no length": 'id = get(); request("POST " + base + id + "/response", ["Host: " + host], "")',
    "more than its length": 'id = get(); request("POST " + base + id + "/response", '
                            '["Host: " + host, "Content-Length: 1"], "{}")',
    "less than its length": 'id = get(); send("POST " + base + id + "/response HTTP/1.1\\r\\nHost: " + host + '
                            '"\\r\\nContent-Length: 3\\r\\n\\r\\n{}"); sock.close(); time.sleep(60)',
    "a wrong answer": 'id = get(); answer("[]")',
    "an error instead": 'id = get(); answer(ERROR, TYPE + "Function.Tt", what="/error")',
    "an error's type in an answer": 'id = get(); answer("{}", TYPE + "Function.Tt")',
    "a mode without a stream": 'id = get(); answer("{}", "Lambda-Runtime-Function-Response-Mode: streaming")',
    "no GET after the answer": 'id = get(); answer("{}"); os._exit(0)',
    "death by itself": 'id = get(); os._exit(3)',
    "deaf to SIGTERM": 'signal.signal(signal.SIGTERM, lambda *_: os._exit(5)); id = get(); answer("{}"); get()',
}

BAD_ERRORS = {
    "no type": 'answer(ERROR, what="/error")',
    "a type without its kind": 'answer(ERROR, TYPE + "Tt", what="/error")',
    "a type in lower case": 'answer(ERROR, TYPE + "Function.tt", what="/error")',
    "a type with more": 'answer(ERROR, TYPE + "Function.T1", what="/error")',
    "no body": 'answer("", TYPE + "Function.Tt", what="/error")',
    "no stack": 'answer(ERROR.replace(\',"stackTrace":[]\', ""), TYPE + "Function.Tt", what="/error")',
    "no message": 'answer(ERROR.replace(\'"m"\', "1"), TYPE + "Function.Tt", what="/error")',
    "another type": 'answer(ERROR.replace("T\\"", "U\\""), TYPE + "Function.Tt", what="/error")',
}

BAD_STREAMS = {
    "no trailers announced": 'stream("3\\r\\nabc\\r\\n0\\r\\n\\r\\n")',
    "other trailers": 'stream("3\\r\\nabc\\r\\n0\\r\\n\\r\\n", "Trailer: X")',
    "a length, too": 'stream("3\\r\\nabc\\r\\n0\\r\\n\\r\\n", TRAILER, "Content-Length: 3")',
    "no mode": 'request("POST " + base + id + "/response", ["Host: " + host, "Transfer-Encoding: chunked", TRAILER], '
               '"3\\r\\nabc\\r\\n0\\r\\n\\r\\n")',
    "a size that is none": 'stream("x\\r\\nabc\\r\\n0\\r\\n\\r\\n", TRAILER)',
    "a chunk too long": 'stream("3\\r\\nabcd\\r\\n0\\r\\n\\r\\n", TRAILER)',
    "a bare LF": 'stream("3\\nabc\\r\\n0\\r\\n\\r\\n", TRAILER)',
    "bytes after the end": 'stream("3\\r\\nabc\\r\\n0\\r\\n\\r\\nx", TRAILER)',
    "a trailer not announced": 'stream("3\\r\\nabc\\r\\n0\\r\\nX: y\\r\\n\\r\\n", TRAILER)',
    "an error": 'stream("3\\r\\nabc\\r\\n0\\r\\n" + TYPE + "Function.Tt\\r\\n\\r\\n", TRAILER)',
    "no end": '(send("POST " + base + id + "/response HTTP/1.1\\r\\nHost: " + host + "\\r\\nTransfer-Encoding: chunked'
              '\\r\\nLambda-Runtime-Function-Response-Mode: streaming\\r\\n" + TRAILER + "\\r\\n\\r\\n3\\r\\nabc\\r\\n"), '
              'sock.close(), time.sleep(60))',
    "no stream": 'answer("abc")',
}


class Api(Case):
    def attempt(self, code, *options):
        script = os.path.join(self.dir, "bootstrap.py")
        with open(script, "w") as file:
            file.write(textwrap.dedent(CLIENT) + code + "\nget()\ntime.sleep(60)\n")
        return run_api("--timeout", "5", *options, "--", sys.executable, "-IS", script, timeout=30)

    def test_strict(self):
        if self.kind != "gcc":
            return  # nothing here is compiled: once is enough
        for code, options in GOOD.values():
            done = self.attempt(code, *options)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for cases, before, options in ((BAD, "", ["--expect", "{}"]),
                                       (BAD_ERRORS, "id = get(); ", ["--expect-error", "T"]),
                                       (BAD_STREAMS, "id = get(); ", ["--streamed", "--expect-stream", "abc"])):
            for name, code in cases.items():
                with self.subTest(name):
                    done = self.attempt(before + code, *options)
                    self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
