"""All ids that Landbridge generates. None of them contains an address or a person's name."""

import re

from landbridge.domain.errors import BadInput
from landbridge.domain.links import Purpose
from landbridge.domain.text import text

TOO_EARLY = "These events belong to a workflow task that is yet to come."
"""The error of a query that a worker cannot answer yet (`platform.temporal.sandbox`)."""
UNTRUSTED = b"binary/untrusted"
"""The encoding of the payload that `platform.temporal.encryption` puts in place of a payload that it rejects."""
_ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_opsgenie_account(name: str) -> str:
    """Return the name of an Opsgenie account, if it is valid.

    Raises:
        BadInput: it is invalid.

    """
    if not _ACCOUNT.fullmatch(name):
        raise BadInput(
            text(
                "The name of an Opsgenie account has 1 to 100 letters, digits, dots, underscores or hyphens and starts "
                "with a letter or digit; {name} does not fit.",
                name=repr(name),
            )
        )
    return name


def migration(opsgenie_account: str) -> str:
    """Return the workflow id of an account's migration."""
    return f"site-migration:{opsgenie_account}"


def account_of(workflow_id: str) -> str:
    """Return the Opsgenie account that a migration, cohort or undo belongs to; empty for other workflows."""
    kind, _, rest = workflow_id.partition(":")
    return rest.partition(":")[0] if kind == "site-migration" else ""


def cohort(opsgenie_account: str, number: int) -> str:
    """Return the workflow id of a migration's cohort, counted from 1."""
    return f"{migration(opsgenie_account)}:cohort:{number}"


def undo(opsgenie_account: str) -> str:
    """Return the workflow id of the undo of an account's cancelled migration."""
    return f"{migration(opsgenie_account)}:undo"


def run_of(run_id: str) -> str:
    """Return the short form of a run id; it distinguishes one migration of an account from others."""
    return run_id.replace("-", "")[-12:]


def sign_in(digest: str) -> str:
    """Return the workflow id of the sign-in of an address; see `domain.sign_in.digest`."""
    return f"sign-in:{digest}"


def session(session_id: str) -> str:
    """Return the workflow id of a session in the portal."""
    return f"session:{session_id}"


def message(run: str, cohort_number: int, person: int, purpose: Purpose, generation: int) -> str:
    """Return the left part of an email's Message-ID, which is the same for every attempt to send this email."""
    return f"{purpose}.{generation}.{person}.{cohort_number}.{run}"


def sign_in_message(run_id: str, generation: int) -> str:
    """Return the left part of the Message-ID of an email with a sign-in link."""
    return f"sign-in.{generation}.{run_id}"


def notice(run: str, kind: str, number: int) -> str:
    """Return the left part of the Message-ID of the `number`-th recipient's notice."""
    return f"{kind}.{number}.{run}"
