"""Which passwords are too easy to guess. Length counts most; the rest stops what guessing programs try first."""

from __future__ import annotations

import re
import unicodedata

SHORTEST = 12
LONGEST = 256

_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "1234567890",
    "qwertyuiopasdfghjklzxcvbnm",
    "qwertzuiopasdfghjklyxcvbnm",
    "azertyuiopqsdfghjklmwxcvbn",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "1q2w3e4r5t6y7u8i9o0p",
)
# The roots of what leaked lists repeat; with figures, signs and capitals around them they stay the same guess.
_ROOTS = frozenset(
    {
        "password",
        "passwort",
        "passw",
        "pass",
        "kennwort",
        "welcome",
        "willkommen",
        "letmein",
        "admin",
        "administrator",
        "root",
        "login",
        "master",
        "secret",
        "geheim",
        "hello",
        "hallo",
        "iloveyou",
        "ichliebedich",
        "dragon",
        "monkey",
        "football",
        "fussball",
        "baseball",
        "sunshine",
        "princess",
        "shadow",
        "superman",
        "batman",
        "trustno",
        "qwerty",
        "qwertz",
        "azerty",
        "changeme",
        "default",
        "guest",
        "test",
        "user",
        "newsletter",
        "nod",
        "temp",
        "summer",
        "sommer",
        "winter",
        "spring",
        "autumn",
        "herbst",
        "january",
        "march",
        "april",
        "august",
        "september",
        "october",
        "november",
        "december",
    }
)
_LOOKALIKES = str.maketrans("0134578@$!€", "oleastbasie")


def normalise(password: str) -> str:
    """The form that is hashed: a password typed on another keyboard system stays the same password."""
    return unicodedata.normalize("NFKC", password)


def fault(password: str, *, email: str = "", name: str = "") -> str | None:
    """Why a new password is refused, in a sentence for its owner; None where it is good.

    Args:
        password: as typed.
        email: the account's address: it must not stand in the password.
        name: the owner's name, likewise.
    """
    text = normalise(password)
    if len(text) < SHORTEST:
        return f"Use at least {SHORTEST} characters. Four words in a row are easy to remember."
    if len(text) > LONGEST:
        return f"Use at most {LONGEST} characters."
    lowered = text.casefold()
    for part in _personal(email, name):
        if part in lowered and len(lowered) - len(part) < SHORTEST:
            return "Leave your name and your email address out of it."
    if len(set(lowered)) < 5 or _is_repeated(lowered) or _is_row(lowered):
        return "That is a pattern which guessing programs try first. Four words in a row are better."
    if _is_common(lowered):
        return (
            "That is one of the passwords which guessing programs try first. Four words in a row are better."
        )
    return None


def _personal(email: str, name: str) -> set[str]:
    local, _, domain = email.casefold().partition("@")
    parts = {local, domain, domain.partition(".")[0], *re.split(r"[^\w]+", local), *name.casefold().split()}
    return {part for part in parts if len(part) >= 4}


def _is_repeated(text: str) -> bool:
    """Whether the text is a block of at most half its length, again and again."""
    return any((text[:size] * len(text))[: len(text)] == text for size in range(1, len(text) // 2 + 1))


def _is_row(text: str) -> bool:
    """Whether the text runs along a keyboard or the alphabet, either way."""
    return any(text in row * 2 or text in row[::-1] * 2 for row in _ROWS)


def _is_common(text: str) -> bool:
    """Whether only a common word is left without figures and signs, as typed or with look-alikes read as letters."""
    inner = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text).translate(_LOOKALIKES)
    readings = {_letters(text), _letters(text.translate(_LOOKALIKES)), _letters(inner)}
    return text.isdigit() or any(_is_word_again(reading) or _is_long_row(reading) for reading in readings)


def _letters(text: str) -> str:
    return "".join(character for character in text if character.isalpha())


def _is_long_row(letters: str) -> bool:
    return len(letters) >= 6 and _is_row(letters)


def _is_word_again(letters: str) -> bool:
    return bool(letters) and any(letters == root * (len(letters) // len(root)) for root in _ROOTS)
