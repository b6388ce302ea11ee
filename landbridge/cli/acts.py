from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, session, text
from landbridge.cli.options import CHOICE, Account, By, Email, Output, Output_, Run
from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.migration import Migration
from landbridge.domain import addresses, pasted
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import NotSent, Resent
from landbridge.domain.people import Actor, State
from landbridge.platform.exits import Exit

_HOLDS = {State.CONNECTED, State.SKIPPED}
"""States of people of whom it holds already that they verified, and set their account up."""


async def resend(
    account: Account,
    /,
    *emails: Annotated[str, Parameter(help="Addresses of the people.")],
    state: Annotated[State | None, CHOICE, Parameter(help="Or: everyone in this state.", metavar="STATE")] = None,
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> int:
    """Send mail again; one person who cannot get it now does not stop the others."""
    if bool(emails) is (state is not None):
        raise BadInput("Name the people by their addresses, or give --state, but not both.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    people = [pasted.address(email) for email in emails]
    resent = await (_resend(migration, people, actor) if state is None else migration.resend_all(state, actor))
    for one in resent.refused:
        text.say(f"{one.email}: {one.reason}")
    if output is Output.JSON:
        text.write_json(resent)
    else:
        not_now = f" {resent.not_now} cannot get one now." if resent.not_now else ""
        text.say(f"{resent.queued} mail{'' if resent.queued == 1 else 's'} will go out.{not_now}")
    return Exit.REFUSED if resent.refused else Exit.DONE


async def _resend(migration: Migration, emails: Sequence[str], actor: Actor) -> Resent:
    try:
        return await migration.resend(*emails, by=actor)
    except Refused as error:
        # Of one person alone this is all there is to tell, in the same form as of many.
        return Resent(not_now=1, refused=[NotSent(email=emails[0], reason=error.text)])


async def verify(account: Account, email: Email, /, *, run: Run = "", by: By = "") -> None:
    """Record that an Opsgenie email is verified."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await _record(migration, email, lambda: migration.verify(email, actor))


async def authenticate(account: Account, email: Email, /, *, run: Run = "", by: By = "") -> None:
    """Record that an Atlassian account is set up."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await _record(migration, email, lambda: migration.authenticate(email, actor))


async def _record(migration: Migration, email: str, record: Callable[[], Awaitable[None]]) -> None:
    """Record a fact about someone; it lasts without a worker, which only could tell whether there is such a person."""
    try:
        person = (await migration.person(email)).person
    except NoWorkerAnswers:
        await record()
        text.say(
            "Recorded, but no worker answers now: it takes effect when one runs, if this person is in the migration."
        )
        return
    if addresses.key(email) != addresses.key(person.email):
        raise Refused(f"This person's address is {person.email} now: name that one, if it is meant.")
    if person.settled:
        said = f"Nothing is awaited of this person any more: {person.state}."
        if person.state not in _HOLDS:
            raise Refused(said)
        text.say(said)
        return
    await record()
    text.say("Recorded.")


async def exclude(
    account: Account,
    email: Email,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Stands in the report.")],
    run: Run = "",
    by: By = "",
) -> None:
    """Take someone out of the migration."""
    reason = options.reason(reason, "it stands in the report")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.exclude(email, reason, actor)
    text.say("Excluded: nothing is awaited of this person any more.")


async def correct_email(
    account: Account,
    email: Email,
    new: Annotated[str, Parameter(help="The address that is right.")],
    /,
    *,
    run: Run = "",
    by: By = "",
) -> None:
    """Give someone another address."""
    new = pasted.address(new)
    try:
        addresses.normalise(new)
    except BadInput as error:
        raise BadInput(f"The new address cannot be used: {error}.") from None
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.correct_email(email, new, actor)
    text.say("Corrected: the mails go to the new address from now on.")
