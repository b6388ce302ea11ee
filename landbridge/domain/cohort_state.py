"""The state of one cohort and its rules: which requests are allowed, what they change, and what is due when."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, ClassVar

from pydantic import ConfigDict, PlainSerializer, PlainValidator

from landbridge.domain import addresses, authority, events, lifecycle, proof, refusals, roster, stale
from landbridge.domain.activity_io import (
    AccountOutcome,
    Delivery,
    MailOutcome,
    MailProblem,
    Refusals,
    SendMailsResult,
)
from landbridge.domain.audit import Act, Audit, AuditEntry
from landbridge.domain.base import Model
from landbridge.domain.cohort import CohortPeople, packed, unpacked
from landbridge.domain.errors import BadInput, NotFound, Refused
from landbridge.domain.lifecycle import Mail
from landbridge.domain.links import LinkState, Purpose
from landbridge.domain.messages import (
    AddressClaim,
    AssignPeople,
    Cancel,
    CohortStatus,
    CorrectEmail,
    Exclude,
    LinkUse,
    LinkUsed,
    MailHold,
    NotSent,
    PersonFact,
    Request,
    Resend,
    Resent,
    SetDeadline,
)
from landbridge.domain.people import MAILED, OPSGENIE, STATE_TITLES, Actor, Counts, Person
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import Site
from landbridge.domain.text import NO_TEXT, Text, joined, text, verbatim

MAX_PROBLEMS_REPORTED = 8
"""Maximum number of problems that a cohort reports to its migration; the end of each problem is reported too. Temporal
accepts 10,000 signals for one run: 25 from each of 400 cohorts. Beyond that, the migration would receive no signals and
wait forever. `status` queries the cohorts for later problems."""
_UNKNOWN = text("Nobody with this address is in the migration.")
TAKEN = text("The new address already belongs to another person.")


@dataclass(kw_only=True)
class CohortState:
    """Everything a cohort knows. Continue-as-new carries this object to the next run.

    `check_*` methods raise `Refused` or `NotFound` if a request is not allowed now, and change nothing. The methods
    that apply a request return the entries that they added to the audit.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    rules: Rules
    admins: list[str]
    """The keys of the current owners and admins; see `domain.authority`."""
    people: Annotated[
        CohortPeople,
        PlainValidator(lambda value: value if isinstance(value, CohortPeople) else CohortPeople(unpacked(value))),
        PlainSerializer(lambda people: packed(people.everyone()), return_type=str),
    ] = field(default_factory=CohortPeople)
    """Serialized as a compressed text."""
    site: Site | None = None
    """The site; none: the cohort has not begun its work."""
    paused: Text = NO_TEXT
    """Why the cohort starts nothing new; empty while it works."""
    resumes: int = 0
    """How often the cohort was resumed. The failure of work that started before a resume does not pause it again."""
    problems: dict[str, Text] = field(default_factory=dict)
    """Why the newest activity of a task queue failed, as sentences; no entry: it succeeded."""
    refusals: Refusals = field(default_factory=Refusals)
    """Refused emails that may be the sender's or the recipient's fault."""
    mail_hold: MailHold | None = None
    """Why no email is sent for a while."""
    poll_due: datetime | None = None
    """When Atlassian is polled next."""
    poll_interval: timedelta | None = None
    """The current interval of the poll, which backs off while nothing changes; none: the rules' interval."""
    returned: set[int] = field(default_factory=set)
    """Numbers of the people whose accounts are to be looked up without waiting for the poll."""
    claims: dict[str, AddressClaim] = field(default_factory=dict)
    """Addresses that hash to this cohort and belong to people of other cohorts, by `domain.addresses.key`."""
    deadline_passed: bool = False
    reported: CohortStatus | None = None
    """The status that was reported to the migration last; none: nothing was reported yet."""
    problems_reported: int = 0
    """Number of problems that were reported to the migration."""
    closing: bool = False
    """The migration has closed the cohort: it starts nothing new and completes."""
    cancelled: Cancel | None = None
    """The request that cancelled the migration."""
    audit: Audit = field(default_factory=Audit)

    def apply(self, number: int, event: events.Event, now: datetime) -> bool:
        """Apply an event to one person; return whether it changed the person."""
        return self.people.apply(number, event, now, self.rules)

    def _record(
        self, act: Act, by: Actor, now: datetime, *, about: str, detail: Text = NO_TEXT, people: int = 0
    ) -> AuditEntry:
        entry = AuditEntry(at=now, by=by, act=act, about=about, detail=detail, people=people)
        self.audit = self.audit.with_entry(entry)
        return entry

    # The status.

    @property
    def may_act(self) -> bool:
        """Whether the cohort may start something new."""
        return self.site is not None and not self.paused

    def status(self, number: int) -> CohortStatus:
        """Return the current status of the cohort with this number."""
        held = [self.mail_hold.message] if self.mail_hold else []
        return CohortStatus(
            number=number,
            opened=(self.reported is not None and self.reported.opened)
            or (self.site is not None and self.people.opened()),
            # Without a site, more people may be assigned.
            settled=self.site is not None and self.people.settled(),
            problem=self.paused or joined(*self.problems.values(), *held),
            deadline_passed=self.deadline_passed,
            counts=self.people.counts(),
            moved=self.people.moved(),
        )

    def report_is_due(self, number: int) -> bool:
        """Return whether a milestone was reached that the migration does not know of."""
        reported, status = self.reported or CohortStatus(number=number), self.status(number)
        if status.problem and self.problems_reported >= MAX_PROBLEMS_REPORTED:
            status = status.model_copy(update={"problem": reported.problem})
        return milestones(status) != milestones(reported)

    def record_report(self, status: CohortStatus) -> None:
        """Record that a status was reported."""
        if status.problem and (self.reported is None or status.problem != self.reported.problem):
            self.problems_reported += 1
        self.reported = status

    # Requests about people.

    def check_sender(self, request: Request, run: str) -> None:
        """Check that the sender may send requests to this migration, the one that `run` names.

        Raises:
            Refused: the sender is not allowed to, means another migration, or the migration is cancelled.

        """
        if reason := authority.denial_reason(request.by, self.admins) or stale.run_mismatch(request.run, run):
            raise Refused(reason)
        if self.cancelled:
            raise Refused(text("The migration is cancelled."))

    def find(self, email: str) -> Person:
        """Return the person with an address, also a former address.

        Raises:
            NotFound: there is none.

        """
        person = self.people.find(email)
        if person is None:
            raise NotFound(_UNKNOWN)
        return person

    def find_changeable(self, email: str) -> Person:
        """Return the person with a current address, who may still be excluded or corrected.

        Raises:
            NotFound: there is none.
            Refused: the address was corrected meanwhile, or the person is settled.

        """
        person = self.find(email)
        if reason := stale.address_mismatch(email, person.email):
            raise Refused(reason)
        if person.settled:
            state = STATE_TITLES[person.state]
            raise Refused(text("The migration no longer waits for this person: {state}.", state=state))
        return person

    def check_resend(self, request: Resend, run: str, now: datetime) -> None:
        """Check a request to send emails again; raises as `check_sender`.

        A request about a single person is refused if that person may get no email now; raises `NotFound` as `find`.
        """
        self.check_sender(request, run)
        if request.emails and not request.one_of_many:
            person = self.find(request.emails[0])
            if reason := self._resend_denial_reason(person, request.emails[0], now):
                raise Refused(reason)

    def _resend_denial_reason(self, person: Person | None, email: str, now: datetime) -> Text:
        if person is None:
            return _UNKNOWN
        return stale.address_mismatch(email, person.email) or lifecycle.resend_denial_reason(person, now, self.rules)

    def resend(self, request: Resend, now: datetime) -> tuple[Resent, list[AuditEntry]]:
        """Queue emails to the people whom the request names, or who are in a state; `lifecycle` decides for each."""
        by, queued, refused, entries = proof.recorded(request.by, Act.RESEND, request), 0, list[NotSent](), []
        for email in request.emails:
            person = self.people.find(email)
            if person and not stale.address_mismatch(email, person.email) and self._request_mail(person, by, now):
                queued += 1
                entries.append(self._record(Act.RESEND, by, now, about=person.email))
            else:
                refused.append(NotSent(email=email, reason=self._resend_denial_reason(person, email, now)))
        if request.emails:
            return Resent(queued=queued, not_now=len(refused), refused=refused), entries
        in_state = [person for person in self.people.everyone() if person.state is request.state]
        queued = sum(self._request_mail(person, by, now) for person in in_state)
        if queued:
            entries.append(self._record(Act.RESEND, by, now, about=str(request.state), people=queued))
        return Resent(queued=queued, not_now=len(in_state) - queued), entries

    def _request_mail(self, person: Person, by: Actor, now: datetime) -> bool:
        """Queue the email of a person's state; return whether the person may get an email now."""
        return self.apply(person.number, events.MailRequested(by), now)

    def check_exclude(self, request: Exclude, run: str) -> None:
        """Check a request to exclude a person; raises as `check_sender` and `find_changeable`."""
        self.check_sender(request, run)
        self.find_changeable(request.email)
        if not request.reason.strip():
            raise Refused(text("Give a reason: the report shows it."))

    def exclude(self, request: Exclude, now: datetime) -> AuditEntry:
        """Take a person out of the migration."""
        person, by = self.find(request.email), proof.recorded(request.by, Act.EXCLUDE, request)
        self.apply(person.number, events.Excluded(request.reason, by), now)
        return self._record(Act.EXCLUDE, by, now, about=person.email, detail=verbatim(request.reason))

    def check_correct_email(self, request: CorrectEmail, run: str) -> None:
        """Check a request to correct an address; raises as `check_sender` and `find_changeable`."""
        self.check_sender(request, run)
        person = self.find_changeable(request.email)
        try:
            email = addresses.normalise(request.new_email)
        except BadInput as error:
            raise Refused(text("The new address cannot be used: {error}.", error=error.text)) from None
        holder = self.people.find(email)
        is_anothers = holder is not None and (holder.number != person.number or holder.email == email)
        if is_anothers or addresses.key(email) in self.claims:
            raise Refused(TAKEN)

    def correct_email(self, request: CorrectEmail, now: datetime) -> AuditEntry:
        """Give a person another address, which has yet to be verified; raises as `find_changeable`."""
        person, email = self.find_changeable(request.email), addresses.normalise(request.new_email)
        by = proof.recorded(request.by, Act.CORRECT_EMAIL, request)
        self.apply(person.number, events.EmailCorrected(email, by), now)
        return self._record(Act.CORRECT_EMAIL, by, now, about=person.email, detail=verbatim(email))

    # Facts about people.

    def record_fact(self, act: Act, fact: PersonFact, run: str, now: datetime) -> AuditEntry | None:
        """Record that an email is verified (`Act.VERIFY`) or an account is set up (`Act.AUTHENTICATE`).

        Returns:
            The audit entry; none if the fact changes nothing.

        Raises:
            NotFound: nobody has the address.
            Refused: the sender is not allowed to say so, or means another migration or a former address.

        """
        person = self.find(fact.email)
        by = authority.resolve_actor(proof.recorded(fact.by, act, fact), self.admins)
        if by is None:
            raise Refused(authority.denial_reason(fact.by, self.admins))
        if reason := stale.run_mismatch(fact.run, run) or stale.address_mismatch(fact.email, person.email):
            raise Refused(reason)
        event = events.EmailVerified(by) if act is Act.VERIFY else events.Authenticated(by)
        return self._record(act, by, now, about=person.email) if self.apply(person.number, event, now) else None

    def assign(self, message: AssignPeople, now: datetime) -> int:
        """Add new people and record newly verified emails; return the number of people in the cohort."""
        for row in message.people:
            if row.key in self.claims:
                # The row is about a person of another cohort, whose address was corrected to this address.
                continue
            known = self.people.receive(row, now)
            if known is not None and row.email_verified and known.email == row.email:
                self.apply(known.number, events.EmailVerified(OPSGENIE), now)
        return len(self.people)

    def link_state(self, person: Person, purpose: Purpose, generation: int, now: datetime) -> LinkState:
        """Return the state of a person's link; in a cancelled migration no link works."""
        state = lifecycle.link_state(person, Mail(purpose, generation), now, self.rules)
        return LinkState.CLOSED if self.cancelled and state is not LinkState.DONE else state

    def use_link(self, used: LinkUsed, now: datetime) -> None:
        """Record what a person did with a link, if the link still allows it."""
        person = self.people.get(used.person)
        if person is None:
            return
        by = proof.recorded_link(used)
        match used.use:
            case LinkUse.FOLLOWED if self.cancelled is None:
                followed = self.apply(person.number, events.LinkFollowed(used.purpose, used.generation, by), now)
                if followed and used.purpose is Purpose.AUTHENTICATION:
                    self.look_up_soon(person.number)
            case LinkUse.DECLINED if self.cancelled is None:
                self.apply(person.number, events.LinkDeclined(used.purpose, used.generation, by), now)
            case LinkUse.RETURNED:
                self.apply(person.number, events.CameBack(by), now)
                self.look_up_soon(person.number)
            case LinkUse.NEW_WANTED if MAILED.get(person.state) is used.purpose:
                if lifecycle.may_request_mail(person, Mail(used.purpose, used.generation), now):
                    self._request_mail(person, by, now)

    def look_up_soon(self, number: int) -> None:
        """Look up a person's account without waiting for the poll; a settled person's account is not looked up."""
        person = self.people.get(number)
        if person is not None and not person.settled:
            self.returned.add(number)

    def next_returned(self, limit: int) -> list[Person]:
        """Return the next people to look up without waiting for the poll, and remove them from the queue."""
        numbers = sorted(self.returned)[:limit]
        self.returned.difference_update(numbers)
        return [person for person in self.people.to_look_up() if person.number in numbers]

    def record_accounts(self, outcomes: Iterable[AccountOutcome], now: datetime) -> None:
        """Record what Atlassian answered about accounts."""
        for outcome in outcomes:
            if outcome.problem:
                self.apply(outcome.person, events.AccountProblem(outcome.email, outcome.problem), now)
            elif outcome.account_id:
                seen = events.AccountSeen(
                    outcome.email,
                    outcome.account_id,
                    verified=outcome.verified,
                    created=outcome.created,
                    mailed=outcome.mailed,
                )
                self.apply(outcome.person, seen, now)

    # Polls.

    def start_polling(self, now: datetime) -> None:
        """Schedule the first poll, if none is scheduled."""
        self.poll_due = self.poll_due or now + (self.poll_interval or self.rules.poll_interval)

    def next_poll(self) -> datetime | None:
        """Return when Atlassian is to be polled; none: everyone is settled or has no account yet."""
        return self.poll_due if self.people.to_look_up() else None

    def record_poll(self, *, changed: bool, now: datetime) -> None:
        """Schedule the next poll; the interval doubles while nothing changes."""
        doubled = min(2 * (self.poll_interval or self.rules.poll_interval), self.rules.max_poll_interval)
        self.poll_interval = None if changed else doubled
        self.poll_due = now + (self.poll_interval or self.rules.poll_interval)

    # Emails.

    def next_mail(self) -> datetime | None:
        """Return when the next email is due."""
        due = self.people.next_mail()
        return due if due is None or self.mail_hold is None else max(due, self.mail_hold.until)

    def record_mails(self, result: SendMailsResult, resumes_before: int, queue: str, now: datetime) -> None:
        """Record the outcomes of a batch of emails; if a problem ended the batch early, hold email or pause.

        `resumes_before` is the value of `resumes` when the batch started; `queue` is the task queue of the problem.
        """
        for outcome in result.outcomes:
            self.apply(outcome.person, _mail_event(outcome), now)
        self.refusals = result.refusals
        if self.resumes != resumes_before:
            self._withdraw_refusals(now)
        problem, former_hold, self.mail_hold = result.problem, self.mail_hold, None
        if problem is None:
            return
        if problem.needs_people:
            self.pause_for(problem.message, resumes_before)
            self._withdraw_refusals(now)
        elif problem.retry_after:
            self.mail_hold = _hold(problem, former_hold, now)
        else:
            self.problems[queue] = problem.message

    def pause_for(self, problem: Text, resumes_before: int) -> None:
        """Pause for a problem that only an admin can fix, unless the cohort was resumed since the work started."""
        if self.resumes == resumes_before:
            self.paused = problem

    def _withdraw_refusals(self, now: datetime) -> None:
        """Send emails again to everyone whose refusal may have been the sender's fault."""
        for refusal in self.refusals.in_question:
            self.apply(refusal.person, events.RefusalWithdrawn(refusal.purpose, refusal.generation), now)
        self.refusals = refusals.all_withdrawn(self.refusals)

    # Signals from the migration.

    def resume(self, now: datetime) -> None:
        """Resume; retry held emails now, and emails whose refusal may have been the sender's fault."""
        self.paused = NO_TEXT
        self.resumes += 1
        self._withdraw_refusals(now)
        if self.mail_hold is not None:
            self.mail_hold = self.mail_hold.model_copy(update={"until": now})

    def set_deadline(self, message: SetDeadline) -> None:
        """Replace the deadline."""
        self.rules = self.rules.model_copy(update={"deadline": message.deadline, "at_deadline": message.at_deadline})
        self.deadline_passed = False

    def next_deadline(self) -> datetime | None:
        """Return when the deadline passes; none: it has passed, or there is none."""
        return None if self.deadline_passed else self.rules.deadline

    def pass_deadline(self, now: datetime) -> None:
        """Record that the deadline has passed; leave people behind if the rules say so."""
        self.deadline_passed = True
        if self.rules.at_deadline is AtDeadline.COMPLETE_PARTIAL and self.site:
            self._leave_behind(events.MigrationEnded(text("The deadline passed.")), now)

    def cancel(self, request: Cancel) -> None:
        """End as soon as running work is interrupted; from now on, no link works."""
        self.cancelled, self.closing = request, True

    def end(self, now: datetime) -> None:
        """Drop the problems, which are irrelevant now; in a cancelled migration, leave people behind."""
        self.problems.clear()
        if self.cancelled:
            by = proof.recorded(self.cancelled.by, Act.CANCEL, self.cancelled)
            reason = text("The migration was cancelled: {reason}.", reason=self.cancelled.why.rstrip("."))
            self._leave_behind(events.MigrationEnded(reason, by), now)

    def end_from_outside(self, by: Actor, now: datetime) -> None:
        """End because the migration ended in Temporal without signalling its cohorts."""
        self._leave_behind(events.MigrationEnded(text("The migration was ended outside Landbridge."), by), now)
        self.cancel(Cancel(reason="", by=by))

    def _leave_behind(self, event: events.MigrationEnded, now: datetime) -> None:
        for person in self.people.everyone():
            self.apply(person.number, event, now)

    # Addresses that hash to this cohort. Only this cohort knows everyone who has or requests such an address.

    def claim(self, claim: AddressClaim) -> bool:
        """Reserve an address for a person of another cohort; return False if it belongs to someone else."""
        if self.people.find(claim.email) is not None:
            return False
        return _same_claimant(self.claims.setdefault(addresses.key(claim.email), claim), claim)

    def release(self, claim: AddressClaim) -> None:
        """Drop a claim, so that others may have the address."""
        key = addresses.key(claim.email)
        if key in self.claims and _same_claimant(self.claims[key], claim):
            del self.claims[key]


