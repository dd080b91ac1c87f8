"""Web server, workers and clock as processes: a click becomes a signal and a score by itself."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from app.engagement import queries as engagement
from app.kernel import redis
from app.kernel.db import db, session
from tests.support import make, reading
from tests.support.installation import eventually, running
from tests.support.reading import FIREFOX, LINKS


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args, **_more):
        return None


def ask(url):
    opener = urllib.request.build_opener(_Stay)
    try:
        answer = opener.open(urllib.request.Request(url, headers={"User-Agent": FIREFOX}), timeout=10)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers, answer.read()


@pytest.mark.slow
def test_a_click_arrives_by_itself_and_workers_may_die(other_settings, servers, tmp_path):
    settings = replace(other_settings, data_dir=str(tmp_path))
    try:
        with running(settings, tmp_path / "log") as nod:
            where = make.place()
            who = reading.reader(where)
            letter = reading.sent(where, [who])

            def arrived(count):
                def ask_again():
                    session().rollback()
                    db.session.remove()
                    return reading.count_signals() == count

                eventually(ask_again, seconds=40, said=lambda: nod.log.read_text()[-2000:])

            assert len(ask(nod.url + letter.pixel(who))[2]) == 43
            status, headers, _ = ask(nod.url + letter.link(who, 1))
            assert (status, headers["Location"]) == (302, LINKS[1])
            arrived(2)
            for _ in range(3):
                for _ in range(5):
                    ask(nod.url + letter.link(who))
                nod.restart("senders")
            arrived(17)
            session().rollback()
            assert engagement.score(where.id, who.id).value > 0
    finally:
        redis.configure(servers.redis_url)
