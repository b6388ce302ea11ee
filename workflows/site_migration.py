"""The migration of one Opsgenie account, as the guide tells it."""

import asyncio
from collections.abc import Sequence

from temporalio import workflow
from temporalio.exceptions import ApplicationError
from temporalio.workflow import ChildWorkflowHandle, ParentClosePolicy

with workflow.unsafe.imports_passed_through():
    from activities.accounts import AccountActivities
    from activities.roster import RosterActivities
    from landbridge.domain import authority, ids, sites
    from landbridge.domain.activity_io import (
        AssignPeopleInput,
        ConnectInput,
        NameNotFree,
        NoticeKind,
        SignUpInput,
        SiteInput,
        SiteResult,
    )
    from landbridge.domain.errors import BadInput, Refused
    from landbridge.domain.messages import (
        HAND_OUT_ROSTER,
        Begin,
        CohortInput,
        CohortResult,
        Decided,
        MigrationRequest,
        MigrationResult,
        Step,
        StepStatus,
    )
    from landbridge.domain.people import Counts, State
    from landbridge.domain.roster import RosterSurvey
    from landbridge.domain.sites import NewSite, Site
    from landbridge.domain.text import NO_TEXT, Text, joined, text, verbatim
    from workflows.cohort import CohortWorkflow
    from workflows.migration_end import MigrationEnd
    from workflows.migration_record import Task
    from workflows.support import options
    from workflows.support.failures import to_failure

_UNTOLD = text("Owners and admins could not be told by mail.")


