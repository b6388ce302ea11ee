"""Judges a migration by what others recorded of it: nothing here is Landbridge's word but the report under test."""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from dev.demo.mails import Mail
from dev.demo.people import Doing
from dev.demo.records import OpsgenieUser, Records
from landbridge.client.answers import ReportLine
from landbridge.domain import addresses
from landbridge.domain.people import State

VERIFY, AUTHENTICATE = "verify", "authenticate"
"""The pages that people's mails lead to."""
_END = "<migration_complete."
"""How the Message-ID of the notice of the end begins."""


@dataclass(frozen=True)
class Finding:
    """What one check found."""

    sentence: str
    """What is to be so."""
    against: tuple[str, ...] = ()
    """What is not so; empty: nothing."""

    @property
    def holds(self) -> bool:
        """Whether the report agrees with the records."""
        return not self.against


class Case:
    """The records, sorted for asking."""

    def __init__(self, records: Records) -> None:
        self.report = records.report
        self.records = records
        self.roster = {user.key: user for user in records.before.opsgenie_users}
        self.lines = {addresses.key(line.email): line for line in records.report.people}
        self.verified_before = {account.key for account in records.before.accounts if account.email_verified}
        self.verified = {account.key for account in records.after.accounts if account.email_verified}

    @cached_property
    def personal(self) -> Mapping[str, list[Mail]]:
        """The mails with a link, by recipient, in the order of their delivery."""
        return self._by_recipient(mail for mail in self.records.mails if mail.page in {VERIFY, AUTHENTICATE})

    @cached_property
    def notices(self) -> Mapping[str, list[Mail]]:
        """The mails without a person's link, by recipient."""
        return self._by_recipient(mail for mail in self.records.mails if mail.page not in {VERIFY, AUTHENTICATE})

    def in_state(self, state: State) -> dict[str, ReportLine]:
        """Return the report's lines of a state."""
        return {key: line for key, line in self.lines.items() if line.state is state}

    def who(self, condition: Callable[[OpsgenieUser], bool]) -> set[str]:
        """Return the people of the roster who fit."""
        return {key for key, user in self.roster.items() if condition(user)}

    @staticmethod
    def _by_recipient(mails: Iterable[Mail]) -> dict[str, list[Mail]]:
        sorted_by: dict[str, list[Mail]] = {}
        for mail in mails:
            for recipient in mail.recipients:
                sorted_by.setdefault(recipient, []).append(mail)
        return sorted_by


def judge(records: Records) -> list[Finding]:
    """Hold the report against the records."""
    case = Case(records)
    return [check(case) for check in _CHECKS]


def _everyone_once(case: Case) -> Finding:
    """Check that everyone on the roster stands in the report once, and that the numbers add up."""
    counted = Counter(addresses.key(line.email) for line in case.report.people)
    tally = Counter(line.state for line in case.report.people)
    against = [f"{key} stands in the report {n} times" for key, n in counted.items() if n > 1]
    against += [f"{key} is missing in the report" for key in case.roster.keys() - counted.keys()]
    against += [f"{key} is not on the roster" for key in counted.keys() - case.roster.keys()]
    against += [
        f"{tally[state]} are {state}, the report counts {case.report.counts[state]}"
        for state in State
        if tally[state] != case.report.counts[state]
    ]
    numbers = ", ".join(f"{number} {state}" for state, number in sorted(tally.items()))
    return _finding(f"{len(case.roster)} people on the roster, each once in the report: {numbers}", against)


def _connected_means_verified(case: Case) -> Finding:
    """Check that those are connected whose Atlassian account is verified, and no others."""
    connected = case.in_state(State.CONNECTED).keys()
    against = [f"{key} is connected without a verified account" for key in connected - case.verified]
    against += [
        f"{key} has a verified account and is not connected" for key in (case.verified & _moved(case)) - connected
    ]
    return _finding(f"{len(connected)} are connected, and each has a verified account at Atlassian", against)


def _one_account_each(case: Case) -> Finding:
    """Check that nobody has two Atlassian accounts, and that nobody from elsewhere or blocked was given one."""
    counted = Counter(account.key for account in case.records.after.accounts)
    before = {account.key for account in case.records.before.accounts}
    against = [f"{key} has {n} accounts" for key, n in counted.items() if n > 1]
    against += [f"{key} was given an account" for key in counted.keys() - before - _moved(case)]
    made = len(counted.keys() - before)
    return _finding(f"{made} accounts were created, {len(before)} were there; one a person", against)


def _site_stands(case: Case) -> Finding:
    """Check that the Opsgenie account is connected to the site that the report names."""
    site, account = case.report.site, case.report.opsgenie_account
    sites = {one.id: one.url for one in case.records.after.sites}
    connected = {one.opsgenie_account: sites.get(one.site_id, "") for one in case.records.after.connections}
    if site is not None and connected.get(account) == site.url:
        return Finding(f"Opsgenie is connected to {site.url}")
    there, said = connected.get(account) or "nothing", site.url if site else "nothing"
    return Finding("Opsgenie is connected to the site", (f"it is connected to {there}, the report says {said}",))


def _no_strangers(case: Case) -> Finding:
    """Check that each mail has one recipient, who is on the roster."""
    against = [
        f"mail {mail.number} went to {', '.join(mail.recipients) or 'nobody'}"
        for mail in case.records.mails
        if len(mail.recipients) != 1 or not case.roster.keys() >= set(mail.recipients)
    ]
    return _finding(f"{len(case.records.mails)} mails were delivered, all of them to people on the roster", against)


