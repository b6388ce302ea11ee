"""The `plan` command as a process against the emulator, whose data must not change."""

import asyncio
import csv
import io
import json
from pathlib import Path
from typing import Any

from landbridge.domain import events, lifecycle, roster
from landbridge.domain.activity_io import AccountOutcome, AccountQuestion
from landbridge.domain.people import State, arrive
from landbridge.domain.plan import BlockerKind, Plan, PlanLine, PlannedAction
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import Rules
from landbridge.domain.survey import AccountState, Manager
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.opsgenie import OpsgenieRoster
from tests.cli.conftest import Cli, Ran
from tests.cli.plan.conftest import OWNER, PLAN
from tests.domain.test_plan import NOW
from tests.emulator.running import ACCOUNT, OPSGENIE_KEY, ORGANIZATION, ORGANIZATION_KEY, Control
from tests.streams import collect

USERS: list[dict[str, Any]] = [
    {"username": OWNER, "fullName": "Olga", "role": "owner"},
    {"username": "new@example.com", "fullName": "=1+2"},
    {"username": "later@example.com", "verified": False},
    {"username": "known@example.com"},
    {"username": "theirs@other.example"},
    {"username": "ours@claimed.example"},
    {"username": "sleeping@example.com"},
    {"username": "closed@example.com"},
    {"username": "single@sso.example.com"},
    {"username": "blocked@example.com", "blocked": True},
    {"username": "New@example.com"},
    {"username": "nobody"},
]
ORGANIZED: dict[str, Any] = {
    "domains": {"claimed.example": "verified"},
    "accounts": [
        {"email": OWNER, "emailVerified": True},
        {"email": "known@example.com"},
        {"email": "theirs@other.example", "managedElsewhere": True, "emailVerified": True},
        {"email": "ours@claimed.example"},
        {"email": "sleeping@example.com", "accountStatus": "inactive"},
        {"email": "closed@example.com", "accountStatus": "closed"},
    ],
    "sites": [{"name": "ours", "siteAdmins": [OWNER]}, {"name": "wiki", "users": [OWNER]}],
}


def plan_of(ran: Ran) -> Plan:
    """Parse the printed plan."""
    return Plan.model_validate_json(ran.out)


def kinds(ran: Ran) -> list[BlockerKind]:
    """Return the kinds of blockers, and assert that the exit code matches them."""
    stops = [stop.kind for stop in plan_of(ran).blockers]
    assert ran.code == (2 if stops else 0), ran
    return stops


def tables(control: Control) -> dict[str, Any]:
    """Return the emulator's data."""
    return {name: table for name, table in control.state().items() if name != "calls"}


async def test_each_plan_line_matches_what_a_migration_does(control: Control, cli: Cli, service: str) -> None:
    """When the test makes the calls of a migration, every person gets the planned state."""
    control.load(USERS, **ORGANIZED)
    before = tables(control)
    ran = await cli(*PLAN, "--site", "ours", "-o", "json")
    assert tables(control) == before
    assert kinds(ran) == []
    lines = plan_of(ran).people
    planned = {line.email: (line.action, line.account, line.manager) for line in lines}
    assert planned == {
        OWNER: (PlannedAction.NEEDS_NOTHING, AccountState.ACTIVE, Manager.NOBODY),
        "new@example.com": (PlannedAction.NEW, AccountState.NOT_SHOWN, Manager.UNKNOWN),
        "later@example.com": (PlannedAction.NEW, AccountState.NOT_SHOWN, Manager.UNKNOWN),
        "known@example.com": (PlannedAction.ADOPTED, AccountState.ACTIVE, Manager.NOBODY),
        "theirs@other.example": (PlannedAction.NEEDS_NOTHING, AccountState.ACTIVE, Manager.ANOTHER_ORGANIZATION),
        "ours@claimed.example": (PlannedAction.ADOPTED, AccountState.ACTIVE, Manager.THIS_ORGANIZATION),
        "sleeping@example.com": (PlannedAction.UNUSABLE, AccountState.DEACTIVATED, Manager.NOBODY),
        "closed@example.com": (PlannedAction.UNUSABLE, AccountState.CLOSED, Manager.NOBODY),
        "single@sso.example.com": (PlannedAction.NEW, AccountState.NOT_SHOWN, Manager.UNKNOWN),
        "blocked@example.com": (PlannedAction.BLOCKED, None, None),
        "New@example.com": (PlannedAction.DUPLICATE, None, None),
        "nobody": (PlannedAction.INVALID, None, None),
    }
    reasons = {line.email: line.reason for line in lines}
    assert "the verification email comes first" in reasons["later@example.com"]
    assert "no password" in reasons["single@sso.example.com"]
    assert "deactivated" in reasons["sleeping@example.com"]
    assert "Another organization manages" in reasons["theirs@other.example"]
    assert {line.email: line.state for line in lines} == await states_after_accounts(service)


