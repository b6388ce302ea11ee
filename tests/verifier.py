"""A judge from outside: what the mail server and the services recorded, against what Landbridge says of itself.

It uses nothing of Landbridge but the names of states: the mails as files, the emulator's tables, the people's own word
on which buttons they pressed, and the JSON that `starter.py report -o json` prints.
"""

import email
import email.policy
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

_LINK = re.compile(r"https?://\S+?/(verify|authenticate)/\S+")


class Atlassian(StrEnum):
    """Whether someone has an Atlassian account before the migration."""

    NONE = "none"
    UNVERIFIED = "unverified"
    VERIFIED = "verified"


class Mailed(StrEnum):
    """What a mail is for, by the page that its link leads to."""

    VERIFY = "verify"
    AUTHENTICATE = "authenticate"
    NOTICE = "notice"


@dataclass(frozen=True)
class Someone:
    """A person as the outside world knows them before the migration."""

    email: str
    name: str
    role: str = "user"
    verified: bool = True
    """At Opsgenie."""
    blocked: bool = False
    locale: str = "en_US"
    atlassian: Atlassian = Atlassian.NONE
    mailable: bool = True
    """Whether the mail server takes mail for them."""
    invitable: bool = True
    """Whether Atlassian takes an invitation for them."""

    @property
    def is_admin(self) -> bool:
        """Whether they are an owner or admin."""
        return self.role in {"owner", "admin"}

    @property
    def ends_as(self) -> str:
        """The state that the guide leads them to if they act on every mail."""
        if self.blocked:
            return "skipped"
        if self.atlassian is Atlassian.VERIFIED:
            return "connected"
        if not self.invitable:
            return "attention"
        return "connected" if self.mailable else "unreachable"

    @property
    def mails(self) -> frozenset[Mailed]:
        """What they are mailed on that way."""
        if self.blocked or self.atlassian is Atlassian.VERIFIED or not self.mailable or not self.invitable:
            return frozenset()
        return frozenset({Mailed.AUTHENTICATE} if self.verified else {Mailed.VERIFY, Mailed.AUTHENTICATE})


@dataclass(frozen=True)
class Mail:
    """A mail as it was delivered."""

    number: int
    """Counts what the mail server took, from 1."""
    recipient: str
    message_id: str
    subject: str
    purpose: Mailed
    link: str
    """Where its button leads; empty in a notice."""


def read_mail(file: Path) -> Mail:
    """Read one file of the mailbox."""
    message = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
    body = message.get_body(preferencelist=("plain",))
    assert body is not None, f"{file.name} has no text"
    found = _LINK.search(body.get_content())
    return Mail(
        number=int(file.stem),
        recipient=str(message["X-Envelope-To"]),
        message_id=str(message["Message-ID"]),
        subject=str(message["Subject"]),
        purpose=Mailed(found[1]) if found else Mailed.NOTICE,
        link=found[0] if found else "",
    )


def read_mailbox(folder: Path, since: int = 0) -> list[Mail]:
    """Read all mails that came after number `since`, in the order they came."""
    return [read_mail(file) for file in sorted(folder.glob("*.eml")) if int(file.stem) > since]


def key(address: str) -> str:
    """Return what the spellings of one mailbox share."""
    return written(address).casefold()


def written(address: str) -> str:
    """Return an address as its owner writes it: servers write the letters of a domain in their own way."""
    local, _, domain = unicodedata.normalize("NFC", address.strip()).rpartition("@")
    return f"{local}@{domain.encode().decode('idna') if domain.isascii() else domain}"


@dataclass(frozen=True)
class Evidence:
    """Everything that was recorded of one migration that has come to rest."""

    people: Sequence[Someone]
    mails: Sequence[Mail]
    services: Mapping[str, Any]
    """The emulator's tables."""
    report: Mapping[str, Any]
    pressed: Iterable[tuple[str, Mailed]]
    """Who pressed the button of which kind of mail, as they say."""
    verified_by_admin: Iterable[str] = ()
    connected_by_admin: Iterable[str] = ()
    excluded: Iterable[str] = ()
    mailed_again: Mapping[str, int] = field(default_factory=dict)
    """How many mails more than one of a kind people may have: those who were reminded, or asked for it."""


def duplicates(mails: Iterable[Mail]) -> int:
    """Return how many mails came more often than once."""
    return sum(number - 1 for number in Counter(mail.message_id for mail in mails).values())


def disagreements(seen: Evidence, *, duplicates_at_most: int = 0) -> list[str]:
    """Return, as sentences, where the report and the records disagree or a promise is broken; none if all is well."""
    told = [
        *_about_the_report(seen),
        *_about_states(seen),
        *_about_accounts(seen),
        *_about_mails(seen),
        *_about_proof(seen),
    ]
    if (number := duplicates(seen.mails)) > duplicates_at_most:
        told.append(f"{number} mails came twice; at most {duplicates_at_most} may have")
    return told


