"""What a cohort knows: its handlers record what happened and what is asked for, and answer questions."""

from collections.abc import Callable
from datetime import datetime, timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from landbridge.domain import addresses, authority, events, ids, lifecycle, proof, refusals, roster, stale
    from landbridge.domain.audit import Act, Audit, AuditEntry
    from landbridge.domain.cohort import CohortPeople, packed, unpacked
    from landbridge.domain.errors import BadInput, NotFound, Refused
    from landbridge.domain.lifecycle import Mail
    from landbridge.domain.links import LinkClaims, LinkState, LinkView, Purpose
    from landbridge.domain.messages import (
        AddressClaim,
        AdminsChanged,
        AssignPeople,
        Begin,
        Cancel,
        ClaimAnswer,
        CohortInput,
        CohortStatus,
        CohortView,
        CorrectEmail,
        Exclude,
        InvitedAccount,
        Known,
        LinksUsed,
        LinkUse,
        LinkUsed,
        NotSent,
        Pause,
        PeoplePage,
        PeopleQuery,
        PersonFact,
        Refresh,
        Request,
        Resend,
        Resent,
        Resume,
        SetDeadline,
    )
    from landbridge.domain.people import MAILED, OPSGENIE, STATE_TITLES, Actor, Person, State
    from landbridge.domain.text import NO_TEXT, Text, joined, text, verbatim
    from workflows.support import audit_log
    from workflows.support.async_update import async_update
    from workflows.support.failures import to_failure
    from workflows.support.shared_timer import SharedTimer

_NOBODY = text("Nobody with this address is in the migration.")
_TAKEN = text("The new address is someone's already.")


