"""Mail addresses: what we accept, what we store, and by which key we throttle.

Pure. Only a dot-atom local part (RFC 5322 3.2.3, with RFC 6532 characters for SMTPUTF8) and a domain
name are mailable; quoted strings, comments, literals and routes are refused, because programs on the
way read them in different ways.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna

LOCAL_OCTETS: Final = 64
LABEL_OCTETS: Final = 63
ADDRESS_OCTETS: Final = 254
"""RFC 5321: a path has 256 octets, two of them are the angle brackets."""
RAW_CHARACTERS: Final = 1024

_ATEXT = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-/=?^_`{|}~")
_PLAIN = re.compile(r"([A-Za-z0-9._+-]{1,64})@([A-Za-z0-9.-]{1,255})")
_ATOM = re.compile(r"[A-Za-z0-9._+-]+")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", re.ASCII)
_ENCODED_WORD = re.compile(r"=\?.*\?=")
_JOINERS = frozenset("\u200c\u200d")
_DOTLESS_DOMAINS = frozenset({"gmail.com", "googlemail.com"})


class AddressError(ValueError):
    """An address that cannot be mailed.

    Attributes:
        reason: one plain English sentence that says what to do; constant, so it can be translated.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Address:
    """One address in the forms that we need.

    Attributes:
        raw: exactly what was typed.
        address: what we write to: NFC, local part in its case, domain as A-labels in lower case.
        key: identity of the mailbox: as `address`, local part without case. Unique per workspace.
        folded: key of throttles: as `key`, without +tag, and for Gmail without dots.
        domain: the domain of `address`.
        needs_smtputf8: the local part is not ASCII, so the receiving server must offer SMTPUTF8.
    """

    raw: str
    address: str
    key: str
    folded: str
    domain: str
    needs_smtputf8: bool


def normalise(raw: str) -> Address:
    """Read one address as a person typed it.

    Raises:
        AddressError: with the reason in plain words.
    """
    local, host = _plain_parts(raw) or _parts(raw)
    domain = _domain(host)
    _check_local(local)
    address = f"{local}@{domain}"
    if len(address.encode()) > ADDRESS_OCTETS:
        raise AddressError("This address is too long: 254 characters at most.")
    case_free = local.lower() if local.isascii() else unicodedata.normalize("NFC", local.casefold())
    return Address(
        raw=raw,
        address=address,
        key=f"{case_free}@{domain}",
        folded=_fold(case_free, domain),
        domain=domain,
        needs_smtputf8=not local.isascii(),
    )


def _plain_parts(raw: str) -> tuple[str, str] | None:
    """Of most addresses no character needs a closer look: a file of a million is read three times as fast."""
    found = _PLAIN.fullmatch(raw)
    return (found[1], found[2]) if found else None


def _parts(raw: str) -> tuple[str, str]:
    text = _visible(raw)
    if text.count("@") != 1:
        raise _at_fault(text)
    local, _, host = text.partition("@")
    return local, host


def _visible(raw: str) -> str:
    """Trim spaces, refuse what cannot be seen, compose characters (NFC)."""
    if len(raw) > RAW_CHARACTERS:
        raise AddressError("This address is too long: 254 characters at most.")
    for character in raw:
        category = unicodedata.category(character)
        if character in "\r\n" or category in {"Zl", "Zp"}:
            raise AddressError("Write the address on one line, without a line break.")
        if category in {"Cc", "Cs", "Cn", "Co"} and character != "\t":
            raise AddressError("This address holds a character that cannot be used. Type it again.")
        if category == "Cf" and character not in _JOINERS:
            raise AddressError("This address holds an invisible character. Type it again.")
    text = unicodedata.normalize("NFC", raw).strip()
    if not text:
        raise AddressError("Enter an email address.")
    return text


def _at_fault(text: str) -> AddressError:
    if "@" not in text:
        return AddressError("An email address has an @ in the middle, like name@example.org.")
    return AddressError("Enter one address with a single @, like name@example.org.")


@lru_cache(maxsize=10_000)
def _domain(host: str) -> str:
    if not host:
        raise AddressError("The part after the @ is missing, like example.org.")
    if host.startswith("["):
        raise AddressError("Use a domain name after the @, like example.org, not a number in brackets.")
    if host.endswith((".", "。", "．", "｡")):
        raise AddressError("Remove the dot at the end.")
    try:
        domain = idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise AddressError("The part after the @ is not a valid domain name, like example.org.") from error
    _check_domain(domain)
    return domain


def _check_domain(domain: str) -> None:
    labels = domain.split(".")
    if any(len(label) > LABEL_OCTETS or not _LABEL.fullmatch(label) for label in labels):
        raise AddressError("The part after the @ is not a valid domain name, like example.org.")
    if len(labels) == 1:
        raise AddressError("The part after the @ needs a dot, like example.org.")
    if labels[-1].isdigit():
        raise AddressError("Use a domain name after the @, like example.org, not a number.")


def _check_local(local: str) -> None:
    if not local:
        raise AddressError("The part before the @ is missing.")
    if local.startswith('"') or "\\" in local:
        raise AddressError("We cannot write to addresses with quotation marks. Use another address.")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise AddressError("The part before the @ has a dot too many.")
    if not _ATOM.fullmatch(local) and not all(_may_stand(character) for character in local):
        raise AddressError("The part before the @ holds a character that cannot be used there.")
    if _ENCODED_WORD.search(local):
        # A valid dot-atom, but some programs decode it as an RFC 2047 word into another address.
        raise AddressError("The part before the @ looks like an encoded word. Use another address.")
    if len(local.encode()) > LOCAL_OCTETS:
        raise AddressError("The part before the @ is too long: 64 characters at most.")


def _may_stand(character: str) -> bool:
    if character.isascii():
        return character == "." or character in _ATEXT
    return unicodedata.category(character)[0] not in "ZC"


def _fold(case_free: str, domain: str) -> str:
    name = case_free.partition("+")[0] or case_free
    if domain in _DOTLESS_DOMAINS:
        return f"{name.replace('.', '') or name}@gmail.com"
    return f"{name}@{domain}"
