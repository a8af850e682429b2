# SPDX-License-Identifier: Apache-2.0
"""Runs slsc and a peer in turn on the same input, and prints the ratio beside the aim."""

import argparse
import hashlib
import io
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

sys.dont_write_bytecode = True

import compare_overhead  # noqa: E402
import flow  # noqa: E402
import inspect_image  # noqa: E402
import local  # noqa: E402
import many  # noqa: E402
import redact  # noqa: E402
import runtime_http  # noqa: E402
import runtime_start  # noqa: E402
import scaling  # noqa: E402
import shared  # noqa: E402
import stage_build  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SLSC = os.path.join(ROOT, "build/release/bin/slsc")
SPAWN = os.path.join(ROOT, "build/bench/spawn")
BIG_ELF = "/usr/lib/gcc/x86_64-linux-gnu/12/cc1"  # of Debian 12's cpp-12: 33 MB, not compressible beyond .42


class Timing:
    def __init__(self, line):
        self.p50, self.p90, self.low, self.rss_kib = (float(x) for x in line.split())
        self.ms = self.p50 / 1000


class Bench:
    def __init__(self, runs):
        self.runs = runs
        self.rows = {}
        self.env = dict(os.environ, NO_COLOR="1", TMPDIR=tempfile.gettempdir())
        self.env.setdefault("SLSC_CACHE_DIR", os.path.join(ROOT, "build/test-cache"))
        self.env["PATH"] = os.path.dirname(SLSC) + ":" + self.env["PATH"]

    def sh(self, cwd, *argv, env=None):
        r = subprocess.run(argv, cwd=cwd, env=dict(self.env, **(env or {})), stdin=subprocess.DEVNULL,
                           capture_output=True, text=True)
        if r.returncode:
            sys.exit(f"bench: {' '.join(argv)}: {r.stderr or r.stdout}")
        return r.stdout

    def time(self, cwd, *commands, runs=None, env=None):
        """Each command is (argv) or (reset argv, argv); they run in turn. Returns a Timing for each."""
        argv = [SPAWN, str(runs or self.runs)]
        for c in commands:
            if isinstance(c, tuple):
                argv += ["@reset", *c[0], "@cmd", *c[1]]
            else:
                argv += ["@cmd", *c]
        return [Timing(line) for line in self.sh(cwd, *argv, env=env).splitlines()]

    def go(self, tmp, source, out):
        """Builds @source with Debian's Go, whatever else is on PATH."""
        self.sh(tmp, "/usr/bin/go", "build", "-ldflags=-s -w", "-o", out, source,
                env={"GO111MODULE": "off", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOROOT": "", "GOPATH": f"{tmp}/gopath",
                     "GOCACHE": f"{tmp}/gocache"})

    def section(self, title):
        """What the rows from now on are about: a table of its own."""
        self.title = title

    def row(self, what, ours, peer, ratio, aim, ok):
        self.rows.setdefault(self.title, []).append((what, ours, peer, ratio, aim, "yes" if ok else "**no**"))
        print(f"{what}: {ours}" + (f"; {peer}; {ratio}" if peer else "") + f" (aim {aim}: {'yes' if ok else 'NO'})",
              flush=True)

    def compare(self, what, a, b, name, aim, extra_ok=True, extra=""):
        ratio = a.p50 / b.p50
        self.row(what, f"{a.ms:.2f} ms{extra}", f"{name} {b.ms:.2f} ms", f"{ratio:.2f}×", f"≤ {aim}×",
                 ratio <= aim and extra_ok)


def hello(b, tmp):
    b.sh(tmp, SLSC, "init", "hello")
    d = os.path.join(tmp, "hello")
    b.sh(d, SLSC, "build")
    return d


def kb(n):
    return f"{n / 1024:.1f} KB"


