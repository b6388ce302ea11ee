"""How an owner or admin signs in to the portal: by a link that is mailed to the address Opsgenie has of them."""

import hashlib
import hmac
from datetime import datetime, timedelta

from landbridge.domain import addresses
from landbridge.domain.base import Model

LINK_LIFETIME = timedelta(minutes=15)
"""How long the newest link works."""
COOL_DOWN = timedelta(minutes=1)
"""Between two mails to one address: a second press of the button within this time sends none."""
IDENTITY_LIFETIME = timedelta(hours=1)
"""How long an identity token is good: longer than mailing the link takes (12 minutes at most) and the link works."""
MAX_LINKS = 5
"""Mails to one address until the newest link is over: a stranger who knows the address cannot fill the mailbox."""

SESSION_LIFETIME = timedelta(hours=8)
"""Maximum duration of a session: a working day."""
SESSION_CONFIRMED_FOR = timedelta(minutes=30)
"""How long a confirmation by Opsgenie that the user is an owner or admin keeps a session open."""
SESSION_PROOF = "role_proof"
"""The field of a session's memo that holds `RoleAnswer.proof`. Reading a memo takes no worker."""
SESSION_RENEWAL = timedelta(minutes=15)
"""How long after that answer Opsgenie is asked again, so that a slow answer still comes in time."""
SESSION_RETRY = timedelta(minutes=1)
"""Between two attempts, while Opsgenie gives no answer."""


class SignedIn(Model):
    """An owner or admin of an Opsgenie account, as Opsgenie describes them."""

    email: str
    name: str = ""
    role: str
    """`owner` or `admin`; see `domain.roster.ADMIN_ROLES`."""
    opsgenie_account: str
    locale: str = ""
    """Opsgenie's `locale`; empty where unknown."""


class SignInRequest(Model):
    """The input of `AdminSignInWorkflow`: an address that anyone may have typed."""

    email: str
    """Normalised by `domain.addresses`."""


class AdminSession(Model):
    """The input of `AdminSessionWorkflow`: this owner or admin has signed in."""

    email: str
    opsgenie_account: str
    """The account that the session is for: an owner or admin of another account has to sign in again."""


class RoleAnswer(Model):
    """Whether a signed-in user is still an owner or admin of the Opsgenie account."""

    proof: str = ""
    """The proof that Opsgenie says so now (`domain.proof.Proofs.of_role`): Temporal's word would not do, as in
    `FindAdminResult`. Empty: no longer."""


class RoleQuestion(Model):
    """A query to a migration: whether an address is known to be no owner's or admin's any more."""

    email: str
    confirmed_at: datetime
    """When Opsgenie was last asked. A roster that was read before counts for nothing."""


class FindAdminResult(Model):
    """Whether an address is that of an owner or admin."""

    identity: str = ""
    """An identity token: who that is, signed for this run of the sign-in (`domain.ports.IdentityTokens`). Temporal
    has no key to sign one, so write access to Temporal makes nobody an admin. Empty: neither."""


class SignInClaims(Model):
    """What a sign-in link says: which run of which sign-in, and which of its mails. Nothing personal."""

    sign_in_id: str
    """The workflow id of the sign-in; see `domain.ids.sign_in`."""
    run_id: str
    generation: int
    """Counts the mails of one sign-in from 1. Only the newest link works."""
    identity: str
    """The digest of the identity token of the person to whom the link was mailed; see `identity_digest`."""


class SendSignInLinkInput(Model):
    """Mail a sign-in link to the person whom an identity token names."""

    identity: str
    """See `FindAdminResult.identity`."""
    generation: int


class SignInMail(Model):
    """A mail with a sign-in link, to a person whose identity was checked."""

    recipient: SignedIn
    claims: SignInClaims


class Redeem(Model):
    """An update to a sign-in: the button behind the link was pressed."""

    generation: int


def identity_digest(identity: str) -> str:
    """Return a short code for an identity token, for links that must not name the person."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def digest(address: str, key: str) -> str:
    """Return a code for an address in ids: equal for all of its spellings, and of no use without the key."""
    return hmac.new(key.encode(), addresses.key(address).encode(), hashlib.sha256).hexdigest()[:32]
