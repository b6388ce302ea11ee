"""A slice of the roster, from the look-up of the accounts to everyone's end."""

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
    from landbridge.domain import events, markdown, proof
    from landbridge.domain.activity_io import (
        AccountQuestion,
        AccountsInput,
        AccountsResult,
        Delivery,
        MailContext,
        MailOutcome,
        MailProblem,
        OutgoingMail,
        SendMailsInput,
        SendMailsResult,
    )
    from landbridge.domain.audit import Act
    from landbridge.domain.lifecycle import Mail
    from landbridge.domain.messages import Cancel, CohortInput, CohortResult, CohortStatus, MailHold
    from landbridge.domain.people import SYSTEM, Counts, Person, State
    from landbridge.domain.rules import AtDeadline
    from landbridge.domain.text import joined, text
    from workflows.cohort_record import CohortRecord
    from workflows.support import options, search_attributes
    from workflows.support.activity_errors import Failure, execute

_Order = TypeVar("_Order")
_Answer = TypeVar("_Answer")

GATHERING = timedelta(seconds=1)
"""How long people who come back from Atlassian are gathered for one question, where one was asked just before."""
MAX_PROBLEMS_REPORTED = 8
"""Troubles of which a cohort tells its migration, and of the end of each. Temporal takes 10,000 signals for one run: of
400 cohorts, that is 25 each, and a migration that hears nothing any more would wait for ever. `status` asks cohorts."""
SHOWN_AFTER_SHARE = 10
"""One person in so many has moved on: that is worth an update of the search attributes, which is a billable action."""
SHOWN_SOON = timedelta(minutes=1)
"""But not more often than that: whoever needs to know sooner asks the cohort."""
MIN_UPDATE_INTERVAL = timedelta(minutes=10)
"""Fewer people are worth one when something else happens in the cohort, at the earliest this long after the last."""
MAX_UPDATE_INTERVAL = timedelta(hours=1)
"""What nothing else brings along is shown by a timer of its own, this long after the last update."""