def bench_sizes(b, tmp):
    d = hello(b, tmp)
    b.sh(d, SLSC, "package", "--zip", "--level", "max")
    for arch, most in (("x86_64", 24), ("arm64", 28)):
        n = os.path.getsize(f"{d}/.slsc/release/{arch}/hello")
        b.row(f"hello, {arch}, static, stripped", kb(n), "", "", f"≤ {most} KB", n <= most * 1024)
        n = os.path.getsize(f"{d}/dist/hello-{arch}.zip")
        b.row(f"hello-{arch}.zip", kb(n), "", "", "≤ 16 KB", n <= 16 * 1024)


def bench_start(b, tmp):
    src = os.path.join(tmp, "e.c")
    with open(src, "w", encoding="utf-8") as f:
        f.write("int main(void) { return 0; }\n")
    b.sh(tmp, "gcc", "-O2", src, "-o", "empty")
    ours, empty = b.time(tmp, [SLSC, "version"], ["./empty"], runs=b.runs * 5)
    b.row("slsc version", f"{ours.ms:.2f} ms", f"empty C program {empty.ms:.2f} ms", f"{ours.p50 / empty.p50:.2f}×",
          "≤ 2 ms", ours.ms <= 2)


def ninja_env():
    return {"SLSC_SELF": SLSC, "SLSC_LAUNCHER": ""}


def bench_noop(b, tmp):
    d = hello(b, tmp)
    ninja = ["ninja", "-f", ".slsc/build.ninja"]
    ours, peer = b.time(d, [SLSC, "build"], ninja, runs=b.runs * 5, env=ninja_env())
    b.compare("nothing to build, 1 function × 2 arches", ours, peer, "ninja", 2, ours.ms <= 10)
    d = os.path.join(tmp, "many")
    os.makedirs(d + "/src")
    with open(d + "/slsc.yaml", "w", encoding="utf-8") as f:
        f.write("project: many\nfunctions:\n")
        for i in range(100):
            f.write(f"  f{i}: {{sources: ['src/f{i}x*.c'], runtime: none}}\n")
            with open(f"{d}/src/f{i}x.c", "w", encoding="utf-8") as c:
                c.write("int main(void) { return 0; }\n")
    b.sh(d, SLSC, "build")
    ours, peer = b.time(d, [SLSC, "build"], ninja, runs=b.runs * 2, env=ninja_env())
    b.compare("nothing to build, 100 functions × 2 arches", ours, peer, "ninja", 2)


def bench_cold(b, tmp):
    d = hello(b, tmp)
    bare = os.path.join(tmp, "bare")
    shutil.copytree(d, bare)
    with open(f"{d}/.slsc/build.ninja", encoding="utf-8") as f:
        text = f.read()
    # the same compiler commands, without what slsc does after the link
    text = re.sub(r' && "\$\$SLSC_SELF" _finish .*', "", text).replace("-o $full", "-o $out").replace("$full.map", "$out.map")
    text = re.sub(r"(build \S+) \| \S+\.debug \S+\.map:", r"\1:", text).replace(d, bare)
    shutil.rmtree(f"{bare}/.slsc")
    os.makedirs(f"{bare}/.slsc")
    with open(f"{bare}/.slsc/build.ninja", "w", encoding="utf-8") as f:
        f.write(text)
    ours, peer = b.time(tmp, (["rm", "-rf", f"{d}/.slsc"], [SLSC, "-C", d, "build"]),
                        (["rm", "-rf", f"{bare}/.slsc/release"], ["ninja", "-C", bare, "-f", ".slsc/build.ninja"]),
                        env=ninja_env(), runs=max(b.runs, 21))
    b.compare("cold build, hello × 2 arches", ours, peer, "ninja with the bare compiler commands", 1.05)


def big_project(b, tmp):
    """A project whose one binary is already there: Debian's cc1, 33 MB."""
    d = os.path.join(tmp, "big")
    os.makedirs(d + "/.slsc/release/x86_64")
    os.makedirs(d + "/src")
    with open(d + "/slsc.yaml", "w", encoding="utf-8") as f:
        f.write("project: big\narches: [x86_64]\nfunctions:\n  big: {sources: [src/main.c], runtime: none}\n"
                "package: {image: {base: scratch}}\n")
    shutil.copy(BIG_ELF, d + "/.slsc/release/x86_64/big")
    shutil.copy(BIG_ELF, tmp + "/bootstrap")
    return d


