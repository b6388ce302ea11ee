"""The state of one migration and its rules: which requests are allowed, and what they change."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from pydantic import ConfigDict

from landbridge.domain import addresses, authority, proof, roster, sites, stale
from landbridge.domain.audit import Act, Audit, AuditEntry
from landbridge.domain.base import Model
from landbridge.domain.checklist import Checklist
from landbridge.domain.errors import BadInput, NotFound, Refused
from landbridge.domain.messages import (
    Cancel,
    ChooseSite,
    CohortStatus,
    Confirm,
    Deadline,
    Decided,
    MigrationRequest,
    MigrationResult,
    NameSite,
    Pause,
    Progress,
    Refresh,
    Request,
    Resume,
    RevokeInvitations,
    SetDeadline,
    Step,
)
from landbridge.domain.people import Actor, Counts
from landbridge.domain.roster import AccountAdmin, RosterSurvey
from landbridge.domain.rules import AtDeadline, Rules
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import NO_TEXT, Text, text, verbatim

_AuditedRequest = MigrationRequest | ChooseSite | NameSite | Confirm | Pause | Resume | Refresh | SetDeadline | Cancel


@dataclass(frozen=True)
class Task:
    """Something that the migration waits for an owner or admin to do."""

    id: str
    """Requests name the task by this id; no other task has the same id."""
    task: Text
    """What to do."""
    command: str
    """The command that reports the task done, or that does it."""
    url: str = ""
    """Where to do it."""
    suggestions: list[str] = field(default_factory=list)
    """Site names to choose from."""
    can_be_confirmed: bool = False
    """The task is done outside Landbridge, so an admin has to report it done."""


@dataclass
class SiteDecision:
    """An admin's choice of a site, and its result."""

    choice: str | NewSite
    """The name or URL of an existing site, or a site to create."""
    result: Decided | None = None
    """The answer to the request; none: the choice is being checked, or was refused."""
    refusal: Text = NO_TEXT
    """Why the choice was refused."""

    @property
    def is_resolved(self) -> bool:
        """Whether the choice was accepted or refused."""
        return self.result is not None or bool(self.refusal)


@dataclass(frozen=True)
class Outcome:
    """How a migration ended."""

    result: MigrationResult | None = None
    """None: it failed."""
    failure: Text = NO_TEXT
    """Why it failed."""
    failure_type: str = ""
    """The code of the error it failed with."""


