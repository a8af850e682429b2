#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An image whose second layer nobody should unpack, as an OCI layout.

    hostile.py CASE DIR TARGET

The first layer is busybox. TARGET is an absolute directory outside, which the layer wants to write to. Standard library
only.
"""

import gzip
import hashlib
import io
import json
import os
import sys
import tarfile

CASE, DIR, TARGET = sys.argv[1:4]
UP = "../" * 20 + TARGET.lstrip("/")


def entry(name, kind=tarfile.REGTYPE, data=b"", **more):
    t = tarfile.TarInfo(name)
    t.type, t.size, t.mode = kind, len(data), 0o755
    for key, value in more.items():
        setattr(t, key, value)
    return t, data


def file(name, data=b"evil\n", **more):
    return entry(name, data=data, **more)


def link(name, to):
    return entry(name, tarfile.SYMTYPE, linkname=to)


def hard(name, to):
    return entry(name, tarfile.LNKTYPE, linkname=to)


def tar(entries):
    b = io.BytesIO()
    with tarfile.open(fileobj=b, mode="w", format=tarfile.PAX_FORMAT) as t:
        for head, data in entries:
            t.addfile(head, io.BytesIO(data))
    return b.getvalue()


def header(name, size, kind):
    """One that tarfile would not write: its bytes do not follow."""
    t = tarfile.TarInfo(name)
    t.type, t.size = kind, size
    return t.tobuf(tarfile.GNU_FORMAT)


class Endless:
    """A header and so many MiB of zeros, packed without being held."""

    def __init__(self, start, mib):
        self.start, self.mib = start, mib

    def blocks(self):
        yield self.start
        for _ in range(self.mib):
            yield b"\0" * (1 << 20)


CASES = {
    "dotdot": lambda: [file(UP + "/new")],
    "absolute": lambda: [file(TARGET + "/new")],
    "symlink": lambda: [link("l", TARGET), file("l/new")],
    "symlink-up": lambda: [link("l", UP), file("l/new")],
    "symlink-file": lambda: [link("f", TARGET + "/keep"), file("f")],
    "hardlink": lambda: [hard("h", TARGET + "/keep"), file("h")],
    "hardlink-up": lambda: [hard("h", UP + "/keep"), file("h")],
    "hardlink-through": lambda: [link("l", TARGET), hard("h", "l/keep"), file("h")],
    "whiteout": lambda: [file(UP + "/.wh.keep", b"")],
    "whiteout-through": lambda: [link("l", TARGET), file("l/.wh.keep", b"")],
    "opaque-through": lambda: [link("l", TARGET), file("l/.wh..wh..opq", b"")],
    "whiteout-dots": lambda: [entry("a", tarfile.DIRTYPE), file("a/.wh...", b"")],
    "twice": lambda: [entry("d", tarfile.DIRTYPE), file("d/a"), link("d", TARGET), file("d/new")],
    "circle": lambda: [link("a", "b"), link("b", "a"), file("a/x")],
    "device": lambda: [entry("n", tarfile.CHRTYPE, devmajor=1, devminor=3)],
    "attribute": lambda: [file("x", pax_headers={"SCHILY.xattr.user.a": "v" * 70000})],
    "pax": lambda: Endless(header("p", 1 << 30, b"x"), 1024),
    "size": lambda: Endless(header("s", 1 << 50, b"0"), 0),
    "bomb": lambda: Endless(header("z", 1 << 29, b"0"), 512),
}


class Layout:
    def __init__(self):
        os.makedirs(DIR + "/blobs/sha256")
        self.layers, self.ids = [], []
        self.write("oci-layout", b'{"imageLayoutVersion":"1.0.0"}')

    @staticmethod
    def write(name, data):
        with open(f"{DIR}/{name}", "wb") as f:
            f.write(data)

    def blob(self, data, kind):
        name = hashlib.sha256(data).hexdigest()
        self.write("blobs/sha256/" + name, data)
        return {"mediaType": "application/vnd.oci.image." + kind, "digest": "sha256:" + name, "size": len(data)}

    def layer(self, what):
        blocks = what.blocks() if isinstance(what, Endless) else [tar(what)]
        out, diff_id = io.BytesIO(), hashlib.sha256()
        with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1, mtime=0) as z:
            for b in blocks:
                diff_id.update(b)
                z.write(b)
        self.ids.append("sha256:" + diff_id.hexdigest())
        self.layers.append(self.blob(out.getvalue(), "layer.v1.tar+gzip"))

    def finish(self):
        config = self.blob(json.dumps({
            "architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/bin/sh"], "User": "1"},
            "rootfs": {"type": "layers", "diff_ids": self.ids}}).encode(), "config.v1+json")
        manifest = self.blob(json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
            "layers": self.layers}).encode(), "manifest.v1+json")
        manifest["annotations"] = {"org.opencontainers.image.ref.name": "t"}
        self.write("index.json", json.dumps({"schemaVersion": 2, "manifests": [manifest]}).encode())


with open("/bin/busybox", "rb") as box:
    BASE = [entry("bin", tarfile.DIRTYPE), file("bin/busybox", box.read()), link("bin/sh", "busybox")]
IMAGE = Layout()
IMAGE.layer(BASE)
IMAGE.layer(CASES[CASE]())
IMAGE.finish()
