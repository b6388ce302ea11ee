"""A session of an owner or admin in the portal: it is open as long as its workflow runs.

Temporal's server alone can answer whether it does, so the portal needs no worker to recognise, or to close, a session.
"""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from activities.sign_in import SignInActivities
    from landbridge.domain.sign_in import SESSION_PROOF, SESSION_RENEWAL, SESSION_RETRY, AdminSession
    from workflows.support import options
    from workflows.support.activity_errors import Failure, execute


@workflow.defn(name="AdminSessionWorkflow")
class AdminSessionWorkflow:
    """Asks Opsgenie again and again whether somebody is an owner or admin still, and ends when they are not.

    Each run stands for one answer of Opsgenie's. Its run timeout ends the session where no new answer comes in time,
    and its execution timeout ends it in any case (`client.admins`); the server keeps both, even without a worker.
    The memo holds the proof of that answer, without which the portal takes no session for open.
    """

    @workflow.run
    async def run(self, session: AdminSession) -> None:
        """Wait, ask Opsgenie, and continue as new if it confirms the role."""
        await workflow.sleep(SESSION_RENEWAL, summary="Until Opsgenie is asked again")
        while True:
            answer = await execute(SignInActivities.is_still_admin, session, options.LEADER, "Still an owner or admin?")
            if not isinstance(answer, Failure):
                break
            await workflow.sleep(SESSION_RETRY, summary="Opsgenie gave no answer")
        if answer.proof:
            workflow.continue_as_new(session, memo={SESSION_PROOF: answer.proof})