@dataclass(kw_only=True)
class MigrationState:
    """Everything a migration knows. Continue-as-new carries this object to the next run.

    `check_*` methods raise `Refused` or `NotFound` if a request is not allowed now, and change nothing. The methods
    that apply a request expect that it was checked; they return the entry that they added to the audit.
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(hide_input_in_errors=True)

    run: str
    """Identifies this migration among those of the same Opsgenie account (`domain.ids.run_of`)."""
    rules: Rules
    survey: RosterSurvey | None = None
    """The summary of the roster, with the current owners and admins; none: the roster was not read yet."""
    roster_read_at: datetime | None = None
    """When reading of the newest roster began; none: the roster comes from a file, or was not read yet."""
    cohorts: int = 0
    """How many cohorts were started."""
    cohort_statuses: dict[int, CohortStatus] = field(default_factory=dict)
    """What each cohort reported last, by the cohort's number."""
    moved: dict[str, int] = field(default_factory=dict)
    """See `domain.activity_io.AssignPeopleInput.moved`."""
    people_assigned: bool = False
    """Every cohort has received its people."""
    sites: list[Site] = field(default_factory=list)
    """The sites that are linked to the initiator's email."""
    decision: SiteDecision | None = None
    """The newest choice of a site."""
    site: Site | None = None
    """The site that was chosen or created."""
    task: Task | None = None
    """What the migration waits for an admin to do."""
    task_confirmed: bool = False
    """An admin reported the task done."""
    paused: Text = NO_TEXT
    """Why nothing new is started; empty while the migration runs."""
    paused_on_request: bool = False
    """The pause was requested: resuming requires its reason."""
    refresh_requested: bool = False
    deadline_reported: bool = False
    """Owners and admins got the notice that the deadline has passed."""
    notices: int = 0
    """Notices sent; part of each notice's Message-ID."""
    checklist: Checklist = field(default_factory=Checklist)
    cancelled: Cancel | None = None
    """The request that cancelled the migration."""
    undo_request: Cancel | RevokeInvitations | None = None
    """The request to revoke the invitations."""
    undo_started: bool = False
    audit: Audit = field(default_factory=Audit)
    outcome: Outcome | None = None
    """How the migration ended; none: it runs."""

    @classmethod
    def initial(cls, request: MigrationRequest, run: str, now: datetime) -> "tuple[MigrationState, AuditEntry]":
        """Return the state of a new migration, and its first audit entry."""
        choice = request.new_site or request.site
        state = cls(
            run=run,
            rules=request.rules,
            survey=request.file_roster,
            decision=SiteDecision(choice) if choice else None,
        )
        entry = state._record(Act.START, request, now, about=request.initiator, detail=verbatim(request.site))
        return state, entry

    # Properties that follow from the state.

    @property
    def admins(self) -> list[str]:
        """The keys of the current owners and admins; see `domain.authority`."""
        return authority.admin_keys(self.survey.admins) if self.survey else []

    @property
    def task_id(self) -> str:
        """The id of the current task; empty if there is none."""
        return self.task.id if self.task else ""

    @property
    def open_decision(self) -> SiteDecision | None:
        """The choice of a site that is being checked."""
        return None if self.decision is None or self.decision.is_resolved else self.decision

    @property
    def counts(self) -> Counts:
        """How many people are in each state, as the cohorts reported them last."""
        return sum((status.counts for status in self.cohort_statuses.values()), Counts())

    @property
    def all_opened(self) -> bool:
        """Whether every cohort has looked up all accounts and tried every first email."""
        return self._all_reported and all(status.opened for status in self.cohort_statuses.values())

    @property
    def all_settled(self) -> bool:
        """Whether the migration no longer waits for anyone."""
        return self._all_reported and all(status.settled for status in self.cohort_statuses.values())

    @property
    def _all_reported(self) -> bool:
        return len(self.cohort_statuses) == self.cohorts

    @property
    def deadline_notice_is_due(self) -> bool:
        """Whether owners and admins have yet to get the notice that the deadline has passed.

        If the deadline ends the migration, the notice of the end replaces this one. Before a site is chosen, the
        deadline does not end the migration, because nobody has got an email yet.
        """
        continues = self.rules.at_deadline is AtDeadline.KEEP_WAITING or self.site is None
        passed = any(status.deadline_passed for status in self.cohort_statuses.values())
        return passed and continues and not self.deadline_reported and self.cancelled is None

    def cohort_of(self, email: str) -> int:
        """Return the number of the cohort that has this address; a corrected address may be in another cohort."""
        cohorts = self.survey.cohorts if self.survey else 1
        return self.moved.get(addresses.key(email)) or roster.cohort_of(email, cohorts)

    def has_lost_role(self, email: str, confirmed_at: datetime) -> bool:
        """Return whether the newest roster shows that an address is no longer an owner's or admin's."""
        return authority.has_lost_role(email, confirmed_at, self.admins, self.roster_read_at)

    def progress(self, opsgenie_account: str, initiator: str) -> Progress:
        """Return the answer to the query `progress`."""
        return Progress(
            opsgenie_account=opsgenie_account,
            initiator=initiator,
            step=self.checklist.step,
            task=self.task.task if self.task else NO_TEXT,
            task_id=self.task_id,
            url=self.task.url if self.task else "",
            command=self.task.command if self.task else "",
            can_be_confirmed=self.task is not None and self.task.can_be_confirmed,
            suggestions=self.task.suggestions if self.task else [],
            sites=self.sites,
            site=self.site,
            paused=self.paused,
            cancelled=self.cancelled.why if self.cancelled else NO_TEXT,
            problems=sorted({status.problem for status in self.cohort_statuses.values() if status.problem}),
            deadline=self.rules.deadline,
            at_deadline=self.rules.at_deadline,
            cohorts=self.cohorts,
            checklist=self.checklist.items,
        )

    # Which requests are allowed.

    def check_initiator(self, request: MigrationRequest) -> None:
        """Check the request that started the migration, once the roster is known.

        Raises:
            Refused: the initiator or the sender is neither an owner nor an admin, or the roster has changed since the
                plan was made.

        """
        if self.survey is None or not self.survey.has_admin(request.initiator):
            raise Refused(
                text(
                    "Only an owner or admin of the Opsgenie account may initiate its migration; the initiator is "
                    "neither."
                )
            )
        if reason := authority.denial_reason(request.by, self.admins):
            raise Refused(reason)
        if request.plan and request.plan != self.survey.digest:
            raise Refused(text("The roster has changed since the plan was made. Make a new plan and review it."))

    def _check_sender(self, request: Request) -> None:
        if reason := authority.denial_reason(request.by, self.admins) or stale.run_mismatch(request.run, self.run):
            raise Refused(reason)

    def check_active(self, request: Request) -> None:
        """Check a request that needs a running migration.

        Raises:
            Refused: the sender is not allowed to send it, it is for another migration, or the migration is cancelled.
            NotFound: the migration is over.

        """
        self._check_sender(request)
        if self.outcome is not None:
            raise NotFound(text("The migration has ended."))
        if self.cancelled is not None:
            raise Refused(text("The migration is cancelled."))

    def check_choose_site(self, request: ChooseSite) -> None:
        """Check the choice of an existing site; raises as `check_active`."""
        self._check_site_is_open(request)
        if not request.site.strip():
            raise Refused(text("Name the site to select."))

    def check_name_site(self, request: NameSite) -> None:
        """Check the name of a new site; raises as `check_active`."""
        self._check_site_is_open(request)
        try:
            sites.check(request.new_site)
        except BadInput as error:
            raise Refused(error.text) from None

    def _check_site_is_open(self, request: ChooseSite | NameSite) -> None:
        self.check_active(request)
        if self.site is not None:
            raise Refused(text("The site is already chosen: {url}", url=self.site.url))
        if self.checklist.step is Step.SIGN_UP:
            raise Refused(text("The initiator must sign up first; confirm when that is done."))
        if self.open_decision is not None:
            raise Refused(text("Another choice is being checked; try again in a moment."))
        if reason := stale.task_mismatch(request.task, self.task_id):
            raise Refused(reason)
        if not request.task and self.task is not None and self.task.can_be_confirmed:
            raise Refused(
                text(
                    "A site was already chosen. To choose another one, name the pending task: {task_id}.",
                    task_id=self.task_id,
                )
            )

    def check_confirm(self, request: Confirm) -> None:
        """Check the report that a task is done; raises as `check_active`."""
        self.check_active(request)
        if reason := stale.task_mismatch(request.task, self.task_id):
            raise Refused(reason)
        if self.task is None or not self.task.can_be_confirmed:
            raise Refused(text("There is no task to confirm."))
        if not request.task:
            raise Refused(text("Name the completed task: {task_id}.", task_id=self.task_id))

    def check_pause(self, request: Pause) -> None:
        """Check a pause; raises as `check_active`."""
        self.check_active(request)
        if not request.reason.strip():
            # An empty reason would mean that the migration is not paused.
            raise Refused(text("Give a reason: the status shows it."))

    def check_resume(self, request: Resume) -> None:
        """Check the end of a pause; raises as `check_active`."""
        self.check_active(request)
        if self.paused_on_request and not _same_reason(request.reason, self.paused):
            reason = self.paused.rstrip(".")
            raise Refused(
                text(
                    "An admin paused the migration. To resume it, give the reason of that pause: {reason}.",
                    reason=reason,
                )
            )

    def check_set_deadline(self, request: SetDeadline, now: datetime) -> None:
        """Check a new deadline; raises as `check_active`."""
        self.check_active(request)
        current = Deadline(deadline=self.rules.deadline, at_deadline=self.rules.at_deadline)
        if request.instead_of not in {None, current}:
            raise Refused(stale.DEADLINE_CHANGED)
        if request.deadline is not None and request.deadline <= now:
            raise Refused(text("The deadline is in the past."))

    def check_cancel(self, request: Cancel) -> None:
        """Check a cancellation.

        Raises:
            Refused: as `check_active`; or the last step has begun, or the migration is cancelled already.

        """
        self._check_sender(request)
        if not request.reason.strip():
            raise Refused(text("Give a reason: owners and admins receive it by email."))
        if not self.can_be_cancelled:
            raise Refused(
                text("The migration is already cancelled.")
                if self.cancelled is not None
                else text("The migration is being completed: there is nothing to cancel.")
            )

    @property
    def can_be_cancelled(self) -> bool:
        """Whether the last step has yet to begin, and nobody has cancelled the migration."""
        return self.cancelled is None and self.checklist.step is not Step.COMPLETE

    def check_revoke_invitations(self, request: RevokeInvitations) -> None:
        """Check the request to undo a cancelled migration.

        Raises:
            Refused: as `check_active`; or the migration was not cancelled, or its undo was requested before.
            NotFound: the migration is over: the undo can be started without it.

        """
        self._check_sender(request)
        if self.cancelled is None:
            raise Refused(text("The migration was not cancelled: there is nothing to undo."))
        if self.undo_request is not None:
            raise Refused(text("The invitations are already being revoked."))
        if self.outcome is not None:
            raise NotFound(text("The migration has ended."))

    # What requests and facts change.

    def _record(
        self, act: Act, request: _AuditedRequest, now: datetime, *, about: str = "", detail: Text = NO_TEXT
    ) -> AuditEntry:
        by = proof.recorded(request.by, act, request)
        entry = AuditEntry(at=now, by=by, act=act, about=about, detail=detail)
        self.audit = self.audit.with_entry(entry)
        return entry

    def update_cohort_status(self, status: CohortStatus) -> None:
        """Record what a cohort reports."""
        self.cohort_statuses[status.number] = status
        self.moved.update({addresses.key(email): status.number for email in status.moved})

    def update_admins(self, admins: list[AccountAdmin], roster_read_at: datetime) -> bool:
        """Replace the owners and admins by those of a newer roster; return whether anything has changed.

        A roster without any owner or admin was read incompletely and is ignored.
        """
        before = self.admins
        if self.survey is None or not admins:
            return False
        self.survey = self.survey.model_copy(update={"admins": admins})
        self.roster_read_at = roster_read_at
        return self.admins != before

    def record_decision(self, request: ChooseSite | NameSite, decision: SiteDecision, now: datetime) -> AuditEntry:
        """Record the choice of a site that was accepted."""
        act = Act.CHOOSE_SITE if isinstance(request, ChooseSite) else Act.NAME_SITE
        about = decision.choice if isinstance(decision.choice, str) else decision.choice.name
        detail = decision.result.task if decision.result else NO_TEXT
        return self._record(act, request, now, about=about, detail=detail)

    def accept_decision(self, result: Decided) -> None:
        """Accept the choice that is being checked, if there is one."""
        if (decision := self.open_decision) is not None:
            decision.result = result

    def refuse_decision(self, reason: Text) -> None:
        """Refuse the choice that is being checked, if there is one."""
        if (decision := self.open_decision) is not None:
            decision.refusal = reason

    def confirm(self, request: Confirm, now: datetime) -> AuditEntry:
        """Report the current task done."""
        self.task_confirmed = True
        return self._record(Act.CONFIRM, request, now, about=self.task.task if self.task else "")

    def pause(self, request: Pause, now: datetime) -> AuditEntry:
        """Pause with a reason."""
        self.paused, self.paused_on_request = request.reason, True
        return self._record(Act.PAUSE, request, now, detail=verbatim(request.reason))

    def pause_for(self, problem: Text) -> None:
        """Pause because of a problem. A requested pause keeps its reason, which is needed to resume."""
        self.paused = self.paused or problem

    def resume(self, request: Resume, now: datetime) -> AuditEntry:
        """End the pause."""
        self.paused, self.paused_on_request = NO_TEXT, False
        return self._record(Act.RESUME, request, now)

    def request_refresh(self, request: Refresh, now: datetime) -> AuditEntry:
        """Read the roster again without waiting for the interval."""
        self.refresh_requested = True
        return self._record(Act.REFRESH, request, now)

    def set_deadline(self, request: SetDeadline, now: datetime) -> AuditEntry:
        """Replace the deadline; discard reports that the former deadline has passed."""
        self.rules = self.rules.model_copy(update={"deadline": request.deadline, "at_deadline": request.at_deadline})
        self.cohort_statuses = {
            number: status.model_copy(update={"deadline_passed": False})
            for number, status in self.cohort_statuses.items()
        }
        self.deadline_reported = False
        deadline = request.deadline.isoformat(timespec="seconds") if request.deadline else "none"
        return self._record(Act.SET_DEADLINE, request, now, about=deadline, detail=verbatim(request.at_deadline))

    def cancel(self, request: Cancel, now: datetime) -> AuditEntry:
        """Cancel the migration; with `Cancel.undo` also request the undo."""
        self.cancelled = request
        if request.undo:
            self.undo_request = request
        return self._record(Act.CANCEL, request, now, detail=request.why)

    def cancel_in_temporal(self, now: datetime) -> AuditEntry | None:
        """Cancel the migration because its workflow was cancelled in Temporal; do nothing if it is too late."""
        if not self.can_be_cancelled:
            return None
        return self.cancel(Cancel(reason="", by=Actor()), now)

    def close_cancelled(self, cancelled: Cancel, now: datetime) -> None:
        """Drop what a cancelled migration was waiting for."""
        self.paused, self.task = NO_TEXT, None
        self.refuse_decision(text("The migration is cancelled."))
        self.checklist.cancel(now, cancelled.why)

    def end(self, outcome: Outcome) -> None:
        """Record how the migration ended; clear its pause, task and problems."""
        self.outcome = outcome
        self.paused, self.paused_on_request, self.task, self.cohort_statuses = NO_TEXT, False, None, {}


class MigrationInput(Model):
    """The input of `SiteMigrationWorkflow`."""

    request: MigrationRequest
    state: MigrationState | None = None
    """Set only by continue-as-new, once the migration has ended: that run only answers queries and completes."""


def _same_reason(given: str, reason: str) -> bool:
    """Return whether two reasons are the same; a form or a shell may change spaces and the final full stop."""
    return given.rstrip(".").split() == reason.rstrip(".").split()