@workflow.defn(name="CohortWorkflow")
class CohortWorkflow(CohortRecord):
    """Looks after its people: one loop for each kind of work that can be due, until the migration closes it."""

    @workflow.init
    def __init__(self, start: CohortInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, _: CohortInput) -> CohortResult:
        """Work until the migration closes the cohort; complete in a run that is short, so that queries stay cheap."""
        try:
            await asyncio.gather(
                self._provide_accounts(),
                self._send_mails(),
                self._ask_about_returned(),
                self._poll_atlassian(),
                self._keep_deadline(),
                self._report_status(),
                self._show(),
            )
        except (asyncio.CancelledError, ActivityError):
            # Somebody ended the migration in Temporal, and did not let it tell its cohorts. The cohort completes as
            # after a cancel, since the next run could not end as cancelled.
            if self._cancelled is None:
                self._leave_behind(text("The migration was ended from outside."), SYSTEM)
                self.cancel(Cancel(reason="", by=SYSTEM))
        if self._cancelled:
            by = proof.recorded(self._cancelled.by, Act.CANCEL, self._cancelled)
            self._leave_behind(
                text("The migration was cancelled: {reason}.", reason=self._cancelled.why.rstrip(".")), by
            )
        await workflow.wait_condition(workflow.all_handlers_finished)
        is_long = workflow.info().get_current_history_length() > options.MAX_LAST_RUN_EVENTS
        if is_long or not self._closing:
            workflow.continue_as_new(self._carried_on())
        self._upsert()
        return CohortResult(number=self._start.number, counts=self._people.counts())

    # What is due.

    async def _provide_accounts(self) -> None:
        """Look up or create the Atlassian accounts of people who arrived (the guide, step 5)."""
        while (now := await self._due(self._people.next_account)) is not None:
            people = self._people.accounts_due(now, options.ACCOUNT_BATCH)
            summary = f"Atlassian accounts of {len(people)} people"
            questions, how = _questions(people), options.for_people(options.ACCOUNTS, len(people))
            self._learn(await self._execute(AccountActivities.ensure_accounts, questions, how, summary))
            self._poll_due = self._poll_due or workflow.now() + self._poll_interval

    async def _send_mails(self) -> None:
        """Send the mails that are due: first ones, reminders, and those asked for (the guide, steps 5 and 6)."""
        while (now := await self._due(self._next_mail)) is not None:
            due = self._people.mails_due(now, options.MAIL_BATCH, last=self._refusals.withdrawn)
            mails = [_order(person, mail) for person, mail in due]
            order = SendMailsInput(context=self._context(), mails=mails, refusals=self._refusals)
            how = options.for_people(options.MAIL, len(due))
            answer = await self._execute(MailActivities.send_mails, order, how, f"{len(due)} mails")
            if answer is not None:
                self._mails_sent(order, answer)

    def _mails_sent(self, order: SendMailsInput, answer: SendMailsResult) -> None:
        """Record each mail's outcome, and do what the problem calls for that ended the slice early."""
        for outcome in answer.outcomes:
            self._apply(outcome.person, _delivered(outcome))
        resumed_meanwhile = self._refusals != order.refusals
        self._refusals = answer.refusals
        if resumed_meanwhile:
            self._withdraw_refusals()
        problem, hold = answer.problem, self._mail_hold
        self._mail_hold = None
        if problem is None:
            return
        if problem.needs_people:
            self._paused = problem.sentence
            self._withdraw_refusals()
        elif problem.retry_after:
            self._mail_hold = _hold(problem, hold, workflow.now())
        else:
            self._problems[options.MAIL_QUEUE] = problem.sentence

    async def _ask_about_returned(self) -> None:
        """Ask Atlassian at once about those who come back from its page, or soon where it was asked only just now."""
        while True:
            await workflow.wait_condition(lambda: self._ending or (self._may_act and bool(self._came_back)))
            if self._ending:
                return
            if self._asked_at is not None and workflow.now() - self._asked_at < GATHERING:
                await workflow.sleep(GATHERING, summary="Others who come back meanwhile")
            asked_now = sorted(self._came_back)[: options.ACCOUNT_BATCH]
            self._came_back.difference_update(asked_now)
            people = [person for person in self._people.to_ask_about() if person.number in asked_now]
            if people:
                await self._learn_about(people)
                self._asked_at = workflow.now()

    async def _poll_atlassian(self) -> None:
        """Ask Atlassian about everybody now and then: some set the account up and never come back to our page."""
        while await self._due(lambda: self._poll_due if self._people.to_ask_about() else None) is not None:
            people = self._people.to_ask_about()
            before = self._people.counts()
            for start in range(0, len(people), options.ACCOUNT_BATCH):
                await self._learn_about(people[start : start + options.ACCOUNT_BATCH])
            moved = self._people.counts() != before
            longer = min(self._poll_interval * 2, self._rules.poll_interval_at_most)
            self._poll_interval = self._rules.poll_interval if moved else longer
            self._poll_due = workflow.now() + self._poll_interval

    async def _learn_about(self, people: Sequence[Person]) -> None:
        """Ask about these people; whoever the answer leaves out is asked about again."""
        find, how = AccountActivities.find_accounts, options.for_people(options.ACCOUNT_LOOKUPS, len(people))
        answer = await self._execute(find, _questions(people), how, f"Are {len(people)} accounts verified?")
        self._learn(answer)
        answered = {outcome.person for outcome in answer.outcomes} if answer else set()
        for person in people:
            if person.number not in answered:
                self._ask_soon(person.number)

    async def _keep_deadline(self) -> None:
        """See to what the rules say of the deadline."""
        while await self._due(self._next_deadline, even_paused=True) is not None:
            self._deadline_passed = True
            if self._rules.at_deadline is AtDeadline.COMPLETE_PARTIAL and self._site:
                for person in self._people.everyone():
                    self._apply(person.number, events.MigrationEnded(text("The deadline passed.")))

    async def _report_status(self) -> None:
        """Tell the migration of milestones, and of nothing else."""
        while True:
            await workflow.wait_condition(lambda: self._ending or self._news_is_due())
            if self._ending:
                return
            news = self._status()
            if news.problem and (self._reported is None or news.problem != self._reported.problem):
                self._problems_reported += 1
            parent = workflow.info().parent
            if parent is not None:
                # A migration that is gone takes its cohorts with it: there is nobody to tell.
                with suppress(ApplicationError):
                    await workflow.get_external_workflow_handle(parent.workflow_id).signal("cohort_status", news)
            self._reported = news

    async def _show(self) -> None:
        """Keep what operators see in the Web UI and `status` adds up."""
        while await self._due(self._next_show, even_paused=True) is not None:
            self._upsert()

    # When the next of these is due.

    def _next_mail(self) -> datetime | None:
        due = self._people.next_mail()
        return due if due is None or self._mail_hold is None else max(due, self._mail_hold.until)

    def _next_deadline(self) -> datetime | None:
        return None if self._deadline_passed else self._rules.deadline

    def _next_show(self) -> datetime | None:
        news, shown = self._status(), self._shown
        if news == shown:
            return None
        if shown is None or self._shown_at is None or _milestones(news) != _milestones(shown):
            return workflow.now()
        if news.counts.moved_since(shown.counts) * SHOWN_AFTER_SHARE >= news.counts.total:
            return self._shown_at + SHOWN_SOON
        if self._timer.now - self._shown_at >= MIN_UPDATE_INTERVAL:
            return workflow.now()
        return self._shown_at + MAX_UPDATE_INTERVAL

    def _news_is_due(self) -> bool:
        told, news = self._reported or CohortStatus(number=self._start.number), self._status()
        if news.problem and self._problems_reported >= MAX_PROBLEMS_REPORTED:
            news = news.model_copy(update={"problem": told.problem})
        return _milestones(news) != _milestones(told)

    async def _due(self, when: Callable[[], datetime | None], *, even_paused: bool = False) -> datetime | None:
        """Wait until something is due; return the moment to act for, or None when this run is to end."""

        def plan() -> datetime | None:
            return when() if even_paused or self._may_act else None

        def is_news() -> bool:
            planned = plan()
            return planned is not None and (planned <= self._timer.now or not self._timer.is_set_for(planned))

        while not self._ending:
            planned = plan()
            if planned is not None and planned <= self._timer.now:
                return self._timer.now
            if planned is not None:
                self._timer.set_for(planned)
            await workflow.wait_condition(lambda: self._ending or is_news())
        return None

    @property
    def _may_act(self) -> bool:
        return self._site is not None and not self._paused

    @property
    def _ending(self) -> bool:
        """Whether this run starts nothing new: the cohort closes, or the next run is to take over.

        A run of `MAX_RUN_EVENTS` ends once no activity is under way: a mail server that takes long to answer must not
        keep other people's verification waiting. Temporal's suggestion (events, bytes, updates) is not put off.
        """
        run = workflow.info()
        is_long = run.get_current_history_length() >= options.MAX_RUN_EVENTS and not self._activities
        return self._closing or is_long or run.is_continue_as_new_suggested()

    async def _execute(
        self, method: Callable[[Any, _Order], Awaitable[_Answer]], order: _Order, how: dict[str, Any], summary: str
    ) -> _Answer | None:
        """Have an activity done; trouble is told, and pauses the cohort where only people can mend it.

        When the migration is cancelled, it breaks off, and what was done by then is the answer.
        """
        work = asyncio.create_task(execute(method, order, how, summary))
        self._activities += 1
        try:
            answer = await self._unless_cancelled(work)
        finally:
            self._activities -= 1
        if answer is None:
            return None
        queue = str(how["task_queue"])
        if not isinstance(answer, Failure):
            self._problems.pop(queue, None)
            return answer
        if answer.needs_people:
            self._paused = answer.text
        else:
            self._problems[queue] = answer.text
        return None

    async def _unless_cancelled(self, work: "asyncio.Task[_Answer | Failure]") -> _Answer | Failure | None:
        """Return what comes of the work; None where the cancel of the migration left no answer."""
        await workflow.wait_condition(lambda: work.done() or self._cancelled is not None)
        if not work.done():
            work.cancel()
        try:
            return await work
        except (asyncio.CancelledError, ActivityError):
            if self._cancelled is None:
                raise
            return None

    def _learn(self, answer: AccountsResult | None) -> None:
        for outcome in answer.outcomes if answer else []:
            if outcome.problem:
                self._apply(outcome.person, events.AccountProblem(outcome.email, outcome.problem))
            elif outcome.account_id:
                seen = events.AccountSeen(
                    outcome.email,
                    outcome.account_id,
                    verified=outcome.verified,
                    created=outcome.created,
                    mailed=outcome.mailed,
                )
                self._apply(outcome.person, seen)

    def _upsert(self) -> None:
        self._shown, self._shown_at = self._status(), workflow.now()
        counts = self._shown.counts
        workflow.upsert_search_attributes(
            [
                search_attributes.OPSGENIE_ACCOUNT.value_set(self._start.opsgenie_account),
                search_attributes.MIGRATION_PAUSED.value_set(bool(self._paused)),
                search_attributes.PEOPLE_TOTAL.value_set(counts.total),
                search_attributes.PEOPLE_WAITING.value_set(counts.waiting),
                search_attributes.PEOPLE_CONNECTED.value_set(counts[State.CONNECTED]),
                search_attributes.PEOPLE_BY_STATE.value_set(counts.packed()),
            ]
        )
        rows = "\n".join(f"| {state} | {number} |" for state, number in counts.by_state.items())
        problem = f"**{markdown.plain(self._shown.problem)}**\n\n" if self._shown.problem else ""
        workflow.set_current_details(f"{problem}| state | people |\n| --- | ---: |\n{rows}\n")

    def _context(self) -> MailContext:
        if self._site is None:
            raise AssertionError("mails are due only once the site stands")
        return MailContext(
            run=self._start.run,
            cohort_number=self._start.number,
            cohort_id=workflow.info().workflow_id,
            opsgenie_account=self._start.opsgenie_account,
            site=self._site,
            initiator=self._start.initiator,
            rules=self._rules,
        )


