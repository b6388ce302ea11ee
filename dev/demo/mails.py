"""The mailbox folder as the people see it: mails that were really delivered."""

from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import Parser
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

from landbridge.domain import addresses


@dataclass(frozen=True)
class Mail:
    """One delivered mail."""

    number: int
    """Counts all mails in the order in which the mail server took them."""
    recipients: tuple[str, ...]
    """Whose mailboxes it was put into, as `domain.addresses.key` compares them."""
    message_id: str
    subject: str
    text: str
    link: str
    """Where its button leads; empty if it has none."""

    @property
    def page(self) -> str:
        """The kind of page that the link leads to (`verify`, `authenticate`); empty without a link."""
        return urlsplit(self.link).path.strip("/").partition("/")[0]


def read(file: Path) -> Mail:
    """Read one mail."""
    # The mail server writes addresses beyond ASCII as they are (RFC 6532), which the parser of bytes would not take.
    mail = Parser(policy=policy.default).parsestr(file.read_text(encoding="utf-8"))
    if not isinstance(mail, EmailMessage):
        raise TypeError("this policy makes an EmailMessage")
    button = BeautifulSoup(_part(mail, "html"), "html.parser").find("a", href=True)
    return Mail(
        number=int(file.stem),
        recipients=tuple(addresses.key(str(header)) for header in mail.get_all("X-Envelope-To", [])),
        message_id=str(mail["Message-ID"]).strip(),
        subject=str(mail["Subject"]),
        text=_part(mail, "plain"),
        link=str(button["href"]) if button else "",
    )


class Arrivals:
    """Looks into the folder again and again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()

    def new(self) -> list[Mail]:
        """Return the mails that came since the last look; a mail may appear after one with a higher number."""
        files = [file for file in sorted(self._folder.glob("*.eml")) if file.name not in self._seen]
        self._seen.update(file.name for file in files)
        return [read(file) for file in files]


def newest(folder: Path) -> int:
    """Return the number of the newest mail; 0 if there is none."""
    return max((int(file.stem) for file in folder.glob("*.eml")), default=0)


def _part(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part is not None else ""
