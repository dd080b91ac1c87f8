"""Asking other people's web servers without being led into our own network.

A name is resolved once, every address it has must be public, and the connection goes to the address that was looked
at: a name that changes its mind in between leads nowhere. What is posted follows no redirect; what is got follows a few,
each looked at like the first. No proxy is asked, little is read.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

SECONDS: Final = 10.0
READ_BYTES: Final = 64 * 1024
PORTS: Final = (443, 8443)
REDIRECTS: Final = 3
_ELSEWHERE: Final = frozenset({301, 302, 303, 307, 308})
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class NotSent(Exception):
    """Nothing useful came back; the text says why, for people."""


class Forbidden(NotSent):
    """The address leads inside, or to a port or scheme that is not allowed; nothing was sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, and what it calls the kind of its body."""

    status: int
    body: bytes
    content_type: str = ""


def post(url: str, body: bytes, content_type: str, *, seconds: float = SECONDS) -> Answer:
    """POST to a public https address; of the answer 64 KiB are read.

    Raises:
        Forbidden: it is none.
        NotSent: the server is away, slow, or its certificate does not hold.
    """
    host, port, path = _parts(url)
    address = _public_address(host, port)
    headers = {"Content-Type": content_type, "User-Agent": "Nod", "Connection": "close"}
    connection = _Connection(host, port, address, seconds)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(READ_BYTES))
    except (OSError, http.client.HTTPException) as fault:
        raise NotSent(f"{host} did not answer: {fault.__class__.__name__}.") from None
    finally:
        connection.close()


def get(url: str, *, most: int, seconds: float = SECONDS) -> Answer:
    """GET a public https address, following at most three redirects to others.

    Args:
        url: the address.
        most: octets of a body.
        seconds: for each step, and three times that for everything.

    Raises:
        Forbidden: it is none, or leads to one that is none.
        NotSent: the server is away, slow, says more than ``most``, or its certificate does not hold.
    """
    until = time.monotonic() + 3 * seconds
    for _ in range(REDIRECTS + 1):
        answer, location = _got(url, most, seconds, until)
        if answer.status not in _ELSEWHERE or not location:
            return answer
        url = urljoin(url, location)
    raise NotSent("It leads from one address to the next without an end.")


def look(url: str, *, seconds: float = SECONDS) -> int:
    """The status of a public https address, after at most three redirects; nothing of its body is read.

    Raises:
        Forbidden: it is none, or leads to one that is none.
        NotSent: the server is away, slow, or its certificate does not hold.
    """
    until = time.monotonic() + 3 * seconds
    for _ in range(REDIRECTS + 1):
        answer, location = _got(url, None, seconds, until)
        if answer.status not in _ELSEWHERE or not location:
            return answer.status
        url = urljoin(url, location)
    raise NotSent("It leads from one address to the next without an end.")


def _got(url: str, most: int | None, seconds: float, until: float) -> tuple[Answer, str]:
    host, port, path = _parts(url)
    connection = _Connection(host, port, _public_address(host, port), seconds)
    try:
        connection.request("GET", path, headers={"User-Agent": "Nod", "Connection": "close"})
        answer = connection.getresponse()
        body = b"" if most is None else _read(answer, host, most, until)
        return Answer(answer.status, body, answer.headers.get("Content-Type", "")), answer.headers.get("Location", "")
    except (OSError, http.client.HTTPException) as fault:
        raise NotSent(f"{host} did not answer: {fault.__class__.__name__}.") from None
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, host: str, most: int, until: float) -> bytes:
    body = bytearray()
    while piece := answer.read1(READ_BYTES):
        body += piece
        if len(body) > most:
            raise NotSent(f"{host} says more than {most // 1024:,} KiB.")
        if time.monotonic() > until:
            raise NotSent(f"{host} is too slow.")
    return bytes(body)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet, whatever it is wrapped in."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if inner is None and found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return found.is_global and not found.is_multicast


def _parts(url: str) -> tuple[str, int, str]:
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port or 443
    except ValueError:
        raise Forbidden("This is no address.") from None
    if parts.scheme != "https" or not host or "@" in parts.netloc:
        raise Forbidden("Only addresses that begin with https:// are asked.")
    if port not in PORTS:
        raise Forbidden(f"Port {port} is not asked; use 443 or 8443.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    # As browsers do: letters beyond ASCII are written out, what is written out already stays.
    return host, port, quote(path, safe="%/?:@!$&'()*+,;=~-._[]")


def _public_address(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotSent(f"{host} has no address.") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(map(is_public, addresses)):
        raise Forbidden(f"{host} leads into a network that is not public.")
    return addresses[0]


class _Connection(http.client.HTTPSConnection):
    """To the address that was looked at; the certificate must be the name's."""

    def __init__(self, host: str, port: int, address: str, seconds: float) -> None:
        self._context_of_tls = ssl.create_default_context()
        super().__init__(host, port, timeout=seconds, context=self._context_of_tls)
        self._address = address

    def connect(self) -> None:
        """Connect and shake hands."""
        line = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._context_of_tls.wrap_socket(line, server_hostname=self.host)
