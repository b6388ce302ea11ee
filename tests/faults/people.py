"""The account that is migrated while the services fail; its people set up their accounts without following links."""

import asyncio

from dev.demo import mails
from dev.demo.mails import MailboxReader, MailKind, key
from dev.demo.records import AtlassianAccount, SamplePerson
from tests.e2e.accounts import Account
from tests.e2e.machine import Machine

OWNER = "owner@example.com"
_POLL_SECONDS = 0.1


def account(name: str) -> Account:
    """Return an account of forty people of all kinds."""
    verified, unverified, inactive = (
        AtlassianAccount.VERIFIED,
        AtlassianAccount.UNVERIFIED,
        AtlassianAccount.INACTIVE,
    )
    return Account(
        name,
        [
            SamplePerson(OWNER, role="owner", atlassian=verified),
            SamplePerson("admin@example.com", role="admin", verified=False),
            SamplePerson("blocked@example.com", blocked=True),
            SamplePerson("inside@example.com", atlassian=verified),
            SamplePerson("outside@example.com", atlassian=verified, member=False),
            SamplePerson("half@example.com", atlassian=unverified),
            SamplePerson("half-outside@example.com", atlassian=unverified, member=False, verified=False),
            SamplePerson("gone@example.com", atlassian=inactive),
            SamplePerson("gone-outside@example.com", atlassian=inactive, member=False),
            SamplePerson("unwanted@example.com", uninvitable="The address is not allowed"),
            SamplePerson("inactive@example.com", uninvitable="ADMIN-UAM-400-2"),
            SamplePerson("conflict@example.com", uninvitable="ADMIN-UAM-409-2"),
            *(SamplePerson(f"person{number}@example.com", verified=number % 4 != 0) for number in range(28)),
        ],
    )


class People:
    """Everyone who receives mail. Landbridge learns of their actions by polling the services."""

    def __init__(self, machine: Machine, account: Account, since: int) -> None:
        """Ignore the mails up to number `since`."""
        self._machine = machine
        self._account = account
        self.since = since
        self._reader = MailboxReader(machine.stack.mailbox, since)
        self.confirmed: dict[str, int] = {}
        """Who verified the address at Opsgenie, and the number of the newest mail just before."""

    async def act(self) -> None:
        """Act on each mail, until cancelled; the last person waits until all injected faults have occurred."""
        last, waiting = self._account.people[-1].email, list[mails.Mail]()
        while True:
            waiting += self._reader.new()
            faults = await self._machine.pending_faults() if waiting else []
            later = [mail for mail in waiting if faults and mail.recipient == last]
            for mail in waiting:
                if mail in later:
                    continue
                if mail.kind is MailKind.VERIFY:
                    await self._verify(mail.recipient)
                elif mail.kind is MailKind.AUTHENTICATE:
                    await sign_up(self._machine, mail.recipient)
            waiting = later
            await asyncio.sleep(_POLL_SECONDS)

    async def _verify(self, email: str) -> None:
        self.confirmed.setdefault(key(email), self._machine.newest_mail())
        path = f"/emulator/opsgenie/{self._account.name}/users/{email}"
        await self._machine.call_emulator("PATCH", path, json={"verified": True})


async def sign_up(machine: Machine, email: str) -> None:
    """Set up a person's account at Atlassian."""
    await machine.call_emulator("POST", "/signup", data={"email": email, "password": "correct horse battery"})
