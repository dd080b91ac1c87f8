"""`make run`: everything Nod needs, on this machine, until Ctrl-C."""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from honcho.environ import parse_procfile

from app.local.keeper import Keeper
from app.local.leftovers import end_leftovers, mark_for
from app.local.places import LocalError
from app.local.servers import Servers, find_servers, start_servers
from app.local.state import State, read_secrets
from app.local.supervised import is_taken

READY_SECONDS = 90
MAIL_SERVER = "mail server"
ASKED_TO_STOP = {128 + number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
MIGRATE = (sys.executable, "-m", "flask", "--app", "wsgi", "db", "upgrade")
MAILBOX = 'python -m app.local.mailbox "$NOD_MAILBOX_DIR" $NOD_MAILBOX_PORT'


class AlreadyRunningError(LocalError):
    """This checkout's Nod runs in another process."""


@dataclass(frozen=True)
class Plan:
    """What a run consists of, so that tests can run something else.

    Args:
        root: the checkout.
        processes: name to shell command, in order.
        migrate: command that brings the database up to date, None for none.
        health_path: page that answers 200 once the web process is ready.
    """

    root: Path
    processes: Mapping[str, str]
    migrate: tuple[str, ...] | None = MIGRATE
    health_path: str = "/healthz"

    @property
    def folder(self) -> Path:
        """Data of this checkout's run."""
        return self.root / ".nod"


def default_plan(root: Path) -> Plan:
    """The Procfile's processes and, since this is development, the mailbox."""
    listed = parse_procfile((root / "Procfile").read_text()).processes
    return Plan(root, {**listed, "mailbox": MAILBOX})


def say(text: str) -> None:
    """One line for the person who waits."""
    print(f"Nod: {text}", flush=True)


def run(plan: Plan, environment: Mapping[str, str]) -> int:
    """Start servers, migrate, run all processes until a signal or until one cannot be kept alive.

    Args:
        plan: what to run.
        environment: ours; DATABASE_URL, REDIS_URL, NOD_URL, NOD_PORT and others in it count.

    Returns:
        Exit status: 0 after Ctrl-C or SIGTERM.

    Raises:
        LocalError: something on this machine is in the way.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        plan.folder.mkdir(mode=0o711, exist_ok=True)
        with only_run(plan.folder):
            return _run(plan, environment)
    except KeyboardInterrupt:
        return 0


def _run(plan: Plan, environment: Mapping[str, str]) -> int:
    if end_leftovers(plan.folder):
        say("ended what an earlier run had left behind")
    state = State(plan.folder / "state.json")
    port = web_port(state, environment)
    mailbox_port = mail_port(state)
    servers = find_servers(plan.folder, state, environment)
    start_servers(servers, state, say)
    try:
        variables = variables_for(plan.folder, servers, port, mailbox_port, environment)
        if plan.migrate:
            say("bringing the database up to date")
            migrate(plan, variables)
        say("starting web, workers, clock and mailbox")
        return keep_running(plan, variables, servers)
    finally:
        say("stopping")
        servers.stop()


def keep_running(plan: Plan, variables: Mapping[str, str], servers: Servers) -> int:
    """Run the processes until a signal, watching the servers beside them."""
    over = threading.Event()
    local = f"http://127.0.0.1:{variables['NOD_WEB_PORT']}{plan.health_path}"
    threads = [
        threading.Thread(target=_announce, args=(local, variables["NOD_URL"], over), daemon=True),
        threading.Thread(target=_watch, args=(servers, over), daemon=True),
    ]

    def start_threads() -> None:
        for thread in threads:
            thread.start()

    keeper = Keeper(on_started=start_threads)
    for name, command in plan.processes.items():
        keeper.add(name, command, variables, plan.root)

    def hang_up(*_: object) -> None:
        keeper.returncode = 128 + signal.SIGHUP
        keeper.terminate()

    signal.signal(signal.SIGHUP, hang_up)
    try:
        keeper.loop()
    finally:
        over.set()
        for thread in threads:
            thread.join()
    return 0 if keeper.returncode in ASKED_TO_STOP else 1


@contextmanager
def only_run(folder: Path) -> Iterator[None]:
    """Hold the checkout's data folder for one run at a time.

    Raises:
        AlreadyRunningError: another run holds it.
    """
    with (folder / "run.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                "It runs already, in another window: stop it there with Ctrl-C."
            ) from None
        yield


def web_port(state: State, environment: Mapping[str, str]) -> int:
    """The port of the pages.

    Raises:
        LocalError: it is taken; another is not chosen by itself, since links in old mails name it.
    """
    wanted = environment.get("NOD_PORT", "")
    if wanted and not wanted.isdigit():
        raise LocalError(f"NOD_PORT must be a number, not {wanted!r}.")
    port = state.web_port(int(wanted) if wanted else None)
    if is_taken(port):
        raise LocalError(
            f"Port {port} is taken by another program. Stop that one, or choose another port for Nod "
            "(links in mails sent so far then lead nowhere): NOD_PORT=8001 make run"
        )
    return port


def mail_port(state: State) -> int:
    """The port of the mailbox's mail server; another is chosen when a stranger took it."""
    port = state.port(MAIL_SERVER)
    return state.fresh_port(MAIL_SERVER) if is_taken(port) else port


def variables_for(
    folder: Path, servers: Servers, port: int, mailbox_port: int, environment: Mapping[str, str]
) -> dict[str, str]:
    """The environment of Nod's processes: ours, with what this run decides; what is set already stays."""
    mailbox = folder / "mailbox"
    mailbox.mkdir(mode=0o700, exist_ok=True)
    chosen = {
        "NOD_ENV": "development",
        "NOD_URL": f"http://127.0.0.1:{port}",
        "NOD_SMTP_URL": f"smtp://127.0.0.1:{mailbox_port}",
        "NOD_DATA_DIR": str(folder),
        **read_secrets(folder / "secrets.env"),
    }
    fixed = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "NOD_WEB_PORT": str(port),
        "NOD_MAILBOX_DIR": str(mailbox),
        "NOD_MAILBOX_PORT": str(mailbox_port),
        "PATH": f"{Path(sys.executable).parent}:{environment.get('PATH', '/usr/bin:/bin')}",
        "PYTHONUNBUFFERED": "1",
        **mark_for(folder),
    }
    return {**chosen, **environment, **fixed}


