"""Things that tests need, made through the services that make them in earnest."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from uuid import UUID

from app.accounts import service as accounts
from app.accounts.rules.brand import Details
from app.accounts.service.owners import make_user
from app.consent import queries as consent_queries
from app.consent import service as consent
from app.consent.models import ConsentRequest, Interest
from app.consent.rules import By, Level, Proof, Shown
from app.contacts import service as contacts
from app.contacts.addresses import normalise
from app.contacts.models import Contact
from app.kernel.db import session, transaction

PASSWORD = "a long walk by the harbour"
_numbers = count(1)


@dataclass(frozen=True)
class Place:
    """A workspace with its owner and two interests."""

    id: UUID
    owner_id: UUID
    owner_email: str
    interests: tuple[Interest, ...]


def place(name: str = "Ostkai Coffee Roasters") -> Place:
    """A workspace of its own, with an owner who can sign in with PASSWORD."""
    number = next(_numbers)
    email = f"owner{number}@ostkai.example"
    with transaction():
        user = make_user(email, "Jonna", PASSWORD)
        made = accounts.create_workspace(
            user.id,
            Details(
                name=name,
                site="https://ostkai.example/",
                postal_address="Speicherweg 4, 24103 Kiel",
                contact_email="hello@ostkai.example",
                language="en",
            ),
        )
        interests = tuple(
            consent.define_interest(made.id, title, description="What is new.", pace="about twice a month")
            for title in ("New coffees", "Brewing letters")
        )
    return Place(made.id, user.id, email, interests)


def person(workspace_id: UUID, address: str = "", first_name: str = "Mara") -> Contact:
    """Somebody whom we know and may not write to."""
    with transaction():
        found, _ = contacts.find_or_create(
            workspace_id, normalise(address or f"mara{next(_numbers)}@example.org")
        )
        contacts.update_profile(workspace_id, found.id, first_name=first_name)
    return found


def asked(where: Place, who: Contact, *, tracking: Level | None = None, interests: int = 2,
          text_ids: tuple[UUID, ...] = ()) -> ConsentRequest:  # fmt: skip
    """A question that waits for the person's answer; ``text_ids``: what was shown, unless it is the usual sentence."""
    with transaction():
        texts = text_ids or (consent.ensure_text(where.id, "consent", "en", "Yes, Ostkai may email me."),)
        return consent.ask(
            where.id,
            who.id,
            interests=[found.id for found in where.interests[:interests]],
            tracking=tracking,
            typed="Mara@Example.org",
            shown=Shown(
                language="en", text_ids=texts, page_url="https://ostkai.example/journal", boxes=("yes",)
            ),
            by=By(),
            proof=Proof(ip="192.0.2.7", user_agent="Firefox", http_method="POST"),
        )


def confirmed(
    where: Place, who: Contact, *, tracking: Level | None = None, interests: int = 2
) -> ConsentRequest:
    """Somebody who said yes by double opt-in."""
    request = asked(where, who, tracking=tracking, interests=interests)
    with transaction():
        consent.confirm(request.id, by=By(), proof=Proof(ip="192.0.2.7", http_method="POST"))
    return request


def standing(where: Place, who: Contact) -> dict[str, str]:
    """The state of each interest by its name."""
    session().expire_all()
    names = {found.id: found.name for found in where.interests}
    return {
        names[key]: state.value for key, state in consent_queries.choices(where.id, who.id).interests.items()
    }
