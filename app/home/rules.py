"""Pure decisions of the front page and the first run: which step is next, and what a mail's state means to people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SILENT_SECONDS = 60
"""A worker that was not seen for so long is taken for dead; it beats every few seconds."""


class Step(StrEnum):
    """The steps of the first run, in their order; the values are the ends of their addresses."""

    ACCOUNT = "account"
    BRAND = "brand"
    SENDER = "sender"
    TEST = "test"


def next_step(*, has_owner: bool, has_workspace: bool, has_sender: bool) -> Step:
    """The first step that is not done; the test mail may always be sent again."""
    if not has_owner:
        return Step.ACCOUNT
    if not has_workspace:
        return Step.BRAND
    return Step.TEST if has_sender else Step.SENDER


def may_enter(step: Step, reached: Step) -> bool:
    """Whether a step can be shown: it was reached, and the account cannot be made a second time."""
    order = list(Step)
    if step is Step.ACCOUNT:
        return reached is Step.ACCOUNT
    return order.index(step) <= order.index(reached)


@dataclass(frozen=True, slots=True)
class Mail:
    """A system mail as its page knows it; times are UTC, ``reply`` is the mail server's line or our reason."""

    name: str
    state: str
    created_at: datetime
    due_at: datetime
    done_at: datetime | None
    attempts: int
    faults: int
    reply: str


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a mail's progress: ``state`` is done, warn, fail or wait."""

    state: str
    title: str
    detail: str = ""
    at: datetime | None = None


def progress(mail: Mail, *, server: str, worker_seconds: float | None, why: str = "") -> list[Check]:
    """What has happened with a mail so far, and what is awaited.

    Args:
        mail: the mail.
        server: the name of the mail server that takes it.
        worker_seconds: since a sending process was last seen; None: never.
        why: what keeps that server from taking any mail now, in words; empty: nothing.
    """
    written = Check("done", "Written and put into the outbox", "", mail.created_at)
    return [written, *_outcome(mail, server, worker_seconds, why)]


def _outcome(mail: Mail, server: str, worker_seconds: float | None, why: str) -> list[Check]:
    if mail.state in {"sent", "bounced", "complained"}:
        return [
            Check("done", f"Accepted by {server}", mail.reply, mail.done_at),
            Check("done", "Now it must lie in your inbox", "Look into the folder for spam too."),
        ]
    if mail.state in {"failed", "expired", "poison"}:
        return [Check("fail", f"{server} did not take it", mail.reply, mail.done_at)]
    if mail.state in {"suppressed", "cancelled"}:
        return [Check("fail", "Not sent", mail.reply, mail.done_at)]
    if mail.state == "unknown":
        return [
            Check(
                "warn",
                "The answer was lost",
                "It may have arrived. Nod tries once more in a quarter of an hour.",
            )
        ]
    if worker_seconds is None or worker_seconds > SILENT_SECONDS:
        return [
            Check(
                "fail", "No sender is running", "The mail waits. 'make run' starts the processes that send."
            )
        ]
    if why:
        return [Check("warn", f"{server} takes no mail", why)]
    if mail.attempts or mail.faults:
        return [
            Check("warn", f"{server} has not taken it yet", mail.reply),
            Check("wait", "Nod tries again by itself", "", mail.due_at),
        ]
    return [Check("wait", f"Being handed to {server}")]


_BADGES = {
    "sent": ("Sent", "yes"),
    "bounced": ("Bounced", "stop"),
    "complained": ("Complained", "stop"),
    "failed": ("Failed", "stop"),
    "expired": ("Given up", "stop"),
    "poison": ("Stopped", "stop"),
    "unknown": ("Unknown", "ask"),
    "suppressed": ("Skipped", ""),
    "cancelled": ("Cancelled", ""),
}


def badge(state: str) -> tuple[str, str]:
    """The word for a message's state and the tone of its badge."""
    return _BADGES.get(state, ("Waiting", "info"))


def alive_text(worker_seconds: float | None) -> tuple[bool, str]:
    """Whether mail can leave right now, in words."""
    if worker_seconds is None:
        return False, "No sender has started yet"
    if worker_seconds > SILENT_SECONDS:
        return False, f"No sender since {_ago(worker_seconds)}"
    seconds = int(worker_seconds)
    return (
        True,
        "Sender alive now"
        if seconds < 1
        else f"Sender alive {seconds} second{'' if seconds == 1 else 's'} ago",
    )


def _ago(seconds: float) -> str:
    for size, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {word}{'' if count == 1 else 's'}"
    return f"{int(seconds)} seconds"


def share(part: int, whole: int) -> str:
    """A share as people say it: ``80%``; empty where there is nothing to share."""
    return f"{100 * part / whole:.0f}%" if whole else ""


@dataclass(frozen=True, slots=True)
class Attention:
    """One thing that waits for somebody: ``tone`` is stop, warn, ask or mute."""

    tone: str
    icon: str
    title: str
    text: str
    url: str = ""
    action: str = ""


def attention(
    *,
    has_sender: bool,
    has_privacy_notice: bool,
    unknown: int,
    waiting_seconds: float,
    asked: int,
    worker_alive: bool,
    unsigned_domain: str = "",
    ends_soon: int = 0,
) -> list[Attention]:
    """What waits, the gravest first; ``unsigned_domain`` is the sender's, where its mails are not signed."""
    found: list[Attention | None] = [
        None
        if worker_alive
        else Attention(
            "stop", "alert", "No sender is running", "Mail waits until the worker processes run again."
        ),
        None
        if has_sender
        else Attention(
            "stop",
            "alert",
            "Nobody is the sender",
            "Questions to new people wait.",
            "/setup/sender",
            "Name a sender",
        ),
        Attention(
            "stop",
            "alert",
            "Mail is late",
            f"The oldest has been waiting for {_ago(waiting_seconds)}: the mail server does not take it.",
            "/settings#sender",
            "Look at the sender",
        )
        if waiting_seconds > 5 * SILENT_SECONDS and worker_alive
        else None,
        Attention(
            "warn",
            "alert",
            f"{unknown:,} mail{'' if unknown == 1 else 's'} in doubt",
            "The mail server's answer was lost. Whether they arrived is not known.",
        )
        if unknown
        else None,
        Attention(
            "warn",
            "lock",
            f"Mails from {unsigned_domain} are not signed",
            "Large providers refuse newsletters without a DKIM signature.",
            "/settings/domain",
            "Sign them",
        )
        if unsigned_domain
        else None,
        None
        if has_privacy_notice
        else Attention(
            "warn",
            "proof",
            "No privacy notice",
            "Forms have to link to one.",
            "/settings#brand",
            "Add its address",
        ),
        Attention(
            "ask",
            "pause",
            f"{ends_soon:,} {'person’s permission ends' if ends_soon == 1 else 'people’s permission ends'} soon",
            "Nothing is sent to them any more then. You can ask once whether you may go on.",
            "/people/ending",
            "See who",
        )
        if ends_soon
        else None,
        Attention(
            "ask",
            "asked",
            f"{asked:,} {'person has' if asked == 1 else 'people have'} not answered",
            "They were asked and have not said yes. A question runs out after 7 days.",
            "/people?word=asked",
            "Show people",
        )
        if asked
        else None,
    ]
    return [item for item in found if item]
