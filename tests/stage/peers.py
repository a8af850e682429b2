# SPDX-License-Identifier: Apache-2.0
"""Who builds: each takes a case's copy on disk and leaves an archive. Started when first needed, ended by stop()."""
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time

from bases import Missing, tool


class BuildFailed(Exception):
    """The text is the end of what the builder said."""


def execute(argv, cwd, env=None, limit=300):
    """stdout and stderr in one; in a session of its own, so that a time-out ends all of it."""
    with subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, **(env or {})), start_new_session=True) as p:
        try:
            out = p.communicate(timeout=limit)[0].decode(errors="replace")
        except subprocess.TimeoutExpired:
            os.killpg(p.pid, signal.SIGKILL)
            out = p.communicate()[0].decode(errors="replace") + f"\n{argv[0]}: no end after {limit} s"
    if p.returncode:
        raise BuildFailed("exit code %d: %s\n%s" % (p.returncode, " ".join(argv), out[-4000:]))
    return out


class Peer:
    started = False

    def __init__(self, scratch):
        self.scratch = os.path.join(scratch, self.name)
        self.lock = threading.Lock()

    def start(self):
        with self.lock:
            if not self.started:
                os.makedirs(self.scratch)
                self.launch()
                self.started = True

    def launch(self):
        pass

    def stop(self):
        pass


class Docker(Peer):
    """dockerd with the BuildKit in it, without a bridge: RUN steps have the host's network."""
    name = "docker"
    process = None

    def client(self):
        # not what else may be called docker on PATH: only Debian's client knows BuildKit without a plugin
        return "/usr/bin/docker" if os.path.exists("/usr/bin/docker") else tool("docker", "docker.io")

    def version(self):
        self.client()
        return execute([tool("dockerd", "docker.io"), "--version"], "/")

    def launch(self):
        said = ""
        for driver in ("overlay2", "vfs"):
            argv = [tool("dockerd", "docker.io"), "--iptables=false", "--ip6tables=false", "--bridge=none",
                    "--experimental", "--storage-driver", driver, "--default-ulimit", "nofile=20000:20000",
                    "--data-root", f"{self.scratch}/data", "--exec-root", f"{self.scratch}/exec",
                    "--pidfile", f"{self.scratch}/pid", "-H", f"unix://{self.scratch}/sock"]
            with open(f"{self.scratch}/log", "wb") as log:
                # pylint: disable-next=consider-using-with
                self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                start_new_session=True)
            while self.process.poll() is None:
                try:
                    self.docker(["version"], self.scratch)
                    return
                except BuildFailed:
                    time.sleep(0.05)
            with open(f"{self.scratch}/log", encoding="utf-8", errors="replace") as log:
                said = log.read()
        raise Missing("dockerd does not start:\n" + said[-3000:])

    def docker(self, args, cwd):
        return execute([self.client(), *args], cwd, {
            "DOCKER_HOST": f"unix://{self.scratch}/sock", "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain",
            "DOCKER_CONFIG": self.scratch})

    def build(self, case, directory, out):
        tag = re.sub(r"[^a-z0-9]", "-", case.name) + ":1"
        self.docker(["build", "--network", "host", "-t", tag, "-f", case.dockerfile, *case.args(self.name),
                     case.context], directory)
        self.docker(["save", "-o", out, tag], directory)

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None
            # what a killed step may have left mounted
            with open("/proc/self/mounts", encoding="utf-8") as f:
                points = [line.split()[1] for line in f]
            for point in reversed([p for p in points if p.startswith(self.scratch + "/")]):
                subprocess.run([tool("umount", "mount"), "-l", point], check=False)


