"""The one list of what a merge tag may name: its kind, a sample for previews, and words for the picker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Self


class Kind(StrEnum):
    """What a value is, which decides where its tag may stand."""

    TEXT = "text"
    URL = "url"
    DATE = "date"
    NUMBER = "number"
    LIST = "list"
    CHOICES = "list of words"
    """A `Several`: stands as text like any other word, and can be looped over."""
    SNIPPET = "snippet"
    """Words of the workspace: put in when a letter is compiled, so it stands by itself."""


class Several(str):
    """Words in their order: one text with commas between them, which a loop takes apart again.

    Attributes:
        entries: each word by itself.
    """

    __slots__ = ("entries",)
    entries: tuple[str, ...]

    def __new__(cls, entries: Iterable[Any]) -> Self:
        """Of words in their order."""
        words = tuple(map(str, entries))
        made = super().__new__(cls, ", ".join(words))
        made.entries = words
        return made


@dataclass(frozen=True, slots=True)
class Variable:
    """One thing that a tag may name.

    Attributes:
        name: dotted, such as ``contact.first_name``.
        kind: what its value is.
        sample: a value for previews and tests; for a list, a sequence of mappings.
        says: what it is, for the picker.
        item: for a list, the fields of one entry by name.
    """

    name: str
    kind: Kind
    sample: Any
    says: str
    item: Mapping[str, Kind] | None = None

    @property
    def loop(self) -> str:
        """How an author goes through it, to begin with; empty: it is no list."""
        if self.kind is Kind.CHOICES:
            return f"{{% for one in {self.name} %}}{{{{ one }}}}{{% if not loop.last %}}, {{% endif %}}{{% endfor %}}"
        shown = " ".join(f"{{{{ one.{key} }}}}" for key in self.item or ())
        return f"{{% for one in {self.name} %}}{shown}{{% endfor %}}" if shown else ""


def _text(name: str, sample: str, says: str) -> Variable:
    return Variable(name, Kind.TEXT, sample, says)


def _url(name: str, sample: str, says: str) -> Variable:
    return Variable(name, Kind.URL, sample, says)


_TOPICS: Final = (
    {"name": "New coffees", "pace": "about twice a month"},
    {"name": "Brewing letters", "pace": "once a month"},
)

COMMON: Final[tuple[Variable, ...]] = (
    _text("contact.first_name", "Mara", "First name; give a default, not everybody has told us"),
    _text("contact.last_name", "Lindqvist", "Last name"),
    _text("contact.email", "mara.lindqvist@example.org", "Email address"),
    _text("brand.name", "Ostkai Coffee Roasters", "Name of your brand"),
    _text("brand.short_name", "Ostkai", "Short name of your brand"),
    _url("brand.site", "https://ostkai.example/", "Your website"),
    _url("brand.logo", "https://media.ostkai.example/logo.png", "Your logo"),
    _text(
        "brand.postal_address",
        "Ostkai Kaffeerösterei GmbH, Speicherweg 4, 24103 Kiel, Germany",
        "Your postal address, which every mail must show",
    ),
    _text("brand.footer", "Registered in Kiel, HRB 1234", "More words for the footer, from the settings"),
    _text("topic.name", "New coffees", "The interest that this mail belongs to"),
    _text("permission.date", "22 November 2026", "Day on which the person said yes"),
    _text("permission.time", "09:16", "Time at which the person said yes"),
    _url("links.unsubscribe", "https://news.ostkai.example/u/8sK2vQ0pLr", "Unsubscribe"),
    _url("links.preferences", "https://news.ostkai.example/p/8sK2vQ0pLr", "Change choices"),
)

NEWSLETTER: Final[tuple[Variable, ...]] = (
    *COMMON,
    _url("links.why", "https://news.ostkai.example/w/8sK2vQ0pLr", "Why this mail?"),
    _url("links.web_view", "https://news.ostkai.example/v/8sK2vQ0pLr", "View online"),
)
"""What a newsletter may name."""

TRANSACTIONAL: Final = tuple(one for one in COMMON if one.name.startswith(("contact.", "brand.")))
"""What a transactional letter may name beside what it declares itself: it stands on no yes, so there is none to leave."""

SYSTEM: Final[tuple[Variable, ...]] = (
    *COMMON,
    _text("workspace.name", "Ostkai", "Name of the workspace, for its staff"),
    _text(
        "mail.reason",
        "You get this one mail because of a request with your address. It holds no advertising.",
        "Why this one mail came",
    ),
    _text("request.date", "22 November 2026", "Day of the request"),
    _text("request.time", "09:14", "Time of the request"),
    _text("request.site", "ostkai.example", "Website of the form"),
    _text("request.asked_by", "form", "Who asked: form, staff, or person (on a page that our mails lead to)"),
    _text("request.place", "Kiel, Germany", "Rough place of the request"),
    _text("request.expires", "29 November 2026, 09:14", "End of the link"),
    _text(
        "request.why",
        "So far Oxbow Coffee has written to you without your own yes. That ends on 31 December 2026.",
        "Why somebody is asked again, and when the permission ends by itself",
    ),
    _text("request.old_masked", "m•••@ex….org", "The old address, masked"),
    _text("request.topic_names", "New coffees and Brewing letters", "The interests in one line"),
    _text("request.is_reminder", "", "Whether the question is asked once more; empty: it is not"),
    _text("digest.since", "16 November 2026", "First day of a digest"),
    _text("digest.until", "22 November 2026", "Last day of a digest"),
    Variable(
        "digest.letters",
        Kind.LIST,
        ({"title": "A winter blend", "date": "20 November 2026", "url": "https://news.ostkai.example/v/8sK2vQ0pLr"},),
        "What somebody missed",
        {"title": Kind.TEXT, "date": Kind.TEXT, "url": Kind.URL},
    ),
    Variable(
        "request.topics",
        Kind.LIST,
        _TOPICS,
        "The interests asked for",
        {"name": Kind.TEXT, "pace": Kind.TEXT},
    ),
    _text("form.name", "Shop footer", "Name of the form, for its staff"),
    _text("form.asked", "240", "How many were asked through the form within an hour"),
    _text("form.yes", "3", "How many of them said yes"),
    _text("form.welcome", "Your voucher: KAFFEE-10", "What the form tells after the yes"),
    _text("series.name", "Coffee letter", "Name of a series, for its staff"),
    _text("series.news", "The issue of 26 November waits for you", "What is new with a series"),
    _text("series.says", "It is a draft. Write on it, then send it.", "What that means, and what to do"),
    _text("inviter.name", "Jonna Petersen", "Who invites"),
    _text("invite.role", "Editor", "Role"),
    _text(
        "invite.role_says", "You can write and schedule mail, but not delete people.", "What the role may do"
    ),
    _text("invite.email", "tom@ostkai.example", "Who is invited"),
    _text("invite.expires", "29 November 2026", "End of the invitation"),
    _text("transport.name", "smtp.ostkai.example", "The mail server that was used"),
    _text("checks.spf", "Pass", "Result of SPF"),
    _text("checks.dkim", "Pass, 2048 bit", "Result of DKIM"),
    _text("checks.dmarc", "Pass, aligned", "Result of DMARC"),
    _url("links.confirm", "https://news.ostkai.example/c/8sK2vQ0pLr", "Confirm"),
    _url("links.decoy", "https://news.ostkai.example/d/8sK2vQ0pLr", "The link that no person sees"),
    _url("links.preferences_private", "https://news.ostkai.example/my/8sK2vQ0pLr", "Private page"),
    _url("links.undo", "https://news.ostkai.example/u/8sK2vQ0pLr", "Undo"),
    _url("links.erase", "https://news.ostkai.example/erase/8sK2vQ0pLr", "Erase"),
    _url("links.export", "https://news.ostkai.example/data/8sK2vQ0pLr", "Download one's data"),
    _url("links.invite", "https://news.ostkai.example/i/8sK2vQ0pLr", "Accept the invitation"),
    _url("links.reset", "https://news.ostkai.example/r/8sK2vQ0pLr", "Choose a password"),
    _url("links.form", "https://news.ostkai.example/forms/8sK2vQ0pLr", "The form's results"),
    _url("links.series", "https://news.ostkai.example/campaigns/8sK2vQ0pLr", "The series or its issue"),
    _url("links.start", "https://news.ostkai.example/", "Begin"),
)
"""What our own system mails name."""

Shape = dict[str, Any]
"""Names as a tree: a leaf is a `Kind`, a branch a Shape, a list a ``[Shape]`` with the fields of an entry."""


def shape(variables: Iterable[Variable]) -> Shape:
    """The declared names as a tree."""
    tree: Shape = {}
    for variable in variables:
        leaf: Any = [dict(variable.item)] if variable.item is not None else variable.kind
        _put(tree, variable.name, leaf)
    return tree


def samples(variables: Iterable[Variable]) -> dict[str, Any]:
    """A sample value for every declared name, as a tree for `Template.render`."""
    tree: dict[str, Any] = {}
    for variable in variables:
        _put(tree, variable.name, variable.sample)
    return tree


def names(variables: Sequence[Variable]) -> list[str]:
    """The dotted names, in the order of the picker."""
    return [variable.name for variable in variables]


def _put(tree: dict[str, Any], dotted: str, leaf: Any) -> None:
    *branches, last = dotted.split(".")
    for branch in branches:
        tree = tree.setdefault(branch, {})
    tree[last] = leaf
