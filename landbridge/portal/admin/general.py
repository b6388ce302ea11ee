"""Settings → General: how the connection of the Opsgenie account to Atlassian stands, and what to do about it."""

from datetime import UTC, datetime

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import MigrationStatus, RunState
from landbridge.domain.errors import BadInput, NotFound
from landbridge.domain.messages import MAX_REASON_LENGTH, Deadline, MigrationRequest, Progress, Step, UndoProgress
from landbridge.domain.rules import AtDeadline
from landbridge.domain.text import text
from landbridge.portal.admin.auth import HOME, RUN_FIELD, AdminAuth, AdminRequest

_OPEN_TO_A_CHOICE = {Step.CHOOSE_SITE, Step.CREATE_SITE}


class GeneralPages:
    """What owners and admins see first: the guide's steps 1, 5 and 7."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        acts = {
            "migrate": self.migrate,
            "confirm": self.confirm,
            "pause": self.pause,
            "resume": self.resume,
            "refresh": self.refresh,
            "deadline": self.set_deadline,
        }
        return [
            Route(HOME, self._gate.page(self.show)),
            *(Route(f"{HOME}/{name}", self._gate.act(act), methods=["POST"]) for name, act in acts.items()),
        ]

    async def show(self, visit: AdminRequest) -> Response:
        """Show how the migration stands, or invite to begin one."""
        status = await standing(visit)
        undo = await undo_of(visit, status) if status is not None else None
        return self._gate.show(
            visit,
            "settings/general.html",
            status=status,
            run=run_of(status),
            invited=is_open_to_another(status, undo),
            choice_open=status is not None and choice_open(status.progress),
            runs=status is not None and status.run_state is RunState.RUNNING,
            completed=status is not None and status.run_state is RunState.COMPLETED,
            cancelled=status is not None and is_cancelled(status),
            undo=undo,
            can_be_undone=status is not None and can_be_undone(status, undo),
        )

    async def migrate(self, visit: AdminRequest) -> Response:
        """Begin the migration; which site it leads to is asked once the roster is read."""
        request = MigrationRequest(
            opsgenie_account=visit.session.opsgenie_account, initiator=visit.session.email, by=visit.actor
        )
        started = await visit.desk.start(request, after=visit.field(RUN_FIELD) if visit.field("again") else "")
        if started.already is RunState.RUNNING:
            return self._gate.go(HOME, text("The migration runs already; this is how it stands."))
        if started.already is not None:
            if started.already is RunState.CANCELED:
                return self._gate.go(
                    HOME, text("The migration was cancelled before; nothing was started."), problem=True
                )
            return self._gate.go(HOME, text("The migration was completed before; nothing was started."), problem=True)
        return self._gate.go(HOME, text("The migration has begun. Nothing is changed before you have chosen a site."))

    async def confirm(self, visit: AdminRequest) -> Response:
        """Report the task done that the page showed."""
        await visit.shown_migration.confirm(visit.field("task"), visit.actor)
        return self._gate.go(HOME, text("Thank you. Landbridge looks whether it can go on."))

    async def pause(self, visit: AdminRequest) -> Response:
        """Start nothing new until resumed."""
        reason = visit.field("reason")[:MAX_REASON_LENGTH] or text("Paused by {email}.", email=visit.session.email)
        await visit.shown_migration.pause(reason, visit.actor)
        return self._gate.go(HOME, text("Paused: no mail goes out, and no account is created, until you resume."))

    async def resume(self, visit: AdminRequest) -> Response:
        """End the pause that the page showed."""
        await visit.shown_migration.resume(visit.actor, visit.field("reason"))
        return self._gate.go(HOME, text("Resumed."))

    async def refresh(self, visit: AdminRequest) -> Response:
        """Ask Opsgenie and Atlassian at once."""
        await visit.shown_migration.refresh(visit.actor)
        return self._gate.go(
            HOME, text("Opsgenie and Atlassian are asked who joined, verified, or set up the account.")
        )

    async def set_deadline(self, visit: AdminRequest) -> Response:
        """Set another deadline, or none."""
        deadline = _moment(visit.field("deadline"))
        shown = Deadline(
            deadline=_moment(visit.field("shown_deadline")), at_deadline=_at_deadline(visit.field("shown_at_deadline"))
        )
        at_deadline = _at_deadline(visit.field("at_deadline"))
        await visit.shown_migration.set_deadline(deadline, at_deadline, visit.actor, instead_of=shown)
        if deadline is None:
            return self._gate.go(HOME, text("There is no deadline any more."))
        return self._gate.go(HOME, text("The deadline is set."))


async def standing(visit: AdminRequest) -> MigrationStatus | None:
    """Return how the visitor's migration stands; None: there never was one."""
    try:
        return await visit.migration.status()
    except NotFound:
        return None


def run_of(status: MigrationStatus | None) -> str:
    """Return which migration a page shows, for its forms to name; empty if there never was one."""
    return "" if status is None else status.run


async def undo_of(visit: AdminRequest, status: MigrationStatus) -> UndoProgress | None:
    """Return how far the undo of a migration is that was not completed; None: nobody asked, or nobody can tell."""
    may_have_one = is_cancelled(status) or status.run_state not in {RunState.RUNNING, RunState.COMPLETED}
    return await visit.migration.undo() if may_have_one and status.progress is not None else None


def is_cancelled(status: MigrationStatus) -> bool:
    """Return whether somebody cancelled the migration, also while it still ends."""
    return status.run_state is RunState.CANCELED or (status.progress is not None and bool(status.progress.cancelled))


def is_open_to_another(status: MigrationStatus | None, undo: UndoProgress | None) -> bool:
    """Return whether a migration can begin, to which the banner invites: none runs, is undone, or was completed."""
    if status is None:
        return True
    return status.run_state not in {RunState.RUNNING, RunState.COMPLETED} and (undo is None or undo.over)


async def invitation(visit: AdminRequest, status: MigrationStatus | None) -> dict[str, object]:
    """Return what the banner on a page has to know."""
    undo = await undo_of(visit, status) if status is not None else None
    return {
        "run": run_of(status),
        "invited": is_open_to_another(status, undo),
        "cancelled": status is not None and is_cancelled(status),
    }


def can_be_undone(status: MigrationStatus, undo: UndoProgress | None) -> bool:
    """Return whether the invitations of a migration that is over can be revoked, for the first time or again."""
    invited = status.progress is not None and status.progress.site is not None and status.progress.cohorts > 0
    over = status.run_state not in {RunState.RUNNING, RunState.COMPLETED}
    return invited and over and (undo is None or (undo.over and bool(undo.problem or undo.failed)))


def choice_open(progress: Progress | None) -> bool:
    """Return whether the migration waits for the choice of a site, or would take another one."""
    waits = progress is not None and progress.site is None and bool(progress.task)
    return waits and progress is not None and progress.step in _OPEN_TO_A_CHOICE


def _moment(typed: str) -> datetime | None:
    """Return a moment as browsers or we write it; None for an empty field. Without a zone it is UTC, as our form says.

    Raises:
        BadInput: it is none.

    """
    if not typed:
        return None
    try:
        moment = datetime.fromisoformat(typed)
    except ValueError:
        raise BadInput(text("Write the deadline as a date and a time, such as 2027-03-01T18:00.")) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _at_deadline(chosen: str) -> AtDeadline:
    return AtDeadline.COMPLETE_PARTIAL if chosen == AtDeadline.COMPLETE_PARTIAL else AtDeadline.KEEP_WAITING
