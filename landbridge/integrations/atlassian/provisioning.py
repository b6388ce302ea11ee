"""Sign-up, site creation and the connection to Opsgenie, for which Atlassian has no public API.

`EmulatedProvisioning` uses the emulator; `AdminProvisioning` returns tasks for an admin and checks what it can.
"""

from typing import Self
from urllib.parse import quote

from pydantic import Field

from landbridge.domain import sites
from landbridge.domain.activity_io import (
    AccountQuestion,
    AdminTask,
    Connected,
    NameNotFree,
    SignedUp,
)
from landbridge.domain.errors import BadInput
from landbridge.domain.ports import AccountDirectory
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import text
from landbridge.integrations.atlassian.site_probe import SiteProbe
from landbridge.integrations.http import Body, Request, Transport

NAME = text("The emulator")
SETTINGS = text("LANDBRIDGE_ATLASSIAN_PROVISIONING_URL and LANDBRIDGE_ATLASSIAN_API_KEY")
SIGN_UP_URL = "https://id.atlassian.com/signup"
ADMINISTRATION_URL = "https://admin.atlassian.com"
OPSGENIE_URL = "https://app.opsgenie.com"
_CONFLICT = 409


class SignUpResult(Body):
    """The emulator's response to a sign-up."""

    account_id: str


class SiteResult(Body):
    """The emulator's response to a new site."""

    id: str
    name: str
    url: str


class NameTakenResult(Body):
    """The emulator's response to a site name that is or was in use."""

    suggestions: list[str] = Field(default_factory=list)


class EmulatedProvisioning:
    """Implements the port `Provisioning` with the emulator's `/provisioning`; `api_key` is the organization's."""

    def __init__(self, url: str, api_key: str) -> None:
        self._transport = Transport(NAME, url, f"Bearer {api_key}", settings=SETTINGS)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._transport.close()

    async def ensure_signed_up(self, email: str, first_name: str, last_name: str) -> SignedUp:
        """Create an account for the address, unless it has one."""
        body = {"email": email, "firstName": first_name, "lastName": last_name}
        response = await self._transport.send(Request("POST", "/provisioning/v1/sign-ups", body=body))
        return SignedUp(account_id=response.read(SignUpResult).account_id)

    async def ensure_site(self, email: str, site: NewSite) -> Site | NameNotFree:
        """Create the site, unless the same person created it before."""
        body = {"email": email, "name": site.name, "firstName": site.first_name, "lastName": site.last_name}
        response = await self._transport.send(
            Request("POST", "/provisioning/v1/sites", body=body, understood=frozenset({200, _CONFLICT}))
        )
        if response.status == _CONFLICT:
            taken = response.read(NameTakenResult)
            return NameNotFree(
                reason=text("The site name {name} is or was already in use.", name=repr(site.name)),
                suggestions=[name for name in taken.suggestions if _is_valid(name)],
            )
        created = response.read(SiteResult)
        return Site(id=created.id, name=created.name, url=created.url, admin=True)

    async def ensure_connected(self, opsgenie_account: str, site: Site, *, confirmed: bool) -> Connected:  # noqa: ARG002 - part of the port; the emulator needs no confirmation
        """Connect the Opsgenie account to the site, unless it is connected."""
        path = f"/provisioning/v1/connections/{quote(opsgenie_account, safe='')}"
        await self._transport.send(Request("PUT", path, body={"siteId": site.id}))
        return Connected()


class AdminProvisioning:
    """Implements the port `Provisioning` with tasks for an admin, checked through the organization's directory.

    `probe` also checks the sites themselves; without it, only Atlassian can show the admin whether a name is free.
    """

    def __init__(self, directory: AccountDirectory, probe: SiteProbe | None = None) -> None:
        self._directory = directory
        self._probe = probe

    async def ensure_signed_up(self, email: str, first_name: str, last_name: str) -> SignedUp | AdminTask:  # noqa: ARG002 - the person who signs up enters the names
        """Find the account; return a sign-up task if the organization has none."""
        async for outcomes in self._directory.find([AccountQuestion(person=0, email=email)]):
            if outcomes[0].account_id:
                return SignedUp(account_id=outcomes[0].account_id)
        return AdminTask(
            id="sign-up",
            task=text(
                "The initiator has no Atlassian account in the organization: sign up at Atlassian with the "
                "initiator's address, and add that account to the organization."
            ),
            url=SIGN_UP_URL,
        )

    async def ensure_site(self, email: str, site: NewSite) -> Site | NameNotFree | AdminTask:
        """Find the site with the initiator as site admin; return a task for what is missing."""
        linked = {found.name: found for found in await self._directory.sites(email)}
        found = linked.get(site.name)
        if found is None:
            if self._probe is not None and await self._probe.cloud_id(site.name) is not None:
                return NameNotFree(
                    reason=text(
                        "A site {name} already exists, but the organization does not list the initiator as one "
                        "of its users. If the site is yours, make the initiator its site admin and choose it "
                        "again after a minute.",
                        name=repr(site.name),
                    ),
                    suggestions=await self._free_names(site.name),
                )
            return AdminTask(
                id=f"create-site:{site.name}",
                task=text(
                    "Create the site {name} in the Atlassian organization, with the initiator as site admin. "
                    "If Atlassian reports that the name is taken, choose another name here too.",
                    name=repr(site.name),
                ),
                url=ADMINISTRATION_URL,
            )
        if not found.admin:
            return AdminTask(
                id=f"make-site-admin:{site.name}",
                task=text(
                    "Make the initiator a site admin of the site {name}, or choose another site.", name=repr(site.name)
                ),
                url=ADMINISTRATION_URL,
            )
        if self._probe is not None and await self._probe.cloud_id(site.name) != found.id:
            return AdminTask(
                id=f"open-site:{site.name}",
                task=text(
                    "The site {name} is not available at its address yet, or another site is: open it, and "
                    "confirm here once it is available.",
                    name=repr(site.name),
                ),
                url=found.url,
            )
        return found

    async def _free_names(self, wanted: str) -> list[str]:
        if self._probe is None:
            return []
        return [name for name in sites.suggest_names(wanted) if await self._probe.cloud_id(name) is None]

    async def ensure_connected(self, opsgenie_account: str, site: Site, *, confirmed: bool) -> Connected | AdminTask:
        """Return a task until an admin confirms it. No API can check the connection, so the confirmation is trusted."""
        if confirmed:
            return Connected()
        return AdminTask(
            id=f"connect-site:{site.name}",
            task=text(
                "In the Opsgenie account {opsgenie_account}, open Settings, then General, press “Migrate to an "
                "Atlassian site” and select the site {name}; then confirm here.",
                opsgenie_account=repr(opsgenie_account),
                name=repr(site.name),
            ),
            url=OPSGENIE_URL,
        )


def _is_valid(name: str) -> bool:
    try:
        sites.check_name(name)
    except BadInput:
        return False
    return True
