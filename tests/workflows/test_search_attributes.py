"""Everything that the workflows write into search attributes can be searched."""

from temporalio.common import SearchAttributeKey

from landbridge.domain import searchable
from workflows.support import search_attributes


def test_every_search_attribute_is_registered_with_its_type() -> None:
    """The name and the type match the SDK's."""
    keys = [key for key in vars(search_attributes).values() if isinstance(key, SearchAttributeKey)]
    kinds = {key.name: key.indexed_value_type.name for key in keys}
    assert kinds == {name: kind.upper() for name, kind in searchable.KINDS.items()}
