# SPDX-License-Identifier: Apache-2.0
"""Base images: a tiny one of Debian's static busybox for both architectures, one with setcap and setfattr besides,
and debootstrap's minbase, of this machine's architecture or of both. Made once into a directory that a docker-registry
on 127.0.0.1 then serves.
"""
import ctypes
import fcntl
import glob
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSWD = """root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
app:x:1000:1000:App:/home/app:/bin/sh
other:x:1001:100::/:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
"""
GROUP = "root:x:0:\ndaemon:x:1:\nusers:x:100:app,other\nextra:x:200:app\napp:x:1000:\nnogroup:x:65534:\n"
VERSION = 2  # of what is made here


class Missing(Exception):
    pass


def tool(name, package):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/bin:/bin")
    if not found:
        raise Missing(f"{name} is missing: apt-get install {package}")
    return found


def mirror():
    """(URI, suite, keyring) of Debian's archive, as the machine's own sources have it."""
    with open("/etc/os-release", encoding="utf-8") as f:
        codename = re.search(r"^VERSION_CODENAME=\"?(\w+)", f.read(), re.M).group(1)
    for path in sorted(glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*")):
        with open(path, encoding="utf-8", errors="replace") as f:
            text = f.read()
        if path.endswith(".sources"):
            for stanza in re.split(r"\n\s*\n", text):
                fields = dict(re.findall(r"^([\w-]+):[ \t]*(.*)$", stanza, re.M))
                if codename in fields.get("Suites", "").split() and "main" in fields.get("Components", "").split():
                    return fields["URIs"].split()[0], codename, fields.get("Signed-By")
        elif path.endswith(".list"):
            for line in text.splitlines():
                m = re.match(r"\s*deb\s+(\[[^]]*\]\s*)?(\S+)\s+(\S+)\s+(.*)", line)
                if m and m.group(3) == codename and "main" in m.group(4).split():
                    signed = re.search(r"signed-by=(\S+?)[\] ]", m.group(1) or "")
                    return m.group(2), codename, signed.group(1) if signed else None
    raise Missing(f"no source of {codename}'s main in /etc/apt: the tests take their mirror from there")


def run(argv, **kw):
    p = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **kw)
    if p.returncode:
        said = p.stdout.decode(errors="replace")[-3000:]
        raise Missing(f"{' '.join(argv)}: exit code {p.returncode}\n{said}")
    return p.stdout


def apt_download(arch, package, out):
    """A package of a foreign architecture, unpacked into @out, by an apt without the host's state."""
    uri, suite, key = mirror()
    with tempfile.TemporaryDirectory() as d:
        for sub in ("state/lists/partial", "cache/archives/partial", "etc"):
            os.makedirs(f"{d}/{sub}")
        open(f"{d}/status", "w", encoding="utf-8").close()
        with open(f"{d}/etc/sources.list", "w", encoding="utf-8") as f:
            f.write(f"deb {'[signed-by=%s] ' % key if key else ''}{uri} {suite} main\n")
        with open(f"{d}/apt.conf", "w", encoding="utf-8") as f:
            f.write(f'APT::Architecture "{arch}"; APT::Architectures {{ "{arch}"; }};\n'
                    f'Dir::State "{d}/state"; Dir::State::status "{d}/status"; Dir::Cache "{d}/cache";\n'
                    f'Dir::Etc::sourcelist "{d}/etc/sources.list"; Dir::Etc::sourceparts "-";\n'
                    'Acquire::Languages "none"; APT::Sandbox::User "root";\n')
        env = dict(os.environ, APT_CONFIG=f"{d}/apt.conf")
        run(["apt-get", "update", "-q"], env=env)
        run(["apt-get", "download", "-q", package], env=env, cwd=d)
        run(["dpkg-deb", "-x", glob.glob(f"{d}/*.deb")[0], out])


class Layer:
    """A tar in memory: sorted by whoever adds."""

    def __init__(self):
        self.file = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.file, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind="f", mode=0o644, content=b"", link="", uid=0, gid=0):
        m = tarfile.TarInfo(name)
        m.type = {"f": tarfile.REGTYPE, "d": tarfile.DIRTYPE, "l": tarfile.SYMTYPE}[kind]
        m.mode, m.uid, m.gid, m.linkname, m.size, m.mtime = mode, uid, gid, link, len(content), 315532800
        self.tar.addfile(m, io.BytesIO(content))

    def done(self):
        self.tar.close()
        return self.file.getvalue()


