"""What can be asked about: purposes, interests and the wordings."""

from __future__ import annotations

import hashlib
import re
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from app.consent import queries
from app.consent.models import (
    ConsentText,
    Interest,
    Permission,
    PermissionSettings,
    PurposeText,
)
from app.consent.rules import (
    Basis,
    Purpose,
    State,
)
from app.consent.rules.grounds import Topic
from app.kernel import clock
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict, NotFound
from app.kernel.ids import uuid7

_PURPOSES = {
    Purpose.MARKETING: ("News", "Messages about the topics that a person chose."),
    Purpose.TRACKING: ("Reading", "Seeing which messages are opened and which links are followed."),
}

MAX_CLASS = 80
# The name stands in a header of each mail about it; what that refuses would fail a whole mailing.
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?\s]*\?[^?\s]*\?[^?]*\?=")


def define_purposes(workspace_id: UUID) -> None:
    """Give a new workspace the purposes that Nod knows; the unique key is (workspace, key, version)."""
    now = clock.now()
    for key, (name, description) in _PURPOSES.items():
        session().execute(
            insert(PurposeText)
            .values(
                workspace_id=workspace_id,
                key=key,
                version=1,
                name=name,
                description=description,
                created_at=now,
            )
            .on_conflict_do_nothing()
        )


def define_interest(workspace_id: UUID, name: str, *, description: str = "", pace: str = "") -> Interest:
    """Add a list that people may choose; the unique key is (workspace, name).

    Raises:
        BadInput: no name, or a text too long.
        Conflict: the name is taken.
    """
    values = _interest_words(name, description, pace)
    position = (
        select(func.count())
        .select_from(Interest)
        .where(Interest.workspace_id == workspace_id)
        .scalar_subquery()
    )
    made = (
        session()
        .execute(
            insert(Interest)
            .values(
                id=uuid7(), workspace_id=workspace_id, position=position, created_at=clock.now(), **values
            )
            .on_conflict_do_nothing(index_elements=["workspace_id", "name"])
            .returning(Interest)
        )
        .scalar_one_or_none()
    )
    if made is None:
        raise Conflict(f"There is an interest named “{values['name']}” already. Choose another name.")
    return made


def change_interest(
    workspace_id: UUID,
    interest_id: UUID,
    name: str,
    *,
    description: str = "",
    pace: str = "",
    is_material: bool = False,
) -> None:
    """Change its words: a new version, which later events name; what was agreed to keeps the old one.

    ``is_material``: its meaning changes as well, so that who said yes before can be asked again.
    """
    interest = _interest(workspace_id, interest_id)
    values = _interest_words(name, description, pace)
    taken = select(Interest.id).where(
        Interest.workspace_id == workspace_id, Interest.name == values["name"], Interest.id != interest_id
    )
    if session().execute(taken).first():
        raise Conflict(f"There is an interest named “{values['name']}” already. Choose another name.")
    if any(getattr(interest, key) != value for key, value in values.items()):
        interest.version += 1
        for key, value in values.items():
            setattr(interest, key, value)
    if is_material:
        interest.reworded_at = clock.now()


def set_topic(workspace_id: UUID, interest_id: UUID, topic: Topic) -> None:
    """Say what an interest is about, for the grounds that ask.

    Raises:
        NotFound: none of this workspace.
        BadInput: people are written to because of what it was about; make another interest instead.
    """
    interest = _interest(workspace_id, interest_id)
    topic = Topic(topic.product_class.strip(), topic.is_third_party)
    if (interest.product_class, interest.is_third_party) == (topic.product_class, topic.is_third_party):
        return
    standing = select(Permission.id).where(
        Permission.workspace_id == workspace_id,
        Permission.interest_id == interest_id,
        Permission.state == State.YES.value,
        Permission.basis.in_([Basis.SOFT_OPT_IN.value, Basis.CONTRACT.value, Basis.IMPLIED_CASL.value]),
    )
    if session().execute(standing.limit(1)).first():
        fault = "People are written to because of what it is about. Make another interest."
        raise BadInput("What this interest is about stays.", fields={"product_class": fault})
    if len(topic.product_class) > MAX_CLASS or _ODD.search(topic.product_class):
        fault = f"Write at most {MAX_CLASS} characters on one line."
        raise BadInput("What this interest is about does not fit.", fields={"product_class": fault})
    interest.product_class, interest.is_third_party = topic.product_class, topic.is_third_party


