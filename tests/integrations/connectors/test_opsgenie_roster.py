from collections.abc import AsyncIterator

import pytest

from landbridge.domain.errors import BadInput, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.roster import RosterPerson
from landbridge.domain.sign_in import SignedIn
from landbridge.integrations import opsgenie
from landbridge.integrations.opsgenie import OpsgenieRoster
from tests.emulator.running import ACCOUNT, OPSGENIE_KEY, Control
from tests.published import Sent


@pytest.fixture
async def roster(service: str) -> AsyncIterator[OpsgenieRoster]:
    """Connect to the emulator, with two domains that sign in by SSO."""
    async with OpsgenieRoster(service, OPSGENIE_KEY, ["sso.example.com", "BÜCHER.example"]) as roster:
        yield roster


async def read(roster: OpsgenieRoster, account: str = ACCOUNT) -> list[RosterPerson]:
    """Read the whole roster."""
    return [person async for person in roster.people(account)]


def many(count: int) -> list[dict[str, object]]:
    """Return a seed with this many users."""
    return [{"username": f"person{number}@example.com"} for number in range(count)]


def page(control: Control, offset: int) -> str:
    """Return a page of users as the emulator answers it."""
    return control.http.get(
        "/v2/users",
        params={"offset": offset, "sortField": "insertedAt"},
        headers={"Authorization": f"GenieKey {OPSGENIE_KEY}"},
    ).text


async def test_people_have_all_fields_that_the_migration_needs(control: Control, roster: OpsgenieRoster) -> None:
    """The fields are the role, verification, blocks, locale and SSO, as Opsgenie reports them."""
    control.load(
        [
            {"username": " Ann@EXAMPLE.com", "fullName": "Ann", "role": "owner", "locale": "de_DE"},
            {"username": "marie@xn--bcher-kva.example", "role": "On-call lead", "verified": False, "blocked": True},
            {"username": "小林@sso.example.com", "fullName": "小" * 600},
        ]
    )
    assert await read(roster) == [
        RosterPerson(email="Ann@example.com", name="Ann", role="owner", locale="de_DE", email_verified=True),
        RosterPerson(email="marie@bücher.example", role="on-call lead", blocked=True, sso=True, locale="en_US"),
        RosterPerson(email="小林@sso.example.com", name="小" * 512, email_verified=True, sso=True, locale="en_US"),
    ]


@pytest.mark.parametrize("unseen", ["   ", "\u3164\u00ad", "\u200b\u200e", "\u202e \u2066", "\t\n"])
async def test_an_invisible_name_is_empty(control: Control, roster: OpsgenieRoster, unseen: str) -> None:
    """Lists and greetings then use the address. In other names, spaces are normalised."""
    control.load(
        [{"username": "ann@example.com", "fullName": unseen}, {"username": "bo@x.example", "fullName": " Bo\t Lind "}]
    )
    assert [person.name for person in await read(roster)] == ["", "Bo Lind"]


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
async def test_every_page_is_read(control: Control, roster: OpsgenieRoster, count: int) -> None:
    """Each person is listed once, wherever one page ends and the next begins."""
    control.load(many(count))
    assert [person.email for person in await read(roster)] == [user["username"] for user in many(count)]


async def test_unusable_addresses_are_listed_with_a_problem(control: Control, roster: OpsgenieRoster) -> None:
    """One bad row does not stop the others. Of two rows for one mailbox, only one is usable."""
    control.load(
        [
            {"username": username}
            for username in ["ann@example.com", "ANN@example.com", "no address", "", "a@b.example, c@d.example"]
        ]
    )
    people = await read(roster)
    assert [bool(person.problem) for person in people] == [False, True, True, True, True]
    assert "twice" in people[1].problem


async def test_a_key_of_another_opsgenie_account_is_refused(control: Control, roster: OpsgenieRoster) -> None:
    """No person of another company is listed, even if the account names differ only in case."""
    control.load(many(1))
    before = control.state()["calls"].get("GET /v2/users", 0)
    with pytest.raises(Refused, match="an Opsgenie account other than"):
        await read(roster, "Acme")
    assert control.state()["calls"].get("GET /v2/users", 0) == before


@pytest.mark.parametrize("status", [401, 403])
async def test_a_wrong_or_restricted_key_pauses(control: Control, service: str, status: int) -> None:
    """The message says how to fix it."""
    control.order("/v2/users", status=status)
    async with OpsgenieRoster(service, OPSGENIE_KEY) as roster:
        with pytest.raises(ServiceRejected, match="API key"):
            await read(roster)
    async with OpsgenieRoster(service, "wrong") as roster:
        with pytest.raises(ServiceRejected, match="API key"):
            await read(roster)


@pytest.mark.parametrize("repeated", [0, 100])
async def test_repeated_pages_end_the_reading(control: Control, roster: OpsgenieRoster, repeated: int) -> None:
    """A page that is returned twice causes neither an endless loop nor a lost person, because the counts differ."""
    control.load(many(250))
    control.order("offset=[12]00", status=200, body=page(control, repeated), times=2)
    with pytest.raises(ServiceUnavailable, match="read again"):
        await read(roster)
    control.http.delete("/emulator/faults")
    assert len(await read(roster)) == 250


async def test_a_list_that_changes_while_it_is_read_is_rejected(control: Control, roster: OpsgenieRoster) -> None:
    """If a person leaves, the pages shift and would skip another person. So no one is listed."""
    control.load(many(150))
    second = page(control, 100)
    control.order("offset=100", status=200, body=second.replace('"totalCount":150', '"totalCount":149'))
    with pytest.raises(ServiceUnavailable, match="read again"):
        await read(roster)


