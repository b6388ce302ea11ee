"""Read the values of a roster file, column by column."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from difflib import get_close_matches

from landbridge.domain import addresses, names
from landbridge.domain.errors import BadInput
from landbridge.domain.roster import ADMIN, OWNER, ProblemKind
from landbridge.domain.text import Text, text

ROLES = (OWNER, ADMIN, "user", "stakeholder", "observer")
"""Opsgenie's built-in roles. An Opsgenie account can also have custom roles: see `CUSTOM`."""
CUSTOM = "custom:"
"""Marks a custom role in a handwritten file, where an unknown word is more likely a typo than a custom role."""
MAX_NAME_LENGTH = 512
"""Characters; Opsgenie's limit for a full name."""
MAX_ROLE_LENGTH = 100
"""Characters of a custom role's name."""
_YES, _NO = {"true", "yes", "y", "1"}, {"false", "no", "n", "0", ""}
_LOCALE = re.compile(r"[A-Za-z]{2,3}([_-][A-Za-z0-9]{2,8}){0,3}|")
_SHOWN = 60
"""Characters of a wrong value in an error message."""


class InvalidValue(Exception):
    """One value of a row cannot be used."""

    def __init__(self, kind: ProblemKind, sentence: str, clause: Text) -> None:
        """Take the kind, a sentence for the command line, and a clause for `RosterPerson.problem`."""
        super().__init__(sentence)
        self.problem = kind, sentence
        self.clause = clause


def shown(value: object) -> str:
    """Return a value for an error message: quoted, with escaped control characters, and shortened."""
    quoted = repr(value)
    return quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}…"


def _text(column_name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        sentence = f"{column_name!r} is to be a text, not {shown(value)}."
        raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("{column} is no text", column=column_name))
    return value.strip()


def _email(value: object) -> str:
    address = _text("email", value)
    if not address:
        raise InvalidValue(
            ProblemKind.MISSING, "There is no email address; add it or remove the row.", text("no email address")
        )
    try:
        return addresses.normalise(address)
    except BadInput as error:
        sentence = f"{shown(address)} cannot be used as an address: {error}. Correct it or remove the row."
        raise InvalidValue(ProblemKind.INVALID_ADDRESS, sentence, addresses.unusable(error)) from None


def _name(value: object) -> str:
    name = " ".join(unicodedata.normalize("NFC", _text("name", value)).split())
    if len(name) > MAX_NAME_LENGTH:
        sentence = f"The name has {len(name)} characters; shorten it to {MAX_NAME_LENGTH}."
        raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("the name is too long"))
    if any(unicodedata.category(character) == "Cc" for character in name):
        sentence = f"The name {shown(name)} holds a control character; remove it."
        raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("the name holds a control character"))
    return name if names.is_visible(name) else ""  # lists and greetings use the address instead


def _role(value: object) -> str:
    role = _role_name(value)
    custom = role.removeprefix(CUSTOM).strip() if role.startswith(CUSTOM) else ""
    if role in ROLES or 0 < len(custom) <= MAX_ROLE_LENGTH:
        return custom or role
    meant = get_close_matches(role, ROLES, n=1)
    hint = f"did you mean {meant[0]!r}?" if meant else f"use one of {', '.join(ROLES)}."
    sentence = f"The role {shown(role)} is not known; {hint} A custom role is written “{CUSTOM} its name”."
    raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("the role is not known"))


def _exported_role(value: object) -> str:
    # In Opsgenie's API, the role is an object with a name.
    role = _role_name(value.get("name") if isinstance(value, Mapping) else value)
    if len(role) > MAX_ROLE_LENGTH:
        sentence = f"The role {shown(role)} has {len(role)} characters, more than any role in Opsgenie."
        raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("the role is too long"))
    return role


def _role_name(value: object) -> str:
    return " ".join(_text("role", value).casefold().split()) or "user"


def _locale(value: object) -> str:
    locale = _text("locale", value)
    if not _LOCALE.fullmatch(locale):
        sentence = f"The locale {shown(locale)} is not known; write it like 'en_US', or leave it empty."
        raise InvalidValue(ProblemKind.UNKNOWN_VALUE, sentence, text("the locale is not known"))
    return locale


class _Flag:
    """Reads a boolean."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        word = _text(self._name, value).casefold()
        if word not in _YES | _NO:
            sentence = f"{self._name!r} is {shown(word)}; write true or false."
            raise InvalidValue(
                ProblemKind.UNKNOWN_VALUE, sentence, text("{column} is neither true nor false", column=self._name)
            )
        return word in _YES


Reader = Callable[[object], object]
"""Reads the value of one column; None means that the value is missing. Raises `InvalidValue`."""

BY_HAND: dict[str, Reader] = {
    "email": _email,
    "name": _name,
    "role": _role,
    "email_verified": _Flag("email_verified"),
    "blocked": _Flag("blocked"),
    "sso": _Flag("sso"),
    "locale": _locale,
}
"""The columns of a handwritten roster."""
EXPORTED = {**BY_HAND, "role": _exported_role}
"""The columns of an export of Opsgenie, in which an unknown role is a custom role."""
