"""A live source with everything fake around it."""

from __future__ import annotations

from collections.abc import Sequence

from services.errors import BadRecord, Unavailable
from services.ingest.bluesky import account_of
from services.ingest.draft import Draft, Gone, Media, Parsed, Refused
from services.ingest.gaps import Watch
from services.ingest.live import Message
from services.ingest.live_source import LiveSource, Wiring
from services.ingest.removals import Removals
from services.ingest.source import Brought
from services.records import Deletion, Post
from services.topics import parse_topics

NOW_MS = 1_800_000_000_000
TOPICS = parse_topics("topics:\n  acme: {query: acme, text_only: true}\n", "test")


class FakeSocket:
    """Hands out what a test puts there, a batch per take."""

    host = "host-a"

    def __init__(self) -> None:
        self.batches: list[list[Message]] = []
        self.closed = False

    def put(self, *messages: str, position: int) -> None:
        self.batches.append([(message.encode(), position) for message in messages])

    def take(self, most: int, timeout_s: float) -> list[Message]:
        return self.batches.pop(0) if self.batches else []

    def close(self) -> None:
        self.closed = True


class FakeIndex:
    def __init__(self) -> None:
        self.held: dict[str, list[str]] = {}
        self.down = False

    def note(self, entries: Sequence[tuple[str, str]]) -> None:  # type: ignore[override]
        if self.down:
            raise Unavailable("store", "gone")
        for account, entry in entries:
            self.held.setdefault(account, []).append(entry)

    def entries(self, account: str) -> Sequence[str]:
        return self.held.get(account, [])


def draft(ident: str, text: str = "acme", url: str = "", ms: int | None = NOW_MS) -> Draft:
    media = (Media(url),) if url else ()
    return Draft(f"p:{ident}", "p", ms, text, media=media)


def parse(message: bytes) -> list[Parsed]:
    """`a` is a post, `-a` its removal, `a=http…` a post with a picture, `!` is bad."""
    text = message.decode()
    if text.startswith("!"):
        raise BadRecord("malformed_json", text)
    if text.startswith("-"):
        return [Gone(f"p:{text[1:]}", NOW_MS)]
    if text.startswith("?"):
        return [draft(text, "nothing of interest")]
    if text.startswith("future"):
        return [draft(text, ms=NOW_MS + 600_000)]
    ident, _, url = text.partition("=")
    return [draft(ident, url=url)]


class FakeReader:
    """Parses as above, and remembers what it was told."""

    def __init__(self) -> None:
        self.prepared: list[bytes] = []
        self.kept: list[str] = []
        self.gone: list[str] = []
        self.down = False

    def prepare(self, messages: Sequence[bytes]) -> None:
        if self.down:
            raise Unavailable("store", "gone")
        self.prepared += messages

    def parse(self, message: bytes) -> list[Parsed]:
        return parse(message)

    def keep(self, drafts: Sequence[Draft], gone: Sequence[str]) -> None:
        self.kept += [draft.id for draft in drafts]
        self.gone += gone


class Bench:
    """A source with everything fake around it."""

    def __init__(self, cursor: bytes | None = None, **wiring: object) -> None:
        self.socket, self.index, self.reader = FakeSocket(), FakeIndex(), FakeReader()
        self.published: list[bytes] = []
        self.now_ms = NOW_MS
        options: dict[str, object] = {
            "removals": Removals(self.index, account_of),
            "publish": self.published.append,
        }
        wired = Wiring("live", lambda: TOPICS, lambda: self.now_ms, **(options | wiring))  # type: ignore[arg-type]
        watch = Watch("fake", lambda: self.now_ms)
        self.source = LiveSource("fake", self.socket, self.reader, watch, wired, cursor)

    def read(self, most: int = 100) -> list[Brought]:
        return list(self.source.read(most))


def names(brought: Sequence[Brought]) -> list[str]:
    """`+id`, `-id` or `!reason` of each."""
    found = []
    for item in brought:
        match item:
            case Post():
                found.append(f"+{item.id[2:]}")
            case Deletion():
                found.append(f"-{item.id[2:]}")
            case Refused():
                found.append(f"!{item.reason}")
    return found