def _no_mail_twice(case: Case) -> Finding:
    """Check that no mail was delivered twice."""
    counted = Counter(mail.message_id for mail in case.records.mails)
    return _finding(
        f"{len(counted)} different Message-IDs: none was delivered twice",
        [f"{message_id} came {n} times" for message_id, n in counted.items() if n > 1],
    )


def _left_alone(case: Case) -> Finding:
    """Check that people who need nothing, blocked people and unreachable ones got no personal mail."""
    alone = {
        "has a verified account already": case.verified_before & case.roster.keys(),
        "is blocked": case.who(lambda user: user.blocked),
        "cannot be reached": set(case.records.refused),
    }
    against = [f"{key} {why} and got mail" for why, keys in alone.items() for key in keys & case.personal.keys()]
    numbers = [len(keys) for keys in alone.values()]
    sentence = "No mail to {} who need nothing, {} who are blocked, {} who cannot be reached".format(*numbers)
    return _finding(sentence, against)


def _verified_first(case: Case) -> Finding:
    """Check that who had to verify the email got the authentication email only after pressing that button."""
    unverified = case.who(lambda user: not user.verified) & _mailed(case)
    pressed = {deed.email: deed.newest_mail for deed in reversed(case.records.deeds) if deed.doing is Doing.CONFIRMED}
    against = []
    for key in unverified:
        got = case.personal.get(key, [])
        if not got or got[0].page != VERIFY:
            against.append(f"{key} did not get the verification email first")
        early = [m for m in got if m.page == AUTHENTICATE and (key not in pressed or m.number <= pressed[key])]
        against += [f"{key} got the authentication email {mail.number} too early" for mail in early]
    verified = case.personal.keys() - case.who(lambda user: not user.verified)
    against += [
        f"{key} was asked to verify an email that is verified"
        for key in verified
        if any(mail.page == VERIFY for mail in case.personal[key])
    ]
    return _finding(f"{len(unverified)} had to verify their email, and got the authentication email only then", against)


def _everyone_was_asked(case: Case) -> Finding:
    """Check that everyone who had an account to set up got the authentication email."""
    asked = _mailed(case)
    got = {key for key, mails in case.personal.items() if any(mail.page == AUTHENTICATE for mail in mails)}
    return _finding(
        f"{len(asked)} had an Atlassian account to set up, and got the authentication email",
        [f"{key} did not get it" for key in asked - got],
    )


def _mails_counted(case: Case) -> Finding:
    """Check that the report counts the mails that came."""
    came = {key: len(case.personal.get(key, [])) for key in case.lines}
    return _finding(
        f"{sum(came.values())} of the mails were people's own, as many as the report counts for each",
        [f"{key} got {came[key]}, not {line.mails}" for key, line in case.lines.items() if came[key] != line.mails],
    )


def _scanners_do_nothing(case: Case) -> Finding:
    """Check that a link which a scanner had opened still asked the person."""
    scanned = [deed for deed in case.records.deeds if deed.doing is Doing.SCANNED]
    against = [f"{deed.email} found the link used" for deed in scanned if not deed.still_asked]
    return _finding(f"{len(scanned)} links were opened by mail scanners first: that changed nothing", against)


def _unreachable_are_told(case: Case) -> Finding:
    """Check that whoever could not be reached is not connected, and has a reason."""
    lines = {key: case.lines[key] for key in case.records.refused if key in case.lines}
    return _finding(
        f"{len(lines)} could not be reached: {', '.join(f'{line.state} ({line.reason})' for line in lines.values())}",
        [f"{key} is {ln.state} without a reason" for key, ln in lines.items() if not ln.reason or _is_connected(ln)],
    )


def _leaders_told(case: Case) -> Finding:
    """Check that owners and admins, and nobody else, were told once of the end, with the report's numbers."""
    admins = case.who(lambda user: user.is_admin)
    connected, total = case.report.counts[State.CONNECTED], case.report.counts.total
    # Each in their own language: the Message-ID says what a mail is, and its numbers are the same in all.
    told = {key: [m for m in mails if m.message_id.startswith(_END)] for key, mails in case.notices.items()}
    against = [f"{key} was not told once, but {len(told.get(key, []))} times" for key in admins if _not_one(told, key)]
    against += [f"{key} is neither owner nor admin, and was told" for key in told.keys() - admins]
    against += [
        f"{key} was told other numbers"
        for key, mails in told.items()
        if any(not {str(connected), str(total)} <= set(re.findall(r"\d+", mail.text)) for mail in mails)
    ]
    return _finding(f"{len(admins)} owners and admins were told of the end: {connected} of {total} people", against)


_CHECKS = (
    _everyone_once,
    _connected_means_verified,
    _one_account_each,
    _site_stands,
    _no_strangers,
    _no_mail_twice,
    _left_alone,
    _verified_first,
    _everyone_was_asked,
    _mails_counted,
    _scanners_do_nothing,
    _unreachable_are_told,
    _leaders_told,
)


def _moved(case: Case) -> set[str]:
    """Return who is to be moved: everyone but the blocked."""
    return case.who(lambda user: not user.blocked)


def _mailed(case: Case) -> set[str]:
    """Return who is to get mail: everyone to be moved who needs something and can be reached."""
    return _moved(case) - case.verified_before - case.records.refused


def _not_one(mails: Mapping[str, Collection[Mail]], key: str) -> bool:
    return len(mails.get(key, ())) != 1


def _is_connected(line: ReportLine) -> bool:
    return line.state is State.CONNECTED


def _finding(sentence: str, against: Iterable[str]) -> Finding:
    return Finding(sentence, tuple(sorted(against)))
