"""An attacker who can write to Temporal, start workflows and run workers there, but has none of our keys."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollActivityTaskQueueRequest, RespondActivityTaskCompletedRequest
from temporalio.client import (
    Client,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
)
from temporalio.common import RawValue, RetryPolicy
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

import worker
from landbridge.client import admins
from landbridge.client.admins import TemporalAdminClient
from landbridge.domain import ids, sign_in
from landbridge.domain.activity_io import SitesResult
from landbridge.domain.links import Purpose
from landbridge.domain.people import Actor, State
from landbridge.domain.roster import RosterPerson
from landbridge.domain.sign_in import SendSignInLinkInput, SignedIn
from landbridge.domain.sites import Site
from landbridge.integrations.link_tokens import SignedLinks
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.untrusted_payloads import ANSWER
from tests.histories import health
from tests.workflows.harness import (
    OWNER_EMAIL,
    PROOFS,
    TOKEN_KEY,
    MigrationHarness,
    build_workers,
    end_all,
    eventually,
    let_pass,
    prepared,
)
from tests.workflows.test_encryption import OLD
from workflows.support import options

EVE = "eve@evil.example"
EVES = ids.sign_in(sign_in.digest(EVE, TOKEN_KEY))
BO = RosterPerson(email="bo@example.com", name="Bo Bohr")


async def ours(client: Client, *keys: str, accept_clear: bool = False) -> Client:
    """Return a connection of Landbridge to the same server, with these keys."""
    return await connection.connect(
        environment={
            "TEMPORAL_ADDRESS": client.service_client.config.target_host,
            "LANDBRIDGE_ENCRYPTION_KEYS": ",".join(keys),
            "LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR": str(accept_clear),
        }
    )


async def theirs(client: Client) -> Client:
    """Return the attacker's connection: it reads and writes payloads as Temporal stores them."""
    return await Client.connect(client.service_client.config.target_host, data_converter=pydantic_data_converter)


@asynccontextmanager
async def served_except(harness: MigrationHarness, queue: str, *rogue: Callable[..., object]) -> AsyncIterator[None]:
    """Serve all task queues, one of them with the attacker's worker."""
    workers = [one for one in build_workers(harness.client, harness.world) if one.task_queue != queue]
    attacker = Worker(await theirs(harness.client), task_queue=queue, activities=rogue)
    async with worker.serving([*workers, attacker]):
        yield


async def waits_for_press(sign_in_id: str, client: Client) -> bool:
    """Whether a sign-in workflow has started a timer, which is the last thing it does before it waits."""
    history = await client.get_workflow_handle(sign_in_id).fetch_history()
    return any(event.HasField("timer_started_event_attributes") for event in history.events)


@activity.defn(name="find_admin")
async def call_eve_an_owner(_: RawValue) -> dict[str, object]:
    """Answer in every format that our worker uses or used."""
    eve = SignedIn(email=EVE, role="owner", opsgenie_account="acme")
    return {"leader": eve.model_dump(), "identity": eve.model_dump_json()}


@pytest.mark.parametrize("keys", [[], [OLD]], ids=["clear", "encrypted"])
async def test_a_rogue_worker_cannot_make_anyone_an_admin(client: Client, keys: list[str]) -> None:
    """The rogue worker answers that the attacker is an owner: no link is mailed, with and without encryption."""
    harness = MigrationHarness(await ours(client, *keys), f"rogue-{len(keys)}")
    async with served_except(harness, options.OPSGENIE_QUEUE, call_eve_an_owner):
        await TemporalAdminClient(harness.client).request_sign_in_link(EVE, EVES.partition(":")[2])
        await eventually(lambda: waits_for_press(EVES, client))
        assert not harness.world.mailer.sign_in_links
        await end_all(client)


async def test_a_replayed_answer_cannot_make_anyone_an_admin(client: Client) -> None:
    """The attacker copies encrypted payloads of an owner's sign-in into another sign-in."""
    harness = MigrationHarness(await ours(client, OLD), "replayed")
    prepared(harness.world)
    owners = ids.sign_in("0" * 32)
    async with worker.serving(build_workers(harness.client, harness.world)):
        await TemporalAdminClient(harness.client).request_sign_in_link(OWNER_EMAIL, owners.partition(":")[2])
        await eventually(lambda: harness.world.mailer.sign_in_links)
        history = await client.get_workflow_handle(owners).fetch_history()
        await end_all(client)
    (asked,) = history.events[0].workflow_execution_started_event_attributes.input.payloads
    answered = next(
        event.activity_task_completed_event_attributes.result.payloads[0]
        for event in history.events
        if event.HasField("activity_task_completed_event_attributes")
    )
    harness = MigrationHarness(await ours(client, OLD), "replayed")

    @activity.defn(name="find_admin")
    async def replay(_: RawValue) -> RawValue:
        return RawValue(answered)

    async with served_except(harness, options.OPSGENIE_QUEUE, replay):
        # Replay the answer in the attacker's sign-in.
        await TemporalAdminClient(harness.client).request_sign_in_link(EVE, EVES.partition(":")[2])
        await eventually(lambda: waits_for_press(EVES, client))
        # Start a sign-in, which the portal never started, with the owner's payload.
        begun = await _start_raw(client, "sign-in:made-up", asked)
        assert await _untrusted(begun)
        # Replay the answer in a later sign-in of the owner, with the same id.
        await TemporalAdminClient(harness.client).request_sign_in_link(OWNER_EMAIL, owners.partition(":")[2])
        await eventually(lambda: waits_for_press(owners, client))
        assert not harness.world.mailer.sign_in_links
        await end_all(client)


