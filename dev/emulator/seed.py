"""The emulator's seed: a JSON document in camelCase with the fields of `Seed`.

    {
      "opsgenie": {
        "name": "acme", "apiKey": "…",
        "users": [{"username": "ann@example.com", "fullName": "Ann", "role": "owner", "verified": true}]
      },
      "organization": {
        "id": "acme-org", "name": "Acme", "apiKey": "…",
        "ssoDomains": ["sso.example.com"],
        "accounts": [{"email": "ann@example.com", "name": "Ann", "emailVerified": true}],
        "sites": [{"name": "acme-status", "siteAdmins": ["ann@example.com"]}],
        "pastSiteNames": ["acme"]
      }
    }

The classes below document all fields and defaults.
"""

import uuid
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dev.emulator import accounts, sites
from dev.emulator.store import Store


class Body(BaseModel):
    """A JSON body in camelCase, as in both services; unknown fields are rejected."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class OpsgenieUser(Body):
    """A user of the Opsgenie account."""

    username: str
    """The email address. The emulator does not validate it, so that tests can use unusual rosters."""
    full_name: str = ""
    role: str = "user"
    """`owner`, `admin`, `user`, `stakeholder`, or the name of a custom role."""
    verified: bool = True
    blocked: bool = False
    locale: str = "en_US"
    time_zone: str = "Etc/UTC"


class OpsgenieAccount(Body):
    """An Opsgenie account."""

    name: str
    api_key: str
    key_restricted: bool = False
    """The API key is valid but lacks configuration access: every call is answered with 403."""
    plan: str = "Enterprise"
    max_users: int = 1_000_000
    users: list[OpsgenieUser] = Field(default_factory=list)


class AtlassianAccount(Body):
    """An existing Atlassian account."""

    email: str
    name: str = ""
    email_verified: bool = False
    account_status: Literal["active", "inactive", "closed"] = "active"
    member: bool = True
    """Whether the account is a member of the organization. The organization's API shows members only."""
    org_admin: bool = False
    managed_elsewhere: bool = False
    """Another organization has claimed the address's domain."""


class Site(Body):
    """An existing site."""

    name: str
    site_admins: list[str] = Field(default_factory=list)
    """Addresses of the site admins."""
    users: list[str] = Field(default_factory=list)
    """Addresses of users without admin rights."""


class Organization(Body):
    """An Atlassian organization."""

    id: str
    name: str
    api_key: str
    paid: bool = True
    """If false, invitations are answered with 402."""
    seats: int | None = None
    """Maximum number of members; further invitations are answered with 409. Each member has access to each site."""
    domains: dict[str, Literal["verified", "unverified", "superseded", "missing_token", "deleted"]] = Field(
        default_factory=dict
    )
    """Claim status of each domain. The organization manages the accounts of `verified` domains."""
    sso_domains: list[str] = Field(default_factory=list)
    uninvitable: dict[str, str] = Field(default_factory=dict)
    """Addresses whose invitation fails (206), each with a reason. If the reason is an error code of Atlassian, such as
    `ADMIN-UAM-409-3`, the whole request fails with that code."""
    accounts: list[AtlassianAccount] = Field(default_factory=list)
    sites: list[Site] = Field(default_factory=list)
    past_site_names: list[str] = Field(default_factory=list)
    """Site names that were used before; they stay unavailable."""


class Seed(Body):
    """An Opsgenie account and the organization its users move to."""

    opsgenie: OpsgenieAccount
    organization: Organization


def is_loaded(store: Store, seed: Seed) -> bool:
    """Return whether the Opsgenie account of this seed exists."""
    return store.row("SELECT 1 FROM opsgenie_accounts WHERE name = ?", seed.opsgenie.name) is not None


def load(store: Store, seed: Seed) -> None:
    """Load a seed; it replaces its Opsgenie account, its organization and their people."""
    with store.transaction():
        _delete(store, seed)
        _load_opsgenie(store, seed.opsgenie)
        _load_organization(store, seed.organization)


