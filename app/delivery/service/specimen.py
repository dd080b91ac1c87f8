"""A mail as it goes over the wire, to look at: it belongs to no message and is sent to nobody."""

from __future__ import annotations

from uuid import UUID

from app.content.service import Rendered
from app.delivery import queries
from app.delivery.identity import message_id
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.delivery.rules import Content, Sender
from app.kernel import clock
from app.kernel.errors import BadInput


def specimen(sender: Sender, to: str, content: Content, unsubscribe_url: str) -> bytes:
    """The bytes of a mail, as each reader gets them but for what is their own; unsigned.

    Args:
        sender: who it comes from.
        to: whom it is for.
        content: what it says.
        unsubscribe_url: where its reader leaves; empty: it is not to many.

    Raises:
        BadInput: a header that cannot be written safely.
    """
    return build(
        MailParts(
            from_address=sender.address,
            from_name=sender.name,
            to_address=to,
            subject=content.subject,
            text=content.text,
            html=content.html,
            date=clock.now(),
            message_id=message_id(0, 0, sender.domain),
            reply_to=sender.reply_to,
            headers=list_unsubscribe(unsubscribe_url, sender.address) if unsubscribe_url else (),
        )
    )


def specimen_for(workspace_id: UUID, to: str, rendered: Rendered, unsubscribe_url: str) -> bytes:
    """The same from the sender of a workspace, for whoever looks at a letter.

    Raises:
        BadInput: nobody is the sender, or a header that cannot be written safely.
    """
    sender = queries.sender_of(workspace_id)
    if sender is None:
        raise BadInput("Say first who your mails come from.")
    return specimen(sender, to, Content(rendered.subject, rendered.text, rendered.html), unsubscribe_url)
