"""Case 19: a request for another host is refused, and no link is ever built from what a request says."""

from __future__ import annotations

import re
import socket
import threading

import pytest
from werkzeug.serving import make_server

from tests.support import accounts

PATHS = [
    "/",
    "/sign-in",
    "/setup/account",
    "/f/unknown",
    "/c/unknown",
    "/u/unknown",
    "/p/unknown",
    "/api/v1/me",
    "/static/app.css",
]
HOSTS = [
    "evil.example",
    "evil.example:8000",
    "127.0.0.1.evil.example",
    "evil.example#127.0.0.1",
    "127.0.0.1@evil.example",
    "127.0.0.1, evil.example",
    "[::1]:8000",
    "localhost",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("host", HOSTS)
def test_case_19_another_host_is_refused_everywhere(client, path, host):
    answer = client.get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert "Set-Cookie" not in answer.headers
    assert "evil" not in answer.text
    assert "Location" not in answer.headers


@pytest.mark.parametrize("path", ["/sign-in", "/setup/account"])
def test_case_19_a_post_for_another_host_does_nothing(client, path):
    form = {
        "csrf": accounts.token_of(client, "/setup/account"),
        "name": "Eve",
        "email": "eve@evil.example",
        "password": accounts.PASSWORD,
    }
    assert client.post(path, data=form, headers={"Host": "evil.example"}).status_code == 400
    from app.accounts import queries

    assert not queries.has_owner()


@pytest.mark.parametrize(
    "header", ["X-Forwarded-Host", "X-Host", "Forwarded", "X-Original-Host", "X-Forwarded-Server"]
)
def test_case_19_forwarded_hosts_are_not_believed(client, header):
    accounts.make_owner()
    value = "host=evil.example" if header == "Forwarded" else "evil.example"
    for path in ("/sign-in", "/"):
        answer = client.get(path, headers={header: value})
        assert answer.status_code in {200, 302}
        assert "evil" not in answer.text + str(answer.headers)


def test_case_19_redirects_stay_relative(client):
    accounts.make_owner()
    answer = client.get("/settings", headers={"Accept": "text/html"})
    assert answer.location == "/sign-in?next=/settings"
    assert not re.match(r"[a-z]+:", answer.location)


@pytest.mark.parametrize(
    "lines",
    [
        ("GET http://evil.example/setup/account HTTP/1.1", "Host: 127.0.0.1"),
        ("GET http://evil.example/setup/account HTTP/1.1", "Host: evil.example"),
        ("GET /setup/account HTTP/1.1", "Host: evil.example"),
    ],
)
def test_case_19_an_absolute_request_line_is_no_way_around(live, lines):
    server = make_server("127.0.0.1", 0, live)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
            line.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode())
            said = b"".join(iter(lambda: line.recv(65536), b""))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert said.split(b"\r\n")[0].split()[1] == b"400"
    assert b"evil" not in said
