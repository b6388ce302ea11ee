"""An SMTP server that misbehaves as told, and remembers every byte that mattered."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""Key and certificate for the name `localhost`, signed by itself, for these tests only."""


class Act(Enum):
    """What the server does instead of answering."""

    DROP = auto()
    """Breaks the connection."""
    HANG = auto()
    """Does not answer until the test releases it."""


DOT = "."
"""The command that a script sees once a whole mail has arrived."""


@dataclass
class Heard:
    """What a client just said."""

    connection: int
    """Counts connections from 1."""
    line: str
    """The command, or `DOT`."""
    mails: int
    """Mails that were answered with 250 on this connection before."""


Script = Callable[[Heard], str | Act | None]
"""Returns the answer; None for the usual one."""


def nothing_special(_heard: Heard) -> None:
    """Answer everything as usual."""


@dataclass
class ScriptedServer:
    """The server and its memory."""

    script: Script = nothing_special
    greeting: str | Act = "220 scripted.example ready"
    extensions: tuple[str, ...] = ("8BITMIME",)
    tls: ssl.SSLContext | None = None
    tls_from_start: bool = False
    port: int = 0
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    """Every mail that arrived whole, whatever was answered."""
    accepted: list[bytes] = field(default_factory=list)
    """The mails that were answered with 250."""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the server hangs."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the test: hang no more."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set whenever a connection has ended."""

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, ssl=self.tls if self.tls_from_start else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening; connections end with their clients."""
        self.release.set()
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        try:
            await self._conversation(self.connections, reader, writer)
        except OSError:
            pass  # the client went away
        finally:
            self.open_now -= 1
            writer.transport.abort()
            self.gone.set()

    async def _conversation(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(self.greeting, writer):
            return
        mails = 0
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            answer = self.script(Heard(number, line, mails)) or self._usual(verb)
            if not await self._say(answer, writer):
                return
            if verb == "DATA" and str(answer).startswith("354"):
                mail = await reader.readuntil(b"\r\n.\r\n")
                self.received.append(mail)
                answer = self.script(Heard(number, DOT, mails)) or "250 OK"
                if str(answer).startswith("250"):
                    self.accepted.append(mail)
                    mails += 1
                if not await self._say(answer, writer):
                    return
            elif verb == "STARTTLS" and self.tls is not None:
                await writer.start_tls(self.tls)
            elif verb == "QUIT" or str(answer).startswith("421"):
                return

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            lines = ["scripted.example", *self.extensions]
            return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        return {"DATA": "354 go on", "STARTTLS": "220 go on", "QUIT": "221 bye", "AUTH": "235 welcome"}.get(
            verb, "250 OK"
        )

    async def _say(self, answer: str | Act, writer: asyncio.StreamWriter) -> bool:
        if answer is Act.DROP:
            return False
        if answer is Act.HANG:
            self.hanging.set()
            await self.release.wait()
            answer = "250 OK"
        writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        return True


def server_tls() -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context
