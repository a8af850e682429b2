# SPDX-License-Identifier: Apache-2.0
"""An image's archive as what can be compared: the tree that its layers make, its config, its history.

The layers are applied here, by the rules of the OCI image specification (layer.md), so that no unpacker's and no
file system's habits come in between: names, types, modes, owners, links, devices, xattrs, contents; no times.
"""
import gzip
import hashlib
import io
import json
import tarfile

FIELDS = ("Env", "Entrypoint", "Cmd", "User", "WorkingDir", "Labels", "ExposedPorts", "Volumes", "StopSignal",
          "OnBuild", "Healthcheck", "Shell")
TYPES = {tarfile.DIRTYPE: "d", tarfile.SYMTYPE: "l", tarfile.CHRTYPE: "c", tarfile.BLKTYPE: "b", tarfile.FIFOTYPE: "p"}


class Malformed(Exception):
    pass


def clean(name):
    parts = [p for p in name.split("/") if p not in ("", ".")]
    if ".." in parts:
        raise Malformed(f"a layer has the name {name!r}")
    return "/".join(parts)


def read_layer(blob):
    """A layer as a list of (path, node or None for a whiteout, hard link's target or None), in its order."""
    ops = []
    if blob[:2] == b"\x1f\x8b":
        blob = gzip.decompress(blob)
    with tarfile.open(fileobj=io.BytesIO(blob), mode="r:", encoding="utf-8", errors="surrogateescape") as tar:
        for m in tar:
            path = clean(m.name)
            if m.islnk():
                ops.append((path, {}, clean(m.linkname)))
                continue
            node = {"mode": "%04o" % (m.mode & 0o7777), "owner": "%d:%d" % (m.uid, m.gid)}
            xattrs = {k[len("SCHILY.xattr."):]: v for k, v in m.pax_headers.items() if k.startswith("SCHILY.xattr.")}
            if xattrs:
                node["xattrs"] = {k: v.encode("utf-8", "surrogateescape").hex() for k, v in sorted(xattrs.items())}
            if m.isreg():
                content = tar.extractfile(m).read()
                node.update(type="f", size=len(content), sha256=hashlib.sha256(content).hexdigest())
            elif m.type in TYPES:
                node["type"] = TYPES[m.type]
                if m.issym():
                    node["link"] = m.linkname
                    del node["mode"]
                elif m.ischr() or m.isblk():
                    node["rdev"] = "%d:%d" % (m.devmajor, m.devminor)
            else:
                raise Malformed(f"{path}: a tar entry of type {m.type!r}")
            ops.append((path, node, None))
    return ops


def remove(tree, path, itself=True):
    for p in [p for p in tree if p.startswith(path + "/" if path else "") and p != ""] + ([path] if itself else []):
        tree.pop(p, None)


def apply_layer(tree, ops):
    # whiteouts hide what is below, never what the same layer brings, wherever in the layer they stand
    for path, _, _ in ops:
        parent, _, name = path.rpartition("/")
        if name == ".wh..wh..opq":
            remove(tree, parent, itself=False)
        elif name.startswith(".wh."):
            victim = (parent + "/" if parent else "") + name[4:]
            if victim not in tree:
                raise Malformed(f"a whiteout of {victim}, which is not there")
            remove(tree, victim)
    for path, node, link in ops:
        if path.rpartition("/")[2].startswith(".wh."):
            continue
        if link is not None:
            if link not in tree:
                raise Malformed(f"{path}: a hard link to {link}, which is not there")
            node = tree[link]
        old = tree.get(path)
        if old and old["type"] == "d" and node["type"] != "d":
            remove(tree, path)
        parent = path.rpartition("/")[0]
        if path and parent and parent not in tree:
            raise Malformed(f"{path}: its directory is in no layer")
        if path and parent and tree[parent]["type"] != "d":
            raise Malformed(f"{path}: {parent} is no directory")
        tree[path] = node
    return tree


def finish(tree):
    """Hard links as the list of names of one file; each node its own."""
    names = {}
    for path, node in tree.items():
        names.setdefault(id(node), []).append(path)
    out = {}
    for path in sorted(tree):
        out[path or "/"] = dict(tree[path])
        same = sorted(names[id(tree[path])])
        if len(same) > 1:
            out[path or "/"]["hardlinks"] = same
    return out


def read_archive(path):
    """docker-archive or oci-archive: (config as parsed, layers' blobs by a function)."""
    with tarfile.open(path, mode="r:") as tar:
        # in an archive that shares layers, some are symlinks to others
        blobs = {clean(m.name): m for m in tar}

        def read(name):
            m = blobs[clean(name)]
            while m.issym():
                m = blobs[clean(join(m.name.rpartition("/")[0], m.linkname))]
            return tar.extractfile(m).read()

        if "manifest.json" in blobs:
            manifest = json.loads(read("manifest.json"))[0]
            return json.loads(read(manifest["Config"])), [read(name) for name in manifest["Layers"]]

        def blob(d):
            data = read("blobs/" + d["digest"].replace(":", "/"))
            if d["digest"] != "sha256:" + hashlib.sha256(data).hexdigest() or d["size"] != len(data):
                raise Malformed(f"{d['digest']}: not what is in it")
            return data
        manifest = json.loads(blob(json.loads(read("index.json"))["manifests"][0]))
        while "manifests" in manifest:
            manifest = json.loads(blob(manifest["manifests"][0]))
        return json.loads(blob(manifest["config"])), [blob(d) for d in manifest["layers"]]


def join(directory, name):
    parts = directory.split("/")
    for p in name.split("/"):
        if p == "..":
            parts.pop()
        else:
            parts.append(p)
    return "/".join(parts)


def flatten(path, layers_seen=None):
    """{"tree": ..., "config": ..., "history": ..., "layers": N} of an archive; @layers_seen: a dict, to parse once."""
    config, blobs = read_archive(path)
    tree = {}
    diff_ids = config["rootfs"]["diff_ids"]
    if len(diff_ids) != len(blobs):
        raise Malformed(f"{len(diff_ids)} diff_ids for {len(blobs)} layers")
    for blob, diff_id in zip(blobs, diff_ids):
        plain = gzip.decompress(blob) if blob[:2] == b"\x1f\x8b" else blob
        if diff_id != "sha256:" + hashlib.sha256(plain).hexdigest():
            raise Malformed(f"a layer is not what {diff_id} says")
        ops = (layers_seen or {}).get(diff_id)
        if ops is None:
            ops = read_layer(plain)
            if layers_seen is not None:
                layers_seen[diff_id] = ops
        apply_layer(tree, [(p, dict(n), l) for p, n, l in ops])
    inner = config.get("config") or {}
    history = config.get("history") or []
    filled = [h for h in history if not h.get("empty_layer")]
    if len(filled) != len(blobs):
        raise Malformed(f"the history has {len(filled)} layers, the image {len(blobs)}")
    return {
        "tree": finish(tree),
        "config": {f: inner[f] for f in FIELDS if inner.get(f)},
        "platform": "/".join(config[k] for k in ("os", "architecture", "variant") if config.get(k)),
        "history": [{"text": h.get("created_by", ""), "empty": bool(h.get("empty_layer"))} for h in history],
    }
