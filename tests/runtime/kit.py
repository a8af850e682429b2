# SPDX-License-Identifier: Apache-2.0
"""What the test modules share: how a function is built natively, in each KIND, and found again."""

import glob
import importlib.util
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import traceback
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
RUNTIME = os.path.join(ROOT, "runtime")
TEMPLATES = os.path.join(ROOT, "templates")
API = os.path.join(ROOT, "tests", "e2e", "support", "runtime_api.py")
MACHINE = os.uname().machine
WARN = ("-std=c11 -Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla -Wstrict-prototypes "
        "-Wmissing-prototypes -Werror").split()
KINDS = ("gcc", "clang-musl", "asan")


def load_api():
    spec = importlib.util.spec_from_file_location("runtime_api", API)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNTIME_API = load_api()


def run_api(*args, timeout=60, cwd=None):
    """`runtime_api.py ARGS...` in a child of this process: an interpreter of its own, some hundred times, would take
    longer to start than all that it does."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            status = 70
            try:
                os.dup2(out.fileno(), 1)
                os.dup2(err.fileno(), 2)
                # What stands in a buffer of the parent's is the parent's to write.
                sys.stdout, sys.stderr = (open(fd, "w", encoding="utf-8", closefd=False) for fd in (1, 2))
                if cwd:
                    os.chdir(cwd)
                sys.argv = [API, *args]
                status = RUNTIME_API.main()
                sys.stdout.flush()
                sys.stderr.flush()
            except SystemExit as end:
                status = end.code if isinstance(end.code, int) else 1
                sys.stderr.flush()
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        fd = os.pidfd_open(pid)
        try:
            late = not select.select([fd], [], [], timeout)[0]
            if late:
                os.kill(pid, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        finally:
            os.close(fd)
        out.seek(0)
        err.seek(0)
        done = subprocess.CompletedProcess([API, *args], status, out.read().decode(), err.read().decode())
        if late:
            raise subprocess.TimeoutExpired(done.args, timeout, done.stdout, done.stderr)
        return done


def need(path, package):
    if not os.path.exists(path):
        sys.exit("tests/runtime/run: %s is missing: apt-get install %s" % (path, package))


def compiler(kind):
    """(the start of a compile command, what a link has before its objects, and after them)"""
    common = WARN + ["-I" + os.path.join(RUNTIME, "include")]
    if kind == "clang-musl":
        lib = "/usr/lib/%s-linux-musl" % MACHINE
        need(lib + "/crt1.o", "musl-dev")
        gcc = os.path.dirname(subprocess.check_output(
            ["gcc", "-print-libgcc-file-name"], text=True).strip())
        return ([os.environ.get("CC_CLANG", "clang"), "--target=%s-linux-musl" % MACHINE, "-O2",
                 "-ffunction-sections", "-fdata-sections", "-fno-asynchronous-unwind-tables",
                 "-fno-unwind-tables", "-fno-stack-protector", "-fno-pie", "-DNDEBUG",
                 "-nostdlibinc", "-isystem", "/usr/include/%s-linux-musl" % MACHINE] + common,
                ["-fuse-ld=lld", "-static", "-s", "-Wl,--gc-sections", "-Wl,--icf=safe", "-Wl,-O2", "-nostdlib",
                 "-L" + lib, "-L" + gcc, lib + "/crt1.o", lib + "/crti.o"],
                ["-lc", "-lgcc", lib + "/crtn.o"])
    if kind == "asan":
        return ([os.environ.get("CC_GCC", "gcc"), "-O1", "-g", "-fsanitize=address,undefined",
                 "-fno-sanitize-recover=all"] + common, [], [])
    return [os.environ.get("CC_GCC", "gcc"), "-O2"] + common, [], []


class Case(unittest.TestCase):
    kind = None  # set by tests/runtime/run: one of KINDS
    kinds = KINDS  # those that the tests are for
    dir = None   # a directory that goes away with the run
    built = {}
    objects = {}

    @classmethod
    def runtime_objects(cls, mode, flags):
        """The runtime's objects, compiled once a kind; the entry once a set of flags."""
        other = {"lambda": r"(entry_)?http[_.]|cloudevents\.", "http": r"entry_lambda\."}[mode]
        found, cc = [], compiler(cls.kind)[0]
        for source in sorted(glob.glob(os.path.join(RUNTIME, "*.c"))):
            name = os.path.basename(source)
            if re.match(other, name) or name == "wasi.c":
                continue
            key = (cls.kind, name, tuple(flags) if name.startswith("entry_") else ())
            if key not in Case.objects:
                out = os.path.join(Case.dir, "%d.o" % len(Case.objects))
                subprocess.run([*cc, *key[2], "-c", "-o", out, source], check=True)
                Case.objects[key] = out
            found.append(Case.objects[key])
        return found

    @classmethod
    def build(cls, name, mode, sources, *flags):
        """The path of the function @name: @sources with @flags, and the runtime of @mode."""
        key = (cls.kind, name)
        if key not in Case.built:
            out = os.path.join(Case.dir, "%s-%s" % (cls.kind, name))
            cc, before, after = compiler(cls.kind)
            subprocess.run([*cc, *before, *flags, "-o", out, *cls.runtime_objects(mode, flags), *sources,
                            "-lm", *after], check=True)
            Case.built[key] = out
        return Case.built[key]

    @classmethod
    def function(cls, name, mode, *flags):
        """The function of tests/runtime/functions/@name.c."""
        return cls.build(name, mode, [os.path.join(HERE, "functions", name + ".c")], *flags)
