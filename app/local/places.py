"""Where the servers keep their data, and as whom they run.

PostgreSQL refuses to run as root. As root the servers therefore run as a user that exists already, in a
folder which that user may enter; permissions of folders that are not ours are never changed.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

THROWAWAY = "throwaway.pid"
ACCOUNTS = ("postgres", "nobody")
SHARED_ROOT = Path("/var/tmp")  # noqa: S108 - survives a restart of the machine; ownership is checked below


class LocalError(Exception):
    """Something on this machine keeps Nod from running; the text says what, and what to do."""


@dataclass(frozen=True)
class Account:
    """An existing unprivileged user."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """A folder for servers and the account they run as (None: our own)."""

    folder: Path
    account: Account | None

    def private_folder(self, name: str) -> Path:
        """Make (once) a folder that only the servers' account may read."""
        path = self.folder / name
        path.mkdir(mode=0o700, exist_ok=True)
        self.hand_over(path)
        return path

    def hand_over(self, path: Path) -> None:
        """Give one file or folder to the servers' account."""
        if self.account is not None:
            os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def may_run(self, program: Path) -> bool:
        """Whether the servers' account can start `program` (it answers `--version`)."""
        return program.exists() and self._succeeds([str(program), "--version"])

    def may_enter(self, folder: Path) -> bool:
        """Whether the servers' account can go into `folder`, through each of its parents."""
        return self._succeeds(["/bin/sh", "-c", 'cd -- "$1"', "sh", str(folder)])

    def _succeeds(self, command: list[str]) -> bool:
        quiet = subprocess.DEVNULL
        try:
            if self.account is None:
                done = subprocess.run(command, cwd="/", stdout=quiet, stderr=quiet, check=False)
            else:
                done = subprocess.run(
                    command, cwd="/", stdout=quiet, stderr=quiet, check=False,
                    user=self.account.uid, group=self.account.gid, extra_groups=[],
                )  # fmt: skip
        except OSError:
            return False
        return done.returncode == 0


def place_for(folder: Path) -> Place:
    """Choose where servers that belong to `folder` live.

    Args:
        folder: where their data should be, e.g. `.nod` of the checkout; made when missing.

    Returns:
        `folder` itself, unless we are root and no other user may enter it: then a folder of its own
        under /var/tmp, named after it.

    Raises:
        LocalError: no unprivileged user exists, or the folder under /var/tmp belongs to someone else.
    """
    folder = folder.resolve()
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    if os.geteuid() != 0:
        return Place(folder, None)
    place = Place(folder, _account())
    return place if place.may_enter(folder) else Place(_shared_folder(folder), place.account)


def remove_place(place: Place) -> None:
    """Delete the folder with all data in it."""
    shutil.rmtree(place.folder, ignore_errors=True)


def mark_throwaway(place: Place) -> None:
    """Note who uses a throw-away place, and delete those of users that were killed."""
    for note in SHARED_ROOT.glob(f"nod-*/{THROWAWAY}"):
        try:
            is_ours, pid = note.stat().st_uid == os.geteuid(), int(note.read_text())
        except (OSError, ValueError):
            continue
        if is_ours and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(note.parent, ignore_errors=True)
    (place.folder / THROWAWAY).write_text(str(os.getpid()))


def _account() -> Account:
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise LocalError(
        "PostgreSQL cannot run as root, and this machine has no user named "
        f"{' or '.join(ACCOUNTS)}. Run Nod as another user, or add one: useradd --system nobody"
    )


def _shared_folder(folder: Path) -> Path:
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    path = SHARED_ROOT / f"nod-{digest}"
    try:
        path.mkdir(mode=0o711)
    except FileExistsError:
        found = path.lstat()
        if path.is_symlink() or not path.is_dir() or found.st_uid != os.geteuid():
            raise LocalError(f"{path} belongs to another user. Remove it, then start again.") from None
    path.chmod(0o711)
    return path
