"""The `check` command: passing checks, and every kind of failure with its remedy."""

import asyncio
import shlex
import sysconfig
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest, ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, RegisterNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import Worker

from activities.mail import MailActivities
from dev.stack import ports
from dev.stack.temporal_server import TemporalServer
from landbridge.cli import checks
from landbridge.cli.checks import Check, CheckFailed, CheckResult, CheckStatus, Passed
from landbridge.client import migrations
from landbridge.domain import searchable
from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.messages import MigrationRequest
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.encryption import PayloadEncryption
from tests.cli.check.conftest import KEY, SECRETS
from tests.cli.conftest import Cli, Ran
from tests.emulator.running import Control
from tests.fakes import FakeMailer
from tests.integrations.smtp.scripted import CERTIFICATE, Heard, ScriptedServer, server_tls
from tests.workflows.harness import eventually
from workflows.support import options

SERVICES = (
    "Temporal",
    "Search attributes",
    "Workers",
    "Workflow tasks",
    "Encryption",
    "Mail",
    "Opsgenie",
    "Atlassian",
    "Provisioning",
    "Portal",
)
USERS = [{"username": "olga@example.com", "role": "owner"}]


def results_of(ran: Ran) -> dict[str, CheckResult]:
    """Parse the results, and assert that the output contains no secret and no traceback."""
    assert not any(secret in ran.out + ran.err for secret in (*SECRETS, "Traceback"))
    results = TypeAdapter(list[CheckResult]).validate_json(ran.out)
    assert tuple(finding.service for finding in results) == SERVICES
    return {finding.service: finding for finding in results}


async def run_check(cli: Cli, **environment: str) -> tuple[int, dict[str, CheckResult]]:
    """Run `check`; return the exit code and the results."""
    ran = await cli("check", "-o", "json", **environment)
    return ran.code, results_of(ran)


def not_ok(results: dict[str, CheckResult]) -> dict[str, CheckStatus]:
    """Return the checks that did not pass."""
    return {name: result.status for name, result in results.items() if result.status is not CheckStatus.OK}


async def test_all_checks_pass_and_nothing_is_changed(control: Control, cli: Cli, mailbox: tuple[int, Path]) -> None:
    """The exit code is 0, no mail is sent, and the emulator's data stays the same."""
    control.load(USERS, sites=[{"name": "ours"}])
    before = {name: table for name, table in control.state().items() if name != "calls"}
    code, results = await run_check(cli)
    assert (code, not_ok(results)) == (0, {})
    assert [result.remedy for result in results.values()] == [""] * len(SERVICES)
    assert "account 'acme' and may list its 1 users" in results["Opsgenie"].message
    assert "1 site is online: ours" in results["Atlassian"].message
    assert "1 worker" in results["Workers"].message
    assert list(mailbox[1].glob("*.eml")) == []
    assert {name: table for name, table in control.state().items() if name != "calls"} == before


async def test_check_in_a_pipe_prints_one_line_per_service(control: Control, cli: Cli) -> None:
    """Each line includes the remedy, so that grep and log collectors keep the two together."""
    control.load(USERS)
    ran = await cli("check", LANDBRIDGE_OPSGENIE_API_KEY="wrong")
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (1, len(SERVICES))
    assert lines[6].split()[:2] == ["✗", "Opsgenie"]
    assert "→ Set a valid one. Check LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY." in lines[6]
    assert lines[7].split()[:2] == ["✓", "Atlassian"]


async def test_unreachable_services_fail_independently(control: Control, cli: Cli) -> None:
    """All checks run, and each remedy names the setting to change."""
    control.load(USERS)
    gone = f"127.0.0.1:{ports.preferred_or_free(0)}"
    code, results = await run_check(
        cli,
        TEMPORAL_ADDRESS=gone,
        LANDBRIDGE_SMTP_PORT=gone.partition(":")[2],
        LANDBRIDGE_OPSGENIE_URL=f"http://{gone}",
        LANDBRIDGE_ATLASSIAN_URL=f"http://{gone}",
        LANDBRIDGE_ATLASSIAN_PROVISIONING_URL=f"http://{gone}",
        LANDBRIDGE_PORTAL_URL=f"http://{gone}",
    )
    assert code == 1
    skipped = dict.fromkeys(("Search attributes", "Workers", "Workflow tasks", "Encryption"), CheckStatus.SKIPPED)
    assert not_ok(results) == {name: skipped.get(name, CheckStatus.FAILED) for name in SERVICES}
    settings = ("TEMPORAL_ADDRESS", "SMTP_HOST", "OPSGENIE_URL", "ATLASSIAN_URL", "PROVISIONING_URL", "PORTAL_URL")
    failed = (result for name, result in results.items() if name not in skipped)
    for setting, result in zip(settings, failed, strict=True):
        assert setting in result.remedy


