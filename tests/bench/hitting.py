"""Many people at once who load pictures and follow links, as cheaply as Python can be them.

    python -m tests.bench.hitting PORT SECONDS CONNECTIONS < paths

asks for the paths (one a line) one after the other, each connection for the next one as soon as it is answered, and
prints one line of JSON: how many were answered, in how many seconds, and of how many milliseconds 50 and 99 of 100
are the bound. Whoever asks next begins again with the first path.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

HEAD = (
    "GET {} HTTP/1.1\r\nHost: news.bench.example\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n"
    "Accept: image/avif,image/webp,*/*\r\nAccept-Language: de,en;q=0.5\r\nAccept-Encoding: gzip, deflate, br\r\n\r\n"
)
ANSWERS = (b"HTTP/1.1 200 ", b"HTTP/1.1 302 ")


class Refused(Exception):
    """It was answered with something else than a picture or a way on."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What came back; the first ``count`` paths, round and round, were answered once each."""

    count: int
    seconds: float
    p50_ms: float
    p99_ms: float


def hit(port: int, paths: Sequence[str], seconds: float, connections: int) -> Answered:
    """Ask for so long; whoever has asked then is waited for.

    Raises:
        Refused: with the answer's beginning.
    """
    requests = [HEAD.format(path).encode() for path in paths]
    lines, asked_at, took = {}, {}, []
    poll = select.epoll()
    for _ in range(connections):
        line = socket.create_connection(("127.0.0.1", port), 10)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines[line.fileno()] = line
        poll.register(line.fileno(), select.EPOLLIN)
    began, asked = time.perf_counter(), 0
    for number, line in lines.items():
        asked_at[number] = time.perf_counter()
        line.sendall(requests[asked % len(requests)])
        asked += 1
    while len(took) < asked:
        for number, _ in poll.poll():
            answer = lines[number].recv(65536)
            while not _is_whole(answer):
                answer += lines[number].recv(65536)
            now = time.perf_counter()
            took.append(now - asked_at[number])
            if now - began < seconds:
                asked_at[number] = now
                lines[number].sendall(requests[asked % len(requests)])
                asked += 1
    passed = time.perf_counter() - began
    took.sort()
    return Answered(len(took), passed, took[len(took) // 2] * 1000, took[len(took) * 99 // 100] * 1000)


def _is_whole(answer: bytes) -> bool:
    if not answer.startswith(ANSWERS):
        raise Refused(answer[:400].decode(errors="replace") or "It hung up.")
    end = answer.find(b"\r\n\r\n") + 4
    at = answer.find(b"content-length: ") + 16
    return end > 3 and at > 15 and len(answer) >= end + int(answer[at : answer.find(b"\r", at)])


def main() -> None:
    """As the module's words say."""
    port, seconds, connections = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    found = hit(port, sys.stdin.read().split(), seconds, connections)
    print(json.dumps(asdict(found)))  # noqa: T201


if __name__ == "__main__":
    main()
