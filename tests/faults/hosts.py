"""Machines that are not this one: workers that reach the servers through proxies of their own, each with its own folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tests.faults.proxy import Proxy
from tests.faults.site import Site


class CannotSeparate(Exception):
    """This machine lets us make no network namespaces; the text says why."""


@dataclass(frozen=True)
class Host:
    """One machine: how to run something on it, and the lines to the servers, which can be cut."""

    name: str
    settings: dict[str, str]
    lines: Sequence[Proxy]
    within: Sequence[str] = ()

    def start(self, site: Site, **more: str) -> None:
        """Start its worker."""
        site.start(self.name, "bulk", within=self.within, **(self.settings | more))

    def cut(self) -> None:
        """No way to PostgreSQL and Redis any more; the mail server can still be reached."""
        for line in self.lines:
            line.cut()

    def mend(self) -> None:
        for line in self.lines:
            line.mend()


@contextmanager
def behind_proxies(site: Site, count: int) -> Iterator[list[Host]]:
    """Machines on 127.0.x.y."""
    with ExitStack() as stack:
        yield [
            _host(site, stack, f"host{number}", f"127.0.{71 + number}.1", {"NOD_SMTP_URL": site.mail.url})
            for number in range(count)
        ]


@contextmanager
def in_namespaces(site: Site, count: int) -> Iterator[list[Host]]:
    """Machines with a network of their own, which reach nothing but this one.

    Raises:
        CannotSeparate: they may not be made here.
    """
    with ExitStack() as stack:
        yield [_apart(site, stack, number) for number in range(count)]


def _apart(site: Site, stack: ExitStack, number: int) -> Host:
    space, here, there = (
        f"nodf{site.mail.port}{number}",
        f"nf{site.mail.port}{number}a",
        f"nf{site.mail.port}{number}b",
    )
    near, far = f"10.213.{number}.1", f"10.213.{number}.2"
    _ip("netns", "add", space)
    stack.callback(_ip, "netns", "del", space)
    _ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
    _ip("addr", "add", f"{near}/30", "dev", here)
    _ip("link", "set", here, "up")
    within = ("ip", "netns", "exec", space)
    _run(*within, "ip", "addr", "add", f"{far}/30", "dev", there)
    _run(*within, "ip", "link", "set", there, "up")
    _run(*within, "ip", "link", "set", "lo", "up")
    mail = stack.enter_context(Proxy(near, site.mail.port))
    smtp = {"NOD_SMTP_URL": f"smtp://{near}:{mail.port}?tls=none"}
    return _host(site, stack, f"host{number}", near, smtp, within)


def _host(
    site: Site, stack: ExitStack, name: str, address: str, more: dict[str, str], within: Sequence[str] = ()
) -> Host:
    database = stack.enter_context(Proxy(address, site.servers.postgres.port))
    redis = stack.enter_context(Proxy(address, site.servers.redis.port))
    folder = Path(site.folder) / f"{name}-{site.mail.port}"
    settings = {
        "DATABASE_URL": _through(site.settings.database_url, database),
        "REDIS_URL": _through(site.settings.redis_url, redis),
        "NOD_DATA_DIR": str(folder),
        **more,
    }
    return Host(name, settings, (database, redis), within)


def _through(url: str, proxy: Proxy) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@{proxy.host}:{proxy.port}"))


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotSeparate(str(error)) from None
    if done.returncode:
        raise CannotSeparate(f"{' '.join(command)}: {done.stderr.strip()}")
