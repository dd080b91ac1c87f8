"""Files that are larger than other posts."""

from __future__ import annotations

from flask import request

from app.kernel.db import transaction
from app.kernel.http.actor import authenticate


def take_files(octets: int) -> None:
    """Let this request be so large, and its files arrive now; who is not signed in is refused before they are looked at.

    For ``before_request``: the guard looks at the form within a transaction, which none may hold meanwhile.
    """
    with transaction():
        is_known = authenticate("user", request) is not None
    if is_known:
        request.max_content_length = octets
        request.files  # noqa: B018  read now