def tiny_layer(busybox):
    t = Layer()
    for d, mode in (("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("lib", 0o755), ("opt", 0o755),
                    ("proc", 0o555), ("root", 0o700), ("run", 0o755), ("sys", 0o555), ("tmp", 0o1777), ("usr", 0o755),
                    ("usr/bin", 0o755), ("var", 0o755), ("var/lib", 0o755), ("work", 0o755)):
        t.add(d, "d", mode)
    with open(busybox, "rb") as f:
        t.add("bin/busybox", mode=0o755, content=f.read())
    applets = run([shutil.which("busybox"), "--list"]).decode().split()
    for name in sorted(set(applets) - {"busybox"}):
        t.add("bin/" + name, "l", 0o777, link="busybox")
    t.add("etc/group", content=GROUP.encode())
    for name in ("etc/hostname", "etc/hosts", "etc/resolv.conf"):  # where a RUN step's own are put
        t.add(name)
    t.add("etc/passwd", content=PASSWD.encode())
    t.add("home/app", "d", 0o700, uid=1000, gid=1000)
    t.add("opt/old", "d", 0o755)
    t.add("opt/old/a", content=b"old a\n")
    t.add("opt/old/sub", "d", 0o755)
    t.add("opt/old/sub/b", content=b"old b\n")
    t.add("opt/link", "l", 0o777, link="old")
    return t.done()


def tools_layer():
    t = Layer()
    files = {}
    for name, package in (("setcap", "libcap2-bin"), ("getcap", "libcap2-bin"),
                          ("setfattr", "attr"), ("getfattr", "attr")):
        path = tool(name, package)
        files["bin/" + name] = path
        for lib in re.findall(r"(/lib\S+)", run(["ldd", path]).decode()):
            files[lib.lstrip("/")] = lib
    dirs = set()
    for name in files:
        while "/" in name:
            name = name.rpartition("/")[0]
            dirs.add(name)
    for d in sorted(dirs):
        t.add(d, "d", 0o755)
    for name, path in sorted(files.items()):
        with open(path, "rb") as f:
            t.add(name, mode=0o755, content=f.read())
    return t.done()


def layout(directory, images):
    """An OCI layout of [(arch, [plain tar, ...], config)]: one manifest each, one index of all."""
    os.makedirs(f"{directory}/blobs/sha256")

    def blob(data, kind, **more):
        digest = hashlib.sha256(data).hexdigest()
        with open(f"{directory}/blobs/sha256/{digest}", "wb") as f:
            f.write(data)
        return dict(mediaType="application/vnd.oci.image." + kind, digest="sha256:" + digest, size=len(data), **more)

    def document(doc, kind, **more):
        return blob(json.dumps(doc, sort_keys=True).encode(), kind, **more)

    manifests = []
    for arch, layers, config in images:
        doc = {"architecture": arch, "os": "linux", "created": "1980-01-01T00:00:00Z", "config": config,
               "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(x).hexdigest() for x in layers]},
               "history": [{"created": "1980-01-01T00:00:00Z", "created_by": "a layer"} for _ in layers]}
        manifests.append(document(
            {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
             "config": document(doc, "config.v1+json"),
             "layers": [blob(gzip.compress(x, 1, mtime=0), "layer.v1.tar+gzip") for x in layers]},
            "manifest.v1+json", platform={"os": "linux", "architecture": arch}))
    index = document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
                      "manifests": manifests}, "index.v1+json")
    with open(f"{directory}/index.json", "w", encoding="utf-8") as f:
        json.dump({"schemaVersion": 2, "manifests": [dict(index, annotations={
            "org.opencontainers.image.ref.name": "latest"})]}, f)
    with open(f"{directory}/oci-layout", "w", encoding="utf-8") as f:
        f.write('{"imageLayoutVersion": "1.0.0"}')


def own_namespace():
    """A user namespace of all ids, with mounts of its own."""
    libc = ctypes.CDLL(None, use_errno=True)
    down, up = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        # only a process outside may write the maps of more than one id
        os.read(down[0], 1)
        for name in ("uid_map", "gid_map"):
            with open(f"/proc/{os.getppid()}/{name}", "w", encoding="utf-8") as f:
                f.write("0 0 65536\n")
        os.write(up[1], b"x")
        os._exit(0)
    if libc.unshare(0x10000000 | 0x20000000 | 0x20000):  # CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNS
        raise OSError(ctypes.get_errno(), "unshare")
    os.write(down[1], b"x")
    os.read(up[0], 1)
    os.waitpid(child, 0)


