"""A mail in the form it travels in: who it goes to, and the bytes.

The standard library's way to build a message costs 1.4 ms of CPU, most of it for headers that are the same in every
mail; so those are encoded once, and only what differs is put in for each mail (0.1 ms).
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, quote
from functools import lru_cache

from email_validator import validate_email

from landbridge.domain import addresses
from landbridge.domain.errors import BadInput
from landbridge.domain.text import text
from landbridge.emails import Rendered

MAX_LOCAL_PART_LENGTH = 64
"""Bytes before the @ (RFC 5321, 4.5.3.1.1)."""
_BOUNDARY = "=_landbridge_part"
"""Cannot occur inside a part: quoted-printable writes every equals sign as `=3D`, base64 has no `_` (RFC 2045, 6)."""
_FIXED_HEADER = (
    # RFC 3834: no out-of-office answers, please.
    "Auto-Submitted: auto-generated\r\n"
    "MIME-Version: 1.0\r\n"
    f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n'
).encode()
_MAILBOX = re.compile(r"[^\s<>\"(),:;@\\\x00-\x1f\x7f]+@[^\s<>\"(),:;@\\\x00-\x1f\x7f]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_MESSAGE_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_{|}~.-]+@[A-Za-z0-9.-]+")


@dataclass(frozen=True)
class EncodedMessage:
    """A mail ready to be sent, as often as it takes."""

    recipient: str
    """The envelope's address: the domain in ASCII (IDNA); the local part as it is."""
    content: bytes
    """Header and body, lines ended by CRLF. Pure ASCII but for the address of a recipient who `needs_smtputf8`."""

    @property
    def needs_smtputf8(self) -> bool:
        """Whether only a server with SMTPUTF8 (RFC 6531) can take it, since the local part is not ASCII."""
        return not self.recipient.isascii()


def envelope_address(address: str) -> str:
    """Return an address as it stands on the envelope.

    Raises:
        BadInput: mail cannot be sent to it. The sentence does not repeat the address.

    """
    normal = addresses.normalise(address)
    if not _MAILBOX.fullmatch(normal):
        raise BadInput(text("it holds characters that cannot stand in an envelope"))
    local, _, domain = normal.rpartition("@")
    if len(local.encode()) > MAX_LOCAL_PART_LENGTH:
        raise BadInput(
            text(
                "the part before the @ is longer than {max_local_part_length} bytes",
                max_local_part_length=MAX_LOCAL_PART_LENGTH,
            )
        )
    if domain.isascii():
        return normal
    return f"{local}@{validate_email(normal, check_deliverability=False).ascii_domain}"


def compose(rendered: Rendered, *, sender: str, recipient: str, message_id: str) -> EncodedMessage:
    """Put a mail together.

    Arguments:
        rendered: what it says.
        sender: the From address, in envelope form.
        recipient: the address it goes to, in any form.
        message_id: the left part of its Message-ID; the right is the sender's domain.

    Raises:
        BadInput: the recipient's address cannot be sent to.

    """
    to = envelope_address(recipient)
    full_id = f"{message_id}@{sender.rpartition('@')[2]}"
    if not _MESSAGE_ID.fullmatch(full_id):
        raise ValueError("a Message-ID is made of letters, digits and few signs")
    own_header = f"To: {to}\r\nMessage-ID: <{full_id}>\r\nDate: {format_datetime(datetime.now(UTC))}\r\n"
    parts = [
        f'--{_BOUNDARY}\r\nContent-Type: text/{kind}; charset="utf-8"\r\n'.encode() + _encoded(words)
        for kind, words in (("plain", rendered.text), ("html", rendered.html))
    ]
    closing = f"--{_BOUNDARY}--\r\n".encode()
    common_header = _common_header(sender, rendered.sender, rendered.subject, rendered.language)
    content = b"".join([own_header.encode(), common_header, b"\r\n", *parts, closing])
    return EncodedMessage(recipient=to, content=content)


@lru_cache(maxsize=64)
def _common_header(sender: str, name: str, subject: str, language: str) -> bytes:
    """Return the header lines that mails of one kind share."""
    shown_name = _header_text("From", name) if _needs_encoding(name) else f'"{quote(name)}"'
    return (
        f"From: {shown_name} <{sender}>\r\n"
        f"Subject: {_header_text('Subject', subject)}\r\n"
        f"Content-Language: {language}\r\n"
    ).encode("ascii") + _FIXED_HEADER


def _header_text(field: str, words: str) -> str:
    """Return words as they stand in a header field: folded, and as encoded words (RFC 2047) where they have to be.

    `EmailMessage` is not used, because it parses what it is given: it decodes encoded words in a value from outside,
    and Python before 3.11.10 and 3.12.5 writes the line breaks that they hide into the header (CVE-2024-6923).

    Raises:
        ValueError: the words hold a line break or another control character.

    """
    if _CONTROL.search(words):
        raise ValueError("a header field is one line without control characters")
    return Header(words, "utf-8" if _needs_encoding(words) else "us-ascii", header_name=field).encode(linesep="\r\n")


def _needs_encoding(words: str) -> bool:
    """Return whether words cannot stand in a header as they are; ASCII that reads like an encoded word cannot."""
    return not words.isascii() or "=?" in words


def _encoded(words: str) -> bytes:
    """Write a part's encoding and content, in whichever is shorter: base64 is for scripts other than Latin."""
    content = words.replace("\n", "\r\n").encode()
    quoted = binascii.b2a_qp(content, istext=True)
    if len(quoted) <= len(content) * 4 // 3:
        return b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted
    return b"Content-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(content).replace(b"\n", b"\r\n")
