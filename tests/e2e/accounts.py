"""Opsgenie accounts with people of all kinds. The kinds repeat in a fixed order, so a failure can be reproduced."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from dev.demo.records import AtlassianAccount, SamplePerson

OPSGENIE_KEY, ORGANIZATION_KEY = "e2e-opsgenie-key", "e2e-organization-key"
SSO_DOMAIN = "sso.example.com"
REFUSED = "refused@example.com"
"""The mail server rejects this recipient."""
UNINVITABLE = "uninvitable@example.com"
"""Atlassian rejects an invitation to this address."""
SITE = "destination"

_ROLES = {"owner", "admin", "user", "stakeholder"}
"""Opsgenie's own roles; all others are custom."""
_NAMES = ("Quillon", "Ženevjeva", "Αριστόβουλος", "Всеволод", "さつき", "Oluwaseun", "רבקה", "Zoë <b>&")
_USUAL, _SSO = "p{number}@{account}.example.com", f"{{account}}-{{number}}@{SSO_DOMAIN}"
_KINDS = (
    SamplePerson(_USUAL),
    SamplePerson(_USUAL, verified=False),
    SamplePerson(_SSO),
    SamplePerson(_USUAL, role="stakeholder", locale="de_DE"),
    SamplePerson(_USUAL, blocked=True),
    SamplePerson(_USUAL, atlassian=AtlassianAccount.VERIFIED),
    SamplePerson("лена{number}@{account}.example.com", verified=False, locale="ru_RU"),
    SamplePerson(_USUAL, atlassian=AtlassianAccount.UNVERIFIED),
    SamplePerson(_SSO, verified=False),
    SamplePerson("{account}-{number}@bücher.example", role="on-call lead"),
    SamplePerson("Mixed.Case{number}+ops@{account}.example.com"),
    SamplePerson(_USUAL, verified=False, atlassian=AtlassianAccount.VERIFIED),
    SamplePerson(_USUAL, verified=False, blocked=True),
)
"""One person of each kind; their addresses are patterns."""


@dataclass(frozen=True)
class Account:
    """One Opsgenie account."""

    name: str
    people: Sequence[SamplePerson]

    @property
    def owner(self) -> str:
        """The address of the initiator, a site admin of `SITE`."""
        return self.people[0].email

    def csv(self) -> str:
        """Return the account's people as a roster file."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["email", "name", "role", "email_verified", "blocked", "sso", "locale"])
        for one in self.people:
            sso = one.email.endswith(SSO_DOMAIN)
            role = one.role if one.role in _ROLES else f"custom: {one.role}"
            writer.writerow([one.email, one.name, role, one.verified, one.blocked, sso, one.locale])
        return text.getvalue()


def account(name: str, size: int, *, problems: bool = False) -> Account:
    """Return an account of `size` people; with `problems`, plus two people whom only an admin can help."""
    admins = [
        SamplePerson(f"owner@{name}.example.com", f"Oberon {name}", "owner", atlassian=AtlassianAccount.VERIFIED),
        SamplePerson(f"second@{name}.example.com", f"Sekunda {name}", "owner"),
        SamplePerson(f"admin@{name}.example.com", f"Adminka {name}", "admin", verified=False),
    ]
    others = [_person(name, number) for number in range(size - len(admins))]
    helpless = [
        SamplePerson(REFUSED, "Refugio Nomail", mailable=False),
        SamplePerson(UNINVITABLE, "Unamuno Nogo", verified=False, uninvitable="The address is not allowed"),
    ]
    return Account(name, [*admins, *others, *(helpless if problems else [])])


def _person(account: str, number: int) -> SamplePerson:
    kind = _KINDS[number % len(_KINDS)]
    email = kind.email.format(account=account, number=number)
    return replace(kind, email=email, name=f"{_NAMES[number % len(_NAMES)]} {account}{number}", member=number % 2 == 0)


def seed(listed: Account, *by_file: Account) -> dict[str, Any]:
    """Return the emulator's seed: one account that Opsgenie lists, and others whose rosters are files."""
    everyone = [one for each in (listed, *by_file) for one in each.people]
    return {
        "opsgenie": {
            "name": listed.name,
            "apiKey": OPSGENIE_KEY,
            "users": [
                {
                    "username": one.email,
                    "fullName": one.name,
                    "role": one.role,
                    "verified": one.verified,
                    "blocked": one.blocked,
                    "locale": one.locale,
                }
                for one in listed.people
            ],
        },
        "organization": {
            "id": "e2e-org",
            "name": "End to end",
            "apiKey": ORGANIZATION_KEY,
            "ssoDomains": [SSO_DOMAIN],
            "uninvitable": {one.email: one.uninvitable for one in everyone if one.uninvitable},
            "accounts": [
                {
                    "email": one.email,
                    "name": one.name,
                    "emailVerified": one.atlassian is AtlassianAccount.VERIFIED,
                    "accountStatus": "inactive" if one.atlassian is AtlassianAccount.INACTIVE else "active",
                    "member": one.member,
                }
                for one in everyone
                if one.atlassian is not AtlassianAccount.NONE
            ],
            "sites": [{"name": SITE, "siteAdmins": [each.owner for each in (listed, *by_file)]}],
        },
    }


def seed_of_file_account(by_file: Account) -> dict[str, Any]:
    """Return the seed of an account that exists, but whose people come from a roster file."""
    return {
        "opsgenie": {"name": by_file.name, "apiKey": f"{by_file.name}-key"},
        "organization": {"id": f"{by_file.name}-org", "name": by_file.name, "apiKey": f"{by_file.name}-org-key"},
    }
