"""A closer look at a draft: whether its links answer, whether the records of its domain stand, and what a spam filter says.

It asks other people's servers and takes seconds, so somebody has to press for it; what it found is kept with the
edition of the letter that it is about, and counts for a day.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from app.campaigns.models import Campaign, CampaignLook
from app.campaigns.rules import Check
from app.delivery import service as delivery
from app.delivery.queries import KeyPair
from app.delivery.service import Verdict
from app.kernel import clock, outgoing
from app.kernel.db import session

MOST_LINKS: Final = 60
SECONDS: Final = 6.0
AT_ONCE: Final = 8
COUNTS_FOR: Final = timedelta(days=1)
SPAM_SECONDS: Final = 30
SPAM_AT_ONCE: Final = 3
"""Each is a program of its own that takes seconds; a letter in seven languages is seven mails."""
_SCORE: Final = re.compile(r"^X-Spam-Status:.*?score=(-?[0-9.]+).*?required=([0-9.]+)", re.MULTILINE | re.DOTALL)
_UNTRIED: Final = ("untried", "It leads elsewhere for each reader, or there are too many.")
_GONE: Final = frozenset({404, 410})
_ANSWER_LATER: Final = frozenset({401, 403, 405, 406, 429})
"""What servers say to programs where people get a page."""


def look_at_links(addresses: Mapping[str, str], ask: Callable[[str], int] | None = None) -> list[dict[str, str]]:
    """What each link answers: ``{"url", "severity", "says", "of"}``, without those that are fine.

    ``severity`` is broken, or untried: those that lead elsewhere for each reader, that we do not ask, or that are too many.

    Args:
        addresses: of the letter, with merge tags where they lead elsewhere for each reader; each with the variants that
            have it, or nothing where it goes out as one (``of``).
        ask: gives the status of an address; for tests.
    """
    urls = list(addresses)
    asked = [url for url in urls if "{" not in url][:MOST_LINKS]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = dict(zip(asked, pool.map(lambda url: _answer(url, ask or _status), asked), strict=True))
    found = [(url, answers.get(url, _UNTRIED)) for url in urls]
    return [{"url": url, "severity": told[0], "says": told[1], "of": addresses[url]} for url, told in found if told]


def _status(url: str) -> int:
    return outgoing.look(url, seconds=SECONDS)


def _answer(url: str, ask: Callable[[str], int]) -> tuple[str, str] | None:
    try:
        status = ask(url)
    except outgoing.Forbidden as refused:
        return "untried", str(refused)
    except outgoing.NotSent as fault:
        return "broken", str(fault)
    if status in _GONE:
        return "broken", f"The page is not there ({status})."
    if status in _ANSWER_LATER or status < 400:
        return None
    return "broken", f"The server answers with a fault ({status})."


def look_at_domain(domain: str, pairs: Sequence[KeyPair]) -> dict[str, str]:
    """What the DNS says of the domain that mails come from: ``{"name", "dkim", "spf", "dmarc"}``, each a ``Verdict``.

    ``dkim`` is empty where no keys sign; of one pair that signs it is what keeps its worse record from standing.

    Args:
        domain: of the sender's address.
        pairs: those that sign its mails.
    """
    said = delivery.check_domain(domain, pairs)
    keys = [said[record.name] for pair in pairs for record in pair.records]
    dkim = next((one for one in keys if one is not Verdict.STANDS), Verdict.STANDS).value if keys else ""
    spf, dmarc = said[f"{delivery.BOUNCES}.{domain}"], said[delivery.dmarc_record(domain).name]
    return {"name": domain, "dkim": dkim, "spf": spf.value, "dmarc": dmarc.value}


def look_for_spam_in(mails: Iterable[bytes]) -> dict[str, Any] | None:
    """As ``look_for_spam``, of the mail that has the most points; somebody waits for all of them, so some are asked about at once."""
    with ThreadPoolExecutor(SPAM_AT_ONCE) as pool:
        found = [told for told in pool.map(look_for_spam, mails) if told is not None]
    return max(found, key=lambda told: float(told["score"]), default=None)


def look_for_spam(mail: bytes) -> dict[str, Any] | None:
    """What SpamAssassin says of a mail: ``{"score", "limit"}``; None where it is not installed or does not answer."""
    program = shutil.which("spamc") or shutil.which("spamassassin")
    if program is None:
        return None
    try:
        told = subprocess.run([program], input=mail, capture_output=True, timeout=SPAM_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _SCORE.search(told.stdout.decode("utf-8", "replace"))
    return {"score": float(found[1]), "limit": float(found[2])} if found else None


def keep(
    campaign: Campaign, revision: int, links: Sequence[dict[str, str]], spam: dict[str, Any] | None, languages: str = "",
    variants: str = "", domain: dict[str, str] | None = None,
) -> None:
    """Keep what was found, in place of what was found before; ``languages``, ``variants``: their signatures, where it has some."""
    values = {
        "revision": revision, "languages": languages, "variants": variants, "links": list(links), "spam": spam,
        "domain": domain, "looked_at": clock.now(),
    }  # fmt: skip
    new = insert(CampaignLook).values(campaign_id=campaign.id, workspace_id=campaign.workspace_id, **values)
    session().execute(new.on_conflict_do_update(index_elements=["campaign_id"], set_=values))


def checks_of(
    campaign_id: UUID, revision: int, languages: str = "", variants: str = "", domain: str = ""
) -> list[Check]:
    """What the last closer look means for this edition of the letter, its translations and variants, from this domain."""
    found = session().get(CampaignLook, campaign_id, populate_existing=True)
    is_of_this = found is not None and (found.revision, found.languages, found.variants) == (revision, languages, variants)
    if found is None or not is_of_this or found.looked_at < clock.now() - COUNTS_FOR:
        return [Check("warn", "Links not tried yet", "Let Nod follow each of them once, and look up the records of your domain.", "closer")]
    broken = [one for one in found.links if one["severity"] == "broken"]
    checks = [_broken(one) for one in broken]
    untried = len(found.links) - len(broken)
    if not broken:
        left = f"; {untried} could not be tried" if untried else ""
        checks.append(Check("pass", f"Every link that could be tried answers{left}"))
    if found.domain is not None and found.domain["name"] == domain:
        checks += _domain_checks(found.domain)
    if found.spam is not None:
        checks.append(_spam_check(found.spam))
    return checks


_RECORDS: Final = {
    "dkim": ("the keys that sign", "Receivers take what is signed by keys that nobody can look up for forged."),
    "spf": ("SPF of return paths", "Receivers ask it whether a mail may come from your server."),
    "dmarc": ("DMARC", "Gmail and Yahoo ask for it of everybody who writes to many."),
}


def _domain_checks(domain: Mapping[str, str]) -> list[Check]:
    name, told = domain["name"], {key: domain[key] for key in _RECORDS if domain[key]}
    checks = []
    for key, verdict in told.items():
        called, says = _RECORDS[key]
        if verdict == Verdict.MISSING:
            checks.append(Check("warn", f"{name} has no record for {called}", says, "domain"))
        elif verdict == Verdict.DIFFERS:
            checks.append(Check("warn", f"{name} has another record for {called}, or two", says, "domain"))
    if any(verdict == Verdict.UNKNOWN for verdict in told.values()):
        checks.append(Check("warn", f"The DNS did not answer for {name}", "Try again in a while.", "closer"))
    names = ", ".join(_RECORDS[key][0] for key in told)
    return checks or [Check("pass", f"The records of {name} stand: {names}")]


def _broken(link: dict[str, str]) -> Check:
    of = link.get("of", "")
    where = f" in {of}" if of else ""
    return Check("warn", f"A link is broken{where}: {link['url'][:120]}", link["says"], "variants" if of else "write")


def _spam_check(spam: dict[str, Any]) -> Check:
    words = f"SpamAssassin gives it {spam['score']:g} points; from {spam['limit']:g} on it is spam"
    if spam["score"] >= spam["limit"]:
        return Check("warn", words, "Look at the subject, the links and how much of it is pictures.", "write")
    return Check("pass", words)
