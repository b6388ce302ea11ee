"""The local stack around one migration after the other: its people, its services, and what goes wrong with them."""

import asyncio
import email
import email.policy
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from dev.stack.stack import Stack

OPSGENIE_KEY, ORGANIZATION_KEY, ORGANIZATION = "faults-opsgenie-key", "faults-organization-key", "faults-org"
OWNER = "owner@example.com"
_BETWEEN_LOOKS = 0.1


@dataclass(frozen=True)
class Someone:
    """A person, and how they stand with both services before."""

    email: str
    role: str = "user"
    verified: bool = True
    blocked: bool = False
    account: str = ""
    """An Atlassian account: `verified`, `unverified` or `inactive`; empty: none."""
    member: bool = True
    uninvitable: str = ""
    """Why Atlassian does not invite them."""

    @property
    def needs_admin(self) -> bool:
        """Whether only an admin can help."""
        return bool(self.uninvitable) or self.account == "inactive"


def people() -> list[Someone]:
    """Return forty people of all kinds."""
    return [
        Someone(OWNER, role="owner", account="verified"),
        Someone("admin@example.com", role="admin", verified=False),
        Someone("blocked@example.com", blocked=True),
        Someone("inside@example.com", account="verified"),
        Someone("outside@example.com", account="verified", member=False),
        Someone("half@example.com", account="unverified"),
        Someone("half-outside@example.com", account="unverified", member=False, verified=False),
        Someone("gone@example.com", account="inactive"),
        Someone("gone-outside@example.com", account="inactive", member=False),
        Someone("unwanted@example.com", uninvitable="The address is not allowed"),
        Someone("inactive@example.com", uninvitable="ADMIN-UAM-400-2"),
        Someone("conflict@example.com", uninvitable="ADMIN-UAM-409-2"),
        *(Someone(f"person{number}@example.com", verified=number % 4 != 0) for number in range(28)),
    ]


def seed(account: str) -> dict[str, Any]:
    """Return what the emulator is to know."""
    return {
        "opsgenie": {
            "name": account,
            "apiKey": OPSGENIE_KEY,
            "users": [
                {"username": one.email, "role": one.role, "verified": one.verified, "blocked": one.blocked}
                for one in people()
            ],
        },
        "organization": {
            "id": ORGANIZATION,
            "name": "Faults",
            "apiKey": ORGANIZATION_KEY,
            "uninvitable": {one.email: one.uninvitable for one in people() if one.uninvitable},
            "accounts": [
                {
                    "email": one.email,
                    "emailVerified": one.account == "verified",
                    "accountStatus": "inactive" if one.account == "inactive" else "active",
                    "member": one.member,
                }
                for one in people()
                if one.account
            ],
            # The owner has a role on it, so that listing sites asks all there is to ask.
            "sites": [{"name": "another", "users": [OWNER]}],
        },
    }


class World:
    """What surrounds the migrations."""

    def __init__(self, stack: Stack, emulator: httpx2.AsyncClient) -> None:
        self._mailbox = stack.mailbox
        self._emulator = emulator
        self._since = 0
        self.account = ""

    async def move_in(self, account: str, faults: list[dict[str, Any]]) -> None:
        """Start over with an account of this name, and order what goes wrong."""
        self.account = account
        self._since = max((int(file.stem) for file in self._mailbox.glob("*.eml")), default=0)
        (await self._emulator.delete("/emulator/state")).raise_for_status()
        (await self._emulator.put("/emulator/seed", json=seed(account))).raise_for_status()
        for fault in faults:
            (await self._emulator.post("/emulator/faults", json=fault)).raise_for_status()

    async def state(self) -> dict[str, Any]:
        """Return the services' tables."""
        state: dict[str, Any] = (await self._emulator.get("/emulator/state")).raise_for_status().json()
        return state

    async def to_come(self) -> list[str]:
        """Return the faults that have not happened yet."""
        answer = (await self._emulator.get("/emulator/faults")).raise_for_status()
        return [f"{fault['match']} {fault['status']}" for fault in answer.json()]

    def mails(self) -> Counter[tuple[str, str]]:
        """Count the mails to people since the start, by address and purpose: `verify` or `authenticate`."""
        told = [_read(file) for file in self._mailbox.glob("*.eml") if int(file.stem) > self._since]
        return Counter((who, purpose) for who, purpose in told if purpose)

    async def sign_up(self, who: str) -> None:
        """Let someone set up the account at Atlassian itself."""
        form = {"email": who, "password": "correct horse battery"}
        (await self._emulator.post("/signup", data=form)).raise_for_status()

    async def act(self) -> None:
        """Let everyone do what their mail asks for, until cancelled; the last one waits for all faults to happen."""
        done: set[tuple[str, str]] = set()
        while True:
            for who, purpose in sorted(self.mails().keys() - done):
                if who == people()[-1].email and await self.to_come():
                    continue
                if purpose == "verify":
                    # Verified at Opsgenie itself, and so found by the next look at the roster.
                    path = f"/emulator/opsgenie/{self.account}/users/{who}"
                    (await self._emulator.patch(path, json={"verified": True})).raise_for_status()
                else:
                    # So found by polling.
                    await self.sign_up(who)
                done.add((who, purpose))
            await asyncio.sleep(_BETWEEN_LOOKS)


def _read(file: Path) -> tuple[str, str]:
    mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = mail.get_body(("plain",))
    text = str(body.get_content()) if body else ""
    purpose = next((purpose for purpose in ("verify", "authenticate") if f"/{purpose}/" in text), "")
    return str(mail["X-Envelope-To"]), purpose


def write_seed(file: Path) -> Path:
    """Write the seed with which the stack starts."""
    file.write_text(json.dumps(seed("nobody")), encoding="utf-8")
    return file
