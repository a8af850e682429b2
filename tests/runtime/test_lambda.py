# SPDX-License-Identifier: Apache-2.0
"""The Lambda runtime against a strict Runtime API."""

import base64
import json
import os
import re
import socket
import subprocess
import time
import zlib

from kit import Case, HERE, MACHINE, TEMPLATES, run_api

HELLO_MAX = {"x86_64": 20992, "aarch64": 23040}


class Lambda(Case):
    @classmethod
    def setUpClass(cls):
        functions = os.path.join(HERE, "functions")
        cls.hello = cls.build("hello", "lambda", [os.path.join(TEMPLATES, "hello/src/hello.c")])
        cls.probe = cls.build("probe", "lambda", [os.path.join(functions, "probe.c")],
                              "-DSLSC_HANDLER_SYMBOL=probe_handler")
        cls.bad_init = cls.build("bad_init", "lambda", [os.path.join(functions, "bad_init.c")])

    def api(self, bootstrap, *options, status=0, summary=None, stderr=None):
        done = run_api(*options, "--", bootstrap)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if summary:
            self.assertEqual(done.stdout, summary + "\n")
        if stderr is not None:
            self.assertEqual(re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", done.stderr), stderr)
        return done

    def hellos(self, count, *options):
        self.api(self.hello, "--count", str(count), "--payload", '{"name":"n{i}"}',
                 "--expect", '{"message":"Hello, n{i}!"}', *options,
                 summary="%d invocations, %d ok, 0 failed" % (count, count), stderr="")

    def one(self, payload, expect, *options):
        self.api(self.probe, "--payload", payload, "--expect", expect, *options)

    def error(self, payload, kind, *options, probe=True):
        self.api(self.probe if probe else self.hello, "--count", "2", "--payload", payload,
                 "--expect-error", kind, *options)

    def test_size(self):
        if self.kind == "clang-musl":
            self.assertLessEqual(os.path.getsize(self.hello), HELLO_MAX[MACHINE])
            co = zlib.compressobj(6, zlib.DEFLATED, -15)
            with open(self.hello, "rb") as file:
                self.assertLess(len(co.compress(file.read()) + co.flush()) + 300, 16 << 10)

    def test_thousand_on_one_connection(self):
        self.hellos(1000, "--max-connections", "1")

    def test_world(self):
        self.api(self.hello, "--payload", " { } ", "--expect", '{"message":"Hello, world!"}')

    def test_names_are_escaped(self):
        for name in ('a"b\\c', "\u00fc\u20ac\U0001f600", "\x00\x1f\n", "\ud800"):
            want = name.replace("\ud800", "\ufffd")
            self.api(self.hello, "--payload", json.dumps({"na": 1, "name": name}),
                     "--expect", json.dumps({"message": "Hello, %s!" % want}))
        self.api(self.hello, "--payload", '{"n\\u0061me":"x","name":"y"}',
                 "--expect", '{"message":"Hello, y!"}')

    def test_malformed_events(self):
        bad = ["[]", '"name"', "{", '{"name":"x"', '{"name":"x"}}', '{"name":"x",}', "{,}",
               '{"name" "x"}', '{name:"x"}', '{"a":01}', '{"a":1.}', '{"a":.5}', '{"a":+1}',
               '{"a":1e}', '{"a":tru}', '{"a":"\\x"}', '{"a":"\\u12g4"}', '{"a":[1,]}',
               '{"a":' + "[" * 65 + "]" * 65 + "}", '{"name":1}', '{"name":null}', "nul"]
        for event in bad:
            self.error(event, "InvalidInput", probe=False)

    def test_deep_is_fine(self):
        event = '{"a":' + "[" * 63 + "]" * 63 + ',"name":"n0"}'
        self.api(self.hello, "--payload", event, "--expect", '{"message":"Hello, n0!"}')

    def test_chunked(self):
        self.hellos(20, "--chunked")
        self.hellos(5, "--chunked", "--split", "1")
        self.hellos(20, "--chunked", "--chunk-size", "1", "--split", "3")

    def test_header_cases(self):
        for case in ("lower", "upper", "mixed"):
            self.hellos(5, "--header-case", case)

    def test_closed_connections(self):
        self.hellos(20, "--close-after", "3")
        self.hellos(20, "--close-after", "2")
        self.hellos(20, "--close-after", "1", "--close-politely")

    def test_host_name(self):
        self.hellos(2, "--host", "localhost")

    def test_largest_event(self):
        for more in ([], ["--chunked", "--chunk-size", "65537"]):
            self.hellos(3, "--pad", "6291556", *more)
            self.error('{"name":"x"}', "Runtime.EventSizeTooLarge", "--pad", "6291557", *more,
                       probe=False)

    def test_largest_answer(self):
        for size in (2, 100000, 6291456, 6291556):
            self.api(self.probe, "--payload", '{"size":%d}' % size, "--expect-size", str(size),
                     "--count", "2")
        self.error('{"size":6291557}', "Function.ResponseSizeTooLarge")

    def test_413_becomes_an_error(self):
        self.error('{"size":1001}', "Function.ResponseSizeTooLarge", "--max-response", "1000")

    def test_500_ends_it(self):
        for which in ("--fail-next", "--fail-post"):
            self.api(self.hello, "--count", "3", which, "2", "--expect",
                     '{"message":"Hello, world!"}', summary="2 invocations, 2 ok, 0 failed",
                     stderr="FATAL the Runtime API answered 500\n")

    def test_errors_of_the_function(self):
        for kind in ("Custom", "Function.Custom", "Runtime.Custom", "not-a-type", "", "A", "x" * 60):
            # runtime_api.py checks that the header is well-formed whatever the type is.
            self.error(json.dumps({"fail": kind}), kind or "Error")
        self.api(self.probe, "--payload", '{"silent":1}', "--expect-error", "Error", stderr=
                 "ERROR ID invocation failed: Error: the handler failed without saying why\n")

    def test_init_error(self):
        self.api(self.bad_init, "--expect-init-error", "NoDatabase",
                 stderr="ERROR initialisation failed: NoDatabase: nothing answers\n")

    def test_context(self):
        show = {"trace_env": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=1", "same": True,
                "arn": "arn:aws:lambda:eu-central-1:123456789012:function:test",
                "tenant": None, "deadline": True, "path": True}
        self.one('{"show":1}', json.dumps(show), "--count", "3", "--env", "_X_AMZN_TRACE_ID=old")
        show["deadline"] = None
        for absurd in ("600000", "99999999999999999999", "4102444800001"):
            self.one('{"show":1}', json.dumps(show), "--deadline-ms", absurd)

    def test_memory(self):
        self.one('{"alloc":100}', "1", "--count", "50")
        self.one('{"alloc":50000000}', "1", "--count", "3")
        self.error('{"alloc":536870913}', "OutOfMemory")

    def test_numbers(self):
        self.one('{"fixed":1}', "[0.00,1.00,-2.50,0.04,0.00,123456.79,null,3,"
                 "-9223372036854775808,18446744073709551615]")

    def test_base64(self):
        for n in range(8):
            data = base64.b64encode(bytes(range(250, 250 - n, -1))).decode()
            self.one(json.dumps({"decode": data}), json.dumps(data))
            self.one(json.dumps({"decode": data.rstrip("=").replace("/", "_").replace("+", "-")}),
                     json.dumps(data))
        for bad in ("a", "a===", "====", "ab=c", "ab cd", "ab\ncd", "abcde"):
            self.error(json.dumps({"decode": bad}), "NotBase64")

    def test_log(self):
        event = json.dumps({"log": 'a"b\nFATAL forged\x7f \u00fc'})
        self.api(self.probe, "--payload", event,
                 stderr='INFO ID a\\"b\\nFATAL forged\\u007f \u00fc\n')
        done = self.api(self.probe, "--payload", event, "--env", "AWS_LAMBDA_LOG_FORMAT=JSON")
        line = json.loads(done.stderr)
        self.assertEqual(list(line), ["timestamp", "level", "message", "request_id", "trace_id", "trace_flags",
                                      "function", "version", "region"])
        self.assertEqual((line["level"], line["message"]),
                         ("INFO", 'a"b\nFATAL forged\x7f \u00fc'))
        self.assertRegex(line["timestamp"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d\d\dZ$")
        age = time.time() - time.mktime(time.strptime(line["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) \
            + time.timezone
        self.assertLess(abs(age), 60)
        self.api(self.probe, "--payload", event, "--env", "AWS_LAMBDA_LOG_LEVEL=WARN", stderr="")
        done = self.api(self.probe, "--payload", json.dumps({"log": "\n\u00fc" * 9000}),
                        "--env", "AWS_LAMBDA_LOG_FORMAT=JSON")
        self.assertLessEqual(len(done.stderr.encode()), 4096)
        json.loads(done.stderr)

    def test_bad_environment(self):
        why = {None: "is not set", "": "not host:port", "127.0.0.1": "not host:port",
               "127.0.0.1:0": "not host:port", "127.0.0.1:65536": "not host:port",
               "127.0.0.1:1x": "not host:port", ":1": "not host:port",
               "a\r\nX:1": "not host:port", "no.such.host.invalid:1": "nor in /etc/hosts",
               "1.2.3:1": "nor in /etc/hosts", "1.2.3.256:1": "nor in /etc/hosts",
               "127.0.0.1:1": "cannot connect"}
        for value, message in why.items():
            env = {} if value is None else {"AWS_LAMBDA_RUNTIME_API": value}
            done = subprocess.run([self.hello], env=env, capture_output=True, text=True,
                                  timeout=10)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, "")
            self.assertRegex(done.stderr, r"\AFATAL [^\n]*%s[^\n]*\n\Z" % re.escape(message))

    def test_broken_servers(self):
        good = (b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: %s\r\n"
                b"Content-Length: 2\r\n\r\n{}")
        answers = [b"", b"HTTP/1.1 200 OK\r\n", b"SSH-2.0-x\r\n\r\n", good % b"", good % b"a/../b",
                   good % b"a b", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
                   (good % b"x").replace(b"2\r\n", b"9\r\n"), b"HTTP/1.1 403 No\r\n\r\n",
                   (good % b"x").replace(b"2\r\n", b"2\r\nContent-Length: 2\r\n"),
                   (good % b"x").replace(b"Content-Length: 2", b"Transfer-Encoding: chunked"),
                   b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000]
        for answer in answers:
            with socket.create_server(("127.0.0.1", 0)) as listener:
                address = "127.0.0.1:%d" % listener.getsockname()[1]
                with subprocess.Popen([self.hello], env={"AWS_LAMBDA_RUNTIME_API": address},
                                      stderr=subprocess.PIPE) as child:
                    listener.settimeout(10)
                    conn, _ = listener.accept()
                    conn.recv(65536)
                    conn.sendall(answer)
                    conn.close()
                    _, stderr = child.communicate(timeout=10)
                    self.assertEqual(child.returncode, 1, answer[:80])
                    self.assertRegex(stderr, rb"\AFATAL [^\n]+\n\Z")
