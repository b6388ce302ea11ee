"""A portal session of an owner or admin: the session is open while its workflow runs.

Temporal's server knows whether a workflow runs, so the portal needs no worker to check or close a session.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sign_in import SignInActivities
    from landbridge.domain.sign_in import SESSION_PROOF, SESSION_RENEWAL, SESSION_RETRY, AdminSession
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute


@workflow.defn(name="AdminSessionWorkflow")
class AdminSessionWorkflow:
    """Checks with Opsgenie regularly that a person is still an owner or admin; ends when they are not.

    Each run corresponds to one answer of Opsgenie. The run timeout ends the session if no new answer arrives in time,
    and the execution timeout limits the whole session (`client.admins`); the server enforces both, even without a
    worker. The memo holds the proof of the answer; without a valid proof the portal treats the session as closed.
    """

    @workflow.run
    async def run(self, session: AdminSession) -> None:
        """Wait, query Opsgenie, and continue as new if it confirms the role."""
        await workflow.sleep(SESSION_RENEWAL, summary="Next check with Opsgenie")
        while True:
            result = await execute(
                SignInActivities.is_still_admin, session, options.ADMIN_LOOKUPS, "Still an owner or admin?"
            )
            if not isinstance(result, Failure):
                break
            await workflow.sleep(SESSION_RETRY, summary="Retry: Opsgenie did not answer")
        if result.proof:
            workflow.continue_as_new(session, memo={SESSION_PROOF: result.proof})