def _about_the_report(seen: Evidence) -> list[str]:
    lines = Counter(key(line["email"]) for line in seen.report["people"])
    roster = Counter(key(one.email) for one in seen.people)
    told = [f"{who} stands {lines[who]} times in the report" for who in roster if lines[who] != 1]
    told += [f"{who} stands in the report and on no roster" for who in lines if who not in roster]
    counted = Counter(line["state"] for line in seen.report["people"])
    if dict(counted) != seen.report["counts"]["by_state"]:
        told.append(f"the report counts {seen.report['counts']['by_state']}, but lists {dict(counted)}")
    return told


def _about_states(seen: Evidence) -> list[str]:
    states, excluded = _states(seen), set(map(key, seen.excluded))
    told = []
    for one in seen.people:
        who = key(one.email)
        expected = "excluded" if who in excluded else one.ends_as
        if states.get(who) != expected:
            told.append(f"{who} is {states.get(who)} and should be {expected}")
    return told


def _about_accounts(seen: Evidence) -> list[str]:
    accounts = defaultdict(list)
    for account in seen.services["accounts"]:
        accounts[key(account["email"])].append(account)
    told = [f"{who} has {len(found)} Atlassian accounts" for who, found in accounts.items() if len(found) > 1]
    roster = {key(one.email): one for one in seen.people}
    for who, found in accounts.items():
        if found[0]["origin"] == "invitation" and (who not in roster or roster[who].blocked):
            told.append(f"{who} was invited and should not have been")
    by_admin = set(map(key, seen.connected_by_admin))
    for who, state in _states(seen).items():
        verified = any(account["email_verified"] for account in accounts[who])
        if state == "connected" and not verified and who not in by_admin:
            told.append(f"{who} is connected, but Atlassian has no verified account for them")
        if state not in {"connected", "skipped", "excluded"} and verified:
            told.append(f"{who} has a verified Atlassian account, but is {state}")
    return told


def _about_mails(seen: Evidence) -> list[str]:
    told, roster, states = [], {key(one.email): one for one in seen.people}, _states(seen)
    of_id, ids = defaultdict(set), defaultdict(set)
    for mail in seen.mails:
        who = key(mail.recipient)
        of_id[mail.message_id].add((who, mail.purpose, mail.subject))
        ids[who, mail.purpose].add(mail.message_id)
        if who not in roster:
            told.append(f"{who} got mail and is on no roster")
        elif mail.purpose is Mailed.NOTICE and not roster[who].is_admin:
            told.append(f"{who} got a notice and is neither owner nor admin")
    told += [f"{one_id} stands on different mails: {mails}" for one_id, mails in of_id.items() if len(mails) > 1]
    by_admin, excluded = set(map(key, seen.connected_by_admin)), set(map(key, seen.excluded))
    reported = {key(line["email"]): line["mails"] for line in seen.report["people"]}
    again = {key(who): number for who, number in seen.mailed_again.items()}
    for who, one in roster.items():
        got = {purpose for purpose in (Mailed.VERIFY, Mailed.AUTHENTICATE) if ids[who, purpose]}
        if got - one.mails or (one.mails - got and who not in by_admin | excluded):
            told.append(f"{who} got mails to {sorted(got)} and should have got {sorted(one.mails)}")
        distinct = sum(len(ids[who, purpose]) for purpose in got)
        if distinct > len(got) + again.get(who, 0):
            told.append(f"{who} got {distinct} different mails: {[ids[who, purpose] for purpose in got]}")
        # A mail that is under way when its person is settled is delivered, but not counted any more.
        uncounted = 1 if states.get(who) in {"connected", "excluded", "left_behind"} else 0
        if not distinct - uncounted <= reported.get(who, 0) <= distinct:
            told.append(f"{who} got {distinct} mails, and the report says {reported.get(who)}")
    return told


def _about_proof(seen: Evidence) -> list[str]:
    """Who was unverified gets the authentication mail only after the click, or an admin's word."""
    proved = {key(who) for who, purpose in seen.pressed if purpose is Mailed.VERIFY}
    unproved = (
        {key(one.email) for one in seen.people if not one.verified} - proved - set(map(key, seen.verified_by_admin))
    )
    led_on = {key(mail.recipient) for mail in seen.mails if mail.purpose is Mailed.AUTHENTICATE}
    return [f"{who} got the authentication mail, but never proved the address" for who in sorted(led_on & unproved)]


def _states(seen: Evidence) -> dict[str, str]:
    return {key(line["email"]): line["state"] for line in seen.report["people"]}
