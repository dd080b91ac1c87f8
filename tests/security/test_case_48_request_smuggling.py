"""Case 48: a request whose end two servers would see in different places hides no second one, over the real web server."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import urlsplit

from tests.support.installation import running

SECOND = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SHAPES = {
    "both lengths": (b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (5 + len(SECOND)), b"0\r\n\r\n"),
    "both lengths, the other way round": (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    "two lengths": (b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(SECOND), b""),
    "a length with a sign": (b"Content-Length: +3\r\n", b"abc"),
    "an unknown coding": (b"Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n", b"abc"),
    "chunked is not the last coding": (b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "a blank before the colon": (b"Transfer-Encoding : chunked\r\nContent-Length: 3\r\n", b"abc"),
    "a folded field": (b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 3\r\n", b"abc"),
    "a line feed in a chunk's extension": (b"Transfer-Encoding: chunked\r\n", b"3;a\nb\r\nabc\r\n0\r\n\r\n"),
}


def answers(place, raw: bytes) -> bytes:
    """All that comes back until the server closes."""
    with socket.create_connection(place, timeout=10) as line:
        line.sendall(raw)
        found = b""
        while octets := line.recv(65536):
            found += octets
        return found


def test_nothing_behind_an_ambiguous_request_is_answered(other_settings, tmp_path):
    with running(replace(other_settings, data_dir=str(tmp_path)), tmp_path / "log", "web") as nod:
        parts = urlsplit(nod.url)
        place = parts.hostname, parts.port
        # Else the others would say nothing: two plain requests over one line are both answered.
        closing = SECOND.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert answers(place, SECOND + closing).count(b"HTTP/1.1 200") == 2
        for shape, (fields, body) in SHAPES.items():
            head = b"POST /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n" + fields + b"\r\n"
            # It ends, too: the server closes the line, whatever else comes over it.
            assert answers(place, head + body + SECOND).count(b"HTTP/1.1 ") == 1, shape
