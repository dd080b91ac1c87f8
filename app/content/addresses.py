"""Where the links of a letter lead: which addresses we may stand in for, and what one comes to for a reader."""

from __future__ import annotations

import html as htmlmod
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from app.content.merge import LINK, Template, check, prepare
from app.content.mjml import Guarded
from app.content.variables import COMMON, Variable

_HREF = re.compile(
    r"""(<(?:a|area|v:[a-z]+)\b(?:[^<>"']|"[^"]*"|'[^']*')*?\shref\s*=\s*)(?:"([^"]*)"|'([^']*)')""",
    re.IGNORECASE,
)
_TAG: Final = "nodtag[0-9a-f]+z+"
_ADDRESS = re.compile(rf"(?:https?://|{_TAG})[^\s<>\"“”]*(?<![.,;:!?)\]}}'])", re.IGNORECASE)
_STATIC = re.compile(r"https?://", re.IGNORECASE)
# The host is the author's or the workspace's, whatever the tags behind it come to: who fills in a form must not
# choose where an address of ours leads.
_OUR_HOST = re.compile(
    r"(?:https?://[^/?#@:\\\s{}]+(?::[0-9]+)?|\{\{\s*brand\.site\s*\}\}(?=[/?#]|\Z))(?:[/?#]|\Z)",
    re.IGNORECASE,
)
_PERSONAL_PAGE = re.compile(r"\blinks\.")
_BRAND: Final = tuple(one for one in COMMON if one.name.startswith("brand."))
_UNFIT = re.compile(r"[\s\x00-\x20\x7f-\x9f\u2028\u2029\"<>]")


def has_tags(address: str) -> bool:
    """Whether it comes to something else for each reader."""
    return "{{" in address or "{%" in address


def find_links(page: str, names: Iterable[Variable]) -> list[str]:
    """The addresses of a compiled letter that we may stand in for, each once, with their merge tags."""
    names = tuple(names)
    guarded = Guarded(page)
    found = dict.fromkeys(_address(guarded, one) for one in _HREF.finditer(guarded.text))
    return [address for address in found if _is_followed(address, names)]


def _address(guarded: Guarded, found: re.Match[str]) -> str:
    return guarded.back(htmlmod.unescape(found[2] if found[2] is not None else found[3]).strip())


def _is_followed(address: str, names: Sequence[Variable]) -> bool:
    if not has_tags(address):
        return bool(_STATIC.match(address) and LINK.fullmatch(address))
    return (
        bool(_OUR_HOST.match(address))
        and not _PERSONAL_PAGE.search(address)
        and not re.search(r"\s", Guarded(address).text)
        # Tags that only have a meaning where they stand, such as those of a loop, do not work alone.
        and not check(address, names, "text")
    )


def tie_links(page: str, links: Sequence[str]) -> str:
    """Each of the links becomes a tag that is filled in when merging."""
    known = {url: index for index, url in enumerate(links)}
    guarded = Guarded(page)

    def tie(found: re.Match[str]) -> str:
        index = known.get(_address(guarded, found))
        return found[0] if index is None else f'{found[1]}"{{{{ nod.l{index} }}}}"'

    return guarded.back(_HREF.sub(tie, guarded.text))


def tie_addresses(text: str, links: Sequence[str]) -> str:
    """As ``tie_links``, for addresses that stand in plain text."""
    known = {url: index for index, url in enumerate(links)}
    guarded = Guarded(text)

    def tie(found: re.Match[str]) -> str:
        index = known.get(guarded.back(found[0]))
        return found[0] if index is None else f"{{{{ nod.l{index} }}}}"

    return guarded.back(_ADDRESS.sub(tie, guarded.text))


def settled(address: str, values: Mapping[str, Any], language: str) -> str:
    """What it comes to where only the brand decides, the same for every reader; else the address with its tags."""
    if not has_tags(address) or _is_readers_own(address):
        return address
    (found,) = Addresses([address], _BRAND).of(values, language)
    return found if _STATIC.match(found) and LINK.fullmatch(found) else address


def _is_readers_own(address: str) -> bool:
    return has_tags(address) and bool(check(address, _BRAND, "text"))


class Addresses:
    """The links of a version, read once: what each comes to for a reader costs no parsing.

    Attributes:
        are_shared: they come to the same for every reader.
    """

    __slots__ = ("_plain", "_tagged", "are_shared")

    def __init__(self, links: Sequence[str], names: Iterable[Variable]) -> None:
        names = tuple(names)
        self._plain = list(links)
        self.are_shared = not any(_is_readers_own(url) for url in links)
        self._tagged: list[tuple[int, Template]] = [
            (index, prepare(url, "text", names)) for index, url in enumerate(links) if has_tags(url)
        ]

    @property
    def templates(self) -> list[Template]:
        """Those with merge tags."""
        return [template for _, template in self._tagged]

    def lacking(self, values: Mapping[str, Any], language: str) -> list[str]:
        """The addresses, as their author wrote them, that lead nowhere for this reader or lack one of their values."""
        found = self.of(values, language)
        return [
            self._plain[index] for index, template in self._tagged
            if template.blanks(values, language) or not LINK.fullmatch(found[index])
        ]  # fmt: skip

    def of(self, values: Mapping[str, Any], language: str) -> list[str]:
        """Each link's address for this reader, by its index; what no address may hold is percent-encoded.

        Raises:
            MergeStopped: a tag grew too large.
        """
        found = list(self._plain)
        for index, template in self._tagged:
            found[index] = _UNFIT.sub(lambda one: quote(one[0]), template.render(values, language))
        return found
