"""Refuses requests whose sender saw an outdated state: another run, another task, a former address.

Two admins may look at the same page, and one of them acts first. Then the other admin's request would do something that
its sender did not intend: cancel a migration that was started since, or confirm a task that nobody has done. So
requests name what their sender saw.
"""

from landbridge.domain import addresses
from landbridge.domain.text import NO_TEXT, Text, text

STARTED_AGAIN = text(
    "The migration was started again in the meantime, so nothing was changed. Check its current status."
)
CORRECTED = text("This person's address was corrected in the meantime, so nothing was changed. Check the person again.")
DEADLINE_CHANGED = text("The deadline was changed in the meantime, so yours was not set. Check the current status.")


def run_mismatch(seen: str, run: str) -> Text:
    """Return why the migration `run` refuses a request about the migration `seen`; empty if they are the same.

    Both are as `domain.ids.run_of` returns them. `seen` is empty if the request is for any migration of the account.
    """
    return STARTED_AGAIN if seen not in {"", run} else NO_TEXT


def task_mismatch(seen: str, task: str) -> Text:
    """Return why a request about the task `seen` is refused while `task` is the current one; empty if it is not.

    Both are ids of tasks (`domain.messages.Progress.task_id`); empty means no task.
    """
    if seen in {"", task}:
        return NO_TEXT
    return text(
        "The migration no longer waits for the task {seen}, so nothing was changed. Check its current status.",
        seen=seen,
    )


def address_mismatch(seen: str, email: str) -> Text:
    """Return why a request about the address `seen` is refused if the person's address is `email`; empty if it is not.

    A former address still finds its person, but a sender who uses it has not seen the correction.
    """
    return CORRECTED if addresses.key(seen) != addresses.key(email) else NO_TEXT
