"""Worker and stage together, on networks that come and go: no marker says more than is written."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from models.tokenizer import Tokenizer
from services.errors import Unavailable
from services.inference.stage import InferenceStage, Options
from services.records import Scored, Watermark, decode, encode
from services.stream.attempts import Backoff
from services.stream.memory import MemoryStreams
from services.stream.port import Output
from services.stream.worker import Limits, Worker
from tests.unit.inference.helpers import VOCABULARY, Told, post

PARTITIONS, POSTS = 2, 240


@pytest.mark.parametrize("seed", range(4))
def test_markers_follow_what_they_speak_of_whatever_fails(seed: int) -> None:
    dice = random.Random(seed)
    told = Told(lambda _: Unavailable("triton", "away") if dice.random() < 0.2 else None)
    streams = MemoryStreams(PARTITIONS, capacity=10_000, tail=10_000)
    options = Options("posts", "scores", in_flight=3, max_pairs=4, cache_size=0, live=None)
    stage = InferenceStage(
        told, Tokenizer(VOCABULARY), options, partitions=lambda: PARTITIONS, clock_ms=lambda: 0
    )
    worker = Worker(
        stage,
        streams,
        group="g",
        dead_letters="dead",
        limits=Limits(batch_size=4, commit_interval_s=0.0, tick_interval_s=0.001),
        backoff=Backoff(first_s=0.001, cap_s=0.002),
    )
    worker.step()
    for number in range(POSTS):
        made = post(number, created_at_ms=1_000 * (number + dice.randint(-9, 9)), pictures=())
        streams.producer().send(Output("posts", made.id.encode(), encode(made)))
    worker.run_dry()
    worker.close()
    for place, end in streams.ends("scores").items():
        newest: dict[int, int] = defaultdict(int)
        offsets: dict[int, list[int]] = defaultdict(list)
        for record in streams.read("scores", place, 0, end):
            value = decode(record.value)
            if isinstance(value, Scored):
                newest[value.partition] = max(newest[value.partition], value.created_at_ms)
                offsets[value.partition].append(value.offset)
            elif isinstance(value, Watermark) and offsets:
                assert value.newest_ms <= newest[value.partition]
        assert all(found == sorted(set(found)) for found in offsets.values())
    assert sum(streams.committed("posts", "g").values()) == POSTS