def _milestones(news: CohortStatus) -> CohortStatus:
    return news.model_copy(update={"counts": Counts()})


def _questions(people: Sequence[Person]) -> AccountsInput:
    return AccountsInput(
        questions=[AccountQuestion(person=p.number, email=p.email, may_be_mailed=p.email_verified) for p in people],
    )


def _order(person: Person, mail: Mail) -> OutgoingMail:
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


def _hold(problem: MailProblem, before: MailHold | None, now: datetime) -> MailHold:
    """Return for how long no mail is sent; a quota that was exceeded before is over when it was to be over then."""
    until = now + timedelta(seconds=problem.retry_after)
    if not problem.lasts:
        return MailHold(sentence=problem.sentence, until=until)
    over_by = before.over_by if before and before.over_by and before.over_by > now else None
    over_by = over_by or now + timedelta(seconds=problem.lasts)
    at_the_latest = text("Sending goes on by itself, at the latest at about {over_by}.", over_by=over_by)
    return MailHold(sentence=joined(problem.sentence, at_the_latest), until=until, over_by=over_by)


def _delivered(outcome: MailOutcome) -> events.Event:
    if outcome.purpose is None:
        raise AssertionError("a person's mail has a purpose")
    match outcome.delivery:
        case Delivery.ACCEPTED:
            return events.MailSent(outcome.purpose, outcome.generation)
        case Delivery.DEFERRED:
            return events.MailDeferred(outcome.purpose, outcome.generation, outcome.reason)
        case Delivery.REFUSED:
            return events.MailRefused(outcome.purpose, outcome.generation, outcome.reason)