async def test_a_wrong_setting_exits_with_2_and_other_checks_run(control: Control, cli: Cli) -> None:
    """Each failed line names the setting without printing its value."""
    control.load(USERS)
    code, results = await run_check(
        cli,
        TEMPORAL_NAMESPACE="nowhere",
        **dict.fromkeys(("LANDBRIDGE_SMTP_FROM", "LANDBRIDGE_OPSGENIE_URL", "LANDBRIDGE_TOKEN_KEYS"), "nonsense"),
    )
    assert code == 2
    wrong = dict.fromkeys(("Temporal", "Mail", "Opsgenie", "Portal"), CheckStatus.MISCONFIGURED)
    assert not_ok(results) == {
        **wrong,
        **dict.fromkeys(("Search attributes", "Workers", "Workflow tasks", "Encryption"), CheckStatus.SKIPPED),
    }
    for name, setting in (
        ("Temporal", "TEMPORAL_NAMESPACE"),
        ("Mail", "LANDBRIDGE_SMTP_FROM"),
        ("Opsgenie", "LANDBRIDGE_OPSGENIE_URL"),
        ("Portal", "LANDBRIDGE_TOKEN_KEYS"),
    ):
        assert setting in results[name].message
        assert "nonsense" not in results[name].message
        assert "Value error" not in results[name].message


@pytest.mark.parametrize(
    "variable, value, concerned",
    [
        ("LANDBRIDGE_OPSGENIE_API_KEY", "“key”", ["Opsgenie"]),
        ("LANDBRIDGE_ATLASSIAN_API_KEY", "key\udcff", ["Atlassian", "Provisioning"]),
        ("LANDBRIDGE_SMTP_HOST", "http://a..b.example", ["Mail"]),
        ("LANDBRIDGE_PORTAL_URL", "http://a..b.example", ["Portal"]),
        ("SSL_CERT_FILE", "/nowhere/certificates.pem", ["Opsgenie", "Atlassian", "Provisioning", "Portal"]),
        ("HTTPS_PROXY", "“http://127.0.0.1:9”", ["Opsgenie", "Atlassian", "Provisioning", "Portal"]),
        ("http_proxy", "http://127.0.0.1:99999", ["Opsgenie", "Atlassian", "Provisioning", "Portal"]),
        ("OTHER", "bytes that are not UTF-8: \udcff", []),
    ],
)
async def test_an_invalid_character_fails_only_the_affected_checks(
    control: Control, cli: Cli, variable: str, value: str, concerned: list[str]
) -> None:
    """The failed checks name the environment variable; all other checks run."""
    control.load(USERS)
    code, results = await run_check(cli, **{variable: value})
    assert (code, not_ok(results)) == (2 if concerned else 0, dict.fromkeys(concerned, CheckStatus.MISCONFIGURED))
    assert all(variable in results[name].message for name in concerned)


async def test_a_wrong_log_setting_has_its_own_line(control: Control, cli: Cli) -> None:
    """All other checks still run."""
    control.load(USERS)
    ran = await cli("check", LANDBRIDGE_LOG_LEVEL="loud")
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (2, 1 + len(SERVICES))
    assert "LANDBRIDGE_LOG_LEVEL is wrong" in lines[0]
    assert all(line.startswith("✓") for line in lines[1:])


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\u00a0", "\ufeff"])
async def test_whitespace_around_a_key_is_ignored(control: Control, cli: Cli, around: str) -> None:
    """A secret's file often ends with a line break."""
    control.load(USERS)
    keys = ("LANDBRIDGE_OPSGENIE_API_KEY", "LANDBRIDGE_ATLASSIAN_API_KEY", "LANDBRIDGE_TOKEN_KEYS")
    code, results = await run_check(cli, **{name: f"{around}{cli.environment[name]}{around}" for name in keys})
    assert (code, not_ok(results)) == (0, {})


