"""The migration of one Opsgenie account, step by step as in Atlassian's guide."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.workflow import ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from pydantic import ValidationError

    from activities.accounts import AccountActivities
    from activities.roster import RosterActivities
    from landbridge.domain import authority, ids, sites, stale
    from landbridge.domain.activity_io import (
        AdminTask,
        AssignPeopleInput,
        ConnectInput,
        NameNotFree,
        NoticeKind,
        SignUpInput,
        SiteInput,
        SiteResult,
    )
    from landbridge.domain.audit import Audit, AuditEntry
    from landbridge.domain.cohort_state import CohortInput, CohortState
    from landbridge.domain.errors import BadInput, NotFound, Refused
    from landbridge.domain.messages import (
        PROVIDE_ROSTER,
        RESUME,
        AdminsChanged,
        Begin,
        Cancel,
        ChecklistItem,
        ChooseSite,
        CohortResult,
        CohortStatus,
        Confirm,
        Decided,
        MigrationResult,
        NameSite,
        Pause,
        PersonFact,
        Progress,
        Refresh,
        Resume,
        RevokeInvitations,
        SetDeadline,
        Step,
        StepStatus,
        UndoRequest,
    )
    from landbridge.domain.migration import MigrationInput, MigrationState, Outcome, SiteDecision, Task
    from landbridge.domain.people import Actor, Counts, State
    from landbridge.domain.sign_in import RoleQuestion
    from landbridge.domain.sites import NewSite, Site
    from landbridge.domain.text import NO_TEXT, Text, as_json, joined, text, verbatim
    from workflows.support import audit_log, options
    from workflows.support.activity_errors import Failure, execute
    from workflows.support.admins import Admins
    from workflows.support.async_update import async_update
    from workflows.support.cohorts import Cohorts
    from workflows.support.failures import text_of, to_failure
    from workflows.support.migration_visibility import MigrationVisibility
    from workflows.undo import UndoWorkflow

_Input = TypeVar("_Input")
_Result = TypeVar("_Result")
_NOT_NOTIFIED = text("Owners and admins could not be notified by email.")


@workflow.defn(name="SiteMigrationWorkflow", failure_exception_types=[NotFound, Refused])
class SiteMigrationWorkflow:
    """Moves the people of an Opsgenie account to an Atlassian site, in the guide's seven steps."""

    @workflow.init
    def __init__(self, start: MigrationInput) -> None:
        self._request = start.request
        if start.state is None:
            run = ids.run_of(workflow.info().first_execution_run_id)
            self._state, entry = MigrationState.initial(start.request, run, workflow.info().start_time)
            audit_log.log(entry)
        else:
            self._state = start.state
        self._cohorts = Cohorts(self._request.opsgenie_account)
        self._admins = Admins(self._request, self._state, self._mark)
        self._visibility = MigrationVisibility(self._request.opsgenie_account, self._state)

    @workflow.run
    async def run(self, start: MigrationInput) -> MigrationResult:
        """Take the seven steps unless the migration is cancelled; then complete.

        A long run continues as new before it completes, because every query replays the last run of a closed workflow.
        """
        if self._state.outcome is None:
            outcome = await self._outcome_of(self._take_steps())
            self._state.end(outcome)
            if workflow.info().get_current_history_length() > options.MAX_LAST_RUN_EVENTS:
                workflow.continue_as_new(start.model_copy(update={"state": self._state}))
        return await self._complete_run()

    async def _take_steps(self) -> MigrationResult:
        # 1 - Initiating the connection
        await self._initiate()
        # 2 - Connect an existing Atlassian site
        choice = await self._choose_site()
        # 3 - Create a new Atlassian account
        await self._sign_up(choice)
        # 4 - Create a new Atlassian site
        site = await self._create_site(choice)
        # 5 - Authentication Process
        await self._connect(site)
        # 6 - Check if your users are verified
        await self._await_people()
        # 7 - Migration complete
        return await self._complete()

    # Step 1.

    async def _initiate(self) -> None:
        """Read and check the roster, start the cohorts and assign their people; change nothing in other services."""
        self._mark(Step.INITIATE, StepStatus.RUNNING, text("Reading the roster."))
        account = self._request.opsgenie_account
        if self._state.survey is None:
            read_at = workflow.now()
            self._state.survey = await self._execute(
                RosterActivities.survey, account, options.ROSTER, "Read the roster"
            )
            self._state.roster_read_at = read_at
        survey = self._state.survey
        try:
            self._state.check_initiator(self._request)
        except Refused as error:
            raise to_failure(Refused(joined(error.text, text("Nothing was changed."))), non_retryable=True) from None
        await self._cohorts.start(
            [self._cohort_input(number, survey.cohorts) for number in range(1, survey.cohorts + 1)]
        )
        self._state.cohorts = survey.cohorts
        if self._request.file_roster is None:
            assignment = AssignPeopleInput(opsgenie_account=account, cohorts=survey.cohorts)
            await self._execute(RosterActivities.assign_people, assignment, options.ROSTER, "Assign people to cohorts")
            self._state.people_assigned = True
        else:
            task = Task(
                id=PROVIDE_ROSTER,
                task=text("Provide the roster: run the start command again with the same file."),
                command=f"./starter.py start {account} --initiator {self._request.initiator} --roster FILE",
            )
            await self._admins.wait_for(task, until=lambda: self._state.people_assigned)
        self._mark(Step.INITIATE, StepStatus.DONE, text("People on the roster: {total}.", total=survey.total))

    def _cohort_input(self, number: int, cohorts: int) -> CohortInput:
        state = self._state
        return CohortInput(
            opsgenie_account=self._request.opsgenie_account,
            number=number,
            cohorts=cohorts,
            run=state.run,
            initiator=self._request.initiator,
            state=CohortState(rules=state.rules, admins=state.admins, paused=state.paused),
        )

    # Step 2.

    async def _choose_site(self) -> Site | NewSite:
        """Wait for an allowed choice: an existing site whose site admin is the initiator, or a new site."""
        self._mark(Step.CHOOSE_SITE, StepStatus.RUNNING, text("Listing the initiator's sites."))
        await self._list_sites()
        choice = await self._next_choice(text("Choose a site, or name a new one."))
        note = verbatim(choice.url) if isinstance(choice, Site) else text("A new site was chosen.")
        self._mark(Step.CHOOSE_SITE, StepStatus.DONE, note)
        return choice

    async def _next_choice(self, task: Text, suggestions: Sequence[str] = ()) -> Site | NewSite:
        """Show `task` until an admin makes an allowed choice; return the choice."""
        account = self._request.opsgenie_account
        command = (
            f"./starter.py choose-site {account} SITE, "
            f"or ./starter.py name-site {account} NAME --first-name … --last-name …"
        )
        while True:
            if (decision := self._state.open_decision) is None:
                await self._admins.wait_for(
                    Task(id="choose-site", task=task, command=command, suggestions=list(suggestions)),
                    until=lambda: self._state.open_decision is not None,
                )
            elif isinstance(decision.choice, NewSite):
                return decision.choice
            else:
                await self._list_sites()
                site = sites.pick(self._state.sites, decision.choice)
                if site is not None and site.admin:
                    return site
                task, suggestions = sites.denial_reason(decision.choice, site, self._state.sites), ()
                self._state.refuse_decision(task)

    async def _list_sites(self) -> None:
        result = await self._execute(
            AccountActivities.list_sites, self._request.initiator, options.SITES, "List the initiator's sites"
        )
        self._state.sites = result.sites

    # Step 3.

    async def _sign_up(self, choice: Site | NewSite) -> None:
        """Make sure that the initiator has an Atlassian account."""
        if isinstance(choice, Site):
            self._mark(Step.SIGN_UP, StepStatus.SKIPPED, text("The initiator has an Atlassian account."))
            return
        self._mark(Step.SIGN_UP, StepStatus.RUNNING)
        sign_up = SignUpInput(email=self._request.initiator, first_name=choice.first_name, last_name=choice.last_name)
        while True:
            result = await self._execute(AccountActivities.ensure_signed_up, sign_up, options.SITES, "Sign up")
            if result.task is None:
                break
            await self._wait_for_confirmation(result.task)
        self._mark(Step.SIGN_UP, StepStatus.DONE, text("The initiator has an Atlassian account."))

    # Step 4.

    async def _create_site(self, choice: Site | NewSite) -> Site:
        """Create the site if a new site was chosen; while its name is not free, wait for another choice."""
        while isinstance(choice, NewSite):
            self._mark(Step.CREATE_SITE, StepStatus.RUNNING, text("Creating the site {name}.", name=choice.name))
            result = await self._ensure_site(choice)
            if result.site is not None:
                self._mark(Step.CREATE_SITE, StepStatus.DONE, verbatim(result.site.url))
                return self._accept(result.site)
            choice = await self._choice_after(result, choice)
        self._mark(Step.CHOOSE_SITE, StepStatus.DONE, verbatim(choice.url))
        self._mark(Step.CREATE_SITE, StepStatus.SKIPPED, text("An existing site is used."))
        return self._accept(choice)

    async def _ensure_site(self, site: NewSite) -> SiteResult:
        try:
            sites.check(site)
        except BadInput as error:
            return SiteResult(not_free=NameNotFree(reason=error.text, suggestions=sites.suggest_names(site.name)))
        wanted = SiteInput(
            email=self._request.initiator, name=site.name, first_name=site.first_name, last_name=site.last_name
        )
        return await self._execute(AccountActivities.ensure_site, wanted, options.SITES, "Create the site")

    async def _choice_after(self, result: SiteResult, choice: NewSite) -> Site | NewSite:
        """Return the choice to try next if the site was not created: another choice, or the same one again."""
        if result.not_free is not None:
            problem, suggestions = result.not_free.reason, result.not_free.suggestions
            names = ", ".join(suggestions)
            free = (
                text("Similar names that are available: {suggestions}.", suggestions=names) if suggestions else NO_TEXT
            )
            self._state.refuse_decision(joined(problem, free))
            return await self._next_choice(problem, suggestions)
        if result.task is not None:
            await self._wait_for_confirmation(result.task)
        return choice if self._state.open_decision is None else await self._next_choice(NO_TEXT)

    def _accept(self, site: Site) -> Site:
        self._state.site = site
        self._state.accept_decision(Decided(site=site))
        return site

    # Step 5.

    async def _connect(self, site: Site) -> None:
        """Connect Opsgenie to the site; wait until cohorts have looked up all accounts and tried every first mail."""
        self._mark(
            Step.AUTHENTICATE,
            StepStatus.RUNNING,
            text("Looking up or creating Atlassian accounts, and sending emails."),
        )
        connection = ConnectInput(opsgenie_account=self._request.opsgenie_account, site=site)
        while True:
            result = await self._execute(AccountActivities.ensure_connected, connection, options.SITES, "Connect")
            if result.task is None:
                break
            await self._wait_for_confirmation(result.task)
            connection = connection.model_copy(update={"confirmed": True})
        await self._cohorts.broadcast("begin", Begin(site=site))
        await self._wait_until(lambda: self._state.all_opened)
        self._mark(Step.AUTHENTICATE, StepStatus.DONE, text("Everyone has an Atlassian account or a reason why not."))

    # Step 6.

    async def _await_people(self) -> None:
        """Wait until everyone is settled; meanwhile, read the roster again for people who join the Opsgenie account."""
        self._mark(
            Step.VERIFY,
            StepStatus.RUNNING,
            text("People confirm their email addresses and set up their Atlassian accounts."),
        )
        state, from_file = self._state, self._request.file_roster is not None
        interval = None if from_file else state.rules.roster_refresh_interval
        while True:
            await self._wait_until(
                lambda: state.all_settled or state.refresh_requested, interval, "Read the roster again"
            )
            if state.all_settled:
                break
            state.refresh_requested = False
            if not from_file:
                await self._refresh_roster()
        self._mark(Step.VERIFY, StepStatus.DONE, text("The migration no longer waits for anyone."))

    async def _refresh_roster(self) -> None:
        """Assign people who joined, report emails that Opsgenie has verified, and update owners and admins."""
        refresh = AssignPeopleInput(
            opsgenie_account=self._request.opsgenie_account,
            cohorts=self._state.cohorts,
            moved=self._state.moved,
            refresh=True,
        )
        read_at = workflow.now()
        result = await self._execute(
            RosterActivities.assign_people, refresh, options.ROSTER, "Look for new people and verified emails"
        )
        if self._state.update_admins(result.admins, read_at):
            await self._cohorts.broadcast("admins_changed", AdminsChanged(keys=self._state.admins))

    # Step 7.

    async def _complete(self) -> MigrationResult:
        """Close the cohorts and notify owners and admins."""
        self._mark(Step.COMPLETE, StepStatus.RUNNING, text("Notifying owners and admins."))
        await self._cohorts.broadcast("close")
        counts = _sum(await self._cohorts.results())
        notified = await self._admins.notify(NoticeKind.MIGRATION_COMPLETE, counts)
        note = text(
            "{connected} of {total} people are connected.", connected=counts[State.CONNECTED], total=counts.total
        )
        self._mark(Step.COMPLETE, StepStatus.DONE, note if notified else joined(note, _NOT_NOTIFIED))
        return await self._result(counts)

    async def _result(self, counts: Counts, *, cancelled: bool = False) -> MigrationResult:
        """Return the result, once all handlers have finished."""
        await workflow.wait_condition(workflow.all_handlers_finished)
        return MigrationResult(
            opsgenie_account=self._request.opsgenie_account,
            site=self._state.site,
            counts=counts,
            partial=counts[State.LEFT_BEHIND] > 0,
            cancelled=cancelled,
        )

    # How a migration ends: after the last step, by a cancel request, or when Temporal cancels the workflow.

    async def _outcome_of(self, steps: Coroutine[Any, Any, MigrationResult]) -> Outcome:
        """Run the steps and return how the migration ended; meanwhile, send a notice whenever a deadline passes."""
        deadline_notices = asyncio.create_task(self._admins.notify_of_passed_deadlines())
        try:
            outcome = Outcome(result=await self._survive_cancellation(self._take_or_cancel(steps)))
        except ApplicationError as error:
            outcome = Outcome(failure=text_of(error), failure_type=error.type or "")
        deadline_notices.cancel()
        await asyncio.gather(deadline_notices, return_exceptions=True)
        return outcome

    async def _take_or_cancel(self, steps: Coroutine[Any, Any, MigrationResult]) -> MigrationResult:
        """Take the steps; if the migration is cancelled meanwhile, interrupt the steps and close the migration."""
        work = asyncio.create_task(steps)
        # A cohort that is being started cannot receive the cancellation yet.
        await workflow.wait_condition(
            lambda: work.done() or (self._state.cancelled is not None and not self._cohorts.starting)
        )
        if self._state.cancelled is None or work.done():
            return await work
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return await self._close_cancelled(self._state.cancelled)

    async def _close_cancelled(self, cancelled: Cancel) -> MigrationResult:
        """End the cohorts, start the undo if it was requested, and notify owners and admins."""
        self._state.close_cancelled(cancelled, workflow.now())
        self._visibility.update()
        await self._cohorts.broadcast("cancel", cancelled)
        counts = _sum(await self._cohorts.available_results())
        await self._start_undo()
        await self._admins.notify(NoticeKind.MIGRATION_CANCELLED, counts)
        # The undo may have been requested while the notice was being sent.
        await self._start_undo()
        return await self._result(counts, cancelled=True)

    async def _survive_cancellation(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Await the work; if Temporal cancels the workflow, cancel the migration and let the work finish."""
        task = asyncio.create_task(work)
        while not task.done():
            try:
                await workflow.wait_condition(task.done)
            except asyncio.CancelledError:
                # Temporal cancels only once. On cache eviction the next `await` raises and this code never continues.
                if (entry := self._state.cancel_in_temporal(workflow.now())) is not None:
                    audit_log.log(entry)
        return task.result()

    async def _complete_run(self) -> MigrationResult:
        """Complete or fail the workflow with the recorded outcome."""
        self._visibility.update()
        # The undo may have been requested while the previous run was ending.
        await self._survive_cancellation(self._start_undo())
        outcome = self._state.outcome
        if outcome is None or outcome.result is None:
            failure, kind = (outcome.failure, outcome.failure_type) if outcome else (NO_TEXT, "")
            raise ApplicationError(failure, as_json(failure), type=kind, non_retryable=True)
        await self._survive_cancellation(workflow.wait_condition(workflow.all_handlers_finished))
        return outcome.result

    async def _start_undo(self) -> None:
        """Start the undo if it was requested; it runs independently of the migration."""
        if self._state.undo_request is None or self._state.undo_started:
            return
        self._state.undo_started = True
        account = self._request.opsgenie_account
        request = UndoRequest(
            opsgenie_account=account, run=self._state.run, cohorts=self._state.cohorts, asked=self._state.undo_request
        )
        with suppress(WorkflowAlreadyStartedError):
            await workflow.start_child_workflow(
                UndoWorkflow.run,
                request,
                id=ids.undo(account),
                parent_close_policy=ParentClosePolicy.ABANDON,
                static_summary=f"Undo of the migration of {account}",
            )

    # Waiting.

    async def _wait_until(
        self, condition: Callable[[], bool], at_most: timedelta | None = None, timeout_summary: str = ""
    ) -> None:
        """Wait for a condition, or until `at_most` has passed.

        Raises:
            ApplicationError: a cohort was ended from outside, so the condition might never come true.

        """
        if condition():
            return
        with suppress(TimeoutError):
            await workflow.wait_condition(
                lambda: condition() or bool(self._cohorts.ended()), timeout=at_most, timeout_summary=timeout_summary
            )
        if lost := self._cohorts.ended():
            reason = text(
                "Ended outside Landbridge: {lost}. Start the migration again; people who are already "
                "connected stay connected.",
                lost=", ".join(lost),
            )
            raise ApplicationError(str(reason), as_json(reason), type="CohortLost", non_retryable=True)

    async def _execute(
        self,
        method: Callable[[Any, _Input], Awaitable[_Result]],
        argument: _Input,
        how: dict[str, Any],
        summary: str,
    ) -> _Result:
        """Run an activity until it succeeds; return its result. Pause if a person has to fix the problem.

        Raises:
            ApplicationError: the activity failed with `Refused`, for example because the service belongs to another
                account, and no site is chosen yet. Once a site is chosen, the migration pauses instead.

        """
        while True:
            result = await execute(method, argument, how, summary)
            if not isinstance(result, Failure):
                return result
            if result.refused and self._state.site is None:
                raise to_failure(Refused(result.text), non_retryable=True)
            if result.needs_people:
                self._state.pause_for(result.text)
                command = f"./starter.py resume {self._request.opsgenie_account}"
                await self._admins.wait_for(
                    Task(id=RESUME, task=result.text, command=command), until=lambda: not self._state.paused
                )

    async def _wait_for_confirmation(self, task: AdminTask) -> None:
        """Show a task that only an admin can do; wait until an admin reports it done or chooses another site."""
        self._state.task_confirmed = False
        command = f"./starter.py confirm {self._request.opsgenie_account} --task {task.id} --run {self._state.run}"
        self._state.accept_decision(Decided(task=task.task, command=command))
        await self._admins.wait_for(
            Task(id=task.id, task=task.task, command=command, url=task.url, can_be_confirmed=True),
            until=lambda: self._state.task_confirmed or self._state.open_decision is not None,
        )

    def _mark(self, step: Step, status: StepStatus, note: Text = NO_TEXT) -> None:
        """Set the status and the note of a step of the checklist."""
        self._state.checklist.mark(step, status, workflow.now(), note)
        workflow.logger.info("step_marked", extra={"step": str(step), "status": str(status)})
        self._visibility.update()

    # Signals.

    @workflow.signal(name="people_assigned", description="The starter has assigned every cohort its people.")
    def people_assigned(self) -> None:
        """Continue with step 2."""
        self._state.people_assigned = True

    @workflow.signal(name="cohort_status", description="A cohort's milestone.")
    def cohort_status(self, status: CohortStatus) -> None:
        """Record what a cohort reports."""
        self._state.update_cohort_status(status)

    @workflow.signal(
        name="email_verified", description='Record that an Opsgenie email is verified. Input: {"email": "..."}'
    )
    async def email_verified(self, fact: Any) -> None:  # noqa: ANN401 - sent by hand: it may be anything
        """Forward the fact to the person's cohort."""
        await self._forward_fact("email_verified", fact)

    @workflow.signal(
        name="account_authenticated",
        description='Record that an Atlassian account is set up. Input: {"email": "..."}',
    )
    async def account_authenticated(self, fact: Any) -> None:  # noqa: ANN401 - sent by hand: it may be anything
        """Forward the fact to the person's cohort."""
        await self._forward_fact("account_authenticated", fact)

    async def _forward_fact(self, signal: str, raw: object) -> None:
        try:
            fact = PersonFact.model_validate({"email": raw} if isinstance(raw, str) else raw)
        except ValidationError:
            workflow.logger.warning("signal_ignored", extra={"signal": signal, "reason": "it needs an email"})
            return
        if stale.run_mismatch(fact.run, self._state.run):
            workflow.logger.warning("signal_ignored", extra={"signal": signal, "reason": "it is for another migration"})
            return
        await workflow.wait_condition(lambda: self._state.people_assigned or self._state.cancelled is not None)
        if self._state.cancelled is None:
            await self._cohorts.signal(self._state.cohort_of(fact.email), signal, fact)

    # Updates. Validators reject a request before it is written to the history. Handlers that signal cohorts are never
    # interrupted: the migration completes or continues as new only after all its handlers have finished.

    @async_update(name="choose_site")
    async def choose_site(self, request: ChooseSite) -> Decided:
        """Select a site; return the result once Atlassian has confirmed it."""
        return await self._decide(SiteDecision(request.site.strip()), request)

    @choose_site.validator
    def _check_choose_site(self, request: ChooseSite) -> None:
        self._state.check_choose_site(request)

    @async_update(name="name_site")
    async def name_site(self, request: NameSite) -> Decided:
        """Name a new site; return the result once it exists, is refused, or is an admin's task."""
        return await self._decide(SiteDecision(request.new_site), request)

    @name_site.validator
    def _check_name_site(self, request: NameSite) -> None:
        self._state.check_name_site(request)

    async def _decide(self, decision: SiteDecision, request: ChooseSite | NameSite) -> Decided:
        self._state.decision = decision
        await workflow.wait_condition(lambda: decision.is_resolved)
        if decision.result is None:
            raise Refused(decision.refusal)
        audit_log.log(self._state.record_decision(request, decision, workflow.now()))
        return decision.result

    @workflow.update(
        name="confirm",
        description='Report a task done. Input: {"task": "..."}, with the task_id that the query progress returns',
    )
    def confirm(self, request: Confirm) -> None:
        """Report the task done; the migration then checks it again."""
        audit_log.log(self._state.confirm(request, workflow.now()))

    @confirm.validator
    def _check_confirm(self, request: Confirm) -> None:
        self._state.check_confirm(request)

    @async_update(name="pause")
    async def pause(self, request: Pause) -> None:
        """Pause the migration and all cohorts."""
        await self._apply_to_all("pause", request, self._state.pause(request, workflow.now()))

    @pause.validator
    def _check_pause(self, request: Pause) -> None:
        self._state.check_pause(request)

    @async_update(name="resume")
    async def resume(self, request: Resume) -> None:
        """Resume the migration and all cohorts."""
        await self._apply_to_all("resume", request, self._state.resume(request, workflow.now()))

    @resume.validator
    def _check_resume(self, request: Resume) -> None:
        self._state.check_resume(request)

    @async_update(name="refresh")
    async def refresh(self, request: Refresh) -> None:
        """Query Opsgenie and Atlassian now instead of at the next poll."""
        await self._apply_to_all("refresh", request, self._state.request_refresh(request, workflow.now()))

    @refresh.validator
    def _check_refresh(self, request: Refresh) -> None:
        self._state.check_active(request)

    @async_update(name="set_deadline")
    async def set_deadline(self, request: SetDeadline) -> None:
        """Replace the deadline of the migration and all cohorts."""
        await self._apply_to_all("set_deadline", request, self._state.set_deadline(request, workflow.now()))

    @set_deadline.validator
    def _check_set_deadline(self, request: SetDeadline) -> None:
        self._state.check_set_deadline(request, workflow.now())

    async def _apply_to_all(
        self, signal: str, request: Pause | Resume | Refresh | SetDeadline, entry: AuditEntry
    ) -> None:
        audit_log.log(entry)
        self._visibility.update()
        await self._cohorts.broadcast(signal, request)

    @workflow.update(name="cancel", description="Cancel the migration: no more mail is sent, no link works.")
    def cancel(self, request: Cancel) -> None:
        """Cancel the migration and interrupt running work."""
        audit_log.log(self._state.cancel(request, workflow.now()))

    @cancel.validator
    def _check_cancel(self, request: Cancel) -> None:
        self._state.check_cancel(request)

    @workflow.update(
        name="revoke_invitations",
        description="Revoke the invitations of a cancelled migration; it never cancels a migration.",
    )
    def revoke_invitations(self, request: RevokeInvitations) -> None:
        """Request the undo while the migration is ending; after the end, the client starts the undo itself."""
        self._state.undo_request = request

    @revoke_invitations.validator
    def _check_revoke_invitations(self, request: RevokeInvitations) -> None:
        self._state.check_revoke_invitations(request)

    # Queries.

    @workflow.query(
        name="denial_reason", description="Why an actor may not send requests to the migration; empty if they may."
    )
    def denial_reason(self, by: Actor) -> Text:
        """Return the reason, or an empty text if the actor is allowed; also works after the migration has ended."""
        return authority.denial_reason(by, self._state.admins)

    @workflow.query(
        name="has_lost_role",
        description="Whether the newest roster shows that an address no longer belongs to an owner or admin.",
    )
    def has_lost_role(self, question: RoleQuestion) -> bool:
        """Return whether the person has lost the role; if so, the portal ends the session."""
        return self._state.has_lost_role(question.email, question.confirmed_at)

    @workflow.query(name="progress", description="The steps, the task that waits for an admin, and current problems.")
    def progress(self) -> Progress:
        """Return the progress of the migration, without numbers of people: query the cohorts for those."""
        return self._state.progress(self._request.opsgenie_account, self._request.initiator)

    @workflow.query(name="checklist", description="The steps: owner, kind, status.")
    def checklist(self) -> list[ChecklistItem]:
        """Return the seven steps."""
        return self._state.checklist.items

    @workflow.query(name="audit", description="Who requested what of the migration as a whole, and when.")
    def audit(self) -> Audit:
        """Return the audit of the migration; requests about people are in their cohorts' audits."""
        return self._state.audit

    @workflow.query(name="cohorts_of", description="The number of the cohort of each address.")
    def cohorts_of(self, emails: list[str]) -> list[int]:
        """Return the cohort numbers in the order of the addresses."""
        return [self._state.cohort_of(email) for email in emails]


def _sum(results: Sequence[CohortResult]) -> Counts:
    return sum((result.counts for result in results), Counts())