class CohortRecord:
    """The state of a cohort, and everything that can be said to it or asked of it."""

    def __init__(self, start: CohortInput) -> None:
        self._start = start
        self._rules = start.rules
        self._admins = start.admins
        self._audit = start.audit
        self._site = start.site
        self._people = CohortPeople(unpacked(start.carried))
        self._paused = start.paused
        self._reported = start.told
        self._problems_reported = start.problems_reported
        self._claims = {addresses.key(claim.email): claim for claim in start.claims}
        self._answers: dict[int, bool | None] = {}
        """Whose new address another cohort is asked for, by the people's numbers, and the answer once there is one."""
        self._deadline_passed = start.deadline_passed
        self._poll_due = start.poll_due
        self._poll_interval = timedelta(seconds=start.poll_interval_seconds) or start.rules.poll_interval
        self._came_back = set(start.came_back)
        self._asked_at: datetime | None = None
        self._timer = SharedTimer()
        self._problems: dict[str, Text] = {}
        self._refusals = start.refusals
        self._mail_hold = start.mail_hold
        self._shown: CohortStatus | None = None
        self._shown_at: datetime | None = None
        self._activities = 0
        """Activities under way."""
        self._closing = start.closing
        self._cancelled = start.cancelled

    def _apply(self, number: int, event: events.Event) -> None:
        self._people.apply(number, event, workflow.now(), self._rules)

    def _status(self) -> CohortStatus:
        return CohortStatus(
            number=self._start.number,
            opened=(self._reported is not None and self._reported.opened)
            or (self._site is not None and self._people.opened()),
            # Before that, there may be people to come.
            settled=self._site is not None and self._people.settled(),
            problem=self._paused or joined(*self._problems.values(), *self._why_mail_waits()),
            deadline_passed=self._deadline_passed,
            counts=self._people.counts(),
            moved=self._people.moved(),
        )

    def _why_mail_waits(self) -> list[Text]:
        return [self._mail_hold.sentence] if self._mail_hold else []

    def _withdraw_refusals(self) -> None:
        """Have mail sent again to everyone whose refusal may have concerned the sender."""
        for refusal in self._refusals.in_question:
            self._apply(refusal.person, events.RefusalWithdrawn(refusal.purpose, refusal.generation))
        self._refusals = refusals.all_withdrawn(self._refusals)

    def _carried_on(self) -> CohortInput:
        return self._start.model_copy(
            update={
                "rules": self._rules,
                "admins": self._admins,
                "audit": self._audit,
                "site": self._site,
                "paused": self._paused,
                "carried": packed(self._people.everyone()),
                "told": self._reported,
                "problems_reported": self._problems_reported,
                "claims": [*self._claims.values()],
                "came_back": sorted(self._came_back),
                "poll_due": self._poll_due,
                "poll_interval_seconds": self._poll_interval.total_seconds(),
                "deadline_passed": self._deadline_passed,
                "refusals": self._refusals,
                "mail_hold": self._mail_hold,
                "closing": self._closing,
                "cancelled": self._cancelled,
            }
        )

    # Signals: from the migration.

    @workflow.signal(name="begin", description="The site stands: begin with accounts and mails.")
    def begin(self, message: Begin) -> None:
        """Begin the guide's step 5."""
        self._site = message.site

    @workflow.signal(name="close", description="The migration is over.")
    def close(self) -> None:
        """End once what is under way has ended."""
        self._closing = True

    @workflow.signal(name="cancel", description="The migration is cancelled.")
    def cancel(self, message: Cancel) -> None:
        """End as soon as what is under way has broken off; no link works from now on."""
        self._cancelled = message
        self._closing = True

    def _leave_behind(self, reason: Text, by: Actor) -> None:
        for person in self._people.everyone():
            self._apply(person.number, events.MigrationEnded(reason, by))

    @workflow.signal(name="pause", description="Start nothing new until resumed.")
    def pause(self, message: Pause) -> None:
        """Pause."""
        self._paused = message.reason

    @workflow.signal(name="resume", description="Go on after a pause.")
    def resume(self, _: Resume) -> None:
        """Go on, and try what was not to be tried before; another cohort may have found out what was wrong."""
        self._paused = NO_TEXT
        self._withdraw_refusals()
        if self._mail_hold is not None:
            self._mail_hold = self._mail_hold.model_copy(update={"until": workflow.now()})

    @workflow.signal(name="refresh", description="Ask Atlassian at once.")
    def refresh(self, _: Refresh) -> None:
        """Ask who has set up the account, without waiting for the next time."""
        self._poll_due = workflow.now()

    @workflow.signal(name="set_deadline", description="Another deadline.")
    def set_deadline(self, message: SetDeadline) -> None:
        """Take another deadline."""
        self._rules = self._rules.model_copy(update={"deadline": message.deadline, "at_deadline": message.at_deadline})
        self._deadline_passed = False

    @workflow.signal(name="admins_changed", description="Other owners and admins.")
    def admins_changed(self, message: AdminsChanged) -> None:
        """Listen to those who are owners and admins now."""
        self._admins = message.keys

    # Signals: facts about people.

    @workflow.signal(name="email_verified", description="Someone's Opsgenie email is verified.")
    def email_verified(self, fact: PersonFact) -> None:
        """Record a verified email, whoever says so."""
        self._record_fact(Act.VERIFY, fact, events.EmailVerified)

    @workflow.signal(name="account_authenticated", description="Someone's Atlassian account is set up.")
    def account_authenticated(self, fact: PersonFact) -> None:
        """Record an account that is set up, by somebody's word."""
        self._record_fact(Act.AUTHENTICATE, fact, events.Authenticated)

    def _record_fact(self, act: Act, fact: PersonFact, event: Callable[[Actor], events.Event]) -> None:
        """Record a fact by the word of whoever may give it; in the audit only if it is news."""
        person = self._people.find(fact.email)
        by = authority.resolve_actor(proof.recorded(fact.by, act, fact), self._admins)
        is_stale = stale.another_run(fact.run, self._start.run) or (
            person is not None and stale.another_address(fact.email, person.email)
        )
        if person is None or by is None or is_stale:
            extra = {"signal": str(act), "person_known": person is not None, "stale": bool(is_stale)}
            workflow.logger.warning("signal_ignored", extra=extra)
            return
        self._apply(person.number, event(by))
        if self._people.get(person.number) != person:
            self._note(act, by, about=person.email)

    def _note(self, act: Act, by: Actor, *, about: str, detail: Text = NO_TEXT, people: int = 0) -> None:
        entry = AuditEntry(at=workflow.now(), by=by, act=act, about=about, detail=detail, people=people)
        self._audit = audit_log.with_entry(self._audit, entry)

    def _refuse_stranger(self, request: Request) -> None:
        """Refuse who may not ask, and who asks another migration of the account."""
        why = authority.denial_reason(request.by, self._admins) or stale.another_run(request.run, self._start.run)
        if why:
            raise to_failure(Refused(why))
        if self._cancelled:
            raise to_failure(Refused(text("The migration is cancelled.")))

    @workflow.signal(name="links_used", description="People used their mailed links.")
    def links_used(self, message: LinksUsed) -> None:
        """Record what each of them did, as far as the link is still good for it."""
        for used in message.used:
            person = self._holder(used.run, used.person)
            if person is not None:
                self._link_used(person, used)

    def _link_used(self, person: Person, used: LinkUsed) -> None:
        by = proof.recorded_link(used)
        match used.use:
            case LinkUse.FOLLOWED if self._link_state(person, used.purpose, used.generation) is LinkState.OPEN:
                self._apply(person.number, events.LinkFollowed(used.purpose, used.generation, by))
                if used.purpose is Purpose.AUTHENTICATION:
                    self._ask_soon(person.number)
            case LinkUse.DECLINED if self._cancelled is None:
                self._apply(person.number, events.LinkDeclined(used.purpose, used.generation, by))
            case LinkUse.RETURNED:
                self._apply(person.number, events.CameBack(by))
                self._ask_soon(person.number)
            case LinkUse.NEW_WANTED if MAILED.get(person.state) is used.purpose:
                if lifecycle.may_ask(person, Mail(used.purpose, used.generation), workflow.now()):
                    self._apply(person.number, events.MailRequested(by))

    def _link_state(self, person: Person, purpose: Purpose, generation: int) -> LinkState:
        state = lifecycle.link_state(person, Mail(purpose, generation), workflow.now(), self._rules)
        return LinkState.CLOSED if self._cancelled and state is not LinkState.DONE else state

    def _holder(self, run: str, number: int) -> Person | None:
        """Return who got a link of this migration; none where it is one of an earlier migration of the account."""
        return self._people.get(number) if run == self._start.run else None

    def _ask_soon(self, number: int) -> None:
        person = self._people.get(number)
        if person is not None and not person.settled:
            self._came_back.add(number)

    # Updates: requests, refused before history is written.

    @workflow.update(name="assign_people", description="Hand in people from the roster.")
    def assign_people(self, message: AssignPeople) -> int:
        """Take people who are new and addresses that were verified since; return how many people are looked after."""
        for row in message.people:
            if row.key in self._claims:
                # The roster names a person of another cohort, whose address was corrected to this one.
                continue
            known = self._people.receive(row, workflow.now())
            if known is not None and row.email_verified and known.email == row.email:
                self._apply(known.number, events.EmailVerified(OPSGENIE))
        return len(self._people)

    @workflow.update(name="resend", description="Send mail again, to people who are named or to all in a state.")
    def resend(self, message: Resend) -> Resent:
        """Send again what may be sent again."""
        queued, not_now, refused = 0, 0, []
        by = proof.recorded(message.by, Act.RESEND, message)
        for email, person in self._concerned(message):
            why = self._resend_denial_reason(person, email)
            if person is not None and not why:
                self._apply(person.number, events.MailRequested(by))
                queued += 1
                if email:
                    self._note(Act.RESEND, by, about=person.email)
            else:
                not_now += 1
                if email:
                    refused.append(NotSent(email=email, reason=why))
        if queued and message.state:
            self._note(Act.RESEND, by, about=str(message.state), people=queued)
        return Resent(queued=queued, not_now=not_now, refused=refused)

    @resend.validator
    def _check_resend(self, message: Resend) -> None:
        self._refuse_stranger(message)
        if message.emails and not message.one_of_many:
            person = self._known(message.emails[0])
            if why := self._resend_denial_reason(person, message.emails[0]):
                raise to_failure(Refused(why))

    def _resend_denial_reason(self, person: Person | None, email: str) -> Text:
        """Return why someone gets no mail now; `email` is the address that they were named by, if they were."""
        if person is None:
            return _NOBODY
        why = stale.another_address(email, person.email) if email else NO_TEXT
        return why or lifecycle.resend_denial_reason(person, workflow.now(), self._rules)

    @workflow.update(name="exclude", description="Take a person out of the migration.")
    def exclude(self, message: Exclude) -> None:
        """Exclude, with a reason."""
        person, by = self._known(message.email), proof.recorded(message.by, Act.EXCLUDE, message)
        self._apply(person.number, events.Excluded(message.reason, by))
        self._note(Act.EXCLUDE, by, about=person.email, detail=verbatim(message.reason))

    @exclude.validator
    def _check_exclude(self, message: Exclude) -> None:
        self._refuse_stranger(message)
        self._refuse_settled(message.email)
        if not message.reason.strip():
            raise to_failure(Refused(text("Give a reason: it stands in the report.")))

    @async_update(name="correct_email")
    async def correct_email(self, message: CorrectEmail) -> None:
        """Take another address, once its cohort grants it; whoever holds it has yet to prove it."""
        email, number = addresses.normalise(message.new_email), self._known(message.email).number
        granted = await self._ask_for(email, number)
        if not granted:
            raise to_failure(Refused(text("The migration is over.") if granted is None else _TAKEN))
        try:
            # The person may be excluded or connected by now.
            self._refuse_settled(message.email)
        except ApplicationError:
            await self._release(email, number)
            raise
        former, by = self._known(message.email).email, proof.recorded(message.by, Act.CORRECT_EMAIL, message)
        self._apply(number, events.EmailCorrected(email, by))
        self._note(Act.CORRECT_EMAIL, by, about=former, detail=verbatim(email))

    @correct_email.validator
    def _check_correct_email(self, message: CorrectEmail) -> None:
        self._refuse_stranger(message)
        self._refuse_settled(message.email)
        try:
            email = addresses.normalise(message.new_email)
        except BadInput as error:
            raise to_failure(Refused(text("The new address cannot be used: {error}.", error=error.text))) from None
        person, holder = self._known(message.email), self._people.find(email)
        is_anothers = holder is not None and (holder.number != person.number or holder.email == email)
        if is_anothers or addresses.key(email) in self._claims:
            raise to_failure(Refused(_TAKEN))
        if person.number in self._answers:
            raise to_failure(
                Refused(text("Another correction of this address is being checked; try again in a moment."))
            )

    # Addresses that belong to another cohort by their hash. The run does not end, nor go on in another one, before the
    # handlers here have finished (`workflow.all_handlers_finished`), so that no claim is left without its answer.

    async def _ask_for(self, email: str, number: int) -> bool | None:
        """Ask the cohort of an address whether a person of this one may have it; None: the migration ends first."""
        home = roster.cohort_of(email, self._start.cohorts)
        if home == self._start.number:
            return True
        self._answers[number] = None
        claim = AddressClaim(email=email, cohort=self._start.number, person=number)
        if await self._signal(home, "address_claimed", claim):
            await workflow.wait_condition(lambda: self._answers[number] is not None or self._closing)
        return self._answers.pop(number)

    async def _release(self, email: str, number: int) -> None:
        """Give back an address that was granted in vain, unless it is a former one of the person."""
        home, person = roster.cohort_of(email, self._start.cohorts), self._people.get(number)
        if home != self._start.number and person is not None and email not in person.former_emails:
            claim = AddressClaim(email=email, cohort=self._start.number, person=number)
            await self._signal(home, "address_released", claim)

    @workflow.signal(name="address_claimed", description="Someone of another cohort is to get an address of this one.")
    async def address_claimed(self, claim: AddressClaim) -> None:
        """Grant the address to the first who asks, unless it is someone's who is here."""
        granted = False
        if self._people.find(claim.email) is None:
            holder = self._claims.setdefault(addresses.key(claim.email), claim)
            granted = (holder.cohort, holder.person) == (claim.cohort, claim.person)
        await self._signal(claim.cohort, "claim_answered", ClaimAnswer(person=claim.person, granted=granted))

    @workflow.signal(
        name="address_released", description="Someone of another cohort does not get an address of this one after all."
    )
    def address_released(self, claim: AddressClaim) -> None:
        """Let others have it."""
        holder = self._claims.get(addresses.key(claim.email))
        if holder is not None and (holder.cohort, holder.person) == (claim.cohort, claim.person):
            del self._claims[addresses.key(claim.email)]

    @workflow.signal(
        name="claim_answered", description="Another cohort says whether someone of this one may have an address."
    )
    def claim_answered(self, answer: ClaimAnswer) -> None:
        """Record the answer for the request that waits for it."""
        if answer.person in self._answers:
            self._answers[answer.person] = answer.granted

    async def _signal(self, number: int, signal: str, message: object) -> bool:
        """Signal another cohort of the migration; return whether there is one that runs."""
        cohort = workflow.get_external_workflow_handle(ids.cohort(self._start.opsgenie_account, number))
        try:
            await cohort.signal(signal, message)
        except ApplicationError:
            workflow.logger.warning("signal_not_delivered", extra={"signal": signal, "cohort": number})
            return False
        return True

    def _concerned(self, message: Resend) -> list[tuple[str, Person | None]]:
        """Return whom a request means, each with the address that was given for them, if any."""
        if message.emails:
            return [(email, self._people.find(email)) for email in message.emails]
        return [("", person) for person in self._people.everyone() if person.state is message.state]

    def _known(self, email: str) -> Person:
        person = self._people.find(email)
        if person is None:
            raise to_failure(NotFound(_NOBODY))
        return person

    def _refuse_settled(self, email: str) -> None:
        """Refuse a request about someone of whom nothing is awaited, or whose address is another one by now."""
        person = self._known(email)
        if why := stale.another_address(email, person.email):
            raise to_failure(Refused(why))
        if person.settled:
            state = STATE_TITLES[person.state]
            raise to_failure(Refused(text("Nothing is awaited of this person any more: {state}.", state=state)))

    # Queries.

    @workflow.query(name="cohort", description="Numbers, and why it pauses.")
    def cohort(self) -> CohortView:
        """Return how the cohort stands."""
        news = self._status()
        return CohortView(
            number=news.number,
            counts=news.counts,
            problem=news.problem,
            paused=bool(self._paused),
            begun=self._site is not None,
        )

    @workflow.query(name="audit", description="Who asked what about its people, and when.")
    def audit(self) -> Audit:
        """Return the acts."""
        return self._audit

    @workflow.query(name="people", description="People, by state, name or address, in pages.")
    def people(self, query: PeopleQuery) -> PeoplePage:
        """Return people."""
        return self._people.page(query)

    @workflow.query(
        name="invited", description="Whose accounts Landbridge's invitations created, who are not connected."
    )
    def invited(self, run: str) -> list[InvitedAccount]:
        """Return the accounts that an undo may revoke, if it is of this very migration."""
        if run != self._start.run:
            return []
        return [
            InvitedAccount(person=person.number, account_id=account_id)
            for person in self._people.everyone()
            if person.state is not State.CONNECTED
            for account_id in person.invited
        ]

    @workflow.query(name="known", description="What is known of the roster's rows.")
    def known(self) -> list[Known]:
        """Return every address, and whether it is verified."""
        return [
            Known(email=email, email_verified=p.email_verified or email != p.email)
            for p in self._people.everyone()
            for email in (p.email, *p.former_emails)
        ]

    @workflow.query(name="link", description="What a mailed link is still good for.")
    def link(self, claims: LinkClaims) -> LinkView:
        """Return what the page behind a link shows."""
        person = self._holder(claims.run, claims.person)
        if person is None or self._site is None:
            return LinkView(state=LinkState.CLOSED)
        state = self._link_state(person, claims.purpose, claims.generation)
        return LinkView(
            state=state,
            site_name=self._site.name,
            site_url=self._site.url,
            opsgenie_account=self._start.opsgenie_account,
            # Only the holder of a link that is still good learns the address it was sent to.
            email=person.email if state is LinkState.OPEN else "",
            sso=person.sso,
            click_counts=self._rules.click_counts,
            locale=person.locale,
            initiator=self._start.initiator,
        )
