"""The wire format: everything comes back as it went, and nothing bad gets in."""

from __future__ import annotations

from math import inf, nan

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.errors import BadRecord
from services.records import (
    MOST_PARTITIONS,
    TIME_END_MS,
    AnyRecord,
    Deletion,
    End,
    Picture,
    Post,
    Scored,
    Watermark,
    decode,
    encode,
    topic_key,
    valid_namespace,
)
from tests.scores import scored

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
number = st.integers(0, 2**63 - 1)
moment = st.integers(0, TIME_END_MS - 1)
partition = st.integers(0, MOST_PARTITIONS)
name = st.from_regex(r"\A[A-Za-z0-9._-]{1,100}\Z")
probability = st.floats(0, 1)
three = st.tuples(probability, probability, probability)
pictures = st.builds(
    Picture, jpeg=st.none() | st.binary(max_size=300), url=text, alt=text, reason=text
)
RECORDS = {
    Post: st.builds(
        Post,
        id=text,
        namespace=name,
        platform=text,
        created_at_ms=moment,
        arrived_at_ms=moment,
        text=text,
        topics=st.lists(text, max_size=5).map(tuple),
        author=text,
        author_name=text,
        lang=text,
        kind=text,
        url=text,
        original_id=text,
        pictures=st.lists(pictures, max_size=4).map(tuple),
    ),
    Deletion: st.builds(Deletion, id=text, namespace=name, deleted_at_ms=moment),
    End: st.builds(End, namespace=name),
    Watermark: st.builds(
        Watermark,
        namespace=name,
        partition=partition,
        partitions=partition,
        newest_ms=moment,
        idle=st.booleans(),
        ended=st.booleans(),
    ),
    Scored: st.builds(
        Scored,
        id=text.filter(bool),
        namespace=name,
        topic=text.filter(bool),
        created_at_ms=moment,
        arrived_at_ms=moment,
        label=st.integers(0, 2),
        score=st.integers(-10_000, 10_000),
        dmlanet=three,
        rnnca=three,
        picture_weight=probability,
        has_image=st.booleans(),
        has_text=st.booleans(),
        partition=partition,
        offset=number,
        author=text,
        author_name=text,
        lang=text,
        kind=text,
        url=text,
        original_id=text,
        text=text,
        picture_urls=st.lists(text, max_size=4).map(tuple),
        unseen_language=st.booleans(),
        masked_reason=text,
    ),
}
anything = st.one_of(*RECORDS.values())
SAMPLE = Post("x:1", "live", "x", 1, 2, "hi", ("brand",), pictures=(Picture(b"\xff\xd8"),))


@given(anything)
def test_a_record_comes_back_as_it_went(record: AnyRecord) -> None:
    again = decode(encode(record))
    assert again == record
    assert type(again) is type(record)


@given(anything)
def test_pictures_travel_raw(record: AnyRecord) -> None:
    if isinstance(record, Post):
        wire = encode(record)
        assert all(p.jpeg in wire for p in record.pictures if p.jpeg is not None)


def reason_of(value: bytes) -> str:
    """Why it is refused; nothing where it is read."""
    try:
        decode(value)
    except BadRecord as error:
        return error.reason
    return ""


REASONS = {
    "", "empty_record", "not_ours", "newer_version", "malformed_record", "bad_namespace",
    "bad_score", "bad_lineage", "bad_partition", "incomplete_record", "implausible_timestamp",
}  # fmt: skip


@given(st.binary(max_size=200))
def test_bytes_of_strangers_are_refused_or_read_but_never_crash(value: bytes) -> None:
    assert reason_of(value) in REASONS
    assert reason_of(b"U\x01" + value) in REASONS


