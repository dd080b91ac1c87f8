"""A look at one mail of the measured sort, as it arrives: it must hold all that makes a newsletter expensive."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.bench.house import House, Sender
from tests.bench.letter import LINKS
from tests.bench.sending import Wrong, send
from tests.bench.sinks import Sink
from tests.support.smtp_sink import Copy, SmtpSink

SMALLEST, LARGEST = 18_000, 26_000


def look(house: House, sender: Sender, say: Callable[[str], None]) -> int:
    """Send the letter to the one person there is, and read it; its bytes on the wire.

    Raises:
        Wrong: it lacks what a newsletter has, or is of another size.
    """
    with SmtpSink() as taker:
        send(house, sender, Sink("a look", "127.0.0.1", taker.port), 1, say)
        (copy,) = (found for found in taker.messages if found.parsed["List-Id"])
    lacking = [name for name, is_there in _marks(copy).items() if not is_there]
    if lacking:
        raise Wrong(f"The measured letter lacks: {', '.join(lacking)}.")
    return len(copy.raw)


def _marks(copy: Copy) -> dict[str, bool]:
    text, html, mail = copy.part("plain"), copy.part("html"), copy.parsed
    links = set(re.findall(r'href="(https://news\.bench\.example/[^"]+)"', html))
    return {
        f"{LINKS} tracked links and those of the footer": len(links) >= LINKS + 2,
        "no link past the tracking": "https://ostkai.example/coffees" not in html,
        "a pixel": '<img' in html and 'width="1"' in html,
        "the first name, twice": "Hello Mara" in text and "Hello Mara" in html,
        "List-Unsubscribe and List-Unsubscribe-Post": bool(
            mail["List-Unsubscribe"] and mail["List-Unsubscribe-Post"]
        ),
        "List-Id and Feedback-ID": bool(mail["List-Id"] and mail["Feedback-ID"]),
        "a return path of its own": copy.mail_from.partition("@")[2].startswith("bounces."),
        f"{SMALLEST} to {LARGEST} bytes, not {len(copy.raw)}": SMALLEST <= len(copy.raw) <= LARGEST,
    }  # fmt: skip
