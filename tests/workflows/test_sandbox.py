"""What the SDK hands to a workflow, in the order in which it was seen to, when questions get in before tasks."""

from dataclasses import dataclass, field
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance

from landbridge.platform.temporal.sandbox import StaleQueryGuard

RUN = "site-migration:acme:cohort:1", "run"


class _Workflow(WorkflowInstance):
    """Takes what it is handed, and remembers the last event of it."""

    def __init__(self) -> None:
        self.heard = 0

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        self.heard = act.history_length or self.heard
        taken = WorkflowActivationCompletion()
        taken.successful.SetInParent()
        return taken

    def get_serialization_context(self, command_info: Any) -> Any:  # noqa: ANN401 - the SDK's types are its own
        return None

    def get_external_store_context(self, command_info: Any) -> Any:  # noqa: ANN401 - as above
        return None

    def get_info(self) -> Any:  # noqa: ANN401 - as above
        return None

    def get_thread_id(self) -> int | None:
        return None


@dataclass
class _History:
    """What Temporal would say of the run."""

    done: set[int] = field(default_factory=set)
    """The events with which completed tasks began."""
    ended: bool = False
    asked: int = 0
    """Times that it was asked."""

    def task_completed(self, workflow_id: str, run_id: str, started: int) -> bool:
        assert (workflow_id, run_id) == RUN
        self.asked += 1
        return started in self.done

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        assert (workflow_id, run_id) == RUN
        self.asked += 1
        return self.ended


class _Worker:
    """Hands activations of one run to a workflow, as a worker does that keeps it in memory."""

    def __init__(self, history: _History | None) -> None:
        self._workflow = _Workflow()
        self._instance = StaleQueryGuard(self._workflow, *RUN, history)

    def events(self, upto: int, second: int, *, replaying: bool = False) -> bool:
        """Hand over events; return whether they were taken."""
        act = WorkflowActivation(run_id="run", is_replaying=replaying, history_length=upto)
        act.timestamp.FromSeconds(second)
        act.jobs.add().signal_workflow.signal_name = "news"
        return self._taken(act)

    def question(self, name: str = "legacy_query") -> bool:
        """Ask; return whether it was answered."""
        act = WorkflowActivation(run_id="run", is_replaying=True)
        act.jobs.add().query_workflow.query_id = name
        return self._taken(act)

    @property
    def heard(self) -> int:
        """The last event that the workflow was handed."""
        return self._workflow.heard

    def _taken(self, act: WorkflowActivation) -> bool:
        return self._instance.activate(act).HasField("successful")


def test_events_without_a_time_of_their_own_are_refused() -> None:
    """They belong to a task that is yet to come."""
    worker = _Worker(_History(done={38}))
    assert worker.events(38, 20)
    assert not worker.events(45, 20)


def test_a_task_that_was_lost_is_not_done_for_a_question() -> None:
    """Its events come again, with more of them: whoever had done it already would decide otherwise than replays."""
    worker = _Worker(_History())
    assert worker.events(130, 20, replaying=True)
    assert worker.events(138, 21)
    assert not worker.question()


def test_it_does_not_matter_how_long_the_worker_has_known_the_run() -> None:
    """A connection may be lost at any moment, and a task with it."""
    history = _History(done={10, 20, 30})
    worker = _Worker(history)
    for events in (10, 20, 30):
        assert worker.events(events, events)
        assert worker.question()
    assert worker.events(40, 40)
    assert not worker.question()


def test_what_was_proved_is_not_asked_again() -> None:
    """Temporal is asked once after each task, and only when there is a question."""
    history = _History(done={10, 20, 30})
    worker = _Worker(history)
    for events in (10, 20, 30):
        assert worker.events(events, events)
    assert worker.question()
    assert worker.question()
    assert history.asked == 1


def test_a_replay_proves_itself() -> None:
    """Its tasks were completed."""
    history = _History()
    worker = _Worker(history)
    assert worker.events(10, 10, replaying=True)
    assert worker.question()
    assert history.asked == 0


def test_a_question_within_a_task_is_part_of_it() -> None:
    """It comes and goes with the task."""
    history = _History()
    worker = _Worker(history)
    assert worker.events(10, 10)
    assert worker.question("of a task")
    assert history.asked == 0


def test_the_events_of_a_task_whose_request_was_refused_may_be_counted_anew() -> None:
    """Temporal leaves no trace of such a task; the next one begins with an event of the same number."""
    history = _History(done={20})
    worker = _Worker(history)
    assert worker.events(22, 22)
    assert not worker.question()
    worker = _Worker(history)
    assert worker.events(22, 22)
    assert worker.events(22, 25)
    history.done.add(22)
    assert worker.question()


def test_the_answer_of_a_local_activity_belongs_to_its_task() -> None:
    """It comes before the task is completed."""
    worker = _Worker(_History())
    assert worker.events(44, 30)
    assert worker.events(44, 31)
    assert not worker.question()


def test_a_run_that_has_ended_is_answered_for() -> None:
    """Events that no task will ever deliver are passed over."""
    worker = _Worker(_History(done={38}, ended=True))
    assert worker.events(38, 20)
    assert worker.events(45, 20)
    assert worker.question()
    assert worker.heard == 38


def test_without_histories_nothing_is_known() -> None:
    """As for what replays histories only."""
    worker = _Worker(None)
    assert worker.events(38, 20)
    assert not worker.events(45, 20)
    assert not worker.question()
