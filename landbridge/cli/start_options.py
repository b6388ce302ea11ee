"""Options of `start` and `plan`, and their conversion into a checked request."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from pydantic import ValidationError

from landbridge.cli import options, roster_input, text, times
from landbridge.cli.options import SHOWN
from landbridge.domain import addresses, ids, pasted, roster, sites
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import Actor
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite

_DEFAULTS = Rules()
_OPTION_NAMES = {
    "reminder_interval": "--reminder-every",
    "max_reminders": "--reminders",
    "verification_link_lifetime": "--verification-lifetime",
    "authentication_link_lifetime": "--authentication-lifetime",
}
"""Options for rules that have limits, by the rule's field name."""
_Length = Annotated[timedelta, Parameter(metavar="TIME", show_default=text.span)]


@Parameter(name="*", group=Group.create_ordered("Site"))
@dataclass(frozen=True, kw_only=True)
class SiteOptions:
    """The site; without one, the admin chooses after the start."""

    site: Annotated[str, Parameter(help="An existing site, by name or URL.", metavar="SITE")] = ""
    new_site: Annotated[str, Parameter(help="Name of a site to create.", metavar="NAME")] = ""
    first_name: Annotated[
        str, Parameter(help="First name of the site admin, who is the initiator.", metavar="NAME")
    ] = ""
    last_name: Annotated[str, Parameter(help="Last name of the site admin, who is the initiator.", metavar="NAME")] = ""

    def parse_and_check(self) -> tuple[str, NewSite | None]:
        """Return the name of the existing site, or the site to create.

        Raises:
            BadInput: the options contradict each other, or the new site's name is invalid.

        """
        existing, new = self.parse()
        if new is not None:
            sites.check(new)
        return existing, new

    def parse(self) -> tuple[str, NewSite | None]:
        """Return the name of the existing site, or the site to create, without checking the new site's name.

        Raises:
            BadInput: the options contradict each other.

        """
        if self.site and self.new_site:
            raise BadInput("Give --site for an existing site or --new-site to create one, not both.")
        if not self.new_site:
            if self.first_name or self.last_name:
                raise BadInput("--first-name and --last-name belong to --new-site.")
            return self.site.strip(), None
        return "", NewSite(name=self.new_site, first_name=self.first_name, last_name=self.last_name)


@Parameter(name="*", group=Group.create_ordered("Rules"))
@dataclass(frozen=True, kw_only=True)
class RuleOptions:
    """The migration's rules; the defaults are those of `domain.rules`."""

    deadline: times.When | None = None
    at_deadline: options.AtDeadline_ = AtDeadline.KEEP_WAITING
    reminder_every: Annotated[_Length, Parameter(help="Time between reminders to a person who has not acted.")] = field(
        default=_DEFAULTS.reminder_interval
    )
    reminders: Annotated[int, Parameter(help="Maximum number of reminders per person.", metavar="N"), SHOWN] = (
        _DEFAULTS.max_reminders
    )
    resend_cooldown: Annotated[_Length, Parameter(help="Minimum time between requested mails to a person.")] = field(
        default=_DEFAULTS.resend_cooldown
    )
    verification_lifetime: Annotated[_Length, Parameter(help="How long a verification link is valid.")] = field(
        default=_DEFAULTS.verification_link_lifetime
    )
    authentication_lifetime: Annotated[_Length, Parameter(help="How long an authentication link is valid.")] = field(
        default=_DEFAULTS.authentication_link_lifetime
    )
    click_counts: Annotated[
        bool, Parameter(help="Accept a click on the authentication link as proof; only if Atlassian cannot be asked.")
    ] = False

    def rules(self) -> Rules:
        """Return the migration's rules.

        Raises:
            BadInput: a value is outside its limits.

        """
        if self.deadline is None and self.at_deadline is AtDeadline.COMPLETE_PARTIAL:
            raise BadInput("--at-deadline needs a deadline: pass --deadline too.")
        try:
            return Rules(
                deadline=self.deadline,
                at_deadline=self.at_deadline,
                reminder_interval=self.reminder_every,
                max_reminders=self.reminders,
                resend_cooldown=self.resend_cooldown,
                verification_link_lifetime=self.verification_lifetime,
                authentication_link_lifetime=self.authentication_lifetime,
                click_counts=self.click_counts,
            )
        except ValidationError as error:
            first = error.errors()[0]
            raise BadInput(f"{_OPTION_NAMES[str(first['loc'][0])]}: {first['msg']}.") from None


def request(
    account: str,
    *,
    initiator: str,
    site: SiteOptions,
    rules: RuleOptions,
    notify: list[str],
    people: list[RosterPerson] | None,
    plan: str,
    by: Actor,
) -> MigrationRequest:
    """Return the request to start the migration.

    Raises:
        BadInput: an option is wrong.
        Refused: the plan was made with another roster file.

    """
    existing, new = site.parse_and_check()
    file_roster = None if people is None else roster.survey(people)
    if plan and file_roster is not None and plan != file_roster.digest:
        raise Refused("The roster file has changed since the plan; nothing was started. Make a new plan.")
    return MigrationRequest(
        opsgenie_account=ids.check_opsgenie_account(account),
        initiator=address("--initiator", initiator),
        site=existing,
        new_site=new,
        rules=rules.rules(),
        notify=[address("--notify", email) for email in notify],
        plan=plan,
        file_roster=file_roster,
        by=by,
    )


def address(option: str, email: str) -> str:
    """Parse and normalise the address that was given for an option.

    Raises:
        BadInput: it is not an address; the message names the option.

    """
    try:
        return addresses.normalise(pasted.address(email))
    except BadInput as error:
        raise BadInput(f"{option}: {email!r} is not an email address: {error}.") from None


async def read_roster(path: Path) -> list[RosterPerson]:
    """Read the people of a roster file; print every problem in it.

    Raises:
        BadInput: the file, or a row of it, cannot be used.

    """
    reading = await roster_input.read(path)
    for problem in reading.problems:
        row = f"row {problem.row}: " if problem.row else ""
        text.say(f"{roster_input.name(path)}: {row}{problem.message}")
    if reading.problems:
        count = len(reading.problems)
        raise BadInput(f"{count} problem{'' if count == 1 else 's'} in the roster; nothing was started.")
    return reading.people
