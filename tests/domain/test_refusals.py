"""Refusals that may concern the sender or the recipient, batch by batch."""

import pytest

from landbridge.domain import refusals
from landbridge.domain.activity_io import Delivery, MailOutcome, Refusals
from landbridge.domain.links import Purpose
from landbridge.domain.refusals import MAX_IN_A_ROW, WorkerRefusals
from landbridge.domain.text import NO_TEXT, text

ACCEPTED, REFUSED, DEFERRED = Delivery.ACCEPTED, Delivery.REFUSED, Delivery.DEFERRED


def batch(answers: str, *, start: int = 1, purpose: Purpose = Purpose.AUTHENTICATION) -> list[MailOutcome]:
    """Return outcomes for consecutive people: `+` accepted, `?` refused and in question, `-` refused, `~` deferred."""
    deliveries = {"+": ACCEPTED, "?": REFUSED, "-": REFUSED, "~": DEFERRED}
    checks = {"?": text("Check it.")}
    return [
        MailOutcome(
            person=number,
            purpose=purpose,
            delivery=deliveries[answer],
            if_many=checks.get(answer, NO_TEXT),
        )
        for number, answer in enumerate(answers, start=start)
    ]


def people(state: Refusals) -> list[int]:
    """Return the people whose refusals are in question."""
    return [refusal.person for refusal in state.in_question]


@pytest.mark.parametrize(
    "batches, suspicious",
    [
        (["?"], True),
        (["+", "?" * MAX_IN_A_ROW], False),
        (["+", "?" * (MAX_IN_A_ROW + 1)], True),
        (["+", *"?" * (MAX_IN_A_ROW + 1)], True),
        (["+?" * 8, "?+" * 8], False),
        (["+", "????+"], False),
        (["+", "----------"], False),
        (["+", "?-?~?-?"], True),
    ],
)
def test_a_run_without_an_acceptance_concerns_the_sender(batches: list[str], *, suspicious: bool) -> None:
    """Batch boundaries make no difference; answers that surely concern one person neither count nor end the run."""
    state, start = Refusals(), 1
    for answers in batches:
        state = refusals.after(state, batch(answers, start=start))
        start += len(answers)
    assert refusals.concern_the_sender(state) is suspicious


def test_a_later_batch_settles_refusals_and_the_same_one_does_not() -> None:
    """The server may have started to refuse everyone while it still accepted a mail in progress."""
    first = refusals.after(Refusals(), batch("+?+??"))
    assert people(first) == [2, 4, 5]
    assert people(refusals.after(first, batch("?+", start=6))) == [6]


def test_each_purpose_counts_for_itself() -> None:
    """Accepted verification emails say nothing about authentication emails."""
    state = refusals.after(Refusals(), [*batch("+"), *batch("+", start=9, purpose=Purpose.VERIFICATION)])
    for number in range(MAX_IN_A_ROW + 1):
        verification = batch("+", start=20 + number, purpose=Purpose.VERIFICATION)
        state = refusals.after(state, [*batch("?", start=2 + number), *verification])
    assert refusals.concern_the_sender(state)


def test_one_person_counts_once() -> None:
    """An admin may have the mail retried any number of times."""
    state = refusals.after(Refusals(), batch("+"))
    for _ in range(MAX_IN_A_ROW + 1):
        state = refusals.after(state, batch("?", start=2))
    assert not refusals.concern_the_sender(state)


def test_who_is_tried_again_is_refused_for_good_once_others_were_accepted() -> None:
    """Before others are accepted, the server may still refuse everyone."""
    withdrawn = refusals.all_withdrawn(refusals.after(Refusals(), batch("????")))
    assert withdrawn.withdrawn == [1, 2, 3, 4]
    assert refusals.concern_the_sender(refusals.after(withdrawn, batch("????")))
    mended = refusals.after(withdrawn, [*batch("+", start=9), *batch("????")])
    assert (people(mended), mended.withdrawn, refusals.concern_the_sender(mended)) == ([], [], False)


def test_nothing_in_question_leaves_nothing_to_withdraw() -> None:
    """After a pause for another reason, the next refusal is not suspicious."""
    state = refusals.after(Refusals(), batch("+"))
    assert refusals.all_withdrawn(state).accepted == state.accepted


def test_a_worker_adds_its_cohorts_up() -> None:
    """One refusal in each of many cohorts is enough; any acceptance ends the run; other cohorts do not count."""
    worker, cohort = WorkerRefusals(), refusals.after(Refusals(), batch("+"))
    refused, taken = refusals.after(cohort, batch("?")), refusals.after(cohort, batch("+"))
    assert [worker.add(batch("?"), cohort, refused) for _ in range(MAX_IN_A_ROW + 1)] == [False] * MAX_IN_A_ROW + [True]
    assert not worker.add(batch("-"), cohort, cohort)
    assert not worker.add(batch("+"), cohort, taken)
    assert not worker.add(batch("?"), cohort, refused)
