"""Makes a plan from the data of Opsgenie and Atlassian; changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from landbridge.cli import roster_input, services, text
from landbridge.domain import planner, roster, sites
from landbridge.domain.errors import BadInput, Refused, ServiceRejected, ServiceUnavailable
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.plan import Blocker, BlockerKind, Plan, PlanLine, Totals
from landbridge.domain.planner import Planner
from landbridge.domain.roster import RosterPerson
from landbridge.domain.sites import Site
from landbridge.domain.survey import AccountLookup, Seats
from landbridge.integrations.atlassian.directory import AtlassianDirectory
from landbridge.integrations.opsgenie import OpsgenieRoster

MAX_ATTEMPTS = 6
"""Consecutive failed attempts of a call before the plan fails."""
MAX_PAUSE = 120.0
"""Longest backoff, in seconds: if a service demands a longer one, the plan fails."""
EMAILS_PER_LOOKUP = 10_000
"""Addresses per lookup; each lookup also reads the organization's domains again."""
_Answer = TypeVar("_Answer")


async def from_file(request: MigrationRequest, path: Path) -> Plan:
    """Plan with the people of a roster file.

    Raises:
        BadInput: the file cannot be read, or a setting is missing or wrong.
        ServiceUnavailable: Atlassian does not answer, after retries.

    """
    reading = await roster_input.read(path)
    blockers = [
        Blocker(
            kind=BlockerKind.ROSTER,
            message=f"Row {problem.row}: {problem.message}" if problem.row else problem.message,
        )
        for problem in reading.problems
    ]
    async with services.atlassian() as directory:
        return await _make(request, reading.people, blockers, directory)


async def from_opsgenie(request: MigrationRequest) -> Plan:
    """Plan with the people that Opsgenie lists.

    Raises:
        BadInput: a setting is missing or wrong.
        ServiceUnavailable: Opsgenie or Atlassian does not answer, after retries.

    """
    people: list[RosterPerson] = []
    blockers = []
    async with services.opsgenie() as source, services.atlassian() as directory:
        try:
            with text.err().status("Reading the roster from Opsgenie …"):
                people = await _with_retries(lambda: _listed(source, request.opsgenie_account))
        except Refused as error:
            blockers.append(Blocker(kind=BlockerKind.ROSTER, message=str(error)))
        except ServiceRejected as error:
            blockers.append(_rejection(error))
        return await _make(request, people, blockers, directory)


async def _listed(source: OpsgenieRoster, opsgenie_account: str) -> list[RosterPerson]:
    return [person async for person in source.people(opsgenie_account)]


async def _make(
    request: MigrationRequest, people: list[RosterPerson], blockers: list[Blocker], directory: AtlassianDirectory
) -> Plan:
    digest = "" if blockers else roster.digest(people)
    listed: list[Site] | None = None
    seats, lines, totals = None, list[PlanLine](), Totals()
    try:
        with text.err().status("Reading the initiator's sites …"):
            listed = await _with_retries(lambda: directory.sites(request.initiator))
            seats = planner.seats_for(await _with_retries(directory.seats), sites.pick(listed, request.site))
        lines, totals = await _lines(Planner(seats.free if seats else None), people, directory)
    except ServiceRejected as error:
        blockers.append(_rejection(error))
    survey = roster.survey(people) if people else None
    taken = await _name_taken(request, listed or [])
    blockers += planner.blockers(
        request, survey=survey, listed=listed, seats=seats, totals=totals, name_taken=bool(taken)
    )
    return Plan(
        opsgenie_account=request.opsgenie_account,
        initiator=request.initiator,
        site=request.new_site.name if request.new_site else request.site,
        digest=digest,
        blockers=blockers,
        remarks=[] if listed is None else _remarks(request, listed, seats, taken),
        sites=listed or [],
        totals=totals,
        people=lines,
    )


async def _lines(
    line_planner: Planner, people: list[RosterPerson], directory: AtlassianDirectory
) -> tuple[list[PlanLine], Totals]:
    looked_up = [person for person in people if planner.asks_atlassian(person)]
    lookups = _lookups(looked_up, directory)
    console, lines = text.err(), list[PlanLine]()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Atlassian accounts", total=len(looked_up))
        for person in people:
            lookup = None
            if planner.asks_atlassian(person):
                lookup = await anext(lookups)
                bar.advance(task)
            lines.append(line_planner.take(person, lookup))
    return lines, line_planner.totals


async def _lookups(people: Sequence[RosterPerson], directory: AtlassianDirectory) -> AsyncIterator[AccountLookup]:
    """Yield each person's Atlassian account; after a failed call, resume with the first person not yielded yet."""
    done = attempts = 0
    while done < len(people):
        try:
            async for lookup in directory.lookups([person.email for person in people[done : done + EMAILS_PER_LOOKUP]]):
                done, attempts = done + 1, 0
                yield lookup
        except ServiceUnavailable as error:
            attempts += 1
            await _back_off(error, attempts)


async def _with_retries(call: Callable[[], Awaitable[_Answer]]) -> _Answer:
    attempts = 0
    while True:
        try:
            return await call()
        except ServiceUnavailable as error:
            attempts += 1
            await _back_off(error, attempts)


async def _back_off(error: ServiceUnavailable, attempts: int) -> None:
    """Wait for the time that the service demands, or with exponential backoff; re-raise after too many attempts."""
    pause = 2.0**attempts / 2 if error.retry_after is None else error.retry_after
    if attempts >= MAX_ATTEMPTS or pause > MAX_PAUSE:
        raise error
    text.say(f"{error} Retrying in {pause:g} s.")
    await asyncio.sleep(pause)


def _rejection(error: ServiceRejected) -> Blocker:
    return Blocker(kind=BlockerKind.SERVICE, message=str(error))


async def _name_taken(request: MigrationRequest, listed: Sequence[Site]) -> bool | None:
    """Return whether another company's site has the new site's name; None: unknown, or there is no new site."""
    probe, new = services.site_probe(), request.new_site
    if probe is None or new is None:
        return None
    try:
        return not any(site.name == new.name for site in listed) and await probe.cloud_id(new.name) is not None
    except (BadInput, ServiceUnavailable, ServiceRejected):
        return None


def _remarks(
    request: MigrationRequest,
    listed: Sequence[Site],
    seats: Seats | None,
    taken: bool | None,  # noqa: FBT001 - a result, not a switch
) -> list[str]:
    remarks = []
    if services.invites():
        remarks.append(
            "Atlassian sends its own invitation to new people with a verified address; Landbridge sends the reminders."
        )
    if request.new_site is not None:
        now = "No site has this name now, but it may have been used before. " if taken is False else ""
        remarks.append(
            f"{now}Whether the name is free, and how many seats there are, is known when the site is created."
        )
    elif not request.site:
        choice = ", ".join(site.name for site in listed if site.admin) or "none; you will have to create one"
        remarks.append(f"No site was given, so seats are not counted. Sites to choose from after the start: {choice}.")
    elif seats is None:
        remarks.append("Atlassian does not report how many seats are left, so they are not counted.")
    return remarks
