"""In-memory implementations of the ports. Tests set what exists, and which errors occur."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from landbridge.domain import addresses, sites
from landbridge.domain.activity_io import (
    AccountOutcome,
    AccountQuestion,
    AdminTask,
    Connected,
    Delivery,
    MailContext,
    MailOutcome,
    NameNotFree,
    NoticeKind,
    OutgoingMail,
    OutgoingNotice,
    Revocation,
    SignedUp,
    Undone,
)
from landbridge.domain.errors import LandbridgeError
from landbridge.domain.links import LinkClaims, Purpose
from landbridge.domain.roster import ADMIN_ROLES, RosterPerson, mark_duplicates
from landbridge.domain.sign_in import SignedIn, SignInMail
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import labelled, text, verbatim


@dataclass
class Opsgenie:
    """Implements `RosterSource`."""

    people_listed: list[RosterPerson] = field(default_factory=list)
    problem: LandbridgeError | None = None
    """While it is set, every call raises it."""
    account: str = "acme"
    """The account's name."""
    looked_up: list[str] = field(default_factory=list)
    """Addresses that were passed to `find_admin`."""

    def add(self, *people: RosterPerson) -> None:
        """Add people to the roster."""
        self.people_listed += people

    def verify(self, email: str) -> None:
        """Mark a person's address as verified."""
        self.people_listed = [
            p.model_copy(update={"email_verified": True}) if p.email == email else p for p in self.people_listed
        ]

    async def people(self, opsgenie_account: str) -> AsyncIterator[RosterPerson]:
        """List everyone."""
        if self.problem:
            raise self.problem
        for person in mark_duplicates(self.people_listed):
            yield person

    async def find_admin(self, email: str) -> SignedIn | None:
        """Look up an owner or admin."""
        if self.problem:
            raise self.problem
        self.looked_up.append(email)
        found = [p for p in self.people_listed if addresses.key(p.email) == addresses.key(email)]
        if not found or found[0].blocked or found[0].role not in ADMIN_ROLES:
            return None
        return SignedIn(
            email=found[0].email,
            name=found[0].name,
            role=found[0].role,
            opsgenie_account=self.account,
            locale=found[0].locale,
        )


@dataclass
class Account:
    """An Atlassian account."""

    id: str
    verified: bool = False
    problem: str = ""


