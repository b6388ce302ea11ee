import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from landbridge.platform import process_settings, settings

PROJECT = Path(__file__).parent.parent.parent
PAGE = (PROJECT / "docs" / "reference" / "settings.md").read_text()


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
    """Yield the variable of each setting and its default, as the page writes them."""
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
def test_the_page_lists_each_setting_with_its_default(variable: str, default: str) -> None:
    """No setting is missing from the page."""
    assert f"\n| `{variable}` | {default} | " in PAGE


@pytest.mark.parametrize("file", ["docs/reference/settings.md", "docker-compose.yml"])
def test_a_file_names_existing_settings_only(file: str) -> None:
    """Setting a variable that nothing reads would have no effect."""
    names = set(re.findall(r"LANDBRIDGE_[A-Z_]+[A-Z]", (PROJECT / file).read_text()))
    assert names <= {variable for variable, _ in known()}
