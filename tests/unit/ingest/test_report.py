"""The report and the file of scores."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from services.errors import UsageError
from services.ingest import report
from services.ingest.scores_file import ScoresFile
from services.ingest.source import Counters
from services.records import Scored, encode
from services.store.reader import Sums, Totals
from services.stream.port import Record

CREATED_MS = 1_462_266_000_123


def test_the_report_holds_what_was_promised() -> None:
    counters = Counters(
        posts_read=100, posts_matched=30, pairs_matched=33, dead_lettered=2,
        images_ok=20, images_missing=3, images_failed=1,
    )  # fmt: skip
    sums = Sums(negative=5, neutral=10, positive=15, sum=60_000, late=2)
    totals = {
        "acme": Totals(sums, too_late=1, first_post_ms=CREATED_MS, last_post_ms=CREATED_MS + 1),
        "none": Totals(),
    }
    made = report.build(counters, totals, seconds=4.0, posts_this_run=50)
    assert made == {
        "posts_read": 100,
        "posts_matched": 30,
        "scored": 30,
        "duplicates": 2,
        "dead_lettered": 2,
        "late": 3,
        "images": {"ok": 20, "missing": 3, "failed": 1},
        "seconds": 4.0,
        "posts_per_second": 12.5,
        "topics": {
            "acme": {
                "count": 30, "positive": 15, "neutral": 10, "negative": 5, "mean_score": 0.2,
                "first_post": "2016-05-03T09:00:00.123+00:00",
                "last_post": "2016-05-03T09:00:00.124+00:00",
            },
            "none": {
                "count": 0, "positive": 0, "neutral": 0, "negative": 0, "mean_score": None,
                "first_post": None, "last_post": None,
            },
        },
    }  # fmt: skip


def test_the_report_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    report.write(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_loses_nothing_but_the_report(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.with_name("report.json.part").symlink_to("/dev/full")
    with pytest.raises(UsageError, match=r"No space left on device\. Everything is counted"):
        report.write(path, {"a": 1})
    with pytest.raises(UsageError, match="no folder"):
        report.check_writable(tmp_path / "nowhere" / "report.json")


def record(number: int, topic: str = "acme", namespace: str = "ns", hours: int = 0) -> Record:
    scored = Scored(
        id=f"x:{number}", namespace=namespace, topic=topic,
        created_at_ms=CREATED_MS + hours * 3_600_000, arrived_at_ms=0, label=2, score=5_000,
        dmlanet=(0.1, 0.2, 0.7), rnnca=(0.2, 0.2, 0.6), picture_weight=0.5, has_image=True,
        has_text=True, partition=0, offset=number,
    )  # fmt: skip
    return Record("scores", 0, number, None, encode(scored), 0)


def lines(path: Path) -> list[tuple[str, str]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [(one["id"], one["topic"]) for one in found]


def test_scores_each_once_even_across_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    tap = ScoresFile(path, "ns", "scores")
    junk = Record("scores", 0, 9, None, b"junk", 0)
    batch = [record(1), record(1), record(1, "other"), record(2, namespace="live"), junk]
    tap.submit(batch).result()
    tap.flush({})
    tap.close()
    assert lines(path) == [("x:1", "acme"), ("x:1", "other")]
    assert json.loads(path.read_text().splitlines()[0]) == {
        "id": "x:1", "topic": "acme", "created_at": "2016-05-03T09:00:00.123+00:00",
        "label": "positive", "score": 0.5, "has_image": True, "has_text": True,
        "models": {"dmlanet": [0.1, 0.2, 0.7], "rnnca": [0.2, 0.2, 0.6]},
    }  # fmt: skip
    path.write_text(path.read_text() + '{"id": "x:3", "top')
    tap = ScoresFile(path, "ns", "scores")
    tap.submit([*batch, record(3)]).result()
    tap.close()
    assert lines(path) == [("x:1", "acme"), ("x:1", "other"), ("x:3", "acme")]


def test_scores_into_something_else_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(UsageError, match="no file of scores"):
        ScoresFile(path, "ns", "scores")
    assert path.read_text() == "my notes\n"
    with pytest.raises(UsageError, match="can't write scores"):
        ScoresFile(tmp_path / "nowhere" / "scores.jsonl", "ns", "scores")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_scores_on_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    tap = ScoresFile(path, "ns", "scores")
    tap._file.close()
    tap._file = Path("/dev/full").open("ab")  # noqa: SIM115
    tap.submit([record(1)]).result()
    with pytest.raises(UsageError, match="goes on where it stopped"):
        tap.flush({})
    with pytest.raises(UsageError, match="goes on where it stopped"):
        tap.close()


def test_ids_are_forgotten_after_a_day_of_event_time(tmp_path: Path) -> None:
    tap = ScoresFile(tmp_path / "scores.jsonl", "ns", "scores")
    tap.submit([record(n, hours=n) for n in range(100)]).result()
    assert len(tap._seen) == 24
    tap.close()