def migrate(plan: Plan, variables: Mapping[str, str]) -> None:
    """Bring the database up to date.

    Raises:
        LocalError: it failed; the text ends with what the command said.
    """
    command = plan.migrate or ()
    done = subprocess.run(
        command, cwd=plan.root, env=dict(variables), check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    if done.returncode != 0:
        said = "\n".join(f"    {line}" for line in done.stdout.splitlines()[-15:])
        raise LocalError(f"The database could not be brought up to date:\n{said}")


def _announce(local: str, url: str, over: threading.Event) -> None:
    """Wait until the pages answer, then print the one address."""
    deadline = time.monotonic() + READY_SECONDS
    while not over.is_set():
        if answers(local):
            line = "─" * min(60, shutil.get_terminal_size().columns)
            print(
                f"\n{line}\n  Nod is ready: {url}\n  Its mails:    {url}/mailbox\n  Stop with Ctrl-C\n{line}\n",
                flush=True,
            )
            return
        if time.monotonic() > deadline:
            say(f"the pages have not answered for {READY_SECONDS} seconds; the reason may stand above")
            return
        over.wait(0.2)


def answers(url: str) -> bool:
    """Whether a page answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _watch(servers: Servers, over: threading.Event) -> None:
    """Start a server again that died; it is tied to this thread then, which lives as long as the run."""
    while not over.wait(1.0):
        for server in servers.own:
            if not server.is_running():
                say(f"{server.title} has died; starting it again")
                try:
                    server.start()
                except LocalError as error:
                    say(str(error))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
