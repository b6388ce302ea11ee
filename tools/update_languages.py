"""Bring the catalogues in `landbridge/i18n/` up to date with what templates and domain say: `make languages [ADD=pt]`.

New sentences come in untranslated, changed ones lose their translation, and those that nobody says any more go.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import told_sentences  # noqa: E402 - a script, run from anywhere

from landbridge import i18n  # noqa: E402
from landbridge.domain.people import AFTER_DECLINE, NEXT_STEP, STATE_TITLES  # noqa: E402

_TRANSLATED = {
    "landbridge/emails/**.html": "jinja2",
    "landbridge/emails/**.txt": "jinja2",
    "landbridge/portal/templates/**.html": "jinja2",
}
"""The templates, all of which every language has to have, and how they are read."""
_COUNTED = {"landbridge/portal/admin/**.py": "python"}
_COUNTS = {"count": (1, 2)}
"""The pages that tell how many, and where in which call the sentences stand."""
_OPTIONS = {"**": {"trimmed": "true", "silent": "false", "encoding": "utf-8"}}
_DOMAIN = {"landbridge/domain/people.py": [AFTER_DECLINE, *NEXT_STEP.values(), *STATE_TITLES.values()]}
"""What the domain says to owners and admins; templates and adapters translate it as they show it."""


def said() -> Catalog:
    """Return everything that is said to people, in English."""
    catalogue = Catalog(fuzzy=False, header_comment="# How Landbridge speaks to people.")
    for file, sentence in _sentences():
        catalogue.add(sentence, locations=[(file, 0)])
    return catalogue


def _sentences() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    found = [
        *extract_from_dir(ROOT, [*_TRANSLATED.items()], _OPTIONS, directory_filter=_speaks),
        *extract_from_dir(ROOT, [*_COUNTED.items()], keywords=_COUNTS, directory_filter=_speaks),
    ]
    for file, _, sentence, _, _ in found:
        yield file, sentence
    for file, sentences in _DOMAIN.items():
        for sentence in sentences:
            yield file, sentence
    yield from told_sentences.found(ROOT)


def read(tag: str) -> Catalog:
    """Return a language's catalogue; an empty one where there is none yet."""
    file = i18n.CATALOGUES / f"{tag}.po"
    if file.exists():
        with file.open("rb") as content:
            return read_po(content, locale=tag)
    return Catalog(Locale.parse(tag), project="Landbridge", version="1", fuzzy=False)


def _speaks(folder: str) -> bool:
    match Path(folder).relative_to(ROOT).parts:
        case ["landbridge", part, *_]:
            return part in {"emails", "portal"}
        case parts:
            return parts == ("landbridge",)


def updated(tag: str, english: Catalog) -> bytes:
    """Return a language's file with just the sentences that are said now, in their order."""
    catalogue = read(tag)
    catalogue.update(english, no_fuzzy_matching=True, update_header_comment=True, update_creation_date=False)
    # Not promised: names and dates of people.
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    catalogue.revision_date = catalogue.creation_date
    content = io.BytesIO()
    write_po(content, catalogue, width=110, ignore_obsolete=True, include_lineno=False)
    return content.getvalue()


def main() -> int:
    """Update all catalogues, and those of languages to add; say what there is to translate."""
    english = said()
    for tag in sorted({*i18n.available(), *sys.argv[1:]}):
        (i18n.CATALOGUES / f"{tag}.po").write_bytes(updated(tag, english))
        sentences = [message for message in read(tag) if message.id]
        missing = sum(not translated(message) for message in sentences)
        sys.stdout.write(f"{tag}: {len(sentences)} sentences, {missing} to translate\n")
    return 0


def translated(message: Message) -> bool:
    """Return whether a sentence has a translation, in all of its forms."""
    forms = message.string if isinstance(message.string, tuple | list) else [message.string]
    return all(forms) and not message.fuzzy


if __name__ == "__main__":
    sys.exit(main())
