"""What the detector believes before it has seen a topic. Chosen once, for all topics.

Sizes of rise are on a grid of about the square root of three: a true rise in
between loses a tenth of its evidence at most. The rest was set by
`bench_detector` (rarity) and `bench_nab` (volume), not topic by topic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from services.alerts.detector_baseline import Memory
from services.alerts.detector_evidence import Rarity
from services.alerts.detector_kinds import KindConfig

SHARE = KindConfig(
    memory=Memory(
        level_h=72.0, level_counts=250.0, weeks=False, rhythm_sd=0.15, prior=0.25, prior_counts=2.0
    ),
    rises=(0.45, 0.8, 1.4, 2.4),
    dispersion=0.005,
    rarity=Rarity(several=2.0, excess=1.1, peaks=10.0),
)
DROP = KindConfig(
    memory=Memory(
        level_h=72.0, level_counts=250.0, weeks=False, rhythm_sd=0.1, prior=0.45, prior_counts=4.0
    ),
    rises=(0.35, 0.7, 1.4),
    dispersion=0.005,
    rarity=Rarity(several=1.2, excess=1.1, peaks=10.0),
    variance=0.5,
)
VOLUME = KindConfig(
    memory=Memory(
        level_h=72.0,
        level_counts=250.0,
        weeks=True,
        rhythm_sd=0.7,
        prior=1 / 1440,
        prior_counts=0.02,
    ),
    rises=(0.8, 1.6, 2.4),
    dispersion=0.1,
    rarity=Rarity(several=1.8, excess=4.0, peaks=5.0, fades_h=6.0, fades_nats=15.0, heavy=8.0),
    share=False,
    saturation=64.0,
    least_exposure=180.0,
)
SERIES = replace(VOLUME, rarity=replace(VOLUME.rarity, several=2.0, excess=2.0, heavy=100.0))
"""For `undertone detect`. Who looks through a file wants each great burst, also of a series that
bursts weekly; who is woken by a rule does not, and its rate of false alarms has to hold."""


@dataclass(frozen=True, slots=True)
class Config:
    """Users set sensitivity in their rules instead."""

    negative_share: KindConfig = SHARE
    negative_volume: KindConfig = VOLUME
    sentiment_drop: KindConfig = DROP


DEFAULT = Config()
