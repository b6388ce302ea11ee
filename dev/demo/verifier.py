"""Verifies a completed migration: compares its report with what others recorded, and checks each guarantee."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from dev.demo.mails import Mail, MailKind, key
from dev.demo.records import AtlassianAccount, Evidence
from landbridge.domain.people import State

_COMPLETION_NOTICE = "<migration_complete."
"""Prefix of the Message-ID of the completion notice. Its text cannot identify it, because it is translated."""


@dataclass(frozen=True)
class Finding:
    """The result of one check."""

    message: str
    """What the check expects."""
    problems: tuple[str, ...] = ()
    """What is wrong, as sentences; empty: nothing."""

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify(evidence: Evidence) -> list[Finding]:
    """Run every check."""
    case = _Case(evidence)
    return [check(case) for check in _CHECKS]


def problems(evidence: Evidence) -> list[str]:
    """Return everything that is wrong, as sentences; empty: nothing."""
    return [problem for finding in verify(evidence) for problem in finding.problems]


def duplicates(mails: Iterable[Mail]) -> int:
    """Return how many mails repeat the Message-ID of an earlier mail."""
    return sum(number - 1 for number in Counter(mail.message_id for mail in mails).values())


class _Case:
    """The evidence, indexed by `mails.key` of each address."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.report = evidence.report
        self.people = {person.key: person for person in evidence.people}
        self.lines = {key(line.email): line for line in evidence.report.people}
        self.excluded = set(map(key, evidence.excluded))
        self.connected_by_admin = set(map(key, evidence.connected_by_admin))
        self.verified = {account.key for account in evidence.services.accounts if account.email_verified}

    def state(self, who: str) -> State | None:
        """Return a person's state in the report."""
        return self.lines[who].state if who in self.lines else None

    @cached_property
    def connected(self) -> set[str]:
        """The people who are connected according to the report."""
        return {who for who, line in self.lines.items() if line.state is State.CONNECTED}

    @cached_property
    def received(self) -> dict[str, list[Mail]]:
        """Everyone's mails, in the order of delivery."""
        received = defaultdict(list)
        for mail in sorted(self.evidence.mails, key=lambda mail: mail.number):
            for recipient in mail.recipients:
                received[key(recipient)].append(mail)
        return received

    def personal(self, who: str) -> list[Mail]:
        """Return a person's mails without notices, each Message-ID once."""
        mails = {mail.message_id: mail for mail in reversed(self.received[who]) if mail.kind is not MailKind.NOTICE}
        return sorted(mails.values(), key=lambda mail: mail.number)

    def received_kinds(self, who: str) -> set[MailKind]:
        """Return the kinds of a person's mails without notices."""
        return {mail.kind for mail in self.personal(who)}


def _report_is_complete(case: _Case) -> Finding:
    """Check that everyone on the roster is in the report once, nobody else is, and the counts add up."""
    listed = Counter(key(line.email) for line in case.report.people)
    states = Counter(line.state for line in case.report.people)
    wrong = [f"{who} is in the report {listed[who]} times" for who in case.people if listed[who] != 1]
    wrong += [f"{who} is in the report but not on the roster" for who in listed.keys() - case.people.keys()]
    wrong += [
        f"The report counts {case.report.counts[state]} people as {state} but lists {states[state]}"
        for state in State
        if states[state] != case.report.counts[state]
    ]
    numbers = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    return _finding(f"The report lists each of the {len(case.people)} people on the roster once: {numbers}", wrong)


def _states_are_right(case: _Case) -> Finding:
    """Check that everyone is in the state that follows from the situation before the migration."""
    expected = {who: person.expected_state for who, person in case.people.items()}
    expected |= dict.fromkeys(case.excluded, State.EXCLUDED)
    return _finding(
        "Everyone is in the expected state",
        [f"{who} is {case.state(who)}, not {state}" for who, state in expected.items() if case.state(who) is not state],
    )


def _connected_is_verified(case: _Case) -> Finding:
    """Check that people are connected if and only if Atlassian has a verified account for them in the organization."""
    to_connect = {who for who, person in case.people.items() if not person.blocked} - case.excluded
    members = case.evidence.services.member_keys
    wrong = [
        f"{who} is connected without a verified account"
        for who in case.connected - case.verified - case.connected_by_admin
    ]
    wrong += [f"{who} is connected but not in the organization" for who in case.connected - members]
    wrong += [
        f"{who} has a verified account but is not connected" for who in (case.verified & to_connect) - case.connected
    ]
    return _finding(
        f"{len(case.connected)} people are connected, each with a verified Atlassian account in the organization", wrong
    )


