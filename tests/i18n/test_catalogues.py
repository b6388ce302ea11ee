"""Every catalogue is complete, up to date, and consistent with the English texts."""

import ast
import re
from collections.abc import Iterator

import pytest
import update_languages
from babel.messages.catalog import Catalog, Message

from landbridge import i18n

ENGLISH = update_languages.extract()
TAGS = i18n.available()
_PLACEHOLDER = re.compile(r"%\((\w+)\)s|%|\{\w+\}")
_TAG = re.compile(r"</?\w+>|[<>&]")


def _sentences(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def _forms(sentence: object) -> list[str]:
    return [sentence] if isinstance(sentence, str) else [str(form) for form in sentence]  # type: ignore[attr-defined]


def _found(pattern: re.Pattern[str], sentence: str) -> list[str]:
    return sorted(match[0] for match in pattern.finditer(sentence))


def _texts_in_code() -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield each call of `text` and `counted`: its place, its templates' placeholders, and the names of its values."""
    for folder in ("activities", "landbridge", "workflows"):
        for file in sorted((update_languages.ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Name(id="text" | "counted" as function), args=args, keywords=keywords):
                        templates = [arg.value for arg in args if isinstance(arg, ast.Constant)]
                        names = {name for template in templates for name in re.findall(r"\{(\w+)\}", str(template))}
                        given = {str(keyword.arg) for keyword in keywords}
                        yield (
                            f"{file.name}:{node.lineno}",
                            names,
                            given | ({"number"} if function == "counted" else set()),
                        )


def test_every_text_is_given_its_values() -> None:
    """A missing value would raise an error at runtime. Templates in `http.py` are filled in later."""
    texts = list(_texts_in_code())
    assert len(texts) > len(TAGS)
    for place, names, given in texts:
        filled_later = place.startswith("http.py:") and names == {"service"} and not given
        assert names == given or filled_later or names < given == names | {"number"}, place


def test_five_languages_are_available() -> None:
    """English is not counted."""
    assert {"de", "es", "fr", "ja", "tr"} <= set(TAGS)


@pytest.mark.parametrize("tag", TAGS)
def test_a_catalogue_is_complete(tag: str) -> None:
    """The catalogue has every sentence of the templates and the code, translated and not fuzzy, and no others."""
    catalogue = update_languages.read(tag)
    missing = {message.id for message in ENGLISH} ^ {message.id for message in catalogue}
    assert not missing, "make languages"
    assert [message.id for message in _sentences(catalogue) if not update_languages.translated(message)] == []
    assert not catalogue.obsolete


@pytest.mark.parametrize("tag", TAGS)
def test_a_translation_has_the_same_placeholders_and_markup(tag: str) -> None:
    """Only a singular form may omit the number."""
    for message in _sentences(update_languages.read(tag)):
        english = _forms(message.id)
        for form in _forms(message.string):
            allowed = [_found(_PLACEHOLDER, sentence) for sentence in english]
            assert _found(_PLACEHOLDER, form) in allowed, form
            assert _found(_TAG, form) == _found(_TAG, english[-1]), form


@pytest.mark.parametrize("tag", TAGS)
def test_a_catalogue_has_the_plural_forms_of_its_language(tag: str) -> None:
    """The number of forms is the language's. The general form always contains the number."""
    catalogue = update_languages.read(tag)
    for message in _sentences(catalogue):
        if message.pluralizable:
            forms = _forms(message.string)
            assert len(forms) == catalogue.num_plurals
            assert _found(_PLACEHOLDER, forms[-1]) == _found(_PLACEHOLDER, message.id[-1])


@pytest.mark.parametrize("tag", TAGS)
def test_every_sentence_is_translated_at_runtime(tag: str) -> None:
    """The loaded catalogue contains every sentence of the file."""
    words = i18n.negotiate(tag).translations
    for message in _sentences(update_languages.read(tag)):
        if message.pluralizable:
            one, many = _forms(message.id)
            assert words.ngettext(one, many, 5) == _forms(message.string)[-1]
        else:
            assert [words.gettext(sentence) for sentence in _forms(message.id)] == _forms(message.string)


@pytest.mark.parametrize("tag", TAGS)
def test_updating_is_idempotent(tag: str) -> None:
    """`make languages` does not change a single byte of up-to-date files."""
    before = (i18n.CATALOGUES / f"{tag}.po").read_bytes()
    assert update_languages.updated(tag, ENGLISH) == before


def test_a_new_language_starts_untranslated_and_falls_back_to_english() -> None:
    """`make languages ADD=pt` writes a file to fill in."""
    content = update_languages.updated("pt", ENGLISH).decode()
    assert 'msgid "This is not my account"\nmsgstr ""' in content
    assert "nplurals=2" in content
