"""The stage: what becomes of each kind of record, with a classifier that does as it is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import msgspec
import pytest

from models.signature import LABELS
from models.tokenizer import Tokenizer
from services.attention import unpack
from services.errors import Unavailable
from services.inference.classifier import BadBatch, Batch
from services.inference.stage import InferenceStage, Options
from services.records import (
    MAX_WORDS,
    SCORE_UNIT,
    Deletion,
    End,
    Picture,
    Post,
    Scored,
    Watermark,
    decode,
    encode,
    topic_key,
)
from services.stream.port import ALL_PARTITIONS, Output, Result
from tests.unit.inference.helpers import VOCABULARY, Told, jpeg, post, record

TOKENIZER = Tokenizer(VOCABULARY)
POISON = VOCABULARY.index("poison")
OPTIONS = Options(posts="posts", scores="scores", max_pairs=8)


class Bench:
    """A stage on two partitions with its classifier."""

    def __init__(self, told: Told | None = None, options: Options = OPTIONS) -> None:
        self.told = told or Told()
        self.stage = InferenceStage(
            self.told,
            TOKENIZER,
            options,
            partitions=lambda: 2,
            clock_ms=lambda: 1_700_000_100_000,
        )
        self.stage.assigned([0, 1])

    def run(self, *values: object) -> Result:
        records = [record(value, offset) for offset, value in enumerate(values)]  # type: ignore[arg-type]
        return self.stage.submit(records).result(10)

    def scored(self, *values: object) -> list[Scored]:
        return scored(self.run(*values).outputs)


def scored(outputs: Sequence[Output]) -> list[Scored]:
    return [value for out in outputs if isinstance(value := decode(out.value), Scored)]


def markers(outputs: Sequence[Output]) -> list[Watermark]:
    return [value for out in outputs if isinstance(value := decode(out.value), Watermark)]


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.stage.close()
    assert made.told.closed


def test_a_post_is_scored_once_and_written_once_a_topic(bench: Bench) -> None:
    outputs = bench.run(post(topics=("brand", "event"))).outputs
    one, two = scored(outputs)
    assert (one.topic, two.topic) == ("brand", "event")
    assert [out.key for out in outputs[:2]] == [
        topic_key("live", "brand"),
        topic_key("live", "event"),
    ]
    assert [len(batch) for batch in bench.told.batches] == [1]
    assert (one.partition, one.offset, one.has_image, one.has_text) == (0, 0, True, True)
    assert one.text == "good day"
    assert one.picture_urls == ("https://a.example/1.jpg",)


def test_a_long_post_of_many_topics_goes_on_as_its_beginning(bench: Bench) -> None:
    names = tuple(f"topic {number}" for number in range(10_000))
    outputs = bench.run(post(text="day " * 16_000, topics=names)).outputs
    assert {one.topic for one in scored(outputs)} == set(names)
    assert len(scored(outputs[:1])[0].text) == MAX_WORDS
    assert sum(len(out.value or b"") for out in outputs) < 10_000 * 2 * MAX_WORDS


def test_the_score_is_the_mean_of_both_networks_in_whole_units(bench: Bench) -> None:
    grey = Picture(jpeg((51, 51, 51)))  # a fifth of white; "good" is token 4, so 0.4
    (one,) = bench.scored(post(text="good", pictures=(grey,)))
    assert one.dmlanet == pytest.approx((0.8, 0, 0.2), abs=1e-6)
    assert one.rnnca == pytest.approx((0.6, 0, 0.4), abs=1e-6)
    assert one.score == round((0.3 - 0.7) * SCORE_UNIT)
    assert LABELS[one.label] == "negative"
    assert one.picture_weight == pytest.approx(0.5)


def test_up_to_four_pictures_count_alike(bench: Bench) -> None:
    shades = [0, 0, 255, 255, 255]
    pictures = tuple(Picture(jpeg((s, s, s), (300 + i, 300))) for i, s in enumerate(shades))
    (one,) = bench.scored(post(pictures=pictures))
    assert one.dmlanet == pytest.approx((0.5, 0, 0.5), abs=1e-6)
    assert sum(len(batch) for batch in bench.told.batches) == 4


def test_attention_is_that_of_the_first_picture_and_outlives_the_cache(bench: Bench) -> None:
    dark, bright = (Picture(jpeg(colour)) for colour in ((10, 10, 10), (250, 250, 250)))
    for number in range(2):
        (one,) = bench.scored(post(number, pictures=(bright, dark)))
        regions = unpack(one.attention)["dmlanet"].regions
        assert regions.index(255) > 40


@pytest.mark.parametrize(
    ("fields", "has_image", "has_text", "reason"),
    [
        ({"pictures": ()}, False, True, "no_picture"),
        ({"pictures": (Picture(None, reason="too_large"),)}, False, True, "too_large"),
        ({"pictures": (Picture(b"no jpeg"),)}, False, True, "undecodable_picture"),
        ({"pictures": (Picture(b""),)}, False, True, "missing_picture"),
        ({"pictures": (Picture(jpeg()[:-900]),)}, False, True, "undecodable_picture"),
        ({"pictures": (Picture(b"no jpeg"), Picture(jpeg()))}, True, True, ""),
        ({"text": " \u200b "}, True, False, "no_text"),
        ({"text": "", "pictures": ()}, False, False, "no_picture,no_text"),
    ],
)
def test_a_missing_side_is_masked_and_says_so(
    bench: Bench, fields: dict[str, object], has_image: bool, has_text: bool, reason: str
) -> None:
    (one,) = bench.scored(post(**fields))
    assert (one.has_image, one.has_text, one.masked_reason) == (has_image, has_text, reason)
    (batch,) = bench.told.batches
    assert batch.has_image.tolist() == [[float(has_image)]]
    assert batch.images.any() == has_image
    assert batch.tokens.any() == has_text


@pytest.mark.parametrize(
    ("lang", "unseen"),
    [("en", False), ("en-GB", False), ("EN_us", False), ("", False), ("und", False),
     ("qme", False), ("de", True), ("pt-BR", True)],
)  # fmt: skip
def test_a_language_not_trained_on_is_flagged(bench: Bench, lang: str, unseen: bool) -> None:
    (one,) = bench.scored(post(lang=lang))
    assert one.unseen_language is unseen


def test_a_repost_is_scored_once_in_its_batch_and_in_later_ones(bench: Bench) -> None:
    original = post(1)
    reposts = [reposted(original, f"x:{n}") for n in (2, 3)]
    first, second = bench.scored(original, reposts[0])
    (third,) = bench.scored(reposts[1])
    assert sum(len(batch) for batch in bench.told.batches) == 1
    assert first.score == second.score == third.score
    assert bench.scored(post(4, text="bad day"))[0].score != first.score


def test_a_picture_of_no_bytes_is_no_picture_though_the_words_were_scored_alone(
    bench: Bench,
) -> None:
    bench.scored(post(1, pictures=()))
    (one,) = bench.scored(post(2, pictures=(Picture(b""),)))
    assert (one.has_image, one.masked_reason) == (False, "missing_picture")


def test_the_cache_is_bounded() -> None:
    bench = Bench(options=replace(OPTIONS, cache_size=2))
    for number in (1, 2, 3, 1):
        bench.scored(post(number))
    assert len(bench.told.batches) == 4
    bench.stage.close()


def test_what_is_no_post_is_dead_lettered_and_the_rest_goes_on(bench: Bench) -> None:
    stray = Watermark("live", 0, 2, 5)
    result = bench.run(post(1), b"garbage", None, stray, post(2))
    assert [letter.reason for letter in result.dead] == [
        "not_ours",
        "empty_record",
        "unexpected_record",
    ]
    assert [letter.record.offset for letter in result.dead] == [1, 2, 3]
    assert [one.id for one in scored(result.outputs)] == ["x:1", "x:2"]


def test_a_deletion_goes_to_every_partition_in_its_place(bench: Bench) -> None:
    gone = Deletion("x:1", "live", 5)
    outputs = bench.run(post(1), gone, post(2)).outputs
    assert outputs[1] == Output("scores", None, encode(gone), ALL_PARTITIONS)


def test_the_marker_follows_what_it_speaks_of(bench: Bench) -> None:
    outputs = bench.run(post(2), post(1)).outputs
    (marker,) = markers(outputs)
    assert marker == Watermark("live", 0, 2, post(2).created_at_ms)
    assert outputs[-1] == Output("scores", None, encode(marker), ALL_PARTITIONS)


def test_the_end_of_a_replay_is_passed_on(bench: Bench) -> None:
    outputs = bench.run(post(1, namespace="old"), End("old")).outputs
    assert markers(outputs) == [Watermark("old", 0, 2, post(1).created_at_ms, ended=True)]


def spoiled_by_poison(batch: Batch) -> BadBatch | None:
    return BadBatch("NaN") if (batch.tokens == POISON).any() else None


@pytest.mark.parametrize("place", [0, 3, 11, 12])
def test_one_poisonous_post_is_found_and_the_others_get_through(place: int) -> None:
    bench = Bench(Told(spoiled_by_poison))
    texts = ["poison day" if n == place else "good day" for n in range(13)]
    result = bench.run(*(post(n, text) for n, text in enumerate(texts)))
    assert [letter.record.offset for letter in result.dead] == [place]
    assert [letter.reason for letter in result.dead] == ["unscorable"]
    assert [one.offset for one in scored(result.outputs)] == [n for n in range(13) if n != place]
    bench.stage.close()


def test_beside_a_poisonous_post_the_others_are_remembered_and_it_is_not() -> None:
    bench = Bench(Told(spoiled_by_poison))
    posts = [post(n, "poison day" if n == 3 else "good day") for n in range(8)]
    bench.run(*posts)
    bench.told.batches.clear()
    again = bench.run(*posts)
    assert [letter.record.offset for letter in again.dead] == [3]
    assert len(scored(again.outputs)) == 7
    assert {len(batch) for batch in bench.told.batches} == {1}
    bench.stage.close()


def test_networks_that_fail_on_everything_hold_the_stream() -> None:
    bench = Bench(Told(lambda _: BadBatch("NaN")))
    with pytest.raises(Unavailable, match="blank"):
        bench.run(post(1), post(2), post(3))
    bench.stage.close()


def test_a_pair_that_failed_once_gets_a_second_chance() -> None:
    failures = iter([BadBatch("the stub process died"), None, None])
    bench = Bench(Told(lambda _: next(failures)))
    assert [one.id for one in bench.scored(post(1))] == ["x:1"]
    bench.stage.close()


def test_unavailable_networks_are_the_workers_business_and_nothing_is_kept() -> None:
    failures = iter([Unavailable("triton", "away"), None])
    bench = Bench(Told(lambda _: next(failures)))
    with pytest.raises(Unavailable):
        bench.run(post(1))
    again = bench.run(post(1))
    assert [one.id for one in scored(again.outputs)] == ["x:1"]
    assert len(markers(again.outputs)) == 1
    bench.stage.close()


def reposted(original: Post, new: str) -> Post:
    return msgspec.structs.replace(original, id=new, kind="repost")
