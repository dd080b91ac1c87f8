"""DNS records of a sending domain: what is to be published, and whether it is. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

STRING: Final = 255
"""Octets of one string of a TXT record; receivers join the strings without anything between them."""
_BLANKS: Final = re.compile(r"\s+")


class Verdict(StrEnum):
    """What the DNS says about a record."""

    STANDS = "stands"
    MISSING = "missing"
    DIFFERS = "differs"
    """Something else stands there."""
    UNKNOWN = "unknown"
    """The DNS did not answer."""


@dataclass(frozen=True, slots=True)
class Record:
    """A TXT record.

    Attributes:
        what: ``rsa``, ``ed25519``, ``spf`` or ``dmarc``.
        name: the whole name, without a dot at its end.
        value: the whole text.
    """

    what: str
    name: str
    value: str

    @property
    def strings(self) -> list[str]:
        """The value in pieces that fit into a record."""
        return [self.value[at : at + STRING] for at in range(0, len(self.value), STRING)]

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file."""
        quoted = " ".join(f'"{piece}"' for piece in self.strings)
        return f"{self.name}. 3600 IN TXT {quoted if len(self.strings) == 1 else f'( {quoted} )'}"


def selector_rsa(selector: str) -> str:
    """The selector of the RSA key."""
    return f"{selector}-rsa"


def selector_ed(selector: str) -> str:
    """The selector of the Ed25519 key."""
    return f"{selector}-ed"


def key_records(domain: str, selector: str, rsa_public: str, ed_public: str) -> tuple[Record, Record]:
    """The records of a pair of keys; the public halves in base64, RSA as SubjectPublicKeyInfo, Ed25519 raw."""
    return (
        Record("rsa", f"{selector_rsa(selector)}._domainkey.{domain}", f"v=DKIM1; k=rsa; p={rsa_public}"),
        Record(
            "ed25519", f"{selector_ed(selector)}._domainkey.{domain}", f"v=DKIM1; k=ed25519; p={ed_public}"
        ),
    )


def spf_record(bounces: str, server: str) -> Record:
    """A record for the domain of return paths; ``server`` is the host name that mails come from."""
    return Record("spf", bounces, f"v=spf1 a:{server} ~all")


def dmarc_record(domain: str) -> Record:
    """The least that large receivers ask for."""
    return Record("dmarc", f"_dmarc.{domain}", "v=DMARC1; p=none")


def key_verdict(record: Record, found: Sequence[str] | None) -> Verdict:
    """Whether the texts that stand at a record's name are this key and no other; None: nobody answered."""
    if found is None:
        return Verdict.UNKNOWN
    keys = [tags for tags in map(_tags, found) if "p" in tags]
    if not keys:
        return Verdict.MISSING
    wanted = _tags(record.value)
    same = all((tags["p"], tags.get("k", "rsa")) == (wanted["p"], wanted["k"]) for tags in keys)
    return Verdict.STANDS if same and len(keys) == 1 else Verdict.DIFFERS


def policy_verdict(version: str, found: Sequence[str] | None) -> Verdict:
    """Whether exactly one text of that version stands there, such as ``v=spf1``: two count as none."""
    if found is None:
        return Verdict.UNKNOWN
    count = sum(text.lower().split(";")[0].split(" ")[0].strip() == version.lower() for text in found)
    return {0: Verdict.MISSING, 1: Verdict.STANDS}.get(count, Verdict.DIFFERS)


def dmarc_names(domain: str) -> list[str]:
    """Where a policy for the domain may stand, its own name first: a parent's holds for it too."""
    labels = domain.split(".")
    return [f"_dmarc.{'.'.join(labels[at:])}" for at in range(max(len(labels) - 1, 1))][:5]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): _BLANKS.sub("", value) for name, mark, value in pairs if mark}
