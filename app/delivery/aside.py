"""A mail whose making has ended two workers is made in a process of its own: slowly, within limits, and alone.

If that process ends too, no worker goes with it, and the message is set aside.
"""

from __future__ import annotations

import base64
import json
import logging
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from sqlalchemy import text

from app.delivery import compose, outbox
from app.delivery.compose import Letter
from app.delivery.editions import imprint_of
from app.delivery.outbox import COLUMNS, HEAD, Held
from app.delivery.rules import Skip
from app.delivery.transports.settings import SmtpSettings
from app.delivery.writing import Made, Writer
from app.kernel.db import session
from app.kernel.errors import NotFound

log = logging.getLogger(__name__)

SECONDS: Final = 20
"""People who say no to this one mailing wait meanwhile: less than a statement of theirs may take."""
CPU_SECONDS: Final = 15
MEMORY: Final = 512 * 1024 * 1024
_ROOT: Final = Path(__file__).parents[2]
_COMMAND: Final = (sys.executable, "-m", "flask", "--app", "wsgi", "delivery", "write")


class Deadly(Exception):
    """The process that made this mail ended as well; the text says how."""


class Unwritten(Exception):
    """It lived and could not make the mail; the text says why."""


def write(held: Held, route: SmtpSettings) -> Made:
    """The mail of a message, made aside.

    Args:
        held: the message.
        route: the mail server that it will be given to.
    """
    log.warning("message %s has ended two workers: its mail is made in a process of its own", held.number)
    try:
        done = subprocess.run(  # noqa: S603  a number of ours
            [*_COMMAND, held.number], cwd=_ROOT, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Deadly(f"that process took longer than {SECONDS} seconds")
    if done.returncode < 0:
        return Deadly(f"that process was ended by {signal.Signals(-done.returncode).name}")
    if done.returncode:
        return Unwritten(f"the process that should make it gave up ({done.returncode})")
    return _loads(json.loads(done.stdout), route)


def make(number: str) -> str:
    """What the process of its own does: the mail as JSON; inside a transaction, writes nothing.

    Raises:
        NotFound: no such message.
    """
    for what, most in (
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_DATA, MEMORY),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    held = _find(*map(int, number.split("-")))
    try:
        made = _make(held)
    except Exception as fault:  # noqa: BLE001  whatever its content does, that is what was asked
        made = fault
    return json.dumps(_dumps(made))


def _make(held: Held) -> Made:
    if held.head.version_id is None:
        draft = compose.draft(imprint_of(held.head), held)
        return compose.write(held, draft) if isinstance(draft, compose.Draft) else draft
    ((_, made),) = Writer().write(held.head, [held], lambda _: None)
    return made


_FIND = text(
    f"SELECT {HEAD}, {COLUMNS} FROM messages m JOIN mailings g ON g.no = m.mailing_no"  # noqa: S608  no input in it
    " WHERE m.mailing_no = :no AND m.n = :n"
)


def _find(mailing_no: int, n: int) -> Held:
    row = session().execute(_FIND, {"no": mailing_no, "n": n}).one_or_none()
    if row is None:
        raise NotFound("No such message.")
    return outbox.held_of(outbox.head_of(row[:7]), row[7:])


_FIELDS: Final = ("envelope_from", "to", "message_id", "domain", "from_domain", "needs_smtputf8", "is_sound")


def _dumps(made: Made) -> dict[str, Any]:
    if isinstance(made, Skip):
        return {"skip": made.reason}
    if isinstance(made, Exception):
        return {"fault": f"{made.__class__.__name__}: {made}"}
    plain = {name: getattr(made, name) for name in _FIELDS}
    return plain | {"data": _text(made.data), "mime_sha256": _text(made.mime_sha256)}


def _loads(found: dict[str, Any], route: SmtpSettings) -> Made:
    if "skip" in found:
        return Skip(found["skip"])
    if "fault" in found:
        return Unwritten(found["fault"])
    data, digest = base64.b64decode(found.pop("data")), base64.b64decode(found.pop("mime_sha256"))
    return Letter(route=route, data=data, mime_sha256=digest, **found)


def _text(octets: bytes) -> str:
    return base64.b64encode(octets).decode()
