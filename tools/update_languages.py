"""Update the catalogues in `landbridge/i18n/` from the templates and the code: `make languages [ADD=pt]`.

New texts are added without a translation, changed texts lose theirs, and unused texts are removed.
"""

import io
import os
import sys
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.catalog import Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from landbridge import i18n  # noqa: E402 - a script, run from anywhere

_METHODS = (
    {
        "landbridge/emails/**.html": "jinja2",
        "landbridge/emails/**.txt": "jinja2",
        "landbridge/portal/templates/**.html": "jinja2",
    },
    {"activities/**.py": "python", "landbridge/**.py": "python", "workflows/**.py": "python"},
)
"""The files that contain texts for readers, and how they are read: the templates first, then the code."""
_KEYWORDS = {"text": (1,), "counted": (1, 2), **DEFAULT_KEYWORDS}
"""The functions of `landbridge.domain.text`, and which of their arguments are templates."""
_FOLDERS = {"activities", "landbridge", "workflows"}
_OPTIONS = {"**": {"trimmed": "true", "silent": "false", "encoding": "utf-8"}}


def extract() -> Catalog:
    """Return every text for readers, in English."""
    catalogue = Catalog(fuzzy=False, header_comment="# Landbridge's texts for readers.")
    for methods in _METHODS:
        found = extract_from_dir(ROOT, [*methods.items()], _OPTIONS, _KEYWORDS, directory_filter=_has_texts)
        for file, _, message, _, _ in found:
            catalogue.add(message, locations=[(file, 0)])
    return catalogue


def read(tag: str) -> Catalog:
    """Return a language's catalogue; empty if the file does not exist yet."""
    file = i18n.CATALOGUES / f"{tag}.po"
    if file.exists():
        with file.open("rb") as content:
            return read_po(content, locale=tag)
    return Catalog(Locale.parse(tag), project="Landbridge", version="1", fuzzy=False)


def _has_texts(folder: str | os.PathLike[str]) -> bool:
    return Path(folder).relative_to(ROOT).parts[0] in _FOLDERS


def updated(tag: str, english: Catalog) -> bytes:
    """Return the content of a language's file, with exactly the current texts, in the order of `english`."""
    catalogue = read(tag)
    catalogue.update(english, no_fuzzy_matching=True, update_header_comment=True, update_creation_date=False)
    # Clear the contacts and the revision date, so that the file changes only when texts change.
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    catalogue.revision_date = catalogue.creation_date
    content = io.BytesIO()
    write_po(content, catalogue, width=110, ignore_obsolete=True, include_lineno=False)
    return content.getvalue()


def main() -> int:
    """Update all catalogues and add new ones; print how many texts lack a translation."""
    english = extract()
    for tag in sorted({*i18n.available(), *sys.argv[1:]}):
        (i18n.CATALOGUES / f"{tag}.po").write_bytes(updated(tag, english))
        texts = [message for message in read(tag) if message.id]
        missing = sum(not translated(message) for message in texts)
        sys.stdout.write(f"{tag}: {len(texts)} texts, {missing} to translate\n")
    return 0


def translated(message: Message) -> bool:
    """Return whether all plural forms of a text are translated."""
    forms = message.string if isinstance(message.string, tuple | list) else [message.string]
    return all(forms) and not message.fuzzy


if __name__ == "__main__":
    sys.exit(main())
