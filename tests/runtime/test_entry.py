# SPDX-License-Identifier: Apache-2.0
"""The way from main() to the handler: how deep, and what it does not pass."""

import subprocess

from kit import API, Case

# What the cold path has none of: stdio, locales, the dynamic loader.
FOREIGN = {"printf", "fprintf", "snprintf", "vsnprintf", "puts", "fputs", "fwrite", "fopen", "fdopen", "fflush",
           "setlocale", "newlocale", "uselocale", "dlopen", "dlsym", "atexit"}


class Entry(Case):
    kinds = ("gcc", "clang-musl")

    def objects_of(self, mode):
        return self.runtime_objects(mode, ())

    def test_no_constructors(self):
        for mode in ("lambda", "http"):
            out = subprocess.check_output(["readelf", "-SW", *self.objects_of(mode)], text=True)
            for section in (".init_array", ".preinit_array", ".ctors"):
                self.assertNotIn(" " + section, out)
            self.assertIn(" .text", out)

    def test_neither_stdio_nor_locale_nor_loader(self):
        for mode in ("lambda", "http"):
            out = subprocess.check_output(["nm", "-u", "-P", *self.objects_of(mode)], text=True)
            wanted = {line.split()[0] for line in out.splitlines() if line and not line.endswith(":")}
            self.assertIn("memcpy", wanted)
            self.assertEqual(wanted & FOREIGN, set())


class Depth(Case):
    kinds = ("gcc",)

    def test_depth(self):
        # Two calls: main() calls the runtime, which calls the handler. glibc's unwinder tells.
        binary = self.function("depth", "lambda", "-rdynamic")
        subprocess.run([API, "--count", "2", "--payload", "{}", "--expect", '"handler slsc_lambda_main"', "--",
                        binary], check=True, timeout=60)
