"""Opsgenie accounts with people of all kinds, made by rule so that a failure can be told by its number."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.verifier import Atlassian, Someone

OPSGENIE_KEY, ORGANIZATION_KEY = "e2e-opsgenie-key", "e2e-organization-key"
SSO_DOMAIN = "sso.example.com"
REFUSED = "refused@example.com"
"""Refused by the mail server."""
UNINVITABLE = "uninvitable@example.com"
"""Refused by Atlassian."""
SITE = "destination"

_ROLES = {"owner", "admin", "user", "stakeholder"}
"""All others are custom ones."""
_NAMES = ("Quillon", "Ženevjeva", "Αριστόβουλος", "Всеволод", "さつき", "Oluwaseun", "רבקה", "Zoë <b>&")
_USUAL, _SSO = "p{number}@{account}.example.com", f"{{account}}-{{number}}@{SSO_DOMAIN}"
_KINDS = (
    Someone(_USUAL, ""),
    Someone(_USUAL, "", verified=False),
    Someone(_SSO, ""),
    Someone(_USUAL, "", role="stakeholder", locale="de_DE"),
    Someone(_USUAL, "", blocked=True),
    Someone(_USUAL, "", atlassian=Atlassian.VERIFIED),
    Someone("лена{number}@{account}.example.com", "", verified=False, locale="ru_RU"),
    Someone(_USUAL, "", atlassian=Atlassian.UNVERIFIED),
    Someone(_SSO, "", verified=False),
    Someone("{account}-{number}@bücher.example", "", role="on-call lead"),
    Someone("Mixed.Case{number}+ops@{account}.example.com", ""),
    Someone(_USUAL, "", verified=False, atlassian=Atlassian.VERIFIED),
    Someone(_USUAL, "", verified=False, blocked=True),
)
"""One person of each kind; their addresses are patterns."""


@dataclass(frozen=True)
class Account:
    """One Opsgenie account."""

    name: str
    people: Sequence[Someone]

    @property
    def owner(self) -> str:
        """The address of who initiates; a site admin of `SITE`."""
        return self.people[0].email

    def csv(self) -> str:
        """The account's people as a roster file."""
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["email", "name", "role", "email_verified", "blocked", "sso", "locale"])
        for one in self.people:
            sso = one.email.endswith(SSO_DOMAIN)
            role = one.role if one.role in _ROLES else f"custom: {one.role}"
            writer.writerow([one.email, one.name, role, one.verified, one.blocked, sso, one.locale])
        return text.getvalue()


def account(name: str, size: int, *, problem: bool = False) -> Account:
    """Make an account of `size` people; with `problem`, two more whom only an admin can help."""
    admins = [
        Someone(f"owner@{name}.example.com", f"Oberon {name}", role="owner", atlassian=Atlassian.VERIFIED),
        Someone(f"second@{name}.example.com", f"Sekunda {name}", role="owner"),
        Someone(f"admin@{name}.example.com", f"Adminka {name}", role="admin", verified=False),
    ]
    others = [_someone(name, number) for number in range(size - len(admins))]
    troubled = [Someone(REFUSED, "Refugio Nomail"), Someone(UNINVITABLE, "Unamuno Nogo", verified=False)]
    return Account(name, [*admins, *others, *(troubled if problem else [])])


def _someone(account: str, number: int) -> Someone:
    """Return person `number`: all kinds follow each other."""
    kind = _KINDS[number % len(_KINDS)]
    email = kind.email.format(account=account, number=number)
    return replace(kind, email=email, name=f"{_NAMES[number % len(_NAMES)]} {account}{number}")


def seed(listed: Account, *by_file: Account) -> dict[str, Any]:
    """Return what the emulator is to know: one account that Opsgenie lists, and others whose rosters are files."""
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
            "uninvitable": {UNINVITABLE: "The address is not allowed"},
            "accounts": [
                {
                    "email": one.email,
                    "name": one.name,
                    "emailVerified": one.atlassian is Atlassian.VERIFIED,
                    "member": number % 2 == 0,
                }
                for number, one in enumerate(everyone)
                if one.atlassian is not Atlassian.NONE
            ],
            "sites": [{"name": SITE, "siteAdmins": [each.owner for each in (listed, *by_file)]}],
        },
    }


def stub(by_file: Account) -> dict[str, Any]:
    """Return the seed of an account that is there, but whose people come from a file."""
    return {
        "opsgenie": {"name": by_file.name, "apiKey": f"{by_file.name}-key"},
        "organization": {"id": f"{by_file.name}-org", "name": by_file.name, "apiKey": f"{by_file.name}-org-key"},
    }
