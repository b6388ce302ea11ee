"""Settings → General: the status of the migration, and the forms that control it."""

from datetime import UTC, datetime

from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import MigrationStatus, RunState
from landbridge.domain.errors import BadInput, NotFound
from landbridge.domain.messages import MAX_REASON_LENGTH, Deadline, MigrationRequest, Progress, Step, UndoProgress
from landbridge.domain.rules import AtDeadline
from landbridge.domain.text import text
from landbridge.portal.admin.auth import HOME, RUN_FIELD, AdminAuth, AdminRequest

_SITE_STEPS = {Step.CHOOSE_SITE, Step.CREATE_SITE}


class GeneralPages:
    """The first page after signing in: the guide's steps 1, 5 and 7."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        forms = {
            "migrate": self.migrate,
            "confirm": self.confirm,
            "pause": self.pause,
            "resume": self.resume,
            "refresh": self.refresh,
            "deadline": self.set_deadline,
        }
        return [
            Route(HOME, self._auth.page(self.show)),
            *(Route(f"{HOME}/{name}", self._auth.form(handler), methods=["POST"]) for name, handler in forms.items()),
        ]

    async def show(self, request: AdminRequest) -> Response:
        """Show the status of the migration, or offer to start one."""
        status = await load_status(request)
        undo = await load_undo(request, status) if status is not None else None
        return self._auth.show(
            request,
            "settings/general.html",
            status=status,
            run=run_of(status),
            invited=can_start_another(status, undo),
            can_choose_site=status is not None and can_choose_site(status.progress),
            runs=status is not None and status.run_state is RunState.RUNNING,
            completed=status is not None and status.run_state is RunState.COMPLETED,
            cancelled=status is not None and is_cancelled(status),
            undo=undo,
            can_be_undone=status is not None and can_be_undone(status, undo),
        )

    async def migrate(self, request: AdminRequest) -> Response:
        """Start the migration. The site is chosen later, when the roster has been read."""
        migration = MigrationRequest(
            opsgenie_account=request.session.opsgenie_account, initiator=request.session.email, by=request.actor
        )
        started = await request.client.start(
            migration, after=request.field(RUN_FIELD) if request.field("again") else ""
        )
        if started.already is RunState.RUNNING:
            return self._auth.redirect_with_message(
                HOME, text("The migration is already running. Its status is shown below.")
            )
        if started.already is not None:
            if started.already is RunState.CANCELED:
                return self._auth.redirect_with_message(
                    HOME, text("The migration was cancelled earlier; nothing was started."), problem=True
                )
            return self._auth.redirect_with_message(
                HOME, text("The migration is already complete; nothing was started."), problem=True
            )
        return self._auth.redirect_with_message(
            HOME, text("The migration has started. Nothing changes until you choose a site.")
        )

    async def confirm(self, request: AdminRequest) -> Response:
        """Report the task on the page as done."""
        await request.shown_migration.confirm(request.field("task"), request.actor)
        return self._auth.redirect_with_message(
            HOME, text("Thank you. Landbridge is checking whether the migration can continue.")
        )

    async def pause(self, request: AdminRequest) -> Response:
        """Pause the migration: nothing new starts until it is resumed."""
        reason = request.field("reason")[:MAX_REASON_LENGTH] or text("Paused by {email}.", email=request.session.email)
        await request.shown_migration.pause(reason, request.actor)
        return self._auth.redirect_with_message(
            HOME, text("Paused: no emails are sent and no Atlassian accounts are created until you resume.")
        )

    async def resume(self, request: AdminRequest) -> Response:
        """End the pause that the page showed. A later pause stays in effect."""
        await request.shown_migration.resume(request.actor, request.field("reason"))
        return self._auth.redirect_with_message(HOME, text("Resumed."))

    async def refresh(self, request: AdminRequest) -> Response:
        """Poll Opsgenie and Atlassian now."""
        await request.shown_migration.refresh(request.actor)
        return self._auth.redirect_with_message(
            HOME, text("Landbridge is checking Opsgenie and Atlassian for changes.")
        )

    async def set_deadline(self, request: AdminRequest) -> Response:
        """Change or remove the deadline."""
        deadline = _parse_time(request.field("deadline"))
        shown = Deadline(
            deadline=_parse_time(request.field("shown_deadline")),
            at_deadline=_at_deadline(request.field("shown_at_deadline")),
        )
        at_deadline = _at_deadline(request.field("at_deadline"))
        await request.shown_migration.set_deadline(deadline, at_deadline, request.actor, instead_of=shown)
        if deadline is None:
            return self._auth.redirect_with_message(HOME, text("The deadline was removed."))
        return self._auth.redirect_with_message(HOME, text("The deadline is set."))


async def load_status(request: AdminRequest) -> MigrationStatus | None:
    """Return the status of the migration; None if there has never been one."""
    try:
        return await request.migration.status()
    except NotFound:
        return None


def run_of(status: MigrationStatus | None) -> str:
    """Return the run that a page shows, which its forms send back; empty if there is no migration."""
    return "" if status is None else status.run


async def load_undo(request: AdminRequest, status: MigrationStatus) -> UndoProgress | None:
    """Return the progress of revoking invitations; None if it was never requested or is not known."""
    may_have_undo = is_cancelled(status) or status.run_state not in {RunState.RUNNING, RunState.COMPLETED}
    return await request.migration.undo() if may_have_undo and status.progress is not None else None


def is_cancelled(status: MigrationStatus) -> bool:
    """Return whether the migration was cancelled, even if its workflow has not ended yet."""
    return status.run_state is RunState.CANCELED or (status.progress is not None and bool(status.progress.cancelled))


def can_start_another(status: MigrationStatus | None, undo: UndoProgress | None) -> bool:
    """Return whether a migration can start: none is running or complete, and no invitations are being revoked."""
    if status is None:
        return True
    return status.run_state not in {RunState.RUNNING, RunState.COMPLETED} and (undo is None or undo.over)


async def banner_values(request: AdminRequest, status: MigrationStatus | None) -> dict[str, object]:
    """Return the template values for the banner that offers to start a migration."""
    undo = await load_undo(request, status) if status is not None else None
    return {
        "run": run_of(status),
        "invited": can_start_another(status, undo),
        "cancelled": status is not None and is_cancelled(status),
    }


def can_be_undone(status: MigrationStatus, undo: UndoProgress | None) -> bool:
    """Return whether the invitations of a migration that has ended can be revoked, for the first time or again."""
    invited = status.progress is not None and status.progress.site is not None and status.progress.cohorts > 0
    over = status.run_state not in {RunState.RUNNING, RunState.COMPLETED}
    return invited and over and (undo is None or (undo.over and bool(undo.problem or undo.failed)))


def can_choose_site(progress: Progress | None) -> bool:
    """Return whether the migration waits for the choice of a site, or accepts another choice."""
    is_waiting = progress is not None and progress.site is None and bool(progress.task)
    return is_waiting and progress is not None and progress.step in _SITE_STEPS


def _parse_time(value: str) -> datetime | None:
    """Return the time in a form field; None if it is empty. Times without a zone are UTC, as the form says.

    Raises:
        BadInput: the field is not a time.

    """
    if not value:
        return None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        raise BadInput(text("Enter the deadline as a date and a time, such as 2027-03-01T18:00.")) from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _at_deadline(value: str) -> AtDeadline:
    return AtDeadline.COMPLETE_PARTIAL if value == AtDeadline.COMPLETE_PARTIAL else AtDeadline.KEEP_WAITING
