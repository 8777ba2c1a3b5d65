"""What the detector promises, on minutes whose chances are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pytest

from services.alerts.detector import KINDS, Bank, Finding, Minute

MONDAY_MS = 4 * 86_400_000
HOUR = 60
DAY = 24 * HOUR
DAYS = 5
"""For which the topics that tests start from were watched."""


@dataclass(frozen=True)
class Learnt:
    """Topics that were watched for `DAYS`, as dumps; and the rarest volume of the one with nights.

    steady: 5 posts a minute, 0.2 negative. quiet: 3 an hour. busy: 3,000 a minute.
    nights: 1 a minute at night, 20 by day, 0.3. drift: 0.2 to 0.25. lasting: 0.15,
    then 0.4 for the last four days.
    """

    dumps: Mapping[str, bytes]
    calmest: float
    nights: float
    end_ms: int


def minute_of(rng: np.random.Generator, rate: float, share: float) -> Minute:
    """Scores are +-0.6."""
    posts = int(rng.poisson(rate))
    negative = int(rng.binomial(posts, share))
    return Minute(negative, 0, posts - negative, 6000 * (posts - 2 * negative))


@pytest.fixture(scope="module")
def learnt() -> Learnt:
    rng = np.random.default_rng(7)
    bank = Bank()
    calm = [f"calm{i}" for i in range(10)]
    names = ("steady", "quiet", "busy", "nights", "drift", "lasting", *calm)
    for topic in names:
        bank.add(topic)
    end_ms, calmest, nights = MONDAY_MS, np.inf, np.inf
    for number in range(DAYS * DAY):
        day, by_day = number / DAY, 8 <= number // HOUR % 24 < 22
        chances = {
            "steady": (5.0, 0.2), "quiet": (3 / 60, 0.2), "busy": (3_000.0, 0.2),
            "nights": (20.0 if by_day else 1.0, 0.3), "drift": (5.0, 0.2 + 0.01 * day),
            "lasting": (5.0, 0.15 if day < 1 else 0.4),
        } | dict.fromkeys(calm, (2.0, 0.2))  # fmt: skip
        end_ms += 60_000
        bank.step(end_ms, {topic: minute_of(rng, *chance) for topic, chance in chances.items()})
        if day > 1:
            calmest = min(calmest, float(bank.rarity("negative_share")[0][6:].min()))
        if day > 3:
            nights = min(nights, float(bank.rarity("negative_volume")[0][3]))
    return Learnt({topic: bank.dump(topic) for topic in names}, calmest, nights, end_ms)


class Run:
    """Goes on with one topic."""

    def __init__(self, learnt: Learnt, name: str, seed: int = 7) -> None:
        self.bank = Bank()
        self.bank.add("a", learnt.dumps[name])
        self.rng = np.random.default_rng(seed)
        self.end_ms = learnt.end_ms

    def step(self, minute: Minute, missing: Iterable[str] = ()) -> None:
        self.end_ms += 60_000
        self.bank.step(self.end_ms, {"a": minute}, frozenset(missing))

    def go(self, minutes: int, rate: float, share: float) -> None:
        for _ in range(minutes):
            self.step(minute_of(self.rng, rate, share))

    def until(self, minutes: int, rate: float, share: float, kind: str = "negative_share") -> int:
        """Minutes until the first alert at 0.2 a week; `minutes` where there was none."""
        for number in range(minutes):
            self.step(minute_of(self.rng, rate, share))
            if self.bank.candidates(kind, 0.2):
                return number + 1
        return minutes

    def find(self, kind: str = "negative_share") -> Finding:
        found = self.bank.finding("a", kind)
        assert found is not None
        return found

    def expected(self) -> float:
        """The share that is expected: seen through a minute that makes the detector speak."""
        self.step(Minute(200, 0, 0, -1_200_000))
        return self.find().expected


def test_a_cold_topic_says_nothing() -> None:
    bank = Bank()
    bank.add("a")
    for number, posts in enumerate((1, 5, 10), 1):
        bank.step(number * 60_000, {"a": Minute(posts, 0, 0, -6000 * posts)})
        assert all(bank.finding("a", kind) is None for kind in KINDS)
        assert not any(bank.candidates(kind, 1e9) for kind in KINDS)


def test_a_doubled_share_is_found_with_what_it_was_and_since_when(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    assert run.until(HOUR, 5.0, 0.4) < 40
    found = run.find()
    assert found.agreed
    assert found.per_week <= 0.2
    assert found.surprise < 1e-3
    assert found.low < found.expected < found.high < found.observed
    assert found.expected == pytest.approx(0.2, abs=0.04)
    assert abs(found.since_ms - learnt.end_ms) < 15 * 60_000
    assert 0 < found.negative <= found.posts


def test_a_quiet_topic_needs_posts_not_minutes(learnt: Learnt) -> None:
    assert Run(learnt, "quiet", seed=3).until(2 * DAY, 3 / 60, 0.6) < DAY


def test_one_minute_of_a_busy_topic_is_enough(learnt: Learnt) -> None:
    assert Run(learnt, "busy").until(10, 3_000.0, 0.4) <= 2


def test_calm_topics_stay_calm(learnt: Learnt) -> None:
    assert learnt.calmest > 0.001


def test_drift_is_followed(learnt: Learnt) -> None:
    assert Run(learnt, "drift").expected() > 0.225


def test_the_hour_of_the_day_is_known(learnt: Learnt) -> None:
    """Mornings bring twenty times as many posts, and are no surge."""
    assert learnt.nights > 0.05


def test_what_lasts_for_days_becomes_usual(learnt: Learnt) -> None:
    assert Run(learnt, "lasting").expected() > 0.25


def test_a_gap_is_neither_judged_nor_taught(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    for _ in range(HOUR):
        run.step(Minute(50, 0, 0, -500_000), missing=["a"])
    assert run.bank.dump("a") == learnt.dumps["steady"]


def test_skipped_minutes_are_no_calm(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    run.end_ms += 3 * 3_600_000
    assert run.until(HOUR, 5.0, 0.2) == HOUR


def test_a_spike_in_progress_is_not_taught(learnt: Learnt) -> None:
    """Six hours at twice the share move what is expected by less than a tenth."""
    run = Run(learnt, "steady")
    before = Run(learnt, "steady").expected()
    run.go(20, 5.0, 0.5)
    run.bank.hold("a", True)
    run.go(6 * HOUR, 5.0, 0.5)
    assert run.find().expected < 1.1 * before
    run.bank.hold("a", False)
    run.go(HOUR, 5.0, 0.2)
    assert not run.bank.candidates("negative_share", 0.2)


def test_the_end_of_a_rise_is_seen_as_soon_as_its_beginning(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    run.go(3 * HOUR, 5.0, 0.5)
    assert run.bank.candidates("negative_share", 0.001)
    run.go(40, 5.0, 0.2)
    assert not run.bank.candidates("negative_share", 1.0)


def test_a_drop_of_sentiment_without_more_negative_posts() -> None:
    bank, rng = Bank(), np.random.default_rng(7)
    bank.add("a")
    for number in range(1, DAY):
        posts, score = int(rng.poisson(5.0)), 2_000 if number < DAY - HOUR else -3_000
        noise = round(rng.normal(0, 3000) * posts**0.5)
        bank.step(number * 60_000, {"a": Minute(0, posts, 0, score * posts + noise)})
        if number == DAY - HOUR:
            assert not bank.candidates("sentiment_drop", 0.2)
    assert bank.candidates("sentiment_drop", 0.2) == ["a"]
    found = bank.finding("a", "sentiment_drop")
    assert found is not None
    assert found.observed == pytest.approx(-0.3, abs=0.1)
    assert found.observed < found.low < found.expected < found.high
    assert found.expected == pytest.approx(0.2, abs=0.05)
    assert bank.finding("a", "negative_share") is None


def test_a_burst_of_negative_posts_is_volume_not_share(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    assert run.until(30, 60.0, 0.2, "negative_volume") < 30
    assert not run.bank.candidates("negative_share", 0.2)
    found = run.find("negative_volume")
    assert found.low < found.expected < found.high < found.observed
    assert found.observed > 5 * found.expected


def test_a_dump_goes_on_as_if_nothing_had_happened(learnt: Learnt) -> None:
    run = Run(learnt, "steady")
    run.go(30, 5.0, 0.4)
    restored = Bank()
    restored.add("other")
    restored.add("a", run.bank.dump("a"))
    for _ in range(100):
        minute = minute_of(run.rng, 5.0, 0.3)
        run.step(minute)
        restored.step(run.end_ms, {"a": minute})
        assert restored.finding("a", "negative_share") == run.bank.finding("a", "negative_share")
    assert restored.dump("a") == run.bank.dump("a")


def test_the_same_minutes_give_the_same_findings(learnt: Learnt) -> None:
    first, second = Run(learnt, "steady"), Run(learnt, "steady")
    for run in (first, second):
        run.go(100, 4.0, 0.4)
    assert first.bank.dump("a") == second.bank.dump("a")


def test_a_topic_does_not_depend_on_its_neighbours() -> None:
    alone, among = Bank(), Bank()
    alone.add("b")
    for topic in ("a", "b", "c"):
        among.add(topic)
    rng = np.random.default_rng(2)
    for number in range(1, 400):
        a, b, c = (Minute(*map(int, rng.poisson(2.0, 3)), 100) for _ in range(3))
        alone.step(number * 60_000, {"b": b})
        among.step(number * 60_000, {"a": a, "b": b, "c": c})
        if number == 200:
            among.remove("a")
    assert among.dump("b") == alone.dump("b")


def test_a_state_of_another_version_is_refused() -> None:
    bank = Bank()
    bank.add("a")
    for state in (b"", b"????", b"12345678", bank.dump("a")[:-3]):
        with pytest.raises(ValueError, match="another version"):
            bank.add("b", state)
    bank.add("b", bank.dump("a"))
    with pytest.raises(ValueError, match="already"):
        bank.add("b")


def test_time_goes_forward_in_whole_minutes() -> None:
    bank = Bank()
    bank.step(120_000, {})
    for end_ms in (120_000, 60_000, 150_000):
        with pytest.raises(ValueError, match="no whole minute after"):
            bank.step(end_ms, {})


def test_no_topics_is_no_trouble() -> None:
    bank = Bank()
    bank.step(60_000, {"unknown": Minute(1, 1, 1, 0)})
    assert bank.candidates("negative_share", 1.0) == []
