"""Set-up from nothing but python3: virtual environment, Python and JavaScript packages, built assets.

Runs before the virtual environment exists, with any python3 that the machine has, so it uses the standard
library only and runs on Python 3.8 too, where it says what is missing. Each step leaves a stamp; one whose inputs have not changed is
not done again.

    python3 app/local/bootstrap.py          # what `make run` needs
    python3 app/local/bootstrap.py --test   # and what the tests need
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FRONTEND = ROOT / "app" / "frontend"
BUILT = ROOT / "app" / "static" / "built"
VENV = ROOT / ".venv"
OLDEST = (3, 11)
CANDIDATES = ("python3.12", "python3.13", "python3.11", "python3.14", "python3")
PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3])"
ENSUREPIP = "import ensurepip, venv"
LOCK = ROOT / "requirements.lock"
TEST_LOCK = ROOT / "requirements-test.lock"  # holds all of the other one
AND_TESTS = {True: " and the tests'", False: ""}


class SetupError(Exception):
    """Set-up cannot go on; the text says why and what to do."""


def main(arguments: list[str]) -> int:
    """Do what is missing; say what is being done. Returns the exit status."""
    for_tests = "--test" in arguments
    lock_file = ROOT / ".nod" / "setup.lock"
    try:
        lock_file.parent.mkdir(mode=0o711, exist_ok=True)
        with lock_file.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            install_python_packages(for_tests)
            install_javascript_packages(for_tests)
            build_assets()
    except SetupError as error:
        print(f"\nSet-up stopped: {error}", file=sys.stderr)
        return 1
    except PermissionError as error:
        print(f"\nSet-up stopped: {error.filename} may not be written by this user.", file=sys.stderr)
        return 1
    return 0


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"Nod: {text}", flush=True)


def install_python_packages(for_tests: bool) -> None:
    """Make `.venv` and install what the lock names; a larger installation for the tests is enough too."""
    stamps = Stamps(VENV)
    wanted = {False: digest(LOCK) + str(VENV), True: digest(LOCK, TEST_LOCK) + str(VENV)}
    is_done = stamps.has("tests", wanted[True]) or (not for_tests and stamps.has("run", wanted[False]))
    if is_done and run_quietly([venv_program("python"), "-c", ""]):
        return
    if not _is_usable():
        make_virtual_environment()
    say(f"installing the Python packages{AND_TESTS[for_tests]} (a minute the first time)")
    pip = [
        venv_program("python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    # dkimpy, pure Python, is published as source only.
    what = ["--no-binary=dkimpy", "-r", str(TEST_LOCK)] if for_tests else ["-r", str(LOCK)]
    run(pip + what, "The Python packages could not be installed.")
    stamps.put("tests" if for_tests else "run", wanted[for_tests])


def _is_usable() -> bool:
    """Whether `.venv` has a working Python and was made in this place; its programs name their folder."""
    try:
        begin = (VENV / "bin" / "pip").read_bytes()[:4096]
    except FileNotFoundError:
        return False
    return str(VENV).encode() in begin and run_quietly([venv_program("python"), "-c", "import pip"])


def make_virtual_environment() -> None:
    """Make `.venv` anew with the best Python that the machine has."""
    python, version = choose_python()
    say(f"making the virtual environment .venv with Python {version}")
    shutil.rmtree(str(VENV), ignore_errors=True)
    run([python, "-m", "venv", str(VENV)], "The virtual environment could not be made.")


def choose_python() -> tuple[str, str]:
    """Path and version of a Python that is new enough and can make virtual environments.

    Raises:
        SetupError: there is none.
    """
    too_old, without_pip = [], []
    for name in (*CANDIDATES, sys.executable):
        path = shutil.which(name)
        version = answer_of([path, "-c", PROBE]) if path else None  # a shim may exist and fail
        if not path or not version:
            continue
        if tuple(int(part) for part in version.split(".")) < OLDEST:
            too_old.append(version)
        elif not run_quietly([path, "-c", ENSUREPIP]):
            without_pip.append(version)
        else:
            return path, version
    if without_pip:
        minor = ".".join(without_pip[0].split(".")[:2])
        raise SetupError(
            f"Python {without_pip[0]} is here, but its part that makes virtual environments is not. "
            f"Install it (Debian, Ubuntu: apt install python{minor}-venv), then start again."
        )
    found = f"; found only {', '.join(sorted(set(too_old)))}" if too_old else ""
    raise SetupError(f"Nod needs Python 3.11 or newer{found}.")


def install_javascript_packages(for_tests: bool) -> None:
    """Install app/frontend's locked packages; those of the tests only for tests."""
    stamps = Stamps(FRONTEND / "node_modules")
    wanted = digest(FRONTEND / "package-lock.json", FRONTEND / ".npmrc")
    if stamps.has("tests", wanted) or (not for_tests and stamps.has("run", wanted)):
        return
    say(f"installing the JavaScript packages{AND_TESTS[for_tests]}")
    command = [venv_program("npm"), "ci", "--loglevel=error"]
    if not for_tests:
        command.append("--omit=dev")
    run(command, "The JavaScript packages could not be installed.", folder=FRONTEND)
    stamps.put("tests" if for_tests else "run", wanted)


