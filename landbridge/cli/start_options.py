"""What a migration is started with: from options to a request, checked before anything happens."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter
from pydantic import ValidationError

from landbridge.cli import moments, options, roster_input, text
from landbridge.cli.options import SHOWN
from landbridge.domain import addresses, ids, pasted, roster, sites
from landbridge.domain.errors import BadInput, Refused
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import Actor
from landbridge.domain.roster import RosterPerson
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite

_DEFAULTS = Rules()
_OPTIONS_OF_RULES = {
    "reminder_interval": "--reminder-every",
    "reminders_at_most": "--reminders",
    "verification_link_lifetime": "--verification-lifetime",
    "authentication_link_lifetime": "--authentication-lifetime",
}
"""Rules with limits."""
_Length = Annotated[timedelta, Parameter(metavar="TIME", show_default=text.span)]


@Parameter(name="*", group=Group.create_ordered("The site"))
@dataclass(frozen=True, kw_only=True)
class SiteOptions:
    """Which site; none named: Landbridge asks."""

    site: Annotated[str, Parameter(help="An existing site, by name or URL.", metavar="SITE")] = ""
    new_site: Annotated[str, Parameter(help="Name of a site to create.", metavar="NAME")] = ""
    first_name: Annotated[str, Parameter(help="Of the new site's admin, the initiator.", metavar="NAME")] = ""
    last_name: Annotated[str, Parameter(help="Of the new site's admin, the initiator.", metavar="NAME")] = ""

    def wanted(self) -> tuple[str, NewSite | None]:
        """Return the existing site that was named, or the one to create.

        Raises:
            BadInput: the options contradict each other, or break a rule.

        """
        existing, new = self.named()
        if new is not None:
            sites.check(new)
        return existing, new

    def named(self) -> tuple[str, NewSite | None]:
        """Return the same without a look at the rules for new sites.

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
    """What may be set; the defaults are those of `domain.rules`."""

    deadline: moments.When | None = None
    at_deadline: options.AtDeadline_ = AtDeadline.KEEP_WAITING
    reminder_every: Annotated[_Length, Parameter(help="Between two mails to someone who has not acted.")] = field(
        default=_DEFAULTS.reminder_interval
    )
    reminders: Annotated[int, Parameter(help="Reminders to one person at most.", metavar="N"), SHOWN] = (
        _DEFAULTS.reminders_at_most
    )
    resend_cooldown: Annotated[_Length, Parameter(help="Between two mails to one person on request.")] = field(
        default=_DEFAULTS.resend_cooldown
    )
    verification_lifetime: Annotated[_Length, Parameter(help="How long a verification link works.")] = field(
        default=_DEFAULTS.verification_link_lifetime
    )
    authentication_lifetime: Annotated[_Length, Parameter(help="How long an authentication link works.")] = field(
        default=_DEFAULTS.authentication_link_lifetime
    )
    click_counts: Annotated[
        bool, Parameter(help="The click on the authentication link counts: where Atlassian cannot be asked.")
    ] = False

    def rules(self) -> Rules:
        """Return the migration's rules.

        Raises:
            BadInput: a value is out of its limits.

        """
        if self.deadline is None and self.at_deadline is AtDeadline.COMPLETE_PARTIAL:
            raise BadInput("--at-deadline says what happens at a deadline: give --deadline too.")
        try:
            return Rules(
                deadline=self.deadline,
                at_deadline=self.at_deadline,
                reminder_interval=self.reminder_every,
                reminders_at_most=self.reminders,
                resend_cooldown=self.resend_cooldown,
                verification_link_lifetime=self.verification_lifetime,
                authentication_link_lifetime=self.authentication_lifetime,
                click_counts=self.click_counts,
            )
        except ValidationError as error:
            wrong = error.errors()[0]
            raise BadInput(f"{_OPTIONS_OF_RULES[str(wrong['loc'][0])]}: {wrong['msg']}.") from None


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
    """Return what is asked for.

    Raises:
        BadInput: something of it cannot be used.
        Refused: the plan was made with another roster file.

    """
    existing, new = site.wanted()
    file_roster = None if people is None else roster.survey(people)
    if plan and file_roster is not None and plan != file_roster.digest:
        raise Refused(
            "The roster file is another one than the plan was made with; nothing was started. Look at a new plan."
        )
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
    """Return the address that an option names, normalised.

    Raises:
        BadInput: it is none; the sentence names the option.

    """
    try:
        return addresses.normalise(pasted.address(email))
    except BadInput as error:
        raise BadInput(f"{option} {email!r} is no address: {error}.") from None


async def read_roster(path: Path) -> list[RosterPerson]:
    """Return the people of a roster file.

    Raises:
        BadInput: the file, or any row of it, cannot be used; every problem was told.

    """
    reading = await roster_input.read(path)
    for problem in reading.problems:
        where = f"row {problem.row}: " if problem.row else ""
        text.say(f"{roster_input.name(path)}: {where}{problem.sentence}")
    if reading.problems:
        count = len(reading.problems)
        raise BadInput(f"{count} problem{'' if count == 1 else 's'} in the roster; nothing was started.")
    return reading.people
