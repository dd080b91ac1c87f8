"""What a signature costs here: ``python -m tests.delivery.dkim_figures``. The figures stand in app/delivery/dkim.py."""

# ruff: noqa: T201

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from app.delivery import dkim

HEAD = b"""Date: Sun, 22 Nov 2026 09:14:00 +0000
From: Ostkai Coffee Roasters <hello@ostkai.example>
To: Mara <mara@example.org>
Subject: New coffees of the month, and the one that you have asked for
Message-ID: <m.7.1@ostkai.example>
Reply-To: hello@ostkai.example
List-Id: New coffees <01976f3e7c0a70008000000000000001.ab12cd.ostkai.example>
Feedback-ID: 7:01976f3e7c0a70008000000000000001:ab12cd:nod-ab12cd
List-Unsubscribe: <https://news.ostkai.example/u/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa>,
 <mailto:u-a-b-abcdefghijklmnop@bounces.ostkai.example?subject=unsubscribe>
List-Unsubscribe-Post: List-Unsubscribe=One-Click
MIME-Version: 1.0
Content-Type: multipart/alternative;
 boundary="=_0123456789abcdef0123456789abcdef"
""".replace(b"\n", b"\r\n")
LINE = b"Some words of a letter that goes on for long enough to be folded here and=\r\n"
BODY = LINE * (24 * 1024 // len(LINE))


def microseconds(call: Callable[[], object], times: int = 2000) -> float:
    call()
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times * 1e6


def mails_a_second(signer: dkim.Signer, threads: int, each: int = 1500) -> float:
    def work(_: int) -> None:
        for _ in range(each):
            signer.sign(HEAD, BODY, is_canonical_body=True)

    with ThreadPoolExecutor(threads) as pool:
        began = time.perf_counter()
        list(pool.map(work, range(threads)))
        return threads * each / (time.perf_counter() - began)


def main() -> None:
    signer = dkim.Signer(
        "ostkai.example",
        "nod-rsa",
        generate_private_key(65537, 2048),
        "nod-ed",
        Ed25519PrivateKey.generate(),
    )
    crooked = BODY.replace(b" of ", b"  of\t")
    figures: list[tuple[str, Callable[[], object]]] = [
        ("whole mail", lambda: signer.sign(HEAD, BODY, is_canonical_body=True)),
        ("RSA alone", lambda: signer._rsa(HEAD, dkim._PADDING, dkim._SHA256)),
        ("Ed25519 alone", lambda: signer._ed(HEAD[:32])),
        ("head", lambda: dkim._pick(HEAD)),
        ("hash of the body", lambda: hashlib.sha256(BODY).digest()),
        ("is it canonical?", lambda: dkim.is_canonical(BODY)),
        ("make it canonical", lambda: dkim.canonical_body(crooked)),
    ]
    for label, call in figures:
        print(f"{label:20} {microseconds(call):8.1f} µs")
    for threads in (1, 2):
        print(f"{threads} threads {mails_a_second(signer, threads):16,.0f} mails a second")


if __name__ == "__main__":
    main()
