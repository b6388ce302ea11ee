from typing import Annotated

from cyclopts import Parameter

from landbridge.cli import options, session, text
from landbridge.cli.options import Account, By, Output, Output_, Run
from landbridge.domain import sites
from landbridge.domain.errors import BadInput
from landbridge.domain.messages import Decided
from landbridge.domain.sites import NewSite

Task = Annotated[
    str, Parameter(help="The task that waits, to choose another site than was chosen already.", metavar="TASK")
]


async def choose_site(
    account: Account,
    site: Annotated[str, Parameter(help="The site's name, or its URL.")],
    /,
    *,
    task: Task = "",
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Select an existing site."""
    if not site.strip():
        raise BadInput("Name the site to select.")
    actor = options.actor(by)
    migration = await session.migration(account, run)
    _tell(await migration.choose_site(site, actor, task=task), output)


async def name_site(
    account: Account,
    name: Annotated[str, Parameter(help="What its URL is to begin with: NAME.atlassian.net.")],
    /,
    *,
    first_name: Annotated[str, Parameter(help="Of the site's admin, the initiator.", metavar="NAME")],
    last_name: Annotated[str, Parameter(help="Of the site's admin, the initiator.", metavar="NAME")],
    task: Task = "",
    run: Run = "",
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Name a new site."""
    new_site = NewSite(name=name, first_name=first_name, last_name=last_name)
    sites.check(new_site)
    actor = options.actor(by)
    migration = await session.migration(account, run)
    _tell(await migration.name_site(new_site, actor, task=task), output)


async def confirm(
    account: Account,
    /,
    *,
    task: Annotated[str, Parameter(help="Which one, as status shows it.", metavar="TASK")] = "",
    run: Run = "",
    by: By = "",
) -> None:
    """Report a task done; Landbridge checks it where it can."""
    actor = options.actor(by)
    migration = await session.migration(account, run)
    await migration.confirm(task, actor)
    text.say(f"Thank you. See how it goes on: ./starter.py status {account}")


def _tell(decided: Decided, output: Output) -> None:
    if output is Output.JSON:
        text.write_json(decided)
    elif decided.site is not None:
        text.say(f"The people move to {decided.site.url}")
    elif decided.task:
        text.say(f"{decided.task}\nWhen it is done: {decided.command}")
