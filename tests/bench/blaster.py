"""The fastest client that Python can be: the same mail again and again, nothing rendered, nothing written down.

    python -m tests.bench.blaster HOST PORT BYTES COUNT CONNECTIONS

prints how many seconds the mails took. Each connection has one mail on its way; its end and the commands of the
next go out in one write.
"""

from __future__ import annotations

import select
import socket
import sys
import time

LINE = b"x" * 74 + b"\r\n"
COMMANDS = b"MAIL FROM:<from@bench.example>\r\nRCPT TO:<to@bench.example>\r\nDATA\r\n"


class Refused(Exception):
    """The server said something else than yes."""


class Line:
    """One connection.

    Attributes:
        has_ended: whether the last answers were also those to the end of a mail.
        awaits_body: whether the server waits for one.
    """

    def __init__(self, host: str, port: int, body: bytes) -> None:
        self._socket = socket.create_connection((host, port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._body = body
        self._missing = 1
        self.has_ended = self.awaits_body = False
        self._read_greeting()

    def fileno(self) -> int:
        """For epoll."""
        return self._socket.fileno()

    def begin(self) -> None:
        """Say the first mail's commands."""
        self.awaits_body = True
        self._say(COMMANDS, 3)

    def go_on(self, *, is_last: bool) -> None:
        """Send the body that is awaited, and the next mail's commands unless there is none."""
        self.has_ended, self.awaits_body = True, not is_last
        if is_last:
            self._say(self._body, 1)
        else:
            self._say(self._body + COMMANDS, 4)

    def hear(self) -> bool:
        """Read; whether all that was said has been answered."""
        data = self._socket.recv(65536)
        if not data or data[:1] not in (b"2", b"3"):
            raise Refused(data.decode(errors="replace") or "It hung up.")
        self._missing -= data.count(b"\n")
        return self._missing == 0

    def _say(self, data: bytes, answers: int) -> None:
        self._missing = answers
        self._socket.sendall(data)

    def _read_greeting(self) -> None:
        self.hear()
        self._socket.sendall(b"EHLO bench.example\r\n")
        while b"\n250 " not in b"\n" + self._socket.recv(4096):
            pass


def blast(host: str, port: int, size: int, count: int, connections: int) -> float:
    """Send so many mails of so many bytes; the seconds that took, connecting included.

    Raises:
        Refused: by the server, with its words.
        OSError: the server is away.
    """
    began = time.monotonic()
    body = (LINE * (size // len(LINE) + 1))[: size - 2] + b"\r\n.\r\n"
    lines = [Line(host, port, body) for _ in range(min(connections, count))]
    by_number = {line.fileno(): line for line in lines}
    poll = select.epoll()
    for line in lines:
        poll.register(line, select.EPOLLIN)
        line.begin()
    begun, ended = len(lines), 0
    while ended < count:
        for number, _ in poll.poll():
            line = by_number[number]
            if not line.hear():
                continue
            ended += line.has_ended
            if line.awaits_body:
                line.go_on(is_last=begun >= count)
                begun += begun < count
    return time.monotonic() - began


def main(host: str, port: str, size: str, count: str, connections: str) -> None:
    """Blast, and say how long it took."""
    sys.stdout.write(f"{blast(host, int(port), int(size), int(count), int(connections)):.3f}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
