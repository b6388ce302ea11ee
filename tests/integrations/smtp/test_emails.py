"""The content of the emails as text and HTML."""

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
from tests.integrations.smtp.conftest import CONTEXT, PlainLinks, outgoing

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


def personal(**changes: Any) -> Rendered:  # noqa: ANN401 - any field of the model
    """Return a person's mail."""
    return content.person_mail(CONTEXT, outgoing(**{"name": NAME} | changes), PlainLinks())


def notice(kind: NoticeKind, locale: str = "", **changes: object) -> Rendered:
    """Return a notice."""
    changed = NOTICE.model_copy(update={"kind": kind, **changes})
    recipient = AccountAdmin(email="olga@example.com", name=NAME, locale=locale)
    outgoing_notice = OutgoingNotice(message_id="x", number=1, recipient=recipient, notice=changed)
    return content.notice_mail(outgoing_notice, PlainLinks())


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
    """Return the visible text of HTML, on one line."""
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


@pytest.mark.parametrize("rendered", list(every_email()))
def test_every_email_is_safe_and_complete(rendered: Rendered) -> None:
    """Each email has a one-line subject, text, and HTML with escaped names that loads no external resources."""
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
def test_a_persons_mail_explains_itself(purpose: Purpose) -> None:
    """The mail names account, site, initiator, and the link's host and lifetime. It shows the whole link."""
    rendered = personal(purpose=purpose, person=4, generation=2)
    link = f"https://move.example.com/{purpose}/{CONTEXT.cohort_id}/4/2"
    lifetime = {Purpose.VERIFICATION: "24 hours", Purpose.AUTHENTICATION: "7 days"}[purpose]
    for shown in (rendered.text, words(rendered.html)):
        for fact in ("acme", "https://acme.example.net", "olga@example.com", "move.example.com", link, lifetime):
            assert fact in shown
        assert "If you did not expect this email" in shown
    links = {a["href"] for a in BeautifulSoup(rendered.html, "html.parser").find_all("a")}
    assert links == {link}


@pytest.mark.parametrize("reminder", [False, True])
def test_mails_to_people_with_sso_mention_no_password(*, reminder: bool) -> None:
    """People with SSO keep signing in by single sign-on. Other people set a password."""
    sso = personal(sso=True, reminder=reminder)
    plain = personal(sso=False, reminder=reminder)
    assert "password" not in (sso.subject + sso.text + sso.html).casefold()
    for shown in (sso.text, words(sso.html)):
        assert "single sign-on as before. Your SSO settings do not change." in shown
    assert "choose a password" in plain.text
    assert "single sign-on" not in plain.text


@pytest.mark.parametrize("purpose", Purpose)
def test_a_reminder_says_that_it_is_one(purpose: Purpose) -> None:
    """The subject and the first line say so. The first mail does not."""
    first, reminder = personal(purpose=purpose), personal(purpose=purpose, reminder=True)
    assert reminder.subject.startswith("Reminder: ")
    assert reminder.text.startswith("Reminder: ")
    body = BeautifulSoup(reminder.html, "html.parser").find("strong")
    assert body is not None
    assert body.get_text().startswith("Reminder: ")
    assert "Reminder" not in first.subject + first.text + first.html


def test_link_in_a_notice_is_shown_with_its_host_and_escaped() -> None:
    """A notice shows the task, the command, and the address with host and port. Script URLs are never linked."""
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
def test_notices_link_to_their_page_in_the_portal(kind: NoticeKind, page: str) -> None:
    """Only the notice of an open task links to that task's own address."""
    where = f"https://move.example.com/settings/{page}"
    for rendered in (notice(kind), notice(kind, url="", command="")):
        assert where in rendered.text
        assert f'href="{where}"' in rendered.html
    assert (NOTICE.url in notice(kind).text) is (kind is NoticeKind.ADMIN_TASK)


def test_the_final_notice_has_counts_and_next_steps() -> None:
    """The notice counts each state, gives the next step for people who are not connected, and says when it ended."""
    rendered = notice(NoticeKind.MIGRATION_COMPLETE)
    for shown in (rendered.text, words(rendered.html)):
        assert "3 of 6 people" in shown
        assert NEXT_STEP[State.AUTHENTICATING] in shown
        assert "March 14, 2026, 10:00 AM UTC" in shown
    assert rendered.subject == "Opsgenie migration of acme complete; 2 people were not moved"
    everyone = notice(NoticeKind.MIGRATION_COMPLETE, counts=Counts(by_state={State.CONNECTED: 3, State.SKIPPED: 1}))
    assert everyone.subject == "Opsgenie migration of acme complete"


def test_the_deadline_notice_counts_missing_people() -> None:
    """The subject says how many people have not moved."""
    assert notice(NoticeKind.DEADLINE_PASSED).subject.startswith("Deadline passed: 2 people")
    one = notice(NoticeKind.DEADLINE_PASSED, counts=Counts(by_state={State.ARRIVED: 1}))
    assert one.subject.startswith("Deadline passed: one person has not moved")


