"""What others recorded of the demo: the mail server in its folder, the emulator in its store, the people themselves."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from pydantic import Field

from dev.demo.mails import Arrivals, Mail
from dev.demo.people import AdminAct
from landbridge.client.answers import Report
from landbridge.domain import addresses
from landbridge.domain.base import Model
from landbridge.domain.roster import ADMIN_ROLES


class OpsgenieUser(Model):
    """One row of the roster."""

    username: str
    full_name: str
    role: str
    verified: bool
    blocked: bool

    @property
    def key(self) -> str:
        """The address, for comparing."""
        return addresses.key(self.username)

    @property
    def is_admin(self) -> bool:
        """Whether this is an owner or admin."""
        return self.role.casefold() in ADMIN_ROLES


class AtlassianAccount(Model):
    """One person's account."""

    email: str
    email_verified: bool

    @property
    def key(self) -> str:
        """The address, for comparing."""
        return addresses.key(self.email)


class Site(Model):
    """One site."""

    id: str
    url: str


class Connection(Model):
    """An Opsgenie account that is connected to a site."""

    opsgenie_account: str
    site_id: str


class Services(Model):
    """Opsgenie and Atlassian at one moment."""

    opsgenie_users: list[OpsgenieUser] = Field(alias="opsgenieUsers")
    accounts: list[AtlassianAccount]
    sites: list[Site]
    connections: list[Connection]


async def services(emulator_url: str) -> Services:
    """Ask the emulator for everything that it has."""
    async with httpx2.AsyncClient(base_url=emulator_url) as client:
        response = await client.get("/emulator/state")
        return Services.model_validate_json(response.raise_for_status().content)


@dataclass(frozen=True)
class Records:
    """All of it, and the report that it is held against."""

    report: Report
    before: Services
    after: Services
    mails: Sequence[Mail]
    deeds: Sequence[AdminAct]
    refused: frozenset[str] = field(default_factory=frozenset)
    """Addresses that the mail server refused, for comparing."""


async def gather(
    report: Report,
    *,
    before: Services,
    emulator_url: str,
    mailbox: Path,
    deeds: Sequence[AdminAct],
    refused: Sequence[str],
) -> Records:
    """Collect what was recorded."""
    return Records(
        report=report,
        before=before,
        after=await services(emulator_url),
        mails=Arrivals(mailbox).new(),
        deeds=deeds,
        refused=frozenset(map(addresses.key, refused)),
    )
