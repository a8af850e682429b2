#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Artifacts that nobody should make, by hand, for tests/e2e/check.bats.

artifacts.py image DIR CASE PROGRAM   an OCI layout with one image, all in order but for what CASE says
artifacts.py zip FILE CASE PROGRAM    a Lambda zip likewise
PROGRAM is a static ELF for x86_64. Without a mistake, CASE is "ok".
"""
import copy
import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import zipfile

OCI = "application/vnd.oci.image."
DOCKER = "application/vnd.docker."
CONFIG, MANIFEST, INDEX = OCI + "config.v1+json", OCI + "manifest.v1+json", OCI + "index.v1+json"
LABELS = {"org.opencontainers.image.source": "https://example.com/x", "org.opencontainers.image.revision": "1"}
# of the tar of huge(): to hash it would take longer than the check does, which says if it is not this
HUGE = "a6706b319f0e4c16a49ce1ed8f8e73ef2cc6a7fbf6f183f542467e9474e48aab"
KEY = b"-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"


class Layer:
    """A tar, entry by entry, in the order of the calls."""

    def __init__(self):
        self.raw = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.raw, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, data=b"", mode=None, link="", uid=0, gid=0):
        info = tarfile.TarInfo(name)
        info.type, info.size, info.linkname, info.uid, info.gid = kind, len(data), link, uid, gid
        info.mode = mode if mode is not None else 0o755 if kind == tarfile.DIRTYPE else 0o644
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def dir(self, name, mode=0o755, **more):
        return self.add(name, tarfile.DIRTYPE, mode=mode, **more)

    def link(self, name, target):
        return self.add(name, tarfile.SYMTYPE, link=target, mode=0o777)

    def hard(self, name, target):
        return self.add(name, tarfile.LNKTYPE, link=target)

    def bytes(self):
        self.tar.close()
        return self.raw.getvalue()


class Layout:
    def __init__(self, path):
        self.path = path
        os.makedirs(path + "/blobs/sha256")
        with open(path + "/oci-layout", "w") as f:
            f.write('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media, **more):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{self.path}/blobs/sha256/{digest}", "wb") as f:
            f.write(data)
        return {"mediaType": media, "digest": "sha256:" + digest, "size": len(data), **more}

    def json(self, doc, media, **more):
        return self.blob(json.dumps(doc).encode(), media, **more)

    def index(self, manifests):
        with open(self.path + "/index.json", "w") as f:
            json.dump({"schemaVersion": 2, "manifests": manifests}, f)


def packed(data, how):
    if how == "gzip":
        return gzip.compress(data, 1, mtime=0)
    if how == "zstd":
        return subprocess.run(["zstd", "-q", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout
    return data


def good(program):
    layer = Layer()
    layer.dir("app").add("app/hello", data=program, mode=0o755)
    run = {"Entrypoint": ["/app/hello"], "User": "65532", "WorkingDir": "/", "Labels": dict(LABELS)}
    return layer, run


# What each case does: to the layers, to the config's "config", to the rest.
def change(case, layer, run, layers, opt, program):
    add = layer.add
    f = {
        "parents": lambda: add("var/task/x", data=b"x"),
        "entrypoint-missing": lambda: run.pop("Entrypoint"),
        "entrypoint-cmd": lambda: run.update(Cmd=run.pop("Entrypoint")),
        "entrypoint-path": lambda: run.update(Entrypoint=["hello"], Env=["PATH=/usr/bin:/app"]),
        "entrypoint-symlink": lambda: (layer.link("hi", "app/hello"), run.update(Entrypoint=["/hi"])),
        "entrypoint-not-found": lambda: run.update(Entrypoint=["/app/helo"]),
        "entrypoint-mode": lambda: (add("app/plain", data=program), run.update(Entrypoint=["/app/plain"])),
        "entrypoint-dir": lambda: (layer.dir("private", 0o700), add("private/x", data=program, mode=0o755),
                                   run.update(Entrypoint=["/private/x"])),
        "entrypoint-is-dir": lambda: run.update(Entrypoint=["/app"]),
        "entrypoint-text": lambda: (add("app/text", data=b"hello\n", mode=0o755),
                                    run.update(Entrypoint=["/app/text"])),
        "entrypoint-script": lambda: (add("app/run", data=b"#!/bin/sh -e\necho\n", mode=0o755),
                                      run.update(Entrypoint=["/app/run"])),
        "workdir-missing": lambda: run.update(WorkingDir="/srv"),
        "workdir-access": lambda: (layer.dir("home").dir("home/nonroot", 0o700, uid=65532, gid=65532),
                                   run.update(WorkingDir="/home/nonroot")),
        "user-root": lambda: run.pop("User"),
        "user-zero": lambda: run.update(User="0:0"),
        "user-name": lambda: run.update(User="app:app"),
        "readable": lambda: add("app/shadow", data=b"x", mode=0o640),
        "setuid": lambda: add("app/su", data=b"x", mode=0o4755),
        "writable": lambda: (add("app/all", data=b"x", mode=0o666), layer.dir("open", 0o777), layer.dir("tmp", 0o1777)),
        "device": lambda: (layer.dir("dev"), add("dev/null", tarfile.CHRTYPE)),
        "absolute": lambda: add("/etc/passwd", data=b"x"),
        "dotdot": lambda: add("app/../../etc/passwd", data=b"x"),
        "symlink": lambda: (layer.link("app/up", "../../etc"), layer.link("app/fine", "/etc/../hello")),
        "hardlink": lambda: layer.hard("app/shadow", "../../etc/shadow"),
        "hardlink-missing": lambda: layer.hard("app/two", "app/one"),
        "through": lambda: (layer.link("out", "/etc"), add("out/passwd", data=b"x")),
        "whiteout": lambda: add("../.wh.etc"),
        "whiteout-dots": lambda: add("app/.wh..."),
        "duplicate": lambda: add("app/hello", data=program, mode=0o755),
        "hidden": lambda: layers.append(Layer().dir("app").add("app/.wh.hello")),
        "opaque": lambda: layers.append(Layer().dir("app").add("app/.wh..wh..opq")),
        "removed-key": lambda: (add("app/key.pem", data=KEY), layers.append(Layer().dir("app").add("app/.wh.key.pem"))),
        "secret-files": lambda: (add("app/.env", data=b"A=1\n"), add("app/.env.example", data=b"A=\n"),
                                 layer.dir("app/.git"), add("app/.git/HEAD", data=b"ref: refs/heads/main\n")),
        "tokens": lambda: (add("app/aws", data=b"x\nid = AKIAABCDEFGHIJKLMNOP\n"),
                           add("app/doc", data=b"AKIAIOSFODNN7EXAMPLE XAKIAABCDEFGHIJKLMNOP\n"),
                           add("app/gh", data=b"ghp_" + b"a1" * 18 + b"\n"),
                           add("app/npm", data=b"//r.example.com/:_authToken=abcdef123456\n"),
                           add("app/docker.json", data=b'{"auths": {"r.example.com": {"auth": "dXNlcjpwYXNz"}}}'),
                           add("app/data", data=b"\0AKIAABCDEFGHIJKLMNOP")),
        "env": lambda: run.update(Env=["DB_PASSWORD=x", "DB_PASSWORD_FILE=/run/x", "TOKEN=", "K=AKIAABCDEFGHIJKLMNOP"]),
        "label-secret": lambda: run["Labels"].update(note="key AKIAABCDEFGHIJKLMNOP"),
        "history": lambda: opt.update(history=[{"created_by": "RUN echo AKIAABCDEFGHIJKLMNOP"}]),
        "label": lambda: run["Labels"].pop("org.opencontainers.image.revision"),
        "base": lambda: opt.update(annotations={"org.opencontainers.image.base.name": "docker.io/library/debian:12"}),
        "base-pinned": lambda: opt.update(annotations={"org.opencontainers.image.base.name": "docker.io/library/debian:12",
                                                       "org.opencontainers.image.base.digest": "sha256:" + "0" * 64}),
        "zstd": lambda: opt.update(how="zstd"),
        "codec": lambda: opt.update(how="none", said="gzip"),
        "docker": lambda: opt.update(docker=True),
        "docker-plain": lambda: opt.update(docker=True, how="none"),
        "media": lambda: opt.update(media="application/x-tar"),
        "artifact": lambda: opt.update(config_media="application/vnd.example.thing"),
        "arch": lambda: opt.update(arch="arm64"),
        "platform": lambda: opt.update(platform="arm64"),
        "windows": lambda: opt.update(os="windows"),
        "count": lambda: opt.update(diff_ids=[]),
        "diff-id": lambda: opt.update(diff_ids=["sha256:" + "1" * 64]),
        "layers": lambda: layers.extend(Layer().dir(f"d{i}") for i in range(127)),
        "truncated": lambda: opt.update(cut=True),
        "wrong-digest": lambda: opt.update(flip=True),
        "attestation": lambda: opt.update(index=True, attestation=True),
        "index": lambda: opt.update(index=True),
        "ok": lambda: None,
    }
    f[case]()


def image(path, case, program):
    layer, run = good(program)
    layers, opt = [layer], {"how": "gzip", "arch": "amd64", "os": "linux"}
    change(case, layer, run, layers, opt, program)
    out = Layout(path)
    tars = [x.bytes() for x in layers]
    docker = opt.get("docker")
    said = opt.get("said", opt["how"])
    kind = {"gzip": ".gzip", "zstd": ".zstd", "none": ""} if docker else {"gzip": "+gzip", "zstd": "+zstd", "none": ""}
    media = opt.get("media") or (DOCKER + "image.rootfs.diff.tar" if docker else OCI + "layer.v1.tar") + kind[said]
    blobs = [packed(t, opt["how"]) for t in tars]
    if opt.get("cut"):
        blobs[0] = blobs[0][:-20]
    descs = [out.blob(b, media) for b in blobs]
    if opt.get("flip"):
        name = f"{path}/blobs/sha256/{descs[0]['digest'][7:]}"
        with open(name, "r+b") as f:
            f.write(gzip.compress(tars[0], 1, mtime=1)[:8])
    ids = ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]
    config = {"architecture": opt["arch"], "os": opt["os"], "config": run, "history": opt.get("history", []),
              "rootfs": {"type": "layers", "diff_ids": opt.get("diff_ids", ids)}}
    config_media = opt.get("config_media") or (DOCKER + "container.image.v1+json" if docker else CONFIG)
    manifest_media = DOCKER + "distribution.manifest.v2+json" if docker else MANIFEST
    manifest = {"schemaVersion": 2, "mediaType": manifest_media, "config": out.json(config, config_media),
                "layers": descs}
    if opt.get("annotations"):
        manifest["annotations"] = opt["annotations"]
    desc = out.json(manifest, manifest_media,
                    platform={"architecture": opt.get("platform", opt["arch"]), "os": "linux"})
    if opt.get("index"):
        entries = [desc]
        if opt.get("attestation"):
            other = copy.deepcopy(desc)
            other["platform"] = {"architecture": "unknown", "os": "unknown"}
            other["annotations"] = {"vnd.docker.reference.type": "attestation-manifest"}
            entries.append(other)
        desc = out.json({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, INDEX)
    desc["annotations"] = {"org.opencontainers.image.ref.name": "v1"}
    out.index([desc])


def huge(path):
    """A layer of 10 GB and 64 MB of zeros, beyond Lambda's limit: some hundred kB as zstd, of equal frames."""
    out = Layout(path)
    head = tarfile.TarInfo("zeros")
    head.size, head.mode = 161 << 26, 0o755

    def frame(data):
        return subprocess.run(["zstd", "-q", "-c", "-1"], input=data, stdout=subprocess.PIPE, check=True).stdout

    desc = out.blob(frame(head.tobuf(tarfile.PAX_FORMAT)) + frame(bytes(1 << 26)) * 161 + frame(bytes(1024)),
                    OCI + "layer.v1.tar+zstd")
    config = {"architecture": "amd64", "os": "linux", "config": {"Entrypoint": ["/zeros"], "User": "1", "Labels": LABELS},
              "rootfs": {"type": "layers", "diff_ids": ["sha256:" + HUGE]}}
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": out.json(config, CONFIG), "layers": [desc]}
    out.index([out.json(manifest, MANIFEST)])


