"""Email addresses: one spelling for each mailbox that we can tell apart."""

import re

from pydantic import validate_email
from pydantic_core import PydanticCustomError

from domain.errors import BadInput

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>,;\u202a-\u202e\u2066-\u2069]")
LONGEST = 254
"""Characters in an address; SMTP's own limit for a path (RFC 5321, 4.5.3.1.3)."""
LONGEST_LOCAL_PART = 64
"""Bytes before the @-sign (RFC 5321, 4.5.3.1.1)."""


def normalise(address: str) -> str:
    """Return the address as we store and write to it: trimmed, Unicode NFC, domain in lower case and in Unicode.

    The local part keeps its case and its `+tag`: only its owner knows what they mean.

    Raises:
        BadInput: it is not one mailbox that mail can be sent to. The sentence does not repeat the address.

    """
    trimmed = address.strip()
    if _FORBIDDEN.search(trimmed):
        raise BadInput("an address is one mailbox, without control characters, commas or angle brackets")
    try:
        _, normal = validate_email(trimmed)
    except PydanticCustomError as error:
        reason = (error.context or {}).get("reason", "it is not an email address")
        raise BadInput(str(reason).rstrip(".")) from None
    if len(normal.encode()) > LONGEST:
        raise BadInput(f"it is longer than {LONGEST} bytes")
    if len(normal.rpartition("@")[0].encode()) > LONGEST_LOCAL_PART:
        raise BadInput(f"the part before the @-sign is longer than {LONGEST_LOCAL_PART} bytes")
    return normal


def key(address: str) -> str:
    """Return what two spellings of one mailbox share, for comparing only: the normal form without case.

    Mail systems that tell `Ann@` from `ann@` are unknown in practice, and a person listed twice would get every
    mail twice. An address that is no address is compared by its text.
    """
    try:
        return key_of_normal(normalise(address))
    except BadInput:
        return key_of_normal(address.strip())


def key_of_normal(address: str) -> str:
    """Return the `key` of an address that is normalised already, in a hundredth of the time."""
    local_part, _, domain = address.rpartition("@")
    # A normal domain has no case any more; folding it further would make `faß` and `fass` one domain.
    return f"{local_part.casefold()}@{domain}"
