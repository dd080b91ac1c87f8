"""Files: kept with a person, fetched and never shown, part of the person's data."""

from __future__ import annotations

import base64
import re

import pytest

from app.accounts.rules.roles import Role
from app.consent.rules import By
from app.files import queries, service
from app.kernel.db import transaction
from app.kernel.errors import BadInput, Conflict, NotFound
from app.merging import service as merging
from app.people import queries as people
from app.people import service as people_service
from tests.support import make
from tests.support.accounts import csrf_of, make_member, sign_in


def put(where, who, name="contract.pdf", content=b"%PDF-1.7"):
    with transaction():
        return service.add(where.id, who.id, name, content, by=where.owner_id)


def names(where, who):
    return [file.name for file in queries.list_files(where.id, who.id)]


def give(staff, path, name, content):
    """As a browser posts it; what the test client makes of a large file would stay open."""
    fields = [f'name="csrf"\r\n\r\n{csrf_of(staff.get("/people").text)}'.encode()]
    fields.append(f'name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'.encode() + content)
    body = b"".join(b"--edge\r\nContent-Disposition: form-data; " + field + b"\r\n" for field in fields)
    return staff.client.post(path, data=body + b"--edge--\r\n", content_type="multipart/form-data; boundary=edge")


def test_a_file_is_put_with_a_person_fetched_and_deleted(staff, where, mara):
    path = f"/people/{mara.id}"
    content = bytes(range(256)) * 8_000  # two octets short of what other posts may have
    assert give(staff, f"{path}/files", "Vertrag – Kiel.pdf", content).status_code == 303
    page = staff.get(f"{path}?kind=file").text
    assert "Vertrag – Kiel.pdf" in page
    assert "File put here" in page
    url = re.search(r'href="(/people/[^"]*/files/[^"]*)"', page)[1]
    fetched = staff.get(url)
    assert fetched.data == content
    assert fetched.headers["Content-Disposition"].startswith("attachment;")
    assert "filename*=UTF-8''Vertrag%20%E2%80%93%20Kiel.pdf" in fetched.headers["Content-Disposition"]
    assert staff.post(f"{url}/delete", page=path).status_code == 303
    assert names(where, mara) == []
    assert staff.get(url).status_code == 404


def test_whatever_is_in_it_is_never_shown(staff, where, mara):
    file = put(where, mara, "page.html", b"<script>alert(1)</script>")
    fetched = staff.get(f"/people/{mara.id}/files/{file.id}")
    assert fetched.mimetype == "application/octet-stream"
    assert fetched.headers["X-Content-Type-Options"] == "nosniff"
    assert fetched.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert fetched.headers["Cache-Control"] == "private, no-store"


def test_a_file_of_five_megabytes_fits_and_a_larger_one_is_named(staff, where, mara):
    path = f"/people/{mara.id}/files"
    assert give(staff, path, "scan.tif", b"x" * service.MAX_OCTETS).status_code == 303
    answer = give(staff, path, "scan.tif", b"x" * (service.MAX_OCTETS + 1))
    assert answer.status_code == 422
    assert "at most 5 MB" in answer.text
    assert give(staff, path, "scan.tif", b"x" * (service.MAX_OCTETS + 200_000)).status_code == 413
    assert len(names(where, mara)) == 1


@pytest.mark.parametrize(("name", "content"), [("a.txt", b""), ("", b"x")])
def test_nothing_is_no_file(staff, where, mara, name, content):
    answer = give(staff, f"/people/{mara.id}/files", name, content)
    assert answer.status_code == 422
    assert "Choose a file that has something in it." in answer.text
    assert names(where, mara) == []


def test_a_person_has_so_many_and_no_more(where, mara, monkeypatch):
    monkeypatch.setattr(service, "MAX_FILES", 2)
    monkeypatch.setattr(service, "MAX_TOTAL", 100)
    put(where, mara, content=b"x" * 60)
    with pytest.raises(BadInput) as refused:
        put(where, mara, content=b"x" * 41)
    assert refused.value.fields["file"].endswith("Delete one first.")
    put(where, mara, content=b"x" * 40)
    with pytest.raises(BadInput):
        put(where, mara, content=b"x")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\Mara\\scan.pdf", "scan.pdf"),
        ("a\r\nX-Evil: 1.pdf", "aX-Evil: 1.pdf"),
        ("\u202efdp.exe", "fdp.exe"),
        ("...", "file"),
        ("\x00", "file"),
        ("x" * 300 + ".pdf", "x" * 116 + ".pdf"),
    ],
)
def test_names_are_names_and_nothing_else(where, mara, staff, raw, name):
    file = put(where, mara, raw)
    assert file.name == name
    assert staff.get(f"/people/{mara.id}/files/{file.id}").status_code == 200


def test_who_may_only_read_fetches_and_changes_nothing(client, where, mara):
    file = put(where, mara)
    assert sign_in(client, make_member(where.id, Role.VIEWER)).status_code == 303
    page = client.get(f"/people/{mara.id}").text
    assert "contract.pdf" in page
    assert "Add file" not in page
    assert client.get(f"/people/{mara.id}/files/{file.id}").data == b"%PDF-1.7"
    assert client.post(f"/people/{mara.id}/files/{file.id}/delete").status_code == 403


def test_a_file_belongs_to_its_person(where, mara):
    file = put(where, mara)
    nils = make.person(where.id, "nils@example.org")
    other = make.place("Other")
    for workspace_id, contact_id in ((where.id, nils.id), (other.id, mara.id)):
        with pytest.raises(NotFound):
            queries.get_file(workspace_id, contact_id, file.id, whole=True)


def test_who_asks_for_their_data_gets_the_files_and_erasing_deletes_them(staff, where, mara):
    put(where, mara)
    (told,) = people.export(where.id, mara.id)["files"]
    assert (told["file"], base64.b64decode(told["base64"])) == ("contract.pdf", b"%PDF-1.7")
    with transaction():
        people_service.erase(where.id, mara.id, by=By("system"))
    assert names(where, mara) == []
    with pytest.raises(Conflict):
        put(where, mara)
    assert "Add file" not in staff.get(f"/people/{mara.id}").text


def test_files_go_over_to_whom_somebody_is_merged_into_and_come_back(where, mara):
    double = make.person(where.id, "mara.l@example.org")
    put(where, double)
    by = By("staff", str(where.owner_id))
    with transaction():
        merged = merging.merge(where.id, mara.id, double.id, by=by)
    assert names(where, mara) == ["contract.pdf"]
    with transaction():
        merging.undo(where.id, merged.merge_id, by=by)
    assert (names(where, mara), names(where, double)) == ([], ["contract.pdf"])
