"""What readers do over the web: sign up and leave, each answer written down."""

from __future__ import annotations

import http.client
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from random import Random
from typing import Self
from uuid import UUID

from app.kernel import tokens
from tests.faults.acts import Acts
from tests.faults.site import Site
from tests.support import signup

SECONDS = 5
# Each sign-up comes from a network of its own, for one network may sign up only so often.
BEHIND_PROXY = {"NOD_TRUSTED_PROXIES": "1"}


def post(port: int, path: str, fields: dict, network: str = "192.0.2.1") -> int:
    """The status of the answer; 0 where none came."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Forwarded-For": network,
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    }
    try:
        line.request("POST", path, urllib.parse.urlencode(fields, doseq=True), headers)
        return line.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        line.close()


def leave(port: int, permission_id: UUID) -> bool:
    """One click, as a mail program sends it; whether it was answered."""
    token = tokens.sign("unsubscribe", b"p" + permission_id.bytes)
    return post(port, f"/u/{token}", {"List-Unsubscribe": "One-Click"}) == 200


def permissions(site: Site, workspace_id: UUID) -> list[tuple[UUID, UUID]]:
    """(contact, permission) of everybody who said yes."""
    return site.query(
        "SELECT contact_id, id FROM permissions WHERE workspace_id = %s AND state = 'yes' AND interest_id IS NOT NULL"
        " ORDER BY contact_id",
        workspace_id,
    )


class Crowd:
    """Threads that sign up and leave until told to stop, whatever is killed under them."""

    def __init__(
        self, port: int, acts: Acts, stage: signup.Stage, leavers: Sequence[tuple[UUID, UUID]], seed: int
    ) -> None:
        self.signed_up: list[str] = []
        self.left: list[UUID] = []
        self.unanswered = 0
        self._port = port
        self._acts = acts
        self._url, self._fields = stage.url, stage.fields()
        self._leavers = list(leavers)
        self._chance = Random(seed)
        self._stop = threading.Event()
        work = (self._sign_up, self._sign_up, self._leave)
        self._threads = [
            threading.Thread(target=self._go_on, args=(one, n), daemon=True) for n, one in enumerate(work)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(SECONDS * 2)

    def _go_on(self, work: Callable[[int, int], bool], number: int) -> None:
        count = 0
        while not self._stop.wait(0.02):
            count += 1
            if not work(number, count):
                self.unanswered += 1
                self._stop.wait(0.1)

    def _sign_up(self, number: int, count: int) -> bool:
        email = f"new{number}x{count}@form.example"
        network = f"198.{18 + number}.{count // 250}.{count % 250}"
        if post(self._port, self._url, self._fields | {"email": email}, network) != 303:
            return False
        self.signed_up.append(email)
        return True

    def _leave(self, _number: int, _count: int) -> bool:
        if not self._leavers:
            return True
        contact_id, permission_id = self._leavers[-1]
        if not leave(self._port, permission_id):
            return False
        self._acts.answered("unsubscribe", contact_id)
        self.left.append(contact_id)
        self._leavers.pop()
        return True
