# SPDX-License-Identifier: Apache-2.0
"""slsc build -f beside buildah bud --layers and docker's BuildKit, on the same Dockerfiles. A part of bench.py.

Each leaves the image in its own place: slsc in an OCI layout, compressed; the two others in their stores, where it is not.
"""

import contextlib
import gzip
import hashlib
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests", "stage"))
sys.dont_write_bytecode = True

import bases  # noqa: E402
import peers  # noqa: E402

STEPS = 20
FILES = 10_000
BASE_MB = 500
BASE_FILES = 8_000


class Side:
    """A builder, as argv: a build of a directory, one that uses nothing of earlier ones, and what forgets them all."""

    def __init__(self, name, build, forget):
        self.name, self.argv, self.forget = name, build, forget

    def build(self, d, *flags):
        return [*self.argv, *flags, "-f", f"{d}/Dockerfile", d]


def script(path, *lines):
    with open(path, "w", encoding="utf-8") as f:
        f.write("#!/bin/sh\n" + "\n".join(lines) + "\n")
    os.chmod(path, 0o755)
    return path


@contextlib.contextmanager
def sides(tmp, slsc):
    docker, buildah = peers.Docker(tmp), peers.Buildah(tmp)
    try:
        docker.start()
        buildah.start()
        # in scripts, so that one name is all the commands' environment and flags
        cli = script(f"{tmp}/docker-cli", f"export DOCKER_HOST=unix://{docker.scratch}/sock DOCKER_BUILDKIT=1",
                     f"export DOCKER_CONFIG={docker.scratch}", f"exec {docker.client()} \"$@\"")
        bud = script(f"{tmp}/buildah-cli", f"export CONTAINERS_CONF={buildah.scratch}/containers.conf",
                     f"export CONTAINERS_REGISTRIES_CONF={buildah.scratch}/registries.conf",
                     f"exec buildah --root {buildah.scratch}/root --runroot {buildah.scratch}/run "
                     f"--storage-driver {buildah.driver} \"$@\"")
        ours = script(f"{tmp}/slsc-cli", f"export SLSC_CACHE_DIR={tmp}/slsc-cache", f"exec {slsc} \"$@\"")
        yield [
            Side("slsc", [ours, "build", "-q", "--arch", "x86_64", "-o", f"oci:{tmp}/out"],
                 [script(f"{tmp}/forget-slsc", f"rm -rf {tmp}/slsc-cache {tmp}/out")]),
            Side("buildah bud", [bud, "bud", "--signature-policy", f"{buildah.scratch}/policy.json", "--isolation", "chroot",
                                 "--layers", "--network", "host", "--tls-verify=false", "-q", "-t", "localhost/bench:1"],
                 [script(f"{tmp}/forget-buildah", f"{bud} rmi --all --force || true")]),
            Side("BuildKit", [cli, "build", "-q", "--network", "host", "-t", "bench:1"],
                 [script(f"{tmp}/forget-docker", f"{cli} rmi -f bench:1", f"{cli} builder prune -a -f",
                         f"{cli} system prune -a -f")]),
        ]
    finally:
        docker.stop()
        buildah.stop()


def context(path, dockerfile, files):
    """A directory to build in; @files: name -> bytes."""
    for name, data in {**files, "Dockerfile": dockerfile.encode()}.items():
        full = os.path.join(path, name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "wb") as f:
            f.write(data)
    return path


def source(seed):
    r = random.Random(seed)
    return "".join(f"int v{r.getrandbits(40)} = {seed};\n" for _ in range(r.randrange(5, 60))).encode()


def big_layer(elf):
    """A tar of BASE_MB in BASE_FILES files of sizes as a distribution's are: most small, some large."""
    with open(elf, "rb") as f:
        data = f.read()
    r = random.Random(1)
    sizes = [r.paretovariate(0.9) for _ in range(BASE_FILES)]
    scale = BASE_MB * 1e6 / sum(min(s, 400) for s in sizes)
    t = bases.Layer()
    t.add("data", "d", 0o755)
    for i, s in enumerate(sizes):
        if i % 80 == 0:
            t.add(f"data/{i // 80}", "d", 0o755)
        n = int(min(s, 400) * scale)
        at = r.randrange(len(data) - n)
        t.add(f"data/{i // 80}/f{i}", content=data[at:at + n])
    return t.done()


