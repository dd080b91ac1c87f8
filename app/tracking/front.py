"""The thin way in: pictures and links are answered before Flask, which takes ten times as long as all the rest.

Only what is plainly one of the two and found is answered here, by the very functions that the routes call. All else
(other methods, hosts and addresses, links that are not ours, a database that is away) goes on to Flask, untouched.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from flask import Flask
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import BadRequest
from werkzeug.wsgi import get_host

from app.kernel import metrics
from app.kernel.errors import NotFound
from app.kernel.http import headers
from app.tracking import answers
from app.tracking.answers import Answer, Answers

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
_METHODS: Final = frozenset({"GET", "HEAD"})
_UNKEPT: Final = (("Cache-Control", "no-store"), ("Vary", "Cookie"))
_HOSTS_KEPT: Final = 100
"""An installation has a few names, each with and without a port."""


class Front:
    """A WSGI application before another one.

    Args:
        app: whose settings and answers these are.
        behind: what answers all else.
    """

    def __init__(self, app: Flask, behind: Application) -> None:
        self._behind = behind
        self._answers: Answers = app.extensions[answers.EXTENSION]
        self._trusted: list[str] = app.config["TRUSTED_HOSTS"]
        self._hosts: set[str] = set()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer, or leave it to what is behind."""
        path: str = environ["PATH_INFO"]
        if not path.startswith(("/o/", "/r/")) or environ["REQUEST_METHOD"] not in _METHODS:
            return self._behind(environ, start_response)
        began = time.monotonic()
        answer = self._find(path, environ)
        if answer is None:
            return self._behind(environ, start_response)
        is_secure = environ["wsgi.url_scheme"] == "https"
        start_response(answer.status, [*answer.headers, *headers.usual(is_secure), *_UNKEPT])
        metrics.answered(int(answer.status[:3]), time.monotonic() - began)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [answer.body]

    def _find(self, path: str, environ: Environ) -> Answer | None:
        word = path[3:]
        if not word or "/" in word or not self._is_ours(environ):
            return None
        if path.startswith("/r/"):
            return self._way(word, environ)
        is_picture = word.endswith(".gif") and len(word) > len(".gif")
        return self._answers.picture(word[: -len(".gif")], environ) if is_picture else None

    def _way(self, code: str, environ: Environ) -> Answer | None:
        try:
            return self._answers.way(code, environ)
        except (NotFound, SQLAlchemyError):
            return None  # Flask asks again, and says it in words

    def _is_ours(self, environ: Environ) -> bool:
        host: str = environ.get("HTTP_HOST", "")
        if host in self._hosts:
            return True
        try:
            get_host(environ, self._trusted)
        except BadRequest:
            return False
        if len(self._hosts) < _HOSTS_KEPT:
            self._hosts.add(host)
        return True
