"""Fixtures that the mail tests share: outgoing mails, a mailer, and real SMTP servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from dev.stack.mailbox import Mailbox
from landbridge.domain.activity_io import MailContext, MailOutcome, OutgoingMail
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.rules import Rules
from landbridge.domain.sign_in import SignInClaims
from landbridge.domain.sites import Site
from landbridge.integrations.smtp.mailer import SmtpMailer
from landbridge.integrations.smtp.relay import Server

CONTEXT = MailContext(
    run="0198c2f4-7b1c-7e2e-9a3b-5d0f6a1b2c3d",
    cohort_number=2,
    cohort_id="site-migration:acme:cohort:2",
    opsgenie_account="acme",
    site=Site(id="1", name="acme", url="https://acme.example.net"),
    initiator="olga@example.com",
    rules=Rules(),
)


class PlainLinks:
    """Links with readable claims, for assertions."""

    def url(self, claims: LinkClaims) -> str:
        """Return a link with its claims in the path."""
        return f"https://move.example.com/{claims.purpose}/{claims.cohort_id}/{claims.person}/{claims.generation}"

    def sign_in_url(self, claims: SignInClaims) -> str:
        """Return a link with its claims in the path."""
        return f"https://move.example.com/sign-in/{claims.run_id}/{claims.generation}"

    def settings_url(self, page: str) -> str:
        """Return the URL of a page."""
        return f"https://move.example.com/settings/{page}"


def outgoing(person: int = 1, email: str = "", **changes: Any) -> OutgoingMail:  # noqa: ANN401 - any field of the model
    """Return an outgoing mail with default values, except for `changes`."""
    fields: dict[str, Any] = {"purpose": Purpose.AUTHENTICATION, "generation": 1} | changes
    return OutgoingMail(person=person, email=email or f"person{person}@example.com", **fields)


def parse(mail: bytes) -> EmailMessage:
    """Parse a mail."""
    return message_from_bytes(mail, policy=policy.default)


def part(mail: EmailMessage, kind: str) -> str:
    """Return the text of one of the two alternatives, `plain` or `html`."""
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


@pytest.fixture
def outcomes() -> list[MailOutcome]:
    """Return a list that collects outcomes."""
    return []


MakeMailer = Callable[..., SmtpMailer]


@pytest.fixture
async def make_mailer() -> AsyncIterator[MakeMailer]:
    """Create mailers; they are closed after the test."""
    async with AsyncExitStack() as stack:

        def make(port: int, **changes: Any) -> SmtpMailer:  # noqa: ANN401 - any argument of the server or the mailer
            limits = {name: changes.pop(name) for name in ("connections", "per_second") if name in changes}
            server: dict[str, Any] = {"host": "127.0.0.1", "sender": "no-reply@example.com", "security": "none"}
            mailer = SmtpMailer(Server(port=port, **(server | changes)), PlainLinks(), **({"connections": 4} | limits))
            stack.push_async_callback(mailer.close)
            return mailer

        yield make


class RunningMailbox:
    """The local mail server, and the mails in its folder."""

    def __init__(self, port: int, directory: Path) -> None:
        self.port = port
        self.directory = directory

    def mails(self) -> list[EmailMessage]:
        """Return the mails in the order of their delivery."""
        return [parse(path.read_bytes()) for path in sorted(self.directory.glob("*.eml"))]


@pytest.fixture
async def mailbox(tmp_path: Path) -> AsyncIterator[RunningMailbox]:
    """Run the local mail server; it refuses gone@example.com."""
    box = Mailbox(tmp_path / "mailbox", reject=["gone@example.com"])
    server = await asyncio.get_running_loop().create_server(box.session, "127.0.0.1", 0)
    yield RunningMailbox(server.sockets[0].getsockname()[1], tmp_path / "mailbox")
    server.close()
