"""The undo of a migration that was cancelled: a workflow of its own, since it may be asked for when that is over."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.undo import UndoActivities
    from domain import ids, proof
    from domain.audit import Act, Audit, AuditEntry
    from domain.messages import UndoProgress, UndoRequest
    from domain.orders import Revocation, RevokeOrder, Undone
    from workflows import options, search_attributes
    from workflows.trouble import Failure, attempt


@workflow.defn
class UndoWorkflow:
    """Revokes the invitations that nobody has accepted, cohort by cohort. Whoever is connected is not touched."""

    @workflow.init
    def __init__(self, request: UndoRequest) -> None:
        self._request = request
        self._revocations: dict[int, list[Revocation]] = {}
        self._trouble = ""
        self._over = False
        asked = request.asked
        started = AuditEntry(
            at=workflow.info().start_time,
            # A proof that somebody cancelled does not prove that they wanted the invitations revoked.
            by=proof.recorded(asked.by, Act.CANCEL, asked.model_copy(update={"undo": True})),
            act=Act.UNDO,
        )
        self._audit = Audit().with_entry(started)

    @workflow.run
    async def run(self, request: UndoRequest) -> UndoProgress:
        """Go through the cohorts; where only people can mend what stands in the way, end, and say so."""
        workflow.upsert_search_attributes([search_attributes.OPSGENIE_ACCOUNT.value_set(request.opsgenie_account)])
        for number in range(1, request.cohorts + 1):
            if not await self._revoke(number):
                break
        self._over = True
        return self.progress()

    async def _revoke(self, number: int) -> bool:
        order = RevokeOrder(cohort_id=ids.cohort(self._request.opsgenie_account, number), run=self._request.run)
        while True:
            answer = await attempt(
                UndoActivities.revoke_invitations, order, options.UNDO, f"Invitations of cohort {number}"
            )
            if not isinstance(answer, Failure):
                self._revocations[number], self._trouble = answer.outcomes, ""
                return True
            self._trouble = answer.sentence
            if answer.needs_people:
                return False

    @workflow.query(description="How far it is.")
    def progress(self) -> UndoProgress:
        """Return the numbers."""
        outcomes = [one.outcome for revocations in self._revocations.values() for one in revocations]
        return UndoProgress(
            run=self._request.run,
            cohorts=len(self._revocations),
            revoked=outcomes.count(Undone.REVOKED),
            kept=outcomes.count(Undone.KEPT),
            failed=outcomes.count(Undone.FAILED),
            trouble=self._trouble,
            over=self._over,
        )

    @workflow.query(description="What became of each invitation of a cohort.")
    def revocations(self, cohort: int) -> list[Revocation]:
        """Return the outcomes, by the people's numbers."""
        return self._revocations.get(cohort, [])

    @workflow.query(description="Who asked for it, and when.")
    def audit(self) -> Audit:
        """Return the one act."""
        return self._audit
