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
"""Environment variable: the name to record for requests, instead of the login name."""


class Output(StrEnum):
    """Output format of most commands."""

    TABLE = "table"
    JSON = "json"


class ExportFormat(StrEnum):
    """Output format of commands that export everyone."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


def _by_value(transformed: str) -> str:
    # Users type enum members as they are displayed (with underscores), not with the hyphens of option names.
    return transformed.lower().replace("-", "_")


CHOICE = Parameter(name_transform=_by_value)
"""For options that take an enum member. Such an option needs an explicit name, or its name is transformed too."""
SHOWN = Parameter(show_default=True)
"""For options whose default value is worth showing."""

Account = Annotated[str, Parameter(help="Name of the Opsgenie account.")]


def _address(_: type, tokens: Sequence[Token]) -> str:
    return pasted.address(tokens[0].value)


Email = Annotated[
    str, Parameter(converter=_address, n_tokens=1, help="The person's current or a former address, in any spelling.")
]
States = Annotated[
    list[State] | None, CHOICE, Parameter(help="Only people in this state; can be repeated.", metavar="STATE")
]
Output_ = Annotated[
    Output, Parameter(name=("--output", "-o"), metavar="FORMAT", help="A table, or JSON for programs."), SHOWN
]
ExportFormat_ = Annotated[
    ExportFormat,
    Parameter(
        name=("--output", "-o"),
        metavar="FORMAT",
        help="A table of the essentials; everyone as JSON for programs, or as CSV for spreadsheets.",
    ),
    SHOWN,
]
AtDeadline_ = Annotated[
    AtDeadline, CHOICE, Parameter(name="--at-deadline", metavar="WHAT", help="What happens at the deadline."), SHOWN
]
Run = Annotated[
    str,
    Parameter(help="The run that status shows; refused if the migration was started again since.", metavar="RUN"),
]
ROSTER = Parameter(
    help="CSV or JSON file of the people, or - for standard input. Default: read from Opsgenie.",
    metavar="FILE",
    allow_leading_hyphen=True,
)
Reason = Parameter(metavar="TEXT")
"""For reasons; check the value with `reason`."""
By = Annotated[
    str,
    Parameter(env_var=ACTOR, help="Your name, for the audit.", show_default=lambda _: "the login name", metavar="NAME"),
]


def reason(typed: str) -> str:
    """Check a reason.

    Raises:
        BadInput: it is empty or too long (it is stored with each person that it affects).

    """
    if not typed.strip():
        raise BadInput("The reason is empty: pass --reason TEXT.")
    if len(typed) > MAX_REASON_LENGTH:
        raise BadInput(f"The reason has {len(typed)} characters; shorten it to {MAX_REASON_LENGTH}.")
    return typed


def actor(name: str) -> Actor:
    """Return the actor to record: the given name, or else the login name.

    Raises:
        BadInput: there is no login name, or the name is not UTF-8 or too long (it is stored in each audit entry).

    """
    try:
        actor_name = name.strip() or getpass.getuser()
    except (KeyError, OSError):
        raise BadInput(f"There is no login name to record. Pass --by NAME, or set {ACTOR}.") from None
    if not pasted.is_text(actor_name):
        raise BadInput(f"Your name is not valid UTF-8. Pass --by NAME, or set {ACTOR}.")
    if len(actor_name) > audit.MAX_LENGTH:
        raise BadInput(f"Your name has {len(actor_name)} characters; shorten it to {audit.MAX_LENGTH}.")
    return Actor(source=Source.OPERATOR, name=actor_name)