def build_assets() -> None:
    """Build app/static/built from app/frontend when a source or a package has changed."""
    sources = sorted(path for path in (FRONTEND / "src").rglob("*") if path.is_file())
    wanted = digest(FRONTEND / "build.mjs", FRONTEND / "package-lock.json", *sources)
    stamps = Stamps(BUILT)
    if stamps.has("assets", wanted):
        return
    say("building styles and scripts")
    run([venv_program("node"), "build.mjs"], "Styles and scripts could not be built.", folder=FRONTEND)
    stamps.put("assets", wanted)


class Stamps:
    """Small files in a folder that say from what it was made; they vanish with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def has(self, name: str, wanted: str) -> bool:
        """Whether the folder was made from exactly this."""
        try:
            return self._path(name).read_text() == wanted
        except (FileNotFoundError, NotADirectoryError):
            return False

    def put(self, name: str, wanted: str) -> None:
        """Remember from what the folder was made."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._path(name).write_text(wanted)

    def _path(self, name: str) -> Path:
        return self.folder / f".nod-stamp-{name}"


def digest(*paths: Path) -> str:
    """One hash over names and contents of files."""
    total = hashlib.sha256()
    for path in paths:
        total.update(str(path.relative_to(ROOT)).encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def venv_program(name: str) -> str:
    """Path of a program in the virtual environment."""
    return str(VENV / "bin" / name)


def run(command: list[str], failure: str, folder: Path = ROOT) -> None:
    """Run a step and show what it says.

    Raises:
        SetupError: it failed.
    """
    if subprocess.run(command, cwd=str(folder), env=environment(), check=False).returncode != 0:
        raise SetupError(
            f"{failure} The reason stands above. Packages come from the network: is this machine online? "
            "The same command goes on where it stopped."
        )


def run_quietly(command: list[str]) -> bool:
    """Whether a command exists and succeeds."""
    return answer_of(command) is not None


def answer_of(command: list[str]) -> str | None:
    """What a command prints, None when it fails or does not exist."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    except OSError:
        return None
    return done.stdout.decode().strip() if done.returncode == 0 else None


def environment() -> dict[str, str]:
    """Ours, with the virtual environment's programs first and a home that can be written."""
    result = dict(os.environ)  # noqa: TID251 - runs before there are settings
    result["PATH"] = os.pathsep.join([str(VENV / "bin"), result.get("PATH", "/usr/bin:/bin")])
    result.update(PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1")
    result.pop("PYTHONPATH", None)
    if not os.access(result.get("HOME", ""), os.W_OK):
        result["HOME"] = str(VENV)
    return result


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
