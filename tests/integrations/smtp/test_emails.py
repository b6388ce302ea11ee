"""What the emails say, in text and in HTML."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jinja2
import pytest
from bs4 import BeautifulSoup

from landbridge import emails, i18n
from landbridge.domain.activity_io import Notice, NoticeKind, OutgoingMail, OutgoingNotice
from landbridge.domain.links import Purpose
from landbridge.domain.people import NEXT_STEP, Counts, State
from landbridge.domain.roster import AccountAdmin
from landbridge.domain.rules import Rules
from landbridge.domain.sign_in import SignedIn, SignInClaims, SignInMail
from landbridge.domain.text import text
from landbridge.emails import Rendered
from landbridge.integrations.smtp import content
from tests.integrations.smtp.conftest import CONTEXT, PlainLinks, order

NAME = "Zoë <b>& Sons</b>"
NOTICE = Notice(
    kind=NoticeKind.ADMIN_TASK,
    opsgenie_account="acme",
    site=CONTEXT.site,
    counts=Counts(by_state={State.CONNECTED: 3, State.AUTHENTICATING: 2, State.EXCLUDED: 1}),
    task=text("Create the site & come back."),
    url="https://admin.example.net:8443/task?a=1&b=2",
    command='starter.py confirm "acme"',
    at=datetime(2026, 3, 14, 10, 0, tzinfo=UTC),
)


def personal(**changes: Any) -> Rendered:  # noqa: ANN401 - any field of the order
    """Return a person's mail."""
    return content.person_mail(CONTEXT, order(**{"name": NAME} | changes), PlainLinks())


def notice(kind: NoticeKind, locale: str = "", **changes: object) -> Rendered:
    """Return a notice."""
    told = NOTICE.model_copy(update={"kind": kind, **changes})
    recipient = AccountAdmin(email="olga@example.com", name=NAME, locale=locale)
    order_ = OutgoingNotice(message_id="x", number=1, recipient=recipient, notice=told)
    return content.notice_mail(order_, PlainLinks())


def every_email() -> Iterator[Rendered]:
    """Return each email in each of its forms."""
    for purpose in Purpose:
        for sso in (False, True):
            for reminder in (False, True):
                yield personal(purpose=purpose, sso=sso, reminder=reminder)
    for kind in NoticeKind:
        yield notice(kind)
        yield notice(kind, site=None, url="", command="", at=None)


def words(html: str) -> str:
    """Return what a reader of the HTML sees, on one line."""
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


@pytest.mark.parametrize("rendered", list(every_email()))
def test_every_email_is_safe_and_complete(rendered: Rendered) -> None:
    """Each has a subject of one line, text, and HTML with escaped names that loads nothing from elsewhere."""
    page = BeautifulSoup(rendered.html, "html.parser")
    assert rendered.subject
    assert "\n" not in rendered.subject
    assert f"Hello {NAME}," in rendered.text
    assert "Hello <bdi>Zoë &lt;b&gt;&amp; Sons&lt;/b&gt;</bdi>," in rendered.html
    assert page.html is not None
    assert page.html["lang"] == "en"
    assert page.title is not None
    assert page.title.get_text()
    assert not page.find_all(["img", "script", "link", "iframe", "form"])
    assert "url(" not in rendered.html
    assert "{{" not in rendered.html + rendered.text
    assert "\n\n\n" not in rendered.text
    assert "acme" in rendered.text
    assert "acme" in words(rendered.html)


@pytest.mark.parametrize("purpose", Purpose)
def test_persons_mail_lets_its_reader_judge_it(purpose: Purpose) -> None:
    """It names account, site, initiator, where the link leads and how long it works, and shows the whole link."""
    rendered = personal(purpose=purpose, person=4, generation=2)
    link = f"https://move.example.com/{purpose}/{CONTEXT.cohort_id}/4/2"
    lifetime = {Purpose.VERIFICATION: "24 hours", Purpose.AUTHENTICATION: "7 days"}[purpose]
    for shown in (rendered.text, words(rendered.html)):
        for fact in ("acme", "https://acme.example.net", "olga@example.com", "move.example.com", link, lifetime):
            assert fact in shown
        assert "Did you not expect this?" in shown
    links = {a["href"] for a in BeautifulSoup(rendered.html, "html.parser").find_all("a")}
    assert links == {link}


