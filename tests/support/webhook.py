"""Somebody else's web server with a certificate, reached by its name: keeps what is posted, answers as told."""

from __future__ import annotations

import datetime
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.kernel import outgoing

NAME = "hooks.example"


@dataclass
class Hook:
    """``status`` is the next answers'; ``posts`` are (path, content type, body); ``pages`` what is got, by path."""

    url: str
    status: int = 204
    posts: list[tuple[str, str, bytes]] = field(default_factory=list)
    pages: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    """(status, content type, body), or where to go instead of a content type."""


@contextmanager
def hook(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[Hook]:
    """The server, and a world in which its names lead to it and its certificate is trusted.

    ``other.example`` leads to it as well, and has no certificate there.
    """
    certificate, key = _certificate(folder)
    server = HTTPServer(("127.0.0.1", 0), _handler())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    made = Hook(f"https://{NAME}:{port}/days?x=1")
    server.RequestHandlerClass.hook = made  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    trusting = ssl.create_default_context(cafile=str(certificate))
    patch.setattr(outgoing.ssl, "create_default_context", lambda: trusting)
    patch.setattr(outgoing, "PORTS", (port,))
    patch.setattr(outgoing, "_public_address", lambda _host, _port: "127.0.0.1")
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler() -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        hook: Hook

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.hook.posts.append((self.path, self.headers["Content-Type"], body))
            self.send_response(self.hook.status)
            self.send_header("Location", "https://127.0.0.1/inside")
            self.end_headers()

        def do_GET(self) -> None:
            status, word, body = self.hook.pages[self.path]
            self.send_response(status)
            self.send_header("Location" if 300 <= status < 400 else "Content-Type", word)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def _certificate(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "hook.pem", folder / "hook.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private