def entry(z, name, data, mode=0o100755, system=3, method=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.compress_type = system, mode << 16, method
    z.writestr(info, data)


def make_zip(path, case, program):
    with zipfile.ZipFile(path, "w") as z:
        boot = {"executable": 0o100644, "decimal": 0o100000 | 755, "world": 0o100777, "setuid": 0o104755}.get(case)
        name = {"bootstrap": "bin/bootstrap"}.get(case, "bootstrap")
        system = 0 if case == "dos" else 3
        entry(z, name, program, 0 if case == "dos" else boot or 0o100755, system)
        if case == "unix":
            entry(z, "readme", b"x", 0, 0)
        if case == "readable":
            entry(z, "secret", b"x", 0o100600)
            entry(z, "d/", b"", 0o040700)
            entry(z, "e/", b"", 0o040744)
        if case == "names":
            for n in ("/etc/passwd", "../up", "a\\b", "d/../../x"):
                entry(z, n, b"x", 0o100644)
        if case == "duplicate":
            entry(z, "bootstrap", program)
        if case == "symlink":
            entry(z, "out", b"../../etc", 0o120777)
            entry(z, "abs", b"/etc/passwd", 0o120777)
            entry(z, "in", b"d/../bootstrap", 0o120777)
        if case == "method":
            entry(z, "b", b"x" * 1000, 0o100644, method=zipfile.ZIP_BZIP2)
        if case == "key":
            entry(z, "key.pem", KEY, 0o100644)
            entry(z, "id_rsa", b"x", 0o100644)
        if case == "unzipped":
            entry(z, "zeros", bytes(262144001), 0o100644)
        if case == "direct":
            entry(z, "noise", os.urandom(52428801), 0o100644, method=zipfile.ZIP_STORED)
    with open(path, "r+b") as f:
        data = bytearray(f.read())
        at = data.find(b"PK\1\2")
        if case == "encrypted":
            data[6] |= 1
            data[at + 8] |= 1
        if case == "damaged":
            data[at - 10] ^= 0xff
        if case == "crc":
            data[14] ^= 1
            data[at + 16] ^= 1
        if case == "local-name":
            data[30:32] = b"BO"
        if case == "truncated":
            del data[-30:]
        f.seek(0)
        f.truncate()
        f.write(data)


def main(kind, path, case, program):
    with open(program, "rb") as f:
        data = f.read()
    if kind == "zip":
        make_zip(path, case, data)
    elif case == "huge":
        huge(path)
    else:
        image(path, case, data)


main(*sys.argv[1:])
