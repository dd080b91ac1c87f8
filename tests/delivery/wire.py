"""What holds for each mail on the wire, checked on raw octets."""

from __future__ import annotations

import re


def check_wire(octets: bytes) -> None:
    """Requirements of the wire format that every mail of ours meets."""
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", octets), "only CRLF ends a line"
    assert octets.endswith(b"\r\n")
    assert b"\x00" not in octets
    head, _, body = octets.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        assert line.strip(), "no fold leaves an empty line"
        words = line.split()
        assert len(line) <= 78 or len(words) == 1 or max(map(len, words)) > 56
        assert len(line) <= 998
        for word in re.findall(rb"=\?utf-8\?[bq]\?[^?]*\?=", line):
            assert len(word) <= 75
            assert len(line) <= 76
    for line in body.split(b"\r\n"):
        assert len(line) <= 76, line
    names = [line.partition(b":")[0].lower() for line in head.split(b"\r\n") if line[:1] not in b" \t"]
    assert len(names) == len(set(names)), "one of each"
    assert {b"date", b"from", b"to", b"subject", b"message-id", b"mime-version", b"content-type"} <= set(
        names
    )


def check_canonical(body: bytes) -> None:
    """Nothing that a mail server changes or DKIM's relaxed form writes in another way; no dot to be doubled."""
    for line in body.split(b"\r\n"):
        assert not line.startswith(b"."), line
        assert not line.endswith((b" ", b"\t")), line
        assert b"  " not in line, line
        assert b"\t" not in line, line


def unfolded(octets: bytes) -> list[bytes]:
    """The header fields of a mail, each on one line, in their order."""
    head = octets.partition(b"\r\n\r\n")[0]
    return re.sub(rb"\r\n[ \t]+", b" ", head).split(b"\r\n")
