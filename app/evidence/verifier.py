#!/usr/bin/env python3
r"""Checks an evidence file of Nod without Nod: one file, Python 3.9 or newer and its package ``cryptography``.

    python3 verifier.py evidence.json
    python3 verifier.py evidence.json --key <64 hexadecimal digits>  # the key that the sender has published
    python3 verifier.py evidence.json --days <folder or file>...     # signed days that you have kept yourself
    python3 verifier.py --days <folder or file>...                   # those days alone

What is checked: the signature over the whole file; each event's commitment to its personal part; each event's way up
the Merkle tree to the root of its seal; the chain of seals up to the seal that a day's signature covers; that
signature; the words that were shown; the source of each question's mail against the hash in its event. With ``--days``
also that the signatures of the file are those that you were sent when the day was over: a history written anew since
then differs.

Ends with 0 when everything holds, 1 when something was changed, 2 when the file cannot be read. A personal part that is
missing is said: it was erased with its person, and an event of the file must say so.

Formats (hashes are SHA-256, ``||`` joins bytes):
  leaf         H(0x00 || body)                     body: the event's canonical JSON
  node         H(0x01 || left || right)            an odd node moves up as it is
  commitment   H(salt || personal)
  seal         H("nod seal 1" || workspace (16) || no (8) || count (4) || root || hash of the seal before)
  day          Ed25519 over "nod day 1\n" || {"day","hash","seal","workspace"} as canonical JSON
  file         Ed25519 over "nod evidence 1\n" || the file without "signature" as canonical JSON
Canonical JSON: sorted keys, no spaces, UTF-8.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "nod.evidence/1"
DAYS = "nod.days/1"
Days = dict[tuple[str, str], dict[str, Any]]
"""Kept days by workspace and day."""


def canonical(value: Any) -> bytes:
    """The bytes that are hashed and signed."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sha256(data: bytes) -> bytes:
    """32 bytes."""
    return hashlib.sha256(data).digest()


def is_signed(public_key: str, signature: str, message: bytes) -> bool:
    """Whether the key (hexadecimal) made this signature."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(
            bytes.fromhex(signature), message
        )
    except (InvalidSignature, ValueError):
        return False
    return True


def root_of(leaf: bytes, position: int, count: int, path: list[str]) -> bytes | None:
    """The root to which a leaf at a position leads; None where the path does not fit the tree."""
    steps = [bytes.fromhex(step) for step in path]
    if not 0 <= position < count:
        return None
    while count > 1:
        if position ^ 1 < count:
            if not steps:
                return None
            other = steps.pop(0)
            pair = other + leaf if position % 2 else leaf + other
            leaf = sha256(b"\x01" + pair)
        position, count = position // 2, (count + 1) // 2
    return leaf if not steps else None


def seal_hash(workspace: str, no: int, count: int, root: bytes, prev: bytes) -> bytes:
    """What the next seal and a day's signature hold on to."""
    head = b"nod seal 1" + UUID(workspace).bytes + no.to_bytes(8, "big") + count.to_bytes(4, "big")
    return sha256(head + root + prev)


def day_message(workspace: str, day: dict[str, Any]) -> bytes:
    """What a day's signature covers."""
    parts = {"workspace": workspace, "day": day["day"], "seal": day["seal"], "hash": day["hash"]}
    return b"nod day 1\n" + canonical(parts)


def entries_in(file: dict[str, Any]) -> set[str]:
    """The person, and the entries of theirs that their own events say were merged into one."""
    found: set[str] = set()
    more = {str(file.get("person", ""))}
    bodies = [json.loads(event["body"]) for event in file.get("events", [])]
    while more - found:
        found |= more
        more = {
            body["entry"] for body in bodies if body["kind"] == "merged" and body["contact"] in found and "entry" in body
        }
    return found


