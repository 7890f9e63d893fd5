"""`medrec-admin clinic move-to-server`: this computer's clinic gets a place on a server, and
everything it has is sent there. Given again it goes on where it was cut short."""

import argparse
import threading
from contextlib import closing

from medrec_desktop.admin import clinics, server
from medrec_desktop.admin.terminal import Bar, Passphrases
from medrec_desktop.data.server.address import ServerAddress
from medrec_desktop.domain.errors import Invalid
from medrec_desktop.domain.joining import ServerPlace
from medrec_desktop.services import moving


def move(options: argparse.Namespace, passphrases: Passphrases) -> int:
    """Make the place, let the clinic have it, send everything."""
    address = server.address_of(options)
    root = _root(address)
    with clinics.opened(options, passphrases) as context:
        with server.opened(options) as engine:
            place = ServerPlace(address.host, address.port, address.database)
            code = moving.move_to_server(context, engine, place, root=root)
        if code is not None:
            print(
                "The clinic has its place on the server. Its other computers join with this code."
            )
            server.show(code)
        with closing(Bar("Sending")) as bar:
            sent = moving.send_everything(
                context, clinics.folder_of(options), progress=bar, stop=threading.Event()
            )
    what = "1 change was" if sent == 1 else f"{sent:,} changes were"
    print(
        f"Everything is on the server; {what} sent. From now on this computer keeps "
        "in step with it whenever the program is open. Files whose bytes are here alone stay here "
        "until a storage is set up."
    )
    return 0


def _root(address: ServerAddress) -> str:
    """The certificates that this clinic's computers will believe in beside the system's."""
    if address.unprotected and not address.here:
        raise Invalid(
            {
                "server": "A clinic's computers do not send records over a connection that is not "
                "protected. Nothing was done. Give the server a certificate (docs/server.md)."
            }
        )
    if address.ca is None:
        return ""
    try:
        return address.ca.read_text("ascii")
    except (OSError, ValueError) as error:
        raise Invalid(
            {"ca": "The certificate's file could not be read. Nothing was done."}
        ) from error