def _accounts_are_right(case: _Case) -> Finding:
    """Check that nobody has two Atlassian accounts or lost one, and only people to be moved were given one."""
    counted = Counter(account.key for account in case.evidence.services.accounts)
    before = {who for who, person in case.people.items() if person.atlassian is not AtlassianAccount.NONE}
    may_get_account = {who for who, person in case.people.items() if not person.blocked and not person.needs_admin}
    wrong = [f"{who} has {number} accounts" for who, number in counted.items() if number > 1]
    wrong += [f"{who} had an account, and it is gone" for who in before - counted.keys()]
    wrong += [f"{who} was given an account" for who in counted.keys() - before - may_get_account]
    created = len(counted.keys() - before)
    return _finding(
        f"{created} Atlassian accounts were created, {len(before)} existed before; nobody has two accounts", wrong
    )


def _site_is_connected(case: _Case) -> Finding:
    """Check that the Opsgenie account, and no other, is connected to the site that the report names."""
    sites = {site.id: site.url for site in case.evidence.services.sites}
    actual = {link.opsgenie_account: sites.get(link.site_id) for link in case.evidence.services.connections}
    expected = {case.report.opsgenie_account: case.report.site.url if case.report.site else None}
    wrong = [] if actual == expected else [f"Atlassian recorded {actual}, the report says {expected}"]
    return _finding(f"Opsgenie is connected to the site {expected[case.report.opsgenie_account]}", wrong)


def _recipients_are_right(case: _Case) -> Finding:
    """Check that each mail has one recipient, who is on the roster; a notice's recipient is an owner or admin."""
    wrong = []
    for mail in case.evidence.mails:
        recipients = [case.people.get(key(recipient)) for recipient in mail.recipients]
        if len(recipients) != 1 or recipients[0] is None:
            wrong.append(f"Mail {mail.number} went to {', '.join(mail.recipients) or 'nobody'}")
        elif mail.kind is MailKind.NOTICE and not recipients[0].is_admin:
            wrong.append(f"Mail {mail.number}, a notice, went to {mail.recipient}, who is neither owner nor admin")
    return _finding(
        f"{len(case.evidence.mails)} mails were delivered, each to one person, and only to people on the roster", wrong
    )


def _nothing_is_delivered_twice(case: _Case) -> Finding:
    """Check that no mail was delivered twice, and no two mails share a Message-ID."""
    different = defaultdict(set)
    for mail in case.evidence.mails:
        different[mail.message_id].add((mail.recipients, mail.kind, mail.subject))
    wrong = [f"{message_id} is on different mails" for message_id, mails in different.items() if len(mails) > 1]
    if (number := duplicates(case.evidence.mails)) > case.evidence.max_duplicates:
        wrong.append(f"{number} mails were delivered twice; at most {case.evidence.max_duplicates} are excused")
    return _finding(f"{len(different)} different Message-IDs: no mail was delivered twice", wrong)


def _unneeded_mails(case: _Case) -> Finding:
    """Check that people receive only mails that they need, and one of each kind unless they request more."""
    wrong = []
    requested = {key(who): number for who, number in case.evidence.requested_mails.items()}
    for who, person in case.people.items():
        received, kinds = len(case.personal(who)), case.received_kinds(who)
        if unneeded := kinds - person.expected_mails:
            wrong.append(f"{who} received mails to {', '.join(sorted(unneeded))} and needed none")
        if received > len(kinds) + requested.get(who, 0):
            wrong.append(f"{who} received {received} different mails of {len(kinds)} kinds")
    connected = sum(person.atlassian is AtlassianAccount.VERIFIED for person in case.people.values())
    blocked = sum(person.blocked for person in case.people.values())
    unreachable = sum(not person.mailable for person in case.people.values())
    return _finding(
        f"Nobody received an unneeded mail, such as the {connected} with a verified account, "
        f"the {blocked} blocked in Opsgenie, and the {unreachable} without a mailbox",
        wrong,
    )


def _needed_mails(case: _Case) -> Finding:
    """Check that people receive every mail that they need, unless an admin made it unnecessary."""
    recipients = {who for who, person in case.people.items() if person.expected_mails}
    wrong = [
        f"{who} did not receive the mail to {kind}"
        for who in recipients - case.excluded - case.connected_by_admin
        for kind in case.people[who].expected_mails - case.received_kinds(who)
    ]
    return _finding(
        f"{len(recipients)} people had an Atlassian account to set up, and received the authentication mail", wrong
    )


