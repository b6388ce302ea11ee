"""Whom refused mail concerns when the answer alone does not tell: one person, or everyone we send to.

"Relay access denied" may be said of one domain or of our network, "blocked as spam" of one mail or of all of them.
Only a run of such refusals, without a mail that was accepted in between, shows that they concern the sender.
"""

from collections.abc import Sequence

from landbridge.domain.activity_io import Delivery, MailOutcome, Refusal, Refusals
from landbridge.domain.links import Purpose

MAX_IN_A_ROW = 3
"""Refusals in a row that may still concern single people, where the server has accepted such mail before."""


def after(refusals: Refusals, batch: Sequence[MailOutcome]) -> Refusals:
    """Return what is in question after a batch, given in the order in which its mails were to be sent.

    The order of the answers would not do for counting: refusals are faster than acceptances. Nor does an acceptance
    settle a refusal of the same batch: the server may have changed its mind while both were under way.
    """
    in_question, counts = list(refusals.in_question), dict(refusals.in_a_row)
    accepted, withdrawn = set(refusals.accepted), set(refusals.withdrawn)
    for purpose in {one.purpose for one in batch if one.delivery is Delivery.ACCEPTED}:
        in_question = [refusal for refusal in in_question if refusal.purpose is not purpose]
    for one in batch:
        if one.purpose is None or one.delivery is Delivery.DEFERRED:
            continue
        if one.delivery is Delivery.ACCEPTED:
            accepted.add(one.purpose)
            counts[one.purpose] = 0
        elif one.if_many and not (one.person in withdrawn and one.purpose in accepted):
            others = [refusal for refusal in in_question if refusal.person != one.person]
            # A person who is refused repeatedly counts once.
            counts[one.purpose] = counts.get(one.purpose, 0) + (len(others) == len(in_question))
            in_question = [*others, Refusal(person=one.person, purpose=one.purpose, generation=one.generation)]
        withdrawn.discard(one.person)
    return Refusals(in_question=in_question, in_a_row=counts, accepted=sorted(accepted), withdrawn=sorted(withdrawn))


def concern_the_sender(refusals: Refusals) -> bool:
    """Return whether too many mails were refused in a row, or nothing was ever accepted that would speak for us."""
    return any(
        count > (MAX_IN_A_ROW if purpose in refusals.accepted else 0) for purpose, count in refusals.in_a_row.items()
    )


def all_withdrawn(refusals: Refusals) -> Refusals:
    """Return the state in which everyone in question is tried again.

    A new refusal is final for a person only once the server has accepted another mail of the same purpose.
    """
    doubtful = {refusal.purpose for refusal in refusals.in_question}
    return Refusals(
        accepted=[purpose for purpose in refusals.accepted if purpose not in doubtful],
        withdrawn=sorted({*refusals.withdrawn, *(refusal.person for refusal in refusals.in_question)}),
    )


class WorkerRefusals:
    """Counts refusals in a row across the cohorts of one worker: many small cohorts may have few each."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(Purpose, 0)

    def add(self, batch: Sequence[MailOutcome], before: Refusals, now: Refusals) -> bool:
        """Add a batch and what its cohort made of it; return whether there are too many in a row by now."""
        accepted = {one.purpose for one in batch if one.delivery is Delivery.ACCEPTED}
        for purpose in Purpose:
            count = now.in_a_row.get(purpose, 0)
            if purpose in accepted:
                self._counts[purpose] = count
            else:
                self._counts[purpose] += max(0, count - before.in_a_row.get(purpose, 0))
        return any(now.in_a_row.get(one) and self._counts[one] > MAX_IN_A_ROW for one in Purpose)
