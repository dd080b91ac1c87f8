"""By what people can be chosen that we sent them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select

from app.delivery.models import Mailing
from app.delivery.rules import Kind, MessageState
from app.kernel.db import session
from app.kernel.segment_fields import Acts, SegmentChoices, SegmentField, Type

# Newsletters alone: what answers somebody's own act says nothing about what we sent them.
_SENT = Acts(
    "messages m WHERE m.workspace_id = :workspace_id AND m.contact_id IS NOT NULL"
    f" AND m.permission_id IS NOT NULL AND m.state = '{MessageState.SENT}'",
    contact="m.contact_id", at="m.done_at", of="m.mailing_no",
)  # fmt: skip


def _mailings(workspace_id: UUID) -> tuple[tuple[str, str], ...]:
    query = select(Mailing.no, Mailing.title).where(
        Mailing.workspace_id == workspace_id, Mailing.kind == Kind.BULK
    )
    return tuple((str(no), title) for no, title in session().execute(query.order_by(Mailing.no.desc())))


FIELDS = (
    SegmentField(
        "delivery.got", "Got a letter", "Reading", Type.ACT, _SENT, phrase="got a letter", of="mailing"
    ),
    SegmentChoices("mailing", _mailings),
)
