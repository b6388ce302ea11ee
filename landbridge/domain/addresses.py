"""Email addresses: one spelling for each mailbox that we can tell apart."""

import functools
import re
import unicodedata

from pydantic import validate_email
from pydantic_core import PydanticCustomError

from landbridge.domain.errors import BadInput
from landbridge.domain.text import Text, text

_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f<>,;\u202a-\u202e\u2066-\u2069]")
MAX_LENGTH = 254
"""Characters in an address; SMTP's own limit for a path (RFC 5321, 4.5.3.1.3)."""
MAX_LOCAL_PART_LENGTH = 64
"""Bytes before the @-sign (RFC 5321, 4.5.3.1.1)."""
_SURELY_SHORT = 40
"""Characters of an address that no limit of length concerns, in whichever spelling."""
_ANY_DOMAIN = "example.com"
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE"})
"""Alphabets that share the looks of letters, as Unicode names them."""


@functools.lru_cache(maxsize=8192)
def normalise(address: str) -> str:
    """Return the address as we store and write to it: trimmed, Unicode NFC, domain in lower case and in Unicode.

    The local part keeps its case and its `+tag`: only its owner knows what they mean. It costs a quarter of a
    millisecond, and one person's address comes by six times between look-up and mail: so the newest are remembered.

    Raises:
        BadInput: it is not one mailbox that mail can be sent to. The sentence does not repeat the address.

    """
    trimmed = address.strip()
    if _FORBIDDEN.search(trimmed):
        raise BadInput(text("an address is one mailbox, without control characters, commas or angle brackets"))
    local_part, at, domain = trimmed.rpartition("@")
    if at and len(trimmed) <= _SURELY_SHORT:
        return _checked(f"{local_part}@{_ANY_DOMAIN}").removesuffix(_ANY_DOMAIN) + _normal_domain(domain)
    normal = _checked(trimmed)
    if len(normal.encode()) > MAX_LENGTH:
        raise BadInput(text("it is longer than {max_length} bytes", max_length=MAX_LENGTH))
    if len(normal.rpartition("@")[0].encode()) > MAX_LOCAL_PART_LENGTH:
        raise BadInput(
            text(
                "the part before the @-sign is longer than {max_local_part_length} bytes",
                max_local_part_length=MAX_LOCAL_PART_LENGTH,
            )
        )
    return normal


@functools.lru_cache(maxsize=1024)
def _normal_domain(domain: str) -> str:
    """Return a domain's normal form; kept, since a roster has few domains and each takes half a millisecond."""
    return _checked(f"a@{domain}").removeprefix("a@")


def _checked(address: str) -> str:
    try:
        normal = validate_email(address)[1]
    except PydanticCustomError as error:
        reason = (error.context or {}).get("reason", "it is not an email address")
        raise BadInput(str(reason).rstrip(".")) from None
    if not normal.isascii() and any(map(_mixes_alphabets, re.split("[@.]", normal))):
        raise BadInput(
            text(
                "it mixes look-alike letters of different alphabets, so it is probably not the intended "
                "address; type it again"
            )
        )
    return normal


def _mixes_alphabets(label: str) -> bool:
    """Return whether a word has letters of two alphabets of which one can pass for the other's."""
    return len(_ALIKE & {unicodedata.name(letter, "").partition(" ")[0] for letter in label}) > 1


def unusable(error: BadInput) -> Text:
    """Return why a row of a roster cannot be used, where `normalise` raises an error."""
    return text("the address cannot be used: {error}", error=error.text)


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