async def test_missing_permissions_and_wrong_urls_fail(control: Control, cli: Cli, service: str) -> None:
    """A valid key without the required permissions fails the check, and so does the URL of another server."""
    control.load(USERS)
    control.order("/v2/users", status=403)
    control.order("users/search", status=403)
    code, results = await run_check(
        cli, LANDBRIDGE_PORTAL_URL=service, LANDBRIDGE_ATLASSIAN_PROVISIONING_URL=f"{service}/elsewhere"
    )
    assert code == 1
    assert not_ok(results) == dict.fromkeys(("Opsgenie", "Atlassian", "Provisioning", "Portal"), CheckStatus.FAILED)
    for name in ("Opsgenie", "Atlassian"):
        assert "denies this to the API key" in results[name].message
    assert "is not the URL of the portal (HTTP 404)" in results["Portal"].message
    assert "is not that of the emulator (HTTP 404)" in results["Provisioning"].message


async def test_a_portal_that_cannot_reach_temporal_fails(control: Control, cli: Cli, service: str) -> None:
    """The portal answers, but it would lose people's clicks on links."""
    control.load(USERS)
    control.order("/livez", status=200)
    control.order("/readyz", status=503)
    code, results = await run_check(cli, LANDBRIDGE_PORTAL_URL=service)
    assert (code, not_ok(results)) == (1, {"Portal": CheckStatus.FAILED})
    assert "cannot reach Temporal" in results["Portal"].message


async def test_without_the_emulator_manual_steps_are_mentioned(control: Control, cli: Cli) -> None:
    """The check still passes."""
    control.load(USERS)
    code, results = await run_check(cli, LANDBRIDGE_ATLASSIAN_PROVISIONING_URL="http://127.0.0.1")
    assert (code, not_ok(results)) == (1, {"Provisioning": CheckStatus.FAILED})
    del cli.environment["LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"]
    code, results = await run_check(cli)
    assert (code, not_ok(results)) == (0, {})
    assert "manual tasks for an admin" in results["Provisioning"].message


def reject_login(heard: Heard) -> str | None:
    """Refuse every login."""
    return "535 5.7.8 no" if heard.line.startswith("AUTH") else None


def reject_sender(heard: Heard) -> str | None:
    """Refuse every sender."""
    return "550 5.7.1 not you" if heard.line.startswith("MAIL") else None


@pytest.mark.parametrize(
    "script, extensions, environment, sentence, setting",
    [
        (reject_login, ("STARTTLS", "AUTH PLAIN"), {}, "refuses the login (535)", "LANDBRIDGE_SMTP_PASSWORD"),
        (reject_sender, ("STARTTLS", "AUTH PLAIN"), {}, "does not let us send as", "LANDBRIDGE_SMTP_USERNAME"),
        (reject_login, ("AUTH PLAIN",), {}, "does not offer STARTTLS", "LANDBRIDGE_SMTP_SECURITY"),
        (reject_login, ("STARTTLS",), {"LANDBRIDGE_SMTP_CA_FILE": ""}, "TLS with the mail", "LANDBRIDGE_SMTP_CA_FILE"),
    ],
    ids=["login", "sender", "no STARTTLS", "certificate"],
)
async def test_mail_server_rejections_name_the_setting(
    control: Control,
    cli: Cli,
    *,
    script: Callable[[Heard], str | None],
    extensions: tuple[str, ...],
    environment: dict[str, str],
    sentence: str,
    setting: str,
) -> None:
    """The check finds them without sending a mail and does not print the password."""
    control.load(USERS)
    async with ScriptedServer(script=script, extensions=extensions, tls=server_tls()) as mail:
        settings = {
            "LANDBRIDGE_SMTP_HOST": "localhost",
            "LANDBRIDGE_SMTP_PORT": str(mail.port),
            "LANDBRIDGE_SMTP_SECURITY": "starttls",
            "LANDBRIDGE_SMTP_CA_FILE": str(CERTIFICATE),
            "LANDBRIDGE_SMTP_USERNAME": "user",
            "LANDBRIDGE_SMTP_PASSWORD": SECRETS[0],
        }
        code, results = await run_check(cli, **{**settings, **environment})
    assert (code, not_ok(results)) == (1, {"Mail": CheckStatus.FAILED})
    assert sentence in results["Mail"].message
    assert setting in results["Mail"].remedy
    assert not any(line.startswith(("RCPT", "DATA")) for line in mail.commands)


