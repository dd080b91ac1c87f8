"""A mail server that takes everything and keeps nothing: one process, raw sockets, as fast as Python goes.

    python -m tests.bench.sink PORT COUNT_FILE

It listens on 127.0.0.1 and writes how many mails it took into the first eight bytes of the file, which must be
there. What arrives together is answered together, so a client may send a body and the next mail's commands at once.
"""

from __future__ import annotations

import mmap
import re
import select
import socket
import struct
import sys
from pathlib import Path

READ_BYTES = 512 * 1024
GREETING = b"220 sink.example ESMTP\r\n"
EHLO = b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-SIZE 33554432\r\n250 ENHANCEDSTATUSCODES\r\n"
OK = b"250 2.0.0 Ok\r\n"
GO_ON = b"354 Go on\r\n"
BYE = b"221 2.0.0 Bye\r\n"
END = b"\r\n.\r\n"
COUNT = struct.Struct("<Q")
# What a mail begins with, when its three commands arrive in one piece.
_THREE = re.compile(rb"MAIL [^\r\n]*\r\nRCPT [^\r\n]*\r\nDATA\r\n", re.IGNORECASE)


class Talk:
    """What one connection has said and is to hear; knows nothing of sockets."""

    def __init__(self) -> None:
        self.taken = 0
        self.is_over = False
        self._in_body = False
        self._left = b""

    def hear(self, data: bytes) -> bytes:
        """The answers to some bytes, wherever they were cut."""
        data = self._left + data
        position, answers = 0, b""
        while True:
            if self._in_body:
                end = data.find(END, position)
                if end < 0:
                    self._left = data[max(position, len(data) - len(END) + 1) :]
                    return answers
                position = end + len(END)
                self._in_body = False
                self.taken += 1
                answers += OK
            else:
                end, more = self._commands(data, position)
                answers += more
                if end == position:
                    self._left = data[position:]
                    return answers
                position = end

    def _commands(self, data: bytes, position: int) -> tuple[int, bytes]:
        """Where the next whole command (or three) ends, and the answer; the same place when it is not all there."""
        three = _THREE.match(data, position)
        if three:
            self._in_body = True
            # Its own line end may be the one before the final dot, of an empty body.
            return three.end() - 2, OK + OK + GO_ON
        end = data.find(b"\r\n", position)
        if end < 0:
            return position, b""
        verb = data[position : position + 4].upper()
        if verb == b"DATA":
            self._in_body = True
            return end, GO_ON
        self.is_over = self.is_over or verb == b"QUIT"
        return end + 2, {b"EHLO": EHLO, b"QUIT": BYE}.get(verb, OK)


class Server:
    """The listening socket and its connections."""

    def __init__(self, port: int, count: memoryview) -> None:
        self._count = count
        self._taken = 0
        self._talks: dict[int, tuple[socket.socket, Talk]] = {}
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(1024)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)

    def run(self) -> None:
        """Serve until the process is ended."""
        listening = self._listener.fileno()
        while True:
            for number, _ in self._poll.poll():
                if number == listening:
                    self._greet()
                else:
                    self._serve(number)
            COUNT.pack_into(self._count, 0, self._taken)

    def _greet(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Answers are short: a client that reads none of them for so long is not one to wait for.
        client.settimeout(10)
        self._talks[client.fileno()] = (client, Talk())
        self._poll.register(client, select.EPOLLIN)
        client.send(GREETING)

    def _serve(self, number: int) -> None:
        client, talk = self._talks[number]
        before = talk.taken
        try:
            data = client.recv(READ_BYTES)
            answers = talk.hear(data)
            if answers:
                client.sendall(answers)
            is_over = talk.is_over or not data
        except OSError:
            is_over = True
        self._taken += talk.taken - before
        if is_over:
            del self._talks[number]
            client.close()


def main(port: str, count_file: str) -> None:
    """Listen, and count in the file."""
    with Path(count_file).open("r+b") as file, mmap.mmap(file.fileno(), COUNT.size) as shared:
        Server(int(port), memoryview(shared)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
