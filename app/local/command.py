"""`python -m app.local flask ...`: Flask's commands with this machine's servers and settings.

While Nod runs, its servers are used; otherwise they are started for the command alone.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from app.local.run import MAIL_SERVER, AlreadyRunningError, only_run, variables_for
from app.local.servers import find_servers, start_servers
from app.local.state import State


def flask(root: Path, arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run one Flask command of this checkout; returns its exit status.

    Raises:
        LocalError: a server did not start.
    """
    folder = root / ".nod"
    folder.mkdir(mode=0o711, exist_ok=True)
    state = State(folder / "state.json")
    servers = find_servers(folder, state, environment)
    try:
        with only_run(folder):
            start_servers(servers, state, lambda _text: None)
            try:
                return _call(root, arguments, variables(root, environment))
            finally:
                servers.stop()
    except AlreadyRunningError:
        return _call(root, arguments, variables(root, environment))


def variables(root: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment that a run of this checkout has or would have."""
    folder = root / ".nod"
    state = State(folder / "state.json")
    servers = find_servers(folder, state, environment)
    return variables_for(folder, servers, state.web_port(None), state.port(MAIL_SERVER), environment)


def _call(root: Path, arguments: list[str], variables: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
    return subprocess.run(command, cwd=root, env=dict(variables), check=False).returncode
