# SPDX-License-Identifier: Apache-2.0
"""The HTTP runtime beside Go's net/http and nginx, asked by wrk in turn on the same CPUs. A part of bench.py."""

import os
import re
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FILE_MB = 100
SECONDS = 5
IDLE = 10_000


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return sock.getsockname()[1]


def tree(pid):
    """@pid and its descendants."""
    found = [pid]
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
            for child in file.read().split():
                found += tree(int(child))
    return found


def kib(pid, key):
    """The sum over the processes of @pid; shared pages are divided among them (Pss)."""
    total = 0
    for each in tree(pid):
        with open(f"/proc/{each}/smaps_rollup", encoding="ascii") as file:
            total += int(re.search(rf"^{key}: +(\d+)", file.read(), re.M)[1])
    return total


def ticks(pid):
    total = 0
    for each in tree(pid):
        with open(f"/proc/{each}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


class Server:
    def __init__(self, name, argv, port, env):
        self.name, self.port = name, port
        self.child = subprocess.Popen(argv, env={**os.environ, **env}, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > until or self.child.poll() is not None:
                    sys.exit(f"bench: {name} does not listen")
                time.sleep(0.01)

    def wrk(self, connections):
        """(requests a second, CPU µs of the server a request)"""
        before = ticks(self.child.pid)
        out = subprocess.run(["wrk", "-t2", f"-c{connections}", f"-d{SECONDS}", f"http://127.0.0.1:{self.port}/"],
                             capture_output=True, text=True, check=True).stdout
        if "Socket errors" in out or "Non-2xx" in out:
            print(f"bench: {self.name}: {out}", file=sys.stderr)
        count = int(re.search(r"(\d+) requests in", out)[1])
        return float(re.search(r"Requests/sec: +([\d.]+)", out)[1]), (ticks(self.child.pid) - before) * 1e6 / count

    def file_speed(self):
        """MB/s of one transfer of the file, by curl."""
        out = subprocess.run(["curl", "-sS", "-o", "/dev/null", "-w", "%{speed_download} %{size_download}",
                              f"http://127.0.0.1:{self.port}/file"], capture_output=True, text=True, check=True).stdout
        speed, size = out.split()
        if int(size) != FILE_MB << 20:
            sys.exit(f"bench: {self.name} sent {size} bytes")
        return float(speed) / 1e6

    def stop(self):
        self.child.send_signal(signal.SIGTERM)
        self.child.wait(20)


def build(b, tmp):
    project = os.path.join(tmp, "ours")
    os.makedirs(project + "/src")
    shutil.copy(os.path.join(HERE, "runtime_http.c"), project + "/src/ours.c")
    with open(project + "/slsc.yaml", "w", encoding="utf-8") as file:
        arch = {"x86_64": "x86_64", "aarch64": "arm64"}[os.uname().machine]
        file.write(f"project: ours\narches: [{arch}]\nfunctions:\n  ours: {{sources: ['src/*.c'], runtime: http}}\n")
    b.sh(project, "slsc", "build")
    go = os.path.join(tmp, "go-peer")
    b.go(tmp, os.path.join(HERE, "runtime_http.go"), go)
    return f"{project}/.slsc/release/{arch}/ours", go


def start(b, tmp):
    ours, go = build(b, tmp)
    path = os.path.join(tmp, "file")
    with open(path, "wb") as file:
        for _ in range(FILE_MB):
            file.write(os.urandom(1 << 20))
    ports = [free_port() for _ in range(3)]
    conf = os.path.join(tmp, "nginx.conf")
    with open(os.path.join(HERE, "runtime_http.nginx.conf"), encoding="utf-8") as file:
        text = file.read().replace("@DIR@", tmp).replace("@PORT@", str(ports[1])).replace("@FILE@", path)
    with open(conf, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(tmp, 0o755)
    return {
        "slsc": Server("slsc", [ours], ports[0], {"PORT": str(ports[0]), "SLSC_WORKERS": "2", "BENCH_FILE": path}),
        "nginx": Server("nginx", ["/usr/sbin/nginx", "-c", conf], ports[1], {}),
        "Go": Server("Go", [go], ports[2], {"PORT": str(ports[2]), "BENCH_FILE": path}),
    }


def requests(b, servers, connections, rounds):
    rates = {name: [] for name in servers}
    costs = {name: [] for name in servers}
    memory = {}
    for _ in range(rounds):
        for name, server in servers.items():
            rate, cost = server.wrk(connections)
            rates[name].append(rate)
            costs[name].append(cost)
            memory[name] = kib(server.child.pid, "Pss")
    rate = {name: statistics.median(values) for name, values in rates.items()}
    cost = {name: statistics.median(values) for name, values in costs.items()}
    for peer, aim in (("Go", 2), ("nginx", 1)):
        ratio = rate["slsc"] / rate[peer]
        b.row(f"requests/s, {connections} connections", f"{rate['slsc']:,.0f}", f"{peer} {rate[peer]:,.0f}",
              f"{ratio:.2f}×", f"≥ {aim}×", ratio >= aim)
    b.row("… CPU of the server a request", f"{cost['slsc']:.2f} µs",
          f"nginx {cost['nginx']:.2f}, Go {cost['Go']:.2f} µs",
          f"{cost['slsc'] / cost['nginx']:.2f}×, {cost['slsc'] / cost['Go']:.2f}×", "told", True)
    ratio = memory["slsc"] / memory["Go"]
    b.row("… memory after it (Pss)", f"{memory['slsc']} KiB", f"Go {memory['Go']:,} KiB, nginx {memory['nginx']:,} KiB",
          f"{ratio:.3f}×", "≤ 0.1× Go", ratio <= 0.1)


def files(b, servers, rounds):
    speeds = {"slsc": [], "nginx": [], "Go": []}
    for _ in range(rounds * 5):
        for name, values in speeds.items():
            values.append(servers[name].file_speed())
    speed = {name: statistics.median(values) for name, values in speeds.items()}
    ratio = speed["slsc"] / speed["nginx"]
    b.row(f"a file of {FILE_MB} MB", f"{speed['slsc']:,.0f} MB/s",
          f"nginx sendfile {speed['nginx']:,.0f} MB/s (Go {speed['Go']:,.0f})", f"{ratio:.2f}×", "≥ 0.9×", ratio >= 0.9)


def idle(b, server):
    """Resident memory with IDLE connections that have each been served once."""
    held = []
    ask = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    for i in range(IDLE):
        # One address has 28,000 ports for a connection; loopback has 2^24 addresses.
        sock = socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.%d" % (2 + i // 5000), 0))
        sock.sendall(ask)
        held.append(sock)
        if not sock.recv(1000).startswith(b"HTTP/1.1 200"):
            sys.exit("bench: a connection was refused")
    used = kib(server.child.pid, "Rss")
    for sock in held:
        sock.close()
    b.row(f"{IDLE:,} idle connections, RSS of all processes", f"{used / 1024:.1f} MB", "", "", "≤ 40 MB",
          used <= 40 * 1024)


def bench(b, tmp):
    rounds = max(1, b.runs // 4)
    resource.setrlimit(resource.RLIMIT_NOFILE, (20000, max(20000, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
    servers = start(b, tmp)
    b.section("Runtime: HTTP")
    try:
        for connections in (64, 1000):
            requests(b, servers, connections, rounds)
        files(b, servers, rounds)
        idle(b, servers["slsc"])
    finally:
        for server in servers.values():
            server.stop()