def own_binfmt():
    """The namespace's own binfmt_misc, with qemu for arm64 in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    point = tempfile.mkdtemp().encode()
    if libc.mount(b"binfmt_misc", point, b"binfmt_misc", 0, None):
        raise OSError(ctypes.get_errno(), "mount binfmt_misc")
    with open(point + b"/register", "wb", buffering=0) as f:
        f.write(b":qemu-aarch64:M::"
                b"\\x7fELF\\x02\\x01\\x01\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02\\x00\\xb7\\x00:"
                b"\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\x00\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xfe\\xff\\xff\\xff:"
                + tool("qemu-aarch64-static", "qemu-user-static").encode() + b":F")


def native_arch():
    return run(["dpkg", "--print-architecture"]).decode().strip()


def minbase(arch, out):
    """debootstrap's minbase as a tar at @out; a foreign architecture's second stage runs through qemu."""
    uri, suite, _ = mirror()
    root = tempfile.mkdtemp(dir=os.path.dirname(out))
    os.chmod(root, 0o755)
    unsafe = f"{root}/etc/dpkg/dpkg.cfg.d/unsafe"
    try:
        run([tool("debootstrap", "debootstrap"), "--variant=minbase", f"--arch={arch}", "--foreign", suite, root, uri])
        # whoever is interrupted begins anew: nothing waits for the disk
        os.makedirs(os.path.dirname(unsafe), exist_ok=True)
        with open(unsafe, "w", encoding="utf-8") as f:
            f.write("force-unsafe-io\n")
        run([sys.executable, os.path.abspath(__file__), "second-stage", root, arch])
        os.unlink(unsafe)
        for sub in glob.glob(f"{root}/var/cache/apt/archives/*.deb") + glob.glob(f"{root}/var/lib/apt/lists/*_*"):
            os.unlink(sub)
        run([tool("tar", "tar"), "--numeric-owner", "--sort=name", "--mtime=@315532800", "--format=posix", "--xattrs",
             "--pax-option=delete=atime,delete=ctime", "--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./sys/*",
             "-C", root, "-cf", out + ".new", "."])
        os.rename(out + ".new", out)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def minbase_layout(cache, name):
    """minbase of this machine's architecture, or minbases of both, as an OCI layout that stays in @cache; who asks while
    it is made waits for it. qemu makes the second one: it takes far longer."""
    out, images = f"{cache}/{name}.oci", []
    os.makedirs(cache, exist_ok=True)
    with open(f"{cache}/minbase.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if os.path.exists(f"{out}/index.json"):
            return out
        for arch in ("amd64", "arm64") if name == "minbases" else (native_arch(),):
            tar = f"{cache}/minbase.{arch}.tar"
            if not os.path.exists(tar):
                minbase(arch, tar)
            with open(tar, "rb") as f:
                images.append((arch, [f.read()], {"Env": [PATH], "Cmd": ["/bin/sh"]}))
        shutil.rmtree(out + ".new", ignore_errors=True)
        layout(out + ".new", images)
        os.rename(out + ".new", out)
    return out


class Registry:
    """docker-registry on a free port, with what this machine's cache keeps."""

    def __init__(self, cache, scratch):
        self.cache, self.process, self.scratch = os.path.join(cache, "stage-bases"), None, scratch
        os.makedirs(self.cache, exist_ok=True)

    def start(self):
        program = tool("docker-registry", "docker-registry")
        for _ in range(3):  # the port may be taken between its choice and its use
            with socket.create_server(("127.0.0.1", 0)) as s:
                self.port = s.getsockname()[1]
            with open(f"{self.scratch}/registry.yml", "w", encoding="utf-8") as f:
                f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\n"
                        f"storage: {{filesystem: {{rootdirectory: {self.cache}/registry}}}}\n"
                        f"http: {{addr: '127.0.0.1:{self.port}', secret: not-one}}\n")
            with open(f"{self.scratch}/registry.log", "wb") as log:
                # pylint: disable-next=consider-using-with
                self.process = subprocess.Popen([program, "serve", f"{self.scratch}/registry.yml"], stdout=log,
                                                stderr=log, stdin=subprocess.DEVNULL, start_new_session=True)
            while self.process.poll() is None:
                try:
                    socket.create_connection(("127.0.0.1", self.port)).close()
                    self.name = f"127.0.0.1:{self.port}"
                    return
                except OSError:
                    time.sleep(0.02)
        with open(f"{self.scratch}/registry.log", encoding="utf-8") as f:
            raise Missing("docker-registry does not start: " + f.read())

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def provide(self, names):
        """Makes and pushes what of @names is not there; returns {name: identity} for the keys of results."""
        out = {}
        for name in sorted(names):
            mark = f"{self.cache}/{name}.{VERSION}.made"
            if not os.path.exists(mark):
                made = minbase_layout(self.cache, name) if name.startswith("minbase") else self.make(name)
                with open(f"{made}/index.json", encoding="utf-8") as f:
                    digest = json.load(f)["manifests"][0]["digest"]
                run([tool("skopeo", "skopeo"), "--tmpdir", self.scratch, "--insecure-policy", "copy", "-q", "--all",
                     "--dest-tls-verify=false", f"oci:{made}", f"docker://{self.name}/{name}:1"])
                with open(mark, "w", encoding="utf-8") as f:
                    f.write(digest)
            with open(mark, encoding="utf-8") as f:
                out[name] = f.read()
        return out

    def make(self, name):
        directory = f"{self.scratch}/{name}.oci"
        config = {"Env": [PATH], "Cmd": ["/bin/sh"]}
        busybox = tool("busybox", "busybox-static")
        native = native_arch()
        foreign = "arm64" if native == "amd64" else "amd64"
        with tempfile.TemporaryDirectory() as d:
            apt_download(foreign, "busybox-static", d)
            other = next(p for p in (f"{d}/bin/busybox", f"{d}/usr/bin/busybox") if os.path.exists(p))
            images = [(native, [tiny_layer(busybox)], config), (foreign, [tiny_layer(other)], config)]
        if name == "tools":
            images = [(native, images[0][1] + [tools_layer()], config)]
        elif name == "triggers":
            images = [(a, t, dict(config, OnBuild=["COPY hello /srv/", "RUN echo triggered >/tmp/made"],
                                  User="app", WorkingDir="/srv", Labels={"from": "base"}, Env=[PATH, "BASE=1"],
                                  Entrypoint=["/bin/echo"], Volumes={"/data": {}}, ExposedPorts={"80/tcp": {}}))
                      for a, t, _ in images]
        layout(directory, images)
        return directory


