"""`python -m app.local run` starts Nod on this machine; `... flask ARGUMENTS` runs one of its commands."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.local.command import flask
from app.local.places import LocalError
from app.local.run import default_plan, run

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    environment = dict(os.environ)  # noqa: TID251 - handed on to the processes as it is
    try:
        if arguments == ["run"]:
            return run(default_plan(ROOT), environment)
        if arguments[:1] == ["flask"]:
            return flask(ROOT, arguments[1:], environment)
    except LocalError as error:
        print(f"\nNod cannot start. {error}", file=sys.stderr)
        return 1
    print("usage: python -m app.local run | flask COMMAND ...", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
