# SPDX-License-Identifier: Apache-2.0
"""An invocation: the archive's bootstrap is started, gets the event by the Runtime API, and its answer is taken."""
import base64
import io
import json
import os
import platform
import shutil
import subprocess
import tempfile
import threading
import time
import uuid
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer


class RuntimeApi(BaseHTTPRequestHandler):
    """One event, one answer; then the connection is closed."""
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def say(self, status, body=b"", **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header("Lambda-Runtime-" + key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):  # pylint: disable=invalid-name
        run = self.server.run
        if run.given:
            # as on the platform: nothing happens any more
            self.close_connection = True
            run.over.set()
            run.gone.wait()
            return
        run.given = True
        self.say(200, run.event, Aws_Request_Id=run.id, Invoked_Function_Arn=run.arn,
                 Deadline_Ms=str(int(1000 * (time.time() + run.timeout))),
                 Trace_Id="Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")

    def do_POST(self):  # pylint: disable=invalid-name
        run = self.server.run
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            body = b""
            while True:
                size = int(self.rfile.readline().split(b";")[0], 16)
                body += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        what = self.path.rpartition("/")[2]
        run.answer = body if what == "response" else None
        run.error = body if what == "error" else None
        self.say(202, b'{"status":"OK"}')
        if "/init/" in self.path:
            run.over.set()


class Run:
    """What came of it: answer or error, and what it printed."""

    def __init__(self, version, qualified, event, work):
        config = version.config
        self.arn = qualified
        self.id = str(uuid.uuid4())
        self.event = event
        self.timeout = config["Timeout"]
        self.config = config
        self.given = False
        self.answer = None
        self.error = None
        self.over = threading.Event()
        self.gone = threading.Event()
        self.printed = []
        self.timed_out = False
        self.began = self.ended = time.time()
        self.start(version, work)

    def start(self, version, work):
        machine = {"x86_64": "x86_64", "aarch64": "arm64"}[platform.machine()]
        if version.code is None or self.config["Architectures"] != [machine]:
            self.fail("Runtime.InvalidEntrypoint", f"RequestId: {self.id} Error: fork/exec /var/task/bootstrap: exec "
                      "format error")
            return
        at = tempfile.mkdtemp(dir=work)
        try:
            with zipfile.ZipFile(io.BytesIO(version.code)) as archive:
                for info in archive.infolist():
                    archive.extract(info, at)
                    mode = info.external_attr >> 16 & 0o777
                    if mode and not info.is_dir():
                        os.chmod(os.path.join(at, info.filename), mode)
            self.execute(at)
        finally:
            shutil.rmtree(at)

    def execute(self, at):
        api = HTTPServer(("127.0.0.1", 0), RuntimeApi)
        api.run = self
        thread = threading.Thread(target=api.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        env = {**self.config.get("Environment", {}).get("Variables", {}),
               "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_address[1]}",
               "_HANDLER": self.config.get("Handler", ""),
               "AWS_LAMBDA_FUNCTION_NAME": self.config["FunctionName"], "AWS_REGION": self.arn.split(":")[3],
               "AWS_LAMBDA_FUNCTION_VERSION": self.config["Version"], "LAMBDA_TASK_ROOT": at,
               "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.config["MemorySize"]), "PATH": "/usr/bin:/bin", "TZ": ":UTC",
               "AWS_LAMBDA_LOG_FORMAT": self.config.get("LoggingConfig", {}).get("LogFormat", "Text").upper()}
        try:
            with open(os.path.join(at, ".printed"), "w+b") as out:
                process = subprocess.Popen([os.path.join(at, "bootstrap")], cwd=at, env=env, stdin=subprocess.DEVNULL,
                                           stdout=out, stderr=out)
                watch = threading.Thread(target=lambda: (process.wait(), self.over.set()), daemon=True)
                watch.start()
                self.timed_out = not self.over.wait(self.timeout)
                self.ended = time.time()
                process.kill()
                watch.join()
                self.gone.set()
                out.seek(0)
                self.printed = out.read().decode("utf-8", "replace").splitlines()
            if self.timed_out:
                self.fail("Sandbox.Timedout", f"RequestId: {self.id} Error: Task timed out after {self.timeout:.2f} "
                          "seconds")
            elif self.answer is None and self.error is None:
                code = process.returncode
                self.fail("Runtime.ExitError", f"RequestId: {self.id} Error: Runtime exited with error: exit status "
                          f"{code}")
        except OSError as e:
            self.fail("Runtime.InvalidEntrypoint", f"RequestId: {self.id} Error: {e.strerror}")
        finally:
            self.gone.set()
            api.shutdown()
            thread.join()
            api.server_close()

    def fail(self, kind, message):
        self.error = json.dumps({"errorType": kind, "errorMessage": message}).encode()
        self.answer = None

    def lines(self):
        """What the platform writes into the log."""
        ms = 1000 * (self.ended - self.began)
        report = (f"REPORT RequestId: {self.id}\tDuration: {ms:.2f} ms\tBilled Duration: {int(ms) + 1} ms\t"
                  f"Memory Size: {self.config['MemorySize']} MB\tMax Memory Used: 20 MB\t")
        return [f"START RequestId: {self.id} Version: {self.config['Version']}", *self.printed,
                f"END RequestId: {self.id}", report]

    def tail(self):
        return base64.b64encode("".join(x + "\n" for x in self.lines()).encode()[-4096:]).decode()
