"""Other people's servers are asked, our own network never."""

from __future__ import annotations

import socket
from itertools import chain, repeat

import pytest

from app.kernel import outgoing
from tests.support import webhook

INSIDE = (
    "127.0.0.1", "0.0.0.0", "10.0.0.5", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "192.0.2.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
    "64:ff9b::a00:1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:db8::1", "ff02::1", "fe80::1%eth0", "nonsense", "",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_what_is_inside_is_not_public(address):
    assert not outgoing.is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_what_is_outside_is(address):
    assert outgoing.is_public(address)


@pytest.fixture
def names(monkeypatch):
    """A name server of the test's own; whoever connects is noted, and nothing leaves."""
    known: dict[str, list[str]] = {}
    asked: list[str] = []
    reached: list[tuple[str, int]] = []

    def resolve(host, port, **_):
        asked.append(host)
        try:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in known[host]]
        except KeyError:
            raise socket.gaierror("no such name") from None

    def connect(address, _timeout=None):
        reached.append(address)
        raise TimeoutError

    monkeypatch.setattr(outgoing.socket, "getaddrinfo", resolve)
    monkeypatch.setattr(outgoing.socket, "create_connection", connect)
    known["asked"], known["reached"] = asked, reached  # type: ignore[assignment]
    return known


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "file:///etc/passwd", "gopher://hooks.example/", "//hooks.example",
        "https://user:word@hooks.example/", "https:///x", "https://hooks.example:25/", "https://hooks.example:6379/",
        "https://hooks.example:99999/", "https://[::1", "",
    ],
)  # fmt: skip
def test_other_schemes_ports_and_shapes_are_refused_before_any_look_up(names, url):
    with pytest.raises(outgoing.Forbidden):
        outgoing.post(url, b"{}", "application/json")
    assert names["asked"] == names["reached"] == []


@pytest.mark.parametrize(
    "host", ["hooks.example", "localhost", "localhost.", "2130706433", "0177.0.0.1", "127.1"]
)
def test_a_name_that_leads_inside_is_refused_without_a_packet(names, host):
    names[host.rstrip(".")] = ["127.0.0.1"]
    with pytest.raises(outgoing.Forbidden, match="not public"):
        outgoing.post(f"https://{host}/x", b"{}", "application/json")
    assert names["reached"] == []


def test_one_inner_address_among_public_ones_is_enough_to_refuse(names):
    names["hooks.example"] = ["8.8.8.8", "10.0.0.1"]
    with pytest.raises(outgoing.Forbidden):
        outgoing.post("https://hooks.example/", b"{}", "application/json")
    assert names["reached"] == []


def test_the_connection_goes_to_the_address_that_was_looked_at(names):
    names["hooks.example"] = ["8.8.8.8"]
    with pytest.raises(outgoing.NotSent, match="did not answer"):
        outgoing.post("https://hooks.example:8443/", b"{}", "application/json")
    assert names["reached"] == [("8.8.8.8", 8443)], "by address: nobody looks the name up a second time"
    assert names["asked"] == ["hooks.example"]


def test_a_name_that_is_not_there_is_said(names):
    with pytest.raises(outgoing.NotSent, match="has no address"):
        outgoing.post("https://nowhere.example/", b"{}", "application/json")


def test_a_post_arrives_at_the_name_of_the_certificate_and_no_redirect_is_followed(tmp_path, monkeypatch):
    with webhook.hook(tmp_path, monkeypatch) as hook:
        assert outgoing.post(hook.url, b'{"a": 1}', "application/json").status == 204
        assert hook.posts == [("/days?x=1", "application/json", b'{"a": 1}')]
        hook.status = 302
        assert outgoing.post(hook.url, b"{}", "application/json").status == 302
        assert len(hook.posts) == 2
        with pytest.raises(outgoing.NotSent, match="SSLCertVerificationError"):
            outgoing.post(hook.url.replace("hooks.", "other."), b"{}", "application/json")
        assert len(hook.posts) == 2


def test_a_page_is_got_over_a_few_redirects_each_looked_at_like_the_first(tmp_path, monkeypatch):
    looked_at: list[str] = []
    with webhook.hook(tmp_path, monkeypatch) as hook:
        monkeypatch.setattr(outgoing, "_public_address", lambda host, _port: looked_at.append(host) or "127.0.0.1")
        base = hook.url.partition("/days")[0]
        hook.pages = {"/": (301, "/privacy", b""), "/privacy": (200, "text/html", b"<p>Words</p>")}
        answer = outgoing.get(f"{base}/", most=100)
        assert (answer.status, answer.content_type, answer.body) == (200, "text/html", b"<p>Words</p>")
        assert looked_at == ["hooks.example", "hooks.example"]
        hook.pages["/datenschutz-f%C3%BCr%20alle?x=%C3%BC"] = (200, "text/html", b"Ja")
        assert outgoing.get(f"{base}/datenschutz-für%20alle?x=ü", most=100).body == b"Ja"
        hook.pages["/"] = (302, "http://hooks.example/", b"")
        with pytest.raises(outgoing.Forbidden, match="https"):
            outgoing.get(f"{base}/", most=100)
        hook.pages["/"] = (302, "/", b"")
        with pytest.raises(outgoing.NotSent, match="without an end"):
            outgoing.get(f"{base}/", most=100)
        hook.pages["/"] = (200, "text/html", b"x" * 2048)
        with pytest.raises(outgoing.NotSent, match="more than 1 KiB"):
            outgoing.get(f"{base}/", most=1024)


def test_a_page_is_looked_at_without_reading_it(tmp_path, monkeypatch):
    with webhook.hook(tmp_path, monkeypatch) as hook:
        base = hook.url.partition("/days")[0]
        hook.pages = {"/": (302, f"{base}/there", b""), "/there": (200, "text/html", b"x" * 200_000), "/gone": (410, "text/html", b"")}
        assert outgoing.look(f"{base}/") == 200
        assert outgoing.look(f"{base}/gone") == 410
        hook.pages["/"] = (302, f"{base}/", b"")
        with pytest.raises(outgoing.NotSent, match="without an end"):
            outgoing.look(f"{base}/")
        with pytest.raises(outgoing.Forbidden):
            outgoing.look("http://shop.test/")


def test_a_redirect_that_leads_inside_is_refused(tmp_path, monkeypatch):
    with webhook.hook(tmp_path, monkeypatch) as hook:
        hook.pages = {"/": (302, "https://inside.example/", b"")}
        outside = hook.url.partition("/days")[0] + "/"

        def address(host, _port):
            if host == "inside.example":
                raise outgoing.Forbidden("inside.example leads into a network that is not public.")
            return "127.0.0.1"

        monkeypatch.setattr(outgoing, "_public_address", address)
        monkeypatch.setattr(outgoing, "PORTS", (*outgoing.PORTS, 443))
        with pytest.raises(outgoing.Forbidden, match="not public"):
            outgoing.get(outside, most=100)


def test_a_page_that_trickles_is_given_up(tmp_path, monkeypatch):
    with webhook.hook(tmp_path, monkeypatch) as hook:
        hook.pages = {"/": (200, "text/html", b"x" * 100)}
        moments = chain([0.0], repeat(99.0))
        monkeypatch.setattr(outgoing.time, "monotonic", lambda: next(moments))
        with pytest.raises(outgoing.NotSent, match="too slow"):
            outgoing.get(hook.url.partition("/days")[0] + "/", most=1000)