@pytest.mark.parametrize("reminder", [False, True])
def test_people_with_sso_never_hear_of_passwords(*, reminder: bool) -> None:
    """Their mail says to sign in by single sign-on as before, and that their settings stay; others set a password."""
    sso = personal(sso=True, reminder=reminder)
    plain = personal(sso=False, reminder=reminder)
    assert "password" not in (sso.subject + sso.text + sso.html).casefold()
    for shown in (sso.text, words(sso.html)):
        assert "single sign-on as before; nothing changes in your SSO settings" in shown
    assert "choose a password" in plain.text
    assert "single sign-on" not in plain.text


@pytest.mark.parametrize("purpose", Purpose)
def test_reminders_say_so(purpose: Purpose) -> None:
    """In the subject and in the first line; a first mail does not."""
    first, reminder = personal(purpose=purpose), personal(purpose=purpose, reminder=True)
    assert reminder.subject.startswith("Reminder: ")
    assert reminder.text.startswith("Reminder: ")
    body = BeautifulSoup(reminder.html, "html.parser").find("strong")
    assert body is not None
    assert body.get_text().startswith("Reminder: ")
    assert "Reminder" not in first.subject + first.text + first.html


def test_link_in_a_notice_is_shown_with_its_host_and_escaped() -> None:
    """A notice shows task, address with its host and port, and command as they are; scripts are never linked to."""
    task = notice(NoticeKind.ADMIN_TASK)
    for shown in (task.text, words(task.html)):
        for fact in (NOTICE.task, NOTICE.url, NOTICE.command, "admin.example.net:8443"):
            assert fact in shown
    assert 'href="https://admin.example.net:8443/task?a=1&amp;b=2"' in task.html
    assert "javascript" not in notice(NoticeKind.ADMIN_TASK, url="javascript:alert(1)").html


@pytest.mark.parametrize(
    "kind, page",
    [
        (NoticeKind.ADMIN_TASK, "general"),
        (NoticeKind.DEADLINE_PASSED, "report"),
        (NoticeKind.MIGRATION_COMPLETE, "report"),
        (NoticeKind.MIGRATION_CANCELLED, "general"),
    ],
)
def test_notices_lead_to_their_page_in_the_portal(kind: NoticeKind, page: str) -> None:
    """Also where a task is open, which has an address of its own: only the notice of a task leads there."""
    where = f"https://move.example.com/settings/{page}"
    for rendered in (notice(kind), notice(kind, url="", command="")):
        assert where in rendered.text
        assert f'href="{where}"' in rendered.html
    assert (NOTICE.url in notice(kind).text) is (kind is NoticeKind.ADMIN_TASK)


def test_end_is_told_with_counts_and_next_steps() -> None:
    """The end's notice counts each state and says what to do for those who did not make it, and when it was."""
    rendered = notice(NoticeKind.MIGRATION_COMPLETE)
    for shown in (rendered.text, words(rendered.html)):
        assert "3 of 6 people" in shown
        assert NEXT_STEP[State.AUTHENTICATING] in shown
        assert "March 14, 2026, 10:00 AM UTC" in shown
    assert rendered.subject == "Opsgenie migration of acme complete; 2 people did not make it"
    everyone = notice(NoticeKind.MIGRATION_COMPLETE, counts=Counts(by_state={State.CONNECTED: 3, State.SKIPPED: 1}))
    assert everyone.subject == "Opsgenie migration of acme complete"


def test_passed_deadline_counts_those_who_are_missing() -> None:
    """The notice of a passed deadline says how many are awaited."""
    assert notice(NoticeKind.DEADLINE_PASSED).subject.startswith("Deadline passed: 2 people")
    one = notice(NoticeKind.DEADLINE_PASSED, counts=Counts(by_state={State.ARRIVED: 1}))
    assert one.subject.startswith("Deadline passed: one person has")


