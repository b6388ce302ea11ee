"""Reads the mails that the mail server delivered into the mailbox folder.

It shares no code with Landbridge, so that the mails are independent evidence of what Landbridge did.
"""

import unicodedata
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup


class MailKind(StrEnum):
    """What a mail asks for. The values of the first two begin the path of the mail's link."""

    VERIFY = "verify"
    AUTHENTICATE = "authenticate"
    NOTICE = "notice"
    """Nothing: the mail only informs owners and admins."""


@dataclass(frozen=True)
class Mail:
    """One delivered mail."""

    number: int
    """Counts all mails in the order in which the mail server accepted them, starting at 1."""
    recipients: tuple[str, ...]
    """The envelope's recipients; domains are in Unicode."""
    message_id: str
    subject: str
    text: str
    """The plain-text part."""
    kind: MailKind
    link: str
    """The target of the button; empty in a notice."""

    @property
    def recipient(self) -> str:
        """The first recipient."""
        return self.recipients[0]


@lru_cache(maxsize=2000)
def read(file: Path) -> Mail:
    """Read one mail; its file never changes."""
    mail = BytesParser(policy=policy.default).parsebytes(file.read_bytes())
    if not isinstance(mail, EmailMessage):
        raise TypeError("this policy makes an EmailMessage")
    button = BeautifulSoup(_part(mail, "html"), "html.parser").find("a", href=True)
    link = str(button["href"]) if button else ""
    kind = next((kind for kind in MailKind if urlsplit(link).path.startswith(f"/{kind}/")), MailKind.NOTICE)
    return Mail(
        number=int(file.stem),
        recipients=tuple(in_unicode(str(header)) for header in mail.get_all("X-Envelope-To", [])),
        message_id=str(mail["Message-ID"]).strip(),
        subject=str(mail["Subject"]),
        text=_part(mail, "plain"),
        kind=kind,
        link="" if kind is MailKind.NOTICE else link,
    )


class MailboxReader:
    """Returns each mail of the folder once."""

    def __init__(self, folder: Path, since: int = 0) -> None:
        """Skip the mails up to number `since`."""
        self._folder = folder
        self._since = since
        self._seen: set[str] = set()

    def new(self) -> list[Mail]:
        """Return the mails that arrived since the last call.

        The mail server writes several mails concurrently, so a mail may appear after one with a higher number.
        """
        files = [file for file in sorted(self._folder.glob("*.eml")) if file.name not in self._seen]
        self._seen.update(file.name for file in files)
        return [read(file) for file in files if int(file.stem) > self._since]


def newest(folder: Path) -> int:
    """Return the number of the newest mail; 0 if there is none."""
    return max((int(file.stem) for file in folder.glob("*.eml")), default=0)


def key(address: str) -> str:
    """Return a normalized address, so that all spellings of an address are equal."""
    return in_unicode(address).casefold()


def in_unicode(address: str) -> str:
    """Return an address with its domain in Unicode: mail servers write IDNA."""
    local, _, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{local}@{domain.encode().decode('idna') if domain.isascii() else domain}"


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
