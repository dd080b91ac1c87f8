"""Become another program that dies with the process that started it (standard library only).

Called as `python -I -S tether.py PARENT_PID SIGNAL UID GID PROGRAM [ARGUMENT ...]`. A wrapper rather
than `preexec_fn`, because that may deadlock in a process with threads. UID and GID of -1 keep the
caller's. The kernel clears the death signal when the user changes, so the user changes first. It watches
the *thread* that started us: start servers from a thread that lives as long as they should.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, signal_number: int) -> None:
    """Ask the kernel to send us `signal_number` when `parent` ends; end now when it has already.

    Raises:
        OSError: the kernel refused.
    """
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        os._exit(1)


def main(arguments: list[str]) -> None:
    """Change the user, tie ourselves to the parent and become the program."""
    parent, signal_number, uid, gid = (int(word) for word in arguments[:4])
    program = arguments[4:]
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    die_with_parent(parent, signal_number)
    os.execvp(program[0], program)  # noqa: S606 - that is the point


if __name__ == "__main__":
    main(sys.argv[1:])
