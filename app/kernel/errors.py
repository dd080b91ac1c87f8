"""The error tree: raised anywhere, turned into an answer only by ``kernel.http``."""

from __future__ import annotations

from collections.abc import Mapping


class Problem(Exception):
    """Something a person can act on.

    Args:
        detail: one or two sentences: what happened and what to do.
        fields: for input, the fault of each field by its name.
    """

    status = 500
    title = "Something went wrong"

    def __init__(self, detail: str = "", *, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.fields: dict[str, str] = dict(fields or {})


class BadRequest(Problem):
    """The request itself is malformed."""

    status = 400
    title = "That request does not fit"


class NotSignedIn(Problem):
    """Nobody is signed in, or the session has ended."""

    status = 401
    title = "Please sign in"


class Forbidden(Problem):
    """Signed in, but without the right."""

    status = 403
    title = "You may not do that"


class NotFound(Problem):
    """Nothing is here, or nothing that this caller may know of."""

    status = 404
    title = "Nothing is here"


class Conflict(Problem):
    """The state has moved on since the page was shown."""

    status = 409
    title = "Somebody was faster"


class BadInput(Problem):
    """Fields do not fit; ``fields`` says which and why."""

    status = 422
    title = "Please check what you wrote"


class TooMany(Problem):
    """A limit was reached."""

    status = 429
    title = "That was a lot at once"

    def __init__(self, detail: str = "", *, retry_after_seconds: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class Unavailable(Problem):
    """A part that is needed is away; nothing was written."""

    status = 503
    title = "Back in a moment"
