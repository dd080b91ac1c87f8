"""What one checkout remembers between runs: ports, passwords and the application's keys."""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from app.local.places import LocalError
from app.local.supervised import free_port, is_taken

WEB_PORT = 8000
WEB = "web port"
KEY_NAMES = ("NOD_SECRET_KEY", "NOD_HASH_KEY", "NOD_SEAL_KEY")


class State:
    """A small JSON file, readable by its owner only, replaced as a whole.

    Args:
        path: the file; made at the first `keep`.

    Raises:
        LocalError: the file is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._values: dict[str, int | str] = json.loads(path.read_text())
        except FileNotFoundError:
            self._values = {}
        except ValueError:
            raise LocalError(f"{path} is damaged. Remove it: new ports are chosen then.") from None

    def port(self, name: str) -> int:
        """The remembered port of a server, chosen once among the free ones."""
        return int(self._keep(f"{name} port", free_port))

    def fresh_port(self, name: str) -> int:
        """Forget a port and choose another."""
        self._values.pop(f"{name} port", None)
        return self.port(name)

    def web_port(self, wanted: int | None) -> int:
        """The port of the pages: as asked for, as remembered, else 8000 or a free one."""
        if wanted is not None:
            self._values[WEB] = wanted
            self._write()
            return wanted
        return int(self._keep(WEB, lambda: free_port() if is_taken(WEB_PORT) else WEB_PORT))

    def password(self, name: str) -> str:
        """A remembered random password of 32 letters and digits."""
        return str(self._keep(f"{name} password", lambda: secrets.token_hex(16)))

    def _keep(self, name: str, make: Callable[[], int | str]) -> int | str:
        if name not in self._values:
            self._values[name] = make()
            self._write()
        return self._values[name]

    def _write(self) -> None:
        write_private(self._path, json.dumps(self._values, indent=2, sort_keys=True) + "\n")


def read_secrets(path: Path) -> dict[str, str]:
    """The application's keys: 32 random bytes each, base64url, made once.

    Keys that are missing in the file are added; those in it are never changed, since tokens in old
    mails and keyed hashes depend on them.

    Returns:
        Setting name to value.
    """
    known: dict[str, str] = {}
    if path.exists():
        lines = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
        known = {name.strip(): value.strip() for name, _, value in lines}
    missing = [name for name in KEY_NAMES if name not in known]
    if missing:
        known |= {name: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode() for name in missing}
        write_private(path, "".join(f"{name}={value}\n" for name, value in known.items()))
    return known


def write_private(path: Path, text: str) -> None:
    """Replace a file as a whole, readable by its owner only, on disk before the old one goes."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
