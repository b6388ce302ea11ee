from typing import Annotated

from cyclopts import Parameter

from cli import options, session, text
from cli.options import Account, By, Output, Output_
from domain import sites
from domain.errors import BadInput
from domain.messages import Decided
from domain.sites import NewSite


async def choose_site(
    account: Account,
    site: Annotated[str, Parameter(help="The site's name, or its URL.")],
    /,
    *,
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Select an existing site."""
    if not site.strip():
        raise BadInput("Name the site to select.")
    actor = options.actor(by)
    migration = await session.migration(account)
    _tell(account, await migration.choose_site(site, actor), output)


async def name_site(
    account: Account,
    name: Annotated[str, Parameter(help="What its URL is to begin with: NAME.atlassian.net.")],
    /,
    *,
    first_name: Annotated[str, Parameter(help="Of the site's admin, the initiator.", metavar="NAME")],
    last_name: Annotated[str, Parameter(help="Of the site's admin, the initiator.", metavar="NAME")],
    by: By = "",
    output: Output_ = Output.TABLE,
) -> None:
    """Name a new site."""
    new_site = NewSite(name=name, first_name=first_name, last_name=last_name)
    sites.check(new_site)
    actor = options.actor(by)
    migration = await session.migration(account)
    _tell(account, await migration.name_site(new_site, actor), output)


async def confirm(account: Account, /, *, by: By = "") -> None:
    """Report the current task done; Landbridge checks it where it can."""
    actor = options.actor(by)
    migration = await session.migration(account)
    await migration.confirm(actor)
    text.say(f"Thank you. See how it goes on: ./starter.py status {account}")


def _tell(account: str, decided: Decided, output: Output) -> None:
    if output is Output.JSON:
        text.write_json(decided)
    elif decided.site is not None:
        text.say(f"The people move to {decided.site.url}")
    elif decided.task:
        text.say(f"{decided.task}\nWhen it is done: ./starter.py confirm {account}")
