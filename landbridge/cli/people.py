"""Commands about people: list, show, resend, record, exclude, correct an address."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from landbridge.cli import options, people_view, session, text
from landbridge.cli.options import CHOICE, SHOWN, Account, By, Email, Output, Output_, Run, States
from landbridge.client.calls import NoWorkerAnswers
from landbridge.client.migration import Migration
from landbridge.domain import addresses, pasted
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import NotSent, Resent
from landbridge.domain.people import Actor, State
from landbridge.platform.exits import Exit

_DONE = {State.CONNECTED, State.SKIPPED}
"""States of people who need neither a verified email address nor an account any more."""


async def people(
    account: Account,
    /,
    *,
    state: States = None,
    search: Annotated[str, Parameter(help="Only people whose name or address contains this.", metavar="TEXT")] = "",
    page: Annotated[
        str, Parameter(help="The page, as the previous page names it. Default: the first.", metavar="PAGE")
    ] = "",
    limit: Annotated[
        int, Parameter(help="People per page, at most 250.", metavar="N", validator=Number(gte=1, lte=250)), SHOWN
    ] = 50,
    output: Output_ = Output.TABLE,
) -> None:
    """List people, cohort by cohort."""
    migration = await session.migration(account)
    found = await migration.people(state or [], search=pasted.address(search), page=page, limit=limit)
    if output is Output.JSON:
        text.write_json(found)
        return
    if found.people:
        text.out().print(people_view.render_list(found))
    shown = text.people(len(found.people))
    text.say(f"{shown}. For the next page: --page {found.next}" if found.next else f"{shown}, end of the list.")


async def person(account: Account, email: Email, /, *, output: Output_ = Output.TABLE) -> None:
    """Show one person."""
    migration = await session.migration(account)
    found = await migration.person(email)
    session.warn_if_unverified(migration, [entry.by for entry in found.person.timeline])
    if output is Output.JSON:
        text.write_json(found)
    else:
        text.out().print(people_view.render_person(found))


async def resend(
    account: Account,
    /,
    *emails: Annotated[str, Parameter(help="The people's addresses.")],
    state: Annotated[State | None, CHOICE, Parameter(help="Or: everyone in this state.", metavar="STATE")] = None,
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> int:
    """Resend mails; people who cannot get a mail now do not affect the others."""
    if bool(emails) is (state is not None):
        raise BadInput("Give either the people's addresses or --state.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    people = [pasted.address(email) for email in emails]
    resent = await (_resend(migration, people, actor) if state is None else migration.resend_all(state, actor))
    for refused in resent.refused:
        text.say(f"{refused.email}: {refused.reason}")
    if output is Output.JSON:
        text.write_json(resent)
    else:
        not_now = f" {text.people(resent.not_now)} cannot get a mail now." if resent.not_now else ""
        text.say(f"{resent.queued} mail{'' if resent.queued == 1 else 's'} queued.{not_now}")
    return Exit.REFUSED if resent.refused else Exit.DONE


async def _resend(migration: Migration, emails: Sequence[str], actor: Actor) -> Resent:
    try:
        return await migration.resend(*emails, by=actor)
    except Refused as error:
        # A request for one person is refused as a whole: report it in the same form as for several people.
        return Resent(not_now=1, refused=[NotSent(email=emails[0], reason=error.text)])


async def verify(account: Account, email: Email, /, *, run: Run = "", by: By = "") -> None:
    """Record that a person's Opsgenie email address is verified."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await _record(migration, email, lambda: migration.verify(email, actor))


async def authenticate(account: Account, email: Email, /, *, run: Run = "", by: By = "") -> None:
    """Record that a person's Atlassian account is set up."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await _record(migration, email, lambda: migration.authenticate(email, actor))


async def _record(migration: Migration, email: str, record: Callable[[], Awaitable[None]]) -> None:
    """Record a fact about a person; without a worker, record it unchecked, since only a worker knows the people."""
    try:
        person = (await migration.person(email)).person
    except NoWorkerAnswers:
        await record()
        text.say(
            "Recorded, but not checked, because no worker answers. It takes effect when a worker runs, if this person "
            "is in the migration."
        )
        return
    if addresses.key(email) != addresses.key(person.email):
        raise Refused(f"This person's address is now {person.email}. If you mean this person, use that address.")
    if person.settled:
        message = f"Nothing was recorded: this person is already {person.state}."
        if person.state not in _DONE:
            raise Refused(message)
        text.say(message)
        return
    await record()
    text.say("Recorded.")


async def exclude(
    account: Account,
    email: Email,
    /,
    *,
    reason: Annotated[str, options.Reason, Parameter(help="Shown in the report.")],
    run: Run = "",
    by: By = "",
) -> None:
    """Exclude a person from the migration."""
    reason = options.reason(reason)
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.exclude(email, reason, actor)
    text.say("Excluded: the migration no longer waits for this person.")


async def correct_email(
    account: Account,
    email: Email,
    new: Annotated[str, Parameter(help="The new address.")],
    /,
    *,
    run: Run = "",
    by: By = "",
) -> None:
    """Change a person's email address."""
    new = pasted.address(new)
    try:
        addresses.normalise(new)
    except BadInput as error:
        raise BadInput(f"The new address cannot be used: {error}.") from None
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.correct_email(email, new, actor)
    text.say("Changed: mails now go to the new address.")
