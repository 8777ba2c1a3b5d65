"""A tap on the stream of posts: their pictures onto the shelf, deleted posts' off it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from itertools import groupby

from services import metrics
from services.errors import BadRecord, Unavailable
from services.pictures.shelf import Shelf
from services.records import AnyRecord, Deletion, Post, decode
from services.stream.port import Output, Record, Result

log = logging.getLogger(__name__)


class PictureTap:
    """`services.stream.port.Stage`: one batch at a time, nothing written to any stream.

    A picture that the disk doesn't take is missing later, counted and said once;
    posts go on. A deletion that it doesn't take is tried until it does.
    """

    name = "pictures"
    max_in_flight = 1

    def __init__(self, shelf: Shelf, stream: str) -> None:
        """Reads `stream`; the stage closes `shelf`."""
        self.stream = stream
        self._shelf = shelf
        self._complained = False

    def submit(self, records: Sequence[Record]) -> Future[Result]:
        """Posts and deletions in their order."""
        future: Future[Result] = Future()
        try:
            for deletions, items in groupby(map(_decoded, records), _is_deletion):
                if deletions:
                    self._delete([item for item in items if isinstance(item, Deletion)])
                else:
                    self._put([item for item in items if isinstance(item, Post)])
            future.set_result(Result())
        except Unavailable as error:
            future.set_exception(error)
        return future

    def assigned(self, partitions: Sequence[int]) -> Mapping[int, int]:  # noqa: ARG002
        return {}

    def revoked(self, partitions: Sequence[int]) -> None:
        """Nothing is held for a partition."""

    def tick(self) -> Sequence[Output]:
        """What is too old goes, also where nothing new comes."""
        try:
            self._shelf.tidy()
        except OSError as error:
            self._complain(f"pictures that are too old can't be removed: {error}")
        return ()

    def flush(self, positions: Mapping[int, int]) -> None:
        """A kill takes nothing that was written; a power cut may take the newest pictures."""

    def close(self) -> None:
        self._shelf.close()

    def _put(self, posts: Sequence[Post]) -> None:
        shown = [post for post in posts if any(picture.jpeg for picture in post.pictures)]
        try:
            wrote = self._shelf.put(
                (post.namespace, post.id, [picture.jpeg for picture in post.pictures])
                for post in shown
            )
            metrics.SHELVED_BYTES.inc(wrote)
        except OSError as error:
            metrics.UNSHELVED.inc(len(shown))
            self._complain(f"pictures are not kept, posts go on without: {error}")

    def _complain(self, what: str) -> None:
        if not self._complained:
            log.warning(what)
        self._complained = True

    def _delete(self, deletions: Sequence[Deletion]) -> None:
        try:
            self._shelf.delete([(deletion.namespace, deletion.id) for deletion in deletions])
        except OSError as error:
            raise Unavailable("pictures", f"deleted posts' can't be removed: {error}") from error


def _decoded(record: Record) -> AnyRecord | None:
    try:
        return decode(record.value)
    except BadRecord:
        return None  # inference, which reads the same record, sends it to the dead letters


def _is_deletion(item: AnyRecord | None) -> bool:
    return isinstance(item, Deletion)
