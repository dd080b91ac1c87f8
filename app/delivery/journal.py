"""What a sender does between two commits, in a file: so that its death leaves doubt about one message at most.

One file for each slice of work, in a folder that outlives the process. A record is 16 bytes, written before a mail's
body goes out and after its last answer, without fsync: what a process has written survives its ``kill -9``. A machine
that goes down may lose records, so a file of an earlier boot is not believed.

The file is locked for as long as its process lives; who gets the lock knows that its writer is dead. Once the
database knows all results, the file is emptied.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

log = logging.getLogger(__name__)

_RECORD: Final = struct.Struct(">BIBIIH")
"""Step, mailing, high and low part of the message's number, fence, code."""
_MAGIC: Final = b"NODJ"
_SUFFIX: Final = ".journal"
_folder = Path(".nod") / "journal"


class Step(IntEnum):
    """What a record says about its message."""

    RENDERING = 1
    """Its content is being made."""
    RENDERED = 2
    BODY = 3
    """The first byte of its body goes out next."""
    ANSWER = 4
    """The server's last answer, by its code; 0: the line broke before the final dot, it did not arrive."""


@dataclass(frozen=True, slots=True)
class Record:
    """One step of one message, as claimed with that fence."""

    step: Step
    mailing_no: int
    n: int
    fence: int
    code: int = 0


@dataclass(frozen=True, slots=True)
class Left:
    """What a dead owner has left; ``is_believed`` is false when the machine went down since."""

    owner: str
    is_believed: bool
    records: tuple[Record, ...]


def folder_for(data_dir: str, database_url: str) -> Path:
    """The folder of one installation: two that share a data folder keep apart what they hold."""
    url = make_url(database_url)
    name = f"{url.host}:{url.port}/{url.database}"
    return Path(data_dir) / "journal" / hashlib.sha256(name.encode()).hexdigest()[:12]


def configure(folder: Path) -> None:
    """Set the folder of this installation's journals."""
    global _folder
    _folder = folder


class Journal:
    """The file of one owner of leases; made when the first record or lease needs it."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._path = _folder / f"{owner}{_SUFFIX}"
        self._file: int | None = None
        self._length = 0

    def open(self) -> None:
        """Be there before the owner begins anything; under a name of its own until it is locked."""
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        hidden = self._path.with_suffix(".new")
        file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, _head())
        hidden.rename(self._path)
        self._file = file

    def note(self, step: Step, mailing_no: int, n: int, fence: int, code: int = 0) -> None:
        """Write one record; the kernel has it when this returns."""
        assert self._file is not None
        os.write(
            self._file,
            _RECORD.pack(step, mailing_no, n >> 32, n & 0xFFFFFFFF, fence & 0xFFFFFFFF, code & 0xFFFF),
        )
        self._length += 1

    def settle(self) -> None:
        """The database knows everything: forget the records."""
        if self._file is not None and self._length:
            os.ftruncate(self._file, _RECORD.size)
            self._length = 0

    def close(self, *, is_settled: bool) -> None:
        """End it; what is not settled stays for whoever comes next."""
        if self._file is None:
            return
        if is_settled:
            self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = None


@contextmanager
def left_behind() -> Iterator[Iterator[Left]]:
    """The journals of owners that are dead, one after the other; each is deleted when the next one is asked for.

    One process at a time: others wait, so that nobody takes a dead owner's leases meanwhile.
    """
    try:
        _folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(_folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        log.warning("the folder of journals cannot be used: %s", error.__class__.__name__)
        yield iter(())
        return
    dead = _dead()
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield dead
    finally:
        # Now, and not when somebody forgets the exception: a file that stays locked would pass for a living owner.
        dead.close()
        os.close(lock)


def _dead() -> Generator[Left]:
    for path in sorted(_folder.glob(f"*{_SUFFIX}")):
        with contextlib.ExitStack() as stack:
            try:
                file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            stack.callback(os.close, file)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield _read(path)
            path.unlink(missing_ok=True)


def _read(path: Path) -> Left:
    raw = path.read_bytes()
    head, rest = raw[: _RECORD.size], raw[_RECORD.size :]
    records = []
    for at in range(0, len(rest) - _RECORD.size + 1, _RECORD.size):
        step, mailing_no, high, low, fence, code = _RECORD.unpack_from(rest, at)
        if step in {known.value for known in Step}:
            records.append(Record(Step(step), mailing_no, (high << 32) | low, fence, code))
    return Left(path.name.removesuffix(_SUFFIX), head == _head() and _boot() != b"", tuple(records))


def _head() -> bytes:
    return _MAGIC + hashlib.sha256(_boot()).digest()[: _RECORD.size - len(_MAGIC)]


def _boot() -> bytes:
    """What names this run of the machine; empty where nothing does, and then no journal is believed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return b""
