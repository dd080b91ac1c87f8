"""One mail to one person, as programs ask for it: a shop, an account, a booking."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, request

from app.delivery.rules import Word
from app.kernel import limits
from app.kernel.errors import BadRequest, TooMany
from app.kernel.http import guards
from app.kernel.http.actor import current_actor
from app.kernel.http.posted import posted_json
from app.transactional import queries, service
from app.transactional.rules import KEY, MAIL, PER_MINUTE, Asked
from app.transactional.schemas import Wanted

blueprint = Blueprint("transactional_api", __name__, url_prefix="/api/v1/transactional")


@blueprint.post("")
@guards.api("campaigns.write")
def send() -> tuple[Response, int]:
    """Take one mail: 202 with its id, the same however often the same Idempotency-Key comes."""
    actor = current_actor()
    if not limits.hit(MAIL, str(actor.workspace_id), PER_MINUTE, 60):
        raise TooMany(f"At most {PER_MINUTE:,} mails a minute. Nothing was taken: send it again in a minute.")
    key = request.headers.get("Idempotency-Key", "").strip()
    if not KEY.fullmatch(key):
        raise BadRequest(
            "Send an Idempotency-Key of 1 to 255 visible ASCII characters, such as receipt-OK-1: who sends it again"
            " after a fault gets the same answer, and the person one mail."
        )
    values: dict[str, Any] = posted_json(Wanted())
    mail_id = service.send(actor.workspace_id, Asked(**values), key)
    return jsonify(id=str(mail_id), state=Word.WAITING.value), 202


@blueprint.get("/<uuid:mail_id>")
@guards.api("campaigns.read")
def state(mail_id: UUID) -> Response:
    """What became of one mail: waiting, sent, skipped, failed or unknown, and why."""
    row = queries.get_row(current_actor().workspace_id, mail_id)
    return jsonify(
        id=str(row.id),
        template=row.slug,
        state=row.word.value,
        reason=row.reason,
        answer=row.answer,
        created_at=row.created_at.isoformat(),
        ended_at=row.ended_at.isoformat() if row.ended_at else None,
    )
