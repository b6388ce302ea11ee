"""The links people get by mail: what one claims. Signing and reading them is an adapter's work."""

from enum import StrEnum

from landbridge.domain.base import Model


class Purpose(StrEnum):
    """Why a person gets mail; also the salt of the link in it, so that one cannot serve as the other."""

    VERIFICATION = "verification"
    """Confirm that the address on the Opsgenie account is yours (the guide, step 6)."""
    AUTHENTICATION = "authentication"
    """Set up your Atlassian account (the guide, step 5)."""


class LinkClaims(Model):
    """What a link says: who is meant, not who clicks, and nothing personal."""

    cohort_id: str
    """The workflow id of the cohort that looks after the person."""
    run: str
    """See `domain.activity_io.MailContext.run`: in a later migration the number may be another person's."""
    person: int
    """The person's number in that cohort."""
    purpose: Purpose
    generation: int
    """Counts the mails of one purpose to one person, from 1. A resend makes older generations stop working."""


class LinkState(StrEnum):
    """What the cohort answers when asked about a link, for the page to show."""

    OPEN = "open"
    """Press the button."""
    DONE = "done"
    """It was pressed before; there is nothing left to do."""
    EXPIRED = "expired"
    """Too old, or a newer mail replaced it: ask for a new one."""
    CLOSED = "closed"
    """The migration does not wait for this person any more."""
    DECLINED = "declined"
    """The person said that this is not their account; an admin has to see to it."""


class LinkView(Model):
    """What the page behind a link needs to know."""

    state: LinkState
    site_name: str = ""
    site_url: str = ""
    opsgenie_account: str = ""
    email: str = ""
    """Handed on to Atlassian's page so that the person need not type it."""
    sso: bool = False
    click_counts: bool = False
    """The click on the authentication link must be reported: see `domain.rules.Rules.click_counts`."""
    locale: str = ""
    """The person's, for example `de_DE`: the page is in their language. Empty where unknown."""
    initiator: str = ""
    """Who asked for the migration, so that the person can judge the mail."""
