"""`python -m app.local run` starts Nod on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from app.local.run import default_plan, run

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Run one command; returns the exit status."""
    if arguments != ["run"]:
        print("usage: python -m app.local run", file=sys.stderr)
        return 2
    return run(default_plan(ROOT), dict(os.environ))  # noqa: TID251 - handed on to the processes as it is


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