class CohortInput(Model):
    """The input of `CohortWorkflow`: which cohort it is, and its state."""

    opsgenie_account: str
    number: int
    """Counts the migration's cohorts from 1."""
    cohorts: int = 1
    """How many cohorts the migration has; with the hash of an address, that determines the address's cohort."""
    run: str
    """See `domain.activity_io.MailContext.run`."""
    initiator: str
    state: CohortState
    """The initial state, or the state that continue-as-new carries."""

    def home_of(self, email: str) -> int:
        """Return the number of the cohort that an address hashes to."""
        return roster.cohort_of(email, self.cohorts)


def milestones(status: CohortStatus) -> CohortStatus:
    """Return a status without its counts, which change too often to be reported."""
    return status.model_copy(update={"counts": Counts()})


def _same_claimant(one: AddressClaim, other: AddressClaim) -> bool:
    return (one.cohort, one.person) == (other.cohort, other.person)


def _mail_event(outcome: MailOutcome) -> events.Event:
    if outcome.purpose is None:
        raise AssertionError("a person's mail has a purpose")
    match outcome.delivery:
        case Delivery.ACCEPTED:
            return events.MailSent(outcome.purpose, outcome.generation)
        case Delivery.DEFERRED:
            return events.MailDeferred(outcome.purpose, outcome.generation, outcome.reason)
        case Delivery.REFUSED:
            return events.MailRefused(outcome.purpose, outcome.generation, outcome.reason)


def _hold(problem: MailProblem, former: MailHold | None, now: datetime) -> MailHold:
    """Return the hold that a problem causes. If a quota was already exceeded, it keeps its latest end."""
    until = now + timedelta(seconds=problem.retry_after)
    if not problem.lasts:
        return MailHold(message=problem.message, until=until)
    over_by = former.over_by if former and former.over_by and former.over_by > now else None
    over_by = over_by or now + timedelta(seconds=problem.lasts)
    at_the_latest = text("Sending resumes automatically, at about {over_by} at the latest.", over_by=over_by)
    return MailHold(message=joined(problem.message, at_the_latest), until=until, over_by=over_by)