async def namespace(client: Client, name: str) -> None:
    """Register a namespace without search attributes."""
    retention = timedelta(days=1)
    request = RegisterNamespaceRequest(namespace=name)
    request.workflow_execution_retention_period.FromTimedelta(retention)
    await client.workflow_service.register_namespace(request)
    while True:
        try:
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=name))
            await client.operator_service.list_search_attributes(ListSearchAttributesRequest(namespace=name))
        except RPCError:
            await asyncio.sleep(0.05)
        else:
            return


async def test_an_unprepared_namespace_fails_with_the_command_to_prepare_it(
    client: Client, control: Control, cli: Cli, tmp_path: Path
) -> None:
    """Running the printed command makes the check pass. The output also says that no worker is running."""
    control.load(USERS)
    await namespace(client, "bare")
    code, results = await run_check(cli, TEMPORAL_NAMESPACE="bare")
    assert (code, not_ok(results)) == (1, dict.fromkeys(("Search attributes", "Workers"), CheckStatus.FAILED))
    assert results["Workers"].message == "No worker is running."
    assert "worker.py" in results["Workers"].remedy
    attributes = results["Search attributes"]
    assert all(name in attributes.message for name in searchable.KINDS)
    program, *arguments = shlex.split(attributes.remedy)
    command = await asyncio.create_subprocess_exec(
        Path(sysconfig.get_path("scripts"), program), *arguments, env={**cli.environment, "HOME": str(tmp_path)}
    )
    assert await command.wait() == 0
    _, results = await run_check(cli, TEMPORAL_NAMESPACE="bare")
    assert results["Search attributes"].status is CheckStatus.OK


async def test_unpolled_task_queues_fail(client: Client, server: TemporalServer, control: Control, cli: Cli) -> None:
    """Only the mail worker is running, so the other task queues have no pollers."""
    control.load(USERS)
    await namespace(client, "half")
    half = await connection.connect(environment={**server.environment, "TEMPORAL_NAMESPACE": "half"})
    mail = Worker(half, task_queue=options.MAIL_QUEUE, activities=[MailActivities(FakeMailer()).send_mails])
    async with mail:
        _, results = await run_check(cli, TEMPORAL_NAMESPACE="half")
    assert results["Workers"].status is CheckStatus.FAILED
    assert results["Workers"].message == (
        "No worker polls the task queues landbridge, landbridge-opsgenie, landbridge-atlassian."
    )


