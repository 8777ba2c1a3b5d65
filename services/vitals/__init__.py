"""What a process says of itself, every two seconds, to the store: `services.store.vitals`.

figures    the process's own metrics over the last minute: pure arithmetic
document   one `Process` from them and from the hops' health
publisher  the thread that sends it, and never gets in anybody's way
"""

from services.vitals.publisher import publish_vitals

__all__ = ["publish_vitals"]