def second_stage(root, arch):
    """Of debootstrap --foreign, as in a container: it can make no device, so those it wants are there before."""
    native = native_arch()  # whatever is started later is the new pid namespace's first process
    own_namespace()
    if arch != native:
        own_binfmt()
    libc = ctypes.CDLL(None, use_errno=True)
    dev = f"{root}/dev"
    if libc.mount(b"none", dev.encode(), b"tmpfs", 0, b"mode=755"):
        raise OSError(ctypes.get_errno(), "mount tmpfs")
    for name in ("null", "zero", "full", "random", "urandom", "tty", "console", "ptmx"):
        open(f"{dev}/{name}", "wb").close()
        if name in ("console", "ptmx"):
            continue
        if libc.mount(f"/dev/{name}".encode(), f"{dev}/{name}".encode(), None, 4096, None):  # MS_BIND
            raise OSError(ctypes.get_errno(), f"bind /dev/{name}")
    child = os.fork()  # into the new pid namespace, whose /proc it may mount
    if child == 0:
        os.chroot(root)
        os.chdir("/")
        os.execve("/debootstrap/debootstrap", ["debootstrap", "--second-stage"], {
            "PATH": PATH[5:], "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive", "DEBOOTSTRAP_DIR": "/debootstrap",
            "container": "lxc"})
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    if sys.argv[1] == "second-stage":
        sys.exit(second_stage(sys.argv[2], sys.argv[3]))
    try:  # bases.py CACHE minbase|minbases: of $SLSC_TEST_CACHE; prints the layout that tests stand their images on
        print(minbase_layout(os.path.abspath(f"{sys.argv[1]}/stage-bases"), sys.argv[2]))
    except Missing as e:
        sys.exit(str(e))
