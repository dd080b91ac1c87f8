"""How to reach a mail server: written as an address, checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit


class Security(StrEnum):
    """How the line is kept private."""

    OPPORTUNISTIC = "opportunistic"
    """STARTTLS where offered; without it only to this machine itself."""
    STARTTLS = "starttls"
    """STARTTLS or nothing."""
    IMPLICIT = "implicit"
    """TLS from the first byte."""
    NONE = "none"
    """Plain text, because the owner said so."""


class Auth(StrEnum):
    """How we sign in where there is a user name."""

    PASSWORD = "password"  # noqa: S105  a word, not a secret
    """PLAIN, or LOGIN where that is all there is."""
    XOAUTH2 = "xoauth2"
    """The password is an access token."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Longest waits in seconds for each reply (RFC 5321 4.5.3.2); too short a final dot makes duplicates."""

    connect: float = 30
    banner: float = 300
    command: float = 300
    data: float = 120
    block: float = 180
    dot: float = 600
    quit: float = 5


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """One mail server.

    Attributes:
        host: name or IP address.
        port: 1 to 65535.
        security: how the line is kept private.
        username: empty where none is needed.
        password: never shown.
        helo: how we name ourselves; empty for the address of our end.
        auth: how to sign in.
        ca_file: certificates to trust instead of the system's, or empty.
        max_messages: mails over one connection before it is made new.
        timeouts: longest waits.
    """

    host: str
    port: int
    security: Security = Security.OPPORTUNISTIC
    username: str = ""
    password: str = field(default="", repr=False)
    helo: str = ""
    auth: Auth = Auth.PASSWORD
    ca_file: str = ""
    max_messages: int = 500
    timeouts: Timeouts = Timeouts()


_SCHEMES: Final = {
    "smtp": (Security.OPPORTUNISTIC, 25),
    "smtp+starttls": (Security.STARTTLS, 587),
    "smtps": (Security.IMPLICIT, 465),
}
_OPTIONS: Final = frozenset({"tls", "helo", "ca", "max", "auth"})


def parse_url(url: str) -> SmtpSettings:
    """Read ``smtp://user:password@host:port?helo=...&ca=...&max=...&auth=xoauth2``; names and passwords are percent-encoded.

    ``smtp`` takes TLS where it is offered, and goes without it only to this machine itself or with
    ``?tls=none``; ``smtp+starttls`` and ``smtps`` insist.

    Raises:
        ValueError: with the fault in plain words, never with the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("The address of the mail server has a port that is no number.") from None
    if parts.scheme not in _SCHEMES:
        raise ValueError("The address of the mail server begins with smtp://, smtp+starttls:// or smtps://.")
    if not parts.hostname or parts.path not in {"", "/"} or any(ord(letter) < 33 for letter in url):
        raise ValueError(
            "The address of the mail server is written like smtp://user:password@mail.example.org:587."
        )
    security, usual_port = _SCHEMES[parts.scheme]
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return SmtpSettings(
        host=parts.hostname,
        port=port or usual_port,
        security=_security(security, options),
        username=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        helo=options.get("helo", ""),
        auth=_auth(options.get("auth", Auth.PASSWORD)),
        ca_file=_ca_file(options.get("ca", "")),
        max_messages=_positive(options.get("max", "500")),
    )


def _security(security: Security, options: dict[str, str]) -> Security:
    unknown = set(options) - _OPTIONS
    if unknown:
        raise ValueError(
            f"The address of the mail server has an unknown option: {', '.join(sorted(unknown))}."
        )
    if "tls" not in options:
        return security
    if options["tls"] != "none" or security is not Security.OPPORTUNISTIC:
        raise ValueError("The only value of tls is none, and only behind smtp://.")
    return Security.NONE


def _auth(word: str) -> Auth:
    if word not in {known.value for known in Auth}:
        raise ValueError("The way to sign in to the mail server (auth) is password or xoauth2.")
    return Auth(word)


def _ca_file(path: str) -> str:
    if path and not Path(path).is_file():
        raise ValueError("The file of certificates (ca) cannot be found.")
    return path


def _positive(number: str) -> int:
    if not number.isdecimal() or not 1 <= int(number) <= 100_000:
        raise ValueError("The number of mails over one connection (max) is 1 or more.")
    return int(number)