async def states_after_accounts(service: str) -> dict[str, State]:
    """Create the accounts as a migration does; return each person's state afterwards."""
    async with OpsgenieRoster(service, OPSGENIE_KEY, ["sso.example.com"]) as source:
        people = [arrive(number, row, NOW) for number, row in enumerate([row async for row in source.people(ACCOUNT)])]
    outcomes: list[AccountOutcome] = []
    async with AtlassianDirectory(service, ORGANIZATION_KEY, ORGANIZATION) as directory:
        questions = [AccountQuestion(person=p.number, email=p.email) for p in people if p.state is State.ARRIVED]
        await collect(directory.ensure(questions), outcomes.extend)
    for one in outcomes:
        event = (
            events.AccountProblem(one.email, one.problem)
            if one.problem
            else events.AccountSeen(one.email, one.account_id, one.verified, one.created)
        )
        people[one.person] = lifecycle.transition(people[one.person], event, NOW, Rules())
    return {person.email: person.state for person in people}


async def test_the_digest_is_the_one_that_start_compares(control: Control, cli: Cli, service: str) -> None:
    """The digest is computed from the roster as a worker reads it. It changes when a person joins."""
    control.load(USERS, **ORGANIZED)
    first = plan_of(await cli(*PLAN, "-o", "json"))
    async with OpsgenieRoster(service, OPSGENIE_KEY, ["sso.example.com"]) as source:
        assert first.digest == roster.digest([row async for row in source.people(ACCOUNT)])
    control.load([*USERS, {"username": "joined@example.com"}], **ORGANIZED)
    assert plan_of(await cli(*PLAN, "-o", "json")).digest not in {"", first.digest}


async def test_too_few_seats_block_the_migration(control: Control, cli: Cli) -> None:
    """The first people on the roster get the available seats."""
    users = [USERS[0], *({"username": f"person{number}@example.com"} for number in range(4))]
    control.load(users, **ORGANIZED, seats=8)
    ran = await cli(*PLAN, "--site", "ours", "-o", "json")
    assert kinds(ran) == [BlockerKind.LICENCE]
    assert [line.action for line in plan_of(ran).people[1:]] == [PlannedAction.NEW] * 2 + [
        PlannedAction.OVER_LICENCE
    ] * 2
    assert plan_of(ran).people[-1].mail is None


async def test_all_blockers_are_reported_together(control: Control, cli: Cli) -> None:
    """Each blocker has its remedy. The exit code is 2, and the plan is as complete as possible."""
    control.load(USERS, **ORGANIZED)
    new = ("--first-name", "O", "--last-name", "W", "-o", "json")
    ran = await asyncio.gather(
        cli("plan", ACCOUNT, "--initiator", "known@example.com", "--site", "ours", "-o", "json"),
        cli(*PLAN, "--site", "wiki", "-o", "json"),
        cli(*PLAN, "--site", "https://nowhere.example", "-o", "json"),
        cli(*PLAN, "--new-site", "Not A Name", *new),
        cli(*PLAN, "--new-site", "wiki2", *new),
        cli("plan", "another", "--initiator", OWNER, "-o", "json"),
    )
    assert [kinds(one) for one in ran] == [
        [BlockerKind.INITIATOR, BlockerKind.SITE],
        [BlockerKind.SITE],
        [BlockerKind.SITE],
        [BlockerKind.SITE],
        [],
        [BlockerKind.ROSTER],
    ]
    assert "not a site admin of wiki" in plan_of(ran[1]).blockers[0].message
    assert "nowhere.example' is linked" in plan_of(ran[2]).blockers[0].message
    assert "No site has this name now" in plan_of(ran[4]).remarks[0]
    assert (plan_of(ran[5]).digest, plan_of(ran[5]).people) == ("", [])
    assert all(plan_of(one).totals.people == len(USERS) for one in ran[:5])


async def test_a_taken_site_name_blocks_the_migration(control: Control, cli: Cli) -> None:
    """The plan probes the site itself. If the site does not answer, the plan contains only a remark."""
    control.load(USERS, **{**ORGANIZED, "sites": [{"name": "elsewhere", "siteAdmins": ["x@example.com"]}]})
    wanted = (*PLAN, "--new-site", "elsewhere", "--first-name", "O", "--last-name", "W", "-o", "json")
    taken, unknown = await asyncio.gather(
        cli(*wanted), cli(*wanted, LANDBRIDGE_ATLASSIAN_SITE_URL="http://127.0.0.1:9/{name}")
    )
    assert kinds(taken) == [BlockerKind.SITE]
    assert "such as elsewhere-team" in plan_of(taken).blockers[0].message
    assert kinds(unknown) == []
    assert "is known when the site is created" in plan_of(unknown).remarks[0]


async def test_rejected_credentials_block_the_migration(control: Control, cli: Cli) -> None:
    """Both rejections are reported, without the keys and without the advice to resume a migration."""
    control.load(USERS, **ORGANIZED)
    ran = await cli(
        *PLAN,
        "-o",
        "json",
        LANDBRIDGE_OPSGENIE_API_KEY="secret-one",
        LANDBRIDGE_ATLASSIAN_API_KEY="secret-two",
    )
    assert kinds(ran) == [BlockerKind.SERVICE, BlockerKind.SERVICE]
    assert "Opsgenie rejected the API key" in plan_of(ran).blockers[0].message
    assert "Atlassian rejected the API key" in plan_of(ran).blockers[1].message
    assert not any(word in ran.out + ran.err for word in ("resume", "secret"))


