"""Making a plan: asking Opsgenie and Atlassian what is needed for it. Nothing is changed anywhere."""

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
"""Times in a row that a neighbour may ask for patience or not answer before we give up."""
MAX_PAUSE = 120.0
"""Seconds; whoever asks us to wait longer than this is not waited for."""
EMAILS_PER_LOOKUP = 10_000
"""People whose questions are held in memory; for each such lot the organization's domains are asked for again."""
_Answer = TypeVar("_Answer")


async def from_file(request: MigrationRequest, path: Path) -> Plan:
    """Plan with the people of a roster file.

    Raises:
        BadInput: the file as a whole cannot be read, or a setting is missing or wrong.
        ServiceUnavailable: Atlassian does not answer, after some tries.

    """
    reading = await roster_input.read(path)
    stops = [
        Blocker(
            kind=BlockerKind.ROSTER,
            sentence=f"Row {problem.row}: {problem.sentence}" if problem.row else problem.sentence,
        )
        for problem in reading.problems
    ]
    async with services.atlassian() as directory:
        return await _make(request, reading.people, stops, directory)


async def from_opsgenie(request: MigrationRequest) -> Plan:
    """Plan with the people that Opsgenie lists.

    Raises:
        BadInput: a setting is missing or wrong.
        ServiceUnavailable: Opsgenie or Atlassian does not answer, after some tries.

    """
    people: list[RosterPerson] = []
    stops = []
    async with services.opsgenie() as source, services.atlassian() as directory:
        try:
            with text.err().status("The roster is read from Opsgenie …"):
                people = await _patiently(lambda: _listed(source, request.opsgenie_account))
        except Refused as error:
            stops.append(Blocker(kind=BlockerKind.ROSTER, sentence=str(error)))
        except ServiceRejected as error:
            stops.append(_refusal(error))
        return await _make(request, people, stops, directory)


async def _listed(source: OpsgenieRoster, opsgenie_account: str) -> list[RosterPerson]:
    return [person async for person in source.people(opsgenie_account)]


async def _make(
    request: MigrationRequest, people: list[RosterPerson], stops: list[Blocker], directory: AtlassianDirectory
) -> Plan:
    digest = "" if stops else roster.digest(people)
    listed: list[Site] | None = None
    seats, lines, totals = None, list[PlanLine](), Totals()
    try:
        with text.err().status("The initiator's sites are listed …"):
            listed = await _patiently(lambda: directory.sites(request.initiator))
            seats = planner.seats_for(await _patiently(directory.seats), sites.pick(listed, request.site))
        lines, totals = await _lines(Planner(seats.free if seats else None), people, directory)
    except ServiceRejected as error:
        stops.append(_refusal(error))
    survey = roster.survey(people) if people else None
    taken = await _name_taken(request, listed or [])
    stops += planner.stops(request, survey=survey, listed=listed, seats=seats, totals=totals, name_taken=bool(taken))
    return Plan(
        opsgenie_account=request.opsgenie_account,
        initiator=request.initiator,
        site=request.new_site.name if request.new_site else request.site,
        digest=digest,
        stops=stops,
        remarks=[] if listed is None else _remarks(request, listed, seats, taken),
        sites=listed or [],
        totals=totals,
        people=lines,
    )


async def _lines(
    taking: Planner, people: list[RosterPerson], directory: AtlassianDirectory
) -> tuple[list[PlanLine], Totals]:
    asked = [person for person in people if planner.asks_atlassian(person)]
    lookups = _standings(asked, directory)
    console, lines = text.err(), list[PlanLine]()
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("Atlassian accounts", total=len(asked))
        for person in people:
            standing = None
            if planner.asks_atlassian(person):
                standing = await anext(lookups)
                bar.advance(task)
            lines.append(taking.take(person, standing))
    return lines, taking.totals


async def _standings(people: Sequence[RosterPerson], directory: AtlassianDirectory) -> AsyncIterator[AccountLookup]:
    """Yield how each of these people stands; after trouble, go on from where it came."""
    done = tries = 0
    while done < len(people):
        try:
            async for standing in directory.lookups(
                [person.email for person in people[done : done + EMAILS_PER_LOOKUP]]
            ):
                done, tries = done + 1, 0
                yield standing
        except ServiceUnavailable as problem:
            tries += 1
            await _bear(problem, tries)


async def _patiently(ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
    tries = 0
    while True:
        try:
            return await ask()
        except ServiceUnavailable as problem:
            tries += 1
            await _bear(problem, tries)


async def _bear(problem: ServiceUnavailable, tries: int) -> None:
    """Wait as long as a neighbour asks us to, or longer from try to try; raise its trouble if that is of no use."""
    pause = 2.0**tries / 2 if problem.retry_after is None else problem.retry_after
    if tries >= MAX_ATTEMPTS or pause > MAX_PAUSE:
        raise problem
    text.say(f"{problem} The next try is in {pause:g} s.")
    await asyncio.sleep(pause)


def _refusal(error: ServiceRejected) -> Blocker:
    return Blocker(kind=BlockerKind.NEIGHBOUR, sentence=str(error))


async def _name_taken(request: MigrationRequest, listed: Sequence[Site]) -> bool | None:
    """Return whether a site of somebody else has the name of the new one; none: it is not known, or none is wanted."""
    door, new = services.site_probe(), request.new_site
    if door is None or new is None:
        return None
    try:
        return not any(site.name == new.name for site in listed) and await door.cloud_id(new.name) is not None
    except (BadInput, ServiceUnavailable, ServiceRejected):
        return None


def _remarks(
    request: MigrationRequest,
    listed: Sequence[Site],
    seats: Seats | None,
    taken: bool | None,  # noqa: FBT001 - found, not chosen
) -> list[str]:
    remarks = []
    if services.invites():
        remarks.append("Atlassian mails its own invitation to whoever is new and verified; our email is the reminder.")
    if request.new_site is not None:
        known = "No site has the name now; whether one ever had it" if taken is False else "Whether the name is free"
        remarks.append(f"{known} shows only when the site is created, and so do its seats.")
    elif not request.site:
        choice = ", ".join(site.name for site in listed if site.admin) or "none, so it will have to be a new one"
        remarks.append(f"No site is named, so the start will ask, and seats are not counted. To choose from: {choice}.")
    elif seats is None:
        remarks.append("Atlassian does not say how many seats are left, so they are not counted.")
    return remarks
