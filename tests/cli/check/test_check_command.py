"""`check`: each neighbour well once, and ill in every way that has a remedy of its own."""

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
from landbridge.cli import checkup
from landbridge.cli.checkup import Check, Finding, Health, Unwell, Well
from landbridge.client import migrations
from landbridge.domain import searchable
from landbridge.domain.errors import BadInput, ServiceRejected, ServiceUnavailable
from landbridge.domain.messages import MigrationRequest
from landbridge.platform.temporal import connection
from landbridge.platform.temporal.encryption import PayloadEncryption
from tests.cli.check.conftest import KEY, SECRETS
from tests.cli.conftest import Cli, Ran
from tests.emulator.running import Control
from tests.fakes import Post
from tests.integrations.smtp.scripted import CERTIFICATE, Heard, ScriptedServer, server_tls
from tests.workflows.harness import eventually
from workflows.support import options

EVERYONE = (
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


def found(ran: Ran) -> dict[str, Finding]:
    """Return what was found of each neighbour; no secret is anywhere, nor a traceback."""
    assert not any(secret in ran.out + ran.err for secret in (*SECRETS, "Traceback"))
    findings = TypeAdapter(list[Finding]).validate_json(ran.out)
    assert tuple(finding.neighbour for finding in findings) == EVERYONE
    return {finding.neighbour: finding for finding in findings}


async def look(cli: Cli, **environment: str) -> tuple[int, dict[str, Finding]]:
    """Return the exit code, and what was found."""
    ran = await cli("check", "-o", "json", **environment)
    return ran.code, found(ran)


def ill(findings: dict[str, Finding]) -> dict[str, Health]:
    """Return those that are not well."""
    return {name: one.health for name, one in findings.items() if one.health is not Health.WELL}


async def test_all_is_well_and_nothing_is_changed(control: Control, cli: Cli, mailbox: tuple[int, Path]) -> None:
    """Exit code 0; no mail went out and no table of the emulator is another one."""
    control.load(USERS, sites=[{"name": "ours"}])
    before = {name: table for name, table in control.state().items() if name != "calls"}
    code, findings = await look(cli)
    assert (code, ill(findings)) == (0, {})
    assert [one.remedy for one in findings.values()] == [""] * len(EVERYONE)
    assert "account 'acme' and may list its 1 users" in findings["Opsgenie"].found
    assert "1 online: ours" in findings["Atlassian"].found
    assert "1 worker" in findings["Workers"].found
    assert list(mailbox[1].glob("*.eml")) == []
    assert {name: table for name, table in control.state().items() if name != "calls"} == before


async def test_one_line_each_in_a_pipe(control: Control, cli: Cli) -> None:
    """With the remedy on the same line, for grep and for logs."""
    control.load(USERS)
    ran = await cli("check", LANDBRIDGE_OPSGENIE_API_KEY="wrong")
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (1, len(EVERYONE))
    assert lines[6].split()[:2] == ["✗", "Opsgenie"]
    assert "→ Set one that is valid. See LANDBRIDGE_OPSGENIE_URL and LANDBRIDGE_OPSGENIE_API_KEY." in lines[6]
    assert lines[7].split()[:2] == ["✓", "Atlassian"]


async def test_nobody_is_there(control: Control, cli: Cli) -> None:
    """Everyone is looked at, whoever else is away; each line says where and what to do."""
    control.load(USERS)
    gone = f"127.0.0.1:{ports.preferred_or_free(0)}"
    code, findings = await look(
        cli,
        TEMPORAL_ADDRESS=gone,
        LANDBRIDGE_SMTP_PORT=gone.partition(":")[2],
        LANDBRIDGE_OPSGENIE_URL=f"http://{gone}",
        LANDBRIDGE_ATLASSIAN_URL=f"http://{gone}",
        LANDBRIDGE_ATLASSIAN_PROVISIONING_URL=f"http://{gone}",
        LANDBRIDGE_PORTAL_URL=f"http://{gone}",
    )
    assert code == 1
    waiting = dict.fromkeys(("Search attributes", "Workers", "Workflow tasks", "Encryption"), Health.NOT_CHECKED)
    assert ill(findings) == {name: waiting.get(name, Health.UNWELL) for name in EVERYONE}
    settings = ("TEMPORAL_ADDRESS", "SMTP_HOST", "OPSGENIE_URL", "ATLASSIAN_URL", "PROVISIONING_URL", "PORTAL_URL")
    for setting, one in zip(settings, (one for name, one in findings.items() if name not in waiting), strict=True):
        assert setting in one.remedy


async def test_a_wrong_setting_is_2_and_the_others_are_looked_at(control: Control, cli: Cli) -> None:
    """Each line names what is missing or wrong, never with the value."""
    control.load(USERS)
    code, findings = await look(
        cli,
        TEMPORAL_NAMESPACE="nowhere",
        **dict.fromkeys(("LANDBRIDGE_SMTP_FROM", "LANDBRIDGE_OPSGENIE_URL", "LANDBRIDGE_TOKEN_KEYS"), "nonsense"),
    )
    assert code == 2
    wrong = dict.fromkeys(("Temporal", "Mail", "Opsgenie", "Portal"), Health.WRONG_SETTING)
    assert ill(findings) == {
        **wrong,
        **dict.fromkeys(("Search attributes", "Workers", "Workflow tasks", "Encryption"), Health.NOT_CHECKED),
    }
    for name, setting in (
        ("Temporal", "TEMPORAL_NAMESPACE"),
        ("Mail", "LANDBRIDGE_SMTP_FROM"),
        ("Opsgenie", "LANDBRIDGE_OPSGENIE_URL"),
        ("Portal", "LANDBRIDGE_TOKEN_KEYS"),
    ):
        assert setting in findings[name].found
        assert "nonsense" not in findings[name].found
        assert "Value error" not in findings[name].found


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
async def test_a_stray_character_costs_only_the_lines_that_it_concerns(
    control: Control, cli: Cli, variable: str, value: str, concerned: list[str]
) -> None:
    """Whatever a variable holds, everyone else is looked at, and the line names the variable."""
    control.load(USERS)
    code, findings = await look(cli, **{variable: value})
    assert (code, ill(findings)) == (2 if concerned else 0, dict.fromkeys(concerned, Health.WRONG_SETTING))
    assert all(variable in findings[name].found for name in concerned)


async def test_a_wrong_setting_of_the_logs_is_a_line_of_its_own(control: Control, cli: Cli) -> None:
    """The others are looked at all the same."""
    control.load(USERS)
    ran = await cli("check", LANDBRIDGE_LOG_LEVEL="loud")
    lines = ran.out.splitlines()
    assert (ran.code, len(lines)) == (2, 1 + len(EVERYONE))
    assert "LANDBRIDGE_LOG_LEVEL is wrong" in lines[0]
    assert all(line.startswith("✓") for line in lines[1:])


@pytest.mark.parametrize("around", ["\n", "\r\n", " ", "\u00a0", "\ufeff"])
async def test_what_a_copy_leaves_around_a_key_does_no_harm(control: Control, cli: Cli, around: str) -> None:
    """A line break at the end of a secret's file, for example."""
    control.load(USERS)
    keys = ("LANDBRIDGE_OPSGENIE_API_KEY", "LANDBRIDGE_ATLASSIAN_API_KEY", "LANDBRIDGE_TOKEN_KEYS")
    code, findings = await look(cli, **{name: f"{around}{cli.environment[name]}{around}" for name in keys})
    assert (code, ill(findings)) == (0, {})


async def test_refused_rights_are_told_apart(control: Control, cli: Cli, service: str) -> None:
    """A key that is valid but may not do what is needed, a portal that is none, an emulator that is none."""
    control.load(USERS)
    control.order("/v2/users", status=403)
    control.order("users/search", status=403)
    code, findings = await look(
        cli, LANDBRIDGE_PORTAL_URL=service, LANDBRIDGE_ATLASSIAN_PROVISIONING_URL=f"{service}/elsewhere"
    )
    assert code == 1
    assert ill(findings) == dict.fromkeys(("Opsgenie", "Atlassian", "Provisioning", "Portal"), Health.UNWELL)
    for name in ("Opsgenie", "Atlassian"):
        assert "forbids this to the API key" in findings[name].found
    assert "does not lead to the portal (404)" in findings["Portal"].found
    assert "does not lead to the emulator (404)" in findings["Provisioning"].found


async def test_a_portal_that_does_not_reach_temporal(control: Control, cli: Cli, service: str) -> None:
    """It is alive, but clicks would be lost on it."""
    control.load(USERS)
    control.order("/livez", status=200)
    control.order("/readyz", status=503)
    code, findings = await look(cli, LANDBRIDGE_PORTAL_URL=service)
    assert (code, ill(findings)) == (1, {"Portal": Health.UNWELL})
    assert "does not reach Temporal" in findings["Portal"].found


async def test_without_the_emulator_some_steps_are_an_admins(control: Control, cli: Cli) -> None:
    """That is well, and said."""
    control.load(USERS)
    code, findings = await look(cli, LANDBRIDGE_ATLASSIAN_PROVISIONING_URL="http://127.0.0.1")
    assert (code, ill(findings)) == (1, {"Provisioning": Health.UNWELL})
    del cli.environment["LANDBRIDGE_ATLASSIAN_PROVISIONING_URL"]
    code, findings = await look(cli)
    assert (code, ill(findings)) == (0, {})
    assert "tasks for an admin" in findings["Provisioning"].found


def no_login(heard: Heard) -> str | None:
    """Refuse every login."""
    return "535 5.7.8 no" if heard.line.startswith("AUTH") else None


def not_this_sender(heard: Heard) -> str | None:
    """Refuse every sender."""
    return "550 5.7.1 not you" if heard.line.startswith("MAIL") else None


@pytest.mark.parametrize(
    "script, extensions, environment, sentence, setting",
    [
        (no_login, ("STARTTLS", "AUTH PLAIN"), {}, "refuses the login (535)", "LANDBRIDGE_SMTP_PASSWORD"),
        (not_this_sender, ("STARTTLS", "AUTH PLAIN"), {}, "does not let us send as", "LANDBRIDGE_SMTP_USERNAME"),
        (no_login, ("AUTH PLAIN",), {}, "does not offer STARTTLS", "LANDBRIDGE_SMTP_SECURITY"),
        (no_login, ("STARTTLS",), {"LANDBRIDGE_SMTP_CA_FILE": ""}, "TLS with the mail", "LANDBRIDGE_SMTP_CA_FILE"),
    ],
    ids=["login", "sender", "no STARTTLS", "certificate"],
)
async def test_what_a_mail_server_can_object_to(
    control: Control,
    cli: Cli,
    *,
    script: Callable[[Heard], str | None],
    extensions: tuple[str, ...],
    environment: dict[str, str],
    sentence: str,
    setting: str,
) -> None:
    """Found out without a mail, and told with the setting to look at; the password is not."""
    control.load(USERS)
    async with ScriptedServer(script=script, extensions=extensions, tls=server_tls()) as mail:
        told = {
            "LANDBRIDGE_SMTP_HOST": "localhost",
            "LANDBRIDGE_SMTP_PORT": str(mail.port),
            "LANDBRIDGE_SMTP_SECURITY": "starttls",
            "LANDBRIDGE_SMTP_CA_FILE": str(CERTIFICATE),
            "LANDBRIDGE_SMTP_USERNAME": "user",
            "LANDBRIDGE_SMTP_PASSWORD": SECRETS[0],
        }
        code, findings = await look(cli, **{**told, **environment})
    assert (code, ill(findings)) == (1, {"Mail": Health.UNWELL})
    assert sentence in findings["Mail"].found
    assert setting in findings["Mail"].remedy
    assert not any(line.startswith(("RCPT", "DATA")) for line in mail.commands)


async def namespace(client: Client, name: str) -> None:
    """Add a namespace that knows nothing of us yet."""
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


async def test_a_namespace_that_was_not_prepared(client: Client, control: Control, cli: Cli, tmp_path: Path) -> None:
    """The remedy is the very command that prepares it; without a worker, that is told too."""
    control.load(USERS)
    await namespace(client, "bare")
    code, findings = await look(cli, TEMPORAL_NAMESPACE="bare")
    assert (code, ill(findings)) == (1, dict.fromkeys(("Search attributes", "Workers"), Health.UNWELL))
    assert findings["Workers"].found == "No worker runs."
    assert "worker.py" in findings["Workers"].remedy
    attributes = findings["Search attributes"]
    assert all(name in attributes.found for name in searchable.KINDS)
    program, *arguments = shlex.split(attributes.remedy)
    mending = await asyncio.create_subprocess_exec(
        Path(sysconfig.get_path("scripts"), program), *arguments, env={**cli.environment, "HOME": str(tmp_path)}
    )
    assert await mending.wait() == 0
    _, findings = await look(cli, TEMPORAL_NAMESPACE="bare")
    assert findings["Search attributes"].health is Health.WELL


async def test_a_queue_that_nobody_looks_after(
    client: Client, server: TemporalServer, control: Control, cli: Cli
) -> None:
    """Workers can be split up, and one of them be forgotten."""
    control.load(USERS)
    await namespace(client, "half")
    half = await connection.connect(environment={**server.environment, "TEMPORAL_NAMESPACE": "half"})
    mail = Worker(half, task_queue=options.MAIL_QUEUE, activities=[MailActivities(Post()).send_mails])
    async with mail:
        _, findings = await look(cli, TEMPORAL_NAMESPACE="half")
    assert findings["Workers"].health is Health.UNWELL
    assert findings["Workers"].found == ("No worker looks after landbridge, landbridge-opsgenie, landbridge-atlassian.")


async def test_a_search_attribute_of_another_type(client: Client, control: Control, cli: Cli) -> None:
    """Someone else took the name: told with both types."""
    control.load(USERS)
    await namespace(client, "other")
    kinds = {"PeopleTotal": IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD}
    request = AddSearchAttributesRequest(namespace="other", search_attributes=kinds)
    await client.operator_service.add_search_attributes(request)
    _, findings = await look(cli, TEMPORAL_NAMESPACE="other")
    assert findings["Search attributes"].found == "PeopleTotal is Keyword, not Int."
    assert "search-attribute remove --namespace other --name PeopleTotal" in findings["Search attributes"].remedy


async def test_whoever_never_answers_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look ends in time, whatever becomes of the others; what waits for one that is ill is not looked at."""
    monkeypatch.setattr(checkup, "SECONDS", 0.05)

    async def never() -> Well:
        await asyncio.Event().wait()
        raise AssertionError

    def raising(error: Exception) -> Callable[[], object]:
        async def look() -> Well:
            raise error

        return look

    async def well() -> Well:
        return Well("fine", "finer")

    findings = await checkup.examine(
        [
            Check("silent", never, "Wake it."),
            Check("after", well, "", after="silent"),
            Check("missing", raising(BadInput("X is not set")), "Look."),  # type: ignore[arg-type]  # it never returns
            Check("refusing", raising(ServiceRejected("It says no (1): ask, then resume.")), "Y."),  # type: ignore[arg-type]
            Check("away", raising(ServiceUnavailable("It is away.")), "Look there."),  # type: ignore[arg-type]
            Check("odd", raising(Unwell("It is odd.", "Mend it.")), "Look."),  # type: ignore[arg-type]
            Check("ours", raising(KeyError("secret")), "Look."),  # type: ignore[arg-type]
            Check("well", well, "Look."),
        ]
    )
    ours = findings.pop(-2)
    assert (ours.health, "KeyError" in ours.found, "secret" in ours.found) == (Health.UNWELL, True, False)
    assert [(one.health, one.found, one.remedy) for one in findings] == [
        (Health.UNWELL, "No answer within 0.05 seconds.", "Wake it."),
        (Health.NOT_CHECKED, "silent has to be well first.", ""),
        (Health.WRONG_SETTING, "X is not set", ""),
        (Health.UNWELL, "It says no (1).", "Ask. Y."),
        (Health.UNWELL, "It is away.", "Look there."),
        (Health.UNWELL, "It is odd.", "Mend it."),
        (Health.WELL, "fine", "finer"),
    ]


async def test_running_migrations_that_cannot_be_read(
    client: Client, server: TemporalServer, control: Control, cli: Cli
) -> None:
    """The key that is missing is named by its id, and where to put it; without encryption that is told, and why."""
    control.load(USERS)
    await namespace(client, "encrypted")
    environment = {**server.environment, "TEMPORAL_NAMESPACE": "encrypted"}
    _, findings = await look(cli, TEMPORAL_NAMESPACE="encrypted", LANDBRIDGE_ENCRYPTION_KEYS="")
    off = findings["Encryption"]
    assert (off.health, off.found.partition(":")[0]) == (Health.WELL, "Off")
    assert "LANDBRIDGE_ENCRYPTION_KEYS turns it on" in off.remedy
    theirs = "the-key-of-some-other-worker-somewhere-else"
    other = await connection.connect(environment={**environment, "LANDBRIDGE_ENCRYPTION_KEYS": theirs})
    request = MigrationRequest(opsgenie_account="acme", initiator="olga@example.com")
    await other.start_workflow("SiteMigrationWorkflow", request, id="unread", task_queue=options.WORKFLOWS)
    await eventually(lambda: migrations.listed(other))
    for keys, health in (("", Health.UNWELL), (KEY, Health.UNWELL), (f"{KEY},{theirs}", Health.WELL)):
        _, findings = await look(cli, TEMPORAL_NAMESPACE="encrypted", LANDBRIDGE_ENCRYPTION_KEYS=keys)
        told = findings["Encryption"]
        assert told.health is health
        assert theirs not in told.found
        if health is Health.UNWELL:
            assert PayloadEncryption([theirs]).key_ids[0] in told.found
            assert "LANDBRIDGE_ENCRYPTION_KEYS" in told.remedy


async def test_running_migrations_that_began_in_clear(
    client: Client, server: TemporalServer, control: Control, cli: Cli
) -> None:
    """Encryption holds them up unless a setting lets them go on, which is to be removed some day."""
    control.load(USERS)
    await namespace(client, "clear")
    other = await connection.connect(environment={**server.environment, "TEMPORAL_NAMESPACE": "clear"})
    request = MigrationRequest(opsgenie_account="acme", initiator="olga@example.com")
    await other.start_workflow("SiteMigrationWorkflow", request, id="unread", task_queue=options.WORKFLOWS)
    await eventually(lambda: migrations.listed(other))
    for accept, health in (("false", Health.UNWELL), ("true", Health.WELL)):
        _, findings = await look(cli, TEMPORAL_NAMESPACE="clear", LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR=accept)
        told = findings["Encryption"]
        assert (told.health, "in clear" in told.found or "held up" in told.found) == (health, True)
        assert "LANDBRIDGE_ENCRYPTION_ACCEPT_CLEAR" in told.remedy
