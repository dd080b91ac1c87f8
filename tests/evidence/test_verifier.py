"""The verifier, in a process that knows nothing of Nod: it believes an honest file and finds each forgery."""

from __future__ import annotations

import base64
import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.consent import proofs, seals
from app.consent import service as consent
from app.consent.ledger import canonical
from app.consent.rules import By
from app.evidence import document, rules, verifier
from app.kernel import clock
from app.kernel.db import transaction
from tests.support import make

PROGRAM = Path(verifier.__file__)


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """In isolation: no folder of ours on its path, no variable of ours, from the root of the machine."""
    command = [sys.executable, "-I", str(PROGRAM), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={}, cwd="/")


@pytest.fixture
def file(where, mara) -> dict[str, Any]:
    return json.loads(document.file_of(document.make(where.id, mara.id, clock.now())))


@pytest.fixture
def place(tmp_path, file) -> Path:
    path = tmp_path / "evidence.json"
    path.write_text(json.dumps(file))
    return path


def test_it_believes_an_honest_file_and_needs_nothing_of_nod(place, file):
    told = run(place, "--key", file["signature"]["public_key"])
    assert told.returncode == 0, told.stdout + told.stderr
    assert "4 events, 1 signed days" in told.stdout
    assert "Everything holds" in told.stdout
    assert "Note" not in told.stdout
    assert not [
        line for line in PROGRAM.read_text().splitlines() if line.startswith(("import app", "from app"))
    ]


def test_it_tells_a_forged_file_and_one_that_is_none(tmp_path, place, file):
    file["events"][3]["body"] = file["events"][3]["body"].replace("withdrawn", "confirmed")
    forged = tmp_path / "forged.json"
    forged.write_text(json.dumps(file))
    told = run(forged)
    assert told.returncode == 1
    assert "CHANGED: the file: it is not the one that was signed." in told.stdout
    assert "it is not what was sealed" in told.stdout
    assert "Everything holds" not in told.stdout
    for odd in ("[]", "{}", "nonsense", '{"format": "nod.evidence/1"}', "[" * 100_000):
        forged.write_text(odd)
        told = run(forged)
        assert told.returncode == 2, odd[:20]
        assert "Traceback" not in told.stderr


