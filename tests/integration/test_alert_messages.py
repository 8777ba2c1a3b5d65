"""From counted posts in a real store to an explanation, and to the message that people get."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from models.signature import MAX_TOKENS, REGIONS
from services.alerts.explain import Explainer
from services.alerts.message import Writer
from services.attention import pack
from services.errors import Unavailable
from services.phrases import own_words
from services.records import Deletion, Scored
from services.store import Reader, Store
from services.store.alerts import Alert, AlertEvent
from services.store.posts import KeptPost
from services.topics.parser import parse
from tests.integration.aggregation_bench import NS, Bench
from tests.scores import START_MS, mark, scored
from tests.servers.valkey import ValkeyServer
from tests.simulators.hostile import picture
from tests.unit.alerts.messages import alert

pytestmark = pytest.mark.integration
MINUTE = 60_000
TURN_MS = START_MS + 3_600_000
"""An hour of calm, then the mood turns."""
END_MS = TURN_MS + 12 * MINUTE


@pytest.fixture
def store(valkey: ValkeyServer) -> Iterator[Store]:
    opened = valkey.open()
    yield opened
    opened.close()


def attention() -> bytes:
    """Strongest on the third word and the middle of the picture."""
    words, regions = np.full((1, MAX_TOKENS), 0.01), np.full((1, REGIONS), 0.01)
    words[0, 3], regions[0, REGIONS // 2] = 1.0, 1.0
    outputs = {
        f"{network}_{part}_ATTENTION": values
        for network in ("DMLANET", "RNNCA")
        for part, values in (("WORD", words), ("REGION", regions))
    }
    return pack(outputs)[0]


def calm(number: int) -> Scored:
    return scored(f"c{number}", number * 20_000, author=f"c{number}", text="sunny coffee morning")


def bad(number: int, **changes: Any) -> Scored:
    made = scored(
        f"b{number}",
        TURN_MS - START_MS + number * 30_000,
        label=0,
        score=-9_000 - number,
        author=f"b{number}",
        text=f"my brand battery melted on day {number}",
    )
    probabilities = (0.95, 0.03, 0.02)
    scores = {"dmlanet": probabilities, "rnnca": probabilities, "attention": attention()}
    return msgspec.structs.replace(made, **scores | changes)


@pytest.fixture
def turned(store: Store) -> Bench:
    bench = Bench(store)
    bench.feed(*(calm(n) for n in range(180)), mark(3_600_000))
    bench.feed(*(bad(n) for n in range(20)), mark(3_600_000 + 12 * MINUTE))
    return bench


def explained(store: Store) -> Alert:
    raised = alert(
        namespace=NS, topic="brand", onset_ms=TURN_MS, opened_ms=END_MS, changed_ms=END_MS
    )
    own = own_words(parse("brand"))
    explain = Explainer(Reader(store), lambda _: own, "https://u.example")
    why = explain(NS, raised, TURN_MS, END_MS)
    return msgspec.structs.replace(raised, explanation=why)


class Shelf:
    """Pictures by post id; `away` as Kafka may be."""

    def __init__(self, held: dict[str, bytes], away: bool = False) -> None:
        self._held, self._away = held, away
        self.asked: list[str] = []

    def get(self, post: KeptPost, namespace: str) -> list[bytes | None]:
        self.asked.append(post.id)
        if self._away:
            raise Unavailable("kafka", "away")
        return [self._held.get(post.id)]

    def close(self) -> None:
        pass


def test_the_explanation_of_a_turn(store: Store, turned: Bench) -> None:
    why = explained(store).explanation
    assert (why.posts, why.authors, why.repost_share, why.cascade) == (20, 20, 0.0, "")
    assert [phrase.text for phrase in why.phrases] == ["battery melted"]
    assert [ref.id for ref in why.top_posts] == [f"x:b{n}" for n in (19, 18, 17, 16, 15)]
    assert why.top_posts[0].score == -0.9019
    assert why.link.startswith("https://u.example/topic/brand?namespace=")


def test_a_message_has_words_and_the_heated_picture(store: Store, turned: Bench) -> None:
    shelf = Shelf({"x:b18": picture()})
    message = Writer(Reader(store), shelf)(AlertEvent("opened", explained(store), 1))
    assert [post.text for post in message.posts] == [
        f"my brand battery melted on day {n}" for n in (19, 18, 17)
    ]
    assert message.posts[0].label == "negative"
    assert message.posts[0].url == "https://x.com/i/status/b19"
    assert "“battery melted”" in message.text
    assert shelf.asked == ["x:b19", "x:b18"], "the first that has one"
    assert message.picture is not None
    drawn = Image.open(io.BytesIO(message.picture)).convert("RGB")
    assert drawn.format is None
    assert drawn.width == 720, "a panel for each network"
    middle, corner = heat(drawn, 180, 0.5), heat(drawn, 180, 0.1)
    assert middle > corner + 40, "the middle of the picture is hot"
    assert message.picture_alt


def heat(drawn: Image.Image, x: int, part: float) -> float:
    """How much redder than blue the first panel's picture is, `part` of the way down it."""
    top, height = 72, 252
    red, _, blue = drawn.getpixel((x, top + int(part * height)))  # type: ignore[misc]
    return float(red - blue)


def test_words_of_deleted_posts_are_not_sent(store: Store, turned: Bench) -> None:
    raised = explained(store)
    turned.feed(Deletion("x:b19", NS, END_MS))
    message = Writer(Reader(store), Shelf({"x:b19": picture()}))(AlertEvent("opened", raised, 1))
    assert [post.id for post in message.posts] == ["x:b18", "x:b17", "x:b16"]
    assert message.picture is None


def test_an_alert_goes_out_without_a_picture_rather_than_late(store: Store, turned: Bench) -> None:
    event = AlertEvent("opened", explained(store), 1)
    assert Writer(Reader(store))(event).picture is None
    assert Writer(Reader(store), Shelf({}, away=True))(event).picture is None
    assert len(Writer(Reader(store), Shelf({}))(event).posts) == 3
    broken = Shelf({f"x:b{number}": b"\xff\xd8 no picture" for number in range(30)})
    assert Writer(Reader(store), broken)(event).picture is None


def test_what_is_over_shows_no_posts(store: Store, turned: Bench) -> None:
    raised = explained(store)
    over = msgspec.structs.replace(raised, state="resolved", resolved_ms=END_MS + MINUTE)
    message = Writer(Reader(store), Shelf({}))(AlertEvent("resolved", over, 2))
    assert message.posts == ()
    assert message.title == "brand: over after 13 minutes"
