"""A request names what its sender saw: which migration, which task, whose address. If that has changed, it is refused.

Two admins may look at the same page or status, and one of them may act first. Without these names, the request of the
other would do something that its sender did not ask for: end a migration that was started since, or report a task done
that nobody has done.
"""

from landbridge.domain import addresses
from landbridge.domain.text import NO_TEXT, Text, text

STARTED_AGAIN = text("The migration was started again meanwhile; nothing was changed: look at how it stands now.")
CORRECTED = text("The address of this person was corrected meanwhile; nothing was changed: look at the person again.")
DEADLINE_CHANGED = text("Somebody changed the deadline meanwhile; nothing was changed: look at how it stands now.")


def another_run(seen: str, run: str) -> Text:
    """Return why a request about the migration `seen` is refused by the migration `run`; empty if it is not.

    Both are as `domain.ids.run_of` returns them. `seen` is empty where the request means whichever migration runs.
    """
    return STARTED_AGAIN if seen not in {"", run} else NO_TEXT


def another_task(seen: str, task: str) -> Text:
    """Return why a request about the task `seen` is refused while `task` is the current one; empty if it is not.

    Both are ids of tasks (`domain.messages.Progress.task_id`), empty for none.
    """
    if seen in {"", task}:
        return NO_TEXT
    return text(
        "The migration no longer waits for the task {seen}; nothing was changed: look at how it stands now.", seen=seen
    )


def another_address(seen: str, email: str) -> Text:
    """Return why a request about the address `seen` is refused, if the person's address is now `email`; else empty.

    A former address still finds its person, but who names it has not seen the correction.
    """
    return CORRECTED if addresses.key(seen) != addresses.key(email) else NO_TEXT
