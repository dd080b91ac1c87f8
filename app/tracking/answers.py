"""What is answered to who loads a picture or follows a link of a mail, and taken down before that.

Both ways in come here: the thin one before Flask (``front``) and the routes (``pages``), which also say what is not
found. Answered without the database wherever the links are known.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from flask import Flask, has_app_context
from werkzeug.utils import redirect

from app.kernel.errors import NotFound
from app.tracking import links, recorder, tokens
from app.tracking.links import LinkCache
from app.tracking.queries import Mailing
from app.tracking.recorder import Recorder
from app.tracking.rules.hits import HIDDEN, NO_LINK, Kind
from app.tracking.rules.targets import is_pattern, is_web
from app.tracking.tokens import Link

EXTENSION: Final = "nod.tracking.answers"
PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==")
"""One transparent point, 43 bytes."""
_HINTS: Final = ("HTTP_SEC_PURPOSE", "HTTP_PURPOSE", "HTTP_X_PURPOSE", "HTTP_X_MOZ")


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers of its own and body; every answer of ours carries more headers than these."""

    status: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


_PICTURE: Final = Answer("200 OK", (("Content-Type", "image/gif"), ("Content-Length", "43")), PIXEL)


class Answers:
    """The answers of one application, safe for threads."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def picture(self, token: str, environ: Mapping[str, Any]) -> Answer:
        """A picture of one point: the same answer for every token, ours or not."""
        try:
            mailing_no, n = tokens.read(token)
        except NotFound:
            return _PICTURE
        self._record(mailing_no, n, Kind.OPEN, NO_LINK, environ)
        return _PICTURE

    def way(self, code: str, environ: Mapping[str, Any]) -> Answer:
        """To where the link of the mailing leads, or the target that we signed; what else is asked is not looked at.

        Raises:
            NotFound: it is no link of ours, and nothing was taken down.
            OperationalError: the mailing's links are not known yet, and the database is away.
        """
        is_whole = len(code) > tokens.MAX_CODE
        link, target = tokens.read_target_code(code) if is_whole else self._registered(code)
        if not is_web(target):
            raise NotFound
        self._record(link.mailing_no, link.n, Kind.CLICK, link.index, environ)
        return _to(target)

    def _registered(self, code: str) -> tuple[Link, str]:
        link = tokens.read_code(code)
        mailing = self._mailing(link.mailing_no)
        if link.index == HIDDEN:
            return link, mailing.home_url
        # Where merge tags lead stands in the code itself; without it, this is none that we wrote.
        if link.index >= len(mailing.links) or is_pattern(mailing.links[link.index]):
            raise NotFound
        return link, mailing.links[link.index]

    def _mailing(self, mailing_no: int) -> Mailing:
        cache: LinkCache = self._app.extensions[links.EXTENSION]
        known = cache.known(mailing_no)
        if known is not None:
            return known
        with nullcontext() if has_app_context() else self._app.app_context():
            return cache.get(mailing_no)

    def _record(self, mailing_no: int, n: int, kind: Kind, link: int, environ: Mapping[str, Any]) -> None:
        hints = " ".join([environ[name] for name in _HINTS if name in environ]).lower()
        taker: Recorder = self._app.extensions[recorder.EXTENSION]
        taker.record(
            mailing_no,
            n,
            kind,
            link,
            is_head=environ["REQUEST_METHOD"] == "HEAD",
            is_prefetch="prefetch" in hints or "preview" in hints,
            program=environ.get("HTTP_USER_AGENT", ""),
        )


@lru_cache(maxsize=4096)  # the same few links again and again, each 20 µs to build
def _to(target: str) -> Answer:
    made = redirect(target, 302)
    return Answer(made.status, tuple(made.get_wsgi_headers({})), made.get_data())