def mb(n):
    return f"{n / 1e6:.2f} MB"


def bench_zip(b, tmp):
    d = big_project(b, tmp)
    runs = max(3, b.runs // 4)
    size = os.path.getsize(BIG_ELF)
    for level, aim, peer in (("default", 0.3, ["zip", "-6", "-q", "peer.zip", "bootstrap"]),
                             ("max", 0.3, ["7z", "a", "-tzip", "-mx9", "-bd", "peer.zip", "bootstrap"])):
        ours, theirs = b.time(tmp, [SLSC, "-C", d, "package", "--zip", "--no-build", "--level", level],
                              (["rm", "-f", "peer.zip"], peer), runs=runs if level == "default" else 3)
        a, z = os.path.getsize(f"{d}/dist/big-x86_64.zip"), os.path.getsize(f"{tmp}/peer.zip")
        b.compare(f"package --zip --level {level}, {size / 1e6:.0f} MB ELF", ours, theirs, " ".join(peer[:2]), aim)
        b.row("… its size", mb(a), f"{peer[0]} {mb(z)}", f"{a / z:.4f}×", "≤ 1×", a <= z)
        b.row("… its peak memory", f"{ours.rss_kib / 1024:.0f} MB", "", f"{ours.rss_kib * 1024 / size:.2f}× the input",
              "≤ 4×", ours.rss_kib * 1024 <= 4 * size)
        os.remove(f"{tmp}/peer.zip")


UMOCI = """set -e
umoci init --layout {out}
umoci new --image {out}:x
umoci insert --image {out}:x {file} /bootstrap
"""


def peers(tmp, name, file):
    """What umoci and buildah do for an image with one file."""
    script = os.path.join(tmp, f"umoci-{name}.sh")
    with open(script, "w", encoding="utf-8") as f:
        f.write(UMOCI.format(out=f"{tmp}/umoci-{name}", file=file))
    ctx = os.path.join(tmp, f"ctx-{name}")
    os.makedirs(ctx)
    shutil.copy(file, ctx + "/bootstrap")
    with open(ctx + "/Dockerfile", "w", encoding="utf-8") as f:
        f.write("FROM scratch\nCOPY bootstrap /bootstrap\nENTRYPOINT [\"/bootstrap\"]\n")
    buildah = ["buildah", "--root", f"{tmp}/store", "--runroot", f"{tmp}/run", "--storage-driver", "vfs", "bud",
               "--isolation", "chroot", "--no-cache", "-q", "-t", f"oci:{tmp}/buildah-{name}:x", ctx]
    return ((["rm", "-rf", f"{tmp}/umoci-{name}"], ["sh", script]), (["rm", "-rf", f"{tmp}/buildah-{name}"], buildah))


def layer_bytes(layout):
    total = 0
    for name in os.listdir(f"{layout}/blobs/sha256"):
        path = f"{layout}/blobs/sha256/{name}"
        with open(path, "rb") as f:
            if f.read(2) == b"\x1f\x8b":
                total += os.path.getsize(path)
    return total


def bench_oci(b, tmp):
    d = hello(b, tmp)
    pack = [SLSC, "-C", d, "package", "--oci", "--no-build", "--arch", "x86_64", "--base", "scratch"]
    umoci, buildah = peers(tmp, "hello", f"{d}/.slsc/release/x86_64/hello")
    ours, u, bu = b.time(tmp, (["rm", "-rf", f"{d}/dist"], pack), umoci, buildah)
    b.compare("package --oci, hello, one arch on scratch", ours, u, "umoci", 0.5)
    b.compare("… the same", ours, bu, "buildah bud", 0.1)
    both = [SLSC, "-C", d, "package", "--oci", "--no-build"]
    ours, = b.time(tmp, (["rm", "-rf", f"{d}/dist"], both))
    b.row("package --oci, hello, both arches on static", f"{ours.ms:.2f} ms", "", "", "told", True)

    d = big_project(b, tmp)
    size = os.path.getsize(BIG_ELF)
    pack = [SLSC, "-C", d, "package", "--oci", "--no-build"]
    umoci, buildah = peers(tmp, "big", BIG_ELF)
    ours, u, bu = b.time(tmp, (["rm", "-rf", f"{d}/dist"], pack), umoci, buildah, runs=max(5, b.runs // 3))
    b.compare(f"package --oci, {size / 1e6:.0f} MB ELF, gzip", ours, u, "umoci", 0.6)
    b.compare("… the same", ours, bu, "buildah bud", 1.0)
    a, z = layer_bytes(f"{d}/dist/big.oci"), layer_bytes(f"{tmp}/umoci-big")
    b.row("… its layer", mb(a), f"umoci {mb(z)}", f"{a / z:.4f}×", "≤ 1×", a <= z)
    b.row("… its peak memory", f"{ours.rss_kib / 1024:.0f} MB", f"umoci {u.rss_kib / 1024:.0f} MB",
          f"{ours.rss_kib * 1024 / size:.2f}× the input", "≤ 4×", ours.rss_kib * 1024 <= 4 * size)


def bench_base(b, tmp):
    """A base of 10 packages and what they depend on, from the store; the packages are fetched before it is timed."""
    build = [SLSC, "base", "build", "cc-debian12", "-o", f"oci:{tmp}/base", "-q"]
    subprocess.run(build, cwd=tmp, check=True, stdout=subprocess.DEVNULL)
    ours, = b.time(tmp, (["rm", "-rf", f"{tmp}/base"], build))
    b.row("base build cc-debian12, cached, both arches", f"{ours.ms:.2f} ms", "", "", "≤ 100 ms", ours.ms <= 100)
    d = hello(b, tmp)
    pack = [SLSC, "-C", d, "package", "--oci", "--no-build", "-q"]
    on = pack + ["--base", "cc-debian12"]
    subprocess.run(on, check=True, stdout=subprocess.DEVNULL)
    ours, static = b.time(tmp, (["rm", "-rf", f"{d}/dist"], on), (["rm", "-rf", f"{d}/dist"], pack))
    b.row("package --oci, hello on it, both arches", f"{ours.ms:.2f} ms", f"on static {static.ms:.2f} ms",
          f"{ours.ms / static.ms:.2f}×", "told", True)


def bench_stream(b, tmp):
    d = big_project(b, tmp)
    with open(f"{d}/big.bin", "wb") as out, open(BIG_ELF, "rb") as f:
        block = f.read()
        while out.tell() < 1 << 30:
            out.write(block[: (1 << 30) - out.tell()])
    with open(d + "/slsc.yaml", "a", encoding="utf-8") as f:
        f.seek(0)
        f.truncate()
        f.write("project: big\narches: [x86_64]\nfunctions:\n  big: {sources: [src/main.c], runtime: none}\n"
                "package: {image: {base: scratch}, zip: {include: [{from: big.bin}]}}\n")
    ours, = b.time(tmp, [SLSC, "-C", d, "package", "--oci", "--no-build", "--level", "fast"], runs=1)
    b.row("package --oci with a 1 GB include: peak memory", f"{ours.rss_kib / 1024:.0f} MB", "", "", "≤ 256 MB",
          ours.rss_kib <= 256 * 1024)


def layout_of(path, layers):
    """An OCI layout at @path whose one image has @layers (bytes) as its layers, tagged x."""
    os.makedirs(f"{path}/blobs/sha256")

    def put(data):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{path}/blobs/sha256/{digest}", "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    descriptors, diff_ids = [], []
    for data in layers:
        d = put(data)
        descriptors.append({"mediaType": "application/vnd.oci.image.layer.v1.tar", **d})
        diff_ids.append(d["digest"])
    config = put(json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                             "rootfs": {"type": "layers", "diff_ids": diff_ids}}).encode())
    manifest = put(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                               "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **config},
                               "layers": descriptors}).encode())
    with open(f"{path}/index.json", "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [
            {"mediaType": "application/vnd.oci.image.manifest.v1+json", **manifest,
             "annotations": {"org.opencontainers.image.ref.name": "x"}}]}, f)
    with open(f"{path}/oci-layout", "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


def noise(n):
    """@n bytes in a tar's clothes that no compressor makes smaller."""
    info = tarfile.TarInfo("data")
    info.size = n
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as t:
        t.addfile(info, io.BytesIO(os.urandom(n)))
    return out.getvalue()


class Registry:
    """Debian's docker-registry with a store of its own on a free port."""

    def __init__(self, tmp):
        with socket.create_server(("127.0.0.1", 0)) as s:
            self.host = f"127.0.0.1:{s.getsockname()[1]}"
        self.data = f"{tmp}/registry"
        with open(f"{tmp}/registry.yml", "w", encoding="utf-8") as f:
            f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {self.data}}}}}\nhttp: {{addr: {self.host}, secret: x}}\n")
        self.log = open(f"{tmp}/registry.log", "wb")
        self.process = subprocess.Popen(["docker-registry", "serve", f"{tmp}/registry.yml"], stdout=self.log,
                                        stderr=self.log)

    def __enter__(self):
        for _ in range(1000):
            try:
                socket.create_connection(self.host.split(":"), 1).close()
                return self
            except OSError:
                time.sleep(0.01)
        sys.exit("bench: docker-registry does not start")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


