# SPDX-License-Identifier: Apache-2.0
"""The thumbnail template."""

import base64
import json
import os
import socket
import struct
import subprocess
import tempfile
import zlib

from kit import Case, HERE, TEMPLATES, need, run_api

STB = "/usr/include/stb"


def png(width, height, data=None):
    """An RGB PNG of one colour, or with @data in place of its compressed pixels."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body +
                struct.pack(">I", zlib.crc32(kind + body)))
    if data is None:
        data = zlib.compress((b"\0" + b"\xc8\x40\x20" * width) * height)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", data) + chunk(b"IEND", b""))


class Thumbnail(Case):
    @classmethod
    def setUpClass(cls):
        need(STB + "/stb_image.h", "libstb-dev")
        src = os.path.join(TEMPLATES, "thumbnail/src")
        cls.binary = cls.build("thumbnail", "lambda",
                               [os.path.join(src, "thumbnail.c"), os.path.join(src, "stb.c")],
                               "-isystem", STB, "-I" + src)

    def call(self, event, *options):
        """Run one event through a server of our own; the answer's path and JSON."""
        with tempfile.NamedTemporaryFile("w", dir=self.dir) as file, \
                socket.create_server(("127.0.0.1", 0)) as listener:
            json.dump(event, file)
            file.flush()
            listener.settimeout(20)
            env = {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1]}
            with subprocess.Popen([self.binary], env=env, stderr=subprocess.DEVNULL) as child:
                conn, _ = listener.accept()
                with conn, conn.makefile("rwb") as io:
                    while io.readline() != b"\r\n":
                        pass
                    body = json.dumps(event).encode()
                    io.write(b"HTTP/1.1 200 OK\r\nLambda-Runtime-Aws-Request-Id: r\r\n"
                             b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
                    io.flush()
                    path, length = io.readline().split()[1].decode(), 0
                    while (line := io.readline()) != b"\r\n":
                        self.assertTrue(line, "the function crashed")
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    answer = json.loads(io.read(length))
                    child.terminate()
                return path.rsplit("/", 1)[1], answer

    def dimensions(self, data):
        self.assertEqual(data[:8], b"\x89PNG\r\n\x1a\n")
        return struct.unpack(">II", data[16:24])

    def test_png(self):
        image = base64.b64encode(png(640, 480)).decode()
        kind, answer = self.call({"image": image, "width": 64})
        self.assertEqual((kind, answer["width"], answer["height"]), ("response", 64, 48))
        self.assertEqual(self.dimensions(base64.b64decode(answer["image"])), (64, 48))
        # Never enlarged; 256 by default.
        self.assertEqual(self.call({"image": image, "width": 2000})[1]["width"], 640)
        self.assertEqual(self.call({"image": image})[1]["width"], 256)

    def test_jpeg_by_function_url(self):
        with open(os.path.join(HERE, "data", "gradient.jpg"), "rb") as file:
            image = base64.b64encode(file.read()).decode()
        event = {"version": "2.0", "requestContext": {"http": {"method": "POST"}},
                 "queryStringParameters": {"width": "20"}, "body": image, "isBase64Encoded": True}
        kind, answer = self.call(event)
        self.assertEqual((kind, answer["statusCode"], answer["headers"]),
                         ("response", 200, {"content-type": "image/png"}))
        self.assertEqual(self.dimensions(base64.b64decode(answer["body"])), (20, 15))
        for change in ({"isBase64Encoded": False}, {"body": ""}, {"body": "!"},
                       {"queryStringParameters": {"width": "0"}},
                       {"queryStringParameters": {"width": "x"}}):
            kind, answer = self.call({**event, **change})
            self.assertEqual((kind, answer["statusCode"]), ("response", 400))
            self.assertIn("message", json.loads(answer["body"]))

    def test_hostile(self):
        with open(os.path.join(HERE, "data", "gradient.jpg"), "rb") as file:
            jpeg = file.read()
        good = png(64, 64)
        bomb = png(1000, 1000, zlib.compress(b"\0" * 20_000_000, 9))
        for data in (b"", b"\0", b"GIF89a", good[:40], good[:60], jpeg[:200], jpeg[:20],
                     png(65000, 65000, b"x"), png(0, 1), png(16384, 16384, b"x"), png(64, 64, b"\xff" * 50),
                     png(64, 64, zlib.compress(b"x")), png(2 ** 31 - 1, 2 ** 31 - 1, b""),
                     good[:16] + b"\xff" * 13 + good[29:]):
            kind, answer = self.call({"image": base64.b64encode(data).decode(), "width": 10})
            self.assertEqual((kind, answer["errorType"]), ("error", "InvalidInput"), data[:30])
        # A Huffman table of more than 256 codes, which stb_image 2.27 writes past its array.
        table = jpeg.index(b"\xff\xc4") + 5
        data = jpeg[:table] + b"\xff" * 16 + jpeg[table + 16:]
        late = jpeg[:-2] + b"\xff\xff\xc4\x00\x13\x00" + b"\xff" * 16 + jpeg[-2:]
        for data in (data, late, jpeg[:2] + b"junk" + jpeg[2:]):
            kind, answer = self.call({"image": base64.b64encode(data).decode()})
            self.assertEqual((kind, answer["errorMessage"]), ("error", "the image is damaged"))
        # More pixels than claimed: decoded as far as it says, or refused, never a crash.
        self.assertIn(self.call({"image": base64.b64encode(bomb).decode()})[0],
                      ("error", "response"))
        for i in range(0, len(jpeg), max(1, len(jpeg) // 25)):
            data = bytearray(jpeg)
            data[i] ^= 0xff
            self.assertIn(self.call({"image": base64.b64encode(data).decode()})[0],
                          ("error", "response"))
        for event in ({}, {"image": 1}, {"image": "*"}, {"image": "AAAA", "width": "x"},
                      {"image": "AAAA", "width": 2049}, {"image": "AAAA", "width": -1}):
            self.assertEqual(self.call(event)[1]["errorType"], "InvalidInput")

    def test_memory_is_given_back(self):
        event = os.path.join(self.dir, "event.json")
        count = "25" if self.kind == "asan" else "100"
        with open(event, "w") as file:
            json.dump({"image": base64.b64encode(png(1000, 800)).decode(), "width": 100}, file)
        # 64 MB of address space hold one of these, not a few dozen.
        limit = "" if self.kind == "asan" else "ulimit -v 65536; "
        done = run_api("--count", count, "--payload-file", event, "--", "/bin/sh", "-c", limit + "exec " + self.binary)
        self.assertEqual(done.stdout, "%s invocations, %s ok, 0 failed\n" % (count, count),
                         done.stderr)
