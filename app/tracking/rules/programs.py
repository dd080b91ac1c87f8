"""Which program asked, by what it says of itself.

The lists are ours and short: each word stands for programs that fetch pictures or links by themselves. Words that
also occur in what people use ("security", "java", "scan") are left out, and a phone called Cubot is no bot.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final


class Program(StrEnum):
    """What kind of program a User-Agent names."""

    BROWSER = "browser"
    """A browser or a mail program: a person may sit before it."""
    APPLE_PROXY = "apple_proxy"
    GOOGLE_PROXY = "google_proxy"
    YAHOO_PROXY = "yahoo_proxy"
    OUTLOOK_PROXY = "outlook_proxy"
    MAIL_PROXY = "mail_proxy"
    SCANNER = "scanner"
    BOT = "bot"
    MISSING = "missing"
    STRANGE = "strange"


# Fetches every picture when the mail arrives, whether or not anybody reads it, and says nothing but this.
_APPLE: Final = re.compile(r"Mozilla/5\.0\Z")
_PROXIES: Final = (
    # Gmail's own, and the one with which it looks at new mail: an Edge of 2015 that ends in "Mozilla/5.0".
    (Program.GOOGLE_PROXY, re.compile(r"GoogleImageProxy|ggpht\.com|Edge/12\.246 Mozilla/5\.0\Z")),
    (Program.YAHOO_PROXY, re.compile(r"Yahoo ?(?:Mail|Image) ?Proxy|YahooCacheSystem|AOLImageProxy", re.IGNORECASE)),
    (
        Program.OUTLOOK_PROXY,
        re.compile(r"Outlook-?(?:Image|Safe|Link)-?Proxy|OWA-?Proxy|(?:Microsoft|Hotmail|Outlook)ImageProxy", re.IGNORECASE),
    ),
    (
        Program.MAIL_PROXY,
        re.compile(
            r"(?:Seznam|Fastmail|Proton|Hey|Superhuman|Mail\.?Ru|GMX|Zoho|Naver|QQ)[ -]?(?:Email|Mail|Image)*[ -]?Proxy"
            r"|YandexImageResizer|\bimage[ -]?proxy\b|\bcamo\b",
            re.IGNORECASE,
        ),
    ),
)  # fmt: skip
_SCANNERS: Final = re.compile(
    r"barracuda|proofpoint|mimecast|messagelabs|symantec|trend ?micro|sophos|fortinet|fortiguard|fireeye|ironport"
    r"|cloudmark|spamexperts|mailscanner|safelinks|zscaler|forcepoint|websense|bitdefender|kaspersky|checkpoint"
    r"|urlscan|virustotal|phishtank|safebrowsing|google-safety|netcraft|cyren|avanan|abnormalsecurity|egress"
    r"|existence discovery|ms-?defender|microsoft url control|paloalto|palo alto|expanse|censys|zgrab|nmap|masscan"
    r"|ltx71|gowitness|retarus|hornetsecurity|vade ?secure|clearswift|trustwave|area1|agari|tessian",
    re.IGNORECASE,
)
_BOTS: Final = re.compile(
    r"(?<!cu)bots?\b|\bbots?[/-]|crawl|spider|slurp|facebookexternalhit|facebookcatalog|\bpreview\b|linkpreview"
    r"|bingpreview|skypeuripreview|whatsapp/|embedly|quora link|vkshare|w3c_validator|feedfetcher|feedburner"
    r"|mediapartners-google|google-read-aloud|google favicon|apis-google|google-inspectiontool|chrome-lighthouse"
    r"|headless|phantomjs|slimerjs|puppeteer|playwright|selenium|webdriver"
    r"|\bcurl/|\bwget/|python-|python/|urllib|aiohttp|httpx|scrapy|go-http-client|okhttp-probe|libwww-perl|lwp::|\bperl\b"
    r"|\bruby\b|faraday|mechanize|guzzle|\bphp/|axios/|node-fetch|undici|\bgot/|apache-httpclient|httpunit"
    r"|^java/|jakarta|reactor-netty|winhttp|winhttprequest|powershell|restsharp|postman|insomnia|uptime|pingdom"
    r"|statuscake|site24x7|monitis|check_http|nagios|zabbix|validator|archiver|heritrix|favicon",
    re.IGNORECASE,
)
_PEOPLE: Final = re.compile(
    r"^(?:Mozilla/[45]\.0 \(|Opera/|Microsoft (?:Office|Outlook)|Outlook-|Thunderbird/|Airmail|Spark/|Lotus-Notes"
    r"|Apple-?Mail|Mail/|MobileMail|Evolution|KMail|eM ?Client|Postbox|The Bat!|Dalvik/|Samsung|YahooMobileMail|Lynx/"
    r"|Links |w3m/|ELinks)"
)


@lru_cache(maxsize=4096)  # a hundred microseconds of patterns, for words that come again and again
def name(user_agent: str) -> Program:
    """The kind of program that a cleaned User-Agent names."""
    if not user_agent:
        return Program.MISSING
    if _APPLE.match(user_agent):
        return Program.APPLE_PROXY
    for program, pattern in _PROXIES:
        if pattern.search(user_agent):
            return program
    if _SCANNERS.search(user_agent):
        return Program.SCANNER
    if _BOTS.search(user_agent):
        return Program.BOT
    return Program.BROWSER if _PEOPLE.match(user_agent) else Program.STRANGE
