"""Pure: what a mail that comes in says. A mailbox of ours, a person's "stop", or a program that answers by itself."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Final

MOST_BYTES: Final = 256 * 1024
"""More of a mail is not read: what somebody wants stands at its beginning."""
_MOST_TEXT: Final = 4000
_MOST_HEADER: Final = 8000
"""A header that is longer says nothing: what reads headers takes seconds for one that was made to be slow."""
_MOST_WORDS: Final = 8

_PHRASES: Final = (
    # English, German, French, Spanish, Italian, Dutch, Portuguese; as ``_plain`` writes them
    "stop", "stop it", "stop all", "stop everything", "stop mail", "stop mails", "stop emails", "stop sending",
    "unsubscribe", "unsubscribe all", "unsubscribe me", "remove", "remove me", "opt out", "optout", "cancel",
    "take me off", "take me off your list", "no more mail", "no more mails", "no more emails",
    "abmelden", "abmeldung", "abbestellen", "austragen", "abmelden vom newsletter", "newsletter abmelden",
    "newsletter abbestellen", "keine mails mehr", "keine e mails mehr", "keine post mehr", "stopp", "loschen",
    "desabonner", "desabonnement", "desabonnez", "desinscrire", "desinscription", "desinscrivez", "me desabonner",
    "me desinscrire", "desabonnez moi", "desinscrivez moi", "arreter", "arret", "plus de mails",
    "baja", "darme de baja", "dar de baja", "deme de baja", "cancelar suscripcion", "cancelar la suscripcion",
    "anular suscripcion", "no mas correos", "parar",
    "disiscrivimi", "disiscrivetemi", "disiscrizione", "disiscrivi", "cancellami", "cancellatemi", "cancellazione",
    "cancella iscrizione", "annulla iscrizione", "rimuovimi", "basta",
    "afmelden", "afmelding", "uitschrijven", "uitschrijving", "stop ermee", "geen mail meer", "geen mails meer",
    "cancelar", "cancelar subscricao", "cancelar assinatura", "cancelar inscricao", "descadastrar", "descadastre me",
    "anular subscricao", "remover", "remova me", "sair", "nao quero mais", "pare",
)  # fmt: skip
_POLITE: Final = frozenset({
    "please", "pls", "hello", "hi", "dear", "thanks", "thank", "you", "me", "now", "immediately", "the", "this", "your",
    "from", "list", "mail", "newsletter",
    "bitte", "hallo", "danke", "mich", "sofort", "von", "vom", "der", "den", "dem", "diesem", "ihrem", "ihren",
    "s", "il", "vous", "plait", "svp", "merci", "bonjour", "de", "la", "le", "votre", "moi",
    "por", "favor", "gracias", "hola", "quiero", "su", "del",
    "per", "favore", "grazie", "ciao", "buongiorno", "dalla", "dal", "vostra",
    "alstublieft", "aub", "graag", "bedankt", "dag", "mij", "van", "deze", "uw",
    "obrigado", "obrigada", "ola", "quero", "da", "do",
})  # fmt: skip
_NEGATIONS: Final = frozenset({
    "not", "dont", "don", "t", "nicht", "kein", "ne", "pas", "no", "non", "niet", "nao", "never", "nie",
})  # fmt: skip

_ANSWERED_BY_ITSELF: Final = re.compile(
    r"^(?:auto(?:matic|mated)?[ -]?(?:reply|response|antwort)|automatische antwort|abwesend|abwesenheit|out of (?:the )?office"
    r"|reponse automatique|absence|respuesta automatica|risposta automatica|automatisch antwoord|afwezig"
    r"|resposta automatica|undelivered|mail delivery|delivery status|returned mail|failure notice)",
)
_QUOTE = re.compile(
    r"^\s*(?:>|-{2,} ?(?:original|urspr|weitergeleitet|forwarded|message|mensaje|messaggio|oorspronkelijk|mensagem)"
    r"|_{5,}|-- ?$|(?:on|am|le|el|il|op|em) .{4,200}(?:wrote|schrieb|a ecrit|escribio|ha scritto|schreef|escreveu)"
    r"|(?:from|von|de|da|van) ?: )"
)
_OURS = re.compile(r"<m\.([1-9][0-9]{0,18})\.([1-9][0-9]{0,18})@")
_TAG = re.compile(r"<[^<>]{0,2000}>")
_HIDDEN = re.compile(r"<(style|script|head|blockquote)\b.*?(?:</\1>|$)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Incoming:
    """What counts of a mail.

    Attributes:
        sender: the address in From; empty where there is not exactly one.
        names: our messages that it answers, as (mailing number, n), the nearest first.
        is_automatic: a program wrote it because of a mail: a bounce, a vacation notice, a list.
        says_stop: a person's wish to get no more.
    """

    sender: str
    names: tuple[tuple[int, int], ...]
    is_automatic: bool
    says_stop: bool


def read(raw: bytes, *, envelope_from: str | None = None) -> Incoming:
    """Read a mail; what cannot be read says nothing.

    Args:
        raw: as it came, headers and body.
        envelope_from: the sender of the envelope; empty: a bounce; None: not known.
    """
    message = BytesParser(policy=policy.default).parsebytes(raw[:MOST_BYTES])
    assert isinstance(message, EmailMessage)
    text = _text(message)
    return Incoming(
        sender=_sender(message),
        names=_names(message),
        is_automatic=_is_automatic(message, envelope_from),
        says_stop=says_stop(text) or (not _first_words(text) and says_stop(_header(message, "Subject"))),
    )


def says_stop(text: str) -> bool:
    """Whether somebody's own first words, without what they quote, are a wish to get no more."""
    words = _first_words(text)
    if not words or len(words) > _MOST_WORDS or "?" in text.strip().split("\n", 1)[0]:
        return False
    if " ".join(words) in _PHRASES or _bare(words) in _BARE:
        return True
    wanted = _bare(words).split()
    return not _NEGATIONS & set(words) and bool(wanted) and all(word in _SINGLE for word in wanted)


