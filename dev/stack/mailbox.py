"""A mail server for the demo and for tests: every mail it accepts is a file, and nothing leaves the machine.

Run it: `python -m dev.stack.mailbox --host 127.0.0.1 --port 8025 --directory DIR [--refuse ADDRESS …]`.
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

REFUSAL = "550 5.1.1 No such mailbox"
FULL = "452 4.3.1 Cannot store the mail now"
_UNFINISHED = ".tmp"


class Mailbox:
    """Writes each accepted mail to a folder, one file each, named in the order they came.

    A file appears whole or not at all, and before the sender is told that the mail was accepted: whatever was
    acknowledged survives `kill -9`. Each file begins with the envelope as the server saw it: `X-Envelope-From`, and
    an `X-Envelope-To` for each recipient.
    """

    def __init__(self, directory: Path, refuse: Collection[str] = ()) -> None:
        """Take over a folder, which need not exist; `refuse` are addresses that are answered with 550."""
        directory.mkdir(parents=True, exist_ok=True)
        for unfinished in directory.glob(f"*{_UNFINISHED}"):
            unfinished.unlink()
        self._directory = directory
        self._refuse = {addresses.key(address) for address in refuse}
        self._last = max((int(path.stem) for path in directory.glob("*.eml")), default=0)

    def session(self) -> SMTP:
        """Return the protocol for one connection."""
        return SMTP(self, enable_SMTPUTF8=True, hostname="mailbox.example")

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Answer to a recipient."""
        if addresses.key(address) in self._refuse:
            return REFUSAL
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - the same
        """Write the mail and answer."""
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
    refuse: Annotated[tuple[str, ...], Parameter(negative="")] = (),
) -> None:
    """Take mail until SIGTERM or SIGINT.

    Parameters
    ----------
    host
        Address to listen on.
    port
        Port to listen on; 0 lets the system choose, and the first line of output says which.
    directory
        Where the mails go.
    refuse
        Address whose mail is refused for good; may be given several times.

    """
    mailbox = Mailbox(directory, refuse)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(mailbox.session, host, port)
    address, chosen, *_ = server.sockets[0].getsockname()
    sys.stdout.write(f"Mailbox on {address}:{chosen}, mails go to {directory}\n")
    sys.stdout.flush()
    await ended.wait()
    server.close()


if __name__ == "__main__":
    app = App(name="python -m dev.stack.mailbox", help=__doc__)
    app.default(serve)
    app()
