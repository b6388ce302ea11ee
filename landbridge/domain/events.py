"""Events of a person. Facts may arrive twice, late or early. Requests are checked before they become events."""

from dataclasses import dataclass, field

from landbridge.domain.links import Purpose
from landbridge.domain.people import LINK, SYSTEM, Actor
from landbridge.domain.text import Text


@dataclass(frozen=True)
class AccountSeen:
    """Atlassian answered that the account exists, and whether its email is `verified`.

    `created`: Landbridge has just created it. `mailed`: Atlassian itself has just sent the invitation.
    """

    email: str
    """The address that was looked up. The event is ignored if the person has another address by now."""
    account_id: str
    verified: bool
    created: bool = False
    mailed: bool = False


@dataclass(frozen=True)
class AccountProblem:
    """Atlassian answered that this person's account cannot be created or used."""

    email: str
    reason: Text


@dataclass(frozen=True)
class EmailVerified:
    """The Opsgenie email is verified."""

    by: Actor


@dataclass(frozen=True)
class Authenticated:
    """An authorized sender states that the Atlassian account is set up."""

    by: Actor


@dataclass(frozen=True)
class LinkFollowed:
    """The person pressed the button on the page of a link."""

    purpose: Purpose
    generation: int
    by: Actor = LINK


@dataclass(frozen=True)
class CameBack:
    """The person came back from Atlassian's page."""

    by: Actor = LINK


@dataclass(frozen=True)
class LinkDeclined:
    """The person who opened a link reports that this is not their account."""

    purpose: Purpose
    generation: int
    by: Actor = LINK


@dataclass(frozen=True)
class MailRequested:
    """Send the email of the person's state now; restart a person who is unreachable or needs attention."""

    by: Actor


@dataclass(frozen=True)
class MailSent:
    """The mail server accepted an email."""

    purpose: Purpose
    generation: int


@dataclass(frozen=True)
class MailDeferred:
    """The mail server asked to retry this email later."""

    purpose: Purpose
    generation: int
    reason: Text


@dataclass(frozen=True)
class MailRefused:
    """The mail server refused this person's address permanently."""

    purpose: Purpose
    generation: int
    reason: Text


@dataclass(frozen=True)
class RefusalWithdrawn:
    """The mail server refused this email because of the sender, not the recipient: send it again."""

    purpose: Purpose
    generation: int


@dataclass(frozen=True)
class Excluded:
    """An admin takes the person out of the migration."""

    reason: str
    by: Actor


@dataclass(frozen=True)
class EmailCorrected:
    """An admin gives the person another address, which is not verified yet."""

    email: str
    by: Actor


@dataclass(frozen=True)
class MigrationEnded:
    """The migration ended: it no longer waits for this person."""

    reason: Text
    by: Actor = field(default=SYSTEM)


Event = (
    AccountSeen
    | AccountProblem
    | EmailVerified
    | Authenticated
    | LinkFollowed
    | CameBack
    | LinkDeclined
    | MailRequested
    | MailSent
    | MailDeferred
    | MailRefused
    | RefusalWithdrawn
    | Excluded
    | EmailCorrected
    | MigrationEnded
)