def keep_last_open(workspace_id: UUID, *, is_kept: bool) -> None:
    """Whether the day of the last open is kept of who was never asked, where their law lets it; counts from their next yes."""
    row = insert(PermissionSettings).values(workspace_id=workspace_id, keeps_last_open=is_kept)
    session().execute(
        row.on_conflict_do_update(index_elements=["workspace_id"], set_={"keeps_last_open": is_kept}),
        execution_options={"synchronize_session": False},
    )
    known = session().get(PermissionSettings, workspace_id)
    if known is not None:
        session().refresh(known)


def set_notice(workspace_id: UUID, url: str, language: str, body: str) -> UUID:
    """Keep the words of the privacy notice that stands at an address; questions name them from now on.

    Returns:
        The text; an older one where the words are again what they were.
    """
    text_id = ensure_text(workspace_id, "privacy", language, body)
    values = {"notice_url": url, "notice_text_id": text_id}
    row = insert(PermissionSettings).values(workspace_id=workspace_id, **values)
    session().execute(
        row.on_conflict_do_update(index_elements=["workspace_id"], set_=values),
        execution_options={"synchronize_session": False},
    )
    known = session().get(PermissionSettings, workspace_id)
    if known is not None:
        session().refresh(known)
    return text_id


def archive_interest(workspace_id: UUID, interest_id: UUID) -> None:
    """Offer it no longer; permissions stay as they are."""
    interest = _interest(workspace_id, interest_id)
    interest.archived_at = interest.archived_at or clock.now()


def restore_interest(workspace_id: UUID, interest_id: UUID) -> None:
    """Offer it again."""
    _interest(workspace_id, interest_id).archived_at = None


def ensure_text(workspace_id: UUID, kind: str, language: str, body: str) -> UUID:
    """The id of this exact wording, stored when it is new; versions count up per kind and language.

    The kind is ``consent``, ``tracking``, ``notice`` (what a form says about keeping) or ``privacy`` (the brand's notice).
    """
    digest = hashlib.sha256(body.encode()).digest()
    same = (
        ConsentText.workspace_id == workspace_id,
        ConsentText.kind == kind,
        ConsentText.language == language,
    )
    known = (
        session()
        .execute(select(ConsentText.id).where(*same, ConsentText.sha256 == digest))
        .scalar_one_or_none()
    )
    if known is not None:
        return known
    version = (
        session()
        .execute(select(func.coalesce(func.max(ConsentText.version), 0) + 1).where(*same))
        .scalar_one()
    )
    made = ConsentText(
        id=uuid7(), workspace_id=workspace_id, kind=kind, language=language, version=version, body=body,
        sha256=digest, created_at=clock.now(),
    )  # fmt: skip
    session().add(made)
    session().flush()
    return made.id


def _interest(workspace_id: UUID, interest_id: UUID) -> Interest:
    found = queries.get_interests(workspace_id, [interest_id])
    if not found:
        raise NotFound("This interest is not here.")
    return found[0]


def _interest_words(name: str, description: str, pace: str) -> dict[str, str]:
    values = {"name": name.strip(), "description": description.strip(), "pace": pace.strip()}
    faults = {key: "Write at most 200 characters." for key, value in values.items() if len(value) > 200}
    if not values["name"]:
        faults["name"] = "Give it the name that people read."
    if any(_ODD.search(value) for value in values.values()):
        faults.setdefault("name", "Write each text on one line, without control characters.")
    if _ENCODED_WORD.search(values["name"]):
        faults.setdefault("name", "Write the characters themselves instead of “=?…?=”.")
    if faults:
        raise BadInput("The interest does not fit.", fields=faults)
    return values