@workflow.defn(name="SiteMigrationWorkflow")
class SiteMigrationWorkflow(MigrationEnd):
    """Moves the people of an Opsgenie account to an Atlassian site, in the guide's seven steps."""

    @workflow.init
    def __init__(self, request: MigrationRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: MigrationRequest) -> MigrationResult:
        """Take the seven steps, unless somebody cancels the migration."""
        return await self._end_in_short_run(request.ended or await self._until_over(self._seven_steps()))

    async def _seven_steps(self) -> MigrationResult:
        # 1 - Initiating the connection
        survey = await self._initiate()
        # 2 - Connect an existing Atlassian site
        choice = await self._choose_site()
        # 3 - Create a new Atlassian account
        await self._sign_up(choice)
        # 4 - Create a new Atlassian site
        site = await self._create_site(choice)
        # 5 - Authentication Process
        await self._connect(site)
        # 6 - Check if your users are verified
        await self._await_people(survey)
        # 7 - Migration complete
        return await self._complete(site)

    async def _initiate(self) -> RosterSurvey:
        """Check the initiator and the whole roster, and hand every cohort its people; nothing is changed outside."""
        self._mark(Step.INITIATE, StepStatus.RUNNING, text("The roster is read."))
        account = self._request.opsgenie_account
        if self._survey is None:
            read_at = workflow.now()
            self._survey = await self._have(RosterActivities.survey, account, options.ROSTER, "Read the roster")
            self._roster_read_at = read_at
        survey = self._survey
        if not survey.has_admin(self._request.initiator):
            raise _refusal(
                text(
                    "Only an owner or admin of the Opsgenie account may initiate its migration; the initiator is "
                    "neither."
                )
            )
        if why := authority.denial_reason(self._request.by, self._admins):
            raise _refusal(why)
        if self._request.plan and self._request.plan != survey.digest:
            raise _refusal(text("The roster is another one than the plan was made with; look at a new plan."))
        self._starting = True
        starts = (self._start_cohort(number) for number in range(1, survey.cohorts + 1))
        self._cohorts = list(await asyncio.gather(*starts))
        self._number_of_cohorts, self._starting = survey.cohorts, False
        if self._request.file_roster is None:
            order = AssignPeopleInput(opsgenie_account=account, cohorts=survey.cohorts)
            await self._have(RosterActivities.assign_people, order, options.ROSTER, "Hand out the roster")
            self._people_assigned = True
        else:
            await self._ask(
                Task(
                    HAND_OUT_ROSTER,
                    text("Hand out the roster: run the start command again with the same file."),
                    f"./starter.py start {account} --initiator {self._request.initiator} --roster FILE",
                ),
                until=lambda: self._people_assigned,
            )
        self._mark(Step.INITIATE, StepStatus.DONE, text("People on the roster: {total}.", total=survey.total))
        return survey

    async def _start_cohort(self, number: int) -> ChildWorkflowHandle[CohortWorkflow, CohortResult]:
        account = self._request.opsgenie_account
        start = CohortInput(
            opsgenie_account=account,
            number=number,
            cohorts=self._survey.cohorts if self._survey else 1,
            run=self._run,
            initiator=self._request.initiator,
            admins=self._admins,
            rules=self._rules,
        )
        return await workflow.start_child_workflow(
            CohortWorkflow.run,
            start,
            id=ids.cohort(account, number),
            parent_close_policy=ParentClosePolicy.REQUEST_CANCEL,
            static_summary=f"Cohort {number} of {account}",
        )

    async def _choose_site(self) -> Site | NewSite:
        """Wait for a choice that the rules allow: a site the initiator is a site admin of, or a new one."""
        self._mark(Step.CHOOSE_SITE, StepStatus.RUNNING, text("The initiator's sites are listed."))
        await self._list_sites()
        choice = await self._next_choice(text("Choose a site, or name a new one."))
        note = verbatim(choice.url) if isinstance(choice, Site) else text("A new site is created.")
        self._mark(Step.CHOOSE_SITE, StepStatus.DONE, note)
        return choice

    async def _sign_up(self, choice: Site | NewSite) -> None:
        """See to it that the initiator has an Atlassian account."""
        if isinstance(choice, Site):
            self._mark(Step.SIGN_UP, StepStatus.SKIPPED, text("The initiator has an Atlassian account."))
            return
        self._mark(Step.SIGN_UP, StepStatus.RUNNING)
        order = SignUpInput(email=self._request.initiator, first_name=choice.first_name, last_name=choice.last_name)
        while True:
            answer = await self._have(AccountActivities.ensure_signed_up, order, options.SITES, "Sign up")
            if answer.task is None:
                break
            await self._ask_to_confirm(answer.task)
        self._mark(Step.SIGN_UP, StepStatus.DONE, text("The initiator has an Atlassian account."))

    async def _create_site(self, choice: Site | NewSite) -> Site:
        """Create the site; a name that is not free asks again, as often as it takes."""
        while isinstance(choice, NewSite):
            self._mark(Step.CREATE_SITE, StepStatus.RUNNING, text("The site {name} is created.", name=choice.name))
            answer = await self._ensure_site(choice)
            if answer.site is not None:
                self._mark(Step.CREATE_SITE, StepStatus.DONE, verbatim(answer.site.url))
                return self._accept(answer.site)
            choice = await self._choice_after(answer, choice)
        self._mark(Step.CHOOSE_SITE, StepStatus.DONE, verbatim(choice.url))
        self._mark(Step.CREATE_SITE, StepStatus.SKIPPED, text("An existing site is used."))
        return self._accept(choice)

    async def _ensure_site(self, site: NewSite) -> SiteResult:
        try:
            sites.check(site)
        except BadInput as error:
            return SiteResult(not_free=NameNotFree(reason=error.text, suggestions=sites.suggest_names(site.name)))
        order = SiteInput(
            email=self._request.initiator, name=site.name, first_name=site.first_name, last_name=site.last_name
        )
        return await self._have(AccountActivities.ensure_site, order, options.SITES, "Create the site")

    async def _choice_after(self, answer: SiteResult, choice: NewSite) -> Site | NewSite:
        """Return what to go on with where a site could not be created: the same, once an admin has, or another."""
        if answer.not_free is not None:
            return await self._another_choice(answer.not_free.reason, answer.not_free.suggestions)
        if answer.task is not None:
            await self._ask_to_confirm(answer.task)
        return choice if self._open_decision() is None else await self._next_choice(NO_TEXT)

    async def _connect(self, site: Site) -> None:
        """Connect Opsgenie to the site, and let the cohorts begin with accounts and emails."""
        self._mark(Step.AUTHENTICATE, StepStatus.RUNNING, text("Accounts are looked up or created, emails sent."))
        order = ConnectInput(opsgenie_account=self._request.opsgenie_account, site=site)
        while True:
            answer = await self._have(AccountActivities.ensure_connected, order, options.SITES, "Connect")
            if answer.task is None:
                break
            await self._ask_to_confirm(answer.task)
            order = order.model_copy(update={"confirmed": True})
        await self._signal_all("begin", Begin(site=site))
        await self._until(lambda: self._all_cohorts(lambda news: news.opened))
        self._mark(Step.AUTHENTICATE, StepStatus.DONE, text("Everyone has an Atlassian account or a reason why not."))

    async def _await_people(self, survey: RosterSurvey) -> None:
        """Wait until nobody is awaited any more, and keep an eye on who joins the Opsgenie account meanwhile."""
        self._mark(Step.VERIFY, StepStatus.RUNNING, text("People verify their emails and set up their accounts."))
        from_file = self._request.file_roster is not None
        every = None if from_file else self._rules.roster_refresh_interval
        while True:
            await self._until(lambda: self._settled() or self._refresh_wanted, every, "Next look at the roster")
            if self._settled():
                break
            self._refresh_wanted = False
            if not from_file:
                order = AssignPeopleInput(
                    opsgenie_account=self._request.opsgenie_account,
                    cohorts=survey.cohorts,
                    moved=self._moved,
                    refresh=True,
                )
                read_at = workflow.now()
                answer = await self._have(
                    RosterActivities.assign_people, order, options.ROSTER, "Who joined, who is verified?"
                )
                await self._follow(answer.admins, read_at)
        self._mark(Step.VERIFY, StepStatus.DONE, text("Nobody is awaited any more."))

    async def _complete(self, site: Site) -> MigrationResult:
        """Close the cohorts, and tell owners and admins."""
        self._mark(Step.COMPLETE, StepStatus.RUNNING, text("Owners and admins are told."))
        await self._signal_all("close")
        results = await asyncio.gather(*self._cohorts)
        counts = sum((result.counts for result in results), Counts())
        told = await self._notify(NoticeKind.MIGRATION_COMPLETE, counts)
        note = text(
            "{connected} of {total} people are connected.", connected=counts[State.CONNECTED], total=counts.total
        )
        self._mark(Step.COMPLETE, StepStatus.DONE, note if told else joined(note, _UNTOLD))
        await workflow.wait_condition(workflow.all_handlers_finished)
        return MigrationResult(
            opsgenie_account=self._request.opsgenie_account,
            site=site,
            counts=counts,
            partial=counts[State.LEFT_BEHIND] > 0,
        )

    # Choosing a site.

    async def _next_choice(self, task: Text, suggestions: Sequence[str] = ()) -> Site | NewSite:
        """Return the next choice that the rules allow; until there is one, `task` stands as what an admin has to do."""
        account = self._request.opsgenie_account
        command = (
            f"./starter.py choose-site {account} SITE, "
            f"or ./starter.py name-site {account} NAME --first-name … --last-name …"
        )
        while True:
            if (decision := self._open_decision()) is None:
                asked = Task("choose-site", task, command, suggestions=list(suggestions))
                await self._ask(asked, until=lambda: self._open_decision() is not None)
            elif isinstance(decision.choice, NewSite):
                return decision.choice
            else:
                await self._list_sites()
                site = sites.pick(self._sites, decision.choice)
                if site is not None and site.admin:
                    return site
                task, suggestions = sites.denial_reason(decision.choice, site, self._sites), ()
                decision.refusal = task

    async def _another_choice(self, problem: Text, suggestions: Sequence[str]) -> Site | NewSite:
        """Refuse the choice that was made, and return the next one."""
        if (decision := self._open_decision()) is not None:
            free = (
                text("Free names near it: {suggestions}.", suggestions=", ".join(suggestions))
                if suggestions
                else NO_TEXT
            )
            decision.refusal = joined(problem, free)
        return await self._next_choice(problem, suggestions)

    async def _list_sites(self) -> None:
        answer = await self._have(AccountActivities.list_sites, self._request.initiator, options.SITES, "List sites")
        self._sites = answer.sites

    def _accept(self, site: Site) -> Site:
        self._site = site
        if (decision := self._open_decision()) is not None:
            decision.answer = Decided(site=site)
        return site


def _refusal(why: Text) -> ApplicationError:
    return to_failure(Refused(joined(why, text("Nothing was done."))), non_retryable=True)
