"""The Redis schema and its atomic writes."""

from services.store.reader import Reader
from services.store.store import Store, open_store

__all__ = ["Reader", "Store", "open_store"]