def _address_is_verified_first(case: _Case) -> Finding:
    """Check that unverified people get the authentication mail only after they or an admin confirm the address."""
    unverified = {who for who, person in case.people.items() if not person.verified}
    confirmed = {key(who): number for who, number in case.evidence.confirmed.items()}
    wrong = []
    for who in unverified - set(map(key, case.evidence.verified_by_admin)):
        mails = case.personal(who)
        if mails and mails[0].kind is not MailKind.VERIFY:
            wrong.append(f"{who} did not receive the verification mail first")
        wrong += [
            f"{who} received the authentication mail {mail.number} before confirming the address"
            for mail in mails
            if mail.kind is MailKind.AUTHENTICATE and (who not in confirmed or mail.number <= confirmed[who])
        ]
    unconfirmed = sum(MailKind.VERIFY in person.expected_mails for person in case.people.values())
    return _finding(
        f"{unconfirmed} people had to confirm their email address before they received the authentication mail",
        wrong,
    )


def _mails_are_counted(case: _Case) -> Finding:
    """Check that the report counts the mails that were delivered to each person."""
    wrong, total = [], 0
    for who, line in case.lines.items():
        delivered = len(case.personal(who))
        total += delivered
        uncounted = case.evidence.max_uncounted if line.state in _ENTERED_WHILE_MAILED else 0
        if not delivered - uncounted <= line.mails <= delivered:
            wrong.append(f"{who} received {delivered} mails, the report counts {line.mails}")
    return _finding(f"The report counts the {total} mails that people received, person by person", wrong)


_ENTERED_WHILE_MAILED = {State.CONNECTED, State.EXCLUDED, State.LEFT_BEHIND}
"""States that a person can enter while a mail to that person is being sent."""


def _scanners_change_nothing(case: _Case) -> Finding:
    """Check that a link that a mail scanner opened first still works for the person."""
    scanned = case.evidence.scanned
    return _finding(
        f"{len(scanned)} links were opened by mail scanners first, and still worked for the people",
        [f"The link of {who} was used up by a scanner" for who, still_works in scanned.items() if not still_works],
    )


def _unreachable_have_a_reason(case: _Case) -> Finding:
    """Check that people whose mailbox does not exist are in the report with a reason."""
    lines = {who: case.lines[who] for who, person in case.people.items() if not person.mailable and who in case.lines}
    reasons = ", ".join(f"{line.state}: {line.reason}" for line in lines.values()) or "none"
    return _finding(
        f"Unreachable by mail: {len(lines)}; the report gives a reason for each ({reasons})",
        [f"{who} is {line.state} without a reason" for who, line in lines.items() if not line.reason],
    )


def _admins_are_notified(case: _Case) -> Finding:
    """Check that each owner and admin, and nobody else, gets one notice of the end with the report's numbers."""
    admins = {who for who, person in case.people.items() if person.is_admin}
    connected, total = case.report.counts[State.CONNECTED], case.report.counts.total
    wrong = []
    for who in admins | case.received.keys():
        notices = [mail for mail in case.received[who] if mail.message_id.startswith(_COMPLETION_NOTICE)]
        expected = 1 if who in admins else 0
        if (number := len({mail.message_id for mail in notices})) != expected:
            wrong.append(f"{who} received {number} notices of the end, not {expected}")
        if any(not {str(connected), str(total)} <= set(re.findall(r"\d+", mail.text)) for mail in notices):
            wrong.append(f"{who} received a notice of the end with other numbers")
    return _finding(
        f"{len(admins)} owners and admins were notified of the end: {connected} of {total} people are connected", wrong
    )


_CHECKS = (
    _report_is_complete,
    _states_are_right,
    _connected_is_verified,
    _accounts_are_right,
    _site_is_connected,
    _recipients_are_right,
    _nothing_is_delivered_twice,
    _unneeded_mails,
    _needed_mails,
    _address_is_verified_first,
    _mails_are_counted,
    _scanners_change_nothing,
    _unreachable_have_a_reason,
    _admins_are_notified,
)


def _finding(sentence: str, wrong: Iterable[str]) -> Finding:
    return Finding(sentence, tuple(sorted(wrong)))