async def test_a_search_attribute_of_another_type_fails(client: Client, control: Control, cli: Cli) -> None:
    """The message names both types."""
    control.load(USERS)
    await namespace(client, "other")
    kinds = {"PeopleTotal": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
    request = AddSearchAttributesRequest(namespace="other", search_attributes=kinds)
    await client.operator_service.add_search_attributes(request)
    _, results = await run_check(cli, TEMPORAL_NAMESPACE="other")
    assert results["Search attributes"].message == "PeopleTotal has the type Keyword, not Int."
    assert "search-attribute remove --namespace other --name PeopleTotal" in results["Search attributes"].remedy


async def test_checks_time_out_and_fail_independently(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that depends on a failed check is skipped."""
    monkeypatch.setattr(checks, "TIMEOUT_SECONDS", 0.05)

    async def never() -> Passed:
        await asyncio.Event().wait()
        raise AssertionError

    def raising(error: Exception) -> Callable[[], object]:
        async def look() -> Passed:
            raise error

        return look

    async def passing() -> Passed:
        return Passed("fine", "finer")

    results = await checks.run_checks(
        [
            Check("silent", never, "Wake it."),
            Check("after", passing, "", requires="silent"),
            Check("missing", raising(BadInput("X is not set")), "Look."),  # type: ignore[arg-type]  # it never returns
            Check("refusing", raising(ServiceRejected("It says no (1): ask.")), "Y."),  # type: ignore[arg-type]
            Check("away", raising(ServiceUnavailable("It is away.")), "Look there."),  # type: ignore[arg-type]
            Check("odd", raising(CheckFailed("It is odd.", "Mend it.")), "Look."),  # type: ignore[arg-type]
            Check("ours", raising(KeyError("secret")), "Look."),  # type: ignore[arg-type]
            Check("well", passing, "Look."),
        ]
    )
    ours = results.pop(-2)
    assert (ours.status, "KeyError" in ours.message, "secret" in ours.message) == (CheckStatus.FAILED, True, False)
    assert [(result.status, result.message, result.remedy) for result in results] == [
        (CheckStatus.FAILED, "No answer within 0.05 seconds.", "Wake it."),
        (CheckStatus.SKIPPED, "Not checked, because the check of silent failed.", ""),
        (CheckStatus.MISCONFIGURED, "X is not set", ""),
        (CheckStatus.FAILED, "It says no (1).", "Ask. Y."),
        (CheckStatus.FAILED, "It is away.", "Look there."),
        (CheckStatus.FAILED, "It is odd.", "Mend it."),
        (CheckStatus.OK, "fine", "finer"),
    ]


async def test_a_missing_encryption_key_fails(
    client: Client, server: TemporalServer, control: Control, cli: Cli
) -> None:
    """The message names the key's id and the setting. If encryption is off, the check passes and says so."""
    control.load(USERS)
    await namespace(client, "encrypted")
    environment = {**server.environment, "TEMPORAL_NAMESPACE": "encrypted"}
    _, results = await run_check(cli, TEMPORAL_NAMESPACE="encrypted", LANDBRIDGE_ENCRYPTION_KEYS="")
    off = results["Encryption"]
    assert (off.status, off.message.partition(":")[0]) == (CheckStatus.OK, "Off")
    assert "Set LANDBRIDGE_ENCRYPTION_KEYS" in off.remedy
    theirs = "the-key-of-some-other-worker-somewhere-else"
    other = await connection.connect(environment={**environment, "LANDBRIDGE_ENCRYPTION_KEYS": theirs})
    request = MigrationRequest(opsgenie_account="acme", initiator="olga@example.com")
    await other.start_workflow("SiteMigrationWorkflow", request, id="unread", task_queue=options.WORKFLOWS)
    await eventually(lambda: migrations.listed(other))
    for keys, status in (("", CheckStatus.FAILED), (KEY, CheckStatus.FAILED), (f"{KEY},{theirs}", CheckStatus.OK)):
        _, results = await run_check(cli, TEMPORAL_NAMESPACE="encrypted", LANDBRIDGE_ENCRYPTION_KEYS=keys)
        encryption = results["Encryption"]
        assert encryption.status is status
        assert theirs not in encryption.message
        if status is CheckStatus.FAILED:
            assert PayloadEncryption([theirs]).key_ids[0] in encryption.message
            assert "LANDBRIDGE_ENCRYPTION_KEYS" in encryption.remedy


async def test_unencrypted_running_migrations_need_the_setting(
    client: Client, server: TemporalServer, control: Control, cli: Cli
) -> None:
    """With the setting, these migrations run, and the check advises removing the setting later."""
    control.load(USERS)
    await namespace(client, "clear")
    other = await connection.connect(environment={**server.environment, "TEMPORAL_NAMESPACE": "clear"})
    request = MigrationRequest(opsgenie_account="acme", initiator="olga@example.com")
    await other.start_workflow("SiteMigrationWorkflow", request, id="unread", task_queue=options.WORKFLOWS)
    await eventually(lambda: migrations.listed(other))
    for accept, status in (("false", CheckStatus.FAILED), ("true", CheckStatus.OK)):
        _, results = await run_check(cli, TEMPORAL_NAMESPACE="clear", LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR=accept)
        encryption = results["Encryption"]
        assert (encryption.status, "unencrypted" in encryption.message or "are blocked" in encryption.message) == (
            status,
            True,
        )
        assert "LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR" in encryption.remedy
