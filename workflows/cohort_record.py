"""What a cohort knows: its handlers record what happened and what is asked for, and answer questions."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from domain import addresses, events, lifecycle
    from domain.cohort import CohortPeople
    from domain.errors import BadInput
    from domain.lifecycle import Mail
    from domain.links import LinkClaims, LinkState, LinkView, Purpose
    from domain.messages import (
        Begin,
        CohortInput,
        CohortNews,
        CohortView,
        CorrectEmail,
        Exclude,
        HandOut,
        Known,
        LinkFollowed,
        NewLinkWanted,
        Pause,
        PeoplePage,
        PeopleQuery,
        PersonFact,
        PersonReturned,
        Refresh,
        Resend,
        Resent,
        Resume,
        SetDeadline,
    )
    from domain.people import LINK, MAILED, OPSGENIE, Person

GATHERING = timedelta(seconds=1)
"""How long people who come back from Atlassian are gathered, so that one question serves them all."""


class CohortRecord:
    """The state of a cohort, and everything that can be said to it or asked of it."""

    def __init__(self, start: CohortInput) -> None:
        self._start = start
        self._rules = start.rules
        self._site = start.site
        self._people = CohortPeople(start.people)
        self._paused = start.paused
        self._told = start.told
        self._moved = list(start.told.moved) if start.told else []
        self._deadline_passed = start.deadline_passed
        self._poll_due = start.poll_due
        self._poll_interval = timedelta(seconds=start.poll_interval_seconds) or start.rules.poll_interval
        self._came_back: set[int] = set()
        self._came_back_due: datetime | None = None
        self._troubles: dict[str, str] = {}
        self._shown: CohortNews | None = None
        self._shown_at: datetime | None = None
        self._closing = False

    def _happen(self, number: int, event: events.Event) -> None:
        self._people.happen(number, event, workflow.now(), self._rules)

    def _news(self) -> CohortNews:
        return CohortNews(
            number=self._start.number,
            opened=(self._told is not None and self._told.opened) or (self._site is not None and self._people.opened()),
            settled=self._people.settled(),
            trouble=self._paused or "; ".join(self._troubles.values()),
            deadline_passed=self._deadline_passed,
            counts=self._people.counts(),
            moved=self._moved,
        )

    def _carried_on(self) -> CohortInput:
        return self._start.model_copy(
            update={
                "rules": self._rules,
                "site": self._site,
                "paused": self._paused,
                "people": self._people.everyone(),
                "told": self._told,
                "poll_due": min(filter(None, (self._poll_due, self._came_back_due)), default=None),
                "poll_interval_seconds": self._poll_interval.total_seconds(),
                "deadline_passed": self._deadline_passed,
            }
        )

    # Signals: from the migration.

    @workflow.signal(description="The site stands: begin with accounts and mails.")
    def begin(self, message: Begin) -> None:
        """Begin the guide's step 5."""
        self._site = message.site

    @workflow.signal(description="The migration is over.")
    def close(self) -> None:
        """End once what is under way has ended."""
        self._closing = True

    @workflow.signal(description="Start nothing new until resumed.")
    def pause(self, message: Pause) -> None:
        """Pause."""
        self._paused = message.reason

    @workflow.signal(description="Go on after a pause.")
    def resume(self, _: Resume) -> None:
        """Go on."""
        self._paused = ""

    @workflow.signal(description="Ask Atlassian at once.")
    def refresh(self, _: Refresh) -> None:
        """Ask who has set up the account, without waiting for the next time."""
        self._poll_due = workflow.now()

    @workflow.signal(description="Another deadline.")
    def set_deadline(self, message: SetDeadline) -> None:
        """Take another deadline."""
        self._rules = self._rules.model_copy(update={"deadline": message.deadline, "at_deadline": message.at_deadline})
        self._deadline_passed = False

    # Signals: facts about people.

    @workflow.signal(description="Someone's Opsgenie email is verified.")
    def email_verified(self, fact: PersonFact) -> None:
        """Record a verified email, whoever says so."""
        if (person := self._people.find(fact.email)) is not None:
            self._happen(person.number, events.EmailVerified(fact.by))

    @workflow.signal(description="Someone's Atlassian account is set up.")
    def account_authenticated(self, fact: PersonFact) -> None:
        """Record an account that is set up, by an admin's word."""
        if (person := self._people.find(fact.email)) is not None:
            self._happen(person.number, events.Authenticated(fact.by))

    @workflow.signal(description="A person pressed the button behind a mailed link.")
    def link_followed(self, message: LinkFollowed) -> None:
        """Record the click if the link is still good; ask Atlassian soon where its answer counts."""
        person = self._people.get(message.person)
        link = Mail(message.purpose, message.generation)
        if person is None or lifecycle.link_state(person, link, workflow.now(), self._rules) is not LinkState.OPEN:
            return
        self._happen(person.number, events.LinkFollowed(message.purpose, message.generation))
        if message.purpose is Purpose.AUTHENTICATION:
            self._ask_soon(message.person)

    @workflow.signal(description="A person comes back from Atlassian's page.")
    def person_returned(self, message: PersonReturned) -> None:
        """Ask Atlassian soon."""
        self._ask_soon(message.person)

    @workflow.signal(description="A person asks for the mail again.")
    def new_link_wanted(self, message: NewLinkWanted) -> None:
        """Send the mail again, cool-down permitting."""
        person = self._people.get(message.person)
        if person is not None and MAILED.get(person.state) is message.purpose:
            self._happen(message.person, events.MailRequested(LINK))

    def _ask_soon(self, number: int) -> None:
        person = self._people.get(number)
        if person is not None and not person.settled:
            self._came_back.add(number)
            self._came_back_due = self._came_back_due or workflow.now() + GATHERING

    # Updates: requests, refused before history is written.

    @workflow.update(description="Hand in people from the roster.")
    def hand_out(self, message: HandOut) -> int:
        """Take people who are new and addresses that were verified since; return how many people are looked after."""
        for row in message.people:
            known = self._people.receive(row, workflow.now())
            if known is not None and row.email_verified and known.email == row.email:
                self._happen(known.number, events.EmailVerified(OPSGENIE))
        return len(self._people)

    @workflow.update(description="Send mail again, to one person or to all in a state.")
    def resend(self, message: Resend) -> Resent:
        """Send again what may be sent again."""
        people = self._concerned(message)
        free = [p for p in people if not lifecycle.why_not_resend(p, workflow.now(), self._rules)]
        for person in free:
            self._happen(person.number, events.MailRequested(message.by))
        return Resent(queued=len(free), not_now=len(people) - len(free))

    @resend.validator
    def _check_resend(self, message: Resend) -> None:
        if message.email:
            person = self._known(message.email)
            if why := lifecycle.why_not_resend(person, workflow.now(), self._rules):
                raise ApplicationError(why, type="Refused")

    @workflow.update(description="Take a person out of the migration.")
    def exclude(self, message: Exclude) -> None:
        """Exclude, with a reason."""
        self._happen(self._known(message.email).number, events.Excluded(message.reason, message.by))

    @exclude.validator
    def _check_exclude(self, message: Exclude) -> None:
        self._refuse_settled(message.email)
        if not message.reason.strip():
            raise ApplicationError("Give a reason: it stands in the report.", type="Refused")

    @workflow.update(description="Give a person another address.")
    def correct_email(self, message: CorrectEmail) -> None:
        """Take another address; whoever holds it has yet to prove it."""
        email = addresses.normalise(message.new_email)
        self._happen(self._known(message.email).number, events.EmailCorrected(email, message.by))
        self._moved = [*self._moved, email]

    @correct_email.validator
    def _check_correct_email(self, message: CorrectEmail) -> None:
        self._refuse_settled(message.email)
        try:
            email = addresses.normalise(message.new_email)
        except BadInput as error:
            raise ApplicationError(f"The new address cannot be used: {error}.", type="Refused") from None
        holder = self._people.find(email)
        if holder is not None and (holder.number != self._known(message.email).number or holder.email == email):
            raise ApplicationError("The new address is someone's already.", type="Refused")

    def _concerned(self, message: Resend) -> Sequence[Person]:
        if message.email:
            return [self._known(message.email)]
        return [person for person in self._people.everyone() if person.state is message.state]

    def _known(self, email: str) -> Person:
        person = self._people.find(email)
        if person is None:
            raise ApplicationError("Nobody with this address is in the migration.", type="NotFound")
        return person

    def _refuse_settled(self, email: str) -> None:
        person = self._known(email)
        if person.settled:
            raise ApplicationError(f"Nothing is awaited of this person any more: {person.state}.", type="Refused")

    # Queries.

    @workflow.query(description="Numbers, and why it pauses.")
    def cohort(self) -> CohortView:
        """Return how the cohort stands."""
        news = self._news()
        return CohortView(number=news.number, counts=news.counts, trouble=news.trouble, begun=self._site is not None)

    @workflow.query(description="People, by state or address, in pages.")
    def people(self, query: PeopleQuery) -> PeoplePage:
        """Return people."""
        return self._people.page(query)

    @workflow.query(description="What is known of the roster's rows.")
    def known(self) -> list[Known]:
        """Return every address, and whether it is verified."""
        return [
            Known(email=email, email_verified=p.email_verified or email != p.email)
            for p in self._people.everyone()
            for email in (p.email, *p.former_emails)
        ]

    @workflow.query(description="What a mailed link is still good for.")
    def link(self, claims: LinkClaims) -> LinkView:
        """Return what the page behind a link shows."""
        person = self._people.get(claims.person)
        if person is None or self._site is None:
            return LinkView(state=LinkState.CLOSED)
        state = lifecycle.link_state(person, Mail(claims.purpose, claims.generation), workflow.now(), self._rules)
        return LinkView(
            state=state,
            site_name=self._site.name,
            site_url=self._site.url,
            opsgenie_account=self._start.opsgenie_account,
            # Only the holder of a link that is still good learns the address it was sent to.
            email=person.email if state is LinkState.OPEN else "",
            sso=person.sso,
            initiator=self._start.initiator,
        )