class Check:
    """One evidence file; ``faults`` is what does not hold, ``notes`` what a reader should know."""

    def __init__(self, file: dict[str, Any]) -> None:
        self.file = file
        self.faults: list[str] = []
        self.notes: list[str] = []
        self.entries = entries_in(file)
        self.seals: dict[int, tuple[int, bytes, bytes]] = {}
        """(count, root, hash) by number."""

    def run(self, key: str = "", kept: Days | None = None) -> None:
        """Everything; ``key`` is the one that was published, ``kept`` are days that somebody else has kept."""
        self._whole(key)
        self._chains()
        self._days(kept or {})
        bodies = [self._event(event) for event in self.file["events"]]
        self._texts(bodies)
        self._mails()

    def _whole(self, key: str) -> None:
        if self.file.get("format") != FORMAT:
            raise ValueError(f"This is no file of the format {FORMAT}.")
        signature = self.file["signature"]
        rest = {name: value for name, value in self.file.items() if name != "signature"}
        if not is_signed(
            signature["public_key"], signature["signature"], b"nod evidence 1\n" + canonical(rest)
        ):
            self.faults.append("the file: it is not the one that was signed")
        if key and signature["public_key"] != key.lower():
            self.faults.append("the file: it was signed with another key than the one that you have")

    def _chains(self) -> None:
        for chain in self.file["chains"]:
            no, prev = chain["first"], bytes.fromhex(chain["prev"])
            for count, root in chain["links"]:
                prev = seal_hash(self.file["workspace"], no, count, bytes.fromhex(root), prev)
                self.seals[no] = (count, bytes.fromhex(root), prev)
                no += 1

    def _days(self, kept: Days) -> None:
        own = self.file["signature"]["public_key"]
        for day in self.file["days"]:
            where = f"the signature of {day['day']}"
            if not is_signed(day["public_key"], day["signature"], day_message(self.file["workspace"], day)):
                self.faults.append(f"{where}: it does not fit what it signs")
            if day["public_key"] != own:
                self.faults.append(f"{where}: it was made with another key than the file")
            if self.seals.get(day["seal"], (0, b"", b""))[2].hex() != day["hash"]:
                self.faults.append(f"{where}: the chain of seals does not lead to it")
            other = kept.get((self.file["workspace"], day["day"]))
            if other is not None and not _same_day(other, day):
                self.faults.append(f"{where}: it differs from the one that you have kept")
            if kept and other is None:
                self.notes.append(f"{where}: you have kept none for this day")

    def _event(self, event: dict[str, Any]) -> dict[str, Any]:
        where = f"event {event['id']}"
        body: dict[str, Any] = json.loads(event["body"])
        is_theirs = body["contact"] in self.entries
        if (body["id"], body["workspace"], is_theirs) != (event["id"], self.file["workspace"], True):
            self.faults.append(f"{where}: it is about something else")
        self._commitment(where, event, body)
        self._seal(where, event)
        return body

    def _commitment(self, where: str, event: dict[str, Any], body: dict[str, Any]) -> None:
        committed, personal = body.get("commitment"), event["personal"]
        if committed is None:
            if personal is not None:
                self.faults.append(f"{where}: a personal part was added")
        elif personal is None:
            if self._was_erased(body["received_at"]):
                self.notes.append(f"{where}: its personal part was erased")
            else:
                self.faults.append(
                    f"{where}: its personal part is missing, and nothing says that it was erased"
                )
        elif sha256(bytes.fromhex(event["salt"]) + personal.encode()).hex() != committed:
            self.faults.append(f"{where}: its personal part was changed")

    def _was_erased(self, since: str) -> bool:
        """Whether an erasure was written on the day of an event or later; the day alone, for machines' clocks differ."""
        others = (json.loads(other["body"]) for other in self.file["events"])
        return any(other["kind"] == "erased" and other["received_at"][:10] >= since[:10] for other in others)

    def _seal(self, where: str, event: dict[str, Any]) -> None:
        no = event["seal"]
        if no is None:
            self.notes.append(f"{where}: it was not sealed yet when the file was made")
            return
        if no not in self.seals:
            self.faults.append(f"{where}: its seal is missing")
            return
        count, root, _ = self.seals[no]
        leaf = sha256(b"\x00" + event["body"].encode())
        if root_of(leaf, event["position"], count, event["path"]) != root:
            self.faults.append(f"{where}: it is not what was sealed")
        if not self._is_covered(no):
            self.notes.append(f"{where}: its day was not signed yet when the file was made")

    def _is_covered(self, no: int) -> bool:
        """Whether the chain goes on without a gap from this seal to one that a day's signature covers."""
        signed = {day["seal"] for day in self.file["days"]}
        while no in self.seals:
            if no in signed:
                return True
            no += 1
        return False

    def _texts(self, bodies: list[dict[str, Any]]) -> None:
        known = {text["id"]: sha256(text["body"].encode()).hex() for text in self.file["texts"]}
        for body in bodies:
            for shown in body.get("texts") or []:
                if known.get(shown["id"]) != shown["sha256"]:
                    self.faults.append(
                        f"event {body['id']}: the words in the file are not those that were shown"
                    )

    def _mails(self) -> None:
        told = {event["id"]: json.loads(event["personal"] or "{}") for event in self.file["events"]}
        for mail in self.file["mails"]:
            source = base64.b64decode(mail["source"])
            if told.get(mail["event"], {}).get("mime_sha256") != sha256(source).hex():
                self.faults.append(f"the mail of event {mail['event']}: it is not the one that was sent")


