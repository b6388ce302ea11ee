from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value: frozen, and tolerant of fields that a newer or older version writes."""

    # Errors about a value stand in logs and failures, where nobody may be named.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
