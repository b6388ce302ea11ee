"""The mail server of these tests: it follows a script, and stores every mail that it takes as a file."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.integrations.smtp.certificates import Authority
from tests.integrations.smtp.scripted import DOT, Act, Heard, Script, ScriptedServer, nothing_special, server_tls

USERNAME, PASSWORD = "chaos", "order"
_EXTENSIONS = ("8BITMIME", "SMTPUTF8", "AUTH PLAIN", "STARTTLS")


class SmtpServer:
    """An SMTP server on loopback, named `localhost`, with STARTTLS and a login.

    It writes each mail into the mailbox folder, in the format of `dev.stack.mailbox`, and syncs it before it answers:
    these files are the evidence that outcomes are verified with.
    """

    def __init__(self, folder: Path, certificates: Path, port: int, refused: str) -> None:
        """Reject the recipient `refused` with a permanent error."""
        self._folder = folder
        self._refused = f"RCPT TO:<{refused}>"
        self._last = 0
        self._port = port
        self.authority = Authority(certificates)
        self.script: Script = nothing_special
        """The current behaviour."""
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
        """The settings with which a worker uses this server."""
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
        """Mails that were stored and never acknowledged: each may be delivered once more."""
        return sum(server.unanswered for server in self._servers)

    @property
    def server(self) -> ScriptedServer:
        """The server that is listening, or listened last."""
        return self._servers[-1]

    async def open(self, greeting: str | Act = "220 localhost ready") -> None:
        """Listen, with the current certificate and extensions."""
        server = ScriptedServer(
            self._answer,
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
        """Stop listening, and break all connections."""
        self.server.crash()

    def set_delay(self, seconds: float) -> None:
        """Delay every answer."""
        self._delay = self.server.delay = seconds

    async def reopen(self, greeting: str | Act = "220 localhost ready") -> None:
        """Break all connections and listen again."""
        self.close()
        await self.open(greeting)

    def _answer(self, heard: Heard) -> str | Act | None:
        if heard.line == self._refused:
            return "550 5.1.1 no such mailbox"
        return self.script(heard)

    def _keep(self, recipient: str, mail: bytes) -> None:
        self._last += 1
        content = mail.removesuffix(f"{DOT}\r\n".encode()).replace(b"\r\n..", b"\r\n.")
        unfinished = self._folder / f"{self._last:08}.tmp"
        with unfinished.open("wb") as file:
            file.write(f"X-Envelope-To: {recipient}\r\n".encode() + content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(unfinished.with_suffix(".eml"))
