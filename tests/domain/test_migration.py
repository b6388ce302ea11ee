"""The rules of a migration: which requests are allowed when, and what they change."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from landbridge.domain import stale
from landbridge.domain.audit import Act
from landbridge.domain.errors import NotFound, Refused
from landbridge.domain.messages import (
    Cancel,
    ChooseSite,
    CohortStatus,
    Confirm,
    Deadline,
    Decided,
    MigrationRequest,
    NameSite,
    Pause,
    Refresh,
    Request,
    Resume,
    RevokeInvitations,
    SetDeadline,
    Step,
    StepStatus,
)
from landbridge.domain.migration import MigrationInput, MigrationState, Outcome, SiteDecision, Task
from landbridge.domain.people import Actor, Counts, Source, State
from landbridge.domain.roster import OWNER, AccountAdmin, RosterPerson, survey
from landbridge.domain.rules import AtDeadline
from landbridge.domain.sites import NewSite, Site
from landbridge.domain.text import text, verbatim

NOW = datetime(2026, 11, 23, tzinfo=UTC)
OWNER_EMAIL = "olga@example.com"
BY_OWNER = Actor(source=Source.ADMIN, name=OWNER_EMAIL)
BY_STRANGER = Actor(source=Source.ADMIN, name="sam@example.com")
SITE = Site(id="cloud-acme", name="acme", url="https://acme.atlassian.net", admin=True)
REQUEST = MigrationRequest(opsgenie_account="acme", initiator=OWNER_EMAIL, by=BY_OWNER)
CONNECT = Task(id="connect:acme", task=text("Connect it."), command="confirm", can_be_confirmed=True)
CANCEL = Cancel(reason="The merger is off.", by=BY_OWNER)
IN_A_DAY = NOW + timedelta(days=1)


def started(request: MigrationRequest = REQUEST) -> MigrationState:
    """Return a migration whose roster has one owner and one user."""
    state, _ = MigrationState.initial(request, "run", NOW)
    state.survey = survey([RosterPerson(email=OWNER_EMAIL, role=OWNER), RosterPerson(email="ann@example.com")])
    state.checklist.mark(Step.CHOOSE_SITE, StepStatus.RUNNING, NOW)
    return state


def cancelled() -> MigrationState:
    """Return a migration that was cancelled without an undo."""
    state = started()
    state.cancel(CANCEL, NOW)
    return state


Check = Callable[[MigrationState, Request], None]
CHECKS: list[tuple[Request, Check]] = [
    (ChooseSite(site="acme"), MigrationState.check_choose_site),  # type: ignore[list-item]  # each takes its own request
    (
        NameSite(new_site=NewSite(name="acme", first_name="O", last_name="O")),
        MigrationState.check_name_site,  # type: ignore[list-item]
    ),
    (Confirm(task=CONNECT.id), MigrationState.check_confirm),  # type: ignore[list-item]
    (Pause(reason=verbatim("Holidays.")), MigrationState.check_pause),  # type: ignore[list-item]
    (Resume(), MigrationState.check_resume),  # type: ignore[list-item]
    (Refresh(), MigrationState.check_active),
    (
        SetDeadline(deadline=IN_A_DAY, at_deadline=AtDeadline.KEEP_WAITING),
        lambda state, request: state.check_set_deadline(request, NOW),  # type: ignore[arg-type]
    ),
    (CANCEL, MigrationState.check_cancel),  # type: ignore[list-item]
]


@pytest.mark.parametrize("request_, check", CHECKS)
class TestAnyRequest:
    """The rules for every request."""

    def test_an_owner_may_send_it(self, request_: Request, check: Check) -> None:
        """The request may name the run that the sender saw."""
        state = started()
        state.task = CONNECT if isinstance(request_, Confirm) else None
        check(state, request_.model_copy(update={"by": BY_OWNER, "run": "run"}))

    def test_a_stranger_may_not_send_it(self, request_: Request, check: Check) -> None:
        """Only owners, admins and operators may."""
        with pytest.raises(Refused, match="Only an owner or admin"):
            check(started(), request_.model_copy(update={"by": BY_STRANGER}))

    def test_a_request_for_another_run_is_refused(self, request_: Request, check: Check) -> None:
        """The sender has not seen this migration."""
        with pytest.raises(Refused, match=stale.STARTED_AGAIN):
            check(started(), request_.model_copy(update={"run": "another"}))

    def test_a_cancelled_migration_refuses_it(self, request_: Request, check: Check) -> None:
        """Nothing can be changed any more."""
        with pytest.raises(Refused, match="cancelled"):
            check(cancelled(), request_)


def test_a_migration_that_is_over_accepts_no_request() -> None:
    state = started()
    state.end(Outcome(failure=text("x"), failure_type="Refused"))
    with pytest.raises(NotFound):
        state.check_active(Refresh())


class TestInitiator:
    """Step 1 of the guide: who may start a migration."""

    def test_an_owner_may_initiate(self) -> None:
        state = started()
        assert state.survey is not None
        state.check_initiator(REQUEST.model_copy(update={"plan": state.survey.digest}))

    @pytest.mark.parametrize(
        "change, reason",
        [
            ({"initiator": "ann@example.com"}, "initiator is neither"),
            ({"by": BY_STRANGER}, "Only an owner or admin"),
            ({"plan": "another"}, "Make a new plan"),
        ],
    )
    def test_others_and_outdated_plans_are_refused(self, change: dict[str, object], reason: str) -> None:
        with pytest.raises(Refused, match=reason):
            started().check_initiator(REQUEST.model_copy(update=change))


class TestSiteChoice:
    """Steps 2 and 4 of the guide: choosing or creating a site."""

    def test_a_requested_site_is_the_first_decision(self) -> None:
        state = started(REQUEST.model_copy(update={"site": "acme"}))
        assert state.open_decision is not None
        assert state.open_decision.choice == "acme"

    def test_only_one_choice_is_checked_at_a_time(self) -> None:
        state = started()
        state.decision = SiteDecision("acme")
        with pytest.raises(Refused, match="Another choice is being checked"):
            state.check_choose_site(ChooseSite(site="other"))
        state.refuse_decision(text("There is no such site."))
        state.check_choose_site(ChooseSite(site="other"))

    def test_a_chosen_site_stays(self) -> None:
        state = started()
        state.site = SITE
        with pytest.raises(Refused, match="already chosen"):
            state.check_choose_site(ChooseSite(site="other"))

    def test_sign_up_comes_first(self) -> None:
        state = started()
        state.checklist.mark(Step.SIGN_UP, StepStatus.RUNNING, NOW)
        with pytest.raises(Refused, match="must sign up first"):
            state.check_choose_site(ChooseSite(site="acme"))

    def test_replacing_a_choice_requires_the_task_that_waits(self) -> None:
        state = started()
        state.task = CONNECT
        with pytest.raises(Refused, match=f"name the pending task: {CONNECT.id}"):
            state.check_choose_site(ChooseSite(site="acme"))
        state.check_choose_site(ChooseSite(site="acme", task=CONNECT.id))

    @pytest.mark.parametrize("name", ["a", "not valid", "-"])
    def test_an_invalid_name_is_refused(self, name: str) -> None:
        with pytest.raises(Refused):
            started().check_name_site(NameSite(new_site=NewSite(name=name, first_name="O", last_name="O")))

    def test_an_empty_site_is_refused(self) -> None:
        with pytest.raises(Refused, match="Name the site"):
            started().check_choose_site(ChooseSite(site=" "))

    def test_an_accepted_decision_is_recorded_with_its_task(self) -> None:
        state = started()
        state.decision = decision = SiteDecision("acme")
        state.accept_decision(Decided(task=text("Create it.")))
        entry = state.record_decision(ChooseSite(site="acme", by=BY_OWNER), decision, NOW)
        assert (entry.act, entry.about, entry.detail) == (Act.CHOOSE_SITE, "acme", "Create it.")
        assert state.audit.entries[-1] == entry


class TestConfirm:
    """An admin reports that a task is done."""

    def test_the_current_task_is_confirmed(self) -> None:
        state = started()
        state.task = CONNECT
        state.check_confirm(Confirm(task=CONNECT.id))
        state.confirm(Confirm(task=CONNECT.id), NOW)
        assert state.task_confirmed

    @pytest.mark.parametrize(
        "task, named, reason",
        [
            (CONNECT, "sign-up", "no longer waits"),
            (CONNECT, "", "Name the completed task"),
            (replace(CONNECT, can_be_confirmed=False), CONNECT.id, "no task to confirm"),
            (None, "", "no task to confirm"),
        ],
    )
    def test_other_tasks_are_refused(self, task: Task | None, named: str, reason: str) -> None:
        state = started()
        state.task = task
        with pytest.raises(Refused, match=reason):
            state.check_confirm(Confirm(task=named))


class TestPause:
    """Pausing and resuming."""

    def test_a_pause_needs_a_reason(self) -> None:
        with pytest.raises(Refused, match="Give a reason"):
            started().check_pause(Pause(reason=verbatim(" ")))

    def test_a_requested_pause_ends_only_with_its_reason(self) -> None:
        """Spaces and the final full stop make no difference."""
        state = started()
        state.pause(Pause(reason=verbatim("Wait for  Monday.")), NOW)
        with pytest.raises(Refused, match="Wait for"):
            state.check_resume(Resume())
        state.check_resume(Resume(reason="Wait for Monday"))
        state.resume(Resume(), NOW)
        assert not state.paused

    def test_a_problem_does_not_replace_the_reason_of_a_requested_pause(self) -> None:
        state = started()
        state.pause(Pause(reason=verbatim("Wait.")), NOW)
        state.pause_for(text("Opsgenie rejects the API key."))
        assert state.paused == "Wait."

    def test_a_pause_for_a_problem_ends_without_a_reason(self) -> None:
        state = started()
        state.pause_for(text("Opsgenie rejects the API key."))
        state.check_resume(Resume())


class TestDeadline:
    """Replacing the deadline, and the notice after it has passed."""

    def test_a_deadline_in_the_past_is_refused(self) -> None:
        with pytest.raises(Refused, match="past"):
            started().check_set_deadline(SetDeadline(deadline=NOW, at_deadline=AtDeadline.KEEP_WAITING), NOW)

    def test_a_request_that_saw_another_deadline_is_refused(self) -> None:
        seen = Deadline(deadline=IN_A_DAY, at_deadline=AtDeadline.KEEP_WAITING)
        request = SetDeadline(deadline=None, at_deadline=AtDeadline.KEEP_WAITING, instead_of=seen)
        with pytest.raises(Refused, match=stale.DEADLINE_CHANGED):
            started().check_set_deadline(request, NOW)

    def test_one_notice_is_due_for_each_deadline(self) -> None:
        state = started()
        assert not state.deadline_notice_is_due
        state.update_cohort_status(CohortStatus(number=1, deadline_passed=True))
        assert state.deadline_notice_is_due
        state.deadline_reported = True
        assert not state.deadline_notice_is_due
        state.set_deadline(SetDeadline(deadline=IN_A_DAY, at_deadline=AtDeadline.KEEP_WAITING), NOW)
        assert not state.deadline_notice_is_due
        state.update_cohort_status(CohortStatus(number=1, deadline_passed=True))
        assert state.deadline_notice_is_due

    def test_no_notice_is_due_where_the_deadline_ends_the_migration(self) -> None:
        state = started()
        state.set_deadline(SetDeadline(deadline=IN_A_DAY, at_deadline=AtDeadline.COMPLETE_PARTIAL), NOW)
        state.site = SITE
        state.update_cohort_status(CohortStatus(number=1, deadline_passed=True))
        assert not state.deadline_notice_is_due


class TestCancel:
    """Cancelling, and the undo."""

    def test_the_last_step_cannot_be_cancelled(self) -> None:
        state = started()
        state.checklist.mark(Step.COMPLETE, StepStatus.RUNNING, NOW)
        with pytest.raises(Refused, match="being completed"):
            state.check_cancel(CANCEL)
        assert state.cancel_in_temporal(NOW) is None

    def test_a_cancellation_needs_a_reason(self) -> None:
        with pytest.raises(Refused, match="Give a reason"):
            started().check_cancel(Cancel(reason=""))

    def test_a_cancellation_refuses_the_choice_that_is_being_checked(self) -> None:
        state = started()
        state.decision = SiteDecision("acme")
        state.pause(Pause(reason=verbatim("Wait.")), NOW)
        state.cancel(CANCEL, NOW)
        state.close_cancelled(CANCEL, NOW)
        assert state.decision.refusal
        assert not state.paused
        current = next(item for item in state.checklist.items if item.step is Step.CHOOSE_SITE)
        assert (current.status, current.note) == (StepStatus.CANCELLED, CANCEL.reason)

    def test_only_a_cancelled_migration_is_undone_and_only_once(self) -> None:
        with pytest.raises(Refused, match="nothing to undo"):
            started().check_revoke_invitations(RevokeInvitations())
        state = cancelled()
        state.check_revoke_invitations(RevokeInvitations())
        state.undo_request = RevokeInvitations()
        with pytest.raises(Refused, match="already being revoked"):
            state.check_revoke_invitations(RevokeInvitations())

    def test_a_cancellation_can_request_the_undo(self) -> None:
        state = started()
        state.cancel(CANCEL.model_copy(update={"undo": True}), NOW)
        assert state.undo_request is not None

    def test_an_undo_after_the_end_is_started_without_the_migration(self) -> None:
        state = cancelled()
        state.end(Outcome())
        with pytest.raises(NotFound):
            state.check_revoke_invitations(RevokeInvitations())


def test_the_end_drops_problems_and_the_pause() -> None:
    state = started()
    state.update_cohort_status(CohortStatus(number=1, problem=text("The mail server is unavailable.")))
    state.pause_for(text("x"))
    state.end(Outcome())
    progress = state.progress("acme", OWNER_EMAIL)
    assert (progress.problems, progress.paused, progress.task) == ([], "", "")


def test_every_cohort_has_to_report_before_the_migration_continues() -> None:
    state = started()
    state.cohorts = 2
    state.update_cohort_status(
        CohortStatus(number=1, opened=True, settled=True, counts=Counts(by_state={State.CONNECTED: 2}))
    )
    assert not state.all_opened
    state.update_cohort_status(CohortStatus(number=2, opened=True))
    assert state.all_opened
    assert not state.all_settled
    assert state.counts.total == 2


def test_an_incomplete_roster_does_not_replace_the_admins() -> None:
    state = started()
    assert not state.update_admins([], NOW)
    assert not state.update_admins([AccountAdmin(email=OWNER_EMAIL)], NOW)
    assert state.update_admins([AccountAdmin(email="new@example.com")], NOW)
    with pytest.raises(Refused):
        state.check_active(Refresh(by=BY_OWNER))


def test_a_corrected_address_is_found_in_its_cohort() -> None:
    state = started()
    state.update_cohort_status(CohortStatus(number=7, moved=["New@example.com"]))
    assert state.cohort_of("new@example.com") == 7


def test_continue_as_new_carries_the_whole_state() -> None:
    state = started(REQUEST.model_copy(update={"site": "acme"}))
    state.task, state.site, state.sites, state.cohorts = CONNECT, SITE, [SITE], 1
    state.update_cohort_status(CohortStatus(number=1, moved=["ann@example.com"]))
    state.cancel(CANCEL.model_copy(update={"undo": True}), NOW)
    state.outcome = Outcome(failure=text("x"))
    carried = MigrationInput(request=REQUEST, state=state)
    assert MigrationInput.model_validate_json(carried.model_dump_json()) == carried
