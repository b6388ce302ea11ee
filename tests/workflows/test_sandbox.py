"""What the SDK hands to a workflow, in the order in which it was seen to, when questions get in before tasks."""

from typing import Any

from temporalio.bridge.proto.workflow_activation import RemoveFromCache, WorkflowActivation
from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
from temporalio.worker import WorkflowInstance

from domain import ids
from workflows.sandbox import Doubts, InTime


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


class _Worker:
    """Hands activations of one run to a workflow, as a worker does."""

    def __init__(self, doubts: Doubts | None = None) -> None:
        self._doubts = doubts or Doubts()
        self.begin()

    def evict(self, *, over: bool = False) -> None:
        """Drop what was built up; the next activation begins anew."""
        dropping = WorkflowActivation(run_id="run")
        reasons = RemoveFromCache.EvictionReason
        dropping.jobs.add().remove_from_cache.reason = reasons.WORKFLOW_EXECUTION_ENDING if over else reasons.LANG_FAIL
        assert self._taken(dropping)
        self.begin()

    def begin(self) -> None:
        """Build up anew."""
        self._workflow = _Workflow()
        self._instance = InTime(self._workflow, self._doubts)

    def events(self, upto: int, second: int, *, replaying: bool = False) -> bool:
        """Hand over events; return whether they were taken."""
        act = WorkflowActivation(run_id="run", is_replaying=replaying, history_length=upto)
        act.timestamp.FromSeconds(second)
        act.jobs.add().signal_workflow.signal_name = "news"
        return self._taken(act)

    def question(self, name: str = "legacy_query", *, ended: str = "") -> bool:
        """Ask, saying that a run has ended, if one is named; return whether it was answered."""
        act = WorkflowActivation(run_id="run", is_replaying=True)
        asked = act.jobs.add().query_workflow
        asked.query_id = name
        if ended:
            asked.headers[ids.ENDED_RUN].data = ended.encode()
        return self._taken(act)

    @property
    def heard(self) -> int:
        """The last event that the workflow was handed."""
        return self._workflow.heard

    def _taken(self, act: WorkflowActivation) -> bool:
        return self._instance.activate(act).HasField("successful")


def test_events_without_a_time_of_their_own_are_refused() -> None:
    """They belong to a task that is yet to come."""
    worker = _Worker()
    assert worker.events(38, 20)
    assert not worker.events(45, 20)


def test_a_question_after_a_lost_task_leaves_no_workflow_behind_that_has_done_it() -> None:
    """The refusal cost the task that had just begun: whoever did it anyway would decide otherwise than replays."""
    worker = _Worker()
    assert worker.events(38, 20)
    assert not worker.events(45, 20)
    worker.evict()
    assert worker.events(38, 20, replaying=True)
    assert worker.events(46, 21)
    assert not worker.question()


def test_a_task_that_was_not_lost_after_all_is_followed_by_answers() -> None:
    """A further task, or a replay, shows that it was done."""
    worker = _Worker()
    worker.events(38, 20)
    worker.events(45, 20)
    worker.evict()
    assert worker.events(46, 21)
    assert worker.question("of a task")
    assert worker.events(50, 22)
    assert worker.question()
    worker.events(54, 22)
    worker.evict()
    assert worker.events(55, 23, replaying=True)
    assert worker.events(59, 24)
    assert worker.question()


def test_the_answer_of_a_local_activity_proves_no_further_task() -> None:
    """It comes within the task that may be lost: a question is refused after it as before."""
    worker = _Worker()
    assert worker.events(38, 20)
    assert not worker.events(44, 20)
    worker.evict()
    assert worker.events(44, 30)
    assert worker.events(44, 31)
    assert not worker.question()
    assert worker.events(50, 40)
    assert worker.question()


def test_a_task_that_was_lost_with_its_worker_is_not_done_for_a_question() -> None:
    """Nor where the worker that had it, or its connection, is gone: whoever comes new to a run cannot know."""
    worker = _Worker()
    assert worker.events(130, 20, replaying=True)
    assert worker.events(138, 21)
    assert not worker.question()
    worker.evict()
    # It timed out; its events come with the next one.
    assert worker.events(130, 20, replaying=True)
    assert worker.events(157, 31)
    assert worker.events(160, 32)
    assert worker.question()


def test_a_task_may_be_lost_whenever_a_run_is_dropped() -> None:
    """Its worker has known the run for long; the task that came back with the last answer was on its way."""
    worker = _Worker()
    for events in range(10, 50, 10):
        assert worker.events(events, events)
    assert worker.question()
    worker.evict()
    assert worker.events(40, 40, replaying=True)
    assert worker.events(48, 48)
    assert not worker.question()


def test_questions_cost_nothing_once_a_run_is_trusted() -> None:
    """One question may be refused when a worker comes to know a run; then none, however often they are asked."""
    worker = _Worker()
    assert worker.events(10, 10)
    assert not worker.question()
    worker.evict()
    assert worker.events(10, 10, replaying=True)
    assert worker.question()
    for events in range(20, 60, 10):
        assert worker.events(events, events)
        assert worker.question()
        assert worker.question()


def test_a_run_that_is_over_is_forgotten() -> None:
    """A worker remembers nothing of what it will not hear of again."""
    doubts = Doubts()
    worker = _Worker(doubts)
    worker.events(10, 10)
    worker.evict(over=True)
    assert doubts == Doubts()


def test_a_run_that_has_ended_is_answered_for() -> None:
    """Events that no task will ever deliver are passed over, once it was said that the run has ended."""
    worker = _Worker()
    assert worker.events(38, 20, replaying=True)
    assert not worker.events(45, 20)
    # The SDK goes on with the question, and does not pass its answer on.
    worker.question(ended="run")
    worker.evict()
    assert worker.events(38, 20, replaying=True)
    assert worker.events(45, 20)
    assert worker.question()
    assert worker.heard == 38


def test_the_end_of_another_run_says_nothing() -> None:
    """The newest run may be another one than that which somebody saw ended."""
    worker = _Worker()
    assert worker.events(38, 20, replaying=True)
    assert not worker.events(45, 20)
    worker.question(ended="an earlier run")
    worker.evict()
    assert worker.events(38, 20, replaying=True)
    assert not worker.events(45, 20)