@dataclass
class Atlassian:
    """Implements `AccountDirectory`, `Invitations` and `Provisioning`."""

    accounts: dict[str, Account] = field(default_factory=dict)
    listed_sites: list[Site] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)
    connections: dict[str, str] = field(default_factory=dict)
    by_hand: bool = False
    """Sign-up, sites and connections are tasks for an admin, as with the real Atlassian."""
    invites: bool = False
    """Atlassian mails invitations of its own, to people whom it may mail."""
    problem: LandbridgeError | None = None
    calls: Counter[str] = field(default_factory=Counter)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def account(self, email: str, *, verified: bool = False, problem: str = "") -> Account:
        """Return the account of an address; create it if there is none."""
        found = self.accounts.setdefault(addresses.key(email), Account(id=f"account-{next(self._numbers)}"))
        found.verified, found.problem = found.verified or verified, problem
        return found

    async def find(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up accounts."""
        self._called("find")
        yield [self._outcome(question) for question in questions]

    async def ensure(self, questions: Sequence[AccountQuestion]) -> AsyncIterator[list[AccountOutcome]]:
        """Look up accounts and create those that are missing."""
        self._called("ensure")
        for question in questions:
            created = addresses.key(question.email) not in self.accounts
            self.account(question.email, problem=self._outcome(question).problem)
            mailed = created and self.invites and question.may_be_mailed
            yield [self._outcome(question).model_copy(update={"created": created, "mailed": mailed})]

    def _outcome(self, question: AccountQuestion) -> AccountOutcome:
        outcome = AccountOutcome(person=question.person, email=question.email)
        account = self.accounts.get(addresses.key(question.email))
        if account is None:
            return outcome
        return outcome.model_copy(
            update={"account_id": account.id, "verified": account.verified, "problem": account.problem}
        )

    async def revoke(self, account_ids: Sequence[str]) -> AsyncIterator[Revocation]:
        """Remove accounts that are not verified."""
        self._called("revoke")
        there = {account.id: key for key, account in self.accounts.items()}
        for account_id in account_ids:
            key = there.get(account_id)
            kept = key is not None and self.accounts[key].verified
            if key is not None and not kept:
                del self.accounts[key]
            yield Revocation(account_id=account_id, outcome=Undone.KEPT if kept else Undone.REVOKED)

    async def sites(self, email: str) -> list[Site]:
        """List sites."""
        self._called("sites")
        return list(self.listed_sites)

    async def ensure_signed_up(self, email: str, first_name: str, last_name: str) -> SignedUp | AdminTask:
        """Sign up, or return the task for an admin."""
        self._called("sign_up")
        if self.by_hand and addresses.key(email) not in self.accounts:
            return AdminTask(id="sign-up", task=text("Sign up to Atlassian."), url="https://id.example.com/signup")
        return SignedUp(account_id=self.account(email, verified=True).id)

    async def ensure_site(self, email: str, site: NewSite) -> Site | NameNotFree | AdminTask:
        """Create a site, or return the task for an admin."""
        self._called("create_site")
        if site.name in self.taken:
            return NameNotFree(
                reason=text("The site name {name} is or was already in use.", name=repr(site.name)),
                suggestions=sites.suggest_names(site.name),
            )
        found = next((listed for listed in self.listed_sites if listed.name == site.name), None)
        if found is None and self.by_hand:
            return AdminTask(
                id=f"create-site:{site.name}",
                task=text("Create the site {name}.", name=site.name),
                url="https://start.example.com",
            )
        if found is None:
            found = Site(id=f"cloud-{site.name}", name=site.name, url=f"https://{site.name}.atlassian.net", admin=True)
            self.listed_sites.append(found)
        return found

    async def ensure_connected(self, opsgenie_account: str, site: Site, *, confirmed: bool) -> Connected | AdminTask:
        """Connect, or return the task for an admin."""
        self._called("connect")
        if self.by_hand and not confirmed:
            return AdminTask(id=f"connect-site:{site.name}", task=text("Connect the Opsgenie account in its settings."))
        self.connections[opsgenie_account] = site.id
        return Connected()

    def _called(self, verb: str) -> None:
        self.calls[verb] += 1
        if self.problem:
            raise self.problem


@dataclass
class FakeMailer:
    """Implements `Mailer`; it stores the mails instead of sending them."""

    mails: list[tuple[MailContext, OutgoingMail]] = field(default_factory=list)
    notices: list[OutgoingNotice] = field(default_factory=list)
    sign_in_links: list[SignInMail] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    """Addresses that are rejected with a permanent error."""
    deferred_once: set[str] = field(default_factory=set)
    """Addresses whose next mail is deferred."""
    problem: LandbridgeError | None = None
    held: asyncio.Event | None = None
    """If there is an event, `send` waits for it after each mail."""

    def sent(self, email: str, purpose: Purpose | None = None) -> list[OutgoingMail]:
        """Return the mails that an address received."""
        return [m for _, m in self.mails if m.email == email and purpose in {None, m.purpose}]

    def notices_of(self, kind: NoticeKind) -> list[OutgoingNotice]:
        """Return the notices of one kind."""
        return [notice for notice in self.notices if notice.notice.kind is kind]

    def link(self, email: str, purpose: Purpose, number: int = -1) -> LinkClaims:
        """Return the claims of the link in a mail to an address; by default in the newest such mail."""
        context, mail = [(c, m) for c, m in self.mails if m.email == email and m.purpose is purpose][number]
        return LinkClaims(
            cohort_id=context.cohort_id,
            run=context.run,
            person=mail.person,
            purpose=purpose,
            generation=mail.generation,
        )

    async def send(self, context: MailContext, mails: Iterable[OutgoingMail]) -> AsyncIterator[MailOutcome]:
        """Send people's mails."""
        if self.problem:
            raise self.problem
        for mail in mails:
            outcome = MailOutcome(
                person=mail.person, purpose=mail.purpose, generation=mail.generation, delivery=Delivery.ACCEPTED
            )
            if mail.email in self.refused:
                outcome = outcome.model_copy(
                    update={"delivery": Delivery.REFUSED, "reason": labelled(550, text("there is no such mailbox"))}
                )
            elif mail.email in self.deferred_once:
                self.deferred_once.discard(mail.email)
                outcome = outcome.model_copy(
                    update={"delivery": Delivery.DEFERRED, "reason": verbatim("451 greylisted")}
                )
            else:
                self.mails.append((context, mail))
            yield outcome
            if self.held is not None:
                await self.held.wait()

    async def notify(self, notices: Iterable[OutgoingNotice]) -> AsyncIterator[MailOutcome]:
        """Send notices."""
        if self.problem:
            raise self.problem
        for notice in notices:
            if notice.recipient.email in self.deferred_once:
                self.deferred_once.discard(notice.recipient.email)
                yield MailOutcome(person=notice.number, delivery=Delivery.DEFERRED, reason=verbatim("451 greylisted"))
            else:
                self.notices.append(notice)
                yield MailOutcome(person=notice.number, delivery=Delivery.ACCEPTED)

    async def send_sign_in_link(self, mail: SignInMail) -> MailOutcome:
        """Send a sign-in link."""
        if self.problem:
            raise self.problem
        self.sign_in_links.append(mail)
        return MailOutcome(person=1, delivery=Delivery.ACCEPTED)


@dataclass
class World:
    """All external services of one test."""

    opsgenie: Opsgenie = field(default_factory=Opsgenie)
    atlassian: Atlassian = field(default_factory=Atlassian)
    mailer: FakeMailer = field(default_factory=FakeMailer)
