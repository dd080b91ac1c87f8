"""A mail as it goes over the wire, to look at: it belongs to no message and is sent to nobody."""

from __future__ import annotations

from app.delivery.identity import message_id
from app.delivery.mime import MailParts, build, list_unsubscribe
from app.delivery.rules import Content, Sender
from app.kernel import clock


def specimen(sender: Sender, to: str, content: Content, unsubscribe_url: str) -> bytes:
    """The bytes of a mail to many, as each reader gets them but for what is their own; unsigned.

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
            headers=list_unsubscribe(unsubscribe_url, sender.address),
        )
    )
