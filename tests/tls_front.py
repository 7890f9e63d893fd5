"""Encryption before a PostgreSQL that has none: answers its request, then hands bytes on."""

import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def make_certificate(
    folder: Path, name: str = "server", *, host: str = "127.0.0.1", by: Path | None = None
) -> Path:
    """A key and a certificate in one file; it vouches for itself unless that of `by` does."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Hill clinics")])
    issuer, signing = subject, key
    if by is not None:
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        loaded = serialization.load_pem_private_key(by.read_bytes(), None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey)
        signing = loaded
    now = datetime.now(UTC)
    alternative: x509.GeneralName = x509.DNSName(host)
    with suppress(ValueError):
        alternative = x509.IPAddress(ipaddress.ip_address(host))
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .sign(signing, hashes.SHA256())
    )
    file = folder / f"{name}.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return file


class TlsFront:
    """Listens on a port of this computer; `certificate` None answers that there is none."""

    def __init__(self, target: tuple[str, int], certificate: Path | None, *, port: int = 0) -> None:
        self._target = target
        self._context = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listening.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._lines: list[socket.socket] = []
        self._closed = False
        self._start(self._accept)

    def close(self) -> None:
        """End every line."""
        self._closed = True
        # Wakes the thread that accepts, on every system.
        with suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        for line in list(self._lines):
            _shut(line)
        for thread in list(self._threads):
            thread.join(10)
        self._listening.close()

    def _start(self, work: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        while not self._closed:
            line, _ = self._listening.accept()
            self._start(self._serve, line)

    def _serve(self, line: socket.socket) -> None:
        with suppress(OSError, ValueError), line:
            if not line.recv(8):
                return
            if self._context is None:
                line.sendall(b"N")
                return
            line.sendall(b"S")
            with (
                self._context.wrap_socket(line, server_side=True) as protected,
                socket.create_connection(self._target) as beyond,
            ):
                self._lines += [protected, beyond]
                back = self._start(_hand_on, beyond, protected)
                _hand_on(protected, beyond)
                back.join(10)


def _hand_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while piece := source.recv(65536):
            target.sendall(piece)
    _shut(source)
    _shut(target)


def _shut(line: socket.socket) -> None:
    with suppress(OSError, ValueError):
        line.shutdown(socket.SHUT_RDWR)
