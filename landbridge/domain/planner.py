"""Makes a plan (`domain.plan`) from what Opsgenie and Atlassian answer now.

The lifecycle itself decides what would happen to a person, so a plan follows the same rules as the migration.
"""

from collections import Counter
from datetime import UTC, datetime

from landbridge.domain import events, lifecycle, sites
from landbridge.domain.errors import BadInput
from landbridge.domain.links import Purpose
from landbridge.domain.messages import MigrationRequest
from landbridge.domain.people import MAILED, Person, State, arrive
from landbridge.domain.plan import Blocker, BlockerKind, PlanLine, PlannedAction, Totals
from landbridge.domain.roster import RosterPerson, RosterSurvey
from landbridge.domain.rules import Rules
from landbridge.domain.sites import Site
from landbridge.domain.survey import AccountLookup, AccountState, Manager, Seats

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)
"""A plan contains no times, so any time will do."""


class Planner:
    """Takes the roster row by row, and returns what would happen to each person."""

    def __init__(self, free_seats: int | None = None) -> None:
        """Take the number of free seats; none: it is unknown, so there is no limit."""
        self._free_seats = free_seats
        self._keys: set[str] = set()
        self._actions: Counter[PlannedAction] = Counter()
        self._mails: Counter[Purpose] = Counter()
        self._managers: Counter[Manager] = Counter()
        self._sso = 0

    @property
    def totals(self) -> Totals:
        """Totals of the rows taken so far."""
        return Totals(
            people=self._actions.total(),
            by_action={action: self._actions[action] for action in PlannedAction if self._actions[action]},
            by_mail={mail: self._mails[mail] for mail in Purpose if self._mails[mail]},
            by_manager={manager: self._managers[manager] for manager in Manager if self._managers[manager]},
            sso=self._sso,
        )

    def take(self, row: RosterPerson, lookup: AccountLookup | None) -> PlanLine:
        """Return what would happen to the person of a row.

        `lookup` is Atlassian's answer about the address; none only if `asks_atlassian` returned false.
        """
        person = arrive(1, row, _ANY_TIME)
        is_duplicate = row.key in self._keys
        self._keys.add(row.key)
        if lookup is None:
            action = (
                PlannedAction.BLOCKED
                if person.state is State.SKIPPED
                else PlannedAction.DUPLICATE
                if is_duplicate
                else PlannedAction.INVALID
            )
            line = _line(row, person, action)
        else:
            line = self._looked_up(row, person, lookup)
        self._actions[line.action] += 1
        self._sso += row.sso
        self._mails.update([line.mail] if line.mail else [])
        self._managers.update([line.manager] if line.manager else [])
        return line

    def _looked_up(self, row: RosterPerson, arrived: Person, lookup: AccountLookup) -> PlanLine:
        person = lifecycle.transition(arrived, _answer(row, lookup), _ANY_TIME, Rules())
        if person.state is State.CONNECTED:
            return _line(row, person, PlannedAction.NEEDS_NOTHING, lookup)
        if person.state is State.ATTENTION:
            return _line(row, person, PlannedAction.UNUSABLE, lookup)
        if lookup.state is not AccountState.NOT_SHOWN:
            return _line(row, person, PlannedAction.ADOPTED, lookup)
        if self._free_seats is not None and self._actions[PlannedAction.NEW] >= self._free_seats:
            return _line(row, arrived, PlannedAction.OVER_LICENCE, lookup)
        return _line(row, person, PlannedAction.NEW, lookup)


def asks_atlassian(row: RosterPerson) -> bool:
    """Return whether the migration would look up this person's Atlassian account."""
    return arrive(1, row, _ANY_TIME).state is State.ARRIVED


def _answer(row: RosterPerson, lookup: AccountLookup) -> events.Event:
    """Return the event that this answer would cause in the person's cohort."""
    if lookup.problem:
        return events.AccountProblem(row.email, lookup.problem)
    created = lookup.state is AccountState.NOT_SHOWN
    return events.AccountSeen(row.email, "planned", verified=lookup.verified, created=created)


