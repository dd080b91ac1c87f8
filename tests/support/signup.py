"""A form, and people who post to it, for tests."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from html import unescape
from uuid import UUID

from sqlalchemy import event, text

from app.contacts import service as contacts
from app.delivery import mails
from app.delivery.models import Mailing, Message
from app.delivery.rules import Prepared, Skip, SystemMessage
from app.forms import queries, service
from app.forms.models import Form
from app.forms.rules import Asked, Use
from app.forms.wording import first_words
from app.kernel import clock
from app.kernel.db import db, session, transaction
from tests.support import make

MARA = "mara.lindqvist@example.org"


@dataclass(frozen=True)
class Stage:
    """A workspace with a form that offers two interests."""

    place: make.Place
    form: Form

    @property
    def url(self) -> str:
        return f"/f/{self.form.public_id}"

    @property
    def topics(self) -> list[str]:
        return [str(found.id) for found in self.place.interests]

    def fields(self, email: str = MARA, **more) -> dict:
        """A post as a pasted form sends it: nothing signed."""
        return {
            "v": f"{self.form.current_version}.en",
            "email": email,
            "topic": self.topics,
            "yes": "1",
            **more,
        }


def stage(
    name: str = "Ostkai Coffee Roasters",
    *,
    origins: tuple[str, ...] = (),
    fields: tuple[Asked, ...] | None = None,
) -> Stage:
    """A workspace and its form, in English and German."""
    where = make.place(name)
    ids = tuple(found.id for found in where.interests)
    with transaction():
        versions = {code: first_words("Ostkai", code, ids) for code in ("en", "de")}
        if fields is not None:
            versions = {code: replace(words, asked=fields) for code, words in versions.items()}
        form = service.create(where.id, "Shop footer", "en", versions)
        service.set_origins(where.id, form.id, origins)
    return Stage(where, form)


def asks_age(stage: Stage) -> Stage:
    """The same form with the ready questions about country and birthday, in a version of its own."""
    with transaction():
        for key, kind in (("country", "country"), ("birthday", "date")):
            contacts.define_field(stage.place.id, key.title(), kind, key=key)
        asked = (Asked("c_country", Use.OPTIONAL), Asked("c_birthday", Use.OPTIONAL))
        words = {row.language: replace(row.words, asked=asked) for row in queries.list_versions(stage.form)}
        service.publish(stage.place.id, stage.form.id, words)
    return stage


FIRST_NAME = (Asked("first_name", Use.OPTIONAL),)


def hidden(page: str) -> dict[str, str]:
    """The hidden fields of a page's first form."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page)
    }


def messages(name: str | None = None) -> list[Message]:
    """System messages wished for so far, oldest first."""
    query = (
        db.select(Message)
        .join(Mailing, Mailing.no == Message.mailing_no)
        .order_by(Message.created_at, Message.n)
    )
    if name:
        query = query.where(Mailing.name == name)
    return list(session().execute(query).scalars())


def prepared(message: Message, name: str) -> Prepared | Skip:
    """What a worker would make of it."""
    session().expire_all()
    with transaction():
        return mails.get(name).prepare(
            SystemMessage(
                message.workspace_id,
                message.contact_id,
                message.user_id,
                message.dedupe_key,
                message.data or {},
                message.created_at,
            )
        )


def question(stage: Stage, client, email: str = MARA, **more) -> Prepared:
    """The confirm mail after a post."""
    before = {message.n for message in messages("confirm")}
    answer = client.post(stage.url, data=stage.fields(email, **more))
    assert answer.status_code == 303, answer.text
    (new,) = [message for message in messages("confirm") if message.n not in before]
    made = prepared(new, "confirm")
    assert isinstance(made, Prepared), made
    return made


def path_of(url: str) -> str:
    """The path of a link in a mail."""
    return "/" + url.split("/", 3)[3]


TABLES = (
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' "
    "AND table_type = 'BASE TABLE' ORDER BY table_name"
)


def everything() -> dict[str, str]:
    """A fingerprint of every table's rows: equal before and after means nothing was written."""
    found = {}
    for table in session().execute(text(TABLES)).scalars().all():
        query = f"SELECT count(*) || ':' || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM \"{table}\" t"
        found[table] = session().execute(text(query)).scalar_one()
    return found


@contextmanager
def statements(app):
    """The statements that run meanwhile."""
    seen: list[str] = []
    with app.app_context():
        engine = db.engine

    def note(_connection, _cursor, statement, *_rest):
        seen.append(statement)

    target = engine if not hasattr(engine, "engine") else engine.engine
    event.listen(target, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(target, "before_cursor_execute", note)


def states(contact_id: UUID) -> dict[str, str]:
    """The state of each interest that was asked about."""
    query = text(
        "SELECT i.name, p.state FROM permissions p JOIN interests i ON i.id = p.interest_id WHERE p.contact_id = :id"
    )
    return dict(session().execute(query, {"id": contact_id}).all())


def now():
    """The database's time."""
    return clock.now()
