"""What can happen to a person. Facts may come twice, late or early; requests were checked before they come here."""

from dataclasses import dataclass, field

from landbridge.domain.links import Purpose
from landbridge.domain.people import LINK, SYSTEM, Actor
from landbridge.domain.text import Text


@dataclass(frozen=True)
class AccountSeen:
    """Atlassian answered: the account exists, `verified` or not, newly `created` by us or found.

    `mailed`: Atlassian itself has sent the invitation just now.
    """

    email: str
    """The address that was asked about: the answer counts only while it is the person's."""
    account_id: str
    verified: bool
    created: bool = False
    mailed: bool = False


@dataclass(frozen=True)
class AccountProblem:
    """Atlassian answered: this person's account cannot be created or used as it is."""

    email: str
    reason: Text


@dataclass(frozen=True)
class EmailVerified:
    """The Opsgenie email is verified."""

    by: Actor


@dataclass(frozen=True)
class Authenticated:
    """Someone with the right to say so: the Atlassian account is set up."""

    by: Actor


@dataclass(frozen=True)
class LinkFollowed:
    """The person pressed the button behind a link."""

    purpose: Purpose
    generation: int
    by: Actor = LINK


@dataclass(frozen=True)
class CameBack:
    """The person came back from Atlassian's page."""

    by: Actor = LINK


@dataclass(frozen=True)
class LinkDeclined:
    """The person behind a link says that this is not their account."""

    purpose: Purpose
    generation: int
    by: Actor = LINK


@dataclass(frozen=True)
class MailRequested:
    """Send the mail of the person's state now; for one who needs attention, try again."""

    by: Actor


@dataclass(frozen=True)
class MailSent:
    """The mail server took a mail."""

    purpose: Purpose
    generation: int


@dataclass(frozen=True)
class MailDeferred:
    """The mail server asked us to try this mail again later."""

    purpose: Purpose
    generation: int
    reason: Text


@dataclass(frozen=True)
class MailRefused:
    """The mail server refused this person's address for good."""

    purpose: Purpose
    generation: int
    reason: Text


@dataclass(frozen=True)
class RefusalWithdrawn:
    """The mail server refused this mail because of the sender, not because of the person: it is sent again."""

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
    """The migration does not wait any more."""

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
