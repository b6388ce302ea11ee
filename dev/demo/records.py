"""Records of a migration that are independent of Landbridge: from the mail server, the emulator and the people."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import httpx2
from pydantic import Field

from dev.demo.mails import Mail, MailKind, key
from landbridge.client.answers import Report
from landbridge.domain.base import Model
from landbridge.domain.people import State


class AtlassianAccount(StrEnum):
    """A person's Atlassian account before the migration."""

    NONE = "none"
    UNVERIFIED = "unverified"
    VERIFIED = "verified"
    INACTIVE = "inactive"


@dataclass(frozen=True)
class SamplePerson:
    """A person as Opsgenie, Atlassian and the mail server know them before the migration."""

    email: str
    name: str = ""
    role: str = "user"
    verified: bool = True
    """At Opsgenie."""
    blocked: bool = False
    locale: str = "en_US"
    atlassian: AtlassianAccount = AtlassianAccount.NONE
    member: bool = True
    """Whether an Atlassian account that exists before the migration is in the organization."""
    mailable: bool = True
    """Whether the mail server accepts mail for this person."""
    uninvitable: str = ""
    """Why Atlassian rejects an invitation; empty: Atlassian accepts it."""

    @property
    def key(self) -> str:
        """The address, for comparing."""
        return key(self.email)

    @property
    def is_admin(self) -> bool:
        """Whether this is an owner or admin."""
        return self.role.casefold() in {"owner", "admin"}

    @property
    def needs_admin(self) -> bool:
        """Whether Atlassian has a problem with this person that only an admin can solve."""
        return bool(self.uninvitable) or self.atlassian is AtlassianAccount.INACTIVE

    @property
    def expected_state(self) -> State:
        """The state in which this person ends after acting on every mail."""
        if self.blocked:
            return State.SKIPPED
        if self.atlassian is AtlassianAccount.VERIFIED:
            return State.CONNECTED
        if self.needs_admin:
            return State.ATTENTION
        return State.CONNECTED if self.mailable else State.UNREACHABLE

    @property
    def expected_mails(self) -> frozenset[MailKind]:
        """The kinds of mail that this person receives before reaching the expected state."""
        if self.expected_state is not State.CONNECTED or self.atlassian is AtlassianAccount.VERIFIED:
            return frozenset()
        return frozenset({MailKind.AUTHENTICATE} if self.verified else {MailKind.VERIFY, MailKind.AUTHENTICATE})


class OpsgenieUser(Model):
    """A user of the Opsgenie account."""

    username: str
    full_name: str
    role: str
    verified: bool
    blocked: bool


class Account(Model):
    """A person's Atlassian account."""

    id: str
    email: str
    email_verified: bool

    @property
    def key(self) -> str:
        """The address, for comparing."""
        return key(self.email)


class Member(Model):
    """An Atlassian account in the organization."""

    account_id: str


class Site(Model):
    """An Atlassian site."""

    id: str
    url: str


class Connection(Model):
    """An Opsgenie account that is connected to a site."""

    opsgenie_account: str
    site_id: str


class Services(Model):
    """What Opsgenie and Atlassian have stored."""

    opsgenie_users: list[OpsgenieUser] = Field(alias="opsgenieUsers")
    accounts: list[Account]
    members: list[Member]
    sites: list[Site]
    connections: list[Connection]

    @property
    def member_keys(self) -> set[str]:
        """The addresses of the people in the organization, for comparing."""
        ids = {member.account_id for member in self.members}
        return {account.key for account in self.accounts if account.id in ids}


async def services(emulator_url: str) -> Services:
    """Return what the emulator has stored."""
    async with httpx2.AsyncClient(base_url=emulator_url) as client:
        response = await client.get("/emulator/state")
        return Services.model_validate_json(response.raise_for_status().content)


def sample_people(before: Services, refused: Collection[str]) -> list[SamplePerson]:
    """Return the users of an Opsgenie account; the mail server rejects the `refused` addresses."""
    verified = {account.key: account.email_verified for account in before.accounts}
    found = {None: AtlassianAccount.NONE, False: AtlassianAccount.UNVERIFIED, True: AtlassianAccount.VERIFIED}
    return [
        SamplePerson(
            email=user.username,
            name=user.full_name,
            role=user.role,
            verified=user.verified,
            blocked=user.blocked,
            atlassian=found[verified.get(key(user.username))],
            mailable=key(user.username) not in set(map(key, refused)),
        )
        for user in before.opsgenie_users
    ]


@dataclass(frozen=True)
class Evidence:
    """Everything that is known about one completed migration. Addresses may be in any spelling."""

    people: Sequence[SamplePerson]
    """The roster."""
    mails: Sequence[Mail]
    services: Services
    """After the migration."""
    report: Report
    """Landbridge's own report; everything else was recorded by others."""
    confirmed: Mapping[str, int]
    """By address of each person who confirmed it: the number of the newest mail to anyone, just before."""
    scanned: Mapping[str, bool] = field(default_factory=dict)
    """By address of each person whose link a mail scanner opened first: whether the page still showed its button."""
    verified_by_admin: Collection[str] = ()
    connected_by_admin: Collection[str] = ()
    excluded: Collection[str] = ()
    """Excluded by an admin."""
    requested_mails: Mapping[str, int] = field(default_factory=dict)
    """How many more mails were requested, by recipient."""
    max_duplicates: int = 0
    """Mails that may be delivered twice with the same Message-ID: a process died before it received the response."""
    max_uncounted: int = 0
    """Mails to each person that the report may leave out: a mail that is being sent while its recipient is connected or
    excluded is delivered, but not counted."""