class Buildah(Peer):
    name = "buildah"

    def version(self):
        return execute([tool("buildah", "buildah"), "--version"], "/")

    def launch(self):
        self.driver = "overlay"
        with open(f"{self.scratch}/policy.json", "w", encoding="utf-8") as f:
            f.write('{"default": [{"type": "insecureAcceptAnything"}]}')
        with open(f"{self.scratch}/containers.conf", "w", encoding="utf-8") as f:
            f.write('[containers]\ndefault_ulimits=["nofile=20000:20000","nproc=32768:32768"]\n')
        with open(f"{self.scratch}/registries.conf", "w", encoding="utf-8") as f:
            f.write("unqualified-search-registries = []\n")
        try:
            self.buildah(["info"], [], self.scratch)
        except BuildFailed:  # no overlay on an overlay
            self.driver = "vfs"
            self.buildah(["info"], [], self.scratch)

    def buildah(self, command, args, cwd):
        policy = ["--signature-policy", f"{self.scratch}/policy.json"] if command[0] in ("bud", "push") else []
        return execute([tool("buildah", "buildah"), "--root", f"{self.scratch}/root",
                        "--runroot", f"{self.scratch}/run", "--storage-driver", self.driver,
                        *command, *policy, *args], cwd,
                       {"CONTAINERS_CONF": f"{self.scratch}/containers.conf", "BUILDAH_LAYERS": "true",
                        "CONTAINERS_REGISTRIES_CONF": f"{self.scratch}/registries.conf"})

    def build(self, case, directory, out):
        tag = "localhost/" + re.sub(r"[^a-z0-9]", "-", case.name) + ":1"
        # the format that keeps HEALTHCHECK, SHELL and ONBUILD
        self.buildah(["bud"], ["--isolation", "chroot", "--layers", "--network", "host", "--format", "docker",
                               "--identity-label=false", "--tls-verify=false", "-t", tag, "-f", case.dockerfile,
                               *case.args(self.name), case.context], directory)
        self.buildah(["push"], ["-D=false", tag, f"docker-archive:{out}"], directory)

    def stop(self):
        if self.started:
            with open("/proc/self/mounts", encoding="utf-8") as f:
                points = [line.split()[1] for line in f]
            for point in reversed([p for p in points if p.startswith(self.scratch + "/")]):
                subprocess.run([tool("umount", "mount"), "-l", point], check=False)


UID = 4242  # of the unprivileged user


class Slsc(Peer):
    name = "slsc"
    user = "root"  # or "plain", "subuid"

    def program(self):
        found = os.environ.get("SLSC_BIN") or shutil.which("slsc")
        if not found:
            raise Missing("no slsc: SLSC_BIN names it, or PATH has it")
        return found

    def version(self):
        with open(self.program(), "rb") as f:
            return str(len(f.read()))

    def launch(self):
        if self.user == "root":
            return
        # a user of this mount namespace's own, with and without a range of subordinate ids
        os.chown(self.scratch, UID, UID)
        for name, line in (("passwd", f"stage:x:{UID}:{UID}::{self.scratch}:/bin/sh"), ("group", f"stage:x:{UID}:"),
                           ("subuid", "stage:1000000:65536"), ("subgid", "stage:1000000:65536")):
            with open(f"/etc/{name}", encoding="utf-8") as f:
                text = f.read() if name in ("passwd", "group") else ""
            with open(f"{self.scratch}/{name}", "w", encoding="utf-8") as f:
                f.write(text + (line + "\n" if self.user == "subuid" or name in ("passwd", "group") else ""))

    def wrapper(self):
        if self.user == "root":
            return []
        if self.user == "subuid":
            tool("newuidmap", "uidmap")
        if self.user == "subuid" and not os.path.exists("/etc/subuid"):
            raise Missing("there is no /etc/subuid to put another over")
        mounts = " && ".join(f"mount --bind {self.scratch}/{n} /etc/{n}"
                             for n in ("passwd", "group", "subuid", "subgid")
                             if os.path.exists(f"/etc/{n}"))
        return [tool("unshare", "util-linux"), "-m", "sh", "-c", mounts + ' && exec "$@"', "sh",
                tool("setpriv", "util-linux"), f"--reuid={UID}", f"--regid={UID}", "--clear-groups"]

    def build(self, case, directory, out):
        if self.user != "root":
            for top, _, files in os.walk(directory):
                for p in [top] + [f"{top}/{n}" for n in files]:
                    mode = os.lstat(p).st_mode
                    os.lchown(p, UID, UID)
                    if not stat.S_ISLNK(mode):
                        os.chmod(p, stat.S_IMODE(mode))  # chown takes setuid off
        kind = "docker-archive" if case.docker_format else "oci-archive"
        execute([*self.wrapper(), self.program(), "build", "-f", case.dockerfile, *case.args(self.name), "-o",
                 f"{kind}:{out}", case.context], directory,
                {"SLSC_CACHE_DIR": f"{self.scratch}/cache", "SOURCE_DATE_EPOCH": "315532800", "HOME": self.scratch})


ALL = {p.name: p for p in (Slsc, Buildah, Docker)}