def base_layout(path, layers):
    """As bases.layout(), but of tars that are large, so gzip's fastest."""
    os.makedirs(f"{path}/blobs/sha256")

    def put(data, kind):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{path}/blobs/sha256/{digest}", "wb") as f:
            f.write(data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + digest, "size": len(data)}

    config = {"architecture": "amd64", "os": "linux", "config": {"Env": [bases.PATH]}, "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]},
              "history": [{"created_by": "a layer"} for _ in layers]}
    manifest = put(json.dumps({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": put(json.dumps(config).encode(), "config.v1+json"),
        "layers": [put(gzip.compress(x, 1, mtime=0), "layer.v1.tar+gzip") for x in layers]}).encode(), "manifest.v1+json")
    with open(f"{path}/index.json", "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [
            dict(manifest, annotations={"org.opencontainers.image.ref.name": "x"})]}, f)
    with open(f"{path}/oci-layout", "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')


def memory_row(b, t):
    b.row("… slsc's peak memory", f"{t.rss_kib / 1024:.0f} MB", "", "", "≤ 256 MB", t.rss_kib <= 256 * 1024)


def versus(b, what, results, all_sides, aims):
    """@results in the order of @all_sides; a row for each peer."""
    for i, (t, side, aim) in enumerate(zip(results[1:], all_sides[1:], aims)):
        b.compare(what if i == 0 else "… the same", results[0], t, side.name, aim)


def scratch_copy(b, tmp, all_sides):
    d = context(f"{tmp}/one", "FROM scratch\nCOPY hello /hello\nENTRYPOINT [\"/hello\"]\n", {"hello": os.urandom(17_800)})
    r = b.time(tmp, *[(s.forget, s.build(d)) for s in all_sides], runs=max(5, b.runs // 2))
    versus(b, "FROM scratch, COPY of 18 KB, nothing cached", r, all_sides, (0.15, 0.15))


def cached(b, tmp, all_sides, base):
    lines = [f"FROM {base}"]
    for i in range(STEPS // 2):
        lines += [f"COPY f{i} /dir/f{i}", f"RUN echo {i} >/dir/g{i}"]
    d = context(f"{tmp}/cached", "\n".join(lines) + "\n", {f"f{i}": source(i) for i in range(STEPS // 2)})
    r = b.time(tmp, *[s.build(d) for s in all_sides], runs=max(5, b.runs // 2))
    versus(b, f"{STEPS} steps, all cached", r, all_sides, (0.2, 0.2))


def run_steps(b, tmp, all_sides, base):
    """What a RUN that does nothing costs: ten of them less none."""
    none = context(f"{tmp}/none", f"FROM {base}\nLABEL a=b\n", {})
    ten = context(f"{tmp}/ten", f"FROM {base}\n" + "".join(f"RUN true {i}\n" for i in range(10)), {})
    r = b.time(tmp, *[s.build(d, "--no-cache") for s in all_sides for d in (none, ten)], runs=max(3, b.runs // 4))
    each = [(r[2 * i + 1].ms - r[2 * i].ms) / 10 for i in range(len(all_sides))]
    for i, side in enumerate(all_sides[1:], 1):
        b.row("a RUN that does nothing (of ten)" if i == 1 else "… the same", f"{each[0]:.1f} ms",
              f"{side.name} {each[i]:.1f} ms", f"{each[0] / each[i]:.2f}×", "≤ 15 ms", each[0] <= 15)


def big_base(b, tmp, all_sides, base):
    d = context(f"{tmp}/many", f"FROM {base}\nCOPY src /src\n",
                {f"src/d{i // 100}/f{i}.c": source(i) for i in range(FILES)})
    r = b.time(tmp, *[(s.forget, s.build(d)) for s in all_sides], runs=max(1, b.runs // 10))
    versus(b, f"{BASE_MB} MB base from a registry, COPY of {FILES} files, nothing cached", r, all_sides, (1, 1))
    memory_row(b, r[0])
    change = [script(f"{tmp}/change", f"date +%N >>{d}/src/d50/f5000.c")]
    r = b.time(tmp, *[(change, s.build(d)) for s in all_sides], runs=max(3, b.runs // 4))
    versus(b, "… one of the files changed", r, all_sides, (0.3, 0.3))
    memory_row(b, r[0])
    r = b.time(tmp, *[s.build(d) for s in all_sides], runs=max(3, b.runs // 4))
    versus(b, "… nothing changed", r, all_sides, (0.2, 0.2))


def bench(b, tmp, slsc, registry, elf):
    """@registry(tmp): a context with the registry's .host. @elf: a large file that compresses as programs do."""
    b.section("Images from Dockerfiles")
    with registry(tmp) as r, sides(tmp, slsc) as all_sides:
        small, big = f"{r.host}/small:x", f"{r.host}/big:x"
        tiny = bases.tiny_layer(bases.tool("busybox", "busybox-static"))
        for ref, layers in ((small, [tiny]), (big, [tiny, big_layer(elf)])):
            layout = f"{tmp}/{ref.split('/')[1].replace(':', '-')}"
            base_layout(layout, layers)
            subprocess.run(["skopeo", "copy", "-q", "--dest-tls-verify=false", f"oci:{layout}:x", f"docker://{ref}"],
                           check=True)
        del layers
        scratch_copy(b, tmp, all_sides)
        cached(b, tmp, all_sides, small)
        run_steps(b, tmp, all_sides, small)
        big_base(b, tmp, all_sides, big)