USERS = "GET /v2/users"


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"X-RateLimit-State": "THROTTLED", "X-RateLimit-Period-In-Sec": "0"}},
        {"status": 503, "headers": {"Retry-After": "0"}},
        {"truncate": 100},
    ],
    ids=["throttled", "unavailable", "truncated"],
)
async def test_an_error_midway_retries_only_that_page(
    control: Control, roster: OpsgenieRoster, fault: dict[str, object]
) -> None:
    """A rate limit or a transient error does not restart the reading of a long roster."""
    control.load(many(350))
    for offset in (100, 200, 300):
        control.order(f"offset={offset}", **fault)
    before = control.state()["calls"].get(USERS, 0)
    assert len(await read(roster)) == 350
    # The emulator truncates a real response, so it counts that call too.
    assert control.state()["calls"][USERS] - before == 4 + (3 if "truncate" in fault else 0)


async def test_a_rate_limit_below_the_number_of_pages_only_slows_down(control: Control, roster: OpsgenieRoster) -> None:
    """The limit allows three calls at a time, and five are needed. The roster is read once, more slowly."""
    control.load(many(350))
    control.http.post("/emulator/limits", json={"match": "/v2/", "calls": 3, "seconds": 0.2}).raise_for_status()
    before = control.state()["calls"].get(USERS, 0)
    assert len(await read(roster)) == 350
    assert control.state()["calls"][USERS] - before == 4


@pytest.mark.parametrize(
    "fault,seconds", [({"headers": {"Retry-After": "900"}}, 900), ({"headers": {"Retry-After": "0"}, "times": 5}, 0)]
)
async def test_a_wait_that_is_too_long_is_left_to_temporal(
    control: Control, roster: OpsgenieRoster, fault: dict[str, object], seconds: float
) -> None:
    """The error contains the wait that Opsgenie requests. Until it has passed, no request is sent."""
    control.load(many(150))
    control.order("offset=100", status=429, **fault)
    with pytest.raises(ServiceUnavailable, match="429") as caught:
        await read(roster)
    assert caught.value.retry_after == seconds
    if not seconds:
        assert len(await read(roster)) == 150
        return
    before = control.state()["calls"]
    with pytest.raises(ServiceUnavailable, match="limits the request rate"):
        await read(roster)
    assert control.state()["calls"] == before


async def test_the_total_wait_of_one_reading_is_bounded(
    control: Control, roster: OpsgenieRoster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the rate limit lasts longer, the activity fails and a retry reads the roster from its start."""
    monkeypatch.setattr(opsgenie, "MAX_TOTAL_WAIT", 0.015)
    control.load(many(350))
    for offset in (100, 200, 300):
        control.order(f"offset={offset}", status=429, headers={"Retry-After": "0.01"})
    with pytest.raises(ServiceUnavailable) as caught:
        await read(roster)
    assert caught.value.retry_after == 0.01


async def test_the_first_empty_page_ends_the_reading(control: Control, roster: OpsgenieRoster) -> None:
    """Reading ends even if the pages announce a larger total."""
    control.order("/v2/users", status=200, body='{"data": [], "totalCount": 100000}')
    with pytest.raises(ServiceUnavailable, match="inconsistent"):
        await read(roster)


async def test_a_roster_that_is_too_large_is_not_read(control: Control, roster: OpsgenieRoster) -> None:
    """Only the first page is requested, so Opsgenie cannot make the worker use unlimited memory."""
    control.load(many(1))
    body = page(control, 0).replace('"totalCount":1', '"totalCount":1000000000')
    control.order("/v2/users", status=200, body=body, times=3)
    before = control.state()["calls"].get("GET /v2/users", 0)
    with pytest.raises(ServiceRejected, match=r"1,000,000,000 users for the account, .* at most 500,000"):
        await read(roster)
    assert control.state()["calls"].get("GET /v2/users", 0) - before <= 1


def test_an_invalid_sso_domain_is_bad_input() -> None:
    """A typo in the settings is reported at startup."""
    with pytest.raises(BadInput):
        OpsgenieRoster("http://127.0.0.1:1", "key", ["not a domain"])


LEADERS: list[dict[str, object]] = [
    {"username": "olga+ops@example.com", "role": "owner", "fullName": "Olga"},
    {"username": "ulla@example.com"},
    {"username": "bert@example.com", "role": "admin", "blocked": True},
]


@pytest.mark.parametrize("spelling", ["olga+ops@example.com", "OLGA+ops@example.com"])
async def test_an_owner_is_found_by_the_address(
    control: Control, roster: OpsgenieRoster, sent: list[Sent], spelling: str
) -> None:
    """Only one user is requested. The result includes the name of the Opsgenie account."""
    control.load(LEADERS)
    found = await roster.find_admin(spelling)
    assert found == SignedIn(
        email="olga+ops@example.com", name="Olga", role="owner", opsgenie_account=ACCOUNT, locale="en_US"
    )
    assert len(sent) == 2


@pytest.mark.parametrize("email", ["ulla@example.com", "bert@example.com", "nobody@example.com", "a/b?c@example.com"])
async def test_other_users_are_not_admins(control: Control, roster: OpsgenieRoster, email: str) -> None:
    """Users without the role, blocked users and unknown addresses are not returned."""
    control.load(LEADERS)
    assert await roster.find_admin(email) is None
