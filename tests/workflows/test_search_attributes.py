"""What the workflows write can be searched."""

from temporalio.common import SearchAttributeKey

from landbridge.domain import searchable
from workflows.support import search_attributes


def test_servers_are_told_of_each_as_the_sdk_writes_it() -> None:
    """By the same name and of the same type."""
    keys = [key for key in vars(search_attributes).values() if isinstance(key, SearchAttributeKey)]
    kinds = {key.name: key.indexed_value_type.name for key in keys}
    assert kinds == {name: kind.upper() for name, kind in searchable.KINDS.items()}
