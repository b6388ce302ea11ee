"""The undo of a cancelled migration: a workflow of its own, since it can be requested after the migration has ended."""

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
    """Revokes the invitations that nobody has accepted, cohort by cohort. Connected people keep their accounts."""

    @workflow.init
    def __init__(self, request: UndoRequest) -> None:
        self._request = request
        self._state = request.state or UndoState(started_at=workflow.info().start_time)

    @workflow.run
    async def run(self, request: UndoRequest) -> UndoProgress:
        """Revoke the invitations of each cohort; stop at a problem that a person has to fix.

        A long run continues as new before it completes, because every query replays the last run of a closed workflow.
        """
        workflow.upsert_search_attributes([search_attributes.OPSGENIE_ACCOUNT.value_set(request.opsgenie_account)])
        if request.state is None:
            audit_log.log(self._entry())
        if not self._state.over:
            for number in range(len(self._state.people) + 1, request.cohorts + 1):
                if not await self._revoke(number):
                    break
            self._update(over=True)
            self._continue_as_new_beyond(options.MAX_LAST_RUN_EVENTS)
        return self.progress()

    def _update(self, **changes: object) -> None:
        self._state = self._state.model_copy(update=changes)

    def _continue_as_new_beyond(self, events: int) -> None:
        """Continue as new if this run has more events."""
        if workflow.info().get_current_history_length() > events:
            workflow.continue_as_new(self._request.model_copy(update={"state": self._state}))

    async def _revoke(self, number: int) -> bool:
        """Revoke the invitations of a cohort; retry until it succeeds. False: a person has to fix a problem first."""
        cohort = RevokeInvitationsInput(
            cohort_id=ids.cohort(self._request.opsgenie_account, number), run=self._request.run
        )
        while True:
            self._continue_as_new_beyond(options.MAX_RUN_EVENTS)
            result = await execute(
                UndoActivities.revoke_invitations, cohort, options.UNDO, f"Invitations of cohort {number}"
            )
            if not isinstance(result, Failure):
                people = {
                    outcome: [revocation.person for revocation in result.outcomes if revocation.outcome is outcome]
                    for outcome in Undone
                }
                self._update(people={**self._state.people, number: people}, problem=NO_TEXT)
                return True
            self._update(problem=result.text)
            if result.needs_people:
                return False

    @workflow.query(name="progress", description="Numbers of invitations by outcome, and the current problem.")
    def progress(self) -> UndoProgress:
        """Return the numbers of invitations, the current problem, and whether the undo is over."""
        state = self._state
        numbers = {outcome: sum(len(people[outcome]) for people in state.people.values()) for outcome in Undone}
        return UndoProgress(
            run=self._request.run,
            cohorts=len(state.people),
            revoked=numbers[Undone.REVOKED],
            kept=numbers[Undone.KEPT],
            failed=numbers[Undone.FAILED],
            problem=state.problem,
            over=state.over,
        )

    @workflow.query(name="revocations", description="The outcome of each invitation of a cohort.")
    def revocations(self, cohort: int) -> dict[Undone, list[int]]:
        """Return people's numbers by the outcomes of their invitations."""
        return self._state.people.get(cohort, {})

    @workflow.query(name="audit", description="Who requested the undo, and when.")
    def audit(self) -> Audit:
        """Return an audit with one entry."""
        return Audit().with_entry(self._entry())

    def _entry(self) -> AuditEntry:
        asked = self._request.asked
        if isinstance(asked, RevokeInvitations):
            by = proof.recorded(asked.by, Act.UNDO, asked)
        else:
            # A proof that an admin cancelled does not prove that the admin requested an undo.
            by = proof.recorded(asked.by, Act.CANCEL, asked.model_copy(update={"undo": True}))
        return AuditEntry(at=self._state.started_at, by=by, act=Act.UNDO)
