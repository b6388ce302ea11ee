"""Commands that change a migration or a person: they take effect, are recorded, or are refused with a reason."""

import asyncio
import os

import pytest
from temporalio.client import Client

from landbridge.client import migrations
from landbridge.client.migration import Migration
from landbridge.domain.errors import Refused
from landbridge.domain.links import Purpose
from landbridge.domain.messages import Decided, NotSent, Resent
from landbridge.domain.people import Actor, State
from landbridge.domain.text import Text
from tests.cli.conftest import Cli, request_for
from tests.fakes import World
from tests.workflows.harness import eventually


async def _until(migration: Migration, email: str, state: State) -> None:
    async def there() -> bool:
        return (await migration.person(email)).person.state is state

    await eventually(there)


async def test_recorded_facts_move_people_on(cli: Cli, moving: Migration, account: str) -> None:
    """The timeline records who stated what."""
    verified, authenticated = await asyncio.gather(
        cli("verify", account, "ben@example.com"),
        cli("authenticate", account, "anna@example.com", "--by", "Ada"),
    )
    assert (verified.code, authenticated.code) == (0, 0)
    await _until(moving, "ben@example.com", State.AUTHENTICATING)
    await _until(moving, "anna@example.com", State.CONNECTED)
    who = [entry.by.name for entry in (await moving.person("ben@example.com")).person.timeline]
    assert "tester" in who
    assert (await moving.person("anna@example.com")).person.timeline[-1].by.name == "Ada"
    again = await cli("verify", account, "anna@example.com")
    assert again.code == 0
    assert "Nothing was recorded: this person is already connected." in again.err


async def test_resend_respects_the_cool_down(cli: Cli, world: World, moving: Migration, account: str) -> None:
    """A person who just received a mail has to wait. An unreachable person gets another mail immediately."""
    assert moving
    before = len(world.mailer.sent("anna@example.com", Purpose.AUTHENTICATION))
    soon, some, tried = await asyncio.gather(
        cli("resend", account, "anna@example.com", "-o", "json"),
        cli("resend", account, "eve@example.com", "gone@example.com", "-o", "json"),
        cli("resend", account, "--state", "email_unverified", "-o", "json"),
    )
    assert soon.code == 3
    assert "An email was sent moments ago" in soon.err
    assert [one.email for one in Resent.model_validate_json(soon.out).refused] == ["anna@example.com"]
    assert len(world.mailer.sent("anna@example.com", Purpose.AUTHENTICATION)) == before
    assert some.code == 3
    assert "eve@example.com: An email was sent moments ago" in some.err
    assert Resent.model_validate_json(some.out) == Resent(
        queued=1, not_now=1, refused=[NotSent(email="eve@example.com", reason=Text(some.err.split(": ", 1)[1].strip()))]
    )
    assert tried.code == 0
    assert Resent.model_validate_json(tried.out) == Resent(not_now=1)


async def test_people_are_excluded_and_addresses_corrected(cli: Cli, moving: Migration, account: str) -> None:
    """The reason is recorded, and the former address still finds the person."""
    excluded, corrected, taken = await asyncio.gather(
        cli("exclude", account, "anna@example.com", "--reason", "left the company"),
        cli("correct-email", account, "gone@example.com", f"{account}@example.com"),
        cli("correct-email", account, "ben@example.com", "eve@example.com"),
    )
    assert (excluded.code, corrected.code) == (0, 0)
    late = await cli("authenticate", account, "anna@example.com")
    assert (late.code, late.err) == (3, "Nothing was recorded: this person is already excluded.\n")
    assert taken.code == 3
    assert "already belongs to another person" in taken.err
    anna = (await moving.person("anna@example.com")).person
    assert (anna.state, anna.reason) == (State.EXCLUDED, "left the company")
    assert (await moving.person("gone@example.com")).person.email == f"{account}@example.com"
    former = await cli("verify", account, "gone@example.com")
    assert (former.code, f"address is now {account}@example.com" in former.err) == (3, True)


async def test_an_empty_address_matches_nobody(cli: Cli, moving: Migration, account: str) -> None:
    """An unset shell variable gives an empty address. It finds no person and is refused as a new address."""
    shown = await cli("person", account, "")
    assert (shown.code, "Nobody with this address" in shown.err) == (5, True)
    with pytest.raises(Refused, match="The new address cannot be used"):
        await moving.correct_email("ben@example.com", "", Actor(name="tester"))


async def test_refresh_reads_from_the_services_immediately(
    cli: Cli, moving: Migration, world: World, account: str
) -> None:
    """Without `refresh`, Landbridge polls only every few minutes."""
    assert (await moving.progress()).site
    before = world.atlassian.calls["find"]
    assert (await cli("refresh", account)).code == 0
    await eventually(lambda: world.atlassian.calls["find"] > before)


async def test_resume_shows_the_pause_and_asks(cli: Cli, moving: Migration, account: str) -> None:
    """The user does not have to type the reason. Any answer other than yes changes nothing."""
    assert (await cli("pause", account, "--reason", "the audit")).code == 0
    for answer, code, paused in ((b"n\n", 2, "the audit"), (b"y\n", 0, "")):
        async with cli.at_prompt("resume", account, shown=b"Paused: the audit. Resume?") as (process, terminal):
            os.write(terminal, answer)
            assert await process.wait() == code
        assert (await moving.progress()).paused == paused


async def test_pause_resume_and_deadline_take_effect_immediately(cli: Cli, moving: Migration, account: str) -> None:
    """The status shows each change immediately. `resume` requires the reason of the pause."""
    assert (await cli("pause", account, "--reason", "the audit")).code == 0
    assert (await moving.progress()).paused == "the audit"
    ran = await cli("resume", account)
    assert (ran.code, "give the reason of that pause: the audit." in ran.err) == (3, True)
    assert (await cli("resume", account, "--reason", "the audit")).code == 0
    assert (await moving.progress()).paused == ""
    assert (await cli("set-deadline", account, "14d", "--at-deadline", "complete_partial")).code == 0
    assert (await moving.progress()).deadline is not None
    assert (await moving.progress()).at_deadline == "complete_partial"
    assert (await cli("set-deadline", account, "none")).code == 0
    assert (await moving.progress()).deadline is None
    ran = await cli("confirm", account)
    assert ran.code == 3
    assert "no task to confirm" in ran.err


@pytest.mark.usefixtures("world")
async def test_a_site_is_chosen_or_created(cli: Cli, client: Client, account: str) -> None:
    """A refusal lists the sites that can be chosen, or the names that are free."""
    await migrations.start(client, request_for(account))
    migration = Migration(client, account)

    async def is_asked() -> bool:
        return "Choose a site" in (await migration.progress()).task

    await eventually(is_asked)
    ran = await cli("choose-site", account, "other")
    assert ran.code == 3
    assert "not a site admin of other. Sites to choose from: acme" in ran.err
    ran = await cli("name-site", account, "taken", "--first-name", "Olga", "--last-name", "Owner")
    assert ran.code == 3
    assert "taken-team" in ran.err
    ran = await cli("name-site", account, account, "--first-name", "Olga", "--last-name", "Owner", "-o", "json")
    assert ran.code == 0
    site = Decided.model_validate_json(ran.out).site
    assert site is not None
    assert site.name == account
    assert (await cli("choose-site", account, "acme")).code == 3
