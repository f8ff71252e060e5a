"""Becomes another program that the kernel kills when the process that started it ends.

Must not know which program, nor import anything but the standard library: it is run as a script by a bare interpreter,
``python -I -S tether.py PARENT_PID PROGRAM ARGUMENT...``. (``preexec_fn`` would do the same by running Python code
between fork and exec, which can deadlock in a process with threads.)
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask for SIGKILL at the parent's end, then become the program. The parent's end is that of the starting thread."""
    parent, program = int(sys.argv[1]), sys.argv[2]
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != parent:
        sys.exit("the parent has already ended")
    os.execv(program, sys.argv[2:])  # noqa: S606 - this program has no other purpose


if __name__ == "__main__":
    main()
