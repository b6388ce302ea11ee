"""The cohort: moves one part of the roster, from the account look-up until every person is settled."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError

with workflow.unsafe.imports_passed_through():
    from activities.accounts import AccountActivities
    from activities.mail import MailActivities
    from landbridge.domain import addresses
    from landbridge.domain.activity_io import AccountQuestion, AccountsInput, MailContext, OutgoingMail, SendMailsInput
    from landbridge.domain.audit import Act, Audit
    from landbridge.domain.cohort_state import TAKEN, CohortInput
    from landbridge.domain.errors import NotFound, Refused
    from landbridge.domain.lifecycle import Mail
    from landbridge.domain.links import LinkClaims, LinkState, LinkView
    from landbridge.domain.messages import (
        AddressClaim,
        AdminsChanged,
        AssignPeople,
        Begin,
        Cancel,
        ClaimAnswer,
        CohortResult,
        CohortStatus,
        CohortView,
        CorrectEmail,
        Exclude,
        InvitedAccount,
        Known,
        LinksUsed,
        Pause,
        PeoplePage,
        PeopleQuery,
        PersonFact,
        Refresh,
        Resend,
        Resent,
        Resume,
        SetDeadline,
    )
    from landbridge.domain.people import SYSTEM, Person, State
    from landbridge.domain.text import text
    from workflows.support import audit_log, options
    from workflows.support.activity_errors import Failure, execute
    from workflows.support.address_claims import AddressClaims
    from workflows.support.async_update import async_update
    from workflows.support.cohort_visibility import CohortVisibility
    from workflows.support.shared_timer import SharedTimer

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")

LOOKUP_BATCH_WINDOW = timedelta(seconds=1)
"""Minimum time between look-ups of people who return from Atlassian; people who return meanwhile share a look-up."""


@workflow.defn(name="CohortWorkflow", failure_exception_types=[NotFound, Refused])
class CohortWorkflow:
    """Moves its people, with one loop for each kind of work, until the migration closes the cohort."""

    @workflow.init
    def __init__(self, start: CohortInput) -> None:
        self._cohort = start
        self._state = start.state
        self._timer = SharedTimer()
        self._visibility = CohortVisibility(start.opsgenie_account, self._status, lambda: self._timer.now)
        self._claims = AddressClaims(start, lambda: self._state.closing)
        self._looked_up_at: datetime | None = None
        """Time of the last look-up of people who returned from Atlassian."""
        self._running_activities = 0

    @workflow.run
    async def run(self, _: CohortInput) -> CohortResult:
        """Run all loops until the migration closes the cohort; then complete.

        A long run continues as new before it completes, because every query replays the last run of a closed workflow.
        """
        try:
            await asyncio.gather(
                self._provide_accounts(),
                self._send_mails(),
                self._look_up_returned(),
                self._poll_atlassian(),
                self._watch_deadline(),
                self._report_status(),
                self._update_visibility(),
            )
        except (asyncio.CancelledError, ActivityError):
            # The migration ended in Temporal without signalling its cohorts. Complete as after a cancel request: a
            # workflow that continues as new cannot end as cancelled.
            if self._state.cancelled is None:
                self._state.end_from_outside(SYSTEM, workflow.now())
        if self._state.closing:
            self._state.end(workflow.now())
        await workflow.wait_condition(workflow.all_handlers_finished)
        is_long = workflow.info().get_current_history_length() > options.MAX_LAST_RUN_EVENTS
        if is_long or not self._state.closing:
            workflow.continue_as_new(self._cohort.model_copy(update={"state": self._state}))
        self._visibility.update(paused=bool(self._state.paused))
        return CohortResult(number=self._cohort.number, counts=self._state.people.counts())

    # The loops. Each returns once `_ending` is true.

    async def _provide_accounts(self) -> None:
        """Look up or create the Atlassian accounts of people who arrived (the guide, step 5)."""
        state = self._state
        while (now := await self._due(state.people.next_account)) is not None:
            people = state.people.accounts_due(now, options.ACCOUNT_BATCH)
            how = options.for_people(options.ACCOUNTS, len(people))
            summary = f"Atlassian accounts of {len(people)} people"
            result = await self._execute(AccountActivities.ensure_accounts, _questions(people), how, summary)
            if result is not None:
                state.record_accounts(result.outcomes, workflow.now())
            state.start_polling(workflow.now())

    async def _send_mails(self) -> None:
        """Send the mails that are due: first mails, reminders and requested mails (the guide, steps 5 and 6)."""
        state = self._state
        while (now := await self._due(state.next_mail)) is not None:
            due = state.people.mails_due(now, options.MAIL_BATCH, last=state.refusals.withdrawn)
            mails = [_outgoing(person, mail) for person, mail in due]
            batch = SendMailsInput(context=self._mail_context(), mails=mails, refusals=state.refusals)
            how, resumes = options.for_people(options.MAIL, len(due)), state.resumes
            result = await self._execute(MailActivities.send_mails, batch, how, f"{len(due)} mails")
            if result is not None:
                state.record_mails(result, resumes, options.MAIL_QUEUE, workflow.now())

    async def _look_up_returned(self) -> None:
        """Look up people who returned from Atlassian's page: immediately, or together if several return soon after."""
        state = self._state
        while True:
            await workflow.wait_condition(lambda: self._ending or (state.may_act and bool(state.returned)))
            if self._ending:
                return
            if self._looked_up_at is not None and workflow.now() - self._looked_up_at < LOOKUP_BATCH_WINDOW:
                await workflow.sleep(LOOKUP_BATCH_WINDOW, summary="Wait for others who return")
            if people := state.next_returned(options.ACCOUNT_BATCH):
                await self._look_up(people)
                self._looked_up_at = workflow.now()

    async def _poll_atlassian(self) -> None:
        """Poll Atlassian for everyone who is waiting: some set up the account and never return to our page."""
        state = self._state
        while await self._due(state.next_poll) is not None:
            people, before = state.people.to_look_up(), state.people.counts()
            for start in range(0, len(people), options.ACCOUNT_BATCH):
                await self._look_up(people[start : start + options.ACCOUNT_BATCH])
            state.record_poll(changed=state.people.counts() != before, now=workflow.now())

    async def _look_up(self, people: Sequence[Person]) -> None:
        """Look up accounts; schedule another look-up of people without an answer."""
        how = options.for_people(options.ACCOUNT_LOOKUPS, len(people))
        summary = f"Are {len(people)} accounts verified?"
        result = await self._execute(AccountActivities.find_accounts, _questions(people), how, summary)
        outcomes = result.outcomes if result else []
        self._state.record_accounts(outcomes, workflow.now())
        answered = {outcome.person for outcome in outcomes}
        for person in people:
            if person.number not in answered:
                self._state.look_up_soon(person.number)

    async def _watch_deadline(self) -> None:
        """Apply the rules when the deadline passes, also while the cohort is paused."""
        while await self._due(self._state.next_deadline, even_paused=True) is not None:
            self._state.pass_deadline(workflow.now())

    async def _report_status(self) -> None:
        """Report milestones to the migration, and nothing else, to keep its history small."""
        state, number = self._state, self._cohort.number
        while True:
            await workflow.wait_condition(lambda: self._ending or state.report_is_due(number))
            if self._ending:
                return
            status = state.status(number)
            if (parent := workflow.info().parent) is not None:
                # The migration has ended: it needs no report, and its end also ends this cohort.
                with suppress(ApplicationError):
                    await workflow.get_external_workflow_handle(parent.workflow_id).signal("cohort_status", status)
            state.record_report(status)

    async def _update_visibility(self) -> None:
        """Update search attributes and details, also while the cohort is paused."""
        while await self._due(self._visibility.next_update, even_paused=True) is not None:
            self._visibility.update(paused=bool(self._state.paused))

    async def _due(self, next_due: Callable[[], datetime | None], *, even_paused: bool = False) -> datetime | None:
        """Wait until work is due; return the time to use as now, or None if this run must end."""
        return await self._timer.wait_until_due(
            lambda: next_due() if even_paused or self._state.may_act else None, stop=lambda: self._ending
        )

    @property
    def _ending(self) -> bool:
        """Whether this run must start no new work, because the cohort closes or has to continue as new.

        After `MAX_RUN_EVENTS`, the run ends only when no activity is running. If it ended earlier, all work would wait
        for the running activities, and a slow mail server would delay other people's verification. Temporal's own
        suggestion (by events, bytes and updates) is followed immediately.
        """
        run = workflow.info()
        is_long = run.get_current_history_length() >= options.MAX_RUN_EVENTS and not self._running_activities
        return self._state.closing or is_long or run.is_continue_as_new_suggested()

    async def _execute(
        self,
        method: Callable[[Any, _Input], Awaitable[_Result]],
        argument: _Input,
        how: dict[str, Any],
        summary: str,
    ) -> _Result | None:
        """Run an activity and return its result.

        None: it failed (the status shows the problem, or the cohort is paused), or was cancelled without a result.
        """
        self._running_activities += 1
        resumes = self._state.resumes
        try:
            result = await self._until_cancelled(asyncio.create_task(execute(method, argument, how, summary)))
        finally:
            self._running_activities -= 1
        queue = str(how["task_queue"])
        if isinstance(result, Failure):
            if result.needs_people:
                self._state.pause_for(result.text, resumes)
            else:
                self._state.problems[queue] = result.text
            return None
        if result is not None:
            self._state.problems.pop(queue, None)
        return result

    async def _until_cancelled(self, work: "asyncio.Task[_Result | Failure]") -> _Result | Failure | None:
        """Await an activity and return its result; if the migration is cancelled, cancel the activity.

        A cancelled activity may return a partial result. None: it returned no result.
        """
        await workflow.wait_condition(lambda: work.done() or self._state.cancelled is not None)
        if not work.done():
            work.cancel()
        try:
            return await work
        except (asyncio.CancelledError, ActivityError):
            if self._state.cancelled is None:
                raise
            return None

    def _status(self) -> CohortStatus:
        return self._state.status(self._cohort.number)

    def _mail_context(self) -> MailContext:
        if self._state.site is None:
            raise AssertionError("without a site no mail is due")
        return MailContext(
            run=self._cohort.run,
            cohort_number=self._cohort.number,
            cohort_id=workflow.info().workflow_id,
            opsgenie_account=self._cohort.opsgenie_account,
            site=self._state.site,
            initiator=self._cohort.initiator,
            rules=self._state.rules,
        )

    # Signals from the migration.

    @workflow.signal(name="begin", description="The site is chosen: provide accounts and send mail.")
    def begin(self, message: Begin) -> None:
        """Begin the guide's step 5."""
        self._state.site = message.site

    @workflow.signal(name="close", description="The migration has ended.")
    def close(self) -> None:
        """Complete after the running activities have ended."""
        self._state.closing = True

    @workflow.signal(name="cancel", description="The migration is cancelled.")
    def cancel(self, message: Cancel) -> None:
        """Complete as soon as running activities are interrupted; no link works from now on."""
        self._state.cancel(message)

    @workflow.signal(name="pause", description="Start nothing new until resumed.")
    def pause(self, message: Pause) -> None:
        """Pause the cohort."""
        self._state.paused = message.reason

    @workflow.signal(name="resume", description="Resume after a pause.")
    def resume(self, _: Resume) -> None:
        """Resume, and retry refused or held mail, even if another cohort detected the problem."""
        self._state.resume(workflow.now())

    @workflow.signal(name="refresh", description="Poll Atlassian now.")
    def refresh(self, _: Refresh) -> None:
        """Poll Atlassian without waiting for the interval."""
        self._state.poll_due = workflow.now()

    @workflow.signal(name="set_deadline", description="Replace the deadline.")
    def set_deadline(self, message: SetDeadline) -> None:
        """Replace the deadline."""
        self._state.set_deadline(message)

    @workflow.signal(name="admins_changed", description="Replace the owners and admins.")
    def admins_changed(self, message: AdminsChanged) -> None:
        """Accept requests from the new owners and admins only."""
        self._state.admins = message.keys

    # Signals from other cohorts.

    @workflow.signal(name="address_claimed", description="Another cohort needs an address that hashes to this cohort.")
    async def address_claimed(self, claim: AddressClaim) -> None:
        """Grant the address to the first claim, unless a person in this cohort has it."""
        await self._claims.answer(claim, granted=self._state.claim(claim))

    @workflow.signal(name="address_released", description="Another cohort does not need a claimed address any more.")
    def address_released(self, claim: AddressClaim) -> None:
        """Make the address available to other people."""
        self._state.release(claim)

    @workflow.signal(name="claim_answered", description="Another cohort grants or refuses an address.")
    def claim_answered(self, answer: ClaimAnswer) -> None:
        """Record the answer for the update that waits for it."""
        self._claims.record_answer(answer)

    # Signals about people.

    @workflow.signal(name="email_verified", description="A person's Opsgenie email is verified.")
    def email_verified(self, fact: PersonFact) -> None:
        """Record a verified email."""
        self._record_fact(Act.VERIFY, fact)

    @workflow.signal(name="account_authenticated", description="A person's Atlassian account is set up.")
    def account_authenticated(self, fact: PersonFact) -> None:
        """Record an account that is set up."""
        self._record_fact(Act.AUTHENTICATE, fact)

    def _record_fact(self, act: Act, fact: PersonFact) -> None:
        try:
            entry = self._state.record_fact(act, fact, self._cohort.run, workflow.now())
        except (NotFound, Refused) as error:
            workflow.logger.warning("signal_ignored", extra={"signal": str(act), "reason": str(error)})
            return
        if entry is not None:
            audit_log.log(entry)

    @workflow.signal(name="links_used", description="People used their mailed links.")
    def links_used(self, message: LinksUsed) -> None:
        """Record what people did with links of this migration."""
        for used in message.used:
            if used.run == self._cohort.run:
                self._state.use_link(used, workflow.now())

    # Updates. Validators refuse a request before it is written to the history.

    @workflow.update(name="assign_people", description="Assign people from the roster.")
    def assign_people(self, message: AssignPeople) -> int:
        """Add new people and newly verified emails; return the number of people in the cohort."""
        return self._state.assign(message, workflow.now())

    @workflow.update(name="resend", description="Send mail again, to named people or to everyone in a state.")
    def resend(self, message: Resend) -> Resent:
        """Queue mail for the people who may receive mail now."""
        resent, entries = self._state.resend(message, workflow.now())
        for entry in entries:
            audit_log.log(entry)
        return resent

    @resend.validator
    def _check_resend(self, message: Resend) -> None:
        self._state.check_resend(message, self._cohort.run, workflow.now())

    @workflow.update(name="exclude", description="Take a person out of the migration.")
    def exclude(self, message: Exclude) -> None:
        """Exclude a person, with a reason."""
        audit_log.log(self._state.exclude(message, workflow.now()))

    @exclude.validator
    def _check_exclude(self, message: Exclude) -> None:
        self._state.check_exclude(message, self._cohort.run)

    @async_update(name="correct_email")
    async def correct_email(self, message: CorrectEmail) -> None:
        """Change a person's address after the cohort that the new address hashes to has granted it."""
        email, number = addresses.normalise(message.new_email), self._state.find(message.email).number
        granted = await self._claims.claim(email, number)
        if not granted:
            raise Refused(text("The migration has ended.") if granted is None else TAKEN)
        try:
            # The person may have been excluded or connected meanwhile.
            entry = self._state.correct_email(message, workflow.now())
        except Refused:
            await self._claims.release(email, self._state.find(message.email))
            raise
        audit_log.log(entry)

    @correct_email.validator
    def _check_correct_email(self, message: CorrectEmail) -> None:
        self._state.check_correct_email(message, self._cohort.run)
        if self._claims.is_pending(self._state.find(message.email).number):
            raise Refused(text("Another correction of this address is being checked; try again in a moment."))

    # Queries.

    @workflow.query(name="cohort", description="Counts of people, the current problem, and whether it is paused.")
    def cohort(self) -> CohortView:
        """Return the status of the cohort."""
        status = self._status()
        return CohortView(
            number=status.number,
            counts=status.counts,
            problem=status.problem,
            paused=bool(self._state.paused),
            begun=self._state.site is not None,
        )

    @workflow.query(name="audit", description="Who requested what about the cohort's people, and when.")
    def audit(self) -> Audit:
        """Return the audit of the cohort."""
        return self._state.audit

    @workflow.query(name="people", description="People, by state, name or address, in pages.")
    def people(self, query: PeopleQuery) -> PeoplePage:
        """Return one page of people."""
        return self._state.people.page(query)

    @workflow.query(
        name="invited", description="Accounts that Landbridge's invitations created for people who are not connected."
    )
    def invited(self, run: str) -> list[InvitedAccount]:
        """Return the accounts that an undo of the migration `run` may revoke."""
        if run != self._cohort.run:
            return []
        return [
            InvitedAccount(person=person.number, account_id=account_id)
            for person in self._state.people.everyone()
            if person.state is not State.CONNECTED
            for account_id in person.invited
        ]

    @workflow.query(name="known", description="The addresses of all people, and whether they are verified.")
    def known(self) -> list[Known]:
        """Return every current and former address, and whether it is verified."""
        return [
            Known(email=email, email_verified=p.email_verified or email != p.email)
            for p in self._state.people.everyone()
            for email in (p.email, *p.former_emails)
        ]

    @workflow.query(name="link", description="The state of a mailed link.")
    def link(self, claims: LinkClaims) -> LinkView:
        """Return what the page behind a link shows; a link of another migration is closed."""
        person = self._state.people.get(claims.person) if claims.run == self._cohort.run else None
        if person is None or self._state.site is None:
            return LinkView(state=LinkState.CLOSED)
        state = self._state.link_state(person, claims.purpose, claims.generation, workflow.now())
        return LinkView(
            state=state,
            site_name=self._state.site.name,
            site_url=self._state.site.url,
            opsgenie_account=self._cohort.opsgenie_account,
            # Only an open link shows the address that it was sent to.
            email=person.email if state is LinkState.OPEN else "",
            sso=person.sso,
            click_counts=self._state.rules.click_counts,
            locale=person.locale,
            initiator=self._cohort.initiator,
        )


def _questions(people: Sequence[Person]) -> AccountsInput:
    return AccountsInput(
        questions=[AccountQuestion(person=p.number, email=p.email, may_be_mailed=p.email_verified) for p in people],
    )


def _outgoing(person: Person, mail: Mail) -> OutgoingMail:
    return OutgoingMail(
        person=person.number,
        purpose=mail.purpose,
        generation=mail.generation,
        email=person.email,
        name=person.name,
        locale=person.locale,
        sso=person.sso,
        reminder=person.mails_in_state > 0,
    )