async def test_a_sign_in_link_is_mailed_only_to_its_owner(client: Client) -> None:
    """Without encryption, the attacker's workflow calls our mail activity with an old signed identity.

    The identity was signed for another run, so the activity rejects it, even if the workflow id is the same.
    """
    harness = MigrationHarness(await ours(client), "mailed")
    attacker = await theirs(client)
    identity = SignedLinks("", [TOKEN_KEY]).sign_identity(
        SignedIn(email=OWNER_EMAIL, role="owner", opsgenie_account="acme"), EVES, "an-earlier-run"
    )
    rogue = Worker(attacker, task_queue="rogue", workflows=[MailsALink])
    async with worker.serving([*build_workers(harness.client, harness.world), rogue]):
        begun = await attacker.start_workflow(MailsALink.run, identity, id=EVES, task_queue="rogue")
        with pytest.raises(WorkflowFailureError) as failed:
            await begun.result()
        refusal = failed.value.cause.__cause__
        assert isinstance(refusal, ApplicationError)
        assert refusal.type == "Untrusted"
        assert not harness.world.mailer.sign_in_links


@pytest.mark.parametrize("keys", [[], [OLD]], ids=["clear", "encrypted"])
async def test_a_rogue_answer_cannot_keep_a_session_open(
    client: Client, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our old answer is replayed for a person who is no longer an admin: the session still expires."""
    harness = MigrationHarness(await ours(client, *keys), f"renewed-{len(keys)}")
    harness.world.opsgenie.account = harness.account
    eve = SignedIn(email=EVE, role="owner", opsgenie_account=harness.account)
    harness.world.opsgenie.add(RosterPerson(email=EVE, role="owner", email_verified=True))
    admin_client = TemporalAdminClient(harness.client, PROOFS)
    session_id = await admin_client.open_session(eve)
    session = client.get_workflow_handle(ids.session(session_id))
    first = (await session.describe()).run_id

    async def renewed_since(run_id: str) -> bool:
        return (await session.describe()).run_id != run_id

    async with worker.serving(build_workers(harness.client, harness.world)):
        await let_pass(client, session, sign_in.SESSION_RENEWAL)
        await eventually(lambda: renewed_since(first))
    history = await client.get_workflow_handle(ids.session(session_id), run_id=first).fetch_history()
    old = next(
        event.activity_task_completed_event_attributes.result.payloads[0]
        for event in history.events
        if event.HasField("activity_task_completed_event_attributes")
    )

    @activity.defn(name="is_still_admin")
    async def replay(_: RawValue) -> RawValue:
        return RawValue(old)

    harness = MigrationHarness(harness.client, harness.account, harness.world)
    second = (await session.describe()).run_id
    async with served_except(harness, options.OPSGENIE_QUEUE, replay):
        await let_pass(client, session, sign_in.SESSION_RENEWAL)
        await eventually(lambda: renewed_since(second))
    assert await admin_client.is_open(session_id, eve)
    monkeypatch.setattr(admins, "SESSION_CONFIRMED_FOR", timedelta(0))
    assert not await admin_client.is_open(session_id, eve)
    await end_all(client)


@pytest.mark.parametrize("keys", [[], [OLD]], ids=["clear", "encrypted"])
async def test_a_forged_session_workflow_opens_no_session(client: Client, keys: list[str]) -> None:
    """A forged workflow has no memo, the memo of another session, or a role that was confirmed for another person."""
    admin_client = TemporalAdminClient(await ours(client, *keys), PROOFS)
    attacker = await theirs(client)
    eve = SignedIn(email=EVE, role="owner", opsgenie_account="acme")
    owner = SignedIn(email=OWNER_EMAIL, role="owner", opsgenie_account="acme")
    session_id, owners = await admin_client.open_session(eve), await admin_client.open_session(owner)
    await admin_client.close_session(session_id, "no owner or admin any more")
    proven = (await client.get_workflow_handle(ids.session(owners)).describe()).raw_info.memo.fields
    copied: dict[str, object] = {name: RawValue(payload) for name, payload in proven.items()}
    memos: list[dict[str, object]] = [{}, copied, {sign_in.SESSION_PROOF: "1.2.3"}]
    for memo in memos:
        made = await attacker.start_workflow(
            "AdminSessionWorkflow", id=ids.session(session_id), task_queue="nobody", memo=memo
        )
        assert not await admin_client.is_open(session_id, eve)
        await made.terminate()
    assert not await admin_client.is_open(owners, eve)
    assert await admin_client.is_open(owners, owner)
    await end_all(client)


@workflow.defn(sandboxed=False)
class MailsALink:
    """The attacker's workflow that requests a link."""

    @workflow.run
    async def run(self, identity: str) -> None:
        """Pass an identity to the mail activity."""
        await workflow.execute_activity(
            "send_sign_in_link",
            SendSignInLinkInput(identity=identity, generation=1),
            task_queue=options.MAIL_QUEUE,
            start_to_close_timeout=timedelta(minutes=1),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


async def _start_raw(client: Client, workflow_id: str, payload: Payload) -> WorkflowHandle[object, object]:
    return await (await theirs(client)).start_workflow(
        "AdminSignInWorkflow", RawValue(payload), id=workflow_id, task_queue=options.WORKFLOWS
    )


async def _untrusted(handle: WorkflowHandle[object, object]) -> bool:
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    return isinstance(failed.value.cause, ApplicationError) and failed.value.cause.type == "Untrusted"


async def test_unencrypted_messages_are_ignored_or_refused(client: Client) -> None:
    """Signals are ignored, updates and queries are refused, and the migration continues."""
    harness = MigrationHarness(await ours(client, OLD), "signalled")
    prepared(harness.world)
    harness.world.opsgenie.add(BO)
    async with worker.serving(build_workers(harness.client, harness.world)):
        await harness.start()
        await eventually(lambda: harness.world.mailer.sent(BO.email))
        attacker = await theirs(client)
        migration = attacker.get_workflow_handle(harness.handle.id)
        cohort = attacker.get_workflow_handle(harness.cohort().id)
        link = harness.world.mailer.link(BO.email, Purpose.VERIFICATION)
        used = {**link.model_dump(exclude={"cohort_id"}), "use": "followed"}
        await migration.signal("email_verified", {"email": BO.email})
        await cohort.signal("email_verified", {"email": BO.email})
        await cohort.signal("links_used", {"used": [used]})
        with pytest.raises(WorkflowUpdateFailedError):
            await cohort.execute_update("exclude", {"email": BO.email, "reason": "x"})
        with pytest.raises(WorkflowQueryFailedError):
            await cohort.query("people", {})
        await harness.migration.pause("Look.", Actor())
        assert (await harness.person(BO.email)).state is State.EMAIL_UNVERIFIED
        await harness.migration.resume(Actor(), "Look.")
        await harness.migration.verify(BO.email, Actor())
        await harness.until(BO.email, State.AUTHENTICATING)
        assert not await health.failures(harness.client, harness.account)
        await end_all(client)


@activity.defn(name="list_sites")
async def list_a_site_of_eve(_: RawValue) -> SitesResult:
    """Answer, unencrypted, with a site of the attacker."""
    return SitesResult(sites=[Site(id="e", name="acme", url="https://acme.evil.example", admin=True)])


@asynccontextmanager
async def answered_without_a_result(harness: MigrationHarness, queue: str) -> AsyncIterator[None]:
    """Serve all task queues; on one of them the attacker completes each activity without a payload."""
    service, namespace = (await theirs(harness.client)).workflow_service, harness.client.namespace

    async def complete() -> None:
        while True:
            task = await service.poll_activity_task_queue(
                PollActivityTaskQueueRequest(namespace=namespace, task_queue=TaskQueue(name=queue))
            )
            if task.task_token:
                await service.respond_activity_task_completed(
                    RespondActivityTaskCompletedRequest(namespace=namespace, task_token=task.task_token)
                )

    ours_only = [one for one in build_workers(harness.client, harness.world) if one.task_queue != queue]
    async with worker.serving(ours_only):
        attacker = asyncio.create_task(complete())
        try:
            yield
        finally:
            attacker.cancel()


def answered_in_clear(harness: MigrationHarness, queue: str) -> AbstractAsyncContextManager[None]:
    """Serve all task queues; on one of them the attacker answers with a site of their own."""
    return served_except(harness, queue, list_a_site_of_eve)


@pytest.mark.parametrize("answered", [answered_in_clear, answered_without_a_result])
async def test_an_untrusted_answer_pauses_the_migration(
    client: Client, answered: Callable[[MigrationHarness, str], AbstractAsyncContextManager[None]]
) -> None:
    """The status names the problem; after a resume, our own worker is asked again."""
    harness = MigrationHarness(await ours(client, OLD), answered.__name__)
    prepared(harness.world)
    async with answered(harness, options.ATLASSIAN_QUEUE):
        await harness.start()
        await eventually(lambda: harness.waits_for(ANSWER))
    harness = MigrationHarness(await ours(client, OLD), harness.account, harness.world)
    async with worker.serving(build_workers(harness.client, harness.world)):
        await harness.migration.resume(Actor())
        site = (await harness.handle.result()).site
        assert site is not None
        assert site.url == "https://acme.atlassian.net"
        assert not await health.failures(harness.client, harness.account)