@pytest.mark.parametrize(
    "lifetime, expected",
    [
        (timedelta(days=7), "7 days"),
        (timedelta(days=1), "24 hours"),
        (timedelta(hours=47, minutes=59), "47 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(seconds=5), "one minute"),
    ],
)
def test_lifetimes_use_a_suitable_unit(lifetime: timedelta, expected: str) -> None:
    """A lifetime is never rounded up."""
    context = CONTEXT.model_copy(update={"rules": Rules(authentication_link_lifetime=lifetime)})
    mail = OutgoingMail(person=1, purpose=Purpose.AUTHENTICATION, generation=1, email="a@example.com")
    assert f"works for {expected};" in content.person_mail(context, mail, PlainLinks()).text


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
def test_names_cannot_inject_text(value: str, shown: str) -> None:
    """Names in every script are kept. Line breaks and direction marks are removed."""
    assert emails.plain(value) == shown


LOCALES = {"de": "de_AT", "en": "en_US", "es": "es_MX", "fr": "fr_FR", "ja": "ja_JP", "tr": "tr_TR"}
"""A locale for each language."""


def in_language(tag: str) -> Iterator[Rendered]:
    """Return each email in a language, each in its forms."""
    for purpose in Purpose:
        for sso in (False, True):
            for reminder in (False, True):
                yield personal(purpose=purpose, sso=sso, reminder=reminder, locale=LOCALES[tag])
    for kind in NoticeKind:
        yield notice(kind, LOCALES[tag])
        yield notice(kind, LOCALES[tag], site=None, url="", command="", at=None)


@pytest.mark.parametrize("tag", ["en", *i18n.available()])
def test_every_email_is_complete_in_every_language(tag: str) -> None:
    """Each email declares its language and has the same facts and links as the English email."""
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


@pytest.mark.parametrize("tag", ["en", *i18n.available()])
def test_a_paragraph_is_one_line(tag: str) -> None:
    """Mail programs wrap lines at any width, even in scripts without spaces."""
    text = personal(locale=LOCALES[tag]).text
    paragraphs = [line for line in text.split("\n") if len(line) > 60]
    assert all(line[-1] in ".。:,?" for line in paragraphs if "http" not in line)


def test_numbers_follow_the_rules_of_the_language() -> None:
    """Plural forms and thousands separators are those of the language."""
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


def test_notices_translate_states_times_and_tasks() -> None:
    """The domain's English sentences are translated, with the names in them. Other texts stay unchanged."""
    german = notice(NoticeKind.MIGRATION_COMPLETE, "de_DE")
    for shown in (german.text, words(german.html)):
        for expected in ("Atlassian-Konto nicht eingerichtet", "Bitten Sie die Person", "14. März 2026, 10:00 UTC"):
            assert expected in shown
    foreign = BeautifulSoup(notice(NoticeKind.ADMIN_TASK, "ja_JP").html, "html.parser").find("strong", lang="en")
    assert foreign is not None
    assert foreign.get_text() == NOTICE.task
    ours = text("Make the initiator a site admin of the site {name}, or choose another site.", name="'acme'")
    task = BeautifulSoup(notice(NoticeKind.ADMIN_TASK, "de_DE", task=ours).html, "html.parser").find(
        "strong", lang="de"
    )
    assert task is not None
    assert "Site-Admin der Site 'acme'" in task.get_text()


def test_unknown_locales_get_english() -> None:
    """The same applies to invalid locales."""
    for locale in ("ru_RU", "", "../de"):
        assert personal(locale=locale) == personal()


def test_a_missing_value_is_an_error() -> None:
    """An email with a gap is never sent."""
    with pytest.raises(jinja2.UndefinedError):
        emails.render("verification", {"name": "Ann"}, i18n.negotiate("en"))


def test_every_kind_of_email_has_its_folder() -> None:
    """Each folder has the three files of one kind of email."""
    root = Path(emails.__file__).parent
    folders = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("__")}
    assert folders == {*Purpose, *NoticeKind, "sign_in"}
    for folder in folders:
        assert {path.name for path in (root / folder).iterdir()} == {"subject.txt", "body.txt", "body.html"}


def test_the_sign_in_mail_says_what_the_link_does() -> None:
    """The link works once, for a quarter of an hour. The mail names the account and the host, and escapes the name."""
    admin = SignedIn(email="olga@example.com", name=NAME, role="owner", opsgenie_account="acme")
    claims = SignInClaims(sign_in_id="sign-in:0", run_id="r", generation=2, identity="0")
    mail = content.sign_in_mail(SignInMail(recipient=admin, claims=claims), PlainLinks())
    for body in (mail.text, words(mail.html)):
        for fact in ("once, expires after 15 minutes", "acme", "move.example.com", "Zoë <b>& Sons</b>"):
            assert fact in body
    assert mail.html.count('href="https://move.example.com/sign-in/r/2"') == 2
    assert "<b>" not in mail.html


@pytest.mark.parametrize("person,name", [(1, "Ann"), (2, ""), (3, "Bob & \\1"), (4, "the-link-e5b1c0 the-name-e5b1c0")])
def test_a_mail_has_only_its_own_name_and_link(person: int, name: str) -> None:
    """The shared part is rendered once for all mails. A name that looks like a placeholder stays a name."""
    personal(person=9, name="Somebody Else")
    written = personal(person=person, name=name)
    page = BeautifulSoup(written.html, "html.parser")
    link = f"https://move.example.com/authentication/{CONTEXT.cohort_id}/{person}/1"
    assert (f"Hello {name}," if name else "Hello,") in written.text.splitlines()
    assert [bdi.get_text() for bdi in page("bdi")].count(name) == (1 if name else 0)
    assert "Somebody" not in written.html
    assert written.text.splitlines().count(link) == 1
    assert {a["href"] for a in page("a")} == {link}
