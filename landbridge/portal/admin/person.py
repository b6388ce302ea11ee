"""Settings → Users → one person: status, history, and what an admin can do."""

from collections.abc import Awaitable, Callable

from starlette.convertors import IntegerConvertor, register_url_convertor
from starlette.responses import Response
from starlette.routing import Route

from landbridge.client.answers import FoundPerson, RunState
from landbridge.domain import pasted, stale
from landbridge.domain.errors import BadInput, LandbridgeError, Refused
from landbridge.domain.messages import MAX_REASON_LENGTH
from landbridge.domain.people import MAILED
from landbridge.domain.text import Text, text
from landbridge.portal.admin.auth import AdminAuth, AdminRequest, Handler
from landbridge.portal.admin.users import MAILABLE, PATH, Selection, describe_resend

Action = Callable[[AdminRequest, FoundPerson], Awaitable[Text]]
"""Performs an action for a person, and returns the message that reports the outcome."""


class _Number(IntegerConvertor):
    """The number of a cohort or person, as `client.paging` writes it. Longer numbers are answered with 404."""

    regex = "[0-9]{1,7}"


register_url_convertor("number", _Number())


class PersonPages:
    """The page of one person, addressed by cohort and number."""

    def __init__(self, auth: AdminAuth) -> None:
        self._auth = auth

    def routes(self) -> list[Route]:
        """Return the routes."""
        path = f"{PATH}/{{cohort:number}}/{{number:number}}"
        actions: dict[str, Action] = {
            "resend": resend,
            "verify": verify,
            "authenticate": authenticate,
            "exclude": exclude,
            "correct-email": correct_email,
        }
        return [
            Route(path, self._auth.page(self.show)),
            *(
                Route(f"{path}/{name}", self._auth.form(self._form(action)), methods=["POST"])
                for name, action in actions.items()
            ),
        ]

    async def show(self, request: AdminRequest) -> Response:
        """Show the person, their timeline, and the available actions."""
        found = await _person(request)
        summary = await request.migration.summary()
        return self._auth.show(
            request,
            "settings/person.html",
            run=summary.run,
            found=found,
            person=found.person,
            acts=summary.run_state is RunState.RUNNING and not found.person.settled,
            mailable=found.person.state in MAILABLE and not found.person.problem,
            selection=Selection.of(request.http.query_params),
            mailed=frozenset(MAILED),
        )

    def _form(self, action: Action) -> Handler:
        async def handler(request: AdminRequest) -> Response:
            numbers = request.http.path_params
            selection = Selection.of(request.http.query_params)
            back = f"{PATH}/{numbers['cohort']}/{numbers['number']}{selection.query}"
            try:
                sentence = await action(request, await _shown_person(request))
            except LandbridgeError as error:
                return self._auth.redirect_with_message(back, error.text, problem=True)
            return self._auth.redirect_with_message(back, sentence)

        return handler


async def _person(request: AdminRequest) -> FoundPerson:
    numbers = request.http.path_params
    return await request.migration.person_numbered(numbers["cohort"], numbers["number"])


async def _shown_person(request: AdminRequest) -> FoundPerson:
    """Return the person that the page showed.

    Raises:
        Refused: another migration runs now, so the number belongs to someone else, or the address was corrected.

    """
    await request.shown_migration.expected_summary()
    found = await _person(request)
    if reason := stale.address_mismatch(request.field("address"), found.person.email):
        raise Refused(reason)
    return found


async def resend(request: AdminRequest, found: FoundPerson) -> Text:
    """Send the email again."""
    return describe_resend(await request.shown_migration.resend(found.person.email, by=request.actor))


async def verify(request: AdminRequest, found: FoundPerson) -> Text:
    """Record on the admin's authority that the Opsgenie email is verified."""
    _refuse_settled(found)
    await request.shown_migration.verify(found.person.email, request.actor)
    return text("Recorded under your name: the Opsgenie email is verified. The authentication email is next.")


async def authenticate(request: AdminRequest, found: FoundPerson) -> Text:
    """Record on the admin's authority that the Atlassian account is set up."""
    _refuse_settled(found)
    await request.shown_migration.authenticate(found.person.email, request.actor)
    return text("Recorded under your name: the Atlassian account is set up.")


async def exclude(request: AdminRequest, found: FoundPerson) -> Text:
    """Exclude the person from the migration."""
    await request.shown_migration.exclude(
        found.person.email, request.field("reason")[:MAX_REASON_LENGTH], request.actor
    )
    return text("Excluded: the migration no longer waits for this person.")


async def correct_email(request: AdminRequest, found: FoundPerson) -> Text:
    """Change the person's email address."""
    new_email = pasted.address(request.field("email"))
    await request.shown_migration.correct_email(found.person.email, new_email, request.actor)
    return text("Corrected: emails now go to the new address.")


def _refuse_settled(found: FoundPerson) -> None:
    if found.person.settled:
        raise BadInput(text("The migration no longer waits for this person."))
