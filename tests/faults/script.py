"""What the mail server does at which point, told in rules that pass as JSON."""

from __future__ import annotations

import random
import time
from dataclasses import asdict, dataclass

POINTS = (
    "CONNECT",  # closed before a word
    "BANNER",  # in the middle of the greeting
    "EHLO",
    "STARTTLS",
    "AUTH",
    "MAIL",
    "RCPT",
    "DATA",  # a reply instead of 354; a drop comes after it
    "BODY",  # with some of the body read
    "DOT",  # all of the body read, no answer given
)
ANYBODY = "*"


@dataclass(frozen=True)
class Rule:
    """What happens at a point to mails of a recipient's domain; up to MAIL nobody knows the domain.

    Attributes:
        point: one of POINTS.
        domain: of the recipient, or ANYBODY.
        reply: instead of the usual one; after 421 the line is closed.
        is_drop: the line is cut without an answer.
        delay: from and to how many seconds the answer waits.
        times: so often, None: always.
        share: of those that come by, in [0, 1].
        grey_seconds: the reply is given only for so long after a recipient's first try.
        rate: at most so many a second over all connections, so that a run lasts as long as it shall; 0: no limit.
    """

    point: str
    domain: str = ANYBODY
    reply: str = ""
    is_drop: bool = False
    delay: tuple[float, float] = (0.0, 0.0)
    times: int | None = None
    share: float = 1.0
    grey_seconds: float = 0.0
    rate: float = 0.0

    def __post_init__(self) -> None:
        if self.point not in POINTS:
            raise ValueError(f"No point is named {self.point}.")

    def as_json(self) -> dict:
        return asdict(self)


def tarpit(domain: str, seconds: float) -> tuple[Rule, ...]:
    """Each answer about a mail to this domain takes so long."""
    return tuple(Rule(point, domain, delay=(seconds, seconds)) for point in ("RCPT", "DATA", "DOT"))


def greylist(seconds: float, domain: str = ANYBODY) -> Rule:
    """Each recipient is refused until so long after the first try."""
    return Rule("RCPT", domain, reply="450 4.7.1 greylisted, come back later", grey_seconds=seconds)


@dataclass(frozen=True)
class Deed:
    """What the rules make of one moment."""

    reply: str = ""
    is_drop: bool = False
    wait: float = 0.0


class Script:
    """The rules in force, with how often each has been used."""

    def __init__(
        self, rules: tuple[Rule, ...], seed: int, first_tries: dict[str, float] | None = None
    ) -> None:
        self._rules = rules
        self._used = [0] * len(rules)
        self._chance = random.Random(seed)
        self._first_tries = {} if first_tries is None else first_tries
        self._slot = 0.0

    @classmethod
    def from_json(cls, raw: list[dict], seed: int, first_tries: dict[str, float]) -> Script:
        return cls(
            tuple(Rule(**{**found, "delay": tuple(found["delay"])}) for found in raw), seed, first_tries
        )

    def at(self, point: str, recipient: str = "") -> Deed:
        """What happens now; delays add up, the last reply counts."""
        reply, is_drop, wait = "", False, 0.0
        domain = recipient.rpartition("@")[2]
        for index, rule in enumerate(self._rules):
            if rule.point == point and rule.domain in {ANYBODY, domain} and self._strikes(index, recipient):
                reply = rule.reply or reply
                is_drop = is_drop or rule.is_drop
                wait += self._chance.uniform(*rule.delay) + self._queue(rule.rate)
        return Deed(reply, is_drop, wait)

    def _queue(self, rate: float) -> float:
        if not rate:
            return 0.0
        now = time.monotonic()
        self._slot = max(now, self._slot) + 1 / rate
        return self._slot - now

    def _strikes(self, index: int, recipient: str) -> bool:
        rule = self._rules[index]
        if rule.times is not None and self._used[index] >= rule.times:
            return False
        if rule.grey_seconds:
            first = self._first_tries.setdefault(recipient, time.monotonic())
            if time.monotonic() - first >= rule.grey_seconds:
                return False
        if rule.share < 1 and self._chance.random() >= rule.share:
            return False
        self._used[index] += 1
        return True
