"""Which domains are one receiver: a provider paces all its domains together, so we do too. Pure.

A group is named by the provider's best-known domain, so that it reads like any other domain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_PROVIDERS: Final[Mapping[str, str]] = {
    "gmail.com": "googlemail.com",
    "outlook.com": "outlook.de outlook.at outlook.fr outlook.it outlook.es outlook.dk outlook.be outlook.pt outlook.ie"
    " outlook.cz outlook.hu outlook.co.th outlook.jp outlook.kr outlook.sa outlook.com.br outlook.com.au outlook.com.tr"
    " hotmail.com hotmail.de hotmail.fr hotmail.it hotmail.es hotmail.nl hotmail.be hotmail.at hotmail.ch hotmail.se"
    " hotmail.no hotmail.dk hotmail.fi hotmail.gr hotmail.ca hotmail.co.uk hotmail.co.jp hotmail.com.br hotmail.com.ar"
    " hotmail.com.tr live.com live.de live.at live.fr live.it live.nl live.be live.ch live.se live.no live.dk live.fi"
    " live.ca live.ie live.in live.jp live.cn live.co.uk live.com.au live.com.mx live.com.pt msn.com passport.com"
    " windowslive.com",
    "yahoo.com": "yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.at yahoo.gr yahoo.se yahoo.no yahoo.dk yahoo.pl yahoo.ro"
    " yahoo.ie yahoo.ca yahoo.in yahoo.co.uk yahoo.co.in yahoo.co.id yahoo.co.th yahoo.co.nz yahoo.com.br yahoo.com.ar"
    " yahoo.com.mx yahoo.com.au yahoo.com.tr yahoo.com.ph yahoo.com.sg yahoo.com.hk yahoo.com.tw ymail.com"
    " rocketmail.com myyahoo.com aol.com aol.de aol.fr aol.it aol.co.uk aim.com netscape.net verizon.net",
    "icloud.com": "me.com mac.com privaterelay.appleid.com",
    "gmx.net": "gmx.de gmx.at gmx.ch gmx.com gmx.eu gmx.org gmx.info gmx.biz gmx.us gmx.fr gmx.es gmx.co.uk web.de"
    " mail.com email.de online.de 1und1.de caramail.com",
    "t-online.de": "magenta.de",
    "freenet.de": "01019freenet.de justmail.de",
    "proton.me": "protonmail.com protonmail.ch pm.me",
    "fastmail.com": "fastmail.fm fastmail.de fastmail.net sent.com",
    "orange.fr": "wanadoo.fr",
    "sfr.fr": "neuf.fr cegetel.net club-internet.fr",
    "free.fr": "aliceadsl.fr",
    "libero.it": "virgilio.it inwind.it iol.it blu.it giallo.it",
    "seznam.cz": "email.cz post.cz",
    "wp.pl": "o2.pl tlen.pl go2.pl",
    "onet.pl": "op.pl vp.pl poczta.onet.pl onet.eu",
    "telenet.be": "pandora.be",
    "bluewin.ch": "swissonline.ch",
    "comcast.net": "xfinity.com",
    "mail.ru": "inbox.ru list.ru bk.ru internet.ru",
    "yandex.ru": "yandex.com ya.ru yandex.by yandex.kz yandex.ua",
    "qq.com": "foxmail.com vip.qq.com",
    "163.com": "126.com yeah.net",
}
FOLDED: Final[Mapping[str, str]] = MappingProxyType(
    {domain: group for group, domains in _PROVIDERS.items() for domain in domains.split()}
)
"""From a domain to the one that stands for its provider; those are not in it themselves."""


def group_of(domain: str) -> str:
    """The group of a recipient's domain, which is written in small ASCII letters."""
    return FOLDED.get(domain, domain)


def group_sql(domain: str) -> str:
    """The same as ``group_of`` for a column or another SQL expression of type text."""
    # One look into a hashed list for each row; the map is opened for the few that are in it.
    listed = ", ".join(f"'{name}'" for name in FOLDED)
    pairs = json.dumps(dict(FOLDED), separators=(",", ":"))
    return f"CASE WHEN {domain} IN ({listed}) THEN CAST('{pairs}' AS jsonb) ->> {domain} ELSE {domain} END"