def _bare(words: Iterable[str]) -> str:
    return " ".join(word for word in words if word not in _POLITE)


_SINGLE: Final = frozenset(phrase for phrase in _PHRASES if " " not in phrase)
_BARE: Final = frozenset(filter(None, (_bare(phrase.split()) for phrase in _PHRASES)))


def _first_words(text: str) -> list[str]:
    """The words of the first lines before anything quoted, without accents and case."""
    lines: list[str] = []
    for line in text[:_MOST_TEXT].splitlines():
        plain = _fold(line)
        if _QUOTE.match(plain):
            break
        if plain.strip():
            lines.append(plain)
        elif lines:
            break
    return re.findall(r"[a-z0-9]+", " ".join(lines))


def _fold(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        text = str(part.get_content())
    except (LookupError, ValueError, KeyError, AttributeError):
        return ""
    if part.get_content_type() == "text/html":
        text = html.unescape(_TAG.sub("\n", _HIDDEN.sub("\n", text[: 16 * _MOST_TEXT])))
    return text.strip()


def _header(message: EmailMessage, name: str) -> str:
    written = next((value for key, value in message.raw_items() if key.lower() == name.lower()), "")
    if len(written) > _MOST_HEADER:
        return ""
    try:
        return str(message.get(name) or "")
    except (ValueError, IndexError, AttributeError, TypeError):
        return ""


def _sender(message: EmailMessage) -> str:
    found = [address for _name, address in getaddresses([_header(message, "From")]) if address]
    return found[0] if len(found) == 1 else ""


def _names(message: EmailMessage) -> tuple[tuple[int, int], ...]:
    references = _header(message, "References")[-8000:]
    found = [*_OURS.findall(_header(message, "In-Reply-To")), *reversed(_OURS.findall(references))]
    return tuple(dict.fromkeys((int(mailing), int(n)) for mailing, n in found))[:5]


def _is_automatic(message: EmailMessage, envelope_from: str | None) -> bool:
    """RFC 3834 and what programs do instead of it."""
    auto = _header(message, "Auto-Submitted").strip().lower()
    precedence = _header(message, "Precedence").strip().lower()
    local = _sender(message).partition("@")[0].lower()
    return (
        envelope_from == ""
        or (auto != "" and not auto.startswith("no"))
        or precedence in {"bulk", "junk", "list", "auto_reply"}
        or any(name in message for name in ("X-Autoreply", "X-Autorespond", "X-Auto-Reply", "List-Id", "X-Loop"))
        or message.get_content_type() in {"multipart/report", "message/delivery-status"}
        or local in {"mailer-daemon", "postmaster", "noreply", "no-reply"}
        or bool(_ANSWERED_BY_ITSELF.match(_fold(_header(message, "Subject")).strip()))
    )
