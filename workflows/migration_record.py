"""What a migration knows: its handlers record what is decided and reported, and answer questions."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from activities.roster import RosterActivities
    from landbridge.domain import addresses, authority, ids, markdown, proof, roster, sites, stale
    from landbridge.domain.activity_io import BroadcastInput
    from landbridge.domain.audit import Act, Audit, AuditEntry
    from landbridge.domain.base import Model
    from landbridge.domain.errors import BadInput, NotFound, Refused
    from landbridge.domain.messages import (
        CANCELLED,
        Cancel,
        ChecklistItem,
        ChooseSite,
        CohortStatus,
        Confirm,
        Deadline,
        Decided,
        EndedMigration,
        MigrationRequest,
        NameSite,
        Pause,
        PersonFact,
        Progress,
        Refresh,
        Request,
        Resume,
        RevokeInvitations,
        SetDeadline,
        Step,
    )
    from landbridge.domain.people import Actor
    from landbridge.domain.sign_in import RoleQuestion
    from landbridge.domain.sites import NewSite, Site
    from landbridge.domain.text import NO_TEXT, Text, text, verbatim
    from workflows.support import audit_log, options, search_attributes
    from workflows.support.activity_errors import Failure, execute
    from workflows.support.async_update import async_update
    from workflows.support.checklist import Checklist
    from workflows.support.failures import to_failure


_Request = ChooseSite | NameSite | Confirm | Pause | Resume | Refresh | SetDeadline | Cancel


@dataclass(frozen=True)
class Task:
    """What the migration waits for an owner or admin to do."""

    id: str
    """What requests call it; whatever else there is to do has another id."""
    task: Text
    command: str
    """How to tell Landbridge that it is done."""
    url: str = ""
    suggestions: list[str] = field(default_factory=list)
    can_be_confirmed: bool = False
    """Done outside Landbridge, so that somebody has to say so."""


@dataclass
class Decision:
    """An admin's choice of a site, and what became of it."""

    choice: str | NewSite
    """The name or URL of an existing site, or a site to create."""
    answer: Decided | None = None
    refusal: Text = NO_TEXT

    @property
    def judged(self) -> bool:
        """Whether it is known what became of it."""
        return self.answer is not None or bool(self.refusal)


