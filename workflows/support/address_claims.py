"""Claims corrected addresses, so that no two people of a migration get the same address.

The cohort that an address hashes to grants or refuses the claim. A cohort does not complete or continue as new before
its handlers have finished, so it answers every claim that it has received.
"""

from collections.abc import Callable

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import ids
    from landbridge.domain.cohort_state import CohortInput
    from landbridge.domain.messages import AddressClaim, ClaimAnswer
    from landbridge.domain.people import Person


class AddressClaims:
    """The claims of one cohort on addresses that hash to other cohorts."""

    def __init__(self, cohort: CohortInput, closing: Callable[[], bool]) -> None:
        """Take the cohort; `closing` returns whether the migration has closed it. Then no more answers arrive."""
        self._cohort = cohort
        self._closing = closing
        self._answers: dict[int, bool | None] = {}
        """The answer to each pending claim, by the person's number. None: no answer yet."""

    def is_pending(self, person: int) -> bool:
        """Return whether a claim for the person with this number is pending."""
        return person in self._answers

    async def claim(self, email: str, person: int) -> bool | None:
        """Claim an address for a person; return whether it was granted. None: the migration ended first."""
        home = self._cohort.home_of(email)
        if home == self._cohort.number:
            return True
        self._answers[person] = None
        if await self._signal(home, "address_claimed", self._claim(email, person)):
            await workflow.wait_condition(lambda: self._answers[person] is not None or self._closing())
        return self._answers.pop(person)

    async def release(self, email: str, person: Person) -> None:
        """Release an address that was granted but not used, unless it is a former address of the person."""
        home = self._cohort.home_of(email)
        if home != self._cohort.number and email not in person.former_emails:
            await self._signal(home, "address_released", self._claim(email, person.number))

    async def answer(self, claim: AddressClaim, *, granted: bool) -> None:
        """Answer another cohort's claim."""
        await self._signal(claim.cohort, "claim_answered", ClaimAnswer(person=claim.person, granted=granted))

    def record_answer(self, answer: ClaimAnswer) -> None:
        """Record the answer to a pending claim."""
        if answer.person in self._answers:
            self._answers[answer.person] = answer.granted

    def _claim(self, email: str, person: int) -> AddressClaim:
        return AddressClaim(email=email, cohort=self._cohort.number, person=person)

    async def _signal(self, number: int, signal: str, message: object) -> bool:
        """Signal another cohort; return False if it has ended."""
        cohort = workflow.get_external_workflow_handle(ids.cohort(self._cohort.opsgenie_account, number))
        try:
            await cohort.signal(signal, message)
        except ApplicationError:
            workflow.logger.warning("signal_not_delivered", extra={"signal": signal, "cohort": number})
            return False
        return True
