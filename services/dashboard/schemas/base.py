"""What all documents share, and errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    model_config = ConfigDict(populate_by_name=True, use_attribute_docstrings=True)


class Problem(Model):
    """An error, after RFC 9457; served as `application/problem+json`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
