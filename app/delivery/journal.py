"""What a sender does between two commits, in a file: so that its death leaves doubt about one message a connection.

One file for each slice of work, in a folder that outlives the process. A record is 16 bytes, written before a mail's
body goes out and after its last answer, without fsync: what a process has written survives its ``kill -9``. A machine
that goes down may lose records, so a file of an earlier boot is not believed.

The file is mapped into memory, so a record costs no call of the system. It has two halves of which one counts: what is
still open is written into the other one, and then one byte makes that count.

The file is locked for as long as its process lives; who gets the lock knows that its writer is dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import mmap
import os
import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from sqlalchemy.engine import make_url

log = logging.getLogger(__name__)

_RECORD: Final = struct.Struct(">BIBIIH")
"""Step, mailing, high and low part of the message's number, fence, code."""
_REST: Final = struct.Struct(">IBIIH")
"""The same without its step, which is written last: a record counts once it is whole."""
_MAGIC: Final = b"NODJ"
CAPACITY: Final = 8192
"""Records of a half. Each line has a few open ones, and some hundred results wait for the database."""
_START: Final = (32, 32 + (CAPACITY + 1) * 16)
_ACTIVE: Final = 16
"""Where the byte is that says which half counts."""
_SIZE: Final = 32 + 2 * (CAPACITY + 1) * 16
_SUFFIX: Final = ".journal"
_folder = Path(".nod") / "journal"


class Step(IntEnum):
    """What a record says about its message."""

    RENDERING = 1
    """Its content is being made; that of the one before it was."""
    RENDERED = 2
    """So was that of the last one."""
    BODY = 3
    """The first byte of its body goes out next."""
    ANSWER = 4
    """The server's last answer, by its code; 0: the line broke before the final dot, it did not arrive."""


_STEPS: Final = frozenset(step.value for step in Step)


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
        self._map: mmap.mmap | None = None
        self._half = 0
        self._length = 0

    def open(self) -> None:
        """Be there before the owner begins anything; under a name of its own until it is locked.

        Raises:
            OSError: there is no room for it.
        """
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        hidden = self._path.with_suffix(".new")
        file = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            # All of its room now: where a disk is full, a write through memory would kill the process.
            os.posix_fallocate(file, 0, _SIZE)
            os.pwrite(file, _head(), 0)
            self._map = mmap.mmap(file, _SIZE)
            hidden.rename(self._path)
        except BaseException:
            os.close(file)
            hidden.unlink(missing_ok=True)
            raise
        self._file = file

    def note(self, step: Step, mailing_no: int, n: int, fence: int, code: int = 0) -> None:
        """Write one record; a ``kill -9`` from now on does not lose it.

        Raises:
            OSError: it is full, because the database has been away for long.
        """
        kept = self._map
        assert kept is not None
        if self._length >= CAPACITY:
            raise OSError("The journal is full.")
        at = _START[self._half] + self._length * 16
        kept[at + 16] = 0
        _REST.pack_into(kept, at + 1, mailing_no, n >> 32, n & 0xFFFFFFFF, fence & 0xFFFFFFFF, code & 0xFFFF)
        kept[at] = step
        self._length += 1

    def hint(self, step: Step, mailing_no: int, n: int, fence: int, code: int = 0) -> None:
        """Write a record whose loss leaves more doubt and no double: where it is full, none."""
        if self._length < CAPACITY:
            self.note(step, mailing_no, n, fence, code)

    def settle(self, still_open: Iterable[Record] = ()) -> None:
        """The database knows everything but this: forget the other records."""
        if self._map is None or not self._length:
            return
        self._half = 1 - self._half
        self._length = 0
        self._map[_START[self._half]] = 0
        for record in still_open:
            self.note(record.step, record.mailing_no, record.n, record.fence, record.code)
        self._map[_ACTIVE] = self._half

    def close(self, *, is_settled: bool) -> None:
        """End it; what is not settled stays for whoever comes next."""
        if self._file is None or self._map is None:
            return
        if is_settled:
            self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)
        self._file = self._map = None


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
    half = raw[_ACTIVE] if len(raw) == _SIZE and raw[_ACTIVE] in {0, 1} else 0
    records = []
    for at in range(_START[half], min(_START[half] + CAPACITY * 16, len(raw) - 15), 16):
        step, mailing_no, high, low, fence, code = _RECORD.unpack_from(raw, at)
        if step not in _STEPS:
            break
        records.append(Record(Step(step), mailing_no, (high << 32) | low, fence, code))
    is_ours = raw[: _RECORD.size] == _head() and _boot() != b""
    return Left(path.name.removesuffix(_SUFFIX), is_ours, tuple(records))


def _head() -> bytes:
    return _MAGIC + hashlib.sha256(_boot()).digest()[: _RECORD.size - len(_MAGIC)]


def _boot() -> bytes:
    """What names this run of the machine; empty where nothing does, and then no journal is believed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_bytes().strip()
    except OSError:
        return b""
