# SPDX-License-Identifier: Apache-2.0
"""What others have built already, or build with us: launchers, caches in a registry. A part of bench.py.

Each build is from nothing, in a checkout of its own, beside the same build without the cache.
"""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time

import many

TITLE = "Launchers and caches"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


@contextlib.contextmanager
def server(tmp, *argv, port):
    """@argv, until the block ends; from when it listens on @port on."""
    with open(f"{tmp}/{argv[0]}-{port}.log", "wb") as log:
        # distccd ends its process group with it
        with subprocess.Popen(argv, stdout=log, stderr=log, cwd=tmp, start_new_session=True) as p:
            try:
                for _ in range(1000):
                    with contextlib.suppress(OSError):
                        socket.create_connection(("127.0.0.1", port), 1).close()
                        break
                    time.sleep(0.01)
                else:
                    sys.exit(f"bench: {argv[0]} does not start")
                yield
            finally:
                p.terminate()


def checkout(b, at, slsc, launcher=""):
    """The template hello, as somebody has cloned it there."""
    os.makedirs(at)
    b.sh(at, slsc, "init", "hello")
    d = f"{at}/hello"
    with open(f"{d}/slsc.yaml", "a", encoding="utf-8") as f:
        f.write(launcher)
    return d


def digests(d):
    found = {}
    for arch in sorted(os.listdir(f"{d}/.slsc/release")):
        path = f"{d}/.slsc/release/{arch}/hello"
        if os.path.isfile(path):
            with open(path, "rb") as f:
                found[arch] = hashlib.sha256(f.read()).hexdigest()
    return found


def seconds(t):
    return f"{t.ms / 1000:.1f} s"


def build(b, d, slsc, *args, env=None):
    """From nothing: what slsc says of it, and the digests of what came of it."""
    shutil.rmtree(f"{d}/.slsc", ignore_errors=True)
    return json.loads(b.sh(d, slsc, "build", "--json", *args, env=env)), digests(d)


def ccache(b, tmp, slsc):
    port = free_port()
    more = f'launcher: {{name: ccache, remote: "redis://127.0.0.1:{port}"}}\n'
    first, second = (checkout(b, f"{tmp}/{who}", slsc, more) for who in ("first", "second"))
    env = {"CCACHE_DIR": f"{tmp}/ccache"}
    with server(tmp, "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                port=port):
        build(b, first, slsc, env=env)
        clean = ["rm", "-rf", f"{second}/.slsc", env["CCACHE_DIR"]]
        ours, none = b.time(second, (clean, [slsc, "build"]), (clean, [slsc, "build", "--launcher", "none"]), env=env,
                            runs=3)
        shutil.rmtree(env["CCACHE_DIR"], ignore_errors=True)
        said, _ = build(b, second, slsc, env=env)
    n, hits = said["launcher"]["compiles"], said["launcher"]["remote_hits"]
    b.row(f"hello's second checkout elsewhere, ccache with an empty directory and Redis: {hits} of {n} hits",
          seconds(ours), f"without {seconds(none)}", f"{ours.p50 / none.p50:.2f}×", "≥ 99 % hits", hits * 100 >= n * 99)


def distcc(b, tmp, slsc):
    """By two daemons here: what is shown is that others can do it, not how fast they are."""
    ports = [free_port() for _ in range(2)]
    d = checkout(b, f"{tmp}/sent", slsc)
    hosts = " ".join(f"127.0.0.1:{port}/2" for port in ports)
    env = {"DISTCC_DIR": f"{tmp}/distcc", "DISTCC_HOSTS": hosts}
    arches = [x for arch in ("x86_64", "arm64", "wasm32") for x in ("--arch", arch)]
    os.makedirs(env["DISTCC_DIR"])
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(server(tmp, "distccd", "--no-detach", "--daemon", "--log-stderr", "--jobs", "2",
                                       "--enable-tcp-insecure", "--listen", "127.0.0.1", "--allow", "127.0.0.1",
                                       "--port", str(port), port=port))
        _, here = build(b, d, slsc, *arches, "--launcher", "none")
        said, sent = build(b, d, slsc, *arches, "--launcher", "distcc", env=env)
    n, elsewhere = said["launcher"]["compiles"], said["launcher"]["elsewhere"]
    b.row(f"hello for three arches by two distccd: {elsewhere} of {n} compiles elsewhere",
          "the same bytes" if sent == here else "other bytes", "", "", "the same bytes", sent == here and elsewhere == n)


def launchers(b, tmp, slsc):
    b.section(TITLE)
    ccache(b, tmp, slsc)
    distcc(b, tmp, slsc)


def machine(b, tmp):
    """Another machine's cache: musl for the other arch, and nothing else; and what makes it so again."""
    cache = f"{tmp}/machine"
    shutil.copytree(f"{b.env['SLSC_CACHE_DIR']}/sysroot", f"{cache}/sysroot", symlinks=True)
    return {"SLSC_CACHE_DIR": cache}, ["rm", "-rf", f"{cache}/blobs", f"{cache}/verified"]


def caches(b, tmp, slsc, registry):
    b.section(TITLE)
    first, second = (checkout(b, f"{tmp}/{who}", slsc) for who in ("first", "second"))
    with registry(tmp) as r:
        place = f"{r.host}/cache:main"
        build(b, first, slsc, "--cache-to", place)
        env, forget = machine(b, tmp)
        clean = [*forget, f"{second}/.slsc"]
        ours, none = b.time(second, (clean, [slsc, "build", "--cache-from", place]), (clean, [slsc, "build"]), env=env,
                            runs=max(3, b.runs // 4))
        b.sh(second, *clean)
        said, _ = build(b, second, slsc, "--cache-from", place, env=env)
    hits, steps = said["cache"]["hits"], said["steps"]
    b.row(f"hello for two arches from a cache in a registry: {hits} of 2 hits, {steps} steps run", seconds(ours),
          f"without {seconds(none)}", f"{ours.p50 / none.p50:.2f}×", "told", hits == 2 and steps == 0)

    n, d = 200, f"{tmp}/functions"
    many.generate(d, n, "arches: [x86_64]\n")
    b.sh(d, slsc, "build", "-q", "--cache-to", f"oci:{tmp}/layout:main")
    clean = [*forget, f"{d}/.slsc"]
    ours, = b.time(d, (clean, [slsc, "build", "--cache-from", f"oci:{tmp}/layout:main"]), env=env, runs=3)
    b.sh(d, *clean)
    said = json.loads(b.sh(d, slsc, "build", "--json", "--cache-from", f"oci:{tmp}/layout:main", env=env))
    hits = said["cache"]["hits"]
    b.row(f"{n} functions from a cache in a layout: {hits} hits", seconds(ours), "", "", "told", hits == n)
