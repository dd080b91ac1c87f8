"""From a fresh clone with an empty home until the page answers, then once more, then Ctrl-C.

The whole of it, with installing, is marked `network` (make test-setup); the rest runs on this environment.
"""

import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.local.places import Account, Place
from app.local.processes import all_pids, is_alive
from app.local.supervised import free_port
from tests.local.conftest import ROOT, eventually

# What says how this machine reaches the network; all else of our environment stays away.
KEPT_VARIABLES = re.compile(
    r"(?i)^(https?_proxy|no_proxy|pip_.*|npm_config_.*|node_extra_ca_certs|ssl_cert_.*|lang)$"
)
USERS = ("ourselves", "nobody")


class Newcomer:
    """Somebody with a fresh clone, an empty home and the machine's own programs."""

    def __init__(self, folder: Path, user: str) -> None:
        self.folder = folder / "nod"
        self.home = folder / "home"
        self.home.mkdir()
        self.log = folder / "output.log"
        self.port = free_port()
        entry = pwd.getpwnam(user) if user != "ourselves" else None
        self.account = Account(user, entry.pw_uid, entry.pw_gid) if entry else None
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(self.folder)], check=True)
        if self.account:
            folder.chmod(0o755)
            for path in (self.home, self.folder, *self.folder.rglob("*")):
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    @property
    def environment(self) -> dict[str, str]:
        place = Place(self.home, self.account)
        enterable = [part for part in os.environ["PATH"].split(":") if part and place.may_enter(Path(part))]
        # Not our virtual environment: a newcomer has none.
        path = ":".join(part for part in enterable if Path(part) != Path(sys.executable).parent)
        kept = {name: value for name, value in os.environ.items() if KEPT_VARIABLES.match(name)}
        caches = {} if self.account else _caches()
        return {**kept, **caches, "HOME": str(self.home), "PATH": path, "NOD_PORT": str(self.port)}

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        who = (
            {"user": self.account.uid, "group": self.account.gid, "extra_groups": []} if self.account else {}
        )
        with self.log.open("wb") as output:
            return subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, start_new_session=True, **who,
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text()

    def members(self) -> list[int]:
        words = os.fsencode(self.folder)
        return [pid for pid in all_pids() if is_alive(pid) and words in _about(pid)]


def _about(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes() + Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _caches() -> dict[str, str]:
    home = Path.home()
    return {"PIP_CACHE_DIR": str(home / ".cache" / "pip"), "npm_config_cache": str(home / ".npm")}


@pytest.fixture(params=USERS)
def newcomer(request, root) -> Iterator[Newcomer]:
    if request.param != "ourselves" and os.geteuid() != 0:
        pytest.skip("only root can become another user")
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout, or git is not here")
    somebody = Newcomer(root, request.param)
    yield somebody
    for pid in somebody.members():
        os.kill(pid, signal.SIGKILL)


def _run_until_it_answers(newcomer: Newcomer, *command: str, seconds: float) -> float:
    """Start, look at the pages and the mailbox, press Ctrl-C; returns the seconds until the address came."""
    began = time.monotonic()
    process = newcomer.start(*command)
    try:

        def is_ready() -> bool:
            assert process.poll() is None, newcomer.output
            return "Nod is ready" in newcomer.output

        eventually(is_ready, seconds)
        took = time.monotonic() - began
        address = f"http://127.0.0.1:{newcomer.port}"
        assert f"Nod is ready: {address}\n" in newcomer.output
        with urllib.request.urlopen(address, timeout=20) as page:
            assert page.status == 200
            assert "<form" in page.read().decode()
        with urllib.request.urlopen(f"{address}/mailbox.json", timeout=20) as answer:
            assert json.load(answer) == {"mails": []}
    finally:
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        process.wait(60)
    eventually(lambda: newcomer.members() == [], 20)
    return took


def test_a_clone_runs_whole_on_this_environment(newcomer):
    """What is committed is enough; installing apart."""
    if not Place(newcomer.home, newcomer.account).may_run(Path(sys.executable)):
        pytest.skip("that user may not run this Python; make test-setup covers it")
    _run_until_it_answers(newcomer, sys.executable, "-m", "app.local", "run", seconds=100)


@pytest.mark.network
@pytest.mark.slow
def test_a_fresh_clone_with_an_empty_home_needs_one_command(newcomer):
    _run_until_it_answers(newcomer, "make", "run", seconds=600)
    first = newcomer.output
    assert "making the virtual environment" in first
    assert "installing the Python packages" in first
    seconds = _run_until_it_answers(newcomer, "make", "run", seconds=60)
    assert "installing" not in newcomer.output
    assert "making" not in newcomer.output
    assert seconds < 30
    doctor = newcomer.start("make", "doctor")
    assert doctor.wait(120) != 0  # nothing runs, and it says so
    assert "Traceback" not in newcomer.output
    assert "Start Nod" in newcomer.output


@pytest.mark.network
@pytest.mark.slow
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_the_locks_install_on_each_supported_python(minor, tmp_path):
    """Resolved for that Python from the hashes alone, wheels only; nothing is installed."""
    command = [
        sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--require-hashes", "--ignore-installed",
        "--only-binary=:all:", f"--python-version=3.{minor}.9", f"--target={tmp_path}",
        "-r", str(ROOT / "requirements.lock"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
