# SPDX-License-Identifier: Apache-2.0
"""The proxy template in front of a server that fails, and the heap profile in HTTP mode."""

import http.client
import os
import re
import signal
import subprocess

from kit import Case, TEMPLATES
from test_client import Server
from test_memory import profile


class Proxy(Case):
    @classmethod
    def setUpClass(cls):
        cls.binary = cls.build("proxy", "http", [os.path.join(TEMPLATES, "proxy/src/proxy.c")])
        cls.probe = cls.function("profile_http", "http")
        cls.warm = cls.function("warm_http", "http")

    def start(self, binary, **env):
        child = subprocess.Popen([binary], env={"PORT": "0", **env}, stderr=subprocess.PIPE)
        line = child.stderr.readline().decode()
        match = re.search(r"listening on 0\.0\.0\.0:(\d+)", line)
        self.assertTrue(match, line)
        self.addCleanup(child.communicate)
        self.addCleanup(child.kill)
        return child, int(match[1])

    def get(self, port, path, **headers):
        conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        conn.request("GET", path, headers=headers)
        answer = conn.getresponse()
        body = answer.read()
        conn.close()
        return answer.status, body

    def test_template(self):
        good = [True]

        def script(server, sock):
            while server.request(sock):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nitem" if good[0] else
                             b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")
        with Server(script) as server:
            child, port = self.start(self.binary, UPSTREAM=server.url)
            self.assertEqual(self.get(port, "/items/1"), (200, b"item"))
            self.assertIn(b"GET /items/1 HTTP/1.1\r\n", server.requests[0])
            self.assertEqual(self.get(port, "/items/2", **{"X-Preheat": "1"}), (200, b'{"preheated":true}'))
            self.assertEqual(len(server.requests), 1)
            good[0] = False
            # Each tried twice; the breaker opens after three, and then nobody is asked.
            for asked in (3, 5, 7, 7, 7):
                self.assertEqual(self.get(port, "/items/1"), (203, b"item"))
                self.assertEqual(len(server.requests), asked)
            self.assertEqual(self.get(port, "/items/2")[0], 503)
            self.assertEqual(self.get(port, "/nope")[0], 404)
            self.assertEqual((len(server.requests), server.connections), (7, 1))
            child.send_signal(signal.SIGTERM)
            log = child.stderr.read().decode()
            self.assertEqual(child.wait(20), 0)
        self.assertEqual(log.count("the status says to try later"), 3)
        self.assertEqual(log.count("the circuit breaker is open"), 3)

    def test_heap_endpoint(self):
        _, port = self.start(self.probe, SLSC_PPROF="1")
        for _ in range(3):
            self.assertEqual(self.get(port, "/"), (200, b"ok"))
        status, body = self.get(port, "/debug/pprof/heap")
        self.assertEqual(status, 200)
        found = {name: values for name, _, values in profile(body)}
        self.assertEqual(found["pool boxes"], [3, 300, 0, 0])
        self.assertEqual(self.get(port, "/debug/pprof/other"), (200, b"ok"))
        # Off by default: the handler answers.
        _, port = self.start(self.probe)
        self.assertEqual(self.get(port, "/debug/pprof/heap"), (200, b"ok"))

    def test_ready_warms(self):
        """Asked with X-Preheat whether it is ready, it makes what is lazy first, and is not ready without it."""
        child, port = self.start(self.warm, FAILS="2")
        self.assertEqual(self.get(port, "/health?ready=1"), (200, b"ready\n"))
        for _ in range(2):
            self.assertEqual(self.get(port, "/health?ready=1", **{"X-Preheat": "1"}), (503, b"not ready\n"))
        self.assertEqual(self.get(port, "/_/ready", **{"X-Preheat": "1"}), (200, b"ready\n"))
        self.assertEqual(self.get(port, "/health?ready=1", **{"X-Preheat": "1"}), (200, b"ready\n"))
        # Alive, whatever it needs: nothing is made for that.
        self.assertEqual(self.get(port, "/_/health", **{"X-Preheat": "1"}), (200, b"ok\n"))
        self.assertEqual(self.get(port, "/"), (200, b"3"))
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.stderr.read().decode().count("warm-up failed: NotYet: the database is not up"), 2)
