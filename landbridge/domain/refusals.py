"""Decides whether refused emails are the recipient's or the sender's fault, if the server's answer leaves it open.

"Relay access denied" may concern one domain or our whole network; "blocked as spam" may concern one email or all
emails. Only several such refusals in a row, without an accepted email in between, show that the sender is the cause.
"""

from collections.abc import Sequence

from landbridge.domain.activity_io import Delivery, MailOutcome, Refusal, Refusals
from landbridge.domain.links import Purpose

MAX_IN_A_ROW = 3
"""Maximum refusals in a row that are attributed to recipients, if the server has accepted such email before."""


def after(refusals: Refusals, batch: Sequence[MailOutcome]) -> Refusals:
    """Return the refusals after a batch, whose outcomes are in the order in which the emails were to be sent.

    The order of the answers is unsuitable for counting, because refusals arrive faster than acceptances. An acceptance
    does not settle a refusal of the same batch: the server may have changed its policy while both were in progress.
    """
    in_question, counts = list(refusals.in_question), dict(refusals.in_a_row)
    accepted, withdrawn = set(refusals.accepted), set(refusals.withdrawn)
    for purpose in {outcome.purpose for outcome in batch if outcome.delivery is Delivery.ACCEPTED}:
        in_question = [refusal for refusal in in_question if refusal.purpose is not purpose]
    for outcome in batch:
        if outcome.purpose is None or outcome.delivery is Delivery.DEFERRED:
            continue
        if outcome.delivery is Delivery.ACCEPTED:
            accepted.add(outcome.purpose)
            counts[outcome.purpose] = 0
        elif outcome.if_many and not (outcome.person in withdrawn and outcome.purpose in accepted):
            others = [refusal for refusal in in_question if refusal.person != outcome.person]
            # A person who is refused repeatedly counts once.
            counts[outcome.purpose] = counts.get(outcome.purpose, 0) + (len(others) == len(in_question))
            in_question = [
                *others,
                Refusal(person=outcome.person, purpose=outcome.purpose, generation=outcome.generation),
            ]
        withdrawn.discard(outcome.person)
    return Refusals(in_question=in_question, in_a_row=counts, accepted=sorted(accepted), withdrawn=sorted(withdrawn))


def concern_the_sender(refusals: Refusals) -> bool:
    """Return whether the sender is the cause: too many refusals in a row, or any before the first acceptance."""
    return any(
        count > (MAX_IN_A_ROW if purpose in refusals.accepted else 0) for purpose, count in refusals.in_a_row.items()
    )


def all_withdrawn(refusals: Refusals) -> Refusals:
    """Return the refusals after withdrawing those in question, so that these emails are retried.

    A new refusal of such a person is final only if the server has accepted an email of the same purpose since.
    """
    doubtful = {refusal.purpose for refusal in refusals.in_question}
    return Refusals(
        accepted=[purpose for purpose in refusals.accepted if purpose not in doubtful],
        withdrawn=sorted({*refusals.withdrawn, *(refusal.person for refusal in refusals.in_question)}),
    )


class WorkerRefusals:
    """Counts refusals in a row across the cohorts of one worker, because many small cohorts may have a few each."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Purpose, 0)

    def add(self, batch: Sequence[MailOutcome], before: Refusals, now: Refusals) -> bool:
        """Add a batch, with its cohort's refusals before and after it; return whether too many are in a row."""
        accepted = {outcome.purpose for outcome in batch if outcome.delivery is Delivery.ACCEPTED}
        for purpose in Purpose:
            count = now.in_a_row.get(purpose, 0)
            if purpose in accepted:
                self._counts[purpose] = count
            else:
                self._counts[purpose] += max(0, count - before.in_a_row.get(purpose, 0))
        return any(now.in_a_row.get(purpose) and self._counts[purpose] > MAX_IN_A_ROW for purpose in Purpose)
