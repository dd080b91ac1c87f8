"""A workspace whose owner brings files."""

from __future__ import annotations

import re
from uuid import UUID

import pytest

from app.imports import jobs, queries
from app.imports.permitting import NO_YES, YES
from app.imports.rules import DONE_WORDS
from app.kernel.db import session
from tests.people.conftest import Staff, owner_of, place_in
from tests.support import make
from tests.support.accounts import csrf_of

__all__ = ["place_in"]
PAGE = "/people/import"


class Importer(Staff):
    """Somebody who brings a file through the pages."""

    def __init__(self, client, where):
        super().__init__(client, owner_of(where))
        self.where = where

    def give(self, content: bytes | str, name: str = "people.csv") -> str:
        """The file's page."""
        answer = self.send(content.encode() if isinstance(content, str) else content, name)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def send(self, octets: bytes, name: str = "people.csv"):
        """Post a file; the body is ours, since the client would leave a large one open."""
        csrf = csrf_of(self.client.get(PAGE).text)
        head = (
            f'--part\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n{csrf}\r\n'
            f'--part\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        )
        body = head.encode() + octets + b"\r\n--part--\r\n"
        return self.client.post(PAGE, data=body, content_type="multipart/form-data; boundary=part")

    def check(self, url: str, **more):
        """Choose what the page offers, and read the file by it."""
        page = self.client.get(url).text
        columns = re.findall(r'<select[^>]*name="column".*?</select>', page, re.DOTALL)
        chosen = [re.search(r'value="([^"]*)" selected', found) for found in columns]
        values = {"column": [found[1] if found else "" for found in chosen], **more}
        answer = self.post(f"{url}/columns", page=url, **values)
        jobs.run()
        session().expire_all()
        return answer

    def take(self, url: str) -> dict[str, int]:
        """Bring the people in; what became of the rows."""
        assert self.post(f"{url}/take", page=url).status_code == 303
        jobs.run()
        session().expire_all()
        return self.counts(url)

    def bring(self, content: bytes | str, **more) -> dict[str, int]:
        """All of it at once."""
        url = self.give(content)
        assert self.check(url, **more).status_code == 303
        checked = dict(self.found(url).checked)
        taken = self.take(url)
        assert self.found(url).state == "done"
        assert taken == {word: n for word, n in checked.items() if word in {*DONE_WORDS, YES} or word.startswith(NO_YES)}
        return checked | taken

    def found(self, url: str):
        return queries.get_import(self.where.id, UUID(url.rpartition("/")[2]))

    def counts(self, url: str) -> dict[str, int]:
        from app.imports import taking

        return taking.counts_of(self.found(url).id)


@pytest.fixture
def where(session):
    return make.place()


@pytest.fixture
def staff(where, client):
    return Importer(client, where)
