"""The bytes of a mail beside its preview: written by whoever sends mails, which this room does not know."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.content.systemmail import Rendered

Writer = Callable[[UUID, str, Rendered, str], bytes]
"""Takes whose mail it is, an address, what the mail says, and where its reader unsubscribes (empty: nowhere)."""
_writer: Writer | None = None


def set_wire(writer: Writer) -> None:
    """Whoever sends mails tells here how to write one."""
    global _writer
    _writer = writer


def wire_of(workspace_id: UUID, to: str, rendered: Rendered, unsubscribe_url: str = "") -> bytes:
    """A mail as it would go over the wire to this address; it is sent to nobody.

    Raises:
        BadInput: nobody is the sender, or a header that cannot be written safely.
        RuntimeError: nobody has told how to write one.
    """
    if _writer is None:
        raise RuntimeError("Nobody has told how mails are written.")
    return _writer(workspace_id, to, rendered, unsubscribe_url)
