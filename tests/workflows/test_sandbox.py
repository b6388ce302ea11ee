"""What the SDK delivers to a workflow, in sequences that were observed when queries overtake workflow tasks."""

from dataclasses import dataclass, field
from typing import Any

from temporalio.bridge.proto.workflow_activation import WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance

from landbridge.platform.temporal.sandbox import StaleQueryGuard

RUN = "site-migration:acme:cohort:1", "run"


class _Workflow(WorkflowInstance):
    """Accepts every activation, and records the number of the last event."""

    def __init__(self) -> None:
        self.last_event = 0

    def activate(self, act: WorkflowActivation) -> WorkflowActivationCompletion:
        self.last_event = act.history_length or self.last_event
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
    """A fake for Temporal's answers about the run."""

    done: set[int] = field(default_factory=set)
    """The numbers of the events that started completed tasks."""
    ended: bool = False
    calls: int = 0
    """The number of calls."""

    def task_completed(self, workflow_id: str, run_id: str, started: int) -> bool:
        assert (workflow_id, run_id) == RUN
        self.calls += 1
        return started in self.done

    def has_ended(self, workflow_id: str, run_id: str) -> bool:
        assert (workflow_id, run_id) == RUN
        self.calls += 1
        return self.ended


class _Worker:
    """Delivers activations of one run to a workflow, like a worker that caches the workflow."""

    def __init__(self, history: _History | None) -> None:
        self._workflow = _Workflow()
        self._instance = StaleQueryGuard(self._workflow, *RUN, history)

    def events(self, upto: int, second: int, *, replaying: bool = False) -> bool:
        """Deliver events; return whether they were accepted."""
        act = WorkflowActivation(run_id="run", is_replaying=replaying, history_length=upto)
        act.timestamp.FromSeconds(second)
        act.jobs.add().signal_workflow.signal_name = "news"
        return self._accepted(act)

    def query(self, name: str = "legacy_query") -> bool:
        """Send a query; return whether it was answered."""
        act = WorkflowActivation(run_id="run", is_replaying=True)
        act.jobs.add().query_workflow.query_id = name
        return self._accepted(act)

    @property
    def last_event(self) -> int:
        """The number of the last event that reached the workflow."""
        return self._workflow.last_event

    def _accepted(self, act: WorkflowActivation) -> bool:
        return self._instance.activate(act).HasField("successful")


def test_events_without_a_time_of_their_own_are_refused() -> None:
    """Events with the time of the previous task belong to a task that is not delivered yet."""
    worker = _Worker(_History(done={38}))
    assert worker.events(38, 20)
    assert not worker.events(45, 20)


def test_a_task_that_was_lost_is_not_done_for_a_question() -> None:
    """Temporal delivers the events of a lost task again with newer ones: executing it early would break replay."""
    worker = _Worker(_History())
    assert worker.events(130, 20, replaying=True)
    assert worker.events(138, 21)
    assert not worker.query()


def test_it_does_not_matter_how_long_the_worker_has_known_the_run() -> None:
    """A connection may break at any time and lose a workflow task, however long the worker has cached the run."""
    history = _History(done={10, 20, 30})
    worker = _Worker(history)
    for events in (10, 20, 30):
        assert worker.events(events, events)
        assert worker.query()
    assert worker.events(40, 40)
    assert not worker.query()


def test_what_was_proved_is_not_asked_again() -> None:
    """Temporal is asked once after each task, and only if a query follows."""
    history = _History(done={10, 20, 30})
    worker = _Worker(history)
    for events in (10, 20, 30):
        assert worker.events(events, events)
    assert worker.query()
    assert worker.query()
    assert history.calls == 1


def test_a_replay_proves_itself() -> None:
    """Replayed tasks are known to have completed."""
    history = _History()
    worker = _Worker(history)
    assert worker.events(10, 10, replaying=True)
    assert worker.query()
    assert history.calls == 0


def test_a_question_within_a_task_is_part_of_it() -> None:
    """A query within a task completes or fails with that task."""
    history = _History()
    worker = _Worker(history)
    assert worker.events(10, 10)
    assert worker.query("of a task")
    assert history.calls == 0


def test_the_events_of_a_task_whose_request_was_refused_may_be_counted_anew() -> None:
    """Temporal keeps no trace of such a task; the event that starts the next task has the same number."""
    history = _History(done={20})
    worker = _Worker(history)
    assert worker.events(22, 22)
    assert not worker.query()
    worker = _Worker(history)
    assert worker.events(22, 22)
    assert worker.events(22, 25)
    history.done.add(22)
    assert worker.query()


def test_the_answer_of_a_local_activity_belongs_to_its_task() -> None:
    """The result of a local activity arrives before its task completes, so a query is still rejected."""
    worker = _Worker(_History())
    assert worker.events(44, 30)
    assert worker.events(44, 31)
    assert not worker.query()


def test_a_run_that_has_ended_is_answered_for() -> None:
    """Events that no task will deliver any more are skipped."""
    worker = _Worker(_History(done={38}, ended=True))
    assert worker.events(38, 20)
    assert worker.events(45, 20)
    assert worker.query()
    assert worker.last_event == 38


def test_without_histories_nothing_is_known() -> None:
    """Without access to Temporal, as in a replayer, such activations are rejected."""
    worker = _Worker(None)
    assert worker.events(38, 20)
    assert not worker.events(45, 20)
    assert not worker.query()
