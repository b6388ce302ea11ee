"""Settings → Users → one person: how they stand, who did what, and what can be done for them."""

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
from landbridge.portal.admin.users import MAILABLE, PATH, Selection, told

Act = Callable[[AdminRequest, FoundPerson], Awaitable[Text]]
"""Does something for a person; returns the sentence that tells it."""


class _Number(IntegerConvertor):
    """A number of a cohort or person, as `client.paging` writes it: one without end would be an error of ours."""

    regex = "[0-9]{1,7}"


register_url_convertor("number", _Number())


class PersonPages:
    """One person, by the numbers that the list gives."""

    def __init__(self, gate: AdminAuth) -> None:
        self._gate = gate

    def routes(self) -> list[Route]:
        """Return where the pages are."""
        path = f"{PATH}/{{cohort:number}}/{{number:number}}"
        acts: dict[str, Act] = {
            "resend": resend,
            "verify": verify,
            "authenticate": authenticate,
            "exclude": exclude,
            "correct-email": correct_email,
        }
        return [
            Route(path, self._gate.page(self.show)),
            *(
                Route(f"{path}/{name}", self._gate.act(self._about_person(act)), methods=["POST"])
                for name, act in acts.items()
            ),
        ]

    async def show(self, visit: AdminRequest) -> Response:
        """Show the person, the timeline, and what can be done."""
        found = await _person(visit)
        summary = await visit.migration.summary()
        return self._gate.show(
            visit,
            "settings/person.html",
            run=summary.run,
            found=found,
            person=found.person,
            acts=summary.run_state is RunState.RUNNING and not found.person.settled,
            mailable=found.person.state in MAILABLE and not found.person.problem,
            selection=Selection.of(visit.request.query_params),
            mailed=frozenset(MAILED),
        )

    def _about_person(self, act: Act) -> Handler:
        async def handler(visit: AdminRequest) -> Response:
            numbers = visit.request.path_params
            selection = Selection.of(visit.request.query_params)
            back = f"{PATH}/{numbers['cohort']}/{numbers['number']}{selection.query}"
            try:
                sentence = await act(visit, await _shown_person(visit))
            except LandbridgeError as error:
                return self._gate.go(back, error.text, problem=True)
            return self._gate.go(back, sentence)

        return handler


async def _person(visit: AdminRequest) -> FoundPerson:
    numbers = visit.request.path_params
    return await visit.migration.person_numbered(numbers["cohort"], numbers["number"])


async def _shown_person(visit: AdminRequest) -> FoundPerson:
    """Return the person whom the page showed.

    Raises:
        Refused: the number is somebody else's by now, in another migration, or the address was corrected.

    """
    await visit.shown_migration.seen()
    found = await _person(visit)
    if why := stale.another_address(visit.field("address"), found.person.email):
        raise Refused(why)
    return found


async def resend(visit: AdminRequest, found: FoundPerson) -> Text:
    """Send the mail again."""
    return told(await visit.shown_migration.resend(found.person.email, by=visit.actor))


async def verify(visit: AdminRequest, found: FoundPerson) -> Text:
    """Record, by an admin's word, that the Opsgenie email is verified."""
    _refuse_settled(found)
    await visit.shown_migration.verify(found.person.email, visit.actor)
    return text("Recorded under your name: the Opsgenie email is verified. The authentication email is next.")


async def authenticate(visit: AdminRequest, found: FoundPerson) -> Text:
    """Record, by an admin's word, that the Atlassian account is set up."""
    _refuse_settled(found)
    await visit.shown_migration.authenticate(found.person.email, visit.actor)
    return text("Recorded under your name: the Atlassian account is set up.")


async def exclude(visit: AdminRequest, found: FoundPerson) -> Text:
    """Take the person out of the migration."""
    await visit.shown_migration.exclude(found.person.email, visit.field("reason")[:MAX_REASON_LENGTH], visit.actor)
    return text("Excluded: nothing is awaited of this person any more.")


async def correct_email(visit: AdminRequest, found: FoundPerson) -> Text:
    """Give the person another address."""
    new_email = pasted.address(visit.field("email"))
    await visit.shown_migration.correct_email(found.person.email, new_email, visit.actor)
    return text("Corrected: the mails go to the new address from now on.")


def _refuse_settled(found: FoundPerson) -> None:
    if found.person.settled:
        raise BadInput(text("Nothing is awaited of this person any more."))
