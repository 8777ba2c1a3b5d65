"""Recreates the store from the stream of scored posts, by counting it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from services.aggregation.recount import records_of
from services.aggregation.stage import AggregationStage, Options
from services.errors import BadRecord, UsageError
from services.records import decode
from services.store.reader import Reader
from services.store.store import Store
from services.stream.port import Record, Streams

BATCH = 4_000


def rebuild(
    streams: Streams,
    store: Store,
    options: Options,
    namespace: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Count again one namespace, or everything; how many records were read.

    Of one namespace, what aggregators have yet to count is left to them: their
    positions stay. `UsageError` while an aggregator is at work, and where the
    stream no longer holds its beginning.
    """
    if workers := store.workers():
        raise UsageError(f"{len(workers)} aggregators are at work; stop them, then rebuild")
    ends = _ends(streams, store, options.scores, namespace)
    for partition, stop in ends.items():
        if stop:
            next(records_of(streams, options.scores, partition, stop))  # refuse before we clear
    _clear(store, options.scores, namespace)
    stage = AggregationStage(store, streams, options)
    stage.from_the_start(sorted(ends))
    read = 0
    for partition, stop in ends.items():
        for batch in _batches(records_of(streams, options.scores, partition, stop), namespace):
            stage.submit(batch).result()
            read += len(batch)
            progress(read)
    if namespace is None:
        stage.flush(ends)
    stage.close()
    return read


def _ends(streams: Streams, store: Store, stream: str, namespace: str | None) -> dict[int, int]:
    """Up to where to count: the store's own positions where they stay, else all there is."""
    ends = dict(sorted(streams.ends(stream).items()))
    if namespace is None:
        return ends
    held = store.progress(stream, streams.epoch(stream), list(ends))
    return {partition: held[partition].position if partition in held else 0 for partition in ends}


def _clear(store: Store, stream: str, namespace: str | None) -> None:
    if namespace is not None:
        store.clear_counts(namespace)
        return
    for known in Reader(store).namespaces():
        store.clear_counts(known.name)
    store.clear_progress(stream)


def _batches(records: Iterator[Record], namespace: str | None) -> Iterator[list[Record]]:
    batch: list[Record] = []
    for record in records:
        if namespace is None or _is_of(record, namespace):
            batch.append(record)
        if len(batch) >= BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_of(record: Record, namespace: str) -> bool:
    try:
        return decode(record.value).namespace == namespace
    except BadRecord:
        return False