class MigrationRecord:
    """The state of a migration, and everything that can be said to it or asked of it.

    Handlers that pass something on to cohorts do so themselves: a migration continues as new only once it is over and
    its handlers have finished, so they are not cut off.
    """

    def __init__(self, request: MigrationRequest) -> None:
        self._request = request
        self._run = ids.run_of(workflow.info().first_execution_run_id)
        self._rules = request.rules
        self._checklist = Checklist()
        self._survey = request.file_roster
        self._roster_read_at: datetime | None = None
        """When the newest usable roster was asked for; None: it comes from a file, or none was read yet."""
        self._number_of_cohorts = 0
        self._people_assigned = False
        self._sites: list[Site] = []
        choice = request.new_site or request.site
        self._decision = Decision(choice) if choice else None
        self._site: Site | None = None
        self._task: Task | None = None
        self._confirmed = False
        self._paused = NO_TEXT
        self._paused_on_request = False
        """Somebody asked for the pause: only who knows its reason ends it."""
        self._refresh_wanted = False
        self._starting = False
        """Cohorts are being started."""
        self._cancelled: Cancel | None = None
        self._undo_asked: Cancel | RevokeInvitations | None = None
        """The request to revoke the invitations; none: nobody wants it."""
        self._undoing = False
        self._over = False
        self._cohort_statuses: dict[int, CohortStatus] = {}
        self._moved: dict[str, int] = {}
        self._deadline_told = False
        self._shown: tuple[str, datetime | None, bool] | None = None
        self._telling = asyncio.Lock()
        self._lines = asyncio.Semaphore(options.MAX_PENDING)
        started = AuditEntry(
            at=workflow.info().start_time,
            by=proof.recorded(request.by, Act.START, request),
            act=Act.START,
            about=request.initiator,
            detail=verbatim(request.site),
        )
        if request.ended is None:
            self._audit = audit_log.with_entry(Audit(), started)
        else:
            self._restore(request.ended)

    def _restore(self, ended: EndedMigration) -> None:
        """Take over what the run before has left."""
        self._survey, self._number_of_cohorts, self._people_assigned = ended.survey, ended.cohorts, True
        self._sites, self._site, self._moved, self._decision = ended.sites, ended.site, ended.moved, None
        self._checklist.restore(ended.checklist, ended.step)
        self._cancelled, self._undo_asked = ended.cancelled, ended.undo_asked
        self._undoing = ended.undo_asked is not None
        self._audit = ended.audit

    def _note(self, act: Act, request: _Request, *, about: str = "", detail: Text = NO_TEXT) -> None:
        """Put a request into the audit."""
        by = proof.recorded(request.by, act, request)
        entry = AuditEntry(at=workflow.now(), by=by, act=act, about=about, detail=detail)
        self._audit = audit_log.with_entry(self._audit, entry)

    @property
    def _admins(self) -> list[str]:
        return authority.admin_keys(self._survey.admins) if self._survey else []

    def _refuse_stranger(self, request: Request) -> None:
        """Refuse who may not ask, and who asks another migration of the account."""
        if why := authority.denial_reason(request.by, self._admins) or stale.another_run(request.run, self._run):
            raise to_failure(Refused(why))

    def _refuse_unless_going_on(self, request: Request) -> None:
        self._refuse_stranger(request)
        if self._over or self._request.ended is not None:
            raise to_failure(NotFound(text("The migration is over.")))
        if self._cancelled is not None:
            raise to_failure(Refused(text("The migration is cancelled.")))

    # Signals.

    @workflow.signal(name="people_assigned", description="The starter has handed every cohort its people.")
    def people_assigned(self) -> None:
        """Go on with the guide's step 2."""
        self._people_assigned = True

    @workflow.signal(name="cohort_status", description="A cohort's milestone.")
    def cohort_status(self, news: CohortStatus) -> None:
        """Record what a cohort tells."""
        self._cohort_statuses[news.number] = news
        self._moved.update({addresses.key(email): news.number for email in news.moved})

    @workflow.signal(
        name="email_verified", description='By your word, an Opsgenie email is verified. Input: {"email": "..."}'
    )
    async def email_verified(self, fact: Any) -> None:  # noqa: ANN401 - sent by hand: anything may come
        """Pass the fact on to the person's cohort."""
        await self._pass_on_fact("email_verified", fact)

    @workflow.signal(
        name="account_authenticated",
        description='By your word, an Atlassian account is set up. Input: {"email": "..."}',
    )
    async def account_authenticated(self, fact: Any) -> None:  # noqa: ANN401 - sent by hand: anything may come
        """Pass the fact on to the person's cohort."""
        await self._pass_on_fact("account_authenticated", fact)

    async def _pass_on_fact(self, signal: str, raw: object) -> None:
        try:
            fact = PersonFact.model_validate({"email": raw} if isinstance(raw, str) else raw)
        except ValidationError:
            workflow.logger.warning("signal_ignored", extra={"signal": signal, "reason": "it needs an email"})
            return
        if stale.another_run(fact.run, self._run):
            workflow.logger.warning("signal_ignored", extra={"signal": signal, "reason": "it is for another migration"})
            return
        await workflow.wait_condition(lambda: self._people_assigned or self._cancelled is not None)
        if self._cancelled is None:
            await self._signal(self._cohort_of(fact.email), signal, fact)

    # Updates: requests, refused before history is written.

    @async_update(name="choose_site")
    async def choose_site(self, request: ChooseSite) -> Decided:
        """Select a site; the answer comes once Atlassian was asked."""
        return await self._decide(Decision(request.site.strip()), Act.CHOOSE_SITE, request)

    @async_update(name="name_site")
    async def name_site(self, request: NameSite) -> Decided:
        """Name a new site; the answer comes once it exists, is refused, or is an admin's task."""
        return await self._decide(Decision(request.new_site), Act.NAME_SITE, request)

    @choose_site.validator
    def _check_choose_site(self, request: ChooseSite) -> None:
        self._refuse_unless_going_on(request)
        self._refuse_once_chosen(request.task)
        if not request.site.strip():
            raise to_failure(Refused(text("Name the site to select.")))

    @name_site.validator
    def _check_name_site(self, request: NameSite) -> None:
        self._refuse_unless_going_on(request)
        self._refuse_once_chosen(request.task)
        try:
            sites.check(request.new_site)
        except BadInput as error:
            raise to_failure(Refused(error.text)) from None

    def _refuse_once_chosen(self, task: str) -> None:
        if self._site is not None:
            raise to_failure(Refused(text("The site is chosen already: {url}", url=self._site.url)))
        if self._checklist.step is Step.SIGN_UP:
            raise to_failure(Refused(text("The initiator's sign-up comes first; confirm it when it is done.")))
        if self._open_decision() is not None:
            raise to_failure(Refused(text("Another choice is being checked; try again in a moment.")))
        if why := stale.another_task(task, self._task_id):
            raise to_failure(Refused(why))
        if not task and self._task is not None and self._task.can_be_confirmed:
            raise to_failure(
                Refused(
                    text(
                        "A site was chosen already: to choose another one, name the task that waits, {task_id}.",
                        task_id=self._task_id,
                    )
                )
            )

    def _open_decision(self) -> Decision | None:
        return None if self._decision is None or self._decision.judged else self._decision

    async def _decide(self, decision: Decision, act: Act, request: ChooseSite | NameSite) -> Decided:
        self._decision = decision
        await workflow.wait_condition(lambda: decision.judged)
        if decision.answer is None:
            raise to_failure(Refused(decision.refusal))
        choice = decision.choice
        self._note(act, request, about=choice if isinstance(choice, str) else choice.name, detail=decision.answer.task)
        return decision.answer

    @property
    def _task_id(self) -> str:
        return self._task.id if self._task else ""

    @workflow.update(
        name="confirm",
        description='Report a task done. Input: {"task": "..."}, as the query progress names its task_id',
    )
    def confirm(self, request: Confirm) -> None:
        """Have the task checked again."""
        self._confirmed = True
        self._note(Act.CONFIRM, request, about=self._task.task if self._task else "")

    @confirm.validator
    def _check_confirm(self, request: Confirm) -> None:
        self._refuse_unless_going_on(request)
        if why := stale.another_task(request.task, self._task_id):
            raise to_failure(Refused(why))
        if self._task is None or not self._task.can_be_confirmed:
            raise to_failure(Refused(text("There is no task to confirm.")))
        if not request.task:
            raise to_failure(Refused(text("Name the task that is done: {task_id}.", task_id=self._task_id)))

    @async_update(name="pause")
    async def pause(self, request: Pause) -> None:
        """Pause all cohorts."""
        self._paused, self._paused_on_request = request.reason, True
        self._note(Act.PAUSE, request, detail=verbatim(request.reason))
        self._show()
        await self._signal_all("pause", request)

    @pause.validator
    def _check_pause(self, request: Pause) -> None:
        self._refuse_unless_going_on(request)
        if not request.reason.strip():
            # Without a reason nothing would pause.
            raise to_failure(Refused(text("Give a reason: the status shows it.")))

    @async_update(name="resume")
    async def resume(self, request: Resume) -> None:
        """Resume all cohorts."""
        self._paused, self._paused_on_request = NO_TEXT, False
        self._note(Act.RESUME, request)
        self._show()
        await self._signal_all("resume", request)

    @resume.validator
    def _check_resume(self, request: Resume) -> None:
        self._refuse_unless_going_on(request)
        if self._paused_on_request and _words(request.reason) != _words(self._paused):
            reason = self._paused.rstrip(".")
            raise to_failure(
                Refused(
                    text(
                        "Somebody paused the migration: to resume it, give the reason of that pause, {reason}.",
                        reason=reason,
                    )
                )
            )

    @async_update(name="refresh")
    async def refresh(self, request: Refresh) -> None:
        """Ask Opsgenie and Atlassian at once what they would be asked sooner or later."""
        self._refresh_wanted = True
        self._note(Act.REFRESH, request)
        await self._signal_all("refresh", request)

    @refresh.validator
    def _check_refresh(self, request: Refresh) -> None:
        self._refuse_unless_going_on(request)

    @async_update(name="set_deadline")
    async def set_deadline(self, request: SetDeadline) -> None:
        """Give all cohorts another deadline."""
        changed = {"deadline": request.deadline, "at_deadline": request.at_deadline}
        self._rules = self._rules.model_copy(update=changed)
        # What cohorts told was about the deadline that stood until now.
        self._cohort_statuses = {
            n: news.model_copy(update={"deadline_passed": False}) for n, news in self._cohort_statuses.items()
        }
        self._deadline_told = False
        deadline = request.deadline.isoformat(timespec="seconds") if request.deadline else "none"
        self._note(Act.SET_DEADLINE, request, about=deadline, detail=verbatim(request.at_deadline))
        self._show()
        await self._signal_all("set_deadline", request)

    @set_deadline.validator
    def _check_set_deadline(self, request: SetDeadline) -> None:
        self._refuse_unless_going_on(request)
        stands = Deadline(deadline=self._rules.deadline, at_deadline=self._rules.at_deadline)
        if request.instead_of not in {None, stands}:
            raise to_failure(Refused(stale.DEADLINE_CHANGED))
        if request.deadline is not None and request.deadline <= workflow.now():
            raise to_failure(Refused(text("The deadline lies in the past.")))

    @workflow.update(name="cancel", description="End the migration before its time: no more mail, no link works.")
    def cancel(self, request: Cancel) -> None:
        """End as soon as what is under way has broken off."""
        self._end_before_time(request)

    def _end_before_time(self, request: Cancel) -> None:
        self._cancelled = request
        self._note(Act.CANCEL, request, detail=request.why)
        if request.undo:
            self._undo_asked = request

    @cancel.validator
    def _check_cancel(self, request: Cancel) -> None:
        self._refuse_stranger(request)
        if not request.reason.strip():
            raise to_failure(Refused(text("Give a reason: owners and admins are told.")))
        if self._checklist.step is Step.COMPLETE:
            raise to_failure(Refused(text("The migration is being completed: there is nothing to cancel.")))
        if self._cancelled is not None:
            raise to_failure(Refused(text("The migration is cancelled already.")))

    @workflow.update(
        name="revoke_invitations",
        description="Revoke the invitations of a migration that was cancelled; it never cancels one.",
    )
    def revoke_invitations(self, request: RevokeInvitations) -> None:
        """Let the undo begin before the migration has ended; afterwards it is started without it."""
        self._undo_asked = request

    @revoke_invitations.validator
    def _check_revoke_invitations(self, request: RevokeInvitations) -> None:
        self._refuse_stranger(request)
        if self._cancelled is None:
            raise to_failure(Refused(text("The migration was not cancelled: there is nothing to undo.")))
        if self._undo_asked is not None:
            raise to_failure(Refused(text("The invitations are being revoked already.")))
        if self._over:
            raise to_failure(NotFound(text("The migration is over.")))

    # Queries.

    @workflow.query(
        name="denial_reason", description="Why somebody may not ask anything of the migration; empty if they may."
    )
    def denial_reason(self, by: Actor) -> Text:
        """Return a sentence, or nothing; also when the migration is over."""
        return authority.denial_reason(by, self._admins)

    @workflow.query(
        name="has_lost_role", description="Whether an address is known to be no owner's or admin's any more."
    )
    def has_lost_role(self, question: RoleQuestion) -> bool:
        """Compare the newest roster with what Opsgenie said before; the portal closes the session then."""
        return authority.has_lost_role(question.email, question.confirmed_at, self._admins, self._roster_read_at)

    @workflow.query(name="progress", description="The steps, and what waits for whom.")
    def progress(self) -> Progress:
        """Return how the migration stands; people are counted by the cohorts."""
        return Progress(
            opsgenie_account=self._request.opsgenie_account,
            initiator=self._request.initiator,
            step=self._checklist.step,
            task=self._task.task if self._task else NO_TEXT,
            task_id=self._task_id,
            url=self._task.url if self._task else "",
            command=self._task.command if self._task else "",
            can_be_confirmed=self._task is not None and self._task.can_be_confirmed,
            suggestions=self._task.suggestions if self._task else [],
            sites=self._sites,
            site=self._site,
            paused=self._paused,
            cancelled=self._cancelled.why if self._cancelled else NO_TEXT,
            problems=sorted({news.problem for news in self._cohort_statuses.values() if news.problem}),
            deadline=self._rules.deadline,
            at_deadline=self._rules.at_deadline,
            cohorts=self._number_of_cohorts,
            checklist=self._checklist.items(),
        )

    @workflow.query(name="checklist", description="The steps: owner, kind, status.")
    def checklist(self) -> list[ChecklistItem]:
        """Return the seven steps."""
        return self._checklist.items()

    @workflow.query(name="audit", description="Who asked what of the migration as a whole, and when.")
    def audit(self) -> Audit:
        """Return the acts; those about people are with their cohorts."""
        return self._audit

    @workflow.query(name="cohorts_of", description="Which cohorts look after addresses.")
    def cohorts_of(self, emails: list[str]) -> list[int]:
        """Return each one's cohort by its number; corrected addresses may be with another than their own."""
        return [self._cohort_of(email) for email in emails]

    def _cohort_of(self, email: str) -> int:
        cohorts = self._survey.cohorts if self._survey else 1
        return self._moved.get(addresses.key(email)) or roster.cohort_of(email, cohorts)

    # Passing on.

    async def _signal_all(self, signal: str, message: Model | None = None) -> None:
        order = BroadcastInput(
            opsgenie_account=self._request.opsgenie_account,
            cohorts=self._number_of_cohorts,
            signal=signal,
            message=None if message is None else message.model_dump(mode="json"),
        )
        # One after the other, so that a resume cannot overtake its pause.
        async with self._telling:
            summary = f"Tell {order.cohorts} cohorts: {signal}"
            while order.cohorts and isinstance(
                await execute(RosterActivities.broadcast_signal, order, options.COHORTS, summary), Failure
            ):
                workflow.logger.warning("cohorts_not_told", extra={"signal": signal})

    async def _signal(self, number: int, signal: str, message: object) -> None:
        cohort = workflow.get_external_workflow_handle(ids.cohort(self._request.opsgenie_account, number))
        async with self._lines:
            try:
                await cohort.signal(signal, args=[] if message is None else [message])
            except ApplicationError:
                workflow.logger.warning("signal_not_delivered", extra={"signal": signal, "cohort": number})

    def _show(self) -> None:
        """Keep what operators see in the Web UI and `status` reads without a worker."""
        step = CANCELLED if self._cancelled else str(self._checklist.step)
        shown = (step, self._rules.deadline, bool(self._paused))
        if shown != self._shown:
            self._shown = shown
            deadline = search_attributes.MIGRATION_DEADLINE
            workflow.upsert_search_attributes(
                [
                    search_attributes.OPSGENIE_ACCOUNT.value_set(self._request.opsgenie_account),
                    search_attributes.MIGRATION_STEP.value_set(step),
                    search_attributes.MIGRATION_PAUSED.value_set(bool(self._paused)),
                    deadline.value_set(self._rules.deadline) if self._rules.deadline else deadline.value_unset(),
                ]
            )
        task = ""
        if self._task:
            task = f"**{markdown.plain(self._task.task)}**\n\n{markdown.code(self._task.command)}\n\n"
        workflow.set_current_details(task + self._checklist.markdown())


def _words(reason: str) -> list[str]:
    """Return what is compared of a reason, which a form or a shell may have spaced or ended in another way."""
    return reason.rstrip(".").split()
