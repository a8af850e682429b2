# SPDX-License-Identifier: Apache-2.0
"""A terminal with somebody before it: tty_say.py PROMPT ANSWER COMMAND...

Runs the command on a terminal of its own, types the answer when the prompt has come, prints what was shown, and ends with
the command's status.
"""
import os
import pty
import sys


def main():
    prompt, answer, argv = sys.argv[1].encode(), sys.argv[2].encode(), sys.argv[3:]
    pid, fd = pty.fork()
    if pid == 0:
        os.execvp(argv[0], argv)
    shown = b""
    while True:
        try:
            piece = os.read(fd, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if prompt and prompt in shown:
            os.write(fd, answer + b"\n")
            prompt = b""
    sys.stdout.buffer.write(shown.replace(b"\r\n", b"\n"))
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


main()
