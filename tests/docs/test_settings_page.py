import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from landbridge.platform import process_settings, settings

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "settings.md").read_text()


def groups() -> list[type[settings.Settings]]:
    """Return all groups of settings."""
    return [
        group
        for module in (settings, process_settings)
        for group in vars(module).values()
        if isinstance(group, type) and issubclass(group, settings.Settings) and group.model_fields
        if group.__module__ == module.__name__
    ]


def known() -> Iterator[tuple[str, str]]:
    """Yield the variable of each setting and its default as the page should give it."""
    for group in groups():
        prefix = group.model_config.get("env_prefix", "")
        for name, field in group.model_fields.items():
            variable = str(field.validation_alias or f"{prefix}{name.upper()}")
            if field.is_required():
                yield variable, "required"
                continue
            default = field.get_default(call_default_factory=True, validated_data={})
            text = default.get_secret_value() if hasattr(default, "get_secret_value") else default
            if text is None:
                yield variable, "none"
            else:
                yield variable, f"`{text}`" if text not in ("", []) else "empty"


@pytest.mark.parametrize("variable,default", list(known()))
def test_every_setting_stands_on_the_page_with_its_default(variable: str, default: str) -> None:
    """Nobody has to read the code to set something up."""
    assert f"\n| `{variable}` | {default} | " in PAGE


@pytest.mark.parametrize("file", ["docs/settings.md", "docker-compose.yml"])
def test_nothing_is_told_to_be_a_setting_that_is_none(file: str) -> None:
    """A variable that nothing reads would be set in vain."""
    named = set(re.findall(r"LANDBRIDGE_[A-Z_]+[A-Z]", (PROJECT / file).read_text()))
    assert named <= {variable for variable, _ in known()}