@pytest.mark.parametrize(
    "lifetime, said",
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=1), "24 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=5), "one minute"),
    ],
)
def test_lifetimes_are_told_in_words(lifetime: timedelta, said: str) -> None:
    """A link's lifetime is told in a unit that people use, and never as longer than it is by a unit."""
    context = CONTEXT.model_copy(update={"rules": Rules(authentication_link_lifetime=lifetime)})
    mail = OutgoingMail(person=1, purpose=Purpose.AUTHENTICATION, generation=1, email="a@example.com")
    assert f"works for {said};" in content.person_mail(context, mail, PlainLinks()).text


@pytest.mark.parametrize(
    "value, shown",
    [
        ("Ann\r\nBcc: x", "Ann Bcc: x"),
        ("\u202egro.elpmaxe\u202c", "gro.elpmaxe"),
        ("a\u2028b\u2029c\x00d\x1b[31m", "a b cd[31m"),
        ("زهرا نیک\u200cپور", "زهرا نیک\u200cپور"),
        ("  wide \t space ", "wide space"),
        ("李小龙 O'Brien-Ångström", "李小龙 O'Brien-Ångström"),
    ],
)
def test_names_are_shown_but_cannot_pretend(value: str, shown: str) -> None:
    """Names of every script stay; what breaks lines or turns the direction of writing goes."""
    assert emails.plain(value) == shown


LOCALES = {"de": "de_AT", "en": "en_US", "es": "es_MX", "fr": "fr_FR", "ja": "ja_JP", "tr": "tr_TR"}
"""Somebody's locale for each language that there is."""


def in_language(tag: str) -> Iterator[Rendered]:
    """Return each email in a language, each in its forms."""
    for purpose in Purpose:
        for sso in (False, True):
            for reminder in (False, True):
                yield personal(purpose=purpose, sso=sso, reminder=reminder, locale=LOCALES[tag])
    for kind in NoticeKind:
        yield notice(kind, LOCALES[tag])
        yield notice(kind, LOCALES[tag], site=None, url="", command="", at=None)


@pytest.mark.parametrize("tag", ["en", *i18n.translated()])
def test_every_email_is_whole_in_every_language(tag: str) -> None:
    """It says which language it is in, and as much as the English one: the same facts, the same links, no gap."""
    for english, rendered in zip(in_language("en"), in_language(tag), strict=True):
        page = BeautifulSoup(rendered.html, "html.parser")
        assert page.html is not None
        assert (page.html["lang"], page.html["dir"], rendered.language) == (tag, "ltr", tag)
        assert "\n" not in rendered.subject + rendered.sender
        for shown in (rendered.subject, rendered.text, rendered.html):
            assert "%(" not in shown
            assert "{{" not in shown
        assert "&lt;strong" not in rendered.html
        assert re.findall(r"https?://\S+", rendered.text) == re.findall(r"https?://\S+", english.text)
        hrefs = re.findall(r'href="[^"]*"', rendered.html)
        assert hrefs == re.findall(r'href="[^"]*"', english.html)
        assert rendered.text.count("\n") == english.text.count("\n")
        if tag != "en":
            assert rendered.text != english.text
            assert rendered.subject != english.subject


@pytest.mark.parametrize("tag", ["en", *i18n.translated()])
def test_lines_are_left_to_the_readers_program(tag: str) -> None:
    """A paragraph is one line: programs break lines at any width, also in scripts that write no spaces."""
    text = personal(locale=LOCALES[tag]).text
    paragraphs = [line for line in text.split("\n") if len(line) > 60]
    assert all(line[-1] in ".。:,?" for line in paragraphs if "http" not in line)


