"""How an owner or admin signs in to the portal: by a link that is emailed to their address at Opsgenie."""

import hashlib
import hmac
from datetime import datetime, timedelta

from landbridge.domain import addresses
from landbridge.domain.base import Model

LINK_LIFETIME = timedelta(minutes=15)
"""How long the newest link works."""
COOL_DOWN = timedelta(minutes=1)
"""Minimum time between two emails to one address: pressing the button again within this time sends none."""
IDENTITY_LIFETIME = timedelta(hours=1)
"""How long an identity token is valid. Must exceed sending the email (at most 12 minutes) plus `LINK_LIFETIME`."""
MAX_LINKS = 5
"""Maximum emails to one address until the newest link expires, so that a stranger cannot flood the mailbox."""

SESSION_LIFETIME = timedelta(hours=8)
"""Maximum duration of a session: a working day."""
SESSION_CONFIRMED_FOR = timedelta(minutes=30)
"""How long a confirmation by Opsgenie that the user is an owner or admin keeps a session open."""
SESSION_PROOF = "role_proof"
"""The field of a session's memo that contains `RoleAnswer.proof`. Reading a memo needs no worker."""
SESSION_RENEWAL = timedelta(minutes=15)
"""How long after a confirmation Opsgenie is asked again: early enough for a slow answer to arrive in time."""
SESSION_RETRY = timedelta(minutes=1)
"""Time between two attempts while Opsgenie does not answer."""


class SignedIn(Model):
    """An owner or admin of an Opsgenie account, as Opsgenie describes them."""

    email: str
    name: str = ""
    role: str
    """`owner` or `admin`; see `domain.roster.ADMIN_ROLES`."""
    opsgenie_account: str
    locale: str = ""
    """Opsgenie's `locale`; empty if unknown."""


class SignInRequest(Model):
    """The input of `AdminSignInWorkflow`: an address that anyone may have entered."""

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
    """The proof that Opsgenie confirms the role now (`domain.proof.Proofs.of_role`). It is needed because an answer in
    Temporal can be forged, as in `FindAdminResult`. Empty: the role was lost."""


class RoleQuestion(Model):
    """A query to a migration: whether an address is known to belong to no current owner or admin."""

    email: str
    confirmed_at: datetime
    """When Opsgenie last confirmed the role. A roster that was read earlier is ignored."""


class FindAdminResult(Model):
    """Whether an address belongs to an owner or admin."""

    identity: str = ""
    """An identity token: who the person is, signed for this run of the sign-in (`domain.ports.IdentityTokens`).
    Temporal has no signing key, so write access to Temporal makes nobody an admin. Empty: neither owner nor admin."""


class SignInClaims(Model):
    """The content of a sign-in link: the sign-in, its run, and which of its emails. It contains no personal data."""

    sign_in_id: str
    """The workflow id of the sign-in; see `domain.ids.sign_in`."""
    run_id: str
    generation: int
    """Counts the emails of one sign-in, from 1. Only the newest link works."""
    identity: str
    """The digest of the identity token of the link's recipient; see `identity_digest`."""


class SendSignInLinkInput(Model):
    """Send a sign-in link to the person whom an identity token names."""

    identity: str
    """See `FindAdminResult.identity`."""
    generation: int


class SignInMail(Model):
    """An email with a sign-in link, to a person whose identity was checked."""

    recipient: SignedIn
    claims: SignInClaims


class Redeem(Model):
    """An update to a sign-in: the button on the link's page was pressed."""

    generation: int


def identity_digest(identity: str) -> str:
    """Return a short hash of an identity token, for links that must not name the person."""
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def digest(address: str, key: str) -> str:
    """Return a keyed hash of an address for use in ids: equal for all spellings, and useless without the key."""
    return hmac.new(key.encode(), addresses.key(address).encode(), hashlib.sha256).hexdigest()[:32]
