"""Arguments and options that several commands share."""

import getpass
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

from cyclopts import Parameter, Token

from landbridge.domain import audit, pasted
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import MAX_REASON_LENGTH
from landbridge.domain.people import Actor, Source, State
from landbridge.domain.rules import AtDeadline

ACTOR = "LANDBRIDGE_ACTOR"
"""The environment variable that says who acts, where the login name does not."""


class Output(StrEnum):
    """In what form an answer is wanted."""

    TABLE = "table"
    JSON = "json"


def _by_value(transformed: str) -> str:
    # States and the like are typed as every surface shows them, so as their values and not in the hyphens of options.
    return transformed.lower().replace("-", "_")


CHOICE = Parameter(name_transform=_by_value)
"""For options that take a member of an enum; such an option's own name must be given, or it is transformed too."""
SHOWN = Parameter(show_default=True)
"""For options whose default says something."""

Account = Annotated[str, Parameter(help="Name of the Opsgenie account.")]


def _address(_: type, tokens: Sequence[Token]) -> str:
    return pasted.address(tokens[0].value)


Email = Annotated[
    str, Parameter(converter=_address, n_tokens=1, help="The person's address, in any spelling; a former one will do.")
]
States = Annotated[
    list[State] | None, CHOICE, Parameter(help="Only people in this state; may be repeated.", metavar="STATE")
]
Output_ = Annotated[
    Output, Parameter(name=("--output", "-o"), metavar="FORM", help="A table for people, or JSON for programs."), SHOWN
]
AtDeadline_ = Annotated[
    AtDeadline, CHOICE, Parameter(name="--at-deadline", metavar="WHAT", help="What happens then."), SHOWN
]
Run = Annotated[
    str,
    Parameter(help="Only the migration that status shows as this run; refused if it was started again.", metavar="RUN"),
]
ROSTER = Parameter(
    help="CSV or JSON, - for standard input; without it, the people are read from Opsgenie.",
    metavar="FILE",
    allow_leading_hyphen=True,
)
Reason = Parameter(metavar="TEXT")
"""For options that say why; see `reason`."""
By = Annotated[
    str,
    Parameter(
        env_var=ACTOR, help="Who does it, for the record.", show_default=lambda _: "the login name", metavar="NAME"
    ),
]


def reason(typed: str, what_for: str) -> str:
    """Return the reason that was given.

    Raises:
        BadInput: there is none, or a whole letter; it stands with everyone whom it concerns.

    """
    if not typed.strip():
        raise BadInput(f"Give a reason: {what_for}.")
    if len(typed) > MAX_REASON_LENGTH:
        raise BadInput(f"The reason has {len(typed)} characters; shorten it to {MAX_REASON_LENGTH}.")
    return typed


def actor(name: str) -> Actor:
    """Return who acts: the one who was named, else the login.

    Raises:
        BadInput: neither is known, or it is as long as no name is: it stands with everything that was done.

    """
    try:
        who = name.strip() or getpass.getuser()
    except (KeyError, OSError):
        raise BadInput(f"Say who you are: --by NAME, or set {ACTOR}. This machine has no name for the login.") from None
    if not pasted.is_text(who):
        raise BadInput(f"The name of who does it holds bytes that are not UTF-8: give --by NAME, or set {ACTOR} anew.")
    if len(who) > audit.MAX_LENGTH:
        raise BadInput(f"The name of who does it has {len(who)} characters; shorten it to {audit.MAX_LENGTH}.")
    return Actor(source=Source.OPERATOR, name=who)