def event(number: int, key: str, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def forge(file: dict[str, Any]) -> None:
        file["events"][number][key] = change(file["events"][number][key])

    return forge


def flip(digits: str) -> str:
    return f"{int(digits[:2], 16) ^ 1:02x}{digits[2:]}"


def part(*path: Any, change: Callable[[Any], Any]) -> Callable[[dict[str, Any]], None]:
    def forge(file: dict[str, Any]) -> None:
        inner: Any = file
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = change(inner[path[-1]])

    return forge


def other_mail(source: str) -> str:
    return base64.b64encode(base64.b64decode(source).replace(b"Press", b"Click")).decode()


# By whoever has everything but the key of the days: the operator of another Nod who signs the file anew.
FORGERIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a time": (event(2, "body", lambda body: body.replace('"received_at":"2', '"received_at":"1', 1)), "not what was sealed"),
    "an answer": (event(1, "personal", lambda body: body.replace("250 2.0.0", "250 2.1.0")), "personal part was changed"),
    "an address": (event(0, "personal", lambda body: body.replace("Mara@", "Jane@")), "personal part was changed"),
    "a salt": (event(0, "salt", flip), "personal part was changed"),
    "a personal part removed": (event(0, "personal", lambda _: None), "nothing says that it was erased"),
    "a place": (event(0, "position", lambda place: place + 1), "not what was sealed"),
    "a place beyond": (event(0, "position", lambda _: 10**9), "not what was sealed"),
    "a way": (event(0, "path", lambda path: [flip(path[0]), *path[1:]]), "not what was sealed"),
    "a shorter way": (event(0, "path", lambda path: path[:-1]), "not what was sealed"),
    "a longer way": (event(0, "path", lambda path: [*path, path[0]]), "not what was sealed"),
    "another seal": (event(0, "seal", lambda no: no + 1), "not what was sealed"),
    "a seal that is not there": (event(0, "seal", lambda _: 77), "seal is missing"),
    "words": (part("texts", 0, "body", change=lambda body: body + " Also by phone."), "not those that were shown"),
    "words with their hash": (
        part("texts", 0, change=lambda text: text | {"body": "x", "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}),
        "not those that were shown",
    ),
    "words removed": (part("texts", change=lambda _: []), "not those that were shown"),
    "a root": (part("chains", 0, "links", 0, 1, change=flip), "does not lead to it"),
    "a later seal": (part("chains", 0, "links", 2, 1, change=flip), "does not lead to it"),
    "a count": (part("chains", 0, "links", 0, 0, change=lambda count: count + 1), "does not lead to it"),
    "the seal before": (part("chains", 0, "prev", change=flip), "does not lead to it"),
    "a chain cut": (part("chains", 0, "links", change=lambda links: links[:2]), "does not lead to it"),
    "a day": (part("days", 0, "day", change=lambda _: "2020-01-01"), "does not fit what it signs"),
    "a signature": (part("days", 0, "signature", change=flip), "does not fit what it signs"),
    "a key": (part("days", 0, "public_key", change=lambda _: "00" * 32), "does not fit what it signs"),
    "a mail": (part("mails", 0, "source", change=other_mail), "not the one that was sent"),
    "another person": (part("person", change=lambda _: "019a0000-0000-7000-8000-000000000001"), "about something else"),
    "another workspace": (part("workspace", change=lambda _: "019a0000-0000-7000-8000-000000000001"), "does not fit"),
    "an event twice": (part("events", 3, change=lambda found: found | {"id": "019a0000-0000-7000-8000-000000000001"}), "about something else"),
}  # fmt: skip


@pytest.mark.parametrize("forged_by", ["somebody", "whoever signs files"])
def test_it_finds_each_forgery(file, forged_by):
    for name, (forge, words) in FORGERIES.items():
        forged = copy.deepcopy(file)
        forge(forged)
        if forged_by != "somebody":
            rest = {key: value for key, value in forged.items() if key != "signature"}
            forged["signature"]["signature"] = proofs.sign(document.SIGNED + canonical(rest))[0].hex()
        faults, _ = verifier.check(forged)
        assert any(words in fault for fault in faults), (name, faults)
        is_whole = not any("not the one that was signed" in fault for fault in faults)
        assert is_whole is (forged_by != "somebody"), name


def test_it_finds_what_was_left_out_and_put_in_after_the_file_was_made(file):
    for name in ("events", "mails", "days", "texts", "receipts", "records"):
        forged = copy.deepcopy(file)
        forged[name].pop()
        faults, _ = verifier.check(forged)
        assert any("not the one that was signed" in fault for fault in faults), name


def test_another_key_is_told_only_by_the_published_one(file):
    """A whole history under a key of one's own holds in itself."""
    key = Ed25519PrivateKey.generate()
    own = key.public_key().public_bytes_raw().hex()
    for day in file["days"]:
        day["public_key"] = own
        day["signature"] = key.sign(verifier.day_message(file["workspace"], day)).hex()
    rest = {name: value for name, value in file.items() if name != "signature"}
    file["signature"] = {"public_key": own, "signature": key.sign(document.SIGNED + canonical(rest)).hex()}
    assert verifier.check(file)[0] == []
    published = proofs.sign(b"")[1].hex()
    assert "another key" in " ".join(verifier.check(file, published)[0])


def test_a_day_that_was_kept_betrays_a_history_written_anew(tmp_path, where, mara, file, place):
    kept = tmp_path / "kept"
    kept.mkdir()
    days = [document.day_of(found) for found in proofs.list_signatures(where.id)]
    (kept / "a.json").write_text(rules.text_of(rules.days_document(where.id, "Ostkai", days)))
    told = run(place, "--days", kept)
    assert told.returncode == 0, told.stdout
    assert "1 signed days that you have kept" in told.stdout
    anew = copy.deepcopy(days[0]) | {"seal": 3, "hash": "ab" * 32}
    anew["signature"] = seals.sign(verifier.day_message(str(where.id), anew)).hex()
    (kept / "a.json").write_text(rules.text_of(rules.days_document(where.id, "Ostkai", [anew])))
    told = run(place, "--days", kept)
    assert told.returncode == 1
    assert "differs from the one that you have kept" in told.stdout
    (kept / "b.json").write_text(rules.text_of(rules.days_document(where.id, "Ostkai", days)))
    told = run("--days", kept)
    assert told.returncode == 1
    assert "was signed twice" in told.stdout


def test_erased_and_unsigned_are_said_and_hold(where, mara):
    with transaction():
        consent.erase(where.id, mara.id, by=By("staff"))
    seals.seal_now()
    faults, notes = verifier.check(document.make(where.id, mara.id, clock.now()))
    assert faults == []
    assert sum("was erased" in note for note in notes) == 4
    assert sum("not signed yet" in note for note in notes) == 1
    late = make.person(where.id)
    make.asked(where, late)
    faults, notes = verifier.check(document.make(where.id, late.id, clock.now()))
    assert (faults, len(notes)) == ([], 1)
    assert "not sealed yet" in notes[0]
