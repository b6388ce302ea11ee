"""The mail server of these tests: it does to the real worker what a script says, and keeps a journal of its own."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integrations.smtp.certificates import Authority
from tests.integrations.smtp.scripted import DOT, Act, Heard, Script, ScriptedServer, nothing_special, server_tls

USERNAME, PASSWORD = "chaos", "order"
_EXTENSIONS = ("8BITMIME", "SMTPUTF8", "AUTH PLAIN", "STARTTLS")


class Post:
    """A mail server on loopback, for `localhost`, with STARTTLS and a login.

    Every mail that it takes is a file in a folder, synced to the disk before it answers: the journal by which
    everything is judged. It has the form of `dev.stack.mailbox`.
    """

    def __init__(self, folder: Path, certificates: Path, port: int, refused: str) -> None:
        """`refused` is an address that is refused for good."""
        self._folder = folder
        self._refused = f"RCPT TO:<{refused}>"
        self._last = 0
        self._port = port
        self.authority = Authority(certificates)
        self.mischief: Script = nothing_special
        """What is wrong with it now."""
        self.certificate = self.authority.certificate()
        self.starttls = True
        self._delay = 0.0
        self._servers: list[ScriptedServer] = []

    async def __aenter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def variables(self) -> dict[str, str]:
        """The settings that lead a worker here."""
        return {
            "LANDBRIDGE_SMTP_HOST": "localhost",
            "LANDBRIDGE_SMTP_PORT": str(self._port),
            "LANDBRIDGE_SMTP_SECURITY": "starttls",
            "LANDBRIDGE_SMTP_CA_FILE": str(self.authority.file),
            "LANDBRIDGE_SMTP_USERNAME": USERNAME,
            "LANDBRIDGE_SMTP_PASSWORD": PASSWORD,
        }

    @property
    def unanswered(self) -> int:
        """Mails that it took, and whose sender was never told so: each may come once more."""
        return sum(server.unanswered for server in self._servers)

    @property
    def server(self) -> ScriptedServer:
        """The server that listens now, or did last."""
        return self._servers[-1]

    async def open(self, greeting: str | Act = "220 localhost ready") -> None:
        """Listen, with the certificate and the extensions of this moment."""
        server = ScriptedServer(
            self._script,
            greeting=greeting,
            extensions=_EXTENSIONS if self.starttls else _EXTENSIONS[:-1],
            tls=server_tls(self.certificate),
            port=self._port,
            keep=self._keep,
            delay=self._delay,
        )
        await server.__aenter__()
        self._servers.append(server)

    def close(self) -> None:
        """Stop listening, and break what is under way."""
        self.server.crash()

    def take_time(self, seconds: float) -> None:
        """Wait before every answer."""
        self._delay = self.server.delay = seconds

    async def reopen(self, greeting: str | Act = "220 localhost ready") -> None:
        """Let everyone connect anew."""
        self.close()
        await self.open(greeting)

    def _script(self, heard: Heard) -> str | Act | None:
        if heard.line == self._refused:
            return "550 5.1.1 no such mailbox"
        return self.mischief(heard)

    def _keep(self, recipient: str, mail: bytes) -> None:
        self._last += 1
        content = mail.removesuffix(f"{DOT}\r\n".encode()).replace(b"\r\n..", b"\r\n.")
        unfinished = self._folder / f"{self._last:08}.tmp"
        with unfinished.open("wb") as file:
            file.write(f"X-Envelope-To: {recipient}\r\n".encode() + content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(unfinished.with_suffix(".eml"))