def _line(row: RosterPerson, person: Person, action: PlannedAction, lookup: AccountLookup | None = None) -> PlanLine:
    mail = MAILED.get(person.state)
    return PlanLine(
        email=row.email,
        name=row.name,
        role=row.role,
        action=action,
        state=person.state,
        mail=mail,
        account=lookup.state if lookup else None,
        manager=lookup.manager if lookup else None,
        email_verified=row.email_verified,
        sso=row.sso,
        reason=" ".join(filter(None, (person.reason or _REASONS[action], *_details(row, mail, action, lookup)))),
    )


_REASONS = {
    PlannedAction.NEW: (
        "The organization lists no Atlassian account, so the person is invited. An account outside of it is used."
    ),
    PlannedAction.ADOPTED: "There is an Atlassian account, but its email is not verified yet.",
    PlannedAction.NEEDS_NOTHING: "There is a verified Atlassian account.",
    PlannedAction.OVER_LICENCE: "No seat is left to invite them.",
}
"""Reasons for actions to which the lifecycle gives no reason."""
_MANAGED = {
    Manager.THIS_ORGANIZATION: "This organization manages the account.",
    Manager.ANOTHER_ORGANIZATION: "Another organization manages the account and controls it.",
}


def _details(row: RosterPerson, mail: Purpose | None, action: PlannedAction, lookup: AccountLookup | None) -> list[str]:
    details = [_MANAGED.get(lookup.manager, "")] if lookup else []
    if mail is Purpose.VERIFICATION:
        details.append("The Opsgenie email is not verified: the verification email comes first.")
    if row.sso and action in {PlannedAction.NEW, PlannedAction.ADOPTED, PlannedAction.OVER_LICENCE}:
        details.append("Signs in by SSO, so needs no password.")
    return details


def seats_for(seats: list[Seats], site: Site | None) -> Seats | None:
    """Return the licence with the fewest free seats on a site; none: unknown, or no site was chosen."""
    known = [
        licence for licence in seats if site is not None and licence.site.id == site.id and licence.free is not None
    ]
    return min(known, key=lambda licence: licence.free or 0, default=None)


def blockers(
    request: MigrationRequest,
    *,
    survey: RosterSurvey | None,
    listed: list[Site] | None,
    seats: Seats | None,
    totals: Totals,
    name_taken: bool = False,
) -> list[Blocker]:
    """Return what blocks a migration, as far as it is known.

    `survey` is none if the roster could not be read; `listed` is none if the initiator's sites could not be listed.
    `seats` is the result of `seats_for`; `name_taken`: a site with the new site's name exists.
    """
    found = []
    if survey is not None and not survey.has_admin(request.initiator):
        sentence = "The initiator is neither owner nor admin of the Opsgenie account: name an initiator who is."
        found.append(Blocker(kind=BlockerKind.INITIATOR, message=sentence))
    if request.site and listed is not None:
        site = sites.pick(listed, request.site)
        if site is None or not site.admin:
            found.append(Blocker(kind=BlockerKind.SITE, message=sites.denial_reason(request.site, site, listed)))
    if request.new_site is not None:
        try:
            sites.check(request.new_site)
        except BadInput as error:
            found.append(Blocker(kind=BlockerKind.SITE, message=str(error)))
        if name_taken:
            free = ", ".join(sites.suggest_names(request.new_site.name))
            sentence = f"A site {request.new_site.name!r} already exists: choose another name, such as {free}."
            found.append(Blocker(kind=BlockerKind.SITE, message=sentence))
    if seats is not None and (over := totals[PlannedAction.OVER_LICENCE]):
        sentence = (
            f"The licence of {seats.product} on {seats.site.name} has {seats.free} seats left for "
            f"{totals[PlannedAction.NEW] + over} new people: buy {over} more first."
        )
        found.append(Blocker(kind=BlockerKind.LICENCE, message=sentence))
    return found
