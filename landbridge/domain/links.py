"""The links in emails: their claims and their state. An adapter signs and verifies links."""

from enum import StrEnum

from landbridge.domain.base import Model


class Purpose(StrEnum):
    """Why a person gets an email. Also the salt of its link's signature, so a link is valid for one purpose only."""

    VERIFICATION = "verification"
    """Confirm that the address on the Opsgenie account is yours (the guide, step 6)."""
    AUTHENTICATION = "authentication"
    """Set up your Atlassian account (the guide, step 5)."""


class LinkClaims(Model):
    """The content of a link: to whom it was sent, not who opens it. It contains no personal data."""

    cohort_id: str
    """The workflow id of the person's cohort."""
    run: str
    """See `domain.activity_io.MailContext.run`. In a later migration the number may belong to another person."""
    person: int
    """The person's number in that cohort."""
    purpose: Purpose
    generation: int
    """Counts the emails of one purpose to one person, from 1. A resend invalidates the links of older generations."""


class LinkState(StrEnum):
    """The state of a link. The cohort returns it, and the page shows it."""

    OPEN = "open"
    """The link works: the page shows its button."""
    DONE = "done"
    """Nothing is left to do, for example because the button was pressed before."""
    EXPIRED = "expired"
    """The link is too old, or a newer email replaced it. The person can request a new one."""
    CLOSED = "closed"
    """The migration no longer waits for this person."""
    DECLINED = "declined"
    """The person reported that this is not their account; an admin has to act."""


class LinkView(Model):
    """What the page behind a link shows or uses."""

    state: LinkState
    site_name: str = ""
    site_url: str = ""
    opsgenie_account: str = ""
    email: str = ""
    """Passed to Atlassian's page, so that the person does not have to type it."""
    sso: bool = False
    click_counts: bool = False
    """The click on the authentication link must be reported; see `domain.rules.Rules.click_counts`."""
    locale: str = ""
    """The person's locale, for example `de_DE`, which selects the language of the page; empty if unknown."""
    initiator: str = ""
    """Who initiated the migration, so that the person can judge whether the email is genuine."""
