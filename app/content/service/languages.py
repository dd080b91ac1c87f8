"""One letter in several languages: each translation is a letter of its own, linked to the main one.

So each is written, checked, previewed and undone like any letter. What goes out together is frozen together
(``versions.freeze_languages``), and whoever reads a language that has no text gets the main letter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

from app.content import queries
from app.content.models import Letter
from app.content.service.drafts import hold_letter
from app.content.service.letters import copy_draft
from app.kernel import clock, languages
from app.kernel.db import session
from app.kernel.errors import BadInput, Conflict
from app.kernel.i18n import NAMES


class Stage(StrEnum):
    """How far a translation is."""

    COPY = "copy"
    """It still says what the main letter says."""
    OLDER = "older"
    """The main letter was changed since."""
    WRITTEN = "written"


STAGES: Final[Mapping[Stage, tuple[str, str]]] = {
    Stage.COPY: ("not translated yet", "ask"),
    Stage.OLDER: ("main letter changed since", "ask"),
}
"""What is said of a translation that needs somebody: words and tone."""


@dataclass(frozen=True, slots=True)
class InLanguage:
    """A letter in one of its languages; ``stage`` of the main letter is always written."""

    letter: Letter
    stage: Stage

    @property
    def is_main(self) -> bool:
        """Whether everybody gets it who gets no other one."""
        return self.letter.translation_of is None

    @property
    def name(self) -> str:
        """Of the language, in itself."""
        return NAMES.get(self.letter.language, self.letter.language)


def list_languages(letter: Letter) -> list[InLanguage]:
    """A letter in all its languages, the main one first; given the main letter or one of its translations."""
    main = letter if letter.translation_of is None else queries.get_letter(letter.workspace_id, letter.translation_of)
    return staged(main, queries.list_translations(main.workspace_id, main.id))


def get_languages(workspace_id: UUID, letter_id: UUID) -> list[InLanguage]:
    """As ``list_languages``, of a main letter that nobody has read yet.

    Raises:
        NotFound: no letter of this workspace.
    """
    main, *translations = queries.get_in_languages(workspace_id, [letter_id])[letter_id]
    return staged(main, translations)


def staged(main: Letter, translations: Sequence[Letter]) -> list[InLanguage]:
    """As ``list_languages``, for who has read them anyway."""
    return [InLanguage(main, Stage.WRITTEN), *(InLanguage(one, stage_of(main, one)) for one in translations)]


def stage_of(main: Letter, translation: Letter) -> Stage:
    """How far a translation is."""
    if _words_of(translation) == _words_of(main):
        return Stage.COPY
    return Stage.OLDER if translation.updated_at < main.updated_at else Stage.WRITTEN


def _words_of(letter: Letter) -> tuple[str, ...]:
    return letter.subject, letter.preheader, letter.source, letter.own_text


def choose(found: Sequence[InLanguage], language: str) -> InLanguage:
    """What somebody gets who reads this language, of what ``list_languages`` gives."""
    others = {one.letter.language: one for one in found[1:]}
    return others.get(languages.pick(language, others, ""), found[0])


def add_translation(workspace_id: UUID, letter_id: UUID, language: str, *, by: UUID | None = None) -> Letter:
    """A letter's text in another language, which begins as a copy of the main one; its history is its own.

    The unique key is (main letter, language). What was launched before stays as it was.

    Args:
        workspace_id: whose it is.
        letter_id: the main letter, or one of its translations.
        language: one of those that public pages speak.
        by: who adds it.

    Raises:
        NotFound: no letter of this workspace.
        BadInput: no such language, or the letter has it already.
        Conflict: a transactional letter's languages are templates of one name.
    """
    asked = queries.get_letter(workspace_id, letter_id)
    main = hold_letter(workspace_id, asked.translation_of or asked.id)
    if main.data_samples is not None:
        raise Conflict("A transactional mail has a template of the same name for each language.")
    if language not in NAMES:
        raise BadInput(fields={"language": f"Choose one of these: {', '.join(NAMES.values())}."})
    if language == main.language or queries.find_translation(workspace_id, main.id, language) is not None:
        raise BadInput(fields={"language": f"This letter is written in {NAMES[language]} already."})
    return copy_draft(main, main.name, language, translation_of=main.id, by=by)


def remove_translation(workspace_id: UUID, letter_id: UUID) -> UUID:
    """Let a language go: its readers get the main letter from now on. What was sent of it stays as it was sent.

    Returns:
        The main letter.

    Raises:
        NotFound: no letter of this workspace.
        Conflict: it is the main letter.
    """
    letter = queries.get_letter(workspace_id, letter_id)
    if letter.translation_of is None:
        raise Conflict("This is the main letter: everybody gets it whose language has no text of its own.")
    # Whoever freezes all languages holds the main letter meanwhile.
    hold_letter(workspace_id, letter.translation_of)
    letter.archived_at = letter.archived_at or clock.now()
    session().flush()
    return letter.translation_of
