"""The undo of a migration that was cancelled: a workflow of its own, since it may be asked for when that is over."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.undo import UndoActivities
    from landbridge.domain import ids, proof
    from landbridge.domain.activity_io import RevokeInvitationsInput, Undone
    from landbridge.domain.audit import Act, Audit, AuditEntry
    from landbridge.domain.messages import RevokeInvitations, UndoProgress, UndoRequest, UndoState
    from landbridge.domain.text import NO_TEXT
    from workflows.support import audit_log, options, search_attributes
    from workflows.support.activity_errors import Failure, execute


@workflow.defn(name="UndoWorkflow")
class UndoWorkflow:
    """Revokes the invitations that nobody has accepted, cohort by cohort. Whoever is connected is not touched."""

    @workflow.init
    def __init__(self, request: UndoRequest) -> None:
        carried = request.carried or UndoState(started_at=workflow.info().start_time)
        self._request = request
        self._started_at = carried.started_at
        self._people = dict(carried.people)
        self._problem = carried.problem
        self._over = carried.over

    @workflow.run
    async def run(self, request: UndoRequest) -> UndoProgress:
        """Go through the cohorts; where only people can mend what stands in the way, end, and say so.

        It completes in a run that is short, so that queries stay cheap.
        """
        workflow.upsert_search_attributes([search_attributes.OPSGENIE_ACCOUNT.value_set(request.opsgenie_account)])
        if request.carried is None:
            audit_log.log(self._entry())
        if not self._over:
            for number in range(len(self._people) + 1, request.cohorts + 1):
                if not await self._revoke(number):
                    break
            self._over = True
            self._continue_as_new_beyond(options.MAX_LAST_RUN_EVENTS)
        return self.progress()

    def _continue_as_new_beyond(self, events: int) -> None:
        """Let another run take over if this one has more events."""
        if workflow.info().get_current_history_length() > events:
            state = UndoState(started_at=self._started_at, people=self._people, problem=self._problem, over=self._over)
            workflow.continue_as_new(self._request.model_copy(update={"carried": state}))

    async def _revoke(self, number: int) -> bool:
        order = RevokeInvitationsInput(
            cohort_id=ids.cohort(self._request.opsgenie_account, number), run=self._request.run
        )
        while True:
            self._continue_as_new_beyond(options.MAX_RUN_EVENTS)
            answer = await execute(
                UndoActivities.revoke_invitations, order, options.UNDO, f"Invitations of cohort {number}"
            )
            if not isinstance(answer, Failure):
                self._people[number] = {
                    outcome: [one.person for one in answer.outcomes if one.outcome is outcome] for outcome in Undone
                }
                self._problem = NO_TEXT
                return True
            self._problem = answer.text
            if answer.needs_people:
                return False

    @workflow.query(name="progress", description="How far it is.")
    def progress(self) -> UndoProgress:
        """Return the numbers."""
        numbers = {outcome: sum(len(people[outcome]) for people in self._people.values()) for outcome in Undone}
        return UndoProgress(
            run=self._request.run,
            cohorts=len(self._people),
            revoked=numbers[Undone.REVOKED],
            kept=numbers[Undone.KEPT],
            failed=numbers[Undone.FAILED],
            problem=self._problem,
            over=self._over,
        )

    @workflow.query(name="revocations", description="What became of each invitation of a cohort.")
    def revocations(self, cohort: int) -> dict[Undone, list[int]]:
        """Return the numbers of the people whose invitations came to each outcome."""
        return self._people.get(cohort, {})

    @workflow.query(name="audit", description="Who asked for it, and when.")
    def audit(self) -> Audit:
        """Return the one act."""
        return Audit().with_entry(self._entry())

    def _entry(self) -> AuditEntry:
        asked = self._request.asked
        if isinstance(asked, RevokeInvitations):
            by = proof.recorded(asked.by, Act.UNDO, asked)
        else:
            # A proof that somebody cancelled does not prove that they wanted the invitations revoked.
            by = proof.recorded(asked.by, Act.CANCEL, asked.model_copy(update={"undo": True}))
        return AuditEntry(at=self._started_at, by=by, act=Act.UNDO)