def test_numbers_are_formed_and_written_as_the_language_has_it() -> None:
    """One or many, and how thousands are set apart."""
    one, many = Counts(by_state={State.ARRIVED: 1}), Counts(by_state={State.ARRIVED: 12_345})
    subjects = {
        locale: [notice(NoticeKind.DEADLINE_PASSED, locale, counts=counts).subject for counts in (one, many)]
        for locale in ("de_DE", "fr_FR", "ja_JP")
    }
    assert subjects["de_DE"] == [
        "Frist abgelaufen: Eine Person muss Opsgenie noch verlassen (acme)",
        "Frist abgelaufen: 12.345 Personen müssen Opsgenie noch verlassen (acme)",
    ]
    assert "1 personne doit" in subjects["fr_FR"][0]
    assert "12 345 personnes doivent" in subjects["fr_FR"][1]
    assert "12,345 名" in subjects["ja_JP"][1]


def test_owners_read_states_and_moments_in_their_language() -> None:
    """What the domain says in English is translated too, a task with the names in it; one of others stays as it is."""
    german = notice(NoticeKind.MIGRATION_COMPLETE, "de_DE")
    for shown in (german.text, words(german.html)):
        for said in ("Atlassian-Konto nicht eingerichtet", "Bitten Sie die Person", "14. März 2026, 10:00 UTC"):
            assert said in shown
    foreign = BeautifulSoup(notice(NoticeKind.ADMIN_TASK, "ja_JP").html, "html.parser").find("strong", lang="en")
    assert foreign is not None
    assert foreign.get_text() == NOTICE.task
    ours = text("Make the initiator a site admin of the site {name}, or choose another site.", name="'acme'")
    task = BeautifulSoup(notice(NoticeKind.ADMIN_TASK, "de_DE", task=ours).html, "html.parser").find(
        "strong", lang="de"
    )
    assert task is not None
    assert "Site-Admin der Site 'acme'" in task.get_text()


def test_unknown_languages_are_written_to_in_english() -> None:
    """Also where the locale is none."""
    for locale in ("ru_RU", "", "../de"):
        assert personal(locale=locale) == personal()


def test_missing_value_is_an_error() -> None:
    """An email is never sent with a gap in it."""
    with pytest.raises(jinja2.UndefinedError):
        emails.render("verification", {"name": "Ann"}, i18n.negotiate("en"))


def test_every_kind_of_email_has_its_folder() -> None:
    """One folder an email, three files each."""
    root = Path(emails.__file__).parent
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders == {*Purpose, *NoticeKind, "sign_in"}
    for folder in folders:
        assert {path.name for path in (root / folder).iterdir()} == {"subject.txt", "body.txt", "body.html"}


def test_the_sign_in_mail_says_what_the_link_does() -> None:
    """Once, for a quarter of an hour, for which Opsgenie account, to which host; and its name is only a name."""
    leader = SignedIn(email="olga@example.com", name=NAME, role="owner", opsgenie_account="acme")
    claims = SignInClaims(sign_in_id="sign-in:0", run_id="r", generation=2, identity="0")
    mail = content.sign_in_mail(SignInMail(recipient=leader, claims=claims), PlainLinks())
    for said in (mail.text, words(mail.html)):
        for fact in ("once, within 15 minutes", "acme", "move.example.com", "Zoë <b>& Sons</b>"):
            assert fact in said
    assert mail.html.count('href="https://move.example.com/sign-in/r/2"') == 2
    assert "<b>" not in mail.html


@pytest.mark.parametrize("person,name", [(1, "Ann"), (2, ""), (3, "Bob & \\1"), (4, "the-link-e5b1c0 the-name-e5b1c0")])
def test_a_mail_holds_its_own_name_and_link_alone(person: int, name: str) -> None:
    """What the mails of one kind share is written once: nobody reads of another, and a name stays a name."""
    personal(person=9, name="Somebody Else")
    written = personal(person=person, name=name)
    page = BeautifulSoup(written.html, "html.parser")
    link = f"https://move.example.com/authentication/{CONTEXT.cohort_id}/{person}/1"
    assert (f"Hello {name}," if name else "Hello,") in written.text.splitlines()
    assert [bdi.get_text() for bdi in page("bdi")].count(name) == (1 if name else 0)
    assert "Somebody" not in written.html
    assert written.text.splitlines().count(link) == 1
    assert {a["href"] for a in page("a")} == {link}
