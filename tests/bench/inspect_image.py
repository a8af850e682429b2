# SPDX-License-Identifier: Apache-2.0
"""slsc inspect: a 300 MB image beside decompressing and hashing its layers once, all at a time; the symbols of a 33 MB
program with debug information beside nm's. A part of bench.py."""

import gzip
import hashlib
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "stage"))
sys.dont_write_bytecode = True

import bases  # noqa: E402

LAYERS = ((150, 2500), (80, 1500), (50, 800), (20, 200))  # MB, files
MEMORY_MB = 128


def layer(number, mb, files, data, r):
    """A tar of files of sizes as a distribution's are: most small, some large."""
    sizes = [min(r.paretovariate(0.9), 400) for _ in range(files)]
    scale = mb * 1e6 / sum(sizes)
    t = bases.Layer()
    t.add(f"d{number}", "d", 0o755)
    for i, s in enumerate(sizes):
        if i % 80 == 0:
            t.add(f"d{number}/{i // 80}", "d", 0o755)
        n = int(s * scale)
        at = r.randrange(len(data) - n)
        t.add(f"d{number}/{i // 80}/f{i}", content=data[at:at + n])
    return t.done()


def layout(path, kind, elf):
    """An image of LAYERS, compressed by gzip or zstd; the paths of its layers' blobs."""
    os.makedirs(f"{path}/blobs/sha256")
    with open(elf, "rb") as f:
        data = f.read()
    r = random.Random(1)

    def put(blob, media):
        digest = hashlib.sha256(blob).hexdigest()
        with open(f"{path}/blobs/sha256/{digest}", "wb") as f:
            f.write(blob)
        return {"mediaType": "application/vnd.oci.image." + media, "digest": "sha256:" + digest, "size": len(blob)}

    tars = [layer(i, mb, files, data, r) for i, (mb, files) in enumerate(LAYERS)]
    squeeze = {"gzip": lambda t: gzip.compress(t, 6, mtime=0),
               "zstd": lambda t: subprocess.run(["zstd", "-3", "-q"], input=t, capture_output=True, check=True).stdout}
    layers = [put(squeeze[kind](t), "layer.v1.tar+" + kind) for t in tars]
    config = {"architecture": "amd64", "os": "linux", "rootfs": {
        "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(t).hexdigest() for t in tars]}}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": layers,
                "config": put(json.dumps(config).encode(), "config.v1+json")}
    with open(f"{path}/index.json", "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [put(json.dumps(manifest).encode(), "manifest.v1+json")]}, f)
    with open(f"{path}/oci-layout", "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion":"1.0.0"}')
    return [f"{path}/blobs/sha256/{d['digest'][7:]}" for d in layers]


# A function with inlined calls and as much debug information as one of a C library has: 2.5 KB in the file.
FUNCTION = """
struct s{n} {{ struct s{n} *next; char name[{n} % 40 + 8]; unsigned long size, flags; int (*call)(struct s{n} *, int); }};
static inline unsigned long hash{n}(const struct s{n} *s, unsigned long seed)
{{
	for (const char *p = s->name; *p; p++)
		seed = seed * {n} + (unsigned long)*p;
	return seed ^ s->flags;
}}
int table_{n}[{n} % 16 + 1] = {{ {n} }};
int look_up_{n}(struct s{n} *list, unsigned long key, int depth)
{{
	for (struct s{n} *s = list; s; s = s->next) {{
		unsigned long found = hash{n}(s, key);
		int step = table_{n}[found % ({n} % 16 + 1)];

		if (found == key && s->call(s, depth) == step)
			return depth > {n} ? step : look_up_{n}(s->next, hash{n}(list, found), depth + 1);
	}}
	return -1;
}}
"""
FUNCTIONS, UNITS = 500, 40


def program(b, tmp):
    """A program of 33 MB, nearly all of it debug information: one unit, compiled once, under so many names."""
    with open(f"{tmp}/unit.c", "w", encoding="utf-8") as f:
        f.write("".join(FUNCTION.format(n=i + 1) for i in range(FUNCTIONS)))
    with open(f"{tmp}/main.c", "w", encoding="utf-8") as f:
        f.write("int main(void) { return 0; }\n")
    b.sh(tmp, "gcc", "-O1", "-g", "-c", "unit.c")
    units = [f"unit{i}.o" for i in range(UNITS)]
    for unit in units:
        b.sh(tmp, "objcopy", f"--prefix-symbols={unit[:-2]}_", "unit.o", unit)
    b.sh(tmp, "gcc", "-o", "program", "main.c", *units)
    return f"{tmp}/program"


def bench(b, tmp, slsc, elf):
    for kind in ("gzip", "zstd"):
        blobs = layout(f"{tmp}/{kind}", kind, elf)
        peer = f"{tmp}/{kind}.sh"
        with open(peer, "w", encoding="utf-8") as f:
            f.write("#!/bin/sh\n" + "".join(f"{kind} -dc <{x} | sha256sum &\n" for x in blobs) + "wait\n")
        os.chmod(peer, 0o755)
        for what, flags in ((f"inspect of a 300 MB image, {len(blobs)} layers, {kind}", []), ("… --files", ["--files"])):
            ours, theirs = b.time(tmp, [slsc, "inspect", *flags, f"oci:{tmp}/{kind}"], [peer], runs=max(5, b.runs // 4))
            b.compare(what, ours, theirs, f"{kind} -dc │ sha256sum, side by side", 1.3)
        b.row("… its peak memory", f"{ours.rss_kib / 1024:.0f} MB", "", "", f"≤ {MEMORY_MB} MB",
              ours.rss_kib <= MEMORY_MB * 1024)
    elf = program(b, tmp)
    size = f"{os.path.getsize(elf) / 1e6:.0f} MB"
    for what, flags in ((f"inspect --symbols of a program of {size} with debug information", []), ("… --all", ["--all"])):
        ours, theirs = b.time(tmp, [slsc, "inspect", "--symbols", *flags, elf], ["nm", "-S", "--size-sort", elf])
        b.compare(what, ours, theirs, "nm -S --size-sort", 2)
