from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """Base class of messages and values: frozen; unknown fields, which other releases may write, are ignored."""

    # Validation errors appear in logs and workflow failures, which must not contain personal data.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)
