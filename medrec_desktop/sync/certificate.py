"""What certificate a clinics' server shows, before anybody logs in there.

Looking sends nothing but the request for encryption. Whoever answers is believed only afterwards: by
this computer's list of authorities, or because a person compared the fingerprint.
"""

import hashlib
import ipaddress
import socket
import ssl
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

from medrec_desktop.domain.errors import Denied, Invalid, Unavailable
from medrec_desktop.domain.joining import Certificate, Seen, ServerPlace

_REQUEST: Final = struct.pack("!ii", 8, 80877103)
_SECONDS: Final = 10.0
_UNREACHABLE: Final = (
    "The clinic's server does not answer at this address. Nothing was sent. Check the address and "
    "the network, then try again."
)
_NOT_THEIRS: Final = (
    "This authority does not vouch for the server that answers. Nothing was sent. Ask your "
    "administrator whether this is the right file – somebody may stand in between."
)
_PLAIN: Final = (
    "This server offers no encryption, so everybody on the way could read along. Nothing was sent. "
    "Ask whoever looks after the server to set up its certificate (docs/server.md)."
)


def look(place: ServerPlace, authority: Path | None = None, *, seconds: float = _SECONDS) -> Seen:
    """The certificate at that place; Denied when a server elsewhere has none. `authority` is a
    file with the certificate of one that vouches for it; Invalid when it does not."""
    try:
        context = ssl.create_default_context()
        if authority is None:
            return Seen(place, _certificate(place, context, seconds), protected=True)
        text = _authority(context, authority)
        certificate = _certificate(place, context, seconds)
        if not certificate.trusted:
            raise Invalid({"authority": _NOT_THEIRS})
        return Seen(place, certificate, protected=True, authority=text)
    except _NoEncryptionError:
        if not is_here(place.host):
            raise Denied(_PLAIN) from None
        return Seen(place, None, protected=False)
    except OSError as error:
        raise Unavailable(_UNREACHABLE) from error


def answers(place: ServerPlace, *, seconds: float = 3.0) -> bool:
    """Whether anything listens there."""
    with suppress(OSError), socket.create_connection((place.host, place.port), timeout=seconds):
        return True
    return False


def is_here(host: str) -> bool:
    """Whether it is this computer, so that nobody is in between."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _NoEncryptionError(Exception):
    """The server answered that it has none."""


def _authority(context: ssl.SSLContext, file: Path) -> str:
    """Believe in the certificates of that file, and in no others."""
    try:
        text = file.read_text("ascii")
        context.load_verify_locations(cadata=text)
    except (OSError, ValueError) as error:  # an SSLError is an OSError
        raise Invalid(
            {
                "authority": "This file holds no certificate. Nothing was sent. Ask your "
                "administrator for the authority’s certificate (a text file, often .pem or .crt)."
            }
        ) from error
    return text


def _certificate(place: ServerPlace, context: ssl.SSLContext, seconds: float) -> Certificate:
    try:
        found, trusted = _shown(place, context, seconds), True
    except ssl.SSLCertVerificationError:
        unchecked = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE
        found, trusted = _shown(place, unchecked, seconds), False
    parsed = x509.load_der_x509_certificate(found)
    return Certificate(
        fingerprint=hashlib.sha256(found).hexdigest(),
        subject=_name(parsed.subject),
        issuer=_name(parsed.issuer),
        ends=parsed.not_valid_after_utc,
        pem=ssl.DER_cert_to_PEM_cert(found),
        trusted=trusted,
        own=parsed.subject == parsed.issuer,
    )


def _shown(place: ServerPlace, context: ssl.SSLContext, seconds: float) -> bytes:
    with socket.create_connection((place.host, place.port), timeout=seconds) as line:
        line.sendall(_REQUEST)
        if line.recv(1) != b"S":
            raise _NoEncryptionError
        with context.wrap_socket(line, server_hostname=place.host) as protected:
            shown = protected.getpeercert(binary_form=True)
    if shown is None:
        raise _NoEncryptionError
    return shown


def _name(name: x509.Name) -> str:
    for kind in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME):
        for part in name.get_attributes_for_oid(kind):
            return str(part.value)
    return name.rfc4514_string()
