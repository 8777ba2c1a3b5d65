"""The Redis schema and its atomic writes."""

from services.store.opening import open_store
from services.store.reader import Reader
from services.store.store import Store

__all__ = ["Reader", "Store", "open_store"]
