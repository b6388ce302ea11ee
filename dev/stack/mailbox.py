"""A mail server for the demo and tests: it writes each accepted mail to a file and relays nothing.

Run it: `python -m dev.stack.mailbox --host 127.0.0.1 --port 8025 --directory DIR [--reject ADDRESS …]`.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Annotated

from aiosmtpd.smtp import SMTP, Envelope, Session
from cyclopts import App, Parameter

from landbridge.domain import addresses

REJECTED = "550 5.1.1 No such mailbox"
FULL = "452 4.3.1 Cannot store the mail now"
_UNFINISHED = ".tmp"


class Mailbox:
    """Writes each accepted mail to a file of its own, numbered in the order of arrival.

    The file is written atomically and synced to disk before the server answers 250: an acknowledged mail survives
    `kill -9`. Each file begins with the envelope: `X-Envelope-From`, and `X-Envelope-To` for each recipient.
    """

    def __init__(self, directory: Path, reject: Collection[str] = ()) -> None:
        """`directory` is created if it does not exist; recipients in `reject` are answered with 550."""
        directory.mkdir(parents=True, exist_ok=True)
        for unfinished in directory.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        self._directory = directory
        self._reject = {addresses.key(address) for address in reject}
        self._last = max((int(path.stem) for path in directory.glob("*.eml")), default=0)

    def session(self) -> SMTP:
        """Return the protocol for one connection."""
        return SMTP(self, enable_SMTPUTF8=True, hostname="mailbox.example")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Accept or reject a recipient."""
        if addresses.key(address) in self._reject:
            return REJECTED
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Write the mail to disk, then answer."""
        self._last += 1
        name = f"{self._last:08}"
        try:
            await asyncio.to_thread(self._write, name, _with_envelope(envelope))
        except OSError:
            (self._directory / f"{name}{_UNFINISHED}").unlink(missing_ok=True)
            return FULL
        return "250 OK"

    def _write(self, name: str, mail: bytes) -> None:
        unfinished = self._directory / f"{name}{_UNFINISHED}"
        with unfinished.open("wb") as file:
            file.write(mail)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(self._directory / f"{name}.eml")
        folder = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _with_envelope(envelope: Envelope) -> bytes:
    content = envelope.original_content
    if not isinstance(content, bytes):
        raise TypeError("aiosmtpd keeps the original content as bytes")
    recipients = "".join(f"X-Envelope-To: {address}\r\n" for address in envelope.rcpt_tos)
    return f"X-Envelope-From: {envelope.mail_from}\r\n{recipients}".encode() + content


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 8025,
    directory: Path,
    reject: Annotated[tuple[str, ...], Parameter(negative="")] = (),
) -> None:
    """Accept mail until SIGTERM or SIGINT.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0: any free port, which the first line of output names.
    directory
        Folder for the mails.
    reject
        Recipient to reject permanently; may be given several times.

    """
    mailbox = Mailbox(directory, reject)
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stopped.set)
    server = await loop.create_server(mailbox.session, host, port)
    address, chosen, *_ = server.sockets[0].getsockname()
    sys.stdout.write(f"Mailbox on {address}:{chosen}, writing to {directory}\n")
    sys.stdout.flush()
    await stopped.wait()
    server.close()


if __name__ == "__main__":
    app = App(name="python -m dev.stack.mailbox", help=__doc__)
    app.default(serve)
    app()
