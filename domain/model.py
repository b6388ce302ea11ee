from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """A value: frozen, and tolerant of fields that a newer or older version writes."""

    model_config = ConfigDict(frozen=True, extra="ignore")
