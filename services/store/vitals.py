"""What each process says of itself every few seconds, for whoever watches the pipeline.

    ut:vitals:<id>     string       the process as JSON (`Process`), gone after 15 s of silence
    ut:vitals          sorted set   their ids, by when each last spoke (milliseconds)

`services.vitals` writes it; the dashboard's operations page reads it. Times are
milliseconds since 1970 UTC; rates and percentiles are of the last minute.
"""

from __future__ import annotations

import msgspec

from services.store.client import Client
from services.store.schema import HOUR_MS, PREFIX

INDEX = f"{PREFIX}vitals"
ALIVE_MS = 15_000
"""A process that has not spoken for this long is gone."""


class Hop(msgspec.Struct, frozen=True, kw_only=True):
    """One stage of the process: what its health says, and how fast it goes."""

    stage: str
    healthy: bool = True
    reason: str = ""
    """Why it is not healthy; of a healthy one, what was wrong last."""
    since_s: float | None = None
    """How long it has been healthy, or not."""
    source: str = ""
    """Of an ingest hop: what it reads."""
    partitions: list[int] = []
    in_flight: int = 0
    turned_s: float | None = None
    """How long ago its loop went round last: a stuck worker's grows."""
    read: int = 0
    written: int = 0
    """Records since the process began; of all ingest hops together."""
    read_per_s: float | None = None
    written_per_s: float | None = None


class Lag(msgspec.Struct, frozen=True):
    """Records of a partition that a consumer group has not polled yet."""

    stream: str
    group: str
    partition: int
    records: int


class Latency(msgspec.Struct, frozen=True):
    """From a post's arrival in its stream to its scored record, over the last minute."""

    p50_s: float
    p99_s: float
    posts: int


class Refusals(msgspec.Struct, frozen=True):
    """Records that a stage gave up, since the process began."""

    stage: str
    reason: str
    count: int


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One network over the last minute; where Triton runs it, for all of Triton's clients."""

    name: str
    where: str
    """"local" or "triton"."""
    runs: int = 0
    pairs: int | None = None
    batch: float | None = None
    """Pairs in a run, on average."""
    queue_ms: float | None = None
    """How long a request waited, on average."""
    compute_ms: float | None = None
    """How long a run took, on average; of Triton, a request."""
    failed: int = 0


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """One process at one moment."""

    id: str
    command: str
    """"replay", "run", "ingest", "infer", "aggregate", "alert", "dashboard"."""
    host: str
    pid: int
    versions: dict[str, str]
    started_ms: int
    at_ms: int
    healthy: bool
    reason: str = ""
    memory_bytes: int | None = None
    hops: list[Hop] = []
    lag: list[Lag] = []
    latency: Latency | None = None
    """None where nothing was scored in the last minute."""
    pairs_per_request: float | None = None
    """Pairs of picture and words in a request to the networks, on average."""
    dead_letters: list[Refusals] = []
    retries: dict[str, int] = {}
    """By neighbour ("Kafka", "store", "Triton"), since the process began."""
    models: list[Model] = []


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Process)


class Vitals:
    """All processes that speak to one store. `Unavailable` where it is away."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def publish(self, process: Process) -> None:
        """Replace what the process last said; forget ids that have been silent for an hour."""
        self._client.pipe(
            [
                ("SET", _key(process.id), _encoder.encode(process), "PX", ALIVE_MS),
                ("ZADD", INDEX, process.at_ms, process.id),
                ("ZREMRANGEBYSCORE", INDEX, "-inf", process.at_ms - HOUR_MS),
            ]
        )

    def remove(self, process_id: str) -> None:
        """The process ends."""
        self._client.pipe([("UNLINK", _key(process_id)), ("ZREM", INDEX, process_id)])

    def read(self) -> list[Process]:
        """Those that spoke within 15 s, by command and id. One of another version that can't
        be read is left out."""
        ids = [name.decode() for name in self._client.call("ZRANGE", INDEX, 0, -1)]
        held = self._client.pipe([("GET", _key(name)) for name in ids])
        found = [process for one in held if one and (process := _read(one))]
        return sorted(found, key=lambda process: (process.command, process.id))


def _read(data: bytes) -> Process | None:
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError:
        return None


def _key(process_id: str) -> str:
    return f"{INDEX}:{process_id}"
