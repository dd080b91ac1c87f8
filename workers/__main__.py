"""``python -OO -m workers --processes 2 --queues bulk``: Dramatiq's command line with the application loaded once.

Its processes are forked from this one and share what is loaded: a second and a half of CPU and most of the memory of
each but the first. Nothing here may open a connection or begin a thread: neither outlives a fork.
"""

from __future__ import annotations

import gc
import sys

from dramatiq.cli import main, make_argument_parser

import workers


def run(arguments: list[str]) -> int:
    """Work until asked to end.

    Args:
        arguments: of Dramatiq's command line, without the broker.

    Returns:
        The status that the process ends with.
    """
    gc.collect()
    gc.freeze()  # a collection in a child would write to, and so copy, every page that it shares
    parsed = make_argument_parser().parse_args([workers.__name__, *arguments])  # type: ignore[no-untyped-call]
    return int(main(parsed))  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
