"""A run of stand-in processes, to be started by tests as a process of its own: demo_run.py ROOT NAME=COMMAND ..."""

import os
import sys
from pathlib import Path

from app.local.places import LocalError
from app.local.run import Plan, run

if __name__ == "__main__":
    processes = dict(word.split("=", 1) for word in sys.argv[2:])
    try:
        status = run(Plan(Path(sys.argv[1]), processes, None, health_path="/"), dict(os.environ))
    except LocalError as error:
        sys.exit(f"LocalError: {error}")
    sys.exit(status)