def add_user(store: Store, account: str, user: OpsgenieUser) -> str:
    """Add a user to an Opsgenie account; return the user's id."""
    user_id = str(uuid.uuid4())
    store.change(
        "INSERT INTO opsgenie_users (account, id, username, full_name, role, verified, blocked, locale, time_zone,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        account,
        user_id,
        user.username,
        user.full_name,
        user.role,
        user.verified,
        user.blocked,
        user.locale,
        user.time_zone,
        accounts.now(),
    )
    return user_id


def set_uninvitable(store: Store, organization: str, uninvitable: Mapping[str, str]) -> None:
    """Replace the addresses that an organization cannot invite."""
    store.change("DELETE FROM uninvitable WHERE organization = ?", organization)
    store.change_many(
        "INSERT INTO uninvitable VALUES (?, ?, ?)",
        ((organization, accounts.key(email), reason) for email, reason in uninvitable.items()),
    )


def _delete(store: Store, seed: Seed) -> None:
    emails = [user.username for user in seed.opsgenie.users] + [account.email for account in seed.organization.accounts]
    store.change_many("DELETE FROM atlassian_accounts WHERE email_key = ?", ((accounts.key(e),) for e in emails))
    store.change(
        "DELETE FROM atlassian_accounts WHERE id IN (SELECT account_id FROM members WHERE organization = ?)",
        seed.organization.id,
    )
    store.change(
        "DELETE FROM used_site_names WHERE name IN (SELECT name FROM sites WHERE organization = ?)",
        seed.organization.id,
    )
    store.change("DELETE FROM organizations WHERE id = ?", seed.organization.id)
    store.change("DELETE FROM opsgenie_accounts WHERE name = ?", seed.opsgenie.name)
    store.change("DELETE FROM connections WHERE opsgenie_account = ?", seed.opsgenie.name)


def _load_opsgenie(store: Store, account: OpsgenieAccount) -> None:
    store.change(
        "INSERT INTO opsgenie_accounts VALUES (?, ?, ?, ?, ?)",
        account.name,
        account.api_key,
        account.key_restricted,
        account.plan,
        account.max_users,
    )
    for user in account.users:
        add_user(store, account.name, user)


def _load_organization(store: Store, organization: Organization) -> None:
    store.change(
        "INSERT INTO organizations VALUES (?, ?, ?, ?, ?, ?)",
        organization.id,
        organization.name,
        organization.api_key,
        str(uuid.uuid4()),
        organization.paid,
        organization.seats,
    )
    store.change_many(
        "INSERT OR REPLACE INTO sso_domains VALUES (?, ?)",
        ((domain.casefold(), organization.id) for domain in organization.sso_domains),
    )
    store.change_many(
        "INSERT INTO domains VALUES (?, ?, ?)",
        ((organization.id, name.casefold(), claim) for name, claim in organization.domains.items()),
    )
    set_uninvitable(store, organization.id, organization.uninvitable)
    store.change_many(
        "INSERT OR IGNORE INTO used_site_names VALUES (?)", ((name,) for name in organization.past_site_names)
    )
    for account in organization.accounts:
        account_id = accounts.ensure(store, account.email, account.name, origin="seed")
        store.change(
            "UPDATE atlassian_accounts SET email_verified = ?, status = ? WHERE id = ?",
            account.email_verified,
            account.account_status,
            account_id,
        )
        if account.managed_elsewhere:
            store.change("INSERT INTO managed_elsewhere VALUES (?)", account_id)
        if account.member:
            accounts.add_to_organization(store, organization.id, account_id, org_admin=account.org_admin)
    for site in organization.sites:
        site_id = sites.create(store, organization.id, site.name, created_by=None)
        for role, emails in ((sites.ADMIN, site.site_admins), (sites.USER, site.users)):
            for email in emails:
                sites.grant(store, site_id, accounts.ensure(store, email, origin="seed"), role)
