"""An SMTP server that misbehaves by a script, and records commands and mails."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Self

CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""A self-signed key and certificate for the name `localhost`, for these tests only."""


class Act(Enum):
    """What the server does instead of sending a reply."""

    DROP = auto()
    """Breaks the connection."""
    RESET = auto()
    """Resets the connection (RST), which is an error for the client."""
    CUT = auto()
    """Reads only part of a mail's content, then breaks the connection."""
    LOSE = auto()
    """Discards a complete mail and breaks the connection."""
    BABBLE = auto()
    """Begins a reply and never ends it."""
    HANG = auto()
    """Sends no reply until the test releases it."""


DOT = "."
"""The command that a script receives for a complete mail."""


@dataclass
class Heard:
    """A command from a client."""

    connection: int
    """The number of the connection, from 1."""
    line: str
    """The command, or `DOT`."""
    mails: int
    """The number of mails that were accepted on this connection so far."""
    recipient: str = ""
    """The recipient of the current mail, if known."""


Script = Callable[[Heard], str | Act | None]
"""Returns the reply, or None for the default reply."""


Keep = Callable[[str, bytes], None]
"""Called with the recipient and the content of every complete mail, before the reply is sent."""


def nothing_special(_heard: Heard) -> None:
    """Send default replies only."""


def few_connections(limit: int) -> Script:
    """Return a script that lets `limit` connections send and rejects MAIL on others, as Exchange Online does."""
    sending = set[int]()

    def script(heard: Heard) -> str | None:
        if heard.line == "QUIT":
            sending.discard(heard.connection)
        elif heard.line.startswith("MAIL"):
            sending.add(heard.connection)
            if len(sending) > limit:
                return "432 4.3.2 Concurrent connections limit exceeded."
        return None

    return script


@dataclass
class ScriptedServer:
    """A server that runs a script, and what it recorded."""

    script: Script = nothing_special
    greeting: str | Act = "220 scripted.example ready"
    extensions: tuple[str, ...] = ("8BITMIME",)
    tls: ssl.SSLContext | None = None
    tls_from_start: bool = False
    port: int = 0
    keep: Keep | None = None
    delay: float = 0
    """Seconds to wait before every reply."""
    bite: int = 100
    """The number of bytes that `Act.CUT` reads of a mail's content."""
    connections: int = 0
    open_now: int = 0
    most_open: int = 0
    commands: list[str] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    """Every complete mail, whatever reply it got."""
    accepted: list[bytes] = field(default_factory=list)
    """The mails that were accepted with 250."""
    unanswered: int = 0
    """The number of kept mails whose reply was not sent or may not have been received."""
    hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the server hangs."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the test to stop hanging."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a connection ends."""
    _talking: set[asyncio.StreamWriter] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(
            self._talk, "127.0.0.1", self.port, ssl=self.tls if self.tls_from_start else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop listening. Clients close their own connections."""
        self.release.set()
        self._server.close()

    def crash(self) -> None:
        """Stop listening and break all connections immediately; `async with` starts the server again."""
        self._server.close()
        self.release.set()
        for writer in self._talking:
            writer.transport.abort()

    def let_go(self) -> None:
        """Send the replies that are held back now. Later replies may be held back again."""
        self.release.set()
        self.release.clear()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open_now += 1
        self.most_open = max(self.most_open, self.open_now)
        self._talking.add(writer)
        try:
            await self._conversation(self.connections, reader, writer)
        except (OSError, EOFError):
            pass  # the client went away
        finally:
            self.open_now -= 1
            self._talking.discard(writer)
            writer.transport.abort()
            self.gone.set()

    async def _conversation(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not await self._say(self.greeting, writer):
            return
        mails, recipient = 0, ""
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb = line.split(" ")[0].upper()
            if verb == "RCPT":
                recipient = line[line.index("<") + 1 : line.index(">")]
            answer = self.script(Heard(number, line, mails, recipient)) or self._usual(verb)
            if answer is Act.CUT:
                await self._say("354 go on", writer)
                await reader.readexactly(self.bite)
                return
            if not await self._say(answer, writer):
                return
            if verb == "DATA" and str(answer).startswith("354"):
                mail = await reader.readuntil(b"\r\n.\r\n")
                accepted, goes_on = await self._take(Heard(number, DOT, mails, recipient), mail, writer)
                mails += accepted
                if not goes_on:
                    return
            elif verb == "STARTTLS" and self.tls is not None:
                await self._secure(writer, self.tls)
            elif verb == "QUIT" or str(answer).startswith("421"):
                return

    async def _secure(self, writer: asyncio.StreamWriter, tls: ssl.SSLContext) -> None:
        plain = writer.transport
        try:
            await writer.start_tls(tls)
        except AttributeError:
            # The client left right after the handshake, which asyncio does not handle (3.11).
            writer._transport = plain  # type: ignore[attr-defined]  # noqa: SLF001
            raise ConnectionResetError from None

    async def _take(self, heard: Heard, mail: bytes, writer: asyncio.StreamWriter) -> tuple[bool, bool]:
        """Reply to a complete mail; return whether it was accepted, and whether the connection continues."""
        self.received.append(mail)
        answer = self.script(heard) or "250 OK"
        if answer is Act.LOSE:
            return False, False
        accepted = str(answer).startswith("250")
        taken = accepted or isinstance(answer, Act)
        if taken and self.keep is not None:
            self.keep(heard.recipient, mail)
        if accepted:
            self.accepted.append(mail)
        self.unanswered += taken
        on = await self._say(answer, writer)
        self.unanswered -= taken and on
        return accepted, on and not str(answer).startswith("421")

    def _usual(self, verb: str) -> str:
        if verb == "EHLO":
            lines = ["scripted.example", *self.extensions]
            return "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines)
        return {"DATA": "354 go on", "STARTTLS": "220 go on", "QUIT": "221 bye", "AUTH": "235 welcome"}.get(
            verb, "250 OK"
        )

    async def _say(self, answer: str | Act, writer: asyncio.StreamWriter) -> bool:
        await asyncio.sleep(self.delay)
        if answer is Act.RESET:
            # Without lingering, closing resets the connection.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if answer in {Act.DROP, Act.RESET}:
            return False
        while answer is Act.BABBLE:
            writer.write(b"250-and\r\n" * 100)
            await writer.drain()
        if answer is Act.HANG:
            self.hanging.set()
            await self.release.wait()
            answer = "250 OK"
        writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        return not writer.is_closing()


def server_tls(certificate: Path = CERTIFICATE) -> ssl.SSLContext:
    """Return the server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context