async def test_a_missing_setting_is_bad_input(cli: Cli) -> None:
    """The message names the missing setting."""
    ran = await cli(*PLAN, LANDBRIDGE_ATLASSIAN_URL="nonsense")
    assert (ran.code, ran.out) == (2, "")
    assert "LANDBRIDGE_ATLASSIAN_URL is wrong" in ran.err


async def test_a_roster_file_can_be_planned(control: Control, cli: Cli, tmp_path: Path) -> None:
    """Opsgenie is not called. Each problem in the file is a blocker, because `start` would refuse the file."""
    control.load(USERS, **ORGANIZED)
    before = control.state()["calls"].get("GET /v2/users", 0)
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text(f"email,role,email_verified\n{OWNER},owner,true\n")
    bad.write_text(f"email,role\n{OWNER},owner\n{OWNER},user\nnobody,user\na@example.com,king\n")
    planned, stopped = await asyncio.gather(
        *(cli(*PLAN, "--site", "ours", "--roster", path, "-o", "json") for path in (good, bad))
    )
    assert kinds(planned) == []
    assert plan_of(planned).digest == roster.digest([RosterPerson(email=OWNER, role="owner", email_verified=True)])
    assert kinds(stopped) == [BlockerKind.ROSTER] * 3
    assert [stop.message.partition(":")[0] for stop in plan_of(stopped).blockers] == ["Row 3", "Row 4", "Row 5"]
    assert plan_of(stopped).digest == ""
    assert [line.action for line in plan_of(stopped).people[1:]] == [
        PlannedAction.DUPLICATE,
        PlannedAction.INVALID,
        PlannedAction.INVALID,
    ]
    assert control.state()["calls"].get("GET /v2/users", 0) == before


async def test_temporary_errors_are_retried(control: Control, cli: Cli) -> None:
    """A plan for many people takes hundreds of calls, so a rate limit or a lost response must not fail it."""
    users = [USERS[0], *({"username": f"person{number}@example.com"} for number in range(249))]
    control.load(users, **ORGANIZED)
    control.order("users/search", skip=2, status=429, headers={"Retry-After": "0"})
    control.order("users/search", skip=1, status=500, headers={"Retry-After": "0"})
    control.order("/v2/account", status=503, headers={"Retry-After": "0"})
    ran = await cli(*PLAN, "-o", "json")
    assert kinds(ran) == []
    assert [line.email for line in plan_of(ran).people] == [str(user["username"]) for user in users]
    assert "Atlassian limits the request rate (429). Retrying in 0 s." in ran.err


async def test_permanent_errors_fail_the_plan(control: Control, cli: Cli) -> None:
    """If a service asks for a wait of an hour, the plan fails. No partial plan is printed."""
    control.load(USERS, **ORGANIZED)
    control.order("users/search", skip=1, times=9, status=429, headers={"Retry-After": "3600"})
    ran = await cli(*PLAN, "-o", "csv")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "Atlassian limits the request rate (429).\n"


async def test_the_csv_plan_contains_no_formulas(control: Control, cli: Cli) -> None:
    """The CSV lists everyone. The blockers are printed to stderr instead."""
    control.load(USERS, **ORGANIZED)
    ran = await cli(*PLAN, "--site", "wiki", "-o", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert (ran.code, len(rows), list(rows[0])) == (2, len(USERS), list(PlanLine.model_fields))
    assert rows[1]["name"] == "'=1+2"
    assert "not a site admin of wiki" in ran.err


async def test_the_table_shows_counts_people_and_the_start_command(control: Control, cli: Cli) -> None:
    """People with problems are listed with the reason. The last line is the command that starts the migration."""
    control.load(USERS, **ORGANIZED)
    ran = await cli(*PLAN, "--site", "ours")
    assert (ran.code, ran.err) == (0, "")
    assert "12 people" in ran.out
    assert "sleeping@example.com  The Atlassian account is deactivated" in ran.out
    digest = plan_of(await cli(*PLAN, "--site", "ours", "-o", "json")).digest
    assert ran.out.splitlines()[-1].strip() == (
        f"./starter.py start {ACCOUNT} --initiator {OWNER} --site ours --plan {digest}"
    )


async def test_the_json_plan_matches_the_documentation(control: Control, cli: Cli) -> None:
    """Enum members are printed as their values, and stdout contains nothing but the JSON."""
    control.load(USERS, **ORGANIZED)
    ran = await cli(*PLAN, "-o", "json")
    answer = json.loads(ran.out)
    assert answer["totals"]["by_action"]["needs_nothing"] == 2
    assert answer["totals"]["by_mail"] == {"verification": 1, "authentication": 4}
    assert answer["people"][2]["mail"] == "verification"
    assert "Sites to choose from after the start: ours." in answer["remarks"][0]
