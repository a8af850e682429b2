# SPDX-License-Identifier: Apache-2.0
"""A Dockerfile with its context, as the builders get it.

A case is a directory: Dockerfile, context/, a file `args` and, for what git cannot hold (owners, devices, empty
directories), a shell script `prepare`, which is run in the context's copy. Lines of `args`:
    group NAME          which test shows it
    peers NAME...       who of Debian's peers knows the syntax; default: both. With none, or besides, `expect` says
                        what there is: "below PATH..." names directories, then come their nodes as --show prints them
                        (but a content in quotes, after a colon), "config FIELD VALUE" is of the config
    fails TEXT          each of them must refuse it; slsc with TEXT in what it says
    docker-format       slsc writes a docker-archive: what OCI's config has no place for is compared
    bases NAME...       of bases.py, where the Dockerfile does not name them
    file NAME           instead of Dockerfile
    long                built with compare.py --all only (scripts/test -C long)
    docker|buildah|slsc OPTION...    for that one only
    OPTION...           for all, what begins with a dash
In a Dockerfile registry.test/NAME is a base of bases.py.
"""
import hashlib
import os
import re
import shlex
import shutil
import subprocess

from bases import Missing

HERE = os.path.dirname(os.path.abspath(__file__))


class Case:
    def __init__(self, name):
        self.name, self.path = name, f"{HERE}/cases/{name}"
        self.group, self.peers, self.fails, self.docker_format = "other", ["buildah", "docker"], None, False
        self.bases, self.long = [], False
        self.options = {"all": [], "docker": [], "buildah": [], "slsc": []}
        self.dockerfile, self.context, self.registry = "Dockerfile", "context", ""
        if os.path.exists(f"{self.path}/args"):
            with open(f"{self.path}/args", encoding="utf-8") as f:
                for line in f:
                    self.setting(line.strip())
        with open(f"{self.path}/{self.dockerfile}", encoding="utf-8") as f:
            text = f.read()
        self.bases += sorted(set(re.findall(r"(?<!/)registry\.test/(\w+)", text)))
        self.expect = f"{self.path}/expect" if os.path.exists(f"{self.path}/expect") else None

    def setting(self, line):
        if not line or line.startswith("#"):
            return
        word, _, rest = line.partition(" ")
        if line.startswith("-"):
            self.options["all"] += shlex.split(line)
        elif word in self.options:
            self.options[word] += shlex.split(rest)
        elif word == "group":
            self.group = rest
        elif word == "peers":
            self.peers = rest.split()
        elif word == "fails":
            self.fails = rest
        elif word == "bases":
            self.bases += rest.split()
        elif word == "file":
            self.dockerfile = rest
        elif word == "docker-format":
            self.docker_format = True
        elif word == "long":
            self.long = True
        else:
            raise ValueError(f"{self.path}/args: {line!r} is no setting")

    def args(self, peer):
        return [a.replace("registry.test", self.registry) for a in self.options["all"] + self.options[peer]]

    def key(self, peer, version, made):
        h = hashlib.sha256(f"{peer} {version} {made}".encode())
        for path in [f"{HERE}/{n}.py" for n in ("flatten", "peers", "cases")]:
            with open(path, "rb") as f:
                h.update(hashlib.sha256(f.read()).digest())
        for top, dirs, files in sorted(os.walk(self.path)):
            dirs.sort()
            for n in sorted(files + [d for d in dirs if os.path.islink(f"{top}/{d}")]):
                p = f"{top}/{n}"
                if n == "expect":
                    continue
                h.update(os.path.relpath(p, self.path).encode() + b"\0")
                if os.path.islink(p):
                    h.update(b"link " + os.readlink(p).encode())
                else:
                    with open(p, "rb") as f:
                        h.update(hashlib.sha256(f.read()).digest() + (b"x" if os.stat(p).st_mode & 0o100 else b"-"))
        return h.hexdigest()

    def copy(self, directory):
        """A copy with fixed modes, whatever the umask of the checkout was, and with what `prepare` makes."""
        shutil.copytree(self.path, directory, symlinks=True)
        os.makedirs(f"{directory}/context", exist_ok=True)
        for top, dirs, files in os.walk(directory):
            os.chmod(top, 0o755)
            for n in files + dirs:
                p = f"{top}/{n}"
                os.lchown(p, 0, 0)
                if n in files and not os.path.islink(p):
                    os.chmod(p, 0o755 if os.stat(p).st_mode & 0o100 else 0o644)
        p = f"{directory}/{self.dockerfile}"
        with open(p, encoding="utf-8", newline="") as f:
            text = f.read().replace("registry.test", self.registry)
        with open(p, "w", encoding="utf-8", newline="") as f:
            f.write(text)
        if os.path.exists(f"{directory}/prepare"):
            p = subprocess.run(["sh", "-eu", "../prepare"], cwd=f"{directory}/context", stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if p.returncode:
                raise Missing(f"{self.path}/prepare: {p.stdout.decode()}")
