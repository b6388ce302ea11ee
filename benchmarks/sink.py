"""A mail server that writes the Message-ID and the link of each accepted mail to a journal.

Run it: `python -m benchmarks.sink PORT JOURNAL MILLISECONDS`. It waits MILLISECONDS before it accepts a mail.
"""

import asyncio
import re
import sys
from pathlib import Path
from typing import TextIO

from aiosmtpd.smtp import SMTP, Envelope, Session

from dev.stack.ports import HOST

_MESSAGE_ID = re.compile(rb"^Message-ID: (\S+)", re.MULTILINE)
_LINK = re.compile(rb"https?://\S+/authenticate/[\w.-]+")
_SOFT_LINE_BREAK = b"=\r\n"


class Sink:
    """Writes the journal. A line is flushed to the kernel before the mail is acknowledged."""

    def __init__(self, journal: TextIO, mail_ms: int) -> None:
        self._journal = journal
        self._seconds = mail_ms / 1000

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Write a mail to the journal and accept it."""
        content = envelope.original_content
        if not isinstance(content, bytes):
            raise TypeError("aiosmtpd keeps the original content as bytes")
        if self._seconds:
            await asyncio.sleep(self._seconds)
        message_id, link = _MESSAGE_ID.search(content), _LINK.search(content.replace(_SOFT_LINE_BREAK, b""))
        self._journal.write(
            f"{message_id[1].decode() if message_id else '-'} {link[0].decode() if link else '-'}\n",
        )
        self._journal.flush()
        return "250 OK"

    def session(self) -> SMTP:
        """Return the protocol for one connection."""
        return SMTP(self, hostname="sink.example")


async def _serve(port: int, journal: Path, mail_ms: int) -> None:
    with journal.open("a", encoding="ascii") as lines:
        server = await asyncio.get_running_loop().create_server(Sink(lines, mail_ms).session, HOST, port)
        await server.serve_forever()


def main() -> None:
    """Accept mail until the process is killed."""
    asyncio.run(_serve(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))


if __name__ == "__main__":
    main()