@settings(max_examples=300)
@given(anything, st.data())
def test_a_flipped_byte_is_refused_or_read_but_never_crashes(
    record: AnyRecord, data: st.DataObject
) -> None:
    wire = bytearray(encode(record))
    wire[data.draw(st.integers(0, len(wire) - 1))] ^= data.draw(st.integers(1, 255))
    assert reason_of(bytes(wire)) in REASONS


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty_record"),
        (b"", "empty_record"),
        (b"U", "not_ours"),
        (b'{"id": 1}', "not_ours"),
        (b"U\x00" + encode(SAMPLE)[2:], "newer_version"),
        (b"U\x02" + encode(SAMPLE)[2:], "newer_version"),
        (encode(SAMPLE)[:-1], "malformed_record"),
        (b"U\x01" + msgspec.msgpack.encode(["unheard-of", 1]), "malformed_record"),
        (b"U\x01" + b"\x91" * 100_000, "malformed_record"),
        (b"U\x01" + msgspec.msgpack.encode(["end", b"\xff"]), "malformed_record"),
    ],
    ids=["null", "empty", "short", "json", "v0", "v2", "cut", "kind", "deep", "type"],
)
def test_what_is_wrong_with_a_record(value: bytes | None, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        decode(value)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "valid"),
    [("live", True), ("replay-2024.01_b", True), ("", False), ("a/b", False), ("a*", False),
     ("{a}", False), ("a" * 101, False), ("a b", False), ("a\n", False)],
)  # fmt: skip
def test_namespaces_are_plain_words(name: str, valid: bool) -> None:
    assert valid_namespace(name) is valid


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Post("x:1", "a/b", "x", 1, 2, "hi", ()), "bad_namespace"),
        (Post("x:1", "live", "x", TIME_END_MS, 2, "hi", ()), "implausible_timestamp"),
        (Post("x:1", "live", "x", 1, -1, "hi", ()), "implausible_timestamp"),
        (Post("x:1", "live", "x", 1, 2, "hi", ("",) * 20_001), "too_many_topics"),
        (Deletion("x:1", "live", 2**64 - 1), "implausible_timestamp"),
        (Watermark("live", 0, 1, TIME_END_MS), "implausible_timestamp"),
        (Watermark("live", -1, 1, 1), "bad_partition"),
        (Watermark("live", 0, 2**40, 1), "bad_partition"),
        (scored(label=-1), "bad_score"),
        (scored(place=(-1, 0)), "bad_lineage"),
        (msgspec.structs.replace(scored(), dmlanet=(0.1, nan, 0.9)), "malformed_record"),
        (msgspec.structs.replace(scored(), picture_weight=inf), "malformed_record"),
    ],
)
def test_values_that_nobody_could_work_with(record: AnyRecord, reason: str) -> None:
    assert reason_of(encode(record)) == reason


def test_an_older_record_without_the_fields_appended_since_is_read() -> None:
    older = b"U\x01" + msgspec.msgpack.encode(["post", "x:1", "live", "x", 1, 2, "hi", ["brand"]])
    assert decode(older) == Post("x:1", "live", "x", 1, 2, "hi", ("brand",))


def test_fields_appended_later_within_a_version_do_no_harm() -> None:
    newer = b"U\x01" + msgspec.msgpack.encode(["end", "live", "something new", 5])
    assert decode(newer) == End("live")


def test_the_wire_format_stands_still() -> None:
    """Bytes that are out there: a change that breaks this needs a new version."""
    assert encode(Deletion("x:1", "live", 7)) == b"U\x01\x94\xa6delete\xa3x:1\xa4live\x07"
    assert encode(Watermark("live", 1, 6, 9, True, False)) == (
        b"U\x01\x97\xa9watermark\xa4live\x01\x06\x09\xc3\xc2"
    )
    assert encode(SAMPLE) == (
        b"U\x01\x9f\xa4post\xa3x:1\xa4live\xa1x\x01\x02\xa2hi\x91\xa5brand"
        b"\xa0\xa0\xa0\xa4post\xa0\xa0\x91\x94\xc4\x02\xff\xd8\xa0\xa0\xa0"
    )


def test_a_post_costs_little_beside_its_pictures() -> None:
    assert len(encode(SAMPLE)) < 60


def test_the_key_of_a_topic() -> None:
    assert topic_key("live", "Müller") == "live/Müller".encode()
