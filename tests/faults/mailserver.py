"""The mail server as tests hold it: started, told what to do, killed; and what its log says."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.local.supervised import free_port
from tests.faults.script import Rule

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mail:
    """One MAIL FROM; times in seconds, monotonic and wall clock."""

    sender: str
    at: float
    wall: float
    connection: int


@dataclass(frozen=True)
class End:
    """What became of one mail at the server: at which point, and with which reply (empty: the line was cut)."""

    sender: str
    recipient: str
    mail_at: float
    mail_wall: float
    at: float
    wall: float
    point: str
    reply: str
    message_id: str

    @property
    def has_arrived(self) -> bool:
        """Whether the server has it, or may have: taken, or cut off after the final dot."""
        return self.point == "DOT" and self.reply[:1] in {"2", ""}

    @property
    def is_accepted(self) -> bool:
        """Whether the server has said so."""
        return self.point == "DOT" and self.reply.startswith("2")


@dataclass
class Seen:
    """What stands in a server's log; ``read`` goes on where it stopped."""

    path: Path
    mails: list[Mail] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)
    """Monotonic times at which connections were opened."""
    max_open: int = 0
    cuts: Counter[str] = field(default_factory=Counter)
    """How often the line was cut on purpose, by point."""
    _offset: int = 0

    def read(self) -> Self:
        with self.path.open("rb") as log:
            log.seek(self._offset)
            for line in log:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                self._take(json.loads(line))
        return self

    def _take(self, found: dict) -> None:
        if found["k"] == "mail":
            self.mails.append(Mail(found["sender"], found["mail_t"], found["mail_w"], found["c"]))
        elif found["k"] == "end":
            self.ends.append(
                End(
                    found["sender"], (found["to"] or [""])[0], found["mail_t"], found["mail_w"], found["t"], found["w"],
                    found["at"], found["reply"], found["id"],
                )
            )  # fmt: skip
        elif found["k"] == "cut":
            self.cuts[found["at"]] += 1
        elif found["k"] == "open":
            self.opened.append(found["t"])
            self.max_open = max(self.max_open, found["open"])

    @property
    def copies(self) -> list[End]:
        return [end for end in self.ends if end.has_arrived]


class MailServer:
    """One server on a port that stays the same over kills; its log outlives it."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        *,
        host: str = "127.0.0.1",
        pipelining: bool = True,
        login: str = "",
        tls: bool = False,
    ) -> None:
        self.port = free_port()
        self.host = host
        self.seen = Seen(folder / f"mail-{self.port}.log")
        self.seen.path.touch()
        self._login = login
        self._rules: tuple[Rule, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._options = ["--host", host, "--port", str(self.port), "--log", str(self.seen.path)]
        self._options += ["--seed", str(seed), *([] if pipelining else ["--no-pipelining"])]
        self._options += ["--login", login] if login else []
        if tls:
            self._options += ["--certificate", str(_certificate(folder))]

    @property
    def url(self) -> str:
        login = f"{self._login}@" if self._login else ""
        return f"smtp://{login}{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"

    def start(self) -> None:
        """Start, with the rules that were in force."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.server", *self._options],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert self._answer() == b"ready\n"
        self._tell()

    def kill(self) -> None:
        """End it at once; what it wrote down stays."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout):
                stream.close()

    def behave(self, *rules: Rule) -> None:
        """Follow these rules and no others from now on."""
        self._rules = rules
        if self._process is not None:
            self._tell()

    def _tell(self) -> None:
        words = json.dumps({"rules": [rule.as_json() for rule in self._rules]})
        self._process.stdin.write(words.encode() + b"\n")
        self._process.stdin.flush()
        assert self._answer() == b"ok\n"

    def _answer(self) -> bytes:
        return self._process.stdout.readline()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.kill()


def _certificate(folder: Path) -> Path:
    """A key and a certificate that nobody signed, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "faults.test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=2))
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path