def _same_day(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ("seal", "hash", "public_key"))


def check(file: dict[str, Any], key: str = "", kept: Days | None = None) -> tuple[list[str], list[str]]:
    """(faults, notes) of an evidence file.

    Raises:
        KeyError, TypeError, ValueError: it is no evidence file.
    """
    made = Check(file)
    made.run(key, kept)
    return made.faults, made.notes


def read_days(places: list[Path]) -> tuple[Days, list[str]]:
    """The signed days in these files and folders (``*.json``), and what does not hold about them."""
    days: Days = {}
    faults: list[str] = []
    names = [
        name for place in places for name in (sorted(place.rglob("*.json")) if place.is_dir() else [place])
    ]
    for name in names:
        told = json.loads(name.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or told.get("format") != DAYS:
            continue
        for day in told["days"]:
            if not is_signed(day["public_key"], day["signature"], day_message(told["workspace"], day)):
                faults.append(f"{name.name}: the signature of {day['day']} does not fit what it signs")
            before = days.setdefault((told["workspace"], day["day"]), day)
            if not _same_day(before, day):
                faults.append(f"{name.name}: {day['day']} was signed twice, over different seals")
    return days, faults


def main(arguments: list[str]) -> int:
    """Check and say; the exit status."""
    parser = argparse.ArgumentParser(description="Checks an evidence file of Nod without Nod.")
    parser.add_argument("file", nargs="?", type=Path, help="evidence.json")
    parser.add_argument("--key", default="", help="the published key, 64 hexadecimal digits")
    parser.add_argument("--days", nargs="+", type=Path, default=[], help="signed days: files or folders")
    given = parser.parse_args(arguments)
    if given.file is None and not given.days:
        parser.error("name an evidence file, or --days")
    try:
        kept, faults = read_days(given.days)
        notes: list[str] = []
        if given.file is not None:
            file = json.loads(given.file.read_text(encoding="utf-8"))
            more, notes = check(file, given.key, kept)
            faults += more
            print(f"{len(file['events'])} events, {len(file['days'])} signed days, made {file['made_at']}.")
            print(
                f"Key: {file['signature']['public_key']}"
                + ("" if given.key else " (compare it with the published one)")
            )
        if kept:
            print(f"{len(kept)} signed days that you have kept.")
    except (KeyError, TypeError, ValueError, AttributeError, OSError, OverflowError, RecursionError) as fault:
        print(f"This file cannot be read: {fault}", file=sys.stderr)
        return 2
    for note in notes:
        print(f"Note: {note}.")
    for found in faults:
        print(f"CHANGED: {found}.")
    print(
        "Something was changed. Do not rely on this." if faults else "Everything holds: nothing was changed."
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