SKOPEO = ["skopeo", "copy", "--all", "-q", "--src-tls-verify=false", "--dest-tls-verify=false"]


def memory_row(b, what, t):
    b.row(f"… its peak memory, {what}", f"{t.rss_kib / 1024:.0f} MB", "", "", "≤ 64 MB", t.rss_kib <= 64 * 1024)


def bench_registry(b, tmp):
    d = hello(b, tmp)
    b.sh(d, SLSC, "package", "--oci")
    layers = f"{tmp}/layers"
    layout_of(layers, [noise(5_000_000) for _ in range(20)])
    with Registry(tmp) as r:
        clean = ["rm", "-rf", r.data]
        for what, source, tag, aim, runs in (("hello, 2 arches", f"{d}/dist/hello.oci", "latest", 0.5, b.runs),
                                             ("20 layers of 5 MB", layers, "x", 0.7, max(5, b.runs // 3))):
            image = f"{r.host}/image:{tag}"
            ours = [SLSC, "-q", "push", f"oci:{source}:{tag}", image]
            peer = SKOPEO + [f"oci:{source}:{tag}", f"docker://{image}"]
            a, z = b.time(tmp, (clean, ours), (clean, peer), runs=runs)
            b.compare(f"push of {what} to an empty registry", a, z, "skopeo", aim)
            memory_row(b, "push", a)
            a, z = b.time(tmp, ours, peer, runs=runs)
            b.compare(f"push of {what}, already there", a, z, "skopeo", 0.5)
            ours = [SLSC, "-q", "pull", image, "oci:ours:x"]
            peer = SKOPEO + [f"docker://{image}", "oci:theirs:x"]
            a, z = b.time(tmp, (["rm", "-rf", "ours"], ours), (["rm", "-rf", "theirs"], peer), runs=runs)
            b.compare(f"pull of {what}", a, z, "skopeo", aim)
            memory_row(b, "pull", a)
        big = f"{tmp}/big"
        layout_of(big, [noise(1 << 30)])
        image = f"{r.host}/big:x"
        a, = b.time(tmp, [SLSC, "-q", "push", f"oci:{big}:x", image], runs=1)
        memory_row(b, "push of a blob of 1 GB", a)
        shutil.rmtree(big)
        a, = b.time(tmp, [SLSC, "-q", "pull", image, "oci:ours:x"], runs=1)
        memory_row(b, "pull of a blob of 1 GB", a)


ALL = {f.__name__[6:]: f for f in (bench_sizes, bench_start, bench_noop, bench_cold, bench_zip, bench_oci,
                                   bench_base, bench_stream, bench_registry)}
ALL["runtime_start"] = runtime_start.bench
ALL["runtime_http"] = runtime_http.bench
ALL["compare"] = lambda b, tmp: compare_overhead.bench(b, hello(b, tmp), SLSC)
ALL["inspect"] = lambda b, tmp: inspect_image.bench(b, tmp, SLSC, BIG_ELF)
ALL["many"] = lambda b, tmp: many.bench(b, tmp, SLSC, ninja_env())
ALL["since"] = lambda b, tmp: many.since(b, tmp, SLSC)
ALL["launchers"] = lambda b, tmp: shared.launchers(b, tmp, SLSC)
ALL["caches"] = lambda b, tmp: shared.caches(b, tmp, SLSC, Registry)
ALL["redact"] = lambda b, tmp: redact.bench(b, tmp, SLSC)
ALL["local"] = lambda b, tmp: local.bench(b, tmp, SLSC)
ALL["flow"] = lambda b, tmp: flow.bench(b, tmp, SLSC)
ALL["stage_build"] = lambda b, tmp: stage_build.bench(b, tmp, SLSC, Registry, BIG_ELF)


# On demand: by name alone.
MORE = {"local_soak": lambda b, tmp: local.soak(b, tmp, SLSC),
        "redact_workers": lambda b, tmp: redact.workers(b, tmp, SLSC),
        "scaling": lambda b, tmp: scaling.bench(b, tmp, SLSC)}


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo", encoding="utf-8") as f:
        ram = int(f.readline().split()[1]) / 1048576
    with open("/etc/os-release", encoding="utf-8") as f:
        name = re.search(r'PRETTY_NAME="(.*)"', f.read()).group(1)
    versions = []
    for argv in (["clang", "--version"], ["ninja", "--version"], ["zip", "-v"], ["umoci", "--version"],
                 ["buildah", "--version"], ["dockerd", "--version"], ["/usr/bin/go", "version"],
                 ["/usr/sbin/nginx", "-v"], ["wrk", "-v"]):
        r = subprocess.run(argv, capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d+(\.\d+)?", r.stdout + r.stderr)
        versions.append(f"{os.path.basename(argv[0])} {found.group(0) if found else '?'}")
    slsc = json.loads(subprocess.run([SLSC, "version", "--json"], capture_output=True, text=True, check=True).stdout)
    libs = ", ".join(f"{k} {v}" for k, v in sorted(slsc["libraries"].items()))
    return (f"{os.cpu_count()} × {cpu}, {ram:.0f} GB, Linux {platform.release().split('-')[0]}, {name}; "
            f"{', '.join(versions)}; slsc {slsc['version']} with {libs}.")


def write(tables):
    path = f"{ROOT}/docs/BENCHMARKS.md"
    head = """# Benchmarks

Made by `tests/bench/run --write`: slsc and the peer run in turn on the same input, medians, page cache warm.
A ratio is slsc divided by the peer. The aims are the project's own.

"""
    with open(path, "w", encoding="utf-8") as f:
        f.write(head + "Machine: " + machine() + "\n")
        for title, rows in tables.items():
            f.write(f"\n## {title}\n\n| what | slsc | peer | ratio | aim | met |\n|---|---|---|---|---|---|\n")
            for r in rows:
                f.write("| " + " | ".join(r) + " |\n")


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--write", action="store_true")
    p.add_argument("--runs", type=int, default=20)
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    if a.write and a.names:
        p.error("--write writes all tables: name none")
    b = Bench(a.runs)
    for name in a.names or ALL:
        if name not in ALL and name not in MORE:
            sys.exit(f"bench: no benchmark '{name}': {', '.join([*ALL, *MORE])}")
        b.section("The tool")
        with tempfile.TemporaryDirectory(prefix="slsc-bench.") as tmp:
            (ALL.get(name) or MORE[name])(b, tmp)
    if a.write:
        write(b.rows)


main()
