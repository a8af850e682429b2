#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Debian's AWS CLI, for commands on standard input, a line each, quoted as for a shell. What /usr/bin/aws runs is run
here for each in turn, in one process: to start it takes longer than what it does. What the Nth writes is in N.out and
N.err, its exit code in N.code."""
import contextlib
import shlex
import sys

import awscli.clidriver

for number, line in enumerate(sys.stdin, 1):
    with open("%d.out" % number, "w", encoding="utf-8") as out, open("%d.err" % number, "w", encoding="utf-8") as err:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = awscli.clidriver.AWSCLIEntryPoint().main(shlex.split(line))
    with open("%d.code" % number, "w", encoding="ascii") as f:
        f.write("%d\n" % code)
