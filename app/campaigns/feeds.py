"""What a look at a draft says of the feeds that its letters show."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from app.campaigns.rules import Check
from app.content import service as content
from app.kernel import clock

if TYPE_CHECKING:
    from app.content.models import Letter

STALE: Final = timedelta(days=1)
"""Entries that were fetched longer ago are worth another look before they are sent."""


def faults_of(shown: Sequence[Letter], title: str, step: str) -> list[Check]:
    """What is wrong with the feeds of a letter and its translations; nothing where they are fit to send.

    Args:
        shown: the letter and its translations.
        title: of each check.
        step: where it is put right.
    """
    faults = list(dict.fromkeys(fault for one in shown for fault in content.feed_faults(one)))
    fetched = [at for one in shown if (at := content.feeds_fetched_at(one)) is not None]
    if not faults and fetched and min(fetched) < clock.now() - STALE:
        faults = [("warning", "It was fetched more than a day ago. Look at it once more where the letter is written.")]
    return [Check("stop" if severity == "error" else "warn", title, words, step) for severity, words in faults]


def checks_of(shown: Sequence[Letter]) -> list[Check]:
    """The same of a draft's own letter, and that they are fit where they are."""
    if not any(content.feed_addresses(one) for one in shown):
        return []
    return faults_of(shown, "Its feed", "write") or [Check("pass", "The entries of its feed are in it")]
